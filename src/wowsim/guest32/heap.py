"""The heap routines of the 32-bit ntdll: RtlAllocateHeap and its family, below their guest code.

Stands for ntdll's back-end heap. Guest code (``guest32.heap_code``) makes every Nt call; the routines here
find a block or say what must be reserved or committed first. Each block has a header of 8 bytes in guest
memory (requested size, total size with bit 0 set while busy: wowsim's own form), heap handles are addresses
of a ``_HEAP`` with the fields that programs look at. Leaves out: the low fragmentation heap, heap tags,
HEAP_GENERATE_EXCEPTIONS, heaps in the caller's own memory. Who may import it: the simulation.

A header that the guest overwrote makes the operation fail; Windows would end the process instead.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wowsim.errors import Unsupported
from wowsim.guest32 import blocks
from wowsim.guest32.arena import HEADER, MINIMUM, PAGE, Arena, Busy, Segment
from wowsim.nt.status import STATUS_INVALID_PARAMETER, STATUS_NO_MEMORY, STATUS_SUCCESS, succeeded

if TYPE_CHECKING:
    from wowsim.nt.abi import Memory
    from wowsim.nt.trap import Routine, Trap

HEAP_GROWABLE = 0x2
HEAP_ZERO_MEMORY = 0x8
HEAP_REALLOC_IN_PLACE_ONLY = 0x10
HEAP_CREATE_ENABLE_EXECUTE = 0x40000
ERROR_NOT_ENOUGH_MEMORY = 8

MEM_COMMIT, MEM_RESERVE = 0x1000, 0x2000
PAGE_READWRITE, PAGE_EXECUTE_READWRITE = 0x04, 0x40

FIRST_BLOCK = 0x588
"""Where a heap's first block lies: the size of Windows 7's _HEAP (unverified for other builds)."""
LARGE = 0x7F000
"""Allocations from here on get a reservation of their own (VirtualMemoryThreshold, unverified)."""
LARGE_HEADER = 0x20
SEGMENT = 0x100000
COMMIT_STEP = 0x10000
TOP = 0x7FFF0000

_HEAP_FIELDS = struct.Struct("<8xI8xI")
_BLOCK_HEADER = struct.Struct("<II")


@dataclass
class Heap:
    """One heap: its flags, its blocks, and the large allocations that lie outside its segments."""

    flags: int
    arena: Arena
    large: dict[int, Busy] = field(default_factory=dict)

    def block(self, payload: int) -> Busy | None:
        """The busy block at an address."""
        return self.arena.busy.get(payload) or self.large.get(payload)

    @property
    def protection(self) -> int:
        """Of its pages."""
        return PAGE_EXECUTE_READWRITE if self.flags & HEAP_CREATE_ENABLE_EXECUTE else PAGE_READWRITE


def _header(block: Busy, busy: bool) -> tuple[int, int]:
    return (block.requested, block.total | 1) if busy else (0, block.total)


class Heaps:
    """Every heap of one process, by handle."""

    def __init__(self) -> None:
        self._heaps: dict[int, Heap] = {}

    def routines(self) -> dict[str, Routine]:
        """The routines behind the traps of ``guest32.heap_code``."""
        return {
            "heap.plan": self._plan,
            "heap.create": self._create,
            "heap.release": self._release,
            "heap.allocate": self._allocate,
            "heap.grown": self._grown,
            "heap.free": self._free,
            "heap.reallocate": self._reallocate,
            "heap.size": self._size,
            "heap.validate": self._validate,
            "heap.list": self._list,
            "heap.information": self._information,
        }

    # ------------------------------------------------------------ creating and destroying
    def _plan(self, trap: Trap) -> None:
        """RtlCreateHeap: [ebp-8] address, [ebp-4] bytes to reserve, [ebp-0Ch] to commit, EDX protection."""
        frame = blocks.register32(trap, "rbp")
        flags, base, reserve, commit = (blocks.parameter(trap, i) for i in range(4))
        if base:
            raise Unsupported("RtlCreateHeap in memory of the caller (HeapBase is not NULL)")
        commit = max(_pages(commit), PAGE)
        reserve = max((_pages(reserve) + 0xFFFF) & ~0xFFFF if reserve else SEGMENT, _pages(commit))
        blocks.put_dword(trap.memory, frame - 8, 0)
        blocks.put_dword(trap.memory, frame - 4, reserve)
        blocks.put_dword(trap.memory, frame - 0xC, commit)
        trap.set_register("rdx", Heap(flags, Arena()).protection)

    @blocks.on_fault(0)
    def _create(self, trap: Trap) -> int:
        """Make the reserved range at [ebp-8] a heap; EAX is its handle."""
        memory, frame = trap.memory, blocks.register32(trap, "rbp")
        flags = blocks.parameter(trap, 0)
        base, reserve = blocks.dword(memory, frame - 8), blocks.dword(memory, frame - 4)
        commit = blocks.dword(memory, frame - 0xC)
        if not FIRST_BLOCK + MINIMUM <= commit <= reserve <= TOP - base:
            return 0
        heap = Heap(flags, Arena([Segment(base + FIRST_BLOCK, base + commit, base + reserve)]))
        heap.arena.add(base + FIRST_BLOCK, base + commit)
        memory.pack(_HEAP_FIELDS, base, 0xFFEEFFEE, base)
        memory.write(base + 0x40, struct.pack("<II", flags, 0))
        memory.write(base + 0x60, struct.pack("<I", 0xEEFFEEFF))
        self._heaps[base] = heap
        self._publish(trap)
        return base

    @blocks.on_fault(0)
    def _release(self, trap: Trap) -> int:
        """RtlDestroyHeap: EAX 1, [ebp-8] = a range to free, ECX = ranges left then; EAX 0: no such heap."""
        memory, frame = trap.memory, blocks.register32(trap, "rbp")
        handle = blocks.parameter(trap, 0)
        heap = self._heaps.get(handle)
        if heap is None or handle == blocks.dword(memory, blocks.peb(trap) + blocks.PEB_PROCESS_HEAP):
            return 0
        if heap.large:
            payload = next(iter(heap.large))
            del heap.large[payload]
            base = payload - LARGE_HEADER
        else:
            # The first segment goes last: its address is the handle.
            start = heap.arena.segments.pop().start
            base = start if heap.arena.segments else handle
        left = len(heap.large) + len(heap.arena.segments)
        if not left:
            del self._heaps[handle]
            self._publish(trap)
        blocks.put_dword(memory, frame - 8, base)
        blocks.put_dword(memory, frame - 4, 0)
        trap.set_register("rcx", left)
        return 1

    def _publish(self, trap: Trap) -> None:
        """PEB.ProcessHeaps: the handles that fit in the array the loader set up."""
        memory, peb = trap.memory, blocks.peb(trap)
        array = blocks.dword(memory, peb + blocks.PEB_PROCESS_HEAPS)
        room = min(blocks.dword(memory, peb + blocks.PEB_MAXIMUM_HEAPS), 0x400)
        shown = list(self._heaps)[:room]
        blocks.put_dword(memory, peb + blocks.PEB_NUMBER_OF_HEAPS, len(shown))
        memory.write(array, struct.pack(f"<{len(shown)}I", *shown))

    # ------------------------------------------------------------ blocks
    @blocks.on_fault(0, ecx=0)
    def _allocate(self, trap: Trap) -> int:
        """RtlAllocateHeap: EAX = block, ECX 0; or ECX = how to allocate the range at [ebp-8], [ebp-4]."""
        memory = trap.memory
        handle, flags, size = (blocks.parameter(trap, i) for i in range(3))
        heap = self._heaps.get(handle)
        trap.set_register("rcx", 0)
        if heap is None or size >= TOP:
            return self._no_memory(trap)
        if size >= LARGE:
            if not heap.flags & HEAP_GROWABLE:
                return self._no_memory(trap)
            return self._ask(trap, MEM_RESERVE | MEM_COMMIT, 0, _pages(size + LARGE_HEADER), heap)
        payload = heap.arena.take(size)
        if payload is not None:
            memory.pack(_BLOCK_HEADER, payload - HEADER, *_header(heap.arena.busy[payload], True))
            if flags & HEAP_ZERO_MEMORY:
                memory.write(payload, bytes(size))
            return payload
        growth = heap.arena.growth(size, COMMIT_STEP)
        if growth is not None:
            return self._ask(trap, MEM_COMMIT, growth[0].committed, growth[1], heap)
        if not heap.flags & HEAP_GROWABLE:
            return self._no_memory(trap)
        last = heap.arena.segments[-1]
        doubled = min(2 * (last.end - last.start + 0xFFFF & ~0xFFFF), 0x1000000)
        return self._ask(trap, MEM_RESERVE, 0, max(SEGMENT, doubled), heap)

    def _ask(self, trap: Trap, kind: int, address: int, size: int, heap: Heap) -> int:
        frame = blocks.register32(trap, "rbp")
        trap.memory.write(frame - 0xC, struct.pack("<III", kind, address, size))
        trap.set_register("rcx", kind)
        trap.set_register("rdx", heap.protection)
        return 0

    @blocks.on_fault(0, ecx=0)
    def _grown(self, trap: Trap) -> int:
        """After ZwAllocateVirtualMemory: ECX 1 to look again; else EAX = the large block, or 0 on failure."""
        memory, frame = trap.memory, blocks.register32(trap, "rbp")
        kind, address, size = struct.unpack("<III", memory.read(frame - 0xC, 12))
        heap = self._heaps.get(blocks.parameter(trap, 0))
        trap.set_register("rcx", 0)
        if heap is None or not succeeded(trap.register("rax")):
            return self._no_memory(trap)
        if kind == MEM_RESERVE:
            # Whatever a hook on the Nt call pretends, segments never overlap.
            if any(address < s.end and s.start < address + size for s in heap.arena.segments) or not size:
                return self._no_memory(trap)
            heap.arena.segments.append(Segment(address, address, address + size))
        elif kind == MEM_COMMIT:
            segment = next((s for s in heap.arena.segments if s.committed == address < s.end), None)
            if segment is None or not address < address + size <= segment.end:
                return self._no_memory(trap)
            segment.committed = address + size
            heap.arena.add(address, address + size)
        else:
            block = Busy(blocks.parameter(trap, 2), size)
            memory.pack(_BLOCK_HEADER, address + LARGE_HEADER - HEADER, *_header(block, True))
            heap.large[address + LARGE_HEADER] = block
            return int(address + LARGE_HEADER)
        trap.set_register("rcx", 1)
        return 0

    @staticmethod
    def _no_memory(trap: Trap) -> int:
        blocks.set_last_status(trap, STATUS_NO_MEMORY, ERROR_NOT_ENOUGH_MEMORY)
        return 0

    @blocks.on_fault(0, ecx=0)
    def _free(self, trap: Trap) -> int:
        """RtlFreeHeap: EAX = BOOLEAN; ECX = address of a large block's reservation to release, or 0."""
        trap.set_register("rcx", 0)
        handle, payload = blocks.parameter(trap, 0), blocks.parameter(trap, 2)
        if payload == 0:
            return 1
        heap = self._heaps.get(handle)
        block = self._intact(trap.memory, heap, payload)
        if heap is None or block is None:
            blocks.set_last_status(trap, STATUS_INVALID_PARAMETER, 87)
            return 0
        if payload in heap.large:
            del heap.large[payload]
            trap.set_register("rcx", payload - LARGE_HEADER)
        else:
            trap.memory.pack(_BLOCK_HEADER, heap.arena.give_back(payload), *_header(block, False))
        return 1

    @blocks.on_fault(0, ecx=0)
    def _reallocate(self, trap: Trap) -> int:
        """RtlReAllocateHeap: EAX = the block, resized in place; or ECX 1: move it, EDX = bytes to copy."""
        memory = trap.memory
        handle, flags, payload, size = (blocks.parameter(trap, i) for i in range(4))
        heap = self._heaps.get(handle)
        block = self._intact(memory, heap, payload)
        trap.set_register("rcx", 0)
        if heap is None or block is None or size >= TOP:
            return self._no_memory(trap)
        old = block.requested
        if payload in heap.large:
            fits = min(LARGE, old) <= size <= block.total - LARGE_HEADER
            fits = fits or (size <= old and bool(flags & HEAP_REALLOC_IN_PLACE_ONLY))
            block.requested = size if fits else old
        else:
            fits = size < LARGE and heap.arena.resize(payload, size)
            block = heap.arena.busy[payload]
        if fits:
            memory.pack(_BLOCK_HEADER, payload - HEADER, *_header(block, True))
            if flags & HEAP_ZERO_MEMORY and size > old:
                memory.write(payload + old, bytes(size - old))
            return payload
        if flags & HEAP_REALLOC_IN_PLACE_ONLY:
            return self._no_memory(trap)
        trap.set_register("rcx", 1)
        trap.set_register("rdx", min(old, size))
        return 0

    # ------------------------------------------------------------ questions
    @blocks.on_fault(0xFFFFFFFF)
    def _size(self, trap: Trap) -> int:
        """RtlSizeHeap: bytes asked for, or -1."""
        block = self._intact(trap.memory, self._heaps.get(trap.argument(0)), trap.argument(2))
        return 0xFFFFFFFF if block is None else block.requested

    @blocks.on_fault(0)
    def _validate(self, trap: Trap) -> int:
        """RtlValidateHeap: one block, or all of them when the address is NULL."""
        heap, payload = self._heaps.get(trap.argument(0)), trap.argument(2)
        if heap is None:
            return 0
        every = [payload] if payload else [*heap.arena.busy, *heap.large]
        return int(all(self._intact(trap.memory, heap, p) is not None for p in every))

    def _list(self, trap: Trap) -> int:
        """RtlGetProcessHeaps: the number of heaps, and as many handles as the caller has room for."""
        room, array = trap.argument(0), trap.argument(1)
        if room:
            shown = list(self._heaps)[:room]
            trap.memory.write(array, struct.pack(f"<{len(shown)}I", *shown))
        return len(self._heaps)

    def _information(self, trap: Trap) -> int:
        """RtlSetHeapInformation: the front end (0) and termination on corruption (1) change no result."""
        return STATUS_SUCCESS if trap.argument(1) in (0, 1) else STATUS_INVALID_PARAMETER

    @staticmethod
    def _intact(memory: Memory, heap: Heap | None, payload: int) -> Busy | None:
        """The busy block at an address, unless its header in guest memory was overwritten."""
        block = heap.block(payload) if heap is not None else None
        if block is None or memory.unpack(_BLOCK_HEADER, payload - HEADER) != _header(block, True):
            return None
        return block


def _pages(size: int) -> int:
    return (size + PAGE - 1) & ~(PAGE - 1)
