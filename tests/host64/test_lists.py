"""Arrays of thunks: what they become in 64 bits, and what comes back."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pytest

from wowsim.cpu.paging import READ, WRITE, PageTables, PhysicalMemory
from wowsim.errors import GuestFault
from wowsim.host64.lists import ArrayBack, Groups, HardErrorParameters
from wowsim.nt.structures import CLIENT_ID

GUEST, AREA = 0x10000, 0x20000


@dataclass
class Call:
    """As much of :class:`wowsim.host64.buffers.Call` as a buffer needs."""

    memory: PageTables
    arguments: list[int]
    status: int = 0

    def argument(self, index: int) -> int:
        return self.arguments[index]

    def set(self, index: int, value: int) -> None:
        self.arguments[index] = value


@pytest.fixture
def memory() -> PageTables:
    tables = PageTables(PhysicalMemory(1 << 20))
    for address in (GUEST, AREA):
        tables.map(address >> 12, tables.allocate(1), READ | WRITE)
    return tables


def test_an_array_goes_down_and_comes_back(memory: PageTables) -> None:
    memory.write(GUEST, struct.pack("<6I", 0x80000001, 2, 3, 4, 5, 6) + b"guard")
    buffer = ArrayBack(0, 1, CLIENT_ID, inward=True)
    call = Call(memory, [GUEST, 3])
    size = buffer.size(call)  # type: ignore[arg-type]  # a Call's stand-in
    assert size == 48
    assert buffer.before(call, AREA, size) is None  # type: ignore[arg-type]
    assert struct.unpack("<6Q", memory.read(AREA, 48)) == (0xFFFFFFFF_80000001, 2, 3, 4, 5, 6)
    memory.write(AREA, struct.pack("<6Q", 1, 2, 3, 4, 5, 0xFFFFFFFF_FFFFFFFF))
    buffer.after(Call(memory, [GUEST, 3]), AREA, size)  # type: ignore[arg-type]
    assert memory.read(GUEST, 29) == struct.pack("<6I", 1, 2, 3, 4, 5, 0xFFFFFFFF) + b"guard"


def test_only_what_the_call_returned_comes_back(memory: PageTables) -> None:
    memory.write(GUEST, b"\xcc" * 24 + struct.pack("<I", 1))
    memory.write(AREA, struct.pack("<6Q", *range(6)))
    buffer = ArrayBack(0, 1, CLIENT_ID, returned_at=2)
    buffer.after(Call(memory, [GUEST, 3, GUEST + 24]), AREA, 48)  # type: ignore[arg-type]
    assert memory.read(GUEST, 24) == struct.pack("<II", 0, 1) + b"\xcc" * 16
    buffer.after(Call(memory, [GUEST, 3, GUEST + 24], 0xC0000005), AREA, 48)  # type: ignore[arg-type]
    assert memory.read(GUEST, 24) == struct.pack("<II", 0, 1) + b"\xcc" * 16


@pytest.mark.parametrize("count", [0x20000000, 0xFFFFFFFF])
def test_an_array_of_impossible_length_becomes_null(memory: PageTables, count: int) -> None:
    call = Call(memory, [GUEST, count])
    buffer = ArrayBack(0, 1, CLIENT_ID)
    assert buffer.size(call) == 0  # type: ignore[arg-type]
    assert buffer.before(call, AREA, 0) is None  # type: ignore[arg-type]
    assert call.arguments == [0, count]


def test_groups(memory: PageTables) -> None:
    memory.write(GUEST, struct.pack("<5I", 2, 0x80001000, 7, 0x2000, 0x10))
    call = Call(memory, [GUEST])
    size = Groups(0).size(call)  # type: ignore[arg-type]
    assert (size, Groups(0).before(call, AREA, size)) == (40, None)  # type: ignore[arg-type]
    assert struct.unpack("<I4xQI4xQI4x", memory.read(AREA, 40)) == (2, 0x80001000, 7, 0x2000, 0x10)
    memory.write(GUEST, struct.pack("<I", 0x10000000))
    call = Call(memory, [GUEST])
    size = Groups(0).size(call)  # type: ignore[arg-type]
    assert size < 0x20000
    assert Groups(0).before(call, AREA, size) == 0xC000000D  # type: ignore[arg-type]


def test_hard_error_parameters(memory: PageTables) -> None:
    text = GUEST + 0x80
    memory.write(GUEST, struct.pack("<II", 0x1234, text))
    memory.write(text, struct.pack("<HHI", 4, 6, 0x90000000))
    call = Call(memory, [0xC0000001, 2, 2, GUEST, 0, 0])
    buffer = HardErrorParameters()
    size = buffer.size(call)  # type: ignore[arg-type]
    assert buffer.before(call, AREA, size) is None  # type: ignore[arg-type]
    first, second = struct.unpack("<QQ", memory.read(AREA, 16))
    assert (first, struct.unpack("<HH4xQ", memory.read(second, 16))) == (0x1234, (4, 6, 0x90000000))
    memory.write(GUEST + 4, struct.pack("<I", 0x7FFF0000))
    with pytest.raises(GuestFault):
        buffer.before(Call(memory, [0, 2, 2, GUEST, 0, 0]), AREA, size)  # type: ignore[arg-type]
