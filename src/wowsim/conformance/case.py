"""One conformance case as data: a few bytes of code, the state they start in, and what must come out.

Nothing here knows wowsim: another emulator can read a case (``wowsim conformance --export``) and judge itself.

The rules every case follows:

* Code stands at :data:`CODE`; the rest of its page is F4h (``hlt``), so that a case ends with a general protection
  fault there. Other pages: one at :data:`DATA`, one at :data:`STACK` (RSP in its middle), and what FS and GS point at.
* A case ends with its first exception, before anybody handles it.
* What is not named in ``expected`` is as it was: general registers in 64 bits, segment registers and their bases,
  every byte of the pages. None stands for any value. Flags are compared where they are named (``cf``, ``zf`` ...),
  RFLAGS as a whole where it is.
"""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE, DATA, STACK, TEB32, TEB64 = 0x10000000, 0x10010000, 0x10020000, 0x10030000, 0x10040000
PAGE = 0x1000
SP = STACK + 0x800
HLT = 0xF4
FLAGS = {
    "cf": 0, "pf": 2, "af": 4, "zf": 6, "sf": 7, "tf": 8, "if": 9, "df": 10, "of": 11, "nt": 14, "ac": 18,
}  # fmt: skip
"""Names of single bits of RFLAGS."""
START = {
    "rax": 0x11111111, "rcx": 0x22222222, "rdx": 0x33333333, "rbx": 0x44444444, "rsp": SP,
    "rbp": 0x55555555, "rsi": 0x66666666, "rdi": 0x77777777,
    **{f"r{n}": n * 0x0101010101010101 for n in range(8, 16)},
    "rflags": 0x202, "ds": 0x2B, "es": 0x2B, "ss": 0x2B, "fs": 0x53, "gs": 0x2B, "fs_base": TEB32, "gs_base": TEB64,
}  # fmt: skip
"""Registers at the start of a case that names nothing else."""
EVERYWHERE = (1 << 64) - 1
"""The second parameter of an access violation that has no address."""


@dataclass(frozen=True)
class Region:
    """Whole pages of memory: contents from the first byte on, the rest filled with one byte.

    ``protection`` is r, rw, rx, rwx, none or guard.
    """

    address: int
    contents: bytes = b""
    protection: str = "rw"
    size: int = PAGE
    fill: int = 0

    @property
    def bytes(self) -> builtins.bytes:
        """All of it."""
        return self.contents.ljust(self.size, builtins.bytes((self.fill,)))


@dataclass(frozen=True)
class Raised:
    """An exception, as the CPU raises it and as 64-bit Windows reports it.

    Attributes:
        vector: the CPU's.
        status: ExceptionCode.
        parameters: ExceptionInformation.
        error: the CPU's error code, or None where it has none or none is known.
        address: ExceptionAddress, where it is not the RIP that is expected.
    """

    vector: int
    status: int
    parameters: tuple[int, ...] = ()
    error: int | None = None
    address: int | None = None


@dataclass(frozen=True)
class Case:
    """One case; see the module for the rules.

    Attributes:
        name: unique, one line.
        group: theme.
        bits: 32 (CS 23h) or 64 (CS 33h) at the start.
        origin: address of the first instruction.
        instructions: their bytes and texts, in order.
        registers: at the start; all of :data:`START`, and ``rip`` and ``cs``.
        regions: all of memory.
        descriptors: GDT entries that are not Windows's own: selector -> eight bytes as a number.
        machine: what the machine must be where it matters: ``cpu_vendor``, ``build``.
        expected: registers and flags that changed; always ``rip`` and ``cs``.
        written: bytes of memory that changed: address -> bytes.
        raised: the exception that ends it; None: the general protection fault of a ``hlt``.
        source: who says so.
        unverified: the source is no public document about this very case.
    """

    name: str
    group: str
    bits: Literal[32, 64]
    origin: int
    instructions: tuple[tuple[bytes, str], ...]
    registers: dict[str, int]
    regions: tuple[Region, ...]
    descriptors: dict[int, int]
    machine: dict[str, str]
    expected: dict[str, int | None]
    written: dict[int, bytes]
    raised: Raised | None
    source: str
    unverified: bool = False

    @property
    def code(self) -> bytes:
        """The bytes at ``origin``."""
        return b"".join(code for code, _ in self.instructions)

    @property
    def address(self) -> int:
        """ExceptionAddress of what ends the case."""
        if self.raised is not None and self.raised.address is not None:
            return self.raised.address
        return self.expected["rip"] or 0


def split(listing: str) -> tuple[tuple[bytes, str], ...]:
    """The instructions of a listing ``"bytes | text; bytes | text"``."""
    lines = (line.split("|") for line in listing.split(";"))
    return tuple((bytes.fromhex(code), text.strip()) for code, text in lines)


def case(
    name: str,
    bits: Literal[32, 64],
    listing: str,
    expected: Mapping[str, int | None],
    source: str,
    *,
    raised: Raised | None = None,
    at: int | None = None,
    start: dict[str, int] | None = None,
    regions: tuple[Region, ...] = (),
    written: dict[int, bytes] | None = None,
    descriptors: dict[int, int] | None = None,
    machine: dict[str, str] | None = None,
    origin: int = CODE,
    unverified: bool = False,
) -> Case:
    """A case in short: what is usual is filled in.

    ``at`` is the offset of the instruction at which the case ends, default the end of the code or, for an
    exception, the last instruction. Regions given replace those usual pages that they overlap.
    """
    lines = split(listing)
    code = b"".join(line for line, _ in lines)
    if at is None:
        at = len(code) if raised is None else len(code) - len(lines[-1][0])
    cs = 0x23 if bits == 32 else 0x33
    return Case(
        name=name,
        group="",
        bits=bits,
        origin=origin,
        instructions=lines,
        registers=START | {"rip": origin, "cs": cs} | (start or {}),
        regions=_memory(origin, code, regions),
        descriptors=descriptors or {},
        machine=machine or {},
        expected={"rip": origin + at, "cs": cs, **expected},
        written=written or {},
        raised=raised,
        source=source,
        unverified=unverified,
    )


def _memory(origin: int, code: bytes, given: tuple[Region, ...]) -> tuple[Region, ...]:
    first, last = origin & -PAGE, (origin + len(code) - 1) & -PAGE
    text = bytes((HLT,)) * (origin - first) + code
    usual = (
        Region(first, text, "rx", last + PAGE - first, HLT),
        Region(DATA),
        Region(STACK),
        Region(TEB32, bytes(0x18) + dword(TEB32)),
        Region(TEB64, bytes(0x30) + qword(TEB64)),
    )
    taken = {at for region in given for at in range(region.address, region.address + region.size, PAGE)}
    return tuple(region for region in usual if region.address not in taken) + given


# ---------------------------------------------------------------- bytes
def word(value: int) -> bytes:
    """Two bytes."""
    return value.to_bytes(2, "little")


def dword(value: int) -> bytes:
    """Four bytes."""
    return value.to_bytes(4, "little")


def qword(value: int) -> bytes:
    """Eight bytes."""
    return value.to_bytes(8, "little")


# ---------------------------------------------------------------- exceptions
def gp(error: int = 0) -> Raised:
    """#GP: Windows reports an access violation without an address (wow64-facts section 5)."""
    return Raised(13, 0xC0000005, (0, EVERYWHERE), error)


def ss(error: int = 0) -> Raised:
    """#SS: reported as an access violation without an address (unverified)."""
    return Raised(12, 0xC0000005, (0, EVERYWHERE), error)


def np(error: int) -> Raised:
    """#NP: reported as an access violation without an address (unverified)."""
    return Raised(11, 0xC0000005, (0, EVERYWHERE), error)


def pf(kind: Literal["read", "write", "execute"], address: int, error: int | None = None) -> Raised:
    """#PF: an access violation with the kind of access and its address (Microsoft Learn, EXCEPTION_RECORD)."""
    return Raised(14, 0xC0000005, ({"read": 0, "write": 1, "execute": 8}[kind], address), error)


DE = Raised(0, 0xC0000094)
DB = Raised(1, 0x80000004)
OF = Raised(4, 0xC0000095)
BR = Raised(5, 0xC000008C)
UD = Raised(6, 0xC000001D)
PRIVILEGED = Raised(13, 0xC0000096, (), 0)
"""#GP of a privileged instruction."""
