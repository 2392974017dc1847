r"""Walking a path on a volume: directories, links, and the stream at its end (``a.txt:x:$DATA``).

Names: [MS-FSCC] 2.1.5; NT interprets neither ``.`` nor ``..``. Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import NamedTuple

from wowsim.errors import GuestFault
from wowsim.kernel.names import is_component, is_stream_name, upcase
from wowsim.kernel.nodes import DirectoryNode, Link, Node
from wowsim.kernel.reparse import redirect
from wowsim.nt.status import STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_PATH_NOT_FOUND

_DATA, _INDEX = "$DATA", "$INDEX_ALLOCATION"


class Location(NamedTuple):
    """Where a path leads.

    Attributes:
        directory: that holds or would hold it.
        name: the last component as it was given, without a stream.
        node: what is there, None for nothing.
        link: the name by which it is there.
        stream: name of the stream, empty for the unnamed one.
    """

    directory: DirectoryNode
    name: str
    node: Node | None
    link: Link | None
    stream: str = ""


def locate(drive: str, start: DirectoryNode, path: str, *, follow: bool) -> Location:
    """Walk ``path``, which has neither leading nor trailing backslash.

    Args:
        drive: of the volume, for relative links.
        start: where to begin.
        path: the way.
        follow: whether to follow a link at the end.

    Raises:
        GuestFault: STATUS_OBJECT_NAME_INVALID when NTFS accepts a component nowhere (``..``, ``a*``, an empty
            one), STATUS_OBJECT_PATH_NOT_FOUND when a directory on the way is missing or a file.
        Redirected: at a link.
    """
    keys = upcase(path).split("\\")
    last = keys.pop()
    directory, at = start, 0
    for key in keys:
        child = directory.lookup(key)
        at += len(key) + 1
        if child is not None and child.reparse is not None:
            raise redirect(child.reparse, drive, directory.path, "\\" + path[at:])
        if not isinstance(child, DirectoryNode):
            _check(path)
            raise GuestFault(STATUS_OBJECT_PATH_NOT_FOUND)
        directory = child
    found = directory.find(last)
    name, stream = path[at:], ""
    if found is None:
        if ":" in last:
            name, stream, kind = _stream(name)
            found = directory.find(upcase(name))
            if found is not None:
                _check_kind(found[1], stream, kind)
                stream = "" if kind == _INDEX else stream
        _check(path[:at] + name)
        if found is None:
            return Location(directory, name, None, None, stream)
    link, node = found
    if node.reparse is not None and follow:
        raise redirect(node.reparse, drive, directory.path, path[at + len(name) :])
    return Location(directory, name, node, link, stream)


def relative_stream(path: str) -> str:
    """The stream that ``:x`` or ``:x:$DATA`` names, relative to an open file."""
    name, stream, kind = _stream(path)
    if name or not stream or kind != _DATA:
        raise GuestFault(STATUS_OBJECT_NAME_INVALID)
    return stream


def _stream(component: str) -> tuple[str, str, str]:
    """Name, stream and type of ``name:stream:type``; no type is $DATA."""
    name, _, rest = component.partition(":")
    stream, separator, kind = rest.partition(":")
    kind = upcase(kind) if separator else _DATA
    if kind not in (_DATA, _INDEX) or not (stream or separator) or not is_stream_name(stream):
        raise GuestFault(STATUS_OBJECT_NAME_INVALID)
    if kind == _INDEX and upcase(stream) not in ("", "$I30"):
        raise GuestFault(STATUS_OBJECT_NAME_INVALID)
    return name, stream, kind


def _check_kind(node: Node, stream: str, kind: str) -> None:
    """A directory has an index and no unnamed data; a file the other way round; a host's has no streams."""
    wrong = not node.is_directory if kind == _INDEX else node.is_directory and not stream
    if wrong or (stream and kind == _DATA and node.streams is None):
        raise GuestFault(STATUS_OBJECT_NAME_INVALID)


def _check(path: str) -> None:
    if not all(map(is_component, path.split("\\"))):
        raise GuestFault(STATUS_OBJECT_NAME_INVALID)
