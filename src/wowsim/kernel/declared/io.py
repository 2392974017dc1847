"""Files, pipes, mailslots, drivers and quota (the I/O manager, nt!Io*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntioapi.h, ntmisc.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.nt.abi import (
    ACCESS_MASK,
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
)
from wowsim.nt.structures import IO_STATUS_BLOCK, OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtCopyFileChunk(
    k: Kernel,
    source_handle: HANDLE,
    destination_handle: HANDLE,
    event_handle: HANDLE,
    io_status_block: Out[IO_STATUS_BLOCK],
    length: ULONG,
    source_offset: In[LARGE_INTEGER],
    dest_offset: In[LARGE_INTEGER],
    source_key: In[ULONG] | None,
    dest_key: In[ULONG] | None,
    flags: ULONG,
) -> NTSTATUS: ...


def NtCreateMailslotFile(
    k: Kernel,
    file_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    io_status_block: Out[IO_STATUS_BLOCK],
    create_options: ULONG,
    mailslot_quota: ULONG,
    maximum_message_size: ULONG,
    read_timeout: In[LARGE_INTEGER],
) -> NTSTATUS: ...


def NtLoadDriver(k: Kernel, driver_service_name: In[UNICODE_STRING]) -> NTSTATUS: ...


def NtNotifyChangeDirectoryFile(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    buffer: PVOID,
    length: ULONG,
    completion_filter: ULONG,
    watch_tree: BOOLEAN,
) -> NTSTATUS: ...


def NtNotifyChangeDirectoryFileEx(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    buffer: PVOID,
    length: ULONG,
    completion_filter: ULONG,
    watch_tree: BOOLEAN,
    directory_notify_information_class: ULONG,
) -> NTSTATUS: ...


def NtNotifyChangeSession(
    k: Kernel,
    session_handle: HANDLE,
    change_sequence_number: ULONG,
    change_time_stamp: In[LARGE_INTEGER],
    event: ULONG,
    new_state: ULONG,
    previous_state: ULONG,
    payload: PVOID,
    payload_size: ULONG,
) -> NTSTATUS: ...


def NtUnloadDriver(k: Kernel, driver_service_name: In[UNICODE_STRING]) -> NTSTATUS: ...
