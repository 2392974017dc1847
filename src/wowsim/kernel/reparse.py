"""Reparse points of files: symbolic links and mount points, and where they lead ([MS-FSCC] 2.1.2).

A link is followed by name through the object namespace, from its beginning, so it reaches what any name reaches and
nothing more. Who may import it: the kernel package.
"""

from __future__ import annotations

import struct

from wowsim.errors import GuestFault
from wowsim.kernel.names import from_utf16
from wowsim.nt.records import dataclass
from wowsim.nt.status import (
    STATUS_IO_REPARSE_DATA_INVALID,
    STATUS_IO_REPARSE_TAG_INVALID,
    STATUS_IO_REPARSE_TAG_NOT_HANDLED,
    STATUS_REPARSE_POINT_NOT_RESOLVED,
)

IO_REPARSE_TAG_MOUNT_POINT = 0xA0000003
IO_REPARSE_TAG_SYMLINK = 0xA000000C
MAXIMUM_REPARSES = 63
"""Links followed in one open (Microsoft Learn, "Reparse Points and File Operations")."""
MAXIMUM_DATA = 16 * 1024
_MICROSOFT = 0x80000000
_GUID = 16
_NAMES = struct.Struct("<4H")
"""SubstituteNameOffset, SubstituteNameLength, PrintNameOffset, PrintNameLength."""
_SYMLINK_FLAG_RELATIVE = 1


@dataclass(frozen=True)
class ReparsePoint:
    """The tag and what stands behind ReparseDataLength and Reserved (for other vendors' tags a GUID first)."""

    tag: int
    data: bytes

    @property
    def header(self) -> int:
        """Bytes of the buffer before what ReparseDataLength counts."""
        return 8 if self.tag & _MICROSOFT else 8 + _GUID

    def buffer(self) -> bytes:
        """REPARSE_DATA_BUFFER, or REPARSE_GUID_DATA_BUFFER."""
        return struct.pack("<IHxx", self.tag, len(self.data) + 8 - self.header) + self.data

    @property
    def target(self) -> tuple[str, bool]:
        """The substitute name, and whether it is relative to where the link lies."""
        start, length, _, _ = _NAMES.unpack_from(self.data)
        at, relative = _NAMES.size, False
        if self.tag == IO_REPARSE_TAG_SYMLINK:
            (flags,) = struct.unpack_from("<I", self.data, at)
            at, relative = at + 4, flags & _SYMLINK_FLAG_RELATIVE != 0
        return from_utf16(self.data[at + start : at + start + length]), relative


def parse_reparse_point(data: bytes) -> ReparsePoint:
    """A reparse point from a caller's buffer.

    Raises:
        GuestFault: STATUS_IO_REPARSE_DATA_INVALID, STATUS_IO_REPARSE_TAG_INVALID.
    """
    if not 8 <= len(data) <= MAXIMUM_DATA:
        raise GuestFault(STATUS_IO_REPARSE_DATA_INVALID)
    tag, length = struct.unpack_from("<IH", data)
    found = ReparsePoint(tag, data[8:])
    if len(data) != found.header + length:
        raise GuestFault(STATUS_IO_REPARSE_DATA_INVALID)
    if tag & 0x0FFFFFFF <= 1:
        raise GuestFault(STATUS_IO_REPARSE_TAG_INVALID)
    if tag in (IO_REPARSE_TAG_MOUNT_POINT, IO_REPARSE_TAG_SYMLINK):
        _check_names(found)
    return found


def _check_names(point: ReparsePoint) -> None:
    head = _NAMES.size + (4 if point.tag == IO_REPARSE_TAG_SYMLINK else 0)
    room = len(point.data) - head
    if room >= 0:
        first, length, second, size = _NAMES.unpack_from(point.data)
        if (
            length
            and not (first | length | second | size) & 1
            and first + length <= room
            and second + size <= room
        ):
            return
    raise GuestFault(STATUS_IO_REPARSE_DATA_INVALID)


class Redirected(GuestFault):
    """A name leads elsewhere.

    Who does not go there answers STATUS_REPARSE_POINT_NOT_RESOLVED.

    Attributes:
        path: the absolute NT name to go on with.
    """

    def __init__(self, path: str) -> None:
        super().__init__(STATUS_REPARSE_POINT_NOT_RESOLVED)
        self.path = path


def redirect(point: ReparsePoint, drive: str, directory: str, rest: str) -> Redirected:
    r"""What to raise at a reparse point.

    Args:
        point: it.
        drive: of the volume, ``C:``.
        directory: path on the volume of the directory that the point lies in.
        rest: what is left of the name, with a leading backslash or empty.

    Raises:
        GuestFault: STATUS_IO_REPARSE_TAG_NOT_HANDLED for a tag of no link.
    """
    if point.tag not in (IO_REPARSE_TAG_MOUNT_POINT, IO_REPARSE_TAG_SYMLINK):
        raise GuestFault(STATUS_IO_REPARSE_TAG_NOT_HANDLED)
    target, relative = point.target
    if relative:
        base = [] if target.startswith("\\") else directory.split("\\")
        target = f"\\??\\{drive}\\" + "\\".join(_joined(base, target))
    return Redirected(target.removesuffix("\\") + rest if rest else target)


def _joined(base: list[str], target: str) -> list[str]:
    """A relative target's path; ``..`` above the root stays there (unverified)."""
    parts = [part for part in base if part]
    for part in target.split("\\"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return parts
