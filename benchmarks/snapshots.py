"""What a snapshot costs, and going back to it, against the pages touched since."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from measure import Row, interleave, timed

import wowsim

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = Path(__file__).parent.parent / "fixtures" / "bin" / "createfile.exe"
TOUCHED = (0, 1, 10, 100, 1000)
REPEATS = 20


def rows(quick: bool) -> list[Row]:
    """The snapshots' part of the table."""
    rounds = 5 if quick else 15
    with wowsim.Simulation() as sim:
        sim.load(PROGRAM)
        sim.at("kernel32!CreateFileW", lambda sim: sim.stop())
        sim.run()
        first = timed(sim.snapshot)
        block = sim.call32("kernel32!VirtualAlloc", 0, max(TOUCHED) * 0x1000, 0x3000, 4)
        start = sim.snapshot()

        def touching(pages: int) -> Callable[[], float]:
            def run() -> float:
                spent = 0.0
                for _ in range(REPEATS):
                    for page in range(pages):
                        sim.memory.write(block + page * 0x1000, b"touched")
                    spent += timed(lambda: sim.restore(start))
                return spent / REPEATS

            return run

        def after_run() -> float:
            sim.run()
            return timed(lambda: sim.restore(start))

        candidates = {str(pages): touching(pages) for pages in TOUCHED}
        candidates |= {"run": after_run, "snapshot": lambda: timed(sim.snapshot)}
        times = interleave(candidates, rounds)
    return [
        Row(f"first snapshot ({start.pages} pages in use)", f"{first * 1e3:.1f} ms"),
        Row("  a further one, nothing touched", f"{times['snapshot'].best * 1e3:.1f} ms"),
        *(Row(f"restore, {n} pages touched", f"{times[str(n)].best * 1e6:.0f} us") for n in TOUCHED),
        Row("  createfile.exe run from CreateFileW to its end", f"{times['run'].best * 1e6:.0f} us"),
    ]
