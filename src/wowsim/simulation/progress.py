"""Tells of a long run from time to time, by the host's clock, without changing what the guest does.

A counted run looks at the clock whenever its quantum of instructions is over; a run that counts nothing is let out of
translated code for a look by the thread that watches it anyway. Who may import it: ``simulation``.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        instructions: executed in this run; None when it counts none, as a run without limit and trace does not.
        calls: of services in this run.
        module: in which the CPU is, or None.
    """

    instructions: int | None
    calls: int
    module: str | None


class ProgressWatch:
    """Who wants to be told of a run.

    Args:
        callback: called with each :class:`Progress`.
        after: host seconds until the first time.
        every: host seconds between two times.
    """

    def __init__(self, callback: Callable[[Progress], object], after: float, every: float) -> None:
        self._callback, self._after, self._every = callback, after, every
        self._next = 0.0
        self._calls = 0

    def begin(self) -> None:
        """A run begins."""
        self._next, self._calls = monotonic() + self._after, 0

    def entered(self) -> None:
        """The program has called a service."""
        self._calls += 1

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return monotonic() >= self._next

    def tell(self, instructions: int | None, module: str | None) -> None:
        """It is time."""
        self._next = monotonic() + self._every
        self._callback(Progress(instructions, self._calls, module))
