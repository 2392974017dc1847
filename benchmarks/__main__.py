"""How fast wowsim is, as one table of ratios measured in one run.

    python -m benchmarks            # about five minutes; from the root of the repository
    python -m benchmarks --quick    # about two minutes

Candidates of one comparison run in turn, round by round, and the least disturbed rounds count. Nothing in the tests
depends on these numbers. ``python benchmarks/mapping.py`` measures how pages are mapped.
"""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

import calls
import loops
import snapshots
import startup
from measure import progress, table

import memory
import roots
import services

PARTS = {
    "loops": loops.rows,
    "calls": calls.rows,
    "services": services.rows,
    "startup": startup.rows,
    "import": startup.import_rows,
    "memory": memory.rows,
    "snapshots": snapshots.rows,
    "roots": roots.rows,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measures wowsim.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("part", nargs="*", choices=[[], *PARTS], help="only these parts")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.part or PARTS:
        progress(name)
        rows += PARTS[name](arguments.quick)
    print(f"Python {platform.python_version()}, {platform.machine()}")
    print(table(rows))


main()
