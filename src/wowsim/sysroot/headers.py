"""The headers of a PE file on disk, read in place: machine, sections, directories, and bytes at an RVA.

Stands for what the kernel looks at before it makes a section of an image (MiVerifyImageHeader), far less than
:mod:`wowsim.image.pe`, which reads whole images: a root is opened at every start, so only the pages that are asked
for are read. Within the package everybody may import it.

Source: "PE Format" on learn.microsoft.com.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from struct import Struct, unpack_from
from typing import TYPE_CHECKING, Literal

from wowsim.errors import UsageError
from wowsim.image.pe_file import AMD64, I386, MAX_SECTIONS, RawSection, round_up

if TYPE_CHECKING:
    from pathlib import Path

WINE_SIGNATURE = b"Wine builtin DLL\0"
"""What Wine's own modules carry behind the DOS header (seen in the packages' files)."""

MACHINES = {I386: "i386", AMD64: "x86-64", 0x1C4: "ARM", 0xAA64: "ARM64", 0xA641: "ARM64EC"}
MAX_FILE = 1 << 30
"""Bytes of the largest file of a root that is read; those of Windows and of Wine are far smaller."""
_HEADERS = 0x1000
_DOS_HEADER = 0x40
_FILE_HEADER = Struct("<HHIIIHH")
_SECTION = Struct("<8s4I12xI")
_MOST_DIRECTORIES = 16
_PAGE = 0x1000


@dataclass(frozen=True)
class Headers:
    """One file's headers; everything that they claim lies within the file.

    Attributes:
        size: of the file.
        head: its first page.
        symbols: file offset and number of COFF symbols; zeros when it has none.
        directories: RVA and size of each.
    """

    path: Path
    size: int
    head: bytes
    machine: int
    image_size: int
    sections: tuple[RawSection, ...]
    directories: tuple[tuple[int, int], ...]
    symbols: tuple[int, int]

    @property
    def bits(self) -> Literal[32, 64] | None:
        """None for a machine that is neither of the two."""
        return {I386: 32, AMD64: 64}.get(self.machine)  # type: ignore[return-value]  # 32 and 64 are literals

    @property
    def from_wine(self) -> bool:
        """Whether it is one of Wine's own modules."""
        return self.head.startswith(WINE_SIGNATURE, _DOS_HEADER)

    @property
    def symbols_cut(self) -> bool:
        """Whether it claims COFF symbols beyond its end; Windows does not care, but the file was cut."""
        start, number = self.symbols
        return bool(start) and start + 18 * number + 4 > self.size

    def directory(self, index: int) -> tuple[int, int]:
        """RVA and size; zeros when absent."""
        return self.directories[index] if index < len(self.directories) else (0, 0)

    def read(self, rva: int, size: int) -> bytes:
        """Bytes of the file as they are mapped at ``rva``; fewer where the file has no more."""
        for section in self.sections:
            start = rva - section.rva
            if 0 <= start < section.raw_size:
                return read_at(self.path, section.pointer + start, min(size, section.raw_size - start))
        return b""

    def string(self, rva: int, longest: int = 256) -> str:
        """A zero-terminated name."""
        return self.read(rva, longest).partition(b"\0")[0].decode("latin-1")


def read_at(path: Path, offset: int, size: int) -> bytes:
    """Bytes of a file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(offset)
            return file.read(size)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def read_headers(path: Path) -> Headers:
    """Read the headers of a file.

    Raises:
        UsageError: it is no regular file, no PE, or it claims more than the file holds.
    """
    if not os.path.isfile(path):
        raise UsageError(f"{path} is no regular file; expected a Windows module (PE)")
    size, head = os.path.getsize(path), read_at(path, 0, _HEADERS)
    check_size(path, size)
    if len(head) < _DOS_HEADER or head[:2] != b"MZ":
        found = f"it starts with {head[:2].hex(' ')}" if head else "it is empty"
        raise UsageError(f"{path} is no Windows module (PE): {found}, expected 4d 5a (MZ)")
    at = unpack_from("<I", head, 0x3C)[0]
    if at + 4 + _FILE_HEADER.size > size:
        raise UsageError(f"{path} is truncated: its PE header is at {at:X}h, but the file ends at {size:X}h")
    new = _part(path, head, at, 4 + _FILE_HEADER.size)
    if new[:4] != b"PE\0\0":
        raise UsageError(
            f"{path} is no Windows module (PE): found {new[:4].hex(' ')} at {at:X}h, expected PE"
        )
    machine, count, _, symbols, symbol_count, optional_size, _ = _FILE_HEADER.unpack_from(new, 4)
    if count > MAX_SECTIONS:
        raise UsageError(f"{path} has {count} sections; expected at most {MAX_SECTIONS}")
    start = at + 4 + _FILE_HEADER.size
    end = start + optional_size + _SECTION.size * count
    if end > size:
        raise UsageError(f"{path} is truncated: its headers end at {end:X}h, but the file ends at {size:X}h")
    optional = _part(path, head, start, end - start)
    image_size, directories = _optional_header(path, optional[:optional_size])
    sections = _sections(path, size, optional[optional_size:], image_size)
    return Headers(path, size, head, machine, image_size, sections, directories, (symbols, symbol_count))


def check_size(path: Path, size: int) -> None:
    """Refuse a file that would take all memory.

    Raises:
        UsageError: it is too large.
    """
    if size > MAX_FILE:
        raise UsageError(f"{path} has {size} bytes; expected at most {MAX_FILE}")


def _part(path: Path, head: bytes, offset: int, size: int) -> bytes:
    """Bytes of a file whose first page was read."""
    return head[offset : offset + size] if offset + size <= len(head) else read_at(path, offset, size)


def _optional_header(path: Path, optional: bytes) -> tuple[int, tuple[tuple[int, int], ...]]:
    """SizeOfImage and the directories."""
    magic = unpack_from("<H", optional)[0] if len(optional) >= 2 else 0
    first = {0x10B: 96, 0x20B: 112}.get(magic)
    if first is None or len(optional) < first:
        raise UsageError(
            f"{path} is no Windows module (PE): its optional header has magic {magic:X}h and"
            f" {len(optional)} bytes; expected 10Bh or 20Bh"
        )
    image_size, stated = unpack_from("<I", optional, 56)[0], unpack_from("<I", optional, first - 4)[0]
    number = min(stated, _MOST_DIRECTORIES, (len(optional) - first) // 8)
    directories = tuple(unpack_from("<II", optional, first + 8 * index) for index in range(number))
    for index, (rva, size) in enumerate(directories):
        # directory 4, of signatures, holds a file offset
        if rva and index != 4 and rva + size > round_up(image_size, _PAGE):
            raise UsageError(
                f"{path} is damaged: directory {index} lies at {rva:X}h to {rva + size:X}h, outside its image of"
                f" {image_size:X}h bytes"
            )
    return image_size, directories


def _sections(path: Path, file_size: int, table: bytes, image_size: int) -> tuple[RawSection, ...]:
    """The section table, checked against the file's end and the image's."""
    found = []
    for raw_name, virtual_size, rva, raw_size, pointer, flags in _SECTION.iter_unpack(table):
        name = raw_name.rstrip(b"\0").decode("latin-1")
        section = RawSection(name, rva, virtual_size, raw_size, pointer, flags)
        end = pointer + raw_size
        if pointer and raw_size <= round_up(section.size, _PAGE) and end > file_size:
            raise UsageError(
                f"{path} is truncated: section {name!r} ends at {end:X}h, but the file ends at {file_size:X}h"
            )
        if rva + section.size > round_up(image_size, _PAGE):
            raise UsageError(
                f"{path} is damaged: section {name!r} lies at {rva:X}h to {rva + section.size:X}h, outside its"
                f" image of {image_size:X}h bytes"
            )
        found.append(section)
    return tuple(found)
