"""The 64-bit Windows builds as rows: version and where the DLLs lie. ``nt.builds`` makes builds of them.

Versions: the build numbers of the releases that wow64-facts section 7 lists. Windows 7 SP1: the ModLoad lines of
seed 002. Elsewhere bases and sizes are chosen near what such systems show (Windows randomises them from Vista on) and
unverified, but for wow64cpu's in Windows 10 (wow64-facts section 4). Left out: that wow64.dll and wow64win.dll lie
above 4 GB in later Windows, and DLLs that Windows 11 split off from them.
"""

from __future__ import annotations

from typing import NamedTuple

Range = tuple[int, int]
"""Base and SizeOfImage."""


class Wow64Row(NamedTuple):
    """One 64-bit Windows.

    Attributes:
        kernelbase: None before Windows 7.
        peb32_size: WOW64INFO lies directly behind; known for 7, 1507 and 11 (wow64-facts section 9), else the nearest.
        turbo: published table of turbo indices; ``turbo_verified`` says whether it is this build's own.
        reserved: [start, end) of what wow64.dll reserves while it maps 64-bit DLLs (wow64-facts section 3.8).
    """

    name: str
    title: str
    version: tuple[int, int, int]
    ntdll: Range
    ntdll32: Range
    wow64: Range
    wow64win: Range
    wow64cpu: Range
    kernel32: Range
    kernelbase: Range | None
    peb32_size: int
    turbo: str
    turbo_verified: bool = False
    service_pack: str = ""
    reserved: tuple[Range, ...] = ()


_SEVEN = 0x248
_EIGHT = 0x250
_LATEST = 0x488
_WOW64_8 = (0x77780000, 0x48000), (0x777D0000, 0x68000), (0x77840000, 0x9000)
_KERNEL_8 = (0x76840000, 0x140000), (0x75330000, 0xD7000)
_DLLS_10 = (
    (0x7FFC_5B2D0000, 0x1F8000), (0x77A50000, 0x1A4000), (0x6B0A0000, 0x59000), (0x6B010000, 0x83000),
    (0x6B100000, 0xA000), (0x76840000, 0xF0000), (0x77330000, 0x227000),
)  # fmt: skip
_TURBO_10_UNTIL = 17134
"""1803: the last release with a published table."""
_SMALL_PEB_UNTIL = 15063
"""1703: the last release that is nearer to 1507's PEB than to today's; unverified."""
_RELEASES = {
    "win10-1507": 10240, "win10-1511": 10586, "win10-1607": 14393, "win10-1703": 15063, "win10-1709": 16299,
    "win10-1803": 17134, "win10-1809": 17763, "win10-1903": 18362, "win10-1909": 18363, "win10-2004": 19041,
    "win10-20h2": 19042, "win10-21h1": 19043, "win10-21h2": 19044, "win10-22h2": 19045, "win11-21h2": 22000,
    "win11-22h2": 22621, "win11-23h2": 22631, "win11-24h2": 26100,
}  # fmt: skip


def _ten(name: str, number: int) -> Wow64Row:
    windows, release = name.removeprefix("win").split("-")
    return Wow64Row(
        name, f"Windows {windows} {release.upper()} x64", (10, 0, number), *_DLLS_10,
        _EIGHT if number <= _SMALL_PEB_UNTIL else _LATEST, "turbo_10", number <= _TURBO_10_UNTIL,
    )  # fmt: skip


ROWS = (
    Wow64Row(
        "winxp-x64", "Windows XP SP2 x64", (5, 2, 3790), (0x77EC0000, 0x139000), (0x7D600000, 0xF0000),
        (0x6B000000, 0x45000), (0x6B280000, 0x4A000), (0x78B80000, 0x9000), (0x7D4C0000, 0x130000), None,
        _SEVEN, "turbo_8", service_pack="Service Pack 2",
    ),
    Wow64Row(
        "vista", "Windows Vista SP2 x64", (6, 0, 6002), (0x77420000, 0x186000), (0x77600000, 0x160000),
        (0x75010000, 0x45000), (0x74FB0000, 0x56000), (0x74FA0000, 0x9000), (0x75840000, 0x110000), None,
        _SEVEN, "turbo_8", service_pack="Service Pack 2",
    ),
    Wow64Row(
        "win7sp1", "Windows 7 SP1 x64", (6, 1, 7601), (0x775F0000, 0x1A8000), (0x777D0000, 0x180000),
        (0x738C0000, 0x3F000), (0x73860000, 0x5C000), (0x73850000, 0x8000), (0x75840000, 0x110000),
        (0x77330000, 0x47000), _SEVEN, "turbo_8", service_pack="Service Pack 1",
        reserved=((0x773D0000, 0x774EF000), (0x774F0000, 0x775EA000)),
    ),
    Wow64Row(
        "win8", "Windows 8 x64", (6, 2, 9200), (0x7FE_13AC0000, 0x1BE000), (0x77A10000, 0x157000),
        *_WOW64_8, *_KERNEL_8, _EIGHT, "turbo_8", True,
    ),
    Wow64Row(
        "win8.1", "Windows 8.1 x64", (6, 3, 9600), (0x7FFF_FED40000, 0x1E0000), (0x77A90000, 0x16F000),
        *_WOW64_8, *_KERNEL_8, _EIGHT, "turbo_8.1", True,
    ),
    *(_ten(name, number) for name, number in _RELEASES.items()),
)  # fmt: skip
"""Oldest first."""
