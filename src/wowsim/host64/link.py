"""Links the built-in 64-bit modules: their bases are fixed, so import slots carry their targets from the start.

Stands for bound imports (IMAGE_DIRECTORY_ENTRY_BOUND_IMPORT): the loader finds nothing left to do.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wowsim.image.model import Image
    from wowsim.image.synth import ImageBuilder


_QWORD = struct.Struct("<Q")
_TEB64 = {"rcx": "0x48, 0x8b, 0x0c", "rbp": "0x48, 0x8b, 0x2c", "r12": "0x4c, 0x8b, 0x24"}


def load_teb64(register: str) -> str:
    """``mov REGISTER, gs:[30h]``: bytes, since keystone would address gs:[rip+30h]."""
    return f".byte 0x65, {_TEB64[register]}, 0x25, 0x30, 0, 0, 0"


class Linker:
    """Collects images and fills the slots that name exports of other images, in any order."""

    def __init__(self) -> None:
        self._images: dict[str, Image] = {}
        self._slots: dict[str, list[tuple[int, str, str]]] = {}

    def add(self, image: Image) -> Image:
        """Remember a built image; returns it."""
        self._images[image.name] = image
        return image

    def slot(self, builder: ImageBuilder, module: str, name: str, rva: int) -> None:
        """Reserve an import slot in ``builder`` for ``module``'s export ``name``."""
        builder.imported(f"{module}.dll", name, rva)
        self._slots.setdefault(builder.name, []).append((rva, module, name))

    def linked(self) -> dict[str, Image]:
        """Every image, slots filled.

        Raises:
            KeyError: a slot names an export that no image has.
        """
        done = {}
        for name, image in self._images.items():
            slots = self._slots.get(name)
            if slots is None:
                done[name] = image
                continue
            contents, at = memoryview(image.contents), 0
            parts: list[bytes | memoryview] = []
            for rva, module, export in sorted(slots):
                target = self._images[module]
                parts += [contents[at:rva], _QWORD.pack(target.base + target.export_by_name[export].rva)]
                at = rva + _QWORD.size
            done[name] = replace(image, contents=b"".join((*parts, contents[at:])))
        return done
