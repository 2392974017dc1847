"""Threads of 32-bit Windows as the kernel makes them: TEB, stack and first registers."""

from __future__ import annotations

import struct

import pytest
from programs import BIN, NATIVE, run

import wowsim
from wowsim import StopReason
from wowsim.memory.blocks import StackRange
from wowsim.nt.builds import BUILDS
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


THREADS = [name for name in NATIVE if name != "winxp-x86"]


@pytest.mark.parametrize("build", THREADS)
@pytest.mark.parametrize(
    ("program", "output"),
    [
        ("threads.exe", b"2000 2000 60 8 ok"),
        ("apc.exe", b"apcs ran"),
        ("waits.exe", b"waits ended"),
        ("manythreads.exe", b""),
    ],
)
def test_threads_waits_and_apcs(program: str, output: bytes, build: str) -> None:
    sim, result = run(program, build, limit=None, timeout=60)
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.EXITED, 0), result.detail
        assert result.stdout.strip() == output


@pytest.mark.parametrize("build", ["win7sp1-x86", "win10-22h2-x86"])
def test_turns_of_threads_do_not_change_what_they_compute(build: str) -> None:
    for seed, quantum in ((1, 50), (2, 333)):
        with wowsim.Simulation(build=build, seed=seed, quantum=quantum) as sim:
            sim.load(BIN / "threads.exe")
            assert sim.run(limit=50_000_000).stdout.strip() == b"2000 2000 60 8 ok"


def test_windows_xp_makes_threads_of_nt_create_thread() -> None:
    with wowsim.Simulation(build="winxp-x86") as sim:
        sim.load(BIN / "manythreads.exe", ["3"])
        result = sim.run(trace="calls")
        assert result.exit_status == 0
        assert result.trace is not None
        made = result.trace.calls("NtCreateThread")
        assert [call.path[0] for call in made] == ["kernel32!CreateThread"] * 3
        assert all(call.arguments["CreateSuspended"] == 1 for call in made)
        assert len(result.trace.calls("NtResumeThread")) == 3


@pytest.mark.parametrize("build", NATIVE)
def test_the_context_of_the_thread_that_asks(build: str) -> None:
    """It stands behind its call: behind ``int 2Eh``, or at KiFastSystemCallRet."""
    number = BUILDS[build].numbers["NtGetContextThread"]
    source = "mov esi, 0x5555; mov dword ptr [0x200400], 0x10007; push 0x200400; push -2; mov edx, esp; "
    source += f"mov eax, {number:#x}; "
    at = 0x200000 + len(wowsim.assemble32(source)) + 2
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(wowsim.assemble32(f"{source} int 0x2e; add esp, 8; ret 4").ljust(0x800, b"\0"))
        assert sim.run(limit=100_000).exit_status == 0
        assert field(sim, "Eip") == at
        assert (field(sim, "Esi"), field(sim, "SegCs"), field(sim, "SegFs")) == (0x5555, 0x1B, 0x3B)
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(b"\xc3".ljust(0x800, b"\0"))
        sim.memory.write(0x200400, struct.pack("<I", 0x10007))
        assert sim.call32("ntdll!ZwGetContextThread", -2, 0x200400) == 0
        assert field(sim, "Eip") == sim.symbols.address("ntdll!KiFastSystemCallRet")


def field(sim: wowsim.Simulation, name: str) -> int:
    return int.from_bytes(sim.memory.read(0x200400 + OFFSETS[name], 4), "little")
