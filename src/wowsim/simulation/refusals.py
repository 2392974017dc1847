"""What happens when the program calls something wowsim lacks: the run ends with its name and way, or a status answers.

Stands for no Windows component. A service that comes upon something missing may have done part of its work; that part
stays. Who may import it: ``simulation.simulation``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wowsim.errors import Unsupported, UsageError
from wowsim.host64 import wow64win
from wowsim.trace.events import UnsupportedCalled

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.errors import WowsimError
    from wowsim.simulation.machine import Machine
    from wowsim.simulation.runner import Runner

STATUS_NOT_IMPLEMENTED = 0xC0000002
UNKNOWN = {
    "wow64.unknown": 0,
    "wow64.whBaseUnknown": 0x3000,
    **{f"wow64win.{trap}": first for trap, first in wow64win.TABLES.values()},
}
"""Traps behind the services without a thunk: the first number of their table."""
CHOICES = ("stop", "status")


class Refusals:
    """Decides for one simulation.

    Args:
        machine: the machine.
        runner: knows the trace of the present run, if there is one.
        stack: the frames to where the CPU stands, without a trace.
        blamed: the error of the caller's own function, which is no refusal.
        choice: ``"stop"`` or ``"status"``.

    Attributes:
        listeners: who is told.

    Raises:
        UsageError: there is no such choice.
    """

    def __init__(
        self,
        machine: Machine,
        runner: Runner,
        stack: Callable[[], tuple[str, ...]],
        blamed: Callable[[], WowsimError | None],
        choice: str,
    ) -> None:
        if choice not in CHOICES:
            raise UsageError(f"on_unsupported={choice!r}; expected 'stop' or 'status'")
        self._machine, self._runner, self._stack, self._blamed = machine, runner, stack, blamed
        self._answers = choice == "status"
        self.listeners: list[Callable[[Any], None]] = []

    def service(self, name: str, error: Unsupported) -> int:
        """A service of the kernel came upon something missing: what it returns.

        Raises:
            Unsupported: the run shall end; the message names the service and its callers.
        """
        return self._refuse(name, error, answers=self._answers)

    def trap(self, trap: str, error: Unsupported) -> int:
        """A routine of a system DLL did; only on the way into a service there is a caller who expects a status.

        Raises:
            Unsupported: the run shall end.
        """
        name = None
        if trap in UNKNOWN:
            number = UNKNOWN[trap] | self._machine.core.read("rbx") & 0xFFF
            name = self._machine.table.name_of(number) or f"service {number:X}h"
        elif trap.startswith("whNt") and trap.endswith(".in"):
            name = trap[2 : -len(".in")]
        return self._refuse(name, error, answers=self._answers and name is not None)

    def _refuse(self, name: str | None, error: Unsupported, *, answers: bool) -> int:
        if error is self._blamed():
            raise error
        runner, tracer = self._runner, self._runner.observers.tracer
        path = self._stack() if tracer is None else tracer.path()
        detail = str(error) if name is None or name in str(error) else f"{name}: {error}"
        status = STATUS_NOT_IMPLEMENTED if answers else None
        event = UnsupportedCalled(runner.executed, self._machine.kernel.thread.id, name, detail, path, status)
        if runner.collected is not None:
            runner.collected.events.append(event)
        for listener in tuple(self.listeners):
            listener(event)
        if status is None:
            raise Unsupported(f"{detail}; path: {', '.join(path)}" if path else detail) from error
        return status
