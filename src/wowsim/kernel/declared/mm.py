"""Virtual and physical memory, sections, hot patches and the mapped cache of MUI files (the memory manager, nt!Mm*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntmmapi.h, ntexapi.h.
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
    SIZE_T,
    ULONG,
    ULONG_PTR,
    ULONGLONG,
    Array,
    In,
    InOut,
    Out,
    Unconverted,
)
from wowsim.nt.executive_structures import MEMORY_RANGE_ENTRY
from wowsim.nt.structures import OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtAcquireCMFViewOwnership(
    k: Kernel, time_stamp: Out[ULONGLONG], token_taken: Out[BOOLEAN], replace_existing: BOOLEAN
) -> NTSTATUS: ...


def NtAllocateUserPhysicalPages(
    k: Kernel,
    process_handle: HANDLE,
    number_of_pages: InOut[SIZE_T],
    user_pfn_array: Annotated[PVOID, Unconverted("ULONG_PTR array")],
) -> NTSTATUS: ...


def NtAllocateUserPhysicalPagesEx(
    k: Kernel,
    process_handle: HANDLE,
    number_of_pages: InOut[ULONG_PTR],
    user_pfn_array: Annotated[PVOID, Unconverted("ULONG_PTR array")],
    extended_parameters: Annotated[PVOID, Unconverted("MEM_EXTENDED_PARAMETER")],
    extended_parameter_count: ULONG,
) -> NTSTATUS: ...


def NtAllocateVirtualMemoryEx(
    k: Kernel,
    process_handle: HANDLE,
    base_address: InOut[PVOID],
    region_size: InOut[SIZE_T],
    allocation_type: ULONG,
    page_protection: ULONG,
    extended_parameters: Annotated[PVOID, Unconverted("MEM_EXTENDED_PARAMETER")],
    extended_parameter_count: ULONG,
) -> NTSTATUS: ...


def NtAreMappedFilesTheSame(
    k: Kernel, file1_mapped_as_an_image: PVOID, file2_mapped_as_file: PVOID
) -> NTSTATUS: ...


def NtCreatePagingFile(
    k: Kernel,
    page_file_name: In[UNICODE_STRING],
    minimum_size: In[LARGE_INTEGER],
    maximum_size: In[LARGE_INTEGER],
    priority: ULONG,
) -> NTSTATUS: ...


def NtCreateSectionEx(
    k: Kernel,
    section_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    maximum_size: In[LARGE_INTEGER] | None,
    section_page_protection: ULONG,
    allocation_attributes: ULONG,
    file_handle: HANDLE,
    extended_parameters: Annotated[PVOID, Unconverted("MEM_EXTENDED_PARAMETER")],
    extended_parameter_count: ULONG,
) -> NTSTATUS: ...


def NtFlushWriteBuffer(k: Kernel) -> NTSTATUS: ...


def NtFreeUserPhysicalPages(
    k: Kernel,
    process_handle: HANDLE,
    number_of_pages: InOut[ULONG_PTR],
    user_pfn_array: Annotated[PVOID, Unconverted("ULONG_PTR array")],
) -> NTSTATUS: ...


def NtGetWriteWatch(
    k: Kernel,
    process_handle: HANDLE,
    flags: ULONG,
    base_address: PVOID,
    region_size: SIZE_T,
    user_address_array: Annotated[PVOID, Unconverted("PVOID array")],
    entries_in_user_address_array: InOut[ULONG_PTR],
    granularity: Out[ULONG],
) -> NTSTATUS: ...


def NtLoadHotPatch(k: Kernel, argument1: ULONG_PTR, argument2: ULONG_PTR) -> NTSTATUS:
    """No public signature: numbered arguments of the published count."""


def NtLockVirtualMemory(
    k: Kernel, process_handle: HANDLE, base_address: InOut[PVOID], region_size: InOut[SIZE_T], map_type: ULONG
) -> NTSTATUS: ...


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


def NtMapUserPhysicalPages(
    k: Kernel, virtual_address: PVOID, number_of_pages: SIZE_T, user_pfn_array: PVOID
) -> NTSTATUS:
    """The array of page numbers goes through a turbo thunk, which converts nothing (wow64-facts section 4)."""


def NtMapUserPhysicalPagesScatter(
    k: Kernel, virtual_addresses: PVOID, number_of_pages: SIZE_T, user_pfn_array: PVOID
) -> NTSTATUS:
    """Both arrays go through a turbo thunk, which converts nothing (wow64-facts section 4)."""


def NtMapViewOfSectionEx(
    k: Kernel,
    section_handle: HANDLE,
    process_handle: HANDLE,
    base_address: InOut[PVOID],
    section_offset: InOut[LARGE_INTEGER] | None,
    view_size: InOut[SIZE_T],
    allocation_type: ULONG,
    page_protection: ULONG,
    extended_parameters: Annotated[PVOID, Unconverted("MEM_EXTENDED_PARAMETER")],
    extended_parameter_count: ULONG,
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


def NtResetWriteWatch(
    k: Kernel, process_handle: HANDLE, base_address: PVOID, region_size: SIZE_T
) -> NTSTATUS: ...


def NtSetInformationVirtualMemory(
    k: Kernel,
    process_handle: HANDLE,
    vm_information_class: ULONG,
    number_of_entries: SIZE_T,
    virtual_addresses: Annotated[PVOID, Array(MEMORY_RANGE_ENTRY, "number_of_entries")],
    vm_information: PVOID,
    vm_information_length: ULONG,
) -> NTSTATUS: ...


def NtUnlockVirtualMemory(
    k: Kernel, process_handle: HANDLE, base_address: InOut[PVOID], region_size: InOut[SIZE_T], map_type: ULONG
) -> NTSTATUS: ...


def NtUnmapViewOfSectionEx(
    k: Kernel, process_handle: HANDLE, base_address: PVOID, flags: ULONG
) -> NTSTATUS: ...
