"""The GDTs of 64-bit and of 32-bit Windows as values: descriptors encode and decode, selectors have names.

Stands for ``nt!KGDTENTRY64`` and the table that ``sgdt`` reads. Values and their sources: wow64-facts
section 1. Pure values; knows no engine.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

GDT_ADDRESS = 0xFFFFF800_00B93000
"""Where the GDT of the seed's machine lies (seed 002)."""
GDT_LIMIT = 0x6F
IDT_ADDRESS, IDT_LIMIT = GDT_ADDRESS + 0x80, 0xFFF
"""256 gates behind the GDT, as register listings of Windows 7 machines show it (unverified)."""
TSS = 0x40
"""Selector in TR (wow64-facts section 1)."""

R0_CODE, R0_DATA = 0x10, 0x18
R3_CODE32, R3_DATA, R3_CODE64, R3_TEB32 = 0x23, 0x2B, 0x33, 0x53


@dataclass(frozen=True)
class Descriptor:
    """One 8-byte segment descriptor.

    Attributes:
        base: segment base address, 32 bits.
        limit: 20-bit limit as stored; pages when ``granularity`` is set.
        type: 4-bit type (Bh: code, readable, accessed; 3: data, writable, accessed).
        code_or_data: the S bit; 0 marks a system descriptor.
        dpl: privilege level 0-3.
        present: P.
        available: AVL, which ``dt nt!_KGDTENTRY64`` shows as System.
        long_mode: L; with it a code segment is 64-bit.
        default_big: D/B; 1 means 32-bit.
        granularity: G; the limit counts pages.
    """

    base: int = 0
    limit: int = 0
    type: int = 0
    code_or_data: int = 1
    dpl: int = 3
    present: int = 1
    available: int = 0
    long_mode: int = 0
    default_big: int = 0
    granularity: int = 0

    @classmethod
    def decode(cls, value: int) -> Descriptor:
        """The descriptor behind a 64-bit value."""
        return cls(
            base=(value >> 16 & 0xFFFFFF) | (value >> 56 & 0xFF) << 24,
            limit=(value & 0xFFFF) | (value >> 48 & 0xF) << 16,
            type=value >> 40 & 0xF,
            code_or_data=value >> 44 & 1,
            dpl=value >> 45 & 3,
            present=value >> 47 & 1,
            available=value >> 52 & 1,
            long_mode=value >> 53 & 1,
            default_big=value >> 54 & 1,
            granularity=value >> 55 & 1,
        )

    def encode(self) -> int:
        """The 64-bit value as it lies in memory."""
        return (
            (self.limit & 0xFFFF)
            | (self.base & 0xFFFFFF) << 16
            | self.type << 40
            | self.code_or_data << 44
            | self.dpl << 45
            | self.present << 47
            | (self.limit >> 16) << 48
            | self.available << 52
            | self.long_mode << 53
            | self.default_big << 54
            | self.granularity << 55
            | (self.base >> 24) << 56
        )

    @property
    def last_byte(self) -> int:
        """The highest offset inside the segment (FFFFFFFF for a 4 GB one)."""
        return (self.limit << 12 | 0xFFF) if self.granularity else self.limit

    @property
    def is_code(self) -> bool:
        """Whether it is a code segment."""
        return bool(self.code_or_data and self.type & 8)

    @property
    def bits(self) -> int:
        """How code in it decodes: 64, 32 or 16 bits."""
        return 64 if self.long_mode else 32 if self.default_big else 16

    def with_base(self, base: int) -> Descriptor:
        """The same descriptor with another base: what a thread switch does to CMTEB."""
        return replace(self, base=base)


NULL = Descriptor(code_or_data=0, dpl=0, present=0)
TEB32_LIMIT = 0xFFF
"""Limit of the CMTEB descriptor as ``dg 53`` shows it (wow64-facts section 1; 3C00 is the boot-time value)."""


def windows_gdt(teb32: int = 0) -> dict[int, Descriptor]:
    """Selector index (RPL and TI zero) -> descriptor, as 64-bit Windows has them."""
    return {
        0x00: NULL,
        0x10: Descriptor.decode(0x00209B00_00000000),
        0x18: Descriptor.decode(0x00CF9300_0000FFFF),
        0x20: Descriptor.decode(0x00CFFB00_0000FFFF),
        0x28: Descriptor.decode(0x00CFF300_0000FFFF),
        0x30: Descriptor.decode(0x0020FB00_00000000),
        0x50: Descriptor(base=teb32, limit=TEB32_LIMIT, type=3, default_big=1),
    }


@dataclass(frozen=True)
class Segments:
    """A kind of Windows as its segments make it.

    The CPU core always works in long mode and enters ring 3 by an ``iretq``, so it needs 64-bit code segments for
    itself. Where Windows has none they lie in ``hidden``, behind the limit in GDTR, which is larger only while the
    core's own instructions run: the guest can neither load nor see them.

    Attributes:
        address: where the GDT lies.
        limit: what ``sgdt`` stores.
        code32, code64: user code selectors; ``code64`` is 0 where there is none.
        data: the user data selector: SS, DS and ES.
        teb: FS; ``gs`` GS.
        tss: what ``str`` stores.
        hidden: the core's own descriptors.
        ring0_code, ring0_data, calibration: selectors of the core's code, its stack, and of 64-bit user code.
    """

    address: int
    limit: int
    code32: int
    code64: int
    data: int
    teb: int
    gs: int
    ring0_code: int
    ring0_data: int
    calibration: int
    tss: int
    hidden: Mapping[int, Descriptor] = field(default_factory=dict)

    @property
    def whole(self) -> int:
        """The limit that includes the hidden descriptors."""
        return max((self.limit, *(index + 7 for index in self.hidden)))


WOW64_SEGMENTS = Segments(
    GDT_ADDRESS,
    GDT_LIMIT,
    R3_CODE32,
    R3_CODE64,
    R3_DATA,
    R3_TEB32,
    R3_DATA,
    R0_CODE,
    R0_DATA,
    R3_CODE64,
    TSS,
)
NATIVE_SEGMENTS = Segments(
    address=0x8003F000,
    limit=0x3FF,
    code32=0x1B,
    code64=0,
    data=0x23,
    teb=0x3B,
    gs=0,
    ring0_code=0x400,
    ring0_data=0x408,
    calibration=0x413,
    tss=0x28,
    hidden={
        0x400: Descriptor.decode(0x00209B00_00000000),
        0x408: Descriptor.decode(0x00CF9300_0000FFFF),
        0x410: Descriptor.decode(0x0020FB00_00000000),
    },
)
"""Selectors: wow64-facts section 1; address and limit as Windows XP has them (unverified)."""


def native_gdt(teb: int = 0) -> dict[int, Descriptor]:
    """Selector index -> descriptor, as 32-bit Windows has them.

    1B, 23 and 3B: wow64-facts section 1; the kernel's own (KGDT_R0_CODE, KGDT_R0_DATA, KGDT_TSS, KGDT_R0_PCR, with
    the bases of Windows XP's first processor) are unverified. Index 30h, which is the gate on 64-bit Windows, is
    the kernel's processor block: data, and not for ring 3.
    """
    return {
        0x00: NULL,
        0x08: Descriptor.decode(0x00CF9B00_0000FFFF),
        0x10: Descriptor.decode(0x00CF9300_0000FFFF),
        0x18: Descriptor.decode(0x00CFFB00_0000FFFF),
        0x20: Descriptor.decode(0x00CFF300_0000FFFF),
        0x28: Descriptor(base=0x80042000, limit=0x20AB, type=0xB, code_or_data=0, dpl=0),
        0x30: Descriptor(base=0xFFDFF000, limit=1, type=3, dpl=0, default_big=1, granularity=1),
        0x38: Descriptor(base=teb, limit=TEB32_LIMIT, type=3, default_big=1),
    }


def gdt_bytes(descriptors: Mapping[int, Descriptor], limit: int = GDT_LIMIT) -> bytes:
    """The table as it lies in memory, ``limit`` + 1 bytes."""
    table = bytearray(limit + 1)
    for selector, descriptor in descriptors.items():
        table[selector : selector + 8] = descriptor.encode().to_bytes(8, "little")
    return bytes(table)
