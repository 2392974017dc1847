"""Images that the guest maps by their files: what a debugger calls them, and one copy of each for all simulations.

Stands for what nt!MiCreateImageFileMap remembers of a file, and for the names that WinDbg gives to modules. Who may
import it: ``simulation.simulation``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING

from wowsim.image.pe import open_image

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

    from wowsim.image.model import Image
    from wowsim.kernel.image_files import ImageFile

KEPT = 128
"""Images that are kept for later simulations, the last used ones."""
_NATIVE_HALF = frozenset({"ntdll", "win32u"})
"""Modules that the native half of a process has too, under this name."""


def opener(folders: Collection[str]) -> Callable[[ImageFile, str], Image]:
    """What reads a file that the guest maps as an image, by its guest path.

    An image is Windows' own when it lies in one of the folders that a system root fills. A 32-bit one that the native
    half has too is called as WinDbg calls the 32-bit ntdll: ``ntdll32``, ``win32u32``.

    Args:
        folders: of the guest that a system root fills.
    """
    inside = tuple(folder.casefold() + "\\" for folder in folders)

    def opened(file: ImageFile, path: str) -> Image:
        system = path.casefold().startswith(inside)
        if file.lasting:
            return _kept(_Lasting(file.identity, path, system, file))
        return _open(file, path, system)

    return opened


def _open(file: ImageFile, path: str, system: bool) -> Image:
    image = open_image(file, file_name=PureWindowsPath(path).name, path=path, system=system)
    if system and image.bits == 32 and image.name.casefold() in _NATIVE_HALF:
        return image.renamed(image.name + "32", path)
    return image


@dataclass(frozen=True)
class _Lasting:
    """A file under its path, equal to itself whoever has opened it."""

    identity: Hashable
    path: str
    system: bool
    file: ImageFile = field(compare=False)


@lru_cache(maxsize=KEPT)
def _kept(lasting: _Lasting) -> Image:
    return _open(lasting.file, lasting.path, lasting.system)
