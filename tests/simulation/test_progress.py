"""``sim.on_progress``: tells of a run without changing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from programs import BIN

import wowsim
from wowsim import StopReason, UsageError
from wowsim.trace.jsonl import lines

if TYPE_CHECKING:
    from wowsim.simulation.progress import Progress


def traced(program: str, *args: str, told: list[Progress] | None) -> Any:
    with wowsim.Simulation(seed=5) as sim:
        sim.load(BIN / program, args)
        if told is not None:
            sim.on_progress(told.append, after=0, every=0)
        result = sim.run(trace="calls")
    trace = result.trace
    assert trace is not None
    calls = lines(trace.calls(), trace.events, build="win7sp1", seed=5, program=program, version="")
    return result.instructions, result.stdout, list(calls)


@pytest.mark.parametrize(
    ("program", "args"), [("pairs.exe", ["200"]), ("threads.exe", []), ("regloop.exe", [])]
)
def test_a_run_that_is_told_of_is_the_same(program: str, args: list[str]) -> None:
    told: list[Progress] = []
    assert traced(program, *args, told=told) == traced(program, *args, told=None)
    assert told
    counts = [(each.instructions or 0, each.calls) for each in told]
    assert counts == sorted(counts)


def test_a_run_that_counts_nothing_knows_its_calls_and_module() -> None:
    told: list[Progress] = []
    with wowsim.Simulation() as sim:
        sim.load(BIN / "regloop.exe", ["0xfffffff0"])

        def tell(progress: Progress) -> None:
            told.append(progress)
            if progress.module == "regloop":
                sim.stop()

        sim.on_progress(tell, after=0, every=0)
        assert sim.run(timeout=60).reason is StopReason.STOPPED
    assert told[-1].instructions is None
    assert told[-1].calls > 0


def test_it_ends_with_its_subscription() -> None:
    told: list[Progress] = []
    with wowsim.Simulation() as sim:
        sim.load(BIN / "regloop.exe")
        subscription = sim.on_progress(told.append, after=0, every=0)
        with pytest.raises(UsageError, match="already"):
            sim.on_progress(told.append)
        subscription.remove()
        sim.run(limit=10_000_000)
        assert told == []


def test_an_error_of_the_callback_leaves_run() -> None:
    def tell(progress: Progress) -> None:
        raise UsageError("mine")

    for limit in (None, 10_000_000_000):
        with wowsim.Simulation() as sim:
            sim.load(BIN / "regloop.exe", ["0xfffffff0"])
            sim.on_progress(tell, after=0, every=0)
            with pytest.raises(UsageError, match="mine"):
                sim.run(limit, timeout=60)
