"""One direction of a pipe: what was written and not yet read, and who waits to read or write (npfs.sys data queues).

A write that does not fit beside what is unread waits until it does; a read of nothing waits for a write. Rules:
Microsoft Learn, "Named Pipe Type, Read, and Wait Modes". Who may import it: the kernel package.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.nt.records import dataclass
from wowsim.nt.status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_PIPE_BROKEN,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from wowsim.kernel.requests import Outcome, Request

MAXIMUM_ENTRIES = 0x4000
"""Writes that one direction keeps."""
MAXIMUM_HELD = 16 << 20
"""Bytes that one direction keeps, waiting writes included; more is STATUS_INSUFFICIENT_RESOURCES."""


@dataclass(eq=False)
class Entry:
    """One write: its bytes, how many were read, and its request while that waits."""

    data: bytes
    request: Request | None = None
    taken: int = 0

    @property
    def left(self) -> int:
        """Bytes still to be read."""
        return len(self.data) - self.taken

    def take(self, length: int) -> bytes:
        """The next bytes."""
        found = self.data[self.taken : self.taken + length]
        self.taken += len(found)
        return found


@dataclass(eq=False)
class Reader:
    """A read that waits: its request, the caller's buffer, and whether it reads messages."""

    request: Request
    address: int
    length: int
    messages: bool


class PipeQueue:
    """One direction.

    Args:
        quota: bytes that are kept for writes that do not wait.

    Attributes:
        entries: what is unread, oldest first.
        available: its bytes.
    """

    def __init__(self, quota: int) -> None:
        self.quota = quota
        self.entries: deque[Entry] = deque()
        self.available = 0
        self._waiting = 0
        self._readers: deque[Reader] = deque()
        self._flushers: list[Request] = []

    # ------------------------------------------------------------ reading
    def read(self, length: int, *, messages: bool) -> tuple[bytes, int]:
        """What a read takes now, and its status; there must be something."""
        first = self.entries[0]
        found = bytearray(first.take(length))
        status = STATUS_SUCCESS
        if messages and first.left:
            status = STATUS_BUFFER_OVERFLOW
        if not messages:
            for entry in islice(self.entries, 1, None):
                if len(found) == length:
                    break
                found += entry.take(length - len(found))
        self.available -= len(found)
        while self.entries and not self.entries[0].left and self._ended(self.entries[0], first, len(found)):
            self._complete_writer(self.entries.popleft())
        self._admit()
        return bytes(found), status

    @staticmethod
    def _ended(entry: Entry, first: Entry, found: int) -> bool:
        """Whether an entry without bytes goes now: an empty write is a read of its own."""
        return entry is first or len(entry.data) > 0

    def wait(self, reader: Reader) -> None:
        """Let a read wait."""
        self._readers.append(reader)
        reader.request.withdraw = lambda: self._readers.remove(reader)

    def peek(self, length: int) -> bytes:
        """What a read would take, without taking it."""
        found = bytearray()
        for entry in self.entries:
            if len(found) >= length:
                break
            found += entry.data[entry.taken : entry.taken + length - len(found)]
        return bytes(found)

    # ------------------------------------------------------------ writing
    def write(self, request: Request | None, data: bytes, *, messages: bool, wait: bool) -> Outcome | None:
        """Write; None: the request waits.

        Args:
            request: who writes; None for a write that never waits.
            data: what.
            messages: whether the pipe is one of messages.
            wait: whether the request waits for room; else what fits is written, of a message all or nothing.
        """
        entry, whole = Entry(data), len(data)
        delivered = self._feed(entry, messages)
        if delivered and not entry.left:
            return STATUS_SUCCESS, whole
        room = self.quota - self.available
        if request is not None and entry.left > room and not wait:
            fits = 0 if messages else max(0, room)
            if not fits:
                return STATUS_SUCCESS, entry.taken
            entry.data = entry.data[: entry.taken + fits]
            self._append(entry)
            return STATUS_SUCCESS, len(entry.data)
        if entry.left + self.available > MAXIMUM_HELD:
            raise GuestFault(STATUS_INSUFFICIENT_RESOURCES)
        self._append(entry)
        if request is None or entry.left <= room:
            return STATUS_SUCCESS, whole
        entry.request = request
        self._waiting += 1
        request.withdraw = lambda: self._withdraw(entry)
        return None

    def _append(self, entry: Entry) -> None:
        if len(self.entries) >= MAXIMUM_ENTRIES:
            raise GuestFault(STATUS_INSUFFICIENT_RESOURCES)
        self.entries.append(entry)
        self.available += entry.left

    def _withdraw(self, entry: Entry) -> None:
        self.entries.remove(entry)
        self.available -= entry.left
        self._waiting -= 1

    def _feed(self, entry: Entry, messages: bool) -> bool:
        """Give a write to the reads that wait; whether there was one."""
        fed = False
        while self._readers and (entry.left or not fed):
            reader = self._readers.popleft()
            data = entry.take(reader.length)
            cut = messages and reader.messages and entry.left
            reader.request.deliver(reader.address, data, STATUS_BUFFER_OVERFLOW if cut else STATUS_SUCCESS)
            fed = True
        return fed

    def _complete_writer(self, entry: Entry) -> None:
        request, entry.request = entry.request, None
        if request is not None:
            self._waiting -= 1
            request.complete(STATUS_SUCCESS, len(entry.data))

    def _admit(self) -> None:
        """Writes that waited for room end where there is some; flushes end when all is read."""
        used = 0
        for entry in tuple(self.entries) if self._waiting else ():
            used += entry.left
            if used <= self.quota:
                self._complete_writer(entry)
        if not self.entries:
            flushers, self._flushers = self._flushers, []
            for request in flushers:
                request.complete(STATUS_SUCCESS)

    def flush(self, request: Request) -> Outcome | None:
        """Wait until all is read."""
        if not self.entries:
            return STATUS_SUCCESS, 0
        self._flushers.append(request)
        request.withdraw = lambda: self._flushers.remove(request)
        return None

    # ------------------------------------------------------------ the end
    def end(self, status: int = STATUS_PIPE_BROKEN, *, keep: bool = False) -> None:
        """No more is written or read: what waits ends with ``status``.

        Args:
            status: how.
            keep: what was written stays to be read.
        """
        readers, self._readers = self._readers, deque()
        for reader in readers:
            reader.request.complete(status)
        waiting = [entry for entry in self.entries if entry.request is not None]
        flushers, self._flushers = self._flushers, []
        self.entries = deque(each for each in self.entries if keep and each.request is None)
        self.available = sum(entry.left for entry in self.entries)
        self._waiting = 0
        for entry in waiting:
            request, entry.request = entry.request, None
            if request is not None:
                request.complete(status)
        for request in flushers:
            request.complete(status)
