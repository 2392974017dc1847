"""What the CPU tells the kernel model: faults, and the calls by which everything arrives.

Values and a protocol; knows no engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Fault:
    """An exception the CPU raised.

    Attributes:
        vector: 0 #DE, 1 #DB, 6 #UD, 0Dh #GP, 0Eh #PF ...
        rip: the instruction at fault.
        error: the hardware error code (0 where the exception has none).
        address: CR2 for page faults.
        software: raised by an ``int n`` instruction (then ``rip`` is the instruction behind it).
    """

    vector: int
    rip: int
    error: int = 0
    address: int = 0
    software: bool = False

    @property
    def is_write(self) -> bool:
        """Page faults: the access was a write."""
        return bool(self.error & 2)

    @property
    def is_fetch(self) -> bool:
        """Page faults: an instruction fetch."""
        return bool(self.error & 16)


class Handlers(Protocol):
    """What the kernel model gives the CPU."""

    def on_syscall(self) -> None:
        """A SYSCALL instruction at RIP; execution goes on behind it."""

    def on_trap(self, address: int, sp: int) -> None:
        """A trap instruction at ``address``, with that stack pointer; execution goes on behind it."""

    def on_interrupt(self, vector: int) -> None:
        """``int vector`` that is no trap of ours; RIP is behind it."""

    def on_fault(self, fault: Fault) -> None:
        """A CPU exception. Returning without :meth:`wowsim.cpu.core.Core.stop` retries the instruction."""


class FaultCollector:
    """Handlers for one internal step: remembers the fault and ends the step."""

    def __init__(self, faults: list[Fault], end: Callable[[], None]) -> None:
        self._faults, self._end = faults, end

    def on_syscall(self) -> None:
        """A far call is no SYSCALL."""

    def on_trap(self, address: int, sp: int) -> None:
        """A far call is no trap."""

    def on_interrupt(self, vector: int) -> None:
        """A far call is no interrupt."""

    def on_fault(self, fault: Fault) -> None:
        """Keep it."""
        self._faults.append(fault)
        self._end()
