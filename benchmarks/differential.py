"""Compare wowsim's thunks with the real wow64.dll of system roots, call by call.

    python -m benchmarks.differential --calls 500 --seed 1 [SERVICE...]

What is called and compared: tests/thunks_differential. Differences that its table of reasons explains are counted by
entry, all others printed; then the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

_ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(_ROOT / "src"), str(_ROOT / "tests"), str(_ROOT / "tests" / "thunks_differential")]

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = 3
"""Differences of one kind that are printed."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, and say whether something differs without a reason."""
    from differential_run import Differential, Report

    from roots import ROOTS
    from wowsim.sysroot import prepared

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.differential", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--calls", type=int, default=200, help="of each service")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--root", action="append", help=f"default: {' and '.join(ROOTS)}")
    parser.add_argument("service", nargs="*", metavar="SERVICE", help="default: all that both sides have")
    options = parser.parse_args(argv)
    roots = options.root or [name for name in ROOTS if prepared(name) is not None]
    if not roots:
        parser.error("no root is there; run: wowsim sysroot fetch wine")
    differential, report = Differential(roots), Report()
    known = differential.services()
    wrong = set(options.service) - set(known)
    if wrong:
        parser.error(f"not compared: {', '.join(sorted(wrong))}")
    for service in options.service or known:
        differential.run(service, options.calls, options.seed, report)
    differential.close()
    _print(report, roots, bool(options.service))
    return int(bool(report.left))


def _print(report: Any, roots: Sequence[str], some: bool) -> None:
    from differential_reasons import REASONS

    print(
        f"{len(report.services)} services, {report.calls} calls, each compared with {', '.join(roots)} and without"
        f" turbo thunks: {report.compared} comparisons, {sum(report.agreed.values())} agree,"
        f" {report.explained_cases} differ for a known reason, {len(report.left)} without one"
    )
    for reason in REASONS:
        count = report.explained[reason]
        if count or not some:
            print(f"{count or 'never':>8}  {', '.join(reason.services[:3]) or 'any service'}: {reason.text}")
    seen: dict[tuple[str, ...], int] = {}
    for difference in report.left:
        kind = (difference.case.service, difference.case.group, *difference.aspects)
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= SHOWN:
            print(difference)


if __name__ == "__main__":
    sys.exit(main())
