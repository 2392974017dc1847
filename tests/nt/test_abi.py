from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from wowsim.errors import GuestFault
from wowsim.nt import abi
from wowsim.nt.abi import (
    HANDLE,
    LARGE_INTEGER,
    LONG,
    NTSTATUS,
    PVOID,
    UCHAR,
    ULONG,
    In,
    Out,
    Width,
    layout,
    prototype,
)

if TYPE_CHECKING:
    import struct


@abi.struct
@dataclass
class Pair:
    """Two fields that differ between the widths."""

    Signed: LONG
    Handle: HANDLE


@abi.struct
@dataclass
class One:
    """A single field."""

    Value: ULONG


@abi.struct
@dataclass
class Outer:
    """A structure in a structure."""

    First: UCHAR
    Inner: Pair


class Bytes:
    """Guest memory of a few bytes at 1000h."""

    def __init__(self, size: int = 64) -> None:
        self.data = bytearray(size)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.data[address - 0x1000 : address - 0x1000 + size])

    def write(self, address: int, data: bytes) -> None:
        self.data[address - 0x1000 : address - 0x1000 + len(data)] = data

    def unpack(self, layout: struct.Struct, address: int) -> tuple[Any, ...]:
        return layout.unpack_from(self.data, address - 0x1000)

    def pack(self, layout: struct.Struct, address: int, *values: Any) -> None:
        layout.pack_into(self.data, address - 0x1000, *values)

    def probe_write(self, address: int, size: int) -> None:
        if not 0x1000 <= address <= 0x1000 + len(self.data) - size:
            raise GuestFault(0xC0000005, address)


@pytest.mark.parametrize(
    ("width", "value", "expected"),
    [
        (32, Pair(LONG(-1), HANDLE(4)), "ffffffff04000000"),
        (32, Pair(LONG(0xFFFFFFFE), HANDLE(0xFFFFFFFF_FFFFFFFF)), "feffffffffffffff"),
        (64, Pair(LONG(1), HANDLE(-2)), "0100000000000000feffffffffffffff"),
        (64, Pair(LONG(0x1_00000002), HANDLE(8)), "02000000000000000800000000000000"),
        (32, One(ULONG(0x1_00000005)), "05000000"),
        (32, Outer(UCHAR(0x101), Pair(LONG(-1), HANDLE(-1))), "01000000ffffffffffffffff"),
    ],
)
def test_integers_are_cut_to_their_fields(width: Width, value: Any, expected: str) -> None:
    assert layout(type(value), width).to_bytes(value) == bytes.fromhex(expected)


@pytest.mark.parametrize(
    ("kind", "width", "value", "expected"),
    [(HANDLE, 32, -1, "ffffffff"), (HANDLE, 64, 4, "0400000000000000"), (LONG, 64, 0xFFFFFFFF, "ffffffff")],
)
def test_scalars_are_cut_like_fields(kind: Any, width: Width, value: int, expected: str) -> None:
    assert abi.encode(kind, width, value) == bytes.fromhex(expected)


def NtThing(
    k: object,
    handle: HANDLE,
    small: UCHAR,
    signed: LONG,
    big: LARGE_INTEGER,
    pointer: PVOID,
    pair: In[Pair] | None,
    result: Out[ULONG],
) -> NTSTATUS:
    """A service with one parameter of each sort."""
    return NTSTATUS(0)


def decoded(width: Width, slots: list[int], memory: Bytes) -> list[Any]:
    return prototype(NtThing).decoder(width)(memory, slots)


def test_64_bit_slots_are_masked_and_signed_by_type() -> None:
    junk = 0xABCDEF00_00000000
    memory = Bytes()
    layout(Pair, 64).struct.pack_into(memory.data, 0, -7, 12)
    big = 0xFFFFFFFF_FFFFFFFE
    *values, result = decoded(64, [big, junk | 0x1FF, junk | 0xFFFFFFFF, big, big, 0x1000, 0x1020], memory)
    assert values == [big, 0xFF, -1, -2, big, Pair(LONG(-7), HANDLE(12))]
    result.set(ULONG(0x1_00000009))
    assert (memory.read(0x1020, 8), result.address) == (b"\x09" + bytes(7), 0x1020)


def test_32_bit_slots_are_widened_by_type() -> None:
    slots = [0xFFFFFFFE, 0xFFFFFF80, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFC, 0, 0x1000]
    values = decoded(32, slots, Bytes())[:6]
    assert values == [0xFFFFFFFF_FFFFFFFE, 0x80, -0x80000000, -2, 0xFFFFFFFC, None]


@pytest.mark.parametrize(("result", "fault"), [(0, 0), (0x1040, 0x1040)])
def test_a_bad_output_pointer_is_the_guests_fault(result: int, fault: int) -> None:
    with pytest.raises(GuestFault) as raised:
        decoded(64, [0, 0, 0, 0, 0, 0, result], Bytes())
    assert (raised.value.status, raised.value.address) == (0xC0000005, fault)
