"""Structures of the memory services (MEMORY_*_INFORMATION, SECTION_BASIC_INFORMATION; winnt.h, phnt).

Who may import it: everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

from wowsim.nt.abi import LARGE_INTEGER, PVOID, SIZE_T, ULONG, struct


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
