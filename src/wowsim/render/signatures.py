"""Signatures of services as C declares them, and structures with both layouts, as ``dt`` shows one.

Who may import it: the simulation and the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wowsim.nt.abi import (
    PPS_ATTRIBUTE_LIST,
    PSECURITY_DESCRIPTOR,
    STRUCTURES,
    Array,
    Parameter,
    Pass,
    Prototype,
    Unconverted,
    layout,
)
from wowsim.nt.service_numbers import hexadecimal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.nt.abi import Field

_DIRECTIONS = {Pass.VALUE: "_In_", Pass.IN: "_In_", Pass.OUT: "_Out_", Pass.INOUT: "_Inout_"}
_OPTIONAL = "opt_"


def declaration(prototype: Prototype, returns: str) -> Iterator[str]:
    """The lines of a C declaration with the directions as SAL annotations."""
    if not prototype.parameters:
        yield f"{returns} {prototype.name}(VOID);"
        return
    yield f"{returns} {prototype.name}("
    *others, last = (_parameter(prototype, parameter) for parameter in prototype.parameters)
    for line in others:
        yield f"    {line},"
    yield f"    {last}"
    yield ");"


def _parameter(prototype: Prototype, parameter: Parameter) -> str:
    name, pointee = parameter.nt_name, parameter.pointee
    if isinstance(pointee, Array):
        count = next(p.nt_name for p in prototype.parameters if p.name == pointee.count)
        return f"_In_reads_opt_({count}) {pointee.kind.__name__} *{name}"
    if isinstance(pointee, Unconverted):
        return f"_Inout_opt_ {pointee.name} *{name}"
    direction = _DIRECTIONS[parameter.passed] + _OPTIONAL * parameter.optional
    if parameter.kind in (PSECURITY_DESCRIPTOR, PPS_ATTRIBUTE_LIST):
        direction = "_In_opt_"
    star = "" if parameter.passed is Pass.VALUE else "*"
    return f"{direction} {parameter.kind.__name__} {star}{name}"


def structures(prototype: Prototype) -> list[type]:
    """Every structure a signature leads to, each behind the one that leads to it."""
    found: list[type] = []

    def follow(kind: Any) -> None:
        if kind not in STRUCTURES or kind in found:
            return
        found.append(kind)
        for member in layout(kind, 32).fields.values():
            follow(member.pointer_to or member.type)

    for parameter in prototype.parameters:
        follow(parameter.pointee.kind if isinstance(parameter.pointee, Array) else parameter.kind)
    return found


def layouts(kind: type) -> Iterator[str]:
    """A structure in both widths: offset and size of each field, first in 32 bits, then in 64."""
    narrow, wide = layout(kind, 32), layout(kind, 64)
    yield f"{kind.__name__}: {hexadecimal(narrow.size)} bytes, in 64 bits {hexadecimal(wide.size)}"
    for name, member in narrow.fields.items():
        yield f"  {_place(member)}  {_place(wide.fields[name])}  {_type(member)}{name}"


def _place(member: Field) -> str:
    return f"+{member.offset:03x} {member.size:<3x}"


def _type(member: Field) -> str:
    if member.pointer_to is not None:
        return f"{member.pointer_to.__name__} *"
    return "" if member.type is bytes else f"{member.type.__name__} "
