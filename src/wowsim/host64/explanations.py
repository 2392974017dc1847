"""What the thunks of wow64.dll do to each argument, in words: the rules of ``host64.conversions`` for people.

Derived from the prototype and from the tables that the thunks are made of. Who may import it: the simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.host64.classes import Query, Setting
from wowsim.host64.conversions import same_in_both_widths
from wowsim.host64.overrides import SPECIAL, buffers, overrides
from wowsim.host64.redirection import RedirectedName
from wowsim.nt.abi import (
    APC_CONTEXT,
    PAPC_ROUTINE,
    PPS_ATTRIBUTE_LIST,
    PSECURITY_DESCRIPTOR,
    PVOID,
    SCALARS,
    STRUCTURES,
    Array,
    Parameter,
    Pass,
    Prototype,
    Unconverted,
    size_of,
)
from wowsim.nt.service_numbers import hexadecimal
from wowsim.nt.structures import IO_STATUS_BLOCK, OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.host64.buffers import Buffer
    from wowsim.nt.builds import Build

_BY_VALUE = {
    PVOID: "pointer passed, zero-extended",
    PAPC_ROUTINE: "apc: a routine becomes wow64!Wow64ApcRoutine",
    APC_CONTEXT: "apc: the routine goes into its upper half",
    PPS_ATTRIBUTE_LIST: "deep-converted, each attribute by its kind; results are written back",
    PSECURITY_DESCRIPTOR: "pointer passed if self-relative, else the pointers in it are zero-extended",
}
_BY_POINTER = {
    OBJECT_ATTRIBUTES: "deep-converted with its name and security descriptor; a wrong Length makes it a zeroed one",
    IO_STATUS_BLOCK: "status block trick: the 64-bit block points to this one, and is copied back once it is written",
}


def describe(parameter: Parameter) -> str:
    """What the derived thunk does to one argument."""
    kind, passed = parameter.kind, parameter.passed
    if isinstance(parameter.pointee, Unconverted):
        return f"refused unless NULL: no conversion of a {parameter.pointee.name}"
    if isinstance(parameter.pointee, Array):
        return f"array: each {parameter.pointee.kind.__name__} is {_widened(parameter.pointee.kind)}"
    if passed is Pass.VALUE:
        return _BY_VALUE.get(kind) or _value(kind)
    if same_in_both_widths(kind):
        return "pointer passed, zero-extended"
    special = _BY_POINTER.get(kind)
    if special is not None:
        return special
    size = f"{hexadecimal(size_of(kind, 32))} -> {hexadecimal(size_of(kind, 64))} bytes"
    if passed is Pass.IN:
        return f"{_widened(kind)} into the thunk's frame, {size}"
    if passed is Pass.INOUT:
        return f"{_widened(kind)} into the thunk's frame, {size}; narrowed back"
    if kind in STRUCTURES:
        return f"a zeroed one in the thunk's frame, {size}; narrowed back on success"
    return f"the caller's is zeroed, the call gets one in the thunk's frame, {size}; narrowed back"


def besides(build: Build, prototype: Prototype) -> Iterator[str]:
    """What a service's thunk does on this build that its prototype does not say."""
    if prototype.name in overrides(build):
        yield "named override: guest code of its own in the place of a derived thunk"
    for name in SPECIAL.get(prototype.name, ()):
        yield f"named override: {_nt_name(prototype, name)} has a conversion of its own"
    for buffer in buffers(build).get(prototype.name, ()):
        yield from _buffer(prototype, buffer)


def _nt_name(prototype: Prototype, name: str) -> str:
    return next(parameter.nt_name for parameter in prototype.parameters if parameter.name == name)


def _buffer(prototype: Prototype, buffer: Buffer) -> Iterator[str]:
    parameters = prototype.parameters
    if isinstance(buffer, (Query, Setting)):
        named, classes = parameters[buffer.class_at].nt_name, sorted(buffer.shapes)
        direction = "from" if isinstance(buffer, Query) else "to"
        yield f"named override: buffers of {named} {_listed(classes)} are converted {direction} their 64-bit form"
    if isinstance(buffer, Query) and buffer.classes:
        pairs = ", ".join(f"{asked} to {given}" for asked, given in sorted(buffer.classes.items()))
        yield f"named override: {parameters[buffer.class_at].nt_name} {pairs}"
    if isinstance(buffer, RedirectedName):
        yield f"named override: {buffer.kind} redirection of the name in {parameters[buffer.at].nt_name}"


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def _value(kind: object) -> str:
    scalar = SCALARS[kind]
    if scalar.size(32) == 8:
        return "two slots, passed as one"
    return "sign-extended" if scalar.sign and scalar.size(64) == 8 else "zero-extended"


def _widened(kind: object) -> str:
    return "deep-converted" if kind in STRUCTURES else _value(kind)
