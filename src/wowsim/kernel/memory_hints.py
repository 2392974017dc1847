"""Locking, watching and advising: memory services that change no contents (nt!Mm).

Statuses where Microsoft Learn's Win32 functions name none are unverified. Leaves out physical pages of one's own (AWE),
for which no token here has the privilege. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from typing import Annotated

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.context import Kernel
from wowsim.kernel.memory import PROCESS_VM_OPERATION
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Process
from wowsim.memory.vad import Vad, VadKind
from wowsim.nt.abi import (
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PVOID,
    SIZE_T,
    ULONG,
    ULONG_PTR,
    Array,
    In,
    InOut,
    Out,
    encode,
    size_of,
)
from wowsim.nt.memory_structures import MEMORY_RANGE_ENTRY
from wowsim.nt.status import (
    STATUS_CONFLICTING_ADDRESSES,
    STATUS_INVALID_ADDRESS,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_PARAMETER_1,
    STATUS_INVALID_PARAMETER_2,
    STATUS_INVALID_PARAMETER_3,
    STATUS_INVALID_PARAMETER_5,
    STATUS_INVALID_PARAMETER_6,
    STATUS_NOT_SAME_DEVICE,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import UNICODE_STRING

MAP_PROCESS, MAP_SYSTEM = 1, 2
WRITE_WATCH_FLAG_RESET = 1
_ADVICE = {
    0: "VmPrefetchInformation",
    1: "VmPagePriorityInformation",
    2: "VmCfgCallTargetInformation",
    3: "VmPageDirtyStateInformation",
    4: "VmImageHotPatchInformation",
    5: "VmPhysicalContiguityInformation",
    6: "VmVirtualMachinePrepopulateInformation",
    7: "VmRemoveFromWorkingSetInformation",
}
"""VIRTUAL_MEMORY_INFORMATION_CLASS (phnt)."""


# ---------------------------------------------------------------- locking
def _check_lock(k: Kernel, process_handle: int, map_type: int) -> None:
    """MAP_SYSTEM takes SeLockMemoryPrivilege."""
    if map_type & ~(MAP_PROCESS | MAP_SYSTEM) or not map_type:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    if map_type & MAP_SYSTEM:
        raise GuestFault(STATUS_PRIVILEGE_NOT_HELD)
    k.handles.lookup(process_handle, Process, PROCESS_VM_OPERATION)


@service(Support.PARTIAL, "no quota: as much can be locked as is committed")
def NtLockVirtualMemory(
    k: Kernel,
    process_handle: HANDLE,
    base_address: InOut[PVOID],
    region_size: InOut[SIZE_T],
    map_type: ULONG,
) -> NTSTATUS:
    """Lock pages into the working set; STATUS_WAS_LOCKED where one of them is already."""
    _check_lock(k, process_handle, map_type)
    base, size, status = k.space.lock(base_address.value, region_size.value)
    base_address.set(PVOID(base))
    region_size.set(SIZE_T(size))
    return NTSTATUS(status)


@service(Support.FULL)
def NtUnlockVirtualMemory(
    k: Kernel,
    process_handle: HANDLE,
    base_address: InOut[PVOID],
    region_size: InOut[SIZE_T],
    map_type: ULONG,
) -> NTSTATUS:
    """Unlock pages."""
    _check_lock(k, process_handle, map_type)
    base, size = k.space.unlock(base_address.value, region_size.value)
    base_address.set(PVOID(base))
    region_size.set(SIZE_T(size))
    return STATUS_SUCCESS


# ---------------------------------------------------------------- watching
@service(Support.FULL)
def NtGetWriteWatch(
    k: Kernel,
    process_handle: HANDLE,
    flags: ULONG,
    base_address: PVOID,
    region_size: SIZE_T,
    user_address_array: PVOID,
    entries_in_user_address_array: InOut[ULONG_PTR],
    granularity: Out[ULONG],
) -> NTSTATUS:
    """Which pages of a MEM_WRITE_WATCH region were written; with the flag they are watched anew."""
    k.handles.lookup(process_handle, Process, PROCESS_VM_OPERATION)
    limit = entries_in_user_address_array.value
    if flags & ~WRITE_WATCH_FLAG_RESET:
        return STATUS_INVALID_PARAMETER_2
    if limit == 0:
        return STATUS_INVALID_PARAMETER_5
    found = k.space.written(base_address, region_size, limit)
    if found:
        k.memory.write(user_address_array, b"".join(encode(PVOID, k.width, each) for each in found))
        if flags & WRITE_WATCH_FLAG_RESET:
            # Of a full array only the pages that are told are forgotten.
            end = found[-1] + 0x1000 if len(found) == limit else base_address + region_size
            k.space.watch_anew(base_address, min(end, base_address + region_size) - base_address)
    entries_in_user_address_array.set(ULONG_PTR(len(found)))
    granularity.set(ULONG(0x1000))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtResetWriteWatch(
    k: Kernel, process_handle: HANDLE, base_address: PVOID, region_size: SIZE_T
) -> NTSTATUS:
    """Watch the pages of a MEM_WRITE_WATCH region anew."""
    k.handles.lookup(process_handle, Process, PROCESS_VM_OPERATION)
    k.space.watch_anew(base_address, region_size)
    return STATUS_SUCCESS


# ---------------------------------------------------------------- advising
@service(Support.PARTIAL, "prefetching, which does nothing; other classes are refused by name")
def NtSetInformationVirtualMemory(
    k: Kernel,
    process_handle: HANDLE,
    vm_information_class: ULONG,
    number_of_entries: ULONG_PTR,
    virtual_addresses: Annotated[PVOID, Array(MEMORY_RANGE_ENTRY, "number_of_entries")],
    vm_information: PVOID,
    vm_information_length: ULONG,
) -> NTSTATUS:
    """Advice on ranges of pages. Everything is in memory, so that prefetching only checks its arguments."""
    name = _ADVICE.get(vm_information_class)
    if name is None:
        return STATUS_INVALID_PARAMETER_2
    if vm_information_class != 0:
        raise Unsupported(f"NtSetInformationVirtualMemory({name}) is not implemented")
    k.handles.lookup(process_handle, Process)
    if number_of_entries == 0:
        return STATUS_INVALID_PARAMETER_3
    if vm_information_length != 4:
        return STATUS_INVALID_PARAMETER_6
    if int.from_bytes(k.memory.read(vm_information, 4), "little"):
        return STATUS_INVALID_PARAMETER_5
    k.memory.read(virtual_addresses, number_of_entries * size_of(MEMORY_RANGE_ENTRY, k.width))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtAreMappedFilesTheSame(
    k: Kernel, file1_mapped_as_an_image: PVOID, file2_mapped_as_file: PVOID
) -> NTSTATUS:
    """Whether two views show one file; STATUS_NOT_SAME_DEVICE where they do not."""
    first, second = _view(k, file1_mapped_as_an_image), _view(k, file2_mapped_as_file)
    if first.section is second.section or (first.name is not None and first.name == second.name):
        return STATUS_SUCCESS
    return STATUS_NOT_SAME_DEVICE


def _view(k: Kernel, address: int) -> Vad:
    vad = k.space.vads.at(address >> 12)
    if vad is None:
        raise GuestFault(STATUS_INVALID_ADDRESS)
    if vad.kind is VadKind.PRIVATE:
        raise GuestFault(STATUS_CONFLICTING_ADDRESSES)
    return vad


# ---------------------------------------------------------------- what takes a privilege
# The arrays of page frame numbers are never looked at, so that their width does not matter.
@service(Support.PARTIAL, "for a caller without the privilege")
def NtAllocateUserPhysicalPages(
    k: Kernel, process_handle: HANDLE, number_of_pages: InOut[ULONG_PTR], user_pfn_array: PVOID
) -> NTSTATUS:
    """It takes SeLockMemoryPrivilege (Microsoft Learn, AllocateUserPhysicalPages), which no token here has."""
    return STATUS_PRIVILEGE_NOT_HELD


@service(Support.PARTIAL, "for a caller without the privilege")
def NtFreeUserPhysicalPages(
    k: Kernel, process_handle: HANDLE, number_of_pages: InOut[ULONG_PTR], user_pfn_array: PVOID
) -> NTSTATUS:
    """There are none to free."""
    k.handles.lookup(process_handle, Process, PROCESS_VM_OPERATION)
    return STATUS_INVALID_PARAMETER_1


@service(Support.PARTIAL, "for a caller without the privilege")
def NtMapUserPhysicalPages(
    k: Kernel, virtual_address: PVOID, number_of_pages: SIZE_T, user_pfn_array: PVOID
) -> NTSTATUS:
    """There are none to map."""
    return STATUS_INVALID_PARAMETER_1


@service(Support.PARTIAL, "for a caller without the privilege")
def NtMapUserPhysicalPagesScatter(
    k: Kernel, virtual_addresses: PVOID, number_of_pages: SIZE_T, user_pfn_array: PVOID
) -> NTSTATUS:
    """There are none to map."""
    return STATUS_INVALID_PARAMETER_1


@service(Support.PARTIAL, "for a caller without the privilege")
def NtCreatePagingFile(
    k: Kernel,
    page_file_name: In[UNICODE_STRING],
    minimum_size: In[LARGE_INTEGER],
    maximum_size: In[LARGE_INTEGER],
    priority: ULONG,
) -> NTSTATUS:
    """It takes SeCreatePagefilePrivilege (Microsoft Learn, "Privilege Constants"), which no token here has."""
    return STATUS_PRIVILEGE_NOT_HELD
