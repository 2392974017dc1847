from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.render.decoder import Operand, flow, lengths, memory_operand
from wowsim.render.spelling import text
from wowsim.trace.flow import Flow

if TYPE_CHECKING:
    from wowsim.trace.flow import Bits


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
        assert text(one, 0x401000 + at, bits)
        operand = memory_operand(one, 0x401000 + at, bits)
        if operand is not None:
            registers = {r: 0xFFFF_FFFF_FFFF_FFFF for r in (operand.base, operand.index) if r is not None}
            assert 0 <= operand.address(registers) < 1 << 64
        at += size


def test_capstone_is_loaded_late() -> None:
    program = "import sys, wowsim.render.decoder; print('capstone' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
