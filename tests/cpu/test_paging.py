from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.cpu.paging import EXECUTE, PAGE, READ, WRITE, PageTables, PhysicalMemory
from wowsim.errors import GuestFault

EDGES = st.sampled_from((0, 511, 512, 513, 1024, 16 << 9, 1 << 18, (1 << 27) - 1, 1 << 27))


def tables() -> PageTables:
    return PageTables(PhysicalMemory(4 << 20))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    st.lists(st.tuples(EDGES, st.integers(0, 5), st.integers(1, 4), st.integers(0, 3)), max_size=6),
    EDGES,
    EDGES,
    st.integers(0, 8),
)
def test_runs_are_what_a_page_by_page_look_finds(
    mapped: list[tuple[int, int, int, int]], start: int, end: int, more: int
) -> None:
    pages = tables()
    tags: dict[int, int] = {}
    for edge, offset, count, tag in mapped:
        vpn = edge + offset
        pages.unmap(vpn, count)
        pages.map(vpn, pages.allocate(count), READ, tag)
        tags |= dict.fromkeys(range(vpn, vpn + count), tag)
    stop = max(start, end) + more
    inside = sorted((vpn, tag) for vpn, tag in tags.items() if start <= vpn < stop)
    expected = []
    for (_, tag), group in groupby(enumerate(inside), lambda item: (item[1][0] - item[0], item[1][1])):
        run = [vpn for _, (vpn, _) in group]
        expected.append((run[0], len(run), tag))
    assert list(pages.runs(start, stop - start)) == expected


def test_a_wide_unmap_takes_every_page_and_no_other() -> None:
    pages = tables()
    for vpn in (10, 600, 1 << 20, 1 << 27):
        pages.map(vpn, pages.allocate(2), READ | WRITE)
    frames = pages.unmap(11, (1 << 27) - 11 + 1)
    assert len(frames) == 6
    assert [list(run) for run in pages.runs(0, 1 << 28)] == [[10, 1, 0], [(1 << 27) + 1, 1, 0]]


@pytest.mark.parametrize("touched", [True, False])
def test_probing_a_range_looks_at_every_page(touched: bool) -> None:
    pages = tables()
    pages.map(4, pages.allocate(1), READ | WRITE)
    pages.map(5, pages.allocate(1), READ)
    if touched:
        pages.write(4 * PAGE, b"x")
    pages.probe_write(4 * PAGE, PAGE)
    with pytest.raises(GuestFault) as fault:
        pages.probe_write(5 * PAGE - 4, 8)
    assert fault.value.address == 5 * PAGE


def test_a_page_that_lost_its_access_is_not_written_through_the_cache() -> None:
    pages = tables()
    pages.map(4, pages.allocate(1), READ | WRITE)
    pages.write(4 * PAGE, b"first")
    pages.protect(4, 1, READ)
    with pytest.raises(GuestFault):
        pages.write(4 * PAGE, b"second")
    with pytest.raises(GuestFault):
        pages.probe_write(4 * PAGE, 1)
    assert pages.read(4 * PAGE, 5) == b"first"


def test_code_written_by_the_kernel_reaches_the_engine() -> None:
    pages = tables()
    pages.map(4, pages.allocate(1), READ | WRITE | EXECUTE)
    told: list[tuple[int, bytes]] = []
    pages.write_code = lambda at, data: told.append((at, data))
    pages.write(4 * PAGE + 3, b"code")
    assert told == [(pages.physical(4 * PAGE + 3), b"code")]
