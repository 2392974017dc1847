"""Who is told about services: the tracer, callbacks on SyscallEntered and SyscallReturned, and who intervenes.

The service table is bound with an observer only while somebody listens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wowsim.simulation.arguments import named
from wowsim.trace.events import SyscallEntered, SyscallReturned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wowsim.kernel.table import Service
    from wowsim.simulation.interception import KernelLayer
    from wowsim.simulation.machine import Machine
    from wowsim.simulation.progress import ProgressWatch
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
        self.progress: ProgressWatch | None = None
        """Who is told of long runs."""
        self.called: Callable[[], None] | None = None
        """Told of each call of a service before it is looked at."""
        self.layer: KernelLayer | None = None
        """Whoever watches or answers services in the kernel; None while nobody does."""

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
        listening = self._tracer is not None or self.entered or self.returned or self.layer is not None
        self._machine.table.observe(self._observe if listening else None)

    def _observe(
        self, service: Service, number: int, slots: Sequence[int], values: Sequence[Any]
    ) -> tuple[int | None, Callable[[int], int]]:
        done = self._tracer.observe(service, number, values) if self._tracer is not None else None
        told = self._tell(service, number, values) if self.entered or self.returned else None
        layer = self.layer
        answer = layer.before(service, slots) if layer is not None else None

        def after(status: int) -> int:
            if layer is not None:
                status = layer.after(service, slots, status)
            if done is not None:
                done(status)
            if told is not None:
                told(status)
            return status

        return answer, after

    def _tell(self, service: Service, number: int, values: Sequence[Any]) -> Callable[[int], None]:
        machine = self._machine
        thread, executed = machine.kernel.thread.id, self._executed()
        arguments = named(machine.tables, machine.kernel.width, service.prototype, values)
        address = machine.core.read("rip")
        for listener in tuple(self.entered):
            listener(SyscallEntered(executed, thread, service.name, number, address, arguments))

        def returned(status: int) -> None:
            after = named(machine.tables, machine.kernel.width, service.prototype, values)
            for listener in tuple(self.returned):
                listener(SyscallReturned(executed, thread, service.name, number, status, after))

        return returned
