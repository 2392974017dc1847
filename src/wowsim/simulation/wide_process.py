"""Builds a process and its threads for a 64-bit program: one PEB, one TEB each, one stack, the 64-bit ntdll.

Stands for nt!PspAllocateProcess to nt!PspUserThreadStartup of a process that is not WoW64: there is no CPU area and no
32-bit half, and the CONTEXT that ntdll!LdrInitializeThunk goes on with leads to ntdll!RtlUserThreadStart. Only a system
root has the 64-bit DLLs that such a program needs. Who may import it: ``simulation.simulation``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.nt.context64 import CONTEXT64_SIZE, context64, registers_of
from wowsim.simulation import parameters as blocks
from wowsim.simulation.startup import NewProcess, place_process, undivided
from wowsim.simulation.thread_start import SAME_TEB_FLAGS, SKIP_THREAD_ATTACH, TebHook, ThreadBlocks, no_hook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wowsim.image.model import Image
    from wowsim.memory.space import AddressSpace
    from wowsim.nt.abi import Memory
    from wowsim.nt.builds import Build

_EFLAGS = 0x202
_SELECTORS = {"cs": 0x33, "ds": 0x2B, "es": 0x2B, "fs": 0x53, "gs": 0x2B, "ss": 0x2B}
_FXSAVE_AT_START = struct.pack("<HH20xII", 0x27F, 0, 0x1F80, 0xFFFF).ljust(512, b"\0")
"""The FPU of a fresh thread: control word 27Fh, MXCSR 1F80h (as CONTEXT's initial MxCsr)."""
_HOME = 0x28
"""The four home cells and a return address."""


class WideThreadStarter:
    """Writes what a thread of one 64-bit process starts from.

    Args:
        memory: guest memory as the kernel writes it.
        ntdll: base of ntdll.
        image: ntdll.
        peb: the process' PEB.
        process_id: its id.
    """

    def __init__(self, memory: Memory, ntdll: int, image: Image, peb: int, process_id: int) -> None:
        self._memory, self._ntdll, self._peb, self._process_id = memory, ntdll, peb, process_id
        self._thunk, self._start = (
            ntdll + image.export_by_name[name].rva for name in ("LdrInitializeThunk", "RtlUserThreadStart")
        )
        self.prepare_tebs: TebHook = no_hook

    def start(
        self,
        blocks_: ThreadBlocks,
        thread_id: int,
        start: int,
        argument: int | None,
        *,
        skip_attach: bool = False,
        context: bytes | None = None,
    ) -> dict[str, int]:
        """See ``thread_start.ThreadStarter.start``; the stack is ``stack32`` of the blocks, ``context`` a CONTEXT."""
        memory, stack, teb = self._memory, blocks_.stack32, blocks_.teb64
        blocks.write_teb(
            memory, teb, 64, stack_base=stack.top, stack_limit=stack.limit, deallocation_stack=stack.base,
            peb=self._peb, ids=(self._process_id, thread_id),
        )  # fmt: skip
        if skip_attach:
            memory.write(teb + SAME_TEB_FLAGS[64], SKIP_THREAD_ATTACH.to_bytes(2, "little"))
        self.prepare_tebs(teb, 0)
        first = {
            **dict.fromkeys(("rax", "rbx", "rbp", "rsi", "rdi", *(f"r{i}" for i in range(8, 16))), 0),
            **_SELECTORS,
            "rcx": start,
            "rdx": self._peb if argument is None else argument,
            "rip": self._start,
            "rsp": stack.top - _HOME,
            "rflags": _EFLAGS,
        }
        if context is not None:
            first |= {name: value for name, value in registers_of(context).items() if name not in _SELECTORS}
        place = (first["rsp"] - CONTEXT64_SIZE) & ~0xF
        memory.write(place, context64(first, _FXSAVE_AT_START))
        return {
            "rip": self._thunk,
            "rcx": place,
            "rdx": self._ntdll,
            "rsp": place - _HOME,
            "cs": _SELECTORS["cs"],
            "ss": _SELECTORS["ss"],
            "gs_base": teb,
            "rflags": _EFLAGS,
        }


def create_wide_process(
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
    base = process.section_base_address
    blocks.write_parameters(memory, placed.parameters, 64, start)
    blocks.write_peb(
        memory, placed.peb, 64, build,
        image_base=base, subsystem=program.subsystem, parameters=placed.parameters,
    )  # fmt: skip
    entry = start_address if start_address is not None else base + program.entry
    ntdll = process.system_dll_bases["ntdll"]
    starter = WideThreadStarter(memory, ntdll, images["ntdll"], placed.peb, ids[0])
    registers = starter.start(ThreadBlocks(placed.teb, 0, placed.stack, None), ids[1], entry, None)
    return undivided(process, placed, starter, entry, registers)
