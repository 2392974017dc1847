"""Services on handles of any kind: NtClose, NtDuplicateObject, NtQueryObject (nt!Ob).

Leaves out other processes' tables. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.context import Kernel
from wowsim.kernel.names import utf16
from wowsim.kernel.objects import OBJ_INHERIT, OBJ_PROTECT_CLOSE, KernelObject
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Process
from wowsim.nt.abi import (
    ACCESS_MASK,
    BOOLEAN,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PVOID,
    ULONG,
    USHORT,
    Out,
    encode,
    size_of,
)
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import (
    OBJECT_BASIC_INFORMATION,
    OBJECT_HANDLE_FLAG_INFORMATION,
    OBJECT_TYPE_INFORMATION,
    UNICODE_STRING,
)

PROCESS_DUP_HANDLE = 0x40
DUPLICATE_CLOSE_SOURCE, DUPLICATE_SAME_ACCESS, DUPLICATE_SAME_ATTRIBUTES = 1, 2, 4
_EMPTY = UNICODE_STRING(USHORT(0), USHORT(0), PVOID(0))


@service(Support.FULL)
def NtClose(k: Kernel, handle: HANDLE) -> NTSTATUS:
    """Close a handle."""
    k.handles.close(handle)
    return STATUS_SUCCESS


@service(Support.PARTIAL, "within the one process")
def NtDuplicateObject(
    k: Kernel,
    source_process_handle: HANDLE,
    source_handle: HANDLE,
    target_process_handle: HANDLE,
    target_handle: Out[HANDLE] | None,
    desired_access: ACCESS_MASK,
    handle_attributes: ULONG,
    options: ULONG,
) -> NTSTATUS:
    """Open a second handle to an object, close the first one, or both.

    The new handle may have fewer rights than the old one, never more: so MS docs of DuplicateHandle say for
    files; that other objects refuse too is our choice.
    """
    k.handles.lookup(source_process_handle, Process, PROCESS_DUP_HANDLE)
    source, granted = k.handles.lookup_granted(source_handle, KernelObject)
    if target_process_handle:
        k.handles.lookup(target_process_handle, Process, PROCESS_DUP_HANDLE)
        access = granted if options & DUPLICATE_SAME_ACCESS else source.mapping.grant(desired_access)
        if access & ~granted:
            return STATUS_ACCESS_DENIED
        attributes = handle_attributes & (OBJ_INHERIT | OBJ_PROTECT_CLOSE)
        if options & DUPLICATE_SAME_ATTRIBUTES:
            attributes = k.handles.attributes(source_handle)
        duplicate = k.handles.insert(source, access, attributes)
        if target_handle is not None:
            target_handle.set(HANDLE(duplicate))
    elif not options & DUPLICATE_CLOSE_SOURCE:
        return STATUS_INVALID_PARAMETER
    if options & DUPLICATE_CLOSE_SOURCE:
        k.handles.close(source_handle)
    return STATUS_SUCCESS


@service(Support.PARTIAL, "classes 0-2 and 4; pool charges are zero")
def NtQueryObject(
    k: Kernel,
    handle: HANDLE,
    object_information_class: ULONG,
    object_information: PVOID,
    object_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """What a handle stands for."""
    target, access = k.handles.lookup_granted(handle, KernelObject)
    if object_information_class == 0:
        data = encode(OBJECT_BASIC_INFORMATION, k.width, _basic(k, handle, target, access))
        shortest = len(data)
    elif object_information_class in (1, 2):
        header = size_of(
            OBJECT_TYPE_INFORMATION if object_information_class == 2 else UNICODE_STRING, k.width
        )
        text = utf16(target.type_name if object_information_class == 2 else target.nt_name())
        string = UNICODE_STRING(USHORT(len(text)), USHORT(len(text) + 2), PVOID(object_information + header))
        data, shortest = _named(k, target, string, text, object_information_class), header
    elif object_information_class == 4:
        attributes = k.handles.attributes(handle)
        flags = OBJECT_HANDLE_FLAG_INFORMATION(
            BOOLEAN(attributes & OBJ_INHERIT != 0), BOOLEAN(attributes & OBJ_PROTECT_CLOSE != 0)
        )
        data = encode(OBJECT_HANDLE_FLAG_INFORMATION, k.width, flags)
        shortest = len(data)
    elif object_information_class == 3:
        raise Unsupported("NtQueryObject(ObjectTypesInformation) is not implemented")
    else:
        raise GuestFault(STATUS_INVALID_INFO_CLASS)
    if return_length is not None:
        return_length.set(ULONG(len(data)))
    if object_information_length < shortest:
        return STATUS_INFO_LENGTH_MISMATCH
    if object_information_length < len(data):
        return STATUS_BUFFER_OVERFLOW
    k.memory.write(object_information, data)
    return STATUS_SUCCESS


def _named(
    k: Kernel, target: KernelObject, string: UNICODE_STRING, text: bytes, information_class: int
) -> bytes:
    """Name or type: a structure that begins with a UNICODE_STRING, its text behind it."""
    if information_class == 2:
        return encode(OBJECT_TYPE_INFORMATION, k.width, _type(target, string)) + text + b"\0\0"
    if not text:
        return encode(UNICODE_STRING, k.width, _EMPTY)
    return encode(UNICODE_STRING, k.width, string) + text + b"\0\0"


def _basic(k: Kernel, handle: int, target: KernelObject, access: int) -> OBJECT_BASIC_INFORMATION:
    zero = ULONG(0)
    return OBJECT_BASIC_INFORMATION(
        Attributes=ULONG(k.handles.attributes(handle)),
        GrantedAccess=ULONG(access),
        HandleCount=ULONG(target.handle_count),
        PointerCount=ULONG(target.handle_count + 1),
        PagedPoolCharge=zero,
        NonPagedPoolCharge=zero,
        Reserved=bytes(12),
        NameInfoSize=zero,
        TypeInfoSize=ULONG(size_of(OBJECT_TYPE_INFORMATION, k.width) + 2 * len(target.type_name) + 2),
        SecurityDescriptorSize=zero,
        CreationTime=LARGE_INTEGER(0),
    )


def _type(target: KernelObject, name: UNICODE_STRING) -> OBJECT_TYPE_INFORMATION:
    mapping = target.mapping
    return OBJECT_TYPE_INFORMATION(
        TypeName=name,
        TotalNumberOfObjects=ULONG(0),
        TotalNumberOfHandles=ULONG(target.handle_count),
        Usage=bytes(40),
        InvalidAttributes=ULONG(0),
        GenericRead=ULONG(mapping.read),
        GenericWrite=ULONG(mapping.write),
        GenericExecute=ULONG(mapping.execute),
        GenericAll=ULONG(mapping.all),
        ValidAccessMask=ULONG(mapping.all),
        SecurityRequired=BOOLEAN(0),
        MaintainHandleCount=BOOLEAN(0),
        TypeIndex=BOOLEAN(0),
        ReservedByte=BOOLEAN(0),
        PoolType=ULONG(0),
        DefaultPagedPoolCharge=ULONG(0),
        DefaultNonPagedPoolCharge=ULONG(0),
    )
