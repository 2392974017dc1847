"""The 32-bit Windows builds as rows: version and where things lie. ``nt.builds`` makes builds of them.

Versions: the build numbers of the releases that wow64-facts section 7 lists. Bases and sizes of the DLLs, and PEB and
TEB, are chosen near what such systems show (Windows randomises them from Vista on), and unverified.
"""

from __future__ import annotations

from typing import NamedTuple

Range = tuple[int, int]
"""Base and SizeOfImage."""


class NativeRow(NamedTuple):
    """One 32-bit Windows; ``kernelbase`` is None before Windows 7."""

    name: str
    title: str
    version: tuple[int, int, int]
    ntdll: Range
    kernel32: Range
    kernelbase: Range | None
    service_pack: str = ""
    teb: int = 0x7FFDE000
    peb: int = 0x7FFDF000


_RELEASES_10 = {
    "1507": 10240, "1511": 10586, "1607": 14393, "1703": 15063, "1709": 16299, "1803": 17134, "1809": 17763,
    "1903": 18362, "1909": 18363, "2004": 19041, "20h2": 19042, "21h1": 19043, "21h2": 19044, "22h2": 19045,
}  # fmt: skip
_DLLS_10 = (0x77390000, 0x1A4000), (0x76840000, 0xF0000), (0x75330000, 0x227000)
ROWS = (
    NativeRow("winxp-x86", "Windows XP SP3", (5, 1, 2600), (0x7C900000, 0xB2000), (0x7C800000, 0xF6000), None,
              "Service Pack 3"),
    NativeRow("vista-x86", "Windows Vista SP2", (6, 0, 6002), (0x77680000, 0x127000), (0x76840000, 0xDC000), None,
              "Service Pack 2"),
    NativeRow("win7sp1-x86", "Windows 7 SP1", (6, 1, 7601), (0x77680000, 0x13C000), (0x76840000, 0xD5000),
              (0x75330000, 0x4B000), "Service Pack 1"),
    NativeRow("win8-x86", "Windows 8", (6, 2, 9200), (0x77A10000, 0x155000), (0x76840000, 0xF0000),
              (0x75330000, 0xB0000)),
    NativeRow("win8.1-x86", "Windows 8.1", (6, 3, 9600), (0x77A90000, 0x16F000), (0x76840000, 0xF0000),
              (0x75330000, 0xD0000)),
    *(NativeRow(f"win10-{name}-x86", f"Windows 10 {name.upper()}", (10, 0, number), *_DLLS_10, teb=0xDBF000,
                peb=0xDBE000)
      for name, number in _RELEASES_10.items()),
)  # fmt: skip
"""Oldest first."""
