"""Standard streams of a program that was started without a console."""

from __future__ import annotations

import pytest
from guest import READ, WRITE, Guest

from wowsim.kernel.console import Console, Stream
from wowsim.kernel.controls import NtDeviceIoControlFile, NtFsControlFile
from wowsim.kernel.file_io import NtFlushBuffersFile, NtReadFile, NtWriteFile
from wowsim.kernel.handles import NtClose
from wowsim.kernel.volume_information import NtQueryVolumeInformationFile
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_DISK_FULL,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_HANDLE,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_PIPE_BROKEN,
    STATUS_SUCCESS,
)

PEEK = 0x11400C


@pytest.fixture
def heard() -> list[tuple[Stream, bytes]]:
    return []


@pytest.fixture
def guest(heard: list[tuple[Stream, bytes]]) -> Guest:
    console = Console(b"line\n" * 2000, on_output=lambda stream, data: heard.append((stream, data)), limit=64)
    made = Guest(console=console)
    made.k.console.redirected = True
    return made


def read(guest: Guest, handle: int, length: int) -> tuple[int, bytes]:
    buffer = guest.room(length)
    status = guest.call(NtReadFile, handle, 0, 0, 0, guest.iosb, buffer, length, 0, 0)
    return status, guest.memory.read(buffer, guest.information) if status == STATUS_SUCCESS else b""


def write(guest: Guest, handle: int, data: bytes) -> int:
    return guest.call(NtWriteFile, handle, 0, 0, 0, guest.iosb, guest.put(data), len(data), 0, 0)


def test_input_comes_through_a_pipe_until_its_end(guest: Guest) -> None:
    stdin, _, _ = guest.k.open_standard_handles()
    found = bytearray()
    while True:
        status, data = read(guest, stdin, 3000)
        if status != STATUS_SUCCESS:
            break
        assert data
        found += data
    assert (status, bytes(found)) == (STATUS_PIPE_BROKEN, b"line\n" * 2000)
    assert read(guest, stdin, 1)[0] == STATUS_PIPE_BROKEN
    assert guest.call(NtClose, stdin) == STATUS_SUCCESS


def test_an_empty_input_is_at_its_end() -> None:
    guest = Guest()
    guest.k.console.redirected = True
    stdin, _, _ = guest.k.open_standard_handles()
    assert read(guest, stdin, 1)[0] == STATUS_PIPE_BROKEN


def test_what_waits_in_the_input_can_be_seen(guest: Guest) -> None:
    stdin, _, _ = guest.k.open_standard_handles()
    out = guest.room(32)
    rest = (0, 0, 0, guest.iosb, PEEK, 0, 0, out, 16 + 4)
    assert guest.call(NtFsControlFile, stdin, *rest) == STATUS_SUCCESS
    assert (guest.value(out, 4), guest.value(out + 4, 4)) == (3, 4096)
    assert guest.memory.read(out + 16, 4) == b"line"
    assert read(guest, stdin, 5) == (STATUS_SUCCESS, b"line\n")


def test_output_goes_to_its_stream(guest: Guest, heard: list[tuple[Stream, bytes]]) -> None:
    _, stdout, stderr = guest.k.open_standard_handles()
    assert write(guest, stdout, b"out") == STATUS_SUCCESS
    assert guest.information == 3
    assert write(guest, stderr, b"err") == STATUS_SUCCESS
    assert guest.call(NtFlushBuffersFile, stdout, guest.iosb) == STATUS_SUCCESS
    assert heard == [(Stream.OUTPUT, b"out"), (Stream.ERROR, b"err")]
    assert write(guest, stdout, bytes(64)) == STATUS_DISK_FULL
    assert read(guest, stdout, 1)[0] == STATUS_ACCESS_DENIED
    assert guest.call(NtClose, stdout) == STATUS_SUCCESS
    assert write(guest, stderr, b"!") == STATUS_SUCCESS


def test_they_are_pipes_and_there_is_no_console(guest: Guest) -> None:
    out = guest.room(8)
    for handle in guest.k.open_standard_handles():
        assert guest.call(NtQueryVolumeInformationFile, handle, guest.iosb, out, 8, 4) == STATUS_SUCCESS
        assert guest.value(out, 4) == 0x11
    rest = (0, 0, 0, guest.iosb, 0x508078, guest.put(b"a\0"), 2, 0, 0)
    assert guest.call(NtDeviceIoControlFile, handle, *rest) == STATUS_INVALID_DEVICE_REQUEST
    for name in ("CONIN$", "CONOUT$", "CON"):
        assert guest.create(rf"\??\{name}", READ | WRITE) == STATUS_INVALID_HANDLE
    guest.k.console.redirected = False
    assert guest.create(r"\??\CONOUT$", WRITE) == STATUS_SUCCESS
    assert guest.create(r"\??\CONNO$", WRITE) == STATUS_OBJECT_NAME_NOT_FOUND
