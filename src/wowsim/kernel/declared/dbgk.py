"""Debug objects, debug output filters and the kernel debugger (nt!Dbgk*, nt!Kd*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntdbg.h, ntkeapi.h, ntexapi.h.
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
    In,
    Out,
    Unconverted,
)
from wowsim.nt.structures import CLIENT_ID, OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtCreateDebugObject(
    k: Kernel,
    debug_object_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    flags: ULONG,
) -> NTSTATUS: ...


def NtDebugActiveProcess(k: Kernel, process_handle: HANDLE, debug_object_handle: HANDLE) -> NTSTATUS: ...


def NtDebugContinue(
    k: Kernel, debug_object_handle: HANDLE, client_id: In[CLIENT_ID], continue_status: NTSTATUS
) -> NTSTATUS: ...


def NtQueryDebugFilterState(k: Kernel, component_id: ULONG, level: ULONG) -> NTSTATUS: ...


def NtRemoveProcessDebug(k: Kernel, process_handle: HANDLE, debug_object_handle: HANDLE) -> NTSTATUS: ...


def NtSetDebugFilterState(k: Kernel, component_id: ULONG, level: ULONG, state: BOOLEAN) -> NTSTATUS: ...


def NtSetInformationDebugObject(
    k: Kernel,
    debug_object_handle: HANDLE,
    debug_object_information_class: ULONG,
    debug_information: PVOID,
    debug_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtSystemDebugControl(
    k: Kernel,
    command: ULONG,
    input_buffer: PVOID,
    input_buffer_length: ULONG,
    output_buffer: PVOID,
    output_buffer_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtWaitForDebugEvent(
    k: Kernel,
    debug_object_handle: HANDLE,
    alertable: BOOLEAN,
    timeout: In[LARGE_INTEGER] | None,
    wait_state_change: Annotated[PVOID, Unconverted("DBGUI_WAIT_STATE_CHANGE")],
) -> NTSTATUS: ...
