"""Raw 64-bit SYSCALLs with every number and garbage arguments: an NTSTATUS or UNSUPPORTED, nothing else."""

from __future__ import annotations

import random

import wowsim
from wowsim import StopReason
from wowsim.kernel import services

SCRATCH = 0x10000000
VALUES = (
    0, 1, 4, 8, 0x18, 0x1000, 0x2000, 0x3000, 0x8000, 0xFFFFFFFF, (1 << 64) - 1, (1 << 64) - 2, 0x7FFFFFFF, 0x12019F,
    SCRATCH, SCRATCH + 8, SCRATCH + 0x800, SCRATCH + 0x840, SCRATCH + 0xFFD, 0x7FFE0000, 0x7EFDB000, 0x777D0000,
    0x80000000, 0x7FFFFFEFFFF, 0x800000000000, 0xFFFFF80000B93000, 0xFFFFFFFFFFFFFFF8,
)  # fmt: skip
NAMES = (
    "\\??\\C:\\Temp\\a",
    "\\??\\C:\\Temp",
    "\\KnownDlls\\ntdll.dll",
    "\\??\\C:\\Temp\\..\\x",
    "\\",
    "\ud800",
)
CALLS = 600


def served(sim: wowsim.Simulation) -> list[int]:
    """Numbers of the services that do not end the run."""
    return sorted(n for name, n in sim.build.numbers.items() if name in services.implemented())


def scratch(chance: random.Random) -> bytes:
    """A page of garbage with a UNICODE_STRING at 800h and an OBJECT_ATTRIBUTES at 840h."""
    page = bytearray(b"".join(chance.choice(VALUES).to_bytes(8, "little") for _ in range(512)))
    name = chance.choice(NAMES).encode("utf-16-le", "surrogatepass")
    page[0xC00 : 0xC00 + len(name)] = name
    page[0x800:0x810] = (
        len(name).to_bytes(2, "little") * 2 + bytes(4) + (SCRATCH + 0xC00).to_bytes(8, "little")
    )
    attributes = (0x30, 0, SCRATCH + 0x800, 0x40, 0, 0)
    page[0x840:0x870] = b"".join(value.to_bytes(8, "little") for value in attributes)
    return bytes(page)


def test_garbage_gives_a_status_or_a_refusal() -> None:
    chance = random.Random(1)
    made = rounds = 0
    while made < CALLS:
        rounds += 1
        assert rounds < 200, "the calls do not come through"
        with wowsim.Simulation(seed=rounds) as sim:
            sim.files.add("C:\\Temp\\a", b"abc" * 100)
            code = wowsim.assemble64("L: nop; syscall; jmp L")
            sim.load_shellcode(code, bits=64)
            at = 0x200000 + sim.memory.read(0x200000, 0x100).index(code)
            implemented = served(sim)

            def prepare(sim: wowsim.Simulation, implemented: list[int] = implemented) -> None:
                nonlocal made
                made += 1
                number = chance.choice(implemented) if chance.random() < 0.9 else chance.randrange(0x4000)
                stack = SCRATCH + 0x8000
                values = [chance.choice(VALUES) for _ in range(14)]
                sim.memory.write(SCRATCH, scratch(chance))
                sim.memory.write(stack + 0x28, b"".join(v.to_bytes(8, "little") for v in values[4:]))
                registers = sim.registers
                registers.rax, registers.rsp = number, stack
                registers.r10, registers.rdx, registers.r8, registers.r9 = values[:4]
                if made % 100 == 0:
                    sim.stop()

            entry = sim.at(at, lambda sim: sim.stop())
            assert sim.run().reason is StopReason.STOPPED
            entry.remove()
            sim._machine.space.allocate(SCRATCH, 0x10000, 0x3000, 0x04)
            sim.at(at, prepare)
            assert isinstance(sim.run(timeout=20).reason, StopReason)


WORDS = (
    0, 1, 4, 8, 0x18, 0x1000, 0x2000, 0x3000, 0x8000, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0x12019F, SCRATCH,
    SCRATCH + 8, SCRATCH + 0x800, SCRATCH + 0x840, SCRATCH + 0xFFD, 0x7FFE0000, 0x7FFDF000, 0x7FFEFFFC, 0x80000000,
    0x8003F000, 0xFFFFFFF8,
)  # fmt: skip


def narrow_scratch(chance: random.Random) -> bytes:
    """The same page in the layouts of 32-bit Windows."""
    page = bytearray(b"".join(chance.choice(WORDS).to_bytes(4, "little") for _ in range(1024)))
    name = chance.choice(NAMES).encode("utf-16-le", "surrogatepass")
    page[0xC00 : 0xC00 + len(name)] = name
    page[0x800:0x808] = len(name).to_bytes(2, "little") * 2 + (SCRATCH + 0xC00).to_bytes(4, "little")
    attributes = (0x18, 0, SCRATCH + 0x800, 0x40, 0, 0)
    page[0x840:0x858] = b"".join(value.to_bytes(4, "little") for value in attributes)
    return bytes(page)


def test_garbage_on_32_bit_windows() -> None:
    """By int 2Eh, whose arguments lie where EDX says."""
    chance = random.Random(2)
    made = rounds = 0
    while made < CALLS:
        rounds += 1
        assert rounds < 200, "the calls do not come through"
        with wowsim.Simulation(build=chance.choice(("winxp-x86", "win10-22h2-x86")), seed=rounds) as sim:
            sim.files.add("C:\\Temp\\a", b"abc" * 100)
            sim.load_shellcode(wowsim.assemble32("L: nop; int 0x2e; jmp L"))
            implemented = served(sim)

            def prepare(sim: wowsim.Simulation, implemented: list[int] = implemented) -> None:
                nonlocal made
                made += 1
                values = [chance.choice(WORDS) for _ in range(16)]
                sim.memory.write(SCRATCH, narrow_scratch(chance))
                sim.memory.write(SCRATCH + 0x8000, b"".join(v.to_bytes(4, "little") for v in values))
                sim.registers.eax = (
                    chance.choice(implemented) if chance.random() < 0.9 else chance.randrange(0x4000)
                )
                sim.registers.edx = SCRATCH + 0x8000 if chance.random() < 0.95 else chance.choice(WORDS)
                if made % 100 == 0:
                    sim.stop()

            entry = sim.at(0x200000, lambda sim: sim.stop())
            assert sim.run().reason is StopReason.STOPPED
            entry.remove()
            sim._machine.space.allocate(SCRATCH, 0x10000, 0x3000, 0x04)
            sim.at(0x200000, prepare)
            assert isinstance(sim.run(timeout=20).reason, StopReason)
