"""Events that the machine's parts report: kept in the trace of the present run and shown to who listens.

Stands for no Windows component. Who may import it: ``simulation.simulation``.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from wowsim.nt.fast_fail import name_of
from wowsim.trace.events import FastFailed, MemoryChanged, Redirected

if TYPE_CHECKING:
    from wowsim.nt.exceptions import ExceptionRecord
    from wowsim.simulation.machine import Machine
    from wowsim.simulation.runner import Runner
    from wowsim.trace.events import Event

Listener = Callable[[Any], None]


class Listeners:
    """Who listens to memory, redirections and fast fails.

    Args:
        machine: the machine, which reports to this object from now on.
        runner: counts instructions and knows the trace.

    Attributes:
        memory: called with each :class:`MemoryChanged`.
        redirections: called with each :class:`Redirected`.
        fast_fails: called with each :class:`FastFailed`.
    """

    def __init__(self, machine: Machine, runner: Runner) -> None:
        self._machine, self._runner = machine, runner
        self.memory: list[Listener] = []
        self.redirections: list[Listener] = []
        self.fast_fails: list[Listener] = []
        machine.fast_failed = self._fast_failed
        machine.trap.on_redirection = self._redirected

    def _fast_failed(self, record: ExceptionRecord, registers: dict[str, int]) -> None:
        code = record.parameters[0]
        event = FastFailed(
            self._runner.executed,
            self._machine.kernel.thread.id,
            record.address,
            code,
            name_of(code),
            self._machine.core.mode_of(registers["cs"]),
            MappingProxyType(registers),
            record,
        )
        self._tell(event, self.fast_fails)

    def _redirected(self, kind: str, name: str, target: str) -> None:
        event = Redirected(self._runner.executed, self._machine.kernel.thread.id, kind, name, target)
        self._tell(event, self.redirections)

    def memory_changed(self, kind: str, start: int, size: int, protection: int, name: str | None) -> None:
        """The address space reports a change; nothing is made of it while nobody looks."""
        if not self.memory and self._runner.collected is None:
            return
        event = MemoryChanged(
            self._runner.executed,
            self._machine.kernel.thread.id,
            kind,
            start,
            size,
            protection,
            self._machine.space.cause,
            name,
        )
        self._tell(event, self.memory)

    def _tell(self, event: Event, listeners: list[Listener]) -> None:
        if self._runner.collected is not None:
            self._runner.collected.events.append(event)
        for listener in tuple(listeners):
            listener(event)
