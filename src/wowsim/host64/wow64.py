"""wow64.dll: service dispatch, thunks, start-up and the simulation loop, as guest code.

``Wow64SystemServiceEx`` and ``whNtCreateFile`` stand at the build's RVAs with the seed's call instructions at
their offsets (seed 002; wow64-facts section 5); the code around them follows the published description. Thunks
come from :mod:`wowsim.host64.thunks`. Services whose prototype wowsim does not know end in one trap that refuses
them by name.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from wowsim.host64 import apcs, exceptions, wow64win
from wowsim.host64.link import Linker, load_teb64
from wowsim.host64.overrides import SPECIAL, buffers, overrides
from wowsim.host64.redirection import ROOT_NAME_ROOM, RedirectedName
from wowsim.host64.thunks import Thunk, derive
from wowsim.host64.turbo_control import TLS_WOW64INFO
from wowsim.image.model import Image, Provenance
from wowsim.image.synth import ImageBuilder, assemble
from wowsim.nt.builds import Build, Gate, Stub32, services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wowsim.nt.abi import Prototype
    from wowsim.nt.trap import Routine

BUILD, RECONSTRUCTED, OURS = Provenance.BUILD, Provenance.RECONSTRUCTED, Provenance.OURS

TABLE_LIMIT = 0x3E8
"""Entries of each service table (section 5)."""
_WIN7 = {"Wow64SystemServiceEx": 0xD0B8, "call": 0xD18C, "whNtCreateFile": 0x1C0F0, "thunk call": 0x1C1F9}
_IAT_NTCREATEFILE = 0x1A48
_IAT, _OTHER_SLOTS, _BASE_UNKNOWN = 0x1000, 0x2000, 0x20E0
_AREAS = ((0x2100, 0xD000), (0xD400, 0x1C000))
"""Where derived thunks lie, besides the free part: on Windows 7 what is between is the build's."""
_THUNKS_OF_AN_AREA = 150
SERVICE_FRAME = 0x1480 + 12 * 8
"""TEB64.TlsSlots[WOW64_TLS_SERVICE_FRAME] (section 3.2): where a fault in a thunk goes on, as in the real handler."""
TEMP_LIST = 0x1480 + 3 * 8
"""TEB64.TlsSlots[WOW64_TLS_TEMPLIST] (section 3.2)."""
_STACK = "push rbx\npush rsi\npush rdi\npush rbp\npush r12\npush r13\nsub rsp, 0x38"
_UNSTACK = "add rsp, 0x38\npop r13\npop r12\npop rbp\npop rdi\npop rsi\npop rbx\nret"

_TEMPORARY = f"""
Wow64AllocateTemp: sub rsp, 0x48
    add rcx, 0x10
    mov qword ptr [rsp+0x40], rcx
    and qword ptr [rsp+0x38], 0
    or rcx, -1
    lea rdx, [rsp+0x38]
    xor r8d, r8d
    lea r9, [rsp+0x40]
    mov dword ptr [rsp+0x20], 0x3000
    mov dword ptr [rsp+0x28], 4
    call qword ptr [__imp_NtAllocateVirtualMemory]
    test eax, eax
    js L_none
    mov rax, qword ptr [rsp+0x38]
    {load_teb64("rcx")}
    mov rdx, qword ptr [rcx+{TEMP_LIST:#x}]
    mov qword ptr [rax], rdx
    mov qword ptr [rcx+{TEMP_LIST:#x}], rax
    add rax, 0x10
    add rsp, 0x48
    ret
L_none: xor eax, eax
    add rsp, 0x48
    ret
Wow64FreeTemps: push rbx
    push rsi
    sub rsp, 0x38
    mov rsi, rcx
L_next:
    {load_teb64("rcx")}
    mov rbx, qword ptr [rcx+{TEMP_LIST:#x}]
    cmp rbx, rsi
    je L_freed
    mov rax, qword ptr [rbx]
    mov qword ptr [rcx+{TEMP_LIST:#x}], rax
    mov qword ptr [rsp+0x28], rbx
    and qword ptr [rsp+0x30], 0
    or rcx, -1
    lea rdx, [rsp+0x28]
    lea r8, [rsp+0x30]
    mov r9d, 0x8000
    call qword ptr [__imp_NtFreeVirtualMemory]
    jmp L_next
L_freed: add rsp, 0x38
    pop rsi
    pop rbx
    ret
Wow64QueryRootName: sub rsp, 0x38
    mov r8, rdx
    mov edx, 1
    mov r9d, {ROOT_NAME_ROOM:#x}
    and qword ptr [rsp+0x20], 0
    call qword ptr [__imp_NtQueryObject]
    add rsp, 0x38
    ret"""
"""Temporary memory of a call: blocks in a list at TLS slot 3, freed when the call that took them is over, also when
another call ran in between (an APC). The real one takes them from a heap."""


class Routines(Mapping[str, "Routine"]):
    """The routines behind traps, by trap name; each is made when it is asked for first: a program uses few."""

    def __init__(self) -> None:
        self._makers: dict[str, Callable[[], Mapping[str, Routine]]] = {}
        self._made: dict[str, Routine] = {}

    def add(self, traps: Iterable[str], make: Callable[[], Mapping[str, Routine]]) -> None:
        """``make`` makes the routines of these traps."""
        self._makers.update(dict.fromkeys(traps, make))

    def __getitem__(self, trap: str) -> Routine:
        if trap not in self._made:
            self._made.update(self._makers[trap]())
        return self._made[trap]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


class Wow64:
    """The image and the Python behind its traps.

    Args:
        build: the Windows build.
        prototypes: services whose thunks are derived.
        linker: where ntdll and wow64cpu are, or will be.
    """

    def __init__(self, build: Build, prototypes: Mapping[str, Prototype], linker: Linker) -> None:
        self._build, self._linker = build, linker
        self.routines = Routines()
        module = build.module("wow64")
        self._builder = ImageBuilder(
            module.name, module.file_name, module.path, 64, module.base, module.size, free=0x20000
        )
        builder = self._builder
        builder.section(".text", 0x1000, 0x30000, executable=True)
        builder.section(".data", 0x32000, 0x8000, writable=True)
        fixed = build.gate is Gate.SWITCH_TO_64
        self._imports(prototypes, fixed)
        self._dispatch(fixed)
        self._thunks(prototypes, fixed)
        self._startup()
        linker.slot(builder, "wow64cpu", "CpupLeaveSimulation", _OTHER_SLOTS + 0x10)
        builder.code(_TEMPORARY, None, OURS)
        builder.code(exceptions.WOW64, None, OURS)
        builder.code(apcs.WOW64.replace("SIMULATE", self._simulate), None, OURS)
        for name in ("Wow64SystemServiceEx", "Wow64LdrpInitialize", *exceptions.EXPORTS, *apcs.EXPORTS):
            builder.export(name)
        self.image: Image = linker.add(builder.build())

    def _imports(self, prototypes: Mapping[str, Prototype], fixed: bool) -> None:
        names = sorted(prototypes.keys() & self._build.numbers.keys())
        rva = _IAT
        for name in names:
            if fixed and name == "NtCreateFile":
                self._linker.slot(self._builder, "ntdll", name, _IAT_NTCREATEFILE)
                continue
            rva += 8 if fixed and rva == _IAT_NTCREATEFILE else 0
            self._linker.slot(self._builder, "ntdll", name, rva)
            rva += 8
        prefix = "Cpu" if self._build.gate is Gate.SWITCH_TO_64 else "BTCpu"
        self._simulate, self._cpu_init = f"{prefix}Simulate", f"{prefix}ProcessInit"
        self._linker.slot(self._builder, "wow64cpu", self._simulate, _OTHER_SLOTS)
        self._linker.slot(self._builder, "wow64cpu", self._cpu_init, _OTHER_SLOTS + 0x18)
        for index, table in enumerate(wow64win.TABLES):
            self._linker.slot(self._builder, "wow64win", table, _OTHER_SLOTS + 0x20 + 8 * index)

    # ------------------------------------------------------------ dispatch
    def _dispatch(self, fixed: bool) -> None:
        before = f"""Wow64SystemServiceEx: {_STACK}
            mov ebx, ecx
            mov rsi, rdx
            mov eax, ecx
            shr eax, 12
            and eax, 3
            and ebx, 0xfff
            lea rdi, [ServiceTables]
            imul rax, rax, 0x30
            add rdi, rax
            cmp ebx, dword ptr [rdi+8]
            jae L_invalid
            {load_teb64("rbp")}
            mov rax, qword ptr [rbp]
            mov ecx, dword ptr [rax+0x34]
            mov dword ptr [rbp+0x68], ecx
            mov rax, qword ptr [rbp+{TEMP_LIST:#x}]
            mov qword ptr [rsp+0x20], rax
            mov rax, qword ptr [rbp+{SERVICE_FRAME:#x}]
            mov qword ptr [rsp+0x28], rax
            mov qword ptr [rbp+{SERVICE_FRAME:#x}], rsp
            mov rax, qword ptr [rdi]
            mov r12, qword ptr [rax+rbx*8]
            mov rcx, rsi"""
        call = ".byte 0x41, 0xff, 0xd4"
        after = f"""G_served: mov ebx, eax
            mov rcx, qword ptr [rsp+0x28]
            mov qword ptr [rbp+{SERVICE_FRAME:#x}], rcx
            mov rcx, qword ptr [rsp+0x20]
            cmp rcx, qword ptr [rbp+{TEMP_LIST:#x}]
            je L_none
            call Wow64FreeTemps
        L_none: mov rax, qword ptr [rbp]
            mov ecx, dword ptr [rbp+0x68]
            mov dword ptr [rax+0x34], ecx
            mov eax, ebx
            {_UNSTACK}"""
        invalid = f"L_invalid: mov eax, 0xc000001c\n{_UNSTACK}"
        builder = self._builder
        builder.code("Wow64ServiceFault: jmp G_served", None, OURS)
        if not fixed:
            builder.code("\n".join((before, call, after, invalid)), None, RECONSTRUCTED)
            return
        at = _WIN7["call"]
        builder.code(
            f"{before}\njmp G_call_service\n{invalid}", _WIN7["Wow64SystemServiceEx"], RECONSTRUCTED, 0xD4
        )
        builder.code("G_call_service: .byte 0x41, 0xff, 0xd4", at, BUILD)
        builder.code(after, at + 3, RECONSTRUCTED)

    def _thunks(self, prototypes: Mapping[str, Prototype], fixed: bool) -> None:
        builder = self._builder
        entries = ["whUnknown"] * TABLE_LIMIT
        special, converted = overrides(self._build), buffers(self._build)
        derived: list[str] = []
        for row in services(self._build.name):
            override = special.get(row.name)
            if override is not None:
                builder.code(override.source(row.name), None, OURS)
                self.routines.add(override.traps(row.name), partial(override.routines, row.name))
            elif row.name in prototypes:
                needed = converted.get(row.name, ())
                asks = any(isinstance(buffer, RedirectedName) for buffer in needed)
                thunk = derive(prototypes[row.name], needed, SPECIAL.get(row.name), asks_root=asks)
                self.routines.add(thunk.traps, thunk.routines)
                if fixed and row.name == "NtCreateFile":
                    self._fixed_create_file(thunk)
                else:
                    derived.append("\n".join(thunk.parts()))
            else:
                continue
            entries[row.number & 0xFFF] = f"wh{row.name}"
        self._place(derived)
        builder.code("whUnknown: sub rsp, 8\ntrap wow64.unknown\nadd rsp, 8\nret", None, OURS)
        builder.code("sdwhnt32:\n" + "\n".join(f".quad {name}" for name in entries), 0x32000, RECONSTRUCTED)
        builder.code(
            "whBaseUnknown: sub rsp, 8\ntrap wow64.whBaseUnknown\nadd rsp, 8\nret", _BASE_UNKNOWN, OURS
        )
        builder.data(0x36000, struct.pack("<Q", builder.base + _BASE_UNKNOWN) * TABLE_LIMIT, "sdwhbase")
        win32 = [("0", wow64win.LIMIT)] * len(wow64win.TABLES)  # ProcessInit fills them in
        tables = "\n".join(
            f".quad {name}\n.long {limit}\n.space 0x24"
            for name, limit in (("sdwhnt32", TABLE_LIMIT), *win32, ("sdwhbase", TABLE_LIMIT))
        )
        builder.code(f"ServiceTables:\n{tables}", 0x34000, RECONSTRUCTED)

    def _place(self, thunks: list[str]) -> None:
        """Put the derived thunks where there is room: so many in each area, the others in the free part."""
        for start, _ in _AREAS:
            some, thunks = thunks[:_THUNKS_OF_AN_AREA], thunks[_THUNKS_OF_AN_AREA:]
            if some:
                self._builder.code("\n".join(some), start, OURS)
        if thunks:
            self._builder.code("\n".join(thunks), None, OURS)

    def _fixed_create_file(self, thunk: Thunk) -> None:
        """Put the seed's ``call [__imp_NtCreateFile]`` at whNtCreateFile+109h; the rest is ours around it."""
        head, registers, call, tail = thunk.parts("G_failed_whNtCreateFile", "G_again_whNtCreateFile")
        size = len(assemble(registers, 64))
        start, at = _WIN7["whNtCreateFile"], _WIN7["thunk call"]
        self._builder.code(f"{head}\njmp G_call_NtCreateFile", start, OURS, at - size - start)
        self._builder.code(f"G_call_NtCreateFile: {registers}", at - size, OURS, size)
        self._builder.code(call, at, BUILD, 6)
        self._builder.code(tail, at + 6, OURS)

    # ------------------------------------------------------------ start-up
    def _startup(self) -> None:
        builder, build = self._builder, self._build
        gate = build.module("wow64cpu").base + (0x2320 if build.gate is Gate.SWITCH_TO_64 else 0x7000)
        reserve = "\n".join(
            f"mov rax, {start:#x}\nmov rdx, {end - start:#x}\ncall Map64BitDll"
            for start, end in build.reserved
        )
        builder.constant("Wow64pProcessInitialized", 0x34200)
        tables = "\n".join(
            f"mov rax, qword ptr [__imp_{table}]\nmov qword ptr [ServiceTables+{0x30 * (1 + index):#x}], rax"
            for index, table in enumerate(wow64win.TABLES)
        )
        transition = (
            ""
            if build.stub32 is not Stub32.WOW64_TRANSITION
            else "lea rcx, [__imp_Wow64Transition]\nmov rcx, qword ptr [rcx]\nmov dword ptr [rcx], eax"
        )
        if transition:
            self._linker.slot(builder, "ntdll32", "Wow64Transition", _OTHER_SLOTS + 8)
        builder.code(
            f"""Wow64LdrpInitialize: push rbx
            sub rsp, 0x20
            mov rbx, rcx
            {load_teb64("rcx")}
            mov rax, qword ptr [rcx]
            mov eax, dword ptr [rax+0x30]
            add rax, {build.peb32_size:#x}
            mov qword ptr [rcx+{TLS_WOW64INFO:#x}], rax
            cmp dword ptr [Wow64pProcessInitialized], 0
            jne L_thread
            call ProcessInit
            mov dword ptr [Wow64pProcessInitialized], 1
        L_thread: call ThreadInit
            mov rcx, rbx
            call Wow64SetupInitialCall
            call RunCpuSimulation
            int3
        ProcessInit: sub rsp, 0x28
            {reserve}
            {tables}
            call qword ptr [__imp_{self._cpu_init}]
            add rsp, 0x28
            ret
        Map64BitDll: sub rsp, 0x48
            mov qword ptr [rsp+0x30], rax
            mov qword ptr [rsp+0x38], rdx
            or rcx, -1
            lea rdx, [rsp+0x30]
            xor r8d, r8d
            lea r9, [rsp+0x38]
            mov dword ptr [rsp+0x20], 0x2000
            mov dword ptr [rsp+0x28], 1
            call qword ptr [__imp_NtAllocateVirtualMemory]
            add rsp, 0x48
            ret
        ThreadInit:
            {load_teb64("rcx")}
            mov rcx, qword ptr [rcx]
            mov eax, {gate:#x}
            mov dword ptr [rcx+0xc0], eax
            {transition}
            ret
        Wow64SetupInitialCall: sub rsp, 0x28
            trap wow64.Wow64SetupInitialCall
            add rsp, 0x28
            ret
        RunCpuSimulation: sub rsp, 0x28
        L_again: call qword ptr [__imp_{self._simulate}]
            jmp L_again""",
            None,
            RECONSTRUCTED,
        )
