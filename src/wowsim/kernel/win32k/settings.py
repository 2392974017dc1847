"""Measures, colours and parameters of the system as USER answers them: the defaults of a fresh installation.

Indices: winuser.h. Values are Windows 7's documented defaults where there are any (Microsoft Learn, GetSystemMetrics,
GetSysColor); the screen is the 1024 x 768 that a session has which nobody looks at (unverified). Who may import it:
``win32k.services``.
"""

from __future__ import annotations

import struct

from wowsim.errors import Unsupported
from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import PVOID, ULONG

WIDTH, HEIGHT = 1024, 768
METRICS = {
    0: WIDTH, 1: HEIGHT, 2: 17, 3: 17, 4: 20, 5: 1, 6: 1, 7: 3, 8: 3, 11: 32, 12: 32, 13: 32, 14: 32, 15: 20,
    16: WIDTH, 17: HEIGHT - 20, 19: 1, 22: 0, 23: 0, 28: 132, 29: 26, 30: 30, 31: 30, 32: 4, 33: 4, 36: 4, 37: 4,
    40: 0, 41: 0, 42: 0, 43: 3, 44: 0, 45: 2, 46: 2, 49: 16, 50: 16, 63: 3, 67: 0, 68: 4, 69: 4, 70: 0, 71: 13,
    72: 13, 73: 0, 75: 1, 76: 0, 77: 0, 78: WIDTH, 79: HEIGHT, 80: 1, 81: 1, 82: 0, 86: 0, 87: 0, 88: 0, 89: 0,
    91: 0, 92: 4, 93: 0, 94: 0, 95: 0, 0x1000: 0, 0x2000: 0, 0x2001: 0, 0x2003: 0, 0x2004: 0,
}  # fmt: skip
"""SM_* -> value."""
COLOURS = (
    0xC8C8C8, 0x000000, 0xD1B499, 0xDBCDBF, 0xF0F0F0, 0xFFFFFF, 0x646464, 0x000000, 0x000000, 0x000000, 0xB4B4B4,
    0xFCF7F4, 0xABABAB, 0xFF9933, 0xFFFFFF, 0xF0F0F0, 0xA0A0A0, 0x6D6D6D, 0x000000, 0x544E43, 0xFFFFFF, 0x696969,
    0xE3E3E3, 0x000000, 0xE1FFFF, 0x000000, 0xCC6600, 0xEAD1B9, 0xF2E4D7, 0xFF9933, 0xF0F0F0,
)  # fmt: skip
"""COLORREF of each COLOR_*."""
SPI_GETICONTITLELOGFONT = 0x1F
_DWORD, _RECT = struct.Struct("<I"), struct.Struct("<4i")
_LOGFONT = struct.Struct("<5i8B64s")


def _font(height: int, weight: int = 400) -> bytes:
    """LOGFONTW of the font that everything is written in."""
    face = "Tahoma".encode("utf-16-le")
    return _LOGFONT.pack(height, 0, 0, 0, weight, 0, 0, 0, 0, 0, 0, 0, 0, face)


PARAMETERS = {
    0x01: _DWORD.pack(1), 0x0A: _DWORD.pack(31), 0x0E: _DWORD.pack(600), 0x10: _DWORD.pack(0),
    0x12: _DWORD.pack(0), 0x16: _DWORD.pack(1), 0x1B: _DWORD.pack(0), 0x26: _DWORD.pack(1),
    0x30: _RECT.pack(0, 0, WIDTH, HEIGHT), 0x44: _DWORD.pack(0), 0x46: _DWORD.pack(0), 0x4A: _DWORD.pack(0),
    0x68: _DWORD.pack(3), 0x70: _DWORD.pack(10), 0x72: _DWORD.pack(0),
}  # fmt: skip
"""SPI_GET* -> what is written: beep, keyboard speed, screen saver, work area ..."""


def metric(index: int) -> int:
    """A measure; 0 for an index that does not exist (Microsoft Learn, GetSystemMetrics)."""
    return METRICS.get(index, 0)


def colour(index: int) -> int:
    """A colour; 0 for an index that does not exist (Microsoft Learn, GetSysColor)."""
    return COLOURS[index] if index < len(COLOURS) else 0


@service(Support.PARTIAL, "the simple SPI_GET parameters; others are refused by name")
def NtUserSystemParametersInfo(
    k: Kernel, action: ULONG, value: ULONG, parameter: PVOID, update: ULONG
) -> int:
    """A parameter of the user's settings."""
    data = PARAMETERS.get(action)
    if action == SPI_GETICONTITLELOGFONT:
        data = _font(-11)
    if data is None:
        raise Unsupported(f"NtUserSystemParametersInfo(SPI {action:X}h) is not implemented")
    k.memory.write(parameter, data)
    return 1
