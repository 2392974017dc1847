"""PE bytes to :class:`~wowsim.image.model.Image`.

Stands for what reads a PE in Windows: the kernel's MiCreateImageFileMap (headers and sections) and ntdll's
walk of the directories. Leaves out delay and bound imports, resources, signatures, the checksum test and
low-alignment images. ``simulation`` and ``kernel`` may import this module.

Here the headers and the section table are read; ``image.pe_directories`` and ``image.pe_symbols`` read the rest.

Sources: "PE Format" on learn.microsoft.com (spec below); Ange Albertini's PE files that were made to probe
Windows, and his notes on them, github.com/corkami/pocs and corkami.blogspot.com/p/pe.html (corkami below).
"""

from __future__ import annotations

import re
from struct import Struct
from typing import TYPE_CHECKING, Literal

from wowsim.errors import Unsupported, UsageError
from wowsim.image.contents import Contents, Headed, InMemory, Piece
from wowsim.image.model import PAGE, Section
from wowsim.image.pe_file import (
    AMD64,
    DIRECTORY_COM_DESCRIPTOR,
    DLLCHARACTERISTICS_DYNAMIC_BASE,
    DWORD,
    FILE_DLL,
    FILE_EXECUTABLE_IMAGE,
    FILE_LARGE_ADDRESS_AWARE,
    FILE_SYSTEM,
    I386,
    MACHINES,
    MAX_IMAGE,
    MAX_SECTIONS,
    SCN_EXECUTE,
    SCN_READ,
    SCN_SHARED,
    SCN_WRITE,
    SECTOR,
    SUBSYSTEM_CUI,
    SUBSYSTEM_GUI,
    SUBSYSTEM_NATIVE,
    WORD,
    FileHeader,
    OptionalHeader,
    PeFile,
    RawSection,
    malformed,
    power_of_two,
    round_up,
)
from wowsim.image.pe_image import FileImage

if TYPE_CHECKING:
    from wowsim.image.contents import Source
    from wowsim.image.model import Image

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
_HEAD = 512
"""Bytes at the start by which formats are told."""
_FILE_HEADER = Struct("<HHIIIHH")
_OPTIONAL_HEADER = {
    32: Struct("<H14xI8xIII16xIIIHHII12xI"),
    64: Struct("<H14xI4xQII16xIIIHHQQ20xI"),
}
_DIRECTORY, _DIRECTORIES = Struct("<II"), 16
_SECTION = Struct("<8s4I12xI")
_NOT_TEXT = bytes(set(range(0x20)) - set(b"\t\n\f\r\x1b"))


def parse(
    data: bytes, *, file_name: str, name: str | None = None, path: str | None = None, system: bool = False
) -> Image:
    """Read an i386 or AMD64 executable or DLL, with all its directories.

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
    return _image(_read(InMemory(data), file_name, (I386, AMD64)), name, path, system).checked()


def parse_program(
    data: bytes, *, file_name: str, name: str | None = None, path: str | None = None, wide: bool = False
) -> Image:
    """Read a program that can be run: a native 32-bit EXE, as the built-in images run it, or a 64-bit one.

    Args:
        data: the whole file.
        file_name: the file's own name, for the image and for messages.
        name: module name; by default the file name without its extension, ``_`` in place of punctuation.
        path: guest path; by default the file in the root of drive C.
        wide: a 64-bit program will do.

    Raises:
        UsageError: the file is something else; one line says what was found and what was expected.
        Unsupported: Windows would run it, wowsim cannot.
    """
    file = _read(InMemory(data), file_name, (I386, AMD64) if wide else (I386,))
    _check_program(file)
    return _image(file, name, path, False).checked()


def open_image(
    source: Source, *, file_name: str, name: str | None = None, path: str | None = None, system: bool = False
) -> Image:
    """Read what it takes to map an i386 or AMD64 image, as a section object does: the headers.

    Contents and directories are read when they are asked for; see :class:`~wowsim.image.pe_image.FileImage` for
    damaged ones.

    Args:
        source: the file, which must not change.
        file_name: the file's own name, for the image and for messages.
        name: module name; by default the file name without its extension, ``_`` in place of punctuation.
        path: guest path; by default the file in the root of drive C.
        system: whether the file belongs to Windows.

    Raises:
        UsageError: the file is no PE image, or one that Windows would not map.
        Unsupported: Windows would map it, wowsim cannot.
    """
    return _image(_read(Headed(source), file_name, (I386, AMD64)), name, path, system)


def _image(file: PeFile, name: str | None, path: str | None, system: bool) -> FileImage:
    header, optional = file.header, file.optional
    _check_headers(file)
    return FileImage(
        file,
        _contents(file),
        name=_module_name(file.name) if name is None else name,
        file_name=file.name,
        path="C:\\" + file.name if path is None else path,
        bits=file.bits,
        base=optional.ImageBase,
        entry=optional.AddressOfEntryPoint,
        sections=tuple(_section(s) for s in file.sections),
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


# ---------------------------------------------------------------- headers
def _read(source: Source, name: str, machines: tuple[int, ...]) -> PeFile:
    at = _check_format(source, name)
    header = FileHeader._make(_FILE_HEADER.unpack(source.read(at + 4, _FILE_HEADER.size)))
    machine = header.Machine
    if machine not in machines:
        if machine == AMD64:
            raise UsageError(
                f"{name} is a 64-bit program (machine 8664h);"
                " wowsim's built-in images run 32-bit programs (14Ch)"
            )
        raise UsageError(
            f"{name} is a program for {MACHINES.get(machine, 'an unknown machine')} (machine {machine:X}h);"
            f" expected {' or '.join(f'{m:X}h' for m in machines)}"
        )
    bits: Literal[32, 64] = 32 if machine == I386 else 64
    layout, at = _OPTIONAL_HEADER[bits], at + 4 + _FILE_HEADER.size
    magic, expected = WORD.unpack(source.read(at, WORD.size))[0], 0x10B if bits == 32 else 0x20B
    if magic != expected:
        raise malformed(name, f"optional header {magic:X}h for machine {machine:X}h; expected {expected:X}h")
    optional = OptionalHeader._make(layout.unpack(source.read(at, layout.size)))
    rows = source.read(at + layout.size, min(optional.NumberOfRvaAndSizes, _DIRECTORIES) * _DIRECTORY.size)
    directories = tuple(_DIRECTORY.iter_unpack(rows[: len(rows) // _DIRECTORY.size * _DIRECTORY.size]))
    sections = _read_sections(source, at + header.SizeOfOptionalHeader, header.NumberOfSections, name)
    return PeFile(name, source, bits, header, optional, directories, sections)


def _read_sections(source: Source, at: int, number: int, file_name: str) -> tuple[RawSection, ...]:
    if number > MAX_SECTIONS:
        raise Unsupported(f"{file_name} has {number} sections; wowsim maps at most {MAX_SECTIONS}")
    table = source.read(at, number * _SECTION.size)
    rows = [table[i : i + _SECTION.size] for i in range(0, len(table), _SECTION.size)]
    sensible = next((i for i, row in enumerate(rows) if len(row) < _SECTION.size or not any(row)), len(rows))
    if sensible != number:
        raise malformed(file_name, f"only {sensible} of its {number} section headers make sense")
    return tuple(
        RawSection(section.rstrip(b"\0").decode("latin-1"), rva, virtual_size, raw_size, pointer, flags)
        for section, virtual_size, rva, raw_size, pointer, flags in map(_SECTION.unpack, rows)
    )


def _check_format(source: Source, file_name: str) -> int:
    """Where the PE signature is; names what is no PE file at all."""
    data, size = source.read(0, _HEAD), source.size
    if not data:
        raise UsageError(f"{file_name} is empty; {_EXPECTED}")
    if data[:2] != b"MZ":
        raise UsageError(f"{file_name} {_other_format(data)}; {_EXPECTED}")
    if len(data) < 64:
        raise UsageError(f"{file_name} is truncated: {size} bytes, but a DOS header takes 64")
    at: int = DWORD.unpack_from(data, 0x3C)[0]
    signature = source.read(at, 4)
    if signature == b"PE\0\0":
        # 24 bytes of signature and file header, 96 or 112 of optional header before the directories.
        end = at + 24 + (112 if source.read(at + 24, 2) == b"\x0b\x02" else 96)
        if size < end:
            raise UsageError(f"{file_name} is truncated: {size} bytes, but its headers take {end}")
        return at
    if signature[:2] in _OTHER_SIGNATURES:
        raise UsageError(f"{file_name} is {_OTHER_SIGNATURES[signature[:2]]}; {_EXPECTED}")
    # The relocation table of a plain DOS program lies below 40h; linkers for newer formats write 40h.
    if WORD.unpack_from(data, 0x18)[0] < 0x40:
        raise UsageError(f"{file_name} is a 16-bit DOS program; {_EXPECTED}")
    if len(signature) < 4:
        raise UsageError(f"{file_name} is truncated: {size} bytes, but its PE header is at byte {at}")
    raise UsageError(
        f"{file_name} has no PE header: found {signature.hex(' ')} at {at:X}h, expected 50 45 00 00 (PE)"
    )


def _other_format(data: bytes) -> str:
    for magic, what in _OTHER_FORMATS:
        if data.startswith(magic):
            return f"is {what}"
    if len(data) == len(data.translate(None, _NOT_TEXT)):
        return "is a text file"
    return f"is no program: it starts with {data[:2].hex(' ')}, not 4d 5a (MZ)"


def _check_program(file: PeFile) -> None:
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


def _check_headers(file: PeFile) -> None:
    """Refuse header values that Windows refuses, and sizes beyond wowsim's limits (spec, corkami)."""
    optional, flags = file.optional, file.header.Characteristics
    image_size, headers_size = optional.SizeOfImage, optional.SizeOfHeaders
    alignment, file_alignment = optional.SectionAlignment, optional.FileAlignment
    if not flags & FILE_EXECUTABLE_IMAGE:
        raise malformed(file.name, f"its characteristics {flags:X}h lack flag 2 (EXECUTABLE_IMAGE)")
    if 0 < alignment < PAGE:
        raise Unsupported(
            f"{file.name} is a low-alignment image (SectionAlignment {alignment:X}h, below {PAGE:X}h)"
        )
    if not (power_of_two(alignment) and power_of_two(file_alignment) and file_alignment <= alignment):
        raise malformed(
            file.name,
            f"SectionAlignment is {alignment:X}h and FileAlignment {file_alignment:X}h;"
            " expected powers of two, the first not the smaller",
        )
    if optional.ImageBase % 0x10000:
        raise malformed(file.name, f"ImageBase is {optional.ImageBase:X}h; expected a multiple of 10000h")
    if not 0 < image_size <= MAX_IMAGE:
        raise malformed(file.name, f"SizeOfImage is {image_size:X}h; expected 1 to {MAX_IMAGE:X}h")
    limit = min(image_size, file.source.size)
    if not 0 < headers_size <= limit:
        raise malformed(file.name, f"SizeOfHeaders is {headers_size:X}h; expected 1 to {limit:X}h")
    if optional.AddressOfEntryPoint >= image_size:
        # Windows accepts this and jumps there (corkami: dllextep-ld).
        raise Unsupported(
            f"{file.name} has its entry point at RVA {optional.AddressOfEntryPoint:X}h,"
            f" outside its image of {image_size:X}h bytes"
        )


# ---------------------------------------------------------------- memory layout
def _contents(file: PeFile) -> Contents:
    """The image in memory: headers, then sections without gap or overlap (spec, corkami), the rest zero."""
    headers_size = file.optional.SizeOfHeaders
    alignment = file.optional.SectionAlignment
    end = round_up(file.optional.SizeOfImage, PAGE)
    pieces = [Piece(0, 0, headers_size)]
    expected = round_up(headers_size, alignment)
    for number, section in enumerate(file.sections, 1):
        where = f"section {number} ({section.name!r})"
        if section.rva != expected:
            raise malformed(file.name, f"{where} is at RVA {section.rva:X}h; expected {expected:X}h")
        expected = section.rva + round_up(section.size, alignment)
        pages_end = section.rva + round_up(section.size, PAGE)
        if pages_end > end:
            raise malformed(
                file.name, f"{where} ends at RVA {pages_end:X}h, but SizeOfImage is {end:X}h after rounding"
            )
        offset, length = _raw_data(file, section, where)
        if length:
            pieces.append(Piece(section.rva, offset, length))
    return Contents(file.source, pieces, end)


def _raw_data(file: PeFile, section: RawSection, where: str) -> tuple[int, int]:
    """What the file gives to a section: where it starts, and how many bytes.

    The data starts at its pointer rounded down to a sector. It ends at the next multiple of FileAlignment,
    but at most with the raw size in whole pages and with the section's own pages (corkami: duphead and
    weirdsord; the same rule in SectionLoader.getReadSize of github.com/struppigel/PortEx).
    """
    if not section.raw_size or not section.pointer:
        return 0, 0
    file_size = file.source.size
    start = section.pointer // SECTOR * SECTOR
    end = section.pointer + section.raw_size
    room = round_up(section.size, PAGE)
    # What exceeds the section's own pages need not be in the file (corkami: bigSoRD).
    if start > file_size or (end > file_size and section.raw_size <= room):
        raise malformed(
            file.name,
            f"{where} has its data from {section.pointer:X}h to {end:X}h,"
            f" but the file ends at {file_size:X}h",
        )
    size = min(round_up(end, file.optional.FileAlignment) - start, round_up(section.raw_size, PAGE), room)
    return start, min(size, file_size - start)


def _section(raw: RawSection) -> Section:
    return Section(
        raw.name,
        raw.rva,
        raw.size,
        readable=bool(raw.flags & SCN_READ),
        writable=bool(raw.flags & SCN_WRITE),
        executable=bool(raw.flags & SCN_EXECUTE),
        shared=bool(raw.flags & SCN_SHARED),
    )
