"""Access checks by token and descriptor, and descriptors of objects."""

from __future__ import annotations

import struct

import pytest
from guest import Guest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.kernel.access import FILE_MAPPING
from wowsim.kernel.access_check import access_check
from wowsim.kernel.descriptors import NtAccessCheck, NtQuerySecurityObject, NtSetSecurityObject
from wowsim.kernel.token import IMPERSONATION, Token, process_token
from wowsim.nt import security
from wowsim.nt.security import Ace, SecurityDescriptor, acl, sid
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_GENERIC_NOT_MAPPED,
    STATUS_INVALID_OWNER,
    STATUS_INVALID_SECURITY_DESCR,
    STATUS_NO_IMPERSONATION_TOKEN,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
)

ALLOW, DENY = 0, 1
READ_CONTROL, WRITE_DAC = 0x20000, 0x40000
MAXIMUM = 0x2000000
STRANGER = sid("S-1-5-21-1-2-3-4")


@pytest.fixture
def token() -> Token:
    return process_token(Guest().k)


def descriptor(
    *entries: Ace, owner: bytes = security.SYSTEM, sacl: bytes | None = None
) -> SecurityDescriptor:
    return SecurityDescriptor(owner, owner, acl(*entries), sacl, 4)


def check(token: Token, found: SecurityDescriptor, desired: int) -> tuple[int, int]:
    outcome = access_check(token, found, desired, FILE_MAPPING)
    return outcome.granted, outcome.status


def test_the_first_entry_that_speaks_of_a_right_decides(token: Token) -> None:
    everyone, users = security.EVERYONE, security.USERS
    assert check(token, descriptor(Ace(ALLOW, 0, 3, everyone), Ace(DENY, 0, 1, users)), 3) == (3, 0)
    denied = descriptor(Ace(DENY, 0, 1, users), Ace(ALLOW, 0, 3, everyone))
    assert check(token, denied, 3) == (0, STATUS_ACCESS_DENIED)
    assert check(token, denied, 2) == (2, 0)
    assert check(token, denied, MAXIMUM) == (2, 0)
    assert check(token, descriptor(Ace(ALLOW, 8, 3, everyone)), 1) == (0, STATUS_ACCESS_DENIED)


def test_no_list_allows_all_and_an_empty_one_nothing(token: Token) -> None:
    nothing = SecurityDescriptor(security.SYSTEM, security.SYSTEM, None, control=4)
    assert check(token, nothing, MAXIMUM) == (FILE_MAPPING.all, 0)
    assert check(token, descriptor(), MAXIMUM) == (0, STATUS_ACCESS_DENIED)


def test_the_owner_reads_and_changes_the_list(token: Token) -> None:
    own = descriptor(owner=token.user)
    assert check(token, own, READ_CONTROL | WRITE_DAC) == (READ_CONTROL | WRITE_DAC, 0)
    rights = descriptor(Ace(ALLOW, 0, READ_CONTROL, security.OWNER_RIGHTS), owner=token.user)
    assert check(token, rights, WRITE_DAC) == (0, STATUS_ACCESS_DENIED)
    assert check(token, rights, READ_CONTROL) == (READ_CONTROL, 0)


def test_a_group_for_denying_only_denies_only(token: Token) -> None:
    administrators = security.ADMINISTRATORS
    assert check(token, descriptor(Ace(ALLOW, 0, 1, administrators)), 1) == (0, STATUS_ACCESS_DENIED)
    entries = Ace(DENY, 0, 1, administrators), Ace(ALLOW, 0, 1, security.EVERYONE)
    assert check(token, descriptor(*entries), 1) == (0, STATUS_ACCESS_DENIED)
    assert token.linked is not None
    assert check(token.linked, descriptor(Ace(ALLOW, 0, 1, administrators)), 1) == (1, 0)


def test_generic_rights_in_the_list_are_mapped(token: Token) -> None:
    found = descriptor(Ace(ALLOW, 0, 0x80000000, security.EVERYONE))
    assert check(token, found, FILE_MAPPING.read) == (FILE_MAPPING.read, 0)


def test_integrity(token: Token) -> None:
    label = acl(Ace(0x11, 0, 1, security.HIGH))
    found = descriptor(Ace(ALLOW, 0, 0x10000000, security.EVERYONE), sacl=label)
    assert check(token, found, 2) == (0, STATUS_ACCESS_DENIED)
    assert check(token, found, 1) == (1, 0)
    token.integrity = sid("S-1-16-4096")
    assert check(token, descriptor(Ace(ALLOW, 0, 3, security.EVERYONE)), 2) == (0, STATUS_ACCESS_DENIED)


def test_restricting_sids_must_be_allowed_too(token: Token) -> None:
    token.restricted = {STRANGER: 7}
    assert check(token, descriptor(Ace(ALLOW, 0, 1, security.EVERYONE)), 1) == (0, STATUS_ACCESS_DENIED)
    both = descriptor(Ace(ALLOW, 0, 3, security.EVERYONE), Ace(ALLOW, 0, 1, STRANGER))
    assert check(token, both, MAXIMUM) == (1, 0)


def test_privileges_that_give_rights(token: Token) -> None:
    assert check(token, descriptor(), 0x1000000) == (0, STATUS_PRIVILEGE_NOT_HELD)
    token.privileges |= {8: 2, 9: 2}
    outcome = access_check(token, descriptor(), 0x1080000, FILE_MAPPING)
    assert (outcome.granted, outcome.privileges) == (0x1080000, (8, 9))


ENTRIES = st.lists(
    st.builds(
        Ace,
        st.sampled_from([ALLOW, DENY]),
        st.just(0),
        st.integers(0, 0xF),
        st.sampled_from([security.EVERYONE, security.USERS, STRANGER, security.ADMINISTRATORS]),
    ),
    max_size=6,
)


@given(ENTRIES, st.integers(1, 0xF))
@settings(max_examples=150, derandomize=True)
def test_what_is_granted_is_the_rights_one_by_one(entries: list[Ace], desired: int) -> None:
    token = process_token(Guest().k)
    found = descriptor(*entries)
    bits = [bit for bit in (1, 2, 4, 8) if desired & bit]
    each = all(check(token, found, bit)[1] == 0 for bit in bits)
    assert (check(token, found, desired)[1] == 0) == each


# ---------------------------------------------------------------- services
@pytest.fixture(params=[32, 64])
def guest(request: pytest.FixtureRequest) -> Guest:
    return Guest(request.param)


def client(guest: Guest, kind: int = IMPERSONATION, level: int = 2) -> int:
    copy = process_token(guest.k).copy(guest.k, type=kind, level=level)
    return guest.k.handles.insert(copy, 0xF01FF)


def asked(guest: Guest, found: bytes, token: int, desired: int, room: int = 20) -> tuple[int, int, int]:
    at = guest.room(64)
    guest.memory.write(at, struct.pack("<I", room))
    slots = (
        guest.put(found),
        token,
        desired,
        guest.put(struct.pack("<4I", 1, 2, 4, 7)),
        at + 32,
        at,
        at + 8,
        at + 12,
    )
    status = guest.call(NtAccessCheck, *slots)
    return status, guest.value(at + 8, 4), guest.value(at + 12, 4)


def test_the_service_answers_in_two_places(guest: Guest) -> None:
    found = descriptor(Ace(ALLOW, 0, 3, security.EVERYONE)).encode()
    assert asked(guest, found, client(guest), 1) == (STATUS_SUCCESS, 1, STATUS_SUCCESS)
    assert asked(guest, found, client(guest), 4) == (STATUS_SUCCESS, 0, STATUS_ACCESS_DENIED)
    assert asked(guest, found, client(guest, 1), 1)[0] == STATUS_NO_IMPERSONATION_TOKEN
    assert asked(guest, found, client(guest), 0x80000000)[0] == STATUS_GENERIC_NOT_MAPPED
    assert asked(guest, SecurityDescriptor().encode(), client(guest), 1)[0] == STATUS_INVALID_SECURITY_DESCR
    assert asked(guest, found, client(guest), 1, room=4)[0] == STATUS_BUFFER_TOO_SMALL


def test_absolute_descriptors(guest: Guest) -> None:
    owner, dacl = guest.put(security.SYSTEM), guest.put(acl(Ace(ALLOW, 0, 1, security.EVERYONE)))
    shape = "<BBHIIII" if guest.width == 32 else "<BBH4xQQQQ"
    assert asked(guest, struct.pack(shape, 1, 0, 4, owner, owner, 0, dacl), client(guest), 1)[1] == 1


def test_an_object_keeps_what_was_set(guest: Guest) -> None:
    event = guest.k.handles.insert(guest.k.process, 0x1FFFFF)
    buffer = guest.room(0x200)
    slots = (event, 7, buffer, 0, guest.out)
    assert guest.call(NtQuerySecurityObject, *slots) == STATUS_BUFFER_TOO_SMALL
    size = guest.value(guest.out, 4)
    assert guest.call(NtQuerySecurityObject, event, 7, buffer, size, guest.out) == STATUS_SUCCESS
    user = process_token(guest.k).user
    owner = guest.value(buffer + 4, 4)
    assert guest.memory.read(buffer + owner, len(user)) == user
    new = guest.put(descriptor(Ace(ALLOW, 0, 1, security.EVERYONE), owner=user).encode())
    assert guest.call(NtSetSecurityObject, event, 5, new) == STATUS_SUCCESS
    assert guest.call(NtQuerySecurityObject, event, 4, buffer, 0x200, guest.out) == STATUS_SUCCESS
    dacl = guest.value(buffer + 16, 4)
    assert guest.memory.read(buffer + dacl, 8 + 8 + 12) == acl(Ace(ALLOW, 0, 1, security.EVERYONE))
    stolen = guest.put(descriptor(owner=security.SYSTEM).encode())
    assert guest.call(NtSetSecurityObject, event, 1, stolen) == STATUS_INVALID_OWNER
    weak = guest.k.handles.insert(guest.k.process, 0x20000)
    assert guest.call(NtSetSecurityObject, weak, 4, new) == STATUS_ACCESS_DENIED


def test_files_share_their_descriptor(guest: Guest) -> None:
    guest.k.files.add(r"C:\a.txt", b"")
    first = guest.open(r"\??\C:\a.txt", 0x1F01FF)
    new = guest.put(descriptor(Ace(ALLOW, 0, 1, security.EVERYONE)).encode())
    assert guest.call(NtSetSecurityObject, first, 4, new) == STATUS_SUCCESS
    second, buffer = guest.open(r"\??\C:\a.txt", 0x1F01FF), guest.room(0x200)
    assert guest.call(NtQuerySecurityObject, second, 4, buffer, 0x200, guest.out) == STATUS_SUCCESS
    dacl = guest.value(buffer + 16, 4)
    assert guest.memory.read(buffer + dacl, 28) == acl(Ace(ALLOW, 0, 1, security.EVERYONE))
