"""Pages locked into the working set (nt!NtLockVirtualMemory, nt!NtUnlockVirtualMemory).

Nothing is ever paged out here, so that a lock only has to be remembered and answered for. Leaves out the quota that
the minimum working set sets. Who may import it: :mod:`wowsim.memory.space`.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.memory.core import SpaceCore
from wowsim.memory.pages import PAGE_SHIFT
from wowsim.nt import status


class Locking(SpaceCore):
    """Locked pages."""

    def lock(self, base: int, size: int) -> tuple[int, int, int]:
        """Lock committed pages.

        Returns:
            Base and size in bytes of the pages concerned, and STATUS_SUCCESS, or STATUS_WAS_LOCKED when one of them
            was locked before.

        Raises:
            GuestFault: STATUS_ACCESS_VIOLATION, when a page is not committed or nobody may touch it.
        """
        start, count = self._range(base, size)
        reached = sum(n for vpn, n, _ in self.pages.runs(start, count) if self._touchable(vpn))
        if reached != count:
            raise GuestFault(status.STATUS_ACCESS_VIOLATION)
        pages = range(start, start + count)
        known = not self.locked.isdisjoint(pages)
        self.locked.update(pages)
        answer = status.STATUS_WAS_LOCKED if known else status.STATUS_SUCCESS
        return start << PAGE_SHIFT, count << PAGE_SHIFT, answer

    def unlock(self, base: int, size: int) -> tuple[int, int]:
        """Unlock pages.

        Returns:
            Base and size in bytes of the pages concerned.

        Raises:
            GuestFault: STATUS_NOT_LOCKED, when one of them is not locked.
        """
        start, count = self._range(base, size)
        if count > len(self.locked) or not self.locked.issuperset(range(start, start + count)):
            raise GuestFault(status.STATUS_NOT_LOCKED)
        self.locked.difference_update(range(start, start + count))
        return start << PAGE_SHIFT, count << PAGE_SHIFT

    def _touchable(self, vpn: int) -> bool:
        entry = self.pages.entry(vpn)
        return entry is not None and entry[1] != 0

    def _range(self, base: int, size: int) -> tuple[int, int]:
        if base > self.layout.highest_user:
            raise GuestFault(status.STATUS_INVALID_PARAMETER_2)
        if size == 0 or base + size - 1 > self.layout.highest_user:
            raise GuestFault(status.STATUS_INVALID_PARAMETER_3)
        start = base >> PAGE_SHIFT
        return start, ((base + size - 1) >> PAGE_SHIFT) - start + 1
