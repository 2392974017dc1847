"""The Windows notification facility (nt!ExpWnf*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntexapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.nt.abi import (
    BOOLEAN,
    HANDLE,
    NTSTATUS,
    PSECURITY_DESCRIPTOR,
    PVOID,
    ULONG,
    ULONG_PTR,
    ULONGLONG,
    In,
    InOut,
    Out,
)
from wowsim.nt.executive_structures import GUID, WNF_STATE_NAME

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtCreateWnfStateName(
    k: Kernel,
    state_name: Out[WNF_STATE_NAME],
    name_lifetime: ULONG,
    data_scope: ULONG,
    persist_data: BOOLEAN,
    type_id: In[GUID] | None,
    maximum_state_size: ULONG,
    security_descriptor: PSECURITY_DESCRIPTOR,
) -> NTSTATUS: ...


def NtDeleteWnfStateData(k: Kernel, state_name: In[WNF_STATE_NAME], explicit_scope: PVOID) -> NTSTATUS: ...


def NtDeleteWnfStateName(k: Kernel, state_name: In[WNF_STATE_NAME]) -> NTSTATUS: ...


def NtGetCompleteWnfStateSubscription(
    k: Kernel,
    old_descriptor_state_name: In[WNF_STATE_NAME] | None,
    old_subscription_id: In[ULONGLONG] | None,
    old_descriptor_event_mask: ULONG,
    old_descriptor_status: ULONG,
    new_delivery_descriptor: PVOID,
    descriptor_size: ULONG,
) -> NTSTATUS: ...


def NtQueryWnfStateData(
    k: Kernel,
    state_name: In[WNF_STATE_NAME],
    type_id: In[GUID] | None,
    explicit_scope: PVOID,
    change_stamp: Out[ULONG],
    buffer: PVOID,
    buffer_length: InOut[ULONG],
) -> NTSTATUS: ...


def NtQueryWnfStateNameInformation(
    k: Kernel,
    state_name: In[WNF_STATE_NAME],
    name_info_class: ULONG,
    explicit_scope: PVOID,
    buffer: PVOID,
    buffer_length: ULONG,
) -> NTSTATUS: ...


def NtSetWnfProcessNotificationEvent(k: Kernel, notification_event: HANDLE) -> NTSTATUS: ...


def NtSubscribeWnfStateChange(
    k: Kernel,
    state_name: In[WNF_STATE_NAME],
    change_stamp: ULONG,
    event_mask: ULONG,
    subscription_id: Out[ULONGLONG] | None,
) -> NTSTATUS: ...


def NtUnsubscribeWnfStateChange(k: Kernel, state_name: In[WNF_STATE_NAME]) -> NTSTATUS: ...


def NtUpdateWnfStateData(
    k: Kernel,
    state_name: In[WNF_STATE_NAME],
    buffer: PVOID,
    length: ULONG,
    type_id: In[GUID] | None,
    explicit_scope: PVOID,
    matching_change_stamp: ULONG,
    check_stamp: ULONG,
) -> NTSTATUS: ...


def NtWaitForWnfNotifications(k: Kernel, argument1: ULONG_PTR, argument2: ULONG_PTR) -> NTSTATUS:
    """No public signature: numbered arguments of the published count."""
