"""WOW64_CONTEXT and the WoW64 CPU area: where x86 registers live while 64-bit code runs.

Offsets: wow64-facts section 3.3 (WOW64_CONTEXT is 2CCh bytes; the CPU area holds it at +4).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

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
_PARTS = (
    (CONTEXT_DEBUG, 0x04, 0x1C),
    (CONTEXT_FLOATING_POINT, 0x1C, 0x8C),
    (CONTEXT_SEGMENTS, 0x8C, 0x9C),
    (CONTEXT_INTEGER, 0x9C, 0xB4),
    (CONTEXT_CONTROL, 0xB4, 0xCC),
    (CONTEXT_EXTENDED, 0xCC, CONTEXT32_SIZE),
)
_DWORD = struct.Struct("<I")
_QWORD = struct.Struct("<Q")


def context32(flags: int = CONTEXT_I386 | 0x2F, **fields: int) -> bytes:
    """A WOW64_CONTEXT with the named dword fields set (``Eip=...``), others zero."""
    data = bytearray(CONTEXT32_SIZE)
    _DWORD.pack_into(data, 0, flags)
    for name, value in fields.items():
        _DWORD.pack_into(data, OFFSETS[name], value & 0xFFFFFFFF)
    return bytes(data)


def cpu_area(memory: Memory, teb64: int) -> int:
    """Address of the thread's CPU area."""
    address: int = memory.unpack(_QWORD, teb64 + TLS_CPURESERVED)[0]
    return address


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
    (flags,) = _DWORD.unpack_from(context)
    for part, start, end in _PARTS:
        if flags & part == part:
            memory.write(area + CONTEXT_IN_AREA + start, context[start:end])
    (state,) = memory.unpack(_DWORD, area + reset_state)
    memory.pack(_DWORD, area + reset_state, state | RESET_STATE)
    return int(memory.unpack(_DWORD, area + CONTEXT_IN_AREA + OFFSETS["Eax"])[0])
