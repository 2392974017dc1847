"""The same seed gives the same trace, in any process and after any other program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FIXTURES = Path(__file__).parents[2] / "fixtures" / "bin"
PROGRAM = """
import sys, wowsim
from wowsim.trace.jsonl import lines
def trace(name):
    with wowsim.Simulation(seed=7) as sim:
        sim.load(name)
        result = sim.run(trace="blocks")
        return list(lines(result.trace.calls(), result.trace.events, build="b", seed=7, program="p", version="v"))
for before in sys.argv[2:]:
    trace(before)
print(*trace(sys.argv[1]), sep="\\n")
"""


def traced(hash_seed: int, *programs: str) -> bytes:
    environment = os.environ | {"PYTHONHASHSEED": str(hash_seed)}
    arguments = [sys.executable, "-c", PROGRAM, *(str(FIXTURES / name) for name in programs)]
    return subprocess.run(arguments, env=environment, capture_output=True, check=True).stdout


def test_neither_the_process_nor_an_earlier_program_shows() -> None:
    first = traced(1, "createfile.exe")
    assert b"NtCreateFile" in first
    assert traced(2, "createfile.exe", "inlinehook.exe", "k32only.exe") == first
