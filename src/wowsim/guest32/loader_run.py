"""The loader's routines that start and end DLLs: initialisation order, DllMain, TLS, references, unloading.

Stands for LdrpRunInitializeRoutines, LdrpInitializeTls, LdrUnloadDll and LdrShutdownProcess below their guest
code. TLS vectors have the form that Windows uses since Vista (length and a link before the array; unverified
beyond that). Leaves out: giving a DLL's TLS block to other running threads. Who may import it:
``guest32.loader``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.guest32 import blocks, ldr
from wowsim.guest32 import frame as f
from wowsim.guest32.frame import Frame
from wowsim.guest32.imports import Resolver
from wowsim.guest32.ldr import Entry, Modules
from wowsim.guest32.mapped import MappedImage
from wowsim.nt.status import (
    STATUS_DLL_INIT_FAILED,
    STATUS_DLL_NOT_FOUND,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from wowsim.nt.abi import Memory
    from wowsim.nt.trap import Routine, Trap

ENTRY_IN_PROGRESS = 0x24
VECTOR_HEADER = 8
VECTOR_STEP = 8


class Runner:
    """Keeps nothing: what it needs lies in the modules' entries."""

    def routines(self) -> dict[str, Routine]:
        """The routines behind the traps."""
        return {
            "loader.commit": self._commit,
            "loader.base": self._base,
            "loader.abandon": self._abandon,
            "loader.next_tls": self._next_tls,
            "loader.tls": self._tls,
            "loader.release_tls": self._release_tls,
            "loader.next_call": self._next_call,
            "loader.called": self._called,
            "loader.unload": self._unload,
            "loader.next_unmap": self._next_unmap,
            "loader.shutdown": self._shutdown,
        }

    # ------------------------------------------------------------ order and references
    def _commit(self, trap: Trap) -> int:
        """All imports are there: put new modules in initialisation order and count references."""
        memory, frame, modules = trap.memory, Frame(trap), Modules(trap)
        resolver = Resolver(memory, modules)
        new = [e for e in modules.walk() if e.flags & ldr.LOAD_IN_PROGRESS]
        waiting = {e.address for e in new}
        # kernel32 and what it needs come before the program's own DLLs.
        roots = sorted(new, key=lambda e: not e.flags & ldr.IMAGE_DLL)
        for entry in _dependencies_first(resolver, roots, waiting):
            if entry.flags & ldr.IMAGE_DLL:
                modules.append(entry, ldr.INITIALIZATION_ORDER)
        root = frame[f.ROOT]
        if root:
            add_reference(resolver, Entry(memory, root))
        for entry in new:
            entry.set_flags(on=0 if root else ldr.STATIC_LINK, off=ldr.LOAD_IN_PROGRESS)
            # Nobody will ever release what the program or a forwarder brought in.
            if not root or entry.load_count == 0:
                entry.load_count = ldr.PINNED
        frame[f.REASON], frame[f.ENTRY], frame[f.INDEX] = f.PROCESS_ATTACH, 0, 0
        return STATUS_SUCCESS

    def _release(self, resolver: Resolver, entry: Entry) -> bool:
        """One reference less; marks what nobody holds any more. False when nothing is to be unloaded."""
        marked = False
        for each in _closure(resolver, entry):
            count = each.load_count
            if count == ldr.PINNED:
                continue
            each.load_count = max(count - 1, 0)
            if count <= 1:
                each.set_flags(on=ldr.UNLOAD_IN_PROGRESS)
                marked = True
        return marked

    def _base(self, trap: Trap) -> int:
        """The frame's result is the base of its root."""
        frame = Frame(trap)
        frame[f.BASE] = Entry(trap.memory, frame[f.ROOT]).base
        return STATUS_SUCCESS

    def _abandon(self, trap: Trap) -> None:
        """A load failed: mark what it brought in for unloading."""
        modules = Modules(trap)
        root = Entry(trap.memory, Frame(trap)[f.ROOT])
        if not root.flags & ldr.LOAD_IN_PROGRESS:
            self._release(Resolver(trap.memory, modules), root)
        for entry in list(modules.walk()):
            if entry.flags & ldr.LOAD_IN_PROGRESS:
                entry.set_flags(on=ldr.UNLOAD_IN_PROGRESS, off=ldr.LOAD_IN_PROGRESS)

    # ------------------------------------------------------------ thread-local storage
    @blocks.on_fault(0)
    def _next_tls(self, trap: Trap) -> int:
        """EAX = bytes of a block that this thread lacks (0: none), ECX = of a longer vector (0: it fits)."""
        memory, modules, frame = trap.memory, Modules(trap), Frame(trap)
        vector = blocks.dword(memory, trap.teb32 + blocks.TEB_TLS_VECTOR)
        length = blocks.dword(memory, vector - VECTOR_HEADER) if vector else 0
        entries = [e for e in modules.walk() if e.flags & ldr.SNAPPED]
        last = max((e.tls_slot for e in entries), default=0)
        for entry in entries:
            tls = _tls_of(memory, entry)
            if tls is None:
                continue
            slot = entry.tls_slot
            if not slot:
                last = slot = last + 1
                entry.tls_slot = slot
            if slot <= length and blocks.dword(memory, vector + 4 * (slot - 1)):
                continue
            frame[f.ENTRY] = entry.address
            room = -(-last // VECTOR_STEP) * VECTOR_STEP
            trap.set_register("rcx", 0 if slot <= length else VECTOR_HEADER + 4 * room)
            return max(tls[1] - tls[0] + tls[4], 1)
        frame[f.ENTRY] = 0
        return 0

    @blocks.on_fault(0)
    def _tls(self, trap: Trap) -> int:
        """Fill the new block and, if there is one, the longer vector; EAX = the old vector to free, or 0."""
        memory, frame = trap.memory, Frame(trap)
        entry = Entry(memory, frame[f.ENTRY])
        block, fresh = frame[f.TLS_BLOCK], frame[f.TLS_VECTOR]
        start, end, index_at, _, zeros = _tls_of(memory, entry) or (0, 0, 0, 0, 0)
        index = entry.tls_slot - 1
        vector = blocks.dword(memory, trap.teb32 + blocks.TEB_TLS_VECTOR)
        old = 0
        if fresh:
            length = min(blocks.dword(memory, vector - VECTOR_HEADER), index) if vector else 0
            room = -(-(index + 1) // VECTOR_STEP) * VECTOR_STEP
            kept = memory.read(vector, 4 * length) if length else b""
            memory.write(fresh, struct.pack("<II", room, 0) + kept.ljust(4 * room, b"\0"))
            old = vector - VECTOR_HEADER if vector else 0
            vector = fresh + VECTOR_HEADER
            blocks.put_dword(memory, trap.teb32 + blocks.TEB_TLS_VECTOR, vector)
        memory.write(block, memory.read(start, end - start) + bytes(zeros))
        blocks.put_dword(memory, vector + 4 * index, block)
        if index_at:
            blocks.put_dword(memory, index_at, index)
        return old

    @blocks.on_fault(0)
    def _release_tls(self, trap: Trap) -> int:
        """EAX = a TLS block of the ending thread to free, at last their vector; 0 when all are freed."""
        memory = trap.memory
        vector = blocks.dword(memory, trap.teb32 + blocks.TEB_TLS_VECTOR)
        if not vector:
            return 0
        length = min(blocks.dword(memory, vector - VECTOR_HEADER), ldr.MAX_MODULES)
        for slot, block in enumerate(struct.unpack(f"<{length}I", memory.read(vector, 4 * length))):
            if block:
                blocks.put_dword(memory, vector + 4 * slot, 0)
                return int(block)
        blocks.put_dword(memory, trap.teb32 + blocks.TEB_TLS_VECTOR, 0)
        return vector - VECTOR_HEADER

    # ------------------------------------------------------------ DllMain and TLS callbacks
    @blocks.on_fault(0)
    def _next_call(self, trap: Trap) -> int:
        """EAX = the next routine to call (0: none left), ECX = its module, EDX = lpReserved."""
        memory, frame, modules = trap.memory, Frame(trap), Modules(trap)
        reason, address = frame[f.REASON] & 3, frame[f.ENTRY]
        for _ in range(ldr.MAX_MODULES):
            entry = Entry(memory, address) if address else None
            routines = _routines(memory, entry) if entry else []
            at = frame[f.INDEX]
            if entry is not None and at < len(routines):
                frame[f.INDEX] = at + 1
                routine, frame[f.MODE] = routines[at]
                trap.set_register("rcx", entry.base)
                trap.set_register("rdx", _reserved(frame, modules, reason))
                return routine
            found = self._next_entry(modules, reason, address, bool(frame[f.CONTEXT]))
            if reason == f.PROCESS_DETACH:
                blocks.put_dword(memory, modules.data + ENTRY_IN_PROGRESS, found.address if found else 0)
            if found is None:
                return 0
            address = found.address
            frame[f.ENTRY], frame[f.INDEX] = address, 0
        return 0

    @staticmethod
    def _next_entry(modules: Modules, reason: int, address: int, starting: bool) -> Entry | None:
        """Whose routines are called after those of the entry at ``address`` (0: first of all)."""
        order = list(modules.walk(ldr.INITIALIZATION_ORDER))
        if starting or reason != f.PROCESS_ATTACH:
            # The program's TLS callbacks are not a matter of a DllMain that loads something.
            order += (e for e in modules.walk() if not e.flags & ldr.IMAGE_DLL)
        if reason == f.PROCESS_ATTACH:
            found = next((e for e in order if not e.flags & ldr.ATTACHED), None)
            if found is not None:
                found.set_flags(on=ldr.ATTACHED)
            return found
        if reason == f.PROCESS_DETACH:
            everyone = modules.shutting_down
            leaving = (e for e in reversed(order) if e.flags & ldr.ATTACHED)
            found = next((e for e in leaving if everyone or e.flags & ldr.UNLOAD_IN_PROGRESS), None)
            if found is not None:
                found.set_flags(off=ldr.ATTACHED)
            return found
        if reason == f.THREAD_DETACH:
            order.reverse()
        after = next((i + 1 for i, e in enumerate(order) if e.address == address), 0)
        called = (e for e in order[after:] if e.flags & (ldr.ATTACHED | ldr.NO_THREAD_CALLS) == ldr.ATTACHED)
        return next(called, None)

    def _called(self, trap: Trap) -> int:
        """EAX = status: only a DllMain that refuses to attach is a failure."""
        frame = Frame(trap)
        refused = not trap.register("rax") & 0xFF and frame[f.MODE]
        return STATUS_DLL_INIT_FAILED if refused and frame[f.REASON] == f.PROCESS_ATTACH else STATUS_SUCCESS

    # ------------------------------------------------------------ unloading
    def _unload(self, trap: Trap) -> int:
        """LdrUnloadDll: EAX 1 when modules are to be unloaded now, 0 when nothing is to do, or a status."""
        memory, modules = trap.memory, Modules(trap)
        Frame(trap).clear()
        if modules.shutting_down:
            return 0
        entry = modules.at(blocks.parameter(trap, 0))
        if entry is None:
            return STATUS_DLL_NOT_FOUND
        marked = self._release(Resolver(memory, modules), entry)
        # Inside another unload's DllMain: that one goes on with what is marked here.
        return int(marked and not blocks.dword(memory, modules.data + ENTRY_IN_PROGRESS))

    @blocks.on_fault(0)
    def _next_unmap(self, trap: Trap) -> int:
        """EAX = entry of a module that has been detached, unlinked now (0: none left); ECX = its base."""
        memory, modules = trap.memory, Modules(trap)
        for entry in modules.walk():
            if entry.flags & (ldr.UNLOAD_IN_PROGRESS | ldr.ATTACHED) == ldr.UNLOAD_IN_PROGRESS:
                vector, slot = blocks.dword(memory, trap.teb32 + blocks.TEB_TLS_VECTOR), entry.tls_slot
                if vector and 0 < slot <= blocks.dword(memory, vector - VECTOR_HEADER):
                    blocks.put_dword(memory, vector + 4 * (slot - 1), 0)
                modules.unlink(entry)
                trap.set_register("rcx", entry.base)
                return entry.address
        return 0

    def _shutdown(self, trap: Trap) -> int:
        """LdrShutdownProcess: EAX 1 when DLLs are to be told, 0 when the loader never came up."""
        modules = Modules(trap)
        Frame(trap).clear()
        if not modules.data:
            return 0
        modules.shut_down(blocks.dword(trap.memory, trap.teb32 + 0x24))
        return 1


def add_reference(resolver: Resolver, entry: Entry) -> None:
    """One reference more for a module and everything it imports from."""
    for each in _closure(resolver, entry):
        if each.load_count < ldr.PINNED - 1:
            each.load_count += 1


def _dependencies_first(resolver: Resolver, entries: list[Entry], waiting: set[int]) -> list[Entry]:
    """The entries whose addresses are ``waiting``, each behind what it imports from."""
    done: list[Entry] = []
    for root in entries:
        stack = [(root, False)]
        while stack:
            entry, ready = stack.pop()
            if ready:
                done.append(entry)
            elif entry.address in waiting:
                waiting.discard(entry.address)
                stack.append((entry, True))
                stack += [(e, False) for e in reversed(list(resolver.dependencies(entry)))]
    return done


def _closure(resolver: Resolver, entry: Entry) -> list[Entry]:
    """A module and everything it imports from, directly or not, each once."""
    found = {entry.address: entry}
    stack = [entry]
    while stack:
        for each in resolver.dependencies(stack.pop()):
            if each.address not in found:
                found[each.address] = each
                stack.append(each)
    return list(found.values())


def _tls_of(memory: Memory, entry: Entry) -> tuple[int, int, int, int, int] | None:
    return MappedImage(memory, entry.base).tls()


def _reserved(frame: Frame, modules: Modules, reason: int) -> int:
    """DllMain's lpReserved: not NULL when the process starts or ends."""
    if reason == f.PROCESS_ATTACH:
        return frame[f.CONTEXT]
    return int(reason == f.PROCESS_DETACH and modules.shutting_down)


def _routines(memory: Memory, entry: Entry) -> list[tuple[int, int]]:
    """What is called for a module, in order: TLS callbacks (0), then a DLL's entry point (1)."""
    called = [(address, 0) for address in MappedImage(memory, entry.base).tls_callbacks()]
    if entry.flags & ldr.IMAGE_DLL and entry.entry_point:
        called.append((entry.entry_point, 1))
    return called
