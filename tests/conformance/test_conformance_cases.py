"""Every case comes out as its source says or fails for a listed cause; and the data is what it claims to be."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import capstone
import pytest

import wowsim
from sampled import WOW64
from wowsim.conformance import THEMES, cases, judge
from wowsim.conformance.case import FLAGS, PAGE, START
from wowsim.conformance.known import KNOWN
from wowsim.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.conformance.case import Case
    from wowsim.conformance.judge import Verdict

CASES = {case.name: case for case in cases()}
OTHER_FORMS = {
    "add eax, 12", "mov ax, 1234h", "mov rax, gs:[0x30]", "mov eax, fs:[0x18]", "mov eax, fs:[0x1000]",
    "mov eax, [0xfffa]", "mov eax, [-0x80000000]", "mov eax, [0x10010000]", "loop 0x10000000", "push word 0x8005",
    "rep stosb", "movsb", "syscall", "ud2", "lgdt [ebx]", "lidt [ebx]", "sgdt [ebx]", "push es", "pop es", "push cs",
    "push ss", "pop ss", "push ds", "pop ds",
}  # fmt: skip
"""What the assembler encodes in another way than a case wants it."""
SPELLED = {
    "jmp": "ljmp",
    "call": "lcall",
    "cmovz": "cmove",
    "pushad": "pushal",
    "popad": "popal",
    "mov": "movabs",
}
"""Mnemonics that the disassembler spells otherwise."""
ENGINES = [
    capstone.Cs(capstone.CS_ARCH_X86, mode)
    for mode in (capstone.CS_MODE_16, capstone.CS_MODE_32, capstone.CS_MODE_64)
]
PREFIXES = {"lock", "rep", "repe", "repne"}


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    return {v.case.name: v for v in judge.run(CASES.values(), "win7sp1", "intel")}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts[name]
    assert verdict.passed or verdict.is_known, verdict.reason
    assert not (verdict.passed and name in KNOWN), "passes, but is listed as a known failure"


@pytest.mark.parametrize(("build", "vendor"), [(b, v) for b in WOW64 for v in ("intel", "amd")])
def test_no_case_depends_on_what_it_does_not_name(build: str, vendor: str) -> None:
    failed = [v.case.name for v in judge.run(CASES.values(), build, vendor) if not v.passed]
    assert sorted(failed) == sorted(KNOWN)


def test_a_run_is_the_same_in_any_order(verdicts: dict[str, Verdict]) -> None:
    again = {v.case.name: v.reason for v in judge.run(reversed(CASES.values()), "win7sp1", "intel")}
    assert again == {name: verdict.reason for name, verdict in verdicts.items()}


# ------------------------------------------------------------ the data
def test_names_are_unique_and_known_failures_exist() -> None:
    assert [name for name, count in Counter(case.name for case in cases()).items() if count > 1] == []
    assert set(KNOWN) <= set(CASES)
    assert len(CASES) >= 110
    assert {case.group for case in cases()} == {theme.__name__.split(".")[-1] for theme in THEMES}


@pytest.mark.parametrize("name", CASES)
def test_record(name: str) -> None:
    case = CASES[name]
    assert case.source.startswith(("Intel SDM ", "AMD APM ", "wow64-facts ", "Microsoft Learn, ", "Linux, "))
    assert "\n" not in name
    assert set(case.registers) == {*START, "rip", "cs"}
    assert set(case.expected) <= {*START, *FLAGS, "rip", "cs"}
    assert set(case.machine) <= {"cpu_vendor", "build"}
    pages = [at for r in case.regions for at in range(r.address, r.address + r.size, PAGE)]
    assert len(pages) == len(set(pages))
    assert all(r.address % PAGE == 0 and r.size % PAGE == 0 and len(r.bytes) == r.size for r in case.regions)
    for address, data in case.written.items():
        assert any(r.address <= address and address + len(data) <= r.address + r.size for r in case.regions)
        assert _bytes_at(case, address, len(data)) != data, "what is written must differ from what was there"


def _bytes_at(case: Case, address: int, size: int) -> bytes:
    region = next(r for r in case.regions if r.address <= address < r.address + r.size)
    return region.bytes[address - region.address :][:size]


@pytest.mark.parametrize("name", CASES)
def test_text_and_bytes_agree(name: str) -> None:
    case = CASES[name]
    address = case.origin
    for code, text in case.instructions:
        if "(" not in text and "with " not in text:
            written = {_assembled(f, text, address) for f in (wowsim.assemble32, wowsim.assemble64)} - {b""}
            assert code in written or not written or text in OTHER_FORMS
        words = text.split()
        wanted = words[1] if words[0] in PREFIXES else words[0]
        assert _mnemonics(code) & {wanted, SPELLED.get(wanted, "")} or (
            case.raised is not None and case.raised.vector in (6, 13, 14) and code == case.instructions[-1][0]
        )
        address += len(code)


def _assembled(assemble: Callable[[str, int], bytes], text: str, address: int) -> bytes:
    try:
        return assemble(text, address)
    except UsageError:
        return b""


def _mnemonics(code: bytes) -> set[str]:
    """Last words of what the bytes can mean as one instruction, in every mode."""
    found = (instruction for engine in ENGINES for instruction in engine.disasm(code, 0, 1))
    return {i.mnemonic.split()[-1] for i in found if i.size == len(code)}
