"""The only door to the host: one directory tree, entered by the names a listing gave.

No name from the guest is ever joined to a host path: a name has to be in a listing, or be created by an
exclusive open. Each access resolves all links again and refuses what lies outside. Only regular files and
directories exist; devices, pipes, sockets and links that lead out are not there. Of the host's times only that of the
last change is shown, the others depend on who looked; identities are not. Who may import it: the kernel package.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Literal

from wowsim.errors import GuestFault, UsageError
from wowsim.kernel.names import is_component, upcase
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_DIRECTORY_NOT_EMPTY,
    STATUS_DISK_FULL,
    STATUS_INVALID_PARAMETER,
    STATUS_IO_DEVICE_ERROR,
    STATUS_MEDIA_WRITE_PROTECTED,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Parts = tuple[str, ...]
"""Host names from the root of the tree down."""

_STATUSES = {
    errno.ENOENT: STATUS_OBJECT_NAME_NOT_FOUND,
    errno.EEXIST: STATUS_OBJECT_NAME_COLLISION,
    errno.EACCES: STATUS_ACCESS_DENIED,
    errno.EPERM: STATUS_ACCESS_DENIED,
    errno.EROFS: STATUS_ACCESS_DENIED,
    errno.ELOOP: STATUS_ACCESS_DENIED,
    errno.ENOTDIR: STATUS_ACCESS_DENIED,
    errno.EISDIR: STATUS_ACCESS_DENIED,
    errno.ENOTEMPTY: STATUS_DIRECTORY_NOT_EMPTY,
    errno.ENOSPC: STATUS_DISK_FULL,
    errno.EFBIG: STATUS_DISK_FULL,
    errno.ENAMETOOLONG: STATUS_OBJECT_NAME_INVALID,
    errno.EINVAL: STATUS_INVALID_PARAMETER,
}
_OPEN_FLAGS = sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
)
_DOS_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"]
    + [f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³"]
)


UNIX_EPOCH = 116444736_000000000
"""1970-01-01 in 100 ns units since 1601-01-01 ([MS-DTYP] 2.3.3)."""
_SETTLED = 2_000_000_000
"""Nanoseconds behind which a file or directory that changed again shows another time, on any host file system."""


class HostTree:
    """A host directory and what lies below it.

    Args:
        root: the directory.
        writable: whether the guest may change it.
        limit: largest size in bytes a file may be given.
    """

    def __init__(self, root: str | Path, *, writable: bool, limit: int) -> None:
        self.root = os.path.realpath(root)
        self.writable = writable
        self.limit = limit
        self._listings: dict[Parts, tuple[int, dict[str, str]]] = {}
        if not os.path.isdir(self.root):
            raise UsageError(f"mount: {str(root)!r} is no directory of the host; expected one that exists")

    def names(self, parts: Parts) -> dict[str, str]:
        """Upcased name -> host name; of names that differ only in case the first in code point order.

        A listing holds as long as the directory keeps its time, if that was old enough when it was made.
        """
        with _host_errors():
            inside = self._inside(parts)
            changed = os.stat(inside).st_mtime_ns
            known = self._listings.get(parts)
            if known is not None and known[0] == changed:
                return known[1]
            listing = sorted(os.listdir(inside))
        found: dict[str, str] = {}
        for name in listing:
            if is_component(name):
                found.setdefault(upcase(name), name)
        # Host time decides whether to remember, never what is seen.
        if time.time_ns() - changed > _SETTLED:
            self._listings[parts] = changed, found
        return found

    def is_directory(self, parts: Parts) -> bool | None:
        """Whether it is a directory; None where the guest is to see nothing."""
        try:
            mode = self._stat(parts).st_mode
        except GuestFault:
            return None
        if stat.S_ISDIR(mode):
            return True
        return False if stat.S_ISREG(mode) else None

    def size(self, parts: Parts) -> int:
        """Length of a file."""
        return self._stat(parts).st_size

    def identity(self, parts: Parts) -> tuple[int, ...] | None:
        """What tells a file from every other; None where the guest may change it, or when it has just been changed."""
        found = self._stat(parts)
        if self.writable or time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) <= _SETTLED:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def reader(self, parts: Parts, identity: tuple[int, ...]) -> Callable[[int, int], bytes]:
        """What reads a file of that identity; where another one has taken its place there are no bytes."""
        path = self._inside(parts)

        def read(offset: int, length: int) -> bytes:
            with _host_errors():
                descriptor = os.open(path, os.O_RDONLY | _OPEN_FLAGS)
                try:
                    found = os.fstat(descriptor)
                    if (found.st_dev, found.st_ino) != identity[:2]:
                        return b""
                    os.lseek(descriptor, offset, os.SEEK_SET)
                    return os.read(descriptor, length)
                finally:
                    os.close(descriptor)

        return read

    def last_write(self, parts: Parts) -> int:
        """When it was last changed, in 100 ns units since 1601."""
        return max(self._stat(parts).st_mtime_ns // 100 + UNIX_EPOCH, 0)

    def set_times(self, parts: Parts, accessed: int, written: int) -> None:
        """Set last access and last write, in 100 ns units since 1601."""
        self._check_writable()
        with _host_errors():
            nanoseconds = (accessed - UNIX_EPOCH) * 100, (written - UNIX_EPOCH) * 100
            follow = os.utime not in os.supports_follow_symlinks
            os.utime(self._inside(parts), ns=nanoseconds, follow_symlinks=follow)

    def read(self, parts: Parts, offset: int, length: int) -> bytes:
        """What there is of these bytes."""
        with self._open(parts, os.O_RDONLY, "rb") as file:
            file.seek(offset)
            return file.read(length)

    def write(self, parts: Parts, offset: int, data: bytes) -> None:
        """Write in place, growing the file."""
        self._check_size(offset + len(data))
        with self._open(parts, os.O_RDWR, "r+b") as file:
            file.seek(offset)
            file.write(data)

    def resize(self, parts: Parts, size: int) -> None:
        """Cut or grow with zeros."""
        self._check_size(size)
        with self._open(parts, os.O_RDWR, "r+b") as file:
            file.truncate(size)

    def create(self, parts: Parts, *, directory: bool) -> None:
        """Make an empty file or directory where nothing is, link or not."""
        self._check_writable()
        target = self._entry(parts)
        with _host_errors():
            if directory:
                os.mkdir(target)
            else:
                os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _OPEN_FLAGS, 0o666))

    def remove(self, parts: Parts, *, directory: bool) -> None:
        """Delete a file or an empty directory; of a link the link itself."""
        self._check_writable()
        target = self._entry(parts)
        with _host_errors():
            if directory:
                os.rmdir(target)
            else:
                os.unlink(target)

    def move(self, parts: Parts, target: Parts) -> None:
        """Rename within the tree, never over something."""
        self._check_writable()
        source, place = self._entry(parts), self._entry(target)
        with _host_errors():
            if os.path.lexists(place) and not _same_but_for_case(source, place):
                raise GuestFault(STATUS_OBJECT_NAME_COLLISION)
            os.rename(source, place)

    def _inside(self, parts: Parts) -> str:
        real = os.path.realpath(os.path.join(self.root, *parts))
        if real != self.root and not real.startswith(os.path.join(self.root, "")):
            raise GuestFault(STATUS_ACCESS_DENIED)
        return real

    def _entry(self, parts: Parts) -> str:
        """The directory entry itself, for changes: links in front are resolved, a link at the end is not."""
        name = parts[-1]
        stem = upcase(name.partition(".")[0].rstrip(" "))
        # A Windows host would take these for devices or for another name.
        if name[-1] in ". " or stem in _DOS_DEVICES or not is_component(name):
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
        return os.path.join(self._inside(parts[:-1]), name)

    def _stat(self, parts: Parts) -> os.stat_result:
        with _host_errors():
            return os.stat(self._inside(parts))

    @contextmanager
    def _open(self, parts: Parts, flags: int, mode: Literal["rb", "r+b"]) -> Iterator[BinaryIO]:
        with _host_errors():
            descriptor = os.open(self._inside(parts), flags | _OPEN_FLAGS)
            with os.fdopen(descriptor, mode) as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise GuestFault(STATUS_ACCESS_DENIED)
                yield file

    def _check_writable(self) -> None:
        if not self.writable:
            raise GuestFault(STATUS_MEDIA_WRITE_PROTECTED)

    def _check_size(self, size: int) -> None:
        self._check_writable()
        if size > self.limit:
            raise GuestFault(STATUS_DISK_FULL)


def _same_but_for_case(source: str, place: str) -> bool:
    """Whether both name one entry on a host that ignores case."""
    return upcase(source) == upcase(place) and os.path.samestat(os.lstat(source), os.lstat(place))


@contextmanager
def _host_errors() -> Iterator[None]:
    """Turn what the host refuses into a status."""
    try:
        yield
    except OSError as error:
        raise GuestFault(_STATUSES.get(error.errno or 0, STATUS_IO_DEVICE_ERROR)) from error
    except UnicodeEncodeError as error:  # an unpaired surrogate that the host cannot name
        raise GuestFault(STATUS_OBJECT_NAME_INVALID) from error
