"""Memory services: allocating, protecting, asking, reading and writing (nt!NtAllocateVirtualMemory and kin).

The rules are the memory manager's; here are handles, pointers and information classes. Leaves out other
processes, working sets and locking. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.kernel.class_names import absent
from wowsim.kernel.context import VOLUME_DEVICE, Kernel
from wowsim.kernel.names import utf16
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Process
from wowsim.memory.sections import ImageSection
from wowsim.nt.abi import (
    HANDLE,
    NTSTATUS,
    PVOID,
    SIZE_T,
    ULONG,
    ULONG_PTR,
    USHORT,
    InOut,
    Out,
    encode,
    size_of,
)
from wowsim.nt.memory_structures import MEMORY_BASIC_INFORMATION, MEMORY_IMAGE_INFORMATION
from wowsim.nt.status import (
    STATUS_ACCESS_VIOLATION,
    STATUS_BUFFER_OVERFLOW,
    STATUS_FILE_INVALID,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_ADDRESS,
    STATUS_PARTIAL_COPY,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import UNICODE_STRING

PROCESS_VM_OPERATION = 0x8
PROCESS_VM_READ = 0x10
PROCESS_VM_WRITE = 0x20
PROCESS_QUERY_INFORMATION = 0x400

MEMORY_CLASSES = dict(
    enumerate(
        (
            "MemoryBasicInformation",
            "MemoryWorkingSetInformation",
            "MemoryMappedFilenameInformation",
            "MemoryRegionInformation",
            "MemoryWorkingSetExInformation",
            "MemorySharedCommitInformation",
            "MemoryImageInformation",
            "MemoryRegionInformationEx",
            "MemoryPrivilegedBasicInformation",
            "MemoryEnclaveImageInformation",
            "MemoryBasicInformationCapped",
            "MemoryPhysicalContiguityInformation",
            "MemoryBadInformation",
            "MemoryBadInformationAllProcesses",
            "MemoryImageExtensionInformation",
        )
    )
)
"""MEMORY_INFORMATION_CLASS (phnt)."""

_CHUNK = 0x1000


# ---------------------------------------------------------------- allocating
@service(Support.PARTIAL, "write watch and AWE are refused by name; large pages lack the privilege")
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
    k.handles.lookup(process_handle, Process, PROCESS_VM_OPERATION)
    k.space.cause = "NtAllocateVirtualMemory"
    base, size = k.space.allocate(base_address.value, region_size.value, allocation_type, protect, zero_bits)
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
    k.handles.lookup(process_handle, Process, PROCESS_VM_OPERATION)
    k.space.cause = "NtFreeVirtualMemory"
    base, size = k.space.free(base_address.value, region_size.value, free_type)
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
    k.handles.lookup(process_handle, Process, PROCESS_VM_OPERATION)
    k.space.cause = "NtProtectVirtualMemory"
    base, size, old = k.space.protect(base_address.value, region_size.value, new_protect)
    base_address.set(PVOID(base))
    region_size.set(SIZE_T(size))
    old_protect.set(ULONG(old))
    return STATUS_SUCCESS


# ---------------------------------------------------------------- asking
@service(Support.PARTIAL, "classes 0 (basic), 2 (mapped file name) and 6 (image)")
def NtQueryVirtualMemory(
    k: Kernel,
    process_handle: HANDLE,
    base_address: PVOID,
    memory_information_class: ULONG,
    memory_information: PVOID,
    memory_information_length: SIZE_T,
    return_length: Out[SIZE_T] | None,
) -> NTSTATUS:
    """What lies at an address."""
    k.handles.lookup(process_handle, Process, PROCESS_QUERY_INFORMATION)
    if memory_information_class == 2:
        return _mapped_file_name(
            k, base_address, memory_information, memory_information_length, return_length
        )
    if memory_information_class == 0:
        data = _basic(k, base_address)
    elif memory_information_class == 6:
        data = _image(k, base_address)
    else:
        raise absent("NtQueryVirtualMemory", MEMORY_CLASSES, memory_information_class)
    if memory_information_length < len(data):
        return STATUS_INFO_LENGTH_MISMATCH
    k.memory.write(memory_information, data)
    if return_length is not None:
        return_length.set(SIZE_T(len(data)))
    return STATUS_SUCCESS


def _basic(k: Kernel, address: int) -> bytes:
    region = k.space.query(address)
    information = MEMORY_BASIC_INFORMATION(
        PVOID(region.base),
        PVOID(region.allocation_base),
        ULONG(region.allocation_protection),
        SIZE_T(region.size),
        ULONG(region.state),
        ULONG(region.protection),
        ULONG(region.type),
    )
    return encode(MEMORY_BASIC_INFORMATION, k.width, information)


def _image(k: Kernel, address: int) -> bytes:
    vad = k.space.vads.at(address >> 12)
    if vad is None or not isinstance(vad.section, ImageSection):
        raise GuestFault(STATUS_INVALID_ADDRESS)
    information = MEMORY_IMAGE_INFORMATION(PVOID(vad.start << 12), SIZE_T(vad.count << 12), ULONG(0))
    return encode(MEMORY_IMAGE_INFORMATION, k.width, information)


def _mapped_file_name(
    k: Kernel, address: int, buffer: int, length: int, return_length: Out[SIZE_T] | None
) -> NTSTATUS:
    r"""A UNICODE_STRING and behind it the name (``\Device\HarddiskVolume1\Windows\System32\ntdll.dll``).

    Which status tells private memory from pagefile memory is unverified.
    """
    vad = k.space.vads.at(address >> 12)
    if vad is None or vad.section is None:
        return STATUS_INVALID_ADDRESS
    if vad.name is None:
        return STATUS_FILE_INVALID
    header = size_of(UNICODE_STRING, k.width)
    if length < header:
        return STATUS_INFO_LENGTH_MISMATCH
    text = utf16(VOLUME_DEVICE + vad.name)
    needed = header + len(text) + 2
    if return_length is not None:
        return_length.set(SIZE_T(needed))
    if length < needed:
        return STATUS_BUFFER_OVERFLOW
    string = UNICODE_STRING(USHORT(len(text)), USHORT(len(text) + 2), PVOID(buffer + header))
    k.memory.write(buffer, encode(UNICODE_STRING, k.width, string) + text + b"\0\0")
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
    k.handles.lookup(process_handle, Process, PROCESS_VM_READ)
    return _copy(k, base_address, buffer, number_of_bytes_to_read, number_of_bytes_read)


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
    k.handles.lookup(process_handle, Process, PROCESS_VM_WRITE)
    return _copy(k, buffer, base_address, number_of_bytes_to_write, number_of_bytes_written)


def _copy(k: Kernel, source: int, target: int, size: int, copied: Out[SIZE_T] | None) -> NTSTATUS:
    """Copy page by page; a page that refuses ends it with STATUS_PARTIAL_COPY (nt!MmCopyVirtualMemory)."""
    top = k.space.layout.highest_user + 1
    if source + size > top or target + size > top:
        return STATUS_ACCESS_VIOLATION
    done, answer = 0, STATUS_SUCCESS
    while done < size:
        step = min(_CHUNK - (source + done) % _CHUNK, _CHUNK - (target + done) % _CHUNK, size - done)
        try:
            k.memory.write(target + done, k.memory.read(source + done, step))
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
