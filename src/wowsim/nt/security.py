"""Security identifiers, access control lists and security descriptors as bytes ([MS-DTYP] sections 2.4.2 to 2.4.6).

A SID and an ACL are the bytes that Windows keeps, the same in both widths; only an absolute descriptor has
pointers. Who may import it: everybody.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from wowsim.errors import GuestFault
from wowsim.nt.records import dataclass
from wowsim.nt.status import STATUS_INVALID_ACL, STATUS_INVALID_SECURITY_DESCR, STATUS_INVALID_SID

# ---------------------------------------------------------------- SIDs
SID_REVISION, MAXIMUM_SUBAUTHORITIES = 1, 15


def sid(text: str) -> bytes:
    """The bytes of ``S-1-5-32-544``."""
    _, revision, authority, *rest = text.split("-")
    return struct.pack(">BBHI", int(revision), len(rest), 0, int(authority)) + struct.pack(
        f"<{len(rest)}I", *map(int, rest)
    )


def sid_text(data: bytes) -> str:
    """``S-1-5-32-544`` of its bytes."""
    authority = int.from_bytes(data[2:8], "big")
    rest = struct.unpack_from(f"<{data[1]}I", data, 8)
    return "-".join(map(str, ("S", data[0], authority, *rest)))


def sid_size(head: bytes) -> int:
    """How long the SID is that begins with these two bytes.

    Raises:
        GuestFault: STATUS_INVALID_SID for another revision or more than 15 subauthorities.
    """
    if head[0] & 0xF != SID_REVISION or head[1] > MAXIMUM_SUBAUTHORITIES:
        raise GuestFault(STATUS_INVALID_SID)
    return 8 + 4 * head[1]


EVERYONE = sid("S-1-1-0")
LOCAL = sid("S-1-2-0")
CONSOLE_LOGON = sid("S-1-2-1")
ANONYMOUS = sid("S-1-5-7")
INTERACTIVE = sid("S-1-5-4")
AUTHENTICATED_USERS = sid("S-1-5-11")
THIS_ORGANIZATION = sid("S-1-5-15")
SYSTEM = sid("S-1-5-18")
ADMINISTRATORS = sid("S-1-5-32-544")
USERS = sid("S-1-5-32-545")
NTLM = sid("S-1-5-64-10")
OWNER_RIGHTS = sid("S-1-3-4")
UNTRUSTED, MEDIUM, HIGH = (sid(f"S-1-16-{level}") for level in (0, 8192, 12288))
"""Integrity levels ([MS-DTYP] section 2.4.4.13: mandatory labels)."""

# ---------------------------------------------------------------- ACLs
ACCESS_ALLOWED_ACE_TYPE, ACCESS_DENIED_ACE_TYPE = 0, 1
SYSTEM_MANDATORY_LABEL_ACE_TYPE = 0x11
INHERIT_ONLY_ACE = 8
ACL_HEADER = 8
_ACL, _ACE = struct.Struct("<BxHHxx"), struct.Struct("<BBHI")


@dataclass(frozen=True)
class Ace:
    """An access control entry of the common kind: type, flags, rights, SID."""

    type: int
    flags: int
    mask: int
    sid: bytes

    def encode(self) -> bytes:
        """Its bytes."""
        return _ACE.pack(self.type, self.flags, 8 + len(self.sid), self.mask) + self.sid


def acl(*entries: Ace) -> bytes:
    """An ACL of revision 2."""
    body = b"".join(entry.encode() for entry in entries)
    return _ACL.pack(2, ACL_HEADER + len(body), len(entries)) + body


def acl_size(header: bytes) -> int:
    """How long the ACL is that begins with these eight bytes.

    Raises:
        GuestFault: STATUS_INVALID_ACL for a revision that is not 2 to 4, or a size that no ACL has.
    """
    revision, size, _ = _ACL.unpack_from(header)
    if not 2 <= revision <= 4 or size < ACL_HEADER or size & 3:
        raise GuestFault(STATUS_INVALID_ACL)
    return int(size)


def aces(data: bytes) -> list[Ace]:
    """The entries of an ACL; object, callback and other kinds come without rights and SID.

    Raises:
        GuestFault: STATUS_INVALID_ACL where an entry does not fit, STATUS_INVALID_SID.
    """
    found, at = [], ACL_HEADER
    for _ in range(_ACL.unpack_from(data)[2]):
        if at + 8 > len(data):
            raise GuestFault(STATUS_INVALID_ACL)
        kind, flags, size, mask = _ACE.unpack_from(data, at)
        if size < 8 or at + size > len(data):
            raise GuestFault(STATUS_INVALID_ACL)
        if kind in (ACCESS_ALLOWED_ACE_TYPE, ACCESS_DENIED_ACE_TYPE, SYSTEM_MANDATORY_LABEL_ACE_TYPE):
            if size < 16 or 8 + sid_size(data[at + 8 : at + 10]) > size:
                raise GuestFault(STATUS_INVALID_ACL)
            who = data[at + 8 : at + 8 + sid_size(data[at + 8 : at + 10])]
            found.append(Ace(kind, flags, mask, who))
        else:
            found.append(Ace(kind, flags, 0, b""))
        at += size
    return found


# ---------------------------------------------------------------- security descriptors
SE_DACL_PRESENT, SE_SACL_PRESENT, SE_SELF_RELATIVE = 0x4, 0x10, 0x8000
OWNER_INFORMATION, GROUP_INFORMATION, DACL_INFORMATION, SACL_INFORMATION, LABEL_INFORMATION = 1, 2, 4, 8, 0x10
_RELATIVE = struct.Struct("<BBHIIII")
SD_HEADER = _RELATIVE.size


@dataclass(frozen=True)
class SecurityDescriptor:
    """Who owns an object and who may do what with it.

    Attributes:
        owner: SID, or None.
        group: SID, or None.
        dacl: ACL; None together with SE_DACL_PRESENT is the NULL DACL, which allows everything.
        sacl: ACL, or None.
        control: SE_* flags without SE_SELF_RELATIVE.
    """

    owner: bytes | None = None
    group: bytes | None = None
    dacl: bytes | None = None
    sacl: bytes | None = None
    control: int = 0

    def encode(self) -> bytes:
        """The self-relative form; its parts follow in the order owner, group, SACL, DACL (any order is valid)."""
        offsets, body = [], b""
        for part in (self.owner, self.group, self.sacl, self.dacl):
            offsets.append(SD_HEADER + len(body) if part else 0)
            body += part or b""
        return _RELATIVE.pack(1, 0, self.control | SE_SELF_RELATIVE, *offsets) + body

    def select(self, information: int) -> SecurityDescriptor:
        """Only the parts that SECURITY_INFORMATION flags ask for."""
        dacl, sacl = information & DACL_INFORMATION, information & (SACL_INFORMATION | LABEL_INFORMATION)
        control = self.control
        control &= ~0x140C if not dacl else ~0
        control &= ~0x2830 if not sacl else ~0
        return SecurityDescriptor(
            self.owner if information & OWNER_INFORMATION else None,
            self.group if information & GROUP_INFORMATION else None,
            self.dacl if dacl else None,
            self.sacl if sacl else None,
            control,
        )

    def merge(self, other: SecurityDescriptor, information: int) -> SecurityDescriptor:
        """This one with the parts of another that the flags name."""
        result = self
        if information & OWNER_INFORMATION:
            if other.owner is None:
                raise GuestFault(STATUS_INVALID_SECURITY_DESCR)
            result = replace(result, owner=other.owner)
        if information & GROUP_INFORMATION:
            result = replace(result, group=other.group)
        if information & DACL_INFORMATION:
            result = replace(result, dacl=other.dacl, control=_flags(result, other, 0x140C, SE_DACL_PRESENT))
        if information & (SACL_INFORMATION | LABEL_INFORMATION):
            result = replace(result, sacl=other.sacl, control=_flags(result, other, 0x2830, SE_SACL_PRESENT))
        return result


def _flags(old: SecurityDescriptor, new: SecurityDescriptor, mask: int, present: int) -> int:
    """The control flags of one list (present, defaulted, inherited, protected) taken from the new descriptor."""
    return (old.control & ~mask) | (new.control & mask) | present
