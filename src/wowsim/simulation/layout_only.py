"""The address space of a process that never runs: process creation alone, for every build that has a layout.

Stands for stopping a kernel debugger in nt!PspAllocateProcess. Needs neither an engine nor, where wowsim has
none for the build, its system DLLs: then ranges of their size stand for them.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Literal

from wowsim.cpu.paging import PageTables, PhysicalMemory
from wowsim.image.model import Image, Section
from wowsim.image.pe import parse_program
from wowsim.memory.blocks import allocate_first_blocks
from wowsim.memory.creation import ProcessSpace, build_address_space, psp_system_dlls
from wowsim.memory.layout import layout_of
from wowsim.memory.sections import ImageSection
from wowsim.memory.space import AddressSpace
from wowsim.nt.builds import BUILDS
from wowsim.simulation import parameters
from wowsim.simulation.program import APPLICATION, command_line, read
from wowsim.simulation.vads import RUNNING, Vads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from wowsim.memory.layout import SpaceLayout

_MEMORY = 1 << 29
_DATA = 0x8000


def has_system_dlls(build: str) -> bool:
    """Whether the ntdlls of a build are images; else their ranges are the build's, their sections are not."""
    return build in BUILDS


def lay_out(build: str, program: str | Path, args: Sequence[str] = (), *, seed: int = 0) -> Vads:
    """Build the address space of a process of ``program`` and leave it there.

    Args:
        build: any build with a layout.
        program: path on the host.
        args: the program's arguments; they count for the size of its parameters.
        seed: of the choices that Windows leaves to chance.

    Raises:
        UsageError: no such build, no such 32-bit program, or it does not fit.
    """
    layout = layout_of(build)
    data, file_name = read(program, None)
    image = parse_program(data, file_name=file_name, path=f"{APPLICATION}\\{file_name}")
    native, wow64 = _ntdlls(layout)
    space = AddressSpace(PageTables(PhysicalMemory(_MEMORY)), layout, seed=seed)
    section = ImageSection(space.pages, space.commitment, image, image.path[2:])
    dlls = psp_system_dlls(layout, native, wow64)
    kept = tuple((dll.base, dll.image.size) for dll in dlls)
    process = ProcessSpace(space, section, dlls, kept=kept, choose=Random(seed).randrange)
    build_address_space(process)
    start = parameters.Start(
        image.path,
        command_line([image.path, *args]),
        "C:\\",
        parameters.default_environment(layout.wow64),
        handles=(0, 0, 0),
    )
    allocate_first_blocks(process, parameters.parameters_size(start))
    process.record(RUNNING)
    return Vads(space, process)


def _ntdlls(layout: SpaceLayout) -> tuple[Image, Image | None]:
    if has_system_dlls(layout.name):
        from wowsim.simulation.images import built_in

        images = built_in(layout.name).images
        return images["ntdll"], images.get("ntdll32")
    if layout.ntdll32 is None:
        return _stand_in(32, layout.ntdll, layout.ntdll_size, "System32"), None
    native = _stand_in(64, layout.ntdll, layout.ntdll_size, "System32")
    return native, _stand_in(32, layout.ntdll32, layout.ntdll32_size, "SysWOW64")


def _stand_in(bits: Literal[32, 64], base: int, size: int, directory: str) -> Image:
    """An image of the right size at the right place; how much of it is writable is a choice."""
    sections = (
        Section(".text", 0x1000, size - 0x1000 - _DATA, executable=True),
        Section(".data", size - _DATA, _DATA, writable=True),
    )
    path = rf"C:\Windows\{directory}\ntdll.dll"
    return Image(
        "ntdll", "ntdll.dll", path, bits, base, bytes(size), sections=sections, relocations=(), system=True
    )
