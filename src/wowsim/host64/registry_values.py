"""The thunk of NtQueryMultipleValueKey: entries that point to names, widened on the way down, filled on the way up.

Rule: wow64-facts section 6 for the structures; that wow64.dll does it so is unverified. Who may import it: host64.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from wowsim.host64.buffers import MOST_TEMPORARY, Buffer

if TYPE_CHECKING:
    from wowsim.host64.buffers import Call

_ENTRY32, _ENTRY64 = struct.Struct("<IIII"), struct.Struct("<QIII4x")
_STRING32, _STRING64 = struct.Struct("<HHI"), struct.Struct("<HH4xQ")


@dataclass(frozen=True)
class ValueEntries(Buffer):
    """An array of KEY_VALUE_ENTRY; one of impossible length becomes NULL, its count is the kernel's to refuse.

    Attributes:
        at: index of the parameter; ``count_at`` of the number of entries.
    """

    at: int
    count_at: int
    room: int = field(default=0x140, kw_only=True)
    has_result: ClassVar[bool] = True

    def size(self, call: Call) -> int:
        """The entries, and their names' UNICODE_STRINGs behind them."""
        size = call.argument(self.count_at) * (_ENTRY64.size + _STRING64.size)
        return size if call.argument(self.at) and size <= MOST_TEMPORARY else 0

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Widen entries and names; the text itself stays where it is."""
        if not size:
            if call.argument(self.count_at):
                call.set(self.at, 0)
            return None
        memory, count = call.memory, call.argument(self.count_at)
        string = area + count * _ENTRY64.size
        entries: list[bytes] = []
        names: list[bytes] = []
        for name, *rest in _ENTRY32.iter_unpack(memory.read(call.argument(self.at), count * _ENTRY32.size)):
            entries.append(_ENTRY64.pack(string + _STRING64.size * len(names) if name else 0, *rest))
            names.append(_STRING64.pack(*memory.unpack(_STRING32, name)) if name else bytes(_STRING64.size))
        memory.write(area, b"".join(entries + names))
        call.set(self.at, area)
        return None

    def after(self, call: Call, area: int, size: int) -> None:
        """Lengths, offsets and types; each entry keeps its own pointer."""
        if not size:
            return
        memory, pointer = call.memory, call.argument(self.at)
        count = min(call.argument(self.count_at), size // _ENTRY64.size)
        wide = memory.read(area, count * _ENTRY64.size)
        for index, (_, *found) in enumerate(_ENTRY64.iter_unpack(wide)):
            memory.write(pointer + _ENTRY32.size * index + 4, struct.pack("<III", *found))
