"""Power, sleep and shutdown (nt!Po*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntpoapi.h, ntexapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.nt.abi import BOOLEAN, HANDLE, NTSTATUS, PVOID, ULONG, Out

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtCancelDeviceWakeupRequest(k: Kernel, device_handle: HANDLE) -> NTSTATUS:
    """No public signature; the argument is the device's handle (unverified)."""


def NtGetDevicePowerState(k: Kernel, device: HANDLE, state: Out[ULONG]) -> NTSTATUS: ...


def NtInitiatePowerAction(
    k: Kernel, system_action: ULONG, lightest_system_state: ULONG, flags: ULONG, asynchronous: BOOLEAN
) -> NTSTATUS: ...


def NtIsSystemResumeAutomatic(k: Kernel) -> BOOLEAN: ...


def NtPowerInformation(
    k: Kernel,
    information_level: ULONG,
    input_buffer: PVOID,
    input_buffer_length: ULONG,
    output_buffer: PVOID,
    output_buffer_length: ULONG,
) -> NTSTATUS: ...


def NtRequestDeviceWakeup(k: Kernel, device_handle: HANDLE) -> NTSTATUS:
    """No public signature; the argument is the device's handle (unverified)."""


def NtRequestWakeupLatency(k: Kernel, latency: ULONG) -> NTSTATUS: ...


def NtSetSystemPowerState(
    k: Kernel, system_action: ULONG, lightest_system_state: ULONG, flags: ULONG
) -> NTSTATUS: ...


def NtSetThreadExecutionState(k: Kernel, new_flags: ULONG, previous_flags: Out[ULONG]) -> NTSTATUS: ...


def NtShutdownSystem(k: Kernel, action: ULONG) -> NTSTATUS: ...
