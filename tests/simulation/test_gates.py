"""GateCrossed: each change of mode by a far transfer, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import wowsim
from wowsim import GateCrossed, StopReason

if TYPE_CHECKING:
    from wowsim.simulation.tracer import Level

FIXTURES = Path(__file__).parents[2] / "fixtures" / "bin"


def watched(sim: wowsim.Simulation) -> list[GateCrossed]:
    found: list[GateCrossed] = []
    sim.on(GateCrossed, found.append)
    return found


@pytest.mark.parametrize(
    ("build", "gate", "back"),
    [
        ("win7sp1", "X86SwitchTo64BitMode", "CpupReturnTurbo"),
        ("win10-22h2", "KiFastSystemCall", "TagReturn"),
    ],
)
def test_a_program_crosses_at_wow64cpus_gate(build: str, gate: str, back: str) -> None:
    with wowsim.Simulation(build) as sim:
        sim.load(FIXTURES / "createfile.exe")
        found = watched(sim)
        assert sim.run().reason is StopReason.EXITED
        down = [event for event in found if event.from_bits == 32]
        up = [event for event in found if event.from_bits == 64]
        assert {(sim.symbols.name(e.source), e.how) for e in down} == {(f"wow64cpu!{gate}", "jmp far")}
        assert {e.how for e in up} == {"jmp far", "iretq"}
        assert {sim.symbols.name(e.source).partition("+")[0] for e in up} == {f"wow64cpu!{back}"}
    assert not any(event.own for event in found)
    # the first crossing starts the 32-bit half; then every way down has a way up, but for the last service
    assert [event.from_bits for event in found] == [64, 32] * len(down)


@pytest.mark.parametrize(
    ("name", "crossings"),
    [
        ("gate.bin", [(32, "retf"), (64, "retf")]),
        ("callfar.bin", [(32, "call far"), (64, "retf")] * 2),
    ],
)
def test_a_gate_of_the_programs_own_is_marked(name: str, crossings: list[tuple[int, str]]) -> None:
    with wowsim.Simulation() as sim:
        sim.load_shellcode((FIXTURES / name).read_bytes())
        found = watched(sim)
        assert sim.run().reason is StopReason.EXITED
    own = [event for event in found if event.own]
    assert [(event.from_bits, event.how) for event in own] == crossings
    assert all(event.to_bits == 96 - event.from_bits for event in found)


def test_the_kernel_does_not_cross_gates() -> None:
    with wowsim.Simulation() as sim:
        sim.load(FIXTURES / "createfile.exe")
        with sim.at("kernel32!CreateFileW", lambda sim: sim.stop()):
            sim.run()
        sim.gdt[0x33] = replace(sim.gdt[0x33], present=0)
        found = watched(sim)
        assert sim.run().reason is StopReason.UNHANDLED_EXCEPTION
    assert found == []  # the far jump faulted: 64-bit code runs next, but the kernel brought it there


def test_a_removed_listener_hears_no_more_and_a_stop_is_at_the_target() -> None:
    with wowsim.Simulation() as sim:
        sim.load_shellcode((FIXTURES / "gate.bin").read_bytes())
        found: list[GateCrossed] = []

        def first(event: GateCrossed) -> None:
            found.append(event)
            if event.own:
                sim.stop()

        handle = sim.on(GateCrossed, first)
        assert sim.run().reason is StopReason.STOPPED
        assert sim.registers.rip == found[-1].target
        handle.remove()
        count = len(found)
        assert (sim.run().reason, len(found)) == (StopReason.EXITED, count)


@pytest.mark.parametrize("trace", [None, "calls", "full"])
def test_listening_changes_nothing(trace: Level | None) -> None:
    results = []
    for listen in (False, True):
        with wowsim.Simulation() as sim:
            sim.load(FIXTURES / "createfile.exe")
            if listen:
                watched(sim)
            result = sim.run(limit=1_000_000, trace=trace)
            results.append((result.reason, result.exit_status, result.instructions))
    assert results[0] == results[1]


@pytest.mark.parametrize("build", ["win7sp1", "win10-22h2"])
def test_one_name_by_a_gate_of_the_programs_own_and_by_windows(build: str) -> None:
    found: list[GateCrossed] = []
    with wowsim.Simulation(build=build) as sim:
        sim.on(GateCrossed, found.append)
        sim.load(FIXTURES / "gatefile.exe")
        result = sim.run(trace="calls")
        assert (result.exit_status, sim.files.read(r"C:\Windows\System32\x")) == (0, b"two ways\n")
        assert result.trace is not None
        direct, by_windows, by_sysnative = result.trace.calls("NtCreateFile")
        assert (direct.status, by_windows.status, by_sysnative.status) == (0, 0xC0000034, 0)
        redirected = [
            (e.kind, e.name, e.target) for e in result.trace.events if isinstance(e, wowsim.Redirected)
        ]
        assert redirected == [
            ("file", rf"\??\C:\Windows\{given}\x", rf"\??\C:\Windows\{target}\x")
            for given, target in (("System32", "SysWOW64"), ("Sysnative", "System32"))
        ]
        assert direct.path == ("gatefile!start", "gatefile!create64", "gatefile!create64+0x10")
        assert (by_windows.path[0], by_windows.path[-1]) == ("kernel32!CreateFileW", "ntdll!NtCreateFile")
        assert [(e.from_bits, e.how) for e in found if e.own] == [(32, "retf"), (64, "retf")]
