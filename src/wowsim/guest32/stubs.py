"""The 32-bit ntdll's service stubs, generated from the service table in the build's own form.

Source of the forms: wow64-facts section 2. Stubs lie in the order of their numbers, each aligned to 4 bytes
(Windows 7) or 16 bytes (the others). For Windows 7 the seed's trace agrees: with ``ZwCreateFile`` at
777F00B0, the old Eip it shows in the CPU area, 777EFACE, is the return address in
``ZwAllocateVirtualMemory``. The spacing of the others is unverified.

Who may import it: the 32-bit system DLLs and their tests.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.nt.builds import Build, ServiceRow, Stub32

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SYSTEM_SERVICE_CALL = "Wow64SystemServiceCall"
WIN32K = 0x1000
"""Numbers from here on belong to win32k's table, whose stubs are not ntdll's (wow64-facts section 4)."""


CPU_FLAGS = 4
"""Offset of CpuFlags in WOW64INFO (wow64-facts section 3.1)."""
SYSTEM_CALL = 0x7FFE0300
"""KUSER_SHARED_DATA.SystemCall."""
FAST_SYSTEM_CALL = bytes.fromhex("8bd4 0f34 c3")
"""mov edx, esp; sysenter; KiFastSystemCallRet: ret."""
INT_SYSTEM_CALL = bytes.fromhex("8d542408 cd2e c3")
"""lea edx, [esp+8]; int 2Eh; ret."""


def stub_name(service: str) -> str:
    """The stub's symbol: ``ZwCreateFile`` for ``NtCreateFile``; both names are exported."""
    return "Zw" + service[2:]


def _back(argument_bytes: int) -> bytes:
    return struct.pack("<BH", 0xC2, argument_bytes) if argument_bytes else b"\xc3"


def stub_code(build: Build, service: ServiceRow, argument_bytes: int, service_call: int = 0) -> bytes:
    """Bytes of one stub.

    Args:
        build: decides the generation.
        service: number and turbo index.
        argument_bytes: what ``ret n`` pops.
        service_call: address of Wow64SystemServiceCall, where the build has one.
    """
    back = _back(argument_bytes)
    if build.turbo_in_ecx:
        # mov ecx, T | xor ecx, ecx; lea edx, [esp+4]; call fs:[0C0h]; add esp, 4
        turbo = struct.pack("<BI", 0xB9, service.turbo) if service.turbo else b"\x33\xc9"
        call = bytes.fromhex("8d542404 64ff15c0000000" + ("" if build.gate_pops else "83c404"))
        return struct.pack("<BI", 0xB8, service.number) + turbo + call + back
    if build.stub32 is Stub32.SYSTEM_CALL_POINTER:
        return struct.pack("<BIBI", 0xB8, service.number, 0xBA, SYSTEM_CALL) + b"\xff\x12" + back
    if build.stub32 is Stub32.LOCAL_SYSENTER:
        return struct.pack("<BIBI", 0xB8, service.number, 0xE8, len(back)) + back + FAST_SYSTEM_CALL
    if build.stub32 is Stub32.FS_C0_EAX:
        return struct.pack("<BI", 0xB8, service.eax) + bytes.fromhex("64ff15c0000000") + back
    return struct.pack("<BIBI", 0xB8, service.eax, 0xBA, service_call) + b"\xff\xd2" + back


def service_call_code(build: Build, at: int, transition: int) -> bytes:
    """Wow64SystemServiceCall of Windows 10.

    1607 and later jump through a pointer. 1507 and 1511 ask WOW64INFO.CpuFlags whether the CPU is software, then
    ``int 2Eh`` is the gate; else they cross to 64-bit code on the spot. The seven bytes there are the public listings'
    ``41 ..`` and ``jmp [r15+0F8h]``.

    Args:
        build: decides the generation.
        at: where it lies.
        transition: address of ntdll32!Wow64Transition, where the build has it.
    """
    if build.stub32 is Stub32.WOW64_TRANSITION:
        return b"\xff\x25" + struct.pack("<I", transition)
    cpu_flags = struct.pack("<I", build.peb32_size + CPU_FLAGS)
    test = bytes.fromhex("648b1530000000 8b92") + cpu_flags + bytes.fromhex("f7c202000000 7403 cd2e c3")
    far = struct.pack("<BIH", 0xEA, at + len(test) + 7, 0x33)
    return test + far + bytes.fromhex("41ffa7f8000000")


def laid_out(
    build: Build, services: Sequence[ServiceRow], argument_bytes: Mapping[str, int], service_call: int = 0
) -> Iterator[tuple[ServiceRow, int, bytes]]:
    """Every stub with its offset from the first; a service of unknown argument count leaves a gap."""
    unit = 4 if build.stub32 is Stub32.FS_C0 else 16
    at = 0
    for service in sorted((s for s in services if s.number < WIN32K), key=lambda s: s.number):
        known = argument_bytes.get(service.name)
        code = stub_code(build, service, known or 0, service_call)
        if known is not None:
            yield service, at, code
        at = (at + len(code) + unit - 1) // unit * unit
