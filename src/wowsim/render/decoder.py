"""Instructions: their lengths, where control goes behind them, their memory operands.

Stands for the decoder of dbgeng. The only importer of capstone, which is loaded at the first instruction. Leaves out
what capstone itself lacks: such a byte is an instruction of length 1. Everybody above the recorder may import it; the
recorder and the paths get its functions injected.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from wowsim.trace.flow import Bits, Flow, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Instruction = tuple[int, int, str, str]
"""Address, length, mnemonic and operands as capstone spells them."""

_FAR = frozenset(("ljmp", "retf", "retfq", "iret", "iretd", "iretq", "sysret", "sysexit"))
_KINDS: Mapping[str, Kind] = {
    "jmp": "jump", "call": "call", "lcall": "call", "ret": "ret", "syscall": "syscall", "sysenter": "syscall",
    "int": "interrupt", "int1": "interrupt", "int3": "interrupt", "into": "interrupt",
    **dict.fromkeys(_FAR, "far"),
}  # fmt: skip
FAR_POINTER = re.compile(r"(0x[0-9a-f]+|\d+)[:,] ?(0x[0-9a-f]+|\d+)")
STATIC = re.compile(r"\[(rip [+-] )?(0x[0-9a-f]+|\d+)\]")
_WITHOUT_ACCESS = frozenset(("lea", "nop"))
_NO_SIZE = {"fword": 6, "tbyte": 10}


@lru_cache(maxsize=4)
def _engine(bits: Bits, detail: bool) -> Any:
    import capstone

    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32 if bits == 32 else capstone.CS_MODE_64)
    engine.skipdata, engine.detail = True, detail
    return engine


def decoded(code: bytes, address: int, bits: Bits) -> Iterator[Instruction]:
    """Instructions in a row; an unknown byte is one with the mnemonic ``.byte``."""
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
    instructions = list(decoded(code, address, bits))
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
    pointer = FAR_POINTER.fullmatch(operands)
    if pointer is not None:
        return Flow("call" if mnemonic == "lcall" else "far", end, int(pointer[2], 0), int(pointer[1], 0))
    if far_pointer(mnemonic, operands):
        return Flow("far" if kind == "jump" else kind, end, slot=static_address(operands, last))
    if operands[:1].isdigit():  # behind retf it is a count of bytes
        return Flow(kind, end, int(operands, 0) if kind != "far" else None)
    return Flow(
        kind,
        end,
        slot=_loaded(instructions[:-1], operands) if operands.isalnum() else static_address(operands, last),
    )


def _loaded(instructions: list[Instruction], register: str) -> int | None:
    """The slot that a register was loaded from in the same block: `mov esi,[slot]` ... `call esi`."""
    for instruction in reversed(instructions):
        target, comma, source = instruction[3].partition(", ")
        if target == register and comma:
            return static_address(source, instruction) if instruction[2] == "mov" else None
    return None


def static_address(operand: str, instruction: Instruction) -> int | None:
    """The address of a memory operand that no register but RIP takes part in."""
    found = STATIC.search(operand)
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
    return _NO_SIZE.get(far_pointer(instruction.mnemonic, instruction.op_str), 0)


def far_pointer(mnemonic: str, operands: str) -> str:
    """``fword`` or ``tbyte`` for a call or jump through a far pointer in memory, else nothing."""
    if operands.startswith("ptr [") and mnemonic in ("jmp", "call"):
        return "fword"
    if operands.startswith("[") and mnemonic in ("ljmp", "lcall"):
        return "tbyte"
    return ""
