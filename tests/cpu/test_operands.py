from __future__ import annotations

from typing import Literal

import pytest

import wowsim
from wowsim.cpu import operands

REGISTERS = {name: index * 0x100 for index, name in enumerate(
    ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *(f"r{n}" for n in range(8, 16))), 1)} | {
    "rip": 0x10000000, "fs_base": 0x7000_0000, "gs_base": 0x6000_0000}  # fmt: skip
HOLE = 1 << 47


def assemble(text: str, bits: Literal[32, 64]) -> bytes:
    return (wowsim.assemble32 if bits == 32 else wowsim.assemble64)(text, 0x10000000)


@pytest.mark.parametrize(("text", "bits", "address"), [
    ("inc dword ptr [ebx]", 32, 0x400), ("inc dword ptr [ebx+ecx*4+8]", 32, 0xC08),
    ("inc dword ptr [esp-4]", 32, 0x4FC), ("inc dword ptr [ecx-0x1000]", 32, 0xFFFFF200),
    ("inc dword ptr fs:[ebx]", 32, 0x7000_0400), ("inc dword ptr [0x1234]", 32, 0x1234),
    ("inc dword ptr [r9+r12*2]", 64, 0xA00 + 0x1A00), ("inc dword ptr [ebx]", 64, 0x400),
    ("inc dword ptr [rip+0x10]", 64, 0x10000016), ("inc dword ptr gs:[rcx]", 64, 0x6000_0200),
])  # fmt: skip
def test_addresses(text: str, bits: Literal[32, 64], address: int) -> None:
    found = operands.parse(assemble(text, bits), bits)
    assert found is not None
    operand = found.address(REGISTERS)
    assert operand is not None
    assert operand[0] == address


@pytest.mark.parametrize(("text", "writes"), [
    ("add [ebx], eax", True), ("lock add [ebx], eax", True), ("cmp [ebx], eax", False), ("add eax, [ebx]", False),
    ("test dword ptr [ebx], 1", False), ("not dword ptr [ebx]", True), ("div dword ptr [ebx]", False),
    ("xchg [ebx], eax", True), ("push dword ptr [ebx]", False), ("inc byte ptr [ebx]", True), ("bt [ebx], eax", False),
    ("bts [ebx], eax", True), ("bt dword ptr [ebx], 1", False), ("btr dword ptr [ebx], 1", True),
    ("cmpxchg [ebx], ecx", True), ("cmpxchg8b [ebx]", True), ("inc eax", False), ("shl dword ptr [ebx], 1", True),
    ("mov [ebx], eax", False), ("movups [ebx], xmm0", False),
])  # fmt: skip
def test_what_writes_back(text: str, writes: bool) -> None:
    found = operands.parse(assemble(text, 32), 32)
    assert found is not None
    assert found.writes_back is writes


@pytest.mark.parametrize(("text", "registers", "expected"), [
    ("push rax", {"rsp": HOLE}, True), ("push rax", {}, False), ("mov eax, [rsp+8]", {"rsp": HOLE}, True),
    ("mov eax, [rbx]", {"rbx": HOLE}, False), ("fxsave [rsp]", {"rsp": 8}, False), ("leave", {"rbp": HOLE}, True),
    ("leave", {"rsp": HOLE}, False), ("push [rbx]", {"rbx": HOLE}, False), ("call rax", {"rsp": HOLE}, True),
])  # fmt: skip
def test_stack_faults(text: str, registers: dict[str, int], expected: bool) -> None:
    assert operands.faults_on_stack(assemble(text, 64), REGISTERS | registers) is expected


@pytest.mark.parametrize(("text", "bits", "value"), [
    ("div ecx", 32, 0x200), ("div cl", 32, 0), ("div ch", 32, 2), ("idiv word ptr [ebx]", 32, 0x0201),
    ("div qword ptr [rbx]", 64, 0x0807060504030201), ("idiv r9", 64, 0xA00), ("mul ecx", 32, None),
    ("aam 0", 32, None),
])  # fmt: skip
def test_divisors(text: str, bits: Literal[32, 64], value: int | None) -> None:
    def read(address: int, size: int) -> bytes:
        assert address == 0x400
        return bytes(range(1, size + 1))

    assert operands.divisor(assemble(text, bits), bits, REGISTERS, read) == value


@pytest.mark.parametrize("code", [b"", b"\x66", b"\x48", b"\x0f", b"\xff"])
def test_what_is_cut_off_means_nothing(code: bytes) -> None:
    assert not operands.faults_on_stack(code, REGISTERS)
    assert operands.divisor(code, 64, REGISTERS, lambda address, size: None) is None
