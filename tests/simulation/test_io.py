"""Requests that end late, through the whole machine: 32-bit stubs, gate, thunks, kernel and back."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from programs import BIN, BUILDS

import wowsim
from wowsim.nt.status import (
    STATUS_CANCELLED,
    STATUS_END_OF_FILE,
    STATUS_FILE_LOCK_CONFLICT,
    STATUS_PENDING,
    STATUS_PIPE_BROKEN,
    STATUS_SUCCESS,
    STATUS_TIMEOUT,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = 0x1F01FF
SYNC = 0x20
UNWRITTEN = (0xCCCCCCCC, 0xCCCCCCCC)


class Program:
    """A process whose services are called from outside, and room for their arguments."""

    def __init__(self, sim: wowsim.Simulation) -> None:
        self.sim = sim
        self._next = sim.call32("kernel32!VirtualAlloc", 0, 0x40000, 0x3000, 0x40)

    def room(self, size: int) -> int:
        """Fresh memory."""
        address, self._next = self._next, self._next + (size + 15 & ~15)
        return address

    def put(self, data: bytes) -> int:
        """Fresh memory with bytes in it."""
        address = self.room(len(data))
        self.sim.memory.write(address, data)
        return address

    def value(self, address: int) -> int:
        """A dword."""
        return int.from_bytes(self.sim.memory.read(address, 4), "little")

    def call(self, name: str, *arguments: int) -> int:
        """A service through its 32-bit stub."""
        return self.sim.call32(f"{self.sim.build.ntdll.name}!Zw{name}", *arguments)

    def name(self, path: str) -> int:
        """OBJECT_ATTRIBUTES."""
        text = path.encode("utf-16-le")
        string = self.put(struct.pack("<HHI", len(text), len(text), self.put(text)))
        return self.put(struct.pack("<6I", 24, 0, string, 0x40, 0, 0))

    def block(self) -> int:
        """A status block that nobody has written, with a guard behind it."""
        return self.put(b"\xcc" * 16)

    def end(self, block: int) -> tuple[int, int]:
        """Status and Information."""
        assert self.sim.memory.read(block + 8, 8) == b"\xcc" * 8
        status, information = struct.unpack("<II", self.sim.memory.read(block, 8))
        return status, information

    def made(self, service: str, *arguments: int) -> int:
        """The handle that a service gives."""
        out = self.room(4)
        assert self.call(service, out, *arguments) == STATUS_SUCCESS
        return self.value(out)

    def pipe(self, options: int = 0) -> tuple[int, int]:
        """A server's end and a client's."""
        oa = self.name(r"\??\PIPE\p")
        second = self.put(struct.pack("<q", -10_000_000))
        server = self.made(
            "CreateNamedPipeFile", ALL, oa, self.block(), 3, 2, options, 0, 0, 0, 1, 64, 64, second
        )
        return server, self.made("OpenFile", ALL, oa, self.block(), 3, 0)

    def read(self, file: int, *, event: int = 0, apc: int = 0, context: int = 0) -> tuple[int, int, int]:
        """NtReadFile: status, block, buffer."""
        block, buffer = self.block(), self.room(64)
        return self.call("ReadFile", file, event, apc, context, block, buffer, 64, 0, 0), block, buffer

    def write(self, file: int, data: bytes) -> int:
        """NtWriteFile."""
        return self.call("WriteFile", file, 0, 0, 0, self.block(), self.put(data), len(data), 0, 0)


@pytest.fixture(params=BUILDS)
def program(request: pytest.FixtureRequest) -> Iterator[Program]:
    with wowsim.Simulation(build=request.param) as sim:
        sim.files.add(r"C:\a.txt", b"0123456789")
        sim.load(BIN / "exitcode.exe")
        yield Program(sim)


def test_a_late_end_reaches_the_callers_block_event_and_buffer(program: Program) -> None:
    server, client = program.pipe()
    event = program.made("CreateEvent", 0x1F0003, 0, 0, 1)
    status, block, buffer = program.read(server, event=event)
    assert (status, program.end(block)) == (STATUS_PENDING, UNWRITTEN)
    zero = program.put(bytes(8))
    assert program.call("WaitForSingleObject", event, 0, zero) == STATUS_TIMEOUT
    assert program.write(client, b"late") == STATUS_SUCCESS
    assert program.end(block) == (STATUS_SUCCESS, 4)
    assert program.sim.memory.read(buffer, 4) == b"late"
    assert program.call("WaitForSingleObject", event, 0, zero) == STATUS_SUCCESS


def test_a_request_is_cancelled_by_its_block(program: Program) -> None:
    if not any(name == "NtCancelIoFileEx" for name in program.sim.build.numbers):
        pytest.skip("this Windows has no NtCancelIoFileEx")
    server, _ = program.pipe()
    (_, first, _), (_, second, _) = program.read(server), program.read(server)
    assert program.call("CancelIoFileEx", server, second, program.block()) == STATUS_SUCCESS
    assert (program.end(first), program.end(second)) == (UNWRITTEN, (STATUS_CANCELLED, 0))
    assert program.call("CancelIoFile", server, program.block()) == STATUS_SUCCESS
    assert program.end(first) == (STATUS_CANCELLED, 0)


def test_an_apc_gets_context_and_block(program: Program) -> None:
    server, client = program.pipe()
    seen = program.put(bytes(12))
    code = program.put(
        wowsim.assemble32(
            f"""mov eax, [esp+4]; mov [{seen:#x}], eax
            mov eax, [esp+8]; mov [{seen + 4:#x}], eax
            inc dword ptr [{seen + 8:#x}]
            ret 12"""
        )
    )
    _, block, _ = program.read(server, apc=code, context=0xABCD)
    program.write(client, b"x")
    assert program.value(seen + 8) == 0
    program.sim.call32("kernel32!SleepEx", 0, 1)
    assert struct.unpack("<III", program.sim.memory.read(seen, 12)) == (0xABCD, block, 1)
    assert program.end(block) == (STATUS_SUCCESS, 1)


def test_packets_reach_a_port(program: Program) -> None:
    server, client = program.pipe()
    port = program.made("CreateIoCompletion", 0x1F0003, 0, 0)
    association = program.put(struct.pack("<II", port, 0x1234))
    status = program.call("SetInformationFile", server, program.block(), association, 8, 30)
    assert status == STATUS_SUCCESS
    program.read(server, context=0x5678)
    program.write(client, b"abc")
    assert program.call("SetIoCompletion", port, 1, 2, 0xC0000005, 3) == STATUS_SUCCESS
    key, context, block = program.block(), program.block(), program.block()
    for expected in ((0x1234, 0x5678, STATUS_SUCCESS, 3), (1, 2, 0xC0000005, 3)):
        assert program.call("RemoveIoCompletion", port, key, context, block, 0) == STATUS_SUCCESS
        assert (program.value(key), program.value(context), *program.end(block)) == expected
    assert program.sim.memory.read(key + 4, 12) == b"\xcc" * 12


def test_several_packets_at_once(program: Program) -> None:
    if "NtRemoveIoCompletionEx" not in program.sim.build.numbers:
        pytest.skip("this Windows has no NtRemoveIoCompletionEx")
    port = program.made("CreateIoCompletion", 0x1F0003, 0, 0)
    for at in range(6):
        program.call("SetIoCompletion", port, at, 0x80000000 + at, 0xC0000000 + at, at * at)
    room, count = program.put(b"\xcc" * (8 * 16)), program.block()
    assert program.call("RemoveIoCompletionEx", port, room, 5, count, 0, 0) == STATUS_SUCCESS
    assert program.value(count) == 5
    packets = [struct.pack("<4I", at, 0x80000000 + at, 0xC0000000 + at, at * at) for at in range(5)]
    assert program.sim.memory.read(room, 8 * 16) == b"".join(packets) + b"\xcc" * 48
    zero = program.put(bytes(8))
    assert program.call("RemoveIoCompletionEx", port, room, 5, count, zero, 0) == STATUS_SUCCESS
    assert program.value(count) == 1
    assert program.call("RemoveIoCompletionEx", port, room, 5, count, zero, 0) == STATUS_TIMEOUT


def test_renames_and_links(program: Program) -> None:
    file = program.made("OpenFile", ALL, program.name(r"\??\C:\a.txt"), program.block(), 7, SYNC)
    name = "b.txt".encode("utf-16-le")
    data = program.put((struct.pack("<III", 0, 0, len(name)) + name).ljust(24, b"\0"))
    for information_class, names in ((11, ["a.txt", "b.txt"]), (65, None)):
        status = program.call("SetInformationFile", file, program.block(), data, 24, information_class)
        if names is None:
            assert status != STATUS_SUCCESS  # it is taken
        else:
            assert status == STATUS_SUCCESS
            assert set(names) <= set(program.sim.files.list("C:\\"))


def test_a_thread_waits_in_its_read(program: Program) -> None:
    """The reader is a thread of the guest; its status, block and buffer are right when it goes on."""
    server, client = program.pipe(SYNC)
    block, buffer, status_at = program.block(), program.room(16), program.put(b"\xcc" * 4)
    module = program.sim.modules[program.sim.build.ntdll.name]
    entry = module.base + next(each.rva for each in module.image.exports if each.name == "ZwReadFile")
    code = program.put(
        wowsim.assemble32(
            f"""push 0; push 0; push 16; push {buffer:#x}; push {block:#x}; push 0; push 0; push 0; push {server:#x}
            mov eax, {entry:#x}; call eax
            mov [{status_at:#x}], eax
            xor eax, eax; ret 4"""
        )
    )
    thread = program.sim.call32("kernel32!CreateThread", 0, 0, code, 0, 0, 0)
    program.sim.call32("kernel32!Sleep", 1)
    assert program.value(status_at) == 0xCCCCCCCC
    assert program.write(client, b"hello") == STATUS_SUCCESS
    assert program.sim.call32("kernel32!WaitForSingleObject", thread, 0xFFFFFFFF) == 0
    assert (program.value(status_at), program.end(block)) == (STATUS_SUCCESS, (STATUS_SUCCESS, 5))
    assert program.sim.memory.read(buffer, 5) == b"hello"
    assert program.call("Close", client) == STATUS_SUCCESS
    assert program.read(server)[0] == STATUS_PIPE_BROKEN


def test_locks_and_ends(program: Program) -> None:
    path = program.name(r"\??\C:\a.txt")
    first, second = (program.made("OpenFile", ALL, path, program.block(), 7, SYNC) for _ in range(2))
    at, size = program.put(struct.pack("<q", 2)), program.put(struct.pack("<q", 3))
    block = program.block()
    assert program.call("LockFile", first, 0, 0, 0, block, at, size, 0, 1, 1) == STATUS_SUCCESS
    assert program.end(block) == (STATUS_SUCCESS, 0)
    buffer = program.room(16)
    assert (
        program.call("ReadFile", second, 0, 0, 0, program.block(), buffer, 4, at, 0)
        == STATUS_FILE_LOCK_CONFLICT
    )
    assert program.call("UnlockFile", first, program.block(), at, size, 0) == STATUS_SUCCESS
    assert program.call("ReadFile", second, 0, 0, 0, program.block(), buffer, 4, at, 0) == STATUS_SUCCESS
    assert program.sim.memory.read(buffer, 4) == b"2345"
    behind = program.put(struct.pack("<q", 99))
    block = program.block()
    assert program.call("ReadFile", second, 0, 0, 0, block, buffer, 4, behind, 0) == STATUS_END_OF_FILE
    assert program.end(block) == (STATUS_END_OF_FILE, 0)


def test_a_snapshot_keeps_what_waits(program: Program) -> None:
    server, client = program.pipe()
    _, block, buffer = program.read(server)
    saved = program.sim.snapshot()
    for data in (b"first", b"again"):
        assert program.end(block) == UNWRITTEN
        program.write(client, data)
        assert program.end(block) == (STATUS_SUCCESS, 5)
        assert program.sim.memory.read(buffer, 5) == data
        program.sim.restore(saved)
