"""Import, the start of a process and what a simulation weighs, each in Python processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import Row

ROOT = Path(__file__).parent.parent
PROGRAM = ROOT / "fixtures" / "bin" / "createfile.exe"

_IMPORT = """
import json, time
start = time.process_time()
import unicorn, capstone, keystone
middle = time.process_time()
import wowsim
first = time.process_time()
from wowsim import Simulation
end = time.process_time()
print(json.dumps([middle - start, first - middle, end - middle]))
"""
_PACKAGE = """
import json, pkgutil, sys, time
from importlib import import_module
import unicorn, capstone, keystone
times = [time.process_time()]
import wowsim
times.append(time.process_time())
from wowsim import Simulation
times.append(time.process_time())
before = len(sys.modules)
names = [m.name for m in pkgutil.walk_packages(wowsim.__path__, "wowsim.")]
for name in names:
    if not name.endswith(("__main__", "pytest_plugin")):
        import_module(name)
times.append(time.process_time())
assert "pytest" not in sys.modules
print(json.dumps([times[1] - times[0], times[2] - times[0], times[3] - times[0], len(names)]))
"""
_START = """
import json, sys, time
import unicorn, capstone, keystone
from wowsim import Simulation
times = []
for _ in range(6):
    start = time.process_time()
    sim = Simulation()
    sim.load(sys.argv[1])
    ready = time.process_time()
    begin = sim.at(sim.modules["createfile"].base + sim.modules["createfile"].image.entry, lambda sim: sim.stop())
    sim.run()
    begin.remove()
    entry = time.process_time()
    assert sim.run().exit_status == 0
    sim.close()
    times.append([ready - start, entry - start, time.process_time() - start])
print(json.dumps(times))
"""
_WEIGHT = """
import json, sys
from pathlib import Path
from wowsim import Simulation
page = __import__("resource").getpagesize()
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * page
before = resident()
sims = []
weights = [before]
for number in range(1, 11):
    sim = Simulation()
    sim.load(sys.argv[1])
    sims.append(sim)
    weights.append(resident())
print(json.dumps(weights))
"""


class Python:
    """Runs scripts in new processes with compiled modules, as an installed package has them."""

    def __init__(self) -> None:
        self._cache = tempfile.TemporaryDirectory()
        self.environment = {
            name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
        } | {"PYTHONPATH": str(ROOT / "src"), "PYTHONPYCACHEPREFIX": self._cache.name}

    def run(self, script: str) -> list[list[float]] | list[float]:
        """What the script prints."""
        done = subprocess.run(
            [sys.executable, "-c", script, str(PROGRAM)],
            env=self.environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        result: list[list[float]] | list[float] = json.loads(done.stdout)
        return result

    def close(self) -> None:
        """Remove the compiled modules."""
        self._cache.cleanup()


def _best(samples: list[list[float]]) -> list[float]:
    return [min(column) for column in zip(*samples, strict=True)]


def import_rows(quick: bool) -> list[Row]:
    """The imports' part of the table: new interpreters, whose .pyc files were written by one that does not count."""
    python = Python()
    python.run(_PACKAGE)
    bare, simulation, whole, count = _best([python.run(_PACKAGE) for _ in range(5 if quick else 15)])
    python.close()
    return [
        Row("import wowsim, above the dependencies, .pyc files warm", f"{bare * 1e3:.0f} ms"),
        Row("  from wowsim import Simulation", f"{simulation * 1e3:.0f} ms"),
        Row(f"  every module of the package ({count:.0f})", f"{whole * 1e3:.0f} ms"),
    ]


def rows(quick: bool) -> list[Row]:
    """The start's part of the table."""
    python = Python()
    python.run(_START)
    rounds = range(5 if quick else 15)
    imports, firsts, laters = [], [], []
    for _ in rounds:
        imports.append(python.run(_IMPORT))
        first, *later = python.run(_START)
        firsts.append(first)
        laters += later
    three, bare, whole = _best(imports)
    ready, entry, over = _best(firsts)
    again, _, again_over = _best(laters)
    found = [
        Row("import of the three dependencies", f"{three * 1e3:.0f} ms"),
        Row("  import wowsim above them", f"{bare * 1e3:.0f} ms"),
        Row(
            "  from wowsim import Simulation above them", f"{whole * 1e3:.0f} ms", "<= 150 ms", whole <= 0.15
        ),
        Row("first process ready (Simulation + load)", f"{ready * 1e3:.0f} ms", "<= 100 ms", ready <= 0.1),
        Row("  and at its entry point", f"{entry * 1e3:.0f} ms"),
        Row("  and over (createfile.exe)", f"{over * 1e3:.0f} ms"),
        Row("a further process ready", f"{again * 1e3:.0f} ms"),
        Row("  and over", f"{again_over * 1e3:.0f} ms"),
    ]
    if Path("/proc/self/statm").exists():
        weights = python.run(_WEIGHT)
        mega = [weight / 2**20 for weight in weights]
        found += [
            Row("resident: Python with wowsim imported", f"{mega[0]:.0f} MB"),
            Row("  one loaded simulation more", f"{mega[1] - mega[0]:.0f} MB"),
            Row(
                "  ten",
                f"{mega[10] - mega[0]:.0f} MB, {(mega[10] - mega[1]) / 9:.1f} MB each after the first",
            ),
        ]
    python.close()
    return found
