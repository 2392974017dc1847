"""What a thunk converts that has no fixed size: arrays, and what depends on other arguments.

Small buffers lie in the thunk's frame. A large one needs temporary memory: the trap before the call then asks for it
(:data:`NEED_MEMORY`), the guest code gets it from ``Wow64AllocateTemp`` and comes back to the trap.
Source of the rules: wow64-facts section 6. Who may import it: host64.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from wowsim.errors import GuestFault
from wowsim.host64.conversions import deep_copier, widened
from wowsim.nt.abi import HANDLE, STRUCTURES, layout, size_of
from wowsim.nt.status import STATUS_ACCESS_VIOLATION, STATUS_NO_MEMORY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wowsim.nt.abi import Memory, Prototype
    from wowsim.nt.trap import Trap

_U32, _U64, _PLACE = struct.Struct("<I"), struct.Struct("<Q"), struct.Struct("<QQ")
NEED_MEMORY, ASK_ROOT = 1, 2
"""In the place of a status: the guest code shall get memory, or the root directory's name, and come back."""
MOST_TEMPORARY = 1 << 24
"""Bytes of temporary memory that one call may take."""
NOT_ASKED = 0xFFFFFFFF_FFFFFFFF


@dataclass(frozen=True)
class Frame:
    """Offsets of a thunk's cells from RSP, bytes.

    Attributes:
        array: address of the 32-bit arguments.
        memory: address of the temporary memory, or 0; ``needed`` its size.
        root: the root directory's handle whose name is asked for; ``asked`` the status of that.
        places: address and size of each buffer.
        rooms: the part of the frame that each has.
        status: the status of the call.
        arguments: the 32-bit arguments as they were before the call, where something is written back.
    """

    array: int = 0
    memory: int = 0
    needed: int = 0
    root: int = 0
    asked: int = 0
    places: int = 0
    rooms: tuple[int, ...] = ()
    status: int = 0
    arguments: int = 0

    @staticmethod
    def behind(start: int, status: int, buffers: Sequence[Buffer], argument_bytes: int) -> tuple[Frame, int]:
        """The cells from ``start`` on, and where they end."""
        places = start + 0x28
        arguments = places + 16 * len(buffers)
        at = arguments + argument_bytes
        rooms = []
        for buffer in buffers:
            at = (at + 15) & ~15
            rooms.append(at)
            at += buffer.room
        frame = Frame(
            start,
            start + 8,
            start + 0x10,
            start + 0x18,
            start + 0x20,
            places,
            tuple(rooms),
            status,
            arguments,
        )
        return frame, at


class Call:
    """One call at a trap of its thunk.

    Args:
        trap: the trap.
        frame: of the thunk.
        prototype: of the service.
        kept: the arguments are those of :meth:`keep`.

    Attributes:
        trap: the trap.
        memory: guest memory.
        places: address and size in bytes of each buffer's 64-bit form.
    """

    def __init__(self, trap: Trap, frame: Frame, prototype: Prototype, *, kept: bool = False) -> None:
        self.trap, self.memory = trap, trap.memory
        self._frame = frame
        at = trap.sp + frame.arguments if kept else self.memory.unpack(_U64, trap.sp + frame.array)[0]
        self._slots = self.memory.read(at, prototype.arg_bytes32)
        self._arguments = prototype.join(struct.unpack(f"<{prototype.arg_bytes32 // 4}I", self._slots))
        self.places: list[tuple[int, int]] = []

    def keep(self) -> None:
        """Let the way back see the same arguments: by then the caller's stack may hold others."""
        self.memory.write(self.trap.sp + self._frame.arguments, self._slots)

    def argument(self, index: int) -> int:
        """A 32-bit argument, unsigned."""
        return self._arguments[index]

    def argument64(self, index: int) -> int:
        """The 64-bit argument that is being prepared."""
        return int(self.memory.unpack(_U64, self.trap.sp + 8 * index)[0])

    def set(self, index: int, value: int) -> None:
        """Change a 64-bit argument."""
        self.memory.pack(_U64, self.trap.sp + 8 * index, value)

    @property
    def status(self) -> int:
        """What the 64-bit call returned, unsigned."""
        return int(self.memory.unpack(_U32, self.trap.sp + self._frame.status)[0])

    def fail(self, status: int) -> None:
        """Return another status."""
        self.memory.pack(_U32, self.trap.sp + self._frame.status, status)

    def ask_root(self, handle: int) -> int:
        """Have the guest code ask for the name behind a handle."""
        self.memory.pack(_U64, self.trap.sp + self._frame.root, handle)
        return ASK_ROOT

    @property
    def asked(self) -> int | None:
        """The status of that, or None before."""
        (found,) = self.memory.unpack(_U64, self.trap.sp + self._frame.asked)
        return None if found == NOT_ASKED else found & 0xFFFFFFFF

    def place(self, buffers: Sequence[Buffer]) -> int | None:
        """Find room for every buffer; NEED_MEMORY when the frame is too small, or a status."""
        frame, sp = self._frame, self.trap.sp
        memory, available = self.memory.unpack(_PLACE, sp + frame.memory)
        if not memory:
            self.memory.pack(_U64, sp + frame.asked, NOT_ASKED)
            available = 0
        used = 0
        for buffer, room in zip(buffers, frame.rooms, strict=True):
            size = buffer.size(self)
            if size <= buffer.room:
                self.places.append((sp + room, size))
            else:
                self.places.append((memory + used, size))
                used += (size + 15) & ~15
        if used > available:
            if memory or used > MOST_TEMPORARY:
                return STATUS_NO_MEMORY
            self.memory.pack(_U64, sp + frame.needed, used)
            return NEED_MEMORY
        for number, place in enumerate(self.places):
            self.memory.pack(_PLACE, sp + frame.places + 16 * number, *place)
        return None

    def find(self, buffers: Sequence[Buffer]) -> None:
        """Behind the call: where each buffer was put.

        Raises:
            GuestFault: no thunk of ours can have left such a frame: the program has entered it by itself.
        """
        at = self.trap.sp + self._frame.places
        self.places = [self.memory.unpack(_PLACE, at + 16 * n) for n in range(len(buffers))]
        if any(size > MOST_TEMPORARY for _, size in self.places):
            raise GuestFault(STATUS_ACCESS_VIOLATION)


@dataclass(frozen=True, kw_only=True)
class Buffer(ABC):
    """One argument whose 64-bit form is made by Python.

    Attributes:
        room: bytes of the frame kept for it.
        has_result: there is something to write back.
        explanation: what it does, for people, where its fields do not say it.
    """

    room: int = field(default=0x40)
    has_result: ClassVar[bool] = False
    explanation: ClassVar[str] = ""

    @property
    def replaces(self) -> int | None:
        """Index of the parameter whose derived conversion it stands for; None where that stays."""
        return None

    def concerns(self, memory: Memory, frame: int) -> bool:
        """Whether this call can need it at all: a quick look at the 64-bit arguments, for what seldom does."""
        return True

    @abstractmethod
    def size(self, call: Call) -> int:
        """Bytes of the 64-bit form; 0 when the argument passes as it is."""

    @abstractmethod
    def before(self, call: Call, area: int, size: int) -> int | None:
        """Make it at ``area`` and let the argument point there; a status ends the call."""

    def after(self, call: Call, area: int, size: int) -> None:  # noqa: B027 - an input has nothing to write back
        """Write back what the call left there, where :attr:`has_result`."""


@dataclass(frozen=True)
class Array(Buffer):
    """An input array, each element widened; one of impossible length becomes NULL, its count is the kernel's to refuse.

    Attributes:
        at: index of the parameter; ``count_at`` of the number of elements.
        kind: scalar or structure of an element.
    """

    at: int
    count_at: int
    kind: Any
    room: int = field(default=0x200, kw_only=True)

    @property
    def replaces(self) -> int | None:
        """The array."""
        return self.at

    def size(self, call: Call) -> int:
        """The array's, as far as it can exist, and that of what its elements point to."""
        size = call.argument(self.count_at) * (size_of(self.kind, 64) + self._behind)
        return size if call.argument(self.at) and size <= MOST_TEMPORARY else 0

    @property
    def _behind(self) -> int:
        """Bytes for one element that points to structures, which are copied with it."""
        kind = self.kind
        if kind not in STRUCTURES or all(m.pointer_to is None for m in layout(kind, 32).fields.values()):
            return 0
        return deep_copier(kind)[0] + 15 & ~15

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Widen each element."""
        pointer, count = call.argument(self.at), call.argument(self.count_at)
        if not size:
            if count:
                call.set(self.at, 0)
            return None
        narrow = size_of(self.kind, 32)
        data = call.memory.read(pointer, count * narrow)
        if self._behind:
            wide = self._deep(call, pointer, count, area)
        elif self.kind is HANDLE:
            wide = struct.pack(f"<{count}q", *struct.unpack(f"<{count}i", data))
        else:
            wide = b"".join(widened(self.kind, data[i : i + narrow]) for i in range(0, len(data), narrow))
        call.memory.write(area, wide)
        call.set(self.at, area)
        return None

    def _deep(self, call: Call, pointer: int, count: int, area: int) -> bytes:
        """The elements of 64 bits; what they point to is left behind where they will lie."""
        size, step = size_of(self.kind, 64), self._behind
        _, copy = deep_copier(self.kind)
        scratch, wide = area + count * size, b""
        for index in range(count):
            copy(call.memory, pointer + index * size_of(self.kind, 32), scratch)
            wide += call.memory.read(scratch, size)
            scratch += step
        return wide
