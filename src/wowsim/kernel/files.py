"""Opening files: NtCreateFile, NtOpenFile, and what works by name alone (nt!Io create path).

The I/O manager's checks of the arguments are here, the file system's are in ``volume_file``. Checks and
statuses: WDK documentation of ZwCreateFile and [MS-FSA] 2.1.5.1; their order is unverified.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.access import (
    DELETE,
    FILE_APPEND_DATA,
    FILE_ATTRIBUTE_VALID,
    FILE_COMPLETE_IF_OPLOCKED,
    FILE_CREATE,
    FILE_CREATED,
    FILE_DELETE_ON_CLOSE,
    FILE_DIRECTORY_FILE,
    FILE_MAPPING,
    FILE_NO_INTERMEDIATE_BUFFERING,
    FILE_NON_DIRECTORY_FILE,
    FILE_OPEN,
    FILE_OPEN_IF,
    FILE_OPEN_REPARSE_POINT,
    FILE_OVERWRITE_IF,
    FILE_READ_ATTRIBUTES,
    FILE_RESERVE_OPFILTER,
    FILE_SHARE_ALL,
    FILE_SYNCHRONOUS_IO,
    FILE_VALID_OPTIONS,
    SYNCHRONIZE,
)
from wowsim.kernel.captured_descriptors import completed, given_descriptor
from wowsim.kernel.context import Kernel
from wowsim.kernel.device import Device, FileObject, OpenRequest
from wowsim.kernel.node_information import basic_information, network_open_information
from wowsim.kernel.objects import OBJ_INHERIT, KernelObject
from wowsim.kernel.reparse import MAXIMUM_REPARSES, Redirected
from wowsim.kernel.table import Support, service
from wowsim.kernel.volume_device import MAXIMUM_PATH
from wowsim.kernel.volume_file import VolumeFile
from wowsim.nt.abi import (
    ACCESS_MASK,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PVOID,
    ULONG,
    ULONG_PTR,
    In,
    Out,
    size_of,
)
from wowsim.nt.status import (
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
    STATUS_NAME_TOO_LONG,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_REPARSE_POINT_NOT_RESOLVED,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import (
    FILE_BASIC_INFORMATION,
    FILE_NETWORK_OPEN_INFORMATION,
    IO_STATUS_BLOCK,
    OBJECT_ATTRIBUTES,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

OBJ_VALID_ATTRIBUTES = 0x1FF2
_SIZE = {width: size_of(OBJECT_ATTRIBUTES, width) for width in (32, 64)}


def target_of(k: Kernel, attributes: OBJECT_ATTRIBUTES, request: OpenRequest) -> Device:
    """Resolve the name in ``attributes`` to a device; ``request`` gets the rest and the file of RootDirectory."""
    if attributes.Length != _SIZE[k.width] or attributes.Attributes & ~OBJ_VALID_ATTRIBUTES:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    name = k.capture_string(attributes.ObjectName)
    root = k.handles.lookup(attributes.RootDirectory, KernelObject) if attributes.RootDirectory else None
    if isinstance(root, FileObject):
        request.name, request.related = name, root
        return root.device
    device, request.name = k.namespace.resolve(name, root)
    if not isinstance(device, Device):
        raise GuestFault(STATUS_OBJECT_TYPE_MISMATCH)
    return device


def open_object(k: Kernel, attributes: OBJECT_ATTRIBUTES, request: OpenRequest) -> tuple[FileObject, int]:
    """Resolve the name in ``attributes`` to a device and have it open the rest, following links."""
    return open_on(k, target_of(k, attributes, request), request)


def open_on(k: Kernel, device: Device, request: OpenRequest) -> tuple[FileObject, int]:
    """Have a device open what ``request`` names, following links."""
    for _ in range(MAXIMUM_REPARSES + 1):
        try:
            return device.open(request)
        except Redirected as found:
            device = elsewhere(k, found, request)
    raise GuestFault(STATUS_REPARSE_POINT_NOT_RESOLVED)


def elsewhere(k: Kernel, found: Redirected, request: OpenRequest) -> Device:
    """The device that a link leads to; ``request`` gets the rest of its path."""
    if len(found.path) > MAXIMUM_PATH:
        raise GuestFault(STATUS_NAME_TOO_LONG)
    device, request.name = k.namespace.resolve(found.path)
    request.related = None
    if not isinstance(device, Device):
        raise GuestFault(STATUS_OBJECT_TYPE_MISMATCH)
    return device


def _check_arguments(access: int, attributes: int, share: int, disposition: int, options: int) -> None:
    """What the I/O manager refuses before it looks at the name; generic rights do not stand for others here.

    That GENERIC_READ is not enough for synchronous I/O, though it means SYNCHRONIZE too, is unverified.
    """
    if (
        attributes & ~FILE_ATTRIBUTE_VALID
        or share & ~FILE_SHARE_ALL
        or disposition > FILE_OVERWRITE_IF
        or options & ~FILE_VALID_OPTIONS
    ):
        raise GuestFault(STATUS_INVALID_PARAMETER)
    synchronous = options & FILE_SYNCHRONOUS_IO
    if synchronous and (synchronous == FILE_SYNCHRONOUS_IO or not access & SYNCHRONIZE):
        raise GuestFault(STATUS_INVALID_PARAMETER)
    if options & FILE_DELETE_ON_CLOSE and not access & DELETE:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    if options & FILE_DIRECTORY_FILE and (
        options & FILE_NON_DIRECTORY_FILE or disposition not in (FILE_CREATE, FILE_OPEN, FILE_OPEN_IF)
    ):
        raise GuestFault(STATUS_INVALID_PARAMETER)
    if options & FILE_COMPLETE_IF_OPLOCKED and options & FILE_RESERVE_OPFILTER:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    if options & FILE_NO_INTERMEDIATE_BUFFERING and access & FILE_APPEND_DATA:
        raise GuestFault(STATUS_INVALID_PARAMETER)


@service(Support.PARTIAL, "extended attributes, oplocks and open by file id are refused by name; no ACLs")
def NtCreateFile(
    k: Kernel,
    file_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    io_status_block: Out[IO_STATUS_BLOCK],
    allocation_size: In[LARGE_INTEGER] | None,
    file_attributes: ULONG,
    share_access: ULONG,
    create_disposition: ULONG,
    create_options: ULONG,
    ea_buffer: PVOID,
    ea_length: ULONG,
) -> NTSTATUS:
    """Open or create a file, directory or device; Information tells which."""
    access = FILE_MAPPING.grant(desired_access)
    _check_arguments(desired_access, file_attributes, share_access, create_disposition, create_options)
    if allocation_size is not None and allocation_size < 0:
        return STATUS_INVALID_PARAMETER
    if ea_buffer and ea_length:
        raise Unsupported("NtCreateFile with extended attributes is not implemented")
    if create_options & (FILE_COMPLETE_IF_OPLOCKED | FILE_RESERVE_OPFILTER):
        raise Unsupported("NtCreateFile with oplock options is not implemented")
    request = OpenRequest(
        "", access, create_disposition, create_options, share_access, file_attributes, allocation_size or 0
    )
    given = given_descriptor(k, object_attributes)
    opened, information = open_object(k, object_attributes, request)
    node = opened.node
    if given is not None and node is not None and information == FILE_CREATED:
        node.security = completed(k, given, FILE_MAPPING)
    inherit = object_attributes.Attributes & OBJ_INHERIT
    try:
        handle = k.handles.insert(opened, access, inherit)
    except GuestFault:
        opened.last_handle_closed()
        raise
    file_handle.set(HANDLE(handle))
    io_status_block.set(IO_STATUS_BLOCK(STATUS_SUCCESS, ULONG_PTR(information)))
    return STATUS_SUCCESS


@service(Support.PARTIAL, "oplocks and open by file id are refused by name; no ACLs")
def NtOpenFile(
    k: Kernel,
    file_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    io_status_block: Out[IO_STATUS_BLOCK],
    share_access: ULONG,
    open_options: ULONG,
) -> NTSTATUS:
    """NtCreateFile with disposition FILE_OPEN."""
    return NtCreateFile(
        k,
        file_handle,
        desired_access,
        object_attributes,
        io_status_block,
        None,
        ULONG(0),
        share_access,
        ULONG(FILE_OPEN),
        open_options,
        PVOID(0),
        ULONG(0),
    )


@contextmanager
def opened_for(k: Kernel, attributes: OBJECT_ATTRIBUTES, request: OpenRequest) -> Iterator[VolumeFile]:
    """A file that is open for one service only."""
    opened, _ = open_object(k, attributes, request)
    if not isinstance(opened, VolumeFile):
        opened.last_handle_closed()
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
    try:
        yield opened
    finally:
        opened.last_handle_closed()


def _for_attributes() -> OpenRequest:
    """By name, a link is asked about itself: GetFileAttributes reports FILE_ATTRIBUTE_REPARSE_POINT."""
    return OpenRequest("", FILE_READ_ATTRIBUTES, FILE_OPEN, FILE_OPEN_REPARSE_POINT)


@service(Support.FULL)
def NtDeleteFile(k: Kernel, object_attributes: In[OBJECT_ATTRIBUTES]) -> NTSTATUS:
    """Delete by name: an open for deletion that is closed at once."""
    options = FILE_DELETE_ON_CLOSE | FILE_OPEN_REPARSE_POINT  # a link is deleted itself (unverified)
    with opened_for(k, object_attributes, OpenRequest("", DELETE, FILE_OPEN, options)):
        return STATUS_SUCCESS


@service(Support.FULL)
def NtQueryAttributesFile(
    k: Kernel, object_attributes: In[OBJECT_ATTRIBUTES], file_information: Out[FILE_BASIC_INFORMATION]
) -> NTSTATUS:
    """Times and attributes by name."""
    with opened_for(k, object_attributes, _for_attributes()) as file:
        file_information.set(basic_information(file.node))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtQueryFullAttributesFile(
    k: Kernel, object_attributes: In[OBJECT_ATTRIBUTES], file_information: Out[FILE_NETWORK_OPEN_INFORMATION]
) -> NTSTATUS:
    """Times, sizes and attributes by name."""
    with opened_for(k, object_attributes, _for_attributes()) as file:
        file_information.set(network_open_information(file.node))
    return STATUS_SUCCESS
