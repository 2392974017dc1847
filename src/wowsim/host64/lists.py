"""Further arrays that thunks convert: such as come back, lists of groups, parameters of a hard error.

Layouts: phnt. Who may import it: host64.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from wowsim.host64.buffers import MOST_TEMPORARY, Buffer
from wowsim.host64.conversions import widened
from wowsim.nt.abi import encode, load, size_of
from wowsim.nt.status import STATUS_INVALID_PARAMETER

if TYPE_CHECKING:
    from wowsim.host64.buffers import Call

_U32 = struct.Struct("<I")


@dataclass(frozen=True)
class ArrayBack(Buffer):
    """An array that the call fills, or reads and fills.

    Attributes:
        at: index of the parameter; ``count_at`` of the number of elements.
        kind: structure of an element.
        returned_at: index of a ULONG* that says how many came back; None where all do.
        inward: the elements are read, too.
    """

    at: int
    count_at: int
    kind: Any
    returned_at: int | None = None
    inward: bool = False
    room: int = field(default=0x100, kw_only=True)
    has_result: ClassVar[bool] = True

    def size(self, call: Call) -> int:
        """The array's, as far as it can exist."""
        size = call.argument(self.count_at) * size_of(self.kind, 64)
        return size if call.argument(self.at) and size <= MOST_TEMPORARY else 0

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Widen what is read; else nothing but room."""
        pointer, count, narrow = call.argument(self.at), call.argument(self.count_at), size_of(self.kind, 32)
        if not size:
            if count:
                call.set(self.at, 0)
            return None
        call.memory.probe_write(pointer, count * narrow)
        data = bytes(size)
        if self.inward:
            given = call.memory.read(pointer, count * narrow)
            data = b"".join(widened(self.kind, given[i : i + narrow]) for i in range(0, len(given), narrow))
        call.memory.write(area, data)
        call.set(self.at, area)
        return None

    def after(self, call: Call, area: int, size: int) -> None:
        """Narrow as many as came back."""
        if not size or call.status >= 0xC0000000:
            return
        count, wide = call.argument(self.count_at), size_of(self.kind, 64)
        if self.returned_at is not None:
            count = min(count, call.memory.unpack(_U32, call.argument(self.returned_at))[0])
        values = (load(call.memory, area + i * wide, self.kind, 64) for i in range(min(count, size // wide)))
        call.memory.write(call.argument(self.at), b"".join(encode(self.kind, 32, value) for value in values))


@dataclass(frozen=True)
class Groups(Buffer):
    """TOKEN_GROUPS: a count, then SID_AND_ATTRIBUTES, whose pointers widen; the SIDs are the same in both widths.

    Attributes:
        at: index of the parameter.
    """

    at: int
    room: int = field(default=0x200, kw_only=True)

    def size(self, call: Call) -> int:
        """Of the list; one longer than any is the kernel's to refuse."""
        pointer = call.argument(self.at)
        return 8 + 16 * min(call.memory.unpack(_U32, pointer)[0], 0x1000) if pointer else 0

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Widen each pointer."""
        if size:
            pointer, count = call.argument(self.at), (size - 8) // 16
            (given,) = call.memory.unpack(_U32, pointer)
            if given != count:
                return STATUS_INVALID_PARAMETER
            groups = struct.unpack(f"<{2 * count}I", call.memory.read(pointer + 4, 8 * count))
            rows = (struct.pack("<QI4x", *groups[i : i + 2]) for i in range(0, len(groups), 2))
            call.memory.write(area, struct.pack("<I4x", given) + b"".join(rows))
            call.set(self.at, area)
        return None


@dataclass(frozen=True)
class HardErrorParameters(Buffer):
    """NtRaiseHardError's ULONG_PTR[]: those the mask names point to UNICODE_STRINGs (wow64-facts section 6).

    Attributes:
        at: index of the parameter; the count and the mask stand before it.
    """

    at: int = 3
    room: int = field(default=0xA0, kw_only=True)

    def size(self, call: Call) -> int:
        """Five parameters at the most (MAXIMUM_HARDERROR_PARAMETERS is 4), with their strings."""
        count = call.argument(self.at - 2)
        return 24 * count if call.argument(self.at) and count <= 5 else 0

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Widen each, and the strings behind it."""
        count, mask, pointer = (call.argument(self.at + i) for i in (-2, -1, 0))
        if not size:
            if count:
                call.set(self.at, 0)
            return None
        values = list(struct.unpack(f"<{count}I", call.memory.read(pointer, 4 * count)))
        for index, value in enumerate(values):
            if mask >> index & 1:
                string = area + 8 * count + 16 * index
                text = call.memory.unpack(struct.Struct("<HHI"), value)
                call.memory.pack(struct.Struct("<HH4xQ"), string, *text)
                values[index] = string
        call.memory.write(area, struct.pack(f"<{count}Q", *values))
        call.set(self.at, area)
        return None
