"""The first state of a thread: TEBs, CPU area, contexts (nt!PspAllocateThread, PspWow64InitThread).

Every thread of a WoW64 process begins in the 64-bit ntdll's LdrInitializeThunk; the context it is given there leads
through wow64.dll to ntdll32!LdrInitializeThunk and from it to the thread's function (wow64-facts sections 3.1, 3.8).
Who may import it: the simulation.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from wowsim.nt.context64 import CONTEXT64_SIZE
from wowsim.nt.records import dataclass
from wowsim.nt.wow64_context import (
    CONTEXT_CONTROL,
    CONTEXT_IN_AREA,
    CONTEXT_INTEGER,
    OFFSETS,
    TLS_CPURESERVED,
    context32,
    merged,
)
from wowsim.simulation.parameters import write_teb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wowsim.image.model import Image
    from wowsim.memory.blocks import StackRange
    from wowsim.nt.abi import Memory
    from wowsim.nt.builds import Build

_QWORD, _DWORD, _WORD = struct.Struct("<Q"), struct.Struct("<I"), struct.Struct("<H")
CPU_AREA_SIZE = 0x2E0
SAME_TEB_FLAGS = {32: 0xFCA, 64: 0x17EE}
SKIP_THREAD_ATTACH = 0x8
"""TEB.SameTebFlags: DbgSkipThreadAttach (phnt)."""


TebHook = Callable[[int, int], None]
"""Called with the native and the 32-bit TEB (or 0) of a new thread."""


def no_hook(teb64: int, teb32: int) -> None:
    """Nothing is to be added to a TEB."""


@dataclass(frozen=True)
class ThreadBlocks:
    """Where a thread has its TEBs and stacks.

    On 32-bit Windows there are only the 32-bit ones; in a 64-bit process ``stack32`` is the only stack.
    """

    teb64: int
    teb32: int
    stack32: StackRange
    stack64: StackRange | None


def begun_with(first: bytes, context: bytes) -> bytes:
    """The CONTEXT of a new thread with the integers and the flags that its maker chose; the selectors are Windows'."""
    flags = (CONTEXT_INTEGER | CONTEXT_CONTROL).to_bytes(4, "little")
    data = bytearray(merged(first, flags + context[4:]))
    for name in ("SegCs", "SegSs"):
        at = OFFSETS[name]
        data[at : at + 4] = first[at : at + 4]
    data[:4] = first[:4]
    return bytes(data)


class ThreadStarter:
    """Writes what a thread of one process starts from.

    Args:
        memory: guest memory as the kernel writes it.
        build: the Windows.
        images: built-in images.
        peb64: the process' PEBs.
        peb32: the 32-bit one.
        process_id: its id.
        ntdll64: base of the 64-bit ntdll.
        ntdll32: base of the 32-bit one.
    """

    def __init__(
        self,
        memory: Memory,
        build: Build,
        images: Mapping[str, Image],
        peb64: int,
        peb32: int,
        process_id: int,
        *,
        ntdll64: int,
        ntdll32: int,
    ) -> None:
        self._memory, self._build = memory, build
        self._peb64, self._peb32, self._process_id = peb64, peb32, process_id
        self._ntdll64 = ntdll64
        self._initialize = ntdll64 + images["ntdll"].export_by_name["LdrInitializeThunk"].rva
        self.prepare_tebs: TebHook = no_hook
        """Called with the TEBs of a new thread, for what the user half of this process expects there."""
        self._thread_start = ntdll32 + images["ntdll32"].export_by_name["RtlUserThreadStart"].rva

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
        """Write a thread's blocks.

        Args:
            blocks: where they are.
            thread_id: its id.
            start: the function it is made for.
            argument: that function's argument; None for the PEB, which the first thread gets.
            skip_attach: DLLs are not told of it.
            context: the 32-bit CONTEXT it begins in, instead of a call of ``start``.

        Returns:
            The registers in which the kernel enters user mode.
        """
        memory = self._memory
        narrow, wide = (self._peb32, self._peb64) if argument is None else (argument, argument)
        assert blocks.stack64 is not None, "a WoW64 thread has two stacks"
        cpu_area = blocks.stack64.top - CPU_AREA_SIZE
        self._write_tebs(blocks, blocks.stack64, thread_id, cpu_area)
        if skip_attach:
            memory.pack(_WORD, blocks.teb32 + SAME_TEB_FLAGS[32], SKIP_THREAD_ATTACH)
            memory.pack(_WORD, blocks.teb64 + SAME_TEB_FLAGS[64], SKIP_THREAD_ATTACH)
        memory.write(cpu_area, struct.pack("<HH", 0, 0x14C))
        first = context32(
            Eip=self._thread_start, Eax=start, Ebx=narrow, EFlags=0x202, SegCs=0x23, SegSs=0x2B, SegDs=0x2B,
            SegEs=0x2B, SegGs=0x2B, SegFs=0x53, Esp=blocks.stack32.top - 0x10,
        )  # fmt: skip
        memory.write(cpu_area + CONTEXT_IN_AREA, first if context is None else begun_with(first, context))
        context64 = (cpu_area - CONTEXT64_SIZE - 0x20) & ~0xF
        memory.write(context64, self._context64(start, wide))
        return {
            "rip": self._initialize,
            "rcx": context64,
            "rdx": self._ntdll64,
            "rsp": context64 - 0x28,
            "cs": 0x33,
            "ss": 0x2B,
            "gs_base": blocks.teb64,
            "rflags": 0x202,
        }

    def _write_tebs(self, blocks: ThreadBlocks, stack64: StackRange, thread_id: int, cpu_area: int) -> None:
        memory, ids = self._memory, (self._process_id, thread_id)
        stack32 = blocks.stack32
        write_teb(
            memory, blocks.teb64, 64, stack_base=cpu_area, stack_limit=stack64.base,
            deallocation_stack=stack64.base, peb=self._peb64, ids=ids,
        )  # fmt: skip
        write_teb(
            memory, blocks.teb32, 32, stack_base=stack32.top, stack_limit=stack32.limit,
            deallocation_stack=stack32.base, peb=self._peb32, ids=ids,
        )  # fmt: skip
        # the links between the two TEBs (wow64-facts section 3.1)
        memory.pack(_QWORD, blocks.teb64, blocks.teb32)
        memory.pack(_DWORD, blocks.teb64 + 0x180C, 0x2000)
        memory.pack(_QWORD, blocks.teb64 + TLS_CPURESERVED, cpu_area)
        memory.pack(_DWORD, blocks.teb32 + 0xF70, blocks.teb64)
        memory.pack(_DWORD, blocks.teb32 + 0xFDC, -0x2000 & 0xFFFFFFFF)
        self.prepare_tebs(blocks.teb64, blocks.teb32)

    def _context64(self, start: int, argument: int) -> bytes:
        """The initial CONTEXT of the native thread; wow64.dll starts from it (wow64-facts section 9 for offsets)."""
        context = bytearray(CONTEXT64_SIZE)
        struct.pack_into("<II", context, 0x30, 0x10001F, 0x1F80)
        struct.pack_into("<HHHHHHI", context, 0x38, 0x33, 0x2B, 0x2B, 0x53, 0x2B, 0x2B, 0x202)
        struct.pack_into("<QQ", context, 0x80, start, argument)
        struct.pack_into("<Q", context, 0xF8, self._thread_start)
        return bytes(context)
