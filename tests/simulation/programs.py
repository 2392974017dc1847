"""Where the fixture programs are, and a short way to run one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sampled
import wowsim
from sampled import SAMPLED

BIN = Path(__file__).parent.parent.parent / "fixtures" / "bin"
BUILDS = list(SAMPLED)
WOW64 = list(sampled.WOW64)
NATIVE = list(sampled.NATIVE)


def run(
    program: str, build: str = "win7sp1", *args: str, **options: Any
) -> tuple[wowsim.Simulation, wowsim.RunResult]:
    """A finished simulation (the caller closes it) and its result."""
    sim = wowsim.Simulation(build=build)
    path = BIN / program
    if path.suffix == ".bin":
        sim.load_shellcode(path.read_bytes())
    else:
        sim.load(path, args)
    return sim, sim.run(**({"limit": 50_000_000} | options))
