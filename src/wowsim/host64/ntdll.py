"""The 64-bit ntdll of a WoW64 process: service stubs and the start of the process.

Stub bytes: wow64-facts section 2. On Windows 7 the stubs lie 10h apart in number order, which puts NtCreateFile
(52h) at the RVA the seed's low 16 bits allow (4E120, unverified above bit 15). The kernel enters
``LdrInitializeThunk``; the functions on the way to wow64.dll carry the names a real stack shows (section 5).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.host64 import apcs, exceptions
from wowsim.image.model import Image, Provenance
from wowsim.image.synth import ImageBuilder
from wowsim.nt.builds import Build, services

if TYPE_CHECKING:
    from wowsim.host64.link import Linker

NTCREATEFILE_WIN7 = 0x4E120
_RUNTIME = 0x60000
_DATA = 0x68000
WOW64_DLLS = ("wow64", "wow64win", "wow64cpu")
"""Mapped by LdrpLoadWow64, in this order (seed 002)."""


def stub_bytes(number: int, *, checks_7ffe0308: bool) -> bytes:
    """One 64-bit stub; the later form chooses ``int 2Eh`` when KUSER_SHARED_DATA.SystemCall says so."""
    start = b"\x4c\x8b\xd1\xb8" + struct.pack("<I", number)
    if not checks_7ffe0308:
        return start + b"\x0f\x05\xc3"
    return start + bytes.fromhex("f604250803fe7f01 7503 0f05 c3 cd2e c3")


def build_ntdll(build: Build, linker: Linker) -> Image:
    """The image for a build."""
    module = build.module("ntdll")
    builder = ImageBuilder(
        module.name, module.file_name, module.path, 64, module.base, module.size, free=_RUNTIME
    )
    builder.section(".text", 0x1000, _DATA - 0x1000, executable=True)
    builder.section(".data", _DATA, 0x2000, writable=True)
    _stubs(builder, build)
    linker.slot(builder, "wow64", "Wow64LdrpInitialize", _DATA)
    wow64 = ("Wow64PrepareForException", "Wow64PassExceptionToGuest", "Wow64ApcRoutine")
    for index, name in enumerate(wow64, 1):
        linker.slot(builder, "wow64", name, _DATA + 8 * index)
    _startup(builder)
    builder.code(exceptions.NTDLL, None, Provenance.OURS)
    builder.code(apcs.NTDLL, None, Provenance.RECONSTRUCTED)
    builder.export("KiUserApcDispatcher")
    builder.export("KiUserExceptionDispatcher")
    builder.export("RtlDispatchException")
    return linker.add(builder.build())


def _stubs(builder: ImageBuilder, build: Build) -> None:
    step = 0x20 if build.stub64_checks_7ffe0308 else 0x10
    for row in services(build.name):
        code = stub_bytes(row.number, checks_7ffe0308=build.stub64_checks_7ffe0308)
        rva = NTCREATEFILE_WIN7 + (row.number - 0x52) * step
        builder.machine_code(rva, code, {row.name: rva}, Provenance.BUILD)
        builder.export(row.name)
        builder.export("Zw" + row.name[2:], row.name)


def _startup(builder: ImageBuilder) -> None:
    """LdrInitializeThunk down to wow64.dll; the DLLs come from their KnownDlls sections by real service calls."""
    builder.export("LdrInitializeThunk")
    builder.constant("LdrpProcessInitialized", _DATA + 0x20)
    for index, name in enumerate(WOW64_DLLS):
        path = rf"\KnownDlls\{name}.dll".encode("utf-16-le")
        at = _DATA + 0x100 + index * 0x100
        text = builder.base + at + 0x50
        builder.data(at + 0x50, path)
        builder.data(at + 0x40, struct.pack("<HH4xQ", len(path), len(path), text))
        builder.data(at, struct.pack("<I4xQQI4xQQ", 0x30, 0, builder.base + at + 0x40, 0x40, 0, 0))
        builder.constant(f"KnownDll_{name}", at)
    loads = "\n".join(f"lea r8, [KnownDll_{name}]\ncall LdrpMapKnownDll" for name in WOW64_DLLS)
    builder.code(
        f"""LdrInitializeThunk: sub rsp, 0x28
        call _LdrpInitialize
        int3
    _LdrpInitialize: push rbx
        sub rsp, 0x20
        mov rbx, rcx
        cmp dword ptr [LdrpProcessInitialized], 0
        jne L_thread
        call LdrpInitializeProcess
        int3
    L_thread: call qword ptr [__imp_Wow64LdrpInitialize]
        int3
    LdrpInitializeProcess: push rbx
        sub rsp, 0x20
        mov rbx, rcx
        call LdrpLoadWow64
        mov dword ptr [LdrpProcessInitialized], 1
        mov rcx, rbx
        call qword ptr [__imp_Wow64LdrpInitialize]
        int3
    LdrpLoadWow64: sub rsp, 0x28
        {loads}
        trap ntdll.LdrpInitializeLists
        add rsp, 0x28
        ret
    LdrpMapKnownDll: sub rsp, 0x78
        lea rcx, [rsp+0x58]
        mov edx, 0xe
        call NtOpenSection
        test eax, eax
        js L_failed
        mov rcx, qword ptr [rsp+0x58]
        or rdx, -1
        and qword ptr [rsp+0x60], 0
        and qword ptr [rsp+0x68], 0
        lea r8, [rsp+0x60]
        xor r9d, r9d
        mov qword ptr [rsp+0x20], r9
        mov qword ptr [rsp+0x28], r9
        lea rax, [rsp+0x68]
        mov qword ptr [rsp+0x30], rax
        mov dword ptr [rsp+0x38], 1
        mov dword ptr [rsp+0x40], 0
        mov dword ptr [rsp+0x48], 4
        call NtMapViewOfSection
        test eax, eax
        js L_failed
        mov rcx, qword ptr [rsp+0x58]
        call NtClose
        add rsp, 0x78
        ret
    L_failed: mov edx, eax
        or rcx, -1
        call NtTerminateProcess
        int3""",
        None,
        Provenance.OURS,
    )
