from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wowsim.cpu.segments import GDT_LIMIT, Descriptor, gdt_bytes, windows_gdt


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
