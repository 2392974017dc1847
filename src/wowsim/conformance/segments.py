"""Segment registers: what loads into them, their bases and limits in both modes."""

from __future__ import annotations

from wowsim.conformance.case import (
    CODE,
    DATA,
    SP,
    TEB32,
    TEB64,
    UD,
    Case,
    Raised,
    Region,
    case,
    dword,
    gp,
    np,
    pf,
    qword,
    ss,
    word,
)  # fmt: skip

_MOV, _POP, _PUSH = (f"Intel SDM 2, {name}" for name in ("MOV", "POP", "PUSH"))
_LIMITS, _NULL, _TYPES = "Intel SDM 3A, 5.3", "Intel SDM 3A, 5.4.1", "Intel SDM 3A, 5.5"
_LONG, _FACTS = "Intel SDM 3A, 3.4.4", "wow64-facts 1"
_TWO = (Region(TEB32, bytes(0x18) + dword(TEB32), size=0x2000),)
_VALUE = (Region(DATA, dword(0xCAFEF00D)),)
_AT_DATA = {"rbx": DATA}

# ---------------------------------------------------------------- bases and limits
_BASES = (
    case("fs:[18h] in 32-bit code reads the TEB32", 32, "64A118000000 | mov eax, fs:[0x18]",
         {"rax": TEB32}, _FACTS),
    case("gs:[30h] in 64-bit code reads the TEB64", 64, "65488B042530000000 | mov rax, gs:[0x30]",
         {"rax": TEB64},
         _FACTS),
    case("fs keeps its base in 64-bit code", 64, "648B042518000000 | mov eax, fs:[0x18]",
         {"rax": TEB32}, _LONG),
    case("fs:[FFCh] is the last doubleword within the limit", 32, "64A1FC0F0000 | mov eax, fs:[0xffc]",
         {"rax": 0}, _FACTS),
    case("fs:[FFDh] crosses the limit", 32, "64A1FD0F0000 | mov eax, fs:[0xffd]",
         {}, _LIMITS, raised=gp(), regions=_TWO),
    case("fs:[1000h] lies beyond the limit", 32, "64A100100000 | mov eax, fs:[0x1000]",
         {}, _LIMITS, raised=gp(), regions=_TWO),
    case("a write to fs:[1000h] lies beyond the limit", 32, "64A300100000 | mov fs:[0x1000], eax",
         {}, _LIMITS, raised=gp(),
         regions=_TWO),
    case("64-bit code has no limits", 64, "648B042500100000 | mov eax, fs:[0x1000]", {"rax": 0}, _LIMITS,
         regions=_TWO),
    case("below an expand-down segment's limit", 32,
         "B963000000 | mov ecx, 0x63; 8EC1 | mov es, ecx; 268B03 | mov eax, es:[ebx]",
         {"rcx": 0x63, "es": 0x63}, _LIMITS, raised=gp(), start=_AT_DATA,
         descriptors={0x60: 0x00CFF700_0000FFFF}),
    case("the base of es counts in 32-bit code", 32,
         "B963000000 | mov ecx, 0x63; 8EC1 | mov es, ecx; 268B03 | mov eax, es:[ebx]",
         {"rcx": 0x63, "es": 0x63, "rax": 0xCAFEF00D}, _LONG, start={"rbx": CODE}, regions=_VALUE,
         descriptors={0x60: 0x00CFF301_0000FFFF}),
    case("the base of es is ignored in 64-bit code", 64,
         "B963000000 | mov ecx, 0x63; 8EC1 | mov es, ecx; 268B03 | mov eax, es:[rbx]",
         {"rcx": 0x63, "es": 0x63, "rax": 0xCAFEF00D}, _LONG, start=_AT_DATA, regions=_VALUE,
         descriptors={0x60: 0x00CFF301_0000FFFF}),
    case("a string instruction's source takes a segment, its destination keeps es", 32,
         "64A5 | movsd fs:[esi]",
         {"rsi": 0x1C, "rdi": DATA + 4}, "Intel SDM 2, MOVS", start={"rsi": 0x18, "rdi": DATA},
         written={DATA: dword(TEB32)}),
)  # fmt: skip

# ---------------------------------------------------------------- gs is lost by a load
_GS = (
    case("mov gs, 2Bh in 32-bit code takes the descriptor's base", 32,
         "B82B000000 | mov eax, 0x2b; 8EE8 | mov gs, eax",
         {"rax": 0x2B, "gs_base": 0}, _FACTS),
    case("64-bit code behind it no longer finds the TEB64", 32,
         "B82B000000 | mov eax, 0x2b; 8EE8 | mov gs, eax; EA0E0000103300 | jmp 0033:1000000E; "
         "65488B042530000000 | mov rax, gs:[0x30]",
         {"rax": 0x2B, "gs_base": 0, "cs": 0x33}, _FACTS, raised=pf("read", 0x30, 4)),
    case("mov gs, 2Bh in 64-bit code takes the descriptor's base", 64,
         "B82B000000 | mov eax, 0x2b; 8EE8 | mov gs, eax",
         {"rax": 0x2B, "gs_base": 0}, _LONG),
    case("mov fs, 53h in 64-bit code takes the descriptor's base", 64,
         "B853000000 | mov eax, 0x53; 8EE0 | mov fs, eax",
         {"rax": 0x53, "fs_base": TEB32}, _LONG),
    case("pop gs in 32-bit code", 32, "6A2B | push 0x2b; 0FA9 | pop gs",
         {"gs_base": 0}, _POP, written={SP - 4: dword(0x2B)}),
    case("lgs in 32-bit code", 32, "0FB503 | lgs eax, [ebx]",
         {"rax": 0x12345678, "gs_base": 0}, "Intel SDM 2, LGS",
         start=_AT_DATA, regions=(Region(DATA, dword(0x12345678) + word(0x2B)),)),
    case("a null selector clears the base of gs on Intel", 64, "31C0 | xor eax, eax; 8EE8 | mov gs, eax",
         {"rax": 0, "gs": 0, "gs_base": 0}, _LONG, machine={"cpu_vendor": "intel"}),
    case("a null selector keeps the base of gs on AMD", 64, "31C0 | xor eax, eax; 8EE8 | mov gs, eax",
         {"rax": 0, "gs": 0},
         "AMD APM 2, 4.5.3", machine={"cpu_vendor": "amd"}),
)  # fmt: skip


# ---------------------------------------------------------------- loads
def _load(register: str, modrm: str, selector: int, raised: Raised | None, what: str) -> Case:
    """``mov sreg, ecx`` in 32-bit code."""
    expected = {register: selector} if raised is None else {}
    return case(f"mov {register}, {selector:02X}h: {what}", 32, f"8E{modrm} | mov {register}, ecx", expected, _MOV,
                raised=raised, start={"rcx": selector})  # fmt: skip


_LOADS = (
    *(_load("ds", "D9", selector, None, what) for selector, what in (
        (0x00, "null may be loaded"), (0x03, "null with RPL 3 may be loaded"), (0x28, "RPL 0 at DPL 3"),
        (0x23, "readable code"), (0x53, "data with a base"))),
    *(_load("ds", "D9", selector, gp(error), what) for selector, error, what in (
        (0x10, 0x10, "ring-0 code"), (0x18, 0x18, "ring-0 data"), (0x1B, 0x18, "ring-0 data with RPL 3"),
        (0x43, 0x40, "no data (the TSS's place)"), (0x7B, 0x78, "beyond the GDT's limit"),
        (0x2F, 0x2C, "the LDT, which is empty"))),
    *(_load("ss", "D1", selector, gp(error), what) for selector, error, what in (
        (0x00, 0, "null"), (0x10, 0x10, "ring-0 code"), (0x18, 0x18, "ring-0 data"), (0x23, 0x20, "code"),
        (0x28, 0x28, "RPL 0"))),
    _load("ss", "D1", 0x2B, None, "the usual one"),
    _load("es", "C1", 0x53, None, "the TEB's segment"),
    case("mov ss, 0 in 64-bit code at CPL 3", 64, "8ED1 | mov ss, ecx",
         {}, _MOV, raised=gp(), start={"rcx": 0}),
    case("mov ds, 0 in 64-bit code may be loaded and used", 64, "8ED9 | mov ds, ecx; 8B03 | mov eax, [rbx]",
         {"ds": 0, "rax": 0xCAFEF00D}, _NULL, start={"rcx": 0, "rbx": DATA}, regions=_VALUE),
    case("mov ds, not present", 32, "8ED9 | mov ds, ecx", {}, _MOV, raised=np(0x60), start={"rcx": 0x63},
         descriptors={0x60: 0x00CF7300_0000FFFF}),
    case("mov ss, not present", 32, "8ED1 | mov ss, ecx", {}, _MOV, raised=ss(0x60), start={"rcx": 0x63},
         descriptors={0x60: 0x00CF7300_0000FFFF}),
    case("mov ss, read-only data", 32, "8ED1 | mov ss, ecx", {}, _MOV, raised=gp(0x60), start={"rcx": 0x63},
         descriptors={0x60: 0x00CFF100_0000FFFF}),
    case("mov ds, execute-only code", 32, "8ED9 | mov ds, ecx", {}, _MOV, raised=gp(0x60), start={"rcx": 0x63},
         descriptors={0x60: 0x00CFF900_0000FFFF}),
    case("mov cs is no instruction", 32, "8EC9 | mov cs, ecx", {}, _MOV, raised=UD),
    case("mov to the seventh segment register", 64, "8EF1 | mov ?6, ecx", {}, _MOV, raised=UD),
    case("mov eax, fs extends with zeros", 32, "8CE0 | mov eax, fs", {"rax": 0x53}, _MOV),
    case("mov rax, cs extends with zeros", 64, "488CC8 | mov rax, cs", {"rax": 0x33}, _MOV,
         start={"rax": 0xFFFFFFFF_FFFFFFFF}),
    case("mov ax, gs keeps the rest", 64, "668CE8 | mov ax, gs", {"rax": 0xFFFFFFFF_FFFF002B}, _MOV,
         start={"rax": 0xFFFFFFFF_FFFFFFFF}),
    case("push fs takes four bytes in 32-bit code", 32, "0FA0 | push fs", {"rsp": SP - 4}, _PUSH,
         written={SP - 4: dword(0x53)}),
    case("push fs takes eight bytes in 64-bit code", 64, "0FA0 | push fs", {"rsp": SP - 8}, _PUSH,
         written={SP - 8: qword(0x53)}),
)  # fmt: skip

# ---------------------------------------------------------------- access through them
_ACCESS = (
    case("a read through a null ds in 32-bit code", 32, "8ED9 | mov ds, ecx; 8B03 | mov eax, [ebx]",
         {"ds": 0}, _NULL,
         raised=gp(), start={"rcx": 0, "rbx": DATA}),
    case("a write through a null gs in 32-bit code", 32, "8EE9 | mov gs, ecx; 658903 | mov gs:[ebx], eax",
         {"gs": 0, "gs_base": 0}, _NULL, raised=gp(), start={"rcx": 0, "rbx": DATA}),
    case("a write through cs in 32-bit code", 32, "2E8903 | mov cs:[ebx], eax", {}, _TYPES, raised=gp(),
         start=_AT_DATA),
    case("a read through cs", 32, "2E8B03 | mov eax, cs:[ebx]", {"rax": 0xCAFEF00D}, _TYPES, start=_AT_DATA,
         regions=_VALUE),
    case("a write through a read-only segment", 32, "8EC1 | mov es, ecx; 268903 | mov es:[ebx], eax",
         {"es": 0x63}, _TYPES,
         raised=gp(), start={"rcx": 0x63, "rbx": DATA}, descriptors={0x60: 0x00CFF100_0000FFFF}),
    case("segment types do not matter in 64-bit code", 64, "8EC1 | mov es, ecx; 268903 | mov es:[rbx], eax",
         {"es": 0x63}, _TYPES, start={"rcx": 0x63, "rbx": DATA}, descriptors={0x60: 0x00CFF100_0000FFFF},
         written={DATA: dword(0x11111111)}),
)  # fmt: skip

CASES: tuple[Case, ...] = _BASES + _GS + _LOADS + _ACCESS
