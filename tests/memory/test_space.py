from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from fake_pages import FakePages
from memory_helpers import refused

from wowsim.errors import GuestFault, Unsupported
from wowsim.memory.allocate import (
    MEM_COMMIT,
    MEM_DECOMMIT,
    MEM_FREE,
    MEM_LARGE_PAGES,
    MEM_PHYSICAL,
    MEM_RELEASE,
    MEM_RESERVE,
    MEM_RESET,
    MEM_RESET_UNDO,
    MEM_TOP_DOWN,
    MEM_WRITE_WATCH,
)
from wowsim.memory.layout import layout_of
from wowsim.memory.protection import MM_READONLY
from wowsim.memory.sections import Commitment
from wowsim.memory.space import AddressSpace
from wowsim.memory.vad import MAX_COMMIT
from wowsim.nt import abi, status

BOTH = MEM_COMMIT | MEM_RESERVE
RW = 4


@pytest.fixture
def space() -> AddressSpace:
    return AddressSpace(FakePages(), layout_of("win7sp1"))


def test_first_allocations_go_to_the_lowest_64_kb_units(space: AddressSpace) -> None:
    assert space.allocate(0, 1, BOTH, RW) == (0x10000, 0x1000)
    assert space.allocate(0, 0x10001, MEM_RESERVE, RW) == (0x20000, 0x11000)
    assert space.allocate(0, 1, MEM_COMMIT, RW) == (0x40000, 0x1000)


def test_base_is_rounded_down_and_the_size_covers_it(space: AddressSpace) -> None:
    assert space.allocate(0x123456, 0x1000, MEM_RESERVE, RW) == (0x120000, 0x5000)
    assert space.allocate(0x121FFF, 2, MEM_COMMIT, RW) == (0x121000, 0x2000)


@pytest.mark.parametrize(
    ("zero_bits", "highest"), [(1, 0x7FFFFFFF), (12, 0xFFFFF), (0x3FFFFF, 0x3FFFFF), (0x7FFFFFFF, 0x7FFFFFFF)]
)
def test_zero_bits_limit_the_address(space: AddressSpace, zero_bits: int, highest: int) -> None:
    base, size = space.allocate(0, 0x1000, MEM_RESERVE | MEM_TOP_DOWN, RW, zero_bits)
    assert base + size - 1 <= highest
    assert base + 0x10000 > highest - 0xFFFF


@pytest.mark.parametrize("zero_bits", [22, 31])
def test_zero_bits_between_count_and_mask_are_refused(space: AddressSpace, zero_bits: int) -> None:
    with refused(status.STATUS_INVALID_PARAMETER_3):
        space.allocate(0, 0x1000, BOTH, RW, zero_bits)


def test_a_32_bit_kernel_knows_no_mask() -> None:
    native = AddressSpace(FakePages(), layout_of("win7sp1-x86"))
    with refused(status.STATUS_INVALID_PARAMETER_3):
        native.allocate(0, 0x1000, BOTH, RW, 0x7FFFFFFF)


@pytest.mark.parametrize(
    ("base", "size", "kind", "protection", "expected"),
    [
        (0, 0, BOTH, RW, status.STATUS_INVALID_PARAMETER_4),
        (0, 1 << 63, BOTH, RW, status.STATUS_INVALID_PARAMETER_4),
        (1 << 63, 1, BOTH, RW, status.STATUS_INVALID_PARAMETER_2),
        (0x1, 1, BOTH, RW, status.STATUS_INVALID_PARAMETER_2),
        (0, 1, 0, RW, status.STATUS_INVALID_PARAMETER_5),
        (0, 1, MEM_TOP_DOWN, RW, status.STATUS_INVALID_PARAMETER_5),
        (0, 1, BOTH | 0x40000, RW, status.STATUS_INVALID_PARAMETER_5),
        (0, 1, MEM_RESET | MEM_COMMIT, RW, status.STATUS_INVALID_PARAMETER_5),
        (0, 1, MEM_WRITE_WATCH | MEM_COMMIT, RW, status.STATUS_INVALID_PARAMETER_5),
        (0, 1, BOTH | MEM_LARGE_PAGES, RW, status.STATUS_PRIVILEGE_NOT_HELD),
        (0, 1, BOTH, 8, status.STATUS_INVALID_PAGE_PROTECTION),
        (0, 1, BOTH, 0, status.STATUS_INVALID_PAGE_PROTECTION),
        (0x50000, 1, MEM_COMMIT, RW, status.STATUS_CONFLICTING_ADDRESSES),
        (0x50000, 1, MEM_RESET, RW, status.STATUS_CONFLICTING_ADDRESSES),
        (0, (1 << 43) - 0x20000, MEM_RESERVE, RW, status.STATUS_NO_MEMORY),
    ],
)
def test_refusals(
    space: AddressSpace, base: int, size: int, kind: int, protection: int, expected: int
) -> None:
    space.allocate(0x10000, 1, BOTH, RW)
    with refused(expected):
        space.allocate(base, size, kind, protection)


def test_what_is_lacking_is_named(space: AddressSpace) -> None:
    bit = MEM_PHYSICAL
    with pytest.raises(Unsupported, match="MEM_PHYSICAL"):
        space.allocate(0, 1, MEM_RESERVE | bit, RW)


def test_reset_keeps_the_contents_and_counts_whole_pages(space: AddressSpace) -> None:
    space.allocate(0x10000, 0x4000, BOTH, RW)
    space.write(0x11000, b"kept")
    assert space.allocate(0x10800, 0x2000, MEM_RESET, RW) == (0x11000, 0x1000)
    assert space.allocate(0x10800, 0x2000, MEM_RESET_UNDO, RW) == (0x11000, 0x1000)
    assert space.read(0x11000, 4) == b"kept"


def test_committing_again_changes_the_protection_only(space: AddressSpace) -> None:
    space.allocate(0x10000, 0x3000, BOTH, RW)
    space.write(0x11000, b"x")
    space.allocate(0x11000, 0x1000, MEM_COMMIT, 2)
    assert space.read(0x11000, 1) == b"x"
    assert space.private_commit == 3
    with refused(status.STATUS_ACCESS_VIOLATION):
        space.write(0x11000, b"y")


def test_an_untouched_reservation_costs_no_pages(space: AddressSpace) -> None:
    space.allocate(0, 1 << 30, MEM_RESERVE, RW)
    assert isinstance(space.pages, FakePages)
    assert not space.pages.entries
    assert not space.pages.frames
    assert len(space.vads) == 1
    assert space.private_commit == 0


def test_commit_limit_is_kept_and_nothing_is_left_behind() -> None:
    space = AddressSpace(FakePages(), layout_of("win7sp1"), commitment=Commitment(4))
    base, _ = space.allocate(0, 0x8000, MEM_RESERVE, RW)
    with refused(status.STATUS_COMMITMENT_LIMIT):
        space.allocate(base, 0x5000, MEM_COMMIT, RW)
    with refused(status.STATUS_COMMITMENT_LIMIT):
        space.allocate(0, 0x5000, BOTH, RW)
    assert len(space.vads) == 1
    assert space.commitment.charged == 0
    space.allocate(base, 0x4000, MEM_COMMIT, RW)


def test_exhausted_physical_memory_answers_like_the_commit_limit() -> None:
    space = AddressSpace(FakePages(limit=4), layout_of("win7sp1"))
    with refused(status.STATUS_COMMITMENT_LIMIT):
        space.allocate(0, 0x5000, BOTH, RW)
    assert (len(space.vads), space.commitment.charged, space.private_commit) == (0, 0, 0)


def test_releasing_the_middle_splits_the_region(space: AddressSpace) -> None:
    space.allocate(0x10000, 0x8000, BOTH, RW)
    assert space.free(0x12FFF, 2, MEM_RELEASE) == (0x12000, 0x2000)
    lower, upper = space.vads
    assert (lower.start, lower.end, lower.commit) == (0x10, 0x11, 2)
    assert (upper.start, upper.end, upper.commit) == (0x14, 0x17, 4)
    assert lower.address != upper.address
    assert space.query(0x12000).state == MEM_FREE
    assert space.query(0x15000).allocation_base == 0x14000


def test_decommitted_pages_come_back_empty(space: AddressSpace) -> None:
    space.allocate(0x10000, 0x4000, BOTH, RW)
    space.write(0x11000, b"old")
    assert space.free(0x11000, 1, MEM_DECOMMIT) == (0x11000, 0x1000)
    with refused(status.STATUS_ACCESS_VIOLATION):
        space.read(0x11000, 1)
    region = space.query(0x11000)
    assert (region.state, region.protection, region.size) == (MEM_RESERVE, 0, 0x1000)
    space.allocate(0x11000, 1, MEM_COMMIT, RW)
    assert space.read(0x11000, 3) == bytes(3)


@pytest.mark.parametrize(
    ("base", "size", "kind", "expected"),
    [
        (0x10000, 0, BOTH, status.STATUS_INVALID_PARAMETER_4),
        (0x10000, 0, MEM_DECOMMIT | MEM_RELEASE, status.STATUS_INVALID_PARAMETER_4),
        (1 << 60, 0, MEM_RELEASE, status.STATUS_INVALID_PARAMETER_2),
        (0x10000, 1 << 60, MEM_RELEASE, status.STATUS_INVALID_PARAMETER_3),
        (0x90000, 0, MEM_RELEASE, status.STATUS_MEMORY_NOT_ALLOCATED),
        (0x11000, 0, MEM_RELEASE, status.STATUS_FREE_VM_NOT_AT_BASE),
        (0x11000, 0x4000, MEM_RELEASE, status.STATUS_UNABLE_TO_FREE_VM),
        (0x7FFE0000, 0, MEM_RELEASE, status.STATUS_INVALID_PAGE_PROTECTION),
    ],
)
def test_free_refusals(space: AddressSpace, base: int, size: int, kind: int, expected: int) -> None:
    space.allocate(0x10000, 0x4000, BOTH, RW)
    space.insert_committed(0x7FFE0, 0x7FFE0, MM_READONLY, no_change=True)
    with refused(expected):
        space.free(base, size, kind)


def test_locked_regions_refuse_everything_and_answer_queries(space: AddressSpace) -> None:
    space.insert_no_access(0x7FFF0, space.highest_vpn, MM_READONLY)
    for call in (
        lambda: space.allocate(0x7FFF0000, 1, BOTH, RW),
        lambda: space.allocate(0x80000000, 1, MEM_COMMIT, RW),
        lambda: space.protect(0x80000000, 1, RW),
    ):
        with refused(status.STATUS_CONFLICTING_ADDRESSES):
            call()
    with refused(status.STATUS_ACCESS_VIOLATION):
        space.read(0x80000000, 1)
    region = space.query(0x100000000)
    assert (region.allocation_base, region.state, region.protection) == (0x7FFF0000, MEM_RESERVE, 0)
    assert region.base + region.size - 1 == space.layout.highest_user
    vad = space.vads.at(0x80000)
    assert vad is not None
    assert vad.commit == MAX_COMMIT
    assert space.private_commit == 0
    top, _ = space.allocate(0, 0x1000, BOTH | MEM_TOP_DOWN, RW)
    assert top == 0x7FFE0000


def test_query_merges_equal_pages_of_one_region_only(space: AddressSpace) -> None:
    space.allocate(0x10000, 0x10000, BOTH, RW)
    space.allocate(0x20000, 0x10000, BOTH, RW)
    assert space.query(0x12345).base == 0x12000
    assert space.query(0x12345).size == 0xE000
    space.protect(0x14000, 1, 2)
    assert space.query(0x12000).size == 0x2000
    space.free(0x16000, 1, MEM_DECOMMIT)
    assert [space.query(at).size for at in (0x15000, 0x16000, 0x17000)] == [0x1000, 0x1000, 0x9000]
    assert space.query(0).size == 0x10000
    assert space.query(0x30000).size == space.layout.highest_user + 1 - 0x30000
    with refused(status.STATUS_INVALID_PARAMETER):
        space.query(space.layout.highest_user + 1)


def test_protect_reports_the_first_page_and_changes_all_or_nothing(space: AddressSpace) -> None:
    space.allocate(0x10000, 0x4000, MEM_RESERVE, RW)
    space.allocate(0x10000, 0x2000, MEM_COMMIT, RW)
    space.protect(0x10000, 1, 0x102)
    assert space.protect(0x10FFF, 2, 0x20) == (0x10000, 0x2000, 0x102)
    with refused(status.STATUS_NOT_COMMITTED):
        space.protect(0x10000, 0x3000, 2)
    assert space.query(0x10000).protection == 0x20
    for base, size, protection, expected in (
        (0x10000, 0x5000, 2, status.STATUS_CONFLICTING_ADDRESSES),
        (0x90000, 1, 2, status.STATUS_CONFLICTING_ADDRESSES),
        (0x10000, 0, 2, status.STATUS_INVALID_PARAMETER_3),
        (1 << 60, 1, 2, status.STATUS_INVALID_PARAMETER_2),
        (0x10000, 1, 8, status.STATUS_INVALID_PAGE_PROTECTION),
    ):
        with refused(expected):
            space.protect(base, size, protection)


def test_memory_protocol_crosses_pages_and_is_all_or_nothing(space: AddressSpace) -> None:
    memory: abi.Memory = space
    space.allocate(0x10000, 0x2000, BOTH, RW)
    memory.write(0x10FFE, b"abcd")
    assert memory.read(0x10FFE, 4) == b"abcd"
    memory.pack(struct.Struct("<QI"), 0x10FFA, 1 << 60, 7)
    assert memory.unpack(struct.Struct("<QI"), 0x10FFA) == (1 << 60, 7)
    with pytest.raises(GuestFault) as caught:
        memory.write(0x11FFE, b"wxyz")
    assert (caught.value.status, caught.value.address) == (status.STATUS_ACCESS_VIOLATION, 0x12000)
    assert memory.read(0x11FFE, 2) == bytes(2)
    assert memory.read(0x90000, 0) == b""
    memory.probe_write(0x11FFF, 1)
    for address, size in ((0x11FFF, 2), (-1, 1), (1 << 47, 1), ((1 << 64) - 1, 4)):
        with refused(status.STATUS_ACCESS_VIOLATION):
            memory.probe_write(address, size)
        with refused(status.STATUS_ACCESS_VIOLATION):
            memory.read(address, size)


def test_every_change_is_told() -> None:
    events: list[tuple[str, int, int, int, str | None]] = []
    space = AddressSpace(FakePages(), layout_of("win7sp1"), notify=lambda *event: events.append(event))
    space.allocate(0x10000, 0x2000, MEM_RESERVE, RW)
    space.allocate(0x10000, 0x1000, MEM_COMMIT, RW)
    space.protect(0x10000, 0x1000, 0x104)
    space.free(0x10000, 0x1000, MEM_DECOMMIT)
    space.free(0x10000, 0, MEM_RELEASE)
    assert events == [
        ("reserve", 0x10000, 0x2000, 4, None),
        ("commit", 0x10000, 0x1000, 4, None),
        ("protect", 0x10000, 0x1000, 0x104, None),
        ("decommit", 0x10000, 0x1000, 0, None),
        ("release", 0x10000, 0x2000, 0, None),
    ]


def test_pool_addresses_follow_the_seed() -> None:
    def addresses(seed: int) -> list[int]:
        space = AddressSpace(FakePages(), replace(layout_of("win7sp1")), seed=seed)
        for _ in range(20):
            space.allocate(0, 1, MEM_RESERVE, RW)
        return [vad.address for vad in space.vads]

    assert addresses(1) == addresses(1)
    assert addresses(1) != addresses(2)
    assert len(set(addresses(3))) == 20
    assert all(a % 16 == 0 and a >> 32 == 0xFFFFFA80 for a in addresses(4))


def test_wines_dlls_release_regions_as_a_whole(space: AddressSpace) -> None:
    base, _ = space.allocate(0, 0x4000, MEM_RESERVE | MEM_COMMIT, 4)
    space.releases_parts = False
    for at, size in ((base, 0x1000), (base + 0x1000, 0x3000)):
        with refused(status.STATUS_INVALID_PARAMETER):
            space.free(at, size, MEM_RELEASE)
    assert space.free(base + 0x1000, 0x1000, MEM_DECOMMIT) == (base + 0x1000, 0x1000)
    assert space.free(base, 0x4000, MEM_RELEASE) == (base, 0x4000)
    assert space.vads.at(base >> 12) is None
