"""State of one process's address space (the Vm part of nt!_EPROCESS) and the steps its operations share.

Who may import it: the parts of the address space in this package.
"""

from __future__ import annotations

from collections import deque
from random import Random
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.memory.pages import CLUSTER, DIRTY, MM_MASK, PAGE_SHIFT, PRIVATE, WRITE
from wowsim.memory.protection import cpu_access, is_copy, page_from_mm
from wowsim.memory.sections import Commitment, FileSection
from wowsim.memory.vad import MAX_COMMIT, Vad, VadKind, VadTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wowsim.memory.layout import SpaceLayout
    from wowsim.memory.pages import Pages
    from wowsim.memory.sections import Section

    Notify = Callable[[str, int, int, int, str | None], None]

EVENT_KINDS = ("reserve", "commit", "decommit", "release", "map", "unmap", "protect")
"""What an observer is told; sizes are bytes, the protection is a PAGE_* value, 0 where there is none.

A commit of pages that no region held also reserves them.
"""
_REMEMBERED = 1024


class SpaceCore:
    """The VAD tree over the page tables of one process.

    Args:
        pages: page tables and physical memory.
        layout: the build's address space.
        commitment: the system's commit charge; its own when None.
        seed: decides the pool addresses of VADs.
        notify: called with kind (of EVENT_KINDS), start, size, PAGE_* protection and name at every change.

    Attributes:
        cause: creation step or service that acts; new VADs remember it.
        private_commit: pages charged to the process for private memory and copies.
        releases_parts: a part of a region can be released. Wine's VirtualFree, which unlike Windows' does not insist on
            size 0, leaves it to its kernel to refuse that (observed).
        locked: pages locked into the working set.
        released: first page, last page and cause of what was given back, oldest first, as far as remembered.
    """

    def __init__(
        self,
        pages: Pages,
        layout: SpaceLayout,
        *,
        commitment: Commitment | None = None,
        seed: int = 0,
        notify: Notify | None = None,
    ) -> None:
        self.pages = pages
        pages.fetch = self._fetch
        self.layout = layout
        self.commitment = commitment if commitment is not None else Commitment()
        self.notify = notify
        self.vads = VadTree()
        self.cause = ""
        self.private_commit = 0
        self.locked: set[int] = set()
        self.releases_parts = True
        self.released: deque[tuple[int, int, str]] = deque(maxlen=_REMEMBERED)
        self.highest_vpn = layout.highest_user >> PAGE_SHIFT
        self._random = Random(seed)
        self._pool = layout.pool + (self._random.getrandbits(24) << 4)

    def _fetch(self, vpn: int) -> Iterator[tuple[int, bytes]]:
        """Pages of an image that are read when somebody touches them, some at a time."""
        vad = self.vads.at(vpn)
        assert vad is not None, "every entry lies in a VAD"
        assert vad.section is not None, "only pages of sections are absent"
        first, end = max(vpn & -CLUSTER, vad.start), min((vpn & -CLUSTER) + CLUSTER, vad.end + 1)
        data = vad.section.bytes_of(vad.offset + first - vad.start, end - first)
        for page in range(first, end):
            yield page, data[(page - first) << PAGE_SHIFT : (page - first + 1) << PAGE_SHIFT]

    def insert_vad(
        self,
        start: int,
        end: int,
        kind: VadKind,
        mm: int,
        *,
        section: Section | None = None,
        no_change: bool = False,
        commit: int = 0,
    ) -> Vad:
        """Make a VAD for the inclusive range of free pages (nt!MiInsertVad); pages come separately.

        Args:
            start: first page number.
            end: last page number.
            kind: what it describes.
            mm: MM protection code.
            section: what it views.
            no_change: whether it is locked against changes.
            commit: 0, or MAX_COMMIT for a region in which nothing may be committed.
        """
        vad = Vad(start, end, kind, mm)
        vad.section, vad.no_change, vad.commit, vad.cause = section, no_change, commit, self.cause
        if section is not None:
            vad.name = section.name
        vad.address = self._pool_address()
        self.vads.insert(vad)
        return vad

    def insert_committed(
        self, start: int, end: int, mm: int, *, no_change: bool = False, write_watch: bool = False
    ) -> Vad:
        """Make a private VAD of fresh zero pages."""
        vad = self.insert_vad(start, end, VadKind.PRIVATE, mm, no_change=no_change)
        vad.write_watch = write_watch
        try:
            self._commit_private(vad, start, end - start + 1, mm)
        except GuestFault:
            self.vads.remove(vad)
            raise
        vad.mem_commit = True
        return vad

    def insert_no_access(self, start: int, end: int, mm: int) -> Vad:
        """Make a private VAD that nobody can commit, change or free (wow64-facts section 8.1)."""
        vad = self.insert_vad(start, end, VadKind.PRIVATE, mm, no_change=True, commit=MAX_COMMIT)
        self._tell("reserve", start, end - start + 1, mm, None)
        return vad

    def _pool_address(self) -> int:
        self._pool += 0x50 + (self._random.getrandbits(8) << 4)
        return self._pool

    def _tell(self, kind: str, vpn: int, count: int, mm: int, name: str | None) -> None:
        if self.notify is not None:
            protection = page_from_mm(mm) if mm else 0
            self.notify(kind, vpn << PAGE_SHIFT, count << PAGE_SHIFT, protection, name)

    def _charge(self, vad: Vad, count: int) -> None:
        """Charge pages to a VAD, the process and the system; a negative count gives back."""
        if count > 0:
            self.commitment.charge(count)
        else:
            self.commitment.release(-count)
        self.private_commit += count
        vad.commit += count

    def _take_frames(self, vad: Vad, count: int) -> list[int]:
        """Charge and allocate; nothing is charged when physical memory is exhausted."""
        self._charge(vad, count)
        try:
            return list(self.pages.allocate(count))
        except GuestFault:
            self._charge(vad, -count)
            raise

    def _holes(self, start: int, count: int) -> Iterator[tuple[int, int]]:
        """``(page, count)`` of the parts of a range that have no entries."""
        at = start
        for vpn, length, _ in list(self.pages.runs(start, count)):
            if at < vpn:
                yield at, vpn - at
            at = vpn + length
        if at < start + count:
            yield at, start + count - at

    def _commit_private(self, vad: Vad, start: int, count: int, mm: int) -> None:
        """Commit pages of a private VAD; those that are committed already get the protection."""
        committed = list(self.pages.runs(start, count))
        holes = list(self._holes(start, count))
        needed = sum(length for _, length in holes)
        frames = self._take_frames(vad, needed)
        tag = PRIVATE | mm
        access = self._access(vad, tag)
        for vpn, length, old in committed:
            new = tag | old & DIRTY
            if old != new:
                self.pages.protect(vpn, length, self._access(vad, new), new)
        taken = 0
        for vpn, length in holes:
            self.pages.map(vpn, frames[taken : taken + length], access, tag)
            taken += length
        self._tell("commit", start, count, mm, None)

    def _remove_entries(self, start: int, count: int) -> tuple[int, int]:
        """Take pages out of the page tables and free the process's own frames.

        Returns:
            Number of entries that were removed, and of pages whose charge ends.
        """
        removed = charged = 0
        if self.locked:
            self.locked = {page for page in self.locked if not start <= page < start + count}
        for vpn, length, tag in list(self.pages.runs(start, count)):
            frames = self.pages.unmap(vpn, length)
            removed += length
            if tag & PRIVATE:
                self.pages.free(frames)
            if is_charged(tag):
                charged += length
        return removed, charged

    def _access(self, vad: Vad, tag: int) -> int:
        """What the CPU may do with a page: a clean one of a shared file or a watched region reports its first write."""
        access = cpu_access(tag & MM_MASK)
        if not tag & DIRTY and (
            vad.write_watch or (isinstance(vad.section, FileSection) and not tag & PRIVATE)
        ):
            access &= ~WRITE
        return access


def is_charged(tag: int) -> bool:
    """Whether the process pays for a page: its own, or one that it may come to own by writing."""
    return bool(tag & PRIVATE) or is_copy(tag)
