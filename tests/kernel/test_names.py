from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.kernel.names import from_utf16, is_component, upcase, utf16

any_text = st.text(alphabet=st.characters(codec=None))


@pytest.mark.parametrize(
    ("text", "upper"),
    [
        ("abc.Txt", "ABC.TXT"),
        ("straße", "STRAßE"),
        ("ÿ", "Ÿ"),
        ("ı", "ı"),
        ("ſ", "ſ"),
        ("𐐨", "𐐨"),
        ("\ud800a", "\ud800A"),
    ],
)
def test_upcase_maps_one_unit_to_one(text: str, upper: str) -> None:
    assert upcase(text) == upper


@settings(max_examples=200, derandomize=True)
@given(any_text)
def test_upcase_keeps_the_length_and_is_stable(text: str) -> None:
    upper = upcase(text)
    assert len(utf16(upper)) == len(utf16(text))
    assert upcase(upper) == upper


@settings(max_examples=200, derandomize=True)
@given(st.binary(max_size=64).filter(lambda data: len(data) % 2 == 0))
def test_any_even_bytes_survive_as_text(data: bytes) -> None:
    assert utf16(from_utf16(data)) == data


@pytest.mark.parametrize("name", ["a", "a.txt.", "a ", "...", ".a", "CON", "\ud800", "x" * 255, "𐐨" * 127])
def test_names_that_ntfs_takes(name: str) -> None:
    assert is_component(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a:b",
        "a*",
        "a?",
        "a<",
        "a>",
        'a"',
        "a|",
        "a/b",
        "a\\b",
        "a\0",
        "\x1f",
        "x" * 256,
        "𐐨" * 128,
    ],
)
def test_names_that_ntfs_refuses(name: str) -> None:
    assert not is_component(name)
