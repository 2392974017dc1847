"""A root that is broken or hostile: one line before anything runs, or a run that ends like any other."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

import wowsim
from roots import fetched
from small_root import ENTRIES, MODULES, SERVICES, contents, make_root, module, stub
from synthetic_pe import (
    BASERELOC,
    EXPORT,
    LFANEW,
    PAGE,
    patch,
    patch_directory,
    patch_section,
)
from wowsim.cli import main
from wowsim.errors import UsageError, WowsimError
from wowsim.image.pe_file import MAX_SECTIONS

HELLO = str(Path(__file__).parent.parent.parent / "fixtures" / "bin" / "helloworld.exe")
FOLDERS = {64: "System32", 32: "SysWOW64"}


def refused(capfd: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line of a run that does not begin."""
    assert main([*words]) == 125
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("wowsim: ")
    assert err.count("\n") == 1
    return err


def ntdll(
    bits: int, *, without: str = "", relocations: dict[int, list[int]] | None = None, **exports: bytes
) -> bytes:
    """An ntdll that lacks an export, has others, or is relocated in a way of its own."""
    every = {entry: b"\xc3" + bytes(0xFF) for entry in ENTRIES}
    every |= {service: stub(bits, number) for service, number in SERVICES.items()}
    every |= exports
    found = {name: code for name, code in sorted(every.items()) if name != without}
    return module(bits, exports=found, relocations=relocations)


# ------------------------------------------------------------ one line
@pytest.mark.parametrize(("bits", "name"), [(bits, name) for bits in (64, 32) for name in MODULES[bits]])
def test_missing_module(tmp_path: Path, capfd: pytest.CaptureFixture[str], bits: int, name: str) -> None:
    path = make_root(tmp_path) / FOLDERS[bits] / name
    path.unlink()
    text = refused(capfd, "run", "--sysroot", str(tmp_path), HELLO)
    assert f"has no {name}" in text
    assert f"expected {path}" in text


def test_modules_of_the_other_machine(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make_root(tmp_path)
    shutil.rmtree(tmp_path / "System32")
    shutil.copytree(tmp_path / "SysWOW64", tmp_path / "System32")
    text = refused(capfd, "run", "--sysroot", str(tmp_path), HELLO)
    assert (
        f"{tmp_path / 'System32' / 'ntdll.dll'} is a module for i386 (machine 14Ch); expected x86-64" in text
    )


@pytest.mark.parametrize(
    "words",
    [
        ["run", HELLO],
        ["trace", HELLO],
        ["vad", HELLO],
        ["vad", "--step", "TEB", HELLO],
        ["gdt"],
        ["services"],
        ["services", "--json"],
    ],
)
@pytest.mark.parametrize("root", ["truncated", "empty", "nothing", "unfetched"])
def test_every_command_refuses(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    root: str,
) -> None:
    monkeypatch.setenv("WOWSIM_CACHE", str(tmp_path / "cache"))
    folder = make_root(tmp_path / "truncated")
    cut = folder / "SysWOW64" / "ntdll.dll"
    cut.write_bytes(cut.read_bytes()[:0x480])
    (tmp_path / "empty").mkdir()
    spec = {"unfetched": "wine"}.get(root, str(tmp_path / root))
    said = {
        "truncated": f"{cut} is truncated: section '.text' ends at",
        "empty": "has neither System32 nor SysWOW64",
        "nothing": "is not there",
        "unfetched": "system root wine-8.0 is not fetched; type: wowsim sysroot fetch wine",
    }
    assert said[root] in refused(capfd, words[0], "--sysroot", spec, *words[1:])


def test_a_32_bit_windows_has_no_root(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make_root(tmp_path)
    text = refused(capfd, "run", "--build", "win7sp1-x86", "--sysroot", str(tmp_path), HELLO)
    assert "a system root is a 64-bit Windows, win7sp1-x86 has 32 bits" in text


@pytest.mark.parametrize("sysroot", [3, b"wine", ["wine"]])
def test_roots_that_are_no_names(sysroot: object) -> None:
    with pytest.raises(UsageError, match="expected a name or the path of a folder"):
        wowsim.Simulation(sysroot=sysroot)  # type: ignore[arg-type]


def hostile(bits: int) -> dict[str, tuple[bytes, str]]:
    """What is wrong with an ntdll whose headers may be in order -> its bytes, and words of the refusal."""
    whole = contents(bits, "ntdll.dll")
    return {
        "no entry": (
            ntdll(bits, without="LdrInitializeThunk"),
            "does not export LdrInitializeThunk; expected",
        ),
        "no block": (ntdll(bits, without="LdrSystemDllInitBlock"), "does not export LdrSystemDllInitBlock"),
        "no exports": (patch_directory(whole, EXPORT, 0, 0), "does not export LdrInitializeThunk"),
        "exports outside": (patch_directory(whole, EXPORT, 0x7FFFF000, 40), "directory 0 lies at 7FFFF000h"),
        "exports at the end": (patch_directory(whole, EXPORT, 0x2FF8, 8), "ntdll.dll"),
        "exports in code": (patch_directory(whole, EXPORT, PAGE, 40), "ntdll.dll"),
        "relocations in code": (patch_directory(whole, BASERELOC, PAGE, 0x100), "ntdll.dll"),
        "no relocations": (patch(whole, Characteristics=0x2103), "has no relocations"),
        "sections": (
            patch(whole, NumberOfSections=0xFFFF),
            f"65535 sections; expected at most {MAX_SECTIONS}",
        ),
        "many sections": (patch(whole, NumberOfSections=40), "ntdll.dll"),
        "a large image": (patch(whole, SizeOfImage=0x7FFFF000), "SizeOfImage is 7FFFF000h"),
        "a section over the headers": (patch_section(whole, 0, VirtualAddress=0), "ntdll.dll"),
        "sections one over the other": (patch_section(whole, 1, VirtualAddress=PAGE), "ntdll.dll"),
        "alignment": (patch(whole, SectionAlignment=3), "low-alignment"),
        "not executable": (patch(whole, Characteristics=0x2000), "EXECUTABLE_IMAGE"),
        "wide numbers": (
            ntdll(bits, NtClose=b"\x90\xc3", NtOpenFile=b"\x90\xc3"),
            "no stub whose service number can be read",
        ),
        "two numbers": (
            ntdll(bits, ZwClose=stub(bits, 0x77)),
            "two stubs for NtClose, with numbers Fh and 77h",
        ),
    }


@pytest.mark.parametrize("bits", [64, 32])
@pytest.mark.parametrize("what", hostile(64))
def test_hostile_ntdll(tmp_path: Path, bits: int, what: str) -> None:
    data, words = hostile(bits)[what]
    path = make_root(tmp_path) / FOLDERS[bits] / "ntdll.dll"
    path.write_bytes(data)
    with pytest.raises(WowsimError) as caught:
        wowsim.Simulation(sysroot=tmp_path)
    text = str(caught.value)
    assert words in text
    assert str(path) in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (contents(64, "wow64.dll"), "has no section .apiset"),
        (patch_section(contents(64, "apisetschema.dll"), 2, VirtualSize=0x7FFFF000), ".apiset"),
    ],
)
def test_hostile_api_sets(tmp_path: Path, data: bytes, words: str) -> None:
    path = make_root(tmp_path) / "System32" / "apisetschema.dll"
    path.write_bytes(data)
    with pytest.raises(WowsimError) as caught:
        wowsim.Simulation(sysroot=tmp_path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


# ------------------------------------------------------------ whatever it is, it ends
def ends(root: Path) -> str:
    """How a program fares with a root; anything but wowsim's own errors is a bug."""
    try:
        with wowsim.Simulation(sysroot=root) as sim:
            sim.load(HELLO)
            return sim.run(limit=200_000, trace="calls").reason.name
    except WowsimError:
        return "refused"


def test_modules_that_do_nothing(tmp_path: Path) -> None:
    assert ends(make_root(tmp_path)) == "UNHANDLED_EXCEPTION"


@pytest.mark.parametrize("seed", range(40))
def test_damaged_headers(tmp_path: Path, seed: int) -> None:
    chosen = random.Random(seed)
    root = make_root(tmp_path)
    for bits in (64, 32):
        for name in chosen.sample(list(MODULES[bits]), 2):
            data = bytearray(contents(bits, name))
            for _ in range(chosen.choice((1, 2, 8))):
                at = chosen.randrange(LFANEW, LFANEW + 0x1A0)
                data[at] = chosen.choice((0, 1, 0x7F, 0x80, 0xFF, chosen.randrange(256)))
            (root / FOLDERS[bits] / name).write_bytes(data[: chosen.choice((len(data), len(data), 0x700))])
    ends(root)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_real_modules(tmp_path: Path, seed: int) -> None:
    """The real ntdlls with some bytes changed anywhere; the rest of the root is whole."""
    whole, chosen = fetched("wine"), random.Random(seed)
    for bits in (64, 32):
        (tmp_path / FOLDERS[bits]).mkdir()
        for name in MODULES[bits]:
            shutil.copy(whole.folder(bits) / name, tmp_path / FOLDERS[bits])
        data = bytearray(whole.read("ntdll.dll", bits))
        for _ in range(400):
            data[chosen.randrange(0x1000, 0x80000)] = chosen.randrange(256)
        (tmp_path / FOLDERS[bits] / "ntdll.dll").write_bytes(data)
    for table in whole.nls.glob("*.nls"):
        shutil.copy(table, tmp_path / "System32")
    ends(tmp_path)
