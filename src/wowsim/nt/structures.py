"""Structures that services exchange with programs, one declaration for both widths.

They stand for the SDK and WDK headers (winternl.h, ntifs.h; layouts of the information classes: [MS-FSCC]).
A variable tail (a file name) is not part of a declaration: it follows the last field directly.
Who may import it: everybody.
"""

from __future__ import annotations

from typing import Annotated

from wowsim.nt.abi import (
    BOOLEAN,
    HANDLE,
    LARGE_INTEGER,
    LONG,
    NTSTATUS,
    PSECURITY_DESCRIPTOR,
    PVOID,
    ULONG,
    ULONG_PTR,
    ULONGLONG,
    USHORT,
    Bytes,
    Ptr,
    struct,
)
from wowsim.nt.records import dataclass


# ---------------------------------------------------------------- names and completion
@struct
@dataclass(slots=True)
class UNICODE_STRING:
    """Counted UTF-16 text; lengths in bytes."""

    Length: USHORT
    MaximumLength: USHORT
    Buffer: PVOID


@struct
@dataclass(slots=True)
class OBJECT_ATTRIBUTES:
    """How a service names an object."""

    Length: ULONG
    RootDirectory: HANDLE
    ObjectName: Annotated[int, Ptr(UNICODE_STRING)]
    Attributes: ULONG
    SecurityDescriptor: PSECURITY_DESCRIPTOR
    SecurityQualityOfService: PVOID


@struct
@dataclass(slots=True)
class IO_STATUS_BLOCK:
    """How an I/O request ended; Status shares its place with a pointer, hence the alignment."""

    Status: NTSTATUS
    Information: ULONG_PTR


@struct
@dataclass(slots=True)
class CLIENT_ID:
    """Process and thread id."""

    UniqueProcess: HANDLE
    UniqueThread: HANDLE


@struct
@dataclass(slots=True)
class LUID:
    """Locally unique id."""

    LowPart: ULONG
    HighPart: LONG


# ---------------------------------------------------------------- files
@struct
@dataclass(slots=True)
class FILE_BASIC_INFORMATION:
    """Class 4, and what NtQueryAttributesFile returns. Times: 100 ns since 1601."""

    CreationTime: LARGE_INTEGER
    LastAccessTime: LARGE_INTEGER
    LastWriteTime: LARGE_INTEGER
    ChangeTime: LARGE_INTEGER
    FileAttributes: ULONG


@struct
@dataclass(slots=True)
class FILE_STANDARD_INFORMATION:
    """Class 5."""

    AllocationSize: LARGE_INTEGER
    EndOfFile: LARGE_INTEGER
    NumberOfLinks: ULONG
    DeletePending: BOOLEAN
    Directory: BOOLEAN


@struct
@dataclass(slots=True)
class FILE_INTERNAL_INFORMATION:
    """Class 6."""

    IndexNumber: LARGE_INTEGER


@struct
@dataclass(slots=True)
class FILE_ULONG_INFORMATION:
    """Classes 7 (EaSize), 8 (AccessFlags), 16 (Mode) and 17 (AlignmentRequirement): one ULONG."""

    Value: ULONG


@struct
@dataclass(slots=True)
class FILE_NAME_INFORMATION:
    """Class 9; FileName follows."""

    FileNameLength: ULONG


@struct
@dataclass(slots=True)
class FILE_POSITION_INFORMATION:
    """Class 14; also the one LARGE_INTEGER of classes 19 (AllocationSize) and 20 (EndOfFile)."""

    CurrentByteOffset: LARGE_INTEGER


@struct
@dataclass(slots=True)
class FILE_ALL_INFORMATION:
    """Class 18: nine classes in a row; FileName follows."""

    BasicInformation: FILE_BASIC_INFORMATION
    StandardInformation: FILE_STANDARD_INFORMATION
    InternalInformation: FILE_INTERNAL_INFORMATION
    EaInformation: FILE_ULONG_INFORMATION
    AccessInformation: FILE_ULONG_INFORMATION
    PositionInformation: FILE_POSITION_INFORMATION
    ModeInformation: FILE_ULONG_INFORMATION
    AlignmentInformation: FILE_ULONG_INFORMATION
    NameInformation: FILE_NAME_INFORMATION


@struct
@dataclass(slots=True)
class FILE_NETWORK_OPEN_INFORMATION:
    """Class 34, and what NtQueryFullAttributesFile returns."""

    CreationTime: LARGE_INTEGER
    LastAccessTime: LARGE_INTEGER
    LastWriteTime: LARGE_INTEGER
    ChangeTime: LARGE_INTEGER
    AllocationSize: LARGE_INTEGER
    EndOfFile: LARGE_INTEGER
    FileAttributes: ULONG


@struct
@dataclass(slots=True)
class FILE_ATTRIBUTE_TAG_INFORMATION:
    """Class 35."""

    FileAttributes: ULONG
    ReparseTag: ULONG


@struct
@dataclass(slots=True)
class FILE_RENAME_INFORMATION:
    """Class 10; FileName follows FileNameLength directly."""

    ReplaceIfExists: BOOLEAN
    RootDirectory: HANDLE
    FileNameLength: ULONG


@struct
@dataclass(slots=True)
class FILE_RENAME_INFORMATION_EX:
    """Classes 65 and 72; FileName follows FileNameLength directly."""

    Flags: ULONG
    RootDirectory: HANDLE
    FileNameLength: ULONG


@struct
@dataclass(slots=True)
class FILE_DISPOSITION_INFORMATION:
    """Class 13."""

    DeleteFile: BOOLEAN


# ---------------------------------------------------------------- directory entries
@struct
@dataclass(slots=True)
class FILE_DIRECTORY_INFORMATION:
    """Directory class 1; FileName follows."""

    NextEntryOffset: ULONG
    FileIndex: ULONG
    CreationTime: LARGE_INTEGER
    LastAccessTime: LARGE_INTEGER
    LastWriteTime: LARGE_INTEGER
    ChangeTime: LARGE_INTEGER
    EndOfFile: LARGE_INTEGER
    AllocationSize: LARGE_INTEGER
    FileAttributes: ULONG
    FileNameLength: ULONG


@struct
@dataclass(slots=True)
class FILE_NAMES_INFORMATION:
    """Directory class 12; FileName follows."""

    NextEntryOffset: ULONG
    FileIndex: ULONG
    FileNameLength: ULONG


# ---------------------------------------------------------------- volumes
@struct
@dataclass(slots=True)
class FILE_FS_VOLUME_INFORMATION:
    """Volume class 1; VolumeLabel follows SupportsObjects after one byte of padding."""

    VolumeCreationTime: LARGE_INTEGER
    VolumeSerialNumber: ULONG
    VolumeLabelLength: ULONG
    SupportsObjects: BOOLEAN
    Reserved: BOOLEAN


@struct
@dataclass(slots=True)
class FILE_FS_SIZE_INFORMATION:
    """Volume class 3."""

    TotalAllocationUnits: LARGE_INTEGER
    AvailableAllocationUnits: LARGE_INTEGER
    SectorsPerAllocationUnit: ULONG
    BytesPerSector: ULONG


@struct
@dataclass(slots=True)
class FILE_FS_DEVICE_INFORMATION:
    """Volume class 4."""

    DeviceType: ULONG
    Characteristics: ULONG


@struct
@dataclass(slots=True)
class FILE_FS_ATTRIBUTE_INFORMATION:
    """Volume class 5; FileSystemName follows."""

    FileSystemAttributes: ULONG
    MaximumComponentNameLength: LONG
    FileSystemNameLength: ULONG


@struct
@dataclass(slots=True)
class FILE_FS_FULL_SIZE_INFORMATION:
    """Volume class 7."""

    TotalAllocationUnits: LARGE_INTEGER
    CallerAvailableAllocationUnits: LARGE_INTEGER
    ActualAvailableAllocationUnits: LARGE_INTEGER
    SectorsPerAllocationUnit: ULONG
    BytesPerSector: ULONG


# ---------------------------------------------------------------- processes, objects, system
@struct
@dataclass(slots=True)
class PROCESS_BASIC_INFORMATION:
    """Process class 0 (18h / 30h bytes: wow64-facts section 6)."""

    ExitStatus: NTSTATUS
    PebBaseAddress: PVOID
    AffinityMask: ULONG_PTR
    BasePriority: LONG
    UniqueProcessId: ULONG_PTR
    InheritedFromUniqueProcessId: ULONG_PTR


@struct
@dataclass(slots=True)
class THREAD_BASIC_INFORMATION:
    """Thread class 0 (1Ch / 30h bytes: wow64-facts section 6)."""

    ExitStatus: NTSTATUS
    TebBaseAddress: PVOID
    ClientId: CLIENT_ID
    AffinityMask: ULONG_PTR
    Priority: LONG
    BasePriority: LONG


@struct
@dataclass(slots=True)
class SECTION_IMAGE_INFORMATION:
    """Process class 25h (30h / 40h bytes: wow64-facts section 6)."""

    TransferAddress: PVOID
    ZeroBits: ULONG
    MaximumStackSize: ULONG_PTR
    CommittedStackSize: ULONG_PTR
    SubSystemType: ULONG
    SubSystemMinorVersion: USHORT
    SubSystemMajorVersion: USHORT
    GpValue: ULONG
    ImageCharacteristics: USHORT
    DllCharacteristics: USHORT
    Machine: USHORT
    ImageContainsCode: BOOLEAN
    ImageFlags: BOOLEAN
    LoaderFlags: ULONG
    ImageFileSize: ULONG
    CheckSum: ULONG


@struct
@dataclass(slots=True)
class OBJECT_BASIC_INFORMATION:
    """Object class 0 (PUBLIC_OBJECT_BASIC_INFORMATION names its tail Reserved)."""

    Attributes: ULONG
    GrantedAccess: ULONG
    HandleCount: ULONG
    PointerCount: ULONG
    PagedPoolCharge: ULONG
    NonPagedPoolCharge: ULONG
    Reserved: Annotated[bytes, Bytes(12)]
    NameInfoSize: ULONG
    TypeInfoSize: ULONG
    SecurityDescriptorSize: ULONG
    CreationTime: LARGE_INTEGER


@struct
@dataclass(slots=True)
class OBJECT_TYPE_INFORMATION:
    """Object class 2 (60h / 68h bytes): the name's text follows. Usage: ten pool and high-water counters."""

    TypeName: UNICODE_STRING
    TotalNumberOfObjects: ULONG
    TotalNumberOfHandles: ULONG
    Usage: Annotated[bytes, Bytes(40)]
    InvalidAttributes: ULONG
    GenericRead: ULONG
    GenericWrite: ULONG
    GenericExecute: ULONG
    GenericAll: ULONG
    ValidAccessMask: ULONG
    SecurityRequired: BOOLEAN
    MaintainHandleCount: BOOLEAN
    TypeIndex: BOOLEAN
    ReservedByte: BOOLEAN
    PoolType: ULONG
    DefaultPagedPoolCharge: ULONG
    DefaultNonPagedPoolCharge: ULONG


@struct
@dataclass(slots=True)
class OBJECT_HANDLE_FLAG_INFORMATION:
    """Object class 4."""

    Inherit: BOOLEAN
    ProtectFromClose: BOOLEAN


@struct
@dataclass(slots=True)
class SYSTEM_BASIC_INFORMATION:
    """System classes 0 and 62 (2Ch / 40h bytes)."""

    Reserved: ULONG
    TimerResolution: ULONG
    PageSize: ULONG
    NumberOfPhysicalPages: ULONG
    LowestPhysicalPageNumber: ULONG
    HighestPhysicalPageNumber: ULONG
    AllocationGranularity: ULONG
    MinimumUserModeAddress: ULONG_PTR
    MaximumUserModeAddress: ULONG_PTR
    ActiveProcessorsAffinityMask: ULONG_PTR
    NumberOfProcessors: BOOLEAN


@struct
@dataclass(slots=True)
class SYSTEM_PROCESSOR_INFORMATION:
    """System classes 1 and 63."""

    ProcessorArchitecture: USHORT
    ProcessorLevel: USHORT
    ProcessorRevision: USHORT
    MaximumProcessors: USHORT
    ProcessorFeatureBits: ULONG


@struct
@dataclass(slots=True)
class SYSTEM_TIMEOFDAY_INFORMATION:
    """System class 3."""

    BootTime: LARGE_INTEGER
    CurrentTime: LARGE_INTEGER
    TimeZoneBias: LARGE_INTEGER
    TimeZoneId: ULONG
    Reserved: ULONG
    BootTimeBias: ULONGLONG
    SleepTimeBias: ULONGLONG


@struct
@dataclass(slots=True)
class EVENT_BASIC_INFORMATION:
    """Event class 0 (phnt)."""

    EventType: LONG
    EventState: LONG


@struct
@dataclass(slots=True)
class MUTANT_BASIC_INFORMATION:
    """Mutant class 0 (phnt)."""

    CurrentCount: LONG
    OwnedByCaller: BOOLEAN
    AbandonedState: BOOLEAN


@struct
@dataclass(slots=True)
class SEMAPHORE_BASIC_INFORMATION:
    """Semaphore class 0 (phnt)."""

    CurrentCount: ULONG
    MaximumCount: ULONG


@struct
@dataclass(slots=True)
class TIMER_BASIC_INFORMATION:
    """Timer class 0 (phnt)."""

    RemainingTime: LARGE_INTEGER
    TimerState: BOOLEAN


@struct
@dataclass(slots=True)
class OBJECT_DIRECTORY_INFORMATION:
    """An entry of NtQueryDirectoryObject (10h / 20h bytes); an empty one ends the list."""

    Name: UNICODE_STRING
    TypeName: UNICODE_STRING
