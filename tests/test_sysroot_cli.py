"""``wowsim sysroot``: what it prints, and its exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from small_root import make_root
from wowsim.cli import main
from wowsim.sysroot import SystemRoot, apt, prepared

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("WOWSIM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def prepare(cache: Path, name: str) -> Path:
    folder = make_root(cache / "roots" / name)
    mark = {
        "name": name,
        "version": name[5:],
        "suite": "bookworm",
        "packages": "libwine 8.0~repack-4 (amd64)",
    }
    (folder / "wowsim-root.json").write_text(json.dumps(mark))
    return folder


def sysroot(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["sysroot", *words])
    out, err = capsys.readouterr()
    return code, out, err


# ------------------------------------------------------------ list
def test_list(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = prepare(cache, "wine-8.0")
    code, out, err = sysroot(capsys, "list")
    assert (code, err) == (0, "")
    assert out == (
        "wine-8.0   Wine 8.0    libwine 8.0~repack-4 (amd64)\n"
        f"           {folder}\n"
        "wine-10.0  Wine 10.0   trixie\n"
        "           not fetched; type: wowsim sysroot fetch wine-10.0\n"
    )


def test_list_as_json(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = prepare(cache, "wine-8.0")
    first, second = json.loads(sysroot(capsys, "list", "--json")[1])
    assert first == {
        "name": "wine-8.0",
        "alias": "wine",
        "version": "8.0",
        "suite": "bookworm",
        "packages": "libwine 8.0~repack-4 (amd64)",
        "fetched": True,
        "path": str(folder),
    }
    assert (second["name"], second["fetched"], second["packages"]) == ("wine-10.0", False, None)
    assert second["path"] == str(cache / "roots" / "wine-10.0")


# ------------------------------------------------------------ check
def test_check(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = prepare(cache, "wine-8.0")
    code, out, err = sysroot(capsys, "check")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "wine-8.0: wine 8.0"
    assert f"     6 64-bit modules, 0 with symbols: {folder / 'System32'}" in lines
    assert "     2 service numbers in ntdll.dll (64-bit)" in lines
    assert lines[-1] == "in order"
    assert "does not know" not in out


def test_check_of_a_broken_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (make_root(tmp_path) / "SysWOW64" / "kernel32.dll").unlink()
    code, out, err = sysroot(capsys, "check", str(tmp_path))
    assert (code, err) == (1, "")
    assert [line for line in out.splitlines() if line.startswith("broken: ")] == [out.splitlines()[-1]]
    assert "has no kernel32.dll" in out
    code, out, err = sysroot(capsys, "check", "--json", str(tmp_path))
    assert (code, err) == (1, "")
    found = json.loads(out)
    assert len(found["problems"]) == 1
    assert found["modules"] == {"x86-64": 6, "i386": 2}
    assert found["services"] == {"ntdll.dll (64-bit)": 2, "win32u.dll (64-bit)": 1, "ntdll.dll (32-bit)": 2}
    assert found["unknown_services"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check"], "system root wine-8.0 is not fetched; type: wowsim sysroot fetch wine"),
        (
            ["check", "nothing"],
            "system root 'nothing' is neither a folder nor one of: wine, wine-8.0, wine-10.0",
        ),
        (["fetch", "wine-9"], "there is no system root named 'wine-9'; known: wine, wine-8.0, wine-10.0"),
        (["fetch", "wine", "--mirror", "here"], "mirror 'here' is no address"),
    ],
)
def test_refusals(
    cache: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    said: str,
) -> None:
    monkeypatch.setattr(apt, "_check_tools", lambda: None)
    code, out, err = sysroot(capsys, *words)
    assert (code, out) == (125, "")
    assert err.startswith(f"wowsim: {said}")
    assert err.count("\n") == 1
    assert not list(cache.rglob(".fetch*"))


def test_fetch_of_what_is_there(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = prepare(cache, "wine-8.0")
    code, out, err = sysroot(capsys, "fetch", "wine")
    assert (code, out) == (0, f"{folder}\n")
    assert err.splitlines() == [
        f"wowsim: wine-8.0 is there already: {folder}",
        "wowsim: Wine is free software under the LGPL 2.1 or later; the packages and their sources are Debian's",
    ]
    assert prepared("wine-10.0") is None


# ------------------------------------------------------------ real ones
def test_real_root_is_in_order(wine_root: SystemRoot, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = sysroot(capsys, "check", "--json", wine_root.name)
    found = json.loads(out)
    assert (code, found["problems"], found["notes"]) == (0, [], [])
    assert found["with_symbols"]["i386"] > 700
    assert found["services"]["ntdll.dll (64-bit)"] > 230
    # names of Windows' own WoW64, or of its graphics kernel
    assert all(name.startswith(("NtWow64", "NtGdiDdDDI")) for name in found["unknown_services"])
