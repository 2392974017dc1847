"""Changing and asking protections: NtProtectVirtualMemory and NtQueryVirtualMemory's basic information.

Rules follow Microsoft Learn (VirtualProtect, VirtualQuery, MEMORY_BASIC_INFORMATION) where these state them;
the choice among statuses is unverified.

Who may import it: :mod:`wowsim.memory.space`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.memory.allocate import MEM_COMMIT, MEM_FREE, MEM_IMAGE, MEM_MAPPED, MEM_PRIVATE, MEM_RESERVE
from wowsim.memory.core import SpaceCore, is_charged
from wowsim.memory.pages import MM_MASK, PAGE_SHIFT, PRIVATE
from wowsim.memory.protection import (
    PAGE_NOACCESS,
    allows,
    is_copy,
    mm_from_page,
    page_from_mm,
    to_copy,
    to_own,
)
from wowsim.memory.sections import ImageSection
from wowsim.memory.vad import MAX_COMMIT, VadKind
from wowsim.nt import status
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from wowsim.memory.vad import Vad

_TYPES = {VadKind.PRIVATE: MEM_PRIVATE, VadKind.MAPPED: MEM_MAPPED, VadKind.EXE: MEM_IMAGE}


@dataclass(frozen=True)
class Region:
    """MEMORY_BASIC_INFORMATION: pages that agree in everything, from the one asked for upwards."""

    base: int
    allocation_base: int
    allocation_protection: int
    size: int
    state: int
    protection: int
    type: int


class Protecting(SpaceCore):
    """Protections of committed pages."""

    def protect(self, base: int, size: int, protection: int) -> tuple[int, int, int]:
        """Change the protection of committed pages of one region.

        Returns:
            Base and size in bytes of the pages concerned, and the first page's old PAGE_* value.

        Raises:
            GuestFault: with the service's status; nothing has changed then.
        """
        mm = mm_from_page(protection)
        if base > self.layout.highest_user:
            raise GuestFault(status.STATUS_INVALID_PARAMETER_2)
        if size == 0 or base + size - 1 > self.layout.highest_user:
            raise GuestFault(status.STATUS_INVALID_PARAMETER_3)
        start, end = base >> PAGE_SHIFT, (base + size - 1) >> PAGE_SHIFT
        vad = self.vads.at(start)
        if vad is None or end > vad.end or vad.commit == MAX_COMMIT:
            raise GuestFault(status.STATUS_CONFLICTING_ADDRESSES)
        if vad.no_change:
            raise GuestFault(status.STATUS_INVALID_PAGE_PROTECTION)
        self._check_compatible(vad, mm)
        count = end - start + 1
        runs = list(self.pages.runs(start, count))
        if sum(length for _, length, _ in runs) != count:
            raise GuestFault(status.STATUS_NOT_COMMITTED)
        changes = [
            (vpn, length, old, new)
            for first, total, old in runs
            for vpn, length, new in self._new_tags(vad, first, total, old, mm)
        ]
        self._charge(vad, sum(n * (is_charged(new) - is_charged(old)) for _, n, old, new in changes))
        for vpn, length, old, new in changes:
            if new != old:
                self.pages.protect(vpn, length, self._access(vad, new), new)
        self._tell("protect", start, count, mm, vad.name)
        return start << PAGE_SHIFT, count << PAGE_SHIFT, page_from_mm(runs[0][2] & MM_MASK)

    def query(self, address: int) -> Region:
        """What lies at an address.

        Raises:
            GuestFault: STATUS_INVALID_PARAMETER, above the user half.
        """
        if not 0 <= address <= self.layout.highest_user:
            raise GuestFault(status.STATUS_INVALID_PARAMETER)
        vpn = address >> PAGE_SHIFT
        vad = self.vads.at_or_above(vpn)
        if vad is None or vad.start > vpn:
            end = self.highest_vpn if vad is None else vad.start - 1
            return Region(vpn << PAGE_SHIFT, 0, 0, (end - vpn + 1) << PAGE_SHIFT, MEM_FREE, PAGE_NOACCESS, 0)
        mm, end = self._extent(vad, vpn)
        return Region(
            vpn << PAGE_SHIFT,
            vad.start << PAGE_SHIFT,
            page_from_mm(vad.protection),
            (end - vpn) << PAGE_SHIFT,
            MEM_RESERVE if mm is None else MEM_COMMIT,
            0 if mm is None else page_from_mm(mm),
            _TYPES[vad.kind],
        )

    def _extent(self, vad: Vad, vpn: int) -> tuple[int | None, int]:
        """MM code of a page (None: reserved), and the first page above that differs or leaves the region."""
        end = vad.end + 1
        if vad.commit == MAX_COMMIT or (vad.section is not None and not vad.section.frames):
            return None, end
        found: int | None = None
        for start, length, tag in self.pages.runs(vpn, end - vpn):
            if start > vpn:
                return found, start if found is None else vpn
            if found is not None and tag & MM_MASK != found:
                return found, start
            found = tag & MM_MASK
            vpn = start + length
        return found, end if found is None else vpn

    def _check_compatible(self, vad: Vad, mm: int) -> None:
        if vad.kind is VadKind.PRIVATE:
            if is_copy(mm):
                raise GuestFault(status.STATUS_INVALID_PAGE_PROTECTION)
        elif vad.kind is VadKind.MAPPED and not is_copy(vad.protection):
            if not allows(page_from_mm(vad.protection), page_from_mm(mm)):
                raise GuestFault(status.STATUS_SECTION_PROTECTION)
        elif not allows(page_from_mm(vad.protection), page_from_mm(to_copy(mm))):
            raise GuestFault(status.STATUS_SECTION_PROTECTION)

    def _new_tags(self, vad: Vad, vpn: int, count: int, old: int, mm: int) -> list[tuple[int, int, int]]:
        """``(page, count, tag)`` that a run of pages gets.

        In an image or a copy-on-write view "writable" means "copied on write" until the page is the
        process's own; pages of a shared image section are written in place.
        """
        keep = old & ~MM_MASK
        if vad.kind is VadKind.PRIVATE:
            return [(vpn, count, keep | mm)]
        if old & PRIVATE:
            return [(vpn, count, keep | to_own(mm))]
        if isinstance(vad.section, ImageSection):
            tags: list[tuple[int, int, int]] = []
            for page in range(vpn, vpn + count):
                shared = vad.section.is_shared(vad.offset + page - vad.start)
                tag = keep | (mm if shared else to_copy(mm))
                if tags and tags[-1][2] == tag:
                    tags[-1] = (tags[-1][0], tags[-1][1] + 1, tag)
                else:
                    tags.append((page, 1, tag))
            return tags
        return [(vpn, count, keep | (to_copy(mm) if is_copy(vad.protection) else mm))]
