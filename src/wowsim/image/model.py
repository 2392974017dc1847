"""An executable image as the loader sees it, whoever made it.

Stands for what a section object of SEC_IMAGE holds: contents in memory layout, sections, exports,
imports, relocations. ``image.pe`` parses files into it, ``image.synth`` assembles built-in DLLs into it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import field, replace
from enum import Enum
from functools import cached_property
from struct import Struct
from typing import ClassVar, Literal, NamedTuple

from wowsim.image.symbol_names import SymbolNames
from wowsim.nt.records import dataclass

PAGE = 0x1000
_POINTERS = {32: Struct("<I"), 64: Struct("<Q")}


class Provenance(Enum):
    """Where the bytes of a code range come from (wow64-facts, seed documents)."""

    BUILD = "build"
    """The bytes and address are those of the Windows build itself."""
    RECONSTRUCTED = "reconstructed"
    """Written from a public description of what the build's code does."""
    OURS = "ours"
    """wowsim's own code in the place of the build's."""
    TRAP = "trap"
    """One instruction that hands over to Python."""
    GUEST = "guest"
    """The program's own code."""


class Range(NamedTuple):
    """Bytes ``[start, end)`` (RVAs) of one provenance."""

    start: int
    end: int
    provenance: Provenance


@dataclass(frozen=True)
class Section:
    """One section in memory.

    Attributes:
        rva: start, page aligned.
        size: virtual size in bytes, not rounded.
    """

    name: str
    rva: int
    size: int
    readable: bool = True
    writable: bool = False
    executable: bool = False
    shared: bool = False


class Export(NamedTuple):
    """One exported entry; ``forwarder`` is ``"DLL.Name"`` or None, ``name`` None for ordinal-only entries."""

    name: str | None
    ordinal: int
    rva: int
    forwarder: str | None = None


class Import(NamedTuple):
    """One import: ``module`` as written in the file, by ``name`` or by ``ordinal``; ``slot`` is the IAT RVA."""

    module: str
    name: str | None
    ordinal: int | None
    slot: int

    def __str__(self) -> str:
        """``kernel32.dll!CreateFileW`` or ``ws2_32.dll!#115``."""
        return f"{self.module}!{self.name if self.name is not None else f'#{self.ordinal}'}"


@dataclass(frozen=True)
class Tls:
    """The TLS directory, as RVAs and sizes in bytes.

    Attributes:
        start: RVA of the raw data; ``end`` is exclusive.
        index: RVA of the dword that receives the index.
        callbacks: RVAs of the callbacks.
        zero_fill: bytes of zeros after the raw data.
    """

    start: int
    end: int
    index: int
    callbacks: tuple[int, ...]
    zero_fill: int


@dataclass(frozen=True)
class Image:
    r"""An image at its preferred base.

    Attributes:
        name: the module name a debugger shows (``ntdll32``, ``KERNELBASE``, ``createfile``).
        file_name: the file's own name (``ntdll.dll``).
        path: Win32 path in the guest, for loader lists (``C:\Windows\syswow64\ntdll.dll``).
        bits: 32 or 64.
        base: preferred base address.
        contents: memory layout at the preferred base, ``size`` bytes.
        entry: RVA of the entry point; 0 means none.
        relocations: RVAs of the pointers (4 bytes in 32-bit, 8 in 64-bit images) that carry the base; None when
            they are stripped and the image cannot move.
        symbols: RVA -> name, beyond exports.
        traps: RVA of a trap instruction -> name of its handler.
        provenance: ranges, ascending; empty for guest programs.
        system: whether it belongs to Windows rather than to the program.
    """

    name: str
    file_name: str
    path: str
    bits: Literal[32, 64]
    base: int
    contents: bytes = field(repr=False)
    entry: int = 0
    sections: tuple[Section, ...] = ()
    exports: tuple[Export, ...] = field(default=(), repr=False)
    imports: tuple[Import, ...] = field(default=(), repr=False)
    relocations: tuple[int, ...] | None = field(default=None, repr=False)
    tls: Tls | None = None
    symbols: dict[int, str] = field(default_factory=dict, repr=False)
    traps: dict[int, str] = field(default_factory=dict, repr=False)
    provenance: tuple[Range, ...] = field(default=(), repr=False)
    system: bool = False
    is_dll: bool = False
    subsystem: int = 3
    dynamic_base: bool = False
    large_address_aware: bool = False
    stack_reserve: int = 0x100000
    stack_commit: int = 0x1000
    headers_size: int = PAGE
    timestamp: int = 0
    checksum: int = 0

    exports_first: ClassVar[bool] = False
    """Whether an exported name wins over another symbol at its address."""

    @property
    def size(self) -> int:
        """SizeOfImage in bytes, page aligned."""
        return len(self.contents)

    @cached_property
    def names(self) -> SymbolNames:
        """What a debugger calls its addresses."""
        return SymbolNames(self)

    @cached_property
    def export_by_name(self) -> dict[str, Export]:
        """Exports that have a name."""
        return {e.name: e for e in self.exports if e.name is not None}

    @cached_property
    def export_by_ordinal(self) -> dict[int, Export]:
        """All exports."""
        return {e.ordinal: e for e in self.exports}

    @cached_property
    def _starts(self) -> list[int]:
        return [r.start for r in self.provenance]

    def provenance_at(self, rva: int) -> Provenance | None:
        """The provenance of the byte at ``rva``; GUEST outside system images, None where nothing is declared."""
        if not self.system:
            return Provenance.GUEST
        at = bisect_right(self._starts, rva) - 1
        if at >= 0 and rva < self.provenance[at].end:
            return self.provenance[at].provenance
        return None

    def read(self, rva: int, size: int) -> bytes:
        """Bytes at the preferred base."""
        return self.contents[rva : rva + size]

    def around(self, rva: int) -> tuple[bytes, int]:
        """Bytes at the preferred base that hold an RVA, with those at hand around it, and where they start.

        No bytes where there are only zeros.
        """
        return self.contents, 0

    def relocated(self, base: int, start: int = 0, end: int | None = None) -> bytes:
        """The bytes of ``[start, end)``, by default all, for another base.

        Raises:
            ValueError: the relocations are stripped and ``base`` is not the preferred one.
        """
        delta, end = base - self.base, self.size if end is None else end
        if delta == 0:
            return self.read(start, end - start)
        if self.relocations is None:
            raise ValueError(
                f"{self.file_name} has no relocations and must load at {self.base:#x}, not {base:#x}"
            )
        pointer = _POINTERS[self.bits]
        # A pointer may begin before the range, and end behind it.
        low, high = max(start - pointer.size + 1, 0), min(end + pointer.size - 1, self.size)
        moved = bytearray(self.read(low, high - low))
        mask = (1 << self.bits) - 1
        unpack, pack = pointer.unpack_from, pointer.pack_into
        last = high - pointer.size
        for rva in [rva for rva in self.relocations if low <= rva <= last]:
            pack(moved, rva - low, unpack(moved, rva - low)[0] + delta & mask)
        return bytes(memoryview(moved)[start - low : end - low])

    def checked(self) -> Image:
        """This image; one that is read from a file as it is asked for refuses here what is damaged."""
        return self

    def renamed(self, name: str, path: str) -> Image:
        """The same image under another module name and guest path."""
        return replace(self, name=name, path=path)
