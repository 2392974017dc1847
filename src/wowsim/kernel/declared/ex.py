"""What else the executive offers: atoms, identifiers, errors, licences, sessions, system information (nt!Ex*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntexapi.h, ntmisc.h, ntregapi.h, ntd3dkmt.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wowsim.nt.abi import (
    ACCESS_MASK,
    HANDLE,
    NTSTATUS,
    PVOID,
    ULONG,
    In,
    InOut,
    Out,
    Unconverted,
)
from wowsim.nt.structures import OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtApphelpCacheControl(
    k: Kernel, service_class: ULONG, service_context: Annotated[PVOID, Unconverted("AHC_SERVICE_DATA")]
) -> NTSTATUS: ...


def NtDirectGraphicsCall(
    k: Kernel,
    input_buffer_length: ULONG,
    input_buffer: PVOID,
    output_buffer_length: ULONG,
    output_buffer: PVOID,
    return_length: Out[ULONG],
) -> NTSTATUS: ...


def NtDrawText(k: Kernel, text: In[UNICODE_STRING]) -> NTSTATUS: ...


def NtLockProductActivationKeys(
    k: Kernel, p_private_ver: InOut[ULONG] | None, p_safe_mode: Out[ULONG] | None
) -> NTSTATUS: ...


def NtOpenSession(
    k: Kernel,
    session_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS: ...


def NtRaiseHardError(
    k: Kernel,
    error_status: NTSTATUS,
    number_of_parameters: ULONG,
    unicode_string_parameter_mask: ULONG,
    parameters: Annotated[PVOID, Unconverted("hard error parameters")],
    valid_response_options: ULONG,
    response: Out[ULONG],
) -> NTSTATUS: ...


def NtSetDefaultHardErrorPort(k: Kernel, default_hard_error_port: HANDLE) -> NTSTATUS: ...
