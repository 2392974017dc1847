"""Blocks, exact counts and limits, native and in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from machine import CODE, Bare

from wowsim.cpu.paging import EXECUTE, READ, WRITE
from wowsim.cpu.recorder import RING, Recorder
from wowsim.render.decoder import lengths

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOP = (
    "mov ecx, {}\nmov esi, 0x500000\nnext: add eax, [esi]\nmov [esi+8], eax\nxor eax, edx\ndec ecx\njnz next\n"
    "int 0x2e"
)


@pytest.fixture
def bare() -> Iterator[Bare]:
    machine = Bare()
    yield machine
    machine.core.close()
    machine.ram.close()


def recorder(bare: Bare, *, native: bool = True, keep: bool = True) -> Recorder:
    def spent(count: int) -> bool:
        bare.core.stop()
        return False

    made = Recorder(bare.tables.peek, lambda: bare.core.bits, lengths, spent, keep=keep, native=native)
    bare.core.attach(made)
    return made


@pytest.mark.parametrize("native", [True, False])
def test_every_block_in_order_with_its_instructions(bare: Bare, native: bool) -> None:
    bare.enter(LOOP.format(3))
    made = recorder(bare, native=native)
    made.grant(10**9)
    bare.core.run()
    blocks = [made.blocks[id] for id in made.ids()]
    assert [b.count for b in blocks] == [7, 5, 5, 1]
    assert made.executed == 18
    assert blocks[1] is blocks[2]
    assert {b.bits for b in blocks} == {32}
    assert blocks[0].address == CODE
    assert blocks[0].end == CODE + sum(lengths(blocks[0].code, CODE, 32))


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("limit", [0, 1, 6, 7, 8, 11, 12, 17, 18])
def test_a_limit_is_exact(bare: Bare, native: bool, limit: int) -> None:
    bare.enter(LOOP.format(3))
    expected = []
    for _ in range(limit):
        bare.core.step()
        expected = [bare.core.read("rip")]
    reached = expected[0] if limit else CODE
    bare.enter(LOOP.format(3))
    made = recorder(bare, native=native)
    made.grant(limit)
    bare.core.run()
    if made.stopped and made.left:
        start, left = bare.core.read("rip"), made.left
        bare.core.step(left)
        made.partial(start, bare.core.read("rip"), 32, left)
    assert made.executed == limit
    assert bare.core.read("rip") == reached


def test_a_full_ring_loses_nothing(bare: Bare) -> None:
    rounds = RING + 1000
    bare.enter(LOOP.format(rounds))
    made = recorder(bare)
    made.grant(10**9)
    bare.core.run()
    assert made.position == rounds + 1
    assert len(made.ids()) == rounds + 1
    assert made.executed == 2 + 5 * rounds + 1
    kept, complete = made.since(made.position - 3)
    assert complete
    assert [made.blocks[id].count for id in kept] == [5, 5, 1]


def test_without_keep_only_the_tail_stays(bare: Bare) -> None:
    rounds = 3 * RING
    bare.enter(LOOP.format(rounds))
    made = recorder(bare, keep=False)
    made.grant(10**9)
    bare.core.run()
    assert made.position == rounds + 1
    assert made.since(0)[1] is False
    assert made.since(made.position - RING)[1] is True


def test_a_block_is_cut_at_the_fault(bare: Bare) -> None:
    bare.enter("mov eax, 1\nmov ebx, 2\nmov ecx, [0x600000]\nmov edx, 3\nint 0x2e")
    made = recorder(bare)
    made.grant(10**9)
    bare.core.run()
    assert bare.faults[0].rip == CODE + 10
    (block,) = [made.blocks[id] for id in made.ids()]
    assert (block.count, len(block.code)) == (2, 10)
    assert made.executed == 2


def test_a_fault_at_the_first_instruction_leaves_no_block(bare: Bare) -> None:
    bare.enter("mov ecx, [0x600000]\nint 0x2e")
    made = recorder(bare)
    made.grant(10**9)
    bare.core.run()
    assert (made.executed, len(made.ids())) == (0, 0)


def test_a_retried_instruction_counts_once(bare: Bare) -> None:
    def resolve(fault: object) -> None:
        bare.tables.map(0x600, bare.tables.allocate(1), READ | WRITE)

    bare.on_fault = resolve  # type: ignore[method-assign]  # another handler for this machine
    bare.enter("mov eax, 1\nmov ecx, [0x600000]\nmov edx, 3\nint 0x2e")
    made = recorder(bare)
    made.grant(10**9)
    bare.core.run()
    assert made.executed == 4
    assert b"".join(made.blocks[id].code for id in made.ids()) == bare.tables.peek(CODE, 18)


def test_modified_code_is_recorded_as_it_ran(bare: Bare) -> None:
    bare.tables.protect(CODE >> 12, 1, READ | WRITE | EXECUTE)
    bare.enter(
        "again: jmp patch\npatch: mov al, 1\ncmp byte ptr [patch+1], 9\nje done\nmov byte ptr [patch+1], 9\n"
        "jmp again\ndone: int 0x2e"
    )
    made = recorder(bare)
    made.grant(10**9)
    bare.core.run()
    versions = [made.blocks[id].code[:2] for id in made.ids() if made.blocks[id].code[:1] == b"\xb0"]
    assert versions == [b"\xb0\x01", b"\xb0\x09"]


def test_rep_counts_each_iteration_and_the_last_check(bare: Bare) -> None:
    bare.enter("mov edi, 0x500000\nmov ecx, 50\nrep stosb\nint 0x2e")
    made = recorder(bare)
    made.grant(10**9)
    bare.core.run()
    assert made.executed == 2 + 51 + 1


def test_an_error_in_the_slow_path_surfaces(bare: Bare) -> None:
    bare.enter("nop\nint 0x2e")
    made = Recorder(bare.tables.peek, lambda: 1 // 0, lengths, bool, keep=False)  # type: ignore[arg-type, return-value]
    bare.core.attach(made)
    made.grant(100)
    with pytest.raises(ZeroDivisionError):
        bare.core.run()


def test_records_are_found_again_from_any_position(bare: Bare) -> None:
    bare.enter(LOOP.format(RING + 10))
    made = recorder(bare)
    made.grant(10**9)
    bare.core.run()
    everything = made.ids()
    for position in (0, 5, RING - 1, RING, RING + 3, made.position):
        assert made.ids(position) == everything[position:]
        assert made.since(position) == (everything[position:].tolist(), True)
