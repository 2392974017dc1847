"""The page tables and the physical memory (PTEs and the PFN database) as the memory manager needs them.

Everything that Windows knows about one page lives in its page-table entry: the frame, what the CPU may do
with it, and seven software bits (the *tag*). Regions live in VADs. The page tables themselves are the CPU
side's; here is only the protocol and the meaning of a tag.

Who may import it: the memory manager, and whoever implements :class:`Pages`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

PAGE_SHIFT = 12
PAGE_SIZE = 1 << PAGE_SHIFT
PAGE_MASK = PAGE_SIZE - 1

CLUSTER = 16
"""Pages of a file that are read together when one of them is touched."""

READ, WRITE, EXECUTE = 1, 2, 4
"""What user code may do with a page; no bit: the entry is kept but the CPU does not see the page."""

MM_MASK = 0x1F
"""Low bits of a tag: the page's MM protection code (wow64-facts section 8.3)."""
PRIVATE = 0x20
"""Tag bit: the frame belongs to this address space and is freed with the page; else to a section."""
DIRTY = 0x40
"""Tag bit: a shared page of a mapped file was written since it was last flushed."""


class Pages(Protocol):
    """User page tables of one process and the frames behind them; ``vpn`` is a virtual address >> 12."""

    def allocate(self, count: int) -> Sequence[int]:
        """Zeroed page frames.

        Raises:
            GuestFault: STATUS_COMMITMENT_LIMIT, when physical memory is exhausted; nothing is taken then.
        """

    def free(self, frames: Iterable[int]) -> None:
        """Give frames back."""

    fetch: Callable[[int], Iterable[tuple[int, bytes]]]
    """Set by the memory manager: ``(vpn, bytes)`` of an absent page and of neighbours that come along."""

    def map(self, vpn: int, frames: Sequence[int], access: int, tag: int, *, absent: bool = False) -> None:
        """Enter consecutive pages; with access 0 the entry is kept but not present to the CPU.

        Bytes of absent ones are fetched before anybody sees them, with the first use of their entry.
        """

    def protect(self, vpn: int, count: int, access: int, tag: int) -> None:
        """Change the entries of a range in which every page has one."""

    def unmap(self, vpn: int, count: int) -> list[int]:
        """Remove the entries of a range (holes allowed) and return their frames; does not free them."""

    def entry(self, vpn: int) -> tuple[int, int, int] | None:
        """``(frame, access, tag)`` of a page, or None."""

    def runs(self, vpn: int, count: int) -> Iterator[tuple[int, int, int]]:
        """``(vpn, count, tag)`` of the maximal runs of entries of equal tag in the range, ascending."""

    def read_frame(self, frame: int, offset: int, size: int) -> bytes:
        """Bytes of one frame."""

    def fill(self, frames: Sequence[int], data: bytes) -> None:
        """Give frames that were just allocated their bytes, the rest stays zero."""

    def write_frame(self, frame: int, offset: int, data: bytes) -> None:
        """Write bytes of one frame."""
