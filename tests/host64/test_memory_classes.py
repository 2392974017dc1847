from __future__ import annotations

from struct import pack, unpack

from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.host64.memory_classes import narrow_addresses, narrow_working_set

BLOCKS = st.lists(st.integers(0, (1 << 48) - 1), max_size=20)


@given(BLOCKS, st.binary(max_size=7))
@settings(max_examples=50, derandomize=True)
def test_a_working_set_keeps_what_32_bits_can_name(blocks: list[int], rest: bytes) -> None:
    narrowed = narrow_working_set(pack(f"<{len(blocks) + 1}Q", len(blocks), *blocks) + rest, 0x10000, 0x20000)
    count, *found = unpack(f"<{len(narrowed) // 4}I", narrowed)
    assert count == len(found)
    assert found == [block for block in blocks if block >> 32 == 0]


@given(st.lists(st.integers(0, (1 << 32) - 1), max_size=20))
@settings(max_examples=50, derandomize=True)
def test_addresses(addresses: list[int]) -> None:
    wide = pack(f"<{len(addresses)}Q", *addresses)
    assert narrow_addresses(wide) == pack(f"<{len(addresses)}I", *addresses)
