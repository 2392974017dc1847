"""The 32-bit KERNELBASE.dll: the functions that Windows 7 moved out of kernel32.

Source of the fixed places: seed document 2 (CreateFileW 7734C299, its load of NtCreateFile at +330, the
import slot 773310AC, base 77330000). The functions themselves are ours, in ``guest32.win32``. Who may
import it: the simulation.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from wowsim.guest32.win32.link import KERNELBASE, Linked, Places, link

if TYPE_CHECKING:
    from wowsim.image.model import Image
    from wowsim.nt.builds import Build

_SLOTS = {"win7sp1": {"NtCreateFile": 0x10AC}}
_CODE = {"win7sp1": {"CreateFileW": 0x1C299}}


@lru_cache
def build_kernelbase(build: Build) -> Image:
    """The image for a build that has one.

    Raises:
        ValueError: the build is older than Windows 7 and has none.
    """
    if not build.has_kernelbase:
        raise ValueError(f"{build.name} has no KERNELBASE.dll: its functions lie in kernel32")
    places = Places(
        slots=0x1000,
        thunks=0x2000,
        code=0x2000,
        constants=0x30000,
        variables=0x31000,
        fixed_slots=_SLOTS.get(build.name, {}),
    )
    return link(Linked(build, KERNELBASE), places, _CODE.get(build.name))
