"""States of guest memory that can be gone back to, at the cost of the pages written in between.

What hypervisors do for snapshots: the CPU sets Accessed in each table entry it walks through and Dirty in the entry
of a page it writes (Intel SDM volume 3, section 4.8); both are cleared when a state is taken or put back, so the
next look visits only the tables walked since and finds the pages written. What the host writes is noted by
:class:`~wowsim.cpu.paging.PageTables`; the tables themselves are such pages.

A state holds the bytes of every page that was ever written, each page's bytes shared with the states before it.
Leaves out the CPU's registers (``Core.state``) and what Python objects know of the memory. Who may import it: the
simulation.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from wowsim.cpu.paging import PAGE
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wowsim.cpu.paging import PageTables

_ZERO = bytes(PAGE)
_QWORD = Struct("<Q")
_FRAME = 0x000FFFFF_FFFFF000
_ACCESSED, _DIRTY = 0x20, 0x40
_CLEARED = bytes(low & ~(_ACCESSED | _DIRTY) for low in range(256))
_MARKED = {bit: bytes(low & bit for low in range(256)) for bit in (_ACCESSED, _DIRTY)}


@dataclass(frozen=True, eq=False)
class MemoryState:
    """The contents of guest RAM at one moment.

    Attributes:
        pages: bytes by frame; frames behind the last are zero.
        next_frame: the first frame never given out.
        free_frames: given back, in the order in which they are given out again (last first).
    """

    pages: Sequence[bytes]
    next_frame: int
    free_frames: Sequence[int]

    @property
    def used(self) -> int:
        """How many pages are not zero."""
        return sum(page is not _ZERO for page in self.pages)


class MemoryHistory:
    """Takes states of one machine's memory and puts them back, in any order.

    Args:
        tables: the page tables, from the machine's beginning on.
    """

    def __init__(self, tables: PageTables) -> None:
        self._tables = tables
        self._bytes = tables.ram.bytes
        self._pages: Sequence[bytes] = ()  # as they were when a state was last taken or put back

    def take(self) -> MemoryState:
        """The present state."""
        ram, pages = self._tables.ram, list(self._pages)
        for frame in sorted(self._written()):
            if frame >= len(pages):
                pages.extend([_ZERO] * (frame + 1 - len(pages)))
            data = self._bytes[frame * PAGE : (frame + 1) * PAGE]
            if data != pages[frame]:
                pages[frame] = _ZERO if data == _ZERO else data
        self._pages = pages
        return MemoryState(pages, *ram.allocation)

    def put_back(self, state: MemoryState) -> int:
        """Make memory what it was; returns how many pages were copied."""
        changed, pages = self._written(), state.pages
        if self._pages is not pages:
            changed |= _different(self._pages, pages)
        count, store = len(pages), self._tables.store_frame
        for frame in changed:
            store(frame, pages[frame] if frame < count else _ZERO)
        self._pages = pages
        self._tables.ram.allocation = state.next_frame, state.free_frames
        return len(changed)

    def _written(self) -> set[int]:
        """Frames written since the last look, by the host or the CPU."""
        written = self._tables.take_written()
        self._look(self._tables.root, 3, written)
        self._tables.flush()  # else the CPU would write on without setting the bits again
        return written

    def _look(self, table: int, levels: int, written: set[int]) -> None:
        """Collect what the CPU wrote below a table, clearing Accessed above and Dirty in the leaves."""
        end = table + PAGE
        low = self._bytes[table:end:8]
        bit = _ACCESSED if levels else _DIRTY
        marked = low.translate(_MARKED[bit])
        index = marked.find(bit)
        if index < 0:
            return
        while index >= 0:
            (entry,) = _QWORD.unpack_from(self._bytes, table + index * 8)
            if levels:
                self._look(entry & _FRAME, levels - 1, written)
            else:
                written.add((entry & _FRAME) >> 12)
            index = marked.find(bit, index + 1)
        self._bytes[table:end:8] = low.translate(_CLEARED)


def _different(one: Sequence[bytes], other: Sequence[bytes]) -> set[int]:
    """Frames whose pages are not the same object: equal states share them."""
    shared = min(len(one), len(other))
    longer = one if len(one) > shared else other
    different = {frame for frame in range(shared) if one[frame] is not other[frame]}
    return different | {frame for frame in range(shared, len(longer)) if longer[frame] is not _ZERO}
