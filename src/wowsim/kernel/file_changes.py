"""NtSetInformationFile: times, rename, deletion, position and size ([MS-FSCC] 2.4, [MS-FSA] 2.1.5.15).

Leaves out links, short names and the Ex classes.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from typing import Any

from wowsim.errors import GuestFault
from wowsim.kernel.access import (
    DELETE,
    FILE_ATTRIBUTE_DIRECTORY,
    FILE_ATTRIBUTE_SETTABLE,
    FILE_ATTRIBUTE_TEMPORARY,
    FILE_READ_DATA,
    FILE_WRITE_ATTRIBUTES,
    FILE_WRITE_DATA,
)
from wowsim.kernel.class_names import FILE_CLASSES, absent
from wowsim.kernel.context import Kernel
from wowsim.kernel.delivery import minimum_size, tail_offset
from wowsim.kernel.device import FileObject
from wowsim.kernel.names import from_utf16
from wowsim.kernel.nodes import DirectoryNode, Node
from wowsim.kernel.table import Support, service
from wowsim.kernel.volume_file import VolumeFile, rename
from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID, ULONG, ULONG_PTR, Out, layout
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
    STATUS_MEDIA_WRITE_PROTECTED,
    STATUS_NOT_SAME_DEVICE,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import (
    FILE_BASIC_INFORMATION,
    FILE_DISPOSITION_INFORMATION,
    FILE_POSITION_INFORMATION,
    FILE_RENAME_INFORMATION,
    IO_STATUS_BLOCK,
)


def _structure(k: Kernel, kind: type, address: int, length: int, *, tail: bool = False) -> Any:
    if length < minimum_size(kind, k.width, tail=tail):
        raise GuestFault(STATUS_INFO_LENGTH_MISMATCH)
    shape = layout(kind, k.width)
    return shape.unpack(k.memory.unpack(shape.struct, address))


def _volume_file(file: FileObject) -> VolumeFile:
    if not isinstance(file, VolumeFile):
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
    return file


def _set_basic(k: Kernel, file: FileObject, address: int, length: int) -> None:
    """Times: 0 leaves one alone, -1 and -2 switch its automatic update (not modelled), the rest is one."""
    given: FILE_BASIC_INFORMATION = _structure(k, FILE_BASIC_INFORMATION, address, length)
    node = _volume_file(file).node
    attributes = given.FileAttributes
    wrong = FILE_ATTRIBUTE_TEMPORARY if node.is_directory else FILE_ATTRIBUTE_DIRECTORY
    times = (given.CreationTime, given.LastAccessTime, given.LastWriteTime, given.ChangeTime)
    if attributes & wrong or min(times) < -2:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    if node.read_only_medium:
        raise GuestFault(STATUS_MEDIA_WRITE_PROTECTED)
    if attributes:
        node.attributes = attributes & FILE_ATTRIBUTE_SETTABLE | node.attributes & FILE_ATTRIBUTE_DIRECTORY
    node.creation_time, node.last_access_time, node.last_write_time, node.change_time = (
        new if new > 0 else old for new, old in zip(times, node.times, strict=True)
    )


def _set_rename(k: Kernel, file: FileObject, address: int, length: int) -> None:
    given: FILE_RENAME_INFORMATION = _structure(k, FILE_RENAME_INFORMATION, address, length, tail=True)
    start = tail_offset(FILE_RENAME_INFORMATION, k.width)
    size = given.FileNameLength
    if size == 0 or size & 1 or size > length - start:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    moved = _volume_file(file)
    path = from_utf16(k.memory.read(address + start, size))
    parent, name, existing = _rename_target(k, moved, given.RootDirectory, path)
    rename(moved, parent, name, existing, given.ReplaceIfExists != 0)


def _rename_target(
    k: Kernel, file: VolumeFile, root: int, path: str
) -> tuple[DirectoryNode, str, Node | None]:
    """Where a rename leads: a bare name stays in the directory, a full one goes through the namespace."""
    start: Node | None
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
        start = file.node.parent
        if "\\" in path:
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
    if not isinstance(start, DirectoryNode):
        raise GuestFault(STATUS_OBJECT_PATH_NOT_FOUND)
    parent, _, existing = file.volume.locate(start, path)
    name = path.rpartition("\\")[2]
    if ":" in name:
        raise GuestFault(STATUS_OBJECT_NAME_INVALID)
    return parent, name, existing


def _set_disposition(k: Kernel, file: FileObject, address: int, length: int) -> None:
    given: FILE_DISPOSITION_INFORMATION = _structure(k, FILE_DISPOSITION_INFORMATION, address, length)
    _volume_file(file).set_delete(given.DeleteFile != 0)


def _offset(k: Kernel, address: int, length: int) -> int:
    given: FILE_POSITION_INFORMATION = _structure(k, FILE_POSITION_INFORMATION, address, length)
    if given.CurrentByteOffset < 0:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return given.CurrentByteOffset


def _set_position(k: Kernel, file: FileObject, address: int, length: int) -> None:
    file.position = _offset(k, address, length)


def _set_allocation(k: Kernel, file: FileObject, address: int, length: int) -> None:
    """Cuts a file that is longer; more space than there is data is not kept back."""
    size = _offset(k, address, length)
    opened = _volume_file(file)
    if size < opened.data().size:
        opened.resize(size)


def _set_end_of_file(k: Kernel, file: FileObject, address: int, length: int) -> None:
    _volume_file(file).resize(_offset(k, address, length))


_CLASSES = {
    4: (FILE_WRITE_ATTRIBUTES, _set_basic),
    10: (DELETE, _set_rename),
    13: (DELETE, _set_disposition),
    14: (FILE_READ_DATA | FILE_WRITE_DATA, _set_position),
    19: (FILE_WRITE_DATA, _set_allocation),
    20: (FILE_WRITE_DATA, _set_end_of_file),
}
"""Class -> rights of which one is needed, and what changes."""


@service(Support.PARTIAL, "classes 4, 10, 13, 14, 19, 20")
def NtSetInformationFile(
    k: Kernel,
    file_handle: HANDLE,
    io_status_block: Out[IO_STATUS_BLOCK],
    file_information: PVOID,
    length: ULONG,
    file_information_class: ULONG,
) -> NTSTATUS:
    """Change an open file."""
    known = _CLASSES.get(file_information_class)
    if known is None:
        raise absent("NtSetInformationFile", FILE_CLASSES, file_information_class)
    rights, change = known
    file, access = k.handles.lookup_granted(file_handle, FileObject)
    if not access & rights:
        return STATUS_ACCESS_DENIED
    change(k, file, file_information, length)
    io_status_block.set(IO_STATUS_BLOCK(STATUS_SUCCESS, ULONG_PTR(0)))
    return STATUS_SUCCESS
