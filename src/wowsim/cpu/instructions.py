"""Recognises, from their bytes, the few instructions that the core answers itself. Pure functions."""

from __future__ import annotations

GENERAL = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
           "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")  # fmt: skip
PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF2, 0xF3, *range(0x40, 0x50)))
"""Legacy prefixes and, in 64-bit code, REX."""


def prefix_length(code: bytes) -> int:
    """How many bytes of prefixes an instruction begins with."""
    return next((i for i, byte in enumerate(code) if byte not in PREFIXES), len(code))


def is_call_far(code: bytes) -> bool:
    """``call ptr16:32`` or ``call m16:32``."""
    at = prefix_length(code)
    if code[at : at + 1] == b"\x9a":
        return True
    return code[at : at + 1] == b"\xff" and len(code) > at + 1 and code[at + 1] >> 3 & 7 == 3


def random_target(code: bytes) -> tuple[str, int, int] | None:
    """(register, operand size, instruction length) of a RDRAND or RDSEED."""
    at, size, extension = 0, 32, 0
    if code[:1] == b"\x66":
        at, size = 1, 16
    if code[at : at + 1] and code[at] >> 4 == 4:
        extension = code[at] & 1
        size = 64 if code[at] & 8 else size
        at += 1
    if code[at : at + 2] != b"\x0f\xc7" or len(code) <= at + 2:
        return None
    modrm = code[at + 2]
    if modrm < 0xC0 or modrm >> 3 & 7 not in (6, 7):
        return None
    return GENERAL[modrm & 7 | extension << 3], size, at + 3
