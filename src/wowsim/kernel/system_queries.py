"""Answers to NtQuerySystemInformation(Ex), by information class (nt!Ex; numbers and structures: phnt).

One processor, 1 GiB of memory, UTC, a BIOS machine without debugger. What nobody counts (page faults, context
switches, cache) is 0. Leaves out firmware tables, pools, drivers' verifier, hypervisors and caches of the processor.
Who may import it: the kernel package.
"""

from __future__ import annotations

import struct
from random import Random
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.names import utf16
from wowsim.kernel.system_processes import extended_handle_list, handle_list, module_list, process_list
from wowsim.nt.abi import BOOLEAN, LARGE_INTEGER, SIZE_T, ULONG, ULONG_PTR, ULONGLONG, USHORT, encode
from wowsim.nt.status import STATUS_INFO_LENGTH_MISMATCH
from wowsim.nt.structures import (
    SYSTEM_BASIC_INFORMATION,
    SYSTEM_PROCESSOR_INFORMATION,
    SYSTEM_TIMEOFDAY_INFORMATION,
)
from wowsim.nt.system_structures import (
    SYSTEM_BASIC_PERFORMANCE_INFORMATION,
    SYSTEM_FILECACHE_INFORMATION,
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION,
    SYSTEM_RANGE_START_INFORMATION,
    SYSTEM_REGISTRY_QUOTA_INFORMATION,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.context import Kernel
    from wowsim.kernel.thread import Process
    from wowsim.nt.abi import Width

PHYSICAL_PAGES = 0x40000
HIGHEST_USER_ADDRESS_32 = 0x7FFEFFFF
HIGHEST_USER_ADDRESS_LARGE = 0xFFFEFFFF
"""Of a WoW64 process, and of one whose program is IMAGE_FILE_LARGE_ADDRESS_AWARE (Microsoft Learn, "Memory Limits for
Windows Releases"; less the last 64 KB)."""
_LARGE_ADDRESS_AWARE = 0x20
_I386, _AMD64 = 0x14C, 0x8664
TIME_INCREMENT = 156250
"""100 ns units between two clock interrupts."""
SYSTEM_RANGE_START = {32: 0x80000000, 64: 0xFFFF0800_00000000}
"""nt!MmSystemRangeStart (WinDbg)."""
PERFORMANCE_SIZE = 312
"""SYSTEM_PERFORMANCE_INFORMATION before Windows 10 added four numbers."""
_UTC = "Coordinated Universal Time"
_BIOS = 1
"""FirmwareTypeBios."""


# ---------------------------------------------------------------- the machine
def basic(k: Kernel, emulated: bool) -> bytes:
    """SYSTEM_BASIC_INFORMATION, of 64-bit Windows or as WoW64 shows it."""
    highest = _highest_emulated(k) if emulated else k.space.layout.highest_user
    value = SYSTEM_BASIC_INFORMATION(
        Reserved=ULONG(0),
        TimerResolution=ULONG(TIME_INCREMENT),
        PageSize=ULONG(0x1000),
        NumberOfPhysicalPages=ULONG(PHYSICAL_PAGES),
        LowestPhysicalPageNumber=ULONG(1),
        HighestPhysicalPageNumber=ULONG(PHYSICAL_PAGES),
        AllocationGranularity=ULONG(0x10000),
        MinimumUserModeAddress=ULONG_PTR(0x10000),
        MaximumUserModeAddress=ULONG_PTR(highest),
        ActiveProcessorsAffinityMask=ULONG_PTR(1),
        NumberOfProcessors=BOOLEAN(1),
    )
    return encode(SYSTEM_BASIC_INFORMATION, k.width, value)


def _highest_emulated(k: Kernel) -> int:
    image = k.process.image
    large = image is not None and k.process.peb32 and image.ImageCharacteristics & _LARGE_ADDRESS_AWARE
    return HIGHEST_USER_ADDRESS_LARGE if large else HIGHEST_USER_ADDRESS_32


def processor(k: Kernel, width: Width) -> bytes:
    """PROCESSOR_ARCHITECTURE_AMD64 is 9, INTEL 0; level and revision as cpuid shows a generic family 6."""
    value = SYSTEM_PROCESSOR_INFORMATION(
        USHORT(9 if width == 64 else 0), USHORT(6), USHORT(0), USHORT(1), ULONG(0)
    )
    return encode(SYSTEM_PROCESSOR_INFORMATION, k.width, value)


def time_of_day(k: Kernel) -> bytes:
    """SYSTEM_TIMEOFDAY_INFORMATION."""
    clock, none = k.clock, ULONGLONG(0)
    value = SYSTEM_TIMEOFDAY_INFORMATION(
        LARGE_INTEGER(clock.boot_time),
        LARGE_INTEGER(clock.now),
        LARGE_INTEGER(0),
        ULONG(0),
        ULONG(0),
        none,
        none,
    )
    return encode(SYSTEM_TIMEOFDAY_INFORMATION, k.width, value)


def _memory(k: Kernel) -> tuple[int, int, int]:
    """Pages that are available, committed, and that could be committed."""
    commitment = k.space.commitment
    return max(PHYSICAL_PAGES - commitment.charged, 0), commitment.charged, commitment.limit


def performance(k: Kernel) -> bytes:
    """SYSTEM_PERFORMANCE_INFORMATION: idle time and memory; nothing else is counted."""
    available, committed, limit = _memory(k)
    head = struct.pack("<qqqqIII", k.clock.interrupt_time, 0, 0, 0, 0, 0, 0)
    return (head + struct.pack("<4I", available, committed, limit, committed)).ljust(
        PERFORMANCE_SIZE + 32, b"\0"
    )


def _basic_performance(k: Kernel) -> bytes:
    available, committed, limit = map(SIZE_T, _memory(k))
    value = SYSTEM_BASIC_PERFORMANCE_INFORMATION(available, committed, limit, committed)
    return encode(SYSTEM_BASIC_PERFORMANCE_INFORMATION, k.width, value)


def _processor_performance(k: Kernel) -> bytes:
    """Idle ever since boot; kernel time contains idle time (phnt, SYSTEM_PROCESSOR_PERFORMANCE_INFORMATION)."""
    return struct.pack("<5qI4x", k.clock.interrupt_time, k.clock.interrupt_time, 0, 0, 0, 0)


def _logical_processors(k: Kernel) -> bytes:
    """A core, NUMA node 0 and the package; cpuid tells of no caches."""
    kind, none = SYSTEM_LOGICAL_PROCESSOR_INFORMATION, ULONGLONG(0)
    return b"".join(
        encode(kind, k.width, kind(ULONG_PTR(1), ULONG(relationship), none, none))
        for relationship in (0, 1, 3)
    )


def _numa_map(k: Kernel) -> bytes:
    """SYSTEM_NUMA_INFORMATION: one node, to which processor 0 belongs."""
    return struct.pack("<IIQ", 0, 0, 1) + bytes(64 * 16 - 8)


# ---------------------------------------------------------------- time, registry, firmware
def _time_zone(k: Kernel) -> bytes:
    """RTL_TIME_ZONE_INFORMATION: UTC, without daylight saving."""
    name = utf16(_UTC).ljust(64, b"\0")
    return (
        struct.pack("<i", 0)
        + name
        + bytes(16)
        + struct.pack("<i", 0)
        + name
        + bytes(16)
        + struct.pack("<i", 0)
    )


def _dynamic_time_zone(k: Kernel) -> bytes:
    return _time_zone(k) + utf16("UTC").ljust(256, b"\0") + bytes(4)


def _registry_quota(k: Kernel) -> bytes:
    value = SYSTEM_REGISTRY_QUOTA_INFORMATION(
        ULONG(0xFFFFFFFF), ULONG(0), SIZE_T(PHYSICAL_PAGES * 0x1000 // 4)
    )
    return encode(SYSTEM_REGISTRY_QUOTA_INFORMATION, k.width, value)


def _boot_environment(k: Kernel) -> bytes:
    """The boot entry's GUID (from the seed) and the kind of firmware; BootFlags since Windows 8 (phnt)."""
    identifier = Random(f"boot {k.seed}").getrandbits(128).to_bytes(16, "little")
    data = identifier + struct.pack("<I", _BIOS)
    return data + bytes(12) if k.build.boot_flags else data


def _file_cache(k: Kernel) -> bytes:
    zero, none = SIZE_T(0), ULONG(0)
    value = SYSTEM_FILECACHE_INFORMATION(zero, zero, none, zero, zero, zero, zero, none, none)
    return encode(SYSTEM_FILECACHE_INFORMATION, k.width, value)


def _range_start(k: Kernel) -> bytes:
    value = SYSTEM_RANGE_START_INFORMATION(ULONG_PTR(SYSTEM_RANGE_START[k.width]))
    return encode(SYSTEM_RANGE_START_INFORMATION, k.width, value)


# ---------------------------------------------------------------- the table
QUERIES: dict[int, Callable[[Kernel], bytes]] = {
    0: lambda k: basic(k, False),
    1: lambda k: processor(k, k.width),
    2: performance,
    3: time_of_day,
    7: lambda k: struct.pack("<6I", 1, 0, 0, 0, 0, 0),
    8: _processor_performance,
    9: lambda k: bytes(4),
    11: module_list,
    16: handle_list,
    21: _file_cache,
    23: lambda k: struct.pack("<6I", 0, 0, 0, TIME_INCREMENT, 0, 0),
    28: lambda k: struct.pack("<IIB3x", TIME_INCREMENT, TIME_INCREMENT, 1),
    33: lambda k: bytes(16),
    35: lambda k: bytes((0, 1)),
    36: lambda k: bytes(48),
    37: _registry_quota,
    44: _time_zone,
    50: _range_start,
    55: _numa_map,
    58: lambda k: struct.pack("<I", 64),
    59: lambda k: bytes(4),
    62: lambda k: basic(k, True),
    63: lambda k: processor(k, 32),
    64: extended_handle_list,
    73: _logical_processors,
    81: _file_cache,
    90: _boot_environment,
    102: _dynamic_time_zone,
    114: lambda k: basic(k, False),
    123: _basic_performance,
    145: lambda k: bytes(2),
    149: lambda k: bytes(3),
}
"""Class -> its buffer. Among them: 7 Device (one disk), 9 Flags (NtGlobalFlag), 28 TimeAdjustment (off), 58
RecommendedSharedDataAlignment, 59 ComPlusPackage, 145 SecureBoot (a BIOS has none)."""

SINCE = {
    62: (5, 2), 63: (5, 2), 73: (5, 2), 81: (5, 2), 90: (6, 0), 102: (6, 0), 103: (6, 0), 107: (6, 1), 114: (6, 1),
    123: (6, 1), 145: (6, 2), 149: (6, 3), 181: (10, 0, 14393), 230: (10, 0, 20348),
}  # fmt: skip
"""Version that brought a class (phnt)."""

PARTIAL = {2: PERFORMANCE_SIZE, 3: 0, 55: 16}
"""Classes of which a shorter buffer takes the beginning, and the shortest one (time of day: wow64-facts section 6;
the others unverified)."""


def listed(k: Kernel, information_class: int, address: int) -> bytes | None:
    """Classes whose buffer holds pointers into itself."""
    if information_class in (5, 57):
        return process_list(k, address, extended=information_class == 57)
    return None


_KERNEL_MODE, _USER_MODE, _NATIVE, _PROCESS, _WOW64 = 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20


def architectures(k: Kernel, process: Process) -> bytes:
    """Classes 181 and 230: what runs here, and which of it the process is; a zero ends the list (phnt).

    That x86 is marked as WoW64's also where the process is a 64-bit one is unverified.
    """
    native = _KERNEL_MODE | _USER_MODE | _NATIVE
    if k.width == 32:
        return struct.pack("<II", _I386 | native | _PROCESS, 0)
    own, other = (0, _PROCESS) if process.peb32 else (_PROCESS, 0)
    return struct.pack("<III", _AMD64 | native | own, _I386 | _USER_MODE | _WOW64 | other, 0)


def code_integrity(k: Kernel, address: int, length: int) -> bytes:
    """Class 103: the caller has set Length; driver signatures are checked (CODEINTEGRITY_OPTION_ENABLED)."""
    if length != 8 or k.memory.read(address, 4) != b"\x08\0\0\0":
        raise GuestFault(STATUS_INFO_LENGTH_MISMATCH)
    return struct.pack("<II", 8, 1)
