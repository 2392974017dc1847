"""An open file or directory of a volume: its bytes, its end, its deletion and its renaming (ntfs.sys).

Sources: [MS-FSA] 2.1.5. Leaves out byte-range locks and change notification.
Who may import it: the kernel package.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.access import FILE_ATTRIBUTE_ARCHIVE, FILE_ATTRIBUTE_READONLY, FILE_DELETE_ON_CLOSE
from wowsim.kernel.device import FileObject, OpenRequest
from wowsim.kernel.nodes import DirectoryNode, FileNode, Node
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_CANNOT_DELETE,
    STATUS_DELETE_PENDING,
    STATUS_DIRECTORY_NOT_EMPTY,
    STATUS_END_OF_FILE,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
    STATUS_MEDIA_WRITE_PROTECTED,
    STATUS_NOT_SAME_DEVICE,
    STATUS_OBJECT_NAME_COLLISION,
)

if TYPE_CHECKING:
    from wowsim.kernel.directory import Search
    from wowsim.kernel.volume_device import VolumeDevice


class VolumeFile(FileObject):
    """An open file or directory of a volume.

    Attributes:
        search: where NtQueryDirectoryFile stands in this directory.
    """

    seekable = True
    search: Search | None = None

    def __init__(self, device: VolumeDevice, node: Node, request: OpenRequest) -> None:
        super().__init__(device, request.access, request.options)
        self.node: Node = node
        self.volume = device.volume
        self._share = request.share
        node.share.add(request.access, request.share)
        node.opens += 1

    def nt_name(self) -> str:
        r"""``\Device\HarddiskVolume1\data\a.txt``."""
        return self.device.path + self.node.path

    def last_handle_closed(self) -> None:
        """Give the share mode back; delete the node if that was asked for and nobody else has it open."""
        node = self.node
        node.share.remove(self.access, self._share)
        node.opens -= 1
        if node.delete_pending or self.options & FILE_DELETE_ON_CLOSE:
            with suppress(GuestFault):  # a cleanup cannot fail; a host that refuses keeps its file
                self._delete(node)

    def _delete(self, node: Node) -> None:
        if self.options & FILE_DELETE_ON_CLOSE and deletable(node) and not occupied(node):
            node.delete_pending = True
        if node.delete_pending and node.opens == 0 and node.parent is not None:
            node.parent.remove(node)

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

    def set_delete(self, delete: bool) -> None:
        """Ask for deletion at the last close, or take that back ([MS-FSA] 2.1.5.15.3)."""
        if delete and not deletable(self.node):
            raise GuestFault(STATUS_CANNOT_DELETE)
        if delete and occupied(self.node):
            raise GuestFault(STATUS_DIRECTORY_NOT_EMPTY)
        self.node.delete_pending = delete


def rename(file: VolumeFile, target: DirectoryNode, name: str, existing: Node | None, replace: bool) -> None:
    """Move an open node ([MS-FSA] 2.1.5.15.11); ``existing`` lies where it is to go."""
    node = file.node
    if node.pinned or node.read_only_medium:
        raise GuestFault(STATUS_ACCESS_DENIED)
    if target.read_only_medium:
        raise GuestFault(STATUS_MEDIA_WRITE_PROTECTED)
    if target.delete_pending:
        raise GuestFault(STATUS_DELETE_PENDING)
    ancestor: Node | None = target
    while ancestor is not None:
        if ancestor is node:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        ancestor = ancestor.parent
    if existing is not None and existing is not node:
        if not replace:
            raise GuestFault(STATUS_OBJECT_NAME_COLLISION)
        if existing.is_directory or existing.opens or existing.attributes & FILE_ATTRIBUTE_READONLY:
            raise GuestFault(STATUS_ACCESS_DENIED)
        if type(existing) is not type(node):
            raise GuestFault(STATUS_NOT_SAME_DEVICE)
        target.remove(existing)
    target.move(node, name)
    node.change_time = file.volume.clock.now


def deletable(node: Node) -> bool:
    """Whether a node may be deleted at all."""
    return not (node.pinned or node.read_only_medium or node.attributes & FILE_ATTRIBUTE_READONLY)


def occupied(node: Node) -> bool:
    """Whether it is a directory with something in it."""
    return isinstance(node, DirectoryNode) and next(node.children(), None) is not None


def touch(node: Node, now: int) -> None:
    """Note that the data changed."""
    node.last_write_time = node.change_time = now
    node.attributes |= FILE_ATTRIBUTE_ARCHIVE
