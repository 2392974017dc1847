"""Plug and play, and the last known good configuration (nt!Pp*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntpnpapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID, ULONG, In, Unconverted
from wowsim.nt.structures import UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtDisableLastKnownGood(k: Kernel) -> NTSTATUS: ...


def NtEnableLastKnownGood(k: Kernel) -> NTSTATUS: ...


def NtGetPlugPlayEvent(
    k: Kernel,
    event_handle: HANDLE,
    context: PVOID,
    event_block: Annotated[PVOID, Unconverted("PLUGPLAY_EVENT_BLOCK")],
    event_buffer_size: ULONG,
) -> NTSTATUS: ...


def NtPlugPlayControl(
    k: Kernel, pn_p_control_class: ULONG, pn_p_control_data: PVOID, pn_p_control_data_length: ULONG
) -> NTSTATUS: ...


def NtReplacePartitionUnit(
    k: Kernel, target_instance_path: In[UNICODE_STRING], spare_instance_path: In[UNICODE_STRING], flags: ULONG
) -> NTSTATUS: ...


def NtSerializeBoot(k: Kernel) -> NTSTATUS: ...
