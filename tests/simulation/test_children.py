"""Child processes: who runs when, what they share, how they end; with the built-in images and with roots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import wowsim
from wowsim.errors import StopReason, Unsupported
from wowsim.nt.status import STATUS_NO_MEMORY

if TYPE_CHECKING:
    from wowsim.sysroot import SystemRoot

BIN = Path(__file__).parents[2] / "fixtures/bin"
LIMIT = 1_000_000
SPAWNED = "".join(
    f"ok {name}\r\n"
    for name in (
        "filter starts", "filter", "filter ends", "waiter starts", "waiter waits", "waiter ends", "spins", "ended",
        "suspended", "ended before its begin", "crash", "nothing there",
    )
)  # fmt: skip
"""What spawn.exe prints."""
CMD = r"C:\windows\syswow64\cmd.exe"


def loaded(build: str, seed: int = 0) -> wowsim.Simulation:
    sim = wowsim.Simulation(build=build, seed=seed)
    sim.load(BIN / "ntspawn.exe")
    return sim


@pytest.mark.parametrize("build", ["win7sp1-x86", "win10-22h2-x86"])
def test_a_childs_output_and_exit_status_reach_its_creator(build: str) -> None:
    with loaded(build) as sim:
        result = sim.run(limit=LIMIT)
        assert (result.reason, result.exit_status, result.stdout) == (StopReason.EXITED, 33, b"one\ntwo\n")


def test_two_runs_are_the_same_and_children_count() -> None:
    found = []
    for _ in range(2):
        with loaded("win10-22h2-x86", seed=7) as sim:
            result = sim.run(limit=LIMIT, trace="calls")
            assert result.trace is not None
            calls = [(call.name, call.status, str(call.arguments)) for call in result.trace.calls()]
            found.append((result.instructions, calls))
    assert found[0] == found[1]
    assert (found[0][0] or 0) > 2000


@pytest.mark.parametrize("piece", [150, 997])
def test_a_run_in_pieces_does_the_same(piece: int) -> None:
    with loaded("win10-22h2-x86") as whole:
        instructions = whole.run(limit=LIMIT).instructions
    with loaded("win10-22h2-x86") as sim:
        total = 0
        for _ in range(LIMIT // piece):
            result = sim.run(limit=piece)
            total += result.instructions or 0
            if result.reason is not StopReason.LIMIT:
                break
            assert result.instructions == piece
        assert (result.reason, result.exit_status, result.stdout) == (StopReason.EXITED, 33, b"one\ntwo\n")
        assert total == instructions


def test_a_run_without_limit_does_the_same() -> None:
    with loaded("win7sp1-x86") as sim:
        result = sim.run(timeout=60)
        assert (result.reason, result.exit_status, result.stdout) == (StopReason.EXITED, 33, b"one\ntwo\n")


def test_no_snapshot_while_a_child_lives() -> None:
    with loaded("win10-22h2-x86") as sim:
        before = sim.snapshot()
        made: list[int] = []
        sim.on_service("NtResumeThread", lambda event: made.append(1) or sim.stop(), when="post")  # type: ignore[func-returns-value]
        assert sim.run(limit=LIMIT).reason is StopReason.STOPPED
        assert made
        with pytest.raises(Unsupported, match="child"):
            sim.snapshot()
        sim.restore(before)
        assert sim.run(limit=LIMIT).reason is StopReason.STOPPED
        result = sim.run(limit=LIMIT)
        assert (result.exit_status, result.stdout) == (33, b"one\ntwo\n")
        sim.snapshot()


def test_a_wow64_process_with_built_in_images_cannot_convert_the_parameters() -> None:
    with loaded("win7sp1") as sim:
        result = sim.run(limit=LIMIT)
        assert result.reason is StopReason.UNSUPPORTED
        assert "RTL_USER_PROCESS_PARAMETERS" in result.detail


# ---------------------------------------------------------------- with real DLLs
def test_create_process_with_real_dlls(wine_root: SystemRoot) -> None:
    with wowsim.Simulation(build="win10-22h2", sysroot=str(wine_root.path)) as sim:
        sim.load(BIN / "spawn.exe")
        result = sim.run()
        assert (result.reason, result.exit_status, result.stdout.decode()) == (StopReason.EXITED, 0, SPAWNED)


@pytest.mark.parametrize(
    ("line", "output", "status"),
    [
        ("hostname", b"WOWSIM\r\n", 0),
        ("hostname|more", b"WOWSIM\r\n", 0),
        ("cmd /c exit 5", b"", 5),
        (r"hostname > C:\Temp\o.txt & type C:\Temp\o.txt & exit 7", b"WOWSIM\r\n", 7),
    ],
)
def test_the_command_processor_runs_programs(
    wine_root: SystemRoot, line: str, output: bytes, status: int
) -> None:
    with wowsim.Simulation(build="win10-22h2", sysroot=str(wine_root.path)) as sim:
        sim.load(CMD, ["/c", line])
        result = sim.run()
        assert (result.reason, result.exit_status) == (StopReason.EXITED, status)
        assert result.stdout.rstrip() == output.rstrip()


def test_a_child_that_does_not_fit_is_its_creators_failure(wine_root: SystemRoot) -> None:
    data = bytearray((BIN / "exitcode.exe").read_bytes())
    optional = int.from_bytes(data[0x3C:0x40], "little") + 24
    data[optional + 72 : optional + 76] = (0x7F000000).to_bytes(4, "little")  # SizeOfStackReserve
    with wowsim.Simulation(sysroot=wine_root.path) as sim:
        sim.files.add(r"C:\work\big.exe", bytes(data))
        sim.load(CMD, ["/c", r"C:\work\big.exe"])
        result = sim.run(limit=100_000_000, trace="calls")
    assert result.reason is StopReason.EXITED
    assert result.exit_status != 0
    assert result.trace is not None
    assert result.trace.calls("NtCreateUserProcess")[-1].status == STATUS_NO_MEMORY
