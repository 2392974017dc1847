"""Renaming and linking open files: where the new name leads and whether it may be taken ([MS-FSA] 2.1.5.15.6, .11).

Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wowsim.errors import GuestFault
from wowsim.kernel.access import FILE_ATTRIBUTE_READONLY, FILE_OPEN
from wowsim.kernel.device import FileObject, OpenRequest
from wowsim.kernel.files import elsewhere
from wowsim.kernel.names import is_stream_name, upcase
from wowsim.kernel.nodes import DirectoryNode, Node
from wowsim.kernel.reparse import MAXIMUM_REPARSES, Redirected
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_DELETE_PENDING,
    STATUS_FILE_IS_A_DIRECTORY,
    STATUS_INVALID_PARAMETER,
    STATUS_MEDIA_WRITE_PROTECTED,
    STATUS_NOT_SAME_DEVICE,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_REPARSE_POINT_NOT_RESOLVED,
)

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel
    from wowsim.kernel.location import Location
    from wowsim.kernel.volume_file import VolumeFile


class Replacing(NamedTuple):
    """How to deal with what has the new name: FILE_RENAME_REPLACE_IF_EXISTS and its like."""

    allowed: bool
    posix: bool = False
    ignore_read_only: bool = False


def target_of(k: Kernel, file: VolumeFile, root: int, path: str) -> Location:
    """Where a new name leads: a bare one stays in the directory, a full one goes through the namespace."""
    start: Node | None
    if file.stream is not None:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    if root:
        base = k.handles.lookup(root, FileObject)
        if base.device is not file.device:
            raise GuestFault(STATUS_NOT_SAME_DEVICE)
        start = base.node
    elif path.startswith("\\"):
        device, path = k.namespace.resolve(path)
        if device is not file.device:
            raise GuestFault(STATUS_NOT_SAME_DEVICE)
        start, path = file.volume.root, path[1:]
    else:
        start = file.link.parent
        if "\\" in path:
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
    for _ in range(MAXIMUM_REPARSES + 1):
        if not isinstance(start, DirectoryNode):
            raise GuestFault(STATUS_OBJECT_PATH_NOT_FOUND)
        try:
            found = file.volume.locate(start, path, follow=False)
        except Redirected as redirected:
            request = OpenRequest("", 0, FILE_OPEN)
            if elsewhere(k, redirected, request) is not file.device:
                raise GuestFault(STATUS_NOT_SAME_DEVICE) from redirected
            start, path = file.volume.root, request.name[1:]
            continue
        if found.stream or ":" in path.rpartition("\\")[2]:
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
        return found
    raise GuestFault(STATUS_REPARSE_POINT_NOT_RESOLVED)


def rename(file: VolumeFile, target: Location, replacing: Replacing) -> None:
    """Move the name by which a file is open to where ``target`` is."""
    node = file.node
    if node.pinned or node.read_only_medium:
        raise GuestFault(STATUS_ACCESS_DENIED)
    directory = target.directory
    _check_directory(directory)
    ancestor: Node | None = directory
    while ancestor is not None:
        if ancestor is node:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        ancestor = ancestor.parent
    if target.node is not None and target.link is not file.link:
        _make_room(target, node, replacing)
    directory.move(node, file.link, target.name)
    node.change_time = file.volume.clock.now


def link(file: VolumeFile, target: Location, replacing: Replacing) -> None:
    """Give an open file a further name."""
    node = file.node
    if node.is_directory:
        raise GuestFault(STATUS_FILE_IS_A_DIRECTORY)
    if node.read_only_medium:
        raise GuestFault(STATUS_MEDIA_WRITE_PROTECTED)
    if file.link.delete_pending:
        raise GuestFault(STATUS_ACCESS_DENIED)
    _check_directory(target.directory)
    if target.node is node:
        if replacing.allowed:
            return
        raise GuestFault(STATUS_OBJECT_NAME_COLLISION)
    if target.node is not None:
        _make_room(target, node, replacing)
    target.directory.add_link(node, target.name)
    node.change_time = file.volume.clock.now


def rename_stream(file: VolumeFile, name: str, replacing: Replacing) -> None:
    """``:new`` or ``:new:$DATA`` as the new name of an open named stream."""
    stream = file.stream
    name = name[1:]
    if upcase(name).endswith(":$DATA"):
        name = name[: -len(":$DATA")]
    if stream is None or not name or not is_stream_name(name):
        raise GuestFault(STATUS_INVALID_PARAMETER)
    streams = stream.owner.streams
    assert streams is not None
    existing = streams.get(upcase(name))
    if existing is not None and existing is not stream:
        if not replacing.allowed:
            raise GuestFault(STATUS_OBJECT_NAME_COLLISION)
        if existing.opens:
            raise GuestFault(STATUS_ACCESS_DENIED)
        existing.erase(existing.links[0])
    streams.pop(stream.key, None)
    file.link.rename(name)
    streams[stream.key] = stream


def _check_directory(directory: DirectoryNode) -> None:
    if directory.read_only_medium:
        raise GuestFault(STATUS_MEDIA_WRITE_PROTECTED)
    if directory.links[0].delete_pending:
        raise GuestFault(STATUS_DELETE_PENDING)


def _make_room(target: Location, node: Node, replacing: Replacing) -> None:
    """Delete what has the new name, if it may be replaced."""
    existing = target.node
    assert existing is not None
    assert target.link is not None
    if not replacing.allowed:
        raise GuestFault(STATUS_OBJECT_NAME_COLLISION)
    read_only = existing.attributes & FILE_ATTRIBUTE_READONLY and not replacing.ignore_read_only
    if existing.is_directory or (existing.opens and not replacing.posix) or read_only:
        raise GuestFault(STATUS_ACCESS_DENIED)
    if type(existing) is not type(node):
        raise GuestFault(STATUS_NOT_SAME_DEVICE)
    target.directory.remove(existing, target.link)
