"""NtQueryVirtualMemory: what lies at an address, and what of it is in the working set.

Nothing is ever paged out, so that the working set is every page that can be touched. Structures: phnt, psapi.h. Leaves
out what other processes share, NUMA nodes and partitions. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.class_names import absent
from wowsim.kernel.context import VOLUME_DEVICE, Kernel
from wowsim.kernel.names import utf16
from wowsim.kernel.table import Support, service
from wowsim.kernel.targets import kernel_at
from wowsim.memory.pages import MM_MASK, PRIVATE
from wowsim.memory.protection import page_from_mm
from wowsim.memory.sections import ImageSection
from wowsim.memory.vad import MAX_COMMIT, VadKind
from wowsim.nt.abi import (
    HANDLE,
    NTSTATUS,
    PVOID,
    SIZE_T,
    ULONG,
    ULONG_PTR,
    USHORT,
    Out,
    encode,
    layout,
    size_of,
)
from wowsim.nt.memory_structures import (
    MEMORY_BASIC_INFORMATION,
    MEMORY_IMAGE_INFORMATION,
    MEMORY_REGION_INFORMATION,
    MEMORY_WORKING_SET_EX_INFORMATION,
)
from wowsim.nt.status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_FILE_INVALID,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_ADDRESS,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import UNICODE_STRING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wowsim.memory.vad import Vad

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

_PRIVATE, _DATA_FILE, _IMAGE, _PAGE_FILE, _WRITE_WATCH = 1, 2, 4, 8, 0x400
"""MEMORY_REGION_INFORMATION.RegionType."""
_VALID, _SHARED, _LOCKED, _RESERVED = 1, 1 << 15, 1 << 22, 3 << 22
"""MEMORY_WORKING_SET_EX_BLOCK; what is not valid says where it is: MemoryLocationReserved."""
_NORMAL_PRIORITY = 5 << 24
_UNIX_HALF = (0x3E8, 0x3E9)
"""Classes of Wine's own (``simulation.wine_calls``): the handle of a DLL's Unix half, for 64-bit and 32-bit callers."""
_QWORD = Struct("<Q")


@service(Support.PARTIAL, "classes 0-8")
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
    there = kernel_at(k, process_handle, PROCESS_QUERY_INFORMATION)
    if there is not k and memory_information_class != 0:
        raise Unsupported(f"NtQueryVirtualMemory(class {memory_information_class}) of another process")
    if memory_information_class == 2:
        return _mapped_file_name(
            k, base_address, memory_information, memory_information_length, return_length
        )
    if memory_information_class == 1:
        return _working_set(k, memory_information, memory_information_length, return_length)
    if memory_information_class == 4:
        return _pages(k, memory_information, memory_information_length, return_length)
    if memory_information_class in (0, 8):
        data = _basic(there, base_address)
    elif memory_information_class in (3, 7):
        data = _region(k, base_address)
    elif memory_information_class == 5:
        data = encode(SIZE_T, k.width, _shared_commit(k))
    elif memory_information_class == 6:
        data = _image(k, base_address)
    elif memory_information_class in _UNIX_HALF and k.unix_half is not None:
        narrow = memory_information_class == _UNIX_HALF[1]
        data = _QWORD.pack(_unix_half(k, k.unix_half, base_address, narrow))
    else:
        raise absent("NtQueryVirtualMemory", MEMORY_CLASSES, memory_information_class)
    if memory_information_length < len(data):
        return STATUS_INFO_LENGTH_MISMATCH
    k.memory.write(memory_information, data)
    if return_length is not None:
        return_length.set(SIZE_T(len(data)))
    return STATUS_SUCCESS


def _unix_half(k: Kernel, handle_of: Callable[[str, bool], int], address: int, narrow: bool) -> int:
    vad = k.space.vads.at(address >> 12)
    section = vad.section if vad is not None else None
    if not isinstance(section, ImageSection):
        raise GuestFault(STATUS_INVALID_ADDRESS)
    return handle_of(section.image.file_name, narrow)


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


# ---------------------------------------------------------------- regions
def _region(k: Kernel, address: int) -> bytes:
    """The allocation that holds an address; of a free one STATUS_INVALID_ADDRESS (unverified)."""
    vad = k.space.vads.at(address >> 12)
    if vad is None:
        raise GuestFault(STATUS_INVALID_ADDRESS)
    commit = 0 if vad.commit == MAX_COMMIT else vad.commit
    information = MEMORY_REGION_INFORMATION(
        PVOID(vad.start << 12),
        ULONG(page_from_mm(vad.protection)),
        ULONG(_region_type(vad)),
        SIZE_T(vad.count << 12),
        SIZE_T(commit << 12),
    )
    return encode(MEMORY_REGION_INFORMATION, k.width, information)


def _region_type(vad: Vad) -> int:
    if vad.kind is VadKind.PRIVATE:
        return _PRIVATE | (_WRITE_WATCH if vad.write_watch else 0)
    if vad.kind is VadKind.EXE:
        return _IMAGE
    return _DATA_FILE if vad.name is not None else _PAGE_FILE


def _shared_commit(k: Kernel) -> int:
    """Bytes of the page file that sections with a view here are charged for."""
    sections = {id(vad.section): vad.section for vad in k.space.vads if vad.section is not None}
    return sum(section.committed for section in sections.values()) << 12


# ---------------------------------------------------------------- the working set
def _resident(k: Kernel) -> Iterator[tuple[int, int, int]]:
    """``(page, count, tag)`` of what can be touched."""
    for vad in k.space.vads:
        if vad.commit == MAX_COMMIT:
            continue
        for vpn, count, tag in k.space.pages.runs(vad.start, vad.count):
            entry = k.space.pages.entry(vpn)
            if entry is not None and entry[1]:
                yield vpn, count, tag


def _working_set(k: Kernel, buffer: int, length: int, return_length: Out[SIZE_T] | None) -> NTSTATUS:
    """A count and a block for each page; of a buffer that is too small the count alone (QueryWorkingSet, MS docs)."""
    unit = size_of(ULONG_PTR, k.width)
    if length < unit:
        return STATUS_INFO_LENGTH_MISMATCH
    runs = list(_resident(k))
    total = sum(count for _, count, _ in runs)
    needed = unit * (total + 1)
    if return_length is not None:
        return_length.set(SIZE_T(needed))
    head = encode(ULONG_PTR, k.width, total)
    if length < needed:
        k.memory.write(buffer, head)
        return STATUS_INFO_LENGTH_MISMATCH
    blocks = [
        (page << 12 | (0 if tag & PRIVATE else 0x100) | tag & MM_MASK).to_bytes(unit, "little")
        for vpn, count, tag in runs
        for page in range(vpn, vpn + count)
    ]
    k.memory.write(buffer, head + b"".join(blocks))
    return STATUS_SUCCESS


def _pages(k: Kernel, buffer: int, length: int, return_length: Out[SIZE_T] | None) -> NTSTATUS:
    """What each address of an array is like (QueryWorkingSetEx, MS docs); the answers stand beside the addresses."""
    shape = layout(MEMORY_WORKING_SET_EX_INFORMATION, k.width)
    if length < shape.size or length % shape.size:
        return STATUS_INFO_LENGTH_MISMATCH
    data = k.memory.read(buffer, length)
    k.memory.probe_write(buffer, length)
    answers = bytearray()
    for at in range(0, length, shape.size):
        (address, _) = shape.struct.unpack_from(data, at)
        answers += shape.struct.pack(address, _attributes(k, address >> 12))
    k.memory.write(buffer, bytes(answers))
    if return_length is not None:
        return_length.set(SIZE_T(length))
    return STATUS_SUCCESS


def _attributes(k: Kernel, vpn: int) -> int:
    entry = k.space.pages.entry(vpn) if vpn <= k.space.highest_vpn else None
    if entry is None or not entry[1]:
        return _RESERVED
    tag = entry[2]
    flags = _VALID | page_from_mm(tag & MM_MASK) << 4 | _NORMAL_PRIORITY
    if not tag & PRIVATE:
        flags |= _SHARED | 1 << 1  # one process shares it
    return flags | (_LOCKED if vpn in k.space.locked else 0)
