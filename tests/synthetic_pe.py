"""Small PE files made from nothing, so that the tests need no compiler and can lie in any field."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CODE, DATA, BSS = 0x60000020, 0xC0000040, 0xC0000080
SECTOR, PAGE, HEADERS = 0x200, 0x1000, 0x400
LFANEW = 0x80
EXPORT, IMPORT, BASERELOC, TLS, COM_DESCRIPTOR = 0, 1, 5, 9, 14

_FILE_HEADER = {
    "Machine": (0, "H"),
    "NumberOfSections": (2, "H"),
    "TimeDateStamp": (4, "I"),
    "PointerToSymbolTable": (8, "I"),
    "NumberOfSymbols": (12, "I"),
    "SizeOfOptionalHeader": (16, "H"),
    "Characteristics": (18, "H"),
}
_OPTIONAL_HEADER = {
    "Magic": (0, "H"),
    "AddressOfEntryPoint": (16, "I"),
    "SectionAlignment": (32, "I"),
    "FileAlignment": (36, "I"),
    "SizeOfImage": (56, "I"),
    "SizeOfHeaders": (60, "I"),
    "CheckSum": (64, "I"),
    "Subsystem": (68, "H"),
    "DllCharacteristics": (70, "H"),
}
_WIDE = {
    32: {
        "ImageBase": (28, "I"),
        "SizeOfStackReserve": (72, "I"),
        "SizeOfStackCommit": (76, "I"),
        "NumberOfRvaAndSizes": (92, "I"),
    },
    64: {
        "ImageBase": (24, "Q"),
        "SizeOfStackReserve": (72, "Q"),
        "SizeOfStackCommit": (80, "Q"),
        "NumberOfRvaAndSizes": (108, "I"),
    },
}
_SECTION = {
    "VirtualSize": 8,
    "VirtualAddress": 12,
    "SizeOfRawData": 16,
    "PointerToRawData": 20,
    "Characteristics": 36,
}


def optional_size(bits: int) -> int:
    """Size of the optional header with its sixteen directories."""
    return 96 + 128 if bits == 32 else 112 + 128


def bits_of(data: bytes) -> int:
    return 64 if data[LFANEW + 4 : LFANEW + 6] == b"\x64\x86" else 32


def patch(data: bytes, **fields: int) -> bytes:
    """The file with header fields changed, by their NT names."""
    changed, bits = bytearray(data), bits_of(data)
    for name, value in fields.items():
        if name in _FILE_HEADER:
            (offset, code), start = _FILE_HEADER[name], LFANEW + 4
        else:
            (offset, code), start = {**_OPTIONAL_HEADER, **_WIDE[bits]}[name], LFANEW + 24
        struct.pack_into("<" + code, changed, start + offset, value)
    return bytes(changed)


def patch_directory(data: bytes, index: int, rva: int, size: int) -> bytes:
    changed = bytearray(data)
    at = LFANEW + 24 + optional_size(bits_of(data)) - 128 + 8 * index
    struct.pack_into("<II", changed, at, rva, size)
    return bytes(changed)


def patch_section(data: bytes, number: int, **fields: int) -> bytes:
    """The file with fields of section ``number`` (from 0) changed."""
    changed = bytearray(data)
    at = LFANEW + 24 + optional_size(bits_of(data)) + 40 * number
    for name, value in fields.items():
        struct.pack_into("<I", changed, at + _SECTION[name], value)
    return bytes(changed)


@dataclass
class Part:
    """A section: what the file holds of it, and how large it is in memory."""

    name: str
    data: bytes
    flags: int
    virtual_size: int = 0

    @property
    def size(self) -> int:
        return self.virtual_size or len(self.data)


def up(value: int, unit: int) -> int:
    return -(-value // unit) * unit


def make_pe(
    parts: Sequence[Part],
    *,
    bits: int = 32,
    directories: Mapping[int, tuple[int, int]] | None = None,
    tail: bytes = b"",
    **fields: int,
) -> bytes:
    """An executable with these sections, one after the other from RVA 1000h, and ``tail`` behind them."""
    size = optional_size(bits)
    data = bytearray(HEADERS)
    data[:2] = b"MZ"
    struct.pack_into("<H", data, 0x18, 0x40)
    struct.pack_into("<I", data, 0x3C, LFANEW)
    data[LFANEW : LFANEW + 4] = b"PE\0\0"
    struct.pack_into("<H", data, LFANEW + 4, 0x14C if bits == 32 else 0x8664)
    rva, at = PAGE, LFANEW + 24 + size
    for part in parts:
        pointer = len(data) if part.data else 0
        data += part.data + bytes(-len(part.data) % SECTOR)
        row = (part.size, rva, up(len(part.data), SECTOR), pointer, part.flags)
        struct.pack_into("<8s4I12xI", data, at, part.name.encode(), *row)
        rva, at = rva + up(part.size, PAGE), at + 40
    default = {
        "NumberOfSections": len(parts),
        "SizeOfOptionalHeader": size,
        "Characteristics": 0x102 if bits == 32 else 0x22,
        "Magic": 0x10B if bits == 32 else 0x20B,
        "AddressOfEntryPoint": PAGE,
        "ImageBase": 0x400000,
        "SectionAlignment": PAGE,
        "FileAlignment": SECTOR,
        "SizeOfImage": rva,
        "SizeOfHeaders": HEADERS,
        "Subsystem": 3,
        "SizeOfStackReserve": 0x200000,
        "SizeOfStackCommit": 0x2000,
        "NumberOfRvaAndSizes": 16,
    }
    made = patch(bytes(data), **{**default, **fields})
    for index, (start, length) in (directories or {}).items():
        made = patch_directory(made, index, start, length)
    return made + tail


@dataclass
class Blob:
    """Bytes of one section while its directories are written into it."""

    rva: int
    bits: int = 32
    base: int = 0x400000
    data: bytearray = field(default_factory=bytearray)

    def add(self, data: bytes, align: int = 8) -> int:
        """Append and return the RVA."""
        self.data += bytes(-len(self.data) % align)
        self.data += data
        return self.rva + len(self.data) - len(data)

    def text(self, text: str) -> int:
        return self.add(text.encode("latin-1") + b"\0", 1)

    def pointers(self, values: Sequence[int]) -> int:
        return self.add(struct.pack(f"<{len(values)}{'I' if self.bits == 32 else 'Q'}", *values))

    def imports(self, modules: Mapping[str, Sequence[str | int]], *, lookup: bool = True) -> tuple[int, int]:
        """An import directory; without ``lookup``, OriginalFirstThunk is 0 as from old Borland linkers."""
        rows = []
        for module, items in modules.items():
            thunks = [
                item | 1 << (self.bits - 1)
                if isinstance(item, int)
                else self.add(b"\0\0" + item.encode("latin-1") + b"\0", 2)
                for item in items
            ]
            names = self.pointers([*thunks, 0]) if lookup else 0
            rows.append((names, 0, 0, self.text(module), self.pointers([*thunks, 0])))
        rva = self.add(b"".join(struct.pack("<5I", *row) for row in rows) + bytes(20))
        return rva, 20 * (len(rows) + 1)

    def exports(
        self, functions: Sequence[int | str], names: Sequence[tuple[str, int]], *, base: int = 1
    ) -> tuple[int, int]:
        """An export directory: RVAs or forwarders in order of ordinals, names for indexes into them."""
        start = self.add(bytes(40))
        rvas = [self.text(f) if isinstance(f, str) else f for f in functions]
        texts = [self.text(name) for name, _ in names]
        functions_at = self.add(struct.pack(f"<{len(rvas)}I", *rvas))
        names_at = self.add(struct.pack(f"<{len(texts)}I", *texts))
        ordinals_at = self.add(struct.pack(f"<{len(names)}H", *(index for _, index in names)))
        row = (base, len(rvas), len(texts), functions_at, names_at, ordinals_at)
        struct.pack_into("<16x6I", self.data, start - self.rva, *row)
        return start, self.rva + len(self.data) - start

    def relocations(self, blocks: Mapping[int, Sequence[int]]) -> tuple[int, int]:
        """A relocation directory: pages with their raw entries."""
        packed = b"".join(
            struct.pack(f"<II{len(entries)}H", page, 8 + 2 * len(entries), *entries)
            for page, entries in blocks.items()
        )
        return self.add(packed), len(packed)

    def tls(self, raw: bytes, callbacks: Sequence[int], zero_fill: int = 0) -> tuple[int, int]:
        """A TLS directory with its data, index and callbacks (RVAs)."""
        start = self.add(raw)
        index = self.add(bytes(4))
        table = self.pointers([self.base + rva for rva in callbacks] + [0])
        row = [self.base + rva for rva in (start, start + len(raw), index, table)]
        code = "I" if self.bits == 32 else "Q"
        rva = self.add(struct.pack(f"<4{code}2I", *row, zero_fill, 0))
        return rva, struct.calcsize(f"<4{code}2I")


def symbol_table(symbols: Sequence[tuple[str, int, int, int, int]]) -> tuple[bytes, int]:
    """A COFF symbol table of (name, value, section, type, storage class), and the number of its records.

    Every symbol gets one auxiliary record, which looks like a symbol to a reader that does not step over it.
    """
    strings, records = bytearray(), bytearray()
    auxiliary = struct.pack("<8sIhHBB", b"_wrong", 1, 1, 0x20, 2, 0)
    for name, value, section, kind, storage in symbols:
        short = name.encode("latin-1")
        if len(short) > 8:
            short = struct.pack("<II", 0, 4 + len(strings))
            strings += name.encode("latin-1") + b"\0"
        records += struct.pack("<8sIhHBB", short, value, section, kind, storage, 1) + auxiliary
    return bytes(records) + struct.pack("<I", 4 + len(strings)) + bytes(strings), 2 * len(symbols)
