"""Completion port services: NtCreateIoCompletion to NtRemoveIoCompletionEx (nt!Io).

Leaves out reserve objects. Prototypes: phnt's ntioapi.h. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

import struct

from wowsim.errors import Unsupported
from wowsim.kernel.completion import (
    IO_COMPLETION_MODIFY_STATE,
    IO_COMPLETION_QUERY_STATE,
    IoCompletion,
    Packet,
)
from wowsim.kernel.context import Kernel
from wowsim.kernel.naming import create_object, open_object
from wowsim.kernel.objects import KernelObject
from wowsim.kernel.synchronization import query_answer
from wowsim.kernel.table import Support, service
from wowsim.kernel.waits import deadline
from wowsim.nt.abi import (
    ACCESS_MASK,
    BOOLEAN,
    HANDLE,
    LARGE_INTEGER,
    LONG,
    NTSTATUS,
    PVOID,
    ULONG,
    ULONG_PTR,
    In,
    Out,
)
from wowsim.nt.file_structures import IO_COMPLETION_BASIC_INFORMATION
from wowsim.nt.status import STATUS_INVALID_PARAMETER, STATUS_SUCCESS
from wowsim.nt.structures import IO_STATUS_BLOCK, OBJECT_ATTRIBUTES

_ENTRY = {32: struct.Struct("<4I"), 64: struct.Struct("<QQI4xQ")}
"""FILE_IO_COMPLETION_INFORMATION: KeyContext, ApcContext, IO_STATUS_BLOCK."""
_MASK = {32: 0xFFFFFFFF, 64: 0xFFFFFFFF_FFFFFFFF}


@service(Support.FULL)
def NtCreateIoCompletion(
    k: Kernel,
    io_completion_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    number_of_concurrent_threads: ULONG,
) -> NTSTATUS:
    """Make a completion port."""
    access = IoCompletion.mapping.grant(desired_access)
    return create_object(
        k, IoCompletion, object_attributes, access, io_completion_handle, lambda place: IoCompletion(k, place)
    )


@service(Support.FULL)
def NtOpenIoCompletion(
    k: Kernel,
    io_completion_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS:
    """Open a completion port by name."""
    return open_object(k, IoCompletion, object_attributes, desired_access, io_completion_handle)


@service(Support.FULL)
def NtQueryIoCompletion(
    k: Kernel,
    io_completion_handle: HANDLE,
    io_completion_information_class: ULONG,
    io_completion_information: PVOID,
    io_completion_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """How many packets a port holds."""
    port = k.handles.lookup(io_completion_handle, IoCompletion, IO_COMPLETION_QUERY_STATE)
    value = IO_COMPLETION_BASIC_INFORMATION(LONG(len(port.packets)))
    return query_answer(
        k,
        io_completion_information_class,
        value,
        io_completion_information,
        io_completion_information_length,
        return_length,
    )


@service(Support.FULL)
def NtSetIoCompletion(
    k: Kernel,
    io_completion_handle: HANDLE,
    key_context: PVOID,
    apc_context: PVOID,
    io_status: NTSTATUS,
    io_status_information: ULONG_PTR,
) -> NTSTATUS:
    """Post a packet."""
    port = k.handles.lookup(io_completion_handle, IoCompletion, IO_COMPLETION_MODIFY_STATE)
    port.post(Packet(key_context, apc_context, io_status, io_status_information))
    return STATUS_SUCCESS


@service(Support.PARTIAL, "there are no reserve objects, so no handle of one")
def NtSetIoCompletionEx(
    k: Kernel,
    io_completion_handle: HANDLE,
    io_completion_packet_handle: HANDLE,
    key_context: PVOID,
    apc_context: PVOID,
    io_status: NTSTATUS,
    io_status_information: ULONG_PTR,
) -> NTSTATUS:
    """Post a packet in memory that a reserve object set aside."""
    k.handles.lookup(io_completion_handle, IoCompletion, IO_COMPLETION_MODIFY_STATE)
    reserve = k.handles.lookup(io_completion_packet_handle, KernelObject)
    raise Unsupported(f"NtSetIoCompletionEx with a {reserve.type_name} object is not implemented")


@service(Support.FULL)
def NtRemoveIoCompletion(
    k: Kernel,
    io_completion_handle: HANDLE,
    key_context: Out[PVOID],
    apc_context: Out[PVOID],
    io_status_block: Out[IO_STATUS_BLOCK],
    timeout: In[LARGE_INTEGER] | None,
) -> NTSTATUS:
    """Take a packet, waiting for one."""
    port = k.handles.lookup(io_completion_handle, IoCompletion, IO_COMPLETION_MODIFY_STATE)

    def deliver(packets: list[Packet]) -> int:
        key, context, status, information = packets[0]
        key_context.set(PVOID(key))
        apc_context.set(PVOID(context))
        io_status_block.set(IO_STATUS_BLOCK(NTSTATUS(status), ULONG_PTR(information)))
        return STATUS_SUCCESS

    return NTSTATUS(port.take_packets(1, deliver, False, deadline(k, timeout)))


@service(Support.FULL)
def NtRemoveIoCompletionEx(
    k: Kernel,
    io_completion_handle: HANDLE,
    io_completion_information: PVOID,
    count: ULONG,
    num_entries_removed: Out[ULONG],
    timeout: In[LARGE_INTEGER] | None,
    alertable: BOOLEAN,
) -> NTSTATUS:
    """Take up to ``count`` packets, waiting for the first."""
    port = k.handles.lookup(io_completion_handle, IoCompletion, IO_COMPLETION_MODIFY_STATE)
    shape, mask = _ENTRY[k.width], _MASK[k.width]
    if not 0 < count <= (1 << 31) // shape.size:
        return STATUS_INVALID_PARAMETER
    k.memory.probe_write(io_completion_information, shape.size)

    def deliver(packets: list[Packet]) -> int:
        data = b"".join(
            shape.pack(key & mask, context & mask, status & 0xFFFFFFFF, information & mask)
            for key, context, status, information in packets
        )
        k.memory.write(io_completion_information, data)
        num_entries_removed.set(ULONG(len(packets)))
        return STATUS_SUCCESS

    num_entries_removed.set(
        ULONG(1)
    )  # what a wait without a packet leaves (unverified); wow64.dll counts on a number
    return NTSTATUS(port.take_packets(count, deliver, alertable != 0, deadline(k, timeout)))
