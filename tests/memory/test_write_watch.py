from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_helpers import refused

from wowsim.memory.allocate import MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, MEM_WRITE_WATCH
from wowsim.memory.layout import layout_of
from wowsim.memory.space import AddressSpace
from wowsim.nt import status

from fake_pages import FakePages  # isort: skip

RW, PAGE = 4, 0x1000
WATCHED = MEM_RESERVE | MEM_WRITE_WATCH


@pytest.fixture
def space() -> AddressSpace:
    return AddressSpace(FakePages(), layout_of("win7sp1"))


def test_what_is_written_is_told(space: AddressSpace) -> None:
    base, size = space.allocate(0, 8 * PAGE, WATCHED | MEM_COMMIT, RW)
    assert space.written(base, size, 100) == []
    space.write(base + 2 * PAGE + 5, b"x")
    space.write(base + 5 * PAGE - 1, b"xy")
    space.read(base + 7 * PAGE, 1)
    space.overwrite(base + 6 * PAGE, b"z")
    expected = [base + n * PAGE for n in (2, 4, 5, 6)]
    assert space.written(base, size, 100) == expected
    assert space.written(base, size, 2) == expected[:2]
    assert space.written(base + 3 * PAGE, 2 * PAGE, 9) == [base + 4 * PAGE]
    space.watch_anew(base, 3 * PAGE)
    assert space.written(base, size, 100) == expected[1:]
    space.write(base + 2 * PAGE, b"again")
    assert space.written(base, size, 100) == expected
    assert space.read(base + 2 * PAGE, 6) == b"again" + b"x"


def test_protection_and_commitment_keep_it(space: AddressSpace) -> None:
    base, size = space.allocate(0, 4 * PAGE, WATCHED, RW)
    assert space.written(base, size, 9) == []
    space.allocate(base, 2 * PAGE, MEM_COMMIT, RW)
    space.write(base, b"x")
    space.protect(base, 2 * PAGE, 2)
    with refused(status.STATUS_ACCESS_VIOLATION):
        space.write(base + PAGE, b"x")
    space.allocate(base, 3 * PAGE, MEM_COMMIT, RW)
    assert space.written(base, size, 9) == [base]
    space.write(base + PAGE, b"x")
    assert space.written(base, size, 9) == [base, base + PAGE]
    space.free(base, PAGE, MEM_DECOMMIT)
    assert space.written(base, size, 9) == [base + PAGE]
    space.free(base + PAGE, PAGE, MEM_RELEASE)
    space.write(base + 2 * PAGE, b"x")
    assert space.written(base + 2 * PAGE, 2 * PAGE, 9) == [base + 2 * PAGE]


def test_what_is_not_watched_is_refused(space: AddressSpace) -> None:
    plain, _ = space.allocate(0, PAGE, MEM_RESERVE | MEM_COMMIT, RW)
    base, size = space.allocate(0, PAGE, WATCHED | MEM_COMMIT, RW)
    for at, length in ((plain, PAGE), (base, size + 1), (base, 0), (0x30000000, PAGE)):
        with refused(status.STATUS_INVALID_PARAMETER_1):
            space.written(at, length, 1)
        with refused(status.STATUS_INVALID_PARAMETER_1):
            space.watch_anew(at, length)


STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "reset", "protect"]), st.integers(0, 15), st.integers(1, 16)),
    max_size=30,
)


@given(STEPS)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_the_watch_is_a_set(steps: list[tuple[str, int, int]]) -> None:
    space = AddressSpace(FakePages(), layout_of("win7sp1"))
    base, size = space.allocate(0, 16 * PAGE, WATCHED | MEM_COMMIT, RW)
    model: set[int] = set()
    for kind, first, count in steps:
        pages = range(first, min(first + count, 16))
        at, length = base + first * PAGE, len(pages) * PAGE
        if kind == "write":
            space.write(at, b"w" * length)
            model.update(pages)
        elif kind == "reset":
            space.watch_anew(at, length)
            model.difference_update(pages)
        else:
            space.protect(at, length, 2)
            space.protect(at, length, RW)
        assert space.written(base, size, 99) == [base + page * PAGE for page in sorted(model)]
