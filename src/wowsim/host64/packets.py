"""The packets that NtRemoveIoCompletionEx takes from a port: 20h bytes each in 64 bits, 10h in 32.

Who may import it: host64.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from wowsim.host64.buffers import Buffer
from wowsim.nt.status import STATUS_SUCCESS

if TYPE_CHECKING:
    from wowsim.host64.buffers import Call

_WIDE, _NARROW = struct.Struct("<QQI4xQ"), struct.Struct("<4I")
"""FILE_IO_COMPLETION_INFORMATION: KeyContext, ApcContext, IO_STATUS_BLOCK."""
_MOST = 0x1000
"""Packets taken by one call; a caller who has room for more takes the others with the next."""


@dataclass(frozen=True)
class Packets(Buffer):
    """An output array.

    Attributes:
        at: index of the parameter; the number of elements and where their count goes follow it.
    """

    at: int
    room: int = field(default=0x80, kw_only=True)
    has_result: ClassVar[bool] = True

    def size(self, call: Call) -> int:
        """Room for as many packets as the caller has room for."""
        return min(call.argument(self.at + 1), _MOST) * _WIDE.size if call.argument(self.at) else 0

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Let the call fill the 64-bit array."""
        if size:
            count = size // _WIDE.size
            call.memory.probe_write(call.argument(self.at), count * _NARROW.size)
            call.set(self.at, area)
            call.set(self.at + 1, count)
        return None

    def after(self, call: Call, area: int, size: int) -> None:
        """Narrow what came."""
        if not size or call.status != STATUS_SUCCESS:
            return
        (count,) = call.memory.unpack(struct.Struct("<I"), call.argument(self.at + 2))
        packets = _WIDE.iter_unpack(call.memory.read(area, min(count * _WIDE.size, size)))
        data = b"".join(_NARROW.pack(*(value & 0xFFFFFFFF for value in packet)) for packet in packets)
        call.memory.write(call.argument(self.at), data)
