"""A PE image as it lies in guest memory: headers, imports, exports, relocations, TLS.

Stands for the header walks of ntdll's loader (RtlImageNtHeader and everything after it). What lies there was
written by the guest: every count is bounded, every loop ends, and nonsense raises ``GuestFault`` with
STATUS_INVALID_IMAGE_FORMAT. Who may import it: the loader's modules.

Format: Microsoft's "PE Format" specification.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from wowsim.errors import GuestFault
from wowsim.nt.status import STATUS_INVALID_IMAGE_FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.nt.abi import Memory

EXPORT, IMPORT, RELOCATION, TLS, IAT = 0, 1, 5, 9, 12
"""Indices of data directories."""
MAX_COUNT = 0x10000
"""Most descriptors, thunks, exports or relocation blocks that are walked."""
MAX_NAME = 0x200
MAX_SIZE = 0x4000000
"""Largest image whose export directory is read in one piece."""
PAGE = 0x1000

_DESCRIPTOR = struct.Struct("<5I")
_SECTION = struct.Struct("<8s6I2HI")
_EXPORTS = struct.Struct("<12x7I")


@dataclass(frozen=True)
class Thunk:
    """One imported function: by name or by ordinal, and the RVA of its IAT slot."""

    name: str | None
    ordinal: int
    slot: int

    def __str__(self) -> str:
        """``CreateFileW`` or ``#115``."""
        return self.name if self.name is not None else f"#{self.ordinal}"


@dataclass(frozen=True)
class Descriptor:
    """One import descriptor: RVAs of the names (0: only in the IAT itself) and of the IAT slots."""

    module: str
    lookup: int
    slots: int


@dataclass(frozen=True)
class MappedSection:
    """One section header's range and characteristics."""

    rva: int
    size: int
    characteristics: int

    @property
    def writable(self) -> bool:
        """IMAGE_SCN_MEM_WRITE."""
        return bool(self.characteristics & 0x80000000)

    @property
    def protection(self) -> int:
        """The PAGE_ constant that a fresh view has."""
        execute, read, write = (self.characteristics & bit for bit in (0x20000000, 0x40000000, 0x80000000))
        if execute:
            return 0x80 if write else 0x20 if read else 0x10
        return 0x08 if write else 0x02 if read else 0x01


@dataclass(frozen=True)
class _ExportTable:
    """The export directory: its place, first ordinal and tables, and its bytes where they can be had."""

    rva: int
    size: int
    first: int
    functions: tuple[int, ...]
    names: tuple[int, ...]
    ordinals: tuple[int, ...]
    blob: bytes

    def is_forwarder(self, target: int) -> bool:
        """An export that points into the directory names another module's export."""
        return self.rva <= target < self.rva + self.size


class MappedImage:
    """Reads one image. Pages are read once, so an instance lives no longer than one trap.

    Args:
        memory: the guest's.
        base: where the image lies.

    Raises:
        GuestFault: there is no 32-bit PE image at ``base``.
    """

    def __init__(self, memory: Memory, base: int) -> None:
        self._memory = memory
        self.base = base
        self._pages: dict[int, bytes] = {}
        self._nt = self.dword(0x3C)
        if self.read(0, 2) != b"MZ" or not 0 < self._nt < 0x10000000 or self.read(self._nt, 4) != b"PE\0\0":
            _bad()
        machine, self._section_count = struct.unpack("<HH", self.read(self._nt + 4, 4))
        self._optional_size = int.from_bytes(self.read(self._nt + 20, 2), "little")
        if machine != 0x14C or self.read(self._nt + 24, 2) != b"\x0b\x01":
            _bad()

    # ------------------------------------------------------------ raw access
    def read(self, rva: int, size: int) -> bytes:
        """Bytes at an RVA."""
        found = b""
        while size > 0:
            number, start = divmod(self.base + rva & 0xFFFFFFFF, PAGE)
            page = self._pages.get(number)
            if page is None:
                page = self._pages[number] = self._memory.read(number * PAGE, PAGE)
            part = page[start : start + size]
            found += part
            rva += len(part)
            size -= len(part)
        return found

    def dword(self, rva: int) -> int:
        """A 32-bit value."""
        return int.from_bytes(self.read(rva, 4), "little")

    def text(self, rva: int) -> str:
        """A zero-terminated Latin-1 string of at most 512 characters."""
        found = b""
        while b"\0" not in found:
            if len(found) > MAX_NAME:
                _bad()
            at = self.base + rva + len(found)
            found += self.read(rva + len(found), min(0x40, PAGE - at % PAGE))
        return found.split(b"\0", 1)[0].decode("latin-1")

    # ------------------------------------------------------------ headers
    @property
    def entry(self) -> int:
        """RVA of the entry point, 0 for none."""
        return self.dword(self._nt + 40)

    @property
    def preferred(self) -> int:
        """ImageBase of the header."""
        return self.dword(self._nt + 52)

    @property
    def size(self) -> int:
        """SizeOfImage."""
        return self.dword(self._nt + 80)

    @property
    def timestamp(self) -> int:
        """TimeDateStamp."""
        return self.dword(self._nt + 8)

    @property
    def is_dll(self) -> bool:
        """IMAGE_FILE_DLL."""
        return bool(self.read(self._nt + 23, 1)[0] & 0x20)

    def directory(self, index: int) -> tuple[int, int]:
        """RVA and size of a data directory; zeros when the header has none."""
        if not 0 <= index < min(self.dword(self._nt + 116), 16):
            return 0, 0
        at = self._nt + 120 + 8 * index
        return self.dword(at), self.dword(at + 4)

    @cached_property
    def sections(self) -> tuple[MappedSection, ...]:
        """Section headers, at most 96 as the format allows."""
        at = self._nt + 24 + self._optional_size
        found = []
        for i in range(min(self._section_count, 96)):
            _, virtual, rva, raw, *_, flags = _SECTION.unpack(self.read(at + 40 * i, 40))
            found.append(MappedSection(rva, virtual or raw, flags))
        return tuple(found)

    # ------------------------------------------------------------ imports
    def descriptors(self) -> Iterator[Descriptor]:
        """Import descriptors up to the empty one."""
        rva, _ = self.directory(IMPORT)
        for i in range(MAX_COUNT if rva else 0):
            lookup, _, _, name, slots = _DESCRIPTOR.unpack(self.read(rva + 20 * i, 20))
            if not name or not slots:
                return
            yield Descriptor(self.text(name), lookup, slots)

    def thunks(self, descriptor: Descriptor) -> Iterator[Thunk]:
        """The functions of one descriptor, from its lookup table or else from the IAT before it is filled."""
        table = descriptor.lookup or descriptor.slots
        for i in range(MAX_COUNT):
            value = self.dword(table + 4 * i)
            if value == 0:
                return
            slot = descriptor.slots + 4 * i
            if value & 0x80000000:
                yield Thunk(None, value & 0xFFFF, slot)
            else:
                yield Thunk(self.text(value + 2), 0, slot)

    def iat_range(self) -> tuple[int, int]:
        """RVAs ``[start, end)`` of all IAT slots; empty when nothing is imported."""
        start, size = self.directory(IAT)
        if start and size:
            return start, start + size
        low, high = 0xFFFFFFFF, 0
        for descriptor in self.descriptors():
            count = sum(1 for _ in self._raw_thunks(descriptor))
            low, high = min(low, descriptor.slots), max(high, descriptor.slots + 4 * count)
        return (low, high) if high else (0, 0)

    def _raw_thunks(self, descriptor: Descriptor) -> Iterator[int]:
        table = descriptor.lookup or descriptor.slots
        for i in range(MAX_COUNT):
            value = self.dword(table + 4 * i)
            if value == 0:
                return
            yield value

    # ------------------------------------------------------------ exports
    @cached_property
    def _exports(self) -> _ExportTable | None:
        rva, size = self.directory(EXPORT)
        if not rva:
            return None
        _, first, functions, names, function_table, name_table, ordinals = _EXPORTS.unpack(self.read(rva, 40))
        if functions > MAX_COUNT or names > MAX_COUNT:
            _bad()
        return _ExportTable(
            rva,
            size,
            first,
            struct.unpack(f"<{functions}I", self.read(function_table, 4 * functions)),
            struct.unpack(f"<{names}I", self.read(name_table, 4 * names)),
            struct.unpack(f"<{names}H", self.read(ordinals, 2 * names)),
            self.read(rva, size) if rva + size <= self.size <= MAX_SIZE else b"",
        )

    def export(self, name: str | None, ordinal: int = 0) -> int | str | None:
        """Address of an export, ``"DLL.Name"`` of a forwarder, or None when there is no such export.

        Names are searched by halving, as the loader does: an unsorted table hides entries from both.
        """
        table = self._exports
        if table is None:
            return None
        index = ordinal - table.first
        if name is not None:
            position = self._find(table, name.encode("latin-1", "replace"))
            if position is None:
                return None
            index = table.ordinals[position]
        if not 0 <= index < len(table.functions) or not table.functions[index]:
            return None
        target = table.functions[index]
        return self.text(target) if table.is_forwarder(target) else self.base + target & 0xFFFFFFFF

    def forwarders(self) -> Iterator[str]:
        """``"DLL.Name"`` of every forwarder."""
        table = self._exports
        for target in table.functions if table is not None else ():
            if table is not None and table.is_forwarder(target):
                yield self.text(target)

    def _find(self, table: _ExportTable, wanted: bytes) -> int | None:
        low, high = 0, len(table.names)
        size, key = len(wanted) + 1, wanted + b"\0"
        while low < high:
            middle = (low + high) // 2
            at = table.names[middle]
            start = at - table.rva
            text = table.blob[start : start + size] if start >= 0 else b""
            if len(text) < size:
                text = self.read(at, size)
            if text == key:
                return middle
            # Bytes behind a shorter name's end must not decide, so it is cut there.
            if text[: text.find(0) + 1 or size] < key:
                low = middle + 1
            else:
                high = middle
        return None

    # ------------------------------------------------------------ relocations and TLS
    def relocations(self) -> Iterator[int]:
        """RVAs of the pointers that carry the base (IMAGE_REL_BASED_HIGHLOW)."""
        rva, size = self.directory(RELOCATION)
        end = rva + min(size, 0x1000000)
        while rva and rva + 8 <= end:
            page, length = self.dword(rva), self.dword(rva + 4)
            if length < 8 or rva + length > end:
                return
            for (entry,) in struct.iter_unpack("<H", self.read(rva + 8, (length - 8) & ~1)):
                if entry >> 12 == 3:
                    yield page + (entry & 0xFFF)
                elif entry >> 12:
                    _bad()
            rva += length

    def tls(self) -> tuple[int, int, int, int, int] | None:
        """Template's start and end, addresses of index and callbacks, zeros to add; None without TLS."""
        rva, _ = self.directory(TLS)
        if not rva:
            return None
        start, end, index, callbacks, zeros, _ = struct.unpack("<6I", self.read(rva, 24))
        if not start <= end <= start + 0x10000000 or zeros > 0x10000000:
            _bad()
        return start, end, index, callbacks, zeros

    def tls_callbacks(self) -> list[int]:
        """Addresses of the TLS callbacks, in order."""
        tls = self.tls()
        found: list[int] = []
        while tls is not None and tls[3] and len(found) < 0x100:
            address = self.dword(tls[3] + 4 * len(found) - self.base)
            if not address:
                break
            found.append(address)
        return found


def _bad() -> NoReturn:
    raise GuestFault(STATUS_INVALID_IMAGE_FORMAT)
