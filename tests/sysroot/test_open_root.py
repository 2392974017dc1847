"""Finding, checking and opening a root; every refusal is one line that names the file."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from small_root import MODULES, contents, make_root, make_tables, module
from synthetic_pe import LFANEW, patch, patch_directory, patch_section
from wowsim.errors import UsageError
from wowsim.sysroot import SystemRoot, open_root
from wowsim.sysroot.names import NAMED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def refusal(spec: str | Path) -> str:
    with pytest.raises(UsageError) as caught:
        open_root(spec)
    text = str(caught.value)
    assert "\n" not in text
    return text


# ------------------------------------------------------------ layouts
@pytest.mark.parametrize(
    "names", [("System32", "SysWOW64"), ("SYSTEM32", "syswow64"), ("system32", "SySwOw64")]
)
def test_windows_folder(tmp_path: Path, names: tuple[str, str]) -> None:
    root = open_root(make_root(tmp_path, names=names))
    assert (root.kind, root.version, root.name) == ("wine", "unknown", "wine-unknown")
    assert (root.system32, root.syswow64, root.nls) == (
        tmp_path / names[0],
        tmp_path / names[1],
        tmp_path / names[0],
    )


@pytest.mark.parametrize("name", ["Windows", "WINDOWS", "windows"])
def test_folder_with_a_windows_folder(tmp_path: Path, name: str) -> None:
    make_root(tmp_path / name)
    assert open_root(tmp_path).system32 == tmp_path / name / "System32"


@pytest.mark.parametrize(
    ("wide", "narrow", "nls"),
    [
        ("", "", "x86_64-windows"),
        ("", "", "share/wine/nls"),
        ("lib/wine/", "lib/wine/", "share/wine/nls"),
        ("lib64/wine/", "lib/wine/", "share/wine/nls"),
        ("usr/lib/x86_64-linux-gnu/wine/", "usr/lib/i386-linux-gnu/wine/", "usr/share/wine/nls"),
    ],
)
def test_wine_folders(tmp_path: Path, wide: str, narrow: str, nls: str) -> None:
    make_root(tmp_path, names=(f"{wide}x86_64-windows", f"{narrow}i386-windows"))
    if nls != "x86_64-windows":
        for table in (tmp_path / f"{wide}x86_64-windows").glob("*.nls"):
            table.unlink()
        make_tables(tmp_path / nls)
    root = open_root(tmp_path)
    assert (root.system32, root.syswow64) == (
        tmp_path / f"{wide}x86_64-windows",
        tmp_path / f"{narrow}i386-windows",
    )
    assert root.nls.resolve() == tmp_path / (f"{wide}x86_64-windows" if nls == "x86_64-windows" else nls)


def test_empty_folder_of_a_distribution_is_passed_over(tmp_path: Path) -> None:
    wide, narrow = "lib/x86_64-linux-gnu/wine", "lib/i386-linux-gnu/wine"
    make_root(tmp_path, names=(f"{wide}/x86_64-windows", f"{narrow}/i386-windows"))
    (tmp_path / wide / "i386-windows").mkdir()
    (tmp_path / narrow / "x86_64-windows").mkdir()
    assert open_root(tmp_path).syswow64 == tmp_path / narrow / "i386-windows"


def test_version_of_an_installation(tmp_path: Path) -> None:
    make_root(tmp_path, names=("lib/wine/x86_64-windows", "lib/wine/i386-windows"))
    unix = tmp_path / "lib" / "wine" / "x86_64-unix"
    unix.mkdir()
    (unix / "ntdll.so").write_bytes(b"\x7fELF...\0wine-9.0.1 (Debian 9.0.1~repack-1)\0")
    root = open_root(tmp_path)
    assert (root.kind, root.version, root.name) == ("wine", "9.0.1", "wine-9.0.1")


def test_windows_modules(tmp_path: Path) -> None:
    root = open_root(make_root(tmp_path, wine=False))
    assert (root.kind, root.version) == ("windows", "unknown")


def test_windows_keeps_sorting_tables_elsewhere(tmp_path: Path) -> None:
    make_root(tmp_path / "Windows", wine=False)
    (tmp_path / "Windows" / "System32" / "sortdefault.nls").unlink()
    sorting = tmp_path / "Windows" / "Globalization" / "Sorting"
    sorting.mkdir(parents=True)
    (sorting / "SortDefault.nls").write_bytes(b"sorted")
    assert open_root(tmp_path).read_nls("sortdefault.nls") == b"sorted"


# ------------------------------------------------------------ reading
def test_files_are_found_in_any_case(tmp_path: Path) -> None:
    root = open_root(make_root(tmp_path))
    assert root.read("NTDLL.dll", 64) == contents(64, "ntdll.dll")
    assert root.read("ntdll.DLL", 32) == contents(32, "ntdll.dll")
    (tmp_path / "System32" / "Folder.dll").mkdir()
    assert root.find("folder.dll", 64) is None


@pytest.mark.parametrize(
    "name", ["../System32/ntdll.dll", "..", ".", "", "/etc/passwd", "a\0b", "none.dll", "n" * 5000, "\udc80"]
)
def test_a_name_does_not_leave_the_folder(tmp_path: Path, name: str) -> None:
    root = open_root(make_root(tmp_path))
    assert root.find(name, 32) is None
    with pytest.raises(UsageError, match="has no"):
        root.read(name, 32)


# ------------------------------------------------------------ names and folders
def test_name_that_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WOWSIM_CACHE", str(tmp_path))
    assert refusal("wine") == "system root wine-8.0 is not fetched; type: wowsim sysroot fetch wine"
    assert refusal("wine-10.0").endswith("type: wowsim sysroot fetch wine-10.0")


def test_a_name_is_a_name_whatever_is_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WOWSIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    make_root(tmp_path / "wine")
    assert "not fetched" in refusal("wine")
    assert open_root("./wine").system32 == tmp_path / "wine" / "System32"


def test_fetched_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WOWSIM_CACHE", str(tmp_path))
    folder = make_root(tmp_path / "roots" / "wine-8.0")
    assert "not fetched" in refusal("wine")  # without its mark it is no prepared root
    (folder / "wowsim-root.json").write_text('{"name": "wine-8.0", "version": "8.0"}')
    for spec in ("wine", "wine-8.0", folder):
        root = open_root(spec)
        assert (root.name, root.kind, root.version) == ("wine-8.0", "wine", "8.0")


@pytest.mark.parametrize(
    "mark", ["", "[", "[1]", "\ud800".encode("utf-16-le", "surrogatepass").decode("latin-1")]
)
def test_unreadable_mark(tmp_path: Path, mark: str) -> None:
    make_root(tmp_path)
    (tmp_path / "wowsim-root.json").write_text(mark)
    assert "wowsim-root.json" in refusal(tmp_path)


@pytest.mark.parametrize("spec", ["", "a\0b", "nothing", "wine-9.0"])
def test_neither_folder_nor_name(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal(spec) == f"system root {spec!r} is neither a folder nor one of: wine, wine-8.0, wine-10.0"


def test_folders_that_are_no_root(tmp_path: Path) -> None:
    assert "is not there; expected System32" in refusal(tmp_path / "none")
    assert "has neither System32 nor SysWOW64; expected" in refusal(tmp_path)
    assert "is not there" in refusal(tmp_path / ("n" * 5000))
    (tmp_path / "file").write_bytes(b"")
    assert "is no folder" in refusal(tmp_path / "file")
    (tmp_path / "Sys" / "SYSTEM32").mkdir(parents=True)
    assert "has SYSTEM32 but no SysWOW64" in refusal(tmp_path / "Sys")
    (tmp_path / "wine" / "i386-windows").mkdir(parents=True)
    assert "has i386-windows but no x86_64-windows" in refusal(tmp_path / "wine")


# ------------------------------------------------------------ missing and damaged files
FOLDERS = {64: "System32", 32: "SysWOW64"}


@pytest.mark.parametrize(("bits", "name"), [(bits, name) for bits in (64, 32) for name in MODULES[bits]])
def test_missing_module(tmp_path: Path, bits: int, name: str) -> None:
    path = make_root(tmp_path) / FOLDERS[bits] / name
    path.unlink()
    text = refusal(tmp_path)
    assert f"has no {name}" in text
    assert text.endswith(f"expected {path}")


def test_missing_import_names_who_wants_it(tmp_path: Path) -> None:
    (make_root(tmp_path) / "System32" / "win32u.dll").unlink()
    assert "has no win32u.dll, which wow64win.dll imports" in refusal(tmp_path)


@pytest.mark.parametrize(
    "name", ["locale.nls", "l_intl.nls", "c_1252.nls", "c_437.nls", "c_20127.nls", "sortdefault.nls"]
)
def test_missing_table(tmp_path: Path, name: str) -> None:
    (make_root(tmp_path) / "System32" / name).unlink()
    assert f"has no {name}; expected" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("bits", "found"),
    [(64, "i386 (machine 14Ch); expected x86-64"), (32, "x86-64 (machine 8664h); expected i386")],
)
@pytest.mark.parametrize("name", ["ntdll.dll"])
def test_wrong_machine(tmp_path: Path, bits: int, found: str, name: str) -> None:
    path = make_root(tmp_path) / FOLDERS[bits] / name
    path.write_bytes(contents(96 - bits, name))
    text = refusal(tmp_path)
    assert text.startswith(f"{path} is a module for {found}")


def damage(data: bytes) -> dict[str, tuple[bytes, str]]:
    """What is wrong -> the bytes, and words of the refusal."""
    return {
        "empty": (b"", "is no Windows module (PE): it is empty"),
        "text": (b"hello" * 50, "it starts with 68 65, expected 4d 5a"),
        "zeros": (bytes(len(data)), "it starts with 00 00"),
        "dos only": (data[:0x40], "is truncated: its PE header is at 80h, but the file ends at 40h"),
        "headers cut": (data[: LFANEW + 100], "is truncated: its headers end at"),
        "sections cut": (
            data[:0x500],
            "is truncated: section '.text' ends at A00h, but the file ends at 500h",
        ),
        "no signature": (
            data[:LFANEW] + b"NE\0\0" + data[LFANEW + 4 :],
            "found 4e 45 00 00 at 80h, expected",
        ),
        "far header": (
            data[:0x3C] + struct.pack("<I", 0xFFFFFFF0) + data[0x40:],
            "its PE header is at FFFFFFF0h",
        ),
        "magic": (patch(data, Magic=0x107), "its optional header has magic 107h"),
        "no optional header": (patch(data, SizeOfOptionalHeader=0), "magic 0h and 0 bytes"),
        "sections": (patch(data, NumberOfSections=0xFFFF), "has 65535 sections; expected at most"),
        "section outside": (
            patch_section(data, 1, VirtualAddress=0xFFFFF000),
            "section '.data' lies at FFFFF000h to",
        ),
        "raw data outside": (patch_section(data, 0, PointerToRawData=0xFFFFFF00), "section '.text' ends at"),
        "directory outside": (
            patch_directory(data, 0, 0x7FFF0000, 64),
            "directory 0 lies at 7FFF0000h to 7FFF0040h",
        ),
        "directories": (patch(data, NumberOfRvaAndSizes=0xFFFFFFFF, SizeOfImage=0x1000), "outside its image"),
        "machine": (patch(data, Machine=0xAA64), "ARM64 (machine AA64h); expected"),
        "unknown machine": (patch(data, Machine=1), "an unknown machine (machine 1h); expected"),
    }


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("what", damage(contents(64, "ntdll.dll")))
def test_damaged_module(tmp_path: Path, bits: int, what: str) -> None:
    path = make_root(tmp_path) / FOLDERS[bits] / "ntdll.dll"
    data, words = damage(contents(bits, "ntdll.dll"))[what]
    path.write_bytes(data)
    text = refusal(tmp_path)
    assert str(path) in text
    assert words in text


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.symlink_to("/dev/zero")])
def test_module_that_is_no_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = make_root(tmp_path) / "System32" / "wow64.dll"
    path.unlink()
    make(path)
    assert "has no wow64.dll" in refusal(tmp_path)


def test_files_that_would_take_all_memory(tmp_path: Path) -> None:
    wide = make_root(tmp_path) / "System32"
    root = open_root(tmp_path)
    for name in ("locale.nls", "other.dll", "wow64.dll"):
        with open(wide / name, "ab") as file:
            file.truncate(1 << 40)  # a hole
    with pytest.raises(UsageError, match="has 1099511627776 bytes; expected at most 1073741824"):
        root.read_nls("locale.nls")
    with pytest.raises(UsageError, match="has 1099511627776 bytes; expected at most 1073741824"):
        root.read("other.dll", 64)
    assert f"{wide / 'wow64.dll'} has 1099511627776 bytes" in refusal(tmp_path)


def test_module_that_is_a_link(tmp_path: Path) -> None:
    """What a mount does not show to the guest is not there; links of whole folders are followed."""
    wide = make_root(tmp_path / "root") / "System32"
    (wide / "wow64.dll").rename(wide / "other.dll")
    (wide / "wow64.dll").symlink_to("other.dll")
    (tmp_path / "linked").mkdir()
    for folder in ("System32", "SysWOW64"):
        (tmp_path / "linked" / folder).symlink_to(tmp_path / "root" / folder)
    open_root(tmp_path / "linked")
    (wide / "other.dll").rename(tmp_path / "other.dll")
    (wide / "wow64.dll").unlink()
    (wide / "wow64.dll").symlink_to(tmp_path / "other.dll")
    assert f"{wide / 'wow64.dll'} is a link that leads out of its folder" in refusal(tmp_path / "root")


@pytest.mark.parametrize("name", ["", "\x01", "\xff.dll"])
def test_imports_without_a_name(tmp_path: Path, name: str) -> None:
    path = make_root(tmp_path) / "SysWOW64" / "kernelbase.dll"
    path.write_bytes(module(32, imports=[name]))
    assert refusal(tmp_path) == f"{path} is damaged: it imports a module named {name!r}"


def test_imports_without_end(tmp_path: Path) -> None:
    (make_root(tmp_path) / "System32" / "wow64.dll").write_bytes(
        module(64, imports=[f"ntdll.dll{'x' * i}" for i in range(400)])
    )
    assert "has no ntdll.dllx" in refusal(tmp_path)


# ------------------------------------------------------------ real ones
def test_real_root(wine_root: SystemRoot) -> None:
    assert (wine_root.kind, wine_root.name) == ("wine", f"wine-{wine_root.version}")
    assert wine_root.version == NAMED[wine_root.name].version
    assert wine_root.read("ntdll.dll", 64) != wine_root.read("NTDLL.DLL", 32)
    assert wine_root.find("zlib1.dll", 64)
    assert wine_root.find("zlib1.dll", 32)
    assert not wine_root.find("libntdll.a", 64)
