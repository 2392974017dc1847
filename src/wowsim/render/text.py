"""Listings of executed instructions as WinDbg prints them while stepping.

Stands for the output of ``t`` and ``p``: address, bytes, instruction, and the memory operand with the value it had
before. The form is that of seed 002, with the true value behind ``fs:`` where the seed's debugger failed
(wow64-facts section 0.1). Header lines stand where control arrives, prompt lines where the mode changes. Leaves out
the flags' names. Who may import it: the command line and the debugger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from wowsim.image.model import Provenance
from wowsim.render.decoder import Operand, memory_operand
from wowsim.render.spelling import column, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wowsim.trace.events import FastFailed, MemoryChanged, Redirected, Step, UnsupportedCalled
    from wowsim.trace.flow import Bits
    from wowsim.trace.symbols import Symbols


@dataclass(frozen=True)
class Target:
    """What a debugger attached to one kind of Windows shows of it.

    Attributes:
        prompts: by mode.
        selectors: what the segment registers hold in 32-bit code (wow64-facts section 1).
    """

    prompts: Mapping[int, str]
    selectors: Mapping[str, int]


WOW64 = Target(
    {32: "0:000:x86>", 64: "0:000>"},
    {"cs": 0x23, "ds": 0x2B, "es": 0x2B, "ss": 0x2B, "fs": 0x53, "gs": 0x2B},
)
NATIVE = Target({32: "0:000>"}, {"cs": 0x1B, "ds": 0x23, "es": 0x23, "ss": 0x23, "fs": 0x3B, "gs": 0})
"""32-bit Windows."""
_BYTES = 15
_STACK = frozenset(("rsp", "rbp"))


def listing(
    steps: Iterable[Step], symbols: Symbols, fs_base: int = 0, gs_base: int = 0, target: Target = WOW64
) -> Iterator[str]:
    """Lines for executed instructions.

    Args:
        steps: in the order they ran; the iterations of a REP instruction become one line.
        symbols: names of addresses.
        fs_base: what ``fs:`` offsets are counted from.
        gs_base: likewise.
        target: the kind of Windows.
    """
    bases = _Bases(fs_base, gs_base, target)
    previous: Step | None = None
    pending: Step | None = None
    for step in steps:
        if pending is not None:
            if step.address == pending.address and _repeats(pending.code):
                continue
            yield from _lines(pending, previous, step, symbols, bases)
            previous = pending
        pending = step
    if pending is not None:
        yield from _lines(pending, previous, None, symbols, bases)


def change(event: MemoryChanged) -> str:
    """One change of the guest's memory: what did it, what it did, where, with which PAGE_* protection."""
    last = event.start + event.size - 1
    line = f"; {event.cause}: {event.kind} {event.start:08x}-{last:08x}, protection {event.protection:x}h"
    return f"{line}, {event.name}" if event.name else line


def refusal(event: UnsupportedCalled) -> str:
    """A call of what wowsim lacks, and what the program was answered."""
    return f"; {event.detail}" if event.status is None else f"; {event.detail}: answered {event.status:08x}"


def redirection(event: Redirected) -> str:
    """What wow64.dll made of a name."""
    return f"; wow64 redirects {event.kind} {event.name} to {event.target}"


def last_look(event: FastFailed, symbols: Symbols) -> Iterator[str]:
    """What WinDbg shows where a fast fail ends the process: the second chance, the subcode, registers, the place."""
    yield f"({event.thread:x}): Security check failure or stack buffer overrun - code c0000409 (!!! second chance !!!)"
    yield f"Subcode: {event.code:#x} {event.name}"
    yield from register_lines(event.registers, event.bits)
    found = symbols.at(event.address)
    if found is not None:
        yield f"{found[0]}+{found[1]:#x}:" if found[1] else f"{found[0]}:"
    yield f"{column(event.address, event.bits)} cd29            int     29h"


_ROWS: dict[int, tuple[tuple[str, ...], ...]] = {
    32: (("eax", "ebx", "ecx", "edx", "esi", "edi"), ("eip", "esp", "ebp")),
    64: (
        ("rax", "rbx", "rcx"), ("rdx", "rsi", "rdi"), ("rip", "rsp", "rbp"), (" r8", " r9", "r10"),
        ("r11", "r12", "r13"), ("r14", "r15"),
    ),
}  # fmt: skip


def register_lines(registers: Mapping[str, int], bits: Bits) -> Iterator[str]:
    """The registers as ``r`` prints them, without the flags' names."""
    for row in _ROWS[bits]:
        if bits == 32:
            yield " ".join(f"{name}={registers['r' + name[1:]] & 0xFFFFFFFF:08x}" for name in row)
        else:
            yield " ".join(f"{name}={registers[name.strip()]:016x}" for name in row)
    selectors = "  ".join(f"{name}={registers[name]:04x}" for name in ("cs", "ss", "ds", "es", "fs", "gs"))
    yield f"{selectors}             efl={registers['rflags'] & 0xFFFFFFFF:08x}"


def _repeats(code: bytes) -> bool:
    """Whether an instruction begins with REP or REPNE, as string instructions that repeat do."""
    return code[:1] in (b"\xf2", b"\xf3")


class _Bases(NamedTuple):
    """What ``fs:`` and ``gs:`` offsets are counted from, and on which kind of Windows."""

    fs: int
    gs: int
    target: Target


def _lines(
    step: Step, previous: Step | None, following: Step | None, symbols: Symbols, bases: _Bases
) -> Iterator[str]:
    if previous is None or previous.bits != step.bits:
        yield bases.target.prompts[step.bits]
    found = symbols.at(step.address)
    arrived = previous is None or previous.address + len(previous.code) != step.address
    if found is not None and (arrived or found[1] == 0):
        yield f"{found[0]}+{found[1]:#x}:" if found[1] else f"{found[0]}:"
    line = f"{column(step.address, step.bits)} {step.code.hex():<{_BYTES}} "
    line += text(step.code, step.address, step.bits, symbols)
    beside = _beside(step, following, symbols, bases)
    if beside:
        line = f"{line} {beside}"
    mark = _mark(step.address, symbols)
    yield f"{line}  {mark}" if mark else line


def _mark(address: int, symbols: Symbols) -> str:
    """What tells code that is not Windows' own from the rest."""
    trap = symbols.trap(address)
    if trap is not None:
        return f"; trap {trap}"
    provenance = symbols.provenance(address)
    return f"; {provenance.value}" if provenance in (Provenance.OURS, Provenance.TRAP) else ""


# ------------------------------------------------------------ what stands beside an instruction
def _beside(step: Step, following: Step | None, symbols: Symbols, bases: _Bases) -> str:
    """The memory operand with its old value, or where a call or jump through a register went."""
    words = text(step.code, step.address, step.bits).split()
    goes = words[0] in ("call", "jmp")
    if step.operand is None:
        through_register = goes and len(words) == 2 and words[1].isalnum() and not words[1][0].isdigit()
        if not through_register or following is None:
            return ""
        return _known(following.address, step.bits, symbols, anywhere=True)
    operand = memory_operand(step.code, step.address, step.bits)
    if operand is None or not operand.accessed:
        return ""
    place = _place(operand, step.operand, step.bits, bases)
    digits = 2 * operand.size
    if step.value is None:
        return f"{place}={'?' * digits}"
    pointer = operand.size * 8 == step.bits
    name = _known(step.value, step.bits, symbols, anywhere=goes) if pointer else ""
    return f"{place}={name or format(step.value, f'0{digits}x')}"


def _known(address: int, bits: Bits, symbols: Symbols, *, anywhere: bool) -> str:
    """``{module!symbol (address)}`` at a symbol's start, or wherever it is a target of control."""
    found = symbols.at(address)
    if found is None or not (anywhere or (found[1] == 0 and "!" in found[0])):
        return ""
    name = f"{found[0]}+{found[1]:#x}" if found[1] else found[0]
    return f"{{{name} ({column(address, bits)})}}"


def _place(operand: Operand, address: int, bits: Bits, bases: _Bases) -> str:
    """``ds:002b:758509d4``; in 64-bit code selectors go without saying, except behind ``fs`` and ``gs``."""
    segment = operand.segment
    if segment is None:
        on_stack = operand.base in _STACK and operand.width == bits
        segment = "ss" if on_stack else "ds"
    elif segment in ("fs", "gs"):
        if operand.base is None and operand.index is None:
            address = operand.displacement & ((1 << operand.width) - 1)
        else:
            address -= bases.fs if segment == "fs" else bases.gs
    if bits == 64 and segment not in ("fs", "gs"):
        return f"{segment}:{column(address, 64)}"
    return f"{segment}:{bases.target.selectors[segment]:04x}:{column(address, bits)}"
