"""String instructions: counts, directions, address sizes, and faults in the middle."""

from __future__ import annotations

from wowsim.conformance.case import DATA, DB, PAGE, SP, STACK, Case, Region, case, dword, pf, qword

_REP, _MOVS, _STOS = (f"Intel SDM 2, {name}" for name in ("REP/REPE/REPZ/REPNE/REPNZ", "MOVS", "STOS"))
_EXACT = "Intel SDM 2, REP/REPE/REPZ/REPNE/REPNZ (registers reflect what was done before an exception)"
_END = DATA + PAGE
_TEXT = (Region(DATA, b"abcdefgh"),)
_TO = DATA + 0x100

CASES: tuple[Case, ...] = (
    case("rep movsb with ecx = 0 touches nothing", 32, "F3A4 | rep movsb",
         {}, _REP, start={"rcx": 0, "rsi": 0, "rdi": 0}),
    case("repe cmpsb with ecx = 0 changes no flag", 32, "F3A6 | repe cmpsb", {"zf": 1, "cf": 1}, _REP,
         start={"rcx": 0, "rsi": 0, "rdi": 0, "rflags": 0x243}),
    case("rep movsb", 32, "F3A4 | rep movsb", {"rcx": 0, "rsi": DATA + 5, "rdi": _TO + 5}, _MOVS,
         start={"rcx": 5, "rsi": DATA, "rdi": _TO}, regions=_TEXT, written={_TO: b"abcde"}),
    case("rep movsq", 64, "F348A5 | rep movsq", {"rcx": 0, "rsi": DATA + 8, "rdi": _TO + 8}, _MOVS,
         start={"rcx": 1, "rsi": DATA, "rdi": _TO}, regions=_TEXT, written={_TO: b"abcdefgh"}),
    case("rep movsb downwards", 32, "FD | std; F3A4 | rep movsb",
         {"rcx": 0, "rsi": DATA - 1, "rdi": _TO - 1, "df": 1}, _MOVS,
         start={"rcx": 4, "rsi": DATA + 3, "rdi": _TO + 3}, regions=_TEXT, written={_TO: b"abcd"}),
    case("an overlapping rep movsb repeats its first byte", 32, "F3A4 | rep movsb",
         {"rcx": 0, "rsi": DATA + 4, "rdi": DATA + 5}, _MOVS, start={"rcx": 4, "rsi": DATA, "rdi": DATA + 1},
         regions=_TEXT, written={DATA: b"aaaaa"}),
    case("rep movsb that meets a missing page", 32, "F3A4 | rep movsb",
         {"rcx": 5, "rsi": DATA + 3, "rdi": _END}, _EXACT,
         raised=pf("write", _END, 6), start={"rcx": 8, "rsi": DATA, "rdi": _END - 3}, regions=_TEXT,
         written={_END - 3: b"abc"}),
    case("rep movsb whose source ends", 64, "F3A4 | rep movsb",
         {"rcx": 6, "rsi": _END, "rdi": STACK + 2}, _EXACT,
         raised=pf("read", _END, 4), start={"rcx": 8, "rsi": _END - 2, "rdi": STACK}),
    case("rep stosd that meets a missing page in the middle of a doubleword", 32, "F3AB | rep stosd",
         {"rcx": 2, "rdi": _END - 2}, _EXACT, raised=pf("write", _END, 6), start={"rcx": 3, "rdi": _END - 6},
         written={_END - 6: dword(0x11111111)}),
    case("rep stosq that meets a missing page", 64, "F348AB | rep stosq", {"rcx": 1, "rdi": _END}, _EXACT,
         raised=pf("write", _END, 6), start={"rcx": 3, "rdi": _END - 16},
         written={_END - 16: qword(0x11111111) * 2}),
    case("rep lodsb keeps the last byte", 32, "F3AC | rep lodsb",
         {"rcx": 0, "rsi": DATA + 8, "rax": 0x11111168},
         "Intel SDM 2, LODS", start={"rcx": 8, "rsi": DATA}, regions=_TEXT),
    case("repne scasb stops behind what it finds", 32, "F2AE | repne scasb",
         {"rcx": 5, "rdi": DATA + 3, "zf": 1},
         "Intel SDM 2, SCAS", start={"rcx": 8, "rdi": DATA, "rax": ord("c")}, regions=_TEXT),
    case("repe cmpsb stops behind the first difference", 32, "F3A6 | repe cmpsb",
         {"rcx": 6, "rsi": DATA + 2, "rdi": _TO + 2, "zf": 0, "cf": 0}, "Intel SDM 2, CMPS",
         start={"rcx": 8, "rsi": DATA, "rdi": _TO}, regions=(Region(DATA, b"ab".ljust(0x100, b"\0") + b"a"),)),
    case("repe cmpsb that meets a missing page", 32, "F3A6 | repe cmpsb",
         {"rcx": 6, "rsi": DATA + 2, "rdi": _END},
         _EXACT, raised=pf("read", _END, 4), start={"rcx": 8, "rsi": DATA, "rdi": _END - 2}),
    case("67h rep counts ecx in 64-bit code", 64, "67F3AA | rep stosb", {"rcx": 0, "rdi": DATA + 2}, _REP,
         start={"rcx": 0x1_00000002, "rdi": DATA}, written={DATA: b"\x11\x11"}),
    case("67h cuts rsi and rdi in 64-bit code", 64, "67A4 | movsb", {"rsi": DATA + 1, "rdi": _TO + 1}, _MOVS,
         start={"rsi": 0xFFFFFFFF_00000000 | DATA, "rdi": 0xFFFFFFFF_00000000 | _TO}, regions=_TEXT,
         written={_TO: b"a"}),
    case("rep before an instruction that is no string instruction is ignored", 32, "F340 | rep inc eax",
         {"rax": 0x11111112}, _REP),
    case("TF stops a rep after each iteration", 32, "6802030000 | push 0x302; 9D | popfd; F3AA | rep stosb",
         {"rcx": 2, "rdi": DATA + 1, "tf": 0}, "Intel SDM 3A, 17.3.1.4", raised=DB, start={"rcx": 3, "rdi": DATA},
         written={DATA: b"\x11", SP - 4: dword(0x302)}),
    case("TF reports the last iteration behind the instruction", 32,
         "6802030000 | push 0x302; 9D | popfd; F3AA | rep stosb; 90 | nop",
         {"rcx": 0, "rdi": DATA + 1, "tf": 0}, "Intel SDM 3A, 17.3.1.4", raised=DB, start={"rcx": 1, "rdi": DATA},
         written={DATA: b"\x11", SP - 4: dword(0x302)}),
)  # fmt: skip
