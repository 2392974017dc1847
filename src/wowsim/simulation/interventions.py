"""The caller's own functions in the place of services, held to what they may return.

Stands for no Windows component. Who may import it: ``simulation.simulation``.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from wowsim.errors import UsageError, WowsimError
from wowsim.simulation.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.simulation.machine import Machine
    from wowsim.trace.events import ServiceEvent


class KernelView:
    """``sim.kernel``: change what services do, for this simulation only."""

    def __init__(self, machine: Machine, blame: Callable[[WowsimError], None]) -> None:
        self._machine, self._blame = machine, blame

    def replace(self, function: Callable[..., int]) -> None:
        """Put a function in the place of the service it is named for; see the README for its form.

        Raises:
            UsageError: the build has no service of that name, or an annotation is no guest type; from ``run()``:
                the function returned something else than an NTSTATUS.
        """

        @wraps(function)
        def checked(*arguments: Any) -> int:
            status = function(*arguments)
            if not isinstance(status, int):
                error = UsageError(f"{function.__name__} returned {status!r}; expected an NTSTATUS")
                self._blame(error)
                raise error
            return status

        self._machine.table.replace(checked)


def answering(callback: Callable[[ServiceEvent], Answer | None]) -> Callable[[ServiceEvent], Answer | None]:
    """The callback, held to what it may return."""
    if not callable(callback):
        raise UsageError(f"callback {callback!r} cannot be called; expected a function")

    def called(event: ServiceEvent) -> Answer | None:
        answer = callback(event)
        if answer is not None and not isinstance(answer, Answer):
            raise UsageError(f"the callback for {event.name} returned {answer!r}; expected an Answer or None")
        return answer

    return called
