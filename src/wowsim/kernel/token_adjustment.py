"""Enabling, removing and testing privileges and groups of a token (nt!Se).

Leaves out LUA_TOKEN and WRITE_RESTRICTED tokens. PRIVILEGE_SET and TOKEN_PRIVILEGES are the same in both widths,
TOKEN_GROUPS is not. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

import struct
from typing import Annotated

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel import privileges
from wowsim.kernel.context import Kernel
from wowsim.kernel.privileges import ENABLED, REMOVED, USED_FOR_ACCESS
from wowsim.kernel.table import Support, service
from wowsim.kernel.token import (
    GROUP_DENY_ONLY,
    GROUP_ENABLED,
    GROUP_ENABLED_BY_DEFAULT,
    GROUP_MANDATORY,
    GROUP_OWNER,
    IDENTIFICATION,
    IMPERSONATION,
    TOKEN_ADJUST_GROUPS,
    TOKEN_ADJUST_PRIVILEGES,
    TOKEN_DUPLICATE,
    TOKEN_QUERY,
    Token,
)
from wowsim.kernel.token_handles import find_token
from wowsim.kernel.token_information import privilege_list
from wowsim.nt.abi import BOOLEAN, HANDLE, NTSTATUS, PVOID, ULONG, Out, Unconverted
from wowsim.nt.status import (
    STATUS_BAD_IMPERSONATION_LEVEL,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_CANT_DISABLE_MANDATORY,
    STATUS_CANT_ENABLE_DENY_ONLY,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_ALL_ASSIGNED,
    STATUS_SUCCESS,
)
from wowsim.nt.token_forms import GROUPS

_ENTRY = struct.Struct("<III")
MOST_PRIVILEGES = 60
"""In one list; more is STATUS_INVALID_PARAMETER (that this is Windows' limit is unverified)."""
PRIVILEGE_SET_ALL_NECESSARY = 1
DISABLE_MAX_PRIVILEGE, SANDBOX_INERT, LUA_TOKEN, WRITE_RESTRICTED = 1, 2, 4, 8


def _capture_privileges(k: Kernel, address: int, count: int) -> list[tuple[int, int]]:
    """(number, attributes) of LUID_AND_ATTRIBUTES entries; a LUID that is no privilege is number 0."""
    if count > MOST_PRIVILEGES:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    data = k.memory.read(address, 12 * count) if count else b""
    return [(low if not high else 0, attributes) for low, high, attributes in _ENTRY.iter_unpack(data)]


def _capture_count(k: Kernel, address: int) -> int:
    return int.from_bytes(k.memory.read(address, 4), "little")


# ---------------------------------------------------------------- privileges
@service(Support.FULL)
def NtAdjustPrivilegesToken(
    k: Kernel,
    token_handle: HANDLE,
    disable_all_privileges: BOOLEAN,
    new_state: PVOID,
    buffer_length: ULONG,
    previous_state: PVOID,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """Enable, disable or remove privileges that the token holds; others make STATUS_NOT_ALL_ASSIGNED.

    The previous state holds those that changed (MS docs, AdjustTokenPrivileges).
    """
    if not disable_all_privileges and not new_state:
        return STATUS_INVALID_PARAMETER
    access = TOKEN_ADJUST_PRIVILEGES | (TOKEN_QUERY if previous_state else 0)
    token = k.handles.lookup(token_handle, Token, access)
    if disable_all_privileges:
        asked = [(number, 0) for number in token.privileges]
    else:
        asked = _capture_privileges(k, new_state + 4, _capture_count(k, new_state))
    after = dict(token.privileges)
    for number, attributes in asked:
        if number not in after:
            continue
        if attributes & REMOVED:
            del after[number]
        else:
            after[number] = (after[number] & ~ENABLED) | (attributes & ENABLED)
    changed = {n: a for n, a in token.privileges.items() if after.get(n) != a}
    if previous_state:
        answered = _answer(k, privilege_list(changed), previous_state, buffer_length, return_length)
        if answered != STATUS_SUCCESS:
            return answered
    if changed:
        token.privileges, token.modified_id = after, k.next_luid()
    known = {number for number, _ in asked} <= set(after) | set(changed)
    return STATUS_SUCCESS if known else STATUS_NOT_ALL_ASSIGNED


def _answer(k: Kernel, data: bytes, address: int, length: int, returned: Out[ULONG] | None) -> NTSTATUS:
    if returned is not None:
        returned.set(ULONG(len(data)))
    if length < len(data):
        return STATUS_BUFFER_TOO_SMALL
    k.memory.write(address, data)
    return STATUS_SUCCESS


@service(Support.FULL)
def NtPrivilegeCheck(
    k: Kernel, client_token: HANDLE, required_privileges: PVOID, result: Out[BOOLEAN]
) -> NTSTATUS:
    """Whether a token has one or all of a set of privileges enabled; those it has are marked in the set."""
    token = find_token(k, client_token, TOKEN_QUERY)
    if token.type == IMPERSONATION and token.level < IDENTIFICATION:
        return STATUS_BAD_IMPERSONATION_LEVEL
    count, control = struct.unpack("<II", k.memory.read(required_privileges, 8))
    entries = _capture_privileges(k, required_privileges + 8, count)
    held = [token.privileges.get(number, 0) & ENABLED != 0 for number, _ in entries]
    for index, has in enumerate(held):
        if has:
            at = required_privileges + 8 + 12 * index + 8
            k.memory.write(at, (entries[index][1] | USED_FOR_ACCESS).to_bytes(4, "little"))
    enough = all(held) if control & PRIVILEGE_SET_ALL_NECESSARY else any(held)
    result.set(BOOLEAN(int(enough)))
    return STATUS_SUCCESS


# ---------------------------------------------------------------- groups
@service(Support.FULL)
def NtAdjustGroupsToken(
    k: Kernel,
    token_handle: HANDLE,
    reset_to_default: BOOLEAN,
    new_state: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    buffer_length: ULONG,
    previous_state: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """Enable or disable groups; mandatory ones stay on and those for denying off (MS docs, AdjustTokenGroups)."""
    if not reset_to_default and not new_state:
        return STATUS_INVALID_PARAMETER
    access = TOKEN_ADJUST_GROUPS | (TOKEN_QUERY if previous_state else 0)
    token = k.handles.lookup(token_handle, Token, access)
    if reset_to_default:
        asked = [
            (who, GROUP_ENABLED if a & GROUP_ENABLED_BY_DEFAULT else 0) for who, a in token.groups.items()
        ]
    else:
        asked = GROUPS.capture(k.width, k.memory, new_state)
    after = dict(token.groups)
    for who, attributes in asked:
        if who in after:
            after[who] = _adjusted(after[who], attributes & GROUP_ENABLED)
    changed = [(who, a) for who, a in token.groups.items() if after[who] != a]
    if previous_state:
        data = GROUPS.encode(k.width, previous_state, changed)
        answered = _answer(k, data, previous_state, buffer_length, return_length)
        if answered != STATUS_SUCCESS:
            return answered
    if changed:
        token.groups, token.modified_id = after, k.next_luid()
    return STATUS_SUCCESS if all(who in after for who, _ in asked) else STATUS_NOT_ALL_ASSIGNED


def _adjusted(attributes: int, enabled: int) -> int:
    if attributes & GROUP_DENY_ONLY:
        if enabled:
            raise GuestFault(STATUS_CANT_ENABLE_DENY_ONLY)
        return attributes
    if attributes & GROUP_MANDATORY and not enabled:
        raise GuestFault(STATUS_CANT_DISABLE_MANDATORY)
    return (attributes & ~GROUP_ENABLED) | enabled


# ---------------------------------------------------------------- restricting
@service(Support.PARTIAL, "LUA_TOKEN and WRITE_RESTRICTED are missing")
def NtFilterToken(
    k: Kernel,
    existing_token_handle: HANDLE,
    flags: ULONG,
    sids_to_disable: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    privileges_to_delete: PVOID,
    restricted_sids: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    new_token_handle: Out[HANDLE],
) -> NTSTATUS:
    """A token that may do less: groups for denying only, fewer privileges, restricting SIDs."""
    token = k.handles.lookup(existing_token_handle, Token, TOKEN_DUPLICATE)
    granted = k.handles.lookup_granted(existing_token_handle, Token)[1]
    if flags & ~0xF:
        return STATUS_INVALID_PARAMETER
    for flag, name in ((LUA_TOKEN, "LUA_TOKEN"), (WRITE_RESTRICTED, "WRITE_RESTRICTED")):
        if flags & flag:
            raise Unsupported(f"NtFilterToken({name}) is not implemented")
    disabled = GROUPS.capture(k.width, k.memory, sids_to_disable) if sids_to_disable else []
    restricting = GROUPS.capture(k.width, k.memory, restricted_sids) if restricted_sids else []
    deleted: list[tuple[int, int]] = []
    if privileges_to_delete:
        count = _capture_count(k, privileges_to_delete)
        deleted = _capture_privileges(k, privileges_to_delete + 4, count)
    if any(attributes for _, attributes in restricting):
        return STATUS_INVALID_PARAMETER
    made = token.copy(k, filtered=True, sandbox_inert=token.sandbox_inert or bool(flags & SANDBOX_INERT))
    for who, _ in disabled:
        if who in made.groups:
            lost = GROUP_ENABLED | GROUP_ENABLED_BY_DEFAULT | GROUP_MANDATORY | GROUP_OWNER
            made.groups[who] = (made.groups[who] & ~lost) | GROUP_DENY_ONLY
        if who == made.user:
            made.user_attributes = GROUP_DENY_ONLY
    if flags & DISABLE_MAX_PRIVILEGE:
        deleted = [(n, 0) for n in made.privileges if n != privileges.NUMBERS["SeChangeNotifyPrivilege"]]
    for number, _ in deleted:
        made.privileges.pop(number, None)
    _restrict(made, [who for who, _ in restricting])
    new_token_handle.set(HANDLE(k.handles.insert(made, granted)))
    return STATUS_SUCCESS


def _restrict(token: Token, restricting: list[bytes]) -> None:
    """A token that was restricted before keeps the intersection (MS docs, CreateRestrictedToken)."""
    if restricting:
        kept = [who for who in restricting if not token.restricted or who in token.restricted]
        token.restricted = dict.fromkeys(kept, GROUP_MANDATORY | GROUP_ENABLED_BY_DEFAULT | GROUP_ENABLED)
