"""Services about the machine: NtQuerySystemInformation, unique ids, alerts (nt!Ex).

One processor, 1 GiB of memory, UTC. Leaves out every list of processes, modules and handles.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from typing import Any

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import (
    BOOLEAN,
    LARGE_INTEGER,
    LONG,
    NTSTATUS,
    PVOID,
    ULONG,
    ULONG_PTR,
    ULONGLONG,
    USHORT,
    Out,
    Width,
    encode,
    size_of,
)
from wowsim.nt.status import STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_INFO_CLASS, STATUS_SUCCESS
from wowsim.nt.structures import (
    LUID,
    SYSTEM_BASIC_INFORMATION,
    SYSTEM_PROCESSOR_INFORMATION,
    SYSTEM_TIMEOFDAY_INFORMATION,
)

PHYSICAL_PAGES = 0x40000
MAXIMUM_CLASS = 0xFF
"""Beyond every SYSTEM_INFORMATION_CLASS of phnt; larger numbers are STATUS_INVALID_INFO_CLASS."""
HIGHEST_USER_ADDRESS_32 = 0x7FFEFFFF

_NAMES = {
    2: "SystemPerformanceInformation",
    5: "SystemProcessInformation",
    8: "SystemProcessorPerformanceInformation",
    11: "SystemModuleInformation",
    16: "SystemHandleInformation",
    21: "SystemFileCacheInformation",
    23: "SystemInterruptInformation",
    33: "SystemExceptionInformation",
    35: "SystemKernelDebuggerInformation",
    37: "SystemRegistryQuotaInformation",
    44: "SystemCurrentTimeZoneInformation",
    45: "SystemLookasideInformation",
    57: "SystemExtendedProcessInformation",
    64: "SystemExtendedHandleInformation",
    76: "SystemFirmwareTableInformation",
    103: "SystemCodeIntegrityInformation",
}


def _basic(k: Kernel, emulated: bool) -> SYSTEM_BASIC_INFORMATION:
    highest = HIGHEST_USER_ADDRESS_32 if emulated else k.space.layout.highest_user
    return SYSTEM_BASIC_INFORMATION(
        Reserved=ULONG(0),
        TimerResolution=ULONG(156250),
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


def _processor(width: Width) -> SYSTEM_PROCESSOR_INFORMATION:
    """PROCESSOR_ARCHITECTURE_AMD64 is 9, INTEL 0; level and revision as cpuid shows a generic family 6."""
    return SYSTEM_PROCESSOR_INFORMATION(
        USHORT(9 if width == 64 else 0), USHORT(6), USHORT(0), USHORT(1), ULONG(0)
    )


def _time_of_day(k: Kernel) -> SYSTEM_TIMEOFDAY_INFORMATION:
    clock = k.clock
    return SYSTEM_TIMEOFDAY_INFORMATION(
        LARGE_INTEGER(clock.boot_time),
        LARGE_INTEGER(clock.now),
        LARGE_INTEGER(0),
        ULONG(0),
        ULONG(0),
        ULONGLONG(0),
        ULONGLONG(0),
    )


@service(Support.PARTIAL, "classes 0, 1, 3, 62, 63")
def NtQuerySystemInformation(
    k: Kernel,
    system_information_class: ULONG,
    system_information: PVOID,
    system_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """What the machine is. Classes 62 and 63 answer a WoW64 program's 0 and 1 (wow64-facts section 6)."""
    value: Any
    if system_information_class in (0, 62):
        value = _basic(k, system_information_class == 62)
    elif system_information_class in (1, 63):
        value = _processor(32 if system_information_class == 63 else k.width)
    elif system_information_class == 3:
        value = _time_of_day(k)
    elif system_information_class > MAXIMUM_CLASS:
        raise GuestFault(STATUS_INVALID_INFO_CLASS)
    else:
        name = _NAMES.get(system_information_class, f"class {system_information_class}")
        raise Unsupported(f"NtQuerySystemInformation({name}) is not implemented")
    return _answer(k, value, system_information, system_information_length, return_length)


def _answer(k: Kernel, value: Any, address: int, length: int, return_length: Out[ULONG] | None) -> NTSTATUS:
    """Time of day may be asked for in part, the others take their exact size at least."""
    kind = type(value)
    size = size_of(kind, k.width)
    partial = kind is SYSTEM_TIMEOFDAY_INFORMATION
    if return_length is not None:
        return_length.set(ULONG(min(size, length) if partial else size))
    if length > size if partial else length < size:
        return STATUS_INFO_LENGTH_MISMATCH
    k.memory.write(address, encode(kind, k.width, value)[:length])
    return STATUS_SUCCESS


@service(Support.FULL)
def NtAllocateLocallyUniqueId(k: Kernel, luid: Out[LUID]) -> NTSTATUS:
    """The next id since boot; those below 1000 are taken by the system (winnt.h)."""
    value = k.next_luid()
    luid.set(LUID(ULONG(value & 0xFFFFFFFF), LONG(value >> 32)))
    return STATUS_SUCCESS
