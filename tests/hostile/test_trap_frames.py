"""64-bit code of the program's own that enters a thunk of wow64.dll at its traps, with a frame that it made up."""

from __future__ import annotations

import struct
from contextlib import suppress
from random import Random

import pytest

import wowsim
from wowsim.errors import GuestFault, Unsupported
from wowsim.simulation.images import built_in

FRAME, DATA = 0x208000, 0x210000
POOL = (
    0,
    1,
    4,
    8,
    16,
    0x30,
    0x1000,
    DATA,
    DATA + 8,
    FRAME,
    FRAME + 0x100,
    0x7FFF0000,
    0xFFFFFFFF,
    1 << 40,
    1 << 63,
)


@pytest.mark.parametrize("build", ["win7sp1", "win11-24h2"])
def test_made_up_frames(build: str) -> None:
    """Nothing but a status or a refusal comes of it."""
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(bytes(0x80000))
        sim.call32("kernel32!GetTickCount")
        trap = sim._machine.trap
        routines = built_in(build).wow64_routines
        names = [n for n in built_in(build).images["wow64"].traps.values() if n in routines]
        assert len(names) > 300
        for name in sorted(set(names)):
            random = Random(name)
            for _ in range(12):
                words = [
                    random.choice(POOL) if random.random() < 0.8 else random.getrandbits(64)
                    for _ in range(256)
                ]
                sim.memory.write(FRAME, struct.pack("<256Q", *words))
                sim.memory.write(DATA, struct.pack("<256Q", *reversed(words)))
                trap.sp = FRAME
                with suppress(GuestFault, Unsupported):
                    routines[name](trap)


@pytest.mark.parametrize("build", ["win7sp1", "win11-24h2"])
def test_a_returned_length_over_the_calls_own_arguments(build: str) -> None:
    """The class that the thunk was called with counts, not what the call left in its place."""
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(bytes(0x1000))
        stub = sim.symbols.address("ntdll32!ZwQueryVirtualMemory")
        code = f"""push 0
            push 0x1c
            push {0x200800:#x}
            push 0
            push 0x200000
            push -1
            lea eax, [esp+8]
            mov dword ptr [esp+0x14], eax
            mov eax, {stub:#x}
            call eax
            ret"""
        sim.memory.write(0x200000, wowsim.assemble32(code, 0x200000))
        assert sim.call32(0x200000) == 0
        assert struct.unpack("<I", sim.memory.read(0x200800, 4)) == (0x200000,)
