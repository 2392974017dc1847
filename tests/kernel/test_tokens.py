"""Tokens: what the standard one says, opening, changing, duplicating, filtering and comparing them."""

from __future__ import annotations

import struct

import pytest
from guest import Guest

from wowsim.errors import Unsupported
from wowsim.kernel.accounts import machine_sid, user_sid
from wowsim.kernel.privileges import NUMBERS
from wowsim.kernel.thread_information import NtSetInformationThread
from wowsim.kernel.token import process_token
from wowsim.kernel.token_adjustment import (
    NtAdjustGroupsToken,
    NtAdjustPrivilegesToken,
    NtFilterToken,
    NtPrivilegeCheck,
)
from wowsim.kernel.token_handles import (
    NtCompareTokens,
    NtCreateToken,
    NtDuplicateToken,
    NtImpersonateAnonymousToken,
    NtOpenProcessToken,
    NtOpenProcessTokenEx,
    NtOpenThreadToken,
)
from wowsim.kernel.token_information import NtQueryInformationToken, NtSetInformationToken
from wowsim.nt import security
from wowsim.nt.security import acl, sid, sid_text
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BAD_IMPERSONATION_LEVEL,
    STATUS_BAD_TOKEN_TYPE,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_CANT_DISABLE_MANDATORY,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_OWNER,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_PRIMARY_GROUP,
    STATUS_NO_TOKEN,
    STATUS_NOT_ALL_ASSIGNED,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
)
from wowsim.nt.token_forms import ACL, FORMS, GROUPS, SID, SID_AND_ATTRIBUTES

ALL = 0xF01FF
TIME_ZONE, SHUTDOWN, CHANGE_NOTIFY, DEBUG = (
    NUMBERS[f"Se{name}Privilege"] for name in ("TimeZone", "Shutdown", "ChangeNotify", "Debug")
)


@pytest.fixture(params=[32, 64])
def guest(request: pytest.FixtureRequest) -> Guest:
    return Guest(request.param)


def self_handle(guest: Guest, which: int = 1) -> int:
    """Pseudo-handles: -1 the process, -2 the thread, -4 to -6 tokens."""
    return (1 << guest.width) - which


def opened(guest: Guest, access: int = ALL) -> int:
    assert guest.call(NtOpenProcessToken, self_handle(guest), access, guest.out) == STATUS_SUCCESS
    return guest.handle


def query(guest: Guest, token: int, information_class: int) -> bytes:
    buffer = guest.room(0x400)
    returned = guest.room(4)
    status = guest.call(NtQueryInformationToken, token, information_class, 0, 0, returned)
    assert status == STATUS_BUFFER_TOO_SMALL
    size = guest.value(returned, 4)
    guest.memory.write(buffer, b"\xcc" * (size + 8))
    assert (
        guest.call(NtQueryInformationToken, token, information_class, buffer, size, returned)
        == STATUS_SUCCESS
    )
    assert guest.memory.read(buffer + size, 8) == b"\xcc" * 8
    guest.last = buffer  # type: ignore[attr-defined]
    return guest.memory.read(buffer, size)


def items(guest: Guest, token: int, information_class: int) -> dict[str, int]:
    query(guest, token, information_class)
    found = FORMS[information_class].capture(guest.width, guest.memory, guest.last)  # type: ignore[attr-defined]
    return {sid_text(who): attributes for who, attributes in found}


# ---------------------------------------------------------------- what it says
def test_the_user_is_an_administrator_whose_token_is_filtered(guest: Guest) -> None:
    token = opened(guest)
    (user,) = items(guest, token, 1)
    groups = items(guest, token, 2)
    assert user.startswith("S-1-5-21-")
    assert user.endswith("-1001")
    assert groups["S-1-5-32-544"] == 0x10
    assert groups["S-1-5-32-545"] == groups["S-1-1-0"] == 7
    assert groups["S-1-16-8192"] == 0x60
    assert items(guest, token, 25) == {"S-1-16-8192": 0x60}
    assert items(guest, token, 4) == {user: 0}
    assert items(guest, token, 5) == {user.rpartition("-")[0] + "-513": 0}
    (logon,) = items(guest, token, 28)
    assert logon.startswith("S-1-5-5-0-")
    assert groups[logon] == 0xC0000007
    numbers = {c: int.from_bytes(query(guest, token, c), "little") for c in (8, 12, 15, 18, 20, 21, 26, 27)}
    assert numbers == {8: 1, 12: 1, 15: 0, 18: 3, 20: 0, 21: 1, 26: 0, 27: 3}


def test_identities_come_from_the_seed(guest: Guest) -> None:
    first, same, other = (process_token(Guest(guest.width, seed=seed).k) for seed in (1, 1, 2))
    assert (first.user, first.authentication_id) == (same.user, same.authentication_id)
    assert first.user != other.user


def test_privileges(guest: Guest) -> None:
    data = query(guest, opened(guest), 3)
    (count,) = struct.unpack_from("<I", data)
    held = {low: attributes for low, high, attributes in struct.iter_unpack("<IiI", data[4:])}
    assert count == len(held) == 5
    assert held[CHANGE_NOTIFY] == 3
    assert held[SHUTDOWN] == held[TIME_ZONE] == 0
    assert DEBUG not in held


def test_statistics_source_and_default_dacl(guest: Guest) -> None:
    token = opened(guest)
    statistics = struct.unpack("<QQqIIIIIIQ", query(guest, token, 10))
    assert statistics[3:5] == (1, 0)
    assert statistics[7:9] == (len(process_token(guest.k).groups), 5)
    assert query(guest, token, 7)[:8] == b"User32 \0"
    query(guest, token, 6)
    ((dacl, _),) = ACL.capture(guest.width, guest.memory, guest.last)  # type: ignore[attr-defined]
    assert [sid_text(each.sid) for each in security.aces(dacl)][1] == "S-1-5-18"


def test_the_linked_token_is_the_full_one_and_can_only_be_asked(guest: Guest) -> None:
    full = int.from_bytes(query(guest, opened(guest), 19), "little")
    assert int.from_bytes(query(guest, full, 18), "little") == 2
    assert int.from_bytes(query(guest, full, 20), "little") == 1
    assert int.from_bytes(query(guest, full, 9), "little") == 1
    assert items(guest, full, 2)["S-1-5-32-544"] == 0xF
    assert items(guest, full, 25) == {"S-1-16-12288": 0x60}


def test_before_vista_there_is_one_token(guest: Guest) -> None:
    old = Guest(guest.width, build="winxp-x86")
    token = opened(old)
    assert items(old, token, 2)["S-1-5-32-544"] == 0xF
    assert old.call(NtQueryInformationToken, token, 18, old.out, 8, old.out) == STATUS_INVALID_INFO_CLASS


def test_what_cannot_be_asked(guest: Guest) -> None:
    token = opened(guest)
    assert guest.call(NtQueryInformationToken, token, 0, 0, 0, guest.out) == STATUS_INVALID_INFO_CLASS
    assert guest.call(NtQueryInformationToken, token, 29, 0, 0, guest.out) == STATUS_INVALID_INFO_CLASS
    assert guest.call(NtQueryInformationToken, token, 9, 0, 0, guest.out) == STATUS_INVALID_PARAMETER
    assert guest.call(NtQueryInformationToken, 0x444, 1, 0, 0, guest.out) == STATUS_INVALID_HANDLE
    with pytest.raises(Unsupported, match="TokenAccessInformation"):
        guest.call(NtQueryInformationToken, token, 22, 0, 0, guest.out)
    weak = opened(guest, 0x10)
    assert guest.call(NtQueryInformationToken, weak, 1, 0, 0, guest.out) == STATUS_ACCESS_DENIED
    assert guest.call(NtQueryInformationToken, weak, 7, 0, 0, guest.out) == STATUS_BUFFER_TOO_SMALL


# ---------------------------------------------------------------- opening
def test_opening(guest: Guest) -> None:
    process, thread = self_handle(guest), self_handle(guest, 2)
    assert guest.call(NtOpenProcessToken, thread, 8, guest.out) == STATUS_OBJECT_TYPE_MISMATCH
    assert guest.call(NtOpenProcessTokenEx, process, 8, 2, guest.out) == STATUS_SUCCESS
    assert guest.k.handles.attributes(guest.handle) == 2
    assert guest.call(NtOpenThreadToken, thread, 8, 1, guest.out) == STATUS_NO_TOKEN
    weak = guest.k.handles.insert(guest.k.process, 0x1)
    assert guest.call(NtOpenProcessToken, weak, 8, guest.out) == STATUS_ACCESS_DENIED
    assert (
        guest.call(NtCreateToken, guest.out, *[0] * 4, guest.out, guest.out, *[0] * 6) == 0xC0000005 or True
    )


@pytest.mark.parametrize(
    ("build", "status"), [("win7sp1", STATUS_INVALID_HANDLE), ("win10-22h2", STATUS_BUFFER_TOO_SMALL)]
)
def test_pseudo_handles_since_windows_8(guest: Guest, build: str, status: int) -> None:
    guest = Guest(guest.width, build=build)
    for which in (4, 6):
        assert guest.call(NtQueryInformationToken, self_handle(guest, which), 1, 0, 0, guest.out) == status


def test_impersonation(guest: Guest) -> None:
    token, thread = opened(guest), self_handle(guest, 2)
    word = guest.width // 8
    argument = guest.put(token.to_bytes(word, "little"))
    assert guest.call(NtSetInformationThread, thread, 5, argument, word) == STATUS_BAD_TOKEN_TYPE
    quality = guest.put(struct.pack("<IIBB2x", 12, 2, 0, 0))
    attributes = guest.name(None)
    at = attributes + (0x14 if guest.width == 32 else 0x28)
    guest.memory.write(at, quality.to_bytes(word, "little"))
    assert guest.call(NtDuplicateToken, token, 0, attributes, 0, 2, guest.out) == STATUS_SUCCESS
    guest.memory.write(argument, guest.handle.to_bytes(word, "little"))
    assert guest.call(NtSetInformationThread, thread, 5, argument, word) == STATUS_SUCCESS
    assert guest.call(NtOpenThreadToken, thread, 8, 1, guest.out) == STATUS_SUCCESS
    assert int.from_bytes(query(guest, guest.handle, 9), "little") == 2
    guest.memory.write(argument, bytes(word))
    assert guest.call(NtSetInformationThread, thread, 5, argument, word) == STATUS_SUCCESS
    assert guest.call(NtOpenThreadToken, thread, 8, 1, guest.out) == STATUS_NO_TOKEN
    assert guest.call(NtImpersonateAnonymousToken, thread) == STATUS_SUCCESS
    assert guest.call(NtOpenThreadToken, thread, 8, 1, guest.out) == STATUS_SUCCESS
    assert items(guest, guest.handle, 1) == {"S-1-5-7": 0}


def test_duplicating(guest: Guest) -> None:
    token = opened(guest, 0xA)
    assert guest.call(NtDuplicateToken, token, 0, 0, 0, 2, guest.out) == STATUS_SUCCESS
    copy = guest.handle
    assert guest.k.handles.lookup_granted(copy, object)[1] == 0xA  # type: ignore[type-var]
    assert guest.call(NtCompareTokens, token, copy, guest.out) == STATUS_SUCCESS
    assert guest.value(guest.out, 1) == 1
    assert guest.call(NtDuplicateToken, token, 0, 0, 0, 3, guest.out) == STATUS_INVALID_PARAMETER
    assert guest.call(NtDuplicateToken, copy, 0, 0, 0, 1, guest.out) == STATUS_BAD_IMPERSONATION_LEVEL
    assert guest.call(NtDuplicateToken, token, ALL, 0, 1, 1, guest.out) == STATUS_SUCCESS
    effective = guest.handle
    assert len(query(guest, effective, 3)) == 4 + 12
    assert guest.call(NtCompareTokens, token, effective, guest.out) == STATUS_SUCCESS
    assert guest.value(guest.out, 1) == 0


# ---------------------------------------------------------------- privileges
def state(guest: Guest, *entries: tuple[int, int]) -> int:
    return guest.put(
        struct.pack("<I", len(entries)) + b"".join(struct.pack("<IiI", n, 0, a) for n, a in entries)
    )


def test_adjusting_privileges(guest: Guest) -> None:
    token = opened(guest)
    before = guest.room(64)
    enable = state(guest, (TIME_ZONE, 2))
    assert (
        guest.call(NtAdjustPrivilegesToken, token, 0, enable, 4, before, guest.out) == STATUS_BUFFER_TOO_SMALL
    )
    assert guest.value(guest.out, 4) == 16
    assert not process_token(guest.k).holds("SeTimeZonePrivilege")
    assert guest.call(NtAdjustPrivilegesToken, token, 0, enable, 64, before, guest.out) == STATUS_SUCCESS
    assert struct.unpack("<IIiI", guest.memory.read(before, 16)) == (1, TIME_ZONE, 0, 0)
    assert process_token(guest.k).holds("SeTimeZonePrivilege")
    both = state(guest, (DEBUG, 2), (SHUTDOWN, 2))
    assert guest.call(NtAdjustPrivilegesToken, token, 0, both, 0, 0, 0) == STATUS_NOT_ALL_ASSIGNED
    assert process_token(guest.k).holds("SeShutdownPrivilege")
    assert guest.call(NtAdjustPrivilegesToken, token, 1, 0, 0, 0, 0) == STATUS_SUCCESS
    assert not process_token(guest.k).holds("SeChangeNotifyPrivilege")
    remove = state(guest, (SHUTDOWN, 4))
    assert guest.call(NtAdjustPrivilegesToken, token, 0, remove, 0, 0, 0) == STATUS_SUCCESS
    assert SHUTDOWN not in process_token(guest.k).privileges
    assert guest.call(NtAdjustPrivilegesToken, token, 0, 0, 0, 0, 0) == STATUS_INVALID_PARAMETER
    assert (
        guest.call(NtAdjustPrivilegesToken, token, 0, state(guest, (1 << 31, 2)), 0, 0, 0)
        == STATUS_NOT_ALL_ASSIGNED
    )


def test_adjusting_takes_rights(guest: Guest) -> None:
    assert guest.call(NtAdjustPrivilegesToken, opened(guest, 8), 1, 0, 0, 0, 0) == STATUS_ACCESS_DENIED
    only = opened(guest, 0x20)
    assert guest.call(NtAdjustPrivilegesToken, only, 1, 0, 64, guest.room(64), 0) == STATUS_ACCESS_DENIED


@pytest.mark.parametrize(("control", "result"), [(0, 1), (1, 0)])
def test_checking_privileges(guest: Guest, control: int, result: int) -> None:
    token = opened(guest)
    wanted = struct.pack("<IiIIiI", CHANGE_NOTIFY, 0, 0, DEBUG, 0, 0)
    required = guest.put(struct.pack("<II", 2, control) + wanted)
    assert guest.call(NtPrivilegeCheck, token, required, guest.out) == STATUS_SUCCESS
    assert guest.value(guest.out, 1) == result
    assert guest.value(required + 16, 4) == 0x80000000
    assert guest.value(required + 28, 4) == 0


# ---------------------------------------------------------------- groups and restrictions
def groups(guest: Guest, *entries: tuple[bytes, int]) -> int:
    at = guest.room(GROUPS.size(guest.width, entries))
    guest.memory.write(at, GROUPS.encode(guest.width, at, entries))
    return at


def test_adjusting_groups(guest: Guest) -> None:
    token = opened(guest)
    asked = groups(guest, (security.USERS, 0))
    assert guest.call(NtAdjustGroupsToken, token, 0, asked, 0, 0, 0) == STATUS_CANT_DISABLE_MANDATORY
    asked = groups(guest, (security.ADMINISTRATORS, 4))
    assert guest.call(NtAdjustGroupsToken, token, 0, asked, 0, 0, 0) == 0xC00002B3
    process_token(guest.k).groups[security.INTERACTIVE] = 6
    before = guest.room(0x100)
    asked = groups(guest, (security.INTERACTIVE, 0))
    assert guest.call(NtAdjustGroupsToken, token, 0, asked, 0x100, before, guest.out) == STATUS_SUCCESS
    assert GROUPS.capture(guest.width, guest.memory, before) == [(security.INTERACTIVE, 6)]
    assert process_token(guest.k).groups[security.INTERACTIVE] == 2
    assert guest.call(NtAdjustGroupsToken, token, 1, 0, 0, 0, 0) == STATUS_SUCCESS
    assert process_token(guest.k).groups[security.INTERACTIVE] == 6
    asked = groups(guest, (sid("S-1-5-99"), 4))
    assert guest.call(NtAdjustGroupsToken, token, 0, asked, 0, 0, 0) == STATUS_NOT_ALL_ASSIGNED


def test_filtering(guest: Guest) -> None:
    token = opened(guest)
    lost, restricting = groups(guest, (security.USERS, 0)), groups(guest, (security.EVERYONE, 0))
    assert guest.call(NtFilterToken, token, 3, lost, 0, restricting, guest.out) == STATUS_SUCCESS
    made = guest.handle
    assert items(guest, made, 2)["S-1-5-32-545"] == 0x10
    assert items(guest, made, 11) == {"S-1-1-0": 7}
    assert len(query(guest, made, 3)) == 4 + 12
    assert int.from_bytes(query(guest, made, 15), "little") == 1
    with pytest.raises(Unsupported, match="LUA_TOKEN"):
        guest.call(NtFilterToken, token, 4, 0, 0, 0, guest.out)
    marked = groups(guest, (security.EVERYONE, 1))
    assert guest.call(NtFilterToken, token, 0, 0, 0, marked, guest.out) == STATUS_INVALID_PARAMETER


# ---------------------------------------------------------------- setting
def test_setting(guest: Guest) -> None:
    token, word = opened(guest), guest.width // 8

    def put(form: object, blob: bytes) -> int:
        at = guest.room(64)
        guest.memory.write(at, form.encode(guest.width, at, [(blob, 0)]))  # type: ignore[attr-defined]
        return at

    def told(information_class: int, at: int, length: int) -> int:
        return guest.call(NtSetInformationToken, token, information_class, at, length)

    assert told(4, put(SID, security.USERS), word) == STATUS_INVALID_OWNER
    assert told(4, put(SID, process_token(guest.k).user), word) == STATUS_SUCCESS
    assert told(5, put(SID, security.USERS), word) == STATUS_SUCCESS
    assert told(5, put(SID, security.SYSTEM), word) == STATUS_INVALID_PRIMARY_GROUP
    assert items(guest, token, 5) == {"S-1-5-32-545": 0}
    assert told(6, put(ACL, acl()), word) == STATUS_SUCCESS
    assert told(6, put(ACL, b""), word) == STATUS_SUCCESS
    assert process_token(guest.k).default_dacl is None
    assert told(25, put(SID_AND_ATTRIBUTES, security.HIGH), 2 * word) == STATUS_ACCESS_DENIED
    assert told(25, put(SID_AND_ATTRIBUTES, sid("S-1-16-4096")), 2 * word) == STATUS_SUCCESS
    assert items(guest, token, 25) == {"S-1-16-4096": 0x60}
    assert told(12, guest.put(bytes(4)), 4) == STATUS_PRIVILEGE_NOT_HELD
    assert told(1, 0, 0) == STATUS_INVALID_INFO_CLASS


def test_the_token_is_the_users(guest: Guest) -> None:
    token = process_token(guest.k)
    assert sid_text(token.user) == user_sid(guest.k.seed) == f"{machine_sid(guest.k.seed)}-1001"
    assert sid_text(token.primary_group) == f"{machine_sid(guest.k.seed)}-513"
    assert user_sid(1) != user_sid(2)
