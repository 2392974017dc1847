"""Threads of 32-bit Windows as the kernel makes them: TEB, stack and first registers."""

from __future__ import annotations

import struct

import pytest
from programs import NATIVE

import wowsim
from wowsim import StopReason
from wowsim.memory.blocks import StackRange
from wowsim.nt.wow64_context import OFFSETS
from wowsim.simulation.native_process import ThreadEntry, begin_thread

START, ARGUMENT, SEEN = 0x200040, 0x12345678, 0x200100


@pytest.mark.parametrize("build", NATIVE)
def test_a_further_thread_runs_its_start_routine(build: str) -> None:
    """It goes through LdrInitializeThunk and NtContinue, has its own TEB behind FS, and ends with its routine."""
    routine = f"mov eax, [esp+4]; mov [{SEEN:#x}], eax; mov eax, fs:[0x18]; mov [{SEEN + 4:#x}], eax; mov eax, 9; ret 4"
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(b"\x90".ljust(0x40, b"\x90") + wowsim.assemble32(routine).ljust(0x200, b"\0"))
        sim.call32("kernel32!GetTickCount")  # the process has started
        machine = sim._machine
        teb, _ = machine.space.allocate(0, 0x1000, 0x3000, 4)
        base, size = machine.space.allocate(0, 0x10000, 0x3000, 4)
        ntdll = sim.modules["ntdll"]
        entry = ThreadEntry.of(ntdll.image, ntdll.base)
        stack, peb = StackRange(base, base, base + size), sim.build.place.peb64
        registers = begin_thread(machine.tables, entry, stack, teb, peb, (0x1000, 0x2000), START, ARGUMENT)
        fields = {
            at: struct.unpack("<I", sim.memory.read(teb + at, 4))[0] for at in (4, 8, 0x18, 0x24, 0x30, 0xE0C)
        }
        assert fields == {4: base + size, 8: base, 0x18: teb, 0x24: 0x2000, 0x30: peb, 0xE0C: base}
        back, context, dll = struct.unpack("<III", sim.memory.read(registers["rsp"], 12))
        assert (registers["rip"], back, dll) == (
            sim.symbols.address("ntdll!LdrInitializeThunk"),
            0,
            ntdll.base,
        )
        eip, eax = (struct.unpack("<I", sim.memory.read(context + OFFSETS[n], 4))[0] for n in ("Eip", "Eax"))
        assert (eip, eax) == (sim.symbols.address("ntdll!RtlUserThreadStart"), START)
        sim.gdt[0x3B] = sim.gdt[0x3B].with_base(teb)
        machine.trap.teb32 = teb
        machine.core.enter(registers)
        result = sim.run(limit=100_000)
        assert (result.reason, result.exit_status) == (StopReason.EXITED, 9), result.detail
        assert struct.unpack("<II", sim.memory.read(SEEN, 8)) == (ARGUMENT, teb)
