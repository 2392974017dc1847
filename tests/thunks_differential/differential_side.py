"""One side of a differential run: a process at its entry point that makes batches of service calls.

A batch is a 32-bit routine in memory that both sides have at the same address. It calls the stub of its service once
for each case; what the kernel is asked meets a recorder (:mod:`differential_kernel`), so that nothing happens to the
process.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from differential_kernel import Recorder, Seen

import wowsim

if TYPE_CHECKING:
    from collections.abc import Sequence

BUILD = "win10-22h2"
ARENA, ROOM, BATCH = 0x30000000, 0x2000, 24
"""Where the cases of a batch have their arguments and buffers, and how many bytes each has."""
ARENA_SIZE = ROOM * BATCH
CODE, CODE_SIZE = ARENA + 0x100000, 0x10000
CURRENT, RESULTS = CODE + 0xF000, CODE + 0xF100
PROGRAM = Path(__file__).parents[2] / "fixtures" / "bin" / "helloworld.exe"
UNTOLD = 0xEEEEEEEE
LIMIT = 20_000_000


@dataclass(frozen=True)
class Case:
    """One call of a service.

    Attributes:
        service: Nt name.
        number: of the case in its run; with the seed it says everything about the case.
        base: where its memory lies in the arena.
        slots: the 32-bit arguments.
        memory: the bytes at ``base``.
        seed: of what the kernel answers.
        group: the information class, or what else cases are told apart by.
    """

    service: str
    number: int
    base: int
    slots: tuple[int, ...]
    memory: bytes = field(repr=False)
    seed: str
    group: str = ""


@dataclass
class Outcome:
    """What came of a case on one side.

    Attributes:
        status: EAX; None when the stub did not return.
        memory: the case's bytes afterwards.
        seen: what the kernel was asked.
        others: other services that wow64.dll called on its way.
        failed: why it did not return.
    """

    status: int | None
    memory: bytes = b""
    seen: list[Seen] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    failed: str = ""


class Side:
    """A process with a recorder in the place of the kernel.

    Args:
        name: for people.
        sysroot: of the process; None for the built-in images.
        turbo: whether turbo thunks are used.
    """

    def __init__(self, name: str, sysroot: str | None, *, turbo: bool = True) -> None:
        self.name = name
        self.sim = sim = wowsim.Simulation(BUILD, seed=1, sysroot=sysroot, turbo=turbo)
        sim.load(PROGRAM)
        self._machine: Any = sim._machine
        space = self._machine.space
        space.allocate(ARENA, ARENA_SIZE, 0x3000, 0x04)
        space.allocate(CODE, CODE_SIZE, 0x3000, 0x40)
        sim.memory.write(CODE, b"\xc3")
        sim.call32(CODE)
        self.recorder = Recorder(self._machine, self._read_current, (ARENA, CODE + CODE_SIZE))
        self._machine.table.observe(self.recorder.observe)
        self._start = sim.snapshot()

    def close(self) -> None:
        """Release it."""
        self.sim.close()

    def has(self, service: str) -> bool:
        """Whether the 32-bit ntdll has a stub of it."""
        return service in self.sim._system.images["ntdll32"].export_by_name

    def _read_current(self) -> int:
        return int.from_bytes(self._machine.tables.peek(CURRENT, 4), "little")

    def run(self, cases: Sequence[Case]) -> list[Outcome]:
        """Make the calls of a batch; cases lie at different places."""
        outcomes: list[Outcome] = []
        while len(outcomes) < len(cases):
            outcomes += self._run(cases[len(outcomes) :])
        return outcomes

    def _run(self, cases: Sequence[Case]) -> list[Outcome]:
        """Up to the first case that does not return."""
        memory = self.sim.memory
        for case in cases:
            memory.write(case.base, case.memory)
        stub = self.sim._address(f"ntdll32!{cases[0].service}")
        memory.write(CODE, _code(stub, cases))
        memory.write(CURRENT, struct.pack("<I", 0))
        memory.write(RESULTS, struct.pack("<I", UNTOLD) * BATCH)
        self.recorder.begin(cases)
        failed = ""
        try:
            self.sim.call32(CODE, limit=LIMIT)
        except (wowsim.UsageError, wowsim.Unsupported) as error:
            failed = str(error)
        done = self._read_current() if failed else len(cases)
        statuses = struct.unpack(f"<{len(cases)}I", memory.read(RESULTS, 4 * len(cases)))
        outcomes = [
            Outcome(statuses[i], memory.read(case.base, ROOM), self.recorder.seen[i], self.recorder.others[i])
            for i, case in enumerate(cases[:done])
        ]
        if failed:
            seen, others = self.recorder.seen[done], self.recorder.others[done]
            outcomes.append(Outcome(None, b"", seen, others, failed))
            self.sim.restore(self._start)
        return outcomes


def _code(stub: int, cases: Sequence[Case]) -> bytes:
    """For each case: say which, push its arguments, call, keep EAX; ESP is what it was, whatever the stub pops."""
    code = b"\x55\x89\xe5"  # push ebp; mov ebp, esp
    for index, case in enumerate(cases):
        code += b"\xc7\x05" + struct.pack("<II", CURRENT, index)
        code += b"".join(struct.pack("<BI", 0x68, slot) for slot in reversed(case.slots))
        code += struct.pack("<BI", 0xB8, stub) + b"\xff\xd0"
        code += struct.pack("<BI", 0xA3, RESULTS + 4 * index) + b"\x89\xec"  # mov esp, ebp
    return code + b"\x5d\xc3"
