from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.errors import GuestFault
from wowsim.kernel.objects import CURRENT_PROCESS, OBJ_PROTECT_CLOSE, HandleTable, KernelObject
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_HANDLE_NOT_CLOSABLE,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_HANDLE,
    STATUS_OBJECT_TYPE_MISMATCH,
)


class Thing(KernelObject):
    type_name = "Thing"

    def __init__(self) -> None:
        self.ended = 0

    def last_handle_closed(self) -> None:
        self.ended += 1


class Other(KernelObject):
    pass


def status_of(fault: pytest.ExceptionInfo[GuestFault]) -> int:
    return fault.value.status


def test_handles_are_multiples_of_four_lowest_first() -> None:
    table = HandleTable()
    assert [table.insert(Thing(), 1) for _ in range(4)] == [4, 8, 12, 16]
    table.close(12)
    table.close(4)
    assert [table.insert(Thing(), 1) for _ in range(3)] == [4, 12, 20]


def test_the_low_bits_of_a_handle_do_not_count() -> None:
    table = HandleTable()
    thing = Thing()
    handle = table.insert(thing, 1)
    assert table.lookup(handle | 3, Thing) is thing
    table.close(handle | 1)
    assert thing.ended == 1


def test_an_object_ends_with_its_last_handle() -> None:
    table = HandleTable()
    thing = Thing()
    first, second = table.insert(thing, 1), table.insert(thing, 1)
    table.close(first)
    assert (thing.ended, thing.handle_count) == (0, 1)
    table.close(second)
    assert (thing.ended, thing.handle_count) == (1, 0)


@pytest.mark.parametrize("handle", [0, 8, -1, 0x80000000, 1 << 63, 0xFFFFFFFF_FFFFFFF6])
def test_unknown_handles(handle: int) -> None:
    table = HandleTable()
    table.insert(Thing(), 1)
    with pytest.raises(GuestFault) as fault:
        table.lookup(handle, Thing)
    assert status_of(fault) == STATUS_INVALID_HANDLE
    with pytest.raises(GuestFault):
        table.close(handle)


def test_type_and_access_are_checked_in_this_order() -> None:
    table = HandleTable()
    handle = table.insert(Thing(), 0b01)
    with pytest.raises(GuestFault) as fault:
        table.lookup(handle, Other, 0b10)
    assert status_of(fault) == STATUS_OBJECT_TYPE_MISMATCH
    with pytest.raises(GuestFault) as fault:
        table.lookup(handle, Thing, 0b11)
    assert status_of(fault) == STATUS_ACCESS_DENIED
    table.lookup(handle, Thing, 0b01)


def test_a_pseudo_handle_has_every_right_and_closing_it_does_nothing() -> None:
    table = HandleTable()
    thing = Thing()
    table.pseudo[CURRENT_PROCESS] = thing
    table.close(-1)
    assert table.lookup(-1, Thing, Thing.mapping.all) is thing
    assert table.lookup(CURRENT_PROCESS, Thing) is thing


def test_limit_and_protection() -> None:
    table = HandleTable(limit=1)
    thing = Thing()
    handle = table.insert(thing, 1, OBJ_PROTECT_CLOSE)
    with pytest.raises(GuestFault) as fault:
        table.insert(Thing(), 1)
    assert status_of(fault) == STATUS_INSUFFICIENT_RESOURCES
    with pytest.raises(GuestFault) as fault:
        table.close(handle)
    assert status_of(fault) == STATUS_HANDLE_NOT_CLOSABLE
    table.close_all()
    assert thing.ended == 1
    assert len(table) == 0


@settings(max_examples=60, derandomize=True)
@given(st.lists(st.one_of(st.none(), st.integers(0, 12))))
def test_the_table_agrees_with_a_set(steps: list[int | None]) -> None:
    """None opens a handle, n closes the n-th slot."""
    table, model = HandleTable(), set[int]()
    for step in steps:
        if step is None:
            lowest = next(h for h in range(4, 4 * len(model) + 8, 4) if h not in model)
            assert table.insert(Thing(), 1) == lowest
            model.add(lowest)
        elif step * 4 in model:
            table.close(step * 4)
            model.remove(step * 4)
        else:
            with pytest.raises(GuestFault):
                table.close(step * 4)
        assert len(table) == len(model)
