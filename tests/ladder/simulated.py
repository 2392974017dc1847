"""Runs a case under wowsim with a system root."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import wowsim

from .cases import WORK, Case
from .outcome import Outcome, left, outcome, prepare, program_file

PATIENCE = 240
"""Seconds for one program, of which the longest takes ten on an idle machine."""
LIMIT = 50_000_000_000


def run(case: Case, root: str) -> Outcome:
    """What a case leaves under wowsim; an end that is none of the program's own shows in ``stderr``."""
    folder = Path(tempfile.mkdtemp())
    try:
        app, work = folder / "app", folder / "work"
        app.mkdir()
        work.mkdir()
        prepare(case, app, work)
        program = program_file(case)
        with wowsim.Simulation(build=case.build, sysroot=root) as sim:
            sim.files.mount(work, WORK, writable=True)
            before = set(sim.files.list("C:\\"))
            start = case.program if program is None else app / program.name
            try:
                sim.load(start, case.args, env=case.env, cwd=WORK, stdin=case.stdin)
            except wowsim.UsageError as reason:
                return outcome(case, 0, b"", str(reason).encode(), {})
            result = sim.run(limit=LIMIT, timeout=PATIENCE)  # counted: the clock is the same every time
            files = left(case, work, WORK)
            for name in set(sim.files.list("C:\\")) - before - {"app"}:
                files |= _below(sim, f"C:\\{name}")
            error = result.stderr
            if result.exit_status is None:
                error += f"{result.reason}: {result.detail}".encode()
            return outcome(case, result.exit_status or 0, result.stdout, error, files)
    finally:
        shutil.rmtree(folder)


def _below(sim: wowsim.Simulation, path: str) -> dict[str, bytes]:
    try:
        return {path: sim.files.read(path)}
    except wowsim.UsageError:  # a directory
        found: dict[str, bytes] = {}
        for name in sim.files.list(path):
            found |= _below(sim, f"{path}\\{name}")
        return found
