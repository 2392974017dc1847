"""The service table (nt!KiServiceTable): number -> typed Python function, bound once per simulation.

A service is declared by one typed function; everything else (decoder, stub, thunk, support row) is derived
from its prototype. What a build numbers but nobody implements is refused by name.

Who may import it: the other kernel modules (for the decorator) and the simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from wowsim.errors import GuestFault, Unsupported, UsageError
from wowsim.kernel.dispatcher import Blocked
from wowsim.nt.abi import Decoder, Prototype, Width, prototype
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from types import ModuleType

    from wowsim.kernel.context import Kernel

F = TypeVar("F", bound=Callable[..., Any])

BLOCKED = -1
"""In the place of a status: the calling thread waits, and will get one when its wait ends."""
NAME_MASK = 0x3FFF
"""Bits 0-13 of EAX are the number; a turbo index may stand above (wow64-facts section 4)."""


class Support(Enum):
    """How much of a service is there."""

    FULL = "full"
    PARTIAL = "partial"
    DECLARED = "declared"
    """Only the signature: a call is refused by name."""


def _status_of(kernel: Kernel, fault: GuestFault) -> int:
    return fault.status


@dataclass(frozen=True)
class Service:
    """One declared service.

    Attributes:
        on_fault: what it returns when its arguments or its work raise a guest fault: the status, unless it is one of
            those that return no status.
    """

    prototype: Prototype
    handler: Callable[..., int]
    support: Support
    note: str = ""
    on_fault: Callable[[Kernel, GuestFault], int] = _status_of

    @property
    def name(self) -> str:
        """The Nt name."""
        return self.prototype.name

    def decoder(self, width: Width) -> Decoder:
        """What makes values of argument slots: without a fault where nobody serves the call, for a trace."""
        if self.support is Support.DECLARED:
            return partial(self.prototype.glimpse, width)
        return self.prototype.decoder(width)


def service(support: Support, note: str = "") -> Callable[[F], F]:
    """Declare the function below as an Nt service; the function itself is returned unchanged."""
    if support is Support.PARTIAL and not note:
        raise TypeError("a partly supported service says in its note what is missing")

    def declare(function: F) -> F:
        function.__service__ = (support, note)  # type: ignore[attr-defined]  # read back by services_of
        return function

    return declare


def services_of(modules: Iterable[ModuleType]) -> dict[str, Service]:
    """Every service declared in the modules, by name."""
    found: dict[str, Service] = {}
    for module in modules:
        for name, function in vars(module).items():
            declared = getattr(function, "__service__", None)
            if declared is not None and function.__module__ == module.__name__:
                found[name] = Service(prototype(function), function, *declared)
    return found


CallObserver = Callable[
    [Service, int, Sequence[int], Sequence[Any]], "tuple[int | None, Callable[[int], int]]"
]
"""Called before a handler with the service, its number, the argument slots and the decoded values. It returns the
status that answers the call in the handler's place, or None, and what is called with the status after and returns the
one that the caller gets."""


def _refuse(name: str, error: Unsupported) -> int:
    raise error


def _never(kernel: Kernel) -> int:
    raise AssertionError("a service of win32k has no handler")


class ServiceTable:
    """Numbers of one build bound to handlers of one kernel.

    Args:
        numbers: Nt name -> number, for every service the build has.
        services: what is implemented, and what is declared only.
        kernel: handed to each handler.
        width: pointer width of the callers at the SYSCALL.
        elsewhere: names numbers that are none of ``numbers`` (win32k's).
    """

    def __init__(
        self,
        numbers: Mapping[str, int],
        services: Mapping[str, Service],
        kernel: Kernel,
        width: Width,
        elsewhere: Callable[[int], str | None] = lambda number: None,
    ) -> None:
        self._kernel = kernel
        self._width: Width = width
        self._elsewhere = elsewhere
        self._names = {number: name for name, number in numbers.items()}
        self.numbers: Mapping[str, int] = MappingProxyType(dict(numbers))
        """By name."""
        self._observer: CallObserver | None = None
        self._services: dict[str, Service] = {}
        self._bound: dict[int, Callable[[Sequence[int]], int]] = {}
        self._unbound = {number: services[name] for name, number in numbers.items() if name in services}
        """Services that were not called yet."""
        self.argument_counts = {n: _slots(s.prototype, width) for n, s in self._unbound.items()}
        self.unsupported: Callable[[str, Unsupported], int] = _refuse
        """Decides what a call of a service (its name) that came upon something missing returns; may raise."""

    def name_of(self, number: int) -> str | None:
        """The Nt name behind a number, if this build has it."""
        number &= NAME_MASK
        return self._names.get(number) or self._elsewhere(number)

    def dispatch(self, number: int, slots: Sequence[int]) -> int:
        """Run one service and return its NTSTATUS, unsigned; :data:`BLOCKED` while its thread waits.

        Args:
            number: EAX at the SYSCALL.
            slots: argument slots of the table's width; more than needed is fine.

        Raises:
            Unsupported: the build has the service, wowsim does not, and :attr:`unsupported` answers nothing.
        """
        handler = self._bound.get(number & NAME_MASK)
        return self._missing(number & NAME_MASK, slots) if handler is None else handler(slots)

    def replace(self, function: Callable[..., int], support: Support = Support.FULL) -> None:
        """Put ``function`` in the place of the service of its name, for this table only.

        Raises:
            UsageError: the build has no service of that name, or an annotation is no guest type.
        """
        if function.__name__ not in self.numbers:
            raise UsageError(
                f"{function.__name__} is no service of this build; name the function like the service"
            )
        try:
            replacement = prototype(function)
        except (NameError, TypeError) as error:
            raise UsageError(f"the annotations of {function.__name__} cannot be used: {error}") from error
        self._bind(Service(replacement, function, support))

    def observe(self, observer: CallObserver | None) -> None:
        """Bind every handler with ``observer`` around it, or bare again with None."""
        self._observer = observer
        for declared in list(self._services.values()):
            self._bind(declared)

    def _missing(self, number: int, slots: Sequence[int]) -> int:
        first = self._unbound.get(number)
        if first is not None:
            self._bind(first)
            return self._bound[number](slots)
        name = self.name_of(number)
        if name is None:
            return 0xC000001C  # STATUS_INVALID_SYSTEM_SERVICE
        error = Unsupported(f"service {name} (number {number:X}h) is not implemented")
        if self._observer is None:
            return self.unsupported(name, error)
        answer, done = self._observer(
            Service(Prototype(name, ()), _never, Support.DECLARED), number, slots, ()
        )
        return done(self.unsupported(name, error) if answer is None else answer)

    def _bind(self, declared: Service) -> None:
        number = self.numbers[declared.name]
        self._unbound.pop(number, None)
        self._services[declared.name] = declared
        self.argument_counts[number] = _slots(declared.prototype, self._width)
        self._bound[number] = _bound(
            declared,
            number,
            declared.decoder(self._width),
            self._kernel,
            self._observer,
            lambda error: self.unsupported(declared.name, error),
        )


def _slots(prototype: Prototype, width: Width) -> int:
    """Argument slots of a call; in 32 bits a 64-bit value takes two."""
    return prototype.arg_bytes32 // 4 if width == 32 else len(prototype.parameters)


def _bound(
    declared: Service,
    number: int,
    decode: Decoder,
    kernel: Kernel,
    observer: CallObserver | None,
    unsupported: Callable[[Unsupported], int],
) -> Callable[[Sequence[int]], int]:
    handler, memory, on_fault = declared.handler, kernel.memory, declared.on_fault

    def call(slots: Sequence[int]) -> int:
        try:
            return handler(kernel, *decode(memory, slots)) & 0xFFFFFFFF
        except GuestFault as fault:
            return on_fault(kernel, fault)
        except Blocked:
            return BLOCKED
        except Unsupported as error:
            return unsupported(error)

    def observed_call(slots: Sequence[int]) -> int:
        assert observer is not None
        values: Sequence[Any] = ()
        failed: GuestFault | None = None
        try:
            values = decode(memory, slots)
        except GuestFault as fault:
            failed = fault
        answer, done = observer(declared, number, slots, values)
        if answer is not None:
            return done(answer)
        if failed is not None:
            return done(on_fault(kernel, failed))
        try:
            status = handler(kernel, *values) & 0xFFFFFFFF
        except GuestFault as fault:
            status = on_fault(kernel, fault)
        except Blocked:
            kernel.scheduler.current.completed = done
            return BLOCKED
        except Unsupported as error:
            status = unsupported(error)
        return done(status)

    return call if observer is None else observed_call
