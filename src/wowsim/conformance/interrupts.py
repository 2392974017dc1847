"""Software interrupts, breakpoints and the trap flag, in both modes and across the gate."""

from __future__ import annotations

from typing import Literal

from wowsim.conformance.case import (
    BR,
    CODE,
    DATA,
    DB,
    OF,
    SP,
    UD,
    Case,
    Raised,
    Region,
    case,
    dword,
    gp,
    qword,
)  # fmt: skip

_FACTS, _FAST_FAIL, _IDT = "wow64-facts 5", "wow64-facts 10", "Intel SDM 3A, 6.12.1.2 (gates with DPL 0)"
_BOTH: tuple[Literal[32, 64], ...] = (32, 64)
_WINDOWS_7, _WINDOWS_10 = {"build": "win7sp1"}, {"build": "win10-22h2"}


def _int(vector: int, bits: Literal[32, 64]) -> str:
    return f"int {vector:02X}h in {bits}-bit code"


_INTERRUPTS = tuple(
    one for bits in _BOTH for one in (
        case(f"int3 in {bits}-bit code is reported at its byte", bits, "90 | nop; CC | int3", {}, _FACTS,
             raised=Raised(3, 0x80000003, (0,))),
        case(f"CD 03 in {bits}-bit code is reported at its second byte", bits, "CD03 | int 3", {}, _FACTS, at=1,
             raised=Raised(3, 0x80000003, (0,)), unverified=True),
        case(f"{_int(0x29, bits)} on Windows 10 is a fast fail", bits, "CD29 | int 29h", {}, _FAST_FAIL,
             raised=Raised(0x29, 0xC0000409, (0x22222222,)), machine=_WINDOWS_10),
        case(f"{_int(0x29, bits)} on Windows 7 is no gate of ring 3", bits, "CD29 | int 29h", {}, _FAST_FAIL,
             raised=gp(0x14A), machine=_WINDOWS_7),
        case(f"{_int(0x2C, bits)} is a failed assertion", bits, "CD2C | int 2Ch", {}, _FACTS,
             raised=Raised(0x2C, 0xC0000420)),
        case(f"{_int(0x2D, bits)} is the debug service: a byte is skipped", bits, "CD2D | int 2Dh; 90 | nop", {},
             _FACTS, at=3, raised=Raised(0x2D, 0x80000003, (0x11111111,), address=CODE + 2), unverified=True),
        case(f"{_int(0x2E, bits)} is no gate of 64-bit Windows", bits, "CD2E | int 2Eh", {}, _IDT,
             raised=gp(0x172), unverified=True),
        *(case(_int(vector, bits), bits, f"CD{vector:02X} | int {vector:02X}h", {}, _IDT, raised=gp(vector << 3 | 2))
          for vector in (0x00, 0x0E, 0x20, 0x80, 0xFF)),
        case(f"int1 in {bits}-bit code is a single step behind it", bits, "F1 | int1; 90 | nop", {},
             "Intel SDM 2, INT n/INTO/INT3/INT1", at=1, raised=DB),
        case(f"ud2 in {bits}-bit code", bits, "90 | nop; 0F0B | ud2", {}, "Intel SDM 2, UD", raised=UD),
    )
)  # fmt: skip

_CHECKS = (
    case("into with OF set is reported behind it", 32, "CE | into; 90 | nop",
         {"of": 1}, "Intel SDM 3A, 6.15, 4",
         at=1, raised=OF, start={"rflags": 0xA02}),
    case("into with OF clear", 32, "CE | into", {}, "Intel SDM 2, INT n/INTO/INT3/INT1"),
    case("bound with an index that is too high", 32, "6203 | bound eax, [ebx]",
         {}, "Intel SDM 2, BOUND", raised=BR,
         start={"rax": 9, "rbx": DATA}, regions=(Region(DATA, dword(0) + dword(8)),)),
    case("bound compares with signs", 32, "6203 | bound eax, [ebx]", {}, "Intel SDM 2, BOUND", raised=BR,
         start={"rax": 0xFFFFFFFF, "rbx": DATA}, regions=(Region(DATA, dword(0) + dword(8)),)),
    case("bound with an index that fits", 32, "6203 | bound eax, [ebx]", {}, "Intel SDM 2, BOUND",
         start={"rax": 8, "rbx": DATA}, regions=(Region(DATA, dword(0) + dword(8)),)),
)  # fmt: skip

# ---------------------------------------------------------------- the trap flag
_TF = "Intel SDM 3A, 17.3.1.4"
_SET_32 = "6802030000 | push 0x302; 9D | popfd"
_PUSHED_32, _PUSHED_64 = {SP - 4: dword(0x302)}, {SP - 8: qword(0x302)}

_STEPS = (
    case("popfd that sets TF traps behind the next instruction", 32,
         "6802030000 | push 0x302; 9D | popfd; 90 | nop; 90 | nop", {"tf": 0}, _TF,
         at=7, raised=DB, written=_PUSHED_32),
    case("popfq that sets TF traps behind the next instruction", 64,
         "6802030000 | push 0x302; 9D | popfq; 90 | nop; 90 | nop", {"tf": 0}, _TF,
         at=7, raised=DB, written=_PUSHED_64),
    case("TF traps behind the jmp from 23h to 33h", 32,
         "6802030000 | push 0x302; 9D | popfd; EA0D0000103300 | jmp 0033:1000000D",
         {"cs": 0x33, "tf": 0}, _TF, at=13, raised=DB, written=_PUSHED_32),
    case("TF traps behind the retf from 33h to 23h", 64,
         "6A23 | push 0x23; 680F000010 | push 0x1000000f; 6802030000 | push 0x302; 9D | popfq; "
         "48CB | retfq; 90 | nop", {"cs": 0x23, "tf": 0}, _TF, at=15,
         raised=DB, written={SP - 24: qword(0x302), SP - 16: qword(0x1000000F), SP - 8: qword(0x23)}),
    case("iretq that sets TF traps behind the next instruction", 64, "48CF | iretq; 90 | nop; 90 | nop",
         {"cs": 0x23, "rsp": SP, "tf": 0}, _TF, at=3, raised=DB, start={"rsp": DATA},
         regions=(Region(DATA, b"".join(map(qword, (CODE + 2, 0x23, 0x302, SP, 0x2B)))),)),
    case("TF at the start traps behind the first instruction", 64, "90 | nop; 90 | nop",
         {"tf": 0}, _TF, at=1, raised=DB,
         start={"rflags": 0x302}),
    case("a fault takes precedence over TF", 32,
         "6802030000 | push 0x302; 9D | popfd; A100000000 | mov eax, [0]", {"tf": 1},
         "Intel SDM 3A, 6.9", raised=Raised(14, 0xC0000005, (0, 0), 4), written=_PUSHED_32),
    case("TF traps behind syscall", 64, "6802030000 | push 0x302; 9D | popfq; 0F05 | syscall; 90 | nop",
         {"rax": 0xC000001C, "rcx": CODE + 8, "r11": 0x302, "tf": 0, "rdx": None, "r8": None, "r9": None, "r10": None},
         "Linux, arch/x86/entry/entry_64.S (SYSRET that restores TF traps at once)", at=8, raised=DB,
         start={"rax": 0xFFF}, written=_PUSHED_64, unverified=True),
    case("pushfd under TF pushes it", 32, "6802030000 | push 0x302; 9D | popfd; 9C | pushfd",
         {"tf": 0, "rsp": SP - 4}, _TF, at=7, raised=DB,
         written=_PUSHED_32),
    case("popfd that clears TF traps once more", 32,
         "6802020000 | push 0x202; 6802030000 | push 0x302; 9D | popfd; 9D | popfd; 90 | nop", {"tf": 0}, _TF,
         at=12, raised=DB, written={SP - 8: dword(0x302), SP - 4: dword(0x202)}),
    case("int 2Dh under TF", 32, "6802030000 | push 0x302; 9D | popfd; CD2D | int 2Dh; 90 | nop",
         {}, _FACTS, at=9,
         raised=Raised(0x2D, 0x80000003, (0x11111111,), address=CODE + 8), written=_PUSHED_32, unverified=True),
)  # fmt: skip

CASES: tuple[Case, ...] = _INTERRUPTS + _CHECKS + _STEPS
