"""Runs the built-in ntdll32 on a bare 32-bit CPU: its traps are served, its Nt services are small fakes.

A process starts as the kernel leaves it to LdrInitializeThunk; what the loader, the heap and the run-time
library ask of the kernel is recorded call by call. ``int 90h`` in a guest module logs EAX and the module.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import unicorn
from unicorn import x86_const as x86

from wowsim.errors import GuestFault
from wowsim.guest32.ntdll32 import build_ntdll32, routines
from wowsim.image.synth import TRAP_VECTOR, ImageBuilder
from wowsim.nt.builds import WIN7SP1, Build, Stub32, services

if TYPE_CHECKING:
    from wowsim.image.model import Image
    from wowsim.nt.abi import Memory

GATE, RETURN, SERVICE_VECTOR, LOG_VECTOR = 0xF0000000, 0xF0000100, 0xFE, 0x90
PARAMETERS, SHARED, GDT, SCRATCH = 0x20000, 0x7FFE0000, 0x1000, 0x40000
ENVIRONMENT = {"A": "1", "Path": "C:\\bin;C:\\dlls"}
FOUND_NOTHING, NOT_AT_BASE = 0xC0000034, 0x40000003
REGISTERS = {
    "r" + name: getattr(x86, f"UC_X86_REG_E{name.upper()}")
    for name in ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp")
}


def argument_bytes(build: Build) -> dict[str, int]:
    return {row.name: 4 * row.arguments for row in services(build.name) if row.arguments is not None}


@lru_cache
def ntdll(build: Build = WIN7SP1) -> Image:
    return build_ntdll32(build, argument_bytes(build))


def module(
    file_name: str,
    source: str,
    *,
    base: int,
    imports: dict[str, tuple[str, ...]] | None = None,
    exports: dict[str, str] | None = None,
    forwards: dict[str, str] | None = None,
    tls: tuple[bytes, tuple[str, ...]] | None = None,
    pointers: tuple[int, ...] = (),
    data: bytes = b"",
    is_dll: bool = True,
) -> Image:
    """A small guest module: ``entry`` is its entry point, imports are ``[__imp_NAME]``.

    ``tls`` is the template and the labels of callbacks (its index lies at RVA 2F00h); ``pointers`` are RVAs
    of dwords that carry the base; ``data`` lies at RVA 2000h.
    """
    name = file_name.split(".", maxsplit=1)[0]
    builder = ImageBuilder(name, file_name, f"C:\\work\\{file_name}", 32, base, 0x8000)
    builder.section(".text", 0x1000, 0x1000, executable=True)
    builder.section(".data", 0x2000, 0x1000, writable=True)
    builder.section(".rdata", 0x3000, 0x5000)
    slot = 0x3000
    for dll, names in (imports or {}).items():
        for each in names:
            builder.imported(dll, each, slot)
            slot += 4
    builder.code(source, 0x1000)
    for exported, symbol in (exports or {}).items():
        builder.export(exported, symbol)
    for exported, target in (forwards or {}).items():
        builder.forward(exported, target)
    image = builder.build()
    contents = bytearray(image.contents)
    contents[0x2000 : 0x2000 + len(data)] = data
    labels = {symbol: base + rva for rva, symbol in image.symbols.items()}
    if "entry" in labels:
        struct.pack_into("<I", contents, 0x80 + 40, labels["entry"] - base)
    if not is_dll:
        struct.pack_into("<H", contents, 0x80 + 22, 0x103)
    if tls is not None:
        template, callbacks = tls
        contents[0x3800 : 0x3800 + len(template)] = template
        row = (base + 0x3800, base + 0x3800 + len(template), base + 0x2F00, base + 0x3A00, 8, 0)
        struct.pack_into("<6I", contents, 0x3900, *row)
        struct.pack_into(f"<{len(callbacks)}I", contents, 0x3A00, *(labels[c] for c in callbacks))
        struct.pack_into("<II", contents, 0x80 + 120 + 8 * 9, 0x3900, 24)
    if pointers:
        entries = [0x3000 | rva & 0xFFF for rva in pointers]
        struct.pack_into(f"<II{len(entries)}H", contents, 0x3B00, 0x1000, 8 + 2 * len(entries), *entries)
        struct.pack_into("<II", contents, 0x80 + 120 + 8 * 5, 0x3B00, 8 + 2 * len(entries))
    return replace(image, contents=bytes(contents), system=False, is_dll=is_dll)


def kernel32(build: Build = WIN7SP1) -> Image:
    """As little of kernel32 as a process needs, with one forwarder."""
    where = build.module("kernel32")
    return module(
        "kernel32.dll",
        "BaseThreadInitThunk: push ebp\nmov ebp, esp\npush dword ptr [ebp+8]\ncall edx\nleave\nret 4\n"
        "entry: mov eax, [esp+8]\nint 0x90\nmov eax, 1\nret 0x0c\nAnswer: mov eax, 42\nret",
        base=where.base,
        exports={"BaseThreadInitThunk": "BaseThreadInitThunk", "Answer": "Answer"},
        forwards={"HeapAlloc": "NTDLL.RtlAllocateHeap"},
    )


class GuestMemory:
    """The Memory that routines see."""

    def __init__(self, uc: Any) -> None:
        self._uc = uc

    def read(self, address: int, size: int) -> bytes:
        try:
            return bytes(self._uc.mem_read(address, size))
        except unicorn.UcError:
            raise GuestFault(0xC0000005, address) from None

    def write(self, address: int, data: bytes) -> None:
        try:
            self._uc.mem_write(address, bytes(data))
        except unicorn.UcError:
            raise GuestFault(0xC0000005, address) from None

    def unpack(self, layout: struct.Struct, address: int) -> tuple[Any, ...]:
        return layout.unpack(self.read(address, layout.size))

    def pack(self, layout: struct.Struct, address: int, *values: Any) -> None:
        self.write(address, layout.pack(*values))

    def probe_write(self, address: int, size: int) -> None:
        self.read(address, size)


class MachineTrap:
    """One trap being served."""

    def __init__(self, machine: Machine, address: int) -> None:
        self._machine = machine
        self.memory: Memory = machine.memory
        self.address = address
        self.sp = self.register("rsp")
        self.teb32, self.teb64 = machine.teb, machine.teb - 0x2000

    def register(self, name: str) -> int:
        return int(self._machine.uc.reg_read(REGISTERS[name]))

    def set_register(self, name: str, value: int) -> None:
        self._machine.uc.reg_write(REGISTERS[name], value & 0xFFFFFFFF)

    def redirected(self, kind: str, name: str, target: str) -> None:
        raise AssertionError(f"{name} is redirected to {target}")

    def argument(self, index: int) -> int:
        return self._machine.dword(self.sp + 4 + 4 * index)


class Machine:
    """One process. ``calls`` holds every Nt call as (name, arguments), ``log`` what guests logged."""

    def __init__(self, build: Build = WIN7SP1) -> None:
        self.build = build
        self.uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
        self.memory = GuestMemory(self.uc)
        self.teb, self.peb = build.place.teb32, build.place.peb32
        self.files: dict[str, Image] = {}
        self.known = {"kernel32.dll": kernel32(build)}
        self.occupied = False
        self.calls: list[tuple[str, tuple[int, ...]]] = []
        self.opened: list[str] = []
        self.log: list[tuple[str, int]] = []
        self.views: dict[int, Image] = {}
        self.exit_status: int | None = None
        self.failure: BaseException | None = None
        self._names = {row.number: row.name for row in services(build.name)}
        self._argument_bytes = argument_bytes(build)
        self._handles: dict[int, Image | None] = {}
        self._routines = routines(build)
        self._traps: dict[int, str] = {}
        self._regions: list[tuple[int, int]] = []
        self._free = 0x1000000
        self._scratch = SCRATCH
        self._map()
        self._blocks()
        self.uc.hook_add(unicorn.UC_HOOK_INTR, self._interrupt)

    # ------------------------------------------------------------ set-up
    def _map(self) -> None:
        low, high = self.build.place.stack32
        blocks = min(self.teb, self.peb) & ~0xFFFF
        spaces = ((GDT, 0x1000), (PARAMETERS, 0x10000), (SCRATCH, 0x8000), (SHARED, 0x1000), (GATE, 0x1000),
                  (low, high - low), (blocks, 0x20000))  # fmt: skip
        for base, size in spaces:
            self.uc.mem_map(base, size)
        self.uc.mem_write(GATE, bytes((0xCD, SERVICE_VECTOR)))
        self.uc.mem_write(RETURN, b"\xf4")
        teb = self.teb
        self.uc.mem_write(GDT + 0x10, struct.pack("<QQ", 0x00CF9B000000FFFF, 0x00CF93000000FFFF))
        fields = (0xFFF, teb & 0xFFFF, teb >> 16 & 0xFF, 0xF3, 0x40, teb >> 24)
        self.uc.mem_write(GDT + 0x50, struct.pack("<HHBBBB", *fields))
        self.uc.reg_write(x86.UC_X86_REG_GDTR, (0, GDT, 0x6F, 0))
        for register, selector in (("FS", 0x53), ("SS", 0x18), ("DS", 0x18), ("ES", 0x18), ("CS", 0x10)):
            self.uc.reg_write(getattr(x86, f"UC_X86_REG_{register}"), selector)
        self.uc.reg_write(x86.UC_X86_REG_ESP, high - 0x1000)
        image = ntdll(self.build)
        self._map_image(image, image.base)
        if "Wow64Transition" in image.export_by_name:
            self.put(self.address("Wow64Transition"), GATE)

    def _blocks(self) -> None:
        for offset, value in (
            (0x00, 0xFFFFFFFF), (0x18, self.teb), (0x20, 0x1234), (0x24, 0x5678), (0x30, self.peb),
            (0xC0, GATE), (0xF70, self.teb - 0x2000),
        ):  # fmt: skip
            self.put(self.teb + offset, value)
        self.put(self.peb + 0x10, PARAMETERS)
        major, minor, number = self.build.version
        self.memory.write(self.peb + 0xA4, struct.pack("<IIHHI", major, minor, number, 0x100, 2))
        at = PARAMETERS + 0x300
        # Offsets from the block, to be normalised.
        for offset, text, room in ((0x24, "C:\\work\\", 0x208), (0x38, "C:\\work\\prog.exe", 0x40)):
            data = text.encode("utf-16-le")
            self.memory.write(at, data)
            self.memory.write(PARAMETERS + offset, struct.pack("<HHI", len(data), room, at - PARAMETERS))
            at += room
        block = "".join(f"{name}={value}\0" for name, value in ENVIRONMENT.items()) + "\0"
        self.memory.write(PARAMETERS + 0x2000, block.encode("utf-16-le"))
        self.put(PARAMETERS + 0x48, PARAMETERS + 0x2000)

    def _map_image(self, image: Image, base: int) -> None:
        self.uc.mem_map(base, image.size)
        self.uc.mem_write(base, image.contents)
        self._traps |= {base + rva: name for rva, name in image.traps.items()}
        self._regions.append((base, image.size))
        self.views[base] = image

    # ------------------------------------------------------------ running
    def start(self, program: Image, stop_at_entry: bool = False) -> int | None:
        """Run a process from LdrInitializeThunk; its exit status, None if it has not ended."""
        self._map_image(program, program.base)
        self.put(self.peb + 0x08, program.base)
        context = self.build.place.stack32[1] - 0x400
        start = program.base + int.from_bytes(program.contents[0x80 + 40 : 0x80 + 44], "little")
        for offset, value in ((0xB0, start), (0xA4, self.peb), (0xB8, self.address("RtlUserThreadStart")),
                              (0xC4, self.build.place.stack32[1] - 0x10)):  # fmt: skip
            self.put(context + offset, value)
        self.memory.write(context - 0xC, struct.pack("<III", 0, context, ntdll(self.build).base))
        self.uc.reg_write(x86.UC_X86_REG_ESP, context - 0xC)
        self._run(self.address("LdrInitializeThunk"), start if stop_at_entry else RETURN)
        return self.exit_status

    def process(self) -> Machine:
        """A process whose program has just been entered, for calls into ntdll."""
        self.start(module("prog.exe", "entry: ret", base=0x400000, is_dll=False), stop_at_entry=True)
        self.uc.reg_write(x86.UC_X86_REG_ESP, self.build.place.stack32[1] - 0x1000)
        self.calls.clear()
        return self

    def call(self, target: str | int, *arguments: int, popped: bool = True) -> int:
        """Call a function; checks that it pops its arguments (stdcall) or leaves them (cdecl)."""
        esp = self.uc.reg_read(x86.UC_X86_REG_ESP)
        frame = struct.pack(f"<{len(arguments) + 1}I", RETURN, *(a & 0xFFFFFFFF for a in arguments))
        self.memory.write(esp - len(frame), frame)
        self.uc.reg_write(x86.UC_X86_REG_ESP, esp - len(frame))
        self._run(self.address(target) if isinstance(target, str) else target, RETURN)
        after = self.uc.reg_read(x86.UC_X86_REG_ESP)
        assert esp - after == (0 if popped else len(frame) - 4), f"{target} leaves ESP {esp - after:#x} off"
        self.uc.reg_write(x86.UC_X86_REG_ESP, esp)
        return int(self.uc.reg_read(x86.UC_X86_REG_EAX))

    def _run(self, start: int, end: int) -> None:
        try:
            self.uc.emu_start(start, end, timeout=10_000_000)
        except unicorn.UcError as error:
            at = self.uc.reg_read(x86.UC_X86_REG_EIP)
            raise AssertionError(f"{error} at {self.symbol(at)}") from self.failure
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    def _interrupt(self, uc: Any, vector: int, data: object) -> None:
        eip = uc.reg_read(x86.UC_X86_REG_EIP)
        try:
            if vector == TRAP_VECTOR:
                trap = MachineTrap(self, eip - 2)
                result = self._routines[self._traps[eip - 2]](trap)
                if result is not None:
                    trap.set_register("rax", result)
            elif vector == SERVICE_VECTOR:
                self._service()
            elif vector == LOG_VECTOR:
                owner = next(
                    image.name for base, image in self.views.items() if base <= eip < base + image.size
                )
                self.log.append((owner, uc.reg_read(x86.UC_X86_REG_EAX)))
            else:
                raise AssertionError(f"interrupt {vector:#x} at {self.symbol(eip)}")
        except BaseException as error:
            # An exception must not cross the engine's C frames; _run raises it again.
            self.failure = error
            uc.emu_stop()

    def _service(self) -> None:
        """The gate: arguments lie above the return addresses into the stub and to its caller."""
        esp = self.uc.reg_read(x86.UC_X86_REG_ESP)
        name = self._names[self.uc.reg_read(x86.UC_X86_REG_EAX) & 0xFFFF]
        count = self._argument_bytes[name] // 4
        arguments = struct.unpack(f"<{count}I", self.memory.read(esp + 8, 4 * count))
        self.calls.append((name, arguments))
        status = getattr(self, name)(*arguments)
        if status is None:
            return
        self.uc.reg_write(x86.UC_X86_REG_EAX, status)
        self.uc.reg_write(x86.UC_X86_REG_EIP, self.dword(esp))
        if self.build.stub32 is not Stub32.FS_C0:
            self.uc.reg_write(x86.UC_X86_REG_ESP, esp + 4)

    # ------------------------------------------------------------ services
    def NtAllocateVirtualMemory(
        self, process: int, base: int, bits: int, size: int, kind: int, protect: int
    ) -> int:
        address, length = self.dword(base), (self.dword(size) + 0xFFF) & ~0xFFF
        if not address:
            address = self._place(length)
            self.uc.mem_map(address, length)
            self._regions.append((address, length))
        self.put(base, address)
        self.put(size, length)
        return 0

    def NtFreeVirtualMemory(self, process: int, base: int, size: int, kind: int) -> int:
        return self._unmap(self.dword(base))

    def NtProtectVirtualMemory(self, process: int, base: int, size: int, protect: int, old: int) -> int:
        self.put(old, 2)
        return 0

    def NtOpenSection(self, handle: int, access: int, attributes: int) -> int:
        name = self._name(attributes)
        return self._open(handle, self.known.get(name.lower().removeprefix("\\knowndlls32\\")))

    def NtOpenFile(self, handle: int, access: int, attributes: int, io: int, share: int, options: int) -> int:
        name = self._name(attributes)
        if options & 1:
            return self._open(handle, kernel32(), name.rstrip("\\").lower() in ("\\??\\c:", "\\??\\c:\\data"))
        return self._open(handle, self.files.get(name.removeprefix("\\??\\")))

    def NtCreateSection(
        self, handle: int, access: int, attributes: int, size: int, protect: int, kind: int, file: int
    ) -> int:
        return self._open(handle, self._handles[file])

    def NtMapViewOfSection(self, section: int, process: int, base: int, *rest: int) -> int:
        image = self._handles[section]
        assert image is not None
        taken = any(b < image.base + image.size and image.base < b + size for b, size in self._regions)
        moved = taken or (self.occupied and not image.file_name.startswith("kernel32"))
        address = self._place(image.size) if moved else image.base
        self._map_image(image, address)
        self.put(base, address)
        return NOT_AT_BASE if moved else 0

    def NtUnmapViewOfSection(self, process: int, base: int) -> int:
        return self._unmap(base)

    def NtClose(self, handle: int) -> int:
        return 0 if self._handles.pop(handle, 1) != 1 else 0xC0000008

    def NtContinue(self, context: int, alert: int) -> None:
        for offset, register in ((0xB0, "EAX"), (0xA4, "EBX"), (0xC4, "ESP"), (0xB8, "EIP")):
            self.uc.reg_write(getattr(x86, f"UC_X86_REG_{register}"), self.dword(context + offset))

    def NtQueryInformationThread(self, thread: int, kind: int, buffer: int, size: int, returned: int) -> int:
        self.put(buffer, 1)
        return 0

    def NtTerminateProcess(self, process: int, status: int) -> int | None:
        if not process:
            return 0
        self.exit_status = status
        self.uc.emu_stop()
        return None

    # ------------------------------------------------------------ helpers
    def _place(self, size: int) -> int:
        address = self._free
        self._free += (size + 0xFFFF) & ~0xFFFF
        return address

    def _unmap(self, base: int) -> int:
        size = next((size for start, size in self._regions if start == base), None)
        if size is None:
            return 0xC000000D
        self.uc.mem_unmap(base, size)
        self._regions.remove((base, size))
        self.views.pop(base, None)
        return 0

    def _open(self, out: int, image: Image | None, found: bool = True) -> int:
        if image is None or not found:
            return FOUND_NOTHING
        handle = 4 * len(self.calls)
        self._handles[handle] = image
        self.put(out, handle)
        return 0

    def _name(self, attributes: int) -> str:
        name = self.string(self.dword(attributes + 8))
        self.opened.append(name)
        return name

    @property
    def open_handles(self) -> int:
        return len(self._handles)

    def dword(self, address: int) -> int:
        return int.from_bytes(self.memory.read(address, 4), "little")

    def put(self, address: int, value: int) -> None:
        self.memory.write(address, struct.pack("<I", value & 0xFFFFFFFF))

    def address(self, name: str) -> int:
        image = ntdll(self.build)
        export = image.export_by_name.get(name)
        rva = export.rva if export else next(r for r, s in image.symbols.items() if s == name)
        return image.base + rva

    def symbol(self, address: int) -> str:
        image = ntdll(self.build)
        before = [rva for rva in image.symbols if rva <= address - image.base]
        near = max(before, default=0)
        return f"{image.symbols.get(near)}+{address - image.base - near:#x} ({address:#x})"

    def string(self, address: int) -> str:
        length, _, buffer = struct.unpack("<HHI", self.memory.read(address, 8))
        return self.memory.read(buffer, length).decode("utf-16-le", "surrogatepass")

    def space(self, size: int) -> int:
        """Fresh zeroed bytes."""
        address, self._scratch = self._scratch, self._scratch + ((size + 7) & ~7)
        return address

    def text(self, text: str | bytes) -> int:
        """A zero-terminated string: UTF-16 for str."""
        data = text.encode("utf-16-le", "surrogatepass") + b"\0\0" if isinstance(text, str) else text + b"\0"
        address = self.space(len(data))
        self.memory.write(address, data)
        return address

    def counted(self, text: str | bytes, room: int = 0) -> int:
        """A UNICODE_STRING (str) or ANSI_STRING (bytes)."""
        data = text.encode("utf-16-le", "surrogatepass") if isinstance(text, str) else text
        buffer = self.space(max(room, len(data)))
        self.memory.write(buffer, data)
        address = self.space(8)
        self.memory.write(address, struct.pack("<HHI", len(data), max(room, len(data)), buffer))
        return address

    @property
    def heap(self) -> int:
        return self.dword(self.peb + 0x18)

    def modules(self, order: int = 0x0C) -> list[str]:
        """Base names in one of the loader's orders, walked as a program walks them."""
        head = self.dword(self.peb + 0x0C) + order
        link, names = self.dword(head), []
        while link != head:
            names.append(self.string(link - (order - 0x0C) + 0x2C))
            link = self.dword(link)
        return names
