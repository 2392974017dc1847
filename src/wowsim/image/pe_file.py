"""What the parts of the PE reader share: limits, numbers of the format, and a file whose headers are read.

Who may import it: the modules of the reader (``image.pe`` and ``image.pe_*``); ``sysroot``, which reads
headers in place.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Literal, NamedTuple

from wowsim.errors import UsageError
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from wowsim.image.contents import Source

MAX_IMAGE = 512 << 20
"""Largest SizeOfImage in bytes, so that a small file cannot take all memory; Windows takes more."""
MAX_SECTIONS = 2048
"""Windows takes 96 (XP) or 65535 (Vista and later), corkami."""
MAX_ENTRIES = 0x10000
"""Most imports, exports, or TLS callbacks; an ordinal has 16 bits."""
MAX_NAME = 4096
"""Longest imported, exported or symbol name; longer than the longest decorated name of MSVC."""
MAX_TEXT = 16 << 20
"""Bytes of all names together, so that overlapping names cannot multiply."""
MAX_RELOCATIONS = 8 << 20
"""Largest relocation directory in bytes."""
MAX_SYMBOLS = 0x40000
"""Most records read of a COFF symbol table."""
MAX_STRINGS = 16 << 20
"""Bytes read of the string table behind it."""

SECTOR = 0x200
I386, AMD64 = 0x14C, 0x8664
FILE_RELOCS_STRIPPED, FILE_EXECUTABLE_IMAGE, FILE_LARGE_ADDRESS_AWARE = 0x1, 0x2, 0x20
FILE_SYSTEM, FILE_DLL = 0x1000, 0x2000
DLLCHARACTERISTICS_DYNAMIC_BASE = 0x40
SUBSYSTEM_NATIVE, SUBSYSTEM_GUI, SUBSYSTEM_CUI = 1, 2, 3
SCN_DISCARDABLE = 0x02000000
SCN_SHARED, SCN_EXECUTE, SCN_READ, SCN_WRITE = 0x10000000, 0x20000000, 0x40000000, 0x80000000
DIRECTORY_EXPORT, DIRECTORY_IMPORT, DIRECTORY_BASERELOC = 0, 1, 5
DIRECTORY_TLS, DIRECTORY_COM_DESCRIPTOR = 9, 14
SYM_CLASS_EXTERNAL, SYM_CLASS_STATIC, SYM_DTYPE_FUNCTION = 2, 3, 2

MACHINES = {
    0x162: "R3000",
    0x166: "R4000",
    0x168: "R10000",
    0x169: "WCEMIPSV2",
    0x184: "ALPHA",
    0x1A2: "SH3",
    0x1A6: "SH4",
    0x1C0: "ARM",
    0x1C2: "THUMB",
    0x1C4: "ARMNT",
    0x1F0: "POWERPC",
    0x200: "IA64",
    0x284: "ALPHA64",
    0xEBC: "EBC",
    0x5032: "RISCV32",
    0x5064: "RISCV64",
    0x6232: "LOONGARCH32",
    0x6264: "LOONGARCH64",
    0xAA64: "ARM64",
    I386: "I386",
    AMD64: "AMD64",
}
"""IMAGE_FILE_MACHINE_*, spec."""
RELOCATION_TYPES = {
    1: "HIGH",
    2: "LOW",
    3: "HIGHLOW",
    4: "HIGHADJ",
    5: "MIPS_JMPADDR or ARM_MOV32",
    7: "THUMB_MOV32",
    8: "RISCV_LOW12S",
    9: "MIPS_JMPADDR16",
    10: "DIR64",
}
"""IMAGE_REL_BASED_*, spec."""


WORD, DWORD = Struct("<H"), Struct("<I")


def round_up(value: int, unit: int) -> int:
    """The next multiple of ``unit``."""
    return -(-value // unit) * unit


def power_of_two(value: int) -> bool:
    """Whether it is 1, 2, 4 ..."""
    return value > 0 and not value & (value - 1)


def malformed(file_name: str, text: str) -> UsageError:
    """The one line that refuses a file."""
    return UsageError(f"{file_name} is a malformed PE file: {text}")


@dataclass(frozen=True)
class RawSection:
    """One row of the section table."""

    name: str
    rva: int
    virtual_size: int
    raw_size: int
    pointer: int
    flags: int

    @property
    def size(self) -> int:
        """The size in memory; an empty virtual size means the raw size (corkami)."""
        return self.virtual_size or self.raw_size


class FileHeader(NamedTuple):
    """IMAGE_FILE_HEADER."""

    Machine: int
    NumberOfSections: int
    TimeDateStamp: int
    PointerToSymbolTable: int
    NumberOfSymbols: int
    SizeOfOptionalHeader: int
    Characteristics: int


class OptionalHeader(NamedTuple):
    """What is used of IMAGE_OPTIONAL_HEADER32 and 64."""

    Magic: int
    AddressOfEntryPoint: int
    ImageBase: int
    SectionAlignment: int
    FileAlignment: int
    SizeOfImage: int
    SizeOfHeaders: int
    CheckSum: int
    Subsystem: int
    DllCharacteristics: int
    SizeOfStackReserve: int
    SizeOfStackCommit: int
    NumberOfRvaAndSizes: int


@dataclass(frozen=True)
class PeFile:
    """A file whose headers are read.

    Attributes:
        directories: RVA and size of those the file has.
    """

    name: str
    source: Source
    bits: Literal[32, 64]
    header: FileHeader
    optional: OptionalHeader
    directories: tuple[tuple[int, int], ...]
    sections: tuple[RawSection, ...]

    def directory(self, index: int) -> tuple[int, int]:
        """RVA and size; zeros when absent."""
        return self.directories[index] if index < len(self.directories) else (0, 0)
