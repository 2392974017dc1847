"""Page tables in dictionaries: the reference that the memory manager is tested over."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.memory.pages import PAGE_SIZE
from wowsim.nt.status import STATUS_COMMITMENT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


class FakePages:
    """Implements ``Pages``; ``limit`` is the number of physical frames."""

    def __init__(self, limit: int = 1 << 20) -> None:
        self.limit = limit
        self.frames: dict[int, bytearray] = {}
        self.entries: dict[int, tuple[int, int, int]] = {}
        self.absent: set[int] = set()
        self.fetch: Callable[[int], Iterable[tuple[int, bytes]]] = lambda vpn: ()
        self._order: list[int] = []
        self._next = 1

    def allocate(self, count: int) -> Sequence[int]:
        if len(self.frames) + count > self.limit:
            raise GuestFault(STATUS_COMMITMENT_LIMIT)
        fresh = range(self._next, self._next + count)
        self._next += count
        for frame in fresh:
            self.frames[frame] = bytearray(PAGE_SIZE)
        return fresh

    def free(self, frames: Iterable[int]) -> None:
        for frame in frames:
            del self.frames[frame]

    def map(self, vpn: int, frames: Sequence[int], access: int, tag: int, *, absent: bool = False) -> None:
        for index, frame in enumerate(frames):
            page = vpn + index
            assert page not in self.entries, f"{page:#x} is mapped"
            assert frame in self.frames, f"{frame:#x} is not allocated"
            assert 0 <= tag < 0x80
            self.entries[page] = (frame, access, tag)
            if absent and access:
                self.absent.add(page)
            insort(self._order, page)

    def protect(self, vpn: int, count: int, access: int, tag: int) -> None:
        for page in range(vpn, vpn + count):
            self._fill_in(page)
            self.entries[page] = (self.entries[page][0], access, tag)

    def unmap(self, vpn: int, count: int) -> list[int]:
        low, high = bisect_left(self._order, vpn), bisect_left(self._order, vpn + count)
        pages = self._order[low:high]
        del self._order[low:high]
        self.absent.difference_update(pages)
        return [self.entries.pop(page)[0] for page in pages]

    def entry(self, vpn: int) -> tuple[int, int, int] | None:
        self._fill_in(vpn)
        return self.entries.get(vpn)

    def _fill_in(self, vpn: int) -> None:
        if vpn in self.absent:
            for page, data in self.fetch(vpn):
                if page in self.absent:
                    self.absent.remove(page)
                    self.write_frame(self.entries[page][0], 0, data)
        assert vpn not in self.absent, f"nobody has the bytes of page {vpn:#x}"

    def runs(self, vpn: int, count: int) -> Iterator[tuple[int, int, int]]:
        low, high = bisect_left(self._order, vpn), bisect_left(self._order, vpn + count)
        start = length = tag = 0
        for page in self._order[low:high]:
            found = self.entries[page][2]
            if length and page == start + length and found == tag:
                length += 1
                continue
            if length:
                yield start, length, tag
            start, length, tag = page, 1, found
        if length:
            yield start, length, tag

    def read_frame(self, frame: int, offset: int, size: int) -> bytes:
        assert offset + size <= PAGE_SIZE
        return bytes(self.frames[frame][offset : offset + size])

    def fill(self, frames: Sequence[int], data: bytes) -> None:
        for at, frame in zip(range(0, len(data), PAGE_SIZE), frames, strict=False):
            self.write_frame(frame, 0, data[at : at + PAGE_SIZE])

    def write_frame(self, frame: int, offset: int, data: bytes) -> None:
        assert offset + len(data) <= PAGE_SIZE
        self.frames[frame][offset : offset + len(data)] = data
