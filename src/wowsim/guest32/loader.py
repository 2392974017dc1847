"""The loader's routines that describe and connect DLLs: process start, new views, headers, imports.

Stands for the data half of ntdll's Ldr routines; the Nt calls and their order are guest code
(``guest32.loader_code``). A load that is under way lies in the frame on the guest's stack, modules lie in the
PEB's lists. Calling DllMain and unloading: ``guest32.loader_run``. Who may import it: ``guest32.ntdll32``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, UsageError
from wowsim.guest32 import blocks, ldr, search
from wowsim.guest32 import frame as f
from wowsim.guest32.frame import Frame
from wowsim.guest32.imports import Needs, Resolver
from wowsim.guest32.ldr import Entry, Modules
from wowsim.guest32.loader_run import Runner, add_reference
from wowsim.guest32.mapped import PAGE, RELOCATION, MappedImage
from wowsim.nt.status import (
    STATUS_CONFLICTING_ADDRESSES,
    STATUS_DLL_NOT_FOUND,
    STATUS_ENTRYPOINT_NOT_FOUND,
    STATUS_INVALID_PARAMETER,
    STATUS_NAME_TOO_LONG,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_ORDINAL_NOT_FOUND,
    STATUS_SUCCESS,
    name_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.nt.builds import Build
    from wowsim.nt.trap import Routine, Trap

PAGE_READWRITE = 4

# Offsets of the process' static blocks from PebLdr, where ntdll32's .data has them.
LOADER_LOCK, FAST_LOCK, TLS_BITMAP, TLS_EXPANSION_BITMAP = 0x30, 0x48, 0x60, 0x68
INIT_THUNK, UNHANDLED_FILTER, PROCESS_HEAPS = 0x70, 0x74, 0x80
HEAPS_ROOM = 0x400
DATA_SIZE = PROCESS_HEAPS + 4 * HEAPS_ROOM


class Loader:
    """The loader of one process.

    Args:
        build: says where the system DLLs lie.
    """

    def __init__(self, build: Build) -> None:
        self._ntdll = build.ntdll.path
        self._system = self._ntdll.rpartition("\\")[0]
        self._absent: dict[str, int] = {}

    def routines(self) -> dict[str, Routine]:
        """The routines behind the traps of ``guest32.loader_code``."""
        return Runner().routines() | {
            "loader.begin": self._begin,
            "loader.own": self._own,
            "loader.kernel32": self._kernel32,
            "loader.program": self._program,
            "loader.start": self._start,
            "loader.request": self._request,
            "loader.find": self._find,
            "loader.candidate": self._candidate,
            "loader.entry_size": self._entry_size,
            "loader.insert": self._insert,
            "loader.remove": self._remove,
            "loader.protection": self._protection,
            "loader.relocate": self._relocate,
            "loader.next_import": self._next_import,
            "loader.not_loaded": self._not_loaded,
            "loader.next_snap": self._next_snap,
            "loader.snap": self._snap,
            "loader.procedure": self._procedure,
        }

    # ------------------------------------------------------------ process start
    def _begin(self, trap: Trap) -> None:
        """EAX = PebLdr: empty lists, the PEB's pointers into ntdll's data, absolute process parameters."""
        memory, peb, data = trap.memory, blocks.peb(trap), blocks.register32(trap, "rax")
        Frame(trap).clear()
        Modules(trap).create(trap, data)
        bitmaps = (64, peb + blocks.PEB_TLS_BITMAP_BITS, 1024, peb + blocks.PEB_TLS_EXPANSION_BITS)
        memory.write(data + TLS_BITMAP, struct.pack("<4I", *bitmaps))
        for field, value in (
            (blocks.PEB_LOADER_LOCK, data + LOADER_LOCK),
            (blocks.PEB_FAST_LOCK, data + FAST_LOCK),
            (blocks.PEB_TLS_BITMAP, data + TLS_BITMAP),
            (blocks.PEB_TLS_EXPANSION_BITMAP, data + TLS_EXPANSION_BITMAP),
            (blocks.PEB_PROCESS_HEAPS, data + PROCESS_HEAPS),
            (blocks.PEB_MAXIMUM_HEAPS, HEAPS_ROOM),
            (blocks.PEB_NUMBER_OF_HEAPS, 0),
        ):
            blocks.put_dword(memory, peb + field, value)
        _normalise(trap)

    @blocks.on_fault(0)
    def _own(self, trap: Trap) -> int:
        """The program, then ntdll: EAX = bytes of the entry to allocate, 0 when both are listed."""
        memory, frame = trap.memory, Frame(trap)
        listed = sum(1 for _ in Modules(trap).walk())
        if listed > 1:
            return 0
        if listed:
            frame[f.BASE] = blocks.parameter(trap, 1)
            path = self._ntdll
        else:
            frame[f.BASE] = blocks.dword(memory, blocks.peb(trap) + blocks.PEB_IMAGE_BASE)
            path = blocks.unicode_string(memory, blocks.parameters(trap) + blocks.PARAMETERS_IMAGE_PATH)
        frame.nt_name = search.NT_PREFIX + path
        return ldr.entry_bytes(search.dos_name(frame.nt_name, self._system))

    def _kernel32(self, trap: Trap) -> None:
        """kernel32 is the DLL wanted next, whether the program imports it or not."""
        Frame(trap).name = "kernel32.dll"

    @blocks.on_fault(0)
    def _program(self, trap: Trap) -> int:
        """The program's own imports come next; EAX 1 when it must be relocated first."""
        frame, entry = Frame(trap), next(Modules(trap).walk())
        entry.set_flags(on=ldr.LOAD_IN_PROGRESS)
        frame[f.ENTRY], frame[f.BASE] = entry.address, entry.base
        return int(MappedImage(trap.memory, entry.base).preferred != entry.base)

    def _start(self, trap: Trap) -> int:
        """Resolve where _RtlUserThreadStart goes, and the filter of its frame: both are kernel32's."""
        modules = Modules(trap)
        resolve = Resolver(trap.memory, modules).resolve
        found = resolve("kernel32.dll", "BaseThreadInitThunk", 0)
        if not isinstance(found, int):
            return STATUS_ENTRYPOINT_NOT_FOUND
        blocks.put_dword(trap.memory, modules.data + INIT_THUNK, found)
        last = resolve("kernel32.dll", "UnhandledExceptionFilter", 0)
        if isinstance(last, int):
            blocks.put_dword(trap.memory, modules.data + UNHANDLED_FILTER, last)
        return STATUS_SUCCESS

    # ------------------------------------------------------------ what is wanted, and where it may be
    def _request(self, trap: Trap) -> int:
        """LdrLoadDll(path, characteristics, name, handle): the name is the wanted DLL; EAX = status."""
        Frame(trap).clear()
        return self._want(trap, blocks.unicode_string(trap.memory, blocks.parameter(trap, 2)))

    def _want(self, trap: Trap, name: str) -> int:
        name = search.redirected(search.wanted(trap, name), self._system)
        if not name:
            return STATUS_OBJECT_NAME_INVALID
        if len(blocks.encoded(name)) > f.NAME_ROOM:
            return STATUS_NAME_TOO_LONG
        Frame(trap).name = name
        return STATUS_SUCCESS

    @blocks.on_fault(0)
    def _find(self, trap: Trap) -> int:
        """EAX 1 when the wanted DLL is loaded: it has one reference more and is the frame's root."""
        modules, frame = Modules(trap), Frame(trap)
        entry = modules.named(frame.name) or self._by_place(trap, modules)
        if entry is None:
            return 0
        add_reference(Resolver(trap.memory, modules), entry)
        frame[f.ROOT] = entry.address
        return 1

    def _by_place(self, trap: Trap, modules: Modules) -> Entry | None:
        r"""The module that a relative name with a directory (``.\a.dll``) may mean."""
        name = Frame(trap).name
        if "\\" not in name:
            return None
        places = (search.dos_name(place, self._system) for place in search.places(trap, name, self._system))
        return next(filter(None, map(modules.named, places)), None)

    def _candidate(self, trap: Trap) -> int:
        """The next place to look in: EAX 0 a known section, 1 a file, or a status when there is none left."""
        frame = Frame(trap)
        at = frame[f.INDEX]
        found = search.place(trap, frame.name, self._system, at)
        if found is None:
            return STATUS_DLL_NOT_FOUND
        frame[f.INDEX] = at + 1
        frame.nt_name = found
        return 0 if found.startswith(search.known_dlls(self._system)) else 1

    # ------------------------------------------------------------ a new view
    def _entry_size(self, trap: Trap) -> int:
        """EAX = bytes of the new module's entry, or a status when the view holds no 32-bit image."""
        frame = Frame(trap)
        try:
            MappedImage(trap.memory, frame[f.BASE])
        except GuestFault as fault:
            return fault.status
        return ldr.entry_bytes(search.dos_name(frame.nt_name, self._system))

    def _insert(self, trap: Trap) -> None:
        """Fill the allocated entry and link it: the program is first, ntdll second, then come the DLLs."""
        memory, frame, modules = trap.memory, Frame(trap), Modules(trap)
        base = frame[f.BASE]
        image = MappedImage(memory, base)
        listed = sum(1 for _ in modules.walk())
        ready = ldr.IMAGE_DLL | ldr.SNAPPED | ldr.ATTACHED
        # an EXE that is loaded like a DLL has no DllMain
        flags = {0: 0, 1: ready}.get(listed, ldr.IMAGE_DLL * image.is_dll | ldr.LOAD_IN_PROGRESS)
        facts = (base, base + image.entry if image.entry else 0, image.size, image.timestamp)
        name = search.dos_name(frame.nt_name, self._system)
        entry = ldr.write_entry(memory, frame[f.ENTRY], facts, name, flags)
        modules.append(entry, ldr.LOAD_ORDER)
        modules.append(entry, ldr.MEMORY_ORDER)
        if listed < 2:
            entry.load_count = ldr.PINNED
        if listed == 1:
            modules.append(entry, ldr.INITIALIZATION_ORDER)

    def _remove(self, trap: Trap) -> None:
        """Unlink the frame's entry again: its image could not be relocated."""
        Modules(trap).unlink(Entry(trap.memory, Frame(trap)[f.ENTRY]))

    @blocks.on_fault(0)
    def _protection(self, trap: Trap) -> int:
        """The next range whose protection changes: EAX 1 and the frame's fields; 0: none is left."""
        frame = Frame(trap)
        base, at, mode = frame[f.BASE], frame[f.INDEX], frame[f.MODE]
        image = MappedImage(trap.memory, base)
        whole = mode in (f.UNPROTECT_ALL, f.PROTECT_ALL)
        low, high = (0, 0xFFFFFFFF) if whole else image.iat_range()
        ranges = []
        for section in image.sections:
            start, end = max(section.rva, low), min(section.rva + section.size, high)
            if start < end and not section.writable:
                ranges.append((start & -PAGE, (end + PAGE - 1) & -PAGE, section.protection))
        if at >= len(ranges):
            return 0
        start, end, protection = ranges[at]
        frame[f.INDEX] = at + 1
        frame[f.PROTECT_BASE], frame[f.PROTECT_SIZE] = base + start, end - start
        frame[f.NEW_PROTECT] = PAGE_READWRITE if mode in (f.UNPROTECT_ALL, f.UNPROTECT_IAT) else protection
        return 1

    def _relocate(self, trap: Trap) -> int:
        """Add the distance from the preferred base to every pointer; EAX = status."""
        base = Frame(trap)[f.BASE]
        try:
            image = MappedImage(trap.memory, base)
            delta = base - image.preferred
            if delta and not image.directory(RELOCATION)[0]:
                return STATUS_CONFLICTING_ADDRESSES
            for rva in image.relocations() if delta else ():
                blocks.put_dword(trap.memory, base + rva, image.dword(rva) + delta)
        except GuestFault as fault:
            return fault.status
        return STATUS_SUCCESS

    # ------------------------------------------------------------ imports
    def _next_import(self, trap: Trap) -> int:
        """EAX 1 and the name of a DLL that a module in progress needs; 0 when all are there; or a status."""
        modules = Modules(trap)
        resolver = Resolver(trap.memory, modules)
        try:
            for entry in _in_progress(modules):
                needed = resolver.first_needed(entry, self._absent)
                if needed is not None:
                    return self._want(trap, needed) or 1
        except GuestFault as fault:
            return fault.status
        return 0

    def _not_loaded(self, trap: Trap) -> int:
        """A needed DLL could not be loaded: at process start go on to find everything that is missing."""
        frame, status = Frame(trap), blocks.register32(trap, "rax")
        if not frame[f.CONTEXT]:
            return status
        self._absent[frame.name] = status
        return 0

    @blocks.on_fault(0)
    def _next_snap(self, trap: Trap) -> int:
        """EAX 1 and the frame at the next module whose IAT is to be filled; 0 when there is none left."""
        frame, modules = Frame(trap), Modules(trap)
        if self._absent:
            self._refuse_missing(trap, modules)
        entry = next(_in_progress(modules), None)
        if entry is None:
            return 0
        frame[f.BASE], frame[f.ENTRY] = entry.base, entry.address
        return 1

    def _refuse_missing(self, trap: Trap, modules: Modules) -> None:
        resolver = Resolver(trap.memory, modules)
        lines = []
        for entry in _in_progress(modules):
            missing = resolver.missing(entry)
            if missing:
                lines.append(f"{entry.base_name} needs what the built-in DLLs lack: {', '.join(missing)}")
        named = "".join(lines).casefold()
        for name, status in self._absent.items():
            if status != STATUS_DLL_NOT_FOUND or f"{name}!".casefold() not in named:
                lines.append(f"{name} cannot be loaded: {name_of(status)}")
        raise UsageError("; ".join(lines))

    def _snap(self, trap: Trap) -> int:
        """Fill the IAT of the frame's module; EAX = status."""
        memory, frame, modules = trap.memory, Frame(trap), Modules(trap)
        entry = Entry(memory, frame[f.ENTRY])
        resolver = Resolver(memory, modules)
        try:
            image = resolver.image(entry)
            for descriptor in image.descriptors():
                values = []
                for thunk in image.thunks(descriptor):
                    found = resolver.resolve(descriptor.module, thunk.name, thunk.ordinal)
                    if not isinstance(found, int):
                        if frame[f.CONTEXT]:
                            self._refuse_missing(trap, modules)
                        by_name = thunk.name is not None
                        return STATUS_ENTRYPOINT_NOT_FOUND if by_name else STATUS_ORDINAL_NOT_FOUND
                    values.append(found)
                memory.write(entry.base + descriptor.slots, struct.pack(f"<{len(values)}I", *values))
        except GuestFault as fault:
            return fault.status
        entry.set_flags(on=ldr.SNAPPED)
        return STATUS_SUCCESS

    def _procedure(self, trap: Trap) -> int:
        """LdrGetProcedureAddress: EAX = status; or 1 when a forwarder's DLL must be loaded first."""
        memory = trap.memory
        base, name_at, ordinal, out = (blocks.parameter(trap, i) for i in range(4))
        Frame(trap).clear()
        modules = Modules(trap)
        entry = modules.at(base)
        if entry is None:
            return STATUS_DLL_NOT_FOUND
        name = blocks.counted(memory, name_at).decode("latin-1") if name_at else None
        if name is None and not 0 < ordinal < 0x10000:
            return STATUS_INVALID_PARAMETER
        try:
            found = Resolver(memory, modules).export_of(entry, name, ordinal)
        except GuestFault as fault:
            return fault.status
        if isinstance(found, Needs):
            return self._want(trap, found.module) or 1
        if found is None:
            return STATUS_ORDINAL_NOT_FOUND if name is None else STATUS_ENTRYPOINT_NOT_FOUND
        blocks.put_dword(memory, out, found)
        return STATUS_SUCCESS


def _in_progress(modules: Modules) -> Iterator[Entry]:
    """Modules whose imports are not resolved yet."""
    both = ldr.LOAD_IN_PROGRESS | ldr.SNAPPED
    return (entry for entry in modules.walk() if entry.flags & both == ldr.LOAD_IN_PROGRESS)


def _normalise(trap: Trap) -> None:
    """Make the parameters' string offsets pointers, unless the kernel did (bit 0 of Flags)."""
    memory, block = trap.memory, blocks.parameters(trap)
    flags = blocks.dword(memory, block + blocks.PARAMETERS_FLAGS)
    if flags & blocks.NORMALIZED:
        return
    for offset in blocks.PARAMETERS_STRINGS:
        length, maximum, buffer = blocks.string_fields(memory, block + offset)
        if buffer:
            blocks.put_string(memory, block + offset, length, maximum, block + buffer)
    blocks.put_dword(memory, block + blocks.PARAMETERS_FLAGS, flags | blocks.NORMALIZED)
