"""Prototypes of services: the typed signature that stub, thunk, decoder and rendering are derived from.

Who may import it: everybody, through :mod:`wowsim.nt.abi`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import cache, cached_property
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from wowsim.errors import GuestFault
from wowsim.nt.annotations import Annotations
from wowsim.nt.layouts import STRUCTURES, Memory, encode, layout, load, scalar_struct, size_of, unwrap
from wowsim.nt.records import dataclass
from wowsim.nt.scalars import PVOID, SCALARS, Width, fit, scalar_of, widen

T = TypeVar("T")

STATUS_ACCESS_VIOLATION = 0xC0000005


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
        kind: the scalar or structure; for pointers, what is pointed to.
        passed: by value or by which pointer.
        optional: whether NULL is allowed.
        pointee: what a plain pointer stands for, where a thunk has to know it.
    """

    name: str
    kind: Any
    passed: Pass
    optional: bool = False
    pointee: Array | Unconverted | None = None

    @property
    def nt_name(self) -> str:
        """The NT name (``FileHandle``)."""
        return nt_name(self.name)

    @cached_property
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
        """The decoder for callers of that width."""
        return self._decoder32 if width == 32 else self._decoder64

    @cached_property
    def _decoder32(self) -> Decoder:
        return self._make_decoder(32)

    @cached_property
    def _decoder64(self) -> Decoder:
        return self._make_decoder(64)

    def _make_decoder(self, width: Width) -> Decoder:
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

    def glimpse(self, width: Width, memory: Memory, slots: Sequence[int]) -> list[Any]:
        """What a trace shows of a call that nobody serves: nothing is probed, and a bad pointer stays a number."""
        values: list[Any] = []
        joined = self.join(slots) if width == 32 else slots
        for parameter, slot in zip(self.parameters, joined):  # noqa: B905 - slots may be more
            value = slot & _slot_mask(parameter, width)
            convert = None if parameter.passed is Pass.OUT else _conversion(parameter, width, probed=False)
            try:
                values.append(value if convert is None else convert(memory, value))
            except GuestFault:
                values.append(value)
        return values

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


def _conversion(
    parameter: Parameter, width: Width, *, probed: bool = True
) -> Callable[[Memory, int], Any] | None:
    """What makes the value of the masked slot; None where the slot is the value.

    Without ``probed`` an InOut is what it points to.
    """
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
    if parameter.passed is Pass.IN or not probed:
        if kind in STRUCTURES:
            shape = layout(kind, width)
            code, build = shape.struct, shape.unpack

            def make(memory: Memory, address: int) -> Any:
                return build(memory.unpack(code, address))
        else:
            code = scalar_struct(kind, width)

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


_NT_WORDS = {"ea": "Ea", "apc": "Apc", "id": "Id", "io": "Io", "ui": "UI", "vmid": "VMID"}


@cache
def nt_name(name: str) -> str:
    """``file_handle`` -> ``FileHandle``, the spelling that phnt and the WDK use."""
    return "".join(_NT_WORDS.get(word, word[:1].upper() + word[1:]) for word in name.split("_"))


def prototype(function: Callable[..., Any]) -> Prototype:
    """Read the prototype of a service from its annotations; the first parameter (the kernel) is skipped.

    Raises:
        NameError: an annotation names what its module does not have.
        TypeError: a parameter's annotation is no guest type; the message names the parameter.
    """
    code = getattr(function, "__code__", None)
    if code is None or code.co_flags & _ANY_ARGUMENTS or hasattr(function, "__wrapped__"):
        names = list(inspect.signature(function).parameters)[1:]
    else:
        names = list(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])
    try:
        return _prototype(function, names, function.__annotations__)
    except (NameError, TypeError, SyntaxError):
        # the slow way knows more forms of annotations, and its errors are about what it knows
        return _prototype(function, names, get_type_hints(function, include_extras=True))


_ANY_ARGUMENTS = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS


def _prototype(
    function: Callable[..., Any], names: Sequence[str], annotations: Mapping[str, Any]
) -> Prototype:
    namespace = getattr(function, "__globals__", {})
    parameters = []
    for name in names:
        if name not in annotations:
            raise TypeError(f"{function.__name__}: parameter {name!r} has no type")
        shape = _SHAPES.read(annotations[name], namespace)
        if shape.wrong is not None:
            scalar_of(shape.wrong, f"{function.__name__}: parameter {name!r}")
        known = _PARAMETERS.get((name, shape))
        if known is None:
            known = Parameter(name, shape.kind, shape.passed, shape.optional, shape.pointee)
            _PARAMETERS[name, shape] = known
        parameters.append(known)
    return Prototype(function.__name__, tuple(parameters))


class _Shape:
    """What an annotation says about a parameter, whatever its name.

    Attributes:
        wrong: what is no guest type, or None.
    """

    def __init__(self, hint: Any) -> None:
        self.optional = False
        if get_origin(hint) in (UnionType, Union):
            self.optional = NoneType in get_args(hint)
            (hint,) = (a for a in get_args(hint) if a is not NoneType)
        base, extras = unwrap(hint)
        if _Direction.IN in extras:
            self.passed, self.kind = Pass.IN, base
        elif get_origin(base) in (Out, InOut):
            self.passed = Pass.OUT if get_origin(base) is Out else Pass.INOUT
            (self.kind,) = get_args(base)
        else:
            self.passed, self.kind = Pass.VALUE, base
        structure = self.passed is not Pass.VALUE and self.kind in STRUCTURES
        self.wrong = None if structure or self.kind in SCALARS else self.kind
        self.pointee = next((extra for extra in extras if isinstance(extra, (Array, Unconverted))), None)


_SHAPES = Annotations(_Shape)
_PARAMETERS: dict[tuple[str, _Shape], Parameter] = {}
