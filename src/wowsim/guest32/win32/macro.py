r"""The macro language that the Win32 functions are written in: ``proc``, ``local``, ``invoke``, ``return``.

Stands for the compiler's part in Windows' own DLLs: frames, stdcall and the choice between a direct call
and one through the import table. It turns text into plain assembly and knows nothing of images. Who may
import it: the modules that build ``guest32.kernel32`` and ``guest32.kernelbase``.

A source is a sequence of declarations; ``;`` begins a comment::

    module KERNELBASE                       ; where the functions below live (or kernel32)
    data BaseCookie 4                       ; a zeroed, writable variable of that size
    values BaseModes 3 7                    ; writable dwords
    bytes BaseTable 1 2 0xff                ; constant bytes; a second line of that name continues it
    dwords BasePairs 0x80000000 2           ; constant dwords, likewise
    text BaseName \system32                 ; a constant UTF-16 string

    proc GetThing(hThing, lpResult)         ; exported; a `routine` is linked into each user module
        uses esi                            ; registers to preserve
        local iosb[8], result               ; bytes; 4 without a number
        invoke NtGetThing, hThing, addr iosb, addr result
        onerror L_failed                    ; a negative NTSTATUS jumps; `onzero` is the other
        mov eax, iosb[4]                    ; the dword 4 bytes into the local
        return                              ; or `return VALUE`
    L_failed:
        fail 87                             ; last error 87, returns 0
        status                              ; the NTSTATUS in eax as BOOL, with the last error

A procedure ends where the next begins, and returns there. ``naked`` drops the frame: parameters are then
relative to ESP and ``return`` is a bare ``ret n``. Names of data begin with Base. ``at OFFSET`` marks an
instruction whose place a build may fix. ``addr`` is computed in EAX, so arguments in EAX stand to its
right.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

Target = Callable[[str], str]
"""Turns the name of a called function or of data into an operand: itself, or its import slot."""

HOTPATCH_PROLOGUE = ".byte 0x8b, 0xff, 0x55, 0x8b, 0xec"
"""``mov edi, edi; push ebp; mov ebp, esp`` in the encoding of Microsoft's compiler, which hooks look for."""

IMPORT = "__imp_"
AT = "@at "
"""What an ``at OFFSET`` line becomes: a build may give the next instruction's place."""

_HEADER = re.compile(r"(\w+)\s*\(([^)]*)\)")
# A parameter, local or label, with a space before and its offset behind it; what is often neither is left out.
_NAME = re.compile(
    r" (?!(?:e[a-ds][xpi]|d?word|ptr|byte|[a-d][lhx])\b)([A-Za-z_]\w*)(?:\[(0x[0-9a-f]+|\d+)\])?"
)
_DATA_NAME = re.compile(rf"\[((?:Base|{IMPORT})\w+)")
_EXIT = "L_return"
_LOCAL = re.compile(r"(\w+)(?:\[(0x[0-9a-f]+|\d+)\])?")
_REGISTERS = frozenset(("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp"))
_TRANSFERS = frozenset(("call", "jmp"))
_ON = {"onerror": "js", "onzero": "jz"}
_RETURNED = {"0": "xor eax, eax", "-1": "or eax, -1"}
_DECLARES = frozenset(("module", "proc", "routine", "data", "values", "bytes", "dwords", "text"))


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
        variables: name -> contents, of what is writable.
        constants: name -> contents.
    """

    procedures: dict[str, Procedure] = field(default_factory=dict)
    variables: dict[str, bytes] = field(default_factory=dict)
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
    module: str = ""
    current: Procedure | None = None
    for raw in source.splitlines():
        line = raw.split(";", 1)[0].strip()
        if not line:
            continue
        word, _, rest = line.partition(" ")
        if word not in _DECLARES:
            if current is None:
                raise MacroError(f"outside a procedure: {line!r}")
            current.lines.append(line)
        elif word == "module":
            module, current = rest, None
        elif word in ("proc", "routine"):
            current = _declared(rest, module, word == "proc")
            if current.name in unit.procedures:
                raise MacroError(f"{current.name} is declared twice")
            unit.procedures[current.name] = current
        else:
            _declare_data(unit, word, rest)


def _declare_data(unit: Unit, word: str, rest: str) -> None:
    name, _, text = rest.partition(" ")
    if word == "data":
        unit.variables[name] = bytes(int(text, 0))
    elif word == "text":
        unit.constants[name] = (text + "\0").encode("utf-16-le")
    else:
        size = 1 if word == "bytes" else 4
        values = b"".join(int(value, 0).to_bytes(size, "little") for value in text.split())
        kind = unit.variables if word == "values" else unit.constants
        kind[name] = kind.get(name, b"") + values


def _declared(text: str, module: str, exported: bool) -> Procedure:
    header = _HEADER.fullmatch(text)
    if header is None:
        raise MacroError(f"expected NAME(parameters), found {text!r}")
    parameters = tuple(p.strip() for p in header[2].split(",")) if header[2].strip() else ()
    return Procedure(header[1], parameters, module, exported)


def expand(procedure: Procedure, target: Target) -> str:
    """The assembly of a procedure.

    Raises:
        MacroError: an argument would be destroyed before it is pushed, or a label shares its line.
    """
    return _Expansion(procedure, target).run()


def _is_function(operand: str) -> bool:
    return operand.isidentifier() and operand not in _REGISTERS and not operand.startswith("L_")


class _Expansion:
    """One procedure being expanded: first its macros line by line, then all its names at once."""

    def __init__(self, procedure: Procedure, target: Target) -> None:
        self._procedure = procedure
        self._target = target
        self._naked = "naked" in procedure.lines
        self._base, first = ("esp", 4) if self._naked else ("ebp", 8)
        self._offsets = {name: first + 4 * i for i, name in enumerate(procedure.parameters)}
        self._uses: list[str] = []
        self._room = 0
        self._local_label = f"L_{procedure.name}_"
        self._ret = f"ret {procedure.argument_bytes:#x}" if procedure.parameters else "ret"
        self._out: list[str] = []

    def run(self) -> str:
        body = []
        for line in self._procedure.lines:
            word, _, rest = line.partition(" ")
            if word == "uses":
                self._uses = rest.split()
            elif word == "local":
                self._declare(rest)
            elif word != "naked":
                body.append((word, rest))
        if not self._naked:
            self._prologue()
        last = len(body) - 1
        for i, (word, rest) in enumerate(body):
            self._line(word, rest, i == last)
        if not self._naked and (
            not self._out[-1].startswith("jmp") or any(line.endswith(_EXIT) for line in self._out)
        ):
            self._epilogue()
        text = "\n".join(self._out)
        for name in _DATA_NAME.findall(text):
            self._target(name.removeprefix(IMPORT))
        return f"{self._procedure.name}:\n{_NAME.sub(self._named, text)}"

    def _declare(self, text: str) -> None:
        for name, size in _LOCAL.findall(text):
            self._room += (int(size or "4", 0) + 3) & ~3
            self._offsets[name] = -self._room

    def _prologue(self) -> None:
        self._out.append(HOTPATCH_PROLOGUE)
        if self._room:
            self._out.append(f"sub esp, {self._room:#x}")
        self._out += [f"push {register}" for register in self._uses]

    def _epilogue(self) -> None:
        self._out.append(f"{self._local_label}return:")
        self._out += [f"pop {register}" for register in reversed(self._uses)]
        self._out += ["leave" if self._room else "pop ebp", self._ret]

    def _line(self, word: str, rest: str, last: bool) -> None:
        out = self._out
        if word == "invoke":
            self._invoke(rest)
        elif word == "return":
            self._return(rest, last)
        elif word == "status":
            out += ["push eax", f"call {self._target('BaseReturnStatus')}"]
            self._return("", last)
        elif word == "fail":
            out += [f"push {rest}", f"call {self._target('BaseFail')}"]
            self._return("", last)
        elif word in _ON:
            out += ["test eax, eax", f"{_ON[word]} {rest}"]
        elif word in _TRANSFERS and _is_function(rest):
            out.append(f"{word} {self._target(rest)}")
        elif word == "at":
            out.append(f"{AT}{rest}")
        elif word.startswith("L_"):
            if rest:
                raise MacroError(f"{self._procedure.name}: a label stands alone, not before {rest!r}")
            out.append(self._local_label + word[2:])
        else:
            out.append(f"{word} {rest}" if rest else word)

    def _return(self, value: str, last: bool) -> None:
        if value:
            self._out.append(_RETURNED.get(value) or f"mov eax, {value}")
        if self._naked:
            self._out.append(self._ret)
        elif not last:
            self._out.append(f"jmp {_EXIT}")

    def _invoke(self, text: str) -> None:
        name, *arguments = text.split(", ")
        eax_lost = False
        for argument in reversed(arguments):
            if argument.startswith("addr "):
                eax_lost = True
                self._out += [f"lea eax, {argument[5:]}", "push eax"]
            elif argument == "eax" and eax_lost:
                raise MacroError(f"{self._procedure.name}: addr destroys eax before it is pushed: {text}")
            else:
                self._out.append(f"push {'dword ptr ' * argument.startswith('[')}{argument}")
        self._out.append(f"call {name if name in _REGISTERS else self._target(name)}")

    def _named(self, match: re.Match[str]) -> str:
        name, index = match.groups()
        offset = self._offsets.get(name)
        if offset is not None:
            size = "" if match.string.endswith("ptr", 0, match.start()) else "dword ptr "
            return f" {size}[{self._base}{offset + int(index or '0', 0):+d}]"
        if name.startswith("L_"):
            return f" {self._local_label}{name[2:]}"
        return match[0]
