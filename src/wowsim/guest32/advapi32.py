"""The 32-bit advapi32.dll: registry, tokens and random numbers, for programs that import them.

It is in no process until the loader maps it. Its base and size are chosen, and free beside every build's system DLLs.
The functions are ours, in ``guest32.win32``. Who may import it: the simulation.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from wowsim.guest32.win32 import ansi, errors, registry, registry_ansi, tokens
from wowsim.guest32.win32.macro import IMPORT, Procedure, Unit, expand, parse
from wowsim.image.synth import ImageBuilder

if TYPE_CHECKING:
    from wowsim.image.model import Image
    from wowsim.nt.builds import Build

NAME, FILE_NAME = "advapi32", "advapi32.dll"
BASE, SIZE = 0x76000000, 0x9000
SLOTS, CODE, CONSTANTS, VARIABLES, EXPORTS = 0x1000, 0x1200, 0x6000, 0x7000, 0x8000
_MODULES = ("advapi32",)


@lru_cache(maxsize=1)
def _unit() -> Unit:
    return parse(registry.SOURCE, registry_ansi.SOURCE, tokens.SOURCE, ansi.SOURCE, errors.SOURCE)


@lru_cache
def build_advapi32(build: Build) -> Image:
    """The image for a build."""
    unit, sources, imports = _unit(), dict[str, str](), set[str]()
    waiting = [p for p in unit.procedures.values() if p.exported and p.module in _MODULES]
    exported = [procedure.name for procedure in waiting]
    while waiting:
        procedure = waiting.pop(0)
        if procedure.name not in sources:
            sources[procedure.name] = expand(procedure, lambda name: _target(name, imports, waiting))
    path = build.ntdll.path.rpartition("\\")[0] + "\\" + FILE_NAME
    builder = ImageBuilder(NAME, FILE_NAME, path, 32, BASE, SIZE, CODE)
    builder.section(".text", SLOTS, CONSTANTS - SLOTS, executable=True)
    builder.section(".rdata", CONSTANTS, VARIABLES - CONSTANTS)
    builder.section(".data", VARIABLES, EXPORTS - VARIABLES, writable=True)
    builder.section(".edata", EXPORTS, SIZE - EXPORTS)
    for index, name in enumerate(sorted(imports)):
        builder.imported("ntdll.dll", name, SLOTS + 4 * index)
    builder.code("\n".join(sources.values()))
    for start, contents in ((CONSTANTS, unit.constants), (VARIABLES, unit.variables)):
        at = start
        for name, value in contents.items():
            builder.data(at, value, name)
            at = (at + len(value) + 3) & ~3
    for name in exported:
        builder.export(name)
    return builder.build()


def _target(name: str, imports: set[str], waiting: list[Procedure]) -> str:
    unit = _unit()
    if name in unit.constants or name in unit.variables:
        return name
    procedure = unit.procedures.get(name)
    if procedure is None:
        imports.add(name)
        return f"dword ptr [{IMPORT}{name}]"
    waiting.append(procedure)
    return name
