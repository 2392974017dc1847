"""Tokens, processes, jobs and the system asked from 32-bit code through the stubs, the gate and the thunks."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from wowsim.nt.security import sid_text
from wowsim.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

SELF, THREAD = 0xFFFFFFFF, 0xFFFFFFFE
SUCCESS, BUFFER_TOO_SMALL, NO_TOKEN = 0, 0xC0000023, 0xC000007C


class Program:
    """A process at its entry point whose ntdll is called from outside."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self._ntdll = "ntdll32" if sim.build.wow64 else "ntdll"
        sim.load_shellcode(bytes.fromhex("c20400"))
        sim.at(0x200000, lambda sim: sim.stop())
        sim.run()
        self._next = 0
        memory = sim.call32("kernel32!VirtualAlloc", 0, 0x10000, 0x3000, 4)
        assert memory
        self._next = memory

    def nt(self, name: str, *slots: int) -> int:
        """The status of a service; the name is Zw's."""
        return self.sim.call32(f"{self._ntdll}!{name}", *slots)

    def room(self, data: bytes) -> int:
        at, self._next = self._next, self._next + -(-len(data) // 16) * 16
        self.sim.memory.write(at, data)
        return at

    def value(self, address: int, size: int = 4) -> int:
        return int.from_bytes(self.sim.memory.read(address, size), "little")


@pytest.fixture(params=["win7sp1", "win10-22h2", "win7sp1-x86"])
def program(request: pytest.FixtureRequest) -> Iterator[Program]:
    with Simulation(build=request.param) as sim:
        yield Program(sim)


def test_a_program_looks_at_its_token(program: Program) -> None:
    out, buffer = program.room(bytes(16)), program.room(bytes(64))
    assert program.nt("ZwOpenThreadToken", THREAD, 8, 1, out) == NO_TOKEN
    assert program.nt("ZwOpenProcessToken", SELF, 0x28, out) == SUCCESS
    token = program.value(out)
    answers = []
    for number in (8, 12, 18, 20):
        assert program.nt("ZwQueryInformationToken", token, number, buffer, 4, out) == SUCCESS
        answers.append(program.value(buffer))
    assert answers == [1, 1, 3, 0]
    enable = program.room(struct.pack("<IIiI", 1, 19, 0, 2))
    assert program.nt("ZwAdjustPrivilegesToken", token, 0, enable, 0, 0, 0) == SUCCESS
    required = program.room(struct.pack("<IIIiI", 1, 1, 19, 0, 0))
    assert program.nt("ZwPrivilegeCheck", token, required, out) == SUCCESS
    assert program.value(out, 1) == 1
    debug = program.room(struct.pack("<IIiI", 1, 20, 0, 2))
    assert program.nt("ZwAdjustPrivilegesToken", token, 0, debug, 0, 0, 0) == 0x106
    assert program.nt("ZwClose", token) == SUCCESS


def test_the_user_on_32_bit_windows() -> None:
    with Simulation(build="win7sp1-x86") as sim:
        program = Program(sim)
        out, buffer = program.room(bytes(16)), program.room(bytes(64))
        assert program.nt("ZwOpenProcessToken", SELF, 8, out) == SUCCESS
        token = program.value(out)
        assert program.nt("ZwQueryInformationToken", token, 1, 0, 0, out) == BUFFER_TOO_SMALL
        size = program.value(out)
        assert program.nt("ZwQueryInformationToken", token, 1, buffer, size, out) == SUCCESS
        assert program.value(buffer) == buffer + 8
        user = sid_text(sim.memory.read(program.value(buffer), size - 8))
        assert user.startswith("S-1-5-21-")
        assert user.endswith("-1001")


def test_a_program_opens_itself_and_enters_a_job(program: Program) -> None:
    out, attributes = program.room(bytes(16)), program.room(struct.pack("<6I", 0x18, 0, 0, 0, 0, 0))
    pid = program.value(program.sim.threads[0].teb32 + 0x20) if program.sim.build.wow64 else 0x1000
    for process, status in ((4, 0xC0000022), (0x77770, 0xC000000B), (pid, SUCCESS)):
        ids = program.room(struct.pack("<II", process, 0))
        assert program.nt("ZwOpenProcess", out, 0x1FFFFF, attributes, ids) == status
    process = program.value(out)
    assert program.nt("ZwIsProcessInJob", process, 0) == 0x123
    assert program.nt("ZwCreateJobObject", out, 0x1F001F, 0) == SUCCESS
    job = program.value(out)
    assert program.nt("ZwAssignProcessToJobObject", job, process) == SUCCESS
    assert program.nt("ZwIsProcessInJob", process, job) == 0x124
    accounting = program.room(bytes(48))
    assert program.nt("ZwQueryInformationJobObject", job, 1, accounting, 48, 0) == SUCCESS
    assert program.value(accounting + 40) == 1


@pytest.mark.parametrize(("selector", "base", "limit"), [(0x23, 0, 0xFFFFF), (0x53, None, 0xFFF)])
def test_a_program_reads_its_descriptors(selector: int, base: int | None, limit: int) -> None:
    with Simulation(build="win7sp1") as sim:
        program = Program(sim)
        buffer = program.room(struct.pack("<I8x", selector))
        assert program.nt("ZwQueryInformationThread", THREAD, 6, buffer, 12, 0) == SUCCESS
        value = program.value(buffer + 4, 8)
        found = (value >> 16 & 0xFFFFFF) | (value >> 56) << 24
        assert found == (sim.threads[0].teb32 if base is None else base)
        assert (value & 0xFFFF) | (value >> 48 & 0xF) << 16 == limit
        bad = program.room(struct.pack("<I8x", 0x1000))
        assert program.nt("ZwQueryInformationThread", THREAD, 6, bad, 12, 0) == 0xC0000005


def test_a_program_asks_about_the_machine(program: Program) -> None:
    buffer, out = program.room(bytes(0x200)), program.room(bytes(16))
    assert program.nt("ZwQuerySystemInformation", 35, buffer, 2, out) == SUCCESS
    assert program.value(buffer, 2) == 0x100
    assert program.nt("ZwQuerySystemInformation", 44, buffer, 172, out) == SUCCESS
    assert program.sim.memory.read(buffer + 4, 6).decode("utf-16-le") == "Coo"
    assert program.nt("ZwQueryTimerResolution", out, out + 4, out + 8) == SUCCESS
    assert program.value(out) == 156250
    assert program.nt("ZwShutdownSystem", 0) == 0xC0000061
    descriptor = program.room(bytes(0x200))
    assert program.nt("ZwQuerySecurityObject", SELF, 7, descriptor, 0x200, out) == SUCCESS
    assert program.value(out) > 56
    assert program.value(descriptor, 4) == 0x80040001


def test_a_snapshot_keeps_the_token_and_the_job() -> None:
    with Simulation(build="win7sp1") as sim:
        program = Program(sim)
        out = program.room(bytes(16))
        assert program.nt("ZwOpenProcessToken", SELF, 0x28, out) == SUCCESS
        token = program.value(out)
        disable = (token, 1, 0, 0, 0, 0)
        required = program.room(struct.pack("<IIIiI", 1, 1, 23, 0, 0))
        kept = sim.snapshot()
        assert program.nt("ZwAdjustPrivilegesToken", *disable) == SUCCESS
        for expected in (0, 1):
            assert program.nt("ZwPrivilegeCheck", token, required, out) == SUCCESS
            assert program.value(out, 1) == expected
            sim.restore(kept)
