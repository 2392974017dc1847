"""NtCreateNamedPipeFile (nt!Io; NAMED_PIPE_CREATE_PARAMETERS for npfs.sys).

Prototype and values: phnt's ntioapi.h; checks: Microsoft Learn, CreateNamedPipe; their order is unverified.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.kernel.access import (
    FILE_CREATE,
    FILE_MAPPING,
    FILE_OPEN,
    FILE_OPEN_IF,
    FILE_OVERWRITE_IF,
    FILE_SHARE_READ,
    FILE_SHARE_WRITE,
    FILE_SYNCHRONOUS_IO,
    FILE_VALID_OPTIONS,
    SYNCHRONIZE,
)
from wowsim.kernel.context import Kernel
from wowsim.kernel.device import OpenRequest
from wowsim.kernel.files import target_of
from wowsim.kernel.objects import OBJ_INHERIT
from wowsim.kernel.pipe_device import PipeDevice, PipeParameters
from wowsim.kernel.pipes import FULL_DUPLEX, INBOUND, OUTBOUND
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import ACCESS_MASK, HANDLE, LARGE_INTEGER, NTSTATUS, ULONG, ULONG_PTR, In, Out
from wowsim.nt.status import STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, STATUS_SUCCESS
from wowsim.nt.structures import IO_STATUS_BLOCK, OBJECT_ATTRIBUTES

FILE_PIPE_MESSAGE_TYPE, FILE_PIPE_TYPES = 1, 3
DEFAULT_TIMEOUT = -500_000
"""50 ms (Microsoft Learn, CreateNamedPipe: what a time-out of zero means)."""
_CONFIGURATION = {
    FILE_SHARE_READ: OUTBOUND,
    FILE_SHARE_WRITE: INBOUND,
    FILE_SHARE_READ | FILE_SHARE_WRITE: FULL_DUPLEX,
}
"""ShareAccess says what the client may do."""


def _check(
    access: int, share: int, disposition: int, options: int, kind: int, read_mode: int, mode: int, most: int
) -> None:
    synchronous = options & FILE_SYNCHRONOUS_IO
    if (
        share not in _CONFIGURATION
        or disposition not in (FILE_CREATE, FILE_OPEN, FILE_OPEN_IF)
        or options & ~FILE_VALID_OPTIONS
        or (synchronous and (synchronous == FILE_SYNCHRONOUS_IO or not access & SYNCHRONIZE))
        or kind & ~FILE_PIPE_TYPES
        or read_mode > 1
        or mode > 1
        or (read_mode and not kind & FILE_PIPE_MESSAGE_TYPE)
        or most == 0
    ):
        raise GuestFault(STATUS_INVALID_PARAMETER)


@service(Support.PARTIAL, "no security descriptors")
def NtCreateNamedPipeFile(
    k: Kernel,
    file_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    io_status_block: Out[IO_STATUS_BLOCK],
    share_access: ULONG,
    create_disposition: ULONG,
    create_options: ULONG,
    named_pipe_type: ULONG,
    read_mode: ULONG,
    completion_mode: ULONG,
    maximum_instances: ULONG,
    inbound_quota: ULONG,
    outbound_quota: ULONG,
    default_timeout: In[LARGE_INTEGER] | None,
) -> NTSTATUS:
    """Make a pipe, or a further instance of one; the handle is the server's end."""
    access = FILE_MAPPING.grant(desired_access)
    if k.lenient:
        if create_disposition == FILE_OVERWRITE_IF:
            create_disposition = ULONG(FILE_OPEN_IF)
        default_timeout = default_timeout or LARGE_INTEGER(DEFAULT_TIMEOUT)
    _check(
        access, share_access, create_disposition, create_options, named_pipe_type, read_mode, completion_mode,
        maximum_instances,
    )  # fmt: skip
    request = OpenRequest("", access, create_disposition, create_options)
    device = target_of(k, object_attributes, request)
    if not isinstance(device, PipeDevice):
        return STATUS_INVALID_DEVICE_REQUEST
    given = PipeParameters(
        messages=named_pipe_type & FILE_PIPE_MESSAGE_TYPE != 0,
        read_messages=read_mode != 0,
        wait=completion_mode == 0,
        configuration=_CONFIGURATION[share_access],
        maximum=maximum_instances,
        inbound=inbound_quota,
        outbound=outbound_quota,
        timeout=default_timeout,
    )
    opened, information = device.create(request, given)
    try:
        handle = k.handles.insert(opened, access, object_attributes.Attributes & OBJ_INHERIT)
    except GuestFault:
        opened.last_handle_closed()
        raise
    file_handle.set(HANDLE(handle))
    io_status_block.set(IO_STATUS_BLOCK(STATUS_SUCCESS, ULONG_PTR(information)))
    return STATUS_SUCCESS
