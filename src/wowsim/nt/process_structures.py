"""Structures of process, thread and job information classes, one declaration for both widths (phnt; winnt.h).

Who may import it: everybody.
"""

from __future__ import annotations

from wowsim.nt.abi import (
    HANDLE,
    LARGE_INTEGER,
    SIZE_T,
    ULONG,
    ULONG_PTR,
    ULONGLONG,
    USHORT,
    struct,
)
from wowsim.nt.records import dataclass
from wowsim.nt.structures import PROCESS_BASIC_INFORMATION


@struct
@dataclass(slots=True)
class PROCESS_EXTENDED_BASIC_INFORMATION:
    """Process class 0, the longer form (20h / 40h bytes); Size says that it is meant."""

    Size: SIZE_T
    BasicInfo: PROCESS_BASIC_INFORMATION
    Flags: ULONG


@struct
@dataclass(slots=True)
class QUOTA_LIMITS:
    """Process class 1."""

    PagedPoolLimit: SIZE_T
    NonPagedPoolLimit: SIZE_T
    MinimumWorkingSetSize: SIZE_T
    MaximumWorkingSetSize: SIZE_T
    PagefileLimit: SIZE_T
    TimeLimit: LARGE_INTEGER


@struct
@dataclass(slots=True)
class VM_COUNTERS:
    """Process class 3."""

    PeakVirtualSize: SIZE_T
    VirtualSize: SIZE_T
    PageFaultCount: ULONG
    PeakWorkingSetSize: SIZE_T
    WorkingSetSize: SIZE_T
    QuotaPeakPagedPoolUsage: SIZE_T
    QuotaPagedPoolUsage: SIZE_T
    QuotaPeakNonPagedPoolUsage: SIZE_T
    QuotaNonPagedPoolUsage: SIZE_T
    PagefileUsage: SIZE_T
    PeakPagefileUsage: SIZE_T


@struct
@dataclass(slots=True)
class VM_COUNTERS_EX:
    """Process class 3, the longer form."""

    PeakVirtualSize: SIZE_T
    VirtualSize: SIZE_T
    PageFaultCount: ULONG
    PeakWorkingSetSize: SIZE_T
    WorkingSetSize: SIZE_T
    QuotaPeakPagedPoolUsage: SIZE_T
    QuotaPagedPoolUsage: SIZE_T
    QuotaPeakNonPagedPoolUsage: SIZE_T
    QuotaNonPagedPoolUsage: SIZE_T
    PagefileUsage: SIZE_T
    PeakPagefileUsage: SIZE_T
    PrivateUsage: SIZE_T


@struct
@dataclass(slots=True)
class POOLED_USAGE_AND_LIMITS:
    """Process class 14."""

    PeakPagedPoolUsage: SIZE_T
    PagedPoolUsage: SIZE_T
    PagedPoolLimit: SIZE_T
    PeakNonPagedPoolUsage: SIZE_T
    NonPagedPoolUsage: SIZE_T
    NonPagedPoolLimit: SIZE_T
    PeakPagefileUsage: SIZE_T
    PagefileUsage: SIZE_T
    PagefileLimit: SIZE_T


@struct
@dataclass(slots=True)
class PROCESS_HANDLE_TABLE_ENTRY_INFO:
    """One entry of process class 51."""

    HandleValue: HANDLE
    HandleCount: SIZE_T
    PointerCount: SIZE_T
    GrantedAccess: ULONG
    ObjectTypeIndex: ULONG
    HandleAttributes: ULONG
    Reserved: ULONG


@struct
@dataclass(slots=True)
class GROUP_AFFINITY:
    """Thread class 30."""

    Mask: ULONG_PTR
    Group: USHORT
    Reserved0: USHORT
    Reserved1: USHORT
    Reserved2: USHORT


# ---------------------------------------------------------------- jobs
@struct
@dataclass(slots=True)
class JOBOBJECT_BASIC_ACCOUNTING_INFORMATION:
    """Job class 1: the same in both widths."""

    TotalUserTime: LARGE_INTEGER
    TotalKernelTime: LARGE_INTEGER
    ThisPeriodTotalUserTime: LARGE_INTEGER
    ThisPeriodTotalKernelTime: LARGE_INTEGER
    TotalPageFaultCount: ULONG
    TotalProcesses: ULONG
    ActiveProcesses: ULONG
    TotalTerminatedProcesses: ULONG


@struct
@dataclass(slots=True)
class JOBOBJECT_BASIC_LIMIT_INFORMATION:
    """Job class 2 (30h / 40h bytes)."""

    PerProcessUserTimeLimit: LARGE_INTEGER
    PerJobUserTimeLimit: LARGE_INTEGER
    LimitFlags: ULONG
    MinimumWorkingSetSize: SIZE_T
    MaximumWorkingSetSize: SIZE_T
    ActiveProcessLimit: ULONG
    Affinity: ULONG_PTR
    PriorityClass: ULONG
    SchedulingClass: ULONG


@struct
@dataclass(slots=True)
class IO_COUNTERS:
    """Process class 2: the same in both widths."""

    ReadOperationCount: ULONGLONG
    WriteOperationCount: ULONGLONG
    OtherOperationCount: ULONGLONG
    ReadTransferCount: ULONGLONG
    WriteTransferCount: ULONGLONG
    OtherTransferCount: ULONGLONG


@struct
@dataclass(slots=True)
class JOBOBJECT_EXTENDED_LIMIT_INFORMATION:
    """Job class 9 (70h / 90h bytes)."""

    BasicLimitInformation: JOBOBJECT_BASIC_LIMIT_INFORMATION
    IoInfo: IO_COUNTERS
    ProcessMemoryLimit: SIZE_T
    JobMemoryLimit: SIZE_T
    PeakProcessMemoryUsed: SIZE_T
    PeakJobMemoryUsed: SIZE_T


@struct
@dataclass(slots=True)
class PROCESSOR_NUMBER:
    """Group in the first half; number and a reserved byte in the second (winnt.h)."""

    Group: USHORT
    NumberReserved: USHORT
