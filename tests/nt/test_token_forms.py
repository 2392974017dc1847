from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.errors import GuestFault
from wowsim.host64.spans import Span
from wowsim.nt.security import sid
from wowsim.nt.status import STATUS_INVALID_PARAMETER
from wowsim.nt.token_forms import GROUPS, SID, SID_AND_ATTRIBUTES

if TYPE_CHECKING:
    from wowsim.nt.abi import Width

AT = 0x12340
SIDS = st.lists(st.integers(0, 0xFFFFFFFF), max_size=5).map(
    lambda rest: sid("-".join(map(str, ("S", 1, 5, *rest))))
)
ITEMS = st.lists(st.tuples(SIDS, st.integers(0, 0xFFFFFFFF)), max_size=6)


@given(ITEMS, st.sampled_from([32, 64]))
@settings(max_examples=60, derandomize=True)
def test_groups_come_back(items: list[tuple[bytes, int]], width: Width) -> None:
    data = GROUPS.encode(width, AT, items)
    assert len(data) == GROUPS.size(width, items)
    assert GROUPS.capture(width, Span(data, AT), AT) == items


def test_layouts() -> None:
    one = sid("S-1-1-0")
    assert SID.encode(32, 0x1000, [(one, 0)])[:4] == b"\x04\x10\0\0"
    assert SID.encode(64, 0x1000, [(one, 0)])[:8] == b"\x08\x10\0\0\0\0\0\0"
    assert SID_AND_ATTRIBUTES.encode(32, 0x1000, [(one, 7)])[:8] == b"\x08\x10\0\0\x07\0\0\0"
    assert GROUPS.encode(64, 0x1000, [(one, 7)])[:24] == bytes.fromhex(
        "0100000000000000 1810000000000000 0700000000000000"
    )
    assert SID.encode(32, 0x1000, [(b"", 0)]) == bytes(4)


def test_absurd_counts() -> None:
    with pytest.raises(GuestFault) as caught:
        GROUPS.capture(32, Span(b"\xff" * 64, AT), AT)
    assert caught.value.status == STATUS_INVALID_PARAMETER
