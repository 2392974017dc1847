"""Opening on a volume: dispositions, share modes, delete on close (the create path of ntfs.sys).

What is answered when: [MS-FSA] 2.1.5.1; where it leaves the order of two failing checks open, ours is
unverified. Leaves out ACLs, oplocks, extended attributes, open by file id.
Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.access import (
    DELETE,
    FILE_APPEND_DATA,
    FILE_ATTRIBUTE_ARCHIVE,
    FILE_ATTRIBUTE_HIDDEN,
    FILE_ATTRIBUTE_READONLY,
    FILE_ATTRIBUTE_SETTABLE,
    FILE_ATTRIBUTE_SYSTEM,
    FILE_CREATE,
    FILE_CREATED,
    FILE_DELETE_ON_CLOSE,
    FILE_DIRECTORY_FILE,
    FILE_EXECUTE,
    FILE_NON_DIRECTORY_FILE,
    FILE_OPEN,
    FILE_OPEN_BY_FILE_ID,
    FILE_OPEN_IF,
    FILE_OPEN_REPARSE_POINT,
    FILE_OPENED,
    FILE_OVERWRITE,
    FILE_OVERWRITTEN,
    FILE_READ_DATA,
    FILE_SUPERSEDE,
    FILE_SUPERSEDED,
    FILE_WRITE_DATA,
)
from wowsim.kernel.device import FILE_DEVICE_DISK, FILE_DEVICE_IS_MOUNTED, Device, FileObject, OpenRequest
from wowsim.kernel.location import relative_stream
from wowsim.kernel.names import upcase, utf16
from wowsim.kernel.nodes import DirectoryNode, FileNode, Link, Node
from wowsim.kernel.volume import MemoryDirectory, MemoryFile, add_stream
from wowsim.kernel.volume_file import VolumeFile, deletable, touch
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_CANNOT_DELETE,
    STATUS_DELETE_PENDING,
    STATUS_DISK_FULL,
    STATUS_FILE_IS_A_DIRECTORY,
    STATUS_MEDIA_WRITE_PROTECTED,
    STATUS_NAME_TOO_LONG,
    STATUS_NOT_A_DIRECTORY,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
)

if TYPE_CHECKING:
    from wowsim.kernel.volume import Volume


_WRITING = FILE_WRITE_DATA | FILE_APPEND_DATA
_DATA = _WRITING | FILE_READ_DATA | FILE_EXECUTE
MAXIMUM_PATH = 32767
"""UTF-16 units of a whole path ([MS-FSCC] 2.1.5)."""


def _link_of(file: FileObject) -> Link:
    assert isinstance(file, VolumeFile)
    return file.link


def _drop_streams(node: Node) -> None:
    """Overwriting a file deletes its named streams; those that are open stay (unverified)."""
    for stream in tuple((node.streams or {}).values()):
        if not stream.opens:
            stream.erase(stream.links[0])


class VolumeHandle(FileObject):
    r"""An open volume itself (``\??\C:`` without a path): it answers volume queries, no data."""


class VolumeDevice(Device):
    r"""``\Device\HarddiskVolume1``."""

    device_type = FILE_DEVICE_DISK
    characteristics = FILE_DEVICE_IS_MOUNTED

    def __init__(self, path: str, volume: Volume) -> None:
        super().__init__(path)
        self.volume = volume

    def open(self, request: OpenRequest) -> tuple[FileObject, int]:
        """Open or create what ``request`` names."""
        if request.options & FILE_OPEN_BY_FILE_ID:
            raise Unsupported("FILE_OPEN_BY_FILE_ID in NtCreateFile is not implemented")
        path = request.name
        if request.related is None:
            if not path:
                return self._open_volume(request)
            start: Node = self.volume.root
            # A doubled backslash at the start counts as one (unverified for NTFS); any other is an error.
            path = path[2:] if path.startswith("\\\\") else path[1:]
        else:
            if request.related.node is None or path.startswith("\\"):
                raise GuestFault(STATUS_OBJECT_NAME_INVALID)
            start = request.related.node
            if path.startswith(":"):  # a stream of what is open (unverified)
                return self._open_stream(start, relative_stream(path), request)
        must_be_directory = path.endswith("\\")
        if must_be_directory:
            if request.options & FILE_NON_DIRECTORY_FILE:
                raise GuestFault(STATUS_OBJECT_NAME_INVALID)
            path = path[:-1]
        if path:
            if not isinstance(start, DirectoryNode):
                raise GuestFault(STATUS_OBJECT_PATH_NOT_FOUND)
            follow = not request.options & FILE_OPEN_REPARSE_POINT
            parent, name, node, link, stream = self.volume.locate(start, path, follow=follow)
            if node is None or link is None:
                if stream:
                    return self._create_with_stream(parent, name, stream, request), FILE_CREATED
                return self._create(parent, name, request, must_be_directory), FILE_CREATED
            if stream:
                return self._open_stream(node, stream, request)
        else:
            node, link = start, start.links[0] if request.related is None else _link_of(request.related)
        if must_be_directory and not node.is_directory:
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
        if request.disposition in (FILE_OPEN, FILE_OPEN_IF):
            return self._open_existing(node, link, request), FILE_OPENED
        return self._overwrite(node, link, request)

    def _open_stream(self, owner: Node, name: str, request: OpenRequest) -> tuple[FileObject, int]:
        """A named stream of a file or directory that is there; the dispositions mean the stream."""
        if request.options & FILE_DIRECTORY_FILE:
            raise GuestFault(STATUS_NOT_A_DIRECTORY)
        if owner.links[0].delete_pending:
            raise GuestFault(STATUS_DELETE_PENDING)
        if not isinstance(owner, (MemoryFile, MemoryDirectory)) or owner.streams is None:
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
        stream = owner.streams.get(upcase(name))
        if stream is None:
            if request.disposition in (FILE_OPEN, FILE_OVERWRITE):
                raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
            if owner.attributes & FILE_ATTRIBUTE_READONLY:
                raise GuestFault(STATUS_ACCESS_DENIED)
            made = add_stream(owner, name)
            return VolumeFile(self, made, made.links[0], request), FILE_CREATED
        if request.disposition in (FILE_OPEN, FILE_OPEN_IF):
            return self._open_existing(stream, stream.links[0], request), FILE_OPENED
        return self._overwrite(stream, stream.links[0], request)

    def _create_with_stream(
        self, parent: DirectoryNode, name: str, stream: str, request: OpenRequest
    ) -> VolumeFile:
        """``new.txt:x``: the file comes with the stream, empty."""
        if not isinstance(parent, MemoryDirectory):
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
        if request.options & FILE_DIRECTORY_FILE:
            raise GuestFault(STATUS_NOT_A_DIRECTORY)
        owner = self._new_node(parent, name, request)
        assert isinstance(owner, MemoryFile)
        made = add_stream(owner, stream)
        return VolumeFile(self, made, made.links[0], request)

    def _open_volume(self, request: OpenRequest) -> tuple[FileObject, int]:
        forbidden = _DATA | DELETE
        if self.volume.readable:
            forbidden &= ~FILE_READ_DATA
        if request.access & forbidden:
            raise GuestFault(STATUS_ACCESS_DENIED)
        if request.options & FILE_DIRECTORY_FILE:
            raise GuestFault(STATUS_NOT_A_DIRECTORY)
        return VolumeHandle(self, request.access, request.options), FILE_OPENED

    def _open_existing(self, node: Node, link: Link, request: OpenRequest) -> VolumeFile:
        if link.delete_pending:
            raise GuestFault(STATUS_DELETE_PENDING)
        options, access = request.options, request.access
        if node.is_directory:
            if options & FILE_NON_DIRECTORY_FILE:
                raise GuestFault(STATUS_FILE_IS_A_DIRECTORY)
        elif options & FILE_DIRECTORY_FILE:
            raise GuestFault(STATUS_NOT_A_DIRECTORY)
        elif access & _WRITING and node.attributes & FILE_ATTRIBUTE_READONLY:
            raise GuestFault(STATUS_ACCESS_DENIED)
        if options & FILE_DELETE_ON_CLOSE and not deletable(node):
            raise GuestFault(STATUS_CANNOT_DELETE)
        if access & (_WRITING | DELETE) and node.read_only_medium and not node.is_directory:
            raise GuestFault(STATUS_MEDIA_WRITE_PROTECTED)
        node.share.check(access, request.share)
        return VolumeFile(self, node, link, request)

    def _overwrite(self, node: Node, link: Link, request: OpenRequest) -> tuple[FileObject, int]:
        if isinstance(node, FileNode) and request.disposition != FILE_CREATE:
            kept = node.attributes & (FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM)
            if node.attributes & FILE_ATTRIBUTE_READONLY or kept & ~request.attributes:
                raise GuestFault(STATUS_ACCESS_DENIED)
            if node.read_only_medium:
                raise GuestFault(STATUS_MEDIA_WRITE_PROTECTED)
            self._check_allocation(request.allocation_size - node.size)
            # Whoever forbids writing (or for supersede deleting) forbids this, whatever access is asked for.
            implied = DELETE if request.disposition == FILE_SUPERSEDE else FILE_WRITE_DATA
            node.share.check(request.access | implied, request.share)
            opened = self._open_existing(node, link, request)
            node.resize(0)
            _drop_streams(node)
            attributes = request.attributes & FILE_ATTRIBUTE_SETTABLE | FILE_ATTRIBUTE_ARCHIVE
            if request.disposition == FILE_SUPERSEDE:
                node.attributes = attributes
                node.creation_time = self.volume.clock.now
                outcome = FILE_SUPERSEDED
            else:
                node.attributes |= attributes
                outcome = FILE_OVERWRITTEN
            touch(node, self.volume.clock.now)
            return opened, outcome
        if link.delete_pending:
            raise GuestFault(STATUS_DELETE_PENDING)
        if (
            node.is_directory
            and request.options & FILE_NON_DIRECTORY_FILE
            and request.disposition != FILE_CREATE
        ):
            raise GuestFault(STATUS_FILE_IS_A_DIRECTORY)
        raise GuestFault(STATUS_OBJECT_NAME_COLLISION)

    def _create(
        self, parent: DirectoryNode, name: str, request: OpenRequest, must_be_directory: bool
    ) -> VolumeFile:
        if request.disposition in (FILE_OPEN, FILE_OVERWRITE):
            raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
        directory = request.options & FILE_DIRECTORY_FILE != 0
        if must_be_directory and not directory:
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
        node = self._new_node(parent, name, request)
        return VolumeFile(self, node, node.links[0], request)

    def _new_node(self, parent: DirectoryNode, name: str, request: OpenRequest) -> Node:
        if request.disposition in (FILE_OPEN, FILE_OVERWRITE):
            raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
        directory = request.options & FILE_DIRECTORY_FILE != 0
        if parent.read_only_medium:
            raise GuestFault(STATUS_MEDIA_WRITE_PROTECTED)
        if parent.delete_pending:
            raise GuestFault(STATUS_DELETE_PENDING)
        attributes = request.attributes & FILE_ATTRIBUTE_SETTABLE
        if attributes & FILE_ATTRIBUTE_READONLY and request.options & FILE_DELETE_ON_CLOSE:
            raise GuestFault(STATUS_CANNOT_DELETE)
        if len(utf16(parent.path)) // 2 + len(utf16(name)) // 2 >= MAXIMUM_PATH:
            raise GuestFault(STATUS_NAME_TOO_LONG)
        self._check_allocation(request.allocation_size)
        if not directory:
            attributes |= FILE_ATTRIBUTE_ARCHIVE
        return parent.create(name, attributes, directory=directory)

    def _check_allocation(self, size: int) -> None:
        """Space asked for in advance has to be there; wowsim keeps none of it back."""
        if size > self.volume.capacity - self.volume.used:
            raise GuestFault(STATUS_DISK_FULL)
