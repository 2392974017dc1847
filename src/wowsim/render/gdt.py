"""Segment descriptors as the kernel debugger prints them: ``dt nt!_KGDTENTRY64 /b``, ``dg``, and rows for JSON.

Form of ``dt``: seed 002; values of ``dg``: wow64-facts section 1 (its column headings, and both forms of 32-bit
Windows, are unverified). Who may import it: the command line and the debugger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wowsim.cpu.segments import Descriptor
    from wowsim.nt.abi import Width

_HEADINGS = (
    "                                                    P Si Gr Pr Lo",
    "Sel        Base              Limit          Type    l ze an es ng Flags",
    "---- ----------------- ----------------- ---------- - -- -- -- -- --------",
)
_HEADINGS32 = (
    "                                  P Si Gr Pr Lo",
    "Sel    Base     Limit     Type    l ze an es ng Flags",
    "---- -------- -------- ---------- - -- -- -- -- --------",
)
_SYSTEM = {2: "LDT", 9: "TSS64 Avl", 0xB: "TSS64 Busy", 0xC: "CallGate", 0xE: "IntGate", 0xF: "TrapGate"}
_SYSTEM32 = _SYSTEM | {9: "TSS32 Avl", 0xB: "TSS32 Busy"}


def selector_of(index: int, descriptor: Descriptor) -> int:
    """The selector that user or kernel code loads: the index with the descriptor's DPL as RPL."""
    return index & ~7 | descriptor.dpl


def dump(gdt: Mapping[int, Descriptor], index: int, table: int) -> Iterator[str]:
    """``dt _KGDTENTRY64 <table>+<index> /b``, with the line that asks for it.

    The structure has 16 bytes, the descriptor 8: ``BaseUpper`` and ``MustBeZero`` are the next descriptor's bytes,
    and are marked so (wow64-facts section 0.1).

    Args:
        gdt: descriptors by selector index.
        index: of the descriptor.
        table: address of the GDT.
    """
    value = gdt[index].encode()
    following = gdt[index + 8].encode() if index + 8 in gdt else 0
    fields = value.to_bytes(8, "little")
    mark = f"  ; bytes of the next descriptor, {index + 8:x}"
    yield f"0: kd> dt _KGDTENTRY64 {_wide(table, '0x')}+{index:x} /b"
    yield "nt!_KGDTENTRY64"
    yield _field(3, 0, "LimitLow", _number(value & 0xFFFF))
    yield _field(3, 2, "BaseLow", _number(value >> 16 & 0xFFFF))
    yield _field(3, 4, "Bytes", "")
    for offset, name in enumerate(("BaseMiddle", "Flags1", "Flags2", "BaseHigh")):
        yield _field(6, offset, name, _character(fields[4 + offset]))
    yield _field(3, 4, "Bits", "")
    for name, start, width in (
        ("BaseMiddle", 32, 8),
        ("Type", 40, 5),
        ("Dpl", 45, 2),
        ("Present", 47, 1),
        ("LimitHigh", 48, 4),
        ("System", 52, 1),
        ("LongMode", 53, 1),
        ("DefaultBig", 54, 1),
        ("Granularity", 55, 1),
        ("BaseHigh", 56, 8),
    ):
        yield _field(6, 0, name, _binary(value >> start & (1 << width) - 1, width))
    yield _field(3, 8, "BaseUpper", _number(following & 0xFFFFFFFF) + mark)
    yield _field(3, 12, "MustBeZero", _number(following >> 32) + mark)
    yield _field(3, 0, "Alignment", _wide(value, "0x"))


def dump32(gdt: Mapping[int, Descriptor], index: int, table: int) -> Iterator[str]:
    """``dt nt!_KGDTENTRY <table>+<index> /b`` of 32-bit Windows, with the line that asks for it.

    Args:
        gdt: descriptors by selector index.
        index: of the descriptor.
        table: address of the GDT.
    """
    value = gdt[index].encode()
    fields = value.to_bytes(8, "little")
    yield f"0: kd> dt nt!_KGDTENTRY {table:#x}+{index:x} /b"
    yield _field(3, 0, "LimitLow", _number(value & 0xFFFF))
    yield _field(3, 2, "BaseLow", _number(value >> 16 & 0xFFFF))
    yield _field(3, 4, "HighWord", "")
    yield _field(6, 0, "Bytes", "")
    for offset, name in enumerate(("BaseMid", "Flags1", "Flags2", "BaseHi")):
        yield _field(9, offset, name, _character(fields[4 + offset]))
    yield _field(6, 0, "Bits", "")
    for name, start, width in (
        ("BaseMid", 32, 8),
        ("Type", 40, 5),
        ("Dpl", 45, 2),
        ("Pres", 47, 1),
        ("LimitHi", 48, 4),
        ("Sys", 52, 1),
        ("Reserved_0", 53, 1),
        ("Default_Big", 54, 1),
        ("Granularity", 55, 1),
        ("BaseHi", 56, 8),
    ):
        yield _field(9, 0, name, _binary(value >> start & (1 << width) - 1, width))


def _field(indent: int, offset: int, name: str, value: str) -> str:
    return f"{' ' * indent}+0x{offset:03x} {name:<16} : {value}".rstrip()


def _number(value: int) -> str:
    return str(value) if value < 10 else f"{value:#x}"


def _character(value: int) -> str:
    """A UCHAR: its number and, where printable, its character."""
    return f"{_number(value)} '{chr(value) if 0x20 <= value < 0x7F else ''}'"


def _binary(value: int, width: int) -> str:
    """A bit field; wide ones get their number too."""
    return f"0y{value:0{width}b}" + (f" ({_number(value)})" if width > 4 else "")


def _wide(value: int, prefix: str = "") -> str:
    return f"{prefix}{value >> 32:08x}`{value & 0xFFFFFFFF:08x}"


# ------------------------------------------------------------ dg
def table(gdt: Mapping[int, Descriptor], width: Width = 64) -> Iterator[str]:
    """Every descriptor but the null one, as ``dg`` shows selectors of a 64-bit or a 32-bit Windows."""
    yield from _HEADINGS if width == 64 else _HEADINGS32
    for index in sorted(gdt):
        descriptor = gdt[index]
        if descriptor.encode():
            yield _row(selector_of(index, descriptor), descriptor, width)


def _row(selector: int, descriptor: Descriptor, width: Width) -> str:
    first, last = (
        _wide(value) if width == 64 else f"{value:08x}" for value in (descriptor.base, descriptor.last_byte)
    )
    size = "Bg" if descriptor.default_big else "Nb"
    granularity = "Pg" if descriptor.granularity else "By"
    present = "P " if descriptor.present else "Np"
    long = "Lo" if descriptor.long_mode else "Nl"
    return (
        f"{selector:04X} {first} {last} {type_name(descriptor, width):<10} "
        f"{descriptor.dpl} {size} {granularity} {present} {long} {flags(descriptor):08x}"
    )


def flags(descriptor: Descriptor) -> int:
    """The last column of ``dg``: AVL, L, D and G above the access byte."""
    value = descriptor.encode()
    return value >> 44 & 0xF00 | value >> 40 & 0xFF


def type_name(descriptor: Descriptor, width: Width = 64) -> str:
    """``Code RE Ac``, ``Data RW``, ``TSS64 Busy`` ..."""
    kind = descriptor.type
    if not descriptor.code_or_data:
        return (_SYSTEM if width == 64 else _SYSTEM32).get(kind, "<Reserved>")
    access = ("RE" if kind & 2 else "EO") if kind & 8 else ("RW" if kind & 2 else "RO")
    return f"{'Code' if kind & 8 else 'Data'} {access}{' Ac' if kind & 1 else ''}"


# ------------------------------------------------------------ JSON
def rows(gdt: Mapping[int, Descriptor], width: Width = 64) -> list[dict[str, Any]]:
    """Every descriptor but the null one as plain values."""
    return [_plain(index, gdt[index], width) for index in sorted(gdt) if gdt[index].encode()]


def _plain(index: int, descriptor: Descriptor, width: Width) -> dict[str, Any]:
    return {
        "selector": f"{selector_of(index, descriptor):#04x}",
        "descriptor": f"{descriptor.encode():#018x}",
        "base": descriptor.base,
        "limit": descriptor.last_byte,
        "type": type_name(descriptor, width),
        "dpl": descriptor.dpl,
        "present": bool(descriptor.present),
        "long_mode": bool(descriptor.long_mode),
        "default_big": bool(descriptor.default_big),
        "granularity": bool(descriptor.granularity),
        "flags": flags(descriptor),
    }
