"""I/O completion ports and wait completion packets.

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntioapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wowsim.nt.abi import (
    ACCESS_MASK,
    BOOLEAN,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PVOID,
    ULONG,
    ULONG_PTR,
    In,
    Out,
    Unconverted,
)
from wowsim.nt.structures import IO_STATUS_BLOCK, OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtAssociateWaitCompletionPacket(
    k: Kernel,
    wait_completion_packet_handle: HANDLE,
    io_completion_handle: HANDLE,
    target_object_handle: HANDLE,
    key_context: PVOID,
    apc_context: PVOID,
    io_status: NTSTATUS,
    io_status_information: ULONG_PTR,
    already_signaled: Out[BOOLEAN] | None,
) -> NTSTATUS: ...


def NtCancelWaitCompletionPacket(
    k: Kernel, wait_completion_packet_handle: HANDLE, remove_signaled_packet: BOOLEAN
) -> NTSTATUS: ...


def NtCreateIoCompletion(
    k: Kernel,
    io_completion_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    number_of_concurrent_threads: ULONG,
) -> NTSTATUS: ...


def NtCreateWaitCompletionPacket(
    k: Kernel,
    wait_completion_packet_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
) -> NTSTATUS: ...


def NtOpenIoCompletion(
    k: Kernel,
    io_completion_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS: ...


def NtQueryIoCompletion(
    k: Kernel,
    io_completion_handle: HANDLE,
    io_completion_information_class: ULONG,
    io_completion_information: PVOID,
    io_completion_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtRemoveIoCompletion(
    k: Kernel,
    io_completion_handle: HANDLE,
    key_context: Out[PVOID],
    apc_context: Out[PVOID],
    io_status_block: Out[IO_STATUS_BLOCK],
    timeout: In[LARGE_INTEGER] | None,
) -> NTSTATUS: ...


def NtRemoveIoCompletionEx(
    k: Kernel,
    io_completion_handle: HANDLE,
    io_completion_information: Annotated[PVOID, Unconverted("FILE_IO_COMPLETION_INFORMATION")],
    count: ULONG,
    num_entries_removed: Out[ULONG],
    timeout: In[LARGE_INTEGER] | None,
    alertable: BOOLEAN,
) -> NTSTATUS: ...


def NtSetIoCompletion(
    k: Kernel,
    io_completion_handle: HANDLE,
    key_context: PVOID,
    apc_context: PVOID,
    io_status: NTSTATUS,
    io_status_information: ULONG_PTR,
) -> NTSTATUS: ...


def NtSetIoCompletionEx(
    k: Kernel,
    io_completion_handle: HANDLE,
    io_completion_packet_handle: HANDLE,
    key_context: PVOID,
    apc_context: PVOID,
    io_status: NTSTATUS,
    io_status_information: ULONG_PTR,
) -> NTSTATUS: ...
