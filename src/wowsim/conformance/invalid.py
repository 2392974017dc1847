"""Encodings that are no instruction: in 64-bit code, with LOCK, or anywhere; and the limit of fifteen bytes."""

from __future__ import annotations

from wowsim.conformance.case import DATA, UD, Case, Region, case, dword, gp

_AT_DATA = {"rbx": DATA}

_ONLY_32 = (
    ("push es", "06"), ("pop es", "07"), ("push cs", "0E"), ("push ss", "16"), ("pop ss", "17"), ("push ds", "1E"),
    ("pop ds", "1F"), ("daa", "27"), ("das", "2F"), ("aaa", "37"), ("aas", "3F"), ("pushad", "60"), ("popad", "61"),
    ("add al, 5 (82h)", "82C005"), ("into", "CE"), ("aam", "D40A"), ("aad", "D50A"), ("salc", "D6"),
    ("les eax, [rbx]", "C40390909090"), ("lds eax, [rbx]", "C50390909090"), ("bound eax, [rbx]", "620390909090"),
)  # fmt: skip
_IN_64 = tuple(
    case(f"{text} in 64-bit code", 64, f"{code} | {text}", {}, "Intel SDM 2, A.3 (i64 in the opcode maps)",
         raised=UD, start=_AT_DATA) for text, code in _ONLY_32
)  # fmt: skip
_IN_32 = (
    case("push cs in 32-bit code", 32, "0E | push cs; 58 | pop eax; 25FFFF0000 | and eax, 0xffff",
         {"rax": 0x23},
         "Intel SDM 2, PUSH", written={0x100207FC: dword(0x23)}),
    case("pop ds in 32-bit code", 32, "6A53 | push 0x53; 1F | pop ds", {"ds": 0x53}, "Intel SDM 2, POP",
         written={0x100207FC: dword(0x53)}),
    case("aaa in 32-bit code", 32, "37 | aaa", {"rax": 0x11110101, "cf": 1}, "Intel SDM 2, AAA",
         start={"rax": 0x1111000B}),
    case("aam in 32-bit code", 32, "D40A | aam",
         {"rax": 0x11110203}, "Intel SDM 2, AAM", start={"rax": 0x11110017}),
    case("daa in 32-bit code", 32, "27 | daa", {"rax": 0x11111114, "af": 1, "cf": 0}, "Intel SDM 2, DAA",
         start={"rax": 0x1111110E}),
    case("82h in 32-bit code", 32, "82C005 | add al, 5 (82h)", {"rax": 0x11111116}, "Intel SDM 2, ADD"),
    case("salc in 32-bit code", 32, "D6 | salc", {"rax": 0x111111FF}, "AMD APM 3, A.1; undocumented by Intel",
         start={"rflags": 0x203}, unverified=True),
    case("les in 32-bit code", 32, "C403 | les eax, [ebx]", {"rax": 0x12345678, "es": 0x53},
         "Intel SDM 2, LDS/LES/LFS/LGS/LSS", start=_AT_DATA,
         regions=(Region(DATA, dword(0x12345678) + dword(0x53)),)),
)  # fmt: skip

_LOCK = "Intel SDM 2, LOCK"
_LOCKED = (
    *(case(f"lock {text} in {bits}-bit code", 32 if bits == 32 else 64, f"F0{code} | lock {text}", {}, _LOCK,
           raised=UD, start=_AT_DATA)
      for text, code in (("nop", "90"), ("mov eax, [ebx]", "8B03"), ("add eax, ecx", "01C8"),
                         ("add eax, [ebx]", "0303"), ("cmp [ebx], eax", "3903"), ("bt [ebx], eax", "0FA303"))
      for bits in (32, 64)),
    case("lock add to memory", 32, "F00103 | lock add [ebx], eax", {}, _LOCK, start=_AT_DATA,
         written={DATA: dword(0x11111111)}),
    case("lock cmpxchg", 64, "F00FB10B | lock cmpxchg [rbx], ecx", {"rax": 0, "zf": 1}, _LOCK,
         start=_AT_DATA | {"rax": 0}, written={DATA: dword(0x22222222)}),
    case("lock xchg needs no prefix but takes one", 32, "F08703 | lock xchg [ebx], eax", {"rax": 0}, _LOCK,
         start=_AT_DATA, written={DATA: dword(0x11111111)}),
)  # fmt: skip

_ANYWHERE = (
    case("lea with a register", 32, "8DC0 | lea eax, eax", {}, "Intel SDM 2, LEA", raised=UD),
    case("FFh /7", 64, "FFF8 | (FFh /7)", {}, "Intel SDM 2, A.4.2", raised=UD),
    case("FEh /2", 32, "FED0 | (FEh /2)", {}, "Intel SDM 2, A.4.2", raised=UD),
    case("C7h /1", 32, "C7C811111111 | (C7h /1)", {}, "Intel SDM 2, A.4.2", raised=UD),
    case("ud1", 32, "0FB9C0 | ud1 eax, eax", {}, "Intel SDM 2, UD", raised=UD),
    case("ud0", 64, "0FFFC0 | ud0 eax, eax", {}, "Intel SDM 2, UD", raised=UD),
    case("a far jump with a register", 32, "FFE8 | jmp far eax", {}, "Intel SDM 2, JMP", raised=UD),
    case("cmpxchg8b with a register", 32, "0FC7C8 | cmpxchg8b eax",
         {}, "Intel SDM 2, CMPXCHG8B/CMPXCHG16B", raised=UD),
    case("rsm outside of system management", 32, "0FAA | rsm", {}, "Intel SDM 2, RSM", raised=UD),
    case("fifteen bytes are an instruction", 32, f"{'66' * 14}90 | nop with fourteen prefixes", {},
         "Intel SDM 2, 2.3.11"),
    case("sixteen bytes are none", 32, f"{'66' * 15}90 | nop with fifteen prefixes", {}, "Intel SDM 2, 2.3.11",
         raised=gp()),
    case("sixteen bytes are none in 64-bit code", 64, f"{'66' * 15}90 | nop with fifteen prefixes", {},
         "Intel SDM 2, 2.3.11", raised=gp()),
    case("ud2 with prefixes", 64, "660F0B | ud2", {}, "Intel SDM 2, UD", raised=UD),
)  # fmt: skip

CASES: tuple[Case, ...] = _IN_64 + _IN_32 + _LOCKED + _ANYWHERE
