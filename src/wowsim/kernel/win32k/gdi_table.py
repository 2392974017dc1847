"""GDI's handles and the table of them that user mode reads (win32k!HMGR, PEB.GdiSharedHandleTable).

A handle is an index in the low word and, in the high one, what tells its uses apart with the object's type. The table
has one GDI_HANDLE_ENTRY for each index, in the kernel's width (phnt's ntgdi.h): Object, Owner, Unique, Type, Flags,
UserPointer. Stock objects lie at 32 and behind, as gdi32 computes their handles from it. On Windows the table is a
read-only view; here, as gdi32 writes UserPointer, it can be written. Who may import it: ``kernel.win32k``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.kernel.win32k.calls import ERROR_INVALID_HANDLE, ERROR_NOT_ENOUGH_MEMORY, failure
from wowsim.memory.allocate import MEM_COMMIT, MEM_RESERVE
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel

DC, REGION, BITMAP_TYPE, PALETTE, FONT, BRUSH, PEN = 0x01, 0x04, 0x05, 0x08, 0x0A, 0x10, 0x30
FIRST_STOCK, FIRST_FREE = 32, 0x50
MAXIMUM = 0x4000
STOCK = {
    **dict.fromkeys(range(6), BRUSH), **dict.fromkeys((6, 7, 8), PEN),
    **dict.fromkeys((10, 11, 12, 13, 14, 16, 17), FONT), 15: PALETTE, 18: BRUSH, 19: PEN, 21: BITMAP_TYPE,
}  # fmt: skip
"""Index of GetStockObject: type (wingdi.h; 9 is nothing, 21 the bitmap of a new memory DC)."""
_ENTRY: dict[int, struct.Struct] = {32: struct.Struct("<IIHBBI"), 64: struct.Struct("<QIHBBQ")}
_TABLE_IN_PEB = {32: 0x94, 64: 0xF8}
_POINTER: dict[int, struct.Struct] = {32: struct.Struct("<I"), 64: struct.Struct("<Q")}
PAGE_READWRITE = 4
BELOW_2_GB = 0x7FFFFFFF
KERNEL_OBJECT = 0xE0000000
"""What stands for the address of an object, which user mode cannot use."""


@dataclass(eq=False)
class GdiObject:
    """One object.

    Attributes:
        type: the low seven bits of Unique.
        value: what it is made of: a bitmap, a brush ...
        stock: it cannot be deleted.
    """

    type: int
    value: object = None
    stock: bool = False


class GdiTable:
    """The handles of one process.

    Args:
        k: the kernel.
        address: of the table in the process.
    """

    def __init__(self, k: Kernel, address: int) -> None:
        self._k, self.address = k, address
        self._objects: dict[int, tuple[GdiObject, int]] = {}
        """Index: object, Unique."""
        self._uses: dict[int, int] = {}
        self._free: list[int] = []
        self._next = FIRST_FREE
        for index, kind in STOCK.items():
            self._enter(FIRST_STOCK + index, GdiObject(kind, stock=True), kind | 0x80)

    def _enter(self, index: int, target: GdiObject, unique: int) -> int:
        shape = _ENTRY[self._k.width]
        self._objects[index] = target, unique
        entry = (KERNEL_OBJECT + 0x100 * index, self._k.process.id, unique, target.type, 0, 0)
        self._k.memory.pack(shape, self.address + shape.size * index, *entry)
        return unique << 16 | index

    def add(self, target: GdiObject) -> int:
        """A handle of a new object."""
        if self._free:
            index = self._free.pop()
        elif self._next < MAXIMUM:
            index, self._next = self._next, self._next + 1
        else:
            raise failure(ERROR_NOT_ENOUGH_MEMORY)
        uses = self._uses[index] = self._uses.get(index, 0) % 0xFF + 1
        return self._enter(index, target, uses << 8 | target.type)

    def find(self, handle: int, kind: int | None = None) -> GdiObject:
        """The object behind a handle."""
        target, unique = self._objects.get(handle & 0xFFFF, (None, 0))
        if target is None or unique != handle >> 16 & 0xFFFF or kind not in (None, target.type):
            raise failure(ERROR_INVALID_HANDLE)
        return target

    def remove(self, handle: int) -> None:
        """Forget an object."""
        index = handle & 0xFFFF
        del self._objects[index]
        shape = _ENTRY[self._k.width]
        self._k.memory.write(self.address + shape.size * index, bytes(shape.size))
        self._free.append(index)


def connect(k: Kernel) -> GdiTable:
    """The process' table; at first use it is made and entered in the PEBs, as when a thread becomes a GUI thread."""
    table = k.win32k.gdi
    if table is not None:
        return table
    space = k.space
    cause, space.cause = space.cause, "win32k"
    size = _ENTRY[k.width].size * MAXIMUM
    address, _ = space.allocate(0, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE, BELOW_2_GB)
    space.cause = cause
    table = k.win32k.gdi = GdiTable(k, address)
    process = k.process
    k.memory.pack(_POINTER[k.width], process.peb + _TABLE_IN_PEB[k.width], address)
    if process.peb32:
        k.memory.pack(_POINTER[32], process.peb32 + _TABLE_IN_PEB[32], address)
    return table
