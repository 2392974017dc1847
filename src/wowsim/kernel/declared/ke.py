"""Event pairs, timers, profiles, counters, contexts and callbacks (nt!Ke* and the executive objects near it).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntexapi.h, ntkeapi.h, ntxcapi.h, ntpsapi.h,
ntmisc.h.
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
    SIZE_T,
    ULONG,
    ULONG_PTR,
    ULONGLONG,
    USHORT,
    Array,
    In,
    Out,
)
from wowsim.nt.executive_structures import GROUP_AFFINITY, GUID, T2_SET_PARAMETERS
from wowsim.nt.structures import OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtAcquireCrossVmMutant(k: Kernel, cross_vm_mutant: HANDLE, timeout: In[LARGE_INTEGER]) -> NTSTATUS: ...


def NtCallbackReturn(k: Kernel, output_buffer: PVOID, output_length: ULONG, status: NTSTATUS) -> NTSTATUS: ...


def NtCancelTimer2(k: Kernel, timer_handle: HANDLE, parameters: PVOID) -> NTSTATUS: ...


def NtConvertBetweenAuxiliaryCounterAndPerformanceCounter(
    k: Kernel,
    convert_auxiliary_to_performance_counter: BOOLEAN,
    performance_or_auxiliary_counter_value: In[ULONGLONG],
    converted_value: Out[ULONGLONG],
    conversion_error: Out[ULONGLONG] | None,
) -> NTSTATUS: ...


def NtCreateCrossVmEvent(
    k: Kernel,
    cross_vm_event: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    cross_vm_event_flags: ULONG,
    vmid: In[GUID],
    service_id: In[GUID],
) -> NTSTATUS: ...


def NtCreateCrossVmMutant(
    k: Kernel,
    event_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    cross_vm_event_flags: ULONG,
    vmid: In[GUID],
    service_id: In[GUID],
) -> NTSTATUS: ...


def NtCreateEventPair(
    k: Kernel,
    event_pair_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
) -> NTSTATUS: ...


def NtCreateIRTimer(
    k: Kernel, timer_handle: Out[HANDLE], timer_id: In[ULONG], desired_access: ACCESS_MASK
) -> NTSTATUS:
    """``timer_id`` since Windows 10 1703 (see ``nt.forms``)."""


def NtCreateProfile(
    k: Kernel,
    profile_handle: Out[HANDLE],
    process: HANDLE,
    profile_base: PVOID,
    profile_size: SIZE_T,
    bucket_size: ULONG,
    buffer: PVOID,
    buffer_size: ULONG,
    profile_source: ULONG,
    affinity: ULONG_PTR,
) -> NTSTATUS: ...


def NtCreateProfileEx(
    k: Kernel,
    profile_handle: Out[HANDLE],
    process: HANDLE,
    profile_base: PVOID,
    profile_size: SIZE_T,
    bucket_size: ULONG,
    buffer: PVOID,
    buffer_size: ULONG,
    profile_source: ULONG,
    group_count: USHORT,
    group_affinity: Annotated[PVOID, Array(GROUP_AFFINITY, "group_count")],
) -> NTSTATUS: ...


def NtCreateTimer2(
    k: Kernel,
    timer_handle: Out[HANDLE],
    timer_id: In[ULONG] | None,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    attributes: ULONG,
    desired_access: ACCESS_MASK,
) -> NTSTATUS: ...


def NtOpenEventPair(
    k: Kernel,
    event_pair_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS: ...


def NtQueryAuxiliaryCounterFrequency(k: Kernel, auxiliary_counter_frequency: Out[ULONGLONG]) -> NTSTATUS: ...


def NtQueryIntervalProfile(k: Kernel, profile_source: ULONG, interval: Out[ULONG]) -> NTSTATUS: ...


def NtSetEventBoostPriority(k: Kernel, event_handle: HANDLE) -> NTSTATUS: ...


def NtSetEventEx(k: Kernel, thread_id: HANDLE, lock: PVOID) -> NTSTATUS: ...


def NtSetHighEventPair(k: Kernel, event_pair_handle: HANDLE) -> NTSTATUS: ...


def NtSetHighWaitLowEventPair(k: Kernel, event_pair_handle: HANDLE) -> NTSTATUS: ...


def NtSetIRTimer(k: Kernel, timer_handle: HANDLE, due_time: In[LARGE_INTEGER] | None) -> NTSTATUS: ...


def NtSetIntervalProfile(k: Kernel, interval: ULONG, source: ULONG) -> NTSTATUS: ...


def NtSetLowEventPair(k: Kernel, event_pair_handle: HANDLE) -> NTSTATUS: ...


def NtSetLowWaitHighEventPair(k: Kernel, event_pair_handle: HANDLE) -> NTSTATUS: ...


def NtSetTimer2(
    k: Kernel,
    timer_handle: HANDLE,
    due_time: In[LARGE_INTEGER],
    period: In[LARGE_INTEGER] | None,
    parameters: In[T2_SET_PARAMETERS] | None,
) -> NTSTATUS: ...


def NtSetTimerEx(
    k: Kernel,
    timer_handle: HANDLE,
    timer_set_information_class: ULONG,
    timer_set_information: PVOID,
    timer_set_information_length: ULONG,
) -> NTSTATUS: ...


def NtStartProfile(k: Kernel, profile_handle: HANDLE) -> NTSTATUS: ...


def NtStopProfile(k: Kernel, profile_handle: HANDLE) -> NTSTATUS: ...


def NtUmsThreadYield(k: Kernel, scheduler_param: PVOID) -> NTSTATUS: ...


def NtWaitHighEventPair(k: Kernel, event_pair_handle: HANDLE) -> NTSTATUS: ...


def NtWaitLowEventPair(k: Kernel, event_pair_handle: HANDLE) -> NTSTATUS: ...
