"""Time conversions of the run-time library: TIME_FIELDS and seconds since 1970 and 1980.

Stands for RtlTimeToTimeFields and its family. System time counts 100 ns from 1601-01-01 in the proleptic
Gregorian calendar. Who may import it: the simulation.
"""

from __future__ import annotations

import struct
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wowsim.nt.trap import Routine, Trap

SECOND = 10_000_000
DAY = 86_400 * SECOND
EPOCH = date(1601, 1, 1)
SECONDS_TO_1970 = (date(1970, 1, 1) - EPOCH).days * 86_400
SECONDS_TO_1980 = (date(1980, 1, 1) - EPOCH).days * 86_400
LAST_DAY = (date.max - EPOCH).days

_FIELDS = struct.Struct("<8h")


def fields(time: int) -> tuple[int, int, int, int, int, int, int, int]:
    """Year, month, day, hour, minute, second, milliseconds, weekday (Sunday is 0) of a system time.

    Times before 1601 or after the year 9999 give those ends.
    """
    days, rest = divmod(time, DAY)
    when = EPOCH + timedelta(days=min(max(days, 0), LAST_DAY))
    milliseconds = rest // 10_000
    seconds = milliseconds // 1000
    return (
        when.year, when.month, when.day, seconds // 3600, seconds // 60 % 60, seconds % 60,
        milliseconds % 1000, when.isoweekday() % 7,
    )  # fmt: skip


def time_of(
    year: int, month: int, day: int, hour: int, minute: int, second: int, milliseconds: int
) -> int | None:
    """The system time of those fields; None when they name no moment since 1601."""
    in_day = 0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60 and 0 <= milliseconds < 1000
    if not (1601 <= year <= 9999 and in_day):
        return None
    try:
        days = (date(year, month, day) - EPOCH).days
    except ValueError:
        return None
    seconds = (hour * 60 + minute) * 60 + second
    return days * DAY + seconds * SECOND + milliseconds * 10_000


def routines() -> dict[str, Routine]:
    """The routines behind the traps ``rtl.NAME`` of this module."""
    return {f"rtl.{function.__name__}": function for function in _ROUTINES}


def _time(trap: Trap, address: int) -> int:
    return int.from_bytes(trap.memory.read(address, 8), "little", signed=True)


def RtlTimeToTimeFields(trap: Trap) -> None:
    """(time, fields)."""
    trap.memory.pack(_FIELDS, trap.argument(1), *fields(_time(trap, trap.argument(0))))


def RtlTimeFieldsToTime(trap: Trap) -> int:
    """(fields, time): BOOLEAN."""
    year, month, day, hour, minute, second, milliseconds, _ = trap.memory.unpack(_FIELDS, trap.argument(0))
    found = time_of(year, month, day, hour, minute, second, milliseconds)
    if found is None:
        return 0
    trap.memory.write(trap.argument(1), found.to_bytes(8, "little"))
    return 1


def RtlTimeToSecondsSince1970(trap: Trap) -> int:
    """(time, seconds): BOOLEAN, false outside 32 bits."""
    return _seconds(trap, SECONDS_TO_1970)


def RtlTimeToSecondsSince1980(trap: Trap) -> int:
    """(time, seconds): BOOLEAN, false outside 32 bits."""
    return _seconds(trap, SECONDS_TO_1980)


def _seconds(trap: Trap, start: int) -> int:
    seconds = _time(trap, trap.argument(0)) // SECOND - start
    if not 0 <= seconds <= 0xFFFFFFFF:
        return 0
    trap.memory.write(trap.argument(1), seconds.to_bytes(4, "little"))
    return 1


def RtlSecondsSince1970ToTime(trap: Trap) -> None:
    """(seconds, time)."""
    _from_seconds(trap, SECONDS_TO_1970)


def RtlSecondsSince1980ToTime(trap: Trap) -> None:
    """(seconds, time)."""
    _from_seconds(trap, SECONDS_TO_1980)


def _from_seconds(trap: Trap, start: int) -> None:
    time = (trap.argument(0) + start) * SECOND
    trap.memory.write(trap.argument(1), time.to_bytes(8, "little"))


LEAVES = {
    "RtlTimeToTimeFields": 2,
    "RtlTimeFieldsToTime": 2,
    "RtlTimeToSecondsSince1970": 2,
    "RtlTimeToSecondsSince1980": 2,
    "RtlSecondsSince1970ToTime": 2,
    "RtlSecondsSince1980ToTime": 2,
}
"""Routines that are one trap, with their number of arguments."""

_ROUTINES: tuple[Routine, ...] = tuple(globals()[name] for name in LEAVES)
