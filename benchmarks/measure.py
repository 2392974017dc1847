"""How the benchmarks measure: interleaved rounds, so that a noisy machine disturbs all candidates alike.

Times are CPU time of the process, all its threads together: other programs' turns do not count.
"""

from __future__ import annotations

import gc
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import process_time

Run = Callable[[], float]
"""Does its work once and returns the CPU seconds it took."""


@dataclass(frozen=True)
class Times:
    """Seconds of one candidate, round by round."""

    rounds: tuple[float, ...]

    @property
    def best(self) -> float:
        """The least disturbed round."""
        return min(self.rounds)

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.rounds)

    def share_of(self, reference: Times) -> float:
        """Speed in terms of ``reference``: 1 is as fast, 0.5 half as fast; the middle one of all rounds' ratios."""
        return statistics.median(
            theirs / own for own, theirs in zip(self.rounds, reference.rounds, strict=True)
        )


def interleave(candidates: Mapping[str, Run], rounds: int) -> dict[str, Times]:
    """Run every candidate once per round, in turn, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(rounds + 1):
        for name, run in candidates.items():
            gc.collect()
            took = run()
            if number:
                seconds[name].append(took)
    return {name: Times(tuple(values)) for name, values in seconds.items()}


def timed(work: Callable[[], object]) -> float:
    """CPU seconds that ``work`` takes."""
    start = process_time()
    work()
    return process_time() - start


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: what was measured.
        value: the result with its unit.
        target: what issue and design ask for, or what it is compared with.
        met: whether the target is met; None where there is none.
    """

    what: str
    value: str
    target: str = ""
    met: bool | None = None


def table(rows: list[Row]) -> str:
    """The rows as aligned text."""
    marks = {True: "yes", False: "NO", None: ""}
    cells = [
        ("what", "measured", "target", "met"),
        *((r.what, r.value, r.target, marks[r.met]) for r in rows),
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    lines = [
        "  ".join((*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[3])).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def progress(text: str) -> None:
    """Say on the terminal what is being measured; the table goes to standard output."""
    print(f"... {text}", file=sys.stderr, flush=True)
