"""Instructions: lengths, control flow, memory operands, and their text in WinDbg's spelling.

Stands for the disassembler of dbgeng. The only importer of capstone, which is loaded at the first instruction.
Leaves out opcode maps that capstone itself lacks: such a byte is one instruction ``???`` of length 1. Text
spellings are those of seed 002; where the seed shows no example they are unverified.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from wowsim.trace.flow import Bits, Flow, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wowsim.trace.symbols import Symbols

Instruction = tuple[int, int, str, str]
"""Address, length, mnemonic and operands as capstone spells them."""

_PREFIXES = frozenset(
    ("bnd", "notrack", "lock", "rep", "repe", "repz", "repne", "repnz", "data16", "xacquire", "xrelease")
)
_FAR = frozenset(("ljmp", "retf", "retfq", "iret", "iretd", "iretq", "sysret", "sysexit"))
_KINDS: Mapping[str, Kind] = {
    "jmp": "jump", "call": "call", "lcall": "call", "ret": "ret", "syscall": "syscall", "sysenter": "syscall",
    "int": "interrupt", "int1": "interrupt", "int3": "interrupt", "into": "interrupt",
    **dict.fromkeys(_FAR, "far"),
}  # fmt: skip
_FAR_POINTER = re.compile(r"(0x[0-9a-f]+|\d+)[:,] ?(0x[0-9a-f]+|\d+)")
_FAR_TEXT = re.compile(r"[0-9A-F]{4,}:[0-9A-F]{8}")
_STATIC = re.compile(r"\[(rip [+-] )?(0x[0-9a-f]+|\d+)\]")
_NUMBER = re.compile(r"(?<![\w\x60])(?:0x[0-9a-f]+|\d+)(?![\w\x60])")
_STRING = re.compile(r"((?:rep\w* )?(?:movs|stos|lods|scas|cmps|ins|outs))[bwdq]")
_WITHOUT_ACCESS = frozenset(("lea", "nop"))
_NO_SIZE = {"fword": 6, "tbyte": 10}


@lru_cache(maxsize=4)
def _engine(bits: Bits, detail: bool) -> Any:
    import capstone

    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32 if bits == 32 else capstone.CS_MODE_64)
    engine.skipdata, engine.detail = True, detail
    return engine


def _decoded(code: bytes, address: int, bits: Bits) -> Iterator[Instruction]:
    found: Iterator[Instruction] = _engine(bits, False).disasm_lite(code, address)
    return found


# ------------------------------------------------------------ lengths and control flow
def lengths(code: bytes, address: int, bits: Bits) -> list[int]:
    """Lengths in bytes of the instructions of a piece of code; their sum is its length."""
    return list(_scanned(code, address, bits)[0])


def flow(code: bytes, address: int, bits: Bits) -> Flow:
    """How a block of code ends; an empty or unknown end falls through."""
    return _scanned(code, address, bits)[1]


@lru_cache(maxsize=1 << 14)
def _scanned(code: bytes, address: int, bits: Bits) -> tuple[tuple[int, ...], Flow]:
    instructions = list(_decoded(code, address, bits))
    sizes = tuple(length for _, length, _, _ in instructions)
    if not instructions:
        return sizes, Flow("fall", address)
    return sizes, _flow(instructions, address + len(code))


def _flow(instructions: list[Instruction], end: int) -> Flow:
    last = instructions[-1]
    mnemonic, operands = last[2].split(" ")[-1], last[3]
    kind = _KINDS.get(mnemonic)
    if kind is None:
        if mnemonic[0] != "j" and not mnemonic.startswith(("loop", "xbegin")):
            return Flow("fall", end)
        return Flow("branch", end, int(operands, 0))
    if kind not in ("jump", "call", "far"):
        return Flow(kind, end)
    pointer = _FAR_POINTER.fullmatch(operands)
    if pointer is not None:
        return Flow("call" if mnemonic == "lcall" else "far", end, int(pointer[2], 0), int(pointer[1], 0))
    if _far_pointer(mnemonic, operands):
        return Flow("far" if kind == "jump" else kind, end, slot=_static(operands, last))
    if operands[:1].isdigit():  # behind retf it is a count of bytes
        return Flow(kind, end, int(operands, 0) if kind != "far" else None)
    return Flow(
        kind,
        end,
        slot=_loaded(instructions[:-1], operands) if operands.isalnum() else _static(operands, last),
    )


def _loaded(instructions: list[Instruction], register: str) -> int | None:
    """The slot that a register was loaded from in the same block: `mov esi,[slot]` ... `call esi`."""
    for instruction in reversed(instructions):
        target, comma, source = instruction[3].partition(", ")
        if target == register and comma:
            return _static(source, instruction) if instruction[2] == "mov" else None
    return None


def _static(operand: str, instruction: Instruction) -> int | None:
    """The address of a memory operand that no register but RIP takes part in."""
    found = _STATIC.search(operand)
    if found is None or ":" in operand:
        return None
    value = int(found[2], 0)
    if found[1] is None:
        return value
    return instruction[0] + instruction[1] + (-value if "-" in found[1] else value)


# ------------------------------------------------------------ memory operands
@dataclass(frozen=True)
class Operand:
    """The memory operand of an instruction.

    Attributes:
        segment: override as written (``fs``), else None.
        base: 64-bit name of the base register; ``index`` likewise.
        displacement: signed; with a RIP-relative operand the whole address.
        size: bytes accessed.
        width: bits of the address.
        accessed: false where only the address is taken (``lea``) or nothing is done (``nop``).
    """

    segment: str | None
    base: str | None
    index: str | None
    scale: int
    displacement: int
    size: int
    width: int
    accessed: bool

    def address(self, registers: Mapping[str, int], fs_base: int = 0, gs_base: int = 0) -> int:
        """The linear address for given registers (64-bit names)."""
        offset = self.displacement
        if self.base is not None:
            offset += registers[self.base]
        if self.index is not None:
            offset += registers[self.index] * self.scale
        offset &= (1 << self.width) - 1
        if self.segment == "fs":
            offset += fs_base
        elif self.segment == "gs":
            offset += gs_base
        return offset & 0xFFFFFFFF_FFFFFFFF


@lru_cache(maxsize=1 << 14)
def memory_operand(code: bytes, address: int, bits: Bits) -> Operand | None:
    """The memory operand a debugger would show; None without one.

    Of string instructions with two it is the source, as WinDbg shows it. Implicit stack accesses are none.
    """
    instruction = next(_engine(bits, True).disasm(code, address, 1), None)
    if instruction is None or instruction.id == 0:
        return None
    import capstone

    operands = [o for o in instruction.operands if o.type == capstone.x86.X86_OP_MEM]
    if not operands:
        return None
    operand = operands[-1]
    memory = operand.mem
    width = 8 * instruction.addr_size
    base = _wide(instruction, memory.base)
    displacement = memory.disp
    if base in ("rip", "eip"):
        base, displacement = None, address + instruction.size + displacement
    segment = instruction.reg_name(memory.segment) if memory.segment else None
    return Operand(
        segment if segment not in ("es", "ds") else None,
        base,
        _wide(instruction, memory.index),
        memory.scale,
        displacement,
        _far_size(instruction) or operand.size,
        width,
        instruction.mnemonic.split(" ")[-1] not in _WITHOUT_ACCESS,
    )


def _wide(instruction: Any, register: int) -> str | None:
    """The 64-bit name of an address register; None for none (``eiz``, ``riz`` are none)."""
    if not register:
        return None
    name: str = instruction.reg_name(register)
    if name in ("eiz", "riz"):
        return None
    if name[0] == "e":
        return "r" + name[1:]
    if name[0] == "r" and name[-1] in "dw":
        return name[:-1]
    return name if name[0] == "r" else "r" + name  # 16-bit: bx, si ...


def _far_size(instruction: Any) -> int:
    """Bytes of the far pointer in memory that a far call or jump reads; 0 for other instructions."""
    return _NO_SIZE.get(_far_pointer(instruction.mnemonic, instruction.op_str), 0)


def _far_pointer(mnemonic: str, operands: str) -> str:
    if operands.startswith("ptr [") and mnemonic in ("jmp", "call"):
        return "fword"
    if operands.startswith("[") and mnemonic in ("ljmp", "lcall"):
        return "tbyte"
    return ""


# ------------------------------------------------------------ text
def text(code: bytes, address: int, bits: Bits, symbols: Symbols | None = None) -> str:
    """One instruction as WinDbg writes it: mnemonic padded to 8 columns, numbers with ``h``, known addresses named."""
    instruction = next(_decoded(code, address, bits), None)
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
    far = _far_pointer(mnemonic, operands)
    pointer = _FAR_POINTER.fullmatch(operands) if mnemonic in ("ljmp", "lcall") else None
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
    found = _STATIC.search(operands.replace("+", " + ").replace("-", " - "))
    if found is None:
        return None
    target = _static(found[0], instruction)
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
