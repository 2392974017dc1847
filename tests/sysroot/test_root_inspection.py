"""Looking at every file of a root: it does not stop at the first thing that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from small_root import SERVICES, contents, make_root, module
from synthetic_pe import CODE, COM_DESCRIPTOR, PAGE, Part, make_pe, patch, patch_directory, symbol_table
from wowsim.errors import UsageError
from wowsim.sysroot.inspection import Inspection, inspect_root

if TYPE_CHECKING:
    from pathlib import Path


def known(name: str) -> bool:
    return name in SERVICES


def problems(folder: Path) -> list[str]:
    return inspect_root(folder, known).problems


def with_symbols(bits: int) -> bytes:
    table, number = symbol_table([("_start", 0, 1, 0x20, 2)])
    data = make_pe([Part(".text", b"\xc3" * 16, CODE)], bits=bits)
    return patch(data, PointerToSymbolTable=len(data), NumberOfSymbols=number) + table


def test_whole_root(tmp_path: Path) -> None:
    found = inspect_root(make_root(tmp_path), known)
    assert found.problems == found.notes == []
    assert (found.root.name, found.root.kind) == ("wine-unknown", "wine")
    assert found.modules == {64: 6, 32: 3}
    assert found.with_symbols == {64: 0, 32: 0}
    assert found.tables == 7
    assert found.services == {"ntdll.dll (64-bit)": 2, "win32u.dll (64-bit)": 1, "ntdll.dll (32-bit)": 2}
    assert found.unknown == ["NtUserGetDC"]
    assert found.versions == dict.fromkeys(
        ("ntdll.dll (64-bit)", "wow64.dll (64-bit)", "ntdll.dll (32-bit)", "kernel32.dll (32-bit)"), "none"
    )


def test_symbols_are_counted_and_missed(tmp_path: Path) -> None:
    make_root(tmp_path)
    whole = with_symbols(32)
    (tmp_path / "SysWOW64" / "with.dll").write_bytes(whole)
    assert inspect_root(tmp_path, known).with_symbols == {64: 0, 32: 1}
    (tmp_path / "SysWOW64" / "with.dll").write_bytes(whole[:-20])
    assert problems(tmp_path) == [
        f"{tmp_path / 'SysWOW64' / 'with.dll'} is truncated: its symbols lie beyond its end of {len(whole) - 20:X}h"
    ]


def test_every_problem_is_told(tmp_path: Path) -> None:
    make_root(tmp_path)
    wide, narrow = tmp_path / "System32", tmp_path / "SysWOW64"
    (wide / "wow64.dll").unlink()
    (narrow / "kernel32.dll").write_bytes(contents(64, "win32u.dll"))
    (narrow / "broken.dll").write_bytes(b"")
    (wide / "other.exe").write_bytes(module(32))
    (wide / "c_437.nls").write_bytes(b"\x0d\0\xe4\x04")
    (wide / "c_20127.nls").write_bytes(b"")
    (wide / "l_intl.nls").unlink()
    found = "\n".join(problems(tmp_path)).splitlines()
    assert len(found) == 7
    for words in (
        "has no wow64.dll",
        f"{narrow / 'kernel32.dll'} is a module for x86-64",
        f"{narrow / 'broken.dll'} is no Windows module (PE): it is empty",
        f"{wide / 'other.exe'} is a module for i386",
        f"{wide / 'c_437.nls'} is damaged: it starts with 0d 00 e4 04; expected the table of code page 437",
        f"{wide / 'c_20127.nls'} is empty",
        "has no l_intl.nls",
    ):
        assert sum(words in line for line in found) == 1, words


@pytest.mark.parametrize("name", ["ntdll.dll", "win32u.dll"])
def test_stubs_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    path = make_root(tmp_path) / "System32" / name
    path.write_bytes(module(64, exports={"NtClose": b"\x90\xc3"}))
    assert len(problems(tmp_path)) == 1
    assert problems(tmp_path)[0].startswith(f"{path}: {name} (64-bit) has no stub")


def test_damage_that_headers_do_not_show(tmp_path: Path) -> None:
    path = make_root(tmp_path) / "SysWOW64" / "kernelbase.dll"
    path.write_bytes(patch_directory(path.read_bytes(), 5, PAGE, 8))  # relocations that are none
    assert len(problems(tmp_path)) == 1
    assert str(path) in problems(tmp_path)[0]


def test_managed_modules_may_lie_anywhere(tmp_path: Path) -> None:
    make_root(tmp_path)
    managed = patch_directory(make_pe([Part(".text", b"\xc3" * 0x80, CODE)]), COM_DESCRIPTOR, PAGE, 72)
    (tmp_path / "System32" / "managed.dll").write_bytes(managed)
    assert problems(tmp_path) == []
    (tmp_path / "System32" / "ntdll.dll").write_bytes(managed)
    assert any("ntdll.dll is a module for i386" in line for line in problems(tmp_path))


def test_what_wowsim_cannot_use_is_a_note(tmp_path: Path) -> None:
    path = make_root(tmp_path) / "System32" / "low.sys"
    path.write_bytes(make_pe([Part(".text", b"\xc3", CODE)], bits=64, SectionAlignment=0x200))
    found = inspect_root(tmp_path, known)
    assert found.problems == []
    assert len(found.notes) == 1
    assert found.notes[0].startswith(f"{path}: low.sys is a low-alignment image")


def test_files_that_are_no_modules(tmp_path: Path) -> None:
    wide = make_root(tmp_path) / "System32"
    for name in ("readme.txt", "table.tlb", "ntdll"):
        (wide / name).write_bytes(b"text")
    (wide / "drivers.sys").mkdir()
    (wide / "endless.dll").symlink_to("/dev/zero")
    assert inspect_root(tmp_path, known).modules == {64: 6, 32: 3}


def test_no_root_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has neither System32 nor SysWOW64"):
        inspect_root(tmp_path, known)


def test_ntdll_that_cannot_be_read(tmp_path: Path) -> None:
    (make_root(tmp_path) / "System32" / "ntdll.dll").write_bytes(b"MZ")
    found: Inspection = inspect_root(tmp_path, known)
    assert found.root.name == str(tmp_path)
    assert found.problems
