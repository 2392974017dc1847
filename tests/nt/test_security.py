from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.errors import GuestFault
from wowsim.nt.security import (
    ADMINISTRATORS,
    Ace,
    SecurityDescriptor,
    aces,
    acl,
    acl_size,
    sid,
    sid_size,
    sid_text,
)
from wowsim.nt.status import STATUS_INVALID_SECURITY_DESCR, STATUS_INVALID_SID

SIDS = st.builds(
    lambda authority, rest: sid("-".join(map(str, ("S", 1, authority, *rest)))),
    st.integers(0, 255),
    st.lists(st.integers(0, 0xFFFFFFFF), max_size=15),
)
ENTRIES = st.builds(Ace, st.sampled_from([0, 1, 0x11]), st.integers(0, 255), st.integers(0, 0xFFFFFFFF), SIDS)


def test_well_known_bytes() -> None:
    assert ADMINISTRATORS.hex() == "01020000000000052000000020020000"
    assert sid_text(ADMINISTRATORS) == "S-1-5-32-544"


@given(SIDS)
@settings(max_examples=50, derandomize=True)
def test_sids_have_one_text(data: bytes) -> None:
    assert sid(sid_text(data)) == data
    assert sid_size(data) == len(data)


@pytest.mark.parametrize("head", [b"\x02\x01", b"\x01\x10", b"\x00\x00"])
def test_malformed_sids(head: bytes) -> None:
    with pytest.raises(GuestFault) as caught:
        sid_size(head)
    assert caught.value.status == STATUS_INVALID_SID


@given(st.lists(ENTRIES, max_size=8))
@settings(max_examples=50, derandomize=True)
def test_lists_keep_their_entries(entries: list[Ace]) -> None:
    data = acl(*entries)
    assert acl_size(data) == len(data)
    assert aces(data) == entries


@given(st.binary(min_size=8, max_size=80), st.integers(0, 5))
@settings(max_examples=200, derandomize=True)
def test_garbage_is_a_status(body: bytes, count: int) -> None:
    data = struct.pack("<BxHHxx", 2, 8 + len(body), count) + body
    with suppress(GuestFault):
        found = aces(data)
        assert len(found) == count


def test_a_descriptor_in_memory_and_its_parts() -> None:
    one, other = sid("S-1-5-32-545"), sid("S-1-1-0")
    dacl = acl(Ace(0, 0, 1, other))
    whole = SecurityDescriptor(one, other, dacl, control=4)
    data = whole.encode()
    revision, control, owner, group, sacl, at = struct.unpack("<BxHIIII", data[:20])
    assert (revision, control, sacl) == (1, 0x8004, 0)
    assert (data[owner : owner + len(one)], data[group : group + len(other)]) == (one, other)
    assert data[at:] == dacl
    assert whole.select(1) == SecurityDescriptor(one)
    assert whole.select(4) == SecurityDescriptor(dacl=dacl, control=4)


def test_changing_parts() -> None:
    one, other = sid("S-1-5-32-545"), sid("S-1-1-0")
    old = SecurityDescriptor(one, one, None, control=4)
    new = SecurityDescriptor(other, None, acl(), control=0x1004)
    assert old.merge(new, 1) == SecurityDescriptor(other, one, None, control=4)
    assert old.merge(new, 4) == SecurityDescriptor(one, one, acl(), control=0x1004)
    with pytest.raises(GuestFault) as caught:
        old.merge(SecurityDescriptor(), 1)
    assert caught.value.status == STATUS_INVALID_SECURITY_DESCR
