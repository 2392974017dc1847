"""The three styles against the published samples (wow64-facts section 8.4), which they must reproduce to the blank."""

# ruff: noqa: E501, W291 - the lines and their blanks are the debuggers'
from __future__ import annotations

import pytest

from wowsim.memory.rows import VadRow
from wowsim.render.vad import STYLES, as_json, style_of, table, totals

OLD = """\
VAD     level      start      end    commit
82741bf8 ( 1)      78000    78045         8 Mapped  Exe  EXECUTE_WRITECOPY
824ef368 ( 2)      7f6f0    7f7ef         0 Mapped       EXECUTE_READ
824bc2f8 ( 0)      7ffb0    7ffd3         0 Mapped       READONLY
8273e508 ( 2)      7ffde    7ffde         1 Private      EXECUTE_READWRITE
82643fc8 ( 1)      7ffdf    7ffdf         1 Private      EXECUTE_READWRITE

Total VADs:     5  average level:    2  maximum depth: 2
"""
MIDDLE = r"""
VAD           Level     Start       End Commit
ffffe00008100830  7       de0       def      0 Mapped       READWRITE          Pagefile section, shared commit 0x10
ffffe000078a8d60  9 7ffc64010 7ffc64079      2 Mapped  Exe  EXECUTE_WRITECOPY  \Windows\System32\ws2_32.dll

Total VADs: 2, average level: 9, maximum depth: 9
Total private commit: 0x2 pages (8 KB)
"""[1:]
TEN = r"""
VAD             Level         Start             End              Commit
ffffa782606ef080  3           7ffe0           7ffe0               1 Private      READONLY           
ffffba8d3ee51040  5           75020           7502e               3 Mapped  Exe  EXECUTE_WRITECOPY  \Windows\SysWOW64\kernel.appcore.dll
ffffa7825d3fd8d0  1       7ff7f4200       7ff7f4264              29 Mapped  Exe  EXECUTE_WRITECOPY  \Users\Jxy\Desktop\lol.exe

Total VADs: 3, average level: 4, maximum depth: 5
Total private commit: 0x21 pages (132 KB)
Total shared commit:  0x0 pages (0 KB)
"""[1:]


def parsed(sample: str) -> list[VadRow]:
    """The rows of a sample."""
    rows = []
    for line in sample.split("\n\n")[0].splitlines()[1:]:
        address, rest = line[: line.index(" ")], line[line.index(" ") :].replace("(", " ").replace(")", " ")
        level, start, end, commit, kind, *words = rest.split(maxsplit=5)
        exe, protection, name = (
            words[0].startswith("Exe"),
            *[*words[0].removeprefix("Exe").split(maxsplit=1), ""][:2],
        )
        shared = int(name.rpartition("0x")[2], 16) if name.startswith("Pagefile") else None
        rows.append(
            VadRow(
                int(address, 16), int(level), 0, int(start, 16), int(end, 16), int(commit),
                "Exe" if exe else kind, protection, name or None, shared, "",
            )
        )  # fmt: skip
    return rows


@pytest.mark.parametrize(("style", "sample"), [("old", OLD), ("8.1", MIDDLE), ("10", TEN)])
def test_a_published_table_is_reproduced(style: str, sample: str) -> None:
    assert table(parsed(sample), style) == sample  # type: ignore[arg-type]


def row(**changes: object) -> VadRow:
    values: dict[str, object] = {
        "address": 0xFFFFE00000001000, "level": 0, "balance": 0, "start_vpn": 0x7FFF0, "end_vpn": 0x7FFFFED3F,
        "commit": -1, "kind": "Private", "protection": "READONLY", "name": None, "shared_commit": None, "cause": "x",
    }  # fmt: skip
    return VadRow(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("style", STYLES)
def test_locked_regions_print_minus_one_and_cost_nothing(style: str) -> None:
    lines = table([row(), row(commit=3)], style).splitlines()  # type: ignore[arg-type]
    assert lines[1].split()[-3:] == ["-1", "Private", "READONLY"]
    assert totals([row(), row(commit=3)]).private_commit == 3


def test_the_old_style_shows_names_too() -> None:
    line = table([row(kind="Exe", name=r"\a.exe", protection="EXECUTE_WRITECOPY")], "old").splitlines()[1]
    assert line.endswith(r" Mapped  Exe  EXECUTE_WRITECOPY  \a.exe")


@pytest.mark.parametrize("style", STYLES)
def test_an_empty_table_has_totals(style: str) -> None:
    assert "Total VADs:" in table([], style)  # type: ignore[arg-type]
    assert totals([]).maximum_depth == 0


@pytest.mark.parametrize("style", STYLES)
def test_a_guest_cannot_steer_the_terminal(style: str) -> None:
    text = table([row(name="\\\x1b[2J\ud800\n.dll")], style)  # type: ignore[arg-type]
    assert "\x1b" not in text
    assert r"\�[2J��.dll" in text
    text.encode()


@pytest.mark.parametrize(
    ("build", "style"),
    [
        ("winxp-x64", "old"),
        ("win7sp1", "old"),
        ("win7sp1-x86", "old"),
        ("win8", "8.1"),
        ("win8.1", "8.1"),
        ("win10-1507", "10"),
        ("win11-24h2", "10"),
    ],
)
def test_each_build_has_a_style(build: str, style: str) -> None:
    assert style_of(build) == style


def test_json_has_page_numbers_and_addresses() -> None:
    (made,) = as_json([row()])
    assert (made["start_vpn"], made["start"], made["end"]) == (0x7FFF0, 0x7FFF0000, 0x7FFFFED3FFFF)
    assert (made["vad"], made["commit"], made["type"]) == ("0xffffe00000001000", -1, "Private")
