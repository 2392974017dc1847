"""How each class of NtQueryInformationFile is built ([MS-FSCC] 2.4, [MS-FSA] 2.1.5.12).

Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from wowsim.errors import GuestFault
from wowsim.kernel.access import (
    FILE_DELETE_ON_CLOSE,
    FILE_NO_INTERMEDIATE_BUFFERING,
    FILE_READ_ATTRIBUTES,
    FILE_READ_DATA,
    FILE_READ_EA,
    FILE_SEQUENTIAL_ONLY,
    FILE_SYNCHRONOUS_IO,
    FILE_WRITE_DATA,
    FILE_WRITE_THROUGH,
)
from wowsim.kernel.names import utf16
from wowsim.kernel.node_information import (
    allocation_size,
    basic_information,
    internal_information,
    links_left,
    network_open_information,
    standard_information,
)
from wowsim.kernel.pipes import PipeEnd
from wowsim.kernel.volume_device import VolumeDevice
from wowsim.kernel.volume_file import VolumeFile
from wowsim.nt.abi import BOOLEAN, LARGE_INTEGER, UCHAR, ULONG, ULONGLONG, USHORT
from wowsim.nt.file_structures import (
    FILE_BOOLEAN_INFORMATION,
    FILE_COMPRESSION_INFORMATION,
    FILE_ID_INFORMATION,
    FILE_LINKS_INFORMATION,
    FILE_PIPE_INFORMATION,
    FILE_PIPE_LOCAL_INFORMATION,
    FILE_STANDARD_LINK_INFORMATION,
    FILE_STAT_INFORMATION,
    FILE_STREAM_INFORMATION,
)
from wowsim.nt.records import dataclass
from wowsim.nt.status import (
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_NOT_FOUND,
)
from wowsim.nt.structures import (
    FILE_ALL_INFORMATION,
    FILE_ATTRIBUTE_TAG_INFORMATION,
    FILE_NAME_INFORMATION,
    FILE_POSITION_INFORMATION,
    FILE_STANDARD_INFORMATION,
    FILE_ULONG_INFORMATION,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.context import Kernel
    from wowsim.kernel.device import FileObject
    from wowsim.kernel.nodes import Node

MODE_OPTIONS = (
    FILE_WRITE_THROUGH
    | FILE_SEQUENTIAL_ONLY
    | FILE_NO_INTERMEDIATE_BUFFERING
    | FILE_SYNCHRONOUS_IO
    | FILE_DELETE_ON_CLOSE
)
"""Create options that FileModeInformation reports ([MS-FSCC] 2.4.26)."""
IO_PRIORITY_NORMAL = 2


class Entries(list[tuple[Any, bytes]]):
    """An answer of several structures, each with what follows it."""


@dataclass(frozen=True)
class Query:
    """One class that can be queried: rights of which one is needed (0: none), and how it is built."""

    rights: int
    build: Callable[[Kernel, FileObject, int], Any]


def node_of(file: FileObject) -> Node:
    """The node behind an open file; devices have none (STATUS_INVALID_DEVICE_REQUEST)."""
    if file.node is None:
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
    return file.node


def _volume_file(file: FileObject) -> VolumeFile:
    if not isinstance(file, VolumeFile):
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
    return file


def _ulong(value: int) -> FILE_ULONG_INFORMATION:
    return FILE_ULONG_INFORMATION(ULONG(value))


# ---------------------------------------------------------------- the file object
def _name(file: FileObject) -> tuple[FILE_NAME_INFORMATION, bytes]:
    name = file.instance.pipe.name if isinstance(file, PipeEnd) else _volume_file(file).path
    text = utf16(name)
    return FILE_NAME_INFORMATION(ULONG(len(text))), text


def _mode(file: FileObject) -> FILE_ULONG_INFORMATION:
    return _ulong(file.options & MODE_OPTIONS)


def _position(file: FileObject) -> FILE_POSITION_INFORMATION:
    return FILE_POSITION_INFORMATION(LARGE_INTEGER(file.position))


def _zero(k: Kernel, file: FileObject, access: int) -> FILE_ULONG_INFORMATION:
    """No extended attributes; byte alignment; names that ignore case."""
    return _ulong(0)


def _standard(file: FileObject) -> FILE_STANDARD_INFORMATION:
    if isinstance(file, PipeEnd):
        return _pipe_standard(file)
    node = node_of(file)
    return standard_information(node, _volume_file(file).link.delete_pending)


def _pipe_standard(end: PipeEnd) -> FILE_STANDARD_INFORMATION:
    """A pipe's quotas and unread bytes; that it reports itself as about to be deleted is unverified."""
    quotas = end.incoming.quota + end.outgoing.quota
    return FILE_STANDARD_INFORMATION(
        LARGE_INTEGER(quotas), LARGE_INTEGER(end.incoming.available), ULONG(1), BOOLEAN(1), BOOLEAN(0)
    )


def _all(k: Kernel, file: FileObject, access: int) -> tuple[FILE_ALL_INFORMATION, bytes]:
    node = node_of(file)
    name, text = _name(file)
    zero = _ulong(0)
    return (
        FILE_ALL_INFORMATION(
            basic_information(node),
            _standard(file),
            internal_information(node),
            zero,
            _ulong(access),
            _position(file),
            _mode(file),
            zero,
            name,
        ),
        text,
    )


# ---------------------------------------------------------------- the node
def _tag(k: Kernel, file: FileObject, access: int) -> FILE_ATTRIBUTE_TAG_INFORMATION:
    node = node_of(file)
    return FILE_ATTRIBUTE_TAG_INFORMATION(ULONG(node.reported_attributes), ULONG(reparse_tag(node)))


def reparse_tag(node: Node) -> int:
    """What kind of link it is; 0 for none."""
    return 0 if node.reparse is None else node.reparse.tag


def _no_short_name(k: Kernel, file: FileObject, access: int) -> NoReturn:
    """8.3 names are not made, as on a volume where they are switched off."""
    node_of(file)
    raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)


def _streams(k: Kernel, file: FileObject, access: int) -> Entries:
    """The unnamed stream of a file, then the named ones by name."""
    node = node_of(file)
    owner = node.owner or node
    sizes = [] if owner.is_directory else [("", owner.size)]
    sizes += [(each.name, each.size) for _, each in sorted((owner.streams or {}).items())]
    found = Entries()
    for name, size in sizes:
        text = utf16(f":{name}:$DATA")
        value = FILE_STREAM_INFORMATION(
            ULONG(0), ULONG(len(text)), LARGE_INTEGER(size), LARGE_INTEGER(allocation_size(size))
        )
        found.append((value, text))
    return found


def _compression(k: Kernel, file: FileObject, access: int) -> FILE_COMPRESSION_INFORMATION:
    size = LARGE_INTEGER(allocation_size(node_of(file).size))
    none = UCHAR(0)
    return FILE_COMPRESSION_INFORMATION(size, USHORT(0), none, none, none, bytes(3))


def _hard_links(k: Kernel, file: FileObject, access: int) -> tuple[FILE_LINKS_INFORMATION, bytes]:
    """Every name: id of its directory, length in characters, name; each on a multiple of 8."""
    links = [link for link in node_of(file).links if link.parent is not None]
    data = bytearray()
    for at, link in enumerate(links):
        name = utf16(link.name)
        parent = 0 if link.parent is None else link.parent.file_id
        entry = bytes(8) + parent.to_bytes(8, "little") + (len(name) // 2).to_bytes(4, "little") + name
        if at + 1 < len(links):
            entry = entry.ljust(-(-len(entry) // 8) * 8, b"\0")
            entry = len(entry).to_bytes(4, "little") + entry[4:]
        data += entry
    return FILE_LINKS_INFORMATION(ULONG(8 + len(data)), ULONG(len(links))), bytes(data)


def _standard_links(k: Kernel, file: FileObject, access: int) -> FILE_STANDARD_LINK_INFORMATION:
    node = node_of(file)
    pending = _volume_file(file).link.delete_pending
    return FILE_STANDARD_LINK_INFORMATION(
        ULONG(links_left(node)), ULONG(len(node.links)), BOOLEAN(pending), BOOLEAN(node.is_directory)
    )


def _id(k: Kernel, file: FileObject, access: int) -> FILE_ID_INFORMATION:
    node = node_of(file)
    return FILE_ID_INFORMATION(
        ULONGLONG(_volume_file(file).volume.serial_number), node.file_id.to_bytes(16, "little")
    )


def _stat(k: Kernel, file: FileObject, access: int) -> FILE_STAT_INFORMATION:
    node = node_of(file)
    created, accessed, written, changed = map(LARGE_INTEGER, node.times)
    return FILE_STAT_INFORMATION(
        LARGE_INTEGER(node.file_id),
        created,
        accessed,
        written,
        changed,
        LARGE_INTEGER(allocation_size(node.size)),
        LARGE_INTEGER(node.size),
        ULONG(node.reported_attributes),
        ULONG(reparse_tag(node)),
        ULONG(links_left(node)),
        ULONG(access),
    )


def _volume_name(k: Kernel, file: FileObject, access: int) -> tuple[FILE_NAME_INFORMATION, bytes]:
    if not isinstance(file.device, VolumeDevice):
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
    text = utf16(file.device.path)
    return FILE_NAME_INFORMATION(ULONG(len(text))), text


def _not_remote(k: Kernel, file: FileObject, access: int) -> NoReturn:
    """There is no remote protocol behind a local file (Microsoft Learn, FILE_REMOTE_PROTOCOL_INFO)."""
    raise GuestFault(STATUS_INVALID_PARAMETER)


# ---------------------------------------------------------------- pipes
def _end(file: FileObject) -> PipeEnd:
    if not isinstance(file, PipeEnd):
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return file


def _pipe(k: Kernel, file: FileObject, access: int) -> FILE_PIPE_INFORMATION:
    end = _end(file)
    return FILE_PIPE_INFORMATION(ULONG(end.messages), ULONG(not end.wait))


def _pipe_local(k: Kernel, file: FileObject, access: int) -> FILE_PIPE_LOCAL_INFORMATION:
    end = _end(file)
    instance, pipe = end.instance, end.instance.pipe
    return FILE_PIPE_LOCAL_INFORMATION(
        ULONG(pipe.messages),
        ULONG(pipe.configuration),
        ULONG(pipe.maximum),
        ULONG(len(pipe.instances)),
        ULONG(instance.inbound.quota),
        ULONG(end.incoming.available),
        ULONG(instance.outbound.quota),
        ULONG(max(0, end.outgoing.quota - end.outgoing.available)),
        ULONG(end.state),
        ULONG(end.server),
    )


QUERIES = {
    4: Query(FILE_READ_ATTRIBUTES, lambda k, file, access: basic_information(node_of(file))),
    5: Query(0, lambda k, file, access: _standard(file)),
    6: Query(0, lambda k, file, access: internal_information(node_of(file))),
    7: Query(FILE_READ_EA, _zero),
    8: Query(0, lambda k, file, access: _ulong(access)),
    9: Query(0, lambda k, file, access: _name(file)),
    14: Query(FILE_READ_DATA | FILE_WRITE_DATA, lambda k, file, access: _position(file)),
    16: Query(0, lambda k, file, access: _mode(file)),
    17: Query(0, _zero),
    18: Query(FILE_READ_ATTRIBUTES, _all),
    21: Query(0, _no_short_name),
    22: Query(0, _streams),
    23: Query(FILE_READ_ATTRIBUTES, _pipe),
    24: Query(FILE_READ_ATTRIBUTES, _pipe_local),
    28: Query(0, _compression),
    34: Query(FILE_READ_ATTRIBUTES, lambda k, file, access: network_open_information(node_of(file))),
    35: Query(FILE_READ_ATTRIBUTES, _tag),
    41: Query(0, lambda k, file, access: _ulong(file.notification)),
    43: Query(0, lambda k, file, access: _ulong(IO_PRIORITY_NORMAL)),
    46: Query(0, _hard_links),
    48: Query(0, lambda k, file, access: _name(file)),
    51: Query(0, lambda k, file, access: FILE_BOOLEAN_INFORMATION(BOOLEAN(0))),
    54: Query(0, _standard_links),
    55: Query(0, _not_remote),
    58: Query(0, _volume_name),
    59: Query(0, _id),
    68: Query(FILE_READ_ATTRIBUTES, _stat),
    71: Query(FILE_READ_ATTRIBUTES, _zero),
}
"""Class -> how it is answered. ``FileHardLinkInformation`` and the rest have one layout in both widths."""
