"""Structures of the memory services (MEMORY_*_INFORMATION, SECTION_BASIC_INFORMATION; winnt.h, phnt).

Who may import it: everybody.
"""

from __future__ import annotations

from wowsim.nt.abi import LARGE_INTEGER, PVOID, SIZE_T, ULONG, ULONG_PTR, ULONGLONG, struct
from wowsim.nt.records import dataclass


@struct
@dataclass(slots=True)
class MEMORY_BASIC_INFORMATION:
    """Memory class 0 (1Ch / 30h bytes); on 64-bit Windows 10 PartitionId lies in the hole, zero here."""

    BaseAddress: PVOID
    AllocationBase: PVOID
    AllocationProtect: ULONG
    RegionSize: SIZE_T
    State: ULONG
    Protect: ULONG
    Type: ULONG


@struct
@dataclass(slots=True)
class MEMORY_IMAGE_INFORMATION:
    """Memory class 6 (0Ch / 18h bytes)."""

    ImageBase: PVOID
    SizeOfImage: SIZE_T
    ImageFlags: ULONG


@struct
@dataclass(slots=True)
class SECTION_BASIC_INFORMATION:
    """Section class 0 (10h / 18h bytes)."""

    BaseAddress: PVOID
    AllocationAttributes: ULONG
    MaximumSize: LARGE_INTEGER


@struct
@dataclass(slots=True)
class MEMORY_REGION_INFORMATION:
    """Memory classes 3 and 7 (14h / 28h bytes), without the PartitionId and NodePreference of later versions."""

    AllocationBase: PVOID
    AllocationProtect: ULONG
    RegionType: ULONG
    RegionSize: SIZE_T
    CommitSize: SIZE_T


@struct
@dataclass(slots=True)
class MEMORY_WORKING_SET_EX_INFORMATION:
    """An element of memory class 4 (8 / 10h bytes); flags above bit 31 are zero."""

    VirtualAddress: PVOID
    VirtualAttributes: ULONG_PTR


@struct
@dataclass(slots=True)
class MEMORY_RANGE_ENTRY:
    """An element of NtSetInformationVirtualMemory's array (8 / 10h bytes)."""

    VirtualAddress: PVOID
    NumberOfBytes: SIZE_T


@struct
@dataclass(slots=True)
class MEM_ADDRESS_REQUIREMENTS:
    """Where memory may be allocated (0Ch / 18h bytes)."""

    LowestStartingAddress: PVOID
    HighestEndingAddress: PVOID
    Alignment: SIZE_T


@struct
@dataclass(slots=True)
class MEM_EXTENDED_PARAMETER:
    """A wish beyond the ordinary parameters (10h bytes in both widths).

    Type is the low byte of its field, the rest is zero. Value is a number or a pointer, as the type says.
    """

    Type: ULONGLONG
    Value: ULONGLONG
