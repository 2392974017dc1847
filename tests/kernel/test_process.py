from __future__ import annotations

import pytest
from guest import READ, Guest

from wowsim.errors import StopReason, Unsupported
from wowsim.kernel.access import DELETE, FILE_DELETE_ON_CLOSE
from wowsim.kernel.context import Exit
from wowsim.kernel.process import NtQueryInformationProcess, NtTerminateProcess
from wowsim.kernel.thread import Thread
from wowsim.kernel.thread_information import NtQueryInformationThread, NtSetInformationThread
from wowsim.kernel.threads import NtTerminateThread
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_CANT_TERMINATE_SELF,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_PENDING,
    STATUS_PORT_NOT_SET,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import (
    PROCESS_BASIC_INFORMATION,
    SECTION_IMAGE_INFORMATION,
    THREAD_BASIC_INFORMATION,
    UNICODE_STRING,
)

SELF, THREAD = (1 << 64) - 1, (1 << 64) - 2
IMAGE = r"\Device\HarddiskVolume1\app\a.exe"


@pytest.fixture
def guest() -> Guest:
    made = Guest()
    process, thread = made.k.process, made.k.thread
    process.peb, process.peb32, process.image_path = 0x7EFDF000, 0x7EFDE000, IMAGE
    thread.teb = 0x7EFDB000
    return made


def test_the_end_of_a_process(guest: Guest) -> None:
    assert guest.call(NtTerminateProcess, 0, 7) == STATUS_SUCCESS
    assert guest.k.pending is None
    assert guest.call(NtTerminateProcess, SELF, 0xC0000409) == STATUS_SUCCESS
    assert guest.k.pending == Exit(StopReason.EXITED, 0xC0000409)
    assert guest.k.process.exit_status == 0xC0000409


def test_the_end_closes_every_handle(guest: Guest) -> None:
    guest.k.files.add(r"C:\a.txt", b"")
    guest.open(r"\??\C:\a.txt", READ | DELETE, options=0x20 | FILE_DELETE_ON_CLOSE)
    guest.call(NtTerminateProcess, SELF, 0)
    assert not guest.k.files.exists(r"C:\a.txt")
    assert len(guest.k.handles) == 0


@pytest.mark.parametrize(
    ("handle", "status"),
    [(0x44, STATUS_INVALID_HANDLE), (THREAD, STATUS_OBJECT_TYPE_MISMATCH)],
)
def test_only_a_process_ends_as_one(guest: Guest, handle: int, status: int) -> None:
    assert guest.call(NtTerminateProcess, handle, 0) == status
    assert guest.k.pending is None


def test_rights_to_end_it(guest: Guest) -> None:
    weak = guest.k.handles.insert(guest.k.process, 0x400)
    assert guest.call(NtTerminateProcess, weak, 0) == STATUS_ACCESS_DENIED


def test_threads_end_and_the_last_takes_the_process_along(guest: Guest) -> None:
    assert guest.call(NtTerminateThread, 0, 1) == STATUS_CANT_TERMINATE_SELF
    other = Thread(id=0x1008)
    guest.k.threads.append(other)
    handle = guest.k.handles.insert(other, 1)
    assert guest.call(NtTerminateThread, handle, 5) == STATUS_SUCCESS
    assert (other.exit_status, guest.k.pending) == (5, None)
    assert guest.call(NtTerminateThread, THREAD, 9) == STATUS_SUCCESS
    assert guest.k.pending == Exit(StopReason.EXITED, 9)


def test_handle_zero_ends_the_other_threads(guest: Guest) -> None:
    other = Thread(id=0x1008)
    guest.k.threads.append(other)
    assert guest.call(NtTerminateProcess, 0, 3) == STATUS_SUCCESS
    assert other.exit_status == 3
    assert guest.k.threads == [guest.k.thread]


def query(guest: Guest, information_class: int, length: int, handle: int = SELF) -> tuple[int, int]:
    buffer = guest.put(b"\xcc" * (length + 8))
    arguments = (handle, information_class, buffer, length, guest.out)
    status = guest.call(NtQueryInformationProcess, *arguments)
    assert guest.memory.read(buffer + length, 8) == b"\xcc" * 8
    return status, buffer


def test_what_a_process_is(guest: Guest) -> None:
    status, at = query(guest, 0, 48)
    found = guest.load(PROCESS_BASIC_INFORMATION, at)
    assert (status, guest.value(guest.out, 4)) == (STATUS_SUCCESS, 48)
    assert (found.ExitStatus, found.PebBaseAddress, found.UniqueProcessId) == (
        STATUS_PENDING,
        0x7EFDF000,
        0x1000,
    )
    for information_class, value in ((7, 0), (26, 0x7EFDE000)):
        status, at = query(guest, information_class, 8)
        assert (status, guest.value(at)) == (STATUS_SUCCESS, value)
    status, at = query(guest, 31, 4)
    assert (status, guest.value(at, 4)) == (STATUS_SUCCESS, 1)
    assert query(guest, 30, 8)[0] == STATUS_PORT_NOT_SET
    assert query(guest, 0, 47)[0] == STATUS_INFO_LENGTH_MISMATCH
    assert query(guest, 0x1000, 4)[0] == STATUS_INVALID_INFO_CLASS
    with pytest.raises(Unsupported, match="ProcessAccessToken"):
        query(guest, 9, 8)


@pytest.mark.parametrize(("information_class", "text"), [(27, IMAGE), (43, r"C:\app\a.exe")])
def test_image_names(guest: Guest, information_class: int, text: str) -> None:
    needed = 16 + 2 * len(text) + 2
    assert query(guest, information_class, needed - 1)[0] == STATUS_INFO_LENGTH_MISMATCH
    assert guest.value(guest.out, 4) == needed
    status, at = query(guest, information_class, needed)
    string = guest.load(UNICODE_STRING, at)
    assert status == STATUS_SUCCESS
    assert guest.memory.read(string.Buffer, string.Length).decode("utf-16-le") == text


def test_image_information_and_cookie(guest: Guest) -> None:
    with pytest.raises(Unsupported, match="ProcessImageInformation"):
        query(guest, 37, 64)
    image = SECTION_IMAGE_INFORMATION(*([1] * 16))  # type: ignore[arg-type]
    guest.k.process.image = image
    status, at = query(guest, 37, 64)
    assert (status, guest.load(SECTION_IMAGE_INFORMATION, at)) == (STATUS_SUCCESS, image)
    _, at = query(guest, 36, 4)
    assert guest.value(at, 4) == guest.k.process.cookie == Guest(seed=0).k.process.cookie
    assert Guest(seed=1).k.process.cookie != guest.k.process.cookie


def test_what_a_thread_is(guest: Guest) -> None:
    buffer = guest.room(64)
    assert guest.call(NtQueryInformationThread, THREAD, 0, buffer, 48, 0) == STATUS_SUCCESS
    found = guest.load(THREAD_BASIC_INFORMATION, buffer)
    assert (found.TebBaseAddress, found.ClientId.UniqueThread) == (0x7EFDB000, 0x1004)
    assert guest.call(NtQueryInformationThread, THREAD, 12, buffer, 4, 0) == STATUS_SUCCESS
    assert guest.value(buffer, 4) == 1
    assert guest.call(NtQueryInformationThread, THREAD, 1, buffer, 32, 0) == STATUS_SUCCESS
    with pytest.raises(Unsupported, match="ThreadTebInformation"):
        guest.call(NtQueryInformationThread, THREAD, 26, buffer, 4, 0)


def test_hiding_from_a_debugger(guest: Guest) -> None:
    assert guest.call(NtSetInformationThread, THREAD, 17, 0, 4) == STATUS_INFO_LENGTH_MISMATCH
    assert guest.call(NtSetInformationThread, THREAD, 17, 0, 0) == STATUS_SUCCESS
    buffer = guest.room(16)
    guest.call(NtQueryInformationThread, THREAD, 17, buffer, 1, 0)
    assert guest.value(buffer, 1) == 1
    with pytest.raises(Unsupported, match="ThreadEventPair"):
        guest.call(NtSetInformationThread, THREAD, 8, buffer, 4)


@pytest.mark.parametrize("wow64", [True, False])
def test_clearing_a_tls_slot(guest: Guest, wow64: bool) -> None:
    teb, size, slots, expansion = guest.room(0x2000), *((4, 0xE10, 0xF94) if wow64 else (8, 0x1480, 0x1780))
    table = guest.put(b"\xcc" * 64)
    guest.memory.write(teb, b"\xcc" * 0x2000)
    guest.memory.write(teb + expansion, table.to_bytes(size, "little"))
    thread = guest.k.thread
    thread.teb, thread.teb32 = (0, teb) if wow64 else (teb, 0)
    for index, address in ((3, teb + slots + 3 * size), (64 + 2, table + 2 * size)):
        argument = guest.put(index.to_bytes(4, "little"))
        assert guest.call(NtSetInformationThread, THREAD, 10, argument, 4) == STATUS_SUCCESS
        around = guest.memory.read(address - 1, size + 2)
        assert around == b"\xcc" + bytes(size) + b"\xcc"
    argument = guest.put((64 + 1024).to_bytes(4, "little"))
    assert guest.call(NtSetInformationThread, THREAD, 10, argument, 4) == STATUS_INVALID_PARAMETER
