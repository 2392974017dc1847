"""The directories of a PE file, read from its mapped contents as ntdll reads them: imports, exports, relocations, TLS.

Every walk is bounded, whatever the tables say. Sources: as ``image.pe``. ``image.pe_image`` imports it.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from struct import Struct, unpack_from
from typing import TYPE_CHECKING, Literal

from wowsim.errors import Unsupported, UsageError
from wowsim.image.model import Export, Import, Tls
from wowsim.image.pe_file import (
    DIRECTORY_BASERELOC,
    DIRECTORY_EXPORT,
    DIRECTORY_IMPORT,
    DIRECTORY_TLS,
    DWORD,
    MAX_ENTRIES,
    MAX_IMAGE,
    MAX_NAME,
    MAX_RELOCATIONS,
    MAX_TEXT,
    RELOCATION_TYPES,
    PeFile,
    malformed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.image.contents import Contents

_POINTERS = {32: DWORD, 64: Struct("<Q")}
_EXPORT_DIRECTORY = Struct("<16x6I")
_IMPORT_DESCRIPTOR = Struct("<5I")
_BLOCK = Struct("<II")
_NO_NAME: tuple[str | None, ...] = (None,)
_TLS = {32: Struct("<5I4x"), 64: Struct("<4QI4x")}


class View:
    """The mapped image while its directories are read: every read is checked and says what it was for."""

    def __init__(self, contents: Contents, file: PeFile) -> None:
        self.contents = contents
        self.size = contents.size
        self.file = file
        self.base: int = file.optional.ImageBase
        self.pointer = _POINTERS[file.bits]
        self._text_left = MAX_TEXT
        self._at, self._piece = 0, b""

    def malformed(self, text: str) -> UsageError:
        """The one line that refuses the file."""
        return malformed(self.file.name, text)

    def check(self, rva: int, size: int, what: str) -> None:
        """Refuse a table that lies outside the image."""
        if not 0 <= rva <= self.size - size:
            raise self.malformed(f"{what} at RVA {rva:X}h lies outside the image ({self.size:X}h bytes)")

    def _find(self, rva: int, size: int) -> tuple[bytes, int]:
        """Bytes that hold the range, and where in them it starts; neighbours are asked for one after another."""
        at = rva - self._at
        if not 0 <= at <= len(self._piece) - size:
            self._piece, self._at = self.contents.around(rva)
            at = rva - self._at
            if at + size > len(self._piece):
                return self.contents.read(rva, size), 0
        return self._piece, at

    def unpack(self, layout: Struct, rva: int, what: str) -> tuple[int, ...]:
        """Fields at an RVA."""
        self.check(rva, layout.size, what)
        return layout.unpack_from(*self._find(rva, layout.size))

    def array(self, code: Literal["H", "I"], rva: int, length: int, what: str) -> tuple[int, ...]:
        """``length`` words or dwords."""
        if not length:
            return ()
        size = length * (2 if code == "H" else 4)
        self.check(rva, size, what)
        return unpack_from(f"<{length}{code}", *self._find(rva, size))

    def text(self, rva: int, what: str) -> str:
        """A zero-terminated name."""
        at = rva - self._at
        end = self._piece.find(0, at, at + MAX_NAME + 1) if at >= 0 else -1
        if end < 0:
            self.check(rva, 1, what)
            data, at = self._find(rva, min(MAX_NAME + 1, self.size - rva))
            end = data.find(0, at, at + MAX_NAME + 1)
            if end < 0:
                raise self.malformed(f"{what} at RVA {rva:X}h has no end within {MAX_NAME} bytes")
        else:
            data = self._piece
        self._text_left -= end - at
        if self._text_left < 0:
            raise self.malformed(f"its names take more than {MAX_TEXT >> 20} MB")
        return data[at:end].decode("latin-1")

    def rva(self, address: int, size: int, what: str) -> int:
        """The RVA of ``size`` bytes at an absolute address."""
        rva = address - self.base
        if not 0 <= rva <= self.size - size:
            raise self.malformed(
                f"{what} at {address:X}h lies outside the image ({self.size:X}h bytes at {self.base:X}h)"
            )
        return rva


def imports(view: View) -> tuple[Import, ...]:
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


def _module_imports(view: View, name: int, lookup: int, table: int) -> Iterator[Import]:
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


def exports(view: View) -> tuple[Export, ...]:
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
        for name in aliases.get(index, _NO_NAME):
            found.append(Export(name, base + index, rva, forwarder))
    return tuple(found)


def relocations(view: View) -> tuple[int, ...]:
    """RVAs of the pointers that carry the base."""
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


def _relocation_block(view: View, page: int, at: int, number: int) -> list[int]:
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


def tls(view: View) -> Tls | None:
    """The TLS directory, if there is one."""
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


def _callbacks(view: View, address: int) -> Iterator[int]:
    width = view.pointer.size
    start = view.rva(address, width, "the table of TLS callbacks")
    for at in range(start, start + MAX_ENTRIES * width, width):
        (callback,) = view.unpack(view.pointer, at, "a TLS callback")
        if not callback:
            return
        yield view.rva(callback, 1, "a TLS callback")
    raise view.malformed(f"its TLS callbacks have no end within {MAX_ENTRIES}")
