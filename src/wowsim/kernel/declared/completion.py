"""I/O completion ports and wait completion packets.

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntioapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.nt.abi import (
    ACCESS_MASK,
    BOOLEAN,
    HANDLE,
    NTSTATUS,
    PVOID,
    ULONG_PTR,
    In,
    Out,
)
from wowsim.nt.structures import OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtAssociateWaitCompletionPacket(
    k: Kernel,
    wait_completion_packet_handle: HANDLE,
    io_completion_handle: HANDLE,
    target_object_handle: HANDLE,
    key_context: PVOID,
    apc_context: PVOID,
    io_status: NTSTATUS,
    io_status_information: ULONG_PTR,
    already_signaled: Out[BOOLEAN] | None,
) -> NTSTATUS: ...


def NtCancelWaitCompletionPacket(
    k: Kernel, wait_completion_packet_handle: HANDLE, remove_signaled_packet: BOOLEAN
) -> NTSTATUS: ...


def NtCreateWaitCompletionPacket(
    k: Kernel,
    wait_completion_packet_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
) -> NTSTATUS: ...
