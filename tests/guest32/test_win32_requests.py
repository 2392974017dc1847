"""Locks, completion ports, overlapped requests and pipes through kernel32 on the whole machine."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from test_win32_on_windows import Guest

from sampled import SAMPLED
from wowsim.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

INVALID = 0xFFFFFFFF
READ, WRITE, BOTH = 0x80000000, 0x40000000, 0xC0000000
OPEN_EXISTING = 3
OVERLAPPED = 0x40000000
DUPLEX, MESSAGES = 3, 6
PENDING, STATUS_PENDING = 997, 0x103


@pytest.fixture(params=SAMPLED)
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    with Simulation(build=request.param) as sim:
        sim.files.add("C:\\a.bin", bytes(range(256)))
        yield Guest(sim)


def overlapped(guest: Guest, offset: int = 0, event: int = 0) -> int:
    return guest.put(struct.pack("<5I", 0xCCCCCCCC, 0xCCCCCCCC, offset, 0, event))


def internal(guest: Guest, block: int) -> tuple[int, int]:
    return guest.dword(block), guest.dword(block + 4)


def pipe(guest: Guest, flags: int = 0, mode: int = 0, most: int = 1, name: str = "\\\\.\\pipe\\p") -> int:
    return guest.call("CreateNamedPipeW", name, DUPLEX | flags, mode, most, 512, 512, 0, 0)


def client(guest: Guest, access: int = BOTH, flags: int = 0) -> int:
    return guest.open("\\\\.\\pipe\\p", access, OPEN_EXISTING, flags=flags)


# ---------------------------------------------------------------- locks
def test_locked_ranges(guest: Guest) -> None:
    first, second = (guest.open("C:\\a.bin", BOTH, share=3) for _ in range(2))
    assert guest.call("LockFile", first, 16, 0, 16, 0) == 1
    assert guest.call("LockFile", second, 31, 0, 1, 0) == 0
    assert guest.error == 33
    assert guest.call("LockFile", second, 32, 0, 1, 0) == 1
    buffer, count = guest.room(16), guest.room(4)
    guest.call("SetFilePointer", second, 16, 0, 0)
    assert guest.call("ReadFile", second, buffer, 1, count, 0) == 0
    assert guest.error == 33
    assert guest.call("UnlockFile", first, 16, 0, 15, 0) == 0
    assert guest.error == 158
    assert guest.call("UnlockFile", first, 16, 0, 16, 0) == 1
    assert guest.call("ReadFile", second, buffer, 1, count, 0) == 1


def test_locks_that_wait(guest: Guest) -> None:
    first = guest.open("C:\\a.bin", BOTH, share=3)
    second = guest.open("C:\\a.bin", BOTH, share=3, flags=OVERLAPPED)
    high = 1 << 32
    block, event = guest.room(20), guest.call("CreateEventW", 0, 1, 0, 0)
    guest.sim.memory.write(block, struct.pack("<5I", 0, 0, 8, high >> 32, event))
    assert guest.call("LockFile", first, 8, 1, 4, 0) == 1
    assert guest.call("LockFileEx", second, 0, 1, 4, 0, block) == 0
    assert guest.error == 87
    assert guest.call("LockFileEx", second, 1, 0, 4, 0, block) == 0
    assert guest.error == 33
    assert guest.call("LockFileEx", second, 2, 0, 4, 0, block) == 0
    assert (guest.error, guest.dword(block)) == (PENDING, STATUS_PENDING)
    assert guest.call("WaitForSingleObject", event, 0) == 258
    assert guest.call("UnlockFile", first, 8, 1, 4, 0) == 1
    assert guest.call("WaitForSingleObject", event, 0) == 0
    assert guest.dword(block) == 0
    assert guest.call("UnlockFileEx", second, 0, 4, 0, block) == 1
    assert guest.call("UnlockFileEx", second, 0, 4, 0, block) == 0
    assert guest.error == 158
    assert guest.call("UnlockFileEx", second, 1, 4, 0, block) == 0
    assert guest.error == 87


def test_shared_locks(guest: Guest) -> None:
    files = [guest.open("C:\\a.bin", BOTH, share=3) for _ in range(2)]
    block = overlapped(guest)
    assert [guest.call("LockFileEx", file, 1, 0, 8, 0, block) for file in files] == [1, 1]
    assert guest.call("LockFileEx", files[0], 3, 0, 8, 0, block) == 0
    assert guest.error == 33


# ---------------------------------------------------------------- completion ports
def take(guest: Guest, port: int, milliseconds: int = 0) -> tuple[int, int, int, int]:
    out = guest.put(b"\xcc" * 12)
    result = guest.call("GetQueuedCompletionStatus", port, out, out + 4, out + 8, milliseconds)
    return result, *struct.unpack("<3I", guest.sim.memory.read(out, 12))


def test_posted_packets(guest: Guest) -> None:
    port = guest.call("CreateIoCompletionPort", INVALID, 0, 0, 0)
    assert port != 0
    assert guest.call("CreateIoCompletionPort", INVALID, port, 0, 0) == 0
    assert guest.error == 87
    assert take(guest, port) == (0, 0xCCCCCCCC, 0xCCCCCCCC, 0)
    assert guest.error == 258
    assert guest.call("PostQueuedCompletionStatus", port, 5, 0x80000006, 0xFFFF0007) == 1
    assert take(guest, port, INVALID) == (1, 5, 0x80000006, 0xFFFF0007)
    assert guest.call("PostQueuedCompletionStatus", 0x4444, 5, 6, 7) == 0
    assert guest.error == 6
    assert take(guest, 0x4444)[0] == 0
    assert guest.error == 6


def test_several_packets_at_once(guest: Guest) -> None:
    exports = guest.sim.modules["kernel32"].image.export_by_name
    present = "NtRemoveIoCompletionEx" in guest.sim.build.numbers
    assert ("GetQueuedCompletionStatusEx" in exports) == ("CancelIoEx" in exports) == present
    if not present:
        return
    port = guest.call("CreateIoCompletionPort", INVALID, 0, 0, 0)
    entries, removed = guest.put(b"\xcc" * 64), guest.room(4)
    assert guest.call("GetQueuedCompletionStatusEx", port, entries, 4, removed, 0, 0) == 0
    assert guest.error == 258
    for number in range(3):
        guest.call("PostQueuedCompletionStatus", port, number, 0x10 + number, 0xF0000000 + number)
    assert guest.call("GetQueuedCompletionStatusEx", port, entries, 2, removed, 0, 0) == 1
    assert guest.dword(removed) == 2
    found = struct.unpack("<8I", guest.sim.memory.read(entries, 32))
    assert found == (0x10, 0xF0000000, 0, 0, 0x11, 0xF0000001, 0, 1)
    assert guest.sim.memory.read(entries + 32, 32) == b"\xcc" * 32
    assert guest.call("GetQueuedCompletionStatusEx", port, entries, 4, removed, INVALID, 1) == 1
    assert (guest.dword(removed), guest.dword(entries)) == (1, 0x12)


def test_a_file_on_a_port(guest: Guest) -> None:
    file = guest.open("C:\\a.bin", READ, flags=OVERLAPPED)
    port = guest.call("CreateIoCompletionPort", file, 0, 0x77, 0)
    assert port != 0
    assert guest.call("CreateIoCompletionPort", file, port, 0, 0) == 0
    assert guest.error == 87
    buffer, count, block = guest.room(16), guest.room(4), overlapped(guest, 0x20)
    guest.call("ReadFile", file, buffer, 16, count, block)
    assert take(guest, port, INVALID) == (1, 16, 0x77, block)
    assert guest.sim.memory.read(buffer, 16) == bytes(range(0x20, 0x30))
    event = guest.call("CreateEventW", 0, 1, 0, 0)
    quiet = overlapped(guest, 0x30, event | 1)
    guest.call("ReadFile", file, buffer, 16, count, quiet)
    assert guest.call("WaitForSingleObject", event, INVALID) == 0
    assert guest.sim.memory.read(buffer, 16) == bytes(range(0x30, 0x40))
    assert take(guest, port)[0] == 0


def test_overlapped_results(guest: Guest) -> None:
    file, count = guest.open("C:\\a.bin", BOTH, flags=OVERLAPPED), guest.room(4)
    buffer, block = guest.put(b"new bytes"), overlapped(guest, 0x10)
    guest.call("WriteFile", file, buffer, 9, count, block)
    assert guest.call("GetOverlappedResult", file, block, count, 1) == 1
    assert (guest.dword(count), *internal(guest, block)) == (9, 0, 9)
    end = overlapped(guest, 0x100)
    assert guest.call("ReadFile", file, buffer, 9, count, end) == 0
    assert guest.error == 38
    assert guest.sim.files.read("C:\\a.bin")[0x10:0x19] == b"new bytes"


# ---------------------------------------------------------------- pipes
def test_an_anonymous_pipe(guest: Guest) -> None:
    handles, information = guest.room(8), guest.room(4)
    attributes = guest.put(struct.pack("<3I", 12, 0, 1))
    assert guest.call("CreatePipe", handles, handles + 4, attributes, 0) == 1
    reading, writing = guest.dword(handles), guest.dword(handles + 4)
    for handle in (reading, writing):
        assert guest.call("GetFileType", handle) == 3
        assert guest.call("GetHandleInformation", handle, information) == 1
        assert guest.dword(information) == 1
    assert guest.write(writing, b"through the pipe") == 16
    count, available, left = guest.room(4), guest.room(4), guest.room(4)
    buffer = guest.put(b"\xcc" * 8)
    assert guest.call("PeekNamedPipe", reading, buffer, 7, count, available, left) == 1
    assert [guest.dword(each) for each in (count, available, left)] == [7, 16, 0]
    assert guest.sim.memory.read(buffer, 8) == b"through\xcc"
    assert guest.call("PeekNamedPipe", reading, 0, 0, 0, available, 0) == 1
    assert guest.read(reading, 100) == b"through the pipe"
    assert guest.call("WriteFile", reading, buffer, 1, count, 0) == 0
    assert guest.error == 5
    guest.write(writing, b"rest")
    assert guest.call("CloseHandle", writing) == 1
    assert guest.read(reading, 100) == b"rest"
    assert guest.call("ReadFile", reading, buffer, 8, count, 0) == 0
    assert guest.error == 109
    assert guest.call("PeekNamedPipe", reading, 0, 0, 0, available, 0) == 0
    assert guest.error == 109


@pytest.mark.parametrize(
    ("name", "mode", "kind", "most", "error"),
    [
        ("\\\\.\\pipe\\p", 0, 0, 1, 87),
        ("\\\\.\\pipe\\p", 7, 0, 1, 87),
        ("\\\\.\\pipe\\p", 3, 0x10, 1, 87),
        ("\\\\.\\pipe\\p", 3, 2, 1, 87),
        ("\\\\.\\pipe\\p", 3, 0, 0, 87),
        ("\\\\.\\pipe\\p", 3, 0, 256, 87),
        ("", 3, 0, 1, 3),
    ],
)
def test_pipes_that_cannot_be(name: str, mode: int, kind: int, most: int, error: int) -> None:
    with Simulation() as sim:
        guest = Guest(sim)
        assert guest.call("CreateNamedPipeW", name, mode, kind, most, 512, 512, 0, 0) == INVALID
        assert guest.error == error


def test_a_named_pipe_of_messages(guest: Guest) -> None:
    server = guest.call("CreateNamedPipeA", "\\\\.\\pipe\\p", DUPLEX, MESSAGES, 2, 512, 512, 0, 0)
    assert server != INVALID
    assert pipe(guest, 0x80000, MESSAGES) == INVALID
    assert guest.error == 5
    connected = client(guest)
    assert connected != INVALID
    assert guest.call("ConnectNamedPipe", server, 0) == 0
    assert guest.error == 535
    assert client(guest) == INVALID
    assert guest.error == 231
    guest.write(connected, b"question")
    guest.write(connected, b"second")
    count, available, left, mode = (guest.room(4) for _ in range(4))
    buffer = guest.room(16)
    assert guest.call("PeekNamedPipe", server, buffer, 3, count, available, left) == 1
    assert [guest.dword(each) for each in (count, available, left)] == [3, 14, 5]
    assert guest.call("ReadFile", server, buffer, 3, count, 0) == 0
    assert (guest.error, guest.dword(count)) == (234, 3)
    assert guest.read(server, 16) == b"stion"
    assert guest.read(server, 16) == b"second"
    guest.write(server, b"one")
    guest.write(server, b"two")
    guest.sim.memory.write(mode, struct.pack("<I", 2))
    assert guest.call("SetNamedPipeHandleState", connected, mode, 0, 0) == 1
    assert guest.read(connected, 16) == b"one"
    guest.sim.memory.write(mode, struct.pack("<I", 3))
    assert guest.call("SetNamedPipeHandleState", connected, mode, 0, 0) == 1
    assert guest.read(connected, 16) == b"two"
    assert guest.call("ReadFile", connected, buffer, 16, count, 0) == 0
    assert guest.error == 232
    assert guest.call("SetNamedPipeHandleState", connected, mode, mode, 0) == 0
    assert guest.error == 87
    assert guest.call("DisconnectNamedPipe", server) == 1
    assert guest.call("WriteFile", connected, buffer, 1, count, 0) == 0
    assert guest.error == 233
    assert guest.call("DisconnectNamedPipe", connected) == 0
    assert guest.error == 1


def test_waiting_for_a_client(guest: Guest) -> None:
    server = pipe(guest, OVERLAPPED)
    event = guest.call("CreateEventW", 0, 1, 0, 0)
    block, count = overlapped(guest, event=event), guest.room(4)
    assert guest.call("ConnectNamedPipe", server, block) == 0
    assert (guest.error, guest.dword(block)) == (PENDING, STATUS_PENDING)
    assert guest.call("GetOverlappedResult", server, block, count, 0) == 0
    assert guest.error == 996
    assert guest.call("CancelIo", server) == 1
    assert guest.call("GetOverlappedResult", server, block, count, 1) == 0
    assert guest.error == 995
    assert guest.call("ConnectNamedPipe", server, block) == 0
    connected = client(guest)
    assert guest.call("GetOverlappedResult", server, block, count, 1) == 1
    buffer, reading = guest.put(b"\xcc" * 8), overlapped(guest, event=event | 1)
    assert guest.call("ReadFile", server, buffer, 8, count, reading) == 0
    assert guest.error == PENDING
    assert guest.call("WaitForSingleObject", event, 0) == 258
    guest.write(connected, b"late")
    assert guest.call("GetOverlappedResult", server, reading, count, 1) == 1
    assert (guest.dword(count), guest.sim.memory.read(buffer, 8)) == (4, b"late\xcc\xcc\xcc\xcc")


def test_one_request_is_cancelled() -> None:
    with Simulation() as sim:
        guest = Guest(sim)
        server, other = pipe(guest, OVERLAPPED), guest.room(20)
        block = overlapped(guest)
        assert guest.call("ConnectNamedPipe", server, block) == 0
        assert guest.call("CancelIoEx", server, other) == 0
        assert guest.error == 1168
        assert guest.call("CancelIoEx", server, block) == 1
        assert guest.dword(block) == 0xC0000120


def test_waiting_for_an_instance(guest: Guest) -> None:
    assert guest.call("WaitNamedPipeW", "\\\\.\\pipe\\p", 0) == 0
    assert guest.error == 2
    server = pipe(guest)
    assert guest.call("WaitNamedPipeW", "\\\\.\\PIPE\\p", 0) == 1
    assert guest.call("WaitNamedPipeA", "\\\\.\\pipe\\p", 0) == 1
    assert client(guest) != INVALID
    for milliseconds in (0, 20):
        assert guest.call("WaitNamedPipeW", "\\\\.\\pipe\\p", milliseconds) == 0
        assert guest.error == 121
    for name in ("C:\\a.bin", "\\\\.\\pipe\\"):
        assert guest.call("WaitNamedPipeW", name, 0) == 0
        assert guest.error == 123
    assert guest.call("CloseHandle", server) == 1
