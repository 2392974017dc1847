r"""The in-memory volume behind ``C:`` (an NTFS volume as programs see it).

Directory tree, names without case but kept as given, hard links, named streams, times of the simulated clock, a
capacity. Leaves out security, compression and 8.3 names. Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from wowsim.errors import GuestFault
from wowsim.kernel.location import Location, locate
from wowsim.kernel.nodes import DirectoryNode, FileNode, Link, Node, ShareAccess
from wowsim.nt.status import STATUS_DISK_FULL, STATUS_NOT_SAME_DEVICE, STATUS_TOO_MANY_LINKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.kernel.clock import Clock

CLUSTER = 4096
"""Bytes in an allocation unit."""
RECORD = 4096
"""What every file and directory costs beside its data: one MFT record (1 KB, or 4 KB on 4 KB sectors)."""
ENTRY = 256
"""What a further name costs: an entry of a directory's index."""
MAXIMUM_LINKS = 1024
"""Names of one file (Microsoft Learn, CreateHardLink: 1023 links can be created to a file)."""
ROOT_FILE_ID = 5 << 48 | 5
"""File reference of the root directory on NTFS (record 5, sequence 5)."""


def _of_owner(name: str) -> Any:
    """An attribute that a stream shares with its owner."""

    def get(stream: MemoryStream) -> Any:
        return getattr(stream.owner, name)

    def put(stream: MemoryStream, value: Any) -> None:
        setattr(stream.owner, name, value)

    return property(get, put)


class _Charged(Node):
    """A node that takes space on the volume, until it has neither a name nor somebody who has it open."""

    volume: Volume
    _charged = True

    def release(self) -> None:
        """Give back what it and its streams take."""
        if not self._charged:
            return
        self._charged = False
        streams = tuple((self.streams or {}).values())
        for stream in streams:
            stream.erase(stream.links[0])
        reparse = 0 if self.reparse is None else len(self.reparse.data)
        self.volume.charge(-self.size - RECORD - reparse)


class MemoryFile(_Charged, FileNode):
    """A file whose bytes are here."""

    def __init__(self, volume: Volume, name: str, attributes: int) -> None:
        super().__init__(name, volume.next_file_id(), volume.clock.now, attributes)
        self.volume = volume
        self.data = bytearray()
        self.streams = {}

    @property
    def size(self) -> int:
        """Length of the data."""
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        """A slice."""
        return bytes(self.data[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        """Overwrite and grow."""
        end = offset + len(data)
        if end > len(self.data):
            self.resize(end)
        self.data[offset:end] = data

    def resize(self, size: int) -> None:
        """Cut or grow within the volume's capacity."""
        self.volume.charge(size - len(self.data))
        if size < len(self.data):
            del self.data[size:]
        else:
            self.data.extend(bytes(size - len(self.data)))


class MemoryStream(MemoryFile):
    """A named stream: its bytes are here, times, attributes and id are its owner's."""

    def __init__(self, owner: MemoryFile | MemoryDirectory, name: str) -> None:
        self.owner: MemoryFile | MemoryDirectory = (
            owner  # before the rest: the attributes of a stream are the owner's
        )
        self.volume = owner.volume
        self.data = bytearray()
        self.links = [Link(name)]
        self.opens = 0
        self.share = ShareAccess()
        self.pinned = False

    @property
    def lying(self) -> bool:
        """Whether it is still there."""
        return self.owner.streams is not None and self.owner.streams.get(self.key) is self

    @property
    def path(self) -> str:
        """Path of its owner and its name."""
        return f"{self.owner.path}:{self.name}"

    def erase(self, link: Link) -> None:
        """Delete the stream."""
        if self.lying and self.owner.streams is not None:
            del self.owner.streams[self.key]
            if not self.opens:
                self.release()

    def release(self) -> None:
        """Give its own space back; what makes its owner a link is the owner's."""
        if self._charged:
            self._charged = False
            self.volume.charge(-self.size - RECORD)

    attributes = _of_owner("attributes")
    creation_time = _of_owner("creation_time")
    last_access_time = _of_owner("last_access_time")
    last_write_time = _of_owner("last_write_time")
    change_time = _of_owner("change_time")
    file_id = _of_owner("file_id")
    reparse = _of_owner("reparse")
    object_id = _of_owner("object_id")


def add_stream(owner: MemoryFile | MemoryDirectory, name: str) -> MemoryStream:
    """A new empty stream; the name is valid and free."""
    owner.volume.charge(RECORD)
    stream = MemoryStream(owner, name)
    assert owner.streams is not None
    owner.streams[stream.key] = stream
    return stream


class MemoryDirectory(_Charged, DirectoryNode):
    """A directory whose entries are here; a mount is an entry of another kind."""

    def __init__(self, volume: Volume, name: str, file_id: int, attributes: int = 0) -> None:
        super().__init__(name, file_id, volume.clock.now, attributes)
        self.volume = volume
        self.streams = {}
        self._entries: dict[str, tuple[Link, Node]] = {}
        self._order: list[str] | None = None

    def lookup(self, key: str) -> Node | None:
        """The child of that upcased name."""
        found = self._entries.get(key)
        return None if found is None else found[1]

    def find(self, key: str) -> tuple[Link, Node] | None:
        """The same with the name that it was found by."""
        return self._entries.get(key)

    def children(self, after: str = "") -> Iterator[tuple[Link, Node]]:
        """In order; the order is kept until something changes."""
        if self._order is None:
            self._order = sorted(self._entries)
        for key in self._order[bisect_right(self._order, after) :]:
            yield self._entries[key]

    def create(self, name: str, attributes: int, *, directory: bool) -> Node:
        """A new empty child."""
        self.volume.charge(RECORD)
        child: Node
        if directory:
            child = MemoryDirectory(self.volume, name, self.volume.next_file_id(), attributes)
        else:
            child = MemoryFile(self.volume, name, attributes)
        self.attach(child)
        return child

    def attach(self, child: Node) -> None:
        """Put a node that lies nowhere here."""
        self._put(child.links[0], child)

    def add_link(self, child: Node, name: str) -> None:
        """Give a file a further name."""
        if not isinstance(child, MemoryFile):
            raise GuestFault(STATUS_NOT_SAME_DEVICE)
        if len(child.links) >= MAXIMUM_LINKS:
            raise GuestFault(STATUS_TOO_MANY_LINKS)
        self.volume.charge(ENTRY)
        link = Link(name)
        child.links.append(link)
        self._put(link, child)

    def remove(self, child: Node, link: Link) -> None:
        """Delete a name; with the last one the space of the child and its streams is given back."""
        self._detach(link)
        if len(child.links) > 1:
            child.links.remove(link)
            self.volume.charge(-ENTRY)
            return
        if not child.opens:
            child.release()

    def move(self, child: Node, link: Link, name: str) -> None:
        """Rename within the volume."""
        source = link.parent
        if not isinstance(source, MemoryDirectory) or not isinstance(child, (MemoryFile, MemoryDirectory)):
            raise GuestFault(STATUS_NOT_SAME_DEVICE)
        source._detach(link)
        link.rename(name)
        self._put(link, child)

    def _put(self, link: Link, child: Node) -> None:
        self._entries[link.key] = (link, child)
        link.parent = self
        self._touch()

    def _detach(self, link: Link) -> None:
        del self._entries[link.key]
        link.parent = None
        self._touch()

    def _touch(self) -> None:
        self._order = None
        self.last_write_time = self.change_time = self.volume.clock.now


class Volume:
    r"""The tree, its space, and how a path is walked.

    Args:
        clock: gives the times.
        capacity: bytes it holds; more is STATUS_DISK_FULL.
        drive: letter of the drive.

    Attributes:
        readable: everybody may open the volume itself for reading, which on Windows takes an administrator. Its bytes
            are not there in any case.
    """

    serial_number = 0x20150501

    def __init__(self, clock: Clock, capacity: int = 256 << 20, drive: str = "C:") -> None:
        self.clock = clock
        self.capacity = capacity
        self.drive = drive
        self.label = "wowsim"
        self.readable = False
        self.used = 0
        self.creation_time = clock.now
        self._file_id = 0x23
        self.root = MemoryDirectory(self, "", ROOT_FILE_ID)
        self.root.pinned = True

    def next_file_id(self) -> int:
        """A file reference: record numbers count up, the sequence number stays 1."""
        self._file_id += 1
        return 1 << 48 | self._file_id

    def charge(self, size: int) -> None:
        """Take ``size`` bytes of the capacity, or give them back when negative."""
        if size > self.capacity - self.used:
            raise GuestFault(STATUS_DISK_FULL)
        self.used += size

    def locate(self, start: DirectoryNode, path: str, *, follow: bool = True) -> Location:
        """Walk a path without leading or trailing backslash; ``follow`` a link at its end. See ``location``."""
        return locate(self.drive, start, path, follow=follow)
