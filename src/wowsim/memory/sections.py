"""Section objects (nt!_SECTION with its segment and prototype PTEs): images, mapped files, pagefile memory.

A section owns the frames that its views share. Views and private copies are the address space's. Left out:
sharing of one data segment between two sections of the same file (each section reads the file itself), and
SEC_LARGE_PAGES.

Who may import it: the memory manager, kernel services and the simulation.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from wowsim.errors import GuestFault, UsageError
from wowsim.memory.pages import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from wowsim.memory.protection import (
    MM_EXECUTE,
    MM_EXECUTE_READ,
    MM_EXECUTE_READWRITE,
    MM_EXECUTE_WRITECOPY,
    MM_NOACCESS,
    MM_READONLY,
    MM_READWRITE,
    PAGE_EXECUTE_WRITECOPY,
    to_copy,
)
from wowsim.nt.status import STATUS_COMMITMENT_LIMIT, STATUS_SECTION_NOT_EXTENDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.image import model
    from wowsim.memory.pages import Pages
    from wowsim.memory.vad import Vad

SEC_BASED = 0x00200000
SEC_FILE = 0x00800000
SEC_IMAGE = 0x01000000
SEC_RESERVE = 0x04000000
SEC_COMMIT = 0x08000000
SEC_NOCACHE = 0x10000000

_LARGE = 4 * PAGE_SIZE
"""Size of a section in bytes from which on it pays not to read it at once."""


class Commitment:
    """The system's commit charge (nt!MmTotalCommittedPages against nt!MmTotalCommitLimit), in pages."""

    def __init__(self, limit: int = 1 << 20) -> None:
        self.limit = limit
        self.charged = 0

    def charge(self, count: int) -> None:
        """Promise memory for ``count`` pages.

        Raises:
            GuestFault: STATUS_COMMITMENT_LIMIT; nothing is charged then.
        """
        if self.charged + count > self.limit:
            raise GuestFault(STATUS_COMMITMENT_LIMIT)
        self.charged += count

    def release(self, count: int) -> None:
        """Take a promise back."""
        self.charged -= count


class SectionFile(Protocol):
    """What a section needs of a file."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """At most ``length`` bytes; fewer at the end of the file."""

    def write(self, offset: int, data: bytes) -> object:
        """Write, making the file longer where needed."""


class Section:
    """A section that the page file backs; base of the other two.

    Attributes:
        pages: where the frames live.
        size: bytes.
        protection: PAGE_* value it was created with.
        attributes: SEC_* bits.
        name: path without drive of the file behind it, or None.
        frames: prototype page-table entries: page index -> frame.
        views: the VADs that view it.
        committed: pages charged for it.
    """

    image: model.Image | None = None
    file: SectionFile | None = None

    def __init__(
        self,
        pages: Pages,
        commitment: Commitment,
        size: int,
        protection: int,
        attributes: int = SEC_COMMIT,
        name: str | None = None,
    ) -> None:
        self.pages = pages
        self.size = size
        self.protection = protection
        self.attributes = attributes
        self.name = name
        self.base = 0
        self.frames: dict[int, int] = {}
        self.views: list[Vad] = []
        self.committed = 0
        self._commitment = commitment
        self._referenced = True
        if attributes & SEC_COMMIT and self.file is None and self.image is None:
            self.commit(0, self.count)

    @property
    def count(self) -> int:
        """Number of pages."""
        return -(-self.size // PAGE_SIZE)

    @property
    def reserved(self) -> bool:
        """Whether its pages are committed one by one (SEC_RESERVE)."""
        return bool(self.attributes & SEC_RESERVE)

    def commit(self, first: int, count: int) -> None:
        """Give pages of the page file to those of the range that have none."""
        missing = self.uncommitted(first, count)
        self._commitment.charge(len(missing))
        try:
            frames = self.pages.allocate(len(missing))
        except GuestFault:
            self._commitment.release(len(missing))
            raise
        self.frames.update(zip(missing, frames, strict=True))
        self.committed += len(missing)

    def uncommitted(self, first: int, count: int) -> list[int]:
        """The pages of a range that are not committed.

        Raises:
            GuestFault: STATUS_COMMITMENT_LIMIT, when they are more than could ever be; a guest may ask for
                more pages than a list can hold.
        """
        present = sum(first <= index < first + count for index in self.frames)
        if count - present > self._commitment.limit:
            raise GuestFault(STATUS_COMMITMENT_LIMIT)
        return [index for index in range(first, first + count) if index not in self.frames]

    def load(self, first: int, count: int) -> None:
        """Make the contents of a range present before it is mapped; pagefile pages come from commit."""

    def is_absent(self, index: int) -> bool:
        """Whether the bytes of a page are read when somebody touches it, by :meth:`bytes_of`."""
        return False

    def bytes_of(self, first: int, count: int) -> bytes:
        """The bytes of pages that are absent."""
        raise AssertionError("only sections with absent pages are asked for their bytes")

    def runs(self, first: int, count: int, mm: int) -> Iterator[tuple[int, int, int]]:
        """``(index, count, MM code)`` of the pages of a range that exist, ascending.

        Args:
            first: page index in the section.
            count: pages.
            mm: the code the view asks for.
        """
        start = length = 0
        for index in sorted(i for i in self.frames if first <= i < first + count):
            if length and index == start + length:
                length += 1
                continue
            if length:
                yield start, length, mm
            start, length = index, 1
        if length:
            yield start, length, mm

    def extend(self, size: int) -> None:
        """Make it longer (NtExtendSection).

        Raises:
            GuestFault: STATUS_SECTION_NOT_EXTENDED, because only mapped files grow.
        """
        raise GuestFault(STATUS_SECTION_NOT_EXTENDED)

    def close(self) -> None:
        """The last handle is gone; the frames live on while there are views."""
        self._referenced = False
        self.release_if_unused()

    def release_if_unused(self) -> None:
        """Give the frames back when neither handles nor views are left."""
        if self._referenced or self.views:
            return
        self.pages.free(self.frames.values())
        self.frames.clear()
        self._commitment.release(self.committed)
        self.committed = 0


class FileSection(Section):
    """A data section of a file. Pages are read when they are mapped and written back when flushed."""

    file: SectionFile

    def __init__(
        self,
        pages: Pages,
        commitment: Commitment,
        file: SectionFile,
        size: int,
        protection: int,
        attributes: int = SEC_COMMIT,
        name: str | None = None,
    ) -> None:
        self.file = file
        super().__init__(pages, commitment, size, protection, attributes, name)

    def load(self, first: int, count: int) -> None:
        """Read the pages of a range that are not there yet, those side by side at once."""
        missing = [index for index in range(first, first + count) if index not in self.frames]
        frames = self.pages.allocate(len(missing))
        for _, group in groupby(enumerate(missing), lambda entry: entry[1] - entry[0]):
            run = list(group)
            contents = self.file.read(run[0][1] << PAGE_SHIFT, len(run) << PAGE_SHIFT)
            self.pages.fill(frames[run[0][0] : run[-1][0] + 1], contents)
        self.frames.update(zip(missing, frames, strict=True))

    def store(self, index: int) -> None:
        """Write one page back to the file, up to the section's end."""
        start = index << PAGE_SHIFT
        size = min(PAGE_SIZE, self.size - start)
        self.file.write(start, self.pages.read_frame(self.frames[index], 0, size))

    def extend(self, size: int) -> None:
        """Make it longer; the file grows with it."""
        if size > self.file.size:
            self.file.write(size - 1, b"\0")
        self.size = max(self.size, size)


class ImageSection(Section):
    """An image (SEC_IMAGE) at the base that was chosen for it.

    The kernel relocates an image once, to the section's base; a view elsewhere shows the same bytes and is
    answered with STATUS_IMAGE_NOT_AT_BASE, upon which the loader applies relocations to its own copy.
    """

    image: model.Image

    def __init__(
        self,
        pages: Pages,
        commitment: Commitment,
        image: model.Image,
        name: str | None = None,
        base: int | None = None,
    ) -> None:
        self.image = image
        size = (image.size + PAGE_MASK) & ~PAGE_MASK
        super().__init__(pages, commitment, size, PAGE_EXECUTE_WRITECOPY, SEC_IMAGE | SEC_FILE, name)
        self._shared = tuple(section for section in image.sections if section.shared)
        self.base = image.base
        if base is not None:
            self.rebase(base)

    def rebase(self, base: int) -> None:
        """Choose another base while nothing views the image.

        Raises:
            UsageError: the image cannot move, or is mapped.
        """
        if base == self.base:
            return
        if self.views:
            raise UsageError(f"{self.image.file_name} is mapped and stays based at {self.base:#x}")
        if self.image.relocations is None:
            raise UsageError(
                f"{self.image.file_name} has no relocations: "
                f"expected base {self.image.base:#x}, found {base:#x}"
            )
        self.pages.free(self.frames.values())
        self.frames.clear()
        self.base = base

    def load(self, first: int, count: int) -> None:
        """Make the relocated contents present at the first view, but for what is read when it is touched."""
        if self.frames:
            return
        frames = self.pages.allocate(self.count)
        for start, end, _ in self._areas():
            if not self.is_absent(start):
                self.pages.fill(frames[start:end], self.bytes_of(start, end - start).rstrip(b"\0"))
        self.frames = dict(enumerate(frames))

    def is_absent(self, index: int) -> bool:
        """Pages of large sections that nobody writes or executes: resources, debug information, exports."""
        rva = index << PAGE_SHIFT
        return any(
            s.rva <= rva < s.rva + s.size
            and s.size > _LARGE
            and s.readable
            and not (s.writable or s.executable or s.shared)
            for s in self.image.sections
        )

    def bytes_of(self, first: int, count: int) -> bytes:
        """Relocated contents."""
        start = first << PAGE_SHIFT
        end = min(start + (count << PAGE_SHIFT), self.image.size)
        found = self.image.relocated(self.base, start, end)
        return found if first else _at_base(found, self.base, self.image.base, self.image.bits)

    def runs(self, first: int, count: int, mm: int) -> Iterator[tuple[int, int, int]]:
        """Runs of equal protection; ``mm`` plays no part, the image's sections decide."""
        for start, end, code in self._areas():
            low, high = max(start, first), min(end, first + count)
            if low < high:
                yield low, high - low, code

    def is_shared(self, index: int) -> bool:
        """Whether a page lies in a section that all processes share (IMAGE_SCN_MEM_SHARED)."""
        rva = index << PAGE_SHIFT
        return any(s.rva <= rva < s.rva + s.size for s in self._shared)

    def _areas(self) -> Iterator[tuple[int, int, int]]:
        """``(first page, end, MM code)`` covering the image; what no section covers has no access.

        An image without sections maps as one writable and executable area, as images of low alignment do
        (unverified).
        """
        if not self.image.sections:
            yield 0, self.count, MM_EXECUTE_WRITECOPY
            return
        at = -(-self.image.headers_size // PAGE_SIZE)
        yield 0, at, MM_READONLY
        for section in sorted(self.image.sections, key=lambda s: s.rva):
            start, end = section.rva >> PAGE_SHIFT, -(-(section.rva + section.size) // PAGE_SIZE)
            start, end = max(start, at), min(end, self.count)
            if at < start:
                yield at, start, MM_NOACCESS
            if start < end:
                yield start, end, _section_protection(section)
            at = max(at, end)
        if at < self.count:
            yield at, self.count, MM_NOACCESS


def _at_base(contents: bytes, base: int, preferred: int, bits: int) -> bytes:
    """Contents whose header names the base they are relocated to, so that the loader does not do it again."""
    if base == preferred or contents[:2] != b"MZ":
        return contents
    header = int.from_bytes(contents[0x3C:0x40], "little")
    at, width = header + (0x34 if bits == 32 else 0x30), bits // 8
    if at + width > len(contents):
        return contents
    return contents[:at] + base.to_bytes(width, "little") + contents[at + width :]


def _section_protection(section: model.Section) -> int:
    if section.writable:
        mm = MM_EXECUTE_READWRITE if section.executable else MM_READWRITE
        return mm if section.shared else to_copy(mm)
    if section.executable:
        return MM_EXECUTE_READ if section.readable else MM_EXECUTE
    return MM_READONLY if section.readable else MM_NOACCESS
