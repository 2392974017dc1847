"""NtSetInformationFile: times, rename, deletion, position and size ([MS-FSCC] 2.4, [MS-FSA] 2.1.5.15).

Leaves out setting short names and the valid data length, which take privileges.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from typing import Any

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.access import (
    DELETE,
    FILE_ATTRIBUTE_DIRECTORY,
    FILE_ATTRIBUTE_REPARSE_POINT,
    FILE_ATTRIBUTE_SETTABLE,
    FILE_ATTRIBUTE_SPARSE_FILE,
    FILE_ATTRIBUTE_TEMPORARY,
    FILE_READ_DATA,
    FILE_SEQUENTIAL_ONLY,
    FILE_SYNCHRONOUS_IO,
    FILE_WRITE_ATTRIBUTES,
    FILE_WRITE_DATA,
    FILE_WRITE_THROUGH,
)
from wowsim.kernel.class_names import FILE_CLASSES, QUERY_ONLY_FILE_CLASSES, absent
from wowsim.kernel.completion import IO_COMPLETION_MODIFY_STATE, IoCompletion
from wowsim.kernel.context import Kernel
from wowsim.kernel.delivery import minimum_size, tail_offset
from wowsim.kernel.device import FileObject
from wowsim.kernel.file_naming import Replacing, link, rename, rename_stream, target_of
from wowsim.kernel.file_queries import IO_PRIORITY_NORMAL
from wowsim.kernel.names import from_utf16
from wowsim.kernel.pipes import PipeEnd
from wowsim.kernel.table import Support, service
from wowsim.kernel.volume_file import VolumeFile
from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID, ULONG, ULONG_PTR, Out, layout
from wowsim.nt.file_structures import FILE_COMPLETION_INFORMATION, FILE_PIPE_INFORMATION
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_MEDIA_WRITE_PROTECTED,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import (
    FILE_BASIC_INFORMATION,
    FILE_DISPOSITION_INFORMATION,
    FILE_POSITION_INFORMATION,
    FILE_RENAME_INFORMATION,
    FILE_RENAME_INFORMATION_EX,
    FILE_ULONG_INFORMATION,
    IO_STATUS_BLOCK,
)

REPLACE_IF_EXISTS, POSIX_SEMANTICS, IGNORE_READONLY = 1, 2, 0x40
DISPOSITION_FLAGS = 0x1F
NOTIFICATION_FLAGS = 7
_KEPT = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_SPARSE_FILE | FILE_ATTRIBUTE_REPARSE_POINT
"""Attributes that only other services change."""


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
    created, accessed, written, changed = (
        new if new > 0 else old for new, old in zip(times, node.times, strict=True)
    )
    if max(times) > 0:
        node.set_times((created, accessed, written, changed))
    if attributes:
        node.attributes = attributes & FILE_ATTRIBUTE_SETTABLE | node.attributes & _KEPT


def _new_name(
    k: Kernel,
    kind: type[FILE_RENAME_INFORMATION] | type[FILE_RENAME_INFORMATION_EX],
    address: int,
    length: int,
) -> tuple[Any, str]:
    """The structure of a rename or link, and the name behind it."""
    given = _structure(k, kind, address, length, tail=True)
    start = tail_offset(kind, k.width)
    size = given.FileNameLength
    if size == 0 or size & 1 or size > length - start:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return given, from_utf16(k.memory.read(address + start, size))


def _set_rename(k: Kernel, file: FileObject, address: int, length: int) -> None:
    given, path = _new_name(k, FILE_RENAME_INFORMATION, address, length)
    _rename(k, file, given.RootDirectory, path, Replacing(given.ReplaceIfExists != 0))


def _set_rename_ex(k: Kernel, file: FileObject, address: int, length: int) -> None:
    given, path = _new_name(k, FILE_RENAME_INFORMATION_EX, address, length)
    _rename(k, file, given.RootDirectory, path, _replacing(given.Flags))


def _rename(k: Kernel, file: FileObject, root: int, path: str, replacing: Replacing) -> None:
    moved = _volume_file(file)
    if path.startswith(":") and not root:
        rename_stream(moved, path, replacing)
    else:
        rename(moved, target_of(k, moved, root, path), replacing)


def _set_link(k: Kernel, file: FileObject, address: int, length: int) -> None:
    given, path = _new_name(k, FILE_RENAME_INFORMATION, address, length)
    linked = _volume_file(file)
    link(linked, target_of(k, linked, given.RootDirectory, path), Replacing(given.ReplaceIfExists != 0))


def _set_link_ex(k: Kernel, file: FileObject, address: int, length: int) -> None:
    given, path = _new_name(k, FILE_RENAME_INFORMATION_EX, address, length)
    linked = _volume_file(file)
    link(linked, target_of(k, linked, given.RootDirectory, path), _replacing(given.Flags))


def _replacing(flags: int) -> Replacing:
    """FILE_RENAME_* and FILE_LINK_* flags, which agree: replace, POSIX semantics, ignore the read-only attribute."""
    if flags & ~(REPLACE_IF_EXISTS | POSIX_SEMANTICS | IGNORE_READONLY):
        raise Unsupported(f"NtSetInformationFile with rename or link flags {flags:X}h is not implemented")
    return Replacing(
        flags & REPLACE_IF_EXISTS != 0, flags & POSIX_SEMANTICS != 0, flags & IGNORE_READONLY != 0
    )


def _set_disposition(k: Kernel, file: FileObject, address: int, length: int) -> None:
    given: FILE_DISPOSITION_INFORMATION = _structure(k, FILE_DISPOSITION_INFORMATION, address, length)
    _volume_file(file).set_delete(given.DeleteFile != 0)


def _set_disposition_ex(k: Kernel, file: FileObject, address: int, length: int) -> None:
    """Flags: 1 delete, 2 the name goes with this handle, 10h even a read-only file; 4 and 8 change nothing here."""
    given: FILE_ULONG_INFORMATION = _structure(k, FILE_ULONG_INFORMATION, address, length)
    flags = given.Value
    if flags & ~DISPOSITION_FLAGS:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    opened = _volume_file(file)
    opened.set_delete(flags & 1 != 0, ignore_read_only=flags & 0x10 != 0)
    opened.posix_delete = flags & 3 == 3


def _offset(k: Kernel, address: int, length: int) -> int:
    given: FILE_POSITION_INFORMATION = _structure(k, FILE_POSITION_INFORMATION, address, length)
    if given.CurrentByteOffset < 0:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return given.CurrentByteOffset


def _set_position(k: Kernel, file: FileObject, address: int, length: int) -> None:
    file.position = _offset(k, address, length)


def _set_allocation(k: Kernel, file: FileObject, address: int, length: int) -> None:
    _volume_file(file).allocate(_offset(k, address, length))


def _set_end_of_file(k: Kernel, file: FileObject, address: int, length: int) -> None:
    _volume_file(file).resize(_offset(k, address, length))


def _set_mode(k: Kernel, file: FileObject, address: int, length: int) -> None:
    """Of the options only write-through, sequential, and which synchronous mode may change."""
    given: FILE_ULONG_INFORMATION = _structure(k, FILE_ULONG_INFORMATION, address, length)
    mode = given.Value
    synchronous = mode & FILE_SYNCHRONOUS_IO
    if (
        mode & ~(FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY | FILE_SYNCHRONOUS_IO)
        or synchronous == FILE_SYNCHRONOUS_IO
        or (synchronous != 0) != file.synchronous
    ):
        raise GuestFault(STATUS_INVALID_PARAMETER)
    changeable = FILE_WRITE_THROUGH | FILE_SEQUENTIAL_ONLY | FILE_SYNCHRONOUS_IO
    file.options = file.options & ~changeable | mode


def _set_pipe(k: Kernel, file: FileObject, address: int, length: int) -> None:
    given: FILE_PIPE_INFORMATION = _structure(k, FILE_PIPE_INFORMATION, address, length)
    if not isinstance(file, PipeEnd) or given.ReadMode > 1 or given.CompletionMode > 1:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    if given.ReadMode and not file.instance.pipe.messages:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    file.messages, file.wait = given.ReadMode != 0, given.CompletionMode == 0


def _set_completion(k: Kernel, file: FileObject, address: int, length: int) -> None:
    """Associate a file, once, with a port; a synchronous one cannot have any (WDK, FILE_COMPLETION_INFORMATION)."""
    given: FILE_COMPLETION_INFORMATION = _structure(k, FILE_COMPLETION_INFORMATION, address, length)
    if file.synchronous or file.port is not None:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    port = k.handles.lookup(given.Port, IoCompletion, IO_COMPLETION_MODIFY_STATE)
    file.port = (port, given.Key)


def _replace_completion(k: Kernel, file: FileObject, address: int, length: int) -> None:
    """Associate with another port, or with Port NULL with none."""
    given: FILE_COMPLETION_INFORMATION = _structure(k, FILE_COMPLETION_INFORMATION, address, length)
    if file.synchronous:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    file.port = None
    if given.Port:
        _set_completion(k, file, address, length)


def _set_notification(k: Kernel, file: FileObject, address: int, length: int) -> None:
    """Flags can be set and not be cleared (Microsoft Learn, SetFileCompletionNotificationModes)."""
    given: FILE_ULONG_INFORMATION = _structure(k, FILE_ULONG_INFORMATION, address, length)
    if given.Value & ~NOTIFICATION_FLAGS:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    file.notification |= given.Value


def _set_priority(k: Kernel, file: FileObject, address: int, length: int) -> None:
    """A hint, which changes nothing here: very low, low and normal may be asked for."""
    given: FILE_ULONG_INFORMATION = _structure(k, FILE_ULONG_INFORMATION, address, length)
    if given.Value > IO_PRIORITY_NORMAL:
        raise GuestFault(STATUS_INVALID_PARAMETER)


def _privileged(k: Kernel, file: FileObject, address: int, length: int) -> None:
    """The valid data length takes SeManageVolumePrivilege, short names SeRestorePrivilege; nobody here has them."""
    _volume_file(file)
    raise GuestFault(STATUS_PRIVILEGE_NOT_HELD)


_CLASSES = {
    4: (FILE_WRITE_ATTRIBUTES, _set_basic),
    10: (DELETE, _set_rename),
    11: (0, _set_link),
    13: (DELETE, _set_disposition),
    14: (FILE_READ_DATA | FILE_WRITE_DATA, _set_position),
    16: (0, _set_mode),
    19: (FILE_WRITE_DATA, _set_allocation),
    20: (FILE_WRITE_DATA, _set_end_of_file),
    23: (FILE_WRITE_ATTRIBUTES, _set_pipe),
    30: (0, _set_completion),
    39: (FILE_WRITE_DATA, _privileged),
    40: (DELETE, _privileged),
    41: (0, _set_notification),
    43: (0, _set_priority),
    61: (0, _replace_completion),
    64: (DELETE, _set_disposition_ex),
    65: (DELETE, _set_rename_ex),
    72: (0, _set_link_ex),
}
"""Class -> rights of which one is needed (0: none), and what changes."""


@service(Support.PARTIAL, "the classes that programs use; others are refused by name")
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
        if file_information_class in QUERY_ONLY_FILE_CLASSES:
            return STATUS_INVALID_INFO_CLASS
        raise absent("NtSetInformationFile", FILE_CLASSES, file_information_class)
    rights, change = known
    file, access = k.handles.lookup_granted(file_handle, FileObject)
    if rights and not access & rights and not (k.lenient and rights == FILE_WRITE_ATTRIBUTES):
        return STATUS_ACCESS_DENIED
    change(k, file, file_information, length)
    io_status_block.set(IO_STATUS_BLOCK(STATUS_SUCCESS, ULONG_PTR(0)))
    return STATUS_SUCCESS
