from __future__ import annotations

import pytest

from wowsim.errors import UsageError
from wowsim.image.model import Export, Image, Import, Provenance, Range
from wowsim.trace.symbols import SymbolTable

BASE = 0x10000000


class FromFile(Image):
    exports_first = True


def image(kind: type[Image] = Image, **changes: object) -> Image:
    values: dict[str, object] = {
        "name": "mod",
        "file_name": "mod.dll",
        "path": "C:\\mod.dll",
        "bits": 32,
        "base": BASE,
        "contents": bytes(0x3000),
        "symbols": {0x1000: "First", 0x1100: "Second"},
    }
    return kind(**(values | changes))  # type: ignore[arg-type]


def table(*images: Image) -> SymbolTable:
    symbols = SymbolTable()
    for each in images:
        symbols.add(each, each.base)
    return symbols


@pytest.mark.parametrize(
    ("rva", "expected"),
    [
        (0, ("mod", 0)),
        (0xFFF, ("mod", 0xFFF)),
        (0x1000, ("mod!First", 0)),
        (0x10FF, ("mod!First", 0xFF)),
        (0x1100, ("mod!Second", 0)),
        (0x2FFF, ("mod!Second", 0x1EFF)),
        (0x3000, None),
        (-1, None),
    ],
)
def test_nearest_symbol_at_or_below(rva: int, expected: tuple[str, int] | None) -> None:
    assert table(image()).at(BASE + rva) == expected


def test_names_and_addresses() -> None:
    symbols = table(image())
    assert symbols.name(BASE + 0x1005) == "mod!First+0x5"
    assert symbols.name(BASE + 0x1100) == "mod!Second"
    assert symbols.name(0x1234) == "0x1234"
    assert symbols.address("mod!Second") == BASE + 0x1100
    assert symbols.address("mod") == BASE
    with pytest.raises(UsageError, match="mod!Third"):
        symbols.address("mod!Third")


def test_the_same_image_at_another_base_under_another_name() -> None:
    symbols = table(image())
    symbols.add(image(), 0x20000000, "other")
    assert symbols.at(0x20001000) == ("other!First", 0)
    assert symbols.module(0x20000000) == "other"
    assert symbols.at(BASE + 0x1000) == ("mod!First", 0)


def test_removed_modules_have_no_symbols() -> None:
    symbols = table(image())
    before = symbols.generation
    symbols.remove(BASE)
    assert symbols.generation != before
    assert symbols.at(BASE + 0x1000) is None
    assert symbols.module(BASE) is None
    after = symbols.generation
    symbols.remove(BASE)
    assert symbols.generation == after


def test_exports_fill_what_symbols_leave() -> None:
    exports = (
        Export("Alias", 1, 0x1000),
        Export("Only", 2, 0x1200),
        Export(None, 3, 0x1300),
        Export("Elsewhere", 4, 0, "NTDLL.Other"),
    )
    symbols = table(image(exports=exports))
    assert symbols.at(BASE + 0x1000) == ("mod!First", 0)
    assert symbols.at(BASE + 0x1200) == ("mod!Only", 0)
    assert symbols.at(BASE + 0x1300) == ("mod!Ordinal3", 0)
    assert symbols.at(BASE) == ("mod", 0)
    assert symbols.address("mod!Alias") == BASE + 0x1000


@pytest.mark.parametrize(("bits", "name"), [(32, "ntdll32!ZwClose"), (64, "ntdll!NtClose")])
@pytest.mark.parametrize("order", [("NtClose", "ZwClose"), ("ZwClose", "NtClose")])
def test_a_service_has_the_name_a_debugger_shows(bits: int, name: str, order: tuple[str, str]) -> None:
    exports = tuple(Export(export, i, 0x1000) for i, export in enumerate(order))
    symbols = table(image(name=name.split("!")[0], bits=bits, exports=exports, symbols={}))
    assert symbols.at(BASE + 0x1000) == (name, 0)


def test_in_files_exports_win_over_other_symbols() -> None:
    exports = (
        Export("Exported", 1, 0x1000),
        Export(None, 2, 0x1100),
        Export("NtOne", 3, 0x1200),
        Export("ZwOne", 4, 0x1200),
    )
    own = {0x1000: "internal", 0x1100: "known", 0x1200: "NtOne", 0x1300: "helper", 0x1400: "helper"}
    own[0xF00] = "Exported"
    symbols = table(image(FromFile, exports=exports, symbols=own))
    assert [symbols.name(BASE + rva) for rva in own] == [
        "mod!Exported",
        "mod!known",
        "mod!NtOne",
        "mod!helper",
        "mod!helper",
        "mod!Exported",
    ]
    for name, rva in {"Exported": 0x1000, "internal": 0x1000, "Ordinal2": 0x1100, "ZwOne": 0x1200}.items():
        assert symbols.address(f"mod!{name}") == BASE + rva
    assert symbols.address("MOD!helper") == BASE + 0x1300


def test_modules_of_one_name_are_told_apart() -> None:
    symbols = table(image())
    symbols.add(image(), 0x20000000)
    assert symbols.name(0x20001000) == "mod_20000000!First"
    assert symbols.address("mod!First") == BASE + 0x1000
    assert symbols.address("mod_20000000!First") == 0x20001000
    symbols.remove(BASE)
    symbols.add(image(), BASE)
    assert symbols.name(BASE + 0x1000) == "mod!First"


@pytest.mark.parametrize(("bits", "name"), [(32, "mod!_imp__CreateFileW"), (64, "mod!_imp_CreateFileW")])
def test_import_slots_name_themselves_only(bits: int, name: str) -> None:
    """Code behind an import table at the start of a section does not belong to its last slot."""
    symbols = table(image(bits=bits, imports=(Import("x.dll", "CreateFileW", None, 0x1010),), symbols={}))
    assert symbols.at(BASE + 0x1010) == (name, 0)
    assert symbols.at(BASE + 0x1014) == ("mod", 0x1014)
    assert symbols.is_import_slot(BASE + 0x1010)
    assert not symbols.is_import_slot(BASE + 0x1014)
    assert symbols.import_slots(BASE) == [BASE + 0x1010]
    assert not symbols.import_slots(0x1000)
    assert symbols.address(name) == BASE + 0x1010


def test_an_import_by_ordinal_has_a_name() -> None:
    symbols = table(image(imports=(Import("x.dll", None, 115, 0x1010),)))
    assert symbols.at(BASE + 0x1010) == ("mod!_imp__Ordinal115", 0)


def test_starts() -> None:
    symbols = table(image())
    assert symbols.starts(BASE + 0x1000, BASE + 0x1100) == [BASE + 0x1000]
    assert symbols.starts(BASE + 0x1001, BASE + 0x1101) == [BASE + 0x1100]
    assert not symbols.starts(0, 0x1000)


def test_owner_and_provenance() -> None:
    ours = Range(0x1000, 0x1010, Provenance.OURS)
    symbols = table(image(system=True, provenance=(ours,), traps={0x1004: "mod.trap"}))
    symbols.add(image(name="program"), 0x400000)
    assert symbols.is_system(BASE)
    assert not symbols.is_system(0x400000)
    assert not symbols.is_system(0x1000)
    assert symbols.provenance(BASE + 0x1004) is Provenance.OURS
    assert symbols.provenance(BASE + 0x1010) is None
    assert symbols.provenance(0x401000) is Provenance.GUEST
    assert symbols.provenance(0x1000) is None
    assert symbols.trap(BASE + 0x1004) == "mod.trap"
    assert symbols.trap(BASE + 0x1005) is None


def test_what_has_changed_since_a_generation() -> None:
    symbols = table(image())
    first = symbols.generation
    assert symbols.changes(first) == []
    symbols.add(image(), 0x20000000)
    second = symbols.generation
    symbols.remove(BASE)
    assert symbols.changes(first) == [(BASE, BASE + 0x3000), (0x20000000, 0x20003000)]
    assert symbols.changes(second) == [(BASE, BASE + 0x3000)]
    assert symbols.changes(12345678) is None
    for _ in range(100):
        symbols.add(image(), BASE)
    assert symbols.changes(first) is None
