"""Structures of system information classes, one declaration for both widths (phnt).

Who may import it: everybody.
"""

from __future__ import annotations

from typing import Annotated

from wowsim.nt.abi import (
    HANDLE,
    LARGE_INTEGER,
    LONG,
    PVOID,
    SIZE_T,
    UCHAR,
    ULONG,
    ULONG_PTR,
    ULONGLONG,
    USHORT,
    Bytes,
    struct,
)
from wowsim.nt.process_structures import GROUP_AFFINITY, IO_COUNTERS, VM_COUNTERS_EX
from wowsim.nt.records import dataclass
from wowsim.nt.structures import CLIENT_ID, UNICODE_STRING


@struct
@dataclass(slots=True)
class SYSTEM_THREAD_INFORMATION:
    """One thread of system class 5 (40h / 50h bytes)."""

    KernelTime: LARGE_INTEGER
    UserTime: LARGE_INTEGER
    CreateTime: LARGE_INTEGER
    WaitTime: ULONG
    StartAddress: PVOID
    ClientId: CLIENT_ID
    Priority: LONG
    BasePriority: LONG
    ContextSwitches: ULONG
    ThreadState: ULONG
    WaitReason: ULONG


@struct
@dataclass(slots=True)
class SYSTEM_EXTENDED_THREAD_INFORMATION:
    """One thread of system class 57 (60h / 88h bytes)."""

    ThreadInfo: SYSTEM_THREAD_INFORMATION
    StackBase: ULONG_PTR
    StackLimit: ULONG_PTR
    Win32StartAddress: PVOID
    TebBase: PVOID
    Reserved2: ULONG_PTR
    Reserved3: ULONG_PTR
    Reserved4: ULONG_PTR


@struct
@dataclass(slots=True)
class SYSTEM_PROCESS_INFORMATION:
    """One process of system classes 5 and 57 (B8h / 100h bytes); its threads and its name follow."""

    NextEntryOffset: ULONG
    NumberOfThreads: ULONG
    WorkingSetPrivateSize: ULONGLONG
    HardFaultCount: ULONG
    NumberOfThreadsHighWatermark: ULONG
    CycleTime: ULONGLONG
    CreateTime: LARGE_INTEGER
    UserTime: LARGE_INTEGER
    KernelTime: LARGE_INTEGER
    ImageName: UNICODE_STRING
    BasePriority: LONG
    UniqueProcessId: HANDLE
    InheritedFromUniqueProcessId: HANDLE
    HandleCount: ULONG
    SessionId: ULONG
    UniqueProcessKey: ULONG_PTR
    VmCounters: VM_COUNTERS_EX
    IoCounters: IO_COUNTERS


@struct
@dataclass(slots=True)
class SYSTEM_HANDLE_TABLE_ENTRY_INFO:
    """One handle of system class 16 (10h / 18h bytes)."""

    UniqueProcessId: USHORT
    CreatorBackTraceIndex: USHORT
    ObjectTypeIndex: UCHAR
    HandleAttributes: UCHAR
    HandleValue: USHORT
    Object: PVOID
    GrantedAccess: ULONG


@struct
@dataclass(slots=True)
class SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX:
    """One handle of system class 64 (1Ch / 28h bytes)."""

    Object: PVOID
    UniqueProcessId: HANDLE
    HandleValue: HANDLE
    GrantedAccess: ULONG
    CreatorBackTraceIndex: USHORT
    ObjectTypeIndex: USHORT
    HandleAttributes: ULONG
    Reserved: ULONG


@struct
@dataclass(slots=True)
class RTL_PROCESS_MODULE_INFORMATION:
    """One driver of system class 11 (11Ch / 128h bytes)."""

    Section: PVOID
    MappedBase: PVOID
    ImageBase: PVOID
    ImageSize: ULONG
    Flags: ULONG
    LoadOrderIndex: USHORT
    InitOrderIndex: USHORT
    LoadCount: USHORT
    OffsetToFileName: USHORT
    FullPathName: Annotated[bytes, Bytes(256)]


@struct
@dataclass(slots=True)
class SYSTEM_FILECACHE_INFORMATION:
    """System class 21 (24h / 40h bytes)."""

    CurrentSize: SIZE_T
    PeakSize: SIZE_T
    PageFaultCount: ULONG
    MinimumWorkingSet: SIZE_T
    MaximumWorkingSet: SIZE_T
    CurrentSizeIncludingTransitionInPages: SIZE_T
    PeakSizeIncludingTransitionInPages: SIZE_T
    TransitionRePurposeCount: ULONG
    Flags: ULONG


@struct
@dataclass(slots=True)
class SYSTEM_REGISTRY_QUOTA_INFORMATION:
    """System class 37 (0Ch / 10h bytes)."""

    RegistryQuotaAllowed: ULONG
    RegistryQuotaUsed: ULONG
    PagedPoolSize: SIZE_T


@struct
@dataclass(slots=True)
class SYSTEM_RANGE_START_INFORMATION:
    """System class 50."""

    SystemRangeStart: ULONG_PTR


@struct
@dataclass(slots=True)
class SYSTEM_LOGICAL_PROCESSOR_INFORMATION:
    """One entry of system class 73 (18h / 20h bytes); its union is written as the two numbers that align it."""

    ProcessorMask: ULONG_PTR
    Relationship: ULONG
    Details: ULONGLONG
    More: ULONGLONG


@struct
@dataclass(slots=True)
class PROCESSOR_RELATIONSHIP:
    """One record of system class 107 about a core, a package or a NUMA node (2Ch / 30h bytes)."""

    Relationship: ULONG
    Size: ULONG
    Head: Annotated[bytes, Bytes(22)]
    GroupCount: USHORT
    GroupMask: GROUP_AFFINITY


@struct
@dataclass(slots=True)
class GROUP_RELATIONSHIP:
    """The record of system class 107 about processor groups (4Ch / 50h bytes)."""

    Relationship: ULONG
    Size: ULONG
    MaximumGroupCount: USHORT
    ActiveGroupCount: USHORT
    Reserved: Annotated[bytes, Bytes(20)]
    MaximumProcessorCount: UCHAR
    ActiveProcessorCount: UCHAR
    Reserved2: Annotated[bytes, Bytes(38)]
    ActiveProcessorMask: ULONG_PTR


@struct
@dataclass(slots=True)
class SYSTEM_BASIC_PERFORMANCE_INFORMATION:
    """System class 123 (10h / 20h bytes)."""

    AvailablePages: SIZE_T
    CommittedPages: SIZE_T
    CommitLimit: SIZE_T
    PeakCommitment: SIZE_T


@struct
@dataclass(slots=True)
class SYSTEM_PROCESS_ID_INFORMATION:
    """System class 88 (0Ch / 18h bytes): the caller brings the string's buffer."""

    ProcessId: HANDLE
    ImageName: UNICODE_STRING
