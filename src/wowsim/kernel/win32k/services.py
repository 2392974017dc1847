"""Every module that declares services of win32k, in one list for the simulation."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from wowsim.kernel.win32k import classes, gdi, numbered, session, settings
from wowsim.kernel.win32k.calls import services_in
from wowsim.nt import win32k

if TYPE_CHECKING:
    from wowsim.kernel.table import Service
    from wowsim.nt.builds import Build

MODULES = (classes, gdi, numbered, session, settings)


@lru_cache(maxsize=1)
def implemented() -> dict[str, Service]:
    """Nt name -> service, for everything of win32k that wowsim implements."""
    return services_in(MODULES)


def numbers_of(build: Build) -> dict[str, int]:
    """Nt name -> number on a build, of those services that have the published number of arguments there."""
    found = implemented()
    return {
        name: number
        for number, name in win32k.services(build.name).items()
        if name in found
        and found[name].prototype.arg_bytes32 == 4 * (win32k.arguments(name, build.version) or 0)
    }
