"""Registry text: reading both versions, refusing what is none, writing, and the way there and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.errors import UsageError
from wowsim.kernel.registry_text import VERSION_5, Change, decode, parse, render

H = VERSION_5 + "\n"


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le")


@pytest.mark.parametrize(
    ("line", "kind", "data"),
    [
        (r'"a"="text"', 1, utf16("text\0")),
        (r'"a"=""', 1, utf16("\0")),
        (r'"a"="C:\\dir\\\"q\""', 1, utf16('C:\\dir\\"q"\0')),
        ('"a"="two\nlines"', 1, utf16("two\nlines\0")),
        (r'"a"="x;y" ; comment', 1, utf16("x;y\0")),
        ('"a"=dword:1', 4, b"\1\0\0\0"),
        ('"a"=dword:FFFFfffe', 4, b"\xfe\xff\xff\xff"),
        ('"a"=hex:', 3, b""),
        ('"a"=hex:01,0a,FF', 3, b"\1\x0a\xff"),
        ('"a"=hex:01,\\\n  02,\\ \n03', 3, b"\1\2\3"),
        ('"a" = hex(b):01,00,00,00,00,00,00,80', 11, b"\1\0\0\0\0\0\0\x80"),
        ('"a"=hex(2):25,00,00,00', 2, utf16("%\0")),
        ('"a"=hex(7):61,00,00,00,00,00', 7, utf16("a\0\0")),
        ('"a"=hex(0):', 0, b""),
        ('"a"=hex(ffff1234):1', 0xFFFF1234, b"\1"),
    ],
)
def test_values(line: str, kind: int, data: bytes) -> None:
    for end in ("", "\n", "\n\n; comment\n"):
        text = f"{H}\n[HKLM\\It]\n{line}{end}"
        expected = [Change(r"HKLM\It"), Change(r"HKLM\It", "a", (kind, data))]
        assert parse(text) == expected
        if "two" not in line:
            assert parse(text.replace("\n", "\r\n")) == expected


def test_keys_default_values_deletions_and_comments() -> None:
    text = (
        H + "; first\n\n[HKLM\\A]b]; c\n@=\"d\"\n\"x\"=-\n@=-\n  ; more\n[-HKLM\\Gone]\n[HKCU\\-z]\n\"q\\\"\\\\\"=hex:1"
    )  # fmt: skip
    assert parse("\ufeff" + text) == [
        Change(r"HKLM\A]b"),
        Change(r"HKLM\A]b", "", (1, utf16("d\0"))),
        Change(r"HKLM\A]b", "x"),
        Change(r"HKLM\A]b", ""),
        Change(r"HKLM\Gone", delete=True),
        Change(r"HKCU\-z"),
        Change(r"HKCU\-z", 'q"\\', (3, b"\1")),
    ]


def test_version_4_holds_ansi() -> None:
    text = decode(
        b'REGEDIT4\r\n\r\n[HKLM\\\xc4]\r\n"a"=hex(2):25,80,00\r\n"b"=hex:80\r\n"c"=hex(7):61,00,00\r\n'
    )
    assert parse(text) == [
        Change("HKLM\\\xc4"),
        Change("HKLM\\\xc4", "a", (2, utf16("%\u20ac\0"))),
        Change("HKLM\\\xc4", "b", (3, b"\x80")),
        Change("HKLM\\\xc4", "c", (7, utf16("a\0\0"))),
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-8-sig"])
def test_files(encoding: str) -> None:
    assert parse(decode(f"{H}[HKLM\\\xe9]".encode(encoding))) == [Change("HKLM\\\xe9")]
    assert parse(decode(b"\xfe\xff" + f"{H}[HKLM\\\xe9]".encode("utf-16-be"))) == [Change("HKLM\\\xe9")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "begins with ''"),
        ("[HKLM\\a]", "begins with"),
        (H + '"a"="b"', "line 2.*a key in brackets before"),
        (H + "[-HKLM\\a]\n@=hex:1", "line 3.*a key in brackets before"),
        (H + "[HKLM\\a]\nx", "line 3: 'x'.*or a value"),
        (H + "[HKLM\\a", "line 2"),
        (H + '[HKLM\\a]\n"x"=dword:', "line 3.*dword"),
        (H + '[HKLM\\a]\n"x"=dword:123456789', "line 3"),
        (H + '[HKLM\\a]\n"x"=hex:100', "line 3.*the end of the line"),
        (H + '[HKLM\\a]\n"x"=hex:1\\', "the end of the line"),
        (H + '[HKLM\\a]\n"x"="y', "line 3"),
        (H + '[HKLM\\a]\n"x"="y" z', "line 3: ' z'"),
    ],
)
def test_what_is_no_registry_text(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(text)


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(UsageError, match="byte 36"):
        decode(VERSION_5.encode() + b"\xff")


def test_how_it_is_written() -> None:
    values = [
        ("", 1, utf16("d\0")),
        ('q"\\', 4, b"\1\2\3\4"),
        ("long", 3, bytes(30)),
        ("s", 1, b"x"),
        ("z", 2, b""),
    ]
    assert render([("HKLM\\a", values)]).split("\r\n") == [
        VERSION_5,
        "",
        "[HKLM\\a]",
        '@="d"',
        '"q\\"\\\\"=dword:04030201',
        '"long"=hex:' + "00," * 22 + "\\",
        "  " + "00," * 7 + "00",
        '"s"=hex(1):78',
        '"z"=hex(2):',
        "",
        "",
    ]


def test_names_that_cannot_be_written() -> None:
    with pytest.raises(UsageError, match="end of a line"):
        render([("HKLM\\a\nb", [])])
    with pytest.raises(UsageError, match="end of a line"):
        render([("HKLM\\a", [("x\r", 1, b"")])])


NAMES = st.text(st.characters(exclude_characters="\r\n\\"), max_size=8)
VALUES = st.tuples(
    st.text(st.characters(exclude_characters="\r\n"), max_size=8),
    st.one_of(st.integers(0, 12), st.integers(0, 0xFFFFFFFF)),
    st.one_of(
        st.binary(max_size=60),
        st.text(max_size=12).map(lambda text: (text + "\0").encode("utf-16-le", "surrogatepass")),
    ),
)  # fmt: skip


@given(st.lists(st.tuples(NAMES, st.lists(VALUES, max_size=4)), max_size=4))
@settings(max_examples=150, derandomize=True)
def test_what_is_written_is_read(keys: list[tuple[str, list[tuple[str, int, bytes]]]]) -> None:
    named = [(f"HKLM\\{name}", values) for name, values in keys]
    found = parse(render(named))
    expected = [
        change
        for path, values in named
        for change in (Change(path), *(Change(path, name, (kind, data)) for name, kind, data in values))
    ]
    assert found == expected


@given(st.text(max_size=40), st.text('[]"\\=-;:hexdword(),@ \n0af', max_size=60))
@settings(max_examples=200, derandomize=True)
def test_garbage_is_refused_or_read(free: str, likely: str) -> None:
    for text in (free, H + free, H + "[HKLM\\a]\n" + likely):
        try:
            parse(text)
        except UsageError as error:
            found = str(error)
        else:
            found = "registry text"
        assert found.startswith("registry text")
