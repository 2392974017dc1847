"""Stops at symbols of DLLs that are not mapped yet, and what a debugger's user sees of modules."""

from __future__ import annotations

from pathlib import Path

import pytest

import wowsim
from wowsim import StopReason, UsageError

PROGRAM = Path(__file__).parents[2] / "fixtures" / "bin" / "createfile.exe"


@pytest.mark.parametrize("build", ["win7sp1", "win10-22h2"])
@pytest.mark.parametrize("loaded_before", [False, True])
def test_a_stop_waits_for_its_module(build: str, loaded_before: bool) -> None:
    with wowsim.Simulation(build) as sim:
        if loaded_before:
            sim.load(PROGRAM)
        handle = sim.at("kernel32!CreateFileW", lambda sim: sim.stop())
        if not loaded_before:
            sim.load(PROGRAM)
        assert sim.run().reason is StopReason.STOPPED
        assert sim.registers.rip == sim.symbols.address("kernel32!CreateFileW")
        handle.remove()
        assert sim.run().reason is StopReason.EXITED


def test_a_waiting_stop_can_be_removed() -> None:
    with wowsim.Simulation("win10-22h2") as sim:
        sim.load(PROGRAM)
        with sim.at("kernel32!CreateFileW", lambda sim: sim.stop()):
            pass
        assert sim.run().reason is StopReason.EXITED


@pytest.mark.parametrize("name", ["kernel32!NoSuchName", "nosuch!CreateFileW", ""])
def test_a_name_that_nothing_has_is_refused_at_once(name: str) -> None:
    with wowsim.Simulation() as sim, pytest.raises(UsageError, match="no symbol"):
        sim.at(name, print)


def test_modules_print_in_a_few_lines() -> None:
    with wowsim.Simulation() as sim:
        sim.load(PROGRAM)
        assert len(repr(sim.modules)) < 4000


def test_completion_shows_the_public_names() -> None:
    assert set(wowsim.__all__) <= set(dir(wowsim))
