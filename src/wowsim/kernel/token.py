"""Access tokens: who a process or thread acts as (nt!Se TOKEN), and the tokens of the one user there is.

The user is an administrator whose programs run with the filtered token of User Account Control: the Administrators
group is for denying only and the integrity level is medium (Microsoft Learn, "How User Account Control works").
Before Vista there is neither. Account and logon identifiers come from the seed.
Leaves out app containers, claims and auditing. Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from dataclasses import field, replace
from random import Random
from typing import TYPE_CHECKING, ClassVar

from wowsim.kernel import privileges
from wowsim.kernel.access import GENERIC_ALL, GENERIC_EXECUTE, GENERIC_READ, GenericMapping
from wowsim.kernel.accounts import machine_sid, user_sid
from wowsim.kernel.objects import KernelObject
from wowsim.nt import security
from wowsim.nt.records import dataclass
from wowsim.nt.security import ACCESS_ALLOWED_ACE_TYPE, Ace, acl, sid

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel

# ---------------------------------------------------------------- rights, group attributes
TOKEN_ASSIGN_PRIMARY, TOKEN_DUPLICATE, TOKEN_IMPERSONATE, TOKEN_QUERY, TOKEN_QUERY_SOURCE = 1, 2, 4, 8, 0x10
TOKEN_ADJUST_PRIVILEGES, TOKEN_ADJUST_GROUPS, TOKEN_ADJUST_DEFAULT, TOKEN_ADJUST_SESSIONID = (
    0x20,
    0x40,
    0x80,
    0x100,
)

GROUP_MANDATORY, GROUP_ENABLED_BY_DEFAULT, GROUP_ENABLED, GROUP_OWNER, GROUP_DENY_ONLY = 1, 2, 4, 8, 0x10
GROUP_INTEGRITY = 0x60
"""SE_GROUP_INTEGRITY and SE_GROUP_INTEGRITY_ENABLED."""
GROUP_LOGON_ID = 0xC0000000
_ORDINARY = GROUP_MANDATORY | GROUP_ENABLED_BY_DEFAULT | GROUP_ENABLED

DOMAIN_USERS = 513
"""Relative id of the primary group ([MS-DTYP] section 2.4.2.4; of a local account: None)."""

PRIMARY, IMPERSONATION = 1, 2
"""TOKEN_TYPE."""
ANONYMOUS_LEVEL, IDENTIFICATION, IMPERSONATION_LEVEL, DELEGATION = range(4)
"""SECURITY_IMPERSONATION_LEVEL."""
ELEVATION_DEFAULT, ELEVATION_FULL, ELEVATION_LIMITED = 1, 2, 3
"""TOKEN_ELEVATION_TYPE."""


@dataclass(eq=False)
class Token(KernelObject):
    """An access token.

    Attributes:
        user: its SID.
        groups: SID -> SE_GROUP attributes, in the order they are listed.
        privileges: number -> SE_PRIVILEGE attributes of those it holds.
        owner: of objects it makes; ``primary_group`` likewise.
        default_dacl: of objects it makes; None for no protection.
        token_id: LUID; ``modified_id`` changes with every change, ``authentication_id`` is the logon's.
        source: eight bytes: who made it.
        source_id: LUID of that.
        type: PRIMARY or IMPERSONATION.
        level: of an impersonation token.
        session: terminal session.
        elevation: ELEVATION_*; ``linked`` is the other one of an administrator's two tokens.
        integrity: SID of the level, or None before Vista.
        restricted: SIDs that must be allowed too.
        user_attributes: GROUP_DENY_ONLY for a user who was disabled.
        sandbox_inert: SANDBOX_INERT was asked for.
        filtered: a token that NtFilterToken made.
        virtualized: TokenVirtualizationEnabled.
    """

    user: bytes
    groups: dict[bytes, int]
    privileges: dict[int, int]
    owner: bytes
    primary_group: bytes
    default_dacl: bytes | None
    token_id: int
    authentication_id: int
    modified_id: int
    source: bytes = b"User32 \0"
    source_id: int = 0
    type: int = PRIMARY
    level: int = ANONYMOUS_LEVEL
    session: int = 1
    elevation: int = ELEVATION_DEFAULT
    linked: Token | None = None
    integrity: bytes | None = None
    restricted: dict[bytes, int] = field(default_factory=dict)
    user_attributes: int = 0
    sandbox_inert: bool = False
    filtered: bool = False
    virtualized: bool = False

    type_name: ClassVar[str] = "Token"
    mapping: ClassVar[GenericMapping] = GenericMapping(0x2001A, 0x201E0, 0x20005, 0xF01FF)

    def holds(self, name: str) -> bool:
        """Whether a privilege is there and enabled."""
        return self.privileges.get(privileges.NUMBERS[name], 0) & privileges.ENABLED != 0

    @property
    def elevated(self) -> bool:
        """What TokenElevation answers: Administrators counts for more than denying."""
        attributes = self.groups.get(security.ADMINISTRATORS, 0)
        return attributes & GROUP_ENABLED != 0 and not attributes & GROUP_DENY_ONLY

    @property
    def logon_sids(self) -> list[tuple[bytes, int]]:
        """Its groups that stand for the logon."""
        return [(s, a) for s, a in self.groups.items() if a & GROUP_LOGON_ID == GROUP_LOGON_ID]

    def listed_groups(self) -> list[tuple[bytes, int]]:
        """The groups as TokenGroups lists them: the integrity level is one of them."""
        level = [(self.integrity, GROUP_INTEGRITY)] if self.integrity is not None else []
        return [*self.groups.items(), *level]

    def copy(self, k: Kernel, **changes: object) -> Token:
        """Another token with the same contents but for ``changes``, and ids of its own."""
        fresh = k.next_luid()
        kept = {
            "groups": dict(self.groups),
            "privileges": dict(self.privileges),
            "restricted": dict(self.restricted),
            "token_id": fresh,
            "modified_id": fresh,
        }
        return replace(self, **(kept | changes))  # type: ignore[arg-type]  # the changes are checked by name at run time


def process_token(k: Kernel) -> Token:
    """The primary token of the process, made when it is first asked for."""
    token = k.process.token
    if token is None:
        token = k.process.token = _standard_token(k)
    return token


def effective_token(k: Kernel) -> Token:
    """The token that the calling thread acts with."""
    return k.thread.token or process_token(k)


def anonymous_token(k: Kernel) -> Token:
    """What NtImpersonateAnonymousToken gives (S-1-5-7, logon session 3E6h: ntifs.h ANONYMOUS_LOGON_LUID).

    It is no member of Everyone: the policy "Let Everyone permissions apply to anonymous users" is off by default.
    """
    fresh = k.next_luid()
    level = security.UNTRUSTED if k.build.has_uac else None
    dacl = acl(_allow(GENERIC_ALL, security.EVERYONE), _allow(GENERIC_ALL, security.ANONYMOUS))
    return Token(
        security.ANONYMOUS, {}, {}, security.ANONYMOUS, security.SYSTEM, dacl, fresh, 0x3E6, fresh,
        source=b"*SYSTEM*", type=IMPERSONATION, level=IMPERSONATION_LEVEL, session=0, integrity=level,
    )  # fmt: skip


def _allow(mask: int, who: bytes) -> Ace:
    return Ace(ACCESS_ALLOWED_ACE_TYPE, 0, mask, who)


def _standard_token(k: Kernel) -> Token:
    """The user's token: limited with its full one linked, or the full one where there is no UAC."""
    source = Random(f"logon {k.seed}")
    logon = 0x10000 + source.getrandbits(16)
    user, primary_group = sid(user_sid(k.seed)), sid(f"{machine_sid(k.seed)}-{DOMAIN_USERS}")
    logon_sid = sid(f"S-1-5-5-0-{logon}")
    uac = k.build.has_uac
    groups = {primary_group: _ORDINARY, security.EVERYONE: _ORDINARY}
    groups[security.ADMINISTRATORS] = _ORDINARY | GROUP_OWNER
    for each in (security.USERS, security.INTERACTIVE, *((security.CONSOLE_LOGON,) if uac else ())):
        groups[each] = _ORDINARY
    for each in (security.AUTHENTICATED_USERS, security.THIS_ORGANIZATION):
        groups[each] = _ORDINARY
    groups |= {logon_sid: _ORDINARY | GROUP_LOGON_ID, security.LOCAL: _ORDINARY, security.NTLM: _ORDINARY}
    fresh = k.next_luid()
    full = Token(
        user, groups, dict(privileges.FULL), security.ADMINISTRATORS if uac else user, primary_group,
        acl(
            _allow(GENERIC_ALL, security.ADMINISTRATORS if uac else user),
            _allow(GENERIC_ALL, security.SYSTEM),
            _allow(GENERIC_READ | GENERIC_EXECUTE, logon_sid),
        ),
        fresh, logon, fresh, source_id=0x1000 + source.getrandbits(12), session=1 if uac else 0,
    )  # fmt: skip
    if not uac:
        return full
    full.integrity, full.elevation = security.HIGH, ELEVATION_FULL
    limited = full.copy(
        k,
        owner=user,
        groups=groups | {security.ADMINISTRATORS: GROUP_DENY_ONLY},
        privileges=dict(privileges.LIMITED),
        default_dacl=acl(
            _allow(GENERIC_ALL, user),
            _allow(GENERIC_ALL, security.SYSTEM),
            _allow(GENERIC_READ | GENERIC_EXECUTE, logon_sid),
        ),
        authentication_id=logon + 0x23,
        elevation=ELEVATION_LIMITED,
        integrity=security.MEDIUM,
        linked=full,
    )
    full.linked = limited
    return limited
