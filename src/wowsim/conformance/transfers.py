"""Far transfers between CS 23h and CS 33h: every form, both ways, and the selectors that they refuse."""

from __future__ import annotations

from wowsim.conformance.case import CODE, DATA, SP, UD, Case, Region, case, dword, gp, np, qword, word

_JMP, _CALL, _RET, _IRET = (f"Intel SDM 2, {name}" for name in ("JMP", "CALL", "RET", "IRET"))
_GATES = "wow64-facts 12"
_R8 = 0x0808080808080808
_INTEL, _AMD = {"cpu_vendor": "intel"}, {"cpu_vendor": "amd"}
_TO_64, _TO_32 = {"cs": 0x33, "r8": _R8 + 1}, {"cs": 0x23, "rax": 0x11111112}
"""Behind the switch one instruction counts that decodes otherwise in the other mode."""


def _pointer(offset: int, selector: int, wide: bool = False) -> Region:
    """A far pointer at DATA, where EBX points."""
    return Region(DATA, (qword(offset) if wide else dword(offset)) + word(selector))


def _frame(*cells: int, size: int = 8) -> Region:
    """A stack frame at DATA, where ESP points."""
    return Region(DATA, b"".join(cell.to_bytes(size, "little") for cell in cells))


_AT_DATA = {"rbx": DATA}
_ON_DATA = {"rsp": DATA}

_WORKING = (
    case("jmp ptr16:32 from 23h to 33h", 32, "EA070000103300 | jmp 0033:10000007; 49FFC0 | inc r8",
         _TO_64, _JMP),
    case("jmp ptr16:32 from 23h to 23h", 32, "EA070000102300 | jmp 0023:10000007; 40 | inc eax", _TO_32, _JMP),
    case("jmp m16:32 from 23h to 33h", 32, "FF2B | jmp fword ptr [ebx]; 49FFC0 | inc r8", _TO_64, _JMP,
         start=_AT_DATA, regions=(_pointer(CODE + 2, 0x33),)),
    case("jmp m16:32 from 33h to 23h", 64, "FF2B | jmp fword ptr [rbx]; 40 | inc eax", _TO_32, _JMP,
         start=_AT_DATA, regions=(_pointer(CODE + 2, 0x23),)),
    case("jmp m16:64 from 33h to 33h on Intel", 64, "48FF2B | jmp m16:64 [rbx]; 49FFC0 | inc r8", _TO_64, _JMP,
         start=_AT_DATA, regions=(_pointer(CODE + 3, 0x33, wide=True),), machine=_INTEL),
    case("jmp with REX.W takes m16:32 on AMD", 64, "48FF2B | jmp fword ptr [rbx]; 49FFC0 | inc r8", _TO_64,
         "AMD APM 3, JMP (Far)", start=_AT_DATA, regions=(_pointer(CODE + 3, 0x33),), machine=_AMD),
    case("call ptr16:32 from 23h to 33h", 32, "9A070000103300 | call 0033:10000007; 49FFC0 | inc r8",
         _TO_64 | {"rsp": SP - 8}, _CALL, written={SP - 8: dword(CODE + 7), SP - 4: dword(0x23)}),
    case("call ptr16:32 from 23h to 23h", 32, "9A070000102300 | call 0023:10000007; 40 | inc eax",
         _TO_32 | {"rsp": SP - 8}, _CALL, written={SP - 8: dword(CODE + 7), SP - 4: dword(0x23)}),
    case("call m16:32 from 23h to 33h", 32, "FF1B | call fword ptr [ebx]; 49FFC0 | inc r8",
         _TO_64 | {"rsp": SP - 8}, _CALL, start=_AT_DATA, regions=(_pointer(CODE + 2, 0x33),),
         written={SP - 8: dword(CODE + 2), SP - 4: dword(0x23)}),
    case("call m16:32 from 33h to 23h pushes two doublewords", 64, "FF1B | call fword ptr [rbx]; 40 | inc eax",
         _TO_32 | {"rsp": SP - 8}, _CALL, start=_AT_DATA, regions=(_pointer(CODE + 2, 0x23),),
         written={SP - 8: dword(CODE + 2), SP - 4: dword(0x33)}),
    case("call m16:64 from 33h to 33h pushes two quadwords on Intel", 64,
         "48FF1B | call m16:64 [rbx]; 49FFC0 | inc r8",
         _TO_64 | {"rsp": SP - 16}, _CALL, start=_AT_DATA, regions=(_pointer(CODE + 3, 0x33, wide=True),),
         written={SP - 16: qword(CODE + 3), SP - 8: qword(0x33)}, machine=_INTEL),
    case("the gate of shellcode: retf from 23h to 33h", 32,
         "6A33 | push 0x33; E800000000 | call 0x10000007; 83042405 | add dword ptr [esp], 5; "
         "CB | retf; 49FFC0 | inc r8", _TO_64, _GATES,
         written={SP - 8: dword(CODE + 12), SP - 4: dword(0x33)}),
    case("the gate of shellcode: retf from 33h to 23h", 64,
         "E800000000 | call 0x10000005; C744240423000000 | mov dword ptr [rsp+4], 0x23; "
         "8304240D | add dword ptr [rsp], 0xd; CB | retf; 40 | inc eax", _TO_32, _GATES,
         written={SP - 8: dword(CODE + 18), SP - 4: dword(0x23)}),
    case("wow64cpu!KiFastSystemCall2: jmp fword ptr [esp]", 32,
         "6A33 | push 0x33; 50 | push eax; E800000000 | call 0x10000008; 58 | pop eax; "
         "050C000000 | add eax, 12; 870424 | xchg eax, [esp]; FF2C24 | jmp fword ptr [esp]; "
         "4883C408 | add rsp, 8; 49FFC0 | inc r8", _TO_64, "wow64-facts 2",
         written={SP - 12: dword(CODE + 8), SP - 8: dword(CODE + 20), SP - 4: dword(0x33)}),
    case("retf n from 23h to 33h releases n bytes", 32,
         "6A00 | push 0; 6A33 | push 0x33; 680C000010 | push 0x1000000c; CA0400 | retf 4; "
         "49FFC0 | inc r8",
         _TO_64, _RET, written={SP - 12: dword(CODE + 12), SP - 8: dword(0x33)}),
    case("retfq from 33h to 23h pops two quadwords", 64,
         "6A23 | push 0x23; 6809000010 | push 0x10000009; 48CB | retfq; 40 | inc eax", _TO_32,
         _RET, written={SP - 16: qword(CODE + 9), SP - 8: qword(0x23)}),
    case("retfq n from 33h to 23h", 64,
         "6A00 | push 0; 6A23 | push 0x23; 680D000010 | push 0x1000000d; 48CA0800 | retfq 8; "
         "40 | inc eax", _TO_32,
         _RET, written={SP - 24: qword(CODE + 13), SP - 16: qword(0x23)}),
    case("retf from 33h pops two doublewords", 64, "CB | retf; 40 | inc eax", _TO_32 | {"rsp": DATA + 8}, _RET,
         start=_ON_DATA, regions=(_frame(CODE + 1, 0x23, size=4),)),
    case("iretd from 23h to 33h pops three doublewords", 32, "CF | iretd; 49FFC0 | inc r8",
         _TO_64 | {"rsp": DATA + 12, "cf": 1}, _IRET, start=_ON_DATA,
         regions=(_frame(CODE + 1, 0x33, 0x203, size=4),)),
    case("iretd from 23h to 23h loads EFLAGS", 32, "CF | iretd; 90 | nop",
         {"rsp": DATA + 12, "cf": 1, "df": 1}, _IRET,
         start=_ON_DATA, regions=(_frame(CODE + 1, 0x23, 0x603, size=4),)),
    case("iretq from 33h to 23h pops five quadwords", 64, "48CF | iretq; 40 | inc eax",
         _TO_32 | {"rsp": SP - 0x10}, _IRET,
         start=_ON_DATA, regions=(_frame(CODE + 2, 0x23, 0x202, SP - 0x10, 0x2B),)),
    case("iretq from 33h to 33h", 64, "48CF | iretq; 49FFC0 | inc r8", _TO_64 | {"rsp": SP - 0x10}, _IRET,
         start=_ON_DATA, regions=(_frame(CODE + 2, 0x33, 0x202, SP - 0x10, 0x2B),)),
    case("iretd from 33h to 23h pops five doublewords", 64, "CF | iretd; 40 | inc eax",
         _TO_32 | {"rsp": SP - 0x10}, _IRET,
         start=_ON_DATA, regions=(_frame(CODE + 1, 0x23, 0x202, SP - 0x10, 0x2B, size=4),)),
    case("a round trip keeps r8 to r15", 32,
         "EA070000103300 | jmp 0033:10000007; E800000000 | call 0x1000000c; "
         "C744240423000000 | mov dword ptr [rsp+4], 0x23; 8304240D | add dword ptr [rsp], 0xd; "
         "CB | retf; 40 | inc eax", _TO_32, "wow64-facts 3.4",
         written={SP - 8: dword(CODE + 25), SP - 4: dword(0x23)}),
    case("a 32-bit write clears the upper half that 64-bit code left", 64,
         "FF2B | jmp fword ptr [rbx]; B805000000 | mov eax, 5; "
         "EA0E0000103300 | jmp 0033:1000000E; 49FFC0 | inc r8",
         {"r8": _R8 + 1, "rax": 5}, "wow64-facts 3.4", unverified=True,
         start={"rbx": DATA, "rax": 0xAAAAAAAA_11111111}, regions=(_pointer(CODE + 2, 0x23),)),
    case("what 32-bit code does not write keeps its upper half", 64,
         "FF2B | jmp fword ptr [rbx]; B805000000 | mov eax, 5; "
         "EA0E0000103300 | jmp 0033:1000000E; 49FFC0 | inc r8",
         {"r8": _R8 + 1, "rax": 5}, "wow64-facts 3.4 (undefined by Intel SDM 1, 3.4.1.1)", unverified=True,
         start={"rbx": DATA, "rcx": 0xBBBBBBBB_22222222}, regions=(_pointer(CODE + 2, 0x23),)),
)  # fmt: skip

# ---------------------------------------------------------------- the requested privilege level
_RPL = (
    *(case(f"jmp to {selector:02X}h loads CS with RPL 3", 32,
           f"EA07000010{selector:02X}00 | jmp 00{selector:02X}:10000007; 49FFC0 | inc r8", _TO_64, _JMP)
      for selector in (0x30, 0x31, 0x32)),
    *(case(f"jmp to {selector:02X}h loads CS with RPL 3", 32,
           f"EA07000010{selector:02X}00 | jmp 00{selector:02X}:10000007; 40 | inc eax", _TO_32, _JMP)
      for selector in (0x20, 0x21)),
    case("call to 30h loads CS with RPL 3", 32, "9A070000103000 | call 0030:10000007; 49FFC0 | inc r8",
         _TO_64 | {"rsp": SP - 8}, _CALL, written={SP - 8: dword(CODE + 7), SP - 4: dword(0x23)}),
    *(case(f"retf to {selector:02X}h: RPL below CPL", 32,
           f"6A{selector:02X} | push 0x{selector:x}; 6808000010 | push 0x10000008; CB | retf", {"rsp": SP - 8}, _RET,
           raised=gp(selector & 0xFC), written={SP - 8: dword(CODE + 8), SP - 4: dword(selector)})
      for selector in (0x20, 0x21, 0x30, 0x32)),
    case("iretq to 20h: RPL below CPL", 64, "48CF | iretq", {}, _IRET, raised=gp(0x20), start=_ON_DATA,
         regions=(_frame(CODE + 2, 0x20, 0x202, SP, 0x2B),)),
)  # fmt: skip

# ---------------------------------------------------------------- selectors that are refused
_BAD = {
    0x00: ("null", 0), 0x03: ("null with RPL 3", 0), 0x10: ("ring-0 code", 0x10), 0x18: ("ring-0 data", 0x18),
    0x2B: ("data", 0x28), 0x53: ("the TEB's data", 0x50), 0x43: ("no code (the TSS's place)", 0x40),
    0x27: ("the LDT, which is empty", 0x24), 0x7B: ("beyond the GDT's limit", 0x78),
}  # fmt: skip
_REFUSED = (
    *(case(f"jmp to {selector:02X}h: {what}", 32, f"EA07000010{selector:02X}00 | jmp 00{selector:02X}:10000007", {},
           _JMP, raised=gp(error)) for selector, (what, error) in _BAD.items()),
    *(case(f"call to {selector:02X}h: {what}", 32, f"9A07000010{selector:02X}00 | call 00{selector:02X}:10000007", {},
           _CALL, raised=gp(error)) for selector, (what, error) in _BAD.items() if selector in (0, 0x10, 0x2B)),
    *(case(f"retfq to {selector:02X}h: {what}", 64, "48CB | retfq", {}, _RET, raised=gp(error), start=_ON_DATA,
           regions=(_frame(CODE + 2, selector),))
      for selector, (what, error) in _BAD.items() if selector in (3, 0x2B, 0x7B)),
    case("iretq to ring-0 code", 64, "48CF | iretq", {}, _IRET, raised=gp(0x10), start=_ON_DATA,
         regions=(_frame(CODE + 2, 0x10, 0x202, SP, 0x2B),)),
    case("iretq to 33h with a null SS", 64, "48CF | iretq", {}, _IRET, raised=gp(), start=_ON_DATA,
         regions=(_frame(CODE + 2, 0x33, 0x202, SP, 0),)),
    case("iretq to 23h with a null SS", 64, "48CF | iretq", {}, _IRET, raised=gp(), start=_ON_DATA,
         regions=(_frame(CODE + 2, 0x23, 0x202, SP, 0),)),
    case("iretq to 33h with a code selector in SS", 64, "48CF | iretq",
         {}, _IRET, raised=gp(0x20), start=_ON_DATA,
         regions=(_frame(CODE + 2, 0x33, 0x202, SP, 0x23),)),
    case("jmp ptr16:32 in 64-bit code", 64, "EA070000103300 | jmp 0033:10000007", {}, _JMP, raised=UD),
    case("call ptr16:32 in 64-bit code", 64, "9A070000103300 | call 0033:10000007", {}, _CALL, raised=UD),
    case("retfq to a RIP that is not canonical", 64, "48CB | retfq",
         {}, _RET, raised=gp(), start=_ON_DATA, machine=_INTEL,
         regions=(_frame(0x8000_0000_0000, 0x33),)),
    case("iretq to a RIP that is not canonical", 64, "48CF | iretq",
         {}, _IRET, raised=gp(), start=_ON_DATA, machine=_INTEL,
         regions=(_frame(0x8000_0000_0000, 0x33, 0x202, SP, 0x2B),)),
)  # fmt: skip

# ---------------------------------------------------------------- other descriptors
_NO_L, _L_AND_D = 0x0000FB00_00000000, 0x0060FB00_00000000
_CODE16, _CODE64, _SHORT = 0x008FFB00_0000FFFF, 0x00AFFB00_0000FFFF, 0x00C0FB00_0000FFFF
_DESCRIPTORS = (
    case("jmp to a segment that is not present", 32, "EA070000103300 | jmp 0033:10000007",
         {}, _JMP, raised=np(0x30),
         descriptors={0x30: 0x00207B00_00000000}),
    case("retf to a segment that is not present", 64, "48CB | retfq", {}, _RET, raised=np(0x20), start=_ON_DATA,
         descriptors={0x20: 0x00CF7B00_0000FFFF}, regions=(_frame(CODE + 2, 0x23),)),
    case("without its L bit 33h is a 16-bit segment of one byte", 32, "EA070000103300 | jmp 0033:10000007",
         {}, _JMP,
         raised=gp(), descriptors={0x30: _NO_L}),
    case("L and D together are reserved", 32, "EA070000103300 | jmp 0033:10000007", {}, _JMP, raised=gp(0x30),
         descriptors={0x30: _L_AND_D}),
    case("33h without L and D runs 16-bit code", 32,
         "EA070000103300 | jmp 0033:10000007; B83412 | mov ax, 1234h; 90 | nop; 90 | nop",
         {"cs": 0x33, "rax": 0x11111234}, _JMP, descriptors={0x30: _CODE16}),
    case("23h with its D bit cleared runs 16-bit code", 64,
         "FF2B | jmp fword ptr [rbx]; B83412 | mov ax, 1234h; 90 | nop; 90 | nop",
         {"cs": 0x23, "rax": 0x11111234},
         _JMP, descriptors={0x20: _CODE16}, start=_AT_DATA, regions=(_pointer(CODE + 2, 0x23),)),
    case("any code segment with its L bit set runs 64-bit code", 32,
         "EA070000106300 | jmp 0063:10000007; 49FFC0 | inc r8", {"cs": 0x63, "r8": _R8 + 1}, _JMP,
         descriptors={0x60: _CODE64}),
    case("jmp beyond the limit of a code segment", 32, "EA070000102300 | jmp 0023:10000007",
         {}, _JMP, raised=gp(),
         descriptors={0x20: _SHORT}),
    case("DPL 0 on 33h", 32, "EA070000103300 | jmp 0033:10000007", {}, _JMP, raised=gp(0x30),
         descriptors={0x30: 0x00209B00_00000000}),
    case("base and limit of 33h are ignored", 32, "EA070000103300 | jmp 0033:10000007; 49FFC0 | inc r8", _TO_64,
         "Intel SDM 3A, 5.2.1", descriptors={0x30: 0x1220FB34_56780000}),
)  # fmt: skip

CASES: tuple[Case, ...] = _WORKING + _RPL + _REFUSED + _DESCRIPTORS
