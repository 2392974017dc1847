"""Whether a token may use an object: evaluation of a security descriptor (nt!SeAccessCheck).

The algorithm is that of [MS-DTYP] section 2.5.3.2. Leaves out object types, conditions and central policies: entries
of these kinds allow and deny nothing.
Who may import it: the kernel package.
"""

from __future__ import annotations

from wowsim.kernel.access import (
    ACCESS_SYSTEM_SECURITY,
    GENERIC_ALL,
    GENERIC_EXECUTE,
    GENERIC_READ,
    GENERIC_WRITE,
    MAXIMUM_ALLOWED,
    GenericMapping,
)
from wowsim.kernel.token import GROUP_DENY_ONLY, GROUP_ENABLED, Token
from wowsim.nt import security
from wowsim.nt.records import dataclass
from wowsim.nt.security import (
    ACCESS_ALLOWED_ACE_TYPE,
    ACCESS_DENIED_ACE_TYPE,
    INHERIT_ONLY_ACE,
    SYSTEM_MANDATORY_LABEL_ACE_TYPE,
    Ace,
    SecurityDescriptor,
    aces,
)
from wowsim.nt.status import STATUS_ACCESS_DENIED, STATUS_PRIVILEGE_NOT_HELD, STATUS_SUCCESS

READ_CONTROL, WRITE_DAC, WRITE_OWNER = 0x20000, 0x40000, 0x80000
NO_WRITE_UP, NO_READ_UP, NO_EXECUTE_UP = 1, 2, 4


@dataclass(frozen=True)
class Outcome:
    """What an access check found: rights granted, status, numbers of the privileges that helped."""

    granted: int
    status: int
    privileges: tuple[int, ...] = ()


def map_generic(mask: int, mapping: GenericMapping) -> int:
    """Generic rights as the specific ones of an object type (RtlMapGenericMask)."""
    for right, meaning in (
        (GENERIC_READ, mapping.read),
        (GENERIC_WRITE, mapping.write),
        (GENERIC_EXECUTE, mapping.execute),
        (GENERIC_ALL, mapping.all),
    ):
        if mask & right:
            mask = (mask & ~right) | meaning
    return mask


def access_check(
    token: Token, descriptor: SecurityDescriptor, desired: int, mapping: GenericMapping
) -> Outcome:
    """Evaluate ``desired`` (no generic rights) for a token.

    Args:
        token: who asks.
        descriptor: of the object; its owner is set.
        desired: rights, perhaps with MAXIMUM_ALLOWED.
        mapping: what generic rights in the lists mean.
    """
    maximum, wanted = desired & MAXIMUM_ALLOWED != 0, desired & ~MAXIMUM_ALLOWED
    given, used = 0, []
    if wanted & ACCESS_SYSTEM_SECURITY:
        if not token.holds("SeSecurityPrivilege"):
            return Outcome(0, STATUS_PRIVILEGE_NOT_HELD)
        given |= ACCESS_SYSTEM_SECURITY
        used.append(8)
    if (wanted & WRITE_OWNER or maximum) and token.holds("SeTakeOwnershipPrivilege"):
        given |= WRITE_OWNER
        used += [9] if wanted & WRITE_OWNER else []
    forbidden = _above(token, descriptor, mapping)
    allowed = (_allowed(token, descriptor, mapping) | given) & ~forbidden
    if token.restricted:
        allowed &= _allowed(token, descriptor, mapping, restricted=True) | given
    if wanted & ~allowed or (maximum and not allowed):
        return Outcome(0, STATUS_ACCESS_DENIED)
    return Outcome(allowed if maximum else wanted, STATUS_SUCCESS, tuple(used))


def _entries(data: bytes | None) -> list[Ace]:
    return aces(data) if data else []


def _allowed(
    token: Token, descriptor: SecurityDescriptor, mapping: GenericMapping, *, restricted: bool = False
) -> int:
    """Every right that the DACL gives: the first entry that speaks of a right decides."""
    if descriptor.dacl is None:
        return mapping.all
    entries = [e for e in _entries(descriptor.dacl) if not e.flags & INHERIT_ONLY_ACE]
    allowed = denied = 0
    owned = descriptor.owner is not None and _is(token, descriptor.owner, False, restricted)
    if owned and not any(e.sid == security.OWNER_RIGHTS for e in entries):
        allowed = READ_CONTROL | WRITE_DAC
    for entry in entries:
        denies = entry.type == ACCESS_DENIED_ACE_TYPE
        if not denies and entry.type != ACCESS_ALLOWED_ACE_TYPE:
            continue
        applies = owned if entry.sid == security.OWNER_RIGHTS else _is(token, entry.sid, denies, restricted)
        if not applies:
            continue
        mask = map_generic(entry.mask, mapping)
        if denies:
            denied |= mask & ~allowed
        else:
            allowed |= mask & ~denied
    return allowed


def _is(token: Token, who: bytes, denying: bool, restricted: bool) -> bool:
    """Whether the token has that SID, enabled, or for denying at least."""
    if restricted:
        return who in token.restricted
    if who == token.user:
        return denying or not token.user_attributes & GROUP_DENY_ONLY
    attributes = token.groups.get(who, 0)
    if attributes & GROUP_DENY_ONLY:
        return denying
    return attributes & GROUP_ENABLED != 0


def _above(token: Token, descriptor: SecurityDescriptor, mapping: GenericMapping) -> int:
    """The rights that the object's integrity level takes from a token below it; medium is the level of no label."""
    if token.integrity is None:
        return 0
    labels = [e for e in _entries(descriptor.sacl) if e.type == SYSTEM_MANDATORY_LABEL_ACE_TYPE]
    label, policy = (labels[0].sid, labels[0].mask) if labels else (security.MEDIUM, NO_WRITE_UP)
    if _level(token.integrity) >= _level(label):
        return 0
    kept = 0
    for bit, rights in (
        (NO_READ_UP, mapping.read),
        (NO_WRITE_UP, mapping.write),
        (NO_EXECUTE_UP, mapping.execute),
    ):
        if not policy & bit:
            kept |= rights
    return ~kept & 0xFFFFFFFF


def _level(label: bytes) -> int:
    return int.from_bytes(label[8:12], "little")
