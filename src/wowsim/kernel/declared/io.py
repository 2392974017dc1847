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


def NtCancelIoFile(k: Kernel, file_handle: HANDLE, io_status_block: Out[IO_STATUS_BLOCK]) -> NTSTATUS: ...


def NtCancelIoFileEx(
    k: Kernel, file_handle: HANDLE, io_request_to_cancel: PVOID, io_status_block: Out[IO_STATUS_BLOCK]
) -> NTSTATUS:
    """The status block is only compared, never written."""


def NtCancelSynchronousIoFile(
    k: Kernel, thread_handle: HANDLE, io_request_to_cancel: PVOID, io_status_block: Out[IO_STATUS_BLOCK]
) -> NTSTATUS:
    """The status block is only compared, never written."""


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
    default_timeout: In[LARGE_INTEGER],
) -> NTSTATUS: ...


def NtFlushBuffersFileEx(
    k: Kernel,
    file_handle: HANDLE,
    flags: ULONG,
    parameters: PVOID,
    parameters_size: ULONG,
    io_status_block: Out[IO_STATUS_BLOCK],
) -> NTSTATUS: ...


def NtLoadDriver(k: Kernel, driver_service_name: In[UNICODE_STRING]) -> NTSTATUS: ...


def NtLockFile(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    byte_offset: In[LARGE_INTEGER],
    length: In[LARGE_INTEGER],
    key: ULONG,
    fail_immediately: BOOLEAN,
    exclusive_lock: BOOLEAN,
) -> NTSTATUS: ...


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
) -> NTSTATUS: ...


def NtQueryEaFile(
    k: Kernel,
    file_handle: HANDLE,
    io_status_block: Out[IO_STATUS_BLOCK],
    buffer: PVOID,
    length: ULONG,
    return_single_entry: BOOLEAN,
    ea_list: PVOID,
    ea_list_length: ULONG,
    ea_index: In[ULONG] | None,
    restart_scan: BOOLEAN,
) -> NTSTATUS: ...


def NtQueryInformationByName(
    k: Kernel,
    object_attributes: In[OBJECT_ATTRIBUTES],
    io_status_block: Out[IO_STATUS_BLOCK],
    file_information: PVOID,
    length: ULONG,
    file_information_class: ULONG,
) -> NTSTATUS: ...


def NtQueryQuotaInformationFile(
    k: Kernel,
    file_handle: HANDLE,
    io_status_block: Out[IO_STATUS_BLOCK],
    buffer: PVOID,
    length: ULONG,
    return_single_entry: BOOLEAN,
    sid_list: PVOID,
    sid_list_length: ULONG,
    start_sid: PVOID,
    restart_scan: BOOLEAN,
) -> NTSTATUS: ...


def NtReadFileScatter(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    segment_array: PVOID,
    length: ULONG,
    byte_offset: In[LARGE_INTEGER] | None,
    key: In[ULONG] | None,
) -> NTSTATUS: ...


def NtSetEaFile(
    k: Kernel, file_handle: HANDLE, io_status_block: Out[IO_STATUS_BLOCK], buffer: PVOID, length: ULONG
) -> NTSTATUS: ...


def NtSetQuotaInformationFile(
    k: Kernel, file_handle: HANDLE, io_status_block: Out[IO_STATUS_BLOCK], buffer: PVOID, length: ULONG
) -> NTSTATUS: ...


def NtSetVolumeInformationFile(
    k: Kernel,
    file_handle: HANDLE,
    io_status_block: Out[IO_STATUS_BLOCK],
    fs_information: PVOID,
    length: ULONG,
    fs_information_class: ULONG,
) -> NTSTATUS: ...


def NtUnloadDriver(k: Kernel, driver_service_name: In[UNICODE_STRING]) -> NTSTATUS: ...


def NtUnlockFile(
    k: Kernel,
    file_handle: HANDLE,
    io_status_block: Out[IO_STATUS_BLOCK],
    byte_offset: In[LARGE_INTEGER],
    length: In[LARGE_INTEGER],
    key: ULONG,
) -> NTSTATUS: ...


def NtWriteFileGather(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    segment_array: PVOID,
    length: ULONG,
    byte_offset: In[LARGE_INTEGER] | None,
    key: In[ULONG] | None,
) -> NTSTATUS: ...
