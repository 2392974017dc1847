"""Buffers of query and set services, whose layout depends on an information class.

A class that is not listed for a service has the same layout in both widths and passes through.
Source of the layouts: wow64-facts section 6. Who may import it: host64.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from wowsim.errors import GuestFault
from wowsim.host64.buffers import Buffer, Call
from wowsim.host64.conversions import widened
from wowsim.nt.abi import encode, load, size_of
from wowsim.nt.status import STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_PARAMETER
from wowsim.nt.structures import UNICODE_STRING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wowsim.nt.trap import Trap

_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")
_UNWRITTEN = 0xFFFFFFFF
_NAME_ROOM = 0x10100
"""Bytes that the longest UNICODE_STRING and a structure before it take."""
_LIST_ROOM = 0x100


class Shape(ABC):
    """What one class of a query gives."""

    @abstractmethod
    def room(self, length: int) -> int:
        """Length of the 64-bit buffer for a caller's buffer of ``length`` bytes."""

    @abstractmethod
    def down(self, trap: Trap, area: int, size: int, buffer: int) -> bytes:
        """The 32-bit bytes of the 64-bit form in ``size`` bytes at ``area``, for a caller's buffer at ``buffer``."""

    def required(self, size: int) -> int:
        """The length a 32-bit caller needs where a 64-bit one needs ``size``."""
        return size

    def start(self, trap: Trap, buffer: int, length: int) -> bytes:
        """What the 64-bit buffer holds before the call."""
        return b""


@dataclass(frozen=True)
class Fixed(Shape):
    """One structure or scalar in both widths.

    Attributes:
        kind: what it is.
        adjust: changes the 64-bit value on its way down.
    """

    kind: Any
    adjust: Callable[[Trap, Any], Any] | None = None

    @property
    def growth(self) -> int:
        """How many bytes the 64-bit form is longer."""
        return size_of(self.kind, 64) - size_of(self.kind, 32)

    def room(self, length: int) -> int:
        """A buffer too short or too long stays so."""
        return min(length + self.growth, size_of(self.kind, 64) + 0x100)

    def down(self, trap: Trap, area: int, size: int, buffer: int) -> bytes:
        """The value narrowed."""
        value = load(trap.memory, area, self.kind, 64)
        return encode(self.kind, 32, value if self.adjust is None else self.adjust(trap, value))

    def required(self, size: int) -> int:
        """Less by the growth."""
        return max(0, size - self.growth)


@dataclass(frozen=True)
class Counted(Fixed):
    """A structure that begins with a UNICODE_STRING whose text lies behind it."""

    def room(self, length: int) -> int:
        """Up to the longest text."""
        return min(length + self.growth, _NAME_ROOM)

    def down(self, trap: Trap, area: int, size: int, buffer: int) -> bytes:
        """The 32-bit bytes, the string pointing into the caller's buffer."""
        value = load(trap.memory, area, self.kind, 64)
        string = value if self.kind is UNICODE_STRING else value.TypeName
        text = trap.memory.read(string.Buffer, string.Length) if string.Length else b""
        moved = replace(string, Buffer=buffer + size_of(self.kind, 32) if string.Buffer else 0)
        value = moved if self.kind is UNICODE_STRING else replace(value, TypeName=moved)
        return encode(self.kind, 32, value) + (text + b"\0\0" if text else b"")


@dataclass(frozen=True)
class Rebuilt(Shape):
    """Something with pointers into itself, or a list.

    Attributes:
        narrow: (64-bit bytes, the address they lie at, the caller's buffer) -> 32-bit bytes.
        stretch: 64-bit bytes per 32-bit byte, at the most; ``more`` bytes besides.
        growth: by how many bytes the 64-bit form is longer, where that is known.
    """

    narrow: Callable[[bytes, int, int], bytes]
    stretch: int = 2
    more: int = _LIST_ROOM
    growth: int = 0

    def room(self, length: int) -> int:
        """Enough for whatever fits when narrowed."""
        return self.stretch * length + self.more

    def down(self, trap: Trap, area: int, size: int, buffer: int) -> bytes:
        """The bytes rebuilt."""
        return self.narrow(trap.memory.read(area, size), area, buffer)

    def required(self, size: int) -> int:
        """Less by the growth."""
        return max(0, size - self.growth)


@dataclass(frozen=True)
class Exact(Shape):
    """A structure of one of several lengths.

    Attributes:
        narrow: as of :class:`Rebuilt`.
        sizes: 32-bit length -> 64-bit length.
        adjust: changes the 32-bit bytes.
        sized: the length whose form begins with its own size, which the caller sets.
    """

    narrow: Callable[[bytes, int, int], bytes]
    sizes: Mapping[int, int]
    adjust: Callable[[Trap, bytes], bytes] | None = None
    sized: int = 0

    def start(self, trap: Trap, buffer: int, length: int) -> bytes:
        """The size of the 64-bit form, where the caller has set that of the 32-bit one."""
        if length != self.sized or not buffer:
            return b""
        (said,) = trap.memory.unpack(_U32, buffer)
        return _U64.pack(self.sizes[length] if said == length else said)

    def room(self, length: int) -> int:
        """Of the form the caller asks for; another length stays wrong."""
        return self.sizes.get(length, 0)

    def down(self, trap: Trap, area: int, size: int, buffer: int) -> bytes:
        """The bytes of that form."""
        data = self.narrow(trap.memory.read(area, size), area, buffer)
        return data if self.adjust is None else self.adjust(trap, data)

    def required(self, size: int) -> int:
        """Of the form that the 64-bit call would have."""
        return next((narrow for narrow, wide in self.sizes.items() if wide == size), size)


@dataclass(frozen=True)
class Filled(Fixed):
    """A structure that is read, too."""

    def start(self, trap: Trap, buffer: int, length: int) -> bytes:
        """The caller's, widened."""
        size = size_of(self.kind, 32)
        return widened(self.kind, trap.memory.read(buffer, size)) if length >= size and buffer else b""


@dataclass(frozen=True)
class Query(Buffer):
    """The buffer of a query service.

    Attributes:
        class_at: index of the class; the buffer, its length and the returned length follow it where not said.
        shapes: class -> shape.
        classes: class a 32-bit caller names -> class the 64-bit call gets.
        address_at: where an address stands that must not lie above the highest user address.
        too_short: the status when the narrowed data does not fit.
    """

    class_at: int
    shapes: Mapping[int, Shape]
    classes: Mapping[int, int] = field(default_factory=dict)
    address_at: int | None = None
    too_short: int = STATUS_INFO_LENGTH_MISMATCH
    buffer_at: int | None = None
    room: int = field(default=0x200, kw_only=True)
    has_result: ClassVar[bool] = True

    @property
    def _buffer(self) -> int:
        return self.class_at + 1 if self.buffer_at is None else self.buffer_at

    def size(self, call: Call) -> int:
        """The returned length's cell, then the 64-bit buffer of a class that differs."""
        shape = self.shapes.get(call.argument(self.class_at))
        return 0 if shape is None else 8 + min(shape.room(call.argument(self._buffer + 1)), 0xFFFFFFFF)

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Let the call fill the 64-bit buffer."""
        asked, at = call.argument(self.class_at), self._buffer
        if self.address_at is not None and call.argument(self.address_at) > highest_address(call.trap):
            return STATUS_INVALID_PARAMETER
        if asked in self.classes:
            call.set(self.class_at, self.classes[asked])
        if not size:
            return None
        shape = self.shapes[asked]
        given = shape.start(call.trap, call.argument(at), call.argument(at + 1))
        call.memory.write(area, _U64.pack(_UNWRITTEN) + given[: size - 8])
        call.set(at, area + 8 if call.argument(at) else 0)
        call.set(at + 1, size - 8)
        returned = call.argument(at + 2)
        if returned:
            call.memory.probe_write(returned, 4)
        call.set(at + 2, area)
        return None

    def after(self, call: Call, area: int, size: int) -> None:
        """Narrow it, and the length with it."""
        at, shape = self._buffer, self.shapes.get(call.argument(self.class_at))
        if shape is None or size < 8:
            return
        buffer, length, returned = (call.argument(at + i) for i in range(3))
        (needed,) = call.memory.unpack(_U32, area)
        written = needed != _UNWRITTEN
        if call.status < 0x80000000:
            used = min(needed, size - 8) if written else size - 8
            data = shape.down(call.trap, area + 8, used, buffer)
            needed = len(data)
            if len(data) > length:
                call.fail(self.too_short)
            else:
                call.memory.write(buffer, data)
        elif written:
            needed = shape.required(needed)
        if returned and written:
            call.memory.pack(_U32, returned, needed)


class Widening(ABC):
    """What one class of a set service takes."""

    @abstractmethod
    def room(self, length: int) -> int:
        """Bytes of the 64-bit form of ``length`` bytes."""

    @abstractmethod
    def up(self, trap: Trap, data: bytes, area: int) -> bytes:
        """The 64-bit bytes, which will lie at ``area``, of the caller's; STATUS by GuestFault."""


@dataclass(frozen=True)
class Wider(Widening):
    """One structure or scalar in both widths; a buffer too short stays so, what lies behind it is left out."""

    kind: Any

    def room(self, length: int) -> int:
        """Of the structure."""
        return size_of(self.kind, 64)

    def up(self, trap: Trap, data: bytes, area: int) -> bytes:
        """Each field widened."""
        size = size_of(self.kind, 32)
        return widened(self.kind, data[:size]) + data[size:][:4] if len(data) >= size else data


@dataclass(frozen=True)
class Setting(Buffer):
    """The buffer of a set service.

    Attributes:
        class_at: index of the class; the buffer and its length follow it where not said.
        shapes: class -> what its buffer becomes.
    """

    class_at: int
    shapes: Mapping[int, Widening]
    buffer_at: int | None = None
    room: int = field(default=0x100, kw_only=True)

    @property
    def _buffer(self) -> int:
        return self.class_at + 1 if self.buffer_at is None else self.buffer_at

    def size(self, call: Call) -> int:
        """Of the 64-bit form."""
        shape, at = self.shapes.get(call.argument(self.class_at)), self._buffer
        return 0 if shape is None or not call.argument(at) else shape.room(call.argument(at + 1)) + 8

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Make it."""
        if size:
            at = self._buffer
            data = call.memory.read(call.argument(at), min(call.argument(at + 1), size))
            wide = self.shapes[call.argument(self.class_at)].up(call.trap, data, area)
            call.memory.write(area, wide)
            call.set(at, area)
            call.set(at + 1, len(wide))
        return None


# ---------------------------------------------------------------- the process' bounds
_PE_HEADER = struct.Struct("<4s18xH")
_LARGE_ADDRESS_AWARE = 0x20


def highest_address(trap: Trap) -> int:
    """The process' highest user address, which LARGEADDRESSAWARE raises (section 6, NtQueryVirtualMemory)."""
    memory = trap.memory
    (peb,) = memory.unpack(_U32, trap.teb32 + 0x30)
    (base,) = memory.unpack(_U32, peb + 8)
    try:
        (header,) = memory.unpack(_U32, base + 0x3C)
        signature, characteristics = memory.unpack(_PE_HEADER, base + header & 0xFFFFFFFF)
    except GuestFault:
        return 0x7FFEFFFF
    aware = signature == b"PE\0\0" and characteristics & _LARGE_ADDRESS_AWARE
    return 0xFFFEFFFF if aware else 0x7FFEFFFF
