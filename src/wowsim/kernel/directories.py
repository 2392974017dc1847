r"""Directory objects: making, opening and listing them (nt!Ob).

Leaves out shadow directories and private namespaces. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from itertools import islice

from wowsim.errors import Unsupported
from wowsim.kernel.context import Kernel
from wowsim.kernel.names import utf16
from wowsim.kernel.namespace import Directory
from wowsim.kernel.naming import Place, create_object, open_object
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import (
    ACCESS_MASK,
    BOOLEAN,
    HANDLE,
    NTSTATUS,
    PVOID,
    ULONG,
    USHORT,
    In,
    InOut,
    Out,
    Width,
    encode,
    size_of,
)
from wowsim.nt.status import (
    STATUS_BUFFER_TOO_SMALL,
    STATUS_INVALID_PARAMETER,
    STATUS_MORE_ENTRIES,
    STATUS_NO_MORE_ENTRIES,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import OBJECT_ATTRIBUTES, OBJECT_DIRECTORY_INFORMATION, UNICODE_STRING

DIRECTORY_QUERY = 0x1
_END = UNICODE_STRING(USHORT(0), USHORT(0), PVOID(0))

Entry = tuple[str, str]
"""Name and type of an object."""


@service(Support.FULL)
def NtCreateDirectoryObject(
    k: Kernel,
    directory_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
) -> NTSTATUS:
    """Make a directory, which goes with its last handle; what is named in it keeps its handles."""
    return _create(k, directory_handle, desired_access, object_attributes)


@service(Support.PARTIAL, "no shadow directories, no flags")
def NtCreateDirectoryObjectEx(
    k: Kernel,
    directory_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    shadow_directory_handle: HANDLE,
    flags: ULONG,
) -> NTSTATUS:
    """Make a directory."""
    if flags:
        return STATUS_INVALID_PARAMETER
    if shadow_directory_handle:
        k.handles.lookup(shadow_directory_handle, Directory, DIRECTORY_QUERY)
        raise Unsupported("NtCreateDirectoryObjectEx: a shadow directory")
    return _create(k, directory_handle, desired_access, object_attributes)


def _create(
    k: Kernel, handle: Out[HANDLE], desired_access: int, attributes: OBJECT_ATTRIBUTES | None
) -> NTSTATUS:
    def make(place: Place | None) -> Directory:
        return k.namespace.directory()

    access = Directory.mapping.grant(desired_access)
    return create_object(k, Directory, attributes, access, handle, make)


@service(Support.FULL)
def NtOpenDirectoryObject(
    k: Kernel,
    directory_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS:
    r"""Open a directory such as ``\BaseNamedObjects``."""
    return open_object(k, Directory, object_attributes, desired_access, directory_handle)


@service(Support.FULL)
def NtQueryDirectoryObject(
    k: Kernel,
    directory_handle: HANDLE,
    buffer: PVOID,
    length: ULONG,
    return_single_entry: BOOLEAN,
    restart_scan: BOOLEAN,
    context: InOut[ULONG],
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """Names and types from the entry that ``context`` counts on; sorted here, by hash value on Windows.

    That a buffer in which no entry fits is STATUS_MORE_ENTRIES unless one single entry is asked for is unverified.
    """
    directory = k.handles.lookup(directory_handle, Directory, DIRECTORY_QUERY)
    start = 0 if restart_scan else context.value
    entries: list[Entry] = []
    needed, more = size_of(OBJECT_DIRECTORY_INFORMATION, k.width), False
    for name in islice(directory.names(), start, None):
        item = directory.lookup(name)
        assert item is not None, "a name of the directory leads to an object"
        size = _size(name, item.type_name, k.width)
        if (return_single_entry and entries) or needed + size > length:
            needed += size * (not entries)
            more = True
            break
        needed += size
        entries.append((name, item.type_name))
    if return_length is not None:
        return_length.set(ULONG(needed))
    if not entries:
        small = STATUS_BUFFER_TOO_SMALL if return_single_entry else STATUS_MORE_ENTRIES
        return small if more else STATUS_NO_MORE_ENTRIES
    k.memory.write(buffer, _encoded(entries, buffer, k.width))
    context.set(ULONG(start + len(entries)))
    return STATUS_MORE_ENTRIES if more and not return_single_entry else STATUS_SUCCESS


def _size(name: str, kind: str, width: Width) -> int:
    """An entry with its two strings."""
    return size_of(OBJECT_DIRECTORY_INFORMATION, width) + len(utf16(name)) + len(utf16(kind)) + 4


def _encoded(entries: list[Entry], address: int, width: Width) -> bytes:
    """The entries as they lie at ``address``: structures up to an empty one, then the text they point to."""
    unit = size_of(OBJECT_DIRECTORY_INFORMATION, width)
    at = address + unit * (len(entries) + 1)
    structures, text = bytearray(), bytearray()
    for entry in entries:
        strings = []
        for word in entry:
            data = utf16(word)
            strings.append(UNICODE_STRING(USHORT(len(data)), USHORT(len(data) + 2), PVOID(at + len(text))))
            text += data + b"\0\0"
        structures += encode(OBJECT_DIRECTORY_INFORMATION, width, OBJECT_DIRECTORY_INFORMATION(*strings))
    end = encode(OBJECT_DIRECTORY_INFORMATION, width, OBJECT_DIRECTORY_INFORMATION(_END, _END))
    return bytes(structures + end + text)
