"""The macro language that the Win32 functions are written in: ``proc``, ``local``, ``invoke``, ``return``.

Stands for the compiler's part in Windows' own DLLs: frames, stdcall and the choice between a direct call and one
through the import table. It turns text into plain assembly and knows nothing of images. Who may import it: the
modules that build ``guest32.kernel32`` and ``guest32.kernelbase``.

A source is a sequence of declarations; ``;`` begins a comment::

    module KERNELBASE                       ; where the functions below live (or kernel32)
    data BaseCookie 4                       ; a zeroed, writable variable
    bytes BaseTable 1 2 0xff                ; constant bytes; a second line of that name continues it
    dwords BasePairs 0x80000000 2           ; constant dwords, likewise
    text BaseName \\system32                 ; a constant UTF-16 string

    proc GetThing(hThing, lpResult)         ; exported; `routine` is the same, linked into each module that uses it
        uses esi                            ; registers to preserve
        local iosb[8], result               ; bytes; 4 without a number
        invoke NtGetThing, hThing, addr iosb, addr result
        onerror L_failed                    ; a negative NTSTATUS jumps; `onzero` is the other
        mov eax, iosb[4]                    ; the dword 4 bytes into the local
        return                              ; or `return VALUE`
    L_failed:
        fail 87                             ; last error 87, returns 0
        status                              ; the NTSTATUS in eax as BOOL, with the last error

A procedure ends where the next begins, and returns there. ``naked`` drops the frame: parameters are then relative
to ESP and ``return`` is a bare ``ret n``. ``at OFFSET`` marks an instruction whose place a build may fix. ``addr`` is computed in EAX, so arguments in EAX stand to its right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Target = Callable[[str], str]
"""Turns the name of a called function into an operand: itself, or its import slot."""

HOTPATCH_PROLOGUE = ".byte 0x8b, 0xff, 0x55, 0x8b, 0xec"
"""``mov edi, edi; push ebp; mov ebp, esp`` in the encoding of Microsoft's compiler, which hooks look for."""

IMPORT = "__imp_"
AT = "@at "
"""What an ``at OFFSET`` line becomes: the next instruction stands at that offset in builds that fix its place."""

_HEADER = re.compile(r"(\w+)\s*\(([^)]*)\)")
_OPERAND = re.compile(r"((?:byte|word|dword|qword) ptr )?\b([A-Za-z_]\w*)(?:\[(0x[0-9a-f]+|\d+)\])?")
_LOCAL = re.compile(r"(\w+)(?:\[(0x[0-9a-f]+|\d+)\])?")
_REGISTERS = frozenset(("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp"))
_TRANSFERS = frozenset(("call", "jmp"))


class MacroError(ValueError):
    """A source breaks the rules of the language; the message names the procedure and the line."""


@dataclass
class Procedure:
    """One function as written.

    Attributes:
        module: KERNELBASE or kernel32, where Windows 7 has it.
        exported: false for what is linked into each module that calls it.
    """

    name: str
    parameters: tuple[str, ...]
    module: str
    exported: bool
    lines: list[str] = field(default_factory=list)

    @property
    def argument_bytes(self) -> int:
        """What its ``ret`` pops."""
        return 4 * len(self.parameters)


@dataclass
class Unit:
    """The declarations of one or more sources.

    Attributes:
        procedures: by name, in the order of the text.
        variables: name -> size in bytes.
        constants: name -> contents.
    """

    procedures: dict[str, Procedure] = field(default_factory=dict)
    variables: dict[str, int] = field(default_factory=dict)
    constants: dict[str, bytes] = field(default_factory=dict)


def parse(*sources: str) -> Unit:
    """Read sources.

    Raises:
        MacroError: a line stands outside a procedure, or a name is declared twice.
    """
    unit = Unit()
    for source in sources:
        _parse_one(unit, source)
    return unit


def _parse_one(unit: Unit, source: str) -> None:
    module, current = "", None
    for raw in source.splitlines():
        line = raw.split(";", 1)[0].strip()
        if not line:
            continue
        word, _, rest = line.partition(" ")
        if word == "module":
            module, current = rest, None
        elif word in ("proc", "routine"):
            current = _declared(rest, module, word == "proc")
            if current.name in unit.procedures:
                raise MacroError(f"{current.name} is declared twice")
            unit.procedures[current.name] = current
        elif word == "data":
            name, size = rest.split()
            unit.variables[name] = int(size, 0)
        elif word == "bytes":
            name, *values = rest.split()
            unit.constants[name] = unit.constants.get(name, b"") + bytes(int(value, 0) for value in values)
        elif word == "dwords":
            name, *values = rest.split()
            packed = b"".join(int(value, 0).to_bytes(4, "little") for value in values)
            unit.constants[name] = unit.constants.get(name, b"") + packed
        elif word == "text":
            name, _, text = rest.partition(" ")
            unit.constants[name] = (text + "\0").encode("utf-16-le")
        elif current is None:
            raise MacroError(f"outside a procedure: {line!r}")
        else:
            current.lines.append(line)


def _declared(text: str, module: str, exported: bool) -> Procedure:
    header = _HEADER.fullmatch(text)
    if header is None:
        raise MacroError(f"expected NAME(parameters), found {text!r}")
    parameters = tuple(p.strip() for p in header[2].split(",")) if header[2].strip() else ()
    return Procedure(header[1], parameters, module, exported)


def expand(procedure: Procedure, target: Target) -> str:
    """The assembly of a procedure.

    Raises:
        MacroError: an argument would be destroyed before it is pushed.
    """
    return "\n".join(_Expansion(procedure, target).run())


class _Expansion:
    """One procedure being expanded: its frame, and whether its common exit is used."""

    def __init__(self, procedure: Procedure, target: Target) -> None:
        self._procedure = procedure
        self._target = target
        self._naked = "naked" in procedure.lines
        self._base, first = ("esp", 4) if self._naked else ("ebp", 8)
        self._offsets = {name: first + 4 * i for i, name in enumerate(procedure.parameters)}
        self._uses: list[str] = []
        self._room = 0
        self._exit_used = False
        self._local_label = f"L_{procedure.name}_"

    def run(self) -> Iterator[str]:
        body = []
        for line in self._procedure.lines:
            word, _, rest = line.partition(" ")
            if word == "uses":
                self._uses = rest.split()
            elif word == "local":
                self._declare(rest)
            elif word != "naked":
                body.append((word, rest))
        yield f"{self._procedure.name}:"
        yield from self._prologue()
        last = len(body) - 1
        for i, (word, rest) in enumerate(body):
            yield from self._line(word, rest, last=i == last)
        if not self._naked and (self._exit_used or not body or body[-1][0] != "jmp"):
            yield f"{self._local_label}return:"
            yield from self._epilogue()

    def _declare(self, text: str) -> None:
        for name, size in _LOCAL.findall(text):
            self._room += (int(size or "4", 0) + 3) & ~3
            self._offsets[name] = -self._room

    def _prologue(self) -> Iterator[str]:
        if self._naked:
            return
        yield HOTPATCH_PROLOGUE
        if self._room:
            yield f"sub esp, {self._room:#x}"
        yield from (f"push {register}" for register in self._uses)

    def _epilogue(self) -> Iterator[str]:
        yield from (f"pop {register}" for register in reversed(self._uses))
        yield "leave" if self._room else "pop ebp"
        yield self._ret

    @property
    def _ret(self) -> str:
        size = self._procedure.argument_bytes
        return f"ret {size:#x}" if size else "ret"

    def _line(self, word: str, rest: str, *, last: bool) -> Iterator[str]:
        if word == "invoke":
            yield from self._invoke(rest)
        elif word == "return":
            yield from self._return(rest, last)
        elif word == "status":
            yield "push eax"
            yield f"call {self._target('BaseReturnStatus')}"
            yield from self._return("", last)
        elif word == "fail":
            yield f"push {rest}"
            yield f"call {self._target('BaseFail')}"
            yield from self._return("", last)
        elif word in ("onerror", "onzero"):
            yield "test eax, eax"
            yield f"{'js' if word == 'onerror' else 'jz'} {self._operands(rest)}"
        elif word in _TRANSFERS and rest.isidentifier() and rest not in _REGISTERS and not rest.startswith("L_"):
            yield f"{word} {self._target(rest)}"
        elif word.startswith("L_"):
            yield self._local_label + word[2:]
            if rest:
                raise MacroError(f"{self._procedure.name}: a label stands alone, not before {rest!r}")
        elif word == "at":
            yield f"{AT}{rest}"
        else:
            yield f"{word} {self._operands(rest)}" if rest else word

    def _return(self, value: str, last: bool) -> Iterator[str]:
        if value == "0":
            yield "xor eax, eax"
        elif value == "-1":
            yield "or eax, -1"
        elif value:
            yield f"mov eax, {self._operands(value)}"
        if self._naked:
            yield self._ret
        elif not last:
            yield f"jmp {self._operands('L_return')}"

    def _invoke(self, text: str) -> Iterator[str]:
        name, *arguments = (part.strip() for part in text.split(","))
        eax_lost = False
        for argument in reversed(arguments):
            if argument.startswith("addr "):
                eax_lost = True
                yield f"lea eax, {self._operands(argument[5:])}"
                yield "push eax"
            elif eax_lost and re.search(r"\beax\b", argument):
                raise MacroError(f"{self._procedure.name}: invoke {text}: addr destroys eax before it is pushed")
            else:
                operand = self._operands(argument)
                yield f"push dword ptr {operand}" if operand.startswith("[") else f"push {operand}"
        yield f"call {name if name in _REGISTERS else self._target(name)}"

    def _operands(self, text: str) -> str:
        return _OPERAND.sub(self._operand, text)

    def _operand(self, match: re.Match[str]) -> str:
        size, word, index = match.groups()
        offset = self._offsets.get(word)
        if offset is not None:
            return f"{size or 'dword ptr '}[{self._base}{offset + int(index or '0', 0):+d}]"
        if word.startswith("L_"):
            self._exit_used |= word == "L_return"
            return self._local_label + word[2:]
        if word.startswith(IMPORT):
            self._target(word[len(IMPORT) :])
        return match[0]
