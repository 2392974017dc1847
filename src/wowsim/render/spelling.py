"""The text of instructions, in WinDbg's spelling.

Stands for the disassembler of dbgeng, over capstone's decoding. Spellings are those of seed 002; where the seed shows
no example they are unverified. Who may import it: ``render``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wowsim.render.decoder import FAR_POINTER, STATIC, Instruction, decoded, far_pointer, static_address

if TYPE_CHECKING:
    from wowsim.trace.flow import Bits
    from wowsim.trace.symbols import Symbols

_FAR_TEXT = re.compile(r"[0-9A-F]{4,}:[0-9A-F]{8}")
_NUMBER = re.compile(r"(?<![\w\x60])(?:0x[0-9a-f]+|\d+)(?![\w\x60])")
_STRING = re.compile(r"((?:rep\w* )?(?:movs|stos|lods|scas|cmps|ins|outs))[bwdq]")


def text(code: bytes, address: int, bits: Bits, symbols: Symbols | None = None) -> str:
    """One instruction as WinDbg writes it: mnemonic padded to 8 columns, numbers with ``h``, known addresses named."""
    instruction = next(decoded(code, address, bits), None)
    if instruction is None or instruction[2] == ".byte":
        return "???"
    _, _, mnemonic, operands = instruction
    mnemonic, operands = _spelled(mnemonic, operands, instruction, bits)
    if not operands:
        return mnemonic
    named = _named(mnemonic, operands, instruction, bits, symbols)
    if named is None:
        named = _NUMBER.sub(_hexed, operands)
    return f"{mnemonic:<7} {named}"


def _spelled(mnemonic: str, operands: str, instruction: Instruction, bits: Bits) -> tuple[str, str]:
    """Mnemonic and operands in WinDbg's words, numbers and addresses still in capstone's."""
    far = far_pointer(mnemonic, operands)
    pointer = FAR_POINTER.fullmatch(operands) if mnemonic in ("ljmp", "lcall") else None
    if far or pointer:
        mnemonic = mnemonic.lstrip("l")
    if pointer is not None:
        return mnemonic, f"{int(pointer[1], 0):04X}:{int(pointer[2], 0):08X}"
    if far:
        return mnemonic, f"{far} ptr {_tight(operands[operands.index('[') :])}"
    if mnemonic == "movabs":
        mnemonic = "mov"
    elif mnemonic == "int3":
        return "int", "3"
    string = _STRING.fullmatch(mnemonic)
    if string is not None:  # the register in it goes without saying; movsd xmm0,... is no string instruction
        parts = [part for part in operands.split(", ") if "[" in part]
        if parts and "xmm" not in operands:
            return string[1], ",".join(parts)
    operands = _tight(operands)
    if mnemonic == "xchg":
        operands = ",".join(reversed(operands.split(",")))
    return mnemonic, _unsigned(operands, bits)


def _tight(operands: str) -> str:
    return operands.replace(", ", ",").replace(" + ", "+").replace(" - ", "-")


_NEGATIVE = re.compile(r"(^|,)-(0x[0-9a-f]+|\d+)$")


def _unsigned(operands: str, bits: Bits) -> str:
    """A negative immediate as the unsigned number of the first operand's width."""
    found = _NEGATIVE.search(operands)
    if found is None:
        return operands
    width = _width(operands[: found.start()], bits)
    return f"{operands[: found.start(2) - 1]}{(1 << width) - int(found[2], 0):#x}"


_SIZES = {"byte": 8, "word": 16, "dword": 32, "qword": 64}
_BYTES = re.compile(r"[abcd][hl]|(sp|bp|si|di|r\d+)(l|b)")


def _width(operand: str, bits: Bits) -> int:
    if not operand:
        return bits
    word = operand.split(" ")[0].split(",")[-1]
    if word in _SIZES:
        return _SIZES[word]
    if _BYTES.fullmatch(word):
        return 8
    if word[0] == "e" or (word[0] == "r" and word[-1] == "d"):
        return 32
    return 64 if word[0] == "r" and word[-1] != "w" else 16


def _is_direct(mnemonic: str, operands: str) -> bool:
    """A near call or jump to an address that stands in the instruction."""
    word = mnemonic.split(" ")[-1]
    return (
        operands[0].isdigit() and ":" not in operands and (word == "call" or word.startswith(("j", "loop")))
    )


def _named(
    mnemonic: str, operands: str, instruction: Instruction, bits: Bits, symbols: Symbols | None
) -> str | None:
    """Operands with the address in them named; None where there is no such address."""
    if _FAR_TEXT.fullmatch(operands):
        return operands
    if ":" in operands:
        return None
    if _is_direct(mnemonic, operands):
        return _place(int(operands, 0), bits, symbols) or column(int(operands, 0), bits)
    found = STATIC.search(operands.replace("+", " + ").replace("-", " - "))
    if found is None:
        return None
    target = static_address(found[0], instruction)
    place = _place(target, bits, symbols) if target is not None else None
    if place is None:
        if found[1] is None:
            return None
        place = column(target or 0, bits)
    start, end = operands.index("["), operands.index("]")
    head, tail = operands[:start], operands[end + 1 :]
    return f"{_NUMBER.sub(_hexed, head)}[{place}]{_NUMBER.sub(_hexed, tail)}"


def _place(address: int, bits: Bits, symbols: Symbols | None) -> str | None:
    """``module!symbol+0x5 (address)``; a module without a symbol there does not count."""
    found = symbols.at(address) if symbols is not None else None
    if found is None or "!" not in found[0]:
        return None
    symbol, offset = found
    return (
        f"{symbol}+{offset:#x} ({column(address, bits)})" if offset else f"{symbol} ({column(address, bits)})"
    )


def column(address: int, bits: Bits) -> str:
    """An address as WinDbg's first column has it: ``7734c5c9``, ``00000000`7385271e``."""
    if bits == 32:
        return f"{address:08x}"
    return f"{address >> 32:08x}`{address & 0xFFFFFFFF:08x}"


def _hexed(found: re.Match[str]) -> str:
    """A number of capstone's as MASM writes it: ``9``, ``52h``, ``0C0h``."""
    value = int(found[0], 0)
    if value < 10:
        return str(value)
    digits = f"{value:X}"
    return f"{'0' if digits[0] > '9' else ''}{digits}h"
