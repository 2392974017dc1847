"""Page faults of user addresses (nt!MmAccessFault): copy on write, guard pages, growing stacks.

Who may import it: :mod:`wowsim.memory.space`; the CPU side uses :class:`FaultResult`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.memory.core import SpaceCore, is_charged
from wowsim.memory.pages import (
    DIRTY,
    EXECUTE,
    MM_MASK,
    PAGE_MASK,
    PAGE_SHIFT,
    PAGE_SIZE,
    PRIVATE,
    READ,
    WRITE,
)
from wowsim.memory.protection import MM_GUARD, MM_READWRITE, cpu_access, is_copy, is_guard, to_own
from wowsim.memory.sections import FileSection
from wowsim.memory.vad import VadKind
from wowsim.nt import status
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wowsim.memory.vad import Vad


class FaultKind(IntEnum):
    """ExceptionInformation[0] of an access violation (Microsoft Learn, EXCEPTION_RECORD)."""

    READ = 0
    WRITE = 1
    EXECUTE = 8


@dataclass(frozen=True)
class FaultResult:
    """What became of a page fault.

    Attributes:
        status: STATUS_SUCCESS when the access can be tried again, else the exception to raise.
        address: the address touched.
        kind: what the access wanted.
    """

    status: int
    address: int
    kind: FaultKind

    @property
    def retry(self) -> bool:
        """Whether the access is to be tried again."""
        return self.status == status.STATUS_SUCCESS


@dataclass
class Stack:
    """A user stack that grows downwards by its guard pages.

    Attributes:
        guard_pages: how many guard pages it moves along.
        on_growth: told the new StackLimit, for the thread's TEB.
    """

    guard_pages: int
    on_growth: Callable[[int], None] | None


_NEEDS = {FaultKind.READ: READ, FaultKind.WRITE: WRITE, FaultKind.EXECUTE: EXECUTE}


class Faults(SpaceCore):
    """Resolving page faults."""

    def register_stack(
        self, base: int, *, guard_pages: int = 1, on_growth: Callable[[int], None] | None = None
    ) -> None:
        """Let the private region at ``base`` grow downwards when its guard page is touched.

        Args:
            base: lowest address of the region (TEB.DeallocationStack).
            guard_pages: number of guard pages.
            on_growth: called with the new TEB.StackLimit.
        """
        vad = self.vads.at(base >> PAGE_SHIFT)
        if vad is None or vad.start != base >> PAGE_SHIFT:
            raise ValueError(f"no region starts at {base:#x}")
        vad.stack = Stack(guard_pages, on_growth)

    def resolve_fault(self, address: int, write: bool = False, execute: bool = False) -> FaultResult:
        """Do what the kernel does when user code touches a page and the CPU objects.

        Args:
            address: what was touched.
            write: it was a store.
            execute: it was an instruction fetch.
        """
        kind = FaultKind.WRITE if write else FaultKind.EXECUTE if execute else FaultKind.READ
        return FaultResult(self._fault(address, kind), address, kind)

    def _fault(self, address: int, kind: FaultKind) -> int:
        vpn = address >> PAGE_SHIFT
        entry = self.pages.entry(vpn) if 0 <= vpn <= self.highest_vpn else None
        if entry is None:
            return status.STATUS_ACCESS_VIOLATION
        frame, access, tag = entry
        if access & _NEEDS[kind]:
            return status.STATUS_SUCCESS
        vad = self.vads.at(vpn)
        assert vad is not None, "every entry lies in a VAD"
        mm = tag & MM_MASK
        if is_guard(mm):
            return self._guard(vad, vpn, tag)
        if kind is FaultKind.WRITE and is_copy(mm):
            return self._copy(vad, vpn, frame, tag)
        if kind is FaultKind.WRITE and cpu_access(mm) & WRITE:  # a clean page, see _access
            self.pages.protect(vpn, 1, cpu_access(mm), tag | DIRTY)
            return status.STATUS_SUCCESS
        return status.STATUS_ACCESS_VIOLATION

    def _copy(self, vad: Vad, vpn: int, frame: int, tag: int) -> int:
        """Copy on write; the charge for the copy was taken when the page became writable."""
        if tag & DIRTY:
            self._store_page(vad, vpn)
        try:
            copies = self.pages.allocate(1)
        except GuestFault as fault:
            return fault.status
        self.pages.write_frame(copies[0], 0, self.pages.read_frame(frame, 0, PAGE_SIZE))
        mm = to_own(tag & MM_MASK)
        self.pages.unmap(vpn, 1)
        self.pages.map(vpn, copies, cpu_access(mm), PRIVATE | mm)
        return status.STATUS_SUCCESS

    def _guard(self, vad: Vad, vpn: int, tag: int) -> int:
        """The first touch of a guard page: it becomes an ordinary one; a stack grows, others report."""
        plain = tag & ~MM_GUARD
        self.pages.protect(vpn, 1, self._access(vad, plain), plain)
        if vad.stack is None:
            return status.STATUS_GUARD_PAGE_VIOLATION
        return self._grow(vad, vad.stack, vpn)

    def _grow(self, vad: Vad, stack: Stack, vpn: int) -> int:
        """Move a stack's guard pages below page ``vpn``; its lowest page is never committed.

        That a touch of the last pages commits them and reports STATUS_STACK_OVERFLOW is documented for
        SetThreadStackGuarantee (Microsoft Learn); the exact page is unverified.
        """
        lowest = vad.start + 1
        bottom = vpn - stack.guard_pages
        overflow = bottom < lowest
        bottom = max(bottom, lowest)
        answer = status.STATUS_STACK_OVERFLOW if overflow else status.STATUS_SUCCESS
        mm = MM_READWRITE if overflow else MM_READWRITE | MM_GUARD
        service, self.cause = self.cause, "MmAccessFault"
        try:
            if bottom < vpn:
                self._commit_private(vad, bottom, vpn - bottom, mm)
        except GuestFault:
            return status.STATUS_STACK_OVERFLOW
        finally:
            self.cause = service
        if stack.on_growth is not None:
            stack.on_growth((bottom if overflow else vpn) << PAGE_SHIFT)
        return answer

    def make_writable_frames(self, address: int, size: int) -> list[int]:
        """The frames to write for the pages of a range, whatever the protection says.

        For kernel code that writes where user code may not. Pages that only a copy may change are copied.

        Raises:
            GuestFault: STATUS_ACCESS_VIOLATION, for a page that is not committed; STATUS_COMMITMENT_LIMIT.
        """
        return [self._frame_to_overwrite(vpn) for vpn, _, _ in pages_of(address, size)]

    def _frame_to_overwrite(self, vpn: int) -> int:
        entry, vad = self.pages.entry(vpn), self.vads.at(vpn)
        if entry is None or vad is None:
            raise GuestFault(status.STATUS_ACCESS_VIOLATION, vpn << PAGE_SHIFT)
        frame, _, tag = entry
        if vad.write_watch and not tag & DIRTY:
            self.pages.protect(vpn, 1, cpu_access(tag & MM_MASK), tag | DIRTY)
        if tag & PRIVATE:
            return frame
        if vad.kind is not VadKind.EXE and not is_copy(tag):
            if isinstance(vad.section, FileSection):
                self.pages.protect(vpn, 1, cpu_access(tag & MM_MASK), tag | DIRTY)
            return frame
        charge = 0 if is_charged(tag) else 1
        self._charge(vad, charge)
        found = self._copy(vad, vpn, frame, tag)
        if found != status.STATUS_SUCCESS:
            self._charge(vad, -charge)
            raise GuestFault(found, vpn << PAGE_SHIFT)
        return self._frame_to_overwrite(vpn)

    def _store_page(self, vad: Vad, vpn: int) -> None:
        assert isinstance(vad.section, FileSection), "only pages of files become dirty"
        vad.section.store(vad.offset + vpn - vad.start)


def pages_of(address: int, size: int) -> Iterator[tuple[int, int, int]]:
    """``(page, offset in it, bytes)`` for each page that a range of bytes touches."""
    while size > 0:
        offset = address & PAGE_MASK
        length = min(PAGE_SIZE - offset, size)
        yield address >> PAGE_SHIFT, offset, length
        address += length
        size -= length
