"""The bytes of an image in memory, each piece read from its file when someone needs it.

Stands for the subsections and prototype PTEs of an image section: nothing is read before it is touched. Windows'
debug information lies in files of its own; in mingw's and Wine's DLLs it is most of the image.

Who may import it: the image package, and callers that have a file to read from.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


_PAGE = 0x1000


class Source(Protocol):
    """A file that does not change."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """What there is of these bytes."""


class InMemory:
    """A file whose bytes are at hand."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        """What there is of these bytes."""
        return self._data[offset : offset + length]


class Headed:
    """A file whose first page is read once; headers are read field by field."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.size = source.size
        self._head = source.read(0, _PAGE)

    def read(self, offset: int, length: int) -> bytes:
        """What there is of these bytes."""
        if offset + length <= len(self._head):
            return self._head[offset : offset + length]
        return self._source.read(offset, length)


class Piece(NamedTuple):
    """Bytes of the image that come from the file; ``length`` is not 0."""

    rva: int
    offset: int
    length: int


class Contents:
    """An image's bytes at its preferred base; what no piece gives is zero.

    Args:
        source: the file.
        pieces: ascending, without overlap.
        size: of the whole image.
    """

    def __init__(self, source: Source, pieces: Sequence[Piece], size: int) -> None:
        self._source, self._pieces, self.size = source, pieces, size
        self._starts = [piece.rva for piece in pieces]
        self._read: dict[int, bytes] = {}

    def around(self, rva: int) -> tuple[bytes, int]:
        """The bytes of the piece that holds an RVA, and its start; no bytes where there is none."""
        index = bisect_right(self._starts, rva) - 1
        if index < 0 or rva >= self._starts[index] + self._pieces[index].length:
            return b"", rva
        return self._piece(index), self._starts[index]

    def read(self, rva: int, size: int) -> bytes:
        """``size`` bytes, of which the image has all."""
        found, start = self.around(rva)
        at = rva - start
        if at + size <= len(found):
            return found[at : at + size]
        parts: list[bytes] = []
        end = rva + size
        for index in range(max(bisect_right(self._starts, rva) - 1, 0), len(self._pieces)):
            piece = self._pieces[index]
            if piece.rva >= end:
                break
            if piece.rva + piece.length <= rva:
                continue
            found = self._piece(index)[max(rva - piece.rva, 0) : end - piece.rva]
            parts += (bytes(max(piece.rva - rva, 0)), found)
            rva = max(piece.rva, rva) + len(found)
        parts.append(bytes(end - rva))
        return b"".join(parts)

    def _piece(self, index: int) -> bytes:
        found = self._read.get(index)
        if found is None:
            _, offset, length = self._pieces[index]
            # Short only when the file was cut meanwhile.
            found = self._read[index] = self._source.read(offset, length).ljust(length, b"\0")
        return found
