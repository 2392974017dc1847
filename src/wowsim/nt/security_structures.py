"""Structures of the security services (winnt.h; phnt, ntseapi.h).

What varies in length (TOKEN_GROUPS, PRIVILEGE_SET, SIDs, ACLs) is not among them. Who may import it: everybody.
"""

from __future__ import annotations

from typing import Annotated

from wowsim.nt.abi import BOOLEAN, PVOID, ULONG, USHORT, Bytes, Ptr, Record, struct
from wowsim.nt.executive_structures import GUID
from wowsim.nt.structures import LUID


@struct
class GENERIC_MAPPING(Record):
    """What the generic access rights stand for (10h bytes)."""

    GenericRead: ULONG
    GenericWrite: ULONG
    GenericExecute: ULONG
    GenericAll: ULONG


@struct
class SECURITY_QUALITY_OF_SERVICE(Record):
    """How far a server may impersonate its client (0Ch bytes)."""

    Length: ULONG
    ImpersonationLevel: ULONG
    ContextTrackingMode: BOOLEAN
    EffectiveOnly: BOOLEAN


@struct
class SID_AND_ATTRIBUTES(Record):
    """A SID, the same in both widths, and its attributes (8 / 10h bytes)."""

    Sid: PVOID
    Attributes: ULONG


@struct
class TOKEN_USER(Record):
    """Token class 1 (8 / 10h bytes)."""

    User: SID_AND_ATTRIBUTES


@struct
class TOKEN_OWNER(Record):
    """Token class 4."""

    Owner: PVOID


@struct
class TOKEN_PRIMARY_GROUP(Record):
    """Token class 5."""

    PrimaryGroup: PVOID


@struct
class TOKEN_DEFAULT_DACL(Record):
    """Token class 6."""

    DefaultDacl: PVOID


@struct
class TOKEN_SOURCE(Record):
    """Token class 7 (10h bytes)."""

    SourceName: Annotated[bytes, Bytes(8)]
    SourceIdentifier: LUID


@struct
class TOKEN_MANDATORY_POLICY(Record):
    """Token class 27."""

    Policy: ULONG


@struct
class OBJECT_TYPE_LIST(Record):
    """One level of an object's types in an access check (8 / 10h bytes)."""

    Level: USHORT
    Sbz: USHORT
    ObjectType: Annotated[int, Ptr(GUID)]
