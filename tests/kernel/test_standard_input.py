"""Standard input: every byte once and in order, however it comes and whoever goes back."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.kernel.standard_input import HostInterrupted, StandardInput

pieces = st.lists(st.binary(min_size=1, max_size=8), max_size=8)


def supplying(*found: bytes | None) -> StandardInput:
    """Input in pieces; at None the run is to end."""
    waiting = deque(found)

    def supply() -> bytes:
        piece = waiting.popleft() if waiting else b""
        if piece is None:
            raise HostInterrupted
        return piece

    return StandardInput(supply=supply)


def lines_of(*found: bytes) -> StandardInput:
    waiting = deque(found)
    return StandardInput(supply=lambda: waiting.popleft() if waiting else b"", lines=True)


@given(pieces, st.integers(1, 20))
@settings(max_examples=100, derandomize=True)
def test_a_file_fills_what_is_asked_for(found: list[bytes], length: int) -> None:
    given_, whole = supplying(*found), b"".join(found)
    for start in range(0, len(whole), length):
        assert given_.read(length) == whole[start : start + length]
    assert given_.read(length) == b""


@given(st.lists(st.text("ab\n", min_size=1, max_size=8), max_size=8), st.integers(1, 20))
@settings(max_examples=100, derandomize=True)
def test_a_read_of_lines_ends_with_one(found: list[str], length: int) -> None:
    encoded = [each.encode() for each in found]
    given_, whole = lines_of(*encoded), b""
    while read := given_.read(length):
        assert b"\n" not in read[:-1]
        assert len(read) <= length
        whole += read
    assert whole == b"".join(encoded)


def test_the_end_stays_the_end() -> None:
    found = supplying(b"a", b"", b"b")
    assert [found.read(4), found.read(4), found.read(4)] == [b"a", b"", b""]


def test_nothing_is_asked_for_nothing() -> None:
    def supply() -> bytes:
        raise AssertionError("asked")

    assert StandardInput(supply=supply).read(0) == b""
    assert StandardInput(b"abc", supply).read(3) == b"abc"


def test_an_interrupted_read_has_read_nothing() -> None:
    found = supplying(b"ab", None, b"cd")
    with pytest.raises(HostInterrupted):
        found.read(4)
    assert found.read(4) == b"abcd"
