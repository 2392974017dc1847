"""Service numbers out of stubs: every generation's bytes, and nothing where they do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from small_root import module
from wowsim.errors import UsageError
from wowsim.image.pe import parse
from wowsim.sysroot.stubs import numbers_of, read_stubs

if TYPE_CHECKING:
    from wowsim.sysroot import SystemRoot

GATE = "64ff15c0000000"
WIDE = {
    "to 1507": "4c8bd1b8550000000f05c3",
    "since 1511": "4c8bd1b855000000f604250803fe7f0175030f05c3cd2ec3",
    "wine": "4c8bd1b855000000f604250803fe7f0175030f05c3eb01c3ff14250010fe7fc3",
}
NARROW = {
    "xp to vista": (f"b85500000033c98d542404{GATE}c22c00", (0x55, 0, 0x2C)),
    "7": (f"b85500000033c98d542404{GATE}83c404c22c00", (0x55, 0, 0x2C)),
    "7 turbo": (f"b831000000b9060000008d542404{GATE}83c404c20800", (0x31, 6, 8)),
    "8": (f"b80f000300{GATE}c20400", (0xF, 3, 4)),
    "10": ("b855000000ba00f0e077ffd2c22c00", (0x55, 0, 0x2C)),
    "10 turbo": ("b80f000300ba00f0e077ffd2c20400", (0xF, 3, 4)),
    "no arguments": ("b846000100ba00f0e077ffd2c3", (0x46, 1, 0)),
    "win32k": (f"b800100000{GATE}c20400", (0x1000, 0, 4)),
}
NOT_WIDE = {
    "another first instruction": "488bd1b8550000000f05c3",
    "a number beyond the tables": "4c8bd1b8004000000f05c3",
    "no return": "4c8bd1b8550000000f0590",
    "int 2eh only": "4c8bd1b855000000cd2ec3",
    "another test": "4c8bd1b855000000f604250803fe7f0275030f05c3",
    "a jump over": "4c8bd1b855000000f604250803fe7f0175040f05c3",
    "cut": "4c8bd1b855",
    "a routine": "4883ec28488d0df5ef0000e819b40000904883c428c3",
}
NOT_NARROW = {
    "native since xp": "b855000000ba0003fe7fff12c22c00",
    "native xp": "b855000000ba0003fe7fffd2c22c00",
    "native 2000": "b8550000008d542404cd2ec22c00",
    "native 8": "b855000000e803000000c22c008bd40f34c3",
    "another slot": "b85500000064ff15c4000000c22c00",
    "odd arguments": f"b855000000{GATE}c20500",
    "a number beyond the tables": f"b800400000{GATE}c20400",
    "no return": f"b855000000{GATE}9090",
    "a routine": "8bff558bec5dc3",
    "wide": "4c8bd1b8550000000f05c3",
}


def stubs(bits: int, **exports: str) -> dict[str, tuple[int, int, int | None]]:
    data = module(bits, exports={name: bytes.fromhex(code) for name, code in sorted(exports.items())})
    return {name: stub[1:] for name, stub in read_stubs(parse(data, file_name="ntdll.dll")).items()}


@pytest.mark.parametrize("form", WIDE)
def test_64_bit_forms(form: str) -> None:
    assert stubs(64, NtCreateFile=WIDE[form]) == {"NtCreateFile": (0x55, 0, None)}


@pytest.mark.parametrize("form", NARROW)
def test_32_bit_forms(form: str) -> None:
    code, found = NARROW[form]
    assert stubs(32, NtService=code) == {"NtService": found}


@pytest.mark.parametrize(
    ("bits", "code"),
    [*((64, code) for code in NOT_WIDE.values()), *((32, code) for code in NOT_NARROW.values())],
)
def test_never_a_guess(bits: int, code: str) -> None:
    good = WIDE["wine"] if bits == 64 else NARROW["10"][0]
    assert list(stubs(bits, NtGood=good, NtOther=code)) == ["NtGood"]
    with pytest.raises(
        UsageError, match=rf"ntdll.dll \({bits}-bit\) has no stub whose service number can be read"
    ):
        stubs(bits, NtOther=code)


def test_zw_names_are_nt_names() -> None:
    assert list(stubs(64, NtClose=WIDE["wine"], ZwClose=WIDE["wine"])) == ["NtClose"]
    assert list(stubs(64, ZwClose=WIDE["wine"])) == ["NtClose"]


def test_routines_that_are_no_nt_services_count() -> None:
    assert list(stubs(64, Zwart=WIDE["wine"], wine_server_call=WIDE["wine"])) == ["Zwart", "wine_server_call"]


def test_two_numbers_of_one_name() -> None:
    with pytest.raises(UsageError, match="two stubs for NtClose, with numbers 55h and 56h"):
        stubs(64, NtClose=WIDE["wine"], ZwClose=WIDE["wine"].replace("b855", "b856"))


def test_no_exports() -> None:
    with pytest.raises(UsageError, match="has no stub"):
        read_stubs(parse(module(64), file_name="ntdll.dll"))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(bits=st.sampled_from([32, 64]), code=st.binary(max_size=40), start=st.integers(0, 24))
def test_any_bytes(bits: int, code: bytes, start: int) -> None:
    """Whatever stands there gives a stub whose number the tables can have, or none."""
    whole = bytes.fromhex(WIDE["wine"] if bits == 64 else NARROW["7"][0])
    image = parse(
        module(bits, exports={"NtGood": whole, "NtOther": whole[:start] + code}), file_name="ntdll.dll"
    )
    for stub in read_stubs(image).values():
        assert 0 <= stub.number < 0x4000
        assert stub.argument_bytes is None or stub.argument_bytes % 4 == 0


# ------------------------------------------------------------ real ones
def test_real_stubs(wine_root: SystemRoot) -> None:
    wide, narrow = (parse(wine_root.read("ntdll.dll", bits), file_name="ntdll.dll") for bits in (64, 32))
    numbers, stubs32 = numbers_of(read_stubs(wide)), read_stubs(narrow)
    assert len(numbers) > 230
    assert {stub.argument_bytes for name, stub in stubs32.items() if name == "NtCreateFile"} == {0x2C}
    # the 64-bit side has every service that 32-bit code has a stub for, but those that end in wow64.dll
    missing = {name for name in stubs32 if name.startswith("Nt") and name not in numbers}
    assert all(name.startswith("NtWow64") for name in missing)
    assert "RtlGetNativeSystemInformation" not in numbers  # a second name
    services = {name: number for name, number in numbers.items() if name.startswith("Nt")}
    assert len(set(services.values())) == len(services)


def test_real_window_services(wine_root: SystemRoot) -> None:
    for bits in (64, 32):
        found = read_stubs(parse(wine_root.read("win32u.dll", bits), file_name="win32u.dll"))
        assert {stub.number >> 12 for stub in found.values()} == {1}
        assert "NtUserCallOneParam" in found or "NtUserGetDC" in found
