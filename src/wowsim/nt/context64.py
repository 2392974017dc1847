"""CONTEXT of x64: where each register lies (wow64-facts section 9, 4D0h bytes). Who may import it: everybody."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTEXT64_SIZE = 0x4D0
CONTEXT_AMD64 = 0x100000
CONTEXT_CONTROL, CONTEXT_INTEGER, CONTEXT_SEGMENTS, CONTEXT_FLOATING_POINT = (
    CONTEXT_AMD64 | 1,
    CONTEXT_AMD64 | 2,
    CONTEXT_AMD64 | 4,
    CONTEXT_AMD64 | 8,
)
CONTEXT_ALL = CONTEXT_AMD64 | 0x1F
FLAGS, MXCSR, SELECTORS, EFLAGS, INTEGERS, FXSAVE = 0x30, 0x34, 0x38, 0x44, 0x78, 0x100
EFLAGS_USER = 0x3D4DD5
"""EFLAGS bits that a context may set in ring 3: not IF, IOPL, VM and the reserved ones (Intel SDM 3.4.3)."""

_INTEGERS = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip",
)  # fmt: skip
OFFSETS = {name: INTEGERS + 8 * i for i, name in enumerate(_INTEGERS)}
_SELECTORS = ("cs", "ds", "es", "fs", "gs", "ss")
_CONTROL = ("rsp", "rip")


def context64(registers: Mapping[str, int], fxsave: bytes, flags: int = CONTEXT_ALL) -> bytes:
    """A CONTEXT of registers by their 64-bit names and of an FXSAVE image (512 bytes)."""
    data = bytearray(CONTEXT64_SIZE)
    struct.pack_into("<I", data, FLAGS, flags)
    data[MXCSR : MXCSR + 4] = fxsave[0x18:0x1C]
    struct.pack_into("<6HI", data, SELECTORS, *(registers[n] for n in _SELECTORS), registers["rflags"])
    struct.pack_into("<17Q", data, INTEGERS, *(registers[name] for name in _INTEGERS))
    data[FXSAVE : FXSAVE + 0x200] = fxsave
    return bytes(data)


def registers_of(context: bytes, everything: bool = False) -> dict[str, int]:
    """The registers that the flags of a CONTEXT name (or all of them): integers, rip, rflags, cs."""
    (flags,) = struct.unpack_from("<I", context, FLAGS)
    values = dict(zip(_INTEGERS, struct.unpack_from("<17Q", context, INTEGERS), strict=True))
    control = everything or flags & CONTEXT_CONTROL == CONTEXT_CONTROL
    integer = everything or flags & CONTEXT_INTEGER == CONTEXT_INTEGER
    found = {name: value for name, value in values.items() if (control if name in _CONTROL else integer)}
    if control:
        cs, eflags = (
            struct.unpack_from("<H", context, SELECTORS)[0],
            struct.unpack_from("<I", context, EFLAGS)[0],
        )
        found["cs"] = cs
        found["rflags"] = eflags & EFLAGS_USER | 0x202
    return found


_PARTS = (
    (CONTEXT_SEGMENTS, 0x3A, 0x42), (CONTEXT_INTEGER, 0x78, 0x98), (CONTEXT_INTEGER, 0xA0, 0xF8),
    (CONTEXT_CONTROL, 0x38, 0x3A), (CONTEXT_CONTROL, 0x42, 0x48), (CONTEXT_CONTROL, 0x98, 0xA0),
    (CONTEXT_CONTROL, 0xF8, 0x100), (CONTEXT_FLOATING_POINT, 0x34, 0x38), (CONTEXT_FLOATING_POINT, 0x100, 0x300),
)  # fmt: skip
"""Which bytes each flag stands for: DS to GS; the integers without RSP; CS, SS and EFLAGS, RSP, RIP; MXCSR, FXSAVE."""


def asked_for(old: bytes, context: bytes) -> bytes:
    """``old`` with the parts of ``context`` that its own flags ask for."""
    (flags,) = struct.unpack_from("<I", old, FLAGS)
    data = bytearray(old)
    for part, start, end in _PARTS:
        if flags & part == part:
            data[start:end] = context[start:end]
    return bytes(data)
