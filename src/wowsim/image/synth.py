"""Assembles the built-in system DLLs into real images: code, data, imports, exports, headers.

Stands for the linker that made Windows' DLLs. A module is a set of chunks of assembly, each at a fixed RVA
(the build's) or placed one after another; labels of all chunks know each other. Exports, headers and IAT
slots really lie in the image, so guest code that walks them finds them.

The only importer of keystone.
"""

from __future__ import annotations

import itertools
import re
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from wowsim.image.model import PAGE, Export, Image, Import, Provenance, Range, Section

if TYPE_CHECKING:
    from collections.abc import Mapping

Bits = Literal[32, 64]
EXPORTS, IMPORTS, IAT = 0, 1, 12
"""Indices of data directories."""
TRAP_VECTOR = 0xFD
TRAP_BYTES = bytes((0xCD, TRAP_VECTOR))
"""``int 0FDh``: the one instruction that hands over to Python, at addresses listed in ``Image.traps``."""

_TRAP = re.compile(r"^\s*trap\s+([\w.!]+)\s*$", re.MULTILINE)
_LABEL = re.compile(r"^\s*([A-Za-z_]\w*):", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_]\w*")


class AssemblyError(ValueError):
    """Keystone refused a source; the message carries its reason and the source."""


@lru_cache(maxsize=2)
def _keystone(bits: Bits) -> Any:
    import keystone

    return keystone.Ks(keystone.KS_ARCH_X86, keystone.KS_MODE_32 if bits == 32 else keystone.KS_MODE_64)


def assemble(source: str, bits: Bits, address: int = 0) -> bytes:
    """Assemble Intel-syntax text.

    Raises:
        AssemblyError: the text does not assemble.
    """
    import keystone

    try:
        code, _ = _keystone(bits).asm(source, address, as_bytes=True)
    except keystone.KsError as error:
        raise AssemblyError(f"{error}\n{source}") from None
    return bytes(code or b"")


@dataclass
class Chunk:
    """Assembly at one place.

    Attributes:
        source: Intel syntax; ``label:`` becomes a symbol unless it starts with ``L_`` (known in its chunk only) or
            ``G_`` (known in all); a line ``trap NAME`` is one trap instruction handled by NAME.
        fixed: RVA of the build, or None to be placed behind the previous free chunk.
        provenance: of its bytes; traps inside are marked apart.
        size: if given, the room the chunk may take; more is an error.
        rva: where it was placed.
        marks: address of each label and trap, in the order of ``labels + traps``.
    """

    source: str
    fixed: int | None = None
    provenance: Provenance = Provenance.OURS
    size: int | None = None
    labels: list[str] = field(default_factory=list)
    traps: list[str] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    rva: int = 0
    code: bytes = b""
    marks: tuple[int, ...] = ()
    _assembled: tuple[int, str] | None = None

    def __post_init__(self) -> None:
        self.labels = _LABEL.findall(self.source)
        self.traps = _TRAP.findall(self.source)
        self.words = set(_WORD.findall("\n".join(set(self.source.splitlines()))))  # most lines occur often
        names = iter(range(len(self.traps)))
        self._body = _TRAP.sub(lambda _: f"L_trap{next(names)}: .byte 0xcd, {TRAP_VECTOR:#x}", self.source)

    @property
    def begins_at_known_label(self) -> bool:
        """Whether the first label's address is known before assembling: the chunk's own fixed one."""
        return (
            self.fixed is not None
            and bool(self.labels)
            and self.source.lstrip().startswith(f"{self.labels[0]}:")
        )

    def assemble(self, bits: Bits, base: int, known: dict[str, int]) -> None:
        """Assemble at :attr:`rva`; addresses of the marks come back as a table behind the code."""
        marks = self.labels + [f"L_trap{i}" for i in range(len(self.traps))]
        outside = self.words - set(self.labels)
        prelude = "".join(f"{name} = {known[name]:#x}\n" for name in sorted(outside & known.keys()))
        if (self.rva, prelude) == self._assembled:
            return
        self._assembled = (self.rva, prelude)
        pointer, code = (".long", "I") if bits == 32 else (".quad", "Q")
        table = "".join(f"\n{pointer} {name}" for name in marks)
        blob = assemble(prelude + self._body + table, bits, base + self.rva)
        length = len(blob) - bits // 8 * len(marks)
        self.code, self.marks = blob[:length], struct.unpack_from(f"<{len(marks)}{code}", blob, length)
        if self.size is not None and length > self.size:
            raise AssemblyError(f"{length:#x} bytes where {self.size:#x} have room:\n{self.source}")

    def ranges(self, base: int) -> list[Range]:
        """Provenance of each byte; a trap is a range of its own."""
        ranges, at, end = [], self.rva, self.rva + len(self.code)
        for address in self.marks[len(self.labels) :]:
            trap = address - base
            if at < trap:
                ranges.append(Range(at, trap, self.provenance))
            ranges.append(Range(trap, trap + len(TRAP_BYTES), Provenance.TRAP))
            at = trap + len(TRAP_BYTES)
        if at < end:
            ranges.append(Range(at, end, self.provenance))
        return ranges


class ImageBuilder:
    """Collects chunks, data, imports and exports of one module and builds its :class:`Image`.

    Args:
        name: module name as WinDbg shows it.
        file_name: file name.
        path: Win32 path in the guest.
        bits: 32 or 64.
        base: preferred base.
        size: SizeOfImage in bytes.
        free: RVA where chunks without a fixed RVA go.
    """

    def __init__(
        self, name: str, file_name: str, path: str, bits: Bits, base: int, size: int, free: int = PAGE
    ) -> None:
        self.name, self.file_name, self.path = name, file_name, path
        self.bits: Bits = bits
        self.base, self.size = base, size
        self._free = free
        self._chunks: list[Chunk] = []
        self._data: dict[int, bytes] = {}
        self._ranges: list[Range] = []
        self._constants: dict[str, int] = {}
        self._symbols: dict[int, str] = {}
        self._imports: list[Import] = []
        self._exports: list[tuple[str, str, int | None]] = []
        self._sections: list[Section] = []
        self._forwarders: dict[str, str] = {}
        self.labels: dict[str, int] = {}

    def section(
        self, name: str, rva: int, size: int, *, writable: bool = False, executable: bool = False
    ) -> None:
        """Declare a section (page aligned)."""
        self._sections.append(Section(name, rva, size, True, writable, executable))

    def code(
        self,
        source: str,
        rva: int | None = None,
        provenance: Provenance = Provenance.OURS,
        size: int | None = None,
    ) -> None:
        """Add assembly, see :class:`Chunk`."""
        self._chunks.append(Chunk(source, rva, provenance, size))

    def data(self, rva: int, data: bytes, symbol: str | None = None) -> None:
        """Put bytes at an RVA; with ``symbol``, sources may refer to it by that name."""
        self._data[rva] = data
        if symbol is not None:
            self.constant(symbol, rva)

    def machine_code(self, rva: int, code: bytes, symbols: Mapping[str, int], provenance: Provenance) -> None:
        """Put code that is bytes already, with its symbols' RVAs: assembling hundreds of like stubs takes long."""
        self.data(rva, code)
        self._ranges.append(Range(rva, rva + len(code), provenance))
        for symbol, at in symbols.items():
            self.constant(symbol, at)

    def constant(self, symbol: str, rva: int) -> None:
        """Name an RVA for sources and listings."""
        self._constants[symbol] = self.base + rva
        self._symbols.setdefault(rva, symbol)

    def imported(self, module: str, name: str, rva: int) -> None:
        """One IAT slot; sources say ``call [__imp_NAME]``, listings show the name as WinDbg does."""
        self._imports.append(Import(module, name, None, rva))
        self._constants[f"__imp_{name}"] = self.base + rva
        self._symbols.setdefault(rva, f"_imp__{name}" if self.bits == 32 else f"_imp_{name}")

    def export(self, name: str, symbol: str | None = None, ordinal: int | None = None) -> None:
        """Export a label or constant under ``name``."""
        self._exports.append((name, symbol or name, ordinal))

    def forward(self, name: str, target: str) -> None:
        """Export ``name`` as a forwarder to ``"DLL.Name"``."""
        self._exports.append((name, "", None))
        self._forwarders[name] = target

    def build(self) -> Image:
        """Assemble everything.

        Raises:
            AssemblyError: a source does not assemble, a label is defined twice, or chunks overlap.
        """
        self._assemble()
        contents = bytearray(self.size)
        symbols = dict(self._symbols)
        traps: dict[int, str] = {}
        taken: list[tuple[int, int]] = sorted((c.rva, c.rva + len(c.code)) for c in self._chunks)
        taken += [(rva, rva + len(data)) for rva, data in self._data.items()]
        taken.sort()
        for (_, end), (start, _) in itertools.pairwise(taken):
            if start < end:
                raise AssemblyError(f"{self.name}: something ends at {end:#x} where {start:#x} begins")
        for chunk in self._chunks:
            contents[chunk.rva : chunk.rva + len(chunk.code)] = chunk.code
            marks = [mark - self.base for mark in chunk.marks]
            symbols.update(
                (rva, n)
                for rva, n in zip(marks, chunk.labels, strict=False)
                if not n.startswith(("L_", "G_"))
            )
            traps.update(zip(marks[len(chunk.labels) :], chunk.traps, strict=True))
        for rva, data in self._data.items():
            contents[rva : rva + len(data)] = data
        exports = self._exported()
        sections = tuple(sorted(self._sections, key=lambda s: s.rva))
        directories = {EXPORTS: _write_exports(contents, self.file_name, exports)}
        if self._imports:
            end = directories[EXPORTS][0] or len(contents)
            directories |= _write_imports(contents, self.file_name, self.bits, self._imports, end)
        _write_headers(contents, self.bits, self.base, sections, directories)
        return Image(
            name=self.name,
            file_name=self.file_name,
            path=self.path,
            bits=self.bits,
            base=self.base,
            contents=bytes(contents),
            sections=sections,
            exports=exports,
            imports=tuple(self._imports),
            symbols=symbols,
            traps=traps,
            provenance=tuple(
                sorted(
                    self._ranges + [r for c in self._chunks for r in c.ranges(self.base)],
                    key=lambda r: r.start,
                )
            ),
            system=True,
            is_dll=True,
        )

    def _assemble(self) -> None:
        """Two passes: the first with distant stand-ins for labels of other chunks, the second with the truth."""
        every = [label for chunk in self._chunks for label in chunk.labels]
        public = [label for label in every if not label.startswith("L_")]
        if len(public) != len(set(public)):
            twice = sorted({label for label in public if public.count(label) > 1})
            raise AssemblyError(f"{self.name}: labels defined twice: {', '.join(twice)}")
        known = dict.fromkeys(every, self.base + self.size + 0x100000) | self._constants
        known |= {c.labels[0]: self.base + (c.fixed or 0) for c in self._chunks if c.begins_at_known_label}
        for _ in range(2):
            free = self._free
            for chunk in self._chunks:
                chunk.rva = free if chunk.fixed is None else chunk.fixed
                chunk.assemble(self.bits, self.base, known)
                if chunk.fixed is None:
                    free = (chunk.rva + len(chunk.code) + 15) & ~15
            for chunk in self._chunks:
                known.update(zip(chunk.labels, chunk.marks, strict=False))
        self.labels = known

    def _exported(self) -> tuple[Export, ...]:
        exports, ordinal = [], 1
        for name, symbol, wanted in sorted(self._exports, key=lambda e: e[0]):
            forwarder = self._forwarders.get(name)
            if forwarder is None and symbol not in self.labels:
                raise AssemblyError(f"{self.name}: export {name} names {symbol}, which is no label")
            rva = 0 if forwarder is not None else self.labels[symbol] - self.base
            exports.append(Export(name, ordinal if wanted is None else wanted, rva, forwarder))
            ordinal = exports[-1].ordinal + 1
        return tuple(exports)


def _write_exports(contents: bytearray, file_name: str, exports: tuple[Export, ...]) -> tuple[int, int]:
    """Lay the export directory out in the last pages; returns its RVA and size, which the header names."""
    if not exports:
        return 0, 0
    count = max(e.ordinal for e in exports)
    names = [e for e in exports if e.name is not None]
    strings = [file_name.encode()] + [str(e.name).encode() for e in names]
    forwarders = [e.forwarder.encode() for e in exports if e.forwarder is not None]
    size = 40 + 4 * count + 6 * len(names) + sum(len(s) + 1 for s in strings + forwarders)
    start = (len(contents) - size) & ~0xFFF
    if any(contents[start:]):
        raise AssemblyError(f"{file_name}: no room for {size:#x} bytes of exports")
    functions = start + 40
    name_table, ordinals = functions + 4 * count, functions + 4 * count + 4 * len(names)
    at = ordinals + 2 * len(names)
    places = []
    for text in strings + forwarders:
        contents[at : at + len(text)] = text
        places.append(at)
        at += len(text) + 1
    struct.pack_into("<IIHHIIIIIII", contents, start, 0, 0, 0, 0, places[0], 1, count, len(names), functions,
                     name_table, ordinals)  # fmt: skip
    forwarder_places = iter(places[len(strings) :])
    for e in exports:
        rva = e.rva if e.forwarder is None else next(forwarder_places)
        struct.pack_into("<I", contents, functions + 4 * (e.ordinal - 1), rva)
    for i, e in enumerate(names):
        struct.pack_into("<I", contents, name_table + 4 * i, places[1 + i])
        struct.pack_into("<H", contents, ordinals + 2 * i, e.ordinal - 1)
    return start, size


def _write_imports(
    contents: bytearray, file_name: str, bits: Bits, imports: list[Import], end: int
) -> dict[int, tuple[int, int]]:
    """Lay descriptors, lookup tables and names out before ``end``; slots hold what their lookup entries hold.

    A descriptor covers neighbouring slots of one module, so a module whose slots lie apart has several.
    """
    width = bits // 8
    runs: list[list[Import]] = []
    for i in sorted(imports, key=lambda i: i.slot):
        if runs and runs[-1][-1].module == i.module and runs[-1][-1].slot + width == i.slot:
            runs[-1].append(i)
        else:
            runs.append([i])
    texts = {i.module: i.module.encode() + b"\0" for i in imports}
    texts |= {str(i): b"\0\0" + str(i.name).encode() + b"\0" for i in imports}
    tables = 20 * (len(runs) + 1)
    strings = tables + width * sum(len(run) + 1 for run in runs)
    start = (end - strings - sum(len(t) for t in texts.values())) & ~0xF
    if any(contents[start:end]):
        raise AssemblyError(f"{file_name}: no room for {end - start:#x} bytes of imports")
    at, places = start + strings, {}
    for key, text in texts.items():
        contents[at : at + len(text)] = text
        places[key] = at
        at += len(text)
    table = start + tables
    for number, run in enumerate(runs):
        struct.pack_into(
            "<5I", contents, start + 20 * number, table, 0, 0, places[run[0].module], run[0].slot
        )
        for i in run:
            entry = places[str(i)].to_bytes(width, "little")
            contents[table : table + width] = contents[i.slot : i.slot + width] = entry
            table += width
        table += width
    slots = [i.slot for i in imports]
    return {IMPORTS: (start, tables), IAT: (min(slots), max(slots) + width - min(slots))}


def _write_headers(
    contents: bytearray,
    bits: Bits,
    base: int,
    sections: tuple[Section, ...],
    directories: Mapping[int, tuple[int, int]],
) -> None:
    """The DOS, NT and section headers, as code that walks an image in memory expects them."""
    machine, magic, optional = (0x14C, 0x10B, 0xE0) if bits == 32 else (0x8664, 0x20B, 0xF0)
    new = 0x80
    struct.pack_into("<2s58xI", contents, 0, b"MZ", new)
    struct.pack_into("<4sHHIIIHH", contents, new, b"PE", machine, len(sections), 0, 0, 0, optional,
                     0x2102 if bits == 32 else 0x2022)  # fmt: skip
    head = new + 24
    struct.pack_into("<H", contents, head, magic)
    text = next((s for s in sections if s.executable), None)
    struct.pack_into("<I", contents, head + 20, text.rva if text else 0)
    struct.pack_into("<I" if bits == 32 else "<Q", contents, head + (28 if bits == 32 else 24), base)
    struct.pack_into(
        "<IIHHHHHHIIII", contents, head + 32, PAGE, 0x200, 6, 1, 6, 1, 6, 1, 0, len(contents), PAGE, 0
    )
    struct.pack_into("<HH", contents, head + 68, 3, 0x140)
    stack = (0x40000, 0x1000, 0x100000, 0x1000)
    struct.pack_into("<4I" if bits == 32 else "<4Q", contents, head + 72, *stack)
    table = head + (96 if bits == 32 else 112)
    struct.pack_into("<I", contents, table - 4, 16)
    for index, place in directories.items():
        struct.pack_into("<II", contents, table + 8 * index, *place)
    at = head + optional
    for s in sections:
        flags = 0x40000000 * s.readable | 0x80000000 * s.writable | 0x20000000 * s.executable
        flags |= 0x20 if s.executable else 0x40
        name = s.name.encode()[:8]
        struct.pack_into("<8sIIIIIIHHI", contents, at, name, s.size, s.rva, s.size, s.rva, 0, 0, 0, 0, flags)
        at += 40
