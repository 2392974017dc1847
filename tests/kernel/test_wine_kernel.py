"""Where the kernel that Wine's DLLs count on differs from Windows'."""

from __future__ import annotations

import pytest
from guest import READ, Guest
from piping import Pipes

from wowsim.kernel.file_changes import NtSetInformationFile
from wowsim.kernel.file_information import NtQueryInformationFile
from wowsim.kernel.file_locks import NtLockFile, NtUnlockFile
from wowsim.kernel.files import NtOpenFile
from wowsim.kernel.process import NtQueryInformationProcess
from wowsim.kernel.thread_information import NtQueryInformationThread
from wowsim.kernel.volume_information import NtQueryVolumeInformationFile
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_INVALID_PARAMETER,
    STATUS_LOCK_NOT_GRANTED,
    STATUS_RANGE_NOT_LOCKED,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import PROCESS_BASIC_INFORMATION, THREAD_BASIC_INFORMATION

DELETE_ONLY = 0x110000
"""DELETE | SYNCHRONIZE."""


@pytest.fixture(params=[False, True])
def guest(request: pytest.FixtureRequest) -> Guest:
    made = Guest()
    made.k.files.add(r"C:\a.txt", b"abc")
    if request.param:
        made.k.serve_wine(lambda name, narrow: 1)
    return made


def wine(guest: Guest) -> bool:
    return guest.k.unix_half is not None


def test_times_and_attributes_take_no_right(guest: Guest) -> None:
    handle = guest.open(r"\??\C:\a.txt", DELETE_ONLY)
    out = guest.room(40)
    status = guest.call(NtQueryInformationFile, handle, guest.iosb, out, 40, 4)
    assert status == (STATUS_SUCCESS if wine(guest) else STATUS_ACCESS_DENIED)
    basic = guest.put(bytes(32) + b"\2\0\0\0" + bytes(4))
    status = guest.call(NtSetInformationFile, handle, guest.iosb, basic, 40, 4)
    assert status == (STATUS_SUCCESS if wine(guest) else STATUS_ACCESS_DENIED)
    position = guest.call(NtQueryInformationFile, handle, guest.iosb, out, 8, 14)
    assert position == STATUS_ACCESS_DENIED


def test_the_volume_can_be_opened_for_reading(guest: Guest) -> None:
    status = guest.call(NtOpenFile, guest.out, READ, guest.name(r"\??\C:"), guest.iosb, 3, 0x60)
    assert status == (STATUS_SUCCESS if wine(guest) else STATUS_ACCESS_DENIED)
    if status == STATUS_SUCCESS:
        out = guest.room(64)
        slots = (guest.handle, guest.iosb, out, 64, 1)
        assert guest.call(NtQueryVolumeInformationFile, *slots) == STATUS_SUCCESS
    writing = guest.call(NtOpenFile, guest.out, 0x120116, guest.name(r"\??\C:"), guest.iosb, 3, 0x60)
    assert writing == STATUS_ACCESS_DENIED


@pytest.mark.parametrize("peb32", [0, 0x7EFDE000])
def test_locks_do_without_a_status_block(guest: Guest, peb32: int) -> None:
    guest.k.process.peb32 = peb32
    expected = STATUS_SUCCESS if wine(guest) else STATUS_ACCESS_VIOLATION
    handle = guest.open(r"\??\C:\a.txt", READ | 2)
    at, length = guest.put(bytes(8)), guest.put((2).to_bytes(8, "little"))
    assert guest.call(NtLockFile, handle, 0, 0, 0, 0, at, length, 0, 1, 1) == expected
    if wine(guest):
        other = guest.open(r"\??\C:\a.txt", READ)
        assert guest.call(NtLockFile, other, 0, 0, 0, 0, at, length, 0, 1, 1) == STATUS_LOCK_NOT_GRANTED
        assert guest.call(NtUnlockFile, handle, 0, at, length, 0) == STATUS_SUCCESS
    assert guest.call(NtLockFile, handle, 0, 0, 0, guest.iosb, at, length, 0, 1, 1) == STATUS_SUCCESS
    assert guest.call(NtUnlockFile, handle, 0, at, length, 0) == expected
    assert guest.call(NtUnlockFile, handle, guest.iosb, at, length, 0) == (
        STATUS_RANGE_NOT_LOCKED if wine(guest) else STATUS_SUCCESS
    )


def test_a_disk_is_a_file_system(guest: Guest) -> None:
    out = guest.room(8)
    for path in ("\\??\\C:\\", r"\??\C:\a.txt"):
        handle = guest.open(path)
        assert guest.call(NtQueryVolumeInformationFile, handle, guest.iosb, out, 8, 4) == STATUS_SUCCESS
        assert guest.value(out, 4) == (8 if wine(guest) else 7)


def test_priorities_and_error_mode(guest: Guest) -> None:
    out, current, thread = guest.room(48), (1 << 64) - 1, (1 << 64) - 2
    guest.k.process.settings[18], guest.k.thread.increment = 3, 16
    assert guest.call(NtQueryInformationProcess, current, 0, out, 48, 0) == STATUS_SUCCESS
    assert guest.load(PROCESS_BASIC_INFORMATION, out).BasePriority == (3 if wine(guest) else 8)
    assert guest.call(NtQueryInformationThread, thread, 0, out, 48, 0) == STATUS_SUCCESS
    assert guest.load(THREAD_BASIC_INFORMATION, out).Priority == (15 if wine(guest) else 8)
    assert guest.call(NtQueryInformationProcess, current, 12, out, 4, 0) == STATUS_SUCCESS
    assert guest.value(out, 4) == (0 if wine(guest) else 1)


def test_the_rest(guest: Guest) -> None:
    assert getattr(guest.k.space, "releases_parts", True) is not wine(guest)
    assert guest.k.reset_state == (0 if wine(guest) else guest.k.build.reset_state)


def test_a_pipe_without_a_time_to_wait_gets_the_usual_one(guest: Guest) -> None:
    pipes = Pipes()
    if wine(guest):
        pipes.k.serve_wine(lambda name, narrow: 1)
    assert pipes.server(timeout=0) == (STATUS_SUCCESS if wine(guest) else STATUS_INVALID_PARAMETER)
