"""Where the kernel that Wine's DLLs count on differs from Windows'."""

from __future__ import annotations

import pytest
from guest import READ, Guest
from piping import Pipes

from wowsim.kernel.file_changes import NtSetInformationFile
from wowsim.kernel.file_information import NtQueryInformationFile
from wowsim.kernel.files import NtOpenFile
from wowsim.kernel.volume_information import NtQueryVolumeInformationFile
from wowsim.nt.status import STATUS_ACCESS_DENIED, STATUS_INVALID_PARAMETER, STATUS_SUCCESS

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


def test_the_rest(guest: Guest) -> None:
    assert getattr(guest.k.space, "releases_parts", True) is not wine(guest)
    assert guest.k.reset_state == (0 if wine(guest) else guest.k.build.reset_state)


def test_a_pipe_without_a_time_to_wait_gets_the_usual_one(guest: Guest) -> None:
    pipes = Pipes()
    if wine(guest):
        pipes.k.serve_wine(lambda name, narrow: 1)
    assert pipes.server(timeout=0) == (STATUS_SUCCESS if wine(guest) else STATUS_INVALID_PARAMETER)
