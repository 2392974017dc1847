from __future__ import annotations

from contextlib import suppress

import pytest
from fake_pages import FakePages
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_helpers import refused

from wowsim.errors import GuestFault
from wowsim.memory.allocate import MEM_RESERVE
from wowsim.memory.layout import layout_of
from wowsim.memory.requirements import Requirements
from wowsim.memory.space import AddressSpace
from wowsim.nt import status

TOP = layout_of("win7sp1-x86").highest_user
UNIT = 0x10000


def space_with(taken: list[tuple[int, int]]) -> AddressSpace:
    space = AddressSpace(FakePages(), layout_of("win7sp1-x86"))
    for start, count in taken:
        with suppress(GuestFault):  # what overlaps an earlier one is not taken
            space.allocate((start + 1) * UNIT, count * UNIT, MEM_RESERVE, 4)
    return space


@pytest.mark.parametrize(
    "fields",
    [(1, 0, 0), (0x8000, 0, 0), (0, 0x20000, 0), (0, TOP + 0x1000, 0), (0x30000, 0x1FFFF, 0), (0, 0, 0x8000),
     (0, 0, 0x30000), (0, 0xFFE, 0)],
)  # fmt: skip
def test_what_cannot_be_required(fields: tuple[int, int, int]) -> None:
    with refused(status.STATUS_INVALID_PARAMETER):
        Requirements.of(*fields, TOP)


def test_no_room_within_the_limits() -> None:
    space = space_with([(0x10, 16)])
    wish = Requirements.of(0x110000, 0x20FFFF, 0, TOP)
    with refused(status.STATUS_NO_MEMORY):
        space.allocate(0, UNIT, MEM_RESERVE, 4, requirements=wish)
    with refused(status.STATUS_NO_MEMORY):
        space.allocate(0, UNIT, MEM_RESERVE | 0x100000, 4, requirements=wish)


@given(
    taken=st.lists(st.tuples(st.integers(0, 63), st.integers(1, 8)), max_size=12),
    low=st.integers(0, 40),
    room=st.integers(1, 40),
    alignment=st.sampled_from([0, 1, 2, 4, 8]),
    pages=st.integers(1, 64),
    top_down=st.booleans(),
)
@settings(max_examples=150, derandomize=True, deadline=None)
def test_the_lowest_or_highest_place_is_found(
    taken: list[tuple[int, int]], low: int, room: int, alignment: int, pages: int, top_down: bool
) -> None:
    """Against trying every aligned page."""
    space = space_with(taken)
    end = (low + room) * UNIT - 1
    wish = Requirements.of(low * UNIT, end, alignment * UNIT, TOP)
    step = max(alignment, 1) * 16
    places = [
        at
        for at in range(0, (end >> 12) + 1, step)
        if at >= max(low * 16, 16) and at + pages - 1 <= end >> 12 and space.vads.is_free(at, at + pages - 1)
    ]
    kind = MEM_RESERVE | 0x100000 * top_down
    if places:
        found, size = space.allocate(0, pages << 12, kind, 4, requirements=wish)
        assert (found >> 12, size) == (places[-1 if top_down else 0], pages << 12)
    else:
        with refused(status.STATUS_NO_MEMORY):
            space.allocate(0, pages << 12, kind, 4, requirements=wish)
