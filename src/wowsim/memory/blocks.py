"""The blocks a new process and its threads get: PEBs, TEBs, stacks, parameters, heap.

Stands for nt!MmCreatePeb, nt!MmCreateTeb and ntdll's stack and heap creation, as far as address space goes;
the contents are written by others. Placement: wow64-facts section 3.1.

Who may import it: kernel process services and the simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, UsageError
from wowsim.memory.allocate import MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE
from wowsim.memory.pages import PAGE_SHIFT, PAGE_SIZE
from wowsim.memory.protection import MM_READWRITE, PAGE_GUARD, PAGE_READWRITE
from wowsim.memory.vad import VadKind
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.memory.creation import ProcessSpace
    from wowsim.memory.space import AddressSpace

TEB32_OFFSET = 0x2000
"""From the native TEB to the 32-bit one (wow64-facts section 3.1)."""
_REGION = 0x200000
_WHOLE_STACK = 0x100000
"""Least size of a stack that is committed as a whole."""


class BlockAllocator:
    """Where PEBs and TEBs go: page by page downwards, or upwards through regions of 2 MB."""

    def __init__(self, space: AddressSpace) -> None:
        self._space = space
        self._next = self._end = 0
        self._spare: dict[int, list[int]] = {}

    def allocate(self, pages: int) -> int:
        """Address of ``pages`` fresh pages."""
        space, layout = self._space, self._space.layout
        if not layout.peb_region:
            start = space.find_gap(pages, layout.peb >> PAGE_SHIFT, top_down=True, alignment=1)
            space.insert_committed(start, start + pages - 1, MM_READWRITE)
            return start << PAGE_SHIFT
        if self._spare.get(pages):
            address = self._spare[pages].pop()
            space.allocate(address, pages * PAGE_SIZE, MEM_COMMIT, PAGE_READWRITE)
            return address
        if self._next + pages * PAGE_SIZE > self._end:
            self._new_region()
        address = self._next
        self._next += pages * PAGE_SIZE
        space.allocate(address, pages * PAGE_SIZE, MEM_COMMIT, PAGE_READWRITE)
        return address

    def free(self, address: int, pages: int) -> None:
        """Give pages back that :meth:`allocate` returned; in a region they are kept for the next one.

        Raises:
            GuestFault: the program has freed or changed them itself.
        """
        space = self._space
        if not space.layout.peb_region:
            space.free(address, 0, MEM_RELEASE)
            return
        space.free(address, pages * PAGE_SIZE, MEM_DECOMMIT)
        self._spare.setdefault(pages, []).append(address)

    def _new_region(self) -> None:
        space = self._space
        preferred = space.layout.peb & ~(_REGION - 1)
        count = _REGION >> PAGE_SHIFT
        start = preferred >> PAGE_SHIFT
        if space.vads.is_free(start, start + count - 1):
            self._next = space.layout.peb
        else:
            start = space.find_gap(count, space.highest_vpn)
            self._next = start << PAGE_SHIFT
        space.insert_vad(start, start + count - 1, VadKind.PRIVATE, MM_READWRITE)
        self._end = (start + count) << PAGE_SHIFT


@dataclass(frozen=True)
class StackRange:
    """A stack: lowest reserved address, lowest committed one without the guard, and the first beyond."""

    base: int
    limit: int
    top: int


@dataclass(frozen=True)
class ProcessBlocks:
    """Where a new process has its blocks; 0 or None where a native process has none.

    Attributes:
        peb: the native PEB; ``peb32`` the 32-bit one.
        teb: the native TEB of the first thread; ``teb32`` the 32-bit one.
        stack: the program's stack; ``stack64`` the one of wow64.dll.
        parameters: the native process parameters; ``parameters32`` the 32-bit ones.
        heap: what the native ntdll keeps its lists in.
        allocator: places the TEBs of further threads.
    """

    peb: int
    peb32: int
    teb: int
    teb32: int
    stack: StackRange
    stack64: StackRange | None
    parameters: int
    parameters32: int
    heap: int
    allocator: BlockAllocator


def allocate_first_blocks(
    process: ProcessSpace,
    parameters_size: int,
    on_growth: Callable[[int, int], None] = lambda teb, limit: None,
) -> ProcessBlocks:
    """Everything a new process and its first thread get before user code runs, step by step.

    Args:
        process: its address space, as the kernel's part of process creation leaves it.
        parameters_size: bytes of one block of process parameters with its environment.
        on_growth: called with the address of the TEB and the new StackLimit when the program's stack grows.

    Raises:
        UsageError: the stack that the program asks for does not fit.
    """
    space, wow64 = process.space, process.wow64_process
    allocator = BlockAllocator(space)
    peb, peb32 = allocate_pebs(process, allocator)
    process.record("PEB")
    teb = allocate_teb(process, allocator)
    teb32 = teb + TEB32_OFFSET if wow64 else 0
    process.record("TEB")
    stack = _program_stack(process, lambda limit: on_growth(teb32 or teb, limit))
    stack64 = None
    if wow64:
        stack64 = allocate_stack(space, 0x40000, 0x40000, preferred=space.layout.stack64)
    process.record("stacks")
    parameters = allocate_block(space, parameters_size, parameters_size, "parameters")
    parameters32 = allocate_block(space, parameters_size, parameters_size, "parameters") if wow64 else 0
    process.record("parameters")
    heap = allocate_block(space, 0x4000, 0x4000, "LdrpInitializeProcess")
    process.record("heap")
    return ProcessBlocks(peb, peb32, teb, teb32, stack, stack64, parameters, parameters32, heap, allocator)


def _program_stack(process: ProcessSpace, on_growth: Callable[[int], None]) -> StackRange:
    space, program = process.space, process.image.image
    space.cause = "RtlCreateUserStack"
    try:
        return allocate_stack(
            space,
            program.stack_reserve,
            max(program.stack_commit, 0x2000),
            preferred=space.layout.stack,
            on_growth=on_growth,
        )
    except GuestFault as fault:
        raise UsageError(
            f"{program.file_name} asks for a stack of {program.stack_reserve:#x} bytes "
            f"({program.stack_commit:#x} committed), which does not fit ({fault.status:08X})"
        ) from fault


def allocate_pebs(process: ProcessSpace, blocks: BlockAllocator) -> tuple[int, int]:
    """The native PEB and, in a WoW64 process, the 32-bit one (else 0)."""
    process.space.cause = "MmCreatePeb"
    layout = process.space.layout
    if layout.peb_pages:
        native = blocks.allocate(layout.peb_pages)
        return native, native + PAGE_SIZE if process.wow64_process else 0
    if not process.wow64_process:
        return blocks.allocate(1), 0
    if layout.peb_region:
        native = blocks.allocate(2)
        return native, native + PAGE_SIZE
    return blocks.allocate(1), blocks.allocate(1)


def allocate_teb(process: ProcessSpace, blocks: BlockAllocator) -> int:
    """The block of one thread's TEBs; in a WoW64 process the 32-bit one lies 2000h above."""
    process.space.cause = "MmCreateTeb"
    return blocks.allocate(process.space.layout.teb_pages)


def allocate_stack(
    space: AddressSpace,
    reserve: int,
    commit: int,
    *,
    preferred: int | None = None,
    on_growth: Callable[[int], None] | None = None,
) -> StackRange:
    """Reserve a stack, commit its top and a guard page below (RtlCreateUserStack).

    Args:
        space: the address space.
        reserve: bytes to reserve.
        commit: bytes to commit.
        preferred: base to take when it is free.
        on_growth: called with the new StackLimit when it grows.

    Raises:
        GuestFault: STATUS_NO_MEMORY or STATUS_COMMITMENT_LIMIT.
    """
    if space.layout.stack_committed:
        reserve = max(reserve, _WHOLE_STACK)
        commit = -(-reserve // 0x10000) * 0x10000 - 2 * PAGE_SIZE
    reserve = max(-(-reserve // 0x10000) * 0x10000, 0x10000)
    commit = min(-(-commit // PAGE_SIZE) * PAGE_SIZE or PAGE_SIZE, reserve)
    base, _ = space.allocate(_if_free(space, preferred, reserve) or 0, reserve, MEM_RESERVE, PAGE_READWRITE)
    top = base + reserve
    limit = top - commit
    space.allocate(limit, commit, MEM_COMMIT, PAGE_READWRITE)
    if limit - PAGE_SIZE > base:
        space.allocate(limit - PAGE_SIZE, PAGE_SIZE, MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD)
        space.register_stack(base, on_growth=on_growth)
    return StackRange(base, limit, top)


def allocate_block(space: AddressSpace, reserve: int, commit: int, cause: str) -> int:
    """Private read-write memory for parameters, environment or a heap; all is committed when they agree."""
    space.cause = cause
    if commit >= reserve:
        return space.allocate(0, reserve, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)[0]
    base, _ = space.allocate(0, reserve, MEM_RESERVE, PAGE_READWRITE)
    if commit:
        space.allocate(base, commit, MEM_COMMIT, PAGE_READWRITE)
    return base


def _if_free(space: AddressSpace, base: int | None, size: int) -> int | None:
    if base is None or not space.vads.is_free(base >> PAGE_SHIFT, (base + size - 1) >> PAGE_SHIFT):
        return None
    return base
