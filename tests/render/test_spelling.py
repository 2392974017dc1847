from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wowsim.image.model import Image, Import
from wowsim.render.spelling import text
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
