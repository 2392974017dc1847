"""Processes and threads (the process manager, nt!Ps*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntpsapi.h, ntmisc.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wowsim.nt.abi import (
    ACCESS_MASK,
    BOOLEAN,
    HANDLE,
    NTSTATUS,
    PVOID,
    SIZE_T,
    ULONG,
    Array,
    In,
    Out,
    Unconverted,
)
from wowsim.nt.structures import OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtAcquireProcessActivityReference(
    k: Kernel,
    activity_reference_handle: Out[HANDLE],
    parent_process_handle: HANDLE,
    process_activity_type: ULONG,
) -> NTSTATUS: ...


def NtAlertMultipleThreadByThreadId(
    k: Kernel,
    multiple_thread_id: Annotated[PVOID, Array(HANDLE, "count")],
    count: ULONG,
    extended_parameters: Annotated[PVOID, Unconverted("PS_ALERT_THREAD_EXTENDED_PARAMETER")],
    extended_parameter_count: ULONG,
) -> NTSTATUS: ...


def NtAlertThreadByThreadIdEx(k: Kernel, thread_id: HANDLE, lock: PVOID) -> NTSTATUS: ...


def NtAllocateReserveObject(
    k: Kernel, memory_reserve_handle: Out[HANDLE], object_attributes: In[OBJECT_ATTRIBUTES], type: ULONG
) -> NTSTATUS: ...


def NtChangeProcessState(
    k: Kernel,
    process_state_change_handle: HANDLE,
    process_handle: HANDLE,
    state_change_type: ULONG,
    extended_information: PVOID,
    extended_information_length: SIZE_T,
    reserved: ULONG,
) -> NTSTATUS: ...


def NtChangeThreadState(
    k: Kernel,
    thread_state_change_handle: HANDLE,
    thread_handle: HANDLE,
    state_change_type: ULONG,
    extended_information: PVOID,
    extended_information_length: SIZE_T,
    reserved: ULONG,
) -> NTSTATUS: ...


def NtCreateProcess(
    k: Kernel,
    process_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    parent_process: HANDLE,
    inherit_object_table: BOOLEAN,
    section_handle: HANDLE,
    debug_port: HANDLE,
    token_handle: HANDLE,
) -> NTSTATUS: ...


def NtCreateProcessEx(
    k: Kernel,
    process_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    parent_process: HANDLE,
    flags: ULONG,
    section_handle: HANDLE,
    debug_port: HANDLE,
    token_handle: HANDLE,
    reserved: ULONG,
) -> NTSTATUS: ...


def NtCreateProcessStateChange(
    k: Kernel,
    process_state_change_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    process_handle: HANDLE,
    reserved: ULONG,
) -> NTSTATUS: ...


def NtCreateThreadStateChange(
    k: Kernel,
    thread_state_change_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    thread_handle: HANDLE,
    reserved: ULONG,
) -> NTSTATUS: ...


def NtPssCaptureVaSpaceBulk(
    k: Kernel,
    process_handle: HANDLE,
    base_address: PVOID,
    bulk_information: Annotated[PVOID, Unconverted("NTPSS_MEMORY_BULK_INFORMATION")],
    bulk_information_length: SIZE_T,
    return_length: Out[SIZE_T] | None,
) -> NTSTATUS: ...


def NtQueueApcThreadEx(
    k: Kernel,
    thread_handle: HANDLE,
    reserve_handle: HANDLE,
    apc_routine: PVOID,
    apc_argument1: PVOID,
    apc_argument2: PVOID,
    apc_argument3: PVOID,
) -> NTSTATUS: ...


def NtQueueApcThreadEx2(
    k: Kernel,
    thread_handle: HANDLE,
    reserve_handle: HANDLE,
    apc_flags: ULONG,
    apc_routine: PVOID,
    apc_argument1: PVOID,
    apc_argument2: PVOID,
    apc_argument3: PVOID,
) -> NTSTATUS: ...


def NtRevertContainerImpersonation(k: Kernel) -> NTSTATUS: ...


def NtVdmControl(k: Kernel, service: ULONG, service_data: PVOID) -> NTSTATUS: ...
