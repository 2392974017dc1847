"""WOW64_CONTEXT and the WoW64 CPU area: where x86 registers live while 64-bit code runs.

Offsets: wow64-facts section 3.3 (WOW64_CONTEXT is 2CCh bytes; the CPU area holds it at +4).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.nt import context64 as wide

if TYPE_CHECKING:
    from wowsim.nt.abi import Memory

CONTEXT32_SIZE = 0x2CC
CONTEXT_IN_AREA = 4
RESET_STATE = 1
TLS_CPURESERVED = 0x1488
"""TEB64.TlsSlots[1]: the address of the CPU area."""

CONTEXT_I386 = 0x10000
CONTEXT_CONTROL, CONTEXT_INTEGER, CONTEXT_SEGMENTS = CONTEXT_I386 | 1, CONTEXT_I386 | 2, CONTEXT_I386 | 4
CONTEXT_FLOATING_POINT, CONTEXT_DEBUG, CONTEXT_EXTENDED = (
    CONTEXT_I386 | 8,
    CONTEXT_I386 | 16,
    CONTEXT_I386 | 32,
)

OFFSETS = {
    "ContextFlags": 0x00, "SegGs": 0x8C, "SegFs": 0x90, "SegEs": 0x94, "SegDs": 0x98, "Edi": 0x9C, "Esi": 0xA0,
    "Ebx": 0xA4, "Edx": 0xA8, "Ecx": 0xAC, "Eax": 0xB0, "Ebp": 0xB4, "Eip": 0xB8, "SegCs": 0xBC, "EFlags": 0xC0,
    "Esp": 0xC4, "SegSs": 0xC8,
}  # fmt: skip
"""Dword fields of WOW64_CONTEXT."""
_INTEGERS = ("Edi", "Esi", "Ebx", "Edx", "Ecx", "Eax", "Ebp", "Eip", "Esp")
_SELECTORS = ("SegCs", "SegDs", "SegEs", "SegFs", "SegGs", "SegSs")
_PARTS = (
    (CONTEXT_DEBUG, 0x04, 0x1C),
    (CONTEXT_FLOATING_POINT, 0x1C, 0x8C),
    (CONTEXT_SEGMENTS, 0x8C, 0x9C),
    (CONTEXT_INTEGER, 0x9C, 0xB4),
    (CONTEXT_CONTROL, 0xB4, 0xCC),
    (CONTEXT_EXTENDED, 0xCC, CONTEXT32_SIZE),
)
CONTEXT_ALL = CONTEXT_I386 | 0x3F
FLOAT_SAVE, EXTENDED = 0x1C, 0xCC
EFLAGS_USER = 0x3C0DD5
"""EFLAGS bits that a program's context may set: not IF, IOPL, NT, RF, VM and the reserved ones (Intel SDM 3.4.3)."""
_DWORD = struct.Struct("<I")
_QWORD = struct.Struct("<Q")


def context32(flags: int = CONTEXT_I386 | 0x2F, **fields: int) -> bytes:
    """A WOW64_CONTEXT with the named dword fields set (``Eip=...``), others zero."""
    data = bytearray(CONTEXT32_SIZE)
    _DWORD.pack_into(data, 0, flags)
    for name, value in fields.items():
        _DWORD.pack_into(data, OFFSETS[name], value & 0xFFFFFFFF)
    # a thread starts with 53-bit precision and all FP exceptions masked
    struct.pack_into("<H", data, EXTENDED, 0x27F)
    struct.pack_into("<II", data, EXTENDED + 0x18, 0x1F80, 0xFFFF)
    data[FLOAT_SAVE : FLOAT_SAVE + 0x70] = float_save(bytes(data[EXTENDED:]))
    return bytes(data)


def float_save(fxsave: bytes) -> bytes:
    """FLOATING_SAVE_AREA (70h bytes, FNSAVE's form) of an FXSAVE image (Intel SDM volume 1, 8.1.10 and 10.5)."""
    control, status, present = struct.unpack_from("<HHB", fxsave)
    top = status >> 11 & 7
    registers = [fxsave[0x20 + 16 * i : 0x2A + 16 * i] for i in range(8)]
    tags = 0
    for physical in range(8):
        kind = _tag(registers[(physical - top) & 7]) if present >> physical & 1 else 3
        tags |= kind << 2 * physical
    head = (0xFFFF0000 | control, 0xFFFF0000 | status, 0xFFFF0000 | tags, 0, 0, 0, 0xFFFF0000)
    return struct.pack("<7I", *head) + b"".join(registers) + bytes(4)


def _tag(register: bytes) -> int:
    """0 valid, 1 zero, 2 special."""
    mantissa, exponent = struct.unpack("<QH", register)
    if mantissa == 0 and exponent & 0x7FFF == 0:
        return 1
    return 0 if mantissa >> 63 and exponent & 0x7FFF != 0x7FFF else 2


def _overlay(fxsave: bytearray, saved: bytes) -> None:
    """Put the x87 part of a FLOATING_SAVE_AREA into an FXSAVE image."""
    control, status, tags = struct.unpack_from("<HxxHxxH", saved)
    present = sum(1 << i for i in range(8) if tags >> 2 * i & 3 != 3)
    struct.pack_into("<HHB", fxsave, 0, control, status, present)
    for i in range(8):
        fxsave[0x20 + 16 * i : 0x2A + 16 * i] = saved[0x1C + 10 * i : 0x26 + 10 * i]


def loaded_float(flags: int, context: bytes, before: bytes) -> bytes:
    """The FXSAVE image after a CONTEXT of these flags was loaded over another image."""
    fxsave = bytearray(context[EXTENDED:] if flags & CONTEXT_EXTENDED == CONTEXT_EXTENDED else before)
    if flags & CONTEXT_FLOATING_POINT == CONTEXT_FLOATING_POINT:
        _overlay(fxsave, context[FLOAT_SAVE : FLOAT_SAVE + 0x70])
    struct.pack_into("<H", fxsave, 0x1A, 0)  # MXCSR bits that do not exist would fault
    return bytes(fxsave)


def context32_of(context: bytes) -> bytes:
    """The WOW64_CONTEXT of the 32-bit code that an x64 CONTEXT interrupted."""
    data = bytearray(CONTEXT32_SIZE)
    _DWORD.pack_into(data, 0, CONTEXT_ALL)
    for name in _INTEGERS:
        (value,) = _DWORD.unpack_from(context, wide.OFFSETS["r" + name[1:].lower()])
        _DWORD.pack_into(data, OFFSETS[name], value)
    cs, ds, es, fs, gs, ss, eflags = struct.unpack_from("<6HI", context, wide.SELECTORS)
    for name, value in zip(_SELECTORS, (cs, ds, es, fs, gs, ss), strict=True):
        _DWORD.pack_into(data, OFFSETS[name], value)
    _DWORD.pack_into(data, OFFSETS["EFlags"], eflags)
    data[EXTENDED:] = context[wide.FXSAVE : wide.FXSAVE + 0x200]
    data[FLOAT_SAVE : FLOAT_SAVE + 0x70] = float_save(bytes(data[EXTENDED:]))
    return bytes(data)


def context64_of(context: bytes) -> bytes:
    """The x64 CONTEXT of 32-bit code in the state of a WOW64_CONTEXT; registers it does not have are 0."""
    registers = dict.fromkeys(wide.OFFSETS, 0)
    for name in _SELECTORS:
        registers[name[3:].lower()] = _DWORD.unpack_from(context, OFFSETS[name])[0] & 0xFFFF
    registers |= {"cs": 0x23, "ss": 0x2B}
    for name in _INTEGERS:
        registers["r" + name[1:].lower()] = _DWORD.unpack_from(context, OFFSETS[name])[0]
    registers["rflags"] = _DWORD.unpack_from(context, OFFSETS["EFlags"])[0]
    return wide.context64(registers, context[EXTENDED:])


def cpu_area(memory: Memory, teb64: int) -> int:
    """Address of the thread's CPU area."""
    address: int = memory.unpack(_QWORD, teb64 + TLS_CPURESERVED)[0]
    return address


def asked_for(old: bytes, context: bytes) -> bytes:
    """``old`` with the parts of ``context`` that its own flags ask for; debug registers read as they are there."""
    (flags,) = _DWORD.unpack_from(old)
    data = bytearray(old)
    for part, start, end in _PARTS:
        if flags & part == part:
            data[start:end] = context[start:end]
    return bytes(data)


def merged(old: bytes, context: bytes) -> bytes:
    """``old`` with the parts of ``context`` that its flags name, fit to be loaded."""
    (flags,) = _DWORD.unpack_from(context)
    data = bytearray(old)
    for part, start, end in _PARTS:
        if flags & part == part:
            data[start:end] = context[start:end]
    floats, extended = (flags & part == part for part in (CONTEXT_FLOATING_POINT, CONTEXT_EXTENDED))
    if floats or extended:
        fxsave = data[EXTENDED:]
        if floats:
            _overlay(fxsave, context[FLOAT_SAVE : FLOAT_SAVE + 0x70])
        struct.pack_into("<H", fxsave, 0x1A, 0)  # MXCSR bits that do not exist would fault
        data[EXTENDED:] = fxsave
    (eflags,) = _DWORD.unpack_from(data, OFFSETS["EFlags"])
    _DWORD.pack_into(data, OFFSETS["EFlags"], eflags & EFLAGS_USER | 0x202)
    return bytes(data)


def set_context(memory: Memory, teb64: int, context: bytes, reset_state: int) -> int:
    """Put the parts of a WOW64_CONTEXT that its flags name into the CPU area, to be reloaded at the next return.

    Args:
        memory: guest memory.
        teb64: the thread's 64-bit TEB.
        context: 2CCh bytes.
        reset_state: offset of the build's RESET_STATE flag in the CPU area.

    Returns:
        The EAX of the context, which NtContinue returns (section 3.6).
    """
    area = cpu_area(memory, teb64)
    data = merged(memory.read(area + CONTEXT_IN_AREA, CONTEXT32_SIZE), context)
    memory.write(area + CONTEXT_IN_AREA, data)
    (state,) = memory.unpack(_DWORD, area + reset_state)
    memory.pack(_DWORD, area + reset_state, state | RESET_STATE)
    return int(_DWORD.unpack_from(data, OFFSETS["Eax"])[0])
