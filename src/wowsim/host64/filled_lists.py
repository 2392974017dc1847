"""Lists whose length other arguments give: entries of a directory, written pages, pages asked about.

Stands for parts of wow64!whNtQueryDirectoryObject, wow64!whNtGetWriteWatch and wow64!whNtQueryVirtualMemory.
Who may import it: host64.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from wowsim.host64.buffers import Buffer
from wowsim.host64.directory_classes import GROWTH, LONGER_BUFFER, narrow, narrowed_length
from wowsim.host64.memory_classes import narrow_addresses
from wowsim.nt.status import STATUS_NO_MORE_ENTRIES

if TYPE_CHECKING:
    from wowsim.host64.buffers import Call

_U32, _U64, _PAGE32, _PAGE64 = (struct.Struct(f) for f in ("<I", "<Q", "<II", "<QQ"))
_UNWRITTEN = 0xFFFFFFFF
_LONGEST = 0x40000
"""Bytes of a longer buffer that are used; what does not fit comes with the next call."""


@dataclass(frozen=True)
class DirectoryEntries(Buffer):
    """NtQueryDirectoryObject: a longer buffer is filled and narrowed, the returned length with it."""

    has_result: ClassVar[bool] = True
    explanation: ClassVar[str] = "the list of entries is rebuilt in 32 bits, with its text"

    def size(self, call: Call) -> int:
        """The returned length's cell, then the buffer."""
        return 8 + min(call.argument(2), _LONGEST) + LONGER_BUFFER

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Let the call fill it."""
        if call.argument(6):
            call.memory.probe_write(call.argument(6), 4)
            call.set(6, area)
        call.memory.write(area, _U64.pack(_UNWRITTEN) + bytes(LONGER_BUFFER))
        call.set(1, area + 8)
        call.set(2, size - 8)
        return None

    def after(self, call: Call, area: int, size: int) -> None:
        """Narrow what came; nothing came where the first entry is empty."""
        data = call.memory.read(area + 8, max(size - 8, 0))
        came = call.status < 0x80000000 and data[8:16] != bytes(8)
        if came:
            call.memory.write(call.argument(1), narrow(data, area + 8, call.argument(1)))
        (needed,) = call.memory.unpack(_U32, area)
        if not call.argument(6) or needed == _UNWRITTEN:
            return
        if call.status == STATUS_NO_MORE_ENTRIES:
            needed -= GROWTH  # of the empty entry alone
        else:
            needed = narrowed_length(needed, data if came else b"")
        call.memory.pack(_U32, call.argument(6), needed)


@dataclass(frozen=True)
class WrittenPages(Buffer):
    """NtGetWriteWatch: the array of addresses; more than the region has pages never come."""

    has_result: ClassVar[bool] = True
    explanation: ClassVar[str] = "the array of addresses is narrowed"

    def size(self, call: Call) -> int:
        """Of the array."""
        entries, pages = call.argument64(5), call.argument(3) // 0x1000 + 2
        return 8 * min(call.memory.unpack(_U64, entries)[0], pages) if entries else 0

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Let the call fill it."""
        if size:
            call.set(4, area)
            call.memory.probe_write(call.argument(4), size // 2)
        return None

    def after(self, call: Call, area: int, size: int) -> None:
        """Narrow what was told."""
        if size and call.status < 0x80000000:
            (count,) = call.memory.unpack(_U64, call.argument64(5))
            count = min(count, size // 8)
            if count:
                call.memory.write(call.argument(4), narrow_addresses(call.memory.read(area, 8 * count)))


@dataclass(frozen=True)
class AskedPages(Buffer):
    """NtQueryVirtualMemory(MemoryWorkingSetExInformation): addresses in, attributes beside them out."""

    has_result: ClassVar[bool] = True
    explanation: ClassVar[str] = "the array of MemoryWorkingSetExInformation is widened and narrowed back"

    def size(self, call: Call) -> int:
        """Of the array; of another class or length nothing, which the kernel answers."""
        length = call.argument(4)
        return 2 * length if call.argument(2) == 4 and length % _PAGE32.size == 0 else 0

    def before(self, call: Call, area: int, size: int) -> int | None:
        """Widen the addresses."""
        if size:
            data = call.memory.read(call.argument(3), size // 2)
            call.memory.probe_write(call.argument(3), size // 2)
            call.memory.write(area, b"".join(_PAGE64.pack(*each) for each in _PAGE32.iter_unpack(data)))
            call.set(3, area)
            call.set(4, size)
        return None

    def after(self, call: Call, area: int, size: int) -> None:
        """Narrow the answers; attributes have no bits above 31."""
        if not size or call.status >= 0x80000000:
            return
        data = call.memory.read(area, size - size % _PAGE64.size)
        call.memory.write(
            call.argument(3),
            b"".join(
                _PAGE32.pack(*(value & 0xFFFFFFFF for value in page)) for page in _PAGE64.iter_unpack(data)
            ),
        )
        if call.argument(5):
            call.memory.pack(_U32, call.argument(5), size // 2)
