"""Files and directories of a volume, whatever keeps their data (NTFS file control blocks).

The volume keeps them in memory, a mount keeps them on the host; both sides of this interface answer guest
mistakes with :class:`~wowsim.errors.GuestFault`. Leaves out security.
Who may import it: the kernel package.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from wowsim.errors import GuestFault
from wowsim.kernel.access import (
    DELETE,
    FILE_APPEND_DATA,
    FILE_ATTRIBUTE_DIRECTORY,
    FILE_ATTRIBUTE_NORMAL,
    FILE_EXECUTE,
    FILE_READ_DATA,
    FILE_SHARE_DELETE,
    FILE_SHARE_READ,
    FILE_SHARE_WRITE,
    FILE_WRITE_DATA,
)
from wowsim.kernel.names import upcase
from wowsim.nt.status import STATUS_INVALID_DEVICE_REQUEST, STATUS_SHARING_VIOLATION

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from wowsim.image.model import Image
    from wowsim.kernel.byte_ranges import ByteRangeLocks
    from wowsim.kernel.image_files import ImageFile
    from wowsim.kernel.reparse import ReparsePoint
    from wowsim.nt.security import SecurityDescriptor

_READING = FILE_READ_DATA | FILE_EXECUTE
_WRITING = FILE_WRITE_DATA | FILE_APPEND_DATA
_COUNTED = _READING | _WRITING | DELETE


class ShareAccess:
    """Who has a file open and what they share (SHARE_ACCESS; IoCheckShareAccess of the WDK).

    Only opens for reading, writing or deleting count; equal ones are counted together.
    """

    __slots__ = ("_opens",)

    def __init__(self) -> None:
        self._opens: dict[tuple[int, int], int] = {}

    def check(self, access: int, share: int) -> None:
        """Raise STATUS_SHARING_VIOLATION unless one more open with these bits fits."""
        if not access & _COUNTED:
            return
        for other_access, other_share in self._opens:
            if _needed(access) & ~other_share or _needed(other_access) & ~share:
                raise GuestFault(STATUS_SHARING_VIOLATION)

    def add(self, access: int, share: int) -> None:
        """Count an open."""
        counted = access & _COUNTED
        if counted:
            self._opens[counted, share] = self._opens.get((counted, share), 0) + 1

    def remove(self, access: int, share: int) -> None:
        """Take an open back."""
        counted = access & _COUNTED
        if counted:
            left = self._opens.pop((counted, share)) - 1
            if left:
                self._opens[counted, share] = left


def _needed(access: int) -> int:
    """The FILE_SHARE bits that others must grant for this access."""
    return (
        (FILE_SHARE_READ if access & _READING else 0)
        | (FILE_SHARE_WRITE if access & _WRITING else 0)
        | (FILE_SHARE_DELETE if access & DELETE else 0)
    )


class Link:
    """One name of a node in one directory: what a hard link adds.

    Attributes:
        name: as it was given at creation or rename; ``key`` is its upcased form.
        parent: None for the root and for what has been deleted.
        opens: file objects that were opened by this name.
        delete_pending: it goes when the last of them is closed.
    """

    __slots__ = ("delete_pending", "key", "name", "opens", "parent")

    def __init__(self, name: str, parent: DirectoryNode | None = None) -> None:
        self.name = name
        self.key = upcase(name)
        self.parent = parent
        self.opens = 0
        self.delete_pending = False

    def rename(self, name: str) -> None:
        """Take another name; the directory it lies in does the rest."""
        self.name = name
        self.key = upcase(name)

    @property
    def path(self) -> str:
        r"""Path on the volume: ``\`` for the root, ``\data\a.txt``."""
        names: list[str] = []
        link = self
        while link.parent is not None:
            names.append(link.name)
            link = link.parent.links[0]
        return "\\" + "\\".join(reversed(names))


class Node:
    """A file or directory.

    Attributes:
        links: its names, oldest first; a directory has one.
        file_id: unique on the volume.
        attributes: FILE_ATTRIBUTE bits, with DIRECTORY where it is one, never NORMAL.
        opens: file objects that have it open.
        share: their share modes.
        pinned: the root or a mount point: cannot be deleted or renamed.
        locks: its byte-range locks, once there was one.
        reparse: what makes it a link, if it is one.
        object_id: 16 bytes, or none.
        streams: named streams by upcased name; None where there cannot be any.
        security: its descriptor once somebody asked for it or set it.
        owner: of a named stream, the file or directory it belongs to.
    """

    is_directory: ClassVar[bool]
    locks: ByteRangeLocks | None = None
    reparse: ReparsePoint | None = None
    object_id: bytes = b""
    streams: dict[str, Node] | None = None
    owner: Node | None = None
    security: SecurityDescriptor | None = None

    def __init__(self, name: str, file_id: int, now: int, attributes: int) -> None:
        self.links = [Link(name)]
        self.file_id = file_id
        self.attributes = attributes
        self.creation_time = self.last_access_time = self.last_write_time = self.change_time = now
        self.opens = 0
        self.share = ShareAccess()
        self.pinned = False

    @property
    def name(self) -> str:
        """The first of its names."""
        return self.links[0].name

    @property
    def key(self) -> str:
        """That, upcased."""
        return self.links[0].key

    @property
    def parent(self) -> DirectoryNode | None:
        """Where the first of its names lies."""
        return self.links[0].parent

    @parent.setter
    def parent(self, parent: DirectoryNode | None) -> None:
        self.links[0].parent = parent

    @property
    def delete_pending(self) -> bool:
        """Whether its first name, for most nodes the only one, is about to go."""
        return self.links[0].delete_pending

    @property
    def times(self) -> tuple[int, int, int, int]:
        """Creation, last access, last write, change: in the order of the information classes."""
        return self.creation_time, self.last_access_time, self.last_write_time, self.change_time

    def set_times(self, times: tuple[int, int, int, int]) -> None:
        """Give it other ones, in the same order."""
        self.creation_time, self.last_access_time, self.last_write_time, self.change_time = times

    @property
    def reported_attributes(self) -> int:
        """The attributes as queries give them: NORMAL where there are none."""
        return self.attributes or FILE_ATTRIBUTE_NORMAL

    @property
    def path(self) -> str:
        r"""Path on the volume, by its first name."""
        return self.links[0].path

    @property
    def size(self) -> int:
        """EndOfFile; 0 for a directory."""
        return 0

    @property
    def read_only_medium(self) -> bool:
        """Whether it lies on a mount that cannot be written."""
        return False

    @property
    def lying(self) -> bool:
        """Whether it still has a name somewhere."""
        return self.links[0].parent is not None

    def release(self) -> None:
        """It has no name any more and nobody has it open: give its space back."""

    def erase(self, link: Link) -> None:
        """Take one of its names away, and with the last one the node."""
        if link.parent is not None:
            link.parent.remove(self, link)


class FileNode(Node, ABC):
    """A file: bytes of a length.

    Attributes:
        image: which bytes it had the last time that it was mapped as an image, its path then, and what they mean.
    """

    is_directory = False
    image: tuple[Hashable, str, Image] | None = None

    def image_file(self) -> ImageFile | None:
        """The file for an image section, where it need not be read as a whole."""
        return None

    @abstractmethod
    def read(self, offset: int, length: int) -> bytes:
        """What there is of these bytes."""

    @abstractmethod
    def write(self, offset: int, data: bytes) -> None:
        """Write all, growing the file and filling a gap with zeros."""

    @abstractmethod
    def resize(self, size: int) -> None:
        """Cut or grow with zeros."""


class DirectoryNode(Node, ABC):
    """A directory: names to nodes."""

    is_directory = True

    def __init__(self, name: str, file_id: int, now: int, attributes: int = 0) -> None:
        super().__init__(name, file_id, now, attributes | FILE_ATTRIBUTE_DIRECTORY)

    @abstractmethod
    def lookup(self, key: str) -> Node | None:
        """The child of that upcased name."""

    def find(self, key: str) -> tuple[Link, Node] | None:
        """The child of that upcased name, with the link it was found by."""
        node = self.lookup(key)
        return None if node is None else (node.links[0], node)

    @abstractmethod
    def children(self, after: str = "") -> Iterator[tuple[Link, Node]]:
        """Those whose upcased name is greater than ``after``, in the order of an NTFS index."""

    @abstractmethod
    def create(self, name: str, attributes: int, *, directory: bool) -> Node:
        """A new empty child; the caller knows that the name is valid and free."""

    @abstractmethod
    def remove(self, child: Node, link: Link) -> None:
        """Delete a name that lies here, and with its last name the child."""

    @abstractmethod
    def move(self, child: Node, link: Link, name: str) -> None:
        """Take one name of ``child`` from where it lies and put it here as ``name``, which is free.

        Raises:
            GuestFault: STATUS_NOT_SAME_DEVICE between the volume and a mount.
        """

    def add_link(self, child: Node, name: str) -> None:
        """Give ``child`` a further name here, which is free; what cannot is STATUS_INVALID_DEVICE_REQUEST."""
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
