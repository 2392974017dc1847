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
from collections import Counter
from dataclasses import field
from functools import lru_cache
from importlib import resources
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

from wowsim.image import assembled
from wowsim.image.model import PAGE, Export, Image, Import, Provenance, Range, Section
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

Bits = Literal[32, 64]
EXPORTS, IMPORTS, IAT = 0, 1, 12
"""Indices of data directories."""
TRAP_VECTOR = 0xFD
TRAP_BYTES = bytes((0xCD, TRAP_VECTOR))
"""``int 0FDh``: the one instruction that hands over to Python, at addresses listed in ``Image.traps``."""

_TRAP = re.compile(r"^[ \t]*trap[ \t]+([\w.!]+)[ \t]*$", re.MULTILINE)
_LABEL = re.compile(r"^[ \t]*([A-Za-z_]\w*):", re.MULTILINE)
_TRAPS = re.compile(r"\n[ \t]*trap[ \t]+([\w.!]+)[ \t]*(?=\n)")
_LABELS = re.compile(r"\n[ \t]*([A-Za-z_]\w*):")
"""The same two for a text with a line's end on both sides: they are found several times as fast."""
_LOCAL = re.compile(r"\bL_")
_PUSH = re.compile(r"^([ \t]*)push ([A-Za-z_]\w*)$", re.MULTILINE)
_SEPARATORS = str.maketrans(dict.fromkeys("[](){},:+-*/.;\t\n", " "))
_REGISTERS = frozenset(
    (
        *(f"{e}{r}" for e in ("", "e", "r") for r in ("ax", "bx", "cx", "dx", "si", "di", "bp", "sp")),
        *(f"r{n}" for n in range(8, 16)),
        *("cs", "ds", "es", "fs", "gs", "ss"),
    )
)
_SETTLED = 5
"""Passes after which every address must have stopped to move."""


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
    key = assembled.digest(source, bits, address)
    known = assembled.find(key)
    if known is None:
        known = _asked(source, bits, address)
        assembled.note(key, known)
    return known


def _asked(source: str, bits: Bits, address: int) -> bytes:
    """What keystone makes of a text."""
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
    rva: int = 0
    code: bytes = b""
    marks: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        lines = f"\n{self.source}\n"
        self.labels = _LABELS.findall(lines)
        self.traps = _TRAPS.findall(lines)

    def body(self) -> str:
        """The source as the assembler reads it."""
        numbers = itertools.count()
        # a label of its own beside each: keystone takes ten times as long for the address of a public label
        body = _LABEL.sub(lambda m: f"L_mark{next(numbers)}: {m[1]}:", self.source)
        # keystone takes a label's address for a byte: "invalid fixup"
        body = _PUSH.sub(lambda m: m[0] if m[2] in _REGISTERS else f"{m[1]}.byte 0x68\n.long {m[2]}", body)
        return _TRAP.sub(lambda _: f"L_mark{next(numbers)}: .byte 0xcd, {TRAP_VECTOR:#x}", body)

    @property
    def begins_at_known_label(self) -> bool:
        """Whether the first label's address is known before assembling: the chunk's own fixed one."""
        return (
            self.fixed is not None
            and bool(self.labels)
            and self.source.lstrip().startswith(f"{self.labels[0]}:")
        )

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


_BETWEEN = "\n;;\n"


@lru_cache(maxsize=1)
def _rules() -> str:
    """A digest of this module: what becomes of sources is part of what they are kept under."""
    file = resources.files("wowsim.image").joinpath("synth.py")
    return assembled.digest(file.read_text(encoding="utf-8") if file.is_file() else "", 0, 0).hex()


class _Piece:
    """Chunks that are assembled in one go: one of the build's, or all free ones, each at a multiple of 16.

    Among several, names in ``L_`` carry their chunk's number, so that chunks do not see each other's.
    """

    def __init__(self, chunks: list[Chunk], rva: int, bits: Bits) -> None:
        self.chunks, self.bits = chunks, bits
        self._rva = rva
        self._pointer, self._code = (".long", "I") if bits == 32 else (".quad", "Q")
        self._count = sum(2 + len(chunk.labels) + len(chunk.traps) for chunk in chunks)
        self._sources = _BETWEEN.join(chunk.source for chunk in chunks)
        lines = "\n".join(set(self._sources.splitlines()))  # most lines occur often
        own = {label for chunk in chunks for label in chunk.labels}
        self._outside = set(lines.translate(_SEPARATORS).split()) - own
        self._assembled: str | None = None

    def _text(self) -> str:
        """What the assembler reads: the bodies, and behind them a table of the marks' addresses."""
        bodies, marks = [], []
        for number, chunk in enumerate(self.chunks):
            body, local = f"\nL_mark_begin:\n{chunk.body()}\nL_mark_end:\n", "L_"
            if len(self.chunks) > 1:
                local = f"L{number}_"
                body = _LOCAL.sub(local, body)
            bodies.append(body)
            count = len(chunk.labels) + len(chunk.traps)
            marks += [f"{local}mark_begin", f"{local}mark_end", *(f"{local}mark{i}" for i in range(count))]
        return ".p2align 4, 0".join(bodies) + "".join(f"\n{self._pointer} {name}" for name in marks)

    def _blob(self, prelude: str, start: int) -> bytes:
        """The code with its table, kept under the sources as they were written: making the text takes long."""
        key = assembled.digest(f"{_rules()}{prelude}{self._sources}", self.bits, start)
        blob = assembled.find(key)
        if blob is None:
            blob = _asked(prelude + self._text(), self.bits, start)
            assembled.note(key, blob)
        return blob

    def assemble(self, base: int, known: dict[str, int]) -> bool:
        """Assemble, unless it was with the same addresses of the labels outside; returns whether.

        The addresses of the marks come back as a table behind the code.
        """
        prelude = "".join(f"{name} = {known[name]:#x}\n" for name in sorted(self._outside & known.keys()))
        if prelude == self._assembled:
            return False
        self._assembled = prelude
        start = base + self._rva
        try:
            blob = self._blob(prelude, start)
        except AssemblyError:
            self._blame(base, known)
            raise
        at = len(blob) - self.bits // 8 * self._count
        marks = struct.unpack_from(f"<{self._count}{self._code}", blob, at)
        first = 0
        for chunk in self.chunks:
            begin, end = marks[first] - start, marks[first + 1] - start
            first, chunk_marks = first + 2 + len(chunk.labels) + len(chunk.traps), first + 2
            chunk.rva, chunk.code, chunk.marks = self._rva + begin, blob[begin:end], marks[chunk_marks:first]
            if chunk.size is not None and end - begin > chunk.size:
                raise AssemblyError(
                    f"{end - begin:#x} bytes where {chunk.size:#x} have room:\n{chunk.source}"
                )
        return True

    def _blame(self, base: int, known: dict[str, int]) -> None:
        """Raise for the first of several chunks that does not assemble alone."""
        if len(self.chunks) > 1:
            everything = (
                dict.fromkeys((label for chunk in self.chunks for label in chunk.labels), base) | known
            )
            everything = {name: at for name, at in everything.items() if not name.startswith("L_")}
            for chunk in self.chunks:
                _Piece([chunk], self._rva, self.bits).assemble(base, everything)


class ImageBuilder:
    """Collects chunks, data, imports and exports of one module and builds its :class:`Image`.

    Args:
        name: module name as WinDbg shows it.
        file_name: file name.
        path: Win32 path in the guest.
        bits: 32 or 64.
        base: preferred base.
        size: SizeOfImage in bytes.
        free: RVA where chunks without a fixed RVA go, a multiple of 16.
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
        """Free chunks first, then the build's; labels not known yet have distant stand-ins until nothing moves."""
        every = [label for chunk in self._chunks for label in chunk.labels]
        twice = [label for label, count in Counter(every).items() if count > 1 and not label.startswith("L_")]
        if twice:
            raise AssemblyError(f"{self.name}: labels defined twice: {', '.join(sorted(twice))}")
        known = dict.fromkeys(every, self.base + self.size + 0x100000) | self._constants
        known |= {c.labels[0]: self.base + (c.fixed or 0) for c in self._chunks if c.begins_at_known_label}
        free = [chunk for chunk in self._chunks if chunk.fixed is None]
        pieces = [_Piece(free, self._free, self.bits)] if free else []
        pieces += [
            _Piece([chunk], chunk.fixed, self.bits) for chunk in self._chunks if chunk.fixed is not None
        ]
        for _ in range(_SETTLED):
            moved = False
            for piece in pieces:
                if piece.assemble(self.base, known):
                    moved = True
                    for chunk in piece.chunks:
                        known.update(zip(chunk.labels, chunk.marks, strict=False))
            if not moved:
                break
        else:
            raise AssemblyError(f"{self.name}: the addresses of its labels do not settle")
        self.labels = known

    def _exported(self) -> tuple[Export, ...]:
        exports, ordinal = [], 1
        for name, symbol, wanted in sorted(self._exports, key=itemgetter(0)):
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
    if contents.count(0, start) != len(contents) - start:
        raise AssemblyError(f"{file_name}: no room for {size:#x} bytes of exports")
    functions = start + 40
    name_table, ordinals = functions + 4 * count, functions + 4 * count + 4 * len(names)
    texts = strings + forwarders
    places = list(itertools.accumulate((len(text) + 1 for text in texts), initial=ordinals + 2 * len(names)))
    struct.pack_into("<IIHHIIIIIII", contents, start, 0, 0, 0, 0, places[0], 1, count, len(names), functions,
                     name_table, ordinals)  # fmt: skip
    rvas = [0] * count
    forwarder_places = iter(places[len(strings) :])
    for e in exports:
        rvas[e.ordinal - 1] = e.rva if e.forwarder is None else next(forwarder_places)
    struct.pack_into(f"<{count}I", contents, functions, *rvas)
    struct.pack_into(f"<{len(names)}I", contents, name_table, *places[1 : 1 + len(names)])
    struct.pack_into(f"<{len(names)}H", contents, ordinals, *(e.ordinal - 1 for e in names))
    contents[places[0] : places[-1]] = b"\0".join(texts) + b"\0"
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
