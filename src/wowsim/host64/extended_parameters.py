"""MEM_EXTENDED_PARAMETER arrays on their way to the 64-bit kernel.

The elements are the same in both widths but for members of pointer size in their union, and for what a pointer among
them leads to: MEM_ADDRESS_REQUIREMENTS (0Ch / 18h bytes). Source of the layouts: Microsoft Learn,
MEM_EXTENDED_PARAMETER. Who may import it: host64.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from wowsim.host64.buffers import Buffer
from wowsim.host64.conversions import widened
from wowsim.nt.abi import size_of
from wowsim.nt.memory_structures import MEM_ADDRESS_REQUIREMENTS, MEM_EXTENDED_PARAMETER

if TYPE_CHECKING:
    from wowsim.host64.buffers import Call

ADDRESS_REQUIREMENTS, ATTRIBUTE_FLAGS = 1, 5
HANDLES = (3, 4)
"""A partition and a section for user physical pages."""
_ELEMENT = struct.Struct("<QQ")
_NARROW, _WIDE = (size_of(MEM_ADDRESS_REQUIREMENTS, width) for width in (32, 64))
_UNIT = size_of(MEM_EXTENDED_PARAMETER, 64) + _WIDE
_MOST = 8


@dataclass(frozen=True)
class ExtendedParameters(Buffer):
    """The array of a service, and behind it what its pointers lead to.

    Attributes:
        at: index of the array; its count follows. More elements than there are types are the kernel's to refuse.
    """

    at: int
    explanation: ClassVar[str] = "MEM_ADDRESS_REQUIREMENTS that a parameter points to are widened"

    def size(self, call: Call) -> int:
        """Of the elements with room for the requirements of each."""
        count = call.argument(self.at + 1)
        return count * _UNIT if count <= _MOST else 0

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Copy the elements; those of address requirements point to wider ones."""
        if not size:
            return None
        count = call.argument(self.at + 1)
        data = call.memory.read(call.argument(self.at), count * _ELEMENT.size)
        elements, behind = bytearray(), bytearray()
        for kind, value in _ELEMENT.iter_unpack(data):
            if kind & 0xFF != ATTRIBUTE_FLAGS:
                value &= 0xFFFFFFFF  # of the union a 32-bit caller has set no more
            if kind & 0xFF in HANDLES and value & 0x80000000:
                value |= 0xFFFFFFFF_00000000
            if kind & 0xFF == ADDRESS_REQUIREMENTS and value:
                wish = call.memory.read(value, _NARROW)
                value = area + count * _ELEMENT.size + len(behind)
                behind += widened(MEM_ADDRESS_REQUIREMENTS, wish)
            elements += _ELEMENT.pack(kind, value)
        call.memory.write(area, bytes(elements + behind))
        call.set(self.at, area)
        return None
