"""Names and ways through real DLLs."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import wowsim
from wowsim.cli import main
from wowsim.errors import UsageError

if TYPE_CHECKING:
    from wowsim.sysroot import SystemRoot

BIN = Path(__file__).parent.parent.parent / "fixtures" / "bin"
CREATEFILE = str(BIN / "createfile.exe")
WAY = [
    "kernel32!CreateFileW",
    "kernelbase!CreateFileW",
    "ntdll32!NtCreateFile",
    "wow64cpu!syscall_32to64",
    "wow64!Wow64SystemServiceEx",
    "wow64!wow64_NtCreateFile",
    "ntdll!NtCreateFile",
]
"""Frames in this order; between them stand Wine's own, such as the dispatcher of its stubs."""


def traced(root: SystemRoot, program: str, *args: str) -> str:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")
    with redirect_stdout(out):
        assert main(["trace", "--sysroot", root.name, *args, str(BIN / program)]) == 0
    out.seek(0)
    return out.read()


def test_the_way_of_a_call_through_real_code(wine_root: SystemRoot) -> None:
    shown = traced(wine_root, "createfile.exe", "--call", "NtCreateFile", "--format", "path").split()
    assert [frame for frame in shown if frame in WAY] == WAY
    assert all(frame.split("!")[0] in ("ntdll32", "wow64cpu", "wow64") for frame in shown if frame not in WAY)
    assert not any("+" in frame for frame in shown)


def test_other_formats_name_real_code_too(wine_root: SystemRoot) -> None:
    options = ("--call", "NtCreateFile", "--format")
    listing = traced(wine_root, "createfile.exe", *options, "text")
    assert "wow64!wow64_NtCreateFile" in listing
    assert traced(wine_root, "createfile.exe", *options, "jsonl") == traced(
        wine_root, "createfile.exe", *options, "jsonl"
    )


@pytest.mark.parametrize(
    ("program", "call", "frames"),
    [
        ("hello.exe", "NtWriteFile", ["msvcrt!_write", "kernel32!WriteFile", "ntdll!NtWriteFile"]),
        ("threads.exe", "NtTerminateThread", ["kernel32!BaseThreadInitThunk", "ntdll!NtTerminateThread"]),
        ("vectored.exe", "NtContinue", ["ntdll!KiUserExceptionDispatcher", "ntdll!NtContinue"]),
    ],
)
def test_ways_of_run_time_libraries_threads_and_exceptions(
    wine_root: SystemRoot, program: str, call: str, frames: list[str]
) -> None:
    with wowsim.Simulation(sysroot=wine_root.path) as sim:
        sim.load(BIN / program)
        trace = sim.run(trace="calls").trace
    assert trace is not None
    calls = trace.calls()
    paths = [made.path for made in calls if made.name == call]
    assert any([frame for frame in path if frame in frames] == frames for path in paths)
    assert not [made.path for made in calls if made.path[0] == "..."]
    assert {made.path[-1] for made in calls} <= {f"ntdll!{made.name}" for made in calls} | {
        f"win32u!{made.name}" for made in calls
    }


@pytest.mark.parametrize("name", ["kernelbase!CreateFileW", "KernelBase!CreateFileW", *WAY[2:]])
def test_symbols_can_be_waited_for_before_their_module_comes(wine_root: SystemRoot, name: str) -> None:
    hits: list[int] = []
    with wowsim.Simulation(sysroot=wine_root.path) as sim:
        sim.load(CREATEFILE)
        sim.at(name, lambda sim: hits.append(sim.registers.rip))
        sim.run()
        assert hits
        assert set(hits) == {sim.symbols.address(name)}


def test_symbols_that_no_dll_has(wine_root: SystemRoot) -> None:
    with wowsim.Simulation(sysroot=wine_root.path) as sim:
        sim.load(CREATEFILE)
        for name in ("wow64!nothing", "nodll!f"):
            with pytest.raises(UsageError, match=name):
                sim.at(name, lambda sim: None)


def test_modules_have_the_names_a_debugger_shows(wine_root: SystemRoot) -> None:
    with wowsim.Simulation(sysroot=wine_root.path) as sim:
        sim.load(CREATEFILE)
        sim.run()
        modules = {name: module.image.bits for name, module in sim.modules.items()}
        assert sim.symbols.is_system(sim.modules["kernelbase"].base)
        assert not sim.symbols.is_system(sim.modules["createfile"].base)
    expected = {"ntdll": 64, "wow64": 64, "wow64cpu": 64, "ntdll32": 32, "kernel32": 32, "kernelbase": 32}
    assert modules.items() >= {**expected, "createfile": 32}.items()


def test_images_are_opened_once_and_read_when_touched(wine_root: SystemRoot) -> None:
    images = []
    for _ in range(2):
        with wowsim.Simulation(sysroot=wine_root.path) as sim:
            sim.load(CREATEFILE)
            start = sim.snapshot()
            sim.run()
            module = sim.modules["kernelbase"]
            images.append(module.image)
            for section in module.image.sections:
                if section.name in (".rsrc", ".edata"):
                    found = sim.memory.read(module.base + section.rva, section.size)
                    assert found == module.image.read(section.rva, section.size)
            sim.restore(start)
            sim.run()
            assert sim.memory.read(sim.modules["kernelbase"].base, 2) == b"MZ"
    assert images[0] is images[1]
