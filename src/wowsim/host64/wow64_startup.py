"""Data the 64-bit start-up writes: PEB64's loader lists and the first 32-bit context.

Stands for the data half of ntdll!LdrpInitializeProcess and wow64!Wow64SetupInitialCall; offsets from wow64-facts
sections 3.8 and 9.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wowsim.nt.wow64_context import CONTEXT32_SIZE, CONTEXT_IN_AREA, OFFSETS, cpu_area

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wowsim.nt.abi import Memory
    from wowsim.nt.trap import Routine, Trap

_QWORD = struct.Struct("<Q")
_DWORD = struct.Struct("<I")
_LIST = struct.Struct("<QQ")
_ENTRY_SIZE = 0x138
_LISTS = (0x10, 0x20, 0x30)
"""PEB_LDR_DATA: load order, memory order, initialisation order; links at +0, +10h, +20h of an entry."""


@dataclass(frozen=True)
class Entry64:
    """One module of the 64-bit lists."""

    base: int
    size: int
    entry: int
    full_name: str

    @property
    def base_name(self) -> str:
        """The file name alone."""
        return self.full_name.rsplit("\\", 1)[-1]


def write_loader_lists(memory: Memory, peb64: int, at: int, entries: Sequence[Entry64]) -> None:
    """PEB_LDR_DATA at ``at`` with an LDR_DATA_TABLE_ENTRY per module behind it, and PEB64.Ldr."""
    first = at + 0x100
    places = [first + index * _ENTRY_SIZE for index in range(len(entries))]
    text = first + len(entries) * _ENTRY_SIZE
    memory.write(at, struct.pack("<IB", 0x58, 1))
    for place, module in zip(places, entries, strict=True):
        data = bytearray(_ENTRY_SIZE)
        struct.pack_into(
            "<QQI", data, 0x30, module.base, module.base + module.entry if module.entry else 0, module.size
        )
        for offset, name in ((0x48, module.full_name), (0x58, module.base_name)):
            raw = name.encode("utf-16-le", "surrogatepass")
            memory.write(text, raw + b"\0\0")
            struct.pack_into("<HH4xQ", data, offset, len(raw), len(raw) + 2, text)
            text += (len(raw) + 2 + 7) & ~7
        struct.pack_into("<IH", data, 0x68, 0x4000 | 0x4, 0xFFFF)
        memory.write(place, bytes(data))
    for number, head in enumerate(_LISTS):
        # the program is not in the initialisation order
        ring = [at + head, *(place + 0x10 * number for place in places[1 if number == 2 else 0 :])]
        for index, link in enumerate(ring):
            memory.pack(_LIST, link, ring[(index + 1) % len(ring)], ring[index - 1])
    memory.pack(_QWORD, peb64 + 0x18, at)


def setup_initial_call(start: int, ntdll32: int) -> Routine:
    """Wow64SetupInitialCall: what the first 32-bit code finds on its stack.

    The thread's context goes there and becomes the argument of ntdll32!LdrInitializeThunk.

    Args:
        start: address of ntdll32!LdrInitializeThunk.
        ntdll32: base of the 32-bit ntdll.
    """

    def routine(trap: Trap) -> None:
        memory = trap.memory
        context = cpu_area(memory, trap.teb64) + CONTEXT_IN_AREA
        (esp,) = memory.unpack(_DWORD, context + OFFSETS["Esp"])
        pushed = (esp - 0x10 - CONTEXT32_SIZE) & ~0xF
        memory.write(pushed, memory.read(context, CONTEXT32_SIZE))
        memory.write(pushed - 0xC, struct.pack("<III", 0, pushed, ntdll32))
        memory.pack(_DWORD, context + OFFSETS["Esp"], pushed - 0xC)
        memory.pack(_DWORD, context + OFFSETS["Eip"], start)

    return routine
