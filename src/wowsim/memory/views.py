"""Views of sections: NtMapViewOfSection and NtUnmapViewOfSection (nt!MmMapViewOfSection and kin).

Rules follow Microsoft Learn (MapViewOfFile, NtMapViewOfSection in the WDK) where these state them; the
choice among statuses is unverified. A mapped file is coherent with the file at map, flush and unmap only.

Who may import it: :mod:`wowsim.memory.space`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.memory.allocate import MEM_RESERVE, MEM_TOP_DOWN, Allocation
from wowsim.memory.core import is_charged
from wowsim.memory.gaps import GRANULARITY
from wowsim.memory.layout import LOWEST_USER_ADDRESS
from wowsim.memory.pages import DIRTY, MM_MASK, PAGE_SHIFT, PAGE_SIZE
from wowsim.memory.protection import (
    MM_EXECUTE_WRITECOPY,
    PAGE_EXECUTE_WRITECOPY,
    allows,
    is_copy,
    mm_from_page,
)
from wowsim.memory.sections import FileSection, ImageSection, Section
from wowsim.memory.vad import VadKind
from wowsim.nt import status

if TYPE_CHECKING:
    from wowsim.memory.requirements import Requirements
    from wowsim.memory.vad import Vad

_GRANULARITY_MASK = GRANULARITY * PAGE_SIZE - 1


class Views(Allocation):
    """Mapping and unmapping."""

    def map_view(
        self,
        section: Section,
        base: int = 0,
        offset: int = 0,
        size: int = 0,
        protection: int = PAGE_EXECUTE_WRITECOPY,
        *,
        allocation_type: int = 0,
        zero_bits: int = 0,
        commit_size: int = 0,
        requirements: Requirements | None = None,
    ) -> tuple[int, int, int]:
        """Map a view of a section.

        Args:
            section: what to map; an image is always mapped from its start and with its own protections.
            base: wanted address, or 0 for anywhere (an image: its base, if that is free).
            offset: byte offset in the section.
            size: bytes, or 0 for all from ``offset`` on.
            protection: PAGE_* value.
            allocation_type: MEM_TOP_DOWN and MEM_RESERVE.
            zero_bits: as in ``allocate``.
            commit_size: bytes to commit at once of a SEC_RESERVE section.
            requirements: where it may lie if ``base`` is 0.

        Returns:
            Base, size in bytes, and STATUS_SUCCESS or STATUS_IMAGE_NOT_AT_BASE.

        Raises:
            GuestFault: with the service's status.
        """
        highest = self._highest_of_view(zero_bits)
        mm = mm_from_page(protection)
        if (base | offset) & _GRANULARITY_MASK:
            raise GuestFault(status.STATUS_MAPPED_ALIGNMENT)
        if allocation_type & ~(MEM_TOP_DOWN | MEM_RESERVE):
            raise GuestFault(status.STATUS_INVALID_PARAMETER_9)
        top_down = bool(allocation_type & MEM_TOP_DOWN)
        if isinstance(section, ImageSection):
            if base == 0 and requirements is not None:
                base = requirements.find(self.vads, section.count, top_down=top_down) << PAGE_SHIFT
            return self.map_image(section, base or None, highest=highest)
        if not allows(section.protection, protection):
            raise GuestFault(status.STATUS_SECTION_PROTECTION)
        size = size or section.size - offset
        if offset >= section.size or size > (section.count << PAGE_SHIFT) - offset:
            raise GuestFault(status.STATUS_INVALID_VIEW_SIZE)
        if commit_size > size:
            raise GuestFault(status.STATUS_INVALID_PARAMETER_5)
        count = -(-size // PAGE_SIZE)
        if base == 0 and requirements is not None:
            start = requirements.find(self.vads, count, top_down=top_down)
        else:
            start = self._view_place(base, count, highest, top_down)
        vad = self._insert_view(section, start, count, offset >> PAGE_SHIFT, VadKind.MAPPED, mm)
        if section.reserved and commit_size:
            self.commit_view(vad, start, -(-commit_size // PAGE_SIZE), mm)
        return start << PAGE_SHIFT, count << PAGE_SHIFT, status.STATUS_SUCCESS

    def map_image(
        self, section: ImageSection, base: int | None = None, *, highest: int | None = None
    ) -> tuple[int, int, int]:
        """Map an image at ``base``, at its own base, or where there is room, in this order of preference.

        Returns:
            Base, size in bytes, and STATUS_SUCCESS, or STATUS_IMAGE_NOT_AT_BASE when its pointers are for
            another base.

        Raises:
            GuestFault: STATUS_CONFLICTING_ADDRESSES, when ``base`` was asked for and is taken;
                STATUS_NO_MEMORY; STATUS_COMMITMENT_LIMIT.
        """
        top = self.highest_vpn if highest is None else highest
        count = section.count
        if base is not None:
            start = self._view_place(base, count, top, top_down=False)
        else:
            start = section.base >> PAGE_SHIFT
            if (
                start + count - 1 > top
                or start < GRANULARITY
                or not self.vads.is_free(start, start + count - 1)
            ):
                start = self.find_gap(count, top)
        self._insert_view(section, start, count, 0, VadKind.EXE, MM_EXECUTE_WRITECOPY)
        moved = start << PAGE_SHIFT != section.base
        answer = status.STATUS_IMAGE_NOT_AT_BASE if moved else status.STATUS_SUCCESS
        return start << PAGE_SHIFT, count << PAGE_SHIFT, answer

    def unmap_view(self, address: int) -> tuple[int, int]:
        """Unmap the view that holds an address.

        Returns:
            Base and size in bytes of the view.

        Raises:
            GuestFault: STATUS_NOT_MAPPED_VIEW; STATUS_INVALID_PAGE_PROTECTION for a locked one.
        """
        vad = self.vads.at(address >> PAGE_SHIFT)
        if vad is None or vad.section is None:
            raise GuestFault(status.STATUS_NOT_MAPPED_VIEW)
        if vad.no_change:
            raise GuestFault(status.STATUS_INVALID_PAGE_PROTECTION)
        section = vad.section
        self._write_back(vad, vad.start, vad.count)
        _, charged = self._remove_entries(vad.start, vad.count)
        self._charge(vad, -charged)
        self.vads.remove(vad)
        section.views.remove(vad)
        section.release_if_unused()
        self.released.append((vad.start, vad.end, self.cause))
        self._tell("unmap", vad.start, vad.count, 0, vad.name)
        return vad.start << PAGE_SHIFT, vad.count << PAGE_SHIFT

    def flush_view(self, address: int, size: int) -> tuple[int, int]:
        """Write the changed pages of a mapped file back (NtFlushVirtualMemory); size 0: to the view's end.

        Returns:
            Base and size in bytes of the pages concerned.

        Raises:
            GuestFault: STATUS_NOT_MAPPED_DATA, where no data file is mapped; STATUS_INVALID_PARAMETER.
        """
        start = address >> PAGE_SHIFT
        vad = self.vads.at(start)
        if vad is None or not isinstance(vad.section, FileSection):
            raise GuestFault(status.STATUS_NOT_MAPPED_DATA)
        end = (address + size - 1) >> PAGE_SHIFT if size else vad.end
        if end > vad.end:
            raise GuestFault(status.STATUS_INVALID_PARAMETER)
        self._write_back(vad, start, end - start + 1)
        return start << PAGE_SHIFT, (end - start + 1) << PAGE_SHIFT

    def _highest_of_view(self, zero_bits: int) -> int:
        try:
            return self.highest_with(zero_bits)
        except GuestFault:
            # The same rule, but ZeroBits is the fourth parameter here.
            raise GuestFault(status.STATUS_INVALID_PARAMETER_4) from None

    def _view_place(self, base: int, count: int, highest: int, top_down: bool) -> int:
        if base == 0:
            return self.find_gap(count, highest, top_down=top_down)
        start = base >> PAGE_SHIFT
        if base < LOWEST_USER_ADDRESS or start + count - 1 > self.highest_vpn:
            raise GuestFault(status.STATUS_INVALID_PARAMETER_3)
        if not self.vads.is_free(start, start + count - 1):
            raise GuestFault(status.STATUS_CONFLICTING_ADDRESSES)
        return start

    def _insert_view(
        self, section: Section, start: int, count: int, offset: int, kind: VadKind, mm: int
    ) -> Vad:
        """Make the VAD of a view and enter its pages."""
        section.load(offset, count)
        runs = list(section.runs(offset, count, mm))
        charge = sum(length for _, length, code in runs if is_charged(code))
        vad = self.insert_vad(start, start + count - 1, kind, mm, section=section)
        vad.offset = offset
        try:
            self._charge(vad, charge)
        except GuestFault:
            self.vads.remove(vad)
            section.release_if_unused()
            raise
        section.views.append(vad)
        frames = section.frames
        for index, length, code in runs:
            span = [frames[i] for i in range(index, index + length)]
            self.pages.map(
                start + index - offset, span, self._access(vad, code), code, absent=section.is_absent(index)
            )
        self._tell("map", start, count, mm, vad.name)
        return vad

    def _write_back(self, vad: Vad, start: int, count: int) -> None:
        """Write the pages of a range that were written through this view to their file."""
        section = vad.section
        if not isinstance(section, FileSection) or is_copy(vad.protection):
            return
        for vpn, length, tag in list(self.pages.runs(start, count)):
            if tag & DIRTY:
                for page in range(vpn, vpn + length):
                    section.store(vad.offset + page - vad.start)
                clean = tag & MM_MASK
                self.pages.protect(vpn, length, self._access(vad, clean), clean)
