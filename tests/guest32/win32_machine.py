"""Runs functions of the built-in kernel32 and KERNELBASE on a bare 32-bit CPU, ntdll being Python.

What a function passes down to its Nt service is seen here argument by argument, without a kernel.
"""

from __future__ import annotations

import inspect
import struct
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import unicorn
from unicorn import x86_const as x86

from wowsim.errors import GuestFault
from wowsim.guest32.codepages import ROUTINES
from wowsim.guest32.dos_errors import dos_error
from wowsim.guest32.kernel32 import build_kernel32
from wowsim.guest32.kernelbase import build_kernelbase
from wowsim.nt.builds import WIN7SP1

if TYPE_CHECKING:
    from wowsim.image.model import Image
    from wowsim.nt.builds import Build

PLACE = WIN7SP1.place
TEB, PEB = PLACE.teb32, PLACE.peb32
SHARED = 0x7FFE0000
PARAMETERS, LDR, HEAP, STACK_TOP = 0x400000, 0x401000, 0x500000, 0x300000
NTDLL, SCRATCH, GDT = 0x77800000, 0x600000, 0x1000
HEAP_HANDLE = 0x00310000
STDIN, STDOUT, STDERR = 0x14, 0x18, 0x1C
COMMAND_LINE, ENVIRONMENT = '"C:\\app.exe" one', "A=1\0Path=C:\\x\0TEMP=C:\\t\0\0"
IMAGE_PATH, IMAGE_BASE = "C:\\app.exe", 0x200000

Fake = Callable[..., "int | None"]


class GuestMemory:
    """The Memory that traps see."""

    def __init__(self, uc: Any) -> None:
        self._uc = uc

    def read(self, address: int, size: int) -> bytes:
        try:
            return bytes(self._uc.mem_read(address, size))
        except unicorn.UcError:
            raise GuestFault(0xC0000005, address) from None

    def unpack(self, layout: struct.Struct, address: int) -> tuple[Any, ...]:
        return layout.unpack(self.read(address, layout.size))

    def pack(self, layout: struct.Struct, address: int, *values: Any) -> None:
        self.write(address, layout.pack(*values))

    def write(self, address: int, data: bytes) -> None:
        try:
            self._uc.mem_write(address, data)
        except unicorn.UcError:
            raise GuestFault(0xC0000005, address) from None


@lru_cache
def images(build: Build) -> tuple[Image, Image]:
    return build_kernel32(build), build_kernelbase(build)


class Machine:
    """One process of two DLLs. ``calls`` holds every ntdll call as (name, arguments)."""

    def __init__(self, build: Build = WIN7SP1) -> None:
        self.uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
        self.memory = GuestMemory(self.uc)
        self.calls: list[tuple[str, tuple[int, ...]]] = []
        self.fakes: dict[str, Fake] = dict(rtl(self))
        self._entries: dict[int, str] = {}
        self._free = HEAP
        self.edx = 0
        self._scratch = SCRATCH
        self.images = {image.name: image for image in images(build)}
        self._map()
        self._blocks()
        self._link()

    # ------------------------------------------------------------ set-up
    def _map(self) -> None:
        for base, size in (
            (STACK_TOP - 0x40000, 0x40000), (PARAMETERS, 0x2000), (HEAP, 0x40000), (SCRATCH, 0x20000),
            (NTDLL, 0x1000), (TEB, 0x1000), (PEB, 0x1000), (SHARED, 0x1000),
        ):  # fmt: skip
            self.uc.mem_map(base, size)
        self.uc.mem_write(NTDLL, b"\xf4" * 0x1000)
        for image in self.images.values():
            self.uc.mem_map(image.base, image.size)
            self.uc.mem_write(image.base, image.contents)
        self.uc.mem_map(GDT, 0x1000)
        base = TEB & 0xFFFFFF
        self.uc.mem_write(
            GDT + 8, struct.pack("<HHBBBB", 0xFFF, base & 0xFFFF, base >> 16, 0xF3, 0x40, TEB >> 24)
        )
        self.uc.mem_write(GDT + 16, bytes.fromhex("ffff00000093cf00ffff0000009bcf00"))  # flat data, flat code
        self.uc.reg_write(x86.UC_X86_REG_GDTR, (0, GDT, 0x1F, 0))
        for register in (x86.UC_X86_REG_SS, x86.UC_X86_REG_DS, x86.UC_X86_REG_ES):
            self.uc.reg_write(register, 16)
        self.uc.reg_write(x86.UC_X86_REG_CS, 24)
        self.uc.reg_write(x86.UC_X86_REG_FS, 8)

    def _blocks(self) -> None:
        self.dword(TEB + 0x18, TEB)
        self.dword(TEB + 0x20, 0x1234)
        self.dword(TEB + 0x24, 0x5678)
        self.dword(TEB + 0x30, PEB)
        self.dword(PEB + 0x08, IMAGE_BASE)
        self.dword(PEB + 0x0C, LDR)
        self.dword(PEB + 0x10, PARAMETERS)
        self.dword(PEB + 0x18, HEAP_HANDLE)
        for at, handle in ((0x18, STDIN), (0x1C, STDOUT), (0x20, STDERR)):
            self.dword(PARAMETERS + at, handle)
        self._string(PARAMETERS + 0x40, COMMAND_LINE)
        self.dword(PARAMETERS + 0x48, self.text(ENVIRONMENT))
        self.uc.mem_write(SHARED + 0x30, "C:\\Windows\0".encode("utf-16-le"))
        head, entry = LDR + 0x0C, LDR + 0x100
        self.dword(head, entry)
        self.dword(entry, head)
        self.dword(entry + 0x18, IMAGE_BASE)
        self.dword(entry + 0x20, 0x6000)
        self._string(entry + 0x24, IMAGE_PATH)

    def _string(self, at: int, text: str) -> None:
        size = 2 * len(text)
        self.uc.mem_write(at, struct.pack("<HHI", size, size + 2, self.text(text)))

    def _link(self) -> None:
        for image in self.images.values():
            for slot in image.imports:
                assert slot.name is not None
                if slot.module == "ntdll.dll":
                    target = NTDLL + 16 * (len(self._entries) + 1)
                    target = next((a for a, n in self._entries.items() if n == slot.name), target)
                    self._entries[target] = slot.name
                else:
                    target = self.address(slot.name, slot.module.removesuffix(".dll"))
                self.dword(image.base + slot.slot, target)
        self.traps = {i.base + rva: name for i in self.images.values() for rva, name in i.traps.items()}
        self.uc.hook_add(unicorn.UC_HOOK_INTR, lambda uc, number, data: uc.emu_stop())

    def address(self, name: str, module: str = "kernel32") -> int:
        image = self.images[module]
        return image.base + image.export_by_name[name].rva

    # ------------------------------------------------------------ memory
    def dword(self, address: int, value: int | None = None) -> int:
        if value is not None:
            self.uc.mem_write(address, struct.pack("<I", value & 0xFFFFFFFF))
        return int(struct.unpack("<I", self.uc.mem_read(address, 4))[0])

    def qword(self, address: int) -> int:
        return int(struct.unpack("<q", self.uc.mem_read(address, 8))[0])

    def room(self, size: int) -> int:
        """Fresh scratch memory, filled with CC."""
        at = self._scratch
        self._scratch += (size + 15) & ~15
        self.uc.mem_write(at, b"\xcc" * size)
        return at

    def text(self, value: str) -> int:
        data = (value + "\0").encode("utf-16-le")
        at = self.room(len(data))
        self.uc.mem_write(at, data)
        return at

    def ansi(self, value: str) -> int:
        data = (value + "\0").encode("cp1252")
        at = self.room(len(data))
        self.uc.mem_write(at, data)
        return at

    def wide_at(self, address: int) -> str:
        found = bytearray()
        while (one := bytes(self.uc.mem_read(address + len(found), 2))) != b"\0\0":
            found += one
        return found.decode("utf-16-le")

    def ansi_at(self, address: int) -> str:
        return bytes(self.uc.mem_read(address, 0x400)).split(b"\0")[0].decode("cp1252")

    def counted(self, string: int) -> str:
        """The text of a UNICODE_STRING."""
        size, _, buffer = struct.unpack("<HHI", self.uc.mem_read(string, 8))
        return bytes(self.uc.mem_read(buffer, size)).decode("utf-16-le")

    def allocate(self, size: int) -> int:
        at = self._free
        self._free += (size + 15) & ~15
        return at

    @property
    def last_error(self) -> int:
        return self.dword(TEB + 0x34)

    @last_error.setter
    def last_error(self, value: int) -> None:
        self.dword(TEB + 0x34, value)

    # ------------------------------------------------------------ calls
    def call(self, name: str, *arguments: int, module: str = "kernel32") -> int:
        """EAX of a call; checks that the callee pops its arguments and keeps EBX, ESI, EDI, EBP."""
        return self.call_at(self.address(name, module), *arguments)

    def call_at(self, address: int, *arguments: int, ecx: int = 0, edx: int = 0) -> int:
        back = NTDLL
        kept = {x86.UC_X86_REG_EBX: 1, x86.UC_X86_REG_ESI: 2, x86.UC_X86_REG_EDI: 3, x86.UC_X86_REG_EBP: 4}
        for register, value in kept.items():
            self.uc.reg_write(register, value)
        self.uc.reg_write(x86.UC_X86_REG_ECX, ecx)
        self.uc.reg_write(x86.UC_X86_REG_EDX, edx)
        stack = struct.pack(f"<{len(arguments) + 1}I", back, *(a & 0xFFFFFFFF for a in arguments))
        esp = STACK_TOP - 0x100
        self.uc.mem_write(esp, stack)
        self.uc.reg_write(x86.UC_X86_REG_ESP, esp)
        at = address
        while True:
            self.uc.emu_start(at, back, count=1_000_000)
            at = self.uc.reg_read(x86.UC_X86_REG_EIP)
            if at == back:
                break
            at = self._serve(at)
        assert self.uc.reg_read(x86.UC_X86_REG_ESP) == esp + len(stack), (
            "the callee popped another number of bytes"
        )
        assert [self.uc.reg_read(r) for r in kept] == list(kept.values()), "a register was not preserved"
        self.edx = int(self.uc.reg_read(x86.UC_X86_REG_EDX))
        return int(self.uc.reg_read(x86.UC_X86_REG_EAX))

    def _serve(self, at: int) -> int:
        trap = self.traps.get(at - 2) or self.traps.get(at)
        if trap is not None:
            start = at if at in self.traps else at - 2
            result = ROUTINES[trap](self._trap(start))
            if result is not None:
                self.uc.reg_write(x86.UC_X86_REG_EAX, result)
            return start + 2
        name = self._entries.get(at - 1) or self._entries.get(at)
        assert name is not None, f"stopped at {at:#x}"
        fake = self.fakes.get(name)
        assert fake is not None, f"this test gives no {name}"
        esp = self.uc.reg_read(x86.UC_X86_REG_ESP)
        count = len(inspect.signature(fake).parameters)
        back, *arguments = struct.unpack(f"<{count + 1}I", self.uc.mem_read(esp, 4 * (count + 1)))
        self.calls.append((name, tuple(arguments)))
        self.uc.reg_write(x86.UC_X86_REG_EAX, (fake(*arguments) or 0) & 0xFFFFFFFF)
        self.uc.reg_write(x86.UC_X86_REG_ESP, esp + 4 + 4 * count)
        return int(back)

    def _trap(self, at: int) -> Any:
        esp = self.uc.reg_read(x86.UC_X86_REG_ESP)
        return SimpleNamespace(
            memory=self.memory, address=at, sp=esp, teb32=TEB, argument=lambda i: self.dword(esp + 4 + 4 * i)
        )

    def arguments_of(self, name: str) -> tuple[int, ...]:
        """Of the last call of an ntdll function."""
        return next(arguments for called, arguments in reversed(self.calls) if called == name)

    def names(self) -> list[str]:
        """The Nt services called, in order."""
        return [name for name, _ in self.calls if name.startswith("Nt")]


def rtl(machine: Machine) -> dict[str, Fake]:
    """The Rtl routines that the two DLLs lean on, in Python."""

    def init(string: int, source: int) -> None:
        size = 2 * len(machine.wide_at(source)) if source else 0
        machine.uc.mem_write(string, struct.pack("<HHI", size, size + 2 if source else 0, source))

    def ansi_to_unicode(target: int, source: int, allocate: int) -> int:
        size, _, buffer = struct.unpack("<HHI", machine.uc.mem_read(source, 8))
        data = bytes(machine.uc.mem_read(buffer, size)).decode("cp1252").encode("utf-16-le")
        at = machine.allocate(len(data) + 2)
        machine.uc.mem_write(at, data + b"\0\0")
        machine.uc.mem_write(target, struct.pack("<HHI", len(data), len(data) + 2, at))
        return 0

    def unicode_to_ansi(target: int, source: int, allocate: int) -> int:
        data = machine.counted(source).encode("cp1252")
        at = machine.allocate(len(data) + 1)
        machine.uc.mem_write(at, data + b"\0")
        machine.uc.mem_write(target, struct.pack("<HHI", len(data), len(data) + 1, at))
        return 0

    def to_multibyte(target: int, room: int, count: int, source: int, size: int) -> int:
        data = bytes(machine.uc.mem_read(source, size)).decode("utf-16-le").encode("cp1252")[:room]
        machine.uc.mem_write(target, data)
        machine.dword(count, len(data))
        return 0

    def free_string(string: int) -> None:
        machine.uc.mem_write(string, bytes(8))

    def allocate(heap: int, flags: int, size: int) -> int:
        at = machine.allocate(size)
        machine.uc.mem_write(at, (b"\0" if flags & 8 else b"\xcd") * size)
        return at

    def nt_path(path: int, target: int, part: int, relative: int) -> int:
        name = machine.wide_at(path)
        if "|" in name:
            return 0xC0000033
        data = ("\\??\\" + name.replace("/", "\\")).encode("utf-16-le")
        at = machine.allocate(len(data) + 2)
        machine.uc.mem_write(at, data + b"\0\0")
        machine.uc.mem_write(target, struct.pack("<HHI", len(data), len(data) + 2, at))
        return 0

    def set_last_error(error: int) -> None:
        machine.last_error = error

    return {
        "RtlInitUnicodeString": init,
        "RtlAnsiStringToUnicodeString": ansi_to_unicode,
        "RtlUnicodeStringToAnsiString": unicode_to_ansi,
        "RtlUnicodeToMultiByteN": to_multibyte,
        "RtlFreeUnicodeString": free_string,
        "RtlAllocateHeap": allocate,
        "RtlFreeHeap": lambda heap, flags, block: 1,
        "RtlDosPathNameToNtPathName_U_WithStatus": nt_path,
        "RtlNtStatusToDosError": lambda status: dos_error(status),
        "RtlSetLastWin32Error": set_last_error,
    }
