r"""The 32-bit ntdll of a build: service stubs, loader, heap and run-time library as one image.

Stands for SysWOW64\ntdll.dll, and for System32\ntdll.dll of 32-bit Windows. Stub bytes are the build's
(wow64-facts section 2), everything else is wowsim's own code with the build's names. Leaves out: everything that no
built-in DLL and no program seen so far imports. Who may import it: the simulation; ``routines`` serves the image's
traps.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.guest32 import (
    environment,
    exceptions,
    heap_code,
    loader,
    loader_code,
    loader_queries,
    rtl,
    rtl_code,
    rtl_time,
)
from wowsim.guest32.heap import Heaps
from wowsim.guest32.loader import Loader
from wowsim.guest32.stubs import (
    FAST_SYSTEM_CALL,
    INT_SYSTEM_CALL,
    SYSTEM_SERVICE_CALL,
    laid_out,
    service_call_code,
    stub_name,
)
from wowsim.image.model import PAGE, Provenance
from wowsim.image.synth import ImageBuilder
from wowsim.nt.builds import Gate, Stub32, services

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wowsim.image.model import Image
    from wowsim.nt.builds import Build
    from wowsim.nt.trap import Routine

TEXT = 0x10000
CREATE_FILE_WIN7 = 0x200B0
"""RVA of ZwCreateFile in Windows 7 SP1 (seed 002: 777F00B0)."""
CODE_WIN10 = 0x71000
"""RVA of the first stub in every Windows but 7 SP1: chosen, unverified."""
SYSTEM_SERVICE_CALL_ROOM = {Stub32.SYSTEM_SERVICE_CALL: 0x30, Stub32.WOW64_TRANSITION: 0x10}
SYSTEM_CALLS_ROOM = 0x20
SYSTEM_CALL_RETURN = "KiFastSystemCallRet"
WOW64_TRANSITION = "Wow64Transition"
_FREE_LOCK = struct.pack("<6I", 0xFFFFFFFF, 0xFFFFFFFF, 0, 0, 0, 0)


def build_ntdll32(build: Build, argument_bytes: Mapping[str, int]) -> Image:
    """Assemble the image.

    Args:
        build: decides addresses, stub form and service numbers.
        argument_bytes: what each service's stub pops; a service that is not in it gets no stub.
    """
    module = build.ntdll
    exports_rva = module.size - 0x20000
    data = exports_rva - 0x10000
    names = (module.name, module.file_name, module.path)
    builder = ImageBuilder(*names, 32, module.base, module.size, free=TEXT)
    builder.section(".text", TEXT, data - TEXT, executable=True)
    builder.section(".data", data, exports_rva - data, writable=True)
    builder.section(".rdata", exports_rva, module.size - exports_rva)
    _add_data(builder, data)
    exceptions.add_data(builder, data)
    _add_stubs(builder, build, argument_bytes, data + loader.DATA_SIZE)
    sources = (*loader_code.CODE, *heap_code.CODE, *rtl_code.CODE, *exceptions.CODE)
    for source in (*sources, rtl_code.version_numbers(build)):
        builder.code(source)
    builder.code(_leaves())
    for name in (
        *loader_code.EXPORTS,
        *heap_code.EXPORTS,
        *rtl_code.EXPORTS,
        *exceptions.EXPORTS,
        *_LEAF_ROUTINES,
    ):
        builder.export(name)
    for name, symbol in rtl_code.ALIASES.items():
        builder.export(name, symbol)
    return builder.build()


def routines(build: Build) -> dict[str, Routine]:
    """The routines behind all traps of the image, with fresh state: one set for each process."""
    found = Loader(build).routines() | Heaps().routines()
    found |= loader_queries.routines() | environment.routines()
    return found | rtl.routines() | rtl_time.routines()


_LEAF_ROUTINES: dict[str, tuple[str, int]] = {
    **loader_queries.LEAVES,
    **heap_code.LEAVES,
    **{name: (f"rtl.{name}", count) for name, count in (rtl.LEAVES | rtl_time.LEAVES).items()},
    "RtlQueryEnvironmentVariable_U": ("environment.query", 3),
}


def _leaves() -> str:
    return "".join(f"{n}:\ntrap {trap}\nret {4 * count:#x}\n" for n, (trap, count) in _LEAF_ROUTINES.items())


def _add_data(builder: ImageBuilder, data: int) -> None:
    """The loader's static block, with both locks free."""
    block = bytearray(loader.DATA_SIZE)
    for lock in (loader.LOADER_LOCK, loader.FAST_LOCK):
        block[lock : lock + len(_FREE_LOCK)] = _FREE_LOCK
    builder.data(data, bytes(block), "PebLdr")
    for name, offset in (
        ("LdrpLoaderLock", loader.LOADER_LOCK),
        ("FastPebLock", loader.FAST_LOCK),
        ("Kernel32ThreadInitThunkFunction", loader.INIT_THUNK),
        ("RtlpUnhandledExceptionFilter", loader.UNHANDLED_FILTER),
    ):
        builder.constant(name, data + offset)


def _add_stubs(builder: ImageBuilder, build: Build, argument_bytes: Mapping[str, int], pointers: int) -> None:
    """Stubs in the order of their numbers, and what they share; each is exported as Zw and as Nt."""
    service_call = 0
    if build.gate is Gate.KI_FAST_SYSTEM_CALL:
        if build.stub32 is Stub32.WOW64_TRANSITION:
            pointers = (pointers + PAGE - 1) & -PAGE
            builder.data(pointers, bytes(4), WOW64_TRANSITION)
            builder.export(WOW64_TRANSITION)
        at = CODE_WIN10 - SYSTEM_SERVICE_CALL_ROOM[build.stub32]
        service_call = builder.base + at
        routine = service_call_code(build, service_call, builder.base + pointers)
        builder.machine_code(at, routine, {SYSTEM_SERVICE_CALL: at}, Provenance.BUILD)
        builder.export(SYSTEM_SERVICE_CALL)
    if not build.wow64:
        _add_system_calls(builder, CODE_WIN10 - SYSTEM_CALLS_ROOM)
    stubs = list(laid_out(build, services(build.name), argument_bytes, service_call))
    first = CODE_WIN10
    if build.stub32 is Stub32.FS_C0:
        first = CREATE_FILE_WIN7 - next(at for service, at, _ in stubs if service.name == "NtCreateFile")
    code = bytearray(stubs[-1][1] + len(stubs[-1][2]))
    symbols = {}
    for service, at, stub in stubs:
        code[at : at + len(stub)] = stub
        symbols[stub_name(service.name)] = first + at
    builder.machine_code(first, bytes(code), symbols, Provenance.BUILD)
    for service, _, _ in stubs:
        builder.export(stub_name(service.name))
        builder.export(service.name, stub_name(service.name))


def _add_system_calls(builder: ImageBuilder, at: int) -> None:
    """What KUSER_SHARED_DATA points to, and where SYSENTER comes back (wow64-facts section 2)."""
    code = FAST_SYSTEM_CALL.ljust(0x10, b"\x90") + INT_SYSTEM_CALL
    symbols = {
        "KiFastSystemCall": at,
        SYSTEM_CALL_RETURN: at + len(FAST_SYSTEM_CALL) - 1,
        "KiIntSystemCall": at + 0x10,
    }
    builder.machine_code(at, code, symbols, Provenance.BUILD)
    for name in symbols:
        builder.export(name)
