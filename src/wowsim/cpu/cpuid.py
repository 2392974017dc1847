"""What CPUID answers: a fixed Intel or AMD processor, the same on every host.

The feature bits are those the engine's CPU model really executes (Nehalem) plus RDTSCP and RDRAND, which
``cpu.core`` answers from the simulation. Pure values.
"""

from __future__ import annotations

import struct

Answer = tuple[int, int, int, int]
"""EAX, EBX, ECX, EDX."""

BRAND = b"wowsim simulated x86-64 processor"
INTEL, AMD = "intel", "amd"
_VENDORS = {INTEL: b"GenuineIntel", AMD: b"AuthenticAMD"}
"""In the order EBX, EDX, ECX (Intel SDM 2, CPUID; AMD APM 3, appendix E)."""
VENDORS = tuple(_VENDORS)
_SIGNATURES = {INTEL: 0x000106A5, AMD: 0x00100F42}
"""Nehalem; a K10, which AMD sold in the same years."""
_FEATURES_ECX = 1 << 0 | 1 << 9 | 1 << 13 | 1 << 19 | 1 << 20 | 1 << 23 | 1 << 30
"""SSE3, SSSE3, CX16, SSE4.1, SSE4.2, POPCNT, RDRAND."""
_FEATURES_EDX = 0x0783FBFF
"""FPU VME DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2."""


def answer(leaf: int, subleaf: int, vendor: str = INTEL) -> Answer:
    """The registers for one leaf; leaves beyond the known answer zeros.

    Args:
        leaf: EAX.
        subleaf: ECX; no known leaf has subleaves.
        vendor: one of :data:`VENDORS`.
    """
    if leaf == 0:
        ebx, edx, ecx = struct.unpack("<3I", _VENDORS[vendor])
        return 7, ebx, ecx, edx
    if leaf == 1:
        return _SIGNATURES[vendor], 0x00010800, _FEATURES_ECX, _FEATURES_EDX
    if leaf == 0x80000000:
        return 0x80000008, 0, 0, 0
    if leaf == 0x80000001:
        return 0, 0, 1, 1 << 11 | 1 << 20 | 1 << 27 | 1 << 29  # LAHF64; SYSCALL NX RDTSCP LM
    if 0x80000002 <= leaf <= 0x80000004:
        part = BRAND.ljust(48, b"\0")[(leaf - 0x80000002) * 16 :][:16]
        a, b, c, d = (int.from_bytes(part[i : i + 4], "little") for i in (0, 4, 8, 12))
        return a, b, c, d
    if leaf == 0x80000008:
        return 0x3028, 0, 0, 0
    return 0, 0, 0, 0
