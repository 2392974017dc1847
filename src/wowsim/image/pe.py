"""PE bytes to :class:`~wowsim.image.model.Image`.

Stands for what reads a PE in Windows: the kernel's MiCreateImageFileMap (headers and sections) and ntdll's
walk of the directories. Leaves out delay and bound imports, resources, signatures, the checksum test and
low-alignment images. The only importer of pefile; ``simulation`` and ``kernel`` may import this module.

pefile reads the headers and the section table. The directories are read here, from the mapped contents as
ntdll reads them: pefile looks them up in the file, goes on after damage with a warning, and takes several
milliseconds for the imports of a small program.

Sources: "PE Format" on learn.microsoft.com (spec below); Ange Albertini's PE files that were made to probe
Windows, and his notes on them, github.com/corkami/pocs and corkami.blogspot.com/p/pe.html (corkami below).
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import count
from struct import Struct, unpack_from
from typing import TYPE_CHECKING, Any, Literal

from wowsim.errors import Unsupported, UsageError
from wowsim.image.model import PAGE, Export, Image, Import, Section, Tls

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_IMAGE = 512 << 20
"""Largest SizeOfImage in bytes, so that a small file cannot take all memory; Windows takes more."""
MAX_SECTIONS = 2048
"""pefile reads no more; Windows takes 96 (XP) or 65535 (Vista and later), corkami."""
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

SECTOR = 0x200
I386, AMD64 = 0x14C, 0x8664
FILE_RELOCS_STRIPPED, FILE_EXECUTABLE_IMAGE, FILE_LARGE_ADDRESS_AWARE = 0x1, 0x2, 0x20
FILE_SYSTEM, FILE_DLL = 0x1000, 0x2000
DLLCHARACTERISTICS_DYNAMIC_BASE = 0x40
SUBSYSTEM_NATIVE, SUBSYSTEM_GUI, SUBSYSTEM_CUI = 1, 2, 3
SCN_SHARED, SCN_EXECUTE, SCN_READ, SCN_WRITE = 0x10000000, 0x20000000, 0x40000000, 0x80000000
DIRECTORY_EXPORT, DIRECTORY_IMPORT, DIRECTORY_BASERELOC = 0, 1, 5
DIRECTORY_TLS, DIRECTORY_COM_DESCRIPTOR = 9, 14
SYM_CLASS_EXTERNAL, SYM_CLASS_STATIC, SYM_DTYPE_FUNCTION = 2, 3, 2

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

_EXPECTED = "expected a Windows program (PE)"
_SUBSYSTEMS = f"expected subsystem {SUBSYSTEM_GUI} (windows) or {SUBSYSTEM_CUI} (console)"
_OTHER_FORMATS = (
    (b"\x7fELF", "an ELF file, a program for Linux or another Unix"),
    (b"\xce\xfa\xed\xfe", "a Mach-O file, a program for macOS"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O file, a program for macOS"),
    (b"\xfe\xed\xfa\xce", "a Mach-O file, a program for macOS"),
    (b"\xfe\xed\xfa\xcf", "a Mach-O file, a program for macOS"),
    (b"\xca\xfe\xba\xbe", "a universal Mach-O file or a Java class"),
    (b"#!", "a script"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an OLE file such as an MSI package"),
)
_OTHER_SIGNATURES = {
    b"NE": "a 16-bit Windows or OS/2 program (NE)",
    b"LE": "a 16/32-bit VxD or OS/2 program (LE)",
    b"LX": "an OS/2 program (LX)",
}
_NOT_TEXT = bytes(set(range(0x20)) - set(b"\t\n\f\r\x1b"))

_WORD, _DWORD = Struct("<H"), Struct("<I")
_POINTERS = {32: _DWORD, 64: Struct("<Q")}
_EXPORT_DIRECTORY = Struct("<16x6I")
_IMPORT_DESCRIPTOR = Struct("<5I")
_BLOCK = Struct("<II")
_TLS = {32: Struct("<5I4x"), 64: Struct("<4QI4x")}
_SYMBOL = Struct("<8sIhHBB")


def parse(
    data: bytes, *, file_name: str, name: str | None = None, path: str | None = None, system: bool = False
) -> Image:
    """Read an i386 or AMD64 executable or DLL.

    Args:
        data: the whole file.
        file_name: the file's own name, for the image and for messages.
        name: module name; by default the file name without its extension, ``_`` in place of punctuation.
        path: guest path; by default the file in the root of drive C.
        system: whether the file belongs to Windows.

    Raises:
        UsageError: the file is no PE image, or one that Windows would not load.
        Unsupported: Windows would load it, wowsim cannot.
    """
    return _image(_read(data, file_name, (I386, AMD64)), name, path, system)


def parse_program(data: bytes, *, file_name: str, name: str | None = None, path: str | None = None) -> Image:
    """Read a program that the built-in images can run: a native 32-bit EXE.

    Args:
        data: the whole file.
        file_name: the file's own name, for the image and for messages.
        name: module name; by default the file name without its extension, ``_`` in place of punctuation.
        path: guest path; by default the file in the root of drive C.

    Raises:
        UsageError: the file is something else; one line says what was found and what was expected.
        Unsupported: Windows would run it, wowsim cannot.
    """
    file = _read(data, file_name, (I386,))
    _check_program(file)
    return _image(file, name, path, False)


def _image(file: _File, name: str | None, path: str | None, system: bool) -> Image:
    header, optional = file.header, file.optional
    _check_headers(file)
    contents = _contents(file)
    view = _View(contents, file)
    return Image(
        name=_module_name(file.name) if name is None else name,
        file_name=file.name,
        path="C:\\" + file.name if path is None else path,
        bits=file.bits,
        base=optional.ImageBase,
        contents=contents,
        entry=optional.AddressOfEntryPoint,
        sections=tuple(_section(s) for s in file.sections),
        exports=_exports(view),
        imports=_imports(view),
        relocations=None if header.Characteristics & FILE_RELOCS_STRIPPED else _relocations(view),
        tls=_tls(view),
        symbols=_symbols(file),
        system=system,
        is_dll=bool(header.Characteristics & FILE_DLL),
        subsystem=optional.Subsystem,
        dynamic_base=bool(optional.DllCharacteristics & DLLCHARACTERISTICS_DYNAMIC_BASE),
        large_address_aware=bool(header.Characteristics & FILE_LARGE_ADDRESS_AWARE),
        stack_reserve=optional.SizeOfStackReserve,
        stack_commit=optional.SizeOfStackCommit,
        headers_size=optional.SizeOfHeaders,
        timestamp=header.TimeDateStamp,
        checksum=optional.CheckSum,
    )


def _module_name(file_name: str) -> str:
    stem = file_name.rpartition(".")[0] or file_name
    return re.sub(r"[^0-9A-Za-z_]", "_", stem)


def _round_up(value: int, unit: int) -> int:
    return -(-value // unit) * unit


def _power_of_two(value: int) -> bool:
    return value > 0 and not value & (value - 1)


def _malformed(file_name: str, text: str) -> UsageError:
    return UsageError(f"{file_name} is a malformed PE file: {text}")


# ---------------------------------------------------------------- headers
@dataclass(frozen=True)
class _RawSection:
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


@dataclass(frozen=True)
class _File:
    """A file with its headers; ``header`` and ``optional`` are pefile's and have the fields' NT names."""

    name: str
    data: bytes
    bits: Literal[32, 64]
    header: Any
    optional: Any
    sections: tuple[_RawSection, ...]

    def directory(self, index: int) -> tuple[int, int]:
        """RVA and size; zeros when absent."""
        found = self.optional.DATA_DIRECTORY[index : index + 1]
        return (found[0].VirtualAddress, found[0].Size) if found else (0, 0)


def _read(data: bytes, name: str, machines: tuple[int, ...]) -> _File:
    # Imported here because the import alone takes longer than parsing many files.
    import pefile

    _check_format(data, name)
    try:
        pe = pefile.PE(data=data, fast_load=True)
    except pefile.PEFormatError as error:
        raise _malformed(name, f"{error.value}") from error
    machine, magic = pe.FILE_HEADER.Machine, pe.OPTIONAL_HEADER.Magic
    if machine not in machines:
        if machine == AMD64:
            raise UsageError(
                f"{name} is a 64-bit program (machine 8664h);"
                " wowsim's built-in images run 32-bit programs (14Ch)"
            )
        known = str(pefile.MACHINE_TYPE.get(machine, "an unknown machine"))
        raise UsageError(
            f"{name} is a program for {known.removeprefix('IMAGE_FILE_MACHINE_')} (machine {machine:X}h);"
            f" expected {' or '.join(f'{m:X}h' for m in machines)}"
        )
    expected = 0x10B if machine == I386 else 0x20B
    if magic != expected:
        raise _malformed(name, f"optional header {magic:X}h for machine {machine:X}h; expected {expected:X}h")
    bits: Literal[32, 64] = 32 if machine == I386 else 64
    return _File(name, data, bits, pe.FILE_HEADER, pe.OPTIONAL_HEADER, _read_sections(pe, name))


def _read_sections(pe: Any, file_name: str) -> tuple[_RawSection, ...]:
    number = pe.FILE_HEADER.NumberOfSections
    if number > MAX_SECTIONS:
        raise Unsupported(f"{file_name} has {number} sections; wowsim maps at most {MAX_SECTIONS}")
    if len(pe.sections) != number:
        raise _malformed(file_name, f"only {len(pe.sections)} of its {number} section headers make sense")
    # pefile sorts by address and thereby hides a wrong order, which Windows refuses (corkami).
    return tuple(
        _RawSection(
            section.Name.rstrip(b"\0").decode("latin-1"),
            section.VirtualAddress,
            section.Misc_VirtualSize,
            section.SizeOfRawData,
            section.PointerToRawData,
            section.Characteristics,
        )
        for section in sorted(pe.sections, key=lambda s: s.get_file_offset())
    )


def _check_format(data: bytes, file_name: str) -> None:
    """Name what is no PE file at all."""
    if not data:
        raise UsageError(f"{file_name} is empty; {_EXPECTED}")
    if data[:2] != b"MZ":
        raise UsageError(f"{file_name} {_other_format(data)}; {_EXPECTED}")
    if len(data) < 64:
        raise UsageError(f"{file_name} is truncated: {len(data)} bytes, but a DOS header takes 64")
    at = _DWORD.unpack_from(data, 0x3C)[0]
    signature = data[at : at + 4]
    if signature == b"PE\0\0":
        # 24 bytes of signature and file header, 96 or 112 of optional header before the directories.
        end = at + 24 + (112 if data[at + 24 : at + 26] == b"\x0b\x02" else 96)
        if len(data) < end:
            raise UsageError(f"{file_name} is truncated: {len(data)} bytes, but its headers take {end}")
        return
    if signature[:2] in _OTHER_SIGNATURES:
        raise UsageError(f"{file_name} is {_OTHER_SIGNATURES[signature[:2]]}; {_EXPECTED}")
    # The relocation table of a plain DOS program lies below 40h; linkers for newer formats write 40h.
    if _WORD.unpack_from(data, 0x18)[0] < 0x40:
        raise UsageError(f"{file_name} is a 16-bit DOS program; {_EXPECTED}")
    if len(signature) < 4:
        raise UsageError(f"{file_name} is truncated: {len(data)} bytes, but its PE header is at byte {at}")
    raise UsageError(
        f"{file_name} has no PE header: found {signature.hex(' ')} at {at:X}h, expected 50 45 00 00 (PE)"
    )


def _other_format(data: bytes) -> str:
    for magic, what in _OTHER_FORMATS:
        if data.startswith(magic):
            return f"is {what}"
    head = data[:512]
    if len(head) == len(head.translate(None, _NOT_TEXT)):
        return "is a text file"
    return f"is no program: it starts with {data[:2].hex(' ')}, not 4d 5a (MZ)"


def _check_program(file: _File) -> None:
    """Refuse images that are no Windows programs."""
    subsystem = file.optional.Subsystem
    if file.header.Characteristics & FILE_DLL:
        raise UsageError(f"{file.name} is a DLL; expected a program (an EXE)")
    if subsystem == SUBSYSTEM_NATIVE or file.header.Characteristics & FILE_SYSTEM:
        raise UsageError(f"{file.name} is a driver or native program (subsystem {subsystem}); {_SUBSYSTEMS}")
    if subsystem not in (SUBSYSTEM_GUI, SUBSYSTEM_CUI):
        raise UsageError(f"{file.name} is a program for subsystem {subsystem}; {_SUBSYSTEMS}")
    if file.directory(DIRECTORY_COM_DESCRIPTOR)[0]:
        raise UsageError(
            f"{file.name} is a .NET program (it has a COM descriptor directory); expected a native program"
        )
    if not file.optional.AddressOfEntryPoint:
        raise Unsupported(f"{file.name} has its entry point at RVA 0; wowsim does not run the DOS header")


def _check_headers(file: _File) -> None:
    """Refuse header values that Windows refuses, and sizes beyond wowsim's limits (spec, corkami)."""
    optional, flags = file.optional, file.header.Characteristics
    image_size, headers_size = optional.SizeOfImage, optional.SizeOfHeaders
    alignment, file_alignment = optional.SectionAlignment, optional.FileAlignment
    if not flags & FILE_EXECUTABLE_IMAGE:
        raise _malformed(file.name, f"its characteristics {flags:X}h lack flag 2 (EXECUTABLE_IMAGE)")
    if 0 < alignment < PAGE:
        raise Unsupported(
            f"{file.name} is a low-alignment image (SectionAlignment {alignment:X}h, below {PAGE:X}h)"
        )
    if not (_power_of_two(alignment) and _power_of_two(file_alignment) and file_alignment <= alignment):
        raise _malformed(
            file.name,
            f"SectionAlignment is {alignment:X}h and FileAlignment {file_alignment:X}h;"
            " expected powers of two, the first not the smaller",
        )
    if optional.ImageBase % 0x10000:
        raise _malformed(file.name, f"ImageBase is {optional.ImageBase:X}h; expected a multiple of 10000h")
    if not 0 < image_size <= MAX_IMAGE:
        raise _malformed(file.name, f"SizeOfImage is {image_size:X}h; expected 1 to {MAX_IMAGE:X}h")
    limit = min(image_size, len(file.data))
    if not 0 < headers_size <= limit:
        raise _malformed(file.name, f"SizeOfHeaders is {headers_size:X}h; expected 1 to {limit:X}h")
    if optional.AddressOfEntryPoint >= image_size:
        # Windows accepts this and jumps there (corkami: dllextep-ld).
        raise Unsupported(
            f"{file.name} has its entry point at RVA {optional.AddressOfEntryPoint:X}h,"
            f" outside its image of {image_size:X}h bytes"
        )


# ---------------------------------------------------------------- memory layout
def _contents(file: _File) -> bytes:
    """The image in memory: headers, then sections without gap or overlap (spec, corkami), the rest zero."""
    headers_size = file.optional.SizeOfHeaders
    alignment = file.optional.SectionAlignment
    end = _round_up(file.optional.SizeOfImage, PAGE)
    pieces = [file.data[:headers_size]]
    filled = headers_size
    expected = _round_up(headers_size, alignment)
    for number, section in enumerate(file.sections, 1):
        where = f"section {number} ({section.name!r})"
        if section.rva != expected:
            raise _malformed(file.name, f"{where} is at RVA {section.rva:X}h; expected {expected:X}h")
        expected = section.rva + _round_up(section.size, alignment)
        pages_end = section.rva + _round_up(section.size, PAGE)
        if pages_end > end:
            raise _malformed(
                file.name, f"{where} ends at RVA {pages_end:X}h, but SizeOfImage is {end:X}h after rounding"
            )
        raw = _raw_data(file, section, where)
        pieces += (bytes(section.rva - filled), raw)
        filled = section.rva + len(raw)
    pieces.append(bytes(end - filled))
    return b"".join(pieces)


def _raw_data(file: _File, section: _RawSection, where: str) -> bytes:
    """What the file gives to a section.

    The data starts at its pointer rounded down to a sector. It ends at the next multiple of FileAlignment,
    but at most with the raw size in whole pages and with the section's own pages (corkami: duphead and
    weirdsord; the same rule in SectionLoader.getReadSize of github.com/struppigel/PortEx).
    """
    if not section.raw_size or not section.pointer:
        return b""
    start = section.pointer // SECTOR * SECTOR
    end = section.pointer + section.raw_size
    room = _round_up(section.size, PAGE)
    # What exceeds the section's own pages need not be in the file (corkami: bigSoRD).
    if start > len(file.data) or (end > len(file.data) and section.raw_size <= room):
        raise _malformed(
            file.name,
            f"{where} has its data from {section.pointer:X}h to {end:X}h,"
            f" but the file ends at {len(file.data):X}h",
        )
    size = min(_round_up(end, file.optional.FileAlignment) - start, _round_up(section.raw_size, PAGE), room)
    return file.data[start : start + size]


def _section(raw: _RawSection) -> Section:
    return Section(
        raw.name,
        raw.rva,
        raw.size,
        readable=bool(raw.flags & SCN_READ),
        writable=bool(raw.flags & SCN_WRITE),
        executable=bool(raw.flags & SCN_EXECUTE),
        shared=bool(raw.flags & SCN_SHARED),
    )


# ---------------------------------------------------------------- directories
class _View:
    """The mapped image while its directories are read: every read is checked and says what it was for."""

    def __init__(self, contents: bytes, file: _File) -> None:
        self.contents = contents
        self.size = len(contents)
        self.file = file
        self.base: int = file.optional.ImageBase
        self.pointer = _POINTERS[file.bits]
        self._text_left = MAX_TEXT

    def malformed(self, text: str) -> UsageError:
        return _malformed(self.file.name, text)

    def check(self, rva: int, size: int, what: str) -> None:
        if not 0 <= rva <= self.size - size:
            raise self.malformed(f"{what} at RVA {rva:X}h lies outside the image ({self.size:X}h bytes)")

    def unpack(self, layout: Struct, rva: int, what: str) -> tuple[int, ...]:
        self.check(rva, layout.size, what)
        return layout.unpack_from(self.contents, rva)

    def array(self, code: Literal["H", "I"], rva: int, length: int, what: str) -> tuple[int, ...]:
        if not length:
            return ()
        self.check(rva, length * (2 if code == "H" else 4), what)
        return unpack_from(f"<{length}{code}", self.contents, rva)

    def text(self, rva: int, what: str) -> str:
        self.check(rva, 1, what)
        end = self.contents.find(0, rva, rva + MAX_NAME + 1)
        if end < 0:
            raise self.malformed(f"{what} at RVA {rva:X}h has no end within {MAX_NAME} bytes")
        self._text_left -= end - rva
        if self._text_left < 0:
            raise self.malformed(f"its names take more than {MAX_TEXT >> 20} MB")
        return self.contents[rva:end].decode("latin-1")

    def rva(self, address: int, size: int, what: str) -> int:
        """The RVA of ``size`` bytes at an absolute address."""
        rva = address - self.base
        if not 0 <= rva <= self.size - size:
            raise self.malformed(
                f"{what} at {address:X}h lies outside the image ({self.size:X}h bytes at {self.base:X}h)"
            )
        return rva


def _imports(view: _View) -> tuple[Import, ...]:
    """The imports in the order of the file; the walk ends at a descriptor without name or IAT (corkami)."""
    start = view.file.directory(DIRECTORY_IMPORT)[0]
    found: list[Import] = []
    if not start:
        return ()
    for number in range(MAX_ENTRIES):
        at = start + number * _IMPORT_DESCRIPTOR.size
        lookup, _, _, name, table = view.unpack(_IMPORT_DESCRIPTOR, at, "an import descriptor")
        if not name or not table:
            return tuple(found)
        # Borland's linker leaves OriginalFirstThunk empty or senseless: the IAT itself holds the names.
        if not view.file.optional.SizeOfHeaders <= lookup < view.size:
            lookup = table
        for item in _module_imports(view, name, lookup, table):
            found.append(item)
            if len(found) > MAX_ENTRIES:
                raise view.malformed(f"it has more than {MAX_ENTRIES} imports")
    raise view.malformed(f"its import table has no end within {MAX_ENTRIES} modules")


def _module_imports(view: _View, name: int, lookup: int, table: int) -> Iterator[Import]:
    """The imports from one module, whose name is not read if there are none (corkami: imports_nothunk)."""
    width = view.pointer.size
    by_ordinal = 1 << (width * 8 - 1)
    module = ""
    for at in count(lookup, width):
        (thunk,) = view.unpack(view.pointer, at, "an import thunk")
        if not thunk:
            return
        module = module or view.text(name, "the name of an imported module")
        slot = table + at - lookup
        view.check(slot, width, "an import address slot")
        if thunk & by_ordinal:
            yield Import(module, None, thunk & 0xFFFF, slot)
        else:
            yield Import(module, view.text(thunk + 2, "the name of an import"), None, slot)


def _exports(view: _View) -> tuple[Export, ...]:
    """The exports by ascending ordinal, one for each name of an ordinal."""
    start, size = view.file.directory(DIRECTORY_EXPORT)
    if not start:
        return ()
    base, functions, names, functions_at, names_at, ordinals_at = view.unpack(
        _EXPORT_DIRECTORY, start, "the export directory"
    )
    if max(functions, names) > MAX_ENTRIES:
        raise view.malformed(
            f"it exports {functions} functions by {names} names; at most {MAX_ENTRIES} can be"
        )
    aliases: defaultdict[int, list[str | None]] = defaultdict(list)
    for name_at, index in zip(
        view.array("I", names_at, names, "the table of export names"),
        view.array("H", ordinals_at, names, "the table of export ordinals"),
        strict=True,
    ):
        if index >= functions:
            raise view.malformed(f"an export name stands for function {index} of {functions}")
        aliases[index].append(view.text(name_at, "the name of an export"))
    found: list[Export] = []
    for index, rva in enumerate(view.array("I", functions_at, functions, "the table of exported functions")):
        if not rva:
            continue
        view.check(rva, 0, "an exported function")
        # An address inside the directory itself is the text "DLL.Name" (spec, "Export Address Table").
        forwarder = view.text(rva, "a forwarder") if start <= rva < start + size else None
        found += (Export(name, base + index, rva, forwarder) for name in aliases.get(index, [None]))
    return tuple(found)


def _relocations(view: _View) -> tuple[int, ...]:
    start, size = view.file.directory(DIRECTORY_BASERELOC)
    if not start or not size:
        return ()
    if size > MAX_RELOCATIONS:
        raise view.malformed(
            f"its relocations take {size:X}h bytes; at most {MAX_RELOCATIONS:X}h are allowed"
        )
    view.check(start, size, "the relocation directory")
    found: list[int] = []
    at, end = start, start + size
    while at < end:
        page, length = view.unpack(_BLOCK, at, "a relocation block")
        if length < _BLOCK.size or at + length > end:
            raise view.malformed(
                f"the relocation block at RVA {at:X}h is {length:X}h bytes long; expected 8 to {end - at:X}h"
            )
        found += _relocation_block(view, page, at + _BLOCK.size, (length - _BLOCK.size) // 2)
        at += length
    return tuple(found)


def _relocation_block(view: _View, page: int, at: int, number: int) -> list[int]:
    entries = view.array("H", at, number, "a relocation block")
    wanted = 3 if view.file.bits == 32 else 10
    found = [page + (entry & 0xFFF) for entry in entries if entry >> 12 == wanted]
    others = {entry >> 12 for entry in entries} - {0, wanted}
    if others:
        kind = min(others)
        raise Unsupported(
            f"{view.file.name} has relocations of type {kind}"
            f" ({RELOCATION_TYPES.get(kind, 'reserved')}) in a {view.file.bits}-bit image"
        )
    if found:
        view.check(max(found), view.pointer.size, "a relocation")
    return found


def _tls(view: _View) -> Tls | None:
    at = view.file.directory(DIRECTORY_TLS)[0]
    if not at:
        return None
    start, end, index, callbacks, zero_fill = view.unpack(_TLS[view.file.bits], at, "the TLS directory")
    if start > end or zero_fill > MAX_IMAGE:
        raise view.malformed(f"its TLS data goes from {start:X}h to {end:X}h and {zero_fill:X}h zeros")
    return Tls(
        start=view.rva(start, end - start, "the TLS data") if end else 0,
        end=view.rva(end, 0, "the end of the TLS data") if end else 0,
        index=view.rva(index, 4, "the TLS index"),
        callbacks=tuple(_callbacks(view, callbacks)) if callbacks else (),
        zero_fill=zero_fill,
    )


def _callbacks(view: _View, address: int) -> Iterator[int]:
    width = view.pointer.size
    start = view.rva(address, width, "the table of TLS callbacks")
    for at in range(start, start + MAX_ENTRIES * width, width):
        (callback,) = view.unpack(view.pointer, at, "a TLS callback")
        if not callback:
            return
        yield view.rva(callback, 1, "a TLS callback")
    raise view.malformed(f"its TLS callbacks have no end within {MAX_ENTRIES}")


# ---------------------------------------------------------------- COFF symbols
def _symbols(file: _File) -> dict[int, str]:
    """Names of functions and labels, by RVA.

    Windows ignores the table, so damage in it refuses nothing: what makes no sense is left out.
    """
    data, start = file.data, file.header.PointerToSymbolTable
    strings = start + file.header.NumberOfSymbols * _SYMBOL.size
    records = min(file.header.NumberOfSymbols, MAX_SYMBOLS, (len(data) - start) // _SYMBOL.size)
    if not start or records <= 0:
        return {}
    best: dict[int, tuple[int, str]] = {}
    skip = text = 0
    for record in _SYMBOL.iter_unpack(memoryview(data)[start : start + records * _SYMBOL.size]):
        if skip:
            skip -= 1
            continue
        raw_name, value, number, kind, storage, skip = record
        if storage not in (SYM_CLASS_EXTERNAL, SYM_CLASS_STATIC) or not 0 < number <= len(file.sections):
            continue
        section = file.sections[number - 1]
        if not section.flags & SCN_EXECUTE or value >= section.size:
            continue
        name = _symbol_name(data, raw_name, strings, file.bits)
        text += len(name)
        if text > MAX_TEXT:
            break
        # Names of sections (".text") are symbols too.
        if not name or name[0] == "." or not name.isprintable():
            continue
        rank = 2 * (kind >> 4 & 3 == SYM_DTYPE_FUNCTION) + (storage == SYM_CLASS_EXTERNAL)
        rva = section.rva + value
        if rva not in best or rank > best[rva][0]:
            best[rva] = (rank, name)
    return {rva: best[rva][1] for rva in sorted(best)}


def _symbol_name(data: bytes, raw: bytes, strings: int, bits: int) -> str:
    """A symbol's name as the source has it: on i386 without ``_`` or ``@`` before and ``@n`` behind."""
    if raw[:4] == b"\0\0\0\0":
        at = strings + _DWORD.unpack_from(raw, 4)[0]
        raw = data[at : max(data.find(0, at, at + MAX_NAME + 1), at)]
    name = raw.rstrip(b"\0").decode("latin-1")
    if bits == 32 and name[:1] in ("_", "@"):
        name = re.sub(r"@[0-9]+$", "", name[1:])
    return name
