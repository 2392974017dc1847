"""``wowsim vad``: the published tables, the modules of the second seed, every build, and refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from wowsim.cli import main
from wowsim.memory.creation import STEPS
from wowsim.memory.layout import LAYOUTS

if TYPE_CHECKING:
    from collections.abc import Callable

BIN = Path(__file__).parent.parent / "fixtures" / "bin"
HELLO = str(BIN / "helloworld.exe")

IMAGE = ["c40", "cf2", "Mapped", "Exe", "EXECUTE_WRITECOPY", r"\app\helloworld.exe"]
KUSER = ["7ffe0", "7ffe0", "1", "Private", "READONLY"]
REST = ["7ffe1", "7ffef", "-1", "Private", "READONLY"]
NTDLL = ["7ffffed40", "7ffffef1f", "Mapped", "Exe", "EXECUTE_WRITECOPY", r"\Windows\System32\ntdll.dll"]
LOCKED = [
    ["7fff0", "7ffffed3f", "-1", "Private", "READONLY"],
    ["7ffffef20", "7ffffffef", "-1", "Private", "READONLY"],
]


@pytest.fixture
def vad(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs the command; its exit code must be 0; the result is its output."""

    def call(*words: str) -> str:
        assert main(["vad", *words]) == 0
        return capsys.readouterr().out

    return call


def lines(text: str) -> list[list[str]]:
    """Start, end and the rest of each row; the commit of images, which depends on their sections, is left out."""
    rows = []
    for line in text.split("\n\n")[0].splitlines()[1:]:
        _, _, start, end, *rest = line.replace("(", " ").replace(")", " ").split()
        rows.append([start, end, *(rest[1:] if "Exe" in rest else rest)])
    return rows


@pytest.mark.parametrize("step", ["MiInitializeUserNoAccess", "MmInitializeUserNoAccess"])
def test_the_published_table_after_the_lockdown(vad: Callable[..., str], step: str) -> None:
    text = vad("--build", "win8.1", "--step", step, HELLO)
    rows = lines(text)
    ntdll32 = rows.pop(1)
    assert ntdll32[-1] == r"\Windows\SysWOW64\ntdll.dll"
    assert int(ntdll32[1], 16) < 0x7FFE0
    assert rows == [IMAGE, KUSER, REST, LOCKED[0], NTDLL, LOCKED[1]]
    assert text.splitlines()[0] == "VAD           Level     Start       End Commit"
    assert "Total VADs: 7, average level: 2, maximum depth: 3\nTotal private commit: 0x" in text


@pytest.mark.parametrize("step", ["PspMapSystemDlls", "PsMapSystemDlls"])
def test_the_table_with_both_ntdlls(vad: Callable[..., str], step: str) -> None:
    rows = lines(vad("--build", "win8.1", "--step", step, HELLO))
    assert [rows[0], *rows[2:]] == [IMAGE, KUSER, REST, NTDLL]
    assert rows[1][-1] == r"\Windows\SysWOW64\ntdll.dll"


def test_the_table_before_the_ntdlls(vad: Callable[..., str]) -> None:
    assert lines(vad("--build", "win8.1", "--step", "MmInitializeProcessAddressSpace", HELLO)) == [
        IMAGE,
        KUSER,
        REST,
    ]


def test_windows_7_has_its_modules_where_the_second_seed_has_them(vad: Callable[..., str]) -> None:
    rows = json.loads(vad("--build", "win7sp1", "--json", str(BIN / "createfile.exe")))
    modules = {row["name"]: (row["start"], row["end"] + 1) for row in rows if row["type"] == "Exe"}
    assert modules == {
        r"\app\createfile.exe": (0x200000, 0x206000),
        r"\Windows\System32\ntdll.dll": (0x775F0000, 0x77798000),
        r"\Windows\SysWOW64\ntdll.dll": (0x777D0000, 0x77950000),
        r"\Windows\System32\wow64.dll": (0x738C0000, 0x738FF000),
        r"\Windows\System32\wow64win.dll": (0x73860000, 0x738BC000),
        r"\Windows\System32\wow64cpu.dll": (0x73850000, 0x73858000),
        r"\Windows\SysWOW64\kernel32.dll": (0x75840000, 0x75950000),
        r"\Windows\SysWOW64\KERNELBASE.dll": (0x77330000, 0x77377000),
    }
    reserved = {row["start"]: row["end"] + 1 for row in rows if row["protection"] == "NO_ACCESS"}
    assert reserved == {0x773D0000: 0x774EF000, 0x774F0000: 0x775EA000}


@pytest.mark.parametrize("build", LAYOUTS)
def test_every_build_lays_a_process_out(vad: Callable[..., str], build: str) -> None:
    listed = vad("--step", "list", "--build", build).split()
    assert listed[:2] == ["MmInitializeProcessAddressSpace", "PspMapSystemDlls"]
    assert listed == [step for step in STEPS if step in listed]
    assert ("MiInitializeUserNoAccess" in listed) == (not build.endswith("x86"))
    sizes = [
        len(json.loads(vad("--build", build, "--json", "--step", step, HELLO))) for step in listed[1:-1:3]
    ]
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[0]


@pytest.mark.parametrize(
    ("build", "header"),
    [
        ("win7sp1", "VAD             level      start      end    commit"),
        ("win7sp1-x86", "VAD     level      start      end    commit"),
        ("win10-22h2", "VAD             Level         Start             End              Commit"),
    ],
)
def test_the_style_is_the_builds(vad: Callable[..., str], build: str, header: str) -> None:
    assert vad("--build", build, "--step", "heap", HELLO).splitlines()[0] == header


def test_another_style_can_be_had(vad: Callable[..., str]) -> None:
    assert "Total shared commit:" in vad("--style", "10", "--step", "heap", HELLO)


def test_the_picture(vad: Callable[..., str], tmp_path: Path) -> None:
    target = tmp_path / "tree.svg"
    text = vad("--build", "win8.1", "--step", "MiInitializeUserNoAccess", "--svg", str(target), HELLO)
    drawn = target.read_text(encoding="utf-8")
    assert ElementTree.fromstring(drawn).findtext("{http://www.w3.org/2000/svg}title") == (
        "helloworld.exe on win8.1: MiInitializeUserNoAccess"
    )
    assert all(f">{row[0]}-{row[1]}<" in drawn for row in lines(text))
    assert vad("--build", "win8.1", "--step", "MiInitializeUserNoAccess", "--svg", "-", HELLO) == drawn


def test_what_follows_the_program_is_the_guests(vad: Callable[..., str]) -> None:
    args = [str(BIN / "args.exe"), "--json", "x" * 9000]
    assert vad("--step", "parameters", *args).startswith("VAD")
    wide = json.loads(vad("--json", "--step", "parameters", *args))
    usual = json.loads(vad("--json", "--step", "parameters", args[0]))
    assert [row["commit"] for row in wide if row["cause"] == "parameters"] > [
        row["commit"] for row in usual if row["cause"] == "parameters"
    ]


def test_a_program_that_never_arrives_is_shown_where_it_stopped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wowsim.cli_vad._LIMIT", 100)
    assert main(["vad", HELLO]) == 0
    out, err = capsys.readouterr()
    assert r"\Windows\System32\wow64.dll" in out
    assert "did not reach its entry point: instruction limit" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--step", "lockdown", HELLO], "no step 'lockdown' in process creation; known: MmInitialize"),
        (["--step", "MiCfgInitializeProcess", HELLO], "win7sp1 has no step MiCfgInitializeProcess; it has:"),
        (["--build", "win9", HELLO], "no address-space layout for build 'win9'; known: winxp-x64"),
        (["--build", "win8.1"], "PROGRAM is missing"),
        (["--build", "win8.1", "no such file"], "there is no file 'no such file'"),
        (["--build", "win8.1", __file__], "test_vad_cli.py"),
        (["--sysroot", ".", HELLO], "neither System32 nor SysWOW64"),
        (
            ["--step", "heap", "--svg", "/no such folder/x.svg", HELLO],
            "'/no such folder/x.svg' cannot be written",
        ),
    ],
)
def test_refusals(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert main(["vad", *words]) == 125
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1 + err.count("stand-ins")


def test_two_runs_give_the_same_bytes(vad: Callable[..., str]) -> None:
    outputs: list[Any] = [vad("--json", HELLO) for _ in range(2)]
    assert outputs[0] == outputs[1]
    assert vad("--seed", "1", "--json", HELLO) != outputs[0]
