from __future__ import annotations

import pytest
from fake_pages import FakePages

from wowsim.errors import GuestFault
from wowsim.memory.allocate import MEM_COMMIT, MEM_RESERVE
from wowsim.memory.blocks import allocate_stack
from wowsim.memory.faults import FaultKind
from wowsim.memory.layout import layout_of
from wowsim.memory.sections import Commitment
from wowsim.memory.space import AddressSpace
from wowsim.nt import status

BOTH = MEM_COMMIT | MEM_RESERVE


@pytest.fixture
def space() -> AddressSpace:
    return AddressSpace(FakePages(), layout_of("win7sp1"))


@pytest.mark.parametrize(
    ("protection", "write", "execute", "kind", "retry"),
    [
        (0x01, False, False, FaultKind.READ, False),
        (0x02, False, False, FaultKind.READ, True),
        (0x02, True, False, FaultKind.WRITE, False),
        (0x02, False, True, FaultKind.EXECUTE, False),
        (0x04, True, False, FaultKind.WRITE, True),
        (0x20, False, True, FaultKind.EXECUTE, True),
        (0x20, True, False, FaultKind.WRITE, False),
    ],
)
def test_access_violations_say_what_was_tried(
    space: AddressSpace, protection: int, write: bool, execute: bool, kind: FaultKind, retry: bool
) -> None:
    space.allocate(0x10000, 0x1000, BOTH, protection)
    result = space.resolve_fault(0x10123, write=write, execute=execute)
    assert (result.kind, result.address, result.retry) == (kind, 0x10123, retry)
    assert result.status == (status.STATUS_SUCCESS if retry else status.STATUS_ACCESS_VIOLATION)


@pytest.mark.parametrize("address", [0, 0x20000, 0x11000, 1 << 46, 1 << 63, -8])
def test_nothing_there(space: AddressSpace, address: int) -> None:
    space.allocate(0x10000, 0x3000, MEM_RESERVE, 4)
    assert space.resolve_fault(address).status == status.STATUS_ACCESS_VIOLATION


def test_exception_information_values() -> None:
    assert [int(kind) for kind in FaultKind] == [0, 1, 8]


def test_a_guard_page_reports_once(space: AddressSpace) -> None:
    space.allocate(0x10000, 0x2000, BOTH, 0x104)
    assert space.resolve_fault(0x10008, write=True).status == status.STATUS_GUARD_PAGE_VIOLATION
    assert space.resolve_fault(0x10008, write=True).retry
    assert space.query(0x10000).protection == 4
    assert space.query(0x11000).protection == 0x104
    with pytest.raises(GuestFault) as caught:
        space.read(0x11000, 1)
    assert caught.value.status == status.STATUS_GUARD_PAGE_VIOLATION


def test_a_stack_grows_page_by_page_and_overflows_at_its_end(space: AddressSpace) -> None:
    limits: list[int] = []
    stack = allocate_stack(space, 0x10000, 0x2000, on_growth=limits.append)
    assert (stack.limit, stack.top - stack.base) == (stack.top - 0x2000, 0x10000)
    found = []
    for address in range(stack.limit - 8, stack.base, -0x1000):
        while not (result := space.resolve_fault(address, write=True)).retry:
            found.append((address & ~0xFFF, result.status))
            if result.status == status.STATUS_ACCESS_VIOLATION:
                break
    # The overflow is reported when no page but the lowest is left for the guard.
    assert found == [
        (stack.base + 0x1000, status.STATUS_STACK_OVERFLOW),
        (stack.base, status.STATUS_ACCESS_VIOLATION),
    ]
    assert limits == list(range(stack.limit - 0x1000, stack.base, -0x1000))
    assert space.query(stack.base).state == MEM_RESERVE
    assert space.query(stack.base + 0x1000).size == 0xF000
    assert space.private_commit == 15


def test_a_jump_over_the_guard_page_is_an_access_violation(space: AddressSpace) -> None:
    stack = allocate_stack(space, 0x10000, 0x1000)
    assert space.resolve_fault(stack.limit - 0x1008, write=True).status == status.STATUS_ACCESS_VIOLATION


def test_a_stack_that_cannot_commit_overflows() -> None:
    space = AddressSpace(FakePages(), layout_of("win7sp1"), commitment=Commitment(3))
    stack = allocate_stack(space, 0x10000, 0x1000)
    assert space.resolve_fault(stack.limit - 8, write=True).retry
    assert space.resolve_fault(stack.limit - 0x1008, write=True).status == status.STATUS_STACK_OVERFLOW


def test_guard_pages_move_as_many_as_were_registered(space: AddressSpace) -> None:
    stack = allocate_stack(space, 0x10000, 0x1000)
    space.register_stack(stack.base, guard_pages=3)
    assert space.resolve_fault(stack.limit - 8, write=True).retry
    region = space.query(stack.limit - 0x4000)
    assert (region.protection, region.size) == (0x104, 0x3000)


def test_kernel_writes_grow_stacks_too(space: AddressSpace) -> None:
    stack = allocate_stack(space, 0x10000, 0x1000)
    space.write(stack.limit - 4, b"12345678")
    assert space.read(stack.limit - 4, 8) == b"12345678"


def test_a_released_stack_is_forgotten(space: AddressSpace) -> None:
    stack = allocate_stack(space, 0x10000, 0x1000)
    space.free(stack.base, 0, 0x8000)
    space.allocate(stack.base, 0x10000, BOTH, 0x104)
    result = space.resolve_fault(stack.limit - 8, write=True)
    assert result.status == status.STATUS_GUARD_PAGE_VIOLATION
