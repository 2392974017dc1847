"""Builds the process: address space, blocks, first context (PspAllocateProcess to PspUserThreadStartup).

Each part is done by the module named for it; here is their order (wow64-facts sections 3.8 and 8.1).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from wowsim.errors import UsageError
from wowsim.host64.wow64_startup import Entry64, write_loader_lists
from wowsim.kernel.thread import ThreadStacks
from wowsim.memory.blocks import BlockAllocator, allocate_first_blocks
from wowsim.memory.creation import ProcessSpace, build_address_space, psp_system_dlls
from wowsim.memory.sections import ImageSection
from wowsim.nt.records import dataclass
from wowsim.simulation import parameters as blocks
from wowsim.simulation.thread_start import ThreadBlocks, ThreadStarter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wowsim.image.model import Image
    from wowsim.memory.blocks import ProcessBlocks
    from wowsim.memory.space import AddressSpace
    from wowsim.nt.abi import Memory
    from wowsim.nt.builds import Build
    from wowsim.simulation.native_process import NativeThreadStarter
    from wowsim.simulation.wide_process import WideThreadStarter


@dataclass(frozen=True)
class NewProcess:
    """Addresses of what was built.

    Attributes:
        blocks: gives further threads their TEBs; ``starter`` their first state.
        stacks: the first thread's, which go with it.
        entry: where the program's first thread starts.
        registers: state in which the kernel enters user mode.
    """

    space: ProcessSpace
    blocks: BlockAllocator
    starter: ThreadStarter | NativeThreadStarter | WideThreadStarter
    image_base: int
    peb64: int
    peb32: int
    teb64: int
    teb32: int
    loader_data: int
    stacks: ThreadStacks
    entry: int
    registers: dict[str, int]


def write_stack_limit(memory: Memory, wide: bool, teb: int, limit: int) -> None:
    """TEB.StackLimit, after a stack has grown."""
    memory.write(teb + (0x10 if wide else 8), limit.to_bytes(8 if wide else 4, "little"))


def place_process(
    space: AddressSpace,
    memory: Memory,
    program: Image,
    program_path: str,
    images: Mapping[str, Image],
    start: blocks.Start,
    choose: Callable[[int], int],
) -> tuple[ProcessSpace, ProcessBlocks]:
    """The address space of a new process with its blocks, which are empty; arguments as for create_process.

    Raises:
        UsageError: the program does not fit beside the system DLLs.
    """
    section = ImageSection(space.pages, space.commitment, program, program_path)
    dlls = psp_system_dlls(space.layout, images["ntdll"], images.get("ntdll32"))
    kept = tuple((image.base, image.size) for image in images.values())
    process = ProcessSpace(space, section, dlls, kept=kept, choose=choose)
    build_address_space(process)
    for name, base in process.system_dll_bases.items():
        if base != images[name].base and images[name].relocations is None:
            raise UsageError(
                f"{program.file_name} takes {images[name].base:#x}, where the built-in {name} must lie; "
                f"link it elsewhere"
            )
    placed = allocate_first_blocks(
        process,
        blocks.parameters_size(start),
        on_growth=partial(write_stack_limit, memory, space.layout.wow64 and not process.wow64_process),
    )
    return process, placed


def undivided(
    process: ProcessSpace,
    placed: ProcessBlocks,
    starter: NativeThreadStarter | WideThreadStarter,
    entry: int,
    registers: dict[str, int],
) -> NewProcess:
    """A process without a second half: one PEB, one TEB and one stack."""
    return NewProcess(
        process,
        placed.allocator,
        starter,
        process.section_base_address,
        placed.peb,
        0,
        placed.teb,
        0,
        placed.heap,
        ThreadStacks(placed.stack.base),
        entry,
        registers,
    )


def create_process(
    space: AddressSpace,
    memory: Memory,
    build: Build,
    program: Image,
    program_path: str,
    images: Mapping[str, Image],
    start: blocks.Start,
    ids: tuple[int, int],
    choose: Callable[[int], int],
    start_address: int | None = None,
) -> NewProcess:
    """Everything the kernel does before the first user instruction.

    Args:
        space: empty address space.
        memory: guest memory as the kernel writes it.
        build: the Windows.
        program: the 32-bit program.
        program_path: its path without drive, for the VAD.
        images: built-in images.
        start: parameters.
        ids: process and thread id.
        choose: the seed's choice of one of ``n`` bases for a program that has to move.
        start_address: where the first thread starts instead of the image's entry point.
    """
    process, placed = place_process(space, memory, program, program_path, images, start, choose)
    image_base = process.section_base_address
    ntdll64, ntdll32 = (process.system_dll_bases[name] for name in ("ntdll", "ntdll32"))
    peb64, peb32, teb64, teb32 = placed.peb, placed.peb32, placed.teb, placed.teb32
    stack32, stack64 = placed.stack, placed.stack64
    parameters64, parameters32, loader_data = placed.parameters, placed.parameters32, placed.heap
    assert stack64 is not None, "a WoW64 process has two stacks"
    blocks.write_parameters(memory, parameters64, 64, start)
    blocks.write_parameters(memory, parameters32, 32, start)
    for address, width, parameters in ((peb64, 64, parameters64), (peb32, 32, parameters32)):
        blocks.write_peb(
            memory, address, width, build,  # type: ignore[arg-type]  # 64 and 32 are widths
            image_base=image_base, subsystem=program.subsystem, parameters=parameters,
        )  # fmt: skip
    entry = start_address if start_address is not None else image_base + program.entry
    starter = ThreadStarter(memory, build, images, peb64, peb32, ids[0], ntdll64=ntdll64, ntdll32=ntdll32)
    registers = starter.start(ThreadBlocks(teb64, teb32, stack32, stack64), ids[1], entry, None)
    return NewProcess(
        process,
        placed.allocator,
        starter,
        image_base,
        peb64,
        peb32,
        teb64,
        teb32,
        loader_data,
        ThreadStacks(stack32.base, stack64.base),
        entry,
        registers,
    )


def loader_lists(process: NewProcess, memory: Memory, entries: list[Entry64]) -> None:
    """Enter the 64-bit modules into PEB64's loader lists."""
    write_loader_lists(memory, process.peb64, process.loader_data, entries)
