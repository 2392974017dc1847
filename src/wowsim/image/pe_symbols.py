"""The COFF symbol table that mingw leaves in executables: names for addresses, bounded and best effort.

Source: "PE Format" on learn.microsoft.com, COFF Symbol Table. ``image.pe`` imports it.
"""

from __future__ import annotations

import re
from struct import Struct

from wowsim.image.pe_file import (
    DWORD,
    MAX_NAME,
    MAX_SYMBOLS,
    MAX_TEXT,
    SCN_EXECUTE,
    SYM_CLASS_EXTERNAL,
    SYM_CLASS_STATIC,
    SYM_DTYPE_FUNCTION,
    PeFile,
)

_SYMBOL = Struct("<8sIhHBB")


def symbols(file: PeFile) -> dict[int, str]:
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
        at = strings + DWORD.unpack_from(raw, 4)[0]
        raw = data[at : max(data.find(0, at, at + MAX_NAME + 1), at)]
    name = raw.rstrip(b"\0").decode("latin-1")
    if bits == 32 and name[:1] in ("_", "@"):
        name = re.sub(r"@[0-9]+$", "", name[1:])
    return name
