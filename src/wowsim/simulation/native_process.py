"""Builds a process and its threads on 32-bit Windows: one PEB, one TEB each, one stack, one ntdll.

Stands for nt!PspAllocateProcess to nt!PspUserThreadStartup of the x86 kernel. A thread enters user mode at
ntdll!LdrInitializeThunk with its CONTEXT on its stack, and goes on with it by NtContinue, as
nt!PspInitializeThunkContext makes it (wow64-facts section 3.8; Windows XP, whose kernel queues an APC for the same
routine and whose programs start in kernel32, is not told apart). Who may import it: ``simulation.simulation``, and who
creates threads.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.kernel.native_exceptions import DATA, USER_SEGMENTS
from wowsim.nt.records import dataclass
from wowsim.nt.wow64_context import CONTEXT32_SIZE, OFFSETS, context32
from wowsim.simulation import parameters as blocks
from wowsim.simulation.startup import NewProcess, place_process, undivided
from wowsim.simulation.thread_start import SAME_TEB_FLAGS, SKIP_THREAD_ATTACH, ThreadBlocks, begun_with

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wowsim.image.model import Image
    from wowsim.memory.blocks import StackRange
    from wowsim.memory.space import AddressSpace
    from wowsim.nt.abi import Memory
    from wowsim.nt.builds import Build

_SEGMENTS = {"Seg" + name.capitalize(): selector for name, selector in (USER_SEGMENTS | {"ss": DATA}).items()}
_SPARE = 0x10
_EFLAGS = 0x202


@dataclass(frozen=True)
class ThreadEntry:
    """Where a thread of the process starts.

    Attributes:
        ntdll: base of ntdll.
        thunk: ntdll!LdrInitializeThunk.
        start: ntdll!RtlUserThreadStart.
    """

    ntdll: int
    thunk: int
    start: int

    @classmethod
    def of(cls, ntdll: Image, base: int) -> ThreadEntry:
        """The entries of an ntdll that lies at ``base``."""
        thunk, start = (ntdll.export_by_name[n].rva for n in ("LdrInitializeThunk", "RtlUserThreadStart"))
        return cls(base, base + thunk, base + start)


def begin_thread(
    memory: Memory,
    entry: ThreadEntry,
    stack: StackRange,
    teb: int,
    peb: int,
    ids: tuple[int, int],
    start: int,
    argument: int,
    context: bytes | None = None,
) -> dict[str, int]:
    """Write a thread's TEB and the CONTEXT on its stack; the registers in which it enters user mode.

    Its FS descriptor (selector 3B) must have ``teb`` as its base whenever it runs.

    Args:
        memory: guest memory.
        entry: where threads of this process start.
        stack: its stack.
        teb: a fresh page for its TEB.
        peb: the process' PEB.
        ids: process and thread id.
        start: its start routine.
        argument: what that receives.
        context: the CONTEXT it begins in, instead of a call of ``start``.
    """
    blocks.write_teb(
        memory, teb, 32, stack_base=stack.top, stack_limit=stack.limit, deallocation_stack=stack.base, peb=peb, ids=ids
    )  # fmt: skip
    esp = stack.top - _SPARE
    fields = {"Eip": entry.start, "Eax": start, "Ebx": argument, "Esp": esp, "EFlags": _EFLAGS}
    first = context32(**fields, **_SEGMENTS)
    if context is not None:
        first = begun_with(first, context)
        (esp,) = struct.unpack_from("<I", first, OFFSETS["Esp"])
    place = (esp - _SPARE - CONTEXT32_SIZE) & ~0xF
    memory.write(place, first)
    arguments = struct.pack("<III", 0, place, entry.ntdll)
    memory.write(place - len(arguments), arguments)
    return {
        "rip": entry.thunk,
        "rsp": place - len(arguments),
        "rflags": _EFLAGS,
        "cs": USER_SEGMENTS["cs"],
        "ss": DATA,
        "gs_base": 0,
    }


class NativeThreadStarter:
    """Writes what a thread of one process starts from.

    Args:
        memory: guest memory as the kernel writes it.
        entry: where threads of this process start.
        peb: the process' PEB.
        process_id: its id.
    """

    def __init__(self, memory: Memory, entry: ThreadEntry, peb: int, process_id: int) -> None:
        self._memory, self._entry, self._peb, self._process_id = memory, entry, peb, process_id

    def start(
        self,
        blocks: ThreadBlocks,
        thread_id: int,
        start: int,
        argument: int | None,
        *,
        skip_attach: bool = False,
        context: bytes | None = None,
    ) -> dict[str, int]:
        """See ``thread_start.ThreadStarter.start``."""
        registers = begin_thread(
            self._memory, self._entry, blocks.stack32, blocks.teb32, self._peb, (self._process_id, thread_id),
            start, self._peb if argument is None else argument, context,
        )  # fmt: skip
        if skip_attach:
            flags = SKIP_THREAD_ATTACH.to_bytes(2, "little")
            self._memory.write(blocks.teb32 + SAME_TEB_FLAGS[32], flags)
        return registers


def create_native_process(
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
    """Everything the kernel does before the first user instruction; see ``startup.create_process``."""
    process, placed = place_process(space, memory, program, program_path, images, start, choose)
    image_base = process.section_base_address
    blocks.write_parameters(memory, placed.parameters, 32, start)
    blocks.write_peb(
        memory, placed.peb, 32, build,
        image_base=image_base, subsystem=program.subsystem, parameters=placed.parameters,
    )  # fmt: skip
    entry = start_address if start_address is not None else image_base + program.entry
    threads = ThreadEntry.of(images["ntdll"], process.system_dll_bases["ntdll"])
    starter = NativeThreadStarter(memory, threads, placed.peb, ids[0])
    registers = starter.start(ThreadBlocks(0, placed.teb, placed.stack, None), ids[1], entry, None)
    return undivided(process, placed, starter, entry, registers)
