"""wow64win.dll: the service tables of win32k (numbers 1000h+) and of the console (2000h+).

wow64-facts section 5. wow64.dll takes both tables when the process starts. None of their services has a thunk: every
entry leads to a trap that refuses the service by its number. Who may import it: the simulation.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.image.synth import ImageBuilder

if TYPE_CHECKING:
    from wowsim.host64.link import Linker
    from wowsim.image.model import Image
    from wowsim.nt.builds import Build

LIMIT = 0x1000
"""Entries of a table. Section 5 has 3E8 for Windows 7; since 8.1 win32k has more services than that: chosen."""
TABLES = {"sdwhwin32": ("whWin32Unknown", 0x1000), "sdwhcon": ("whConUnknown", 0x2000)}
"""Name of each table: the routine behind its entries, which is the trap's name too, and its first number."""


def build_wow64win(build: Build, linker: Linker) -> Image:
    """The image for a build."""
    module = build.module("wow64win")
    builder = ImageBuilder(module.name, module.file_name, module.path, 64, module.base, module.size)
    builder.section(".text", 0x1000, 0x1000, executable=True)
    builder.section(".rdata", 0x10000, len(TABLES) * 0x10000)
    for index, (table, (unknown, _)) in enumerate(TABLES.items()):
        code, at = 0x1000 + 0x20 * index, 0x10000 * (1 + index)
        builder.code(f"{unknown}: sub rsp, 8\ntrap wow64win.{unknown}\nadd rsp, 8\nret", code)
        builder.data(at, struct.pack("<Q", module.base + code) * LIMIT, table)
        builder.export(table)
    return linker.add(builder.build())
