"""What ten common services cost through the whole path: 32-bit stub, gate, thunk, SYSCALL, kernel and back.

The guest loops by itself, as shellcode; no Python runs between the calls. The loop around a call is measured as well,
with an empty body, and is not part of the numbers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING

from loops import CODE, SIZE
from measure import Row, Run, interleave

from wowsim import Simulation, assemble32

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BUILDS = ("win7sp1", "win11-24h2")
FILE, KEY, VALUE = "\\??\\C:\\services.txt", "\\Registry\\Machine\\Software\\wowsim", "Value"
_DATA, _BUFFER = CODE + 0x1000, 0x80
_READ_WRITE, _SHARED, _OPEN_IF = 0xC0100000, 7, 3
_SYNCHRONOUS, _NO_DIRECTORY = 0x20, 0x40

Argument = int | str
"""A number, or the text of a memory operand: its dword."""
Call = tuple[str, tuple[Argument, ...]]


def _cell(address: int) -> str:
    return f"dword ptr [{address:#x}]"


class Cells:
    """Addresses of variables, on the stack as a compiler would have them: pages with code are dear to write."""

    def __init__(self, base: int) -> None:
        self.handle, self.file, self.key, self.event, self.size, self.base = range(base, base + 24, 4)
        self.zero, self.block, self.out = base + 0x20, base + 0x30, base + 0x40


@dataclass(frozen=True)
class Case:
    """One service or pair.

    Attributes:
        what: its row.
        calls: what one round calls.
    """

    what: str
    calls: tuple[Call, ...]


def _place(sim: Simulation) -> Mapping[str, int]:
    """Write names and their OBJECT_ATTRIBUTES; the attributes' addresses by name, the value's UNICODE_STRING."""
    places, at = {}, _DATA
    for name in (FILE, KEY, VALUE):
        text = name.encode("utf-16-le")
        string = at + 24
        sim.memory.write(at, struct.pack("<6I", 24, 0, string, 0x40, 0, 0))
        sim.memory.write(string, struct.pack("<HHI", len(text), len(text), string + 8) + text)
        places[name] = string if name == VALUE else at
        at = (string + 8 + len(text) + 15) & ~15
    return places


def _create_file(handle: int, block: int, attributes: int) -> Call:
    options = _SYNCHRONOUS | _NO_DIRECTORY
    return "NtCreateFile", (handle, _READ_WRITE, attributes, block, 0, 0x80, _SHARED, _OPEN_IF, options, 0, 0)


def _cases(places: Mapping[str, int], at: Cells) -> list[Case]:
    file, event, block, out = _cell(at.file), _cell(at.event), at.block, at.out
    close: Call = "NtClose", (_cell(at.handle),)
    transfer = (file, 0, 0, 0, block, out, _BUFFER, at.zero, 0)
    allocate: Call = "NtAllocateVirtualMemory", (-1, at.base, 0, at.size, 0x3000, 4)
    free: Call = "NtFreeVirtualMemory", (-1, at.base, at.size, 0x8000)
    return [
        Case("NtCreateEvent + NtClose", (("NtCreateEvent", (at.handle, 0x1F0003, 0, 1, 0)), close)),
        Case("NtCreateFile + NtClose", (_create_file(at.handle, block, places[FILE]), close)),
        Case("NtReadFile (128 bytes)", (("NtReadFile", transfer),)),
        Case("NtWriteFile (128 bytes)", (("NtWriteFile", transfer),)),
        Case(
            "NtQueryInformationFile (FileStandardInformation)",
            (("NtQueryInformationFile", (file, block, out, 24, 5)),),
        ),
        Case(
            "NtQueryValueKey (KeyValuePartialInformation)",
            (("NtQueryValueKey", (_cell(at.key), places[VALUE], 2, out, _BUFFER, at.size)),),
        ),
        Case("NtOpenKey + NtClose", (("NtOpenKey", (at.handle, 0x20019, places[KEY])), close)),
        Case("NtAllocateVirtualMemory + NtFreeVirtualMemory", (allocate, free)),
        Case(
            "NtQueryVirtualMemory (MemoryBasicInformation)",
            (("NtQueryVirtualMemory", (-1, CODE, 0, out, 28, 0)),),
        ),
        Case(
            "NtQueryInformationProcess (ProcessBasicInformation)",
            (("NtQueryInformationProcess", (-1, 0, out, 24, 0)),),
        ),
        Case("NtSetEvent", (("NtSetEvent", (event, 0)),)),
        Case("NtWaitForSingleObject (a set event)", (("NtWaitForSingleObject", (event, 0, 0)),)),
    ]


class Caller:
    """Runs calls of one simulation in the guest's own loop."""

    def __init__(self, build: str, turbo: bool, rounds: int) -> None:
        self.rounds = rounds
        self.sim = sim = Simulation(build=build, turbo=turbo)
        sim.registry.set("HKLM\\Software\\Wow6432Node\\wowsim", VALUE, "data")  # where KEY is redirected to
        sim.load_shellcode(bytes(SIZE))
        self.places = _place(sim)
        begin = sim.at(CODE, lambda sim: sim.stop())
        sim.run()
        begin.remove()
        self._esp = sim.registers.esp - 0x100
        self.cells = at = Cells((self._esp - 0x800) & ~0xF)
        sim.memory.write(at.zero, bytes(8))
        for setup in (
            _create_file(at.file, at.block, self.places[FILE]),
            ("NtOpenKey", (at.key, 0x20019, self.places[KEY])),
            ("NtCreateEvent", (at.event, 0x1F0003, 0, 0, 1)),
            ("NtWriteFile", (_cell(at.file), 0, 0, 0, at.block, at.out, _BUFFER, at.zero, 0)),
        ):
            self.candidate([setup], 1)()

    def candidate(self, calls: Sequence[Call], rounds: int | None = None) -> Run:
        """A candidate for :func:`measure.interleave`."""
        rounds = self.rounds if rounds is None else rounds
        code = assemble32(self._source(calls), CODE)
        end = CODE + len(code) - 1
        sim, esp = self.sim, self._esp

        def once() -> float:
            sim.memory.write(CODE, code)
            registers = sim.registers
            registers.eip, registers.ebx, registers.esp = CODE, rounds, esp
            stop = sim.at(end, lambda sim: sim.stop())
            start = process_time()
            sim.run()
            took = process_time() - start
            stop.remove()
            if registers.eip != end or registers.ebx:
                names = ", ".join(name for name, _ in calls)
                raise RuntimeError(f"{names} ended at {registers.eip:#x} with status {registers.eax:08X}")
            return took

        return once

    def _source(self, calls: Sequence[Call]) -> str:
        lines = ["again:"]
        for name, arguments in calls:
            if name == "NtAllocateVirtualMemory":
                lines += [f"and {_cell(self.cells.base)}, 0", f"mov {_cell(self.cells.size)}, 0x1000"]
            if name == "NtFreeVirtualMemory":
                lines.append(f"and {_cell(self.cells.size)}, 0")
            lines += [f"push {argument}" for argument in reversed(arguments)]
            stub = self.sim.symbols.address(f"ntdll32!Zw{name[2:]}")
            lines += [f"mov eax, {stub:#x}", "call eax", "test eax, eax", "jnz end"]
        return "\n".join([*lines, "dec ebx", "jnz again", "end: nop"])


def _measured(build: str, turbo: bool, quick: bool) -> list[tuple[str, float]]:
    """What each case costs, in microseconds."""
    caller = Caller(build, turbo, 300 if quick else 1000)
    cases = _cases(caller.places, caller.cells)
    candidates = {case.what: caller.candidate(case.calls) for case in cases}
    times = interleave({"": caller.candidate(()), **candidates}, 4 if quick else 10)
    loop = times[""].best
    caller.sim.close()
    return [(case.what, (times[case.what].best - loop) / caller.rounds * 1e6) for case in cases]


def rows(quick: bool) -> list[Row]:
    """The services' part of the table."""
    columns = [_measured(build, turbo, quick) for build in BUILDS for turbo in (True, False)]
    found = [Row("services, us through the whole path", " | ".join(BUILDS) + ", without turbo in brackets")]
    for cells in zip(*columns, strict=True):
        old, old_plain, new, new_plain = (us for _, us in cells)
        found.append(Row(f"  {cells[0][0]}", f"{old:.1f} ({old_plain:.1f}) | {new:.1f} ({new_plain:.1f})"))
    return found
