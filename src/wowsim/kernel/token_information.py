"""What a token says of itself, and what can be changed: NtQueryInformationToken, NtSetInformationToken (nt!Se).

Structures: winnt.h. Leaves out audit policies, claims and the summary for access checks in user mode.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.class_names import TOKEN_CLASSES, absent
from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.kernel.token import (
    GROUP_INTEGRITY,
    GROUP_OWNER,
    IDENTIFICATION,
    IMPERSONATION,
    TOKEN_ADJUST_DEFAULT,
    TOKEN_QUERY,
    TOKEN_QUERY_SOURCE,
    Token,
)
from wowsim.kernel.token_handles import find_token
from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID, ULONG, Out, encode
from wowsim.nt.security import aces, sid_text
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_OWNER,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_PRIMARY_GROUP,
    STATUS_NO_SUCH_LOGON_SESSION,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
)
from wowsim.nt.token_forms import ACL as ACL_FORM
from wowsim.nt.token_forms import FORMS, SID, SID_AND_ATTRIBUTES, Item

if TYPE_CHECKING:
    from collections.abc import Callable

_LUID = struct.Struct("<Iii")
_STATISTICS = struct.Struct("<QQqIIIIIIQ")
NO_EXPIRATION = 0x7FFFFFFF_FFFFFFFF
_DYNAMIC_CHARGED = 0x1000
"""What a token may keep of default DACL and primary group (unverified); half of it is taken as free."""

_ITEMS: dict[int, Callable[[Token], list[Item]]] = {
    1: lambda t: [(t.user, t.user_attributes)],
    2: lambda t: t.listed_groups(),
    4: lambda t: [(t.owner, 0)],
    5: lambda t: [(t.primary_group, 0)],
    6: lambda t: [(t.default_dacl or b"", 0)],
    11: lambda t: list(t.restricted.items()),
    25: lambda t: [(t.integrity or b"", GROUP_INTEGRITY)],
    28: lambda t: t.logon_sids,
    30: lambda t: [],
    31: lambda t: [(b"", 0)],
    37: lambda t: [],
    38: lambda t: [],
    41: lambda t: [(b"", 0)],
}
"""Classes with pointers to SIDs and ACLs."""

_NUMBERS: dict[int, Callable[[Token], int]] = {
    8: lambda t: t.type,
    12: lambda t: t.session,
    15: lambda t: t.sandbox_inert,
    18: lambda t: t.elevation,
    20: lambda t: t.elevated,
    21: lambda t: t.filtered or t.elevation != 1,
    23: lambda t: not t.elevated and t.elevation != 2,
    24: lambda t: t.virtualized,
    26: lambda t: 0,
    27: lambda t: 3,
    29: lambda t: 0,
    32: lambda t: 0,
    40: lambda t: bool(t.restricted),
    42: lambda t: 0,
    46: lambda t: 0,
    47: lambda t: 0,
    48: lambda t: 0,
}
"""Classes of one ULONG. TokenMandatoryPolicy is NO_WRITE_UP and NEW_PROCESS_MIN; TokenVirtualizationAllowed is
granted to whoever is not elevated (unverified), TokenHasRestrictions to filtered tokens (MS docs)."""


def privilege_list(held: dict[int, int]) -> bytes:
    """TOKEN_PRIVILEGES: the same in both widths."""
    entries = (_LUID.pack(number, 0, _signed(attributes)) for number, attributes in held.items())
    return struct.pack("<I", len(held)) + b"".join(entries)


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


def _statistics(token: Token) -> bytes:
    return _STATISTICS.pack(
        token.token_id, token.authentication_id, NO_EXPIRATION, token.type, token.level, _DYNAMIC_CHARGED,
        _DYNAMIC_CHARGED // 2, len(token.groups), len(token.privileges), token.modified_id,
    )  # fmt: skip


def _linked(k: Kernel, token: Token) -> bytes:
    """A handle to the other token; without SeTcbPrivilege it can only be asked (MS docs, TokenLinkedToken)."""
    if token.linked is None:
        raise GuestFault(STATUS_NO_SUCH_LOGON_SESSION)
    copy = token.linked.copy(k, type=IMPERSONATION, level=IDENTIFICATION)
    return encode(HANDLE, k.width, k.handles.insert(copy, Token.mapping.all))


def _information(k: Kernel, token: Token, information_class: int, address: int) -> bytes | None:
    """The buffer for a class as it lies at ``address``; None for one that is not handled."""
    if information_class in _ITEMS:
        return FORMS[information_class].encode(k.width, address, _ITEMS[information_class](token))
    if information_class in _NUMBERS:
        return struct.pack("<I", int(_NUMBERS[information_class](token)))
    if information_class == 3:
        return privilege_list(token.privileges)
    if information_class == 7:
        return token.source + struct.pack("<Q", token.source_id)
    if information_class == 9:
        if token.type != IMPERSONATION:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        return struct.pack("<I", token.level)
    if information_class == 10:
        return _statistics(token)
    if information_class == 17:
        return struct.pack("<Q", 0x3E7)  # SYSTEM_LUID: Winlogon logged the user on
    return None


@service(Support.PARTIAL, "classes 13, 16, 22, 33-36, 39, 43 and 44 are missing")
def NtQueryInformationToken(
    k: Kernel,
    token_handle: HANDLE,
    token_information_class: ULONG,
    token_information: PVOID,
    token_information_length: ULONG,
    return_length: Out[ULONG],
) -> NTSTATUS:
    """What a token says of itself; STATUS_BUFFER_TOO_SMALL tells how much room it takes (MS docs)."""
    asked = token_information_class
    if not 1 <= asked <= k.build.highest_token_class:
        return STATUS_INVALID_INFO_CLASS
    token = find_token(k, token_handle, TOKEN_QUERY_SOURCE if asked == 7 else TOKEN_QUERY)
    if asked == 19:
        return _query_linked(k, token, token_information, token_information_length, return_length)
    data = _information(k, token, asked, token_information)
    if data is None:
        raise absent("NtQueryInformationToken", TOKEN_CLASSES, asked)
    return_length.set(ULONG(len(data)))
    if token_information_length < len(data):
        return STATUS_BUFFER_TOO_SMALL
    k.memory.write(token_information, data)
    return STATUS_SUCCESS


def _query_linked(k: Kernel, token: Token, address: int, length: int, returned: Out[ULONG]) -> NTSTATUS:
    """Probed first: a handle must not be opened for a buffer that cannot take it."""
    returned.set(ULONG(k.width // 8))
    if length < k.width // 8:
        return STATUS_BUFFER_TOO_SMALL
    k.memory.probe_write(address, k.width // 8)
    k.memory.write(address, _linked(k, token))
    return STATUS_SUCCESS


# ---------------------------------------------------------------- setting
_PRIVILEGED = {12, 14, 16, 17, 19, 23, 26, 27, 39, 42, 45}
"""Classes that take SeTcbPrivilege or SeCreateTokenPrivilege (phnt)."""


@service(Support.PARTIAL, "classes 4, 5, 6, 24 and 25; the others that exist take privileges nobody holds")
def NtSetInformationToken(
    k: Kernel,
    token_handle: HANDLE,
    token_information_class: ULONG,
    token_information: PVOID,
    token_information_length: ULONG,
) -> NTSTATUS:
    """Change what a token gives to objects it makes, its virtualization, or lower its integrity."""
    asked = token_information_class
    if asked not in (4, 5, 6, 24, 25) and asked not in _PRIVILEGED:
        return STATUS_INVALID_INFO_CLASS
    token = k.handles.lookup(token_handle, Token, TOKEN_ADJUST_DEFAULT)
    if asked in _PRIVILEGED:
        return STATUS_PRIVILEGE_NOT_HELD
    shortest = {24: 4, 25: k.width // 4}.get(asked, k.width // 8)
    if token_information_length < shortest:
        return STATUS_INFO_LENGTH_MISMATCH
    if asked == 24:
        token.virtualized = k.memory.read(token_information, 4) != bytes(4)
        return STATUS_SUCCESS
    form = {6: ACL_FORM, 25: SID_AND_ATTRIBUTES}.get(asked, SID)
    ((blob, _),) = form.capture(k.width, k.memory, token_information)
    status = _change(token, asked, blob)
    if status == STATUS_SUCCESS:
        token.modified_id = k.next_luid()
    return status


def _change(token: Token, asked: int, blob: bytes) -> NTSTATUS:
    if asked == 6:
        if blob:
            aces(blob)
        token.default_dacl = blob or None
    elif asked == 4:
        if blob != token.user and not token.groups.get(blob, 0) & GROUP_OWNER:
            return STATUS_INVALID_OWNER
        token.owner = blob
    elif asked == 5:
        if blob != token.user and blob not in token.groups:
            return STATUS_INVALID_PRIMARY_GROUP
        token.primary_group = blob
    else:
        if token.integrity is None or not blob or not sid_text(blob).startswith("S-1-16-"):
            return STATUS_INVALID_PARAMETER
        if _level(blob) > _level(token.integrity):
            return STATUS_ACCESS_DENIED  # raising it takes SeTcbPrivilege
        token.integrity = blob
    return STATUS_SUCCESS


def _level(label: bytes) -> int:
    return int(sid_text(label).rpartition("-")[2])
