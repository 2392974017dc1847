"""Structures with a 32-bit and a 64-bit layout from one declaration, and the way between bytes and values.

Width belongs to the layout, never to the machine; memory is a protocol. Who may import it: everybody, through
:mod:`wowsim.nt.abi`.
"""

from __future__ import annotations

import struct as _struct
import sys
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar, get_args, get_origin

from wowsim.nt.annotations import Annotations
from wowsim.nt.records import dataclass
from wowsim.nt.scalars import PVOID, SCALARS, Width, fit, scalar_of

if TYPE_CHECKING:
    from collections.abc import Iterator

S = TypeVar("S", bound=type)


class Memory(Protocol):
    """Guest memory as services and thunks see it. Bad addresses raise :class:`GuestFault`."""

    def read(self, address: int, size: int) -> bytes:
        """Read ``size`` bytes."""

    def write(self, address: int, data: bytes) -> None:
        """Write all of ``data``, or nothing and raise."""

    def unpack(self, layout: _struct.Struct, address: int) -> tuple[Any, ...]:
        """Read and unpack."""

    def pack(self, layout: _struct.Struct, address: int, *values: Any) -> None:
        """Pack and write."""

    def probe_write(self, address: int, size: int) -> None:
        """Raise unless every byte is a writable user byte (the kernel's ProbeForWrite)."""


@dataclass(frozen=True)
class Ptr:
    """Annotates an integer field as a pointer to a structure that a thunk converts deeply."""

    target: type


@dataclass(frozen=True)
class Bytes:
    """Annotates a ``bytes`` field with its size, the same in both layouts."""

    size: int


@dataclass(frozen=True)
class Field:
    """One field of a layout: NT name, type, offset and size in bytes."""

    name: str
    type: Any
    offset: int
    size: int
    pointer_to: type | None = None


def _align(value: int, alignment: int) -> int:
    return -(-value // alignment) * alignment


def unwrap(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type and what ``Annotated`` says about it."""
    if get_origin(hint) is Annotated:
        base, *extras = get_args(hint)
        return base, tuple(extras)
    return hint, ()


_HINTS = Annotations(unwrap)


def _members(cls: type) -> Iterator[tuple[str, tuple[Any, tuple[Any, ...]]]]:
    """Name, type and extras of every field, those of base classes first."""
    for base in reversed(cls.__mro__):
        namespace = vars(sys.modules[base.__module__])
        for name, hint in vars(base).get("__annotations__", {}).items():
            yield name, _HINTS.read(hint, namespace)


class Layout:
    """A structure in one width: offsets, size, and the way between bytes and instances.

    Attributes:
        fields: in the order of memory.
        alignment: of the structure, in bytes; ``size`` is a multiple of it.
        struct: unpacks one value per field.
    """

    size: int
    alignment: int

    def __init__(self, cls: type, width: Width) -> None:
        self.cls = cls
        self.width = width
        self.fields: dict[str, Field] = {}
        codes: list[str] = ["<"]
        offset, alignment = 0, 1
        self._nested = False
        for name, (base, extras) in _members(cls):
            target = next((e.target for e in extras if isinstance(e, Ptr)), None)
            if base in STRUCTURES:
                inner = layout(base, width)
                size, unit, code = inner.size, inner.alignment, f"{inner.size}s"
                self._nested = True
            elif base is bytes:
                size = next(e.size for e in extras if isinstance(e, Bytes))
                unit, code = 1, f"{size}s"
            else:
                scalar = scalar_of(PVOID if target else base, f"{cls.__name__}.{name}")
                size = unit = scalar.size(width)
                code = scalar.code(width)
            start = _align(offset, unit)
            codes.append("x" * (start - offset) + code)
            self.fields[name] = Field(name, PVOID if target else base, start, size, target)
            offset, alignment = start + size, max(alignment, unit)
        self.alignment = alignment
        self.size = _align(offset, alignment)
        codes.append("x" * (self.size - offset))
        self.struct = _struct.Struct("".join(codes))
        self._values = attrgetter(*self.fields)

    def unpack(self, values: tuple[Any, ...]) -> Any:
        """An instance from what :attr:`struct` unpacked."""
        if self._nested:
            values = tuple(
                layout(f.type, self.width).from_bytes(v) if f.type in STRUCTURES else v
                for f, v in zip(self.fields.values(), values, strict=True)
            )
        return self.cls(*values)

    def from_bytes(self, data: bytes) -> Any:
        """An instance from exactly :attr:`size` bytes."""
        return self.unpack(self.struct.unpack(data))

    def to_bytes(self, value: Any) -> bytes:
        """The bytes of an instance; an integer that its field cannot hold is cut."""
        if self._nested or len(self.fields) == 1:
            return self.struct.pack(*self._flat(value))
        try:
            return self.struct.pack(*self._values(value))
        except _struct.error:
            return self.struct.pack(*self._flat(value))

    def _flat(self, value: Any) -> Iterator[Any]:
        for field in self.fields.values():
            item = getattr(value, field.name)
            if field.type in STRUCTURES:
                yield layout(field.type, self.width).to_bytes(item)
            elif field.type is bytes:
                yield item
            else:
                yield fit(SCALARS[field.type], self.width, item)


STRUCTURES: dict[type, dict[Width, Layout]] = {}
"""Layouts of every declared structure, by class and width."""


def struct(cls: S) -> S:
    """Class decorator above ``@dataclass``, or of a :class:`Record`: registers the 32-bit and the 64-bit layout."""
    STRUCTURES[cls] = {}
    return cls


class Record:
    """Base of a structure that only passes through: no service makes or compares one.

    It goes without ``@dataclass``, whose generated methods cost an import half a millisecond for each structure.
    """

    def __init__(self, *values: Any) -> None:
        for (name, _), value in zip(_members(type(self)), values, strict=True):
            setattr(self, name, value)


def layout(cls: type, width: Width) -> Layout:
    """The layout of a declared structure; computed once."""
    known = STRUCTURES[cls]
    if width not in known:
        known[width] = Layout(cls, width)
    return known[width]


def encode(kind: Any, width: Width, value: Any) -> bytes:
    """The guest bytes of a scalar or structure."""
    if kind in STRUCTURES:
        return layout(kind, width).to_bytes(value)
    shape = _SCALAR_STRUCTS[kind, width]
    try:
        return shape.pack(value)
    except _struct.error:
        return shape.pack(fit(SCALARS[kind], width, value))


_SCALAR_STRUCTS = {
    (kind, width): _struct.Struct("<" + scalar.code(width))
    for kind, scalar in SCALARS.items()
    for width in (32, 64)
}


def scalar_struct(kind: Any, width: Width) -> _struct.Struct:
    """What packs a scalar in that layout."""
    return _SCALAR_STRUCTS[kind, width]


def load(memory: Memory, address: int, kind: Any, width: Width) -> Any:
    """Read a scalar or structure from the guest."""
    if kind in STRUCTURES:
        shape = layout(kind, width)
        return shape.unpack(memory.unpack(shape.struct, address))
    return memory.unpack(_SCALAR_STRUCTS[kind, width], address)[0]


def size_of(kind: Any, width: Width) -> int:
    """Size in bytes of a scalar or structure in that layout."""
    return layout(kind, width).size if kind in STRUCTURES else SCALARS[kind].size(width)
