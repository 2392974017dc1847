"""The COFF symbol table that mingw leaves in executables: names for addresses, bounded and best effort.

Source: "PE Format" on learn.microsoft.com, COFF Symbol Table. ``image.pe`` imports it.
"""

from __future__ import annotations

import re
from struct import Struct

from wowsim.image.pe_file import (
    DWORD,
    MAX_NAME,
    MAX_STRINGS,
    MAX_SYMBOLS,
    MAX_TEXT,
    SCN_DISCARDABLE,
    SYM_CLASS_EXTERNAL,
    SYM_CLASS_STATIC,
    SYM_DTYPE_FUNCTION,
    PeFile,
)

_SYMBOL = Struct("<8sIhHBB")
_DOT = ord(".")
_STORED = (SYM_CLASS_EXTERNAL, SYM_CLASS_STATIC)
_SLOTS = ("__imp_", "_imp__")
_DECORATION = re.compile(r"@[0-9]+(?=$|\.)")


def symbols(file: PeFile) -> dict[int, str]:
    """Names of functions, labels and variables, by ascending RVA.

    Windows ignores the table, so damage in it refuses nothing: what makes no sense is left out.
    """
    source, start, number_of_symbols = (
        file.source,
        file.header.PointerToSymbolTable,
        file.header.NumberOfSymbols,
    )
    records = min(number_of_symbols, MAX_SYMBOLS, (source.size - start) // _SYMBOL.size)
    if not start or records <= 0:
        return {}
    strings = _Strings(source.read(start + number_of_symbols * _SYMBOL.size, MAX_STRINGS), file.bits)
    places = {
        number: (section.rva, section.size)
        for number, section in enumerate(file.sections, 1)
        if not section.flags & SCN_DISCARDABLE
    }
    best: dict[int, tuple[int, str]] = {}
    skip = 0
    for raw_name, value, number, kind, storage, auxiliary in _SYMBOL.iter_unpack(
        source.read(start, records * _SYMBOL.size)
    ):
        if skip:
            skip -= 1
            continue
        skip = auxiliary
        # Names of sections (".text") are symbols too.
        if number not in places or raw_name[0] == _DOT or storage not in _STORED:
            continue
        rva, size = places[number]
        if value >= size:
            continue
        name = strings.name(raw_name)
        if strings.exhausted:
            break
        # Import slots are named after the imports.
        if not name or name[0] == "." or name.startswith(_SLOTS) or not name.isprintable():
            continue
        rank = 2 * (kind >> 4 & 3 == SYM_DTYPE_FUNCTION) + (storage == SYM_CLASS_EXTERNAL)
        rva += value
        if rva not in best or rank > best[rva][0]:
            best[rva] = (rank, name)
    return {rva: best[rva][1] for rva in sorted(best)}


class _Strings:
    """The string table behind the symbols, of which names longer than eight bytes are."""

    def __init__(self, data: bytes, bits: int) -> None:
        self._data, self._decorated = data, bits == 32
        self._left = MAX_TEXT

    @property
    def exhausted(self) -> bool:
        """Whether the names have taken too much, by overlapping."""
        return self._left < 0

    def name(self, raw: bytes) -> str:
        """A symbol's name as the source has it: on i386 without ``_`` or ``@`` before and ``@n`` behind."""
        if raw[:4] == b"\0\0\0\0":
            at = DWORD.unpack_from(raw, 4)[0]
            raw = self._data[at : max(self._data.find(0, at, at + MAX_NAME + 1), at)]
        name = raw.rstrip(b"\0").decode("latin-1")
        if self._decorated and name[:1] in ("_", "@"):
            name = _DECORATION.sub("", name) if "@" in name[1:] else name
            name = name[1:]
        self._left -= len(name)
        return name
