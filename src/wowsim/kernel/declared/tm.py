"""Transactions, enlistments and resource managers (the kernel transaction manager, nt!Tm*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, nttmapi.h.
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
from wowsim.nt.executive_structures import GUID
from wowsim.nt.structures import OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtCommitComplete(
    k: Kernel, enlistment_handle: HANDLE, tm_virtual_clock: In[LARGE_INTEGER] | None
) -> NTSTATUS: ...


def NtCommitEnlistment(
    k: Kernel, enlistment_handle: HANDLE, tm_virtual_clock: In[LARGE_INTEGER] | None
) -> NTSTATUS: ...


def NtCommitTransaction(k: Kernel, transaction_handle: HANDLE, wait: BOOLEAN) -> NTSTATUS: ...


def NtCreateEnlistment(
    k: Kernel,
    enlistment_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    resource_manager_handle: HANDLE,
    transaction_handle: HANDLE,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    create_options: ULONG,
    notification_mask: ULONG,
    enlistment_key: PVOID,
) -> NTSTATUS: ...


def NtCreateResourceManager(
    k: Kernel,
    resource_manager_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    tm_handle: HANDLE,
    rm_guid: In[GUID],
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    create_options: ULONG,
    description: In[UNICODE_STRING] | None,
) -> NTSTATUS: ...


def NtCreateTransaction(
    k: Kernel,
    transaction_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    uow: In[GUID] | None,
    tm_handle: HANDLE,
    create_options: ULONG,
    isolation_level: ULONG,
    isolation_flags: ULONG,
    timeout: In[LARGE_INTEGER] | None,
    description: In[UNICODE_STRING] | None,
) -> NTSTATUS: ...


def NtCreateTransactionManager(
    k: Kernel,
    tm_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    log_file_name: In[UNICODE_STRING] | None,
    create_options: ULONG,
    commit_strength: ULONG,
) -> NTSTATUS: ...


def NtEnumerateTransactionObject(
    k: Kernel,
    root_object_handle: HANDLE,
    query_type: ULONG,
    object_cursor: PVOID,
    object_cursor_length: ULONG,
    return_length: Out[ULONG],
) -> NTSTATUS: ...


def NtFreezeTransactions(
    k: Kernel, freeze_timeout: In[LARGE_INTEGER], thaw_timeout: In[LARGE_INTEGER]
) -> NTSTATUS: ...


def NtGetNotificationResourceManager(
    k: Kernel,
    resource_manager_handle: HANDLE,
    transaction_notification: Annotated[PVOID, Unconverted("TRANSACTION_NOTIFICATION")],
    notification_length: ULONG,
    timeout: In[LARGE_INTEGER] | None,
    return_length: Out[ULONG] | None,
    asynchronous: ULONG,
    asynchronous_context: ULONG_PTR,
) -> NTSTATUS: ...


def NtOpenEnlistment(
    k: Kernel,
    enlistment_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    resource_manager_handle: HANDLE,
    enlistment_guid: In[GUID],
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
) -> NTSTATUS: ...


def NtOpenResourceManager(
    k: Kernel,
    resource_manager_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    tm_handle: HANDLE,
    resource_manager_guid: In[GUID] | None,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
) -> NTSTATUS: ...


def NtOpenTransaction(
    k: Kernel,
    transaction_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    uow: In[GUID],
    tm_handle: HANDLE,
) -> NTSTATUS: ...


def NtOpenTransactionManager(
    k: Kernel,
    tm_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    log_file_name: In[UNICODE_STRING] | None,
    tm_identity: In[GUID] | None,
    open_options: ULONG,
) -> NTSTATUS: ...


def NtPrePrepareComplete(
    k: Kernel, enlistment_handle: HANDLE, tm_virtual_clock: In[LARGE_INTEGER] | None
) -> NTSTATUS: ...


def NtPrePrepareEnlistment(
    k: Kernel, enlistment_handle: HANDLE, tm_virtual_clock: In[LARGE_INTEGER] | None
) -> NTSTATUS: ...


def NtPrepareComplete(
    k: Kernel, enlistment_handle: HANDLE, tm_virtual_clock: In[LARGE_INTEGER] | None
) -> NTSTATUS: ...


def NtPrepareEnlistment(
    k: Kernel, enlistment_handle: HANDLE, tm_virtual_clock: In[LARGE_INTEGER] | None
) -> NTSTATUS: ...


def NtPropagationComplete(
    k: Kernel, resource_manager_handle: HANDLE, request_cookie: ULONG, buffer_length: ULONG, buffer: PVOID
) -> NTSTATUS: ...


def NtPropagationFailed(
    k: Kernel, resource_manager_handle: HANDLE, request_cookie: ULONG, prop_status: NTSTATUS
) -> NTSTATUS: ...


def NtQueryInformationEnlistment(
    k: Kernel,
    enlistment_handle: HANDLE,
    enlistment_information_class: ULONG,
    enlistment_information: PVOID,
    enlistment_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtQueryInformationResourceManager(
    k: Kernel,
    resource_manager_handle: HANDLE,
    resource_manager_information_class: ULONG,
    resource_manager_information: PVOID,
    resource_manager_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtQueryInformationTransaction(
    k: Kernel,
    transaction_handle: HANDLE,
    transaction_information_class: ULONG,
    transaction_information: PVOID,
    transaction_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtQueryInformationTransactionManager(
    k: Kernel,
    transaction_manager_handle: HANDLE,
    transaction_manager_information_class: ULONG,
    transaction_manager_information: PVOID,
    transaction_manager_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtReadOnlyEnlistment(
    k: Kernel, enlistment_handle: HANDLE, tm_virtual_clock: In[LARGE_INTEGER] | None
) -> NTSTATUS: ...


def NtRecoverEnlistment(k: Kernel, enlistment_handle: HANDLE, enlistment_key: PVOID) -> NTSTATUS: ...


def NtRecoverResourceManager(k: Kernel, resource_manager_handle: HANDLE) -> NTSTATUS: ...


def NtRecoverTransactionManager(k: Kernel, transaction_manager_handle: HANDLE) -> NTSTATUS: ...


def NtRegisterProtocolAddressInformation(
    k: Kernel,
    resource_manager: HANDLE,
    protocol_id: In[GUID],
    protocol_information_size: ULONG,
    protocol_information: PVOID,
    create_options: ULONG,
) -> NTSTATUS: ...


def NtRenameTransactionManager(
    k: Kernel, log_file_name: In[UNICODE_STRING], existing_transaction_manager_guid: In[GUID]
) -> NTSTATUS: ...


def NtRollbackComplete(
    k: Kernel, enlistment_handle: HANDLE, tm_virtual_clock: In[LARGE_INTEGER] | None
) -> NTSTATUS: ...


def NtRollbackEnlistment(
    k: Kernel, enlistment_handle: HANDLE, tm_virtual_clock: In[LARGE_INTEGER] | None
) -> NTSTATUS: ...


def NtRollbackTransaction(k: Kernel, transaction_handle: HANDLE, wait: BOOLEAN) -> NTSTATUS: ...


def NtRollforwardTransactionManager(
    k: Kernel, transaction_manager_handle: HANDLE, tm_virtual_clock: In[LARGE_INTEGER] | None
) -> NTSTATUS: ...


def NtSetInformationEnlistment(
    k: Kernel,
    enlistment_handle: HANDLE,
    enlistment_information_class: ULONG,
    enlistment_information: PVOID,
    enlistment_information_length: ULONG,
) -> NTSTATUS: ...


def NtSetInformationResourceManager(
    k: Kernel,
    resource_manager_handle: HANDLE,
    resource_manager_information_class: ULONG,
    resource_manager_information: PVOID,
    resource_manager_information_length: ULONG,
) -> NTSTATUS: ...


def NtSetInformationTransaction(
    k: Kernel,
    transaction_handle: HANDLE,
    transaction_information_class: ULONG,
    transaction_information: PVOID,
    transaction_information_length: ULONG,
) -> NTSTATUS: ...


def NtSetInformationTransactionManager(
    k: Kernel,
    tm_handle: HANDLE,
    transaction_manager_information_class: ULONG,
    transaction_manager_information: PVOID,
    transaction_manager_information_length: ULONG,
) -> NTSTATUS: ...


def NtSinglePhaseReject(
    k: Kernel, enlistment_handle: HANDLE, tm_virtual_clock: In[LARGE_INTEGER] | None
) -> NTSTATUS: ...


def NtThawTransactions(k: Kernel) -> NTSTATUS: ...
