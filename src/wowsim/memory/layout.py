"""Where each Windows build puts what into the user half (nt!MmHighestUserAddress and its kin).

Values only. ``source`` says where a layout comes from; a value that nothing public proves is listed in
``unverified``. Later service packs and the randomisation of bases are left out: one boot is described.

Who may import it: everybody above ``wowsim.nt``.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from wowsim.errors import UsageError
from wowsim.nt.builds import NATIVE, WIN7SP1, WIN10_22H2, WOW64
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wowsim.nt.builds import Build

LOWEST_USER_ADDRESS = 0x10000
KUSER_SHARED_DATA = 0x7FFE0000
_8_TB = 0x7FF_FFFEFFFF
_128_TB = 0x7FFF_FFFEFFFF


@dataclass(frozen=True)
class SpaceLayout:
    """The user address space of one build.

    Attributes:
        name: the build.
        highest_user: last byte that user mode may ever own.
        limit: first address that an ordinary 32-bit process cannot have.
        limit_large: the same with IMAGE_FILE_LARGE_ADDRESS_AWARE.
        wow64: whether 32-bit programs are guests of a 64-bit kernel.
        ntdll: base of the native ntdll.
        ntdll32: base of the SysWOW64 ntdll; None on native 32-bit Windows.
        ntdll_size: SizeOfImage of the native ntdll; ``ntdll32_size`` of the SysWOW64 one.
        kuser_rest: whether pages 7FFE1-7FFEF are one region in which nothing may be committed.
        hypervisor_page: address of the extra read-only page near KUSER_SHARED_DATA, or None.
        cfg: ``(base, size)`` of the Control Flow Guard bitmaps, the native one first; empty without CFG.
        peb: preferred address of the first PEB.
        peb_region: whether PEBs and TEBs go upwards through regions of 2 MB; else page by page downwards.
        peb_pages: pages from the native PEB on that are allocated together where that is more than the PEBs take,
            the 32-bit PEB being the second; 0 for the build's own way.
        stack_committed: whether a program's stacks are committed as a whole and have 1 MB at least.
        pool: where the kernel's VAD nodes lie, as ``!vad`` shows them (the samples of wow64-facts section 8.4).
        teb_pages: pages of one thread's TEBs (wow64-facts sections 3.1 and 9).
        stack: preferred base of the first program stack, or None for the lowest gap.
        stack64: preferred base of the first thread's 64-bit stack, or None for the lowest gap.
        source: where the values come from.
        unverified: names of the fields whose values are choices.
    """

    name: str
    highest_user: int
    ntdll: int
    ntdll32: int | None
    ntdll_size: int
    ntdll32_size: int
    peb: int
    limit: int = 0x7FFF0000
    limit_large: int = 0xFFFF0000
    wow64: bool = True
    kuser_rest: bool = True
    hypervisor_page: int | None = None
    cfg: tuple[tuple[int, int], ...] = ()
    peb_region: bool = False
    peb_pages: int = 0
    stack_committed: bool = False
    pool: int = 0xFFFFFA80_00000000
    teb_pages: int = 3
    stack: int | None = None
    stack64: int | None = None
    source: str = ""
    unverified: tuple[str, ...] = ()


_SEED2 = "Windows 7 SP1 x64 trace (wow64-facts section 0, S2; sections 3.1, 8.2)"
_SEED0 = "Lindor, How Windows Maps 64-Bit Ntdll to WoW64 Process (wow64-facts section 8.1, S0; section 8.2)"


def _wow64(build: Build, source: SpaceLayout) -> SpaceLayout:
    """A 64-bit Windows whose ntdlls lie where the build has them."""
    native, narrow = build.module("ntdll"), build.ntdll
    return replace(
        source,
        name=build.name,
        ntdll=native.base,
        ntdll32=narrow.base,
        ntdll_size=native.size,
        ntdll32_size=narrow.size,
    )


_NOWHERE = SpaceLayout("", highest_user=_8_TB, ntdll=0, ntdll32=0, ntdll_size=0, ntdll32_size=0, peb=0)
_NTDLLS = ("ntdll", "ntdll32", "ntdll_size", "ntdll32_size")
_WIN7 = replace(
    _NOWHERE,
    peb=WIN7SP1.place.peb64,
    stack=WIN7SP1.place.stack32[0],
    stack64=WIN7SP1.place.stack64[0],
    source=_SEED2,
    unverified=("stack", "pool"),
)
_XP = replace(
    _WIN7,
    stack=None,
    stack64=None,
    source="wow64-facts section 8.2 for the limits",
    unverified=(*_NTDLLS, "peb", "kuser_rest", "pool"),
)
_WIN81 = replace(
    _NOWHERE,
    highest_user=_128_TB,
    peb=_WIN7.peb,
    pool=0xFFFFE000_00000000,
    source=_SEED0,
    unverified=("ntdll32", "ntdll32_size", "peb"),
)
_WIN10 = replace(
    _NOWHERE,
    highest_user=_128_TB,
    kuser_rest=False,
    hypervisor_page=0x7FFEB000,
    cfg=((0x7DF5_FFEC0000, 0x200_00000000), (0x7DDE0000, 0x2000000)),
    peb=WIN10_22H2.place.peb64,
    peb_region=True,
    pool=0xFFFFA780_00000000,
    stack=WIN10_22H2.place.stack32[0],
    stack64=WIN10_22H2.place.stack64[0],
    source="wow64-facts sections 3.1 (PEB, TEB), 8.1 (CFG, 1803 and later), 8.2 (limits)",
    unverified=(*_NTDLLS, "cfg", "hypervisor_page"),
)
_WIN10_FIRST = replace(_WIN10, kuser_rest=True, hypervisor_page=None)
# A 32-bit TEB of 1018h bytes takes a second page (wow64-facts section 9).
_WIN11_24H2 = replace(_WIN10, teb_pages=4)


def _native(build: Build, source: SpaceLayout) -> SpaceLayout:
    """A 32-bit Windows: no 64-bit half, 2 GB."""
    return replace(
        source,
        name=build.name,
        highest_user=0x7FFEFFFF,
        limit_large=0x7FFF0000,
        wow64=False,
        teb_pages=1,
        ntdll=build.ntdll.base,
        ntdll32=None,
        ntdll_size=build.ntdll.size,
        ntdll32_size=0,
        pool=0x82000000,
        cfg=source.cfg[1:],
        peb=build.place.peb64,
        stack=None,
        stack64=None,
        source="wow64-facts section 8.2 for the limit",
        unverified=("ntdll", "ntdll_size", "peb", "kuser_rest", "cfg"),
    )


def with_3_gb(layout: SpaceLayout) -> SpaceLayout:
    """The layout of a 32-bit Windows started with /3GB: programs that are aware of it have 3 GB.

    Raises:
        UsageError: it is a 64-bit Windows.
    """
    if layout.wow64:
        raise UsageError(f"3 GB of user memory is a choice of 32-bit Windows; {layout.name} has 64 bits")
    return replace(layout, highest_user=0xBFFEFFFF, limit_large=0xBFFF0000)


_KINDS = (("winxp", _XP), ("vista", _XP), ("win7sp1", _WIN7), ("win8.1", _WIN81), ("win8", _XP),
          *((f"win10-{release}", _WIN10_FIRST) for release in ("1507", "1511", "1607", "1703", "1709")),
          ("win10", _WIN10), ("win11-24h2", _WIN11_24H2), ("win11", _WIN10))  # fmt: skip
"""How the names of builds begin, and what such a Windows does."""


def _kind(build: Build) -> SpaceLayout:
    return next(layout for start, layout in _KINDS if build.name.startswith(start))


def _all() -> dict[str, SpaceLayout]:
    layouts = [_wow64(build, _kind(build)) for build in WOW64]
    layouts += [_native(build, _kind(build)) for build in NATIVE]
    return {layout.name: layout for layout in layouts}


LAYOUTS: Mapping[str, SpaceLayout] = MappingProxyType(_all())
"""Every layout, by build name."""


def layout_of(build: str) -> SpaceLayout:
    """The layout of a build.

    Raises:
        UsageError: no such build; the message lists the known.
    """
    found = LAYOUTS.get(build)
    if found is None:
        raise UsageError(f"no address-space layout for build {build!r}; known: {', '.join(LAYOUTS)}")
    return found
