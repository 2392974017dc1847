from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.kernel.wildcards import matches


@pytest.mark.parametrize(
    ("mask", "name", "expected"),
    [
        ("*", "", True),
        ("*", "anything", True),
        ("*.txt", "A.TXT", True),
        ("*.txt", "a.txt.bak", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("?", "", False),
        ("abc", "ABC", True),
        ("abc", "abcd", False),
        ("", "", True),
        ("", "a", False),
        # DOS_STAR: what *. of Win32 becomes: names without a dot, or up to the last one
        ("<", "noext", True),
        ("<", "a.b", False),
        ("<.b", "a.x.b", True),
        ("<.x.b", "a.x.b", True),
        # DOS_QM: one character, or none before a dot or at the end
        ("a>>", "a", True),
        ("a>>.txt", "ab.txt", True),
        ("a>>.txt", "abcd.txt", False),
        (">>>>>>>>.>>>", "a.c", True),
        ("a>b", "ab", False),
        # DOS_DOT: a dot, or nothing at the end
        ('a"', "a", True),
        ('a"', "a.", True),
        ('a"b', "a.b", True),
        ('a"b', "ab", False),
        ('<"*', "noext", True),
        ('<"*', "a.b", True),
    ],
)
def test_masks(mask: str, name: str, expected: bool) -> None:
    assert matches(mask, name) is expected


@settings(max_examples=300, derandomize=True)
@given(st.text("ab.*?", max_size=8), st.text("ab.", max_size=8))
def test_star_and_question_mark_are_those_of_regular_expressions(mask: str, name: str) -> None:
    pattern = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in mask)
    assert matches(mask, name) == (re.fullmatch(pattern, name) is not None)


def test_no_mask_takes_exponential_time() -> None:
    assert not matches("*a" * 127 + "b", "a" * 255)
    assert matches(">" * 255, "")
