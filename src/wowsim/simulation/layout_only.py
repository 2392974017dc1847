"""The address space of a process that never runs: process creation alone.

Stands for stopping a kernel debugger in nt!PspAllocateProcess. Needs no engine.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from wowsim.cpu.paging import PageTables, PhysicalMemory
from wowsim.image.pe import parse_program
from wowsim.memory.blocks import allocate_first_blocks
from wowsim.memory.creation import ProcessSpace, build_address_space, psp_system_dlls
from wowsim.memory.layout import layout_of
from wowsim.memory.sections import ImageSection
from wowsim.memory.space import AddressSpace
from wowsim.simulation import parameters
from wowsim.simulation.images import built_in
from wowsim.simulation.program import command_line, find
from wowsim.simulation.vads import RUNNING, Vads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MEMORY = 1 << 29


def lay_out(build: str, program: str | Path, args: Sequence[str] = (), *, seed: int = 0) -> Vads:
    """Build the address space of a process of ``program`` and leave it there.

    Args:
        build: which Windows.
        program: path on the host.
        args: the program's arguments; they count for the size of its parameters.
        seed: of the choices that Windows leaves to chance.

    Raises:
        UsageError: no such build, no such 32-bit program, or it does not fit.
    """
    layout = layout_of(build)
    source = find(program, None)
    image = parse_program(source.data, file_name=source.file_name, path=source.path)
    images = built_in(build).images
    native, wow64 = images["ntdll"], images.get("ntdll32")
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
