"""Enclaves.

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntmmapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID, SIZE_T, ULONG, ULONG_PTR, InOut, Out

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtCallEnclave(
    k: Kernel, routine: PVOID, reserved: PVOID, flags: ULONG, routine_param_return: InOut[PVOID]
) -> NTSTATUS: ...


def NtCreateEnclave(
    k: Kernel,
    process_handle: HANDLE,
    base_address: InOut[PVOID],
    zero_bits: ULONG_PTR,
    size: SIZE_T,
    initial_commitment: SIZE_T,
    enclave_type: ULONG,
    enclave_information: PVOID,
    enclave_information_length: ULONG,
    enclave_error: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtInitializeEnclave(
    k: Kernel,
    process_handle: HANDLE,
    base_address: PVOID,
    enclave_information: PVOID,
    enclave_information_length: ULONG,
    enclave_error: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtLoadEnclaveData(
    k: Kernel,
    process_handle: HANDLE,
    base_address: PVOID,
    buffer: PVOID,
    buffer_size: SIZE_T,
    protect: ULONG,
    page_information: PVOID,
    page_information_length: ULONG,
    number_of_bytes_written: Out[SIZE_T] | None,
    enclave_error: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtTerminateEnclave(k: Kernel, base_address: PVOID, flags: ULONG) -> NTSTATUS: ...
