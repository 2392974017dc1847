"""Fuzz the services: hostile calls by the thousand, each failure printed with the command that repeats it.

    python benchmarks/fuzz_services.py --calls 100000 --seed 1 [--service NtCreateFile] [--build win7sp1]

What is called and how: tests/hostile/service_fuzzer.py. The exit code is 1 if something failed.
"""

from __future__ import annotations

import argparse
import faulthandler
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "hostile"))
sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

from service_fuzzer import Fuzzer

import wowsim

if TYPE_CHECKING:
    from collections.abc import Sequence

HANG = 120
"""Host seconds in which a batch that does not come back is reported."""


def peak() -> int:
    """Bytes that the process held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, and say whether something failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=10_000, help="for each build and width")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--service", action="append", help="only this one; repeatable")
    parser.add_argument("--build", action="append", help="default: win7sp1 and win10-22h2")
    parser.add_argument("--bits", type=int, choices=(32, 64), action="append", help="default: both")
    parser.add_argument("--batch", type=int, help="repeat one batch")
    options = parser.parse_args(argv)
    failed = False
    for build in options.build or ("win7sp1", "win10-22h2"):
        native = not wowsim.Simulation(build).build.wow64
        for bits in (32,) if native else options.bits or (32, 64):
            failed |= _fuzz(build, bits, options)
    return int(failed)


def _fuzz(build: str, bits: int, options: argparse.Namespace) -> bool:
    fuzzer = Fuzzer(build, bits, options.seed, options.service)
    began, before = time.perf_counter(), peak()
    faulthandler.enable()
    if options.batch is not None:
        fuzzer.batch(options.batch)
    else:
        batch = 0
        while fuzzer.report.calls < options.calls:
            faulthandler.dump_traceback_later(HANG, exit=True)
            fuzzer.batch(batch, options.calls - fuzzer.report.calls)
            batch += 1
        faulthandler.cancel_dump_traceback_later()
    report, seconds = fuzzer.report, time.perf_counter() - began
    print(
        f"{build} from {bits}-bit code: {report.calls} calls of {len(report.services)} services, seed {options.seed},"
        f" {report.batches} batches, {report.calls / seconds:.0f} calls/s, {len(report.failures)} failures,"
        f" memory grew by {(peak() - before) >> 20} MB"
    )
    print("  ended:", ", ".join(f"{r.value} {n}" for r, n in report.reasons.most_common()))
    print("  statuses:", ", ".join(f"{s:08X} {n}" for s, n in report.statuses.most_common(12)))
    seen: set[str] = set()
    for failure in report.failures:
        last = failure.text.strip().splitlines()[-1]
        if last not in seen:
            seen.add(last)
            print(f"  {failure.command}\n    {'; '.join(failure.calls)}\n{failure.text}")
    fuzzer.close()
    return bool(report.failures)


if __name__ == "__main__":
    sys.exit(main())
