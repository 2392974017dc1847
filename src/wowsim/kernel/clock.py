"""The simulated clock: system time, tick count, performance counter (nt!Ke time).

Time is what the simulation says: it stands still unless :meth:`Clock.advance` is called, so two runs see the
same times. Leaves out time zones (UTC) and the difference between the counters' sources.
Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from datetime import datetime, timezone

UNITS_PER_SECOND = 10_000_000
"""100 ns units, and the frequency of the performance counter."""
UNITS_PER_MILLISECOND = 10_000

END_OF_TIME = (1 << 63) - 1
"""The last moment that a LARGE_INTEGER can name: what is due behind it never happens."""

_EPOCH = datetime(1601, 1, 1, tzinfo=timezone.utc)


def file_time(moment: datetime) -> int:
    """100 ns units since 1601-01-01 UTC; a naive moment is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    delta = moment - _EPOCH
    return (delta.days * 86400 + delta.seconds) * UNITS_PER_SECOND + delta.microseconds * 10


class Clock:
    """Simulated time.

    Args:
        start: what the clock shows when the simulation begins.
        uptime: how long the machine has been up by then, in seconds.
    """

    def __init__(
        self, start: datetime = datetime(2015, 5, 1, tzinfo=timezone.utc), uptime: int = 3600
    ) -> None:
        self.now = file_time(start)
        self.boot_time = self.now - uptime * UNITS_PER_SECOND

    def advance(self, units: int) -> None:
        """Let ``units`` of 100 ns pass; at the end of time the clock stands."""
        if units < 0:
            raise ValueError(f"time runs forward; got {units} units")
        self.now = min(self.now + units, END_OF_TIME)

    def moment(self, interval: int) -> int:
        """The moment that an interval of a service means: a negative one counts from now."""
        return self.now - interval if interval < 0 else interval

    @property
    def interrupt_time(self) -> int:
        """100 ns units since boot."""
        return self.now - self.boot_time

    @property
    def tick_count(self) -> int:
        """Milliseconds since boot, 64 bits wide."""
        return self.interrupt_time // UNITS_PER_MILLISECOND

    @property
    def performance_counter(self) -> int:
        """QueryPerformanceCounter at 10 MHz."""
        return self.interrupt_time
