from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_pe import (
    BASERELOC,
    BSS,
    CODE,
    COM_DESCRIPTOR,
    DATA,
    EXPORT,
    HEADERS,
    IMPORT,
    LFANEW,
    TLS,
    Blob,
    Part,
    make_pe,
    patch,
    patch_directory,
    patch_section,
    symbol_table,
)
from wowsim.errors import Unsupported, UsageError
from wowsim.image.model import Export, Image, Import, Section
from wowsim.image.pe import parse, parse_program
from wowsim.image.pe_file import MAX_ENTRIES, MAX_IMAGE, MAX_NAME, MAX_TEXT


def label(value: object) -> str:
    return value if isinstance(value, str) else type(value).__name__


FIXTURES = sorted((Path(__file__).parents[2] / "fixtures" / "bin").glob("*.exe"))
PROGRAMS = [path for path in FIXTURES if path.name != "hello64.exe"]  # the 32-bit ones
BITS = pytest.mark.parametrize("bits", [32, 64])


def sample(bits: Literal[32, 64] = 32, **fields: int) -> bytes:
    """An EXE with code, every directory, bss and a symbol table."""
    blob = Blob(0x2000, bits)
    pointer = blob.pointers([0x400000 + 0x1004])
    kind = 3 if bits == 32 else 10
    directories = {
        IMPORT: blob.imports({"KERNEL32.dll": ["ExitProcess", "CreateFileW"], "WS2_32.dll": [115]}),
        EXPORT: blob.exports([0x1000, 0, "NTDLL.NtClose"], [("close", 2), ("go", 0)], base=7),
        TLS: blob.tls(b"\1\2\3\4", [0x1008], zero_fill=16),
    }
    directories[BASERELOC] = blob.relocations({0x2000: [kind << 12 | (pointer - 0x2000), 0]})
    table, count = symbol_table([("_main", 4, 1, 0x20, 2)])
    parts = [
        Part(".text", b"\xc3" * 0x20, CODE),
        Part(".data", bytes(blob.data), DATA),
        Part(".bss", b"", BSS, 0x1800),
    ]
    at = HEADERS + sum(-(-len(part.data) // 0x200) * 0x200 for part in parts)
    fields = {"PointerToSymbolTable": at, "NumberOfSymbols": count, **fields}
    return make_pe(parts, bits=bits, directories=directories, tail=table, **fields)


def with_directory(index: int, data: bytes, *, size: int | None = None, rva: int = 0x2000) -> bytes:
    """An EXE whose .data is ``data``, which is also directory ``index``."""
    parts = [Part(".text", b"\xc3" * 0x20, CODE), Part(".data", data, DATA)]
    return make_pe(parts, directories={index: (rva, len(data) if size is None else size)})


def read(data: bytes) -> Image:
    return parse(data, file_name="a.exe")


# ---------------------------------------------------------------- what a good file gives
@BITS
def test_fields(bits: Literal[32, 64]) -> None:
    data = sample(bits, TimeDateStamp=0x5F000000, CheckSum=0x1234, DllCharacteristics=0x40, Subsystem=2)
    image = read(data)
    assert (image.bits, image.base, image.entry, image.size) == (bits, 0x400000, 0x1000, 0x5000)
    assert (image.timestamp, image.checksum, image.subsystem) == (0x5F000000, 0x1234, 2)
    assert (image.stack_reserve, image.stack_commit, image.headers_size) == (0x200000, 0x2000, HEADERS)
    assert image.dynamic_base
    assert image.large_address_aware == (bits == 64)
    assert not image.is_dll
    assert not image.system
    assert image.sections[0] == Section(".text", 0x1000, 0x20, readable=True, executable=True)
    assert image.sections[2] == Section(".bss", 0x3000, 0x1800, readable=True, writable=True)
    assert image.symbols == {0x1004: "main" if bits == 32 else "_main"}


@pytest.mark.parametrize(
    ("file_name", "name"),
    [("a-b c.exe", "a_b_c"), ("KERNEL32", "KERNEL32"), ("api-ms.l1.dll", "api_ms_l1"), (".exe", "_exe")],
)
def test_default_names(file_name: str, name: str) -> None:
    image = parse(sample(), file_name=file_name)
    assert (image.name, image.file_name, image.path) == (name, file_name, "C:\\" + file_name)


def test_given_names() -> None:
    image = parse(sample(), file_name="ntdll.dll", name="ntdll32", path=r"C:\Windows\a.dll", system=True)
    assert (image.name, image.path, image.system) == ("ntdll32", r"C:\Windows\a.dll", True)


@BITS
def test_memory_layout(bits: Literal[32, 64]) -> None:
    data = sample(bits)
    image = read(data)
    assert image.contents[:HEADERS] == data[:HEADERS]
    assert image.contents[HEADERS:0x1000] == bytes(0x1000 - HEADERS)
    assert image.contents[0x1000:0x2000] == b"\xc3" * 0x20 + bytes(0xFE0)
    assert image.contents[0x2000:0x2200] == data[HEADERS + 0x200 : HEADERS + 0x400]
    assert image.contents[0x3000:] == bytes(0x2000)


@BITS
def test_imports(bits: Literal[32, 64]) -> None:
    image = read(sample(bits))
    assert [str(i) for i in image.imports] == [
        "KERNEL32.dll!ExitProcess",
        "KERNEL32.dll!CreateFileW",
        "WS2_32.dll!#115",
    ]
    assert image.imports[1].slot - image.imports[0].slot == bits // 8
    slot = image.imports[2].slot
    thunk = int.from_bytes(image.contents[slot : slot + bits // 8], "little")
    assert thunk == 115 | 1 << (bits - 1)


@pytest.mark.parametrize("lookup", [0, 1, 0xFFFF0000])
def test_imports_without_lookup_table_come_from_the_iat(lookup: int) -> None:
    blob = Blob(0x2000)
    rva, size = blob.imports({"a.dll": ["One", 2]}, lookup=False)
    struct.pack_into("<I", blob.data, rva - 0x2000, lookup)
    image = read(with_directory(IMPORT, bytes(blob.data), rva=rva, size=size))
    assert [(i.name, i.ordinal) for i in image.imports] == [("One", None), (None, 2)]


def test_only_sixteen_bits_of_an_ordinal_count() -> None:
    blob = Blob(0x2000)
    rva, size = blob.imports({"a.dll": [0x10073]})
    assert [
        i.ordinal for i in read(with_directory(IMPORT, bytes(blob.data), rva=rva, size=size)).imports
    ] == [0x73]


@pytest.mark.parametrize(("name", "table"), [(0, 0x2030), (0x2030, 0)])
def test_a_descriptor_without_name_or_iat_ends_the_imports(name: int, table: int) -> None:
    rows = struct.pack("<10I", 0, 0, 0, name, table, 0, 0, 0, 0x2030, 0x2030)
    assert (
        read(with_directory(IMPORT, rows.ljust(0x30, b"\0") + struct.pack("<II", 0x80000001, 0))).imports
        == ()
    )


def test_module_without_imports_is_skipped() -> None:
    # As corkami's imports_nothunk, which Windows loads: the name of such a module is not even read.
    row = struct.pack("<5I", 0, 0, 0, 0x7FFFFFFF, 0x2030)
    assert read(with_directory(IMPORT, row + bytes(0x40))).imports == ()


@BITS
def test_exports(bits: Literal[32, 64]) -> None:
    image = read(sample(bits))
    assert [(e.name, e.ordinal, e.forwarder) for e in image.exports] == [
        ("go", 7, None),
        ("close", 9, "NTDLL.NtClose"),
    ]
    assert image.exports[0].rva == 0x1000


def test_exports_by_ordinal_only_and_with_two_names() -> None:
    blob = Blob(0x2000)
    rva, size = blob.exports([0x1000, 0x1001], [("a", 1), ("b", 1)])
    exports = read(with_directory(EXPORT, bytes(blob.data), rva=rva, size=size)).exports
    assert exports == (Export(None, 1, 0x1000), Export("a", 2, 0x1001), Export("b", 2, 0x1001))


def test_an_address_behind_the_export_directory_is_no_forwarder() -> None:
    blob = Blob(0x2000)
    rva, _ = blob.exports([0x2034], [])
    exports = read(with_directory(EXPORT, bytes(blob.data), rva=rva, size=0x34)).exports
    assert exports == (Export(None, 1, 0x2034),)


@BITS
def test_relocations_move_the_image(bits: Literal[32, 64]) -> None:
    image = read(sample(bits))
    assert image.relocations == (0x2000,)
    moved = image.relocated(0x10000000)
    assert int.from_bytes(moved[0x2000 : 0x2000 + bits // 8], "little") == 0x10001004


def test_relocations_stripped_or_none() -> None:
    assert read(patch(sample(), Characteristics=0x103)).relocations is None
    assert read(patch_directory(sample(), BASERELOC, 0, 0)).relocations == ()


@BITS
def test_tls(bits: Literal[32, 64]) -> None:
    image = read(sample(bits))
    assert image.tls is not None
    assert image.contents[image.tls.start : image.tls.end] == b"\1\2\3\4"
    assert (image.tls.callbacks, image.tls.zero_fill) == ((0x1008,), 16)
    assert image.contents[image.tls.index : image.tls.index + 4] == bytes(4)


# ---------------------------------------------------------------- symbols
@pytest.mark.parametrize(
    ("raw", "bits", "name"),
    [
        ("_main", 32, "main"),
        ("__imp", 32, "_imp"),
        ("_NtCreateFile@44", 32, "NtCreateFile"),
        ("@fast@8", 32, "fast"),
        ("?f@@YAXXZ", 32, "?f@@YAXXZ"),
        ("_a_rather_long_name", 32, "a_rather_long_name"),
        ("_main", 64, "_main"),
        ("f@4", 64, "f@4"),
        (".text", 32, None),
        ("_Wait@20.part.0", 32, "Wait.part.0"),
        ("_", 32, None),
        ("_\x1b[31m", 32, None),
    ],
)
def test_symbol_names(raw: str, bits: Literal[32, 64], name: str | None) -> None:
    assert with_symbols([(raw, 0x10, 1, 0x20, 2)], bits).symbols == ({0x1010: name} if name else {})


def with_symbols(symbols: list[tuple[str, int, int, int, int]], bits: Literal[32, 64] = 32) -> Image:
    table, count = symbol_table(symbols)
    parts = [Part(".text", b"\xc3" * 0x200, CODE), Part(".data", b"\0" * 0x200, DATA)]
    at = HEADERS + 0x400
    return read(make_pe(parts, bits=bits, tail=table, PointerToSymbolTable=at, NumberOfSymbols=count))


@pytest.mark.parametrize(
    ("value", "section", "storage"),
    [(0, 0, 2), (0, -1, 2), (0, 3, 2), (0x200, 1, 2), (0, 1, 103), (0, 1, 6)],
    ids=["undefined", "absolute", "no such section", "beyond", "file", "label class"],
)
def test_what_is_no_symbol(value: int, section: int, storage: int) -> None:
    assert with_symbols([("_x", value, section, 0, storage)]).symbols == {}


def test_variables_are_symbols_but_import_slots_and_debug_information_are_not() -> None:
    symbols = [("_buffer", 4, 2, 0, 3), ("__imp__f@4", 8, 2, 0, 2), ("_x", 0, 3, 0, 3)]
    table, count = symbol_table(symbols)
    parts = [Part(".text", b"\xc3", CODE), Part(".data", b"\0" * 0x20, DATA), Part("/4", b"\0", 0x42000040)]
    data = make_pe(parts, tail=table, PointerToSymbolTable=HEADERS + 0x600, NumberOfSymbols=count)
    assert read(data).symbols == {0x2004: "buffer"}


def test_functions_win_over_labels_and_globals_over_statics() -> None:
    symbols = [("_label", 0, 1, 0, 2), ("_f", 0, 1, 0x20, 3), ("_s", 4, 1, 0, 3), ("_g", 4, 1, 0, 2)]
    symbols += [("_first", 8, 1, 0, 2), ("_second", 8, 1, 0, 2)]
    assert with_symbols(symbols).symbols == {0x1000: "f", 0x1004: "g", 0x1008: "first"}


def test_overlapping_symbol_names_are_bounded() -> None:
    number, name = 5000, b"A" * 4000 + b"\0"
    table = b"".join(struct.pack("<IIIhHBB", 0, 4, value, 1, 0x20, 2, 0) for value in range(number))
    data = make_pe(
        [Part(".text", b"\xc3" * number, CODE)],
        tail=table + bytes(4) + name,
        PointerToSymbolTable=HEADERS + 0x1400,
        NumberOfSymbols=number,
    )
    assert len(read(data).symbols) == MAX_TEXT // 4000


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFF))
def test_garbage_as_symbols_refuses_nothing(table: bytes, count: int, offset: int) -> None:
    parts = [Part(".text", b"\xc3" * 0x200, CODE)]
    for at in (HEADERS + 0x200, offset):
        image = read(make_pe(parts, tail=table, PointerToSymbolTable=at, NumberOfSymbols=count))
        assert all(0x1000 <= rva < 0x1200 and name.isprintable() for rva, name in image.symbols.items())


# ---------------------------------------------------------------- what is no program
def dos(signature: bytes = b"", lfarlc: int = 0x40) -> bytes:
    stub = bytearray(0x80) + signature
    stub[:2] = b"MZ"
    struct.pack_into("<H", stub, 0x18, lfarlc)
    struct.pack_into("<I", stub, 0x3C, 0x80)
    return bytes(stub)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "is empty"),
        (b"\x7fELF\x01\x01\x01" + bytes(60), "is an ELF file"),
        (b"\xcf\xfa\xed\xfe" + bytes(60), "is a Mach-O file"),
        (b"\xce\xfa\xed\xfe" + bytes(60), "is a Mach-O file"),
        (b"\xca\xfe\xba\xbe" + bytes(60), "is a universal Mach-O file"),
        (b"#!/bin/sh\necho\n", "is a script"),
        (b"@echo off\r\nrem \xc3\xa9\r\n", "is a text file"),
        (b"PK\x03\x04" + bytes(60), "is a ZIP archive"),
        (b"\x4c\x01\x02\x00" + bytes(60), "starts with 4c 01, not 4d 5a (MZ)"),
        (b"MZ", "is truncated: 2 bytes"),
        (dos(lfarlc=0x1C), "is a 16-bit DOS program"),
        (dos(), "is truncated: 128 bytes, but its PE header is at byte 128"),
        (dos(b"NE" + bytes(60)), "is a 16-bit Windows or OS/2 program (NE)"),
        (dos(b"LE" + bytes(60)), "(LE)"),
        (dos(b"LX" + bytes(60)), "(LX)"),
        (dos(b"PX\0\0" + bytes(60)), "found 50 58 00 00 at 80h, expected 50 45 00 00"),
        (sample()[: LFANEW + 100], "is truncated: 228 bytes, but its headers take 248"),
        (sample(Machine=0xAA64), "is a program for ARM64 (machine AA64h); expected 14Ch"),
        (sample(Machine=0x1C0), "is a program for ARM (machine 1C0h)"),
        (sample(64, Machine=0x200), "is a program for IA64 (machine 200h)"),
        (sample(Machine=0x1234), "is a program for an unknown machine (machine 1234h)"),
        (
            sample(64),
            "is a 64-bit program (machine 8664h); wowsim's built-in images run 32-bit programs (14Ch)",
        ),
        (sample(Characteristics=0x2102), "is a DLL"),
        (sample(Subsystem=1), "is a driver or native program (subsystem 1)"),
        (sample(Characteristics=0x1102), "is a driver or native program (subsystem 3)"),
        (sample(Subsystem=10), "is a program for subsystem 10"),
        (patch_directory(sample(), COM_DESCRIPTOR, 0x2000, 72), "is a .NET program"),
    ],
    ids=label,
)
def test_what_is_no_program(data: bytes, found: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_program(data, file_name="a.exe")
    message = str(caught.value)
    assert message.startswith("a.exe ")
    assert found in message
    assert "\n" not in message


def test_parse_takes_what_only_the_program_check_refuses() -> None:
    assert parse(sample(64), file_name="a.exe").bits == 64
    assert parse(sample(Characteristics=0x2102), file_name="a.dll").is_dll
    assert parse(sample(Subsystem=1), file_name="a.sys").subsystem == 1
    assert parse_program(sample(), file_name="a.exe") == parse(sample(), file_name="a.exe")


def test_entry_point_zero_is_for_dlls() -> None:
    assert read(sample(AddressOfEntryPoint=0)).entry == 0
    with pytest.raises(Unsupported, match="entry point at RVA 0"):
        parse_program(sample(AddressOfEntryPoint=0), file_name="a.exe")


# ---------------------------------------------------------------- lies
@pytest.mark.parametrize(
    ("data", "found"),
    [
        (sample(Magic=0x20B), "optional header 20Bh for machine 14Ch; expected 10Bh"),
        (sample(Characteristics=0x100), "lack flag 2"),
        (sample(SectionAlignment=0), "SectionAlignment is 0h"),
        (sample(SectionAlignment=0x1800), "SectionAlignment is 1800h"),
        (sample(FileAlignment=0x300), "FileAlignment 300h"),
        (sample(FileAlignment=0x2000), "the first not the smaller"),
        (sample(ImageBase=0x401000), "ImageBase is 401000h"),
        (sample(SizeOfImage=0), "SizeOfImage is 0h"),
        (sample(SizeOfImage=MAX_IMAGE + 1), "SizeOfImage is 20000001h; expected 1 to 20000000h"),
        (sample(SizeOfImage=0x4000), "section 3 ('.bss') ends at RVA 5000h, but SizeOfImage is 4000h"),
        (sample(SizeOfHeaders=0), "SizeOfHeaders is 0h"),
        (sample(SizeOfHeaders=0x4000), "SizeOfHeaders is 4000h"),
        (sample(NumberOfSections=4), "only 3 of its 4 section headers make sense"),
        (
            patch_section(sample(), 1, VirtualAddress=0x3000),
            "section 2 ('.data') is at RVA 3000h; expected 2000h",
        ),
        (
            patch_section(sample(), 1, VirtualAddress=0x1000),
            "section 2 ('.data') is at RVA 1000h; expected 2000h",
        ),
        (
            patch_section(sample(), 0, VirtualSize=0x1001),
            "section 2 ('.data') is at RVA 2000h; expected 3000h",
        ),
        (patch_section(sample(), 0, VirtualSize=0xFFFFFFFF), "section 1 ('.text') ends at RVA 100001000h"),
        (patch_section(sample(), 0, SizeOfRawData=0x1000), "data from 400h to 1400h, but the file ends at"),
        (patch_section(sample(), 0, PointerToRawData=0x10000), "data from 10000h to 10200h, but the file"),
        (patch_section(sample(), 0, PointerToRawData=0xFFFFFE00), "data from FFFFFE00h to"),
        (
            patch_section(sample(), 0, SizeOfRawData=0x10000, PointerToRawData=0x10000),
            "data from 10000h to 20000h, but the file ends at",
        ),
        (
            patch_section(patch_section(sample(), 0, VirtualAddress=0x2000), 1, VirtualAddress=0x1000),
            "section 1 ('.text') is at RVA 2000h; expected 1000h",
        ),
        *(
            (patch_directory(sample(), index, rva, 0x1000), "lies outside the image")
            for index in (EXPORT, IMPORT, BASERELOC, TLS)
            for rva in (0x4FFF, 0x5000, 0xFFFFFFFF)
        ),
    ],
    ids=label,
)
def test_lies(data: bytes, found: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(data)
    assert str(caught.value).startswith("a.exe is a malformed PE file: ")
    assert found in str(caught.value)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (sample(SectionAlignment=0x200), "low-alignment image (SectionAlignment 200h, below 1000h)"),
        (sample(NumberOfSections=2049), "2049 sections; wowsim maps at most 2048"),
        (sample(AddressOfEntryPoint=0x5000), "entry point at RVA 5000h, outside"),
    ],
    ids=label,
)
def test_what_windows_loads_and_wowsim_does_not(data: bytes, found: str) -> None:
    with pytest.raises(Unsupported) as caught:
        read(data)
    assert found in str(caught.value)


def thunks(count: int, *, at: int = 0x2040) -> bytes:
    row = struct.pack("<5I", 0, 0, 0, 0x2030, at)
    return row.ljust(0x30, b"\0") + b"a.dll".ljust(0x10, b"\0") + struct.pack("<I", 0x80000001) * count


@pytest.mark.parametrize(
    ("index", "data", "found"),
    [
        (
            IMPORT,
            struct.pack("<5I", 0, 0, 0, 1, 0x1800) * 204 + b"A" * 16,
            "an import descriptor at RVA 2FF0h",
        ),
        (IMPORT, thunks(0xFC0 // 4), "an import thunk at RVA 3000h"),
        (IMPORT, thunks(1, at=0x5000), "an import thunk at RVA 5000h"),
        (IMPORT, thunks(MAX_ENTRIES + 1) + bytes(4), f"more than {MAX_ENTRIES} imports"),
        (IMPORT, struct.pack("<6I", 0x2014, 0, 0, 0x2018, 0x2FFE, 0x80000001), "an import address slot"),
        (IMPORT, struct.pack("<6I", 0x2014, 0, 0, 0x2014, 0x2014, 0x70000000), "the name of an import"),
        (IMPORT, struct.pack("<6I", 0, 0, 0, 0x7000, 0x2014, 1), "the name of an imported module"),
        (IMPORT, b"A" * 0x2000, "an import thunk at RVA 41414141h"),
        (EXPORT, struct.pack("<16x6I", 1, 2, 0xFFFFFFFF, 0, 0, 0), "by 4294967295 names"),
        (EXPORT, struct.pack("<16x6I", 1, 0xFFFFFFFF, 0, 0, 0, 0), "exports 4294967295 functions"),
        (EXPORT, struct.pack("<16x6I", 1, 0x800, 0, 0x2000, 0, 0), "the table of exported functions"),
        (EXPORT, struct.pack("<16x6I", 1, 1, 1, 0x2000, 0x2FFF, 0x2000), "the table of export names"),
        (EXPORT, struct.pack("<16x6I", 1, 1, 1, 0x2000, 0x2000, 0x2FFF), "the table of export ordinals"),
        (EXPORT, struct.pack("<16x6II", 1, 1, 1, 0x2028, 0x2000, 0x2010, 0), "stands for function 1 of 1"),
        (EXPORT, struct.pack("<16x6II", 1, 1, 0, 0x2028, 0, 0, 0x4000), "an exported function"),
        (BASERELOC, bytes(8), "is 0h bytes long; expected 8 to 8h"),
        (BASERELOC, struct.pack("<II", 0x1000, 7), "is 7h bytes long"),
        (BASERELOC, struct.pack("<IIHH", 0x1000, 14, 0, 0), "is Eh bytes long; expected 8 to Ch"),
        (BASERELOC, struct.pack("<IIHH", 0x2000, 12, 0x3FFD, 0), "a relocation at RVA 2FFDh"),
        (BASERELOC, struct.pack("<IIHH", 0xFFFFF000, 12, 0x3000, 0), "a relocation at RVA FFFFF000h"),
        (TLS, struct.pack("<6I", 0x402000, 0x401000, 0x402000, 0, 0, 0), "TLS data goes from 402000h"),
        (TLS, struct.pack("<6I", 0, 0, 0x402000, 0, 0xFFFFFFFF, 0), "FFFFFFFFh zeros"),
        (TLS, struct.pack("<6I", 0x402000, 0x403001, 0x402000, 0, 0, 0), "the TLS data at 402000h"),
        (TLS, struct.pack("<6I", 0, 0, 0x402FFE, 0, 0, 0), "the TLS index at 402FFEh"),
        (TLS, struct.pack("<6I", 0, 0, 0, 0, 0, 0), "the TLS index at 0h"),
        (TLS, struct.pack("<6I", 0, 0, 0x402000, 0x500000, 0, 0), "the table of TLS callbacks"),
        (TLS, struct.pack("<7I", 0, 0, 0x402000, 0x402018, 0, 0, 0x500000), "a TLS callback at 500000h"),
        (TLS, struct.pack("<7I", 0, 0, 0x402000, 0x402018, 0, 0, 0x403000), "a TLS callback at 403000h"),
        (IMPORT, struct.pack("<5I", 0, 0, 0, 1, 0x1800) * MAX_ENTRIES, "no end within 65536 modules"),
    ],
    ids=label,
)
def test_lying_directories(index: int, data: bytes, found: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(with_directory(index, data))
    assert found in str(caught.value)


@pytest.mark.parametrize(
    ("bits", "kind", "name"),
    [(32, 1, "HIGH"), (32, 4, "HIGHADJ"), (32, 10, "DIR64"), (64, 3, "HIGHLOW"), (64, 11, "reserved")],
)
def test_other_relocation_types_are_named(bits: Literal[32, 64], kind: int, name: str) -> None:
    blob = Blob(0x2000, bits)
    where = blob.relocations({0x1000: [kind << 12, 0]})
    parts = [Part(".text", b"\xc3", CODE), Part(".reloc", bytes(blob.data), DATA)]
    with pytest.raises(Unsupported, match=rf"type {kind} \({name}\) in a {bits}-bit image"):
        read(make_pe(parts, bits=bits, directories={BASERELOC: where}))


def test_overlapping_names_are_bounded() -> None:
    # 8192 names of 4000 bytes each from a file of 44 KB.
    count = 8192
    head = struct.pack("<16x6I", 1, 1, count, 0x2028, 0x2030, 0x2030 + 4 * count)
    names = struct.pack(f"<II{count}I", 0x1000, 0, *[0x2030 + 6 * count] * count)
    data = head + names + bytes(2 * count) + b"A" * (MAX_NAME - 96) + b"\0"
    with pytest.raises(UsageError, match="names take more than 16 MB"):
        read(with_directory(EXPORT, data, size=40))


def test_relocation_directory_is_bounded() -> None:
    parts = [Part(".text", b"\xc3", CODE), Part(".bss", b"", BSS, 9 << 20)]
    with pytest.raises(UsageError, match="its relocations take 800008h bytes; at most 800000h"):
        read(make_pe(parts, directories={BASERELOC: (0x2000, 0x800008)}))


def test_name_without_end() -> None:
    blob = Blob(0x2000)
    where = blob.imports({"A" * (MAX_NAME + 1): [1]})
    with pytest.raises(UsageError, match="no end within 4096 bytes"):
        read(with_directory(IMPORT, bytes(blob.data), rva=where[0], size=where[1]))


# ---------------------------------------------------------------- what Windows tolerates
def test_raw_size_beyond_the_section_is_cut_to_its_pages() -> None:
    parts = [Part("a", b"A" * 0x2000, CODE, 0x100), Part("b", b"B" * 0x10, DATA)]
    image = read(make_pe(parts))
    assert image.contents[0x1000:0x2010] == b"A" * 0x1000 + b"B" * 0x10
    # As corkami's bigSoRD, such a size need not even lie in the file.
    image = read(patch_section(make_pe(parts), 0, SizeOfRawData=0xFFFF0200))
    assert image.contents[0x1000:0x2010] == b"A" * 0x1000 + b"B" * 0x10


def test_raw_pointer_is_rounded_down_to_a_sector() -> None:
    data = patch_section(make_pe([Part("a", b"A" * 0x200, CODE)]), 0, PointerToRawData=0x1FF)
    # 200h bytes from 1FFh end in the third sector.
    assert read(data).contents[0x1000:0x2000] == data[:0x400] + bytes(0xC00)


def test_raw_size_is_rounded_up_to_the_file_alignment() -> None:
    data = make_pe([Part("a", b"A" * 0x400, CODE), Part("b", b"B" * 0x200, DATA)])
    contents = read(patch_section(data, 0, SizeOfRawData=1)).contents
    assert contents[0x1000:0x2000] == b"A" * 0x200 + bytes(0xE00)
    contents = read(patch(patch_section(data, 0, SizeOfRawData=1), FileAlignment=0x1000)).contents
    assert contents[0x1000:0x1600] == b"A" * 0x400 + b"B" * 0x200


def test_a_large_file_alignment_reads_no_more_than_the_page() -> None:
    # As corkami's weirdsord.
    data = make_pe(
        [Part("a", b"A" * 0x2000, CODE)], SectionAlignment=0x2000, FileAlignment=0x2000, SizeOfImage=0x4000
    )
    contents = read(patch_section(data, 0, VirtualAddress=0x2000, SizeOfRawData=1)).contents
    assert contents[0x2000:] == b"A" * 0x1000 + bytes(0x1000)


@pytest.mark.parametrize("change", [{"SizeOfRawData": 0}, {"PointerToRawData": 0}])
def test_section_without_raw_data_is_zero(change: dict[str, int]) -> None:
    data = patch_section(make_pe([Part("a", b"A" * 0x200, CODE)]), 0, **change)
    assert read(data).contents[0x1000:] == bytes(0x1000)


def test_empty_virtual_size_means_the_raw_size() -> None:
    image = read(patch_section(make_pe([Part("a", b"A" * 0x200, CODE)]), 0, VirtualSize=0))
    assert image.sections[0].size == 0x200
    assert image.contents[0x1000:0x1200] == b"A" * 0x200


def test_size_of_image_is_rounded_up() -> None:
    assert read(sample(SizeOfImage=0x4801)).size == 0x5000
    assert read(sample(SizeOfImage=0x7000)).contents[0x5000:] == bytes(0x2000)


def test_sections_may_share_file_data() -> None:
    data = make_pe([Part("a", b"A" * 0x200, CODE), Part("b", b"B" * 0x200, DATA)])
    assert read(patch_section(data, 1, PointerToRawData=HEADERS)).contents[0x2000:0x2200] == b"A" * 0x200


# ---------------------------------------------------------------- any bytes
def check_any(data: bytes) -> bool:
    """Parse; an image must hold together, an error must be one line. True for an image."""
    refused = ""
    try:
        image = parse(data, file_name="a.exe")
    except (UsageError, Unsupported) as error:
        refused = str(error)
    if refused:
        assert refused.startswith("a.exe ")
        assert refused.isprintable()
        return False
    assert image.size % 0x1000 == 0
    assert image.entry < image.size
    width = image.bits // 8
    assert all(s.rva + s.size <= image.size for s in image.sections)
    assert all(i.slot + width <= image.size for i in image.imports)
    assert all((i.name is None) != (i.ordinal is None) for i in image.imports if isinstance(i, Import))
    assert all(e.rva <= image.size for e in image.exports)
    assert image.relocations is None or len(image.relocated(image.base + 0x10000)) == image.size
    return True


SAMPLES = {"32-bit": sample(), "64-bit": sample(64)} | {
    path.name: path.read_bytes() for path in FIXTURES if path.name == "createfile.exe"
}
EXTREMES = [0, 1, 2, 7, 0xFFF, 0x1000, 0x2001, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


def mutate(data: bytes, source: random.Random) -> bytes:
    """A copy with one to four fields or bytes changed, mostly in the headers; some are cut short."""
    changed = bytearray(data)
    for _ in range(source.randint(1, 4)):
        limit = HEADERS if source.random() < 0.5 else len(changed)
        at = source.randrange(limit)
        kind = source.random()
        if kind < 0.4:
            changed[at] = source.randrange(256)
        elif kind < 0.8:
            at = min(at & ~3, len(changed) - 4)
            struct.pack_into("<I", changed, at, source.choice(EXTREMES))
        else:
            at = min(at & ~1, len(changed) - 2)
            struct.pack_into("<H", changed, at, source.choice(EXTREMES) & 0xFFFF)
    if source.random() < 0.1:
        del changed[source.randrange(len(changed)) :]
    return bytes(changed)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "64-bit"])
def test_thousand_mutations(name: str) -> None:
    source = random.Random(name)
    images = sum(check_any(mutate(SAMPLES[name], source)) for _ in range(1000))
    # Both ends must be reached, or the mutations test nothing.
    assert 50 < images < 950


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    st.sampled_from(sorted(SAMPLES)),
    st.lists(st.tuples(st.integers(0, 0x800), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6),
    st.none() | st.integers(0, 0x800),
)
def test_any_change_gives_an_image_or_one_line(
    name: str, changes: list[tuple[int, bytes]], cut: int | None
) -> None:
    data = bytearray(SAMPLES[name])
    for at, new in changes:
        data[at : at + len(new)] = new
    check_any(bytes(data[:cut]))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.binary(max_size=600), st.sampled_from([EXPORT, IMPORT, BASERELOC, TLS]))
def test_any_directory_gives_an_image_or_one_line(data: bytes, index: int) -> None:
    check_any(with_directory(index, data or b"\0"))


# ---------------------------------------------------------------- the rest
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_fixtures_agree_with_pefile(path: Path) -> None:
    import pefile

    data = path.read_bytes()
    image = parse_program(data, file_name=path.name)
    other = pefile.PE(data=data)
    imports = [
        (module.dll.decode(), item.name and item.name.decode(), item.address - image.base)
        for module in getattr(other, "DIRECTORY_ENTRY_IMPORT", [])
        for item in module.imports
    ]
    assert [(i.module, i.name, i.slot) for i in image.imports] == imports
    blocks = getattr(other, "DIRECTORY_ENTRY_BASERELOC", [])
    assert list(image.relocations or ()) == [e.rva for b in blocks for e in b.entries if e.type]
    for section in other.sections:
        start, size = section.VirtualAddress, min(section.SizeOfRawData, section.Misc_VirtualSize)
        assert image.contents[start : start + size] == section.get_data(length=size)
