"""NtQueryDirectoryFile: the entries of a directory, in the order of an NTFS index ([MS-FSA] 2.1.5.6.3).

Leaves out 8.3 names (their length is 0) and change notification.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.access import FILE_LIST_DIRECTORY
from wowsim.kernel.class_names import DIRECTORY_CLASSES, FILE_CLASSES, absent
from wowsim.kernel.context import Kernel
from wowsim.kernel.device import FileObject
from wowsim.kernel.names import MAXIMUM_COMPONENT, utf16
from wowsim.kernel.node_information import allocation_size
from wowsim.kernel.nodes import DirectoryNode, Node
from wowsim.kernel.requests import Outcome, Request, serve
from wowsim.kernel.table import Support, service
from wowsim.kernel.volume_file import VolumeFile
from wowsim.kernel.wildcards import matches
from wowsim.nt.abi import (
    APC_CONTEXT,
    BOOLEAN,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PAPC_ROUTINE,
    PVOID,
    ULONG,
    In,
    Out,
    encode,
)
from wowsim.nt.records import dataclass
from wowsim.nt.status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_NO_MORE_FILES,
    STATUS_NO_SUCH_FILE,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import (
    FILE_DIRECTORY_INFORMATION,
    FILE_NAMES_INFORMATION,
    IO_STATUS_BLOCK,
    UNICODE_STRING,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EA_SIZE = Struct("<I")
_EA_SIZE_AND_ID = Struct("<I4xQ")
_SHORT_NAME = Struct("<IBx24x")
_SHORT_NAME_AND_ID = Struct("<IBx24x2xQ")
_EXTENDED = Struct("<IIQQ")
_NO_SHORT_NAME = bytes(2 + 24)
_NEXT = Struct("<I")
SL_RESTART_SCAN, SL_RETURN_SINGLE_ENTRY, SL_RETURN_ON_DISK_ENTRIES_ONLY = 1, 2, 8
_REFUSED_FLAGS = {4: "SL_INDEX_SPECIFIED", 0x10: "SL_NO_CURSOR_UPDATE_QUERY"}


@dataclass
class Search:
    """Where an open directory stands.

    Attributes:
        mask: of its first query.
        position: what was given last: 0 nothing, 1 ``.``, 2 ``..``, 3 the child of that upcased name.
    """

    mask: str
    position: tuple[int, str] = (0, "")

    def following(self, directory: DirectoryNode) -> Iterator[tuple[str, Node, tuple[int, str]]]:
        """The entries still to come, each with the position behind it; the root has no dots."""
        stage, key = self.position
        if directory.parent is not None:
            dots = ((".", directory, (1, "")), ("..", directory.parent, (2, "")))
            yield from (dot for dot in dots[stage:] if self._wants(dot[0]))
        for link, child in directory.children(after=key):
            if self._wants(link.name):
                yield link.name, child, (3, link.key)

    def _wants(self, name: str) -> bool:
        return self.mask in ("", "*") or matches(self.mask, name)


def _base(name: bytes, node: Node) -> bytes:
    """Class 1, and the beginning of classes 2, 3, 37 and 38."""
    size = node.size
    created, accessed, written, changed = map(LARGE_INTEGER, node.times)
    entry = FILE_DIRECTORY_INFORMATION(
        NextEntryOffset=ULONG(0),
        FileIndex=ULONG(0),
        CreationTime=created,
        LastAccessTime=accessed,
        LastWriteTime=written,
        ChangeTime=changed,
        EndOfFile=LARGE_INTEGER(size),
        AllocationSize=LARGE_INTEGER(allocation_size(size)),
        FileAttributes=ULONG(node.reported_attributes),
        FileNameLength=ULONG(len(name)),
    )
    return encode(FILE_DIRECTORY_INFORMATION, 64, entry)


def _names_only(name: bytes, node: Node) -> bytes:
    entry = FILE_NAMES_INFORMATION(ULONG(0), ULONG(0), ULONG(len(name)))
    return encode(FILE_NAMES_INFORMATION, 64, entry)


def _ea_size(node: Node) -> int:
    """EaSize, which for a link is its tag ([MS-FSCC] 2.4.17)."""
    return 0 if node.reparse is None else node.reparse.tag


_CLASSES: dict[int, Callable[[bytes, Node], bytes]] = {
    1: _base,
    2: lambda name, node: _base(name, node) + _EA_SIZE.pack(_ea_size(node)),
    3: lambda name, node: _base(name, node) + _SHORT_NAME.pack(_ea_size(node), 0),
    12: _names_only,
    37: lambda name, node: _base(name, node) + _SHORT_NAME_AND_ID.pack(_ea_size(node), 0, node.file_id),
    38: lambda name, node: _base(name, node) + _EA_SIZE_AND_ID.pack(_ea_size(node), node.file_id),
    60: lambda name, node: _base(name, node) + _EXTENDED.pack(0, _ea_size(node), node.file_id, 0),
    63: lambda name, node: (
        _base(name, node) + _EXTENDED.pack(0, _ea_size(node), node.file_id, 0) + _NO_SHORT_NAME
    ),
}
"""Class -> the fixed part of an entry; the layouts are the same in both widths."""


def _search(
    k: Kernel, file: VolumeFile, file_name: UNICODE_STRING | None, restart: bool
) -> tuple[Search, bool]:
    """The state of the directory's query, and whether it begins with this call."""
    first = file.search is None
    if file.search is None:
        mask = k.text_of(file_name) if file_name is not None else ""
        if len(mask) > MAXIMUM_COMPONENT or "\\" in mask:
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
        file.search = Search(mask)
    elif restart:
        file.search.position = (0, "")
    return file.search, first


def _fill(
    search: Search, directory: DirectoryNode, fixed: Callable[[bytes, Node], bytes], length: int, single: bool
) -> tuple[bytes, bool]:
    """As many entries as fit, each on a multiple of 8; and whether the first one had to be cut."""
    data = bytearray()
    last = 0
    for name, node, position in search.following(directory):
        text = utf16(name)
        try:
            head = fixed(text, node)
        except GuestFault:  # went from the host of a mount a moment ago
            continue
        start = -(-len(data) // 8) * 8
        if start + len(head) + len(text) > length:
            if data:
                break
            if len(head) + 2 > length:
                raise GuestFault(STATUS_INFO_LENGTH_MISMATCH)
            search.position = position
            return (head + text)[:length], True
        search.position = position
        if data:
            _NEXT.pack_into(data, last, start - last)
            data.extend(bytes(start - len(data)))
        last = start
        data += head + text
        if single:
            break
    return bytes(data), False


def _query(
    k: Kernel, file: FileObject, address: int, length: int, information_class: int, single: bool,
    file_name: UNICODE_STRING | None, restart: bool,
) -> Outcome:  # fmt: skip
    if not isinstance(file, VolumeFile) or not isinstance(file.node, DirectoryNode):
        raise GuestFault(STATUS_INVALID_PARAMETER)
    fixed = _CLASSES.get(information_class)
    if fixed is None:
        if information_class not in DIRECTORY_CLASSES:
            raise GuestFault(STATUS_INVALID_INFO_CLASS)
        raise absent("NtQueryDirectoryFile", FILE_CLASSES, information_class)
    k.memory.probe_write(address, length)
    search, first = _search(k, file, file_name, restart)
    data, cut = _fill(search, file.node, fixed, length, single)
    if not data:
        if first:
            raise GuestFault(STATUS_NO_SUCH_FILE)
        # a warning: the status block is written, as for every status that is no error
        return STATUS_NO_MORE_FILES, 0
    k.memory.write(address, data)
    return (STATUS_BUFFER_OVERFLOW if cut else STATUS_SUCCESS), len(data)


@service(Support.PARTIAL, "no 8.3 names; classes newer than FileIdExtdBothDirectoryInformation")
def NtQueryDirectoryFile(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    file_information: PVOID,
    length: ULONG,
    file_information_class: ULONG,
    return_single_entry: BOOLEAN,
    file_name: In[UNICODE_STRING] | None,
    restart_scan: BOOLEAN,
) -> NTSTATUS:
    """The next entries of an open directory; the mask of the first call holds for all that follow."""
    file = k.handles.lookup(file_handle, FileObject, FILE_LIST_DIRECTORY)

    def operate(request: Request) -> Outcome:
        return _query(
            k, file, file_information, length, file_information_class, return_single_entry != 0, file_name,
            restart_scan != 0,
        )  # fmt: skip

    return serve(k, file, event, apc_routine, apc_context, io_status_block, operate)


@service(Support.PARTIAL, "the same; SL_INDEX_SPECIFIED and SL_NO_CURSOR_UPDATE_QUERY are refused by name")
def NtQueryDirectoryFileEx(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    file_information: PVOID,
    length: ULONG,
    file_information_class: ULONG,
    query_flags: ULONG,
    file_name: In[UNICODE_STRING] | None,
) -> NTSTATUS:
    """The same with flags."""
    for flag, name in _REFUSED_FLAGS.items():
        if query_flags & flag:
            raise Unsupported(f"NtQueryDirectoryFileEx with {name} is not implemented")
    if query_flags & ~(SL_RESTART_SCAN | SL_RETURN_SINGLE_ENTRY | SL_RETURN_ON_DISK_ENTRIES_ONLY):
        return STATUS_INVALID_PARAMETER
    single, restart = query_flags & SL_RETURN_SINGLE_ENTRY, query_flags & SL_RESTART_SCAN
    return NtQueryDirectoryFile(
        k, file_handle, event, apc_routine, apc_context, io_status_block, file_information, length,
        file_information_class, BOOLEAN(single), file_name, BOOLEAN(restart),
    )  # fmt: skip
