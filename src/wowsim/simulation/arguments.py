"""Decoded service arguments as plain values for traces: ints, strings, dicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wowsim.errors import GuestFault
from wowsim.nt.abi import STRUCTURES, Out, Prototype, Width, layout
from wowsim.nt.structures import UNICODE_STRING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wowsim.nt.abi import Memory

MAX_TEXT = 0x1000
"""Longest string kept of an argument, bytes."""


def plain(memory: Memory, width: Width, value: Any) -> Any:
    """A structure as a dict, with the strings it points to; other values unchanged."""
    kind = type(value)
    if isinstance(value, Out):
        return plain(memory, width, value.written)
    if kind not in STRUCTURES:
        return value
    if kind is UNICODE_STRING:
        return _text(memory, value)
    shape = layout(kind, width)
    result = {}
    for name, member in shape.fields.items():
        item = getattr(value, name)
        if member.pointer_to is UNICODE_STRING and item:
            item = _string_at(memory, width, item)
        result[name] = plain(memory, width, item)
    return result


def _string_at(memory: Memory, width: Width, address: int) -> Any:
    shape = layout(UNICODE_STRING, width)
    try:
        return _text(memory, shape.unpack(memory.unpack(shape.struct, address)))
    except GuestFault:
        return address


def _text(memory: Memory, string: UNICODE_STRING) -> Any:
    try:
        raw = memory.read(string.Buffer, min(string.Length, MAX_TEXT))
    except GuestFault:
        return {"Length": string.Length, "Buffer": string.Buffer}
    return raw[: len(raw) & ~1].decode("utf-16-le", "backslashreplace")


def named(memory: Memory, width: Width, prototype: Prototype, values: Sequence[Any]) -> dict[str, Any]:
    """NT parameter name -> plain value."""
    return {p.nt_name: plain(memory, width, v) for p, v in zip(prototype.parameters, values, strict=False)}
