"""Who is told about services: the tracer, and callbacks on SyscallEntered and SyscallReturned.

The service table is bound with an observer only while somebody listens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wowsim.simulation.arguments import named
from wowsim.trace.events import SyscallEntered, SyscallReturned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wowsim.kernel.table import Service
    from wowsim.simulation.machine import Machine
    from wowsim.simulation.tracer import Tracer


class Observers:
    """Binds the service table to whoever listens.

    Args:
        machine: the machine.
        executed: instructions so far, None when the run does not count.
    """

    def __init__(self, machine: Machine, executed: Callable[[], int | None]) -> None:
        self._machine, self._executed = machine, executed
        self._tracer: Tracer | None = None
        self.entered: list[Callable[[Any], None]] = []
        self.returned: list[Callable[[Any], None]] = []

    @property
    def tracer(self) -> Tracer | None:
        """The tracer of the present run."""
        return self._tracer

    @tracer.setter
    def tracer(self, tracer: Tracer | None) -> None:
        self._tracer = tracer
        self.rebind()

    def rebind(self) -> None:
        """Bind the table anew after somebody came or went."""
        listening = self._tracer is not None or self.entered or self.returned
        self._machine.table.observe(self._observe if listening else None)

    def _observe(self, service: Service, number: int, values: Sequence[Any]) -> Callable[[int], None]:
        done = self._tracer.observe(service, number, values) if self._tracer is not None else None
        if not self.entered and not self.returned:
            assert done is not None
            return done
        machine = self._machine
        thread, executed = machine.kernel.thread.id, self._executed()
        arguments = named(machine.tables, machine.kernel.width, service.prototype, values)
        address = machine.core.read("rip")
        for listener in tuple(self.entered):
            listener(SyscallEntered(executed, thread, service.name, number, address, arguments))

        def both(status: int) -> None:
            if done is not None:
                done(status)
            after = named(machine.tables, machine.kernel.width, service.prototype, values)
            for listener in tuple(self.returned):
                listener(SyscallReturned(executed, thread, service.name, number, status, after))

        return both
