from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wowsim.cpu.segments import (
    GDT_LIMIT,
    NATIVE_SEGMENTS,
    WOW64_SEGMENTS,
    Descriptor,
    gdt_bytes,
    native_gdt,
    windows_gdt,
)


@given(st.integers(0, 2**64 - 1))
def test_decode_and_encode_are_inverse(value: int) -> None:
    assert Descriptor.decode(value).encode() == value


@pytest.mark.parametrize(
    ("value", "bits", "last", "dpl"),
    [
        (0x00CFFB00_0000FFFF, 32, 0xFFFFFFFF, 3),
        (0x0020FB00_00000000, 64, 0, 3),
        (0x00209B00_00000000, 64, 0, 0),
    ],
)
def test_what_the_seed_prints(value: int, bits: int, last: int, dpl: int) -> None:
    found = Descriptor.decode(value)
    assert (found.bits, found.last_byte, found.dpl, found.is_code) == (bits, last, dpl, True)


def test_the_teb_descriptor_carries_its_base() -> None:
    table = gdt_bytes(windows_gdt(0x7EFDD000))
    assert len(table) == GDT_LIMIT + 1
    found = Descriptor.decode(int.from_bytes(table[0x50:0x58], "little"))
    assert (found.base, found.last_byte, found.dpl) == (0x7EFDD000, 0xFFF, 3)
    assert found.with_base(0x1234).base == 0x1234


def test_the_table_of_32_bit_windows() -> None:
    """wow64-facts section 1: CS 1B, data 23, FS 3B; selector 33 is no code, and no descriptor is 64-bit."""
    table = native_gdt(0x7FFDE000)
    assert (table[0x18].encode(), table[0x20].encode()) == (0x00CFFB00_0000FFFF, 0x00CFF300_0000FFFF)
    assert (table[0x38].base, table[0x38].last_byte, table[0x38].dpl) == (0x7FFDE000, 0xFFF, 3)
    assert (table[0x30].is_code, table[0x30].dpl) == (False, 0)
    assert not any(descriptor.long_mode for descriptor in table.values())


def test_what_the_core_needs_lies_behind_the_limit() -> None:
    segments = NATIVE_SEGMENTS
    assert all(index > segments.limit for index in segments.hidden)
    assert segments.whole == 0x417
    assert {segments.ring0_code, segments.ring0_data, segments.calibration & ~7} == set(segments.hidden)
    assert (WOW64_SEGMENTS.hidden, WOW64_SEGMENTS.whole) == ({}, GDT_LIMIT)
    table = gdt_bytes({**native_gdt(), **segments.hidden}, segments.whole)
    assert table[0x400:0x408] == (0x00209B00_00000000).to_bytes(8, "little")
