"""Power, sleep and shutdown (nt!Po*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntpoapi.h, ntexapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.nt.abi import HANDLE, NTSTATUS, ULONG, Out

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtCancelDeviceWakeupRequest(k: Kernel, device_handle: HANDLE) -> NTSTATUS:
    """No public signature; the argument is the device's handle (unverified)."""


def NtGetDevicePowerState(k: Kernel, device: HANDLE, state: Out[ULONG]) -> NTSTATUS: ...


def NtRequestDeviceWakeup(k: Kernel, device_handle: HANDLE) -> NTSTATUS:
    """No public signature; the argument is the device's handle (unverified)."""


def NtRequestWakeupLatency(k: Kernel, latency: ULONG) -> NTSTATUS: ...
