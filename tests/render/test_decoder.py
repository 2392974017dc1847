from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.image.model import Image, Import
from wowsim.render.decoder import Operand, flow, lengths, memory_operand, text
from wowsim.trace.flow import Flow
from wowsim.trace.symbols import SymbolTable

if TYPE_CHECKING:
    from wowsim.trace.flow import Bits


def names(*modules: tuple[str, int, Bits, dict[int, str], dict[int, str]]) -> SymbolTable:
    """Modules as (name, base, bits, symbols by address, import slots by address)."""
    table = SymbolTable()
    for name, base, bits, symbols, slots in modules:
        imports = tuple(Import("x", symbol, None, at - base) for at, symbol in slots.items())
        named = {at - base: symbol for at, symbol in symbols.items()}
        contents = bytes(0x20000)
        table.add(Image(name, name, name, bits, base, contents, symbols=named, imports=imports), base)
    return table


SEED = names(
    ("kernel32", 0x75840000, 32, {0x7585167F: "CreateFileW"}, {0x758509D4: "CreateFileW"}),
    ("KERNELBASE", 0x77330000, 32, {0x7734C299: "CreateFileW"}, {0x773310AC: "NtCreateFile"}),
    ("wow64cpu", 0x73850000, 64, {0x73852749: "ServiceNoTurbo"}, {0x73851080: "Wow64SystemServiceEx"}),
)


@pytest.mark.parametrize(
    ("bits", "address", "code", "expected"),
    [
        # seed document 2, instruction by instruction
        (32, 0x7585167F, "ff25d4098575", "jmp     dword ptr [kernel32!_imp__CreateFileW (758509d4)]"),
        (32, 0x7734C5C9, "8b35ac103377", "mov     esi,dword ptr [KERNELBASE!_imp__NtCreateFile (773310ac)]"),
        (32, 0x777F00B0, "b852000000", "mov     eax,52h"),
        (32, 0x777F00B5, "33c9", "xor     ecx,ecx"),
        (32, 0x777F00B7, "8d542404", "lea     edx,[esp+4]"),
        (32, 0x777F00BB, "64ff15c0000000", "call    dword ptr fs:[0C0h]"),
        (32, 0x73852320, "ea1e2785733300", "jmp     0033:7385271E"),
        (32, 0x73852320, "ea12345678cdab", "jmp     ABCD:78563412"),
        (64, 0x7385271E, "67448b0424", "mov     r8d,dword ptr [esp]"),
        (64, 0x73852723, "458985bc000000", "mov     dword ptr [r13+0BCh],r8d"),
        (64, 0x7385272A, "4189a5c8000000", "mov     dword ptr [r13+0C8h],esp"),
        (64, 0x73852731, "498ba42480140000", "mov     rsp,qword ptr [r12+1480h]"),
        (64, 0x73852739, "4983a4248014000000", "and     qword ptr [r12+1480h],0"),
        (64, 0x73852742, "448bda", "mov     r11d,edx"),
        (64, 0x73852745, "41ff24cf", "jmp     qword ptr [r15+rcx*8]"),
        (
            64,
            0x73852770,
            "ff150ae9ffff",
            "call    qword ptr [wow64cpu!_imp_Wow64SystemServiceEx (00000000`73851080)]",
        ),
        (64, 0x738CD18C, "41ffd4", "call    r12"),
        (64, 0x7763E120, "4c8bd1", "mov     r10,rcx"),
        (64, 0x7763E128, "0f05", "syscall"),
        (64, 0x7763E12A, "c3", "ret"),
        # forms the seed does not show
        (32, 0x401000, "e8fbffffff", "call    00401000"),
        (32, 0x75850000, "e87a160000", "call    kernel32!CreateFileW (7585167f)"),
        (32, 0x75850000, "0f857b160000", "jne     kernel32!CreateFileW+0x2 (75851681)"),
        (64, 0x73852600, "e944010000", "jmp     wow64cpu!ServiceNoTurbo (00000000`73852749)"),
        (32, 0x401000, "c22c00", "ret     2Ch"),
        (32, 0x401000, "6aff", "push    0FFFFFFFFh"),
        (64, 0x401000, "6aff", "push    0FFFFFFFFFFFFFFFFh"),
        (32, 0x401000, "83f8ff", "cmp     eax,0FFFFFFFFh"),
        (32, 0x401000, "6683f8ff", "cmp     ax,0FFFFh"),
        (32, 0x401000, "80f9ff", "cmp     cl,0FFh"),
        (32, 0x401000, "8b45fc", "mov     eax,dword ptr [ebp-4]"),
        (32, 0x401000, "a164000000", "mov     eax,dword ptr [64h]"),
        (32, 0x401000, "cc", "int     3"),
        (32, 0x401000, "cd2e", "int     2Eh"),
        (32, 0x401000, "f3a5", "rep movs dword ptr es:[edi],dword ptr [esi]"),
        (64, 0x401000, "f348ab", "rep stos qword ptr [rdi]"),
        (64, 0x401000, "41ff2e", "jmp     fword ptr [r14]"),
        (64, 0x401000, "4987e6", "xchg    rsp,r14"),
        (64, 0x401000, "48b88877665544332211", "mov     rax,1122334455667788h"),
        (64, 0x401000, "65488b042530000000", "mov     rax,qword ptr gs:[30h]"),
        (64, 0x401000, "f604250803fe7f01", "test    byte ptr [7FFE0308h],1"),
        (64, 0x401000, "488b05f6ffffff", "mov     rax,qword ptr [00000000`00400ffd]"),
        (32, 0x401000, "ff1d10203040", "call    fword ptr [40302010h]"),
        (32, 0x401000, "0f0b", "ud2"),
        (32, 0x401000, "0f04", "???"),
        (32, 0x401000, "", "???"),
    ],
)
def test_text(bits: Bits, address: int, code: str, expected: str) -> None:
    assert text(bytes.fromhex(code), address, bits, SEED) == expected


def test_text_without_symbols() -> None:
    assert text(bytes.fromhex("ff25d4098575"), 0, 32) == "jmp     dword ptr [758509D4h]"
    assert text(bytes.fromhex("ea1e2785733300"), 0, 32) == "jmp     0033:7385271E"


@pytest.mark.parametrize(
    ("bits", "code", "expected"),
    [
        (32, "90 33c9", Flow("fall", 0x1003)),
        (32, "", Flow("fall", 0x1000)),
        (32, "33c9 eb02", Flow("jump", 0x1004, 0x1006)),
        (32, "7502", Flow("branch", 0x1002, 0x1004)),
        (32, "e302", Flow("branch", 0x1002, 0x1004)),
        (32, "e2fe", Flow("branch", 0x1002, 0x1000)),
        (32, "e800000000", Flow("call", 0x1005, 0x1005)),
        (32, "ffd0", Flow("call", 0x1002)),
        (32, "ff542404", Flow("call", 0x1004)),
        (32, "ff1510203040", Flow("call", 0x1006, slot=0x40302010)),
        (32, "ff2510203040", Flow("jump", 0x1006, slot=0x40302010)),
        (64, "ff2510000000", Flow("jump", 0x1006, slot=0x1016)),
        (32, "64ff15c0000000", Flow("call", 0x1007)),
        (32, "8b3510203040 6a00 ffd6", Flow("call", 0x100A, slot=0x40302010)),
        (32, "8b3510203040 33f6 ffd6", Flow("call", 0x100A)),
        (32, "8b3510203040 8b36 ffd6", Flow("call", 0x100A)),
        (32, "c3", Flow("ret", 0x1001)),
        (32, "c20800", Flow("ret", 0x1003)),
        (32, "f3c3", Flow("ret", 0x1002)),
        (32, "cb", Flow("far", 0x1001)),
        (32, "ca0400", Flow("far", 0x1003)),
        (64, "48cf", Flow("far", 0x1002)),
        (64, "41ff2e", Flow("far", 0x1003)),
        (32, "ea1e2785733300", Flow("far", 0x1007, 0x7385271E, 0x33)),
        (32, "9a112233443300", Flow("call", 0x1007, 0x44332211, 0x33)),
        (32, "ff1c24", Flow("call", 0x1003)),
        (64, "4c8bd1 0f05", Flow("syscall", 0x1005)),
        (32, "cd2e", Flow("interrupt", 0x1002)),
        (32, "cc", Flow("interrupt", 0x1001)),
    ],
)
def test_flow(bits: Bits, code: str, expected: Flow) -> None:
    assert flow(bytes.fromhex(code), 0x1000, bits) == expected


def test_lengths() -> None:
    stub = bytes.fromhex("b852000000 33c9 8d542404 64ff15c0000000")
    assert lengths(stub, 0x777F00B0, 32) == [5, 2, 4, 7]
    assert lengths(bytes.fromhex("90 0f04 90"), 0, 32) == [1, 1, 2]
    assert lengths(b"", 0, 64) == []


def test_lengths_belong_to_their_caller() -> None:
    lengths(b"\x90\x90", 0x5000, 32).clear()
    assert lengths(b"\x90\x90", 0x5000, 32) == [1, 1]


@pytest.mark.parametrize(
    ("bits", "code", "registers", "expected"),
    [
        (32, "8b442404", {"rsp": 0x14FC9C}, 0x14FCA0),
        (32, "8b45fc", {"rbp": 2}, 0xFFFFFFFE),
        (32, "64a118000000", {}, 0x7EFDD018),
        (64, "65488b042530000000", {}, 0x7EFDB030),
        (64, "67448b0424", {"rsp": 0xAAAA_0014FC9C}, 0x14FC9C),
        (64, "458985bc000000", {"r13": 0x1BFD20}, 0x1BFDDC),
        (64, "41ff24cf", {"r15": 0x73852450, "rcx": 2}, 0x73852460),
        (64, "ff150ae9ffff", {}, 0x1000 + 6 - 0x16F6 & 0xFFFFFFFFFFFFFFFF),
        (32, "66678b00", {"rbx": 0x1FFF0, "rsi": 0x20}, 0x0010),
    ],
)
def test_operand_addresses(bits: Bits, code: str, registers: dict[str, int], expected: int) -> None:
    operand = memory_operand(bytes.fromhex(code), 0x1000, bits)
    assert operand is not None
    assert operand.address(registers, fs_base=0x7EFDD000, gs_base=0x7EFDB000) == expected


def test_operand_details() -> None:
    assert memory_operand(bytes.fromhex("66678b00"), 0, 32) == Operand(None, "rbx", "rsi", 1, 0, 2, 16, True)
    assert memory_operand(bytes.fromhex("41ff2e"), 0, 64) == Operand(None, "r14", None, 1, 0, 6, 64, True)
    movs = memory_operand(bytes.fromhex("f3a5"), 0, 32)
    assert movs is not None
    assert movs.base == "rsi"
    for code in ("8d542404", "0f1f4000"):
        operand = memory_operand(bytes.fromhex(code), 0, 32)
        assert operand is not None
        assert not operand.accessed


@pytest.mark.parametrize("code", ["50", "c3", "e800000000", "33c0", "0f04", ""])
def test_implicit_accesses_are_no_operands(code: str) -> None:
    assert memory_operand(bytes.fromhex(code), 0, 32) is None


@settings(max_examples=300, derandomize=True, deadline=None)
@given(code=st.binary(min_size=1, max_size=40), bits=st.sampled_from([32, 64]))
def test_any_bytes_decode(code: bytes, bits: Bits) -> None:
    sizes = lengths(code, 0x401000, bits)
    assert sum(sizes) == len(code)
    end = flow(code, 0x401000, bits)
    assert end.fallthrough == 0x401000 + len(code)
    at = 0
    for size in sizes:
        one = code[at : at + size]
        assert text(one, 0x401000 + at, bits, SEED)
        operand = memory_operand(one, 0x401000 + at, bits)
        if operand is not None:
            registers = {r: 0xFFFF_FFFF_FFFF_FFFF for r in (operand.base, operand.index) if r is not None}
            assert 0 <= operand.address(registers) < 1 << 64
        at += size


def test_capstone_is_loaded_late() -> None:
    program = "import sys, wowsim.render.decoder; print('capstone' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
