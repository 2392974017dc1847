"""The 32-bit kernel32.dll: jumps into KERNELBASE, and what Windows 7 left in kernel32.

Source of the fixed places: seed document 2 (CreateFileW 7585167F, its import slot 758509D4, base 75840000).
The functions themselves are ours, in ``guest32.win32``. Who may import it: the simulation.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from wowsim.guest32.win32.link import KERNEL32, Linked, Places, link

if TYPE_CHECKING:
    from wowsim.image.model import Image
    from wowsim.nt.builds import Build

_SLOTS = {"win7sp1": {"CreateFileW": 0x109D4}}
_THUNKS = {"win7sp1": {"CreateFileW": 0x1167F}}


@lru_cache
def build_kernel32(build: Build) -> Image:
    """The image for a build; without a KERNELBASE it holds every function itself."""
    places = Places(
        slots=0x10000,
        thunks=0x11800,
        code=0x12000,
        constants=0xC0000,
        variables=0xD0000,
        fixed_slots=_SLOTS.get(build.name, {}),
        fixed_thunks=_THUNKS.get(build.name, {}),
    )
    return link(Linked(build, KERNEL32), places)
