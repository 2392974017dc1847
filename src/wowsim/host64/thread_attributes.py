"""PS_ATTRIBUTE_LIST between 32 and 64 bits: the list that NtCreateThreadEx takes (phnt).

Each attribute has a size, a value or pointer, and a place for the length; what comes back through pointers goes to
cells behind the 64-bit list first. Who may import it: host64.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.nt.ps_attributes import (
    MOST_ATTRIBUTES,
    PS_ATTRIBUTE,
    PS_ATTRIBUTE_CLIENT_ID,
    PS_ATTRIBUTE_TEB_ADDRESS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.nt.abi import Memory

_NARROW, _WIDE = PS_ATTRIBUTE[32], PS_ATTRIBUTE[64]
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")
_CELL = 24
"""A value of up to 16 bytes, then a length."""
_CELLS = 8 + MOST_ATTRIBUTES * _WIDE.size
ATTRIBUTES_SIZE = _CELLS + MOST_ATTRIBUTES * _CELL
_OUTPUTS = {PS_ATTRIBUTE_CLIENT_ID: 16, PS_ATTRIBUTE_TEB_ADDRESS: 8}
REFUSED = 1
"""A TotalLength that the kernel refuses."""
TEB32_OFFSET = 0x2000


def _rows(memory: Memory, pointer: int) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    (total,) = memory.unpack(_U32, pointer)
    count, rest = divmod(total - 4, _NARROW.size)
    if rest == 0 and 0 <= count <= MOST_ATTRIBUTES:
        for index in range(count):
            yield index, memory.unpack(_NARROW, pointer + 4 + index * _NARROW.size)


def widen_attributes(memory: Memory, pointer: int, scratch: int) -> int | None:
    """Write the 64-bit list; one of impossible length becomes one that the kernel refuses."""
    (total,) = memory.unpack(_U32, pointer)
    count, rest = divmod(total - 4, _NARROW.size)
    if rest or not 0 <= count <= MOST_ATTRIBUTES:
        memory.pack(_U64, scratch, REFUSED)
        return None
    memory.write(scratch + _CELLS, bytes(_CELL * count))
    memory.pack(_U64, scratch, 8 + count * _WIDE.size)
    for index, (attribute, size, value, returned) in _rows(memory, pointer):
        cell = scratch + _CELLS + index * _CELL
        if attribute in _OUTPUTS:
            memory.probe_write(value, size)
            size, value = _OUTPUTS[attribute], cell
        place = cell + 16 if returned else 0
        memory.pack(_WIDE, scratch + 8 + index * _WIDE.size, attribute, size, value, place)
    return None


def narrow_attributes(memory: Memory, pointer: int, scratch: int, status: int) -> None:
    """Write back what a successful call returned."""
    if status >= 0x80000000:
        return
    for index, (attribute, size, value, returned) in _rows(memory, pointer):
        cell = scratch + _CELLS + index * _CELL
        if attribute == PS_ATTRIBUTE_CLIENT_ID:
            data = struct.pack("<II", *(memory.unpack(_U32, cell + at)[0] for at in (0, 8)))
        elif attribute == PS_ATTRIBUTE_TEB_ADDRESS:
            data = _U32.pack(memory.unpack(_U32, cell)[0] + TEB32_OFFSET)
        else:
            continue
        memory.write(value, data[:size])
        if returned:
            memory.pack(_U32, returned, min(size, len(data)))
