from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from wowsim.cpu.paging import PAGE, READ, WRITE, PageTables, PhysicalMemory
from wowsim.host64.thunks import Thunk, derive
from wowsim.kernel.services import implemented

if TYPE_CHECKING:
    from wowsim.nt.abi import Memory

POINTERS, FRAME, NOTHING = 0x10000, 0x20000, 0x30000
ACCESS_VIOLATION = 0xC0000005


@dataclass
class Stop:
    """A trap in a routine whose frame lies at FRAME."""

    memory: Memory
    address: int = 0
    sp: int = FRAME
    teb32: int = 0
    teb64: int = 0
    registers: dict[str, int] = field(default_factory=dict)

    def register(self, name: str) -> int:
        return self.registers[name]

    def set_register(self, name: str, value: int) -> None:
        self.registers[name] = value

    def redirected(self, kind: str, name: str, target: str) -> None:
        raise AssertionError(f"{name} is redirected to {target}")

    def argument(self, index: int) -> int:
        raise AssertionError("a thunk has no 32-bit stack")


@pytest.fixture
def memory() -> PageTables:
    tables = PageTables(PhysicalMemory(1 << 20))
    for address in (POINTERS, FRAME):
        tables.map(address >> 12, tables.allocate(1), READ | WRITE)
    return tables


def prepared(memory: PageTables, service: str, *pointers: int, status: int = 0) -> tuple[Thunk, Stop]:
    """A thunk at its traps: its guest code has stored the 32-bit pointers and the status."""
    thunk = derive(implemented()[service].prototype)
    assert len(pointers) == len(thunk.conversions)
    memory.write(FRAME + thunk.pointers, struct.pack(f"<{len(pointers)}I", *pointers))
    memory.write(FRAME + thunk.status, struct.pack("<I", status))
    return thunk, Stop(memory)


def test_object_attributes_are_widened_with_their_name(memory: PageTables) -> None:
    attributes, name = POINTERS + 0x100, POINTERS + 0x200
    security = POINTERS + 0x280
    memory.write(attributes, struct.pack("<6I", 24, 0xFFFFFFFE, name, 0x40, security, 2))
    memory.write(security, struct.pack("<BBHIIII", 1, 0, 4, 0x11, 0x22, 0, 0x80000044))
    memory.write(name, struct.pack("<HHI", 8, 10, 0x12345678))
    memory.write(POINTERS, b"\xff" * 4)
    thunk, trap = prepared(memory, "NtCreateFile", POINTERS, attributes, POINTERS + 0x300)
    assert thunk.routines()["whNtCreateFile.in"](trap) is None
    at = FRAME + thunk.conversions[1].scratch
    assert struct.unpack("<I4xQQI4xQQHH4xQ", memory.read(at, 0x40)) == (
        0x30, 0xFFFFFFFF_FFFFFFFE, at + 0x30, 0x40, at + 0x40, 2, 8, 10, 0x12345678,
    )  # fmt: skip
    descriptor = struct.unpack("<BBH4x4Q", memory.read(at + 0x40, 0x28))
    assert descriptor == (1, 0, 4, 0x11, 0x22, 0, 0x80000044), "pointers are extended with zeros"
    assert memory.read(POINTERS, 4) == bytes(4), "the caller's handle is zeroed first"


def test_a_self_relative_security_descriptor_passes_as_it_is(memory: PageTables) -> None:
    attributes, security = POINTERS + 0x100, POINTERS + 0x280
    memory.write(attributes, struct.pack("<6I", 24, 0, 0, 0x40, security, 0))
    memory.write(security, struct.pack("<BBH", 1, 0, 0x8004))
    thunk, trap = prepared(memory, "NtCreateFile", POINTERS, attributes, POINTERS + 0x300)
    assert thunk.routines()["whNtCreateFile.in"](trap) is None
    at = FRAME + thunk.conversions[1].scratch
    assert struct.unpack("<Q", memory.read(at + 0x20, 8)) == (security,)


def test_nothing_is_written_where_any_pointer_is_bad(memory: PageTables) -> None:
    memory.write(POINTERS, b"\xff" * 16)
    for block in (NOTHING, 0x2FFFE):
        thunk, trap = prepared(memory, "NtCreateFile", POINTERS, 0, block)
        assert thunk.routines()["whNtCreateFile.in"](trap) == ACCESS_VIOLATION
        assert memory.read(POINTERS, 16) == b"\xff" * 16


def test_results_go_back_and_null_pointers_stay_alone(memory: PageTables) -> None:
    thunk, trap = prepared(memory, "NtCreateFile", POINTERS, 0, POINTERS + 8)
    handle, _, block = (FRAME + c.scratch for c in thunk.conversions)
    memory.write(handle, struct.pack("<Q", 0x44))
    memory.write(block, struct.pack("<QQ", 0x103, 0x1_00000007))
    assert thunk.routines()["whNtCreateFile.out"](trap) is None
    assert struct.unpack("<I4xII", memory.read(POINTERS, 16)) == (0x44, 0x103, 7)
    thunk, trap = prepared(memory, "NtCreateFile", 0, 0, 0)
    before = memory.read(POINTERS, PAGE)
    for routine in thunk.routines().values():
        assert routine(trap) is None
    assert memory.read(POINTERS, PAGE) == before


def test_a_status_block_that_the_kernel_did_not_write_is_left(memory: PageTables) -> None:
    thunk, trap = prepared(memory, "NtCreateFile", POINTERS, 0, POINTERS + 8)
    memory.write(FRAME + thunk.conversions[2].scratch, struct.pack("<QQ", POINTERS + 8, 0))
    memory.write(POINTERS + 8, b"untouched")
    thunk.routines()["whNtCreateFile.out"](trap)
    assert memory.read(POINTERS + 8, 9) == b"untouched"


def test_bad_pointers_become_the_status_of_the_call(memory: PageTables) -> None:
    thunk, trap = prepared(memory, "NtCreateFile", NOTHING, 0, 0)
    routines = thunk.routines()
    assert routines["whNtCreateFile.in"](trap) == ACCESS_VIOLATION
    assert routines["whNtCreateFile.out"](trap) is None
    assert memory.read(FRAME + thunk.status, 4) == struct.pack("<I", ACCESS_VIOLATION)


def test_a_thunk_has_only_the_traps_it_needs() -> None:
    found = {name: set(derive(s.prototype).routines()) for name, s in implemented().items()}
    assert found["NtClose"] == set()
    assert found["NtSetEvent"] == set(), "what has the same layout in both widths is the kernel's to check"
    assert found["NtCreateFile"] == {"whNtCreateFile.in", "whNtCreateFile.out"}
