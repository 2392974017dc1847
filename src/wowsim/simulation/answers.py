"""What a callback answers in the place of a service call, and how its outputs reach the caller.

Stands for no Windows component. Who may import it: the simulation.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from wowsim.errors import GuestFault, UsageError
from wowsim.nt.abi import PVOID, STRUCTURES, Parameter, Pass, Prototype, encode, layout, load
from wowsim.simulation.arguments import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from struct import Struct

    from wowsim.cpu.paging import PageTables
    from wowsim.nt.abi import Memory, Width


class Answer:
    """Ends a service call where it is, with a status and outputs of the callback's choice.

    Args:
        status: the NTSTATUS that the caller gets.
        outputs: by NT parameter name (``FileHandle=0x44``): an int, a structure or a dict of its fields, or bytes,
            which are written as they are. They go through the caller's pointers in the width of the layer; one for a
            NULL pointer is dropped, a pointer that cannot be written gives the status of the fault.

    Raises:
        UsageError: ``status`` is no NTSTATUS.
    """

    __slots__ = ("outputs", "status")

    def __init__(self, status: int, /, **outputs: Any) -> None:
        if not isinstance(status, int) or isinstance(status, bool) or not -(1 << 31) <= status < 1 << 32:
            raise UsageError(f"Answer({status!r}); expected an NTSTATUS such as 0xC0000022")
        self.status = status & 0xFFFFFFFF
        self.outputs = outputs

    def __repr__(self) -> str:
        """``Answer(0xc0000022)``."""
        return "".join([f"Answer({self.status:#x}", *(f", {k}={v!r}" for k, v in self.outputs.items()), ")"])


class Glance:
    """Guest memory looked at without a trace: no faults are resolved, no guard page is used up."""

    def __init__(self, tables: PageTables) -> None:
        self._peek = tables.peek

    def read(self, address: int, size: int) -> bytes:
        """Bytes, or a GuestFault where a page is missing."""
        found = self._peek(address, size)
        if found is None:
            raise GuestFault(0xC0000005, address)
        return found

    def unpack(self, layout: Struct, address: int) -> tuple[Any, ...]:
        """Read and unpack."""
        return layout.unpack(self.read(address, layout.size))

    def probe_write(self, address: int, size: int) -> None:
        """Whoever only looks writes nothing."""


def slots_of(prototype: Prototype, width: Width, slots: Sequence[int]) -> Iterator[tuple[Parameter, int]]:
    """Each parameter with its slot (64-bit values of a 32-bit call take two)."""
    joined = prototype.join(slots) if width == 32 else slots
    return zip(prototype.parameters, joined, strict=False)


def decoded(
    memory: Any, width: Width, prototype: Prototype, slots: Sequence[int], *, after: bool
) -> dict[str, Any]:
    """NT parameter name -> plain value; outputs only ``after`` the call.

    Args:
        memory: what to look through; a :class:`Glance`.
        width: of the layer.
        prototype: the service's.
        slots: as many as it takes.
        after: whether outputs are written already.
    """
    found: dict[str, Any] = {}
    for parameter, slot in slots_of(prototype, width, slots):
        try:
            found[parameter.nt_name] = plain(memory, width, _value(memory, width, parameter, slot, after))
        except GuestFault:
            found[parameter.nt_name] = None
    return found


def _value(memory: Any, width: Width, parameter: Parameter, slot: int, after: bool) -> Any:
    if parameter.passed is Pass.VALUE:
        single = Prototype("", (parameter,))
        return single.decoder(width)(memory, (slot & 0xFFFFFFFF, slot >> 32) if width == 32 else (slot,))[0]
    if slot == 0 or (parameter.passed is Pass.OUT and not after):
        return None
    return load(memory, slot, parameter.kind, width)


def write_outputs(
    memory: Memory, width: Width, name: str, prototype: Prototype | None, slots: Sequence[int], answer: Answer
) -> int:
    """Write an answer's outputs through the caller's pointers; the status that the caller gets.

    Raises:
        UsageError: the service has no such output, or the value does not fit it.
    """
    if not answer.outputs:
        return answer.status
    parameters = (
        {} if prototype is None else {p.nt_name: (p, s) for p, s in slots_of(prototype, width, slots)}
    )
    writes = [
        (parameters[key][1], _bytes(width, parameters[key][0], value))
        for key, value in answer.outputs.items()
        if _is_output(name, parameters, key)
    ]
    try:
        for pointer, data in writes:
            if pointer:
                memory.write(pointer, data)
    except GuestFault as fault:
        return fault.status
    return answer.status


def _is_output(name: str, parameters: dict[str, tuple[Parameter, int]], key: str) -> bool:
    outputs = [
        nt_name
        for nt_name, (parameter, _) in parameters.items()
        if parameter.passed in (Pass.OUT, Pass.INOUT) or parameter.kind is PVOID
    ]
    if key not in outputs:
        close = get_close_matches(key, outputs, 3, 0.4) or outputs
        raise UsageError(
            f"Answer({key}=...): {name} has no such output; expected {', '.join(close) or 'none: wowsim knows none'}"
        )
    return True


def _bytes(width: Width, parameter: Parameter, value: Any) -> bytes:
    """An output as it lies in guest memory."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    kind = parameter.kind
    expected = "bytes"
    if parameter.passed is not Pass.VALUE and kind in STRUCTURES:
        fields = list(layout(kind, width).fields)
        if isinstance(value, dict) and value.keys() == set(fields):
            value = kind(**value)
        if isinstance(value, kind):
            return encode(kind, width, value)
        expected = f"bytes, {kind.__name__} or a dict of {', '.join(fields)}"
    elif parameter.passed is not Pass.VALUE:
        if isinstance(value, int):
            return encode(kind, width, value)
        expected = "an integer or bytes"
    raise UsageError(f"Answer({parameter.nt_name}={value!r}); expected {expected}")
