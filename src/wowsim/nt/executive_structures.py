"""Small structures of the executive's services: identifiers, processors, arrays of jobs and of ranges (winnt.h; phnt).

Who may import it: everybody.
"""

from __future__ import annotations

from typing import Annotated

from wowsim.nt.abi import (
    HANDLE,
    LARGE_INTEGER,
    PVOID,
    SIZE_T,
    UCHAR,
    ULONG,
    ULONG_PTR,
    USHORT,
    Bytes,
    Record,
    struct,
)


@struct
class GUID(Record):
    """Globally unique identifier (10h bytes)."""

    Data1: ULONG
    Data2: USHORT
    Data3: USHORT
    Data4: Annotated[bytes, Bytes(8)]


@struct
class WNF_STATE_NAME(Record):
    """Name of a notification's state (8 bytes)."""

    Data: Annotated[bytes, Bytes(8)]


@struct
class PROCESSOR_NUMBER(Record):
    """A processor in its group (4 bytes)."""

    Group: USHORT
    Number: UCHAR
    Reserved: UCHAR


@struct
class GROUP_AFFINITY(Record):
    """Processors of a group (0Ch / 10h bytes)."""

    Mask: ULONG_PTR
    Group: USHORT
    Reserved: Annotated[bytes, Bytes(6)]


@struct
class JOB_SET_ARRAY(Record):
    """A job in a set (0Ch / 10h bytes)."""

    JobHandle: HANDLE
    MemberLevel: ULONG
    Flags: ULONG


@struct
class MEMORY_RANGE_ENTRY(Record):
    """A range of addresses (8 / 10h bytes)."""

    VirtualAddress: PVOID
    NumberOfBytes: SIZE_T


@struct
class T2_SET_PARAMETERS(Record):
    """T2_SET_PARAMETERS_V0: how late a timer may be (10h bytes)."""

    Version: ULONG
    Reserved: ULONG
    NoWakeTolerance: LARGE_INTEGER
