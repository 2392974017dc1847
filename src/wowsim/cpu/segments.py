"""The GDT of 64-bit Windows as values: descriptors encode and decode, selectors have names.

Stands for ``nt!KGDTENTRY64`` and the table that ``sgdt`` reads. Values and their sources: wow64-facts
section 1. Pure values; knows no engine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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


def gdt_bytes(descriptors: dict[int, Descriptor]) -> bytes:
    """The table as it lies in memory, :data:`GDT_LIMIT` + 1 bytes."""
    table = bytearray(GDT_LIMIT + 1)
    for selector, descriptor in descriptors.items():
        table[selector : selector + 8] = descriptor.encode().to_bytes(8, "little")
    return bytes(table)
