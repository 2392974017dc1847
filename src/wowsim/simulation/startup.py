"""Builds the process: address space, blocks, first context (PspAllocateProcess to PspUserThreadStartup).

Each part is done by the module named for it; here is their order (wow64-facts sections 3.8 and 8.1).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wowsim.errors import UsageError
from wowsim.host64.wow64_startup import Entry64, write_loader_lists
from wowsim.memory.blocks import allocate_first_blocks
from wowsim.memory.creation import ProcessSpace, build_address_space, psp_system_dlls
from wowsim.memory.sections import ImageSection
from wowsim.nt.wow64_context import CONTEXT_IN_AREA, TLS_CPURESERVED, context32
from wowsim.simulation import parameters as blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wowsim.image.model import Image
    from wowsim.memory.blocks import ProcessBlocks
    from wowsim.memory.space import AddressSpace
    from wowsim.nt.abi import Memory
    from wowsim.nt.builds import Build

_QWORD = struct.Struct("<Q")
_DWORD = struct.Struct("<I")
CONTEXT64_SIZE = 0x4D0
CPU_AREA_SIZE = 0x2E0


@dataclass(frozen=True)
class NewProcess:
    """Addresses of what was built.

    Attributes:
        entry: where the program's first thread starts.
        registers: state in which the kernel enters user mode.
    """

    space: ProcessSpace
    image_base: int
    peb64: int
    peb32: int
    teb64: int
    teb32: int
    cpu_area: int
    stack32_top: int
    loader_data: int
    entry: int
    registers: dict[str, int]


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
        if base != images[name].base:
            raise UsageError(
                f"{program.file_name} takes {images[name].base:#x}, where the built-in {name} must lie; "
                f"link it elsewhere"
            )
    placed = allocate_first_blocks(
        process,
        blocks.parameters_size(start),
        on_growth=lambda teb, limit: memory.pack(_DWORD, teb + 8, limit),
    )
    return process, placed


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
    cpu_area = stack64.top - CPU_AREA_SIZE
    blocks.write_teb(
        memory, teb64, 64, stack_base=cpu_area, stack_limit=stack64.base, deallocation_stack=stack64.base,
        peb=peb64, ids=ids,
    )  # fmt: skip
    blocks.write_teb(
        memory, teb32, 32, stack_base=stack32.top, stack_limit=stack32.limit, deallocation_stack=stack32.base,
        peb=peb32, ids=ids,
    )  # fmt: skip
    # the links between the two TEBs (wow64-facts section 3.1)
    memory.pack(_QWORD, teb64, teb32)
    memory.pack(_DWORD, teb64 + 0x180C, 0x2000)
    memory.pack(_QWORD, teb64 + TLS_CPURESERVED, cpu_area)
    memory.pack(_DWORD, teb32 + 0xF70, teb64)
    memory.pack(_DWORD, teb32 + 0xFDC, -0x2000 & 0xFFFFFFFF)
    entry = start_address if start_address is not None else image_base + program.entry
    thread_start = images["ntdll32"].export_by_name["RtlUserThreadStart"].rva + ntdll32
    memory.write(cpu_area, struct.pack("<HH", 0, 0x14C))
    memory.write(
        cpu_area + CONTEXT_IN_AREA,
        context32(
            Eip=thread_start, Eax=entry, Ebx=peb32, EFlags=0x202, SegCs=0x23, SegSs=0x2B, SegDs=0x2B, SegEs=0x2B,
            SegGs=0x2B, SegFs=0x53, Esp=stack32.top - 0x10,
        ),
    )  # fmt: skip
    context64 = (cpu_area - CONTEXT64_SIZE - 0x20) & ~0xF
    _write_context64(memory, context64, thread_start, entry, peb64)
    registers = {
        "rip": ntdll64 + images["ntdll"].export_by_name["LdrInitializeThunk"].rva,
        "rcx": context64,
        "rdx": ntdll64,
        "rsp": context64 - 0x28,
        "cs": 0x33,
        "ss": 0x2B,
        "gs_base": teb64,
        "rflags": 0x202,
    }
    return NewProcess(
        process, image_base, peb64, peb32, teb64, teb32, cpu_area, stack32.top, loader_data, entry, registers
    )


def _write_context64(memory: Memory, address: int, start: int, entry: int, peb: int) -> None:
    """The initial CONTEXT of the native thread; wow64.dll starts from it (wow64-facts section 9 for offsets)."""
    context = bytearray(CONTEXT64_SIZE)
    struct.pack_into("<II", context, 0x30, 0x10001F, 0x1F80)
    struct.pack_into("<HHHHHHI", context, 0x38, 0x33, 0x2B, 0x2B, 0x53, 0x2B, 0x2B, 0x202)
    struct.pack_into("<QQ", context, 0x80, entry, peb)
    struct.pack_into("<Q", context, 0xF8, start)
    memory.write(address, bytes(context))


def loader_lists(process: NewProcess, memory: Memory, entries: list[Entry64]) -> None:
    """Enter the 64-bit modules into PEB64's loader lists."""
    write_loader_lists(memory, process.peb64, process.loader_data, entries)
