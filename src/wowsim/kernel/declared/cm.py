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
    USHORT,
    Array,
    In,
    InOut,
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


def NtCompressKey(k: Kernel, key_handle: HANDLE) -> NTSTATUS: ...


def NtCreateKey(
    k: Kernel,
    key_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    title_index: ULONG,
    class_: In[UNICODE_STRING] | None,
    create_options: ULONG,
    disposition: Out[ULONG] | None,
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


def NtDeleteKey(k: Kernel, key_handle: HANDLE) -> NTSTATUS: ...


def NtDeleteValueKey(k: Kernel, key_handle: HANDLE, value_name: In[UNICODE_STRING]) -> NTSTATUS: ...


def NtEnumerateKey(
    k: Kernel,
    key_handle: HANDLE,
    index: ULONG,
    key_information_class: ULONG,
    key_information: PVOID,
    length: ULONG,
    result_length: Out[ULONG],
) -> NTSTATUS: ...


def NtEnumerateValueKey(
    k: Kernel,
    key_handle: HANDLE,
    index: ULONG,
    key_value_information_class: ULONG,
    key_value_information: PVOID,
    length: ULONG,
    result_length: Out[ULONG],
) -> NTSTATUS: ...


def NtFlushKey(k: Kernel, key_handle: HANDLE) -> NTSTATUS: ...


def NtFreezeRegistry(k: Kernel, time_out_in_seconds: ULONG) -> NTSTATUS: ...


def NtInitializeRegistry(k: Kernel, boot_condition: USHORT) -> NTSTATUS: ...


def NtLoadKey(
    k: Kernel, target_key: In[OBJECT_ATTRIBUTES], source_file: In[OBJECT_ATTRIBUTES]
) -> NTSTATUS: ...


def NtLoadKey2(
    k: Kernel, target_key: In[OBJECT_ATTRIBUTES], source_file: In[OBJECT_ATTRIBUTES], flags: ULONG
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


def NtLoadKeyEx(
    k: Kernel,
    target_key: In[OBJECT_ATTRIBUTES],
    source_file: In[OBJECT_ATTRIBUTES],
    flags: ULONG,
    trust_class_key: HANDLE,
    event: HANDLE,
    desired_access: ACCESS_MASK,
    root_handle: Out[HANDLE] | None,
    reserved: PVOID,
) -> NTSTATUS:
    """Four arguments before Windows Vista (see ``nt.forms``)."""


def NtLockRegistryKey(k: Kernel, key_handle: HANDLE) -> NTSTATUS: ...


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


def NtOpenKey(
    k: Kernel, key_handle: Out[HANDLE], desired_access: ACCESS_MASK, object_attributes: In[OBJECT_ATTRIBUTES]
) -> NTSTATUS: ...


def NtOpenKeyEx(
    k: Kernel,
    key_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    open_options: ULONG,
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


def NtQueryKey(
    k: Kernel,
    key_handle: HANDLE,
    key_information_class: ULONG,
    key_information: PVOID,
    length: ULONG,
    result_length: Out[ULONG],
) -> NTSTATUS: ...


def NtQueryMultipleValueKey(
    k: Kernel,
    key_handle: HANDLE,
    value_entries: Annotated[PVOID, Unconverted("KEY_VALUE_ENTRY")],
    entry_count: ULONG,
    value_buffer: PVOID,
    buffer_length: InOut[ULONG],
    required_buffer_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtQueryOpenSubKeys(
    k: Kernel, target_key: In[OBJECT_ATTRIBUTES], handle_count: Out[ULONG]
) -> NTSTATUS: ...


def NtQueryOpenSubKeysEx(
    k: Kernel,
    target_key: In[OBJECT_ATTRIBUTES],
    buffer_length: ULONG,
    buffer: PVOID,
    required_size: Out[ULONG],
) -> NTSTATUS: ...


def NtQueryValueKey(
    k: Kernel,
    key_handle: HANDLE,
    value_name: In[UNICODE_STRING],
    key_value_information_class: ULONG,
    key_value_information: PVOID,
    length: ULONG,
    result_length: Out[ULONG],
) -> NTSTATUS: ...


def NtRenameKey(k: Kernel, key_handle: HANDLE, new_name: In[UNICODE_STRING]) -> NTSTATUS: ...


def NtReplaceKey(
    k: Kernel, new_file: In[OBJECT_ATTRIBUTES], target_handle: HANDLE, old_file: In[OBJECT_ATTRIBUTES]
) -> NTSTATUS: ...


def NtRestoreKey(k: Kernel, key_handle: HANDLE, file_handle: HANDLE, flags: ULONG) -> NTSTATUS: ...


def NtRollbackRegistryTransaction(
    k: Kernel, registry_transaction_handle: HANDLE, flags: ULONG
) -> NTSTATUS: ...


def NtSaveKey(k: Kernel, key_handle: HANDLE, file_handle: HANDLE) -> NTSTATUS: ...


def NtSaveKeyEx(k: Kernel, key_handle: HANDLE, file_handle: HANDLE, format: ULONG) -> NTSTATUS: ...


def NtSaveMergedKeys(
    k: Kernel, high_precedence_key_handle: HANDLE, low_precedence_key_handle: HANDLE, file_handle: HANDLE
) -> NTSTATUS: ...


def NtSetInformationKey(
    k: Kernel,
    key_handle: HANDLE,
    key_set_information_class: ULONG,
    key_set_information: PVOID,
    key_set_information_length: ULONG,
) -> NTSTATUS: ...


def NtSetValueKey(
    k: Kernel,
    key_handle: HANDLE,
    value_name: In[UNICODE_STRING],
    title_index: ULONG,
    type: ULONG,
    data: PVOID,
    data_size: ULONG,
) -> NTSTATUS: ...


def NtThawRegistry(k: Kernel) -> NTSTATUS: ...


def NtUnloadKey(k: Kernel, target_key: In[OBJECT_ATTRIBUTES]) -> NTSTATUS: ...


def NtUnloadKey2(k: Kernel, target_key: In[OBJECT_ATTRIBUTES], flags: ULONG) -> NTSTATUS: ...


def NtUnloadKeyEx(k: Kernel, target_key: In[OBJECT_ATTRIBUTES], event: HANDLE) -> NTSTATUS: ...
