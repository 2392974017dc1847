"""A guest whose memory is a real address space over real page tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guest import BASE, SIZE, Guest

from wowsim.cpu.paging import PageTables, PhysicalMemory
from wowsim.errors import GuestFault
from wowsim.kernel.context import Kernel
from wowsim.memory.allocate import MEM_COMMIT, MEM_RESERVE
from wowsim.memory.layout import layout_of
from wowsim.memory.space import AddressSpace

if TYPE_CHECKING:
    from wowsim.nt.abi import Width

CURRENT = 0xFFFFFFFF_FFFFFFFF


class MemoryGuest(Guest):
    """Calls memory services; arguments that are pointers to one number are made by :meth:`cell`."""

    def __init__(self, width: Width = 64) -> None:
        super().__init__(width)
        tables = PageTables(PhysicalMemory(64 << 20))
        self.space = AddressSpace(tables, layout_of("win7sp1" if width == 64 else "win7sp1-x86"))
        tables.resolve = self._resolve
        self.space.allocate(BASE, SIZE, MEM_RESERVE | MEM_COMMIT, 4)
        self.memory = tables  # type: ignore[assignment]
        self.k = Kernel(tables, self.space, self.k.build, width=width)
        self.current = CURRENT if width == 64 else 0xFFFFFFFF

    def _resolve(self, address: int, write: bool) -> None:
        result = self.space.resolve_fault(address, write=write)
        if not result.retry:
            raise GuestFault(result.status, address)

    def cell(self, value: int = 0) -> int:
        """The address of a pointer-sized number (eight bytes in any case)."""
        return self.put(value.to_bytes(8, "little"))

    def get(self, cell: int) -> int:
        """What a pointer-sized cell holds."""
        return self.value(cell, self.width // 8)
