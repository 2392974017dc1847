"""Virtual and physical memory, sections, hot patches and the mapped cache of MUI files (the memory manager, nt!Mm*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntmmapi.h, ntexapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wowsim.nt.abi import (
    BOOLEAN,
    HANDLE,
    NTSTATUS,
    PVOID,
    SIZE_T,
    ULONG,
    ULONG_PTR,
    ULONGLONG,
    InOut,
    Out,
    Unconverted,
)

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtAcquireCMFViewOwnership(
    k: Kernel, time_stamp: Out[ULONGLONG], token_taken: Out[BOOLEAN], replace_existing: BOOLEAN
) -> NTSTATUS: ...


def NtAllocateUserPhysicalPagesEx(
    k: Kernel,
    process_handle: HANDLE,
    number_of_pages: InOut[ULONG_PTR],
    user_pfn_array: Annotated[PVOID, Unconverted("ULONG_PTR array")],
    extended_parameters: Annotated[PVOID, Unconverted("MEM_EXTENDED_PARAMETER")],
    extended_parameter_count: ULONG,
) -> NTSTATUS: ...


def NtFlushWriteBuffer(k: Kernel) -> NTSTATUS: ...


def NtLoadHotPatch(k: Kernel, argument1: ULONG_PTR, argument2: ULONG_PTR) -> NTSTATUS:
    """No public signature: numbered arguments of the published count."""


def NtManageHotPatch(
    k: Kernel,
    hot_patch_information_class: ULONG,
    hot_patch_information: PVOID,
    hot_patch_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtMapCMFModule(
    k: Kernel,
    what: ULONG,
    index: ULONG,
    cache_index_out: Out[ULONG] | None,
    cache_flags_out: Out[ULONG] | None,
    view_size_out: Out[ULONG] | None,
    base_address: Out[PVOID] | None,
) -> NTSTATUS: ...


def NtReadVirtualMemoryEx(
    k: Kernel,
    process_handle: HANDLE,
    base_address: PVOID,
    buffer: PVOID,
    number_of_bytes_to_read: SIZE_T,
    number_of_bytes_read: Out[SIZE_T] | None,
    flags: ULONG,
) -> NTSTATUS: ...


def NtReleaseCMFViewOwnership(k: Kernel) -> NTSTATUS: ...
