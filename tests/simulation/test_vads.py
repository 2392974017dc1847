"""``sim.vads`` and process creation without a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from programs import BIN, BUILDS

import wowsim
from wowsim.memory.rows import VadRow
from wowsim.simulation.layout_only import lay_out

if TYPE_CHECKING:
    from collections.abc import Iterator

HELLO = BIN / "helloworld.exe"


@pytest.fixture(scope="module")
def sim() -> Iterator[wowsim.Simulation]:
    with wowsim.Simulation() as made:
        made.load(HELLO)
        yield made


def test_rows_come_ascending(sim: wowsim.Simulation) -> None:
    rows = list(sim.vads)
    assert len(rows) == len(sim.vads)
    assert all(isinstance(row, VadRow) for row in rows)
    assert [row.start for row in rows] == sorted(row.start for row in rows)
    assert sim.vads.rows() == tuple(rows)


@pytest.mark.parametrize("address", [0xC40000, 0xC41234, 0xCF2FFF])
def test_look_up_by_address(sim: wowsim.Simulation, address: int) -> None:
    row = sim.vads[address]
    assert (row.start, row.end, row.pages, row.kind) == (0xC40000, 0xCF2FFF, 0xB3, "Exe")
    assert address in sim.vads
    assert sim.vads.at(address) == row


@pytest.mark.parametrize("address", [0xC3FFFF, 0xCF3000, 0, -1, 1 << 63])
def test_free_addresses(sim: wowsim.Simulation, address: int) -> None:
    assert sim.vads.at(address) is None
    assert address not in sim.vads
    with pytest.raises(KeyError, match=f"{address:X} is (free|forbidden)"):
        sim.vads[address]


def test_steps_keep_what_was(sim: wowsim.Simulation) -> None:
    vads = sim.vads
    assert vads.steps[0] == "MmInitializeProcessAddressSpace"
    assert vads.steps[-1] == "running"
    assert vads.step("PsMapSystemDlls") == vads.step("PspMapSystemDlls")
    counts = [len(vads.step(name)) for name in vads.steps]
    assert counts == sorted(counts)
    with pytest.raises(wowsim.UsageError, match="has no step MiCfgInitializeProcess; it has: MmInit"):
        vads.step("MiCfgInitializeProcess")


def test_running_is_now() -> None:
    with wowsim.Simulation() as sim:
        sim.load(HELLO)
        before = sim.vads.step("running")
        sim.run()
        assert r"\Windows\SysWOW64\kernel32.dll" in {row.name for row in sim.vads.step("running")}
        assert sim.vads.step("heap") == before


def test_nothing_is_there_before_a_program_is() -> None:
    with wowsim.Simulation() as sim:
        assert (len(sim.vads), sim.vads.rows(), sim.vads.steps) == (0, (), ())
        with pytest.raises(wowsim.UsageError, match="nothing is loaded"):
            sim.vads.step("running")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (
            0xC40000,
            r"C40000 is taken: MiMapProcessExecutable made C40000-CF2FFF, an image of \app\helloworld.exe",
        ),
        (0x77600000, "77600000 is taken: PspMapSystemDll made"),
        (0x7FFE0000, "7FFE0000 is taken: MmInitializeProcessAddressSpace made"),
        (0x7FFF0000, "7FFF0000 is forbidden: MiInitializeUserNoAccess locked 7FFF0000-7FFFFFEFFFF"),
        (0x7FFF0000000, "7FFF0000000 is forbidden: MiInitializeUserNoAccess locked"),
        (0x30000000, "30000000 is free: no step or service has put anything into"),
    ],
)
def test_explanations_name_the_step(sim: wowsim.Simulation, address: int, words: str) -> None:
    assert sim.vads.explain(address).startswith(words)


@pytest.mark.parametrize("build", BUILDS)
def test_a_process_that_never_runs_has_the_same_address_space(build: str) -> None:
    laid = lay_out(build, HELLO)
    with wowsim.Simulation(build=build) as sim:
        sim.load(HELLO)
        assert laid.steps == sim.vads.steps
        assert [laid.step(step) for step in laid.steps] == [sim.vads.step(step) for step in laid.steps]
