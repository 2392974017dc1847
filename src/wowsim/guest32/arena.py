"""Which parts of one heap are busy and free: the arithmetic under RtlAllocateHeap.

Stands for a heap's free lists and segments (_HEAP, _HEAP_SEGMENT). Windows keeps them in guest memory between
the blocks; here they are Python state, so that a guest that overwrites block headers confuses itself and
nobody else. Leaves out: the low fragmentation heap, decommitting of free pages. Who may import it:
``guest32.heap``.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field

GRANULARITY = 8
HEADER = 8
MINIMUM = 16
"""Smallest block in bytes, with its header."""
PAGE = 0x1000


@dataclass
class Segment:
    """One reserved range; ``[start, committed)`` is usable, ``[committed, end)`` may be committed."""

    start: int
    committed: int
    end: int


@dataclass
class Busy:
    """One allocation: what the caller asked for and what it takes, both in bytes."""

    requested: int
    total: int


@dataclass
class Arena:
    """Free and busy blocks of one heap, best fit first, lowest address among equals."""

    segments: list[Segment] = field(default_factory=list)
    busy: dict[int, Busy] = field(default_factory=dict)
    """By address of the payload."""
    _by_size: list[tuple[int, int]] = field(default_factory=list)
    _size_at: dict[int, int] = field(default_factory=dict)
    _start_of: dict[int, int] = field(default_factory=dict)

    def take(self, requested: int) -> int | None:
        """Payload address of a new block, or None when no free block is large enough."""
        total = total_of(requested)
        at = bisect_left(self._by_size, (total, 0))
        if at == len(self._by_size):
            return None
        size, start = self._by_size[at]
        self._remove(start)
        return self._occupy(start, size, requested, total)

    def give_back(self, payload: int) -> int:
        """Free a busy block; returns the address of its header."""
        block = self.busy.pop(payload)
        self._insert(payload - HEADER, block.total)
        return payload - HEADER

    def resize(self, payload: int, requested: int) -> bool:
        """Change a block where it is, into the free block behind it if need be; False if that has no room."""
        block, start = self.busy[payload], payload - HEADER
        total = total_of(requested)
        room = block.total + self._size_at.get(start + block.total, 0)
        if total > room:
            return False
        if total > block.total:
            self._remove(start + block.total)
        else:
            room = block.total
        del self.busy[payload]
        self._occupy(start, room, requested, total)
        return True

    def add(self, start: int, end: int) -> None:
        """Newly committed bytes become free."""
        self._insert(start, end - start)

    def growth(self, requested: int, step: int) -> tuple[Segment, int] | None:
        """The segment to commit more of and how many bytes, so that ``requested`` fits; None if none can."""
        for segment in self.segments:
            tail = segment.committed - self._start_of.get(segment.committed, segment.committed)
            need = -(-(total_of(requested) - tail) // PAGE) * PAGE
            room = segment.end - segment.committed
            if 0 < need <= room:
                return segment, min(max(need, step), room)
        return None

    def _occupy(self, start: int, size: int, requested: int, total: int) -> int:
        if size - total < MINIMUM:
            total = size
        else:
            self._insert(start + total, size - total)
        self.busy[start + HEADER] = Busy(requested, total)
        return start + HEADER

    def _insert(self, start: int, size: int) -> None:
        following = self._size_at.get(start + size)
        if following is not None:
            self._remove(start + size)
            size += following
        previous = self._start_of.get(start)
        if previous is not None:
            size += self._remove(previous)
            start = previous
        self._size_at[start] = size
        self._start_of[start + size] = start
        insort(self._by_size, (size, start))

    def _remove(self, start: int) -> int:
        size = self._size_at.pop(start)
        del self._start_of[start + size]
        del self._by_size[bisect_left(self._by_size, (size, start))]
        return size


def total_of(requested: int) -> int:
    """Bytes that a block of ``requested`` bytes takes, with its header."""
    return max(MINIMUM, (requested + HEADER + GRANULARITY - 1) & -GRANULARITY)
