"""Structures of files, volumes, pipes and completion ports that few services need ([MS-FSCC] 2.3 to 2.5; phnt).

A variable tail (a name, data) is not part of a declaration: it follows the last field directly.
Who may import it: everybody.
"""

from __future__ import annotations

from typing import Annotated

from wowsim.nt.abi import (
    BOOLEAN,
    HANDLE,
    LARGE_INTEGER,
    LONG,
    PVOID,
    UCHAR,
    ULONG,
    ULONGLONG,
    USHORT,
    Bytes,
    struct,
)
from wowsim.nt.records import dataclass


# ---------------------------------------------------------------- completion
@struct
@dataclass(slots=True)
class IO_COMPLETION_BASIC_INFORMATION:
    """NtQueryIoCompletion, class 0."""

    Depth: LONG


@struct
@dataclass(slots=True)
class FILE_COMPLETION_INFORMATION:
    """Class 30."""

    Port: HANDLE
    Key: PVOID


# ---------------------------------------------------------------- files
@struct
@dataclass(slots=True)
class FILE_STREAM_INFORMATION:
    """Class 22; StreamName follows."""

    NextEntryOffset: ULONG
    StreamNameLength: ULONG
    StreamSize: LARGE_INTEGER
    StreamAllocationSize: LARGE_INTEGER


@struct
@dataclass(slots=True)
class FILE_COMPRESSION_INFORMATION:
    """Class 28."""

    CompressedFileSize: LARGE_INTEGER
    CompressionFormat: USHORT
    CompressionUnitShift: UCHAR
    ChunkShift: UCHAR
    ClusterShift: UCHAR
    Reserved: Annotated[bytes, Bytes(3)]


@struct
@dataclass(slots=True)
class FILE_STANDARD_LINK_INFORMATION:
    """Class 54."""

    NumberOfAccessibleLinks: ULONG
    TotalNumberOfLinks: ULONG
    DeletePending: BOOLEAN
    Directory: BOOLEAN


@struct
@dataclass(slots=True)
class FILE_ID_INFORMATION:
    """Class 59."""

    VolumeSerialNumber: ULONGLONG
    FileId: Annotated[bytes, Bytes(16)]


@struct
@dataclass(slots=True)
class FILE_STAT_INFORMATION:
    """Class 68."""

    FileId: LARGE_INTEGER
    CreationTime: LARGE_INTEGER
    LastAccessTime: LARGE_INTEGER
    LastWriteTime: LARGE_INTEGER
    ChangeTime: LARGE_INTEGER
    AllocationSize: LARGE_INTEGER
    EndOfFile: LARGE_INTEGER
    FileAttributes: ULONG
    ReparseTag: ULONG
    NumberOfLinks: ULONG
    EffectiveAccess: ULONG


@struct
@dataclass(slots=True)
class FILE_BOOLEAN_INFORMATION:
    """Class 51, FileIsRemoteDeviceInformation."""

    Value: BOOLEAN


@struct
@dataclass(slots=True)
class FILE_LINKS_INFORMATION:
    """Class 46; entries follow."""

    BytesNeeded: ULONG
    EntriesReturned: ULONG


# ---------------------------------------------------------------- pipes
@struct
@dataclass(slots=True)
class FILE_PIPE_INFORMATION:
    """Class 23."""

    ReadMode: ULONG
    CompletionMode: ULONG


@struct
@dataclass(slots=True)
class FILE_PIPE_LOCAL_INFORMATION:
    """Class 24."""

    NamedPipeType: ULONG
    NamedPipeConfiguration: ULONG
    MaximumInstances: ULONG
    CurrentInstances: ULONG
    InboundQuota: ULONG
    ReadDataAvailable: ULONG
    OutboundQuota: ULONG
    WriteQuotaAvailable: ULONG
    NamedPipeState: ULONG
    NamedPipeEnd: ULONG


# ---------------------------------------------------------------- volumes
@struct
@dataclass(slots=True)
class FILE_FS_CONTROL_INFORMATION:
    """Class 6."""

    FreeSpaceStartFiltering: LARGE_INTEGER
    FreeSpaceThreshold: LARGE_INTEGER
    FreeSpaceStopFiltering: LARGE_INTEGER
    DefaultQuotaThreshold: LARGE_INTEGER
    DefaultQuotaLimit: LARGE_INTEGER
    FileSystemControlFlags: ULONG


@struct
@dataclass(slots=True)
class FILE_FS_OBJECTID_INFORMATION:
    """Class 8."""

    ObjectId: Annotated[bytes, Bytes(16)]
    ExtendedInfo: Annotated[bytes, Bytes(48)]


@struct
@dataclass(slots=True)
class FILE_FS_SECTOR_SIZE_INFORMATION:
    """Class 11."""

    LogicalBytesPerSector: ULONG
    PhysicalBytesPerSectorForAtomicity: ULONG
    PhysicalBytesPerSectorForPerformance: ULONG
    FileSystemEffectivePhysicalBytesPerSectorForAtomicity: ULONG
    Flags: ULONG
    ByteOffsetForSectorAlignment: ULONG
    ByteOffsetForPartitionAlignment: ULONG
