"""Instructions that CPL 3 may not execute, and those that only look at the tables of the kernel."""

from __future__ import annotations

from wowsim.conformance.case import DATA, PRIVILEGED, Case, case, dword, qword, word

_AT_DATA = {"rbx": DATA}

# ---------------------------------------------------------------- refused in both modes
_REFUSED = (
    ("hlt", "F4", "HLT"), ("cli", "FA", "CLI"), ("sti", "FB", "STI"), ("in al, dx", "EC", "IN"),
    ("in eax, 10h", "E510", "IN"), ("out dx, eax", "EF", "OUT"), ("out 80h, al", "E680", "OUT"),
    ("insb", "6C", "INS/INSB/INSW/INSD"), ("rep outsd", "F36F", "OUTS/OUTSB/OUTSW/OUTSD"),
    ("rdmsr", "0F32", "RDMSR"), ("wrmsr", "0F30", "WRMSR"), ("mov eax, cr0", "0F20C0", "MOV-Control Registers"),
    ("mov cr3, eax", "0F22D8", "MOV-Control Registers"), ("mov eax, dr7", "0F21F8", "MOV-Debug Registers"),
    ("clts", "0F06", "CLTS"), ("wbinvd", "0F09", "WBINVD"), ("invd", "0F08", "INVD"),
    ("invlpg [ebx]", "0F013B", "INVLPG"), ("lgdt [ebx]", "0F0113", "LGDT/LIDT"), ("lidt [ebx]", "0F011B", "LGDT/LIDT"),
    ("lmsw ax", "0F01F0", "LMSW"), ("lldt ax", "0F00D0", "LLDT"), ("ltr ax", "0F00D8", "LTR"),
)  # fmt: skip
_PRIVILEGED = (
    *(case(f"{text} in {bits}-bit code at CPL 3", 32 if bits == 32 else 64, f"{code} | {text}", {},
           f"Intel SDM 2, {page}", raised=PRIVILEGED, start=_AT_DATA)
      for text, code, page in _REFUSED for bits in (32, 64)),
    case("swapgs at CPL 3", 64, "0F01F8 | swapgs", {}, "Intel SDM 2, SWAPGS", raised=PRIVILEGED),
    case("nothing behind a refused in happens", 32,
         "31C9 | xor ecx, ecx; EC | in al, dx; 8903 | mov [ebx], eax; 41 | inc ecx; "
         "50 | push eax",
         {"rcx": 0, "zf": 1, "pf": 1, "cf": 0}, "Intel SDM 2, IN", at=2, raised=PRIVILEGED, start=_AT_DATA),
    case("nothing behind a refused out happens", 64,
         "F9 | stc; EF | out dx, eax; 8903 | mov [rbx], eax; FFC1 | inc ecx; 0F05 | syscall",
         {"cf": 1}, "Intel SDM 2, OUT", at=1,
         raised=PRIVILEGED, start=_AT_DATA),
    case("a refused in behind a store", 64,
         "8903 | mov [rbx], eax; EC | in al, dx; C70300000000 | mov dword ptr [rbx], 0", {},
         "Intel SDM 2, IN", at=2, raised=PRIVILEGED, start=_AT_DATA, written={DATA: dword(0x11111111)}),
)  # fmt: skip

# ---------------------------------------------------------------- descriptors as CPL 3 sees them
_LAR = {0x23: 0x00C0FB00, 0x33: 0x0020FB00, 0x2B: 0x00C0F300, 0x53: 0x0040F300, 0x20: 0x00C0FB00}
_LSL = {0x23: 0xFFFFFFFF, 0x33: 0, 0x2B: 0xFFFFFFFF, 0x53: 0xFFF}
_HIDDEN = (0x00, 0x10, 0x18, 0x7B, 0x27)
"""Null, two of ring 0, beyond the limit, in the LDT."""
_VERR = {0x23: 1, 0x33: 1, 0x2B: 1, 0x53: 1, 0x10: 0, 0x18: 0, 0x00: 0, 0x7B: 0}
_VERW = {0x23: 0, 0x33: 0, 0x2B: 1, 0x53: 1, 0x10: 0, 0x18: 0, 0x00: 0, 0x7B: 0}

_TABLES = (
    *(case(f"lar of {s:02X}h", 32, "0F02C1 | lar eax, ecx", {"rax": rights, "zf": 1},
           "Intel SDM 2, LAR; wow64-facts 1", start={"rcx": s}) for s, rights in _LAR.items()),
    *(case(f"lar of {s:02X}h sees nothing", 32, "0F02C1 | lar eax, ecx", {"zf": 0}, "Intel SDM 2, LAR",
           start={"rcx": s, "rflags": 0x242}) for s in _HIDDEN),
    *(case(f"lsl of {s:02X}h", 64, "0F03C1 | lsl eax, ecx", {"rax": limit, "zf": 1},
           "Intel SDM 2, LSL; wow64-facts 1", start={"rcx": s}) for s, limit in _LSL.items()),
    *(case(f"lsl of {s:02X}h sees nothing", 64, "0F03C1 | lsl eax, ecx", {"zf": 0}, "Intel SDM 2, LSL",
           start={"rcx": s, "rflags": 0x242}) for s in _HIDDEN),
    *(case(f"verr {s:02X}h", 32, "0F00E1 | verr cx", {"zf": zf}, "Intel SDM 2, VERR/VERW", start={"rcx": s})
      for s, zf in _VERR.items()),
    *(case(f"verw {s:02X}h", 32, "0F00E9 | verw cx", {"zf": zf}, "Intel SDM 2, VERR/VERW", start={"rcx": s})
      for s, zf in _VERW.items()),
    case("sgdt in 32-bit code stores the lower half of the base", 32, "0F0103 | sgdt [ebx]", {},
         "Intel SDM 2, SGDT; wow64-facts 13", start=_AT_DATA, written={DATA: word(0x6F) + qword(0x00B93000)}),
    case("sgdt in 64-bit code stores ten bytes", 64, "0F0103 | sgdt [rbx]",
         {}, "Intel SDM 2, SGDT; wow64-facts 13",
         start=_AT_DATA, written={DATA: word(0x6F) + qword(0xFFFFF800_00B93000)}),
    case("sidt stores the limit of 256 gates", 64,
         "0F010B | sidt [rbx]; 0FB70B | movzx ecx, word ptr [rbx]; "
         "48C70300000000 | mov qword ptr [rbx], 0; 66C743080000 | mov word ptr [rbx+8], 0", {"rcx": 0xFFF},
         "Intel SDM 2, SIDT", start=_AT_DATA, unverified=True),
    case("sldt: there is no LDT", 32, "0F00C0 | sldt eax", {"rax": 0}, "Intel SDM 2, SLDT", unverified=True),
    case("str: the TSS is 40h", 32, "0F00C8 | str eax", {"rax": 0x40}, "Intel SDM 2, STR; wow64-facts 1"),
    case("str in 64-bit code extends with zeros", 64, "480F00C8 | str rax", {"rax": 0x40},
         "Intel SDM 2, STR; wow64-facts 1", start={"rax": 0xFFFFFFFF_FFFFFFFF}),
    case("smsw shows protected mode", 32, "660F01E0 | smsw ax; A801 | test al, 1",
         {"rax": None, "zf": 0, "pf": 0}, "Intel SDM 2, SMSW"),
    case("smsw in 64-bit code shows all of CR0: paging is on", 64, "0F01E0 | smsw eax; 85C0 | test eax, eax",
         {"rax": None, "sf": 1, "zf": 0}, "Intel SDM 2, SMSW"),
)  # fmt: skip

CASES: tuple[Case, ...] = _PRIVILEGED + _TABLES
