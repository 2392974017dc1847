"""What a thunk does to one parameter whose pointee differs between the widths (wow64.dll's ``Wow64ShallowThunk*``).

The 64-bit call gets the address of a scratch area in the thunk's own stack frame; ``fill`` writes the 64-bit form
there before the call, ``finish`` writes results back behind it. Rules: wow64-facts section 6.
Who may import it: host64.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from wowsim.errors import Unsupported
from wowsim.host64.thread_attributes import ATTRIBUTES_SIZE, narrow_attributes, widen_attributes
from wowsim.nt.abi import (
    HANDLE,
    PPS_ATTRIBUTE_LIST,
    PSECURITY_DESCRIPTOR,
    SCALARS,
    SIZE_T,
    STRUCTURES,
    Memory,
    Parameter,
    Pass,
    Unconverted,
    layout,
    size_of,
)
from wowsim.nt.structures import IO_STATUS_BLOCK, OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Iterator

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_SIGNS = 0xFFFFFFFF_00000000

Fill = Callable[[Memory, int, int], "int | None"]
"""(memory, 32-bit pointer, scratch address): write the 64-bit form of what the pointer, not NULL, points to. What it
returns, if anything, is passed to the 64-bit call in the place of the scratch address."""
Finish = Callable[[Memory, int, int, int], None]
"""(memory, 32-bit pointer, scratch address, status): write results back."""


@dataclass(frozen=True)
class Conversion:
    """The conversion of one parameter.

    Attributes:
        size: bytes of scratch area.
        fill: fills it.
        finish: writes the result back, if there is one.
        prepare: assembly that needs no guest pointer: RAX is the pointer, ``{0}`` the scratch area's offset.
        clear: the caller's dword becomes zero before the call (section 6), once every pointer has proved good.
    """

    size: int
    fill: Fill
    finish: Finish | None = None
    prepare: str = ""
    clear: bool = False


@cache
def same_in_both_widths(kind: Any) -> bool:
    """Whether a pointee's 32-bit and 64-bit layouts are byte for byte the same."""
    if kind in STRUCTURES:
        narrow, wide = layout(kind, 32), layout(kind, 64)
        return narrow.size == wide.size and all(
            narrow.fields[name].offset == field.offset and same_in_both_widths(field.type)
            for name, field in wide.fields.items()
            if field.type is not bytes
        )
    scalar = SCALARS[kind]
    return scalar.code32 == scalar.code64


def conversion(service: str, parameter: Parameter) -> Conversion | None:
    """How a parameter is converted; None where its slot alone, widened, is enough.

    Args:
        service: the Nt name, for what cannot be converted.
        parameter: one of its parameters.
    """
    kind, passed = parameter.kind, parameter.passed
    if kind is PPS_ATTRIBUTE_LIST:
        return Conversion(ATTRIBUTES_SIZE, widen_attributes, narrow_attributes)
    if kind is PSECURITY_DESCRIPTOR and passed is Pass.VALUE:
        return Conversion(DESCRIPTOR_SIZE, security_descriptor)
    if isinstance(parameter.pointee, Unconverted):
        return Conversion(0, _refusal(service, parameter.pointee.name))
    if passed is Pass.VALUE or same_in_both_widths(kind):
        return None
    if kind is OBJECT_ATTRIBUTES:
        return OBJECT_ATTRIBUTES_IN
    if kind is IO_STATUS_BLOCK:
        return Conversion(0x10, _probe(8), _status_block_back, _STATUS_BLOCK)
    if passed is Pass.IN:
        return Conversion(*deep_copier(kind))
    size = size_of(kind, 64)
    if kind in STRUCTURES:
        return Conversion(
            size, _cell(kind) if passed is Pass.OUT else _filled_cell(kind), _structure_back(kind)
        )
    if passed is Pass.OUT and kind is HANDLE:
        return Conversion(size, _probe(4), _scalar_back, "and qword ptr [rsp+{0}], 0", clear=True)
    # what the kernel does not write stays the caller's
    back = _size_back if kind is SIZE_T else _scalar_back
    return Conversion(size, _scalar_inout(SCALARS[kind].sign), back)


def _refusal(service: str, structure: str) -> Fill:
    def refuse(memory: Memory, pointer: int, scratch: int) -> int | None:
        raise Unsupported(f"{service}: converting a {structure} from 32 to 64 bits is not implemented")

    return refuse


# ---------------------------------------------------------------- scalars behind pointers
def _probe(size: int) -> Fill:
    def fill(memory: Memory, pointer: int, scratch: int) -> int | None:
        memory.probe_write(pointer, size)
        return None

    return fill


def _scalar_in(sign: bool) -> Fill:
    def fill(memory: Memory, pointer: int, scratch: int) -> int | None:
        (value,) = memory.unpack(_U32, pointer)
        memory.pack(_U64, scratch, value | _SIGNS if sign and value & 0x80000000 else value)
        return None

    return fill


def _scalar_inout(sign: bool) -> Fill:
    read = _scalar_in(sign)

    def fill(memory: Memory, pointer: int, scratch: int) -> int | None:
        memory.probe_write(pointer, 4)
        return read(memory, pointer, scratch)

    return fill


def _scalar_back(memory: Memory, pointer: int, scratch: int, status: int) -> None:
    memory.pack(_U32, pointer, memory.unpack(_U32, scratch)[0])


def _size_back(memory: Memory, pointer: int, scratch: int, status: int) -> None:
    """A SIZE_T that 32 bits cannot hold becomes the greatest that they can (section 6)."""
    memory.pack(_U32, pointer, min(memory.unpack(_U64, scratch)[0], 0xFFFFFFFF))


# ---------------------------------------------------------------- structures
def _cell(kind: type) -> Fill:
    zero, size = bytes(size_of(kind, 64)), size_of(kind, 32)

    def fill(memory: Memory, pointer: int, scratch: int) -> int | None:
        memory.probe_write(pointer, size)
        memory.write(scratch, zero)
        return None

    return fill


def _filled_cell(kind: type) -> Fill:
    _, copy = shallow_copier(kind)
    size = size_of(kind, 32)

    def fill(memory: Memory, pointer: int, scratch: int) -> int | None:
        memory.probe_write(pointer, size)
        return copy(memory, pointer, scratch)

    return fill


def _structure_back(kind: type) -> Finish:
    narrow, wide = layout(kind, 32), layout(kind, 64)

    def finish(memory: Memory, pointer: int, scratch: int, status: int) -> None:
        if status < 0x80000000:
            value = wide.unpack(memory.unpack(wide.struct, scratch))
            memory.write(pointer, narrow.to_bytes(value))

    return finish


def widened(kind: Any, data: bytes) -> bytes:
    """The 64-bit bytes of a structure or scalar from its 32-bit ones: handles sign-extended, the rest with zeros."""
    if kind not in STRUCTURES:
        scalar = SCALARS[kind]
        (value,) = struct.unpack("<" + scalar.code32, data)
        signed = scalar.sign and scalar.size(64) == 8 and scalar.size(32) == 4 and value & 0x80000000
        return struct.pack("<" + scalar.code64, value | _SIGNS if signed else value)
    narrow, wide = layout(kind, 32), layout(kind, 64)
    return wide.struct.pack(*_widened_fields(kind, narrow.struct.unpack(data)))


def _widened_fields(kind: type, values: tuple[Any, ...]) -> Iterator[Any]:
    for field, value in zip(layout(kind, 32).fields.values(), values, strict=True):
        if field.type in STRUCTURES:
            yield widened(field.type, value)
        elif field.type is bytes or not _is_signed(field.type) or not value & 0x80000000:
            yield value
        else:
            yield value | _SIGNS


def _is_signed(kind: Any) -> bool:
    scalar = SCALARS[kind]
    return scalar.sign and scalar.size(64) == 8 and scalar.size(32) == 4


def shallow_copier(kind: type) -> tuple[int, Fill]:
    """Scratch size and copier of a structure whose pointers stay what they are, widened."""
    narrow, wide = layout(kind, 32), layout(kind, 64)

    def copy(memory: Memory, pointer: int, scratch: int) -> int | None:
        values = memory.unpack(narrow.struct, pointer)
        memory.pack(wide.struct, scratch, *_widened_fields(kind, values))
        return None

    return wide.size, copy


def deep_copier(kind: Any) -> tuple[int, Fill]:
    """Scratch size and copier of a captured input structure, with the structures it points to behind it."""
    if kind is OBJECT_ATTRIBUTES:
        return OBJECT_ATTRIBUTES_IN.size, OBJECT_ATTRIBUTES_IN.fill
    if kind not in STRUCTURES:
        return 8, _scalar_in(SCALARS[kind].sign)
    narrow, wide = layout(kind, 32), layout(kind, 64)
    inner: list[tuple[int, int, Fill]] = []
    size = wide.size
    for at, member in enumerate(narrow.fields.values()):
        target = member.pointer_to
        if member.type is PSECURITY_DESCRIPTOR:
            need, copier = DESCRIPTOR_COPIER
        elif target is not None and not same_in_both_widths(target):
            need, copier = deep_copier(target)
        else:
            continue
        size = (size + 7) & ~7
        inner.append((at, size, copier))
        size += need

    def copy(memory: Memory, pointer: int, scratch: int) -> int | None:
        values = list(_widened_fields(kind, memory.unpack(narrow.struct, pointer)))
        for at, offset, copier in inner:
            if values[at]:
                other = copier(memory, values[at], scratch + offset)
                values[at] = scratch + offset if other is None else other
        memory.pack(wide.struct, scratch, *values)
        return None

    return size, copy


# ---------------------------------------------------------------- the structures with rules of their own
_DESCRIPTOR32, _DESCRIPTOR64 = struct.Struct("<BBHIIII"), struct.Struct("<BBH4xQQQQ")
_CONTROL = struct.Struct("<2xH")
DESCRIPTOR_SIZE = _DESCRIPTOR64.size
_SE_SELF_RELATIVE = 0x8000


def security_descriptor(memory: Memory, pointer: int, scratch: int) -> int | None:
    """SECURITY_DESCRIPTOR: a self-relative one is the same in both widths, of an absolute one the pointers widen.

    SIDs and ACLs behind them are the same in both widths.
    """
    if memory.unpack(_CONTROL, pointer)[0] & _SE_SELF_RELATIVE:
        return pointer
    memory.pack(_DESCRIPTOR64, scratch, *memory.unpack(_DESCRIPTOR32, pointer))
    return None


DESCRIPTOR_COPIER: tuple[int, Fill] = DESCRIPTOR_SIZE, security_descriptor

_OA32, _OA64 = layout(OBJECT_ATTRIBUTES, 32), layout(OBJECT_ATTRIBUTES, 64)
_US32 = struct.Struct("<HHI")
_IOSB32, _IOSB64 = struct.Struct("<II"), struct.Struct("<QQ")
_NAMED = struct.Struct(_OA64.struct.format + "HH4xQ")
OBJECT_NAME = _OA64.size
"""Where the 64-bit UNICODE_STRING lies behind the OBJECT_ATTRIBUTES that points to it."""
_DESCRIPTOR = _NAMED.size


def object_attributes(memory: Memory, pointer: int, scratch: int) -> int | None:
    """OBJECT_ATTRIBUTES with its name; a wrong Length leaves a zeroed structure, which the kernel refuses."""
    length, root, name, attributes, security, quality = memory.unpack(_OA32.struct, pointer)
    if length != _OA32.size:
        memory.write(scratch, bytes(_OA64.size))
        return None
    if root & 0x80000000:
        root |= _SIGNS
    if security:
        inner = scratch + _DESCRIPTOR
        other = security_descriptor(memory, security, inner)
        security = inner if other is None else other
    if name:
        string = memory.unpack(_US32, name)
        name = scratch + OBJECT_NAME
        memory.pack(_NAMED, scratch, _OA64.size, root, name, attributes, security, quality, *string)
    else:
        memory.pack(_OA64.struct, scratch, _OA64.size, root, name, attributes, security, quality)
    return None


OBJECT_ATTRIBUTES_IN = Conversion(_DESCRIPTOR + DESCRIPTOR_SIZE, object_attributes)

_STATUS_BLOCK = "mov qword ptr [rsp+{0}], rax\nand qword ptr [rsp+{0}+8], 0"
"""The 64-bit block's first field points at the 32-bit block, so that a late completion finds it."""


def _status_block_back(memory: Memory, pointer: int, scratch: int, status: int) -> None:
    first, information = memory.unpack(_IOSB64, scratch)
    if first != pointer:  # the kernel wrote it: the operation is complete
        memory.pack(_IOSB32, pointer, first & 0xFFFFFFFF, information & 0xFFFFFFFF)
