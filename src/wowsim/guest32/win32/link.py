"""Links the Win32 sources into a module: which functions it holds, what it imports, where everything lies.

Stands for the linker that made kernel32.dll and KERNELBASE.dll. A function that Windows 7 has in KERNELBASE
is code there and a jump in kernel32; a build without KERNELBASE has all code in kernel32. Who may import
it: ``guest32.kernel32`` and ``guest32.kernelbase``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import lru_cache
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
from wowsim.image.model import Image, Provenance
from wowsim.image.synth import ImageBuilder

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    older = () if creates_thread_ex else (threads.BEFORE_VISTA,)
    newer = (threads.SINCE_VISTA,) if creates_thread_ex else ()
    with_services = (text for name, text in _WITH.items() if name in services)
    return parse(*(source.SOURCE for source in _SOURCES), *older, *newer, *with_services)


def unit_of(build: Build) -> Unit:
    """The declarations for a build."""
    return unit("NtCreateThreadEx" in build.numbers, frozenset(_WITH.keys() & build.numbers.keys()))


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
        data: names of the constants and variables used.
    """

    build: Build
    module: str
    sources: dict[str, str] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    thunks: list[str] = field(default_factory=list)
    data: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._unit = unit_of(self.build)
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
                self.sources[procedure.name] = expand(procedure, lambda name: self._target(name, pending))

    def _target(self, name: str, pending: list[Procedure]) -> str:
        if name in self._unit.constants or name in self._unit.variables:
            self.data.add(name)
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

    @property
    def exports(self) -> list[str]:
        """Names of exported code."""
        return [name for name in self.sources if self._unit.procedures[name].exported]


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
    declared = unit_of(linked.build)
    _data(builder, places.constants, {n: c for n, c in declared.constants.items() if n in linked.data})
    _data(builder, places.variables, {n: c for n, c in declared.variables.items() if n in linked.data})
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
