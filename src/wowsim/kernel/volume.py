r"""The in-memory volume behind ``C:`` (an NTFS volume as programs see it).

Directory tree, names without case but kept as given, times of the simulated clock, a capacity. Leaves out
streams, links, security, compression and 8.3 names. Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.names import is_component, upcase
from wowsim.kernel.nodes import DirectoryNode, FileNode, Node
from wowsim.nt.status import (
    STATUS_DISK_FULL,
    STATUS_NOT_SAME_DEVICE,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_PATH_NOT_FOUND,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.kernel.clock import Clock

CLUSTER = 4096
"""Bytes in an allocation unit."""
RECORD = 4096
"""What every file and directory costs beside its data: one MFT record (1 KB, or 4 KB on 4 KB sectors)."""
ROOT_FILE_ID = 5 << 48 | 5
"""File reference of the root directory on NTFS (record 5, sequence 5)."""


class MemoryFile(FileNode):
    """A file whose bytes are here."""

    def __init__(self, volume: Volume, name: str, attributes: int) -> None:
        super().__init__(name, volume.next_file_id(), volume.clock.now, attributes)
        self.volume = volume
        self.data = bytearray()

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


class MemoryDirectory(DirectoryNode):
    """A directory whose entries are here; a mount is an entry of another kind."""

    def __init__(self, volume: Volume, name: str, file_id: int, attributes: int = 0) -> None:
        super().__init__(name, file_id, volume.clock.now, attributes)
        self.volume = volume
        self._entries: dict[str, Node] = {}
        self._order: list[str] | None = None

    def lookup(self, key: str) -> Node | None:
        """The child of that upcased name."""
        return self._entries.get(key)

    def children(self, after: str = "") -> Iterator[Node]:
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
        self._entries[child.key] = child
        child.parent = self
        self._touch()

    def remove(self, child: Node) -> None:
        """Delete a child and give its space back."""
        self._detach(child)
        self.volume.charge(-child.size - RECORD)

    def move(self, child: Node, name: str) -> None:
        """Rename within the volume."""
        source = child.parent
        if not isinstance(source, MemoryDirectory) or not isinstance(child, (MemoryFile, MemoryDirectory)):
            raise GuestFault(STATUS_NOT_SAME_DEVICE)
        source._detach(child)
        child.rename(name)
        self.attach(child)

    def _detach(self, child: Node) -> None:
        del self._entries[child.key]
        child.parent = None
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
    """

    label = "wowsim"
    serial_number = 0x20150501

    def __init__(self, clock: Clock, capacity: int = 256 << 20, drive: str = "C:") -> None:
        self.clock = clock
        self.capacity = capacity
        self.drive = drive
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

    def locate(self, start: DirectoryNode, path: str) -> tuple[DirectoryNode, str, Node | None]:
        """Walk a path without leading or trailing backslash.

        Returns:
            The directory that holds or would hold it, its name, and the node if it is there.

        Raises:
            GuestFault: STATUS_OBJECT_NAME_INVALID when NTFS accepts a component nowhere (``..``, ``a*``, an
                empty one, any stream but the unnamed ``::$DATA``), STATUS_OBJECT_PATH_NOT_FOUND when a
                directory on the way is missing or a file.
        """
        keys = upcase(path).split("\\")
        last = keys.pop()
        directory = start
        for key in keys:
            child = directory.lookup(key)
            if not isinstance(child, DirectoryNode):
                self._check(path)
                raise GuestFault(STATUS_OBJECT_PATH_NOT_FOUND)
            directory = child
        node = directory.lookup(last)
        if node is not None:
            return directory, node.name, node
        if last.endswith("::$DATA"):
            return self._locate_stream(directory, path)
        self._check(path)
        return directory, path[len(path) - len(last) :], None

    def _locate_stream(self, directory: DirectoryNode, path: str) -> tuple[DirectoryNode, str, Node | None]:
        plain = path[: -len("::$DATA")]
        self._check(plain)
        name = plain.rpartition("\\")[2]
        node = directory.lookup(upcase(name))
        if isinstance(node, DirectoryNode):
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
        return directory, name, node

    @staticmethod
    def _check(path: str) -> None:
        if not all(map(is_component, path.split("\\"))):
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
