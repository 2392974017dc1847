"""Memory services: allocating, protecting, reading and writing (nt!NtAllocateVirtualMemory and kin).

The rules are the memory manager's; here are handles and pointers. Leaves out other processes.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.kernel.targets import kernel_at
from wowsim.kernel.thread import Process
from wowsim.nt.abi import (
    HANDLE,
    NTSTATUS,
    PVOID,
    SIZE_T,
    ULONG,
    ULONG_PTR,
    InOut,
    Out,
)
from wowsim.nt.status import (
    STATUS_ACCESS_VIOLATION,
    STATUS_PARTIAL_COPY,
    STATUS_SUCCESS,
)

PROCESS_VM_OPERATION = 0x8
PROCESS_VM_READ = 0x10
PROCESS_VM_WRITE = 0x20

_CHUNK = 0x1000


# ---------------------------------------------------------------- allocating
@service(Support.PARTIAL, "AWE is refused by name; large pages lack the privilege")
def NtAllocateVirtualMemory(
    k: Kernel,
    process_handle: HANDLE,
    base_address: InOut[PVOID],
    zero_bits: ULONG_PTR,
    region_size: InOut[SIZE_T],
    allocation_type: ULONG,
    protect: ULONG,
) -> NTSTATUS:
    """Reserve or commit pages, or both."""
    space = kernel_at(k, process_handle, PROCESS_VM_OPERATION).space
    space.cause = "NtAllocateVirtualMemory"
    base, size = space.allocate(base_address.value, region_size.value, allocation_type, protect, zero_bits)
    base_address.set(PVOID(base))
    region_size.set(SIZE_T(size))
    return STATUS_SUCCESS


@service(Support.PARTIAL, "placeholders are not known")
def NtFreeVirtualMemory(
    k: Kernel,
    process_handle: HANDLE,
    base_address: InOut[PVOID],
    region_size: InOut[SIZE_T],
    free_type: ULONG,
) -> NTSTATUS:
    """Decommit or release private pages."""
    space = kernel_at(k, process_handle, PROCESS_VM_OPERATION).space
    space.cause = "NtFreeVirtualMemory"
    base, size = space.free(base_address.value, region_size.value, free_type)
    base_address.set(PVOID(base))
    region_size.set(SIZE_T(size))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtProtectVirtualMemory(
    k: Kernel,
    process_handle: HANDLE,
    base_address: InOut[PVOID],
    region_size: InOut[SIZE_T],
    new_protect: ULONG,
    old_protect: Out[ULONG],
) -> NTSTATUS:
    """Change the protection of committed pages."""
    space = kernel_at(k, process_handle, PROCESS_VM_OPERATION).space
    space.cause = "NtProtectVirtualMemory"
    base, size, old = space.protect(base_address.value, region_size.value, new_protect)
    base_address.set(PVOID(base))
    region_size.set(SIZE_T(size))
    old_protect.set(ULONG(old))
    return STATUS_SUCCESS


# ---------------------------------------------------------------- reading and writing
@service(Support.FULL)
def NtReadVirtualMemory(
    k: Kernel,
    process_handle: HANDLE,
    base_address: PVOID,
    buffer: PVOID,
    number_of_bytes_to_read: SIZE_T,
    number_of_bytes_read: Out[SIZE_T] | None,
) -> NTSTATUS:
    """Copy from the process to the caller's buffer, as far as it goes."""
    there = kernel_at(k, process_handle, PROCESS_VM_READ)
    return _copy(there, base_address, k, buffer, number_of_bytes_to_read, number_of_bytes_read)


@service(Support.FULL)
def NtWriteVirtualMemory(
    k: Kernel,
    process_handle: HANDLE,
    base_address: PVOID,
    buffer: PVOID,
    number_of_bytes_to_write: SIZE_T,
    number_of_bytes_written: Out[SIZE_T] | None,
) -> NTSTATUS:
    """Copy from the caller's buffer to the process; page protections hold."""
    there = kernel_at(k, process_handle, PROCESS_VM_WRITE)
    return _copy(k, buffer, there, base_address, number_of_bytes_to_write, number_of_bytes_written)


def _copy(
    giver: Kernel, source: int, taker: Kernel, target: int, size: int, copied: Out[SIZE_T] | None
) -> NTSTATUS:
    """Copy page by page; a page that refuses ends it with STATUS_PARTIAL_COPY (nt!MmCopyVirtualMemory)."""
    top = giver.space.layout.highest_user + 1
    if source + size > top or target + size > taker.space.layout.highest_user + 1:
        return STATUS_ACCESS_VIOLATION
    done, answer = 0, STATUS_SUCCESS
    while done < size:
        step = min(_CHUNK - (source + done) % _CHUNK, _CHUNK - (target + done) % _CHUNK, size - done)
        try:
            taker.memory.write(target + done, giver.memory.read(source + done, step))
        except GuestFault:
            answer = STATUS_PARTIAL_COPY
            break
        done += step
    if copied is not None:
        copied.set(SIZE_T(done))
    return answer


@service(Support.FULL)
def NtFlushInstructionCache(
    k: Kernel, process_handle: HANDLE, base_address: PVOID, length: SIZE_T
) -> NTSTATUS:
    """Nothing to do: the CPU sees every write to code, as x86 processors do."""
    k.handles.lookup(process_handle, Process, PROCESS_VM_WRITE)
    return STATUS_SUCCESS
