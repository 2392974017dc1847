"""What a system root costs: a run of hello.exe from a cold Python, its DLLs, and tracing a real program.

Needs a root (``wowsim sysroot fetch wine``), for the last row also the ladder's programs (``python -m
tests.ladder.fetch``); rows that lack theirs say so.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from measure import Row, interleave, timed
from startup import ROOT, Python

from wowsim import Simulation
from wowsim.simulation.dlls import RootFile, opener
from wowsim.sysroot import open_root, prepared
from wowsim.sysroot.names import cache_folder

HELLO = ROOT / "fixtures" / "bin" / "hello.exe"
SEVEN_ZIP = cache_folder() / "programs" / "7za" / "7za.exe"
_NATIVE = ("ntdll", "wow64", "wow64cpu", "wow64win", "win32u")
_NARROW = (
    *("ntdll", "kernel32", "kernelbase", "msvcrt", "ucrtbase", "advapi32"),
    *("sechost", "win32u", "user32", "gdi32", "rpcrt4", "version"),
)


def _cold(python: Python, rounds: int) -> tuple[float, float]:
    """Wall and CPU seconds of the command, the best of each."""
    walls, cpus = [], []
    for _ in range(rounds + 1):
        before, start = getrusage(RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "wowsim", "run", "--sysroot", "wine", str(HELLO)],
            env=python.environment, capture_output=True, check=False,
        )  # fmt: skip
        after = getrusage(RUSAGE_CHILDREN)
        walls.append(time.perf_counter() - start)
        cpus.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(walls[1:]), min(cpus[1:])


def _mapped() -> float:
    """Open the DLLs of a usual program and read what mapping them reads, none of it known before."""
    root, opened = open_root("wine"), opener(("C:",))
    paths = [root.find(f"{name}.dll", 64) for name in _NATIVE]
    paths += [root.find(f"{name}.dll", 32) for name in _NARROW]

    def work() -> None:
        for number, path in enumerate(path for path in paths if path is not None):
            image = opened(RootFile(path), f"C:\\{time.perf_counter_ns()}\\{number}.dll")
            image.read(0, image.headers_size)
            for section in image.sections:
                if section.writable or section.executable:
                    image.read(section.rva, section.size)

    return timed(work)


def _archive(trace: str | None) -> float:
    arguments = ["a", "-mx5", "-mmt1", "C:\\Temp\\x.7z", f"C:\\app\\{SEVEN_ZIP.name}"]
    with Simulation(sysroot="wine") as sim:
        sim.load(SEVEN_ZIP, args=arguments)
        took = timed(lambda: sim.run(trace=trace))
        assert sim.files.exists("C:\\Temp\\x.7z")
    return took


def rows(quick: bool) -> list[Row]:
    """The roots' part of the table."""
    if prepared("wine") is None:
        return [Row("with a system root", "not measured", "wowsim sysroot fetch wine")]
    python = Python()
    wall, cpu = _cold(python, 5 if quick else 15)
    python.close()
    found = [
        Row("wowsim run --sysroot wine hello.exe, cold", f"{wall:.2f} s wall", "<= 0.5 s", wall <= 0.5),
        Row("  its CPU time", f"{cpu:.2f} s"),
    ]
    mapped = min(_mapped() for _ in range(5))
    count = len(_NATIVE) + len(_NARROW)
    found.append(
        Row(f"{count} DLLs opened and read for mapping", f"{mapped * 1e3:.0f} ms", "<= 60 ms", mapped <= 0.06)
    )
    if not Path(SEVEN_ZIP).is_file():
        return [*found, Row("7za a, calls traced", "not measured", "python -m tests.ladder.fetch")]
    times = interleave(
        {"plain": lambda: _archive(None), "calls": lambda: _archive("calls")}, 1 if quick else 3
    )
    share = times["calls"].share_of(times["plain"])
    found.append(Row("7za a (itself), calls traced, of untraced", f"{share:.2f}", ">= 0.9", share >= 0.9))
    return found
