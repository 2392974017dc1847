"""Which pages of a MEM_WRITE_WATCH region were written (nt!NtGetWriteWatch, nt!NtResetWriteWatch).

A page that was not written yet is closed for writing to the CPU; its first write opens and marks it, as with pages
of mapped files. Rules: Microsoft Learn, GetWriteWatch. Who may import it: :mod:`wowsim.memory.space`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.memory.core import SpaceCore
from wowsim.memory.pages import DIRTY, PAGE_SHIFT
from wowsim.nt import status

if TYPE_CHECKING:
    from wowsim.memory.vad import Vad


class WriteWatch(SpaceCore):
    """Watched regions."""

    def written(self, base: int, size: int, limit: int) -> list[int]:
        """Addresses of at most ``limit`` written pages of a range, ascending.

        Raises:
            GuestFault: STATUS_INVALID_PARAMETER_1, when the range is not part of one watched region (unverified).
        """
        _, start, count = self._watched(base, size)
        found: list[int] = []
        for vpn, length, tag in self.pages.runs(start, count):
            if tag & DIRTY:
                found += [page << PAGE_SHIFT for page in range(vpn, vpn + min(length, limit - len(found)))]
            if len(found) == limit:
                break
        return found

    def watch_anew(self, base: int, size: int) -> None:
        """Forget what was written in a range; raises as :meth:`written`."""
        vad, start, count = self._watched(base, size)
        for vpn, length, tag in list(self.pages.runs(start, count)):
            if tag & DIRTY:
                clean = tag & ~DIRTY
                self.pages.protect(vpn, length, self._access(vad, clean), clean)

    def _watched(self, base: int, size: int) -> tuple[Vad, int, int]:
        vad = self.vads.at(base >> PAGE_SHIFT)
        if vad is None or not vad.write_watch or size == 0 or (base + size - 1) >> PAGE_SHIFT > vad.end:
            raise GuestFault(status.STATUS_INVALID_PARAMETER_1)
        start = base >> PAGE_SHIFT
        return vad, start, ((base + size - 1) >> PAGE_SHIFT) - start + 1
