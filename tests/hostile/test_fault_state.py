"""Random code with random faults: the state at the fault is the one that single steps arrive at, in both modes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wowsim
from wowsim.conformance.case import CODE, DATA, PAGE, SP, STACK, START, TEB32, TEB64
from wowsim.simulation.bench import Bench, Pages

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDE = {32: ("eax", "ecx", "edx", "ebp"), 64: ("rax", "rcx", "rdx", "rbp", "r8", "r13", "eax", "ecx", "r9d")}
POINTERS = {32: ("ebx", "esi", "edi"), 64: ("rbx", "rsi", "rdi")}
ARITHMETIC = (
    "add",
    "sub",
    "adc",
    "sbb",
    "xor",
    "and",
    "or",
    "cmp",
    "test",
    "mov",
    "xchg",
    "imul",
    "cmovc",
    "cmovs",
)
TO_MEMORY = ("add", "adc", "sub", "xor", "mov", "cmp", "xchg", "lock add", "lock xadd")
SINGLE = (
    "rol {a}, 3",
    "shl {a}, cl",
    "sar {a}, 1",
    "rcr {a}, cl",
    "inc {a}",
    "dec {a}",
    "neg {a}",
    "bswap {a}",
)
PLAIN = (
    "mov ecx, 6; rep stosb", "mov ecx, 5; rep movsb", "mov ecx, 4; repe cmpsb", "lodsb", "scasb", "stosd", "std", "cld",
    "stc", "cmc", "clc", "cdq", "movd xmm1, eax", "paddd xmm0, xmm1", "lahf", "sahf",
)  # fmt: skip
ENDS = ("ud2", "int3", "hlt", "div edi", "mov eax, [0]", "nop", "in al, dx", "int 0x2c")
NEAR_THE_END = DATA + PAGE - 0x80


def _same_width(bits: int, a: str) -> st.SearchStrategy[str]:
    return st.sampled_from(
        [r for r in WIDE[bits] if (r[0] == "e" or r[-1] == "d") == (a[0] == "e" or a[-1] == "d")]
    )


@st.composite
def lines(draw: st.DrawFn, bits: Literal[32, 64]) -> str:
    """One instruction, or a jump over one; memory operands lie on both sides of the end of the mapped page."""
    a = draw(st.sampled_from(WIDE[bits]))
    b = draw(_same_width(bits, a))
    place = f"[{draw(st.sampled_from(POINTERS[bits]))}+{draw(st.integers(0, 0x82))}]"
    text: str = draw(
        st.one_of(
            st.sampled_from(ARITHMETIC).map(lambda name: f"{name} {a}, {b}"),
            st.sampled_from(ARITHMETIC[:7]).map(lambda name: f"{name} {a}, {place}"),
            st.sampled_from(TO_MEMORY).map(lambda name: f"{name} {place}, {a}"),
            st.sampled_from(SINGLE).map(lambda text: text.format(a=a)),
            st.sampled_from(PLAIN),
            st.sampled_from((f"movups xmm0, {place}", f"movups {place}, xmm0", f"div dword ptr {place}")),
            st.sampled_from(("push 7; pop {p}", "push {p}", "pushfd", "pop {p}")).map(
                lambda text: text.format(p="eax" if bits == 32 else "rax").replace(
                    "fd", "fq" * (bits == 64) or "fd"
                )
            ),
            st.sampled_from(("jc", "jnz", "js", "jmp")).map(lambda name: f"{name} OVER; inc {a}; OVER:"),
        )
    )
    return text


def programs(bits: Literal[32, 64]) -> st.SearchStrategy[str]:
    return st.tuples(st.lists(lines(bits), min_size=1, max_size=14), st.sampled_from(ENDS)).map(
        lambda parts: "\n".join(
            line.replace("OVER", f"L{index}").replace("nop", "nop")
            for index, line in enumerate((*parts[0], parts[1]))
        )
    )


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench("win7sp1", "intel")
    yield bench
    bench.close()


def compare(bench: Bench, bits: Literal[32, 64], source: str, count: int) -> None:
    code = (wowsim.assemble32 if bits == 32 else wowsim.assemble64)(source, CODE)
    registers = START | {
        "rip": CODE, "cs": 0x23 if bits == 32 else 0x33, "rcx": count,
        "rbx": NEAR_THE_END, "rsi": NEAR_THE_END, "rdi": NEAR_THE_END,
    }  # fmt: skip
    pages = [
        Pages(CODE, code.ljust(PAGE, b"\xf4"), "rx"),
        Pages(DATA, bytes(i * 7 & 0xFF for i in range(PAGE)), "rw"),
        *(Pages(at, bytes(PAGE), "rw") for at in (STACK, TEB32, TEB64)),
    ]
    whole, stepped = (bench.run(registers, pages, {}, chunk) for chunk in (10_000, 1))
    assert whole.record is not None
    assert whole == stepped, source
    assert whole.registers["rsp"] >> 12 == SP >> 12


@given(source=programs(32), count=st.integers(0, 0x40))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_32_bit_code(bench: Bench, source: str, count: int) -> None:
    compare(bench, 32, source, count)


@given(source=programs(64), count=st.integers(0, 0x40))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_64_bit_code(bench: Bench, source: str, count: int) -> None:
    compare(bench, 64, source, count)
