"""Takes an instruction that faulted apart, as far as its exception depends on its operands. Pure functions.

A decoder of whole instructions is not needed here: what faulted is known to be valid, and only a few groups of
opcodes matter. Encodings: Intel SDM 2, chapter 2 and appendix A.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from wowsim.cpu.instructions import GENERAL
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3))
_BASES = {0x64: "fs_base", 0x65: "gs_base"}
_WITHOUT_MODRM_0F = frozenset(
    (0x05, 0x06, 0x07, 0x08, 0x09, 0x0B, *range(0x30, 0x38), 0x77, *range(0x80, 0x90), 0xA0, 0xA1, 0xA2, 0xA8, 0xA9,
     0xAA, *range(0xC8, 0xD0))
)  # fmt: skip
_WITH_MODRM = frozenset(
    (*(row + i for row in range(0, 0x40, 8) for i in range(4)), 0x63, 0x69, 0x6B, *range(0x80, 0x90), 0xC0, 0xC1,
     0xC6, 0xC7, *range(0xD0, 0xD4), *range(0xD8, 0xE0), 0xF6, 0xF7, 0xFE, 0xFF)
)  # fmt: skip
_PUSHES_OR_POPS = frozenset(
    (*range(0x50, 0x60), 0x68, 0x6A, 0x8F, 0x9C, 0x9D, 0xC2, 0xC3, 0xC8, 0xC9, 0xCA, 0xCB, 0xCF, 0xE8,
     0xFA0, 0xFA1, 0xFA8, 0xFA9)
)  # fmt: skip
_WRITES_BACK = {
    **{row | form: range(8) for row in (0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30) for form in (0, 1)},
    **{opcode: range(7) for opcode in (0x80, 0x81, 0x83)},
    **{opcode: range(8) for opcode in (0x86, 0x87, 0xC0, 0xC1, *range(0xD0, 0xD4))},
    **{opcode: range(2, 4) for opcode in (0xF6, 0xF7)},
    **{opcode: range(2) for opcode in (0xFE, 0xFF)},
    **{opcode: range(8) for opcode in (0xFA4, 0xFA5, 0xFAB, 0xFAC, 0xFAD, 0xFB0, 0xFB1, 0xFB3, 0xFBB)},
    **{opcode: range(8) for opcode in (0xFC0, 0xFC1)},
    0xFBA: range(5, 8),
    0xFC7: range(1, 2),
}
"""Opcode (0Fh in front as F00h) -> the ModRM.reg values with which it reads its operand in memory and writes it."""
_CANONICAL = 1 << 47


@dataclass(frozen=True)
class Instruction:
    """The parts of one instruction.

    Attributes:
        opcode: one byte, or F00h and the byte behind 0Fh.
        prefixes: legacy prefixes; ``rex`` is 0 without one.
        rest: bytes from ModRM on.
        length: bytes in front of ``rest``.
    """

    bits: Literal[32, 64]
    opcode: int
    prefixes: frozenset[int]
    rex: int
    rest: bytes
    length: int

    @property
    def modrm(self) -> int | None:
        """The ModRM byte, for opcodes that have one and are not cut off."""
        has = self.opcode & 0xFF not in _WITHOUT_MODRM_0F if self.opcode >> 8 else self.opcode in _WITH_MODRM
        return self.rest[0] if has and self.rest else None

    @property
    def reg(self) -> int:
        """The opcode's extension in ModRM."""
        return (self.modrm or 0) >> 3 & 7

    @property
    def writes_back(self) -> bool:
        """Whether it reads its operand in memory in order to write it."""
        modrm = self.modrm
        return modrm is not None and modrm < 0xC0 and self.reg in _WRITES_BACK.get(self.opcode, ())

    def address(self, registers: Mapping[str, int]) -> tuple[int, str] | None:
        """Linear address of the operand in memory and the register it is based on, or None; 32- and 64-bit forms."""
        modrm = self.modrm
        if modrm is None or modrm >= 0xC0:
            return None
        mod, low, rest = modrm >> 6, modrm & 7, self.rest.ljust(10, b"\0")
        at, base, offset = 1, GENERAL[low | (self.rex & 1) << 3], 0
        if low == 4:
            sib, at = rest[1], 2
            low, index = sib & 7, sib >> 3 & 7 | (self.rex & 2) << 2
            base = GENERAL[low | (self.rex & 1) << 3]
            offset = 0 if index == 4 else registers[GENERAL[index]] << (sib >> 6)
        size = {0: 4 if low == 5 else 0, 1: 1, 2: 4}[mod]
        offset += int.from_bytes(rest[at : at + size], "little", signed=True)
        if mod or low != 5:
            offset += registers[base]
        else:
            base = ""
            if self.bits == 64 and modrm & 7 == 5:  # relative to RIP; none that matters here has an immediate
                offset += registers["rip"] + self.length + at + 4
        wide = self.bits == 64 and 0x67 not in self.prefixes
        offset &= (1 << 64 if wide else 1 << 32) - 1
        segment = next((registers[_BASES[p]] for p in self.prefixes if p in _BASES), None)
        if segment is None:
            return offset, base
        return (offset + segment) & ((1 << self.bits) - 1), ""


def parse(code: bytes, bits: Literal[32, 64]) -> Instruction | None:
    """The instruction at the start of ``code``; None when it is cut off."""
    at = next((i for i, byte in enumerate(code) if byte not in _PREFIXES), len(code))
    prefixes, rex = frozenset(code[:at]), 0
    if bits == 64 and code[at : at + 1] and code[at] >> 4 == 4:
        rex, at = code[at], at + 1
    opcode = code[at : at + 1]
    if opcode == b"\x0f":
        opcode = code[at : at + 2]
        if len(opcode) < 2:
            return None
        return Instruction(bits, 0xF00 | opcode[1], prefixes, rex, code[at + 2 :], at + 2)
    return Instruction(bits, opcode[0], prefixes, rex, code[at + 1 :], at + 1) if opcode else None


def is_canonical(address: int) -> bool:
    """Whether bits 47 to 63 of an address are equal."""
    return address < _CANONICAL or address >= (1 << 64) - _CANONICAL


def faults_on_stack(code: bytes, registers: Mapping[str, int]) -> bool:
    """Whether 64-bit code whose address is not canonical got it from the stack: #SS, not #GP (Intel SDM 3A, 6.15)."""
    found = parse(code, 64)
    if found is None:
        return False
    uses_stack = found.opcode in _PUSHES_OR_POPS or (found.opcode == 0xFF and found.reg in (2, 3, 6))
    stack = registers["rbp" if found.opcode == 0xC9 else "rsp"]
    if uses_stack and not (is_canonical(stack) and is_canonical(stack - 8 & (1 << 64) - 1)):
        return True
    operand = found.address(registers)
    return operand is not None and operand[1] in ("rsp", "rbp") and not is_canonical(operand[0])


def divisor(
    code: bytes, bits: Literal[32, 64], registers: Mapping[str, int], read: Callable[[int, int], bytes | None]
) -> int | None:
    """What DIV or IDIV divides by; None for other instructions and what cannot be read.

    Args:
        code: of the instruction.
        bits: its mode.
        registers: by 64-bit name.
        read: bytes of memory.
    """
    found = parse(code, bits)
    modrm = None if found is None else found.modrm
    if found is None or modrm is None or found.opcode not in (0xF6, 0xF7) or found.reg < 6:
        return None
    size = 1 if found.opcode == 0xF6 else 8 if found.rex & 8 else 2 if 0x66 in found.prefixes else 4
    if modrm >= 0xC0:
        number = modrm & 7 | (found.rex & 1) << 3
        if size == 1 and not found.rex and number >= 4:
            return registers[GENERAL[number - 4]] >> 8 & 0xFF
        return registers[GENERAL[number]] & ((1 << 8 * size) - 1)
    operand = found.address(registers)
    data = None if operand is None else read(operand[0], size)
    return None if data is None else int.from_bytes(data, "little")
