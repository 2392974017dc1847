from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ntdll_machine import Machine

from wowsim.errors import Unsupported
from wowsim.guest32.arena import HEADER, Arena, Segment

ZERO, IN_PLACE = 8, 0x10


@pytest.fixture
def machine() -> Machine:
    return Machine().process()


def test_blocks_are_aligned_zeroed_on_request_and_sized_as_asked(machine: Machine) -> None:
    block = machine.call("RtlAllocateHeap", machine.heap, 0, 100)
    machine.memory.write(block, b"x" * 100)
    assert block % 8 == 0
    assert machine.call("RtlSizeHeap", machine.heap, 0, block) == 100
    assert machine.call("RtlFreeHeap", machine.heap, 0, block) == 1
    again = machine.call("RtlAllocateHeap", machine.heap, ZERO, 100)
    assert again == block
    assert machine.memory.read(again, 100) == bytes(100)


def test_the_heap_grows_by_committing_then_by_a_new_segment(machine: Machine) -> None:
    blocks = [machine.call("RtlAllocateHeap", machine.heap, 0, 0x20000) for _ in range(20)]
    assert all(blocks)
    for block in blocks:
        machine.memory.write(block, b"y" * 0x20000)
    kinds = [arguments[4] for name, arguments in machine.calls if name == "NtAllocateVirtualMemory"]
    assert set(kinds) == {0x1000, 0x2000}
    assert machine.call("RtlValidateHeap", machine.heap, 0, 0) == 1


def test_a_large_block_has_a_reservation_of_its_own_and_gives_it_back(machine: Machine) -> None:
    block = machine.call("RtlAllocateHeap", machine.heap, 0, 0x100000)
    assert machine.calls[-1][1][4] == 0x3000
    machine.memory.write(block + 0xFFFFF, b"z")
    assert machine.call("RtlSizeHeap", machine.heap, 0, block) == 0x100000
    assert machine.call("RtlFreeHeap", machine.heap, 0, block) == 1
    assert machine.calls[-1][0] == "NtFreeVirtualMemory"
    assert machine.call("RtlFreeHeap", machine.heap, 0, block) == 0


def test_reallocation_keeps_the_contents_wherever_it_goes(machine: Machine) -> None:
    block = machine.call("RtlAllocateHeap", machine.heap, 0, 16)
    machine.memory.write(block, b"0123456789abcdef")
    machine.call("RtlAllocateHeap", machine.heap, 0, 16)
    assert machine.call("RtlReAllocateHeap", machine.heap, IN_PLACE, block, 4000) == 0
    moved = machine.call("RtlReAllocateHeap", machine.heap, ZERO, block, 4000)
    assert moved not in (0, block)
    assert machine.memory.read(moved, 4000) == b"0123456789abcdef" + bytes(4000 - 16)
    assert machine.call("RtlSizeHeap", machine.heap, 0, block) == 0xFFFFFFFF
    assert machine.call("RtlReAllocateHeap", machine.heap, 0, moved, 10) == moved
    assert machine.call("RtlSizeHeap", machine.heap, 0, moved) == 10
    large = machine.call("RtlReAllocateHeap", machine.heap, 0, moved, 0x90000)
    assert machine.memory.read(large, 10) == b"0123456789"


@pytest.mark.parametrize("damage", [-8, -4], ids=["size", "flags"])
def test_a_damaged_header_makes_operations_fail_and_nothing_more(machine: Machine, damage: int) -> None:
    block = machine.call("RtlAllocateHeap", machine.heap, 0, 64)
    machine.put(block + damage, 0x41414141)
    assert machine.call("RtlFreeHeap", machine.heap, 0, block) == 0
    assert machine.call("RtlSizeHeap", machine.heap, 0, block) == 0xFFFFFFFF
    assert machine.call("RtlReAllocateHeap", machine.heap, 0, block, 8) == 0
    assert machine.call("RtlValidateHeap", machine.heap, 0, block) == 0
    assert machine.call("RtlAllocateHeap", machine.heap, 0, 64) not in (0, block)


@pytest.mark.parametrize("pointer", [1, 8, 0x7FFFFFF8, 0xFFFFFFF8])
def test_pointers_that_are_no_blocks_are_refused(machine: Machine, pointer: int) -> None:
    assert machine.call("RtlFreeHeap", machine.heap, 0, pointer) == 0
    assert machine.call("RtlSizeHeap", machine.heap, 0, pointer) == 0xFFFFFFFF
    assert machine.call("RtlFreeHeap", machine.heap, 0, 0) == 1


@pytest.mark.parametrize("size", [0x7FFF0000, 0xFFFFFFFF, 0x80000000])
def test_impossible_sizes_fail_with_no_memory(machine: Machine, size: int) -> None:
    assert machine.call("RtlAllocateHeap", machine.heap, 0, size) == 0
    assert machine.call("RtlGetLastWin32Error") == 8


def test_a_heap_of_its_own_is_listed_limited_and_destroyed(machine: Machine) -> None:
    heap = machine.call("RtlCreateHeap", 0, 0, 0x20000, 0x1000, 0, 0)
    assert heap
    assert machine.dword(heap + 0x40) == 0
    room = machine.space(8)
    assert machine.call("RtlGetProcessHeaps", 2, room) == 2
    assert struct.unpack("<II", machine.memory.read(room, 8)) == (machine.heap, heap)
    assert machine.call("RtlAllocateHeap", heap, 0, 0x10000)
    assert machine.call("RtlAllocateHeap", heap, 0, 0x10000) == 0
    assert machine.call("RtlDestroyHeap", heap) == 0
    assert machine.dword(machine.peb + 0x88) == 1
    assert machine.call("RtlAllocateHeap", heap, 0, 8) == 0
    assert machine.call("RtlDestroyHeap", heap) == heap
    assert machine.call("RtlDestroyHeap", machine.heap) == machine.heap


def test_destroying_frees_every_segment_and_large_block(machine: Machine) -> None:
    heap = machine.call("RtlCreateHeap", 2, 0, 0, 0, 0, 0)
    for size in (0x70000, 0x70000, 0x70000, 0x80000):
        assert machine.call("RtlAllocateHeap", heap, 0, size)
    machine.calls.clear()
    assert machine.call("RtlDestroyHeap", heap) == 0
    assert [name for name, _ in machine.calls] == ["NtFreeVirtualMemory"] * 3


def test_a_heap_in_the_callers_memory_is_refused_by_name(machine: Machine) -> None:
    with pytest.raises(Unsupported, match="RtlCreateHeap"):
        machine.call("RtlCreateHeap", 0, 0x300000, 0, 0, 0, 0)


def test_a_kernel_that_refuses_makes_the_allocation_fail(machine: Machine) -> None:
    machine.NtAllocateVirtualMemory = lambda *arguments: 0xC0000017  # type: ignore[method-assign]
    results = [machine.call("RtlAllocateHeap", machine.heap, 0, 0x70000) for _ in range(4)]
    assert results[-1] == 0
    assert machine.call("RtlGetLastWin32Error") == 8


def test_a_hook_that_pretends_to_reserve_cannot_make_segments_overlap(machine: Machine) -> None:
    def pretend(process: int, base: int, bits: int, size: int, kind: int, protect: int) -> int:
        machine.put(base, machine.heap)
        return 0

    heap = machine.heap
    while machine.call("RtlAllocateHeap", heap, 0, 0x70000):
        if len(machine.calls) > 1:
            machine.NtAllocateVirtualMemory = pretend  # type: ignore[method-assign]
    assert machine.call("RtlValidateHeap", heap, 0, 0) in (0, 1)


# ---------------------------------------------------------------- the arithmetic alone
@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["take", "free", "resize", "grow"]), st.integers(0, 3000)), max_size=60
    )
)
def test_blocks_never_overlap_and_nothing_is_lost(steps: list[tuple[str, int]]) -> None:
    arena = Arena([Segment(0x1000, 0x1000, 0x9000)])
    for step, number in steps:
        live = sorted(arena.busy)
        if step == "take":
            arena.take(number)
        elif step == "free" and live:
            arena.give_back(live[number % len(live)])
        elif step == "resize" and live:
            arena.resize(live[number % len(live)], number)
        elif step == "grow":
            growth = arena.growth(number, 0)
            if growth is not None:
                segment, size = growth
                arena.add(segment.committed, segment.committed + size)
                segment.committed += size
                assert arena.take(number) is not None
        ranges = sorted((p - HEADER, p - HEADER + b.total) for p, b in arena.busy.items())
        ranges += [(start, start + size) for start, size in arena._size_at.items()]
        ranges.sort()
        at = 0x1000
        for start, end in ranges:
            assert start == at
            at = end
        assert at == arena.segments[0].committed
        assert all(b.requested + HEADER <= b.total for b in arena.busy.values())
