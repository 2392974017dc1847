from __future__ import annotations

import re

from wowsim.cpu.segments import GDT_ADDRESS, Descriptor, native_gdt, windows_gdt
from wowsim.render import gdt

TEB32 = 0x7EFDD000
SEED_20 = """\
0: kd> dt _KGDTENTRY64 0xfffff800`00b93000+20 /b
nt!_KGDTENTRY64
+0x000 LimitLow : 0xffff
+0x002 BaseLow : 0
+0x004 Bytes :
+0x000 BaseMiddle : 0 ''
+0x001 Flags1 : 0xfb ''
+0x002 Flags2 : 0xcf ''
+0x003 BaseHigh : 0 ''
+0x004 Bits :
+0x000 BaseMiddle : 0y00000000 (0)
+0x000 Type : 0y11011 (0x1b)
+0x000 Dpl : 0y11
+0x000 Present : 0y1
+0x000 LimitHigh : 0y1111
+0x000 System : 0y0
+0x000 LongMode : 0y0
+0x000 DefaultBig : 0y1
+0x000 Granularity : 0y1
+0x000 BaseHigh : 0y00000000 (0)
+0x008 BaseUpper : 0xffff
+0x00c MustBeZero : 0xcff300
+0x000 Alignment : 0x00cffb00`0000ffff
"""
SEED_30 = """\
0: kd> dt _KGDTENTRY64 0xfffff800`00b93000+30 /b
nt!_KGDTENTRY64
+0x000 LimitLow : 0
+0x002 BaseLow : 0
+0x004 Bytes :
+0x000 BaseMiddle : 0 ''
+0x001 Flags1 : 0xfb ''
+0x002 Flags2 : 0x20 ' '
+0x003 BaseHigh : 0 ''
+0x004 Bits :
+0x000 BaseMiddle : 0y00000000 (0)
+0x000 Type : 0y11011 (0x1b)
+0x000 Dpl : 0y11
+0x000 Present : 0y1
+0x000 LimitHigh : 0y0000
+0x000 System : 0y0
+0x000 LongMode : 0y1
+0x000 DefaultBig : 0y0
+0x000 Granularity : 0y0
+0x000 BaseHigh : 0y00000000 (0)
+0x008 BaseUpper : 0
+0x00c MustBeZero : 0
+0x000 Alignment : 0x0020fb00`00000000
"""


def dumped(index: int) -> list[str]:
    return list(gdt.dump(windows_gdt(TEB32), index, GDT_ADDRESS))


def as_stored(lines: list[str]) -> str:
    """Without marks and columns, as the seed's text has come down."""
    return "".join(re.sub(" +", " ", line.partition("  ;")[0]).strip() + "\n" for line in lines)


def test_the_dumps_of_the_seed() -> None:
    assert as_stored(dumped(0x20)) == SEED_20
    assert as_stored(dumped(0x30)) == SEED_30


def test_foreign_bytes_are_marked() -> None:
    marked = [line for line in dumped(0x20) if ";" in line]
    assert [line.split()[1] for line in marked] == ["BaseUpper", "MustBeZero"]
    assert all(line.endswith("; bytes of the next descriptor, 28") for line in marked)


def test_dump_follows_the_descriptor() -> None:
    changed = windows_gdt(TEB32) | {0x30: Descriptor.decode(0x0000DB00_00000000)}
    text = as_stored(list(gdt.dump(changed, 0x30, GDT_ADDRESS)))
    assert "LongMode : 0y0" in text
    assert "Dpl : 0y10" in text


def test_table() -> None:
    lines = list(gdt.table(windows_gdt(TEB32)))[3:]
    assert lines == [
        "0010 00000000`00000000 00000000`00000000 Code RE Ac 0 Nb By P  Lo 0000029b",
        "0018 00000000`00000000 00000000`ffffffff Data RW Ac 0 Bg Pg P  Nl 00000c93",
        "0023 00000000`00000000 00000000`ffffffff Code RE Ac 3 Bg Pg P  Nl 00000cfb",
        "002B 00000000`00000000 00000000`ffffffff Data RW Ac 3 Bg Pg P  Nl 00000cf3",
        "0033 00000000`00000000 00000000`00000000 Code RE Ac 3 Nb By P  Lo 000002fb",
        "0053 00000000`7efdd000 00000000`00000fff Data RW Ac 3 Bg By P  Nl 000004f3",
    ]


def test_rows() -> None:
    rows = {row["selector"]: row for row in gdt.rows(windows_gdt(TEB32))}
    assert list(rows) == ["0x10", "0x18", "0x23", "0x2b", "0x33", "0x53"]
    assert rows["0x23"] == {
        "selector": "0x23",
        "descriptor": "0x00cffb000000ffff",
        "base": 0,
        "limit": 0xFFFFFFFF,
        "type": "Code RE Ac",
        "dpl": 3,
        "present": True,
        "long_mode": False,
        "default_big": True,
        "granularity": True,
        "flags": 0xCFB,
    }
    assert rows["0x33"]["descriptor"] == "0x0020fb0000000000"
    assert rows["0x33"]["long_mode"] is True
    assert rows["0x53"]["base"] == TEB32


def test_dt_of_32_bit_windows() -> None:
    lines = as_stored(list(gdt.dump32(native_gdt(0x7FFDE000), 0x38, 0x8003F000))).splitlines()
    assert lines[0] == "0: kd> dt nt!_KGDTENTRY 0x8003f000+38 /b"
    values = {line.split()[1]: line.split(" : ")[1] for line in lines[1:] if " : " in line}
    assert (values["LimitLow"], values["BaseLow"], values["Flags1"]) == ("0xfff", "0xe000", "0xf3 ''")
    assert (values["Dpl"], values["Reserved_0"], values["Default_Big"], values["Granularity"]) == (
        "0y11", "0y0", "0y1", "0y0",
    )  # fmt: skip
    assert values["BaseHi"] == "0y01111111 (0x7f)"


def test_dg_of_32_bit_windows() -> None:
    lines = list(gdt.table(native_gdt(0x7FFDE000), 32))[3:]
    assert lines[2] == "001B 00000000 ffffffff Code RE Ac 3 Bg Pg P  Nl 00000cfb"
    assert lines[4] == "0028 80042000 000020ab TSS32 Busy 0 Nb By P  Nl 0000008b"
    assert lines[6] == "003B 7ffde000 00000fff Data RW Ac 3 Bg By P  Nl 000004f3"
    rows = {row["selector"]: row["type"] for row in gdt.rows(native_gdt(), 32)}
    assert (rows["0x1b"], rows["0x28"]) == ("Code RE Ac", "TSS32 Busy")
