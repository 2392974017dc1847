"""Instruction counts, limits and results do not depend on how a run is cut or what it records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import wowsim
from wowsim import StopReason

if TYPE_CHECKING:
    from wowsim.simulation.tracer import Level

LENGTHS = {
    "rdtsc": ("mov ecx, 5; L: rdtsc; rdtsc; inc eax; dec ecx; jnz L; xor eax, eax; ret", 1 + 5 * 5 + 2),
    "writes over its own block": (
        "mov ecx, 20; L: inc byte ptr [0x20000c]; mov eax, 0x11; dec ecx; jnz L; xor eax, eax; ret",
        1 + 20 * 4 + 2,
    ),
    "rep": ("mov edi, esp; sub edi, 0x100; mov ecx, 40; rep stosb; xor eax, eax; ret", 3 + 41 + 2),
    "grows the stack": (
        "mov ecx, 0x4000; L: mov byte ptr [esp+ecx-0x8000], 1; sub ecx, 0x1000; jnz L; xor eax, eax; ret",
        1 + 4 * 3 + 2,
    ),
}


def loaded(source: str) -> wowsim.Simulation:
    sim = wowsim.Simulation()
    sim.load_shellcode(wowsim.assemble32(source, 0x200000))
    return sim


def until_code(sim: wowsim.Simulation) -> None:
    with sim.at(0x200000, lambda sim: sim.stop()):
        assert sim.run(limit=1_000_000).reason is StopReason.STOPPED


def whole(source: str, trace: Level | None = None) -> tuple[StopReason, int | None, int]:
    with loaded(source) as sim:
        until_code(sim)
        result = sim.run(limit=1_000_000, trace=trace)
        assert result.instructions is not None
        return result.reason, result.exit_status, result.instructions


@pytest.mark.parametrize("name", LENGTHS)
def test_counts_are_those_of_the_code(name: str) -> None:
    source, length = LENGTHS[name]
    empty = whole("xor eax, eax; ret")
    assert whole(source) == (empty[0], empty[1], empty[2] - 2 + length)


@pytest.mark.parametrize("name", LENGTHS)
def test_single_steps_and_traces_count_the_same(name: str) -> None:
    source = LENGTHS[name][0]
    expected = whole(source)
    levels: tuple[Level, ...] = ("calls", "blocks", "full")
    for trace in levels:
        assert whole(source, trace) == expected
    for chunk in (1, 7):
        with loaded(source) as sim:
            until_code(sim)
            total = 0
            while (result := sim.run(limit=chunk)).reason is StopReason.LIMIT:
                assert result.instructions == chunk
                total += chunk
            assert result.instructions is not None
            assert (result.reason, result.exit_status, total + result.instructions) == expected


@pytest.mark.parametrize(
    ("source", "executed"),
    [
        ("nop; nop; ud2", 2),
        ("nop; int3", 2),
        ("nop; in al, dx; nop", 1),
        ("nop; int1", 2),
        ("nop; int 0x2e", 1),
        ("mov eax, 0x7fffffff; inc eax; into; nop", 3),
    ],
)
def test_a_fault_is_not_counted_a_trap_is(source: str, executed: int) -> None:
    with loaded(source) as sim:
        until_code(sim)
        sim.at("ntdll!KiUserExceptionDispatcher", lambda sim: sim.stop())
        result = sim.run(limit=100_000)
        assert (result.reason, result.instructions) == (StopReason.STOPPED, executed)


def test_a_stop_at_an_instruction_is_no_trap_to_stay_in() -> None:
    with loaded("mov ecx, 3; L: dec ecx; jnz L; xor eax, eax; ret") as sim:
        sim.at(0x200005, lambda sim: sim.stop())
        seen = []
        while (result := sim.run()).reason is StopReason.STOPPED:
            seen.append(sim.registers.ecx)
        assert seen == [3, 2, 1]
        assert result.reason is StopReason.EXITED
