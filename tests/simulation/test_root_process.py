"""A process with real system DLLs: the kernel's part of its start, and the layers as they are watched."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import wowsim
from wowsim.simulation.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.sysroot import SystemRoot

BIN = Path(__file__).parents[2] / "fixtures/bin"
STATUS_ACCESS_DENIED = 0xC0000022


@pytest.fixture
def sim(wine_root: SystemRoot) -> Iterator[wowsim.Simulation]:
    with wowsim.Simulation(sysroot=str(wine_root.path)) as made:
        yield made


def started(sim: wowsim.Simulation, program: str) -> wowsim.Simulation:
    sim.load(BIN / program)
    return sim


def test_both_halves_are_real(sim: wowsim.Simulation) -> None:
    result = started(sim, "helloworld.exe").run()
    assert (result.reason, result.exit_status) == (wowsim.StopReason.EXITED, 0)
    assert result.stdout == b"Hello, World!\r\n"
    assert {"ntdll", "ntdll32", "wow64", "wow64cpu", "kernel32", "kernelbase"} <= sim.modules.keys()
    assert {sim.modules[name].image.bits for name in ("ntdll", "wow64", "wow64cpu")} == {64}


def test_two_runs_are_the_same(wine_root: SystemRoot) -> None:
    def run() -> tuple[Any, ...]:
        with wowsim.Simulation(sysroot=str(wine_root.path), seed=3) as sim:
            result = started(sim, "createfile.exe").run(trace="calls")
            assert result.trace is not None
            calls = [(c.name, c.status, c.path, str(c.arguments)) for c in result.trace.calls()]
            return result.instructions, calls

    assert run() == run()


@pytest.mark.parametrize("layer", ["stub", "wow64", "kernel"])
def test_each_layer_is_watched_and_can_answer(sim: wowsim.Simulation, layer: Any) -> None:
    seen: list[tuple[str, str, int | None]] = []
    started(sim, "createfile.exe")
    sim.run(limit=1)

    def before(event: wowsim.ServiceEvent) -> Answer | None:
        name = event.arguments["ObjectAttributes"]["ObjectName"]
        if not str(name).endswith(".txt"):
            return None
        seen.append(("pre", event.layer, event.status))
        return Answer(STATUS_ACCESS_DENIED)

    sim.on_service("NtCreateFile", before, layer=layer)
    result = sim.run()
    assert seen
    assert {layer for _, layer, _ in seen} == {layer}
    assert result.reason is wowsim.StopReason.EXITED
    assert not any(name.endswith(".txt") for name in sim.files.list("C:\\"))


@pytest.mark.parametrize("layer", ["stub", "wow64", "kernel"])
def test_what_came_of_a_call_is_seen_at_each_layer(sim: wowsim.Simulation, layer: Any) -> None:
    seen: list[int | None] = []
    started(sim, "createfile.exe")
    sim.on_service("NtCreateFile", lambda event: seen.append(event.status), layer=layer, when="post")
    sim.run()
    assert seen
    assert None not in seen


def test_exceptions_go_through_both_real_ntdlls(sim: wowsim.Simulation) -> None:
    seen: list[str] = []
    started(sim, "vectored.exe")
    for name in ("ntdll!KiUserExceptionDispatcher", "ntdll32!KiUserExceptionDispatcher"):
        sim.at(name, partial(reached, seen, name))
    result = sim.run()
    assert (result.reason, result.exit_status) == (wowsim.StopReason.EXITED, 0)
    assert seen[:2] == ["ntdll!KiUserExceptionDispatcher", "ntdll32!KiUserExceptionDispatcher"]


def reached(hits: list[str], name: str, sim: wowsim.Simulation) -> None:
    hits.append(name)


def test_a_breakpoint_waits_for_a_module_of_the_root(sim: wowsim.Simulation) -> None:
    hits: list[str] = []
    started(sim, "createfile.exe")
    for name in ("kernelbase!CreateFileW", "wow64!wow64_NtCreateFile", "ntdll32!NtCreateFile"):
        sim.at(name, partial(reached, hits, name))
    sim.run()
    assert hits[:3] == ["kernelbase!CreateFileW", "ntdll32!NtCreateFile", "wow64!wow64_NtCreateFile"]
    with pytest.raises(wowsim.UsageError, match="nosuch"):
        sim.at("kernelbase!nosuch", lambda _: None)


def test_a_snapshot_goes_on_as_the_first_run_did(sim: wowsim.Simulation) -> None:
    started(sim, "threads.exe")
    sim.run(limit=1_000_000)
    kept = sim.snapshot()
    first = sim.run(trace="calls")
    sim.restore(kept)
    again = sim.run(trace="calls")
    assert (first.stdout, first.instructions) == (again.stdout, again.instructions)


def test_a_function_is_called_from_outside(sim: wowsim.Simulation) -> None:
    started(sim, "helloworld.exe")
    assert (
        sim.call32("kernel32!GetCurrentProcessId") == 4660 or sim.call32("kernel32!GetCurrentProcessId") > 0
    )
    assert sim.call32("kernel32!lstrlenA", 0) == 0


def test_a_64_bit_program_runs(sim: wowsim.Simulation) -> None:
    assert started(sim, "hello64.exe").threads[0].teb32 == 0
    result = sim.run()
    assert result.stdout.startswith(b"Hello, 64-bit World! 64-bit, wow64 0")
    assert "ntdll32" not in sim.modules


def test_32_bit_functions_of_a_64_bit_process_are_refused(sim: wowsim.Simulation) -> None:
    with pytest.raises(wowsim.UsageError, match="64 bits"):
        started(sim, "hello64.exe").call32("kernel32!GetCurrentProcessId")


def test_without_a_root_a_64_bit_program_is_refused() -> None:
    with wowsim.Simulation() as sim, pytest.raises(wowsim.UsageError, match="64-bit program"):
        sim.load(BIN / "hello64.exe")


def test_the_views_know_the_real_modules(sim: wowsim.Simulation) -> None:
    result = started(sim, "createfile.exe").run(trace="calls")
    assert result.trace is not None
    call = next(c for c in result.trace.calls("NtCreateFile") if "kernelbase!CreateFileW" in c.path)
    layers = ["kernel32!CreateFileW", "kernelbase!CreateFileW", "ntdll32!NtCreateFile", "wow64cpu!",
              "wow64!Wow64SystemServiceEx", "wow64!wow64_NtCreateFile", "ntdll!NtCreateFile"]  # fmt: skip
    places = [next(i for i, frame in enumerate(call.path) if frame.startswith(layer)) for layer in layers]
    assert places == sorted(places)
    assert any(row.name == r"\Windows\SysWOW64\kernel32.dll" for row in sim.vads)


@pytest.mark.parametrize("options", [{}, {"limit": 50_000_000}, {"trace": "calls"}])
def test_returns_are_watched_whatever_is_recorded(sim: wowsim.Simulation, options: Any) -> None:
    seen: list[int | None] = []
    started(sim, "createfile.exe")
    sim.on_service("NtCreateFile", lambda event: seen.append(event.status), layer="wow64", when="post")
    assert sim.run(**options).exit_status == 0
    assert seen == [0]


def test_a_callback_sets_and_removes_breakpoints(sim: wowsim.Simulation) -> None:
    returned: list[int] = []
    started(sim, "createfile.exe")

    def entered(sim: wowsim.Simulation) -> None:
        back = int.from_bytes(sim.memory.read(sim.registers.rsp, 8), "little")

        def behind(sim: wowsim.Simulation) -> None:
            returned.append(back)
            once.remove()

        once = sim.at(back, behind)

    sim.at("wow64!Wow64SystemServiceEx", entered)
    assert sim.run(limit=50_000_000).exit_status == 0
    assert len(returned) > 50


@pytest.mark.parametrize("program", ["hello.exe"])
def test_too_little_memory_is_said(wine_root: SystemRoot, program: str) -> None:
    with (
        wowsim.Simulation(sysroot=str(wine_root.path), memory=8 << 20) as sim,
        pytest.raises(wowsim.UsageError, match="memory=0x800000 is too little"),
    ):
        sim.load(BIN / program)
