"""The registry (the configuration manager, nt!Cm*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntregapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wowsim.nt.abi import (
    ACCESS_MASK,
    APC_CONTEXT,
    BOOLEAN,
    HANDLE,
    NTSTATUS,
    PAPC_ROUTINE,
    PVOID,
    ULONG,
    Array,
    In,
    Out,
    Unconverted,
)
from wowsim.nt.structures import IO_STATUS_BLOCK, OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtCommitRegistryTransaction(k: Kernel, registry_transaction_handle: HANDLE, flags: ULONG) -> NTSTATUS: ...


def NtCompactKeys(
    k: Kernel, count: ULONG, key_array: Annotated[PVOID, Array(HANDLE, "count")]
) -> NTSTATUS: ...


def NtCreateKeyTransacted(
    k: Kernel,
    key_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    title_index: ULONG,
    class_: In[UNICODE_STRING] | None,
    create_options: ULONG,
    transaction_handle: HANDLE,
    disposition: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtCreateRegistryTransaction(
    k: Kernel,
    registry_transaction_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    obj_attributes: In[OBJECT_ATTRIBUTES] | None,
    create_options: ULONG,
) -> NTSTATUS: ...


def NtLoadKey3(
    k: Kernel,
    target_key: In[OBJECT_ATTRIBUTES],
    source_file: In[OBJECT_ATTRIBUTES],
    flags: ULONG,
    extended_parameters: Annotated[PVOID, Unconverted("CM_EXTENDED_PARAMETER")],
    extended_parameter_count: ULONG,
    desired_access: ACCESS_MASK,
    root_handle: Out[HANDLE] | None,
    reserved: PVOID,
) -> NTSTATUS: ...


def NtNotifyChangeKey(
    k: Kernel,
    key_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    completion_filter: ULONG,
    watch_tree: BOOLEAN,
    buffer: PVOID,
    buffer_size: ULONG,
    asynchronous: BOOLEAN,
) -> NTSTATUS: ...


def NtNotifyChangeMultipleKeys(
    k: Kernel,
    master_key_handle: HANDLE,
    count: ULONG,
    subordinate_objects: Annotated[PVOID, Array(OBJECT_ATTRIBUTES, "count")],
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    completion_filter: ULONG,
    watch_tree: BOOLEAN,
    buffer: PVOID,
    buffer_size: ULONG,
    asynchronous: BOOLEAN,
) -> NTSTATUS: ...


def NtOpenKeyTransacted(
    k: Kernel,
    key_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    transaction_handle: HANDLE,
) -> NTSTATUS: ...


def NtOpenKeyTransactedEx(
    k: Kernel,
    key_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    open_options: ULONG,
    transaction_handle: HANDLE,
) -> NTSTATUS: ...


def NtOpenRegistryTransaction(
    k: Kernel,
    registry_transaction_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    obj_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS: ...


def NtRollbackRegistryTransaction(
    k: Kernel, registry_transaction_handle: HANDLE, flags: ULONG
) -> NTSTATUS: ...
