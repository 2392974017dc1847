"""Links the Win32 sources into a module: which functions it holds, what it imports, where everything lies.

Stands for the linker that made kernel32.dll and KERNELBASE.dll. A function that Windows 7 has in KERNELBASE
is code there and a jump in kernel32; a build without KERNELBASE has all code in kernel32. Who may import
it: ``guest32.kernel32`` and ``guest32.kernelbase``.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from wowsim.guest32.win32 import (
    ansi,
    atoms,
    computer,
    console,
    create_file,
    directories,
    environment,
    errors,
    exceptions,
    file_information,
    file_locks,
    file_names,
    files,
    find_files,
    handles,
    jobs,
    links,
    locale,
    mappings,
    memory,
    memory_more,
    modules,
    overlapped,
    pipes,
    process,
    process_queries,
    strings,
    sync,
    threads,
    time,
    tls,
    volumes,
    waits,
    wow64,
)
from wowsim.guest32.win32.macro import AT, IMPORT, Procedure, Unit, expand, parse
from wowsim.image import assembled
from wowsim.image.model import Image, Provenance
from wowsim.image.synth import ImageBuilder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wowsim.nt.builds import Build, Module

KERNELBASE, KERNEL32, NTDLL = "KERNELBASE", "kernel32", "ntdll"

_SOURCES = (
    errors, exceptions, ansi, create_file, files, file_names, find_files, directories, memory, modules,
    environment, process, tls, sync, waits, threads, time, strings, console, mappings, handles, wow64, atoms, locale,
    memory_more, volumes, file_information, process_queries, file_locks, overlapped, pipes, links, jobs, computer,
)  # fmt: skip

FORWARDERS: Mapping[str, str] = (
    {"SetLastError": "NTDLL.RtlSetLastWin32Error"}
    | memory.FORWARDERS
    | process.FORWARDERS
    | sync.FORWARDERS
    | exceptions.FORWARDERS
)
"""What both modules forward to ntdll."""


_WITH: Mapping[str, str] = handles.WITH | links.WITH | memory_more.WITH | overlapped.WITH | wow64.WITH
"""Service -> the functions of a build whose kernel has it."""


@lru_cache(maxsize=8)
def unit(creates_thread_ex: bool = True, services: frozenset[str] = frozenset(_WITH)) -> Unit:
    """Every declaration of every source.

    Args:
        creates_thread_ex: whether the kernel makes a thread's stack (NtCreateThreadEx, Vista and later).
        services: those of :data:`_WITH` that the kernel has.
    """
    return parse(*_texts(creates_thread_ex, services))


def _texts(creates_thread_ex: bool, services: frozenset[str]) -> Iterator[str]:
    yield from (source.SOURCE for source in _SOURCES)
    yield threads.SINCE_VISTA if creates_thread_ex else threads.BEFORE_VISTA
    yield from (text for name, text in _WITH.items() if name in services)


def _choice(build: Build) -> tuple[bool, frozenset[str]]:
    """The arguments of :func:`unit` for a build."""
    return "NtCreateThreadEx" in build.numbers, frozenset(_WITH.keys() & build.numbers.keys())


def unit_of(build: Build) -> Unit:
    """The declarations for a build."""
    return unit(*_choice(build))


def _written(build: Build) -> str:
    """All that a module is expanded from: the sources as they are written, and the language that they are in."""
    return _rules() + "\n".join(_texts(*_choice(build)))


@lru_cache(maxsize=1)
def _rules() -> str:
    """The modules that expand the sources: other rules make other code of them."""
    files = (resources.files("wowsim.guest32.win32").joinpath(name) for name in ("macro.py", "link.py"))
    return "".join(file.read_text(encoding="utf-8") for file in files if file.is_file())


def home(build: Build, procedure: Procedure) -> str:
    """The module that holds an exported function's code."""
    return procedure.module if build.has_kernelbase else KERNEL32


@dataclass
class Linked:
    """What one module holds.

    Attributes:
        sources: assembly by function.
        imports: name -> module it comes from.
        thunks: functions that only jump to another module.
        constants: contents of the constants used, by name; ``variables`` of the variables.
        exports: names of exported code.
    """

    build: Build
    module: str
    sources: dict[str, str] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    thunks: list[str] = field(default_factory=list)
    constants: dict[str, bytes] = field(default_factory=dict)
    variables: dict[str, bytes] = field(default_factory=dict)
    exports: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        key = assembled.digest(f"{self.module}:{self.build.has_kernelbase}:{_written(self.build)}", 32, 0)
        kept = assembled.find(key)
        if kept is None:
            self._expand()
            assembled.note(key, self._packed())
        else:
            self._unpack(kept)

    def _expand(self) -> None:
        """From the sources: what is exported, what that calls, and the data of both."""
        self._unit = unit_of(self.build)
        data: set[str] = set()
        pending = []
        for procedure in self._unit.procedures.values():
            if procedure.exported:
                if home(self.build, procedure) == self.module:
                    pending.append(procedure)
                elif self.module == KERNEL32:
                    self.thunks.append(procedure.name)
                    self.imports[procedure.name] = KERNELBASE
        while pending:
            procedure = pending.pop(0)
            if procedure.name not in self.sources:
                self.sources[procedure.name] = expand(
                    procedure, lambda name: self._target(name, pending, data)
                )
        self.constants = {n: c for n, c in self._unit.constants.items() if n in data}
        self.variables = {n: c for n, c in self._unit.variables.items() if n in data}
        self.exports = [name for name in self.sources if self._unit.procedures[name].exported]

    def _packed(self) -> bytes:
        data = [{n: c.hex() for n, c in contents.items()} for contents in (self.constants, self.variables)]
        return json.dumps([self.sources, self.imports, self.thunks, self.exports, *data]).encode()

    def _unpack(self, kept: bytes) -> None:
        self.sources, self.imports, self.thunks, self.exports, *data = json.loads(kept)
        self.constants, self.variables = (
            {n: bytes.fromhex(c) for n, c in contents.items()} for contents in data
        )

    def _target(self, name: str, pending: list[Procedure], data: set[str]) -> str:
        if name in self._unit.constants or name in self._unit.variables:
            data.add(name)
            return name
        procedure = self._unit.procedures.get(name)
        if procedure is not None and not procedure.exported:
            pending.append(procedure)
            return name
        if procedure is not None and home(self.build, procedure) == self.module:
            return name
        if procedure is not None and self.module == KERNELBASE:
            raise ValueError(f"KERNELBASE calls {name}, which kernel32 holds; it cannot import from there")
        self.imports[name] = NTDLL if procedure is None else KERNELBASE
        return f"dword ptr [{IMPORT}{name}]"


@dataclass(frozen=True)
class Places:
    """RVAs of a module's parts.

    Attributes:
        slots: import slots start here.
        thunks: jumps into the other module.
        code: functions.
        constants: read-only data.
        variables: writable data.
        fixed_slots: import slots whose place the build gives.
        fixed_thunks: jumps whose place the build gives.
    """

    slots: int
    thunks: int
    code: int
    constants: int
    variables: int
    fixed_slots: Mapping[str, int] = field(default_factory=dict)
    fixed_thunks: Mapping[str, int] = field(default_factory=dict)


def link(linked: Linked, places: Places, fixed_code: Mapping[str, int] | None = None) -> Image:
    """The image of a module.

    Args:
        linked: what it holds.
        places: where.
        fixed_code: functions whose place the build gives, by RVA; an ``at`` line in them is a place too.
    """
    where = linked.build.module(linked.module)
    builder = ImageBuilder(where.name, where.file_name, where.path, 32, where.base, where.size, places.code)
    _sections(builder, where, places)
    slots = _imports(builder, linked, places)
    _thunks(builder, linked, places, slots)
    sources = dict(linked.sources)
    for name, rva in (fixed_code or {}).items():
        _fixed(builder, name, sources.pop(name), rva)
    rest = "\n".join(line for line in "\n".join(sources.values()).splitlines() if not line.startswith(AT))
    builder.code(rest)
    _data(builder, places.constants, linked.constants)
    _data(builder, places.variables, linked.variables)
    for name in linked.exports + linked.thunks:
        builder.export(name)
    for name, target in FORWARDERS.items():
        builder.forward(name, target)
    return builder.build()


def _sections(builder: ImageBuilder, where: Module, places: Places) -> None:
    text = min(places.slots, places.thunks, places.code)
    builder.section(".text", text, places.constants - text, executable=True)
    builder.section(".rdata", places.constants, places.variables - places.constants)
    builder.section(".data", places.variables, 0x1000, writable=True)
    builder.section(".edata", places.variables + 0x1000, where.size - places.variables - 0x1000)


def _imports(builder: ImageBuilder, linked: Linked, places: Places) -> dict[str, int]:
    """Declares the import slots; their RVAs by name."""
    taken = set(places.fixed_slots.values())
    free = (rva for rva in range(places.slots, places.slots + 0x1000, 4) if rva not in taken)
    slots = {name: places.fixed_slots.get(name) or next(free) for name in sorted(linked.imports)}
    for name, rva in slots.items():
        builder.imported(f"{linked.imports[name]}.dll", name, rva)
    return slots


def _thunks(builder: ImageBuilder, linked: Linked, places: Places, slots: Mapping[str, int]) -> None:
    """``jmp dword ptr [slot]`` for each function that another module holds."""
    rva = places.thunks
    for name in linked.thunks:
        code = b"\xff\x25" + struct.pack("<I", builder.base + slots[name])
        fixed = places.fixed_thunks.get(name)
        if fixed is None:
            builder.machine_code(rva, code, {name: rva}, Provenance.OURS)
            rva += len(code)
        else:
            builder.machine_code(fixed, code, {name: fixed}, Provenance.BUILD)


def _fixed(builder: ImageBuilder, name: str, source: str, rva: int) -> None:
    """A function at the build's place: what its ``at`` line marks is the build's own instruction."""
    before, at, after = source.partition(AT)
    if not at:
        builder.code(source, rva)
        return
    offset, _, rest = after.partition("\n")
    marked, _, rest = rest.partition("\n")
    builder.code(f"{before}jmp L_{name}_at", rva, size=int(offset, 0))
    builder.code(f"L_{name}_at:\n{marked}", rva + int(offset, 0), Provenance.BUILD, size=6)
    builder.code(rest, rva + int(offset, 0) + 6)


def _data(builder: ImageBuilder, rva: int, contents: Mapping[str, bytes]) -> None:
    for name, value in contents.items():
        builder.data(rva, value, name)
        rva = (rva + len(value) + 3) & ~3
