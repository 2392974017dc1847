"""Private memory: what NtAllocateVirtualMemory and NtFreeVirtualMemory do (nt!MiReserveUserMemory and kin).

Rules and statuses follow Microsoft Learn (VirtualAlloc, VirtualFree, NtAllocateVirtualMemory,
NtFreeVirtualMemory) where these state them; which of several statuses answers a call with several faults,
and the statuses of locked regions, are unverified. Left out: AWE, large pages, placeholders.

Who may import it: :mod:`wowsim.memory.space`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, Unsupported
from wowsim.memory.core import SpaceCore
from wowsim.memory.gaps import GRANULARITY
from wowsim.memory.layout import LOWEST_USER_ADDRESS
from wowsim.memory.pages import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from wowsim.memory.protection import allows, is_copy, mm_from_page, page_from_mm
from wowsim.memory.vad import MAX_COMMIT, VadKind
from wowsim.nt import status

if TYPE_CHECKING:
    from wowsim.memory.requirements import Requirements
    from wowsim.memory.vad import Vad

MEM_COMMIT = 0x1000
MEM_RESERVE = 0x2000
MEM_DECOMMIT = 0x4000
MEM_RELEASE = 0x8000
MEM_FREE = 0x10000
MEM_PRIVATE = 0x20000
MEM_MAPPED = 0x40000
MEM_RESET = 0x80000
MEM_TOP_DOWN = 0x100000
MEM_WRITE_WATCH = 0x200000
MEM_PHYSICAL = 0x400000
MEM_IMAGE = 0x1000000
MEM_RESET_UNDO = 0x1000000
MEM_LARGE_PAGES = 0x20000000

_ALLOCATION_BITS = MEM_COMMIT | MEM_RESERVE | MEM_TOP_DOWN | MEM_WRITE_WATCH | MEM_PHYSICAL | MEM_LARGE_PAGES
_LOWEST = LOWEST_USER_ADDRESS >> PAGE_SHIFT


class Allocation(SpaceCore):
    """Reserving, committing, decommitting and releasing."""

    def allocate(
        self,
        base: int,
        size: int,
        allocation_type: int,
        protection: int,
        zero_bits: int = 0,
        *,
        requirements: Requirements | None = None,
    ) -> tuple[int, int]:
        """Reserve or commit memory, or both.

        Args:
            base: wanted address, or 0 for anywhere.
            size: bytes.
            allocation_type: MEM_* bits.
            protection: PAGE_* value.
            zero_bits: high address bits that must be zero, or above 31 a mask of those that may be one.
            requirements: where it may lie if ``base`` is 0.

        Returns:
            Base and size in bytes of the pages concerned.

        Raises:
            GuestFault: with the service's status.
            Unsupported: AWE.
        """
        highest = self.highest_with(zero_bits)
        self._check_allocation_type(allocation_type)
        mm = mm_from_page(protection)
        self._check_range(base, size, status.STATUS_INVALID_PARAMETER_4)
        if allocation_type & (MEM_RESET | MEM_RESET_UNDO):
            return self._reset(base, size)
        if base == 0 or allocation_type & MEM_RESERVE:
            if is_copy(mm):
                raise GuestFault(status.STATUS_INVALID_PAGE_PROTECTION)
            top_down = bool(allocation_type & MEM_TOP_DOWN)
            if base == 0 and requirements is not None:
                count = (size + PAGE_MASK) >> PAGE_SHIFT
                start = requirements.find(self.vads, count, top_down=top_down)
            else:
                start, count = self._place(base, size, highest, top_down)
            self._reserve(start, count, mm, allocation_type)
        else:
            start = base >> PAGE_SHIFT
            count = ((base + size - 1) >> PAGE_SHIFT) - start + 1
            self._commit(start, count, mm)
        return start << PAGE_SHIFT, count << PAGE_SHIFT

    def free(self, base: int, size: int, free_type: int) -> tuple[int, int]:
        """Decommit or release private memory; a part in the middle splits its region.

        Returns:
            Base and size in bytes of the pages concerned.

        Raises:
            GuestFault: with the service's status.
        """
        if free_type not in (MEM_DECOMMIT, MEM_RELEASE):
            raise GuestFault(status.STATUS_INVALID_PARAMETER_4)
        self._check_range(base, size or 1, status.STATUS_INVALID_PARAMETER_3)
        start, end = base >> PAGE_SHIFT, (base + (size or 1) - 1) >> PAGE_SHIFT
        vad = self.vads.at(start)
        if vad is None:
            raise GuestFault(status.STATUS_MEMORY_NOT_ALLOCATED)
        if size == 0:
            if start != vad.start:
                raise GuestFault(status.STATUS_FREE_VM_NOT_AT_BASE)
            end = vad.end
        if end > vad.end:
            raise GuestFault(status.STATUS_UNABLE_TO_FREE_VM)
        if free_type == MEM_RELEASE and not self.releases_parts and (start, end) != (vad.start, vad.end):
            raise GuestFault(status.STATUS_INVALID_PARAMETER)
        if vad.kind is not VadKind.PRIVATE:
            raise GuestFault(status.STATUS_UNABLE_TO_DELETE_SECTION)
        if vad.no_change:
            raise GuestFault(status.STATUS_INVALID_PAGE_PROTECTION)
        count = end - start + 1
        removed, _ = self._remove_entries(start, count)
        self._charge(vad, -removed)
        if free_type == MEM_DECOMMIT:
            vad.mem_commit = False
            self._tell("decommit", start, count, 0, None)
        else:
            self._release(vad, start, end)
            self._tell("release", start, count, 0, None)
        return start << PAGE_SHIFT, count << PAGE_SHIFT

    def highest_with(self, zero_bits: int) -> int:
        """Highest page that an address with ZeroBits may lie in.

        Source: Microsoft Learn, NtAllocateVirtualMemory (fewer than 21 bits of a 32-bit address; larger than
        32, a mask). 32-bit kernels know no mask.

        Raises:
            GuestFault: STATUS_INVALID_PARAMETER_3.
        """
        if zero_bits == 0:
            return self.highest_vpn
        if zero_bits <= 21:
            highest = 0xFFFFFFFF >> zero_bits
        elif zero_bits < 32 or not self.layout.wow64:
            raise GuestFault(status.STATUS_INVALID_PARAMETER_3)
        else:
            highest = (1 << zero_bits.bit_length()) - 1
        return min(highest >> PAGE_SHIFT, self.highest_vpn)

    def find_gap(
        self, count: int, highest: int, *, top_down: bool = False, alignment: int = GRANULARITY
    ) -> int:
        """First page of a free range at or below page ``highest`` (nt!MiFindEmptyAddressRange).

        Raises:
            GuestFault: STATUS_NO_MEMORY, when there is none.
        """
        find = self.vads.find_highest if top_down else self.vads.find_lowest
        start = find(count, _LOWEST, highest, alignment)
        if start is None:
            raise GuestFault(status.STATUS_NO_MEMORY)
        return start

    def _check_allocation_type(self, bits: int) -> None:
        if bits in (MEM_RESET, MEM_RESET_UNDO):
            return
        if bits & ~_ALLOCATION_BITS or not bits & (MEM_COMMIT | MEM_RESERVE):
            raise GuestFault(status.STATUS_INVALID_PARAMETER_5)
        if bits & MEM_WRITE_WATCH and not bits & MEM_RESERVE:
            raise GuestFault(status.STATUS_INVALID_PARAMETER_5)
        if bits & MEM_PHYSICAL:
            raise Unsupported("NtAllocateVirtualMemory: MEM_PHYSICAL")
        if bits & MEM_LARGE_PAGES:
            # It takes SeLockMemoryPrivilege (Microsoft Learn, Large-Page Support), which no token here has.
            raise GuestFault(status.STATUS_PRIVILEGE_NOT_HELD)

    def _check_range(self, base: int, size: int, too_long: int) -> None:
        """Refuse ranges that leave the user half; ``base`` is the second parameter of every service here."""
        if base > self.layout.highest_user:
            raise GuestFault(status.STATUS_INVALID_PARAMETER_2)
        if size == 0 or base + size - 1 > self.layout.highest_user:
            raise GuestFault(too_long)

    def _place(self, base: int, size: int, highest: int, top_down: bool) -> tuple[int, int]:
        """Where a reservation goes: first page and number of pages."""
        if base == 0:
            count = (size + PAGE_MASK) >> PAGE_SHIFT
            return self.find_gap(count, highest, top_down=top_down), count
        start = base >> PAGE_SHIFT & ~(GRANULARITY - 1)
        if start < _LOWEST:
            raise GuestFault(status.STATUS_INVALID_PARAMETER_2)
        end = (base + size - 1) >> PAGE_SHIFT
        if not self.vads.is_free(start, end):
            raise GuestFault(status.STATUS_CONFLICTING_ADDRESSES)
        return start, end - start + 1

    def _reserve(self, start: int, count: int, mm: int, allocation_type: int) -> None:
        watched = allocation_type & MEM_WRITE_WATCH != 0
        if allocation_type & MEM_COMMIT:
            self.insert_committed(start, start + count - 1, mm, write_watch=watched)
        else:
            self.insert_vad(start, start + count - 1, VadKind.PRIVATE, mm).write_watch = watched
            self._tell("reserve", start, count, mm, None)

    def _commit(self, start: int, count: int, mm: int) -> None:
        vad = self.vads.at(start)
        if vad is None or start + count - 1 > vad.end or vad.no_change or vad.commit == MAX_COMMIT:
            raise GuestFault(status.STATUS_CONFLICTING_ADDRESSES)
        if vad.kind is VadKind.PRIVATE:
            if is_copy(mm):
                raise GuestFault(status.STATUS_INVALID_PAGE_PROTECTION)
            self._commit_private(vad, start, count, mm)
            return
        section = vad.section
        assert section is not None, "a mapped VAD views a section"
        if not section.reserved:
            raise GuestFault(status.STATUS_ALREADY_COMMITTED)
        if not allows(page_from_mm(vad.protection), page_from_mm(mm)):
            raise GuestFault(status.STATUS_SECTION_PROTECTION)
        self.commit_view(vad, start, count, mm)

    def commit_view(self, vad: Vad, start: int, count: int, mm: int) -> None:
        """Commit pages of a SEC_RESERVE section through one of its views; they appear in all of them."""
        section = vad.section
        assert section is not None, "a view has a section"
        first = vad.offset + start - vad.start
        fresh = section.uncommitted(first, count)
        shown = [
            (view, view.start + index - view.offset, index, mm if view is vad else view.protection)
            for view in section.views
            for index in fresh
            if view.offset <= index < view.offset + view.count
        ]
        copies = sum(is_copy(code) for _, _, _, code in shown)
        self.commitment.charge(copies)
        try:
            section.commit(first, count)
        finally:
            self.commitment.release(copies)
        for view, vpn, index, code in shown:
            self._charge(view, is_copy(code))
            self.pages.map(vpn, [section.frames[index]], self._access(view, code), code)
        self._tell("commit", start, count, mm, vad.name)

    def _reset(self, base: int, size: int) -> tuple[int, int]:
        """MEM_RESET and its undoing: the contents may be dropped, and are kept; only whole pages count."""
        start, end = -(-base // PAGE_SIZE), (base + size) >> PAGE_SHIFT
        vad = self.vads.at(base >> PAGE_SHIFT)
        if vad is None or (base + size - 1) >> PAGE_SHIFT > vad.end:
            raise GuestFault(status.STATUS_CONFLICTING_ADDRESSES)
        if vad.kind is not VadKind.PRIVATE:
            raise GuestFault(status.STATUS_USER_MAPPED_FILE)
        return start << PAGE_SHIFT, max(end - start, 0) << PAGE_SHIFT

    def _release(self, vad: Vad, start: int, end: int) -> None:
        """Give address space back; the pages are gone already."""
        self.released.append((start, end, self.cause))
        if end < vad.end:
            upper = self.vads.split(vad, end + 1)
            upper.address = self._pool_address()
            upper.commit = sum(length for _, length, _ in self.pages.runs(upper.start, upper.count))
            vad.commit -= upper.commit
        if start > vad.start:
            self.vads.resize(vad, vad.start, start - 1)
        else:
            self.vads.remove(vad)
