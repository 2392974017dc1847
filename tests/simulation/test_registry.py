"""``sim.registry``: contents of each build, names, text, snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import wowsim
from wowsim import Simulation
from wowsim.cpu.cpuid import answer
from wowsim.errors import UsageError
from wowsim.guest32 import codepages

if TYPE_CHECKING:
    from pathlib import Path

VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"


@pytest.fixture
def sim() -> Any:
    with Simulation() as made:
        yield made


def test_set_get_keys_values_delete(sim: Simulation) -> None:
    registry = sim.registry
    for name, value, kind, raw in (
        ("text", "a", None, (1, b"a\0\0\0")),
        ("expand", "%a%", "REG_EXPAND_SZ", (2, "%a%\0".encode("utf-16-le"))),
        ("number", 7, None, (4, b"\7\0\0\0")),
        ("big", 1 << 40, None, (11, (1 << 40).to_bytes(8, "little"))),
        ("small q", 1, "REG_QWORD", (11, (1).to_bytes(8, "little"))),
        ("many", ["a", "b"], None, (7, "a\0b\0\0".encode("utf-16-le"))),
        ("none", b"", "REG_NONE", (0, b"")),
        ("odd", b"abc", 1, (1, b"abc")),
        ("", b"abc", None, (3, b"abc")),
    ):
        registry.set(r"HKLM\SOFTWARE\A\B", name, value, kind=kind)
        assert registry.get(r"hkey_local_machine\software\a\b", name) == value
        assert registry.raw(r"\Registry\Machine\SOFTWARE\A\B", name) == raw
    assert list(registry.values(r"HKLM\SOFTWARE\A\B"))[:2] == ["text", "expand"]
    registry.add(r"HKLM\SOFTWARE\A\a")
    assert registry.keys(r"HKLM\SOFTWARE\A") == ["a", "B"]
    registry.delete(r"HKLM\SOFTWARE\A\B", "text")
    with pytest.raises(UsageError, match="no value 'text'"):
        registry.get(r"HKLM\SOFTWARE\A\B", "text")
    registry.delete(r"HKLM\SOFTWARE\A")
    assert not registry.exists(r"HKLM\SOFTWARE\A")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.get("x", "a"), "'x' is no key"),
        (lambda r: r.get(r"\REGISTRYX\a", "a"), "is no key"),
        (lambda r: r.get(3, "a"), "type int"),
        (lambda r: r.keys(r"HKLM\No"), "there is no key"),
        (lambda r: r.delete(r"HKLM\SOFTWARE"), "STATUS_CANNOT_DELETE"),
        (lambda r: r.delete(r"HKLM\No"), "there is no key"),
        (lambda r: r.add(r"HKLM\No"), "STATUS_INVALID_PARAMETER"),
        (lambda r: r.set(r"HKLM\SOFTWARE", "a", -1), "does not fit"),
        (lambda r: r.set(r"HKLM\SOFTWARE", "a", "x", kind="REG_DWORD"), "does not fit"),
        (lambda r: r.set(r"HKLM\SOFTWARE", "a", "x", kind="REG_TEXT"), "expected one of"),
        (lambda r: r.set(r"HKLM\SOFTWARE", "a" * 16384, "x"), "is no name"),
        (lambda r: r.set(r"HKLM\SOFTWARE", "a", bytes(70 << 20)), "STATUS_INSUFFICIENT_RESOURCES"),
        (lambda r: r.load("/no/such.reg"), "cannot be read"),
        (lambda r: r.load(4), "load"),
    ],
)  # fmt: skip
def test_mistakes_are_named(sim: Simulation, call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call(sim.registry)
    assert sim.registry.keys(r"HKLM\SOFTWARE")


@pytest.mark.parametrize("build", wowsim.builds())
def test_every_build_says_what_it_is(build: str) -> None:
    with Simulation(build) as sim:
        registry, found = sim.registry, sim.build
        assert registry.get(VERSION, "CurrentBuildNumber") == str(found.version[2])
        major = registry.values(VERSION).get("CurrentMajorVersionNumber")
        assert major == (10 if found.version[0] >= 10 else None)
        assert registry.values(VERSION).get("CSDVersion", "") == found.service_pack
        assert registry.exists(r"HKLM\SOFTWARE\Wow6432Node") == found.wow64
        control = r"HKLM\SYSTEM\CurrentControlSet\Control"
        pages = registry.values(control + r"\Nls\CodePage")
        assert (pages["ACP"], pages["OEMCP"]) == (codepages.ANSI[2:], codepages.OEM[2:])
        environment = registry.get(rf"{control}\Session Manager\Environment", "PROCESSOR_ARCHITECTURE")
        assert environment == ("AMD64" if found.wow64 else "x86")
        assert registry.get(r"HKCU\Volatile Environment", "USERNAME") == "user"


@pytest.mark.parametrize("vendor", ["intel", "amd"])
def test_the_processor_is_the_one_of_cpuid(vendor: str) -> None:
    _, ebx, ecx, edx = answer(0, 0, vendor)
    name = b"".join(part.to_bytes(4, "little") for part in (ebx, edx, ecx)).decode()
    signature = answer(1, 0, vendor)[0]
    family = (signature >> 8 & 15) + (signature >> 20 & 255 if signature >> 8 & 15 == 15 else 0)
    model = (signature >> 4 & 15) | (signature >> 12 & 0xF0)
    with Simulation(cpu_vendor=vendor) as sim:
        found = sim.registry.values(r"HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor\0")
    assert found["VendorIdentifier"] == name
    assert str(found["Identifier"]).endswith(f"Family {family} Model {model} Stepping {signature & 15}")


def test_links_and_users(sim: Simulation) -> None:
    registry = sim.registry
    assert registry.values(r"HKLM\SYSTEM\CurrentControlSet\Control\Nls\Language")["Default"] == "0409"
    registry.set(r"HKCU\Software\Classes\.x", "", "y")
    sids = [
        name for name in registry.keys("HKU") if name.startswith("S-1-5-21") and name.endswith("_Classes")
    ]
    assert registry.get(rf"HKU\{sids[0]}\.x") == "y"
    registry.set(r"HKLM\SOFTWARE\Wow6432Node\Classes\CLSID\{1}", "", "z")
    assert registry.get(r"HKCR\Wow6432Node\CLSID\{1}") == "z"


def test_the_same_seed_gives_the_same_registry() -> None:
    with Simulation(seed=3) as one, Simulation(seed=3) as two, Simulation(seed=4) as three:
        assert one.registry.save() == two.registry.save() != three.registry.save()


def test_text_is_loaded_and_saved(sim: Simulation, tmp_path: Path) -> None:
    registry = sim.registry
    text = (
        'Windows Registry Editor Version 5.00\n\n[HKEY_CURRENT_USER\\It]\n"a"=dword:5\n"b"="c"\n\n'
        '[HKEY_CURRENT_USER\\It\\Sub]\n@=hex(2):25,00\n\n[-HKEY_CURRENT_USER\\No]\n'
    )  # fmt: skip
    file = tmp_path / "it.reg"
    file.write_bytes(text.encode("utf-16"))
    for source in (text, file, str(file), file.read_bytes()):
        registry.load(source)
        saved = registry.save(r"HKCU\It")
        assert saved.startswith("Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\It]\r\n")
        registry.delete(r"HKCU\It")
        registry.load(saved)
        assert registry.values(r"HKCU\It") == {"a": 5, "b": "c"}
        assert registry.save(r"HKCU\It") == saved
        registry.load(
            'REGEDIT4\n[HKEY_CURRENT_USER\\It]\n"a"=-\n"x"=-\n[-HKCU\\It\\Sub]\n[HKCU\\No]\n[-HKCU\\No]'
        )
        assert registry.values(r"HKCU\It") == {"b": "c"}
        assert registry.keys(r"HKCU\It") == []
    before = registry.save()
    with pytest.raises(UsageError, match="no key"):
        registry.load("REGEDIT4\n[HKCU\\It\\new]\n[HKXX\\It]")
    assert registry.save() == before


def test_everything_is_saved_and_loaded(sim: Simulation) -> None:
    whole = sim.registry.save()
    with Simulation(seed=0) as other:
        for name in ("SOFTWARE", "SYSTEM"):
            for key in other.registry.keys(rf"HKLM\{name}"):
                other.registry.delete(rf"HKLM\{name}\{key}")
        other.registry.load(whole)
        assert other.registry.save() == whole


def test_snapshots_hold_the_registry(sim: Simulation) -> None:
    registry = sim.registry
    fresh = sim.snapshot()  # before anybody looked
    registry.set(r"HKLM\SOFTWARE\It", "a", 1)
    with_value = sim.snapshot()
    saved = registry.save()
    registry.set(r"HKLM\SOFTWARE\It", "a", 2)
    registry.set(r"HKLM\SOFTWARE\It", "b", 2)
    registry.delete(r"HKLM\SOFTWARE\Microsoft")
    sim.restore(with_value)
    assert registry.save() == saved
    assert registry.values(r"HKLM\SOFTWARE\It") == {"a": 1}
    sim.restore(fresh)
    assert not registry.exists(r"HKLM\SOFTWARE\It")
    assert registry.exists(r"HKLM\SOFTWARE\Microsoft")
