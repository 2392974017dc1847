"""Where a region may lie when its maker has conditions (MEM_ADDRESS_REQUIREMENTS).

Rules: Microsoft Learn, MEM_ADDRESS_REQUIREMENTS. Who may import it: the memory manager and kernel services.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.memory.gaps import GRANULARITY
from wowsim.memory.layout import LOWEST_USER_ADDRESS
from wowsim.memory.pages import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from wowsim.nt import status
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from wowsim.memory.vad import VadTree

_GRANULARITY = GRANULARITY * PAGE_SIZE


@dataclass(frozen=True)
class Requirements:
    """Conditions in pages.

    Attributes:
        lowest: first page that may be used.
        highest: last page that may be used.
        alignment: what the first page is a multiple of.
    """

    lowest: int
    highest: int
    alignment: int

    @classmethod
    def of(cls, lowest: int, highest: int, alignment: int, top: int) -> Requirements:
        """The conditions of a MEM_ADDRESS_REQUIREMENTS; a field of 0 asks for nothing.

        Args:
            lowest: LowestStartingAddress, a multiple of 64 KB.
            highest: HighestEndingAddress, the last byte of a page.
            alignment: a power of two, 64 KB at least.
            top: the highest user address.

        Raises:
            GuestFault: STATUS_INVALID_PARAMETER.
        """
        highest = highest or top
        alignment = alignment or _GRANULARITY
        if lowest % _GRANULARITY or highest & PAGE_MASK != PAGE_MASK or not lowest < highest <= top:
            raise GuestFault(status.STATUS_INVALID_PARAMETER)
        if alignment < _GRANULARITY or alignment & (alignment - 1):
            raise GuestFault(status.STATUS_INVALID_PARAMETER)
        first = max(lowest, LOWEST_USER_ADDRESS) >> PAGE_SHIFT
        return cls(first, highest >> PAGE_SHIFT, alignment >> PAGE_SHIFT)

    def find(self, vads: VadTree, count: int, *, top_down: bool) -> int:
        """First page of a free range of ``count`` pages.

        Raises:
            GuestFault: STATUS_NO_MEMORY, when there is none.
        """
        start = self._from_above(vads, count) if top_down else self._from_below(vads, count)
        if start is None:
            raise GuestFault(status.STATUS_NO_MEMORY)
        return start

    def _from_below(self, vads: VadTree, count: int) -> int | None:
        start = -(-self.lowest // self.alignment) * self.alignment
        while start + count - 1 <= self.highest:
            taken = vads.at_or_above(start)
            if taken is None or taken.start >= start + count:
                return start
            start = -(-(taken.end + 1) // self.alignment) * self.alignment
        return None

    def _from_above(self, vads: VadTree, count: int) -> int | None:
        start = (self.highest + 1 - count) // self.alignment * self.alignment
        while start >= self.lowest:
            taken = vads.at_or_below(start + count - 1)
            if taken is None or taken.end < start:
                return start
            start = (taken.start - count) // self.alignment * self.alignment
        return None
