from __future__ import annotations

import pytest
from guest import BASE, READ, SIZE, SYNC, WRITE, Guest

from wowsim.errors import Unsupported
from wowsim.kernel.access import (
    FILE_APPEND_DATA,
    FILE_CREATE,
    FILE_DIRECTORY_FILE,
    FILE_WRITE_DATA,
    SYNCHRONIZE,
)
from wowsim.kernel.console import Console, Stream
from wowsim.kernel.controls import NtDeviceIoControlFile, NtFsControlFile
from wowsim.kernel.file_io import (
    NtFlushBuffersFile,
    NtReadFile,
    NtWriteFile,
)
from wowsim.kernel.handles import NtClose
from wowsim.kernel.volume import RECORD
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_DISK_FULL,
    STATUS_END_OF_FILE,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_USER_BUFFER,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_SUCCESS,
)

A = r"\??\C:\a.bin"


@pytest.fixture
def guest() -> Guest:
    made = Guest(capacity=1 << 20)
    made.k.files.add(r"C:\a.bin", b"0123456789")
    return made


def offset(guest: Guest, value: int | None) -> int:
    return 0 if value is None else guest.put(value.to_bytes(8, "little", signed=True))


def read(guest: Guest, handle: int, length: int, at: int | None = None) -> tuple[int, bytes]:
    buffer = guest.room(max(length, 1))
    guest.memory.write(buffer, b"\xcc" * length)
    status = guest.call(NtReadFile, handle, 0, 0, 0, guest.iosb, buffer, length, offset(guest, at), 0)
    return status, guest.memory.read(buffer, length) if length else b""


def write(guest: Guest, handle: int, data: bytes, at: int | None = None) -> int:
    return guest.call(
        NtWriteFile, handle, 0, 0, 0, guest.iosb, guest.put(data), len(data), offset(guest, at), 0
    )


def test_reading_moves_the_position_and_ends_at_the_end(guest: Guest) -> None:
    handle = guest.open(A)
    assert read(guest, handle, 4) == (STATUS_SUCCESS, b"0123")
    assert read(guest, handle, 8) == (STATUS_SUCCESS, b"456789\xcc\xcc")
    assert guest.information == 6
    assert read(guest, handle, 1) == (STATUS_END_OF_FILE, b"\xcc")
    assert guest.information == 0
    assert read(guest, handle, 0)[0] == STATUS_SUCCESS
    assert read(guest, handle, 3, at=2) == (STATUS_SUCCESS, b"234")
    assert read(guest, handle, 2) == (STATUS_SUCCESS, b"56")
    assert read(guest, handle, 2, at=-2) == (STATUS_SUCCESS, b"78")
    assert read(guest, handle, 2, at=1 << 62)[0] == STATUS_END_OF_FILE
    assert read(guest, handle, 2, at=-1)[0] == STATUS_INVALID_PARAMETER


def test_an_asynchronous_file_needs_an_offset(guest: Guest) -> None:
    handle = guest.open(A, READ | WRITE, options=0)
    assert read(guest, handle, 4)[0] == STATUS_INVALID_PARAMETER
    assert write(guest, handle, b"x") == STATUS_INVALID_PARAMETER
    assert read(guest, handle, 4, at=1) == (STATUS_SUCCESS, b"1234")
    assert read(guest, handle, 4, at=1) == (STATUS_SUCCESS, b"1234")


def test_writing_grows_fills_and_touches(guest: Guest) -> None:
    handle = guest.open(A, READ | WRITE)
    guest.k.clock.advance(5)
    assert write(guest, handle, b"AB") == STATUS_SUCCESS
    assert guest.information == 2
    assert write(guest, handle, b"C", at=12) == STATUS_SUCCESS
    assert write(guest, handle, b"E", at=-1) == STATUS_SUCCESS
    assert guest.k.files.read(r"C:\a.bin") == b"AB23456789\0\0CE"
    node = guest.k.volume.locate(guest.k.volume.root, "a.bin")[2]
    assert node is not None
    assert node.last_write_time == guest.k.clock.now > node.creation_time
    assert write(guest, handle, b"") == STATUS_SUCCESS


def test_append_only_access_writes_at_the_end(guest: Guest) -> None:
    handle = guest.open(A, FILE_APPEND_DATA | SYNCHRONIZE)
    assert write(guest, handle, b"X", at=0) == STATUS_SUCCESS
    assert guest.k.files.read(r"C:\a.bin") == b"0123456789X"


def test_rights_and_handles(guest: Guest) -> None:
    reader, writer = guest.open(A, READ), guest.open(A, FILE_WRITE_DATA | SYNCHRONIZE)
    assert write(guest, reader, b"x") == STATUS_ACCESS_DENIED
    assert read(guest, writer, 1)[0] == STATUS_ACCESS_DENIED
    assert read(guest, 0x44, 1)[0] == STATUS_INVALID_HANDLE
    assert read(guest, -1 & (1 << 64) - 1, 1)[0] == STATUS_OBJECT_TYPE_MISMATCH
    assert guest.call(NtFlushBuffersFile, writer, guest.iosb) == STATUS_SUCCESS
    assert guest.call(NtFlushBuffersFile, reader, guest.iosb) == STATUS_ACCESS_DENIED


def test_bad_buffers_change_nothing(guest: Guest) -> None:
    handle = guest.open(A, READ | WRITE)
    end = BASE + SIZE
    for service, expected in (
        (NtReadFile, STATUS_ACCESS_VIOLATION),
        (NtWriteFile, STATUS_INVALID_USER_BUFFER),
    ):
        for buffer, length in ((0, 4), (end - 2, 4), (BASE, 0xFFFFFFFF)):
            status = guest.call(service, handle, 0, 0, 0, guest.iosb, buffer, length, 0, 0)
            assert status == expected
    assert guest.k.files.read(r"C:\a.bin") == b"0123456789"
    assert read(guest, handle, 2) == (STATUS_SUCCESS, b"01")


def test_the_volume_has_an_end(guest: Guest) -> None:
    handle = guest.open(A, READ | WRITE)
    assert write(guest, handle, b"x", at=1 << 40) == STATUS_DISK_FULL
    assert write(guest, handle, b"x", at=(1 << 63) - 1) == STATUS_INVALID_PARAMETER
    assert write(guest, handle, b"x", at=(1 << 63) - 2) == STATUS_DISK_FULL
    assert guest.k.files.read(r"C:\a.bin") == b"0123456789"
    created = 0
    while guest.create(rf"\??\C:\{created}", WRITE, FILE_CREATE) == STATUS_SUCCESS:
        guest.call(NtClose, guest.handle)
        guest._next = BASE + 0x1000
        created += 1
    assert created == (1 << 20) // RECORD - 2


def test_directories_have_no_bytes(guest: Guest) -> None:
    handle = guest.open("\\??\\C:\\", READ | FILE_WRITE_DATA, options=SYNC | FILE_DIRECTORY_FILE)
    assert read(guest, handle, 1)[0] == STATUS_INVALID_DEVICE_REQUEST
    assert write(guest, handle, b"x") == STATUS_INVALID_DEVICE_REQUEST


def test_nul_swallows_everything(guest: Guest) -> None:
    handle = guest.open(r"\??\NUL", READ | WRITE)
    assert write(guest, handle, b"gone") == STATUS_SUCCESS
    assert guest.information == 4
    assert read(guest, handle, 4)[0] == STATUS_END_OF_FILE


def test_standard_handles_reach_the_console() -> None:
    heard: list[tuple[Stream, bytes]] = []
    console = Console(b"line\r\nmore", on_output=lambda stream, data: heard.append((stream, data)))
    guest = Guest(console=console)
    stdin, stdout, stderr = guest.k.open_standard_handles()
    assert (stdin, stdout, stderr) == (4, 8, 12)
    assert read(guest, stdin, 6) == (STATUS_SUCCESS, b"line\r\n")
    assert read(guest, stdin, 6) == (STATUS_SUCCESS, b"more\xcc\xcc")
    assert read(guest, stdin, 6)[0] == STATUS_END_OF_FILE
    assert write(guest, stdout, b"out", at=99) == STATUS_SUCCESS
    assert write(guest, stderr, b"err") == STATUS_SUCCESS
    assert write(guest, guest.open(r"\??\CONOUT$", READ | WRITE), b"put") == STATUS_SUCCESS
    assert (bytes(console.stdout), bytes(console.stderr)) == (b"output", b"err")
    assert heard == [(Stream.OUTPUT, b"out"), (Stream.ERROR, b"err"), (Stream.OUTPUT, b"put")]


def test_console_output_is_bounded() -> None:
    guest = Guest(console=Console(limit=8))
    _, stdout, _ = guest.k.open_standard_handles()
    assert write(guest, stdout, b"12345678") == STATUS_SUCCESS
    assert write(guest, stdout, b"9") == STATUS_DISK_FULL
    assert bytes(guest.k.console.stdout) == b"12345678"


def test_control_codes(guest: Guest) -> None:
    handle = guest.open(A)
    rest = (0, 0, 0, guest.iosb)
    assert (
        guest.call(NtDeviceIoControlFile, handle, *rest, 0x70000, 0, 0, 0, 0) == STATUS_INVALID_DEVICE_REQUEST
    )
    assert guest.call(NtFsControlFile, handle, *rest, 0x93FFC, 0, 0, 0, 0) == STATUS_INVALID_DEVICE_REQUEST
    assert guest.call(NtFsControlFile, 0, *rest, 0x93FFC, 0, 0, 0, 0) == STATUS_INVALID_HANDLE
    assert guest.call(NtFsControlFile, handle, *rest, 0x9C040, 0, 0, 0, 0) == STATUS_ACCESS_DENIED
    with pytest.raises(Unsupported, match=r"NtFsControlFile\(FSCTL_LOCK_VOLUME\)"):
        guest.call(NtFsControlFile, handle, *rest, 0x90018, 0, 0, 0, 0)
    _, stdout, _ = guest.k.open_standard_handles()
    with pytest.raises(Unsupported, match="console control code 00500016h"):
        guest.call(NtDeviceIoControlFile, stdout, *rest, 0x500016, 0, 0, 0, 0)
