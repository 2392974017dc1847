"""Services on handles of any kind: closing, duplicating, asking, changing, comparing (nt!Ob).

Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.kernel.access import DELETE
from wowsim.kernel.context import Kernel
from wowsim.kernel.names import utf16
from wowsim.kernel.namespace import SymbolicLink
from wowsim.kernel.object_types import type_information, types_information
from wowsim.kernel.objects import OBJ_INHERIT, OBJ_PROTECT_CLOSE, KernelObject
from wowsim.kernel.table import Support, service
from wowsim.kernel.targets import kernel_at
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
    Width,
    encode,
    load,
    size_of,
)
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_SAME_OBJECT,
    STATUS_PRIVILEGE_NOT_HELD,
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


# ---------------------------------------------------------------- handles
@service(Support.FULL)
def NtClose(k: Kernel, handle: HANDLE) -> NTSTATUS:
    """Close a handle."""
    k.handles.close(handle)
    return STATUS_SUCCESS


@service(Support.FULL)
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
    here = kernel_at(k, source_process_handle, PROCESS_DUP_HANDLE).handles
    source, granted = here.lookup_granted(source_handle, KernelObject)
    if target_process_handle:
        there = kernel_at(k, target_process_handle, PROCESS_DUP_HANDLE).handles
        access = granted if options & DUPLICATE_SAME_ACCESS else source.mapping.grant(desired_access)
        if access & ~granted:
            return STATUS_ACCESS_DENIED
        attributes = handle_attributes & (OBJ_INHERIT | OBJ_PROTECT_CLOSE)
        if options & DUPLICATE_SAME_ATTRIBUTES:
            attributes = here.attributes(source_handle)
        duplicate = there.insert(source, access, attributes)
        if target_handle is not None:
            target_handle.set(HANDLE(duplicate))
    elif not options & DUPLICATE_CLOSE_SOURCE:
        return STATUS_INVALID_PARAMETER
    if options & DUPLICATE_CLOSE_SOURCE:
        here.close(source_handle)
    return STATUS_SUCCESS


# ---------------------------------------------------------------- asking
@service(Support.PARTIAL, "pool charges are zero; types are counted in this process")
def NtQueryObject(
    k: Kernel,
    handle: HANDLE,
    object_information_class: ULONG,
    object_information: PVOID,
    object_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """What a handle stands for; of all types (class 3) whatever the handle is."""
    information_class = object_information_class
    if information_class not in (0, 1, 2, 3, 4):
        return STATUS_INVALID_INFO_CLASS
    if information_class == 3:
        data = types_information(k, object_information)
        shortest = len(data)
    else:
        target, access = k.handles.lookup_granted(handle, KernelObject)
        data, shortest = _about(k, handle, target, access, information_class, object_information)
    if return_length is not None:
        return_length.set(ULONG(len(data)))
    if object_information_length < shortest:
        return STATUS_INFO_LENGTH_MISMATCH
    if object_information_length < len(data):
        return STATUS_BUFFER_OVERFLOW
    k.memory.write(object_information, data)
    return STATUS_SUCCESS


def _about(
    k: Kernel, handle: int, target: KernelObject, access: int, information_class: int, address: int
) -> tuple[bytes, int]:
    """What a class says of an object, as it lies at ``address``, and how much of it must fit at least."""
    if information_class == 0:
        data = encode(OBJECT_BASIC_INFORMATION, k.width, _basic(k, handle, target, access))
        return data, len(data)
    if information_class == 1:
        name = target.nt_name()
        if k.lenient and (path := k.win32_path(name)) != name:
            name = f"\\??\\{path}"
        return counted_text(name, address, k.width), size_of(UNICODE_STRING, k.width)
    if information_class == 2:
        header = size_of(OBJECT_TYPE_INFORMATION, k.width)
        information = type_information(k, target.type_name, target.mapping, address + header)
        data = encode(OBJECT_TYPE_INFORMATION, k.width, information)
        return data + utf16(target.type_name) + b"\0\0", header
    attributes = k.handles.attributes(handle)
    flags = OBJECT_HANDLE_FLAG_INFORMATION(
        BOOLEAN(attributes & OBJ_INHERIT != 0), BOOLEAN(attributes & OBJ_PROTECT_CLOSE != 0)
    )
    data = encode(OBJECT_HANDLE_FLAG_INFORMATION, k.width, flags)
    return data, len(data)


def counted_text(text: str, address: int, width: Width) -> bytes:
    """A UNICODE_STRING as it lies at ``address`` with its text behind it; of no text an empty one alone."""
    if not text:
        return encode(UNICODE_STRING, width, _EMPTY)
    data = utf16(text)
    string = UNICODE_STRING(
        USHORT(len(data)), USHORT(len(data) + 2), PVOID(address + size_of(UNICODE_STRING, width))
    )
    return encode(UNICODE_STRING, width, string) + data + b"\0\0"


def _basic(k: Kernel, handle: int, target: KernelObject, access: int) -> OBJECT_BASIC_INFORMATION:
    zero = ULONG(0)
    name = target.nt_name()
    return OBJECT_BASIC_INFORMATION(
        Attributes=ULONG(k.handles.attributes(handle)),
        GrantedAccess=ULONG(access),
        HandleCount=ULONG(target.handle_count),
        PointerCount=ULONG(target.handle_count + 1),
        PagedPoolCharge=zero,
        NonPagedPoolCharge=zero,
        Reserved=bytes(12),
        NameInfoSize=ULONG(len(counted_text(name, 0, k.width)) if name else 0),
        TypeInfoSize=ULONG(size_of(OBJECT_TYPE_INFORMATION, k.width) + 2 * len(target.type_name) + 2),
        SecurityDescriptorSize=zero,
        CreationTime=LARGE_INTEGER(target.created if isinstance(target, SymbolicLink) else 0),
    )


@service(Support.FULL)
def NtCompareObjects(k: Kernel, first_object_handle: HANDLE, second_object_handle: HANDLE) -> NTSTATUS:
    """Whether two handles stand for one object."""
    first = k.handles.lookup(first_object_handle, KernelObject)
    second = k.handles.lookup(second_object_handle, KernelObject)
    return STATUS_SUCCESS if first is second else STATUS_NOT_SAME_OBJECT


# ---------------------------------------------------------------- changing
@service(Support.FULL)
def NtSetInformationObject(
    k: Kernel,
    handle: HANDLE,
    object_information_class: ULONG,
    object_information: PVOID,
    object_information_length: ULONG,
) -> NTSTATUS:
    """Set whether a handle is inherited and whether it can be closed; sessions are the system's to set."""
    if object_information_class in (5, 6):
        return STATUS_PRIVILEGE_NOT_HELD
    if object_information_class != 4:
        return STATUS_INVALID_INFO_CLASS
    if object_information_length != size_of(OBJECT_HANDLE_FLAG_INFORMATION, k.width):
        return STATUS_INFO_LENGTH_MISMATCH
    flags = load(k.memory, object_information, OBJECT_HANDLE_FLAG_INFORMATION, k.width)
    inherited = OBJ_INHERIT if flags.Inherit else 0
    k.handles.set_attributes(handle, inherited | (OBJ_PROTECT_CLOSE if flags.ProtectFromClose else 0))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtMakeTemporaryObject(k: Kernel, handle: HANDLE) -> NTSTATUS:
    """The object goes with its last handle."""
    k.handles.lookup(handle, KernelObject, DELETE).permanent = False
    return STATUS_SUCCESS


@service(Support.PARTIAL, "for a caller without the privilege")
def NtMakePermanentObject(k: Kernel, handle: HANDLE) -> NTSTATUS:
    """It takes SeCreatePermanentPrivilege (Microsoft Learn, "Privilege Constants"), which no token here has."""
    return STATUS_PRIVILEGE_NOT_HELD
