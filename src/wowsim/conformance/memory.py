"""Memory: canonical addresses, the kernel half, protections, accesses that cross into a page that refuses them."""

from __future__ import annotations

from wowsim.conformance.case import (
    CODE,
    DATA,
    PAGE,
    SP,
    STACK,
    Case,
    Raised,
    Region,
    case,
    dword,
    gp,
    pf,
    qword,
    ss,
)

_CANONICAL, _PAGING = "Intel SDM 1, 3.3.7.1", "Intel SDM 3A, 4.7"
_STACK_FAULT = "Intel SDM 3A, 6.15, Interrupt 12"
_HOLE, _CUT, _KERNEL = 0x8000_0000_0000, 0xFFF00000_00000000 | DATA, 0xFFFFF800_00B93000
_END = DATA + PAGE
_READ_ONLY = (Region(DATA), Region(_END, protection="r"))
_INTEL = {"cpu_vendor": "intel"}

_ADDRESSES = (
    case("a read from an address that is not canonical", 64, "8B03 | mov eax, [rbx]",
         {}, _CANONICAL, raised=gp(),
         start={"rbx": _HOLE}),
    case("a write to an address that is not canonical", 64, "8903 | mov [rbx], eax",
         {}, _CANONICAL, raised=gp(),
         start={"rbx": _HOLE}),
    case("high bits above a mapped address are no decoration", 64, "8B03 | mov eax, [rbx]",
         {}, _CANONICAL, raised=gp(),
         start={"rbx": _CUT}),
    case("the last address below the hole is canonical", 64, "8B03 | mov eax, [rbx]", {}, _CANONICAL,
         raised=pf("read", _HOLE - 4, 4), start={"rbx": _HOLE - 4}),
    case("an access that reaches into the hole", 64, "8B03 | mov eax, [rbx]", {}, _CANONICAL, raised=gp(),
         start={"rbx": _HOLE - 2}, unverified=True),
    case("jmp to an address that is not canonical", 64, "FFE3 | jmp rbx", {}, "Intel SDM 2, JMP", raised=gp(),
         start={"rbx": _HOLE}, machine=_INTEL),
    case("call to an address that is not canonical pushes nothing", 64, "FFD3 | call rbx",
         {}, "Intel SDM 2, CALL",
         raised=gp(), start={"rbx": _HOLE}, machine=_INTEL),
    case("ret to an address that is not canonical", 64, "C3 | ret", {}, "Intel SDM 2, RET", raised=gp(),
         start={"rsp": DATA}, regions=(Region(DATA, qword(_HOLE)),), machine=_INTEL),
    *(case(f"{text} with a stack that is not canonical", 64, f"{code} | {text}", {}, _STACK_FAULT, raised=ss(),
           start={"rsp": _HOLE + 0x800, "rbx": DATA})
      for code, text in (("50", "push rax"), ("58", "pop rax"), ("E800000000", "call 0x10000005"), ("C3", "ret"),
                         ("9C", "pushfq"), ("6A05", "push 5"), ("FF33", "push [rbx]"), ("8B0424", "mov eax, [rsp]"))),
    *(case(f"{text} with rbp that is not canonical", 64, f"{code} | {text}", {}, _STACK_FAULT, raised=ss(),
           start={"rbp": _HOLE}) for code, text in (("8B4500", "mov eax, [rbp]"), ("C9", "leave"))),
    case("gs: before an address from rbp is not the stack", 64, "658B4500 | mov eax, gs:[rbp]", {}, _CANONICAL,
         raised=gp(), start={"rbp": _HOLE, "gs_base": 0}),
    case("a read of the kernel's memory at CPL 3", 64, "8B03 | mov eax, [rbx]",
         {}, _PAGING, raised=pf("read", _KERNEL),
         start={"rbx": _KERNEL}),
    case("a write to the kernel's memory at CPL 3", 64, "8903 | mov [rbx], eax",
         {}, _PAGING, raised=pf("write", _KERNEL),
         start={"rbx": _KERNEL}),
    case("a jump into the kernel's memory at CPL 3", 64, "FFE3 | jmp rbx", {"rip": _KERNEL}, _PAGING,
         raised=pf("execute", _KERNEL), start={"rbx": _KERNEL}),
    case("a read of address 0", 32, "A100000000 | mov eax, [0]", {}, _PAGING, raised=pf("read", 0, 4)),
    case("a write to address 0", 32, "A300000000 | mov [0], eax", {}, _PAGING, raised=pf("write", 0, 6)),
    case("a call of address 0", 32, "FFD0 | call eax",
         {"rip": 0, "rsp": SP - 4}, _PAGING, raised=pf("execute", 0),
         start={"rax": 0}, written={SP - 4: dword(CODE + 2)}),
    case("a read-modify-write of address 0 is a write", 32, "FF00 | inc dword ptr [eax]", {}, _PAGING,
         raised=pf("write", 0, 6), start={"rax": 0}, unverified=True),
    case("a locked exchange with address 0 is a write", 32, "8708 | xchg [eax], ecx",
         {}, _PAGING, raised=pf("write", 0),
         start={"rax": 0}),
    case("cmp with address 0 is a read", 32, "833800 | cmp dword ptr [eax], 0",
         {}, _PAGING, raised=pf("read", 0, 4),
         start={"rax": 0}),
)  # fmt: skip

_PROTECTION = (
    case("a write to a read-only page", 32, "8903 | mov [ebx], eax", {}, _PAGING, raised=pf("write", _END, 7),
         start={"rbx": _END}, regions=_READ_ONLY),
    case("a write to a page of code", 32, "8903 | mov [ebx], eax", {}, _PAGING, raised=pf("write", CODE, 7),
         start={"rbx": CODE}),
    case("a read of a page without access", 32, "8B03 | mov eax, [ebx]",
         {}, "Microsoft Learn, Memory Protection Constants",
         raised=pf("read", DATA), start={"rbx": DATA}, regions=(Region(DATA, protection="none"),)),
    case("a jump into data", 64, "FFE3 | jmp rbx",
         {"rip": DATA}, "Intel SDM 3A, 4.6", raised=pf("execute", DATA, 0x15),
         start={"rbx": DATA}),
    case("a jump to where nothing is", 32, "FFE3 | jmp ebx", {"rip": 0x0FF00000}, _PAGING,
         raised=pf("execute", 0x0FF00000), start={"rbx": 0x0FF00000}),
    case("a guard page", 32, "8B03 | mov eax, [ebx]", {}, "Microsoft Learn, Creating Guard Pages",
         raised=Raised(14, 0x80000001, (0, DATA)), start={"rbx": DATA}, regions=(Region(DATA, protection="guard"),)),
    case("an instruction that reaches into a missing page", 32, "B811 | mov eax, (its immediate is missing)",
         {},
         _PAGING, raised=pf("execute", CODE + PAGE), origin=CODE + PAGE - 2),
)  # fmt: skip


def _crossing(text: str, bits: int, code: str, size: int, **options: object) -> Case:
    """A store of ``size`` bytes of which the last ones fall into a page that refuses it: no byte is written."""
    at = _END - size // 2
    where = "missing" if not options else "read-only"
    return case(f"{bits}-bit code: {text} across a {where} page", 32 if bits == 32 else 64, f"{code} | {text}", {},
                _PAGING, raised=pf("write", _END, 7 if options else 6), start={"rbx": at},
                regions=_READ_ONLY if options else ())  # fmt: skip


_CROSSING = (
    _crossing("mov [rbx], eax", 64, "8903", 4),
    _crossing("mov [ebx], ax", 32, "668903", 2),
    _crossing("mov [ebx], eax", 32, "8903", 4),
    _crossing("mov [rbx], rax", 64, "488903", 8),
    _crossing("movups [ebx], xmm0", 32, "0F1103", 16),
    _crossing("movups [rbx], xmm0", 64, "0F1103", 16),
    _crossing("movq [ebx], xmm0", 32, "660FD603", 8),
    _crossing("fstp qword ptr [ebx]", 32, "DD1B", 8),
    _crossing("add [ebx], eax", 32, "0103", 4),
    _crossing("xchg [rbx], rax", 64, "488703", 8),
    _crossing("mov [ebx], eax", 32, "8903", 4, read_only=True),
    _crossing("mov [rbx], rax", 64, "488903", 8, read_only=True),
    _crossing("lock add [ebx], eax", 32, "F00103", 4, read_only=True),
    case("a read across a missing page", 32, "8B03 | mov eax, [ebx]", {}, _PAGING, raised=pf("read", _END, 4),
         start={"rbx": _END - 1}),
    case("a push across a missing page leaves the stack pointer", 32, "50 | push eax", {}, "Intel SDM 2, PUSH",
         raised=pf("write", STACK - 2, 6), start={"rsp": STACK + 2}),
    case("a call across a missing page does not arrive", 64, "E803000000 | call 0x10000008",
         {}, "Intel SDM 2, CALL",
         raised=pf("write", STACK - 4, 6), start={"rsp": STACK + 4}),
    case("a pop across a missing page leaves the stack pointer", 32, "58 | pop eax", {}, "Intel SDM 2, POP",
         raised=pf("read", STACK + PAGE, 4), start={"rsp": STACK + PAGE - 2}),
    case("a pop to a read-only place leaves the stack pointer", 32, "8F03 | pop dword ptr [ebx]",
         {}, "Intel SDM 2, POP",
         raised=pf("write", _END, 7), start={"rbx": _END}, regions=_READ_ONLY),
    case("cmpxchg writes in any case", 32, "0FB10B | cmpxchg [ebx], ecx", {}, "Intel SDM 2, CMPXCHG",
         raised=pf("write", _END, 7), start={"rbx": _END, "rax": 1}, regions=_READ_ONLY),
)  # fmt: skip

CASES: tuple[Case, ...] = _ADDRESSES + _PROTECTION + _CROSSING
