"""An open file or directory of a volume: its bytes, its end and its deletion (ntfs.sys).

Sources: [MS-FSA] 2.1.5. Leaves out change notification.
Who may import it: the kernel package.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.access import FILE_ATTRIBUTE_ARCHIVE, FILE_ATTRIBUTE_READONLY, FILE_DELETE_ON_CLOSE
from wowsim.kernel.device import FileObject, OpenRequest
from wowsim.kernel.nodes import DirectoryNode, FileNode, Link, Node
from wowsim.nt.status import (
    STATUS_CANNOT_DELETE,
    STATUS_DIRECTORY_NOT_EMPTY,
    STATUS_DISK_FULL,
    STATUS_END_OF_FILE,
    STATUS_INVALID_DEVICE_REQUEST,
)

if TYPE_CHECKING:
    from wowsim.kernel.byte_ranges import ByteRangeLocks
    from wowsim.kernel.directory import Search
    from wowsim.kernel.volume_device import VolumeDevice


class VolumeFile(FileObject):
    """An open file, directory or named stream of a volume.

    Attributes:
        link: the name it was opened by.
        owner: where it is a named stream, the file or directory that has it.
        search: where NtQueryDirectoryFile stands in this directory.
        posix_delete: its name goes with this file object, whoever else has it open.
    """

    seekable = True
    search: Search | None = None
    posix_delete = False

    def __init__(self, device: VolumeDevice, node: Node, link: Link, request: OpenRequest) -> None:
        super().__init__(device, request.access, request.options)
        self.node: Node = node
        self.link = link
        self.owner = node.owner
        self.volume = device.volume
        self._share = request.share
        node.share.add(request.access, request.share)
        node.opens += 1
        link.opens += 1
        if self.owner is not None:
            self.owner.opens += 1

    @property
    def locks(self) -> ByteRangeLocks | None:
        """The byte ranges that are locked in it."""
        return self.node.locks

    @property
    def path(self) -> str:
        r"""``\data\a.txt`` or ``\data\a.txt:x``, by the name that it was opened by."""
        return self.link.path if self.owner is None else self.node.path

    def nt_name(self) -> str:
        r"""``\Device\HarddiskVolume1\data\a.txt``."""
        return self.device.path + self.path

    def last_handle_closed(self) -> None:
        """Give locks and the share mode back; delete what was to be deleted and nobody else has open."""
        node, link = self.node, self.link
        if node.locks is not None:
            node.locks.release(self)
        node.share.remove(self.access, self._share)
        node.opens -= 1
        link.opens -= 1
        if self.owner is not None:
            self.owner.opens -= 1
        if link.delete_pending or self.options & FILE_DELETE_ON_CLOSE:
            with suppress(GuestFault):  # a cleanup cannot fail; a host that refuses keeps its file
                self._delete(node, link)
        if self.owner is not None:
            owner = self.owner
            if owner.links[0].delete_pending and owner.opens == 0:
                owner.erase(owner.links[0])
        if node.opens == 0 and not node.lying and not node.pinned:
            node.release()

    def _delete(self, node: Node, link: Link) -> None:
        if self.options & FILE_DELETE_ON_CLOSE and deletable(node) and not occupied(node):
            link.delete_pending = True
        last = link.opens == 0 and (node.opens == 0 or len(node.links) > 1)
        if link.delete_pending and (last or self.posix_delete):
            node.erase(link)

    def data(self) -> FileNode:
        """The file behind it; a directory has no bytes (STATUS_INVALID_DEVICE_REQUEST)."""
        if not isinstance(self.node, FileNode):
            raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
        return self.node

    def read(self, offset: int, length: int) -> bytes:
        """Bytes at ``offset``; the access time is not updated, as Windows has it since Vista."""
        found = self.data().read(offset, length)
        if not found and length:
            raise GuestFault(STATUS_END_OF_FILE)
        return found

    def write(self, offset: int | None, data: bytes) -> int:
        """Write, or append when ``offset`` is None."""
        node = self.data()
        start = node.size if offset is None else offset
        if data:
            node.write(start, data)
            touch(node, self.volume.clock.now)
        return start + len(data)

    def resize(self, size: int) -> None:
        """Set EndOfFile."""
        node = self.data()
        if size != node.size:
            node.resize(size)
            touch(node, self.volume.clock.now)

    def set_delete(self, delete: bool, *, ignore_read_only: bool = False) -> None:
        """Ask for deletion at the last close, or take that back ([MS-FSA] 2.1.5.15.3)."""
        if delete and not deletable(self.node, ignore_read_only=ignore_read_only):
            raise GuestFault(STATUS_CANNOT_DELETE)
        if delete and occupied(self.node):
            raise GuestFault(STATUS_DIRECTORY_NOT_EMPTY)
        self.link.delete_pending = delete

    def allocate(self, size: int) -> None:
        """Set AllocationSize: cuts a file that is longer; space without data is not kept, but must exist."""
        if size > self.volume.capacity:
            raise GuestFault(STATUS_DISK_FULL)
        if size < self.data().size:
            self.resize(size)


def deletable(node: Node, *, ignore_read_only: bool = False) -> bool:
    """Whether a node may be deleted at all."""
    if node.pinned or node.read_only_medium:
        return False
    return ignore_read_only or not node.attributes & FILE_ATTRIBUTE_READONLY


def occupied(node: Node) -> bool:
    """Whether it is a directory with something in it."""
    return isinstance(node, DirectoryNode) and next(node.children(), None) is not None


def touch(node: Node, now: int) -> None:
    """Note that the data changed."""
    node.last_write_time = node.change_time = now
    node.attributes |= FILE_ATTRIBUTE_ARCHIVE
