"""NT types, structures with a 32-bit and a 64-bit layout, and prototypes of services.

One declaration per structure and per service: width belongs to the layout, never to the machine.
Widening rules (a HANDLE is sign-extended, a pointer or count zero-extended) are a property of the type;
source: wow64-facts section 6.

Who may import it: everybody. It knows no layer; memory is a protocol.
"""

from __future__ import annotations

import dataclasses
import inspect
import struct as _struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from operator import attrgetter
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, Literal, NewType, Protocol, TypeVar, Union, get_args, get_origin
from typing import get_type_hints as _hints

from wowsim.errors import GuestFault

T = TypeVar("T")
S = TypeVar("S", bound=type)
Width = Literal[32, 64]

STATUS_ACCESS_VIOLATION = 0xC0000005

# ---------------------------------------------------------------- scalars
BOOLEAN = NewType("BOOLEAN", int)
UCHAR = NewType("UCHAR", int)
USHORT = NewType("USHORT", int)
ULONG = NewType("ULONG", int)
LONG = NewType("LONG", int)
ULONGLONG = NewType("ULONGLONG", int)
LARGE_INTEGER = NewType("LARGE_INTEGER", int)
ACCESS_MASK = NewType("ACCESS_MASK", int)
NTSTATUS = NewType("NTSTATUS", int)
HANDLE = NewType("HANDLE", int)
PVOID = NewType("PVOID", int)
SIZE_T = NewType("SIZE_T", int)
ULONG_PTR = NewType("ULONG_PTR", int)
PAPC_ROUTINE = NewType("PAPC_ROUTINE", int)
"""An APC routine or NULL; in a WoW64 process the 64-bit one is wow64!Wow64ApcRoutine."""
APC_CONTEXT = NewType("APC_CONTEXT", int)
"""What an APC routine is called with; directly behind the routine in a service's arguments."""
PPS_ATTRIBUTE_LIST = NewType("PPS_ATTRIBUTE_LIST", int)
"""A pointer to a PS_ATTRIBUTE_LIST or NULL: a list of variable length, which a thunk converts as a whole."""
PSECURITY_DESCRIPTOR = NewType("PSECURITY_DESCRIPTOR", int)
"""A pointer to an input SECURITY_DESCRIPTOR or NULL; its absolute form differs between the widths."""


@dataclass(frozen=True)
class Scalar:
    """How one scalar type lies in memory.

    Attributes:
        code32: ``struct`` code in the 32-bit layout.
        code64: ``struct`` code in the 64-bit layout.
        sign: whether 32->64 widening copies the sign bit (handles) or fills with zeros.
    """

    code32: str
    code64: str
    sign: bool = False

    def code(self, width: Width) -> str:
        """The ``struct`` code of that layout."""
        return self.code32 if width == 32 else self.code64

    def size(self, width: Width) -> int:
        """Size in bytes."""
        return _struct.calcsize(self.code(width))


SCALARS: dict[Any, Scalar] = {
    BOOLEAN: Scalar("B", "B"),
    UCHAR: Scalar("B", "B"),
    USHORT: Scalar("H", "H"),
    ULONG: Scalar("I", "I"),
    LONG: Scalar("i", "i", sign=True),
    ULONGLONG: Scalar("Q", "Q"),
    LARGE_INTEGER: Scalar("q", "q", sign=True),
    ACCESS_MASK: Scalar("I", "I"),
    NTSTATUS: Scalar("I", "I"),
    HANDLE: Scalar("I", "Q", sign=True),
    PVOID: Scalar("I", "Q"),
    SIZE_T: Scalar("I", "Q"),
    ULONG_PTR: Scalar("I", "Q"),
    PAPC_ROUTINE: Scalar("I", "Q"),
    APC_CONTEXT: Scalar("I", "Q"),
    PPS_ATTRIBUTE_LIST: Scalar("I", "Q"),
    PSECURITY_DESCRIPTOR: Scalar("I", "Q"),
}
"""Every scalar a prototype or structure may use."""


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


# ---------------------------------------------------------------- structures
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
        for name, hint in _hints(cls, include_extras=True).items():
            if name not in {f.name for f in dataclasses.fields(cls)}:
                continue
            base, extras = _unwrap(hint)
            if base in STRUCTURES:
                inner = layout(base, width)
                size, unit, code = inner.size, inner.alignment, f"{inner.size}s"
                self._nested = True
            elif base is bytes:
                size = next(e.size for e in extras if isinstance(e, Bytes))
                unit, code = 1, f"{size}s"
            else:
                scalar = scalar_of(
                    PVOID if any(isinstance(e, Ptr) for e in extras) else base, f"{cls.__name__}.{name}"
                )
                size = unit = scalar.size(width)
                code = scalar.code(width)
            start = _align(offset, unit)
            codes.append("x" * (start - offset) + code)
            target = next((e.target for e in extras if isinstance(e, Ptr)), None)
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
    """Class decorator above ``@dataclass``: registers the 32-bit and the 64-bit layout."""
    STRUCTURES[cls] = {}
    return cls


def layout(cls: type, width: Width) -> Layout:
    """The layout of a declared structure; computed once."""
    known = STRUCTURES[cls]
    if width not in known:
        known[width] = Layout(cls, width)
    return known[width]


def fit(scalar: Scalar, width: Width, value: int) -> int:
    """``value`` cut or re-signed so that it packs into that scalar in that layout."""
    code = scalar.code(width)
    bits = _struct.calcsize(code) * 8
    value &= (1 << bits) - 1
    if code.islower() and value >> (bits - 1):
        value -= 1 << bits
    return value


def widen(kind: Any, value: int) -> int:
    """A 32-bit slot as the 64-bit slot that WoW64 makes of it (handles sign-extended)."""
    scalar = SCALARS[kind]
    value &= 0xFFFFFFFF
    if scalar.sign and scalar.code32.lower() == "i" and value & 0x80000000:
        return value | 0xFFFFFFFF_00000000
    return value


def scalar_of(kind: Any, where: str) -> Scalar:
    """The scalar behind a type hint; an error that names the place and the choices otherwise."""
    found = SCALARS.get(kind)
    if found is None:
        known = ", ".join(sorted(k.__name__ for k in SCALARS))
        raise TypeError(f"{where}: {kind!r} is no guest type; use one of {known}, or a declared structure")
    return found


# ---------------------------------------------------------------- directions
class _Direction(Enum):
    IN = "in"


In = Annotated[T, _Direction.IN]
"""``In[T]``: a pointer to ``T`` in the guest; the handler receives the captured value itself."""


class Out(Generic[T]):
    """A pointer to ``T`` that the service writes. Probed for writing before the handler runs."""

    __slots__ = ("_memory", "_written", "address", "kind", "width")

    def __init__(self, memory: Memory, address: int, kind: Any, width: Width) -> None:
        self._memory = memory
        self.address = address
        self.kind = kind
        self.width: Width = width
        self._written: T | None = None

    def set(self, value: T) -> None:
        """Write ``value`` to the guest."""
        self._written = value
        self._memory.write(self.address, encode(self.kind, self.width, value))

    @property
    def written(self) -> T | None:
        """What the service wrote last, for traces; None when it wrote nothing."""
        return self._written


class InOut(Out[T]):
    """A pointer to ``T`` that the service reads and writes; ``value`` is captured once."""

    __slots__ = ("value",)

    def __init__(self, memory: Memory, address: int, kind: Any, width: Width) -> None:
        super().__init__(memory, address, kind, width)
        self.value: T = load(memory, address, kind, width)


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


def load(memory: Memory, address: int, kind: Any, width: Width) -> Any:
    """Read a scalar or structure from the guest."""
    if kind in STRUCTURES:
        shape = layout(kind, width)
        return shape.unpack(memory.unpack(shape.struct, address))
    return memory.unpack(_SCALAR_STRUCTS[kind, width], address)[0]


def size_of(kind: Any, width: Width) -> int:
    """Size in bytes of a scalar or structure in that layout."""
    return layout(kind, width).size if kind in STRUCTURES else SCALARS[kind].size(width)


# ---------------------------------------------------------------- prototypes
@dataclass(frozen=True)
class Array:
    """Annotates a PVOID parameter as an input array: ``Annotated[PVOID, Array(HANDLE, "count")]``.

    The handler gets the address; a thunk converts each element.

    Attributes:
        kind: scalar or structure of an element.
        count: the Python name of the parameter that holds the number of elements.
    """

    kind: Any
    count: str


@dataclass(frozen=True)
class Unconverted:
    """Annotates a PVOID parameter as a structure whose two layouts differ and that wowsim has no conversion for.

    The thunk of such a service refuses a pointer that is not NULL by name.

    Attributes:
        name: the NT name of the structure.
    """

    name: str


class Pass(Enum):
    """How a parameter is passed."""

    VALUE = "value"
    IN = "in"
    OUT = "out"
    INOUT = "inout"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a service.

    Attributes:
        name: the Python name (snake_case).
        nt_name: the NT name (``FileHandle``).
        kind: the scalar or structure; for pointers, what is pointed to.
        passed: by value or by which pointer.
        optional: whether NULL is allowed.
        pointee: what a plain pointer stands for, where a thunk has to know it.
    """

    name: str
    nt_name: str
    kind: Any
    passed: Pass
    optional: bool = False
    pointee: Array | Unconverted | None = None

    @property
    def slots32(self) -> int:
        """Number of 4-byte stack slots in a 32-bit call."""
        return 2 if self.passed is Pass.VALUE and SCALARS[self.kind].size(32) == 8 else 1


Decoder = Callable[[Memory, Sequence[int]], list[Any]]
"""Turns argument slots into the values that a handler takes; raises GuestFault on bad pointers."""


@dataclass(frozen=True)
class Prototype:
    """The typed signature of one service."""

    name: str
    parameters: tuple[Parameter, ...]

    @cached_property
    def arg_bytes32(self) -> int:
        """What the 32-bit stub pops: ``ret n``."""
        return 4 * sum(p.slots32 for p in self.parameters)

    def decoder(self, width: Width) -> Decoder:
        """The decoder for callers of that width, bound once."""
        masks = [_slot_mask(p, width) for p in self.parameters]
        found = [_conversion(p, width) for p in self.parameters]
        conversions = [(index, convert) for index, convert in enumerate(found) if convert is not None]
        wide = width == 32 and any(p.slots32 == 2 for p in self.parameters)

        def decode(memory: Memory, slots: Sequence[int]) -> list[Any]:
            values: list[Any] = [slot & mask for slot, mask in zip(slots, masks)]  # noqa: B905 - slots may be more
            for index, convert in conversions:
                values[index] = convert(memory, values[index])
            return values

        if not wide:
            return decode

        def decode_joined(memory: Memory, slots: Sequence[int]) -> list[Any]:
            return decode(memory, self.join(slots))

        return decode_joined

    def join(self, slots32: Sequence[int]) -> list[int]:
        """One integer per parameter from 4-byte slots (64-bit values take two)."""
        joined, at = [], 0
        for parameter in self.parameters:
            value = slots32[at]
            if parameter.slots32 == 2:
                value |= slots32[at + 1] << 32
            at += parameter.slots32
            joined.append(value)
        return joined


def _slot_mask(parameter: Parameter, width: Width) -> int:
    """The bits of a slot (of two joined ones) that belong to the parameter."""
    kind = parameter.kind if parameter.passed is Pass.VALUE else PVOID
    return (1 << SCALARS[kind].size(width) * 8) - 1


def _conversion(parameter: Parameter, width: Width) -> Callable[[Memory, int], Any] | None:
    """What makes the value of the masked slot; None where the slot is the value."""
    kind, optional = parameter.kind, parameter.optional
    if parameter.passed is Pass.VALUE:
        scalar = SCALARS[kind]
        if not scalar.sign or (width == 64 and scalar.code64.isupper()):
            return None
        if width == 32 and scalar.size(32) == 4:
            return lambda memory, slot: fit(scalar, 64, widen(kind, slot))
        return lambda memory, slot: fit(scalar, 64, slot)
    size = size_of(kind, width)
    make: Callable[[Memory, int], Any]
    if parameter.passed is Pass.IN:
        if kind in STRUCTURES:
            shape = layout(kind, width)
            code, build = shape.struct, shape.unpack

            def make(memory: Memory, address: int) -> Any:
                return build(memory.unpack(code, address))
        else:
            code = _SCALAR_STRUCTS[kind, width]

            def make(memory: Memory, address: int) -> Any:
                return memory.unpack(code, address)[0]
    else:
        cell = Out if parameter.passed is Pass.OUT else InOut

        def make(memory: Memory, address: int) -> Any:
            memory.probe_write(address, size)
            return cell(memory, address, kind, width)

    def through_pointer(memory: Memory, address: int) -> Any:
        if address == 0:
            if optional:
                return None
            raise GuestFault(STATUS_ACCESS_VIOLATION, 0)
        return make(memory, address)

    return through_pointer


def _unwrap(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    if get_origin(hint) is Annotated:
        base, *extras = get_args(hint)
        return base, tuple(extras)
    return hint, ()


_NT_WORDS = {"ea": "Ea", "apc": "Apc", "id": "Id", "io": "Io"}


@cache
def nt_name(name: str) -> str:
    """``file_handle`` -> ``FileHandle``, the spelling that phnt and the WDK use."""
    return "".join(_NT_WORDS.get(word, word[:1].upper() + word[1:]) for word in name.split("_"))


def prototype(function: Callable[..., Any]) -> Prototype:
    """Read the prototype of a service from its annotations; the first parameter (the kernel) is skipped.

    Raises:
        TypeError: a parameter's annotation is no guest type; the message names the parameter.
    """
    names = list(inspect.signature(function).parameters)[1:]
    hints = _hints(function, include_extras=True)
    return Prototype(function.__name__, tuple(_parameter(function.__name__, n, hints[n]) for n in names))


def _parameter(owner: str, name: str, hint: Any) -> Parameter:
    optional = False
    if get_origin(hint) in (UnionType, Union):
        optional = NoneType in get_args(hint)
        (hint,) = (a for a in get_args(hint) if a is not NoneType)
    base, extras = _unwrap(hint)
    where = f"{owner}: parameter {name!r}"
    if _Direction.IN in extras:
        passed, kind = Pass.IN, base
    elif get_origin(base) in (Out, InOut):
        passed = Pass.OUT if get_origin(base) is Out else Pass.INOUT
        (kind,) = get_args(base)
    else:
        passed, kind = Pass.VALUE, base
    if passed is Pass.VALUE or kind not in STRUCTURES:
        scalar_of(kind, where)
    pointee = next((extra for extra in extras if isinstance(extra, (Array, Unconverted))), None)
    return Parameter(name, nt_name(name), kind, passed, optional, pointee)
