"""A program generated from a list of service calls, in either width, and what it found.

The 32-bit program calls the stubs of the 32-bit ntdll, its 64-bit twin those of the 64-bit one from behind a gate.
Every structure is laid out from the one declaration that wowsim has of it. What a call returned and wrote is read from
memory afterwards and decoded by type, so that two widths and two builds can be compared.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import wowsim
from wowsim.nt.abi import HANDLE, PVOID, STRUCTURES, encode, layout, load, size_of
from wowsim.nt.structures import OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wowsim.nt.abi import Width

DATA, DATA_SIZE = 0x10000000, 0x80000
RESULTS = DATA + DATA_SIZE - 0x4000
UNTOUCHED = b"\xa5"
UNTOLD = 0xEEEEEEEE
"""In the place of the status of a call that was not made."""


# ---------------------------------------------------------------- arguments
@dataclass(frozen=True)
class Value:
    """What a named cell holds by then: a handle, an address."""

    name: str


@dataclass(frozen=True)
class At:
    """The address of a named cell."""

    name: str
    offset: int = 0


@dataclass(frozen=True)
class Give:
    """A pointer to a cell that the service writes; part of what is compared.

    Attributes:
        same: whether its contents are the same everywhere; else only whether it is zero.
        ignore: fields whose contents are not.
    """

    kind: Any
    name: str = ""
    same: bool = True
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class Take:
    """A pointer to a cell that holds a value, of a structure a tuple; compared afterwards with ``out``."""

    kind: Any
    value: Any
    name: str = ""
    out: bool = False
    same: bool = True


@dataclass(frozen=True)
class Object:
    """A pointer to OBJECT_ATTRIBUTES."""

    path: str | None
    attributes: int = 0x40


@dataclass(frozen=True)
class Text:
    """A pointer to a UNICODE_STRING."""

    text: str


@dataclass(frozen=True)
class Space:
    """A buffer of so many bytes; compared as they are, or from its start as a structure and the text behind."""

    size: int
    name: str = ""
    kind: Any = None
    contents: bytes = b""
    same: bool = True
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class Size:
    """The size of a structure, which may differ between the widths."""

    kind: Any


@dataclass(frozen=True)
class Handles:
    """A pointer to an array of the handles that named cells hold."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """One call of a service."""

    service: str
    arguments: tuple[Any, ...]

    @property
    def makes(self) -> set[str]:
        """Names of the cells it makes."""
        return {each.name for each in self.arguments if isinstance(each, (Give, Take, Space)) and each.name}

    @property
    def needs(self) -> set[str]:
        """Names of the cells that others make."""
        arrays = [each.names for each in self.arguments if isinstance(each, Handles)]
        named = {each.name for each in self.arguments if isinstance(each, (Value, At))}
        return named.union(*arrays)


def call(service: str, *arguments: Any) -> Call:
    """A line of a scenario."""
    return Call(service, arguments)


# ---------------------------------------------------------------- memory
@dataclass
class Cell:
    """A piece of data memory, and how it is compared."""

    address: int
    kind: Any
    size: int
    same: bool = True
    ignore: tuple[str, ...] = ()


@dataclass
class Arena:
    """Data memory of one width while it is laid out."""

    width: Width
    memory: bytearray = field(default_factory=lambda: bytearray(DATA_SIZE))
    top: int = 0
    cells: dict[str, Cell] = field(default_factory=dict)
    guards: list[tuple[int, int]] = field(default_factory=list)

    def place(self, data: bytes) -> int:
        """Address of a copy, 16-byte aligned, with bytes behind that nobody may touch."""
        at = self.top
        self.memory[at : at + len(data)] = data
        self.top = at + len(data) + 16 & ~15
        self.memory[at + len(data) : self.top] = UNTOUCHED * (self.top - at - len(data))
        self.guards.append((at + len(data), self.top))
        return DATA + at

    def structure(self, kind: Any, *values: Any) -> int:
        """Address of a structure."""
        return self.place(encode(kind, self.width, kind(*values)))

    def text(self, text: str) -> int:
        """Address of a UNICODE_STRING."""
        raw = text.encode("utf-16-le", "surrogatepass")
        return self.structure(UNICODE_STRING, len(raw), len(raw), self.place(raw))

    def attributes(self, found: Object) -> int:
        """Address of OBJECT_ATTRIBUTES."""
        name = 0 if found.path is None else self.text(found.path)
        size = layout(OBJECT_ATTRIBUTES, self.width).size
        return self.structure(OBJECT_ATTRIBUTES, size, 0, name, found.attributes, 0, 0)


# ---------------------------------------------------------------- code
class Program:
    """The code and the data of a list of calls.

    Args:
        sim: the simulation it is for.
        width: of the program.
        calls: what it calls, the last one never returning.
    """

    def __init__(self, sim: wowsim.Simulation, width: Width, calls: Iterable[Call]) -> None:
        self.arena = Arena(width)
        self.calls = list(calls)
        self.outputs: list[list[Cell]] = []
        self._sim, self._width = sim, width
        pieces = [b"" if width == 32 else b"\x48\x81\xec\x98\0\0\0"]
        for index, found in enumerate(self.calls):
            self.outputs.append([])
            arguments = [self._argument(argument, pieces, index) for argument in found.arguments]
            make = self._call32 if width == 32 else self._call64
            pieces.append(make(found.service, arguments, RESULTS + 4 * index))
        self.code = b"".join(pieces)

    def _argument(self, argument: Any, pieces: list[bytes], index: int) -> tuple[bool, int]:
        """Whether it is loaded from memory, and the value or where."""
        arena, width = self.arena, self._width
        if isinstance(argument, int):
            return False, argument
        if isinstance(argument, Value):
            return True, arena.cells[argument.name].address
        if isinstance(argument, At):
            return False, arena.cells[argument.name].address + argument.offset
        if isinstance(argument, Size):
            return False, size_of(argument.kind, width)
        if isinstance(argument, Object):
            return False, arena.attributes(argument)
        if isinstance(argument, Text):
            return False, arena.text(argument.text)
        if isinstance(argument, Handles):
            return False, self._handles(argument, pieces)
        return False, self._cell(argument, index)

    def _cell(self, argument: Any, index: int) -> int:
        arena, width = self.arena, self._width
        if isinstance(argument, Space):
            data = argument.contents.ljust(argument.size, UNTOUCHED)
            cell = Cell(0, argument.kind, argument.size, argument.same, argument.ignore)
        elif isinstance(argument, Take):
            value = argument.kind(*argument.value) if isinstance(argument.value, tuple) else argument.value
            data = encode(argument.kind, width, value)
            cell = Cell(0, argument.kind, len(data), argument.same)
        else:
            data = UNTOUCHED * size_of(argument.kind, width)
            cell = Cell(0, argument.kind, len(data), argument.same, argument.ignore)
        cell.address = arena.place(data)
        if argument.name:
            arena.cells[argument.name] = cell
        if not isinstance(argument, Take) or argument.out:
            self.outputs[index].append(cell)
        return cell.address

    def _handles(self, argument: Handles, pieces: list[bytes]) -> int:
        size = self._width // 8
        array = self.arena.place(bytes(size * len(argument.names)))
        for index, name in enumerate(argument.names):
            source, target = self.arena.cells[name].address, array + index * size
            if self._width == 32:
                pieces.append(struct.pack("<BIBI", 0xA1, source, 0xA3, target))
            else:
                pieces.append(struct.pack("<HQHQ", 0xA148, source, 0xA348, target))
        return array

    def _stub(self, module: str, service: str) -> int:
        image = self._sim._system.images[module]
        return self._sim.build.module(module).base + image.export_by_name[service].rva

    def _call32(self, service: str, arguments: list[tuple[bool, int]], result: int) -> bytes:
        pushes = [
            (b"\xff\x35" if loaded else b"\x68") + struct.pack("<I", value & 0xFFFFFFFF)
            for loaded, value in reversed(arguments)
        ]
        stub = struct.pack("<BI", 0xB8, self._stub("ntdll32", service)) + b"\xff\xd0"
        return b"".join((*pushes, stub, struct.pack("<BI", 0xA3, result)))

    def _call64(self, service: str, arguments: list[tuple[bool, int]], result: int) -> bytes:
        pieces = []
        for index, (loaded, value) in enumerate(arguments):
            pieces.append(struct.pack("<HQ", 0xA148 if loaded else 0xB848, value & (1 << 64) - 1))
            pieces.append(b"\x48\x89\x84\x24" + struct.pack("<I", 8 * index))  # mov [rsp+8*index], rax
        pieces.append(bytes.fromhex("488b0c24 488b542408 4c8b442410 4c8b4c2418"))  # rcx, rdx, r8, r9
        pieces.append(struct.pack("<HQ", 0xB848, self._stub("ntdll", service)) + b"\xff\xd0")
        return b"".join((*pieces, b"\x89\x04\x25" + struct.pack("<I", result)))


# ---------------------------------------------------------------- results
@dataclass(frozen=True)
class Result:
    """What one call returned and wrote, in a form that does not depend on the width."""

    service: str
    status: int
    outputs: tuple[Any, ...]


def plain(kind: Any, value: Any, ignore: tuple[str, ...] = ()) -> Any:
    """A decoded value; handles and pointers only as whether there is one."""
    if kind in STRUCTURES:
        return {
            name: plain(member.type, getattr(value, name))
            for name, member in layout(kind, 32).fields.items()
            if name not in ignore
        }
    return bool(value) if kind in (HANDLE, PVOID) else value


def _read(sim: wowsim.Simulation, width: Width, cell: Cell) -> Any:
    raw = sim.memory.read(cell.address, cell.size)
    if raw == UNTOUCHED * cell.size:
        return "untouched"
    if not cell.same:
        return any(raw)
    if cell.kind is None:
        return raw
    memory: Any = sim._machine.tables
    value = plain(cell.kind, load(memory, cell.address, cell.kind, width), cell.ignore)
    if size_of(cell.kind, width) == cell.size:
        return value
    return value, raw[size_of(cell.kind, width) :].rstrip(UNTOUCHED)


def run(
    build: str, width: Width, calls: Iterable[Call], files: dict[str, bytes]
) -> tuple[wowsim.RunResult, list[Result]]:
    """Run the program of a list of calls on a build."""
    with wowsim.Simulation(build, on_unsupported="status") as sim:
        for path, data in files.items():
            sim.files.add(path, data)
        program = Program(sim, width, calls)
        sim.load_shellcode(program.code, bits=width)
        sim._machine.space.allocate(DATA, DATA_SIZE, 0x3000, 0x04)
        sim.memory.write(DATA, bytes(program.arena.memory))
        sim.memory.write(RESULTS, struct.pack("<I", UNTOLD) * len(program.calls))
        result = sim.run(limit=20_000_000)
        data = sim.memory.read(DATA, program.arena.top)
        assert all(set(data[start:end]) == set(UNTOUCHED) for start, end in program.arena.guards)
        statuses = struct.unpack(f"<{len(program.calls)}I", sim.memory.read(RESULTS, 4 * len(program.calls)))
        found = [
            Result(each.service, status, tuple(_read(sim, width, cell) for cell in cells))
            for each, status, cells in zip(program.calls, statuses, program.outputs, strict=True)
        ]
        return result, found
