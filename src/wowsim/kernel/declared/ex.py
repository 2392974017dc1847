"""What else the executive offers: atoms, identifiers, errors, licences, sessions, system information (nt!Ex*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntexapi.h, ntmisc.h, ntregapi.h, ntd3dkmt.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wowsim.nt.abi import (
    ACCESS_MASK,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PVOID,
    ULONG,
    ULONGLONG,
    USHORT,
    In,
    InOut,
    Out,
    Unconverted,
)
from wowsim.nt.structures import OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtAddAtom(k: Kernel, atom_name: PVOID, length: ULONG, atom: Out[USHORT] | None) -> NTSTATUS: ...


def NtAddAtomEx(
    k: Kernel, atom_name: PVOID, length: ULONG, atom: Out[USHORT] | None, flags: ULONG
) -> NTSTATUS: ...


def NtAllocateUuids(
    k: Kernel, time: Out[ULONGLONG], range: Out[ULONG], sequence: Out[ULONG], seed: PVOID
) -> NTSTATUS: ...


def NtApphelpCacheControl(
    k: Kernel, service_class: ULONG, service_context: Annotated[PVOID, Unconverted("AHC_SERVICE_DATA")]
) -> NTSTATUS: ...


def NtDeleteAtom(k: Kernel, atom: USHORT) -> NTSTATUS: ...


def NtDirectGraphicsCall(
    k: Kernel,
    input_buffer_length: ULONG,
    input_buffer: PVOID,
    output_buffer_length: ULONG,
    output_buffer: PVOID,
    return_length: Out[ULONG],
) -> NTSTATUS: ...


def NtDisplayString(k: Kernel, string: In[UNICODE_STRING]) -> NTSTATUS: ...


def NtDrawText(k: Kernel, text: In[UNICODE_STRING]) -> NTSTATUS: ...


def NtFindAtom(k: Kernel, atom_name: PVOID, length: ULONG, atom: Out[USHORT] | None) -> NTSTATUS: ...


def NtLockProductActivationKeys(
    k: Kernel, p_private_ver: InOut[ULONG] | None, p_safe_mode: Out[ULONG] | None
) -> NTSTATUS: ...


def NtOpenSession(
    k: Kernel,
    session_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS: ...


def NtQueryInformationAtom(
    k: Kernel,
    atom: USHORT,
    atom_information_class: ULONG,
    atom_information: PVOID,
    atom_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtQueryLicenseValue(
    k: Kernel,
    value_name: In[UNICODE_STRING],
    type: Out[ULONG] | None,
    data: PVOID,
    data_size: ULONG,
    result_data_size: Out[ULONG],
) -> NTSTATUS: ...


def NtQuerySystemInformationEx(
    k: Kernel,
    system_information_class: ULONG,
    input_buffer: PVOID,
    input_buffer_length: ULONG,
    system_information: PVOID,
    system_information_length: ULONG,
    return_length: Out[ULONG] | None,
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


def NtSetSystemInformation(
    k: Kernel, system_information_class: ULONG, system_information: PVOID, system_information_length: ULONG
) -> NTSTATUS: ...


def NtSetSystemTime(
    k: Kernel, system_time: In[LARGE_INTEGER] | None, previous_time: Out[LARGE_INTEGER] | None
) -> NTSTATUS: ...


def NtSetUuidSeed(k: Kernel, seed: PVOID) -> NTSTATUS: ...
