"""KUSER_SHARED_DATA: the page every process reads its time and version from.

Offsets: wow64-facts section 9. Written at process creation, refreshed at each kernel entry and each quantum.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.clock import Clock
    from wowsim.nt.builds import Build

ADDRESS = 0x7FFE0000
TICK_UNITS = 156_250
"""One clock interrupt: 15.625 ms in 100 ns units."""
WINE_TICK_UNITS = 10_000
"""Wine's GetTickCount takes the tick count for milliseconds, whatever the multiplier says (observed)."""
_TIMES = struct.Struct("<8I")
"""TickCountLowDeprecated, TickCountMultiplier, InterruptTime and SystemTime (LowPart, High1Time, High2Time)."""
_TICKS = struct.Struct("<QI")
_SYSTEM_ROOT = r"C:\Windows".encode("utf-16-le")
_PF_FASTFAIL_AVAILABLE = 23
_FEATURES = (2, 3, 6, 8, 9, 10, 12, 13, 14, 17)
"""ProcessorFeatures: CMPXCHG8B, MMX, XMMI, RDTSC, PAE, XMMI64, NX, SSE3, CX16, XSAVE absent (winnt.h PF_*)."""


def initialise(
    memory: bytearray | memoryview, at: int, build: Build, system_call: tuple[int, int] | None = None
) -> None:
    """Fill the constant fields.

    Args:
        memory: host bytes of guest RAM.
        at: offset of the page.
        build: versions.
        system_call: SystemCall and SystemCallReturn, where 32-bit Windows has them instead of QpcFrequency.
    """
    pack = struct.pack_into
    machine, architecture = (0x8664, 9) if build.wow64 else (0x14C, 0)
    major, minor, number = build.version
    pack("<HH", memory, at + 0x2C, machine, machine)
    memory[at + 0x30 : at + 0x30 + len(_SYSTEM_ROOT)] = _SYSTEM_ROOT
    pack("<I", memory, at + 0x244, 0x200000)
    pack("<I", memory, at + 0x260, number)
    pack("<IBxH", memory, at + 0x264, 1, 1, architecture)
    pack("<II", memory, at + 0x26C, major, minor)
    for feature in _FEATURES:
        memory[at + 0x274 + feature] = 1
    memory[at + 0x274 + _PF_FASTFAIL_AVAILABLE] = int(build.fast_fail)
    pack("<I", memory, at + 0x2D0, 0x110)
    memory[at + 0x2D5] = 0x0A
    pack("<I", memory, at + 0x2E8, 0x40000)
    if system_call is None:
        pack("<Q", memory, at + 0x300, 10_000_000)
    else:
        pack("<II", memory, at + 0x300, *system_call)
    pack("<II", memory, at + 0x3C0, 1, 1)


def refresher(
    memory: bytearray | memoryview, at: int, clock: Clock, tick_units: int = TICK_UNITS
) -> Callable[[], None]:
    """A function that writes the present time into the page; the triples go High2, Low, High1.

    Args:
        memory: host bytes of guest RAM.
        at: offset of the page.
        clock: the time.
        tick_units: 100 ns units between two ticks.
    """
    pack_times, pack_ticks = _TIMES.pack_into, _TICKS.pack_into
    multiplier = (tick_units << 24) // 10_000  # milliseconds per tick in 8.24 fixed point
    shown = -1

    def refresh() -> None:
        nonlocal shown
        now = clock.now
        uptime = now - clock.boot_time
        high, ticks = uptime >> 32, uptime // tick_units
        pack_times(
            memory, at, ticks & 0xFFFFFFFF, multiplier, uptime & 0xFFFFFFFF, high, high,
            now & 0xFFFFFFFF, now >> 32, now >> 32,
        )  # fmt: skip
        if ticks != shown:
            shown = ticks
            pack_ticks(memory, at + 0x320, ticks, ticks >> 32)

    return refresh
