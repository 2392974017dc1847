"""The kernel's place in a differential run: what a service was asked is kept, and answered at random.

Both sides answer a case from the same seed. What is written is in 64 bits and follows the service's prototype, and for
information classes the class's layout (:mod:`differential_answers`), so that only wow64.dll decides what becomes of it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from differential_answers import answer_special
from differential_classes import MISMATCH, QUERIES, SETTINGS, least_length
from differential_contents import Contents
from differential_values import random_value

from wowsim.nt.abi import Pass, size_of
from wowsim.nt.structures import IO_STATUS_BLOCK, UNICODE_STRING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from differential_side import Case

    from wowsim.kernel.table import Service
    from wowsim.nt.abi import Parameter

SERVED_BY = {
    "NtGetContextThread": "NtQueryInformationThread",
    "NtSetContextThread": "NtSetInformationThread",
}
"""Services that wow64.dll makes another service of."""
PENDING, ACCESS_VIOLATION = 0x103, 0xC0000005
TIMEOUT = 0x102
WAITS = ("NtRemoveIoCompletion", "NtRemoveIoCompletionEx")
"""What they can say beside errors is that nothing came, and then they write nothing."""
ALWAYS = ("NtReadVirtualMemory", "NtWriteVirtualMemory")
"""How much was copied is told also when they fail."""
STATUSES = (
    (0, 12), (PENDING, 1), (0x40000000, 1), (0x80000005, 2), (0x8000001A, 1), (0xC0000022, 2), (0xC000000D, 1),
    (0xC0000034, 1), (0xC0000008, 1),
)  # fmt: skip


@dataclass
class Seen:
    """One call of the kernel.

    Attributes:
        arguments: parameter name -> what the kernel was given, deeply, without addresses that are wow64.dll's own.
        status: what was answered.
    """

    arguments: dict[str, Any] = field(default_factory=dict)
    status: int = 0


class Recorder:
    """Stands in the place of every service while a batch runs.

    Args:
        machine: of the side.
        current: says which case runs.
        shared: the memory that both sides have.
    """

    def __init__(self, machine: Any, current: Callable[[], int], shared: tuple[int, int]) -> None:
        self._machine, self._current = machine, current
        self._contents = Contents(machine.tables.peek, shared)
        self._cases: Sequence[Case] = ()
        self.seen: list[list[Seen]] = []
        self.others: list[list[str]] = []

    def begin(self, cases: Sequence[Case]) -> None:
        """A batch begins."""
        self._cases = cases
        self.seen, self.others = [[] for _ in cases], [[] for _ in cases]

    def observe(
        self, service: Service, number: int, slots: Sequence[int], values: Sequence[Any]
    ) -> tuple[int | None, Callable[[int], int]]:
        """What the service table calls in the place of a handler."""
        if not self._cases:
            return None, _same
        index = self._current()
        case = self._cases[index]
        if service.name != SERVED_BY.get(case.service, case.service):
            self.others[index].append(service.name)
            return None, _same
        answers = Answers(self._machine.tables, case, service, slots, len(self.seen[index]))
        found = Seen(self._contents.arguments(case, service.prototype, slots))
        found.status = answers.write()
        self.seen[index].append(found)
        return found.status, _same


def _same(status: int) -> int:
    return status


class Answers:
    """What the kernel does with one call.

    Args:
        memory: of the guest.
        case: the case.
        service: the service.
        slots: its 64-bit arguments.
        turn: how many calls of this case came before.
    """

    def __init__(self, memory: Any, case: Case, service: Service, slots: Sequence[int], turn: int) -> None:
        self.memory, self.case, self.name, self.slots = memory, case, service.name, list(slots)
        self.parameters = service.prototype.parameters
        self._turn = turn

    def random(self, what: str) -> Random:
        """Random numbers for one purpose, the same on both sides; a query gives the same again."""
        return Random(f"{self.case.seed} {0 if self.name in QUERIES else self._turn} {what}")

    def write(self) -> int:
        """Write the outputs; the status."""
        if not self._probed():
            return ACCESS_VIOLATION
        if self.name in SETTINGS:
            length = self.slots[SETTINGS[self.name][1] + 1] & 0xFFFFFFFF
            if length < least_length(self.name, self.slots):
                return MISMATCH
        chance = self.random("status")
        status = chance.choices([s for s, _ in STATUSES], [w for _, w in STATUSES])[0]
        if status == PENDING and not any(p.kind is IO_STATUS_BLOCK for p in self.parameters):
            status = 0  # nothing else is completed later
        if self.name == "NtRemoveIoCompletionEx":
            status = 0  # Wine gives back as many packets as a failing call has not said
        if self.name in WAITS and status in (PENDING, 0x40000000, 0x80000005, 0x8000001A):
            status = TIMEOUT
        special = answer_special(self, status)
        if special is not None:
            status = special
        for parameter, slot in zip(self.parameters, self.slots, strict=False):
            if parameter.passed in (Pass.OUT, Pass.INOUT) and slot and parameter.name not in self.written:
                self._output(parameter, slot, status)
        return status

    def _probed(self) -> bool:
        """Whether every pointer leads somewhere; the block behind a 64-bit IO_STATUS_BLOCK is probed like it.

        That NT looks at a WoW64 caller's own block is how it can complete a request later (wow64-facts section 6).
        """
        for parameter, slot in zip(self.parameters, self.slots, strict=False):
            if parameter.passed is Pass.VALUE or (not slot and parameter.optional):
                continue
            if self.memory.peek(slot, size_of(parameter.kind, 64)) is None:
                return False
            if parameter.kind is IO_STATUS_BLOCK and self.name != "NtRemoveIoCompletion":
                block = int.from_bytes(self.memory.peek(slot, 8), "little")
                if block >> 32 == 0 and self.memory.peek(block, 8) is None:
                    return False
        return True

    written: frozenset[str] = frozenset()
    """Outputs that the special answer has dealt with."""

    def _output(self, parameter: Parameter, address: int, status: int) -> None:
        chance, kind = self.random(parameter.name), parameter.kind
        if kind is IO_STATUS_BLOCK:
            if status not in (PENDING, TIMEOUT) and (
                status < 0xC0000000 or (chance.random() < 0.3 and self.name not in WAITS)
            ):
                self.poke(address, struct.pack("<I", status))  # the upper half of the union stays
                self.poke(address + 8, struct.pack("<Q", chance.getrandbits(31)))
            return
        if (status >= 0xC0000000 or status in (PENDING, TIMEOUT)) and self.name not in ALWAYS:
            return
        if kind is UNICODE_STRING:
            (most,) = struct.unpack("<H", self.memory.peek(address + 2, 2))
            self.poke(address, struct.pack("<H", chance.randrange(most + 1)))
            return
        self.poke(address, random_value(kind, chance))

    def poke(self, address: int, data: bytes) -> None:
        """Write as the kernel does, without a trace; nothing where there is no memory."""
        if self.memory.peek(address, len(data)) is not None:
            self.memory.poke(address, data)
