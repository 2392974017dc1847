"""Standard input: bytes that are there, or that come from the host when the program asks for them.

Stands for what conhost or the writer of a pipe hands to a reader. The bytes are a chain of pieces: a reader stands in
one of them, what lies behind it is freed unless a snapshot still stands there, and one that has been read is the same
for whoever comes back to it. Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from collections.abc import Callable

Supply = Callable[[], bytes]
"""The next bytes, at least one; none at the end of the input."""


class HostInterrupted(Exception):
    """A service waits for the host, and the run is to end first: the service begins again when the run goes on."""


class Piece:
    """One piece of input, and the way to the next one.

    Attributes:
        data: its bytes; none in the last one.
    """

    def __init__(self, data: bytes, supply: Supply) -> None:
        self.data = data
        self._supply = supply
        self._next: Piece | None = None

    def next(self) -> Piece:
        """The piece behind; asks the host for it the first time."""
        if self._next is None:
            self._next = Piece(self._supply(), self._supply)
        return self._next


class StandardInput:
    """Where the program stands in its input.

    Args:
        data: what is there already.
        supply: brings what follows.
        lines: a read ends behind a line at the latest, and with what has come; else only at the end of the input.
    """

    def __init__(self, data: bytes = b"", supply: Supply = bytes, *, lines: bool = False) -> None:
        self._piece = Piece(b"", supply)
        if data:
            self._piece = Piece(data, supply)
        self._offset = 0
        self._ended = False
        self._lines = lines

    def read(self, length: int) -> bytes:
        """The next bytes, at most ``length``; none at the end.

        Raises:
            HostInterrupted: there is nothing yet, and the run is to end. Nothing is lost.
        """
        stood = self._piece, self._offset
        try:
            found = more = self._take(length)
            while more and not self._lines:
                more = self._take(length - len(found))
                found += more
        except HostInterrupted:
            self._piece, self._offset = stood
            raise
        return found

    def _take(self, length: int) -> bytes:
        """What one piece has of the next bytes."""
        while self._offset == len(self._piece.data):
            if self._ended or not length:
                return b""
            self._piece, self._offset = self._piece.next(), 0
            self._ended = not self._piece.data
        data, start = self._piece.data, self._offset
        end = start + length
        if self._lines:
            end = min(end, data.find(b"\n", start) + 1 or end)
        found = data[start:end]
        self._offset += len(found)
        return found
