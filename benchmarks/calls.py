"""A pair of NtCreateFile and NtClose through the whole path, and a bare gate round trip beside it."""

from __future__ import annotations

import gc
import itertools
import statistics
import struct
from pathlib import Path
from time import perf_counter_ns, process_time
from typing import TYPE_CHECKING, Any

from loops import CODE, SIZE
from measure import Row, interleave

from wowsim import Simulation, assemble32, assemble64
from wowsim.cpu.core import Core
from wowsim.cpu.paging import EXECUTE, PAGE, READ, WRITE, PageTables, PhysicalMemory
from wowsim.cpu.segments import windows_gdt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wowsim.cpu.faults import Fault

PAIRS_EXE = Path(__file__).parent.parent / "fixtures" / "bin" / "pairs.exe"
NAME = "\\??\\C:\\pairs.txt"
_FAR64, _BACK, _POINTER = CODE + 0x100, 7, CODE + 0x200


class Gate:
    """32 -> 64 -> SYSCALL with an empty hook -> 32, ``rounds`` times, on a core with nothing behind it."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self._ram = PhysicalMemory(16 << 20)
        tables = PageTables(self._ram)
        tables.map(CODE >> 12, tables.allocate(SIZE // PAGE), READ | WRITE | EXECUTE)
        self._core = Core(tables, windows_gdt(), self, timestamp=lambda: 0, random=lambda: 0)
        there = b"\xea" + struct.pack("<IH", _FAR64, 0x33)
        tables.poke(CODE, there + assemble32(f"dec ebx\njnz {CODE:#x}\nint 3", CODE + len(there)))
        tables.poke(_FAR64, assemble64("syscall") + b"\xff\x2c\x25" + struct.pack("<I", _POINTER))
        tables.poke(_POINTER, struct.pack("<IH", CODE + len(there), 0x23))
        self._core.enter({"rip": CODE, "cs": 0x23, "ss": 0x2B, "rsp": CODE + 0x2800, "gs_base": 0})

    def on_syscall(self) -> None:
        """The empty hook."""

    def on_trap(self, address: int, sp: int) -> None:
        """There is none."""

    def on_interrupt(self, vector: int) -> None:
        """The loop is over."""
        self._core.stop()

    def on_fault(self, fault: Fault) -> None:
        """There must be none."""
        raise RuntimeError(f"the gate's code faults: {fault}")

    def __call__(self) -> float:
        """One round of :func:`measure.interleave`."""
        self._core.write("rip", CODE)
        self._core.write("rbx", self.rounds)
        start = process_time()
        self._core.run()
        return process_time() - start


class Pairs:
    """The pair as shellcode that calls ntdll32 directly, outputs on its stack as a compiler would have them."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.sim = sim = Simulation()
        sim.load_shellcode(bytes(SIZE))
        text = NAME.encode("utf-16-le")
        string, attributes = CODE + 0x1020, CODE + 0x1000
        sim.memory.write(attributes, struct.pack("<6I", 24, 0, string, 0x40, 0, 0))
        sim.memory.write(string, struct.pack("<HHI", len(text), len(text), string + 8) + text)
        begin = sim.at(CODE, lambda sim: sim.stop())
        sim.run()
        begin.remove()
        code = assemble32(self._source(attributes), CODE)
        sim.memory.write(CODE, code)
        self.end = CODE + len(code) - 1
        sim.at(self.end, lambda sim: sim.stop())
        self.esp = sim.registers.esp

    def _source(self, attributes: int) -> str:
        create, close = (self.sim.symbols.address(f"ntdll32!{name}") for name in ("ZwCreateFile", "ZwClose"))
        return f"""again: lea edx, [esp-0x40]
            push 0
            push 0
            push 0x60
            push 3
            push 7
            push 0x80
            push 0
            lea eax, [edx+8]
            push eax
            push {attributes:#x}
            push 0x80100000
            push edx
            sub esp, 0
            mov eax, {create:#x}
            call eax
            test eax, eax
            jnz end
            push dword ptr [esp-0x40]
            mov eax, {close:#x}
            call eax
            test eax, eax
            jnz end
            dec ebx
            jnz again
        end: nop"""

    def run(self, trace: Any) -> Callable[[], float]:
        """A candidate for :func:`measure.interleave`."""

        def once() -> float:
            registers = self.sim.registers
            registers.eip, registers.ebx, registers.esp = CODE, self.rounds, self.esp - 0x100
            start = process_time()
            self.sim.run(trace=trace)
            took = process_time() - start
            if registers.eip != self.end or registers.eax or registers.ebx:
                raise RuntimeError(f"the pairs ended at {registers.eip:#x} with status {registers.eax:08X}")
            return took

        return once


def profile(pairs: Pairs) -> list[tuple[str, float]]:
    """Microseconds of one pair by what they go to, from marks at each crossing."""
    machine = pairs.sim._machine
    marks: list[tuple[str, int]] = []
    mark = lambda what: marks.append((what, perf_counter_ns()))  # noqa: E731

    class Marked:
        """The machine with a mark before and behind each crossing."""

        def on_syscall(self) -> None:
            mark("guest code")
            machine.on_syscall()
            mark("exit")

        def on_trap(self, address: int, sp: int) -> None:
            mark("guest code")
            machine.on_trap(address, sp)
            mark("traps")

        def on_interrupt(self, vector: int) -> None:
            machine.on_interrupt(vector)

        def on_fault(self, fault: Fault) -> None:
            machine.on_fault(fault)

    dispatch = machine.table.dispatch

    def marked_dispatch(number: int, slots: Sequence[int]) -> int:
        mark("entry")
        return dispatch(number, slots)

    def observe(
        service: Any, number: int, slots: Sequence[int], values: Sequence[Any]
    ) -> tuple[int | None, Callable[[int], int]]:
        mark("decode")

        def done(status: int) -> int:
            mark(service.name)
            return status

        return None, done

    machine.core._handlers = Marked()
    machine.table.dispatch = marked_dispatch  # type: ignore[method-assign]
    machine.table.observe(observe)
    run = pairs.run(None)
    run()
    marks.clear()
    gc.disable()  # the marks themselves would set it off
    mark("")
    run()
    gc.enable()
    machine.table.observe(None)
    machine.table.dispatch = dispatch  # type: ignore[method-assign]
    machine.core._handlers = machine
    spent: dict[str, list[int]] = {}
    for number, ((_, before), (what, after)) in enumerate(itertools.pairwise(marks)):
        pair = number * pairs.rounds // (len(marks) - 1)
        spent.setdefault(what, [0] * pairs.rounds)[pair] += after - before
    return [(what, statistics.median(times) / 1000) for what, times in spent.items()]


def run_pairs_exe(pairs: int) -> Callable[[], float]:
    """``fixtures/bin/pairs.exe`` from its entry point to its end, in a new process each time."""

    def once() -> float:
        with Simulation() as sim:
            sim.load(PAIRS_EXE, [str(pairs)])
            program = sim.modules["pairs"]
            begin = sim.at(program.base + program.image.entry, lambda sim: sim.stop())
            sim.run()
            begin.remove()
            start = process_time()
            result = sim.run()
            took = process_time() - start
        if result.exit_status != 0:
            raise RuntimeError(f"pairs.exe ended with {result}")
        return took

    return once


def rows(quick: bool) -> list[Row]:
    """The calls' part of the table."""
    count = 1000 if quick else 2000
    gate, pairs = Gate(10 * count), Pairs(count)
    times = interleave(
        {
            "gate": gate,
            "pair": pairs.run(None),
            "calls": pairs.run("calls"),
            "exe": run_pairs_exe(count),
        },
        5 if quick else 11,
    )
    trip, pair = (times["gate"].best / gate.rounds, times["pair"].best / count)
    found = [
        Row("gate round trip 32->64->32, empty SYSCALL hook", f"{trip * 1e6:.1f} us"),
        Row(
            "NtCreateFile + NtClose through the whole path",
            f"{pair * 1e6:.1f} us a pair, {pair / (2 * trip):.1f} times two bare gate round trips",
            "<= 60 us",
            pair <= 60e-6,
        ),
    ]
    split = profile(pairs)
    whole = sum(us for _, us in split)
    found += [Row(f"  of it {what}", f"{us / whole * pair * 1e6:.1f} us") for what, us in split]
    found += [
        Row(
            "  traced (calls with path, arguments, stack)",
            f"{times['calls'].best / count * 1e6:.1f} us a pair",
        ),
        Row("  CreateFileW + CloseHandle (pairs.exe)", f"{times['exe'].best / count * 1e6:.1f} us a pair"),
    ]
    pairs.sim.close()
    return found
