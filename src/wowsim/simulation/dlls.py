"""Images that the guest maps by their files: what a debugger calls them, and one copy of each for all simulations.

Stands for what nt!MiCreateImageFileMap remembers of a file, and for the names that WinDbg gives to modules. Who may
import it: ``simulation.simulation``.
"""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING

from wowsim.errors import UsageError
from wowsim.image.pe import open_image
from wowsim.kernel.image_files import ImageFile
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable
    from pathlib import Path

    from wowsim.image.model import Image

KEPT = 128
"""Images that are kept for later simulations, the last used ones."""
NATIVE_HALF = frozenset({"ntdll", "win32u", "wow64", "wow64base", "wow64con", "wow64cpu", "wow64win"})
"""Modules of the native half of a process, which have the plain name."""


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


class RootFile(ImageFile):
    """A file of a system root, which nobody changes.

    Raises:
        UsageError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            found = path.stat()
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from None
        self.identity = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        self.lasting = True
        self.size = found.st_size

    def read(self, offset: int, length: int) -> bytes:
        """What there is of these bytes.

        Raises:
            UsageError: it cannot be read.
        """
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise UsageError(f"{self._path} cannot be read: {error.strerror}") from None


def _open(file: ImageFile, path: str, system: bool) -> Image:
    image = open_image(file, file_name=PureWindowsPath(path).name, path=path, system=system)
    if system and image.bits == 32 and image.name.casefold() in NATIVE_HALF:
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
