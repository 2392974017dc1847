"""Byte-range locks of one file (nt!FsRtl file locks; [MS-FSA] 2.1.4.10, 2.1.5.8, 2.1.5.9).

An exclusive lock keeps every other owner out; a shared one keeps all from writing, its owner too (Microsoft Learn,
LockFileEx). An owner is a file object with a key. Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wowsim.errors import GuestFault
from wowsim.nt.status import (
    STATUS_FILE_LOCK_CONFLICT,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_LOCK_RANGE,
    STATUS_LOCK_NOT_GRANTED,
    STATUS_RANGE_NOT_LOCKED,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from wowsim.kernel.device import FileObject
    from wowsim.kernel.requests import Outcome, Request

MAXIMUM_LOCKS = 0x2000
"""Locks, held and waited for, of one file."""
_END = 1 << 64


class Lock(NamedTuple):
    """One range; ``exclusive`` or shared."""

    start: int
    length: int
    file: FileObject
    key: int
    exclusive: bool

    def overlaps(self, start: int, length: int) -> bool:
        """Whether it has a byte in common with a range; an empty range lies only strictly within another."""
        if length and self.length:
            return start < self.start + self.length and self.start < start + length
        outer = (self.start, self.length) if self.length else (start, length)
        inner = start if self.length else self.start
        return outer[0] < inner < outer[0] + outer[1]

    def owned_by(self, file: FileObject, key: int) -> bool:
        """Whether that file object with that key locked it."""
        return self.file is file and self.key == key


class ByteRangeLocks:
    """The locks of one file, and who waits for one."""

    def __init__(self) -> None:
        self._held: list[Lock] = []
        self._waiting: list[tuple[Lock, Request]] = []

    def check(self, file: FileObject, key: int, start: int, length: int, *, write: bool) -> None:
        """Raise STATUS_FILE_LOCK_CONFLICT where a lock forbids reading or writing a range."""
        for lock in self._held:
            if not length or not lock.length or not lock.overlaps(start, length):
                continue
            if (not lock.owned_by(file, key)) if lock.exclusive else write:
                raise GuestFault(STATUS_FILE_LOCK_CONFLICT)

    def lock(self, lock: Lock, request: Request, *, fail_immediately: bool) -> Outcome | None:
        """Lock a range; None: the request waits for it.

        Raises:
            GuestFault: STATUS_INVALID_LOCK_RANGE, STATUS_LOCK_NOT_GRANTED.
        """
        if lock.start + lock.length > _END:
            raise GuestFault(STATUS_INVALID_LOCK_RANGE)
        if len(self._held) + len(self._waiting) >= MAXIMUM_LOCKS:
            raise GuestFault(STATUS_INSUFFICIENT_RESOURCES)
        if self._free(lock):
            self._held.append(lock)
            return STATUS_SUCCESS, 0
        if fail_immediately:
            raise GuestFault(STATUS_LOCK_NOT_GRANTED)
        waiting = (lock, request)
        self._waiting.append(waiting)
        request.withdraw = lambda: self._waiting.remove(waiting)
        request.what = f"a lock of bytes {lock.start:X} to {lock.start + lock.length:X}"
        return None

    def unlock(self, file: FileObject, key: int, start: int, length: int) -> None:
        """Release exactly that range; STATUS_RANGE_NOT_LOCKED where it is not one that was locked."""
        found = next(
            (
                each
                for each in self._held
                if (each.start, each.length) == (start, length) and each.owned_by(file, key)
            ),
            None,
        )
        if found is None:
            raise GuestFault(STATUS_RANGE_NOT_LOCKED)
        self._held.remove(found)
        self._grant()

    def release(self, file: FileObject) -> None:
        """A file object is closed: its locks go, and what it waits for with them."""
        self._held = [each for each in self._held if each.file is not file]
        for lock, request in tuple(self._waiting):
            if lock.file is file:
                request.cancel()
        self._grant()

    def _free(self, lock: Lock) -> bool:
        return not any(
            each.overlaps(lock.start, lock.length) and (lock.exclusive or each.exclusive)
            for each in self._held
        )

    def _grant(self) -> None:
        for waiting in tuple(self._waiting):
            lock, request = waiting
            if self._free(lock):
                self._waiting.remove(waiting)
                self._held.append(lock)
                request.complete(STATUS_SUCCESS)
