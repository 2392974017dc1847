"""States of memory: every way in which a page can be written between two of them."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

import pytest
from machine import CODE, DATA, STACK, Bare

from wowsim.cpu.history import MemoryHistory
from wowsim.cpu.paging import EXECUTE, PAGE, READ, WRITE, PageTables, PhysicalMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def machine() -> Iterator[Bare]:
    machine = Bare()
    yield machine
    machine.core.close()
    machine.ram.close()


def ram(tables: PageTables) -> bytes:
    """All of RAM without what only the CPU's bits in the tables say."""
    data = bytearray(tables.ram.bytes[:])
    for table in (tables.root, *tables._tables.values(), *tables._leaves.values()):
        data[table : table + PAGE : 8] = bytes(low & ~0x60 for low in data[table : table + PAGE : 8])
    return bytes(data)


@pytest.mark.parametrize("bits", [32, 64])
def test_what_the_cpu_writes(machine: Bare, bits: int) -> None:
    history = MemoryHistory(machine.tables)
    machine.enter(f"mov dword ptr [{DATA + 8:#x}], 7; push 5; mov eax, [{DATA:#x}]; int 0x2e", bits)
    state, before = history.take(), ram(machine.tables)
    for _ in range(3):
        cpu = machine.core.state()
        machine.core.run()
        assert machine.tables.peek(DATA + 8, 1) == b"\7"
        assert machine.tables.peek(STACK + 0xF00 - bits // 8, 1) == b"\5"
        # data and stack; the GDT, the stub and the kernel's stack count as written always
        assert history.put_back(state) == 5
        machine.core.set_state(cpu)
        assert ram(machine.tables) == before


def test_what_is_only_read_is_not_copied(machine: Bare) -> None:
    history = MemoryHistory(machine.tables)
    machine.enter(f"mov eax, [{DATA:#x}]; int 0x2e")
    state = history.take()
    machine.core.run()
    assert history.put_back(state) == 3


def test_a_page_the_cpu_could_already_write_is_seen_again(machine: Bare) -> None:
    """The engine keeps translations of pages that are dirty: taking a state must make it look at the entry again."""
    history = MemoryHistory(machine.tables)
    machine.enter(f"again: inc dword ptr [{DATA:#x}]; int 0x2e; jmp again")
    machine.core.run()
    for value in range(1, 4):
        assert machine.tables.peek(DATA, 4) == value.to_bytes(4, "little")
        state = history.take()
        machine.core.run()
        assert history.put_back(state) == 4
        assert machine.tables.peek(DATA, 4) == value.to_bytes(4, "little")
        machine.core.run()


def write(t: PageTables) -> None:
    t.write(DATA + 0x800, b"host")


def write_twice(t: PageTables) -> None:
    t.write(DATA, b"a")
    t.write(DATA + 0xFFF, b"bc")  # into the next page, mapped by the test


def pack(t: PageTables) -> None:
    t.pack(Struct("<I"), DATA, 1)
    t.pack(Struct("<I"), DATA + 4, 2)


def poke(t: PageTables) -> None:
    t.poke(CODE + 0x800, b"\x90" * 16)


def map_new(t: PageTables) -> None:
    t.map(0x700, t.allocate(3), READ | WRITE)
    t.write(0x700000, b"new")


def map_far_away(t: PageTables) -> None:
    t.map(0x7_0000_0000, t.allocate(1), READ | WRITE)
    t.write(0x7000_0000_0000, b"new")


def map_over(t: PageTables) -> None:
    t.write(DATA, b"old frame")
    t.map(DATA >> 12, t.allocate(1), READ | WRITE)
    t.write(DATA, b"new frame")


def unmap_and_free(t: PageTables) -> None:
    t.write(DATA, b"gone")
    t.free(t.unmap(DATA >> 12, 1))


def unmap(t: PageTables) -> None:
    t.unmap(DATA >> 12, 1)


def only_protect(t: PageTables) -> None:
    t.protect(DATA >> 12, 1, READ, 3)


def protect(t: PageTables) -> None:
    t.write(DATA, b"then read-only")
    t.protect(DATA >> 12, 1, READ, 3)


def make_code(t: PageTables) -> None:
    t.protect(DATA >> 12, 1, READ | WRITE | EXECUTE)
    t.write(DATA, b"\xc3")


CHANGES = (
    write,
    write_twice,
    pack,
    poke,
    map_new,
    map_far_away,
    map_over,
    unmap_and_free,
    protect,
    make_code,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.__name__)
@pytest.mark.parametrize("warm", [False, True])
def test_what_the_host_changes(change: Callable[[PageTables], None], warm: bool) -> None:
    tables = PageTables(PhysicalMemory(4 << 20))
    history = MemoryHistory(tables)
    tables.map(DATA >> 12, tables.allocate(2), READ | WRITE)
    tables.map(CODE >> 12, tables.allocate(1), READ | EXECUTE)
    if warm:
        tables.write(DATA, b"before")  # the fast way of writing is open
        tables.read(DATA, 1)
    state, before, allocation = history.take(), ram(tables), tables.ram.allocation
    change(tables)
    assert ram(tables) != before
    history.put_back(state)
    assert ram(tables) == before
    assert tables.ram.allocation == allocation


def dirty_then(machine: Bare, change: Callable[[PageTables], None]) -> None:
    machine.enter(f"mov dword ptr [{DATA:#x}], 7; int 0x2e")
    history = MemoryHistory(machine.tables)
    state, before = history.take(), ram(machine.tables)
    machine.core.run()
    change(machine.tables)
    history.put_back(state)
    assert ram(machine.tables) == before


@pytest.mark.parametrize(
    "change", [unmap, unmap_and_free, map_over, only_protect, protect, make_code], ids=lambda c: c.__name__
)
def test_entries_that_change_do_not_lose_what_the_cpu_wrote(
    machine: Bare, change: Callable[[PageTables], None]
) -> None:
    dirty_then(machine, change)


def test_changed_code_is_translated_again(machine: Bare) -> None:
    history = MemoryHistory(machine.tables)
    machine.enter("mov eax, 1; int 0x2e")
    state, cpu = history.take(), machine.core.state()
    for _ in range(3):
        machine.core.run()
        assert machine.core.read("rax") == 1
        machine.tables.poke(CODE + 1, b"\2")
        machine.core.set_state(cpu)
        machine.core.run()
        assert machine.core.read("rax") == 2
        history.put_back(state)
        machine.core.set_state(cpu)


def test_states_in_any_order() -> None:
    tables = PageTables(PhysicalMemory(4 << 20))
    history = MemoryHistory(tables)
    states = []
    for step in range(5):
        tables.map(0x500 + step, tables.allocate(1), READ | WRITE)
        tables.write(0x500000, bytes([step]) * 100)
        tables.write(0x500000 + step * PAGE, b"own")
        if step == 3:
            tables.free(tables.unmap(0x501, 1))
        states.append((history.take(), ram(tables)))
    for index in (4, 0, 3, 3, 1, 4, 2, 0, 4):
        state, expected = states[index]
        history.put_back(state)
        assert ram(tables) == expected


def test_states_share_the_pages_that_did_not_change() -> None:
    tables = PageTables(PhysicalMemory(4 << 20))
    history = MemoryHistory(tables)
    tables.map(0x500, tables.allocate(4), READ | WRITE)
    tables.write(0x500000, b"x" * 4 * PAGE)
    first = history.take()
    tables.write(0x501000, b"y")
    second = history.take()
    different = [one is not other for one, other in zip(first.pages, second.pages, strict=True)]
    assert sum(different) == 1
