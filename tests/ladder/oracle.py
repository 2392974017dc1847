"""Runs programs under real Wine 8.0 and under wowsim and compares what they leave.

    python -m tests.ladder.oracle record [CASE...]     real Wine's outcomes go to expected.json
    python -m tests.ladder.oracle compare [CASE...]    both now; prints each difference
    python -m tests.ladder.oracle run [--sysroot NAME] PROGRAM [ARG...]    a program of yours, both ways

A CASE is a name of ``cases`` or a beginning of one. Real Wine needs root, apt with i386 as a foreign architecture and
400 MB in wowsim's cache; where that is not there it says so. Nothing is installed: see ``wine``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .cases import CASES, Case
from .fetch import programs_folder
from .outcome import HERE, Outcome, from_json, program_file
from .simulated import run as simulate
from .wine import NoWine, Wine

EXPECTED = HERE / "expected.json"


def expected() -> dict[str, Any]:
    """What real Wine 8.0 did, by the case's name."""
    return json.loads(EXPECTED.read_text(encoding="utf-8")) if EXPECTED.exists() else {}


def _chosen(names: list[str]) -> list[Case]:
    if not names:
        return list(CASES.values())
    found = [case for name, case in CASES.items() if name in names]
    return found or [case for name, case in CASES.items() if name.startswith(tuple(names))]


def _runnable(case: Case) -> bool:
    return "\\" in case.program or program_file(case) is not None


def record(wine: Wine, names: list[str]) -> int:
    """Keep what real Wine does; 1 if a program was missing."""
    kept, missing = expected(), 0
    for case in _chosen(names):
        if not _runnable(case):
            print(f"{case.name}: {case.program} was not fetched", file=sys.stderr)
            missing = 1
            continue
        try:
            kept[case.name] = asdict(wine.run(case))
            print(f"{case.name}: exit {kept[case.name]['exit']}", flush=True)
        except NoWine as reason:
            print(f"{case.name}: {reason}", file=sys.stderr)
            missing = 1
    kept = {name: kept[name] for name in CASES if name in kept}
    EXPECTED.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return missing


def compare(wine: Wine | None, cases: list[Case], root: str) -> int:
    """Print differences between real Wine (or what was kept of it) and wowsim; how many cases differ."""
    kept, different = expected(), 0
    for case in cases:
        if not _runnable(case) or (wine is None and case.name not in kept):
            continue
        real: Outcome = from_json(kept[case.name]) if wine is None else wine.run(case)
        lines = simulate(case, root).differences(real)
        print(f"{case.name}: {'differs' if lines else 'equal'}", *lines, sep="\n  ", flush=True)
        different += bool(lines)
    return different


def main(arguments: list[str]) -> int:
    """The command line."""
    command, *rest = arguments or ["help"]
    root = "wine-8.0"
    if rest[:1] == ["--sysroot"]:
        root, rest = rest[1], rest[2:]
    if command not in ("record", "compare", "kept", "run") or (command == "run" and not rest):
        print(__doc__)
        return 2
    if command == "kept":
        return compare(None, _chosen(rest), root)
    try:
        wine = Wine(programs_folder().parent / "oracle")
    except NoWine as reason:
        print(f"real Wine cannot be run here: {reason}", file=sys.stderr)
        return 2
    try:
        if command == "record":
            return record(wine, rest)
        if command == "compare":
            return compare(wine, _chosen(rest), root)
        program = rest[0] if "\\" in rest[0] else f"host:{Path(rest[0]).resolve()}"
        return compare(wine, [Case(" ".join(rest), program, tuple(rest[1:]))], root)
    finally:
        wine.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
