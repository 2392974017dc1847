"""The user half from a system root: real DLLs, whose loader does what the built-in images are made for.

Stands for what nt!PspLocateSystemDlls and nt!PspPrepareSystemDllInitBlock know of the ntdlls at boot. Only the two
ntdlls are mapped by the kernel; everything else the 64-bit loader opens as files. Who may import it: the simulation.
"""

from __future__ import annotations

import struct
from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.image.model import PAGE
from wowsim.kernel.registry_api import RegistryKeys
from wowsim.kernel.win32k.gdi_table import connect
from wowsim.memory.protection import PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY
from wowsim.memory.sections import ImageSection, Section
from wowsim.nt.builds import ServiceRow
from wowsim.nt.records import dataclass
from wowsim.simulation import dlls, wine_calls
from wowsim.simulation.dlls import NATIVE_HALF
from wowsim.simulation.parameters import fields
from wowsim.simulation.shared_data import TICK_UNITS, WINE_TICK_UNITS
from wowsim.simulation.thread_start import ThreadStarter
from wowsim.simulation.wide_process import WideThreadStarter
from wowsim.simulation.wine_environment import wine_environment
from wowsim.sysroot.images import INIT_BLOCK, api_set_map, ntdll, stubs, system_image
from wowsim.sysroot.stubs import numbers_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from wowsim.image.model import Image
    from wowsim.kernel.context import Kernel
    from wowsim.kernel.table import ServiceTable
    from wowsim.memory.layout import SpaceLayout
    from wowsim.memory.space import AddressSpace
    from wowsim.nt.abi import Memory
    from wowsim.nt.builds import Build
    from wowsim.nt.trap import Routine
    from wowsim.simulation.parameters import Width
    from wowsim.simulation.startup import NewProcess
    from wowsim.sysroot.root import Bits, SystemRoot
    from wowsim.trace.symbols import SymbolTable

SYSTEM32, SYSWOW64 = r"C:\Windows\System32", r"C:\Windows\SysWOW64"
_SHARED_INFORMATION = 0x18
"""PS_SYSTEM_DLL_INIT_BLOCK.Wow64SharedInformation (wow64-facts section 3.8)."""
_WINE_ENTRIES = (
    "LdrInitializeThunk",
    "KiUserExceptionDispatcher",
    "KiUserApcDispatcher",
    "KiUserCallbackDispatcher",
    "RtlUserThreadStart",
    "RtlpQueryProcessDebugInformationRemote",
    "",
    INIT_BLOCK,
    "RtlpFreezeTimeBias",
)
"""The 32-bit ntdll's entry points in the order of Wine's wow64.dll (real-programs section 1); "" is the base."""
_WINDOWS_ENTRIES = (
    "LdrInitializeThunk",
    "KiUserExceptionDispatcher",
    "KiUserApcDispatcher",
    "KiUserCallbackDispatcher",
    "ExpInterlockedPopEntrySListFault",
    "ExpInterlockedPopEntrySListResume",
    "ExpInterlockedPopEntrySListEnd",
    "RtlUserThreadStart",
    "RtlpQueryProcessDebugInformationRemote",
    "",
    INIT_BLOCK,
)
"""The same of Windows 10 and 11 (wow64-facts section 3.8)."""
WINE_PEB_PAGES, WINE_TEB_PAGES = 3, 4
"""The third page of PEBs is empty: no debug channel is on."""
_QWORD = struct.Struct("<Q")
_TLS_SLOTS_OF_WOW64 = (1 << 19) - 1
"""WOW64_TLS_MAX_NUMBER slots belong to wow64.dll (wow64-facts section 3.2)."""


@dataclass(frozen=True)
class RootSystem:
    """What a root gives to a simulation.

    Attributes:
        root: the folder.
        images: the DLLs that the kernel maps, by WinDbg name.
        numbers: of the services that the root's DLLs have stubs for.
        api_set_map: the API set schema.
    """

    root: SystemRoot
    images: dict[str, Image]
    numbers: Mapping[str, int] = field(repr=False)
    api_set_map: bytes = field(repr=False)

    @property
    def folders(self) -> Mapping[str, Path]:
        """Folders of the guest that the root fills."""
        return {SYSTEM32: self.root.system32, SYSWOW64: self.root.syswow64}

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that every process of such a system has."""
        return wine_environment() if self.root.kind == "wine" else {}

    @property
    def tick_units(self) -> int:
        """100 ns units between two ticks of KUSER_SHARED_DATA."""
        return WINE_TICK_UNITS if self.root.kind == "wine" else TICK_UNITS

    def rows(self, build: Build) -> Sequence[ServiceRow]:
        """The services that the root's DLLs have stubs for; the 32-bit ones tell how many arguments they pass."""
        narrow = stubs(self.root, self.images["ntdll32"])
        counts = {name: stub.argument_bytes for name, stub in narrow.items()}
        return [
            ServiceRow(name, number, 0, None if counts.get(name) is None else (counts[name] or 0) // 4)
            for name, number in sorted(self.numbers.items(), key=lambda item: item[1])
        ]

    @property
    def wine_version(self) -> int:
        """The major version that Wine's DLLs behave like; DLLs that do not say it are told by their exports."""
        major = self.root.version.partition(".")[0]
        if major.isdigit():
            return int(major)
        return 10 if wine_calls.HANDLE in self.images["ntdll"].export_by_name else 8

    def module(self, name: str) -> Image | None:
        """The image that a module of this WinDbg name will have, None when the root has no such DLL.

        Names that end with 32 are of 32-bit DLLs; of the others those of the native half are 64-bit ones.
        """
        if name.casefold().endswith("32"):
            found = _image(self.root, name[:-2], 32)
            if found is not None and found.name.casefold() == name.casefold():
                return found
        native = name.casefold() in NATIVE_HALF
        return _image(self.root, name, 64 if native else 32) or _image(self.root, name, 32 if native else 64)

    def layout(self, layout: SpaceLayout) -> SpaceLayout:
        """The build's; Wine's ntdlls expect a page behind the PEBs and one behind the TEBs (observed).

        The 32-bit PEB lies behind the native one, and behind both what WINEDEBUG says; a thread's debug messages are
        put together behind its 32-bit TEB. The 32-bit ntdll clears 960 KB of a thread's stack from below.
        """
        if self.root.kind != "wine":
            return layout
        return replace(layout, peb_pages=WINE_PEB_PAGES, teb_pages=WINE_TEB_PAGES, stack_committed=True)

    def prepare(self, kernel: Kernel, new: NewProcess) -> None:
        """What the kernel leaves in a process for a real loader, before its first instruction."""
        memory, space = kernel.memory, kernel.space
        bases, native = new.space.system_dll_bases, self.images["ntdll"]
        kernel.every_class, kernel.nls = True, self._nls
        if self.root.kind == "wine":
            kernel.serve_wine(wine_calls.half_of)
            kernel.win32k.wine = self.wine_version
            kernel.apc_in_registers = self.wine_version < 9
            _without_debugger(RegistryKeys(kernel.registry, kernel.seed))
        if new.peb32:
            self._init_block(space, memory, bases)
        space.cause = "PspMapApiSetMap"
        api_sets = _map_read_only(space, self.api_set_map)
        widths: tuple[tuple[int, Width], ...] = ((new.peb64, 64), (new.peb32, 32))
        for address, width in widths if new.peb32 else widths[:1]:
            slots = _TLS_SLOTS_OF_WOW64 if width == 64 and new.peb32 else 1
            fields(memory, address, width, [(0x38, 0x68, 0, api_sets), (0x44, 0x80, 4, slots)])
        if isinstance(new.starter, (ThreadStarter, WideThreadStarter)):
            new.starter.prepare_tebs = partial(_activation_stacks, memory)
        _activation_stacks(memory, new.teb64, new.teb32)
        if wine_calls.DISPATCHER in native.export_by_name:
            space.cause = "unix calls"
            section = ImageSection(space.pages, space.commitment, wine_calls.unix_call_image(), "\\unix")
            base, _, _ = space.map_image(section)
            for module, name, value in (
                ("ntdll", wine_calls.DISPATCHER, base + 0x1000),
                ("ntdll", wine_calls.HANDLE, wine_calls.NTDLL),
                ("ntdll32", wine_calls.HANDLE, wine_calls.NTDLL | wine_calls.NARROW),
            ):
                exports = self.images[module].export_by_name if module in bases else {}
                if name in exports:
                    _write(space, memory, bases[module] + exports[name].rva, _QWORD.pack(value))

    def _nls(self, name: str) -> bytes | None:
        return None if self.root.find_nls(name) is None else self.root.read_nls(name)

    def _init_block(self, space: AddressSpace, memory: Memory, bases: Mapping[str, int]) -> None:
        """nt!PspPrepareSystemDllInitBlock: where the 32-bit ntdll has its entry points, told to both ntdlls."""
        base, exports = bases["ntdll32"], self.images["ntdll32"].export_by_name
        entries = _WINE_ENTRIES if self.root.kind == "wine" else _WINDOWS_ENTRIES
        values = [base + exports[name].rva if name in exports else 0 for name in entries]
        values[entries.index("")] = base
        raw = b"".join(map(_QWORD.pack, values))
        native = bases["ntdll"] + self.images["ntdll"].export_by_name[INIT_BLOCK].rva
        space.cause = "PspPrepareSystemDllInitBlock"
        for block in (native, base + exports[INIT_BLOCK].rva):
            _write(space, memory, block + _SHARED_INFORMATION, raw)

    def routines(
        self, build: Build, symbols: SymbolTable, kernel: Kernel, table: ServiceTable
    ) -> list[Mapping[str, Routine]]:
        """The Python behind the one trap that a process with Wine's DLLs has."""
        return [wine_calls.UnixCalls(kernel, self.wine_version, partial(connect, kernel)).routines]


def root_system(root: SystemRoot) -> RootSystem:
    """Read what the kernel needs of a root.

    Raises:
        UsageError: a DLL is no image, has no stubs of services, or lacks what the kernel needs of it.
    """
    written = (wine_calls.DISPATCHER, wine_calls.HANDLE)
    native = ntdll(root, 64, open_module, f"{SYSTEM32}\\ntdll.dll", written)
    narrow = ntdll(root, 32, open_module, f"{SYSWOW64}\\ntdll.dll")
    numbers = numbers_of(stubs(root, native))
    win32u = _image(root, "win32u", 64)
    if win32u is not None:  # Windows has it since 10 1607
        numbers |= numbers_of(stubs(root, win32u))
    schema = system_image(root, "apisetschema.dll", 64, open_module, f"{SYSTEM32}\\apisetschema.dll")
    return RootSystem(root, {"ntdll32": narrow, "ntdll": native}, numbers, api_set_map(root, schema))


def open_module(path: Path, guest_path: str) -> Image:
    """A file of a root as an image."""
    return dlls.opener((SYSTEM32, SYSWOW64))(dlls.RootFile(path), guest_path)


def _write(space: AddressSpace, memory: Memory, address: int, data: bytes) -> None:
    """Write into a module as the kernel does, also where the module's own code may not."""
    at = 0
    while at < len(data):
        piece = data[at : at + PAGE - (address + at) % PAGE]
        try:
            memory.write(address + at, piece)
        except GuestFault:
            start, size, before = space.protect(address + at, len(piece), PAGE_WRITECOPY)
            memory.write(address + at, piece)
            space.protect(start, size, before)
        at += len(piece)


def _image(root: SystemRoot, module: str, bits: Bits) -> Image | None:
    """A DLL of the root by the name of its file without extension, None when there is none."""
    path = root.find(f"{module}.dll", bits)
    if path is None:
        return None
    folder = SYSTEM32 if bits == 64 else SYSWOW64
    return system_image(root, path.name, bits, open_module, f"{folder}\\{path.name}")


def _activation_stacks(memory: Memory, teb64: int, teb32: int) -> None:
    """TEB.ActivationContextStackPointer leads to TEB.ActivationStack, which is empty (offsets: phnt's _TEB).

    That the kernel rather than ntdll sets it is what Wine 10's ntdll expects (observed).
    """
    for teb, width, stack, pointer in ((teb64, 8, 0x290, 0x2C8), (teb32, 4, 0x184, 0x1A8)):
        if teb:
            frames = teb + stack + width
            memory.write(teb + pointer, (teb + stack).to_bytes(width, "little"))
            memory.write(frames, frames.to_bytes(width, "little") * 2)


def _without_debugger(registry: RegistryKeys) -> None:
    """Let unhandled exceptions end a program at once: unless told of another, Wine's kernel32 starts winedbg."""
    for view in ("", "Wow6432Node\\"):
        key = rf"HKLM\SOFTWARE\{view}Microsoft\Windows NT\CurrentVersion\AeDebug"
        if not registry.exists(key):
            registry.set(key, "Debugger", "")


def _map_read_only(space: AddressSpace, data: bytes) -> int:
    """A view of a page-file section with ``data``, below 4 GB."""
    section = Section(space.pages, space.commitment, len(data), PAGE_READWRITE)
    for index in range(section.count):
        space.pages.write_frame(section.frames[index], 0, data[index << 12 : (index + 1) << 12])
    base, _, _ = space.map_view(section, 0, protection=PAGE_READONLY)
    section.close()
    return base
