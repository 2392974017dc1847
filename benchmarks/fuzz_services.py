"""Hostile service calls by the thousand: nothing but a status, a guest exception or a stop reason may come of them.

    python benchmarks/fuzz_services.py --calls 100000 --seed 1 [--service NtCreateFile] [--build win7sp1]

Calls come from 32-bit code through the stubs (and wow64.dll's thunks), and from 64-bit code as bare SYSCALLs, with
random registers, stacks and structures, in a process whose handles and threads are in odd states. They run in batches,
each from the same snapshot with random numbers of its own, so that a failure is found again by its batch alone. Every
failure is printed with the command that repeats it; the exit code is 1 if there was one.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import resource
import socket
import struct
import sys
import time
import traceback
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any
from unittest import mock

import wowsim
from wowsim import StopReason
from wowsim.kernel.services import implemented
from wowsim.nt.abi import ACCESS_MASK, BOOLEAN, HANDLE, Pass, layout, size_of
from wowsim.nt.structures import OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wowsim.nt.abi import Parameter, Prototype

BATCH = 64
"""Calls from one snapshot at most."""
LIMIT, TIMEOUT = 3_000_000, 30
"""Instructions and host seconds of a batch: a thread made on the way may spin."""
HANG = 120
"""Host seconds in which one service call that does not come back is reported."""
MEMORY = 64 << 20
DATA, DATA_SIZE = 0x10000000, 0x10000
STACK = DATA + 0xC000
OBJECT, TEXT, STRUCTURES = DATA + 0x800, DATA + 0xC00, DATA + 0x1000
READ_ONLY, GUARD, NO_ACCESS, RESERVED = (0x10100000 + at * 0x10000 for at in range(4))
CODE = 0x200000
PRESENT_STATES = ("closed", "terminated", "suspended")

NAMES = (
    "\\??\\C:\\Temp\\a", "\\??\\C:\\Temp", "\\??\\C:\\Temp\\new", "\\??\\C:\\Temp\\..\\x", "\\??\\C:\\Temp\\a:s", "\\",
    "", "a", "\\??\\NUL", "\\??\\CON", "\\??\\CONIN$", "\\??\\C:\\Temp\\CON.txt", "\\??\\C:", "\\??\\", "\\Device\\Null",
    "\\KnownDlls\\ntdll.dll", "\\KnownDlls", "\\BaseNamedObjects\\event", "\\BaseNamedObjects\\new", "\\SystemRoot",
    "\\??\\C:\\Windows\\System32\\ntdll.dll", "\\??\\C:\\Temp\\*", "\\??\\C:\\Temp\\a\\b", "\\??\\PIPE\\x",
    "\\Registry\\Machine\\Software", "\\REGISTRY\\USER", "\\??\\C:\\Temp\\a. ", "\ud800", "\0", "\\??\\C:\\\0", "x" * 300,
    "\\??\\GLOBALROOT\\Device", "\\\\?\\C:\\Temp\\a", "\\??\\C:/Temp/a",
)  # fmt: skip
NUMBERS = (
    0, 1, 2, 3, 4, 5, 7, 8, 0x10, 0x18, 0x1F, 0x20, 0x30, 0x40, 0x7F, 0x80, 0xFF, 0x100, 0x104, 0xFFF, 0x1000, 0x1001,
    0x2000, 0x3000, 0x4000, 0x8000, 0xFFFF, 0x10000, 0x100000, 0x800000, 0x1000000, 0x8000000, 0x7FFFFFFF, 0x80000000,
    0x12019F, 0x1F0003, 0x1FFFFF, 0xC0100080, 0x2000000, 0xFFFFFFFE, 0xFFFFFFFF, 0x44, 65, 0x200000,
)  # fmt: skip
WIDE = (1 << 64) - 1, 1 << 63, 0x7FFFFFFEFFFF, 0x7FFFFFFF0000, 0x800000000000, 0xFFFFF80000B93000, 0xFFFFFFFFFFFFFFFE
PLACES = (
    DATA, DATA + 1, OBJECT, STRUCTURES, STRUCTURES + 0x20, DATA + DATA_SIZE - 1, DATA + DATA_SIZE - 4,
    DATA + DATA_SIZE - 8, DATA + DATA_SIZE, READ_ONLY, READ_ONLY + 0xFFC, GUARD, NO_ACCESS, RESERVED, 0x7FFE0000,
    0x7FFE0FFF, 0x7FFEFFFF, 0x7FFF0000, 0x80000000, CODE, CODE - 1, 0xFFFFFFF8, 1, 0x10,
)  # fmt: skip


class HostAccess(BaseException):
    """Something reached for the host; no handler of errors may swallow it."""


@dataclass(frozen=True)
class Failure:
    """What must not have happened, and how to see it again."""

    command: str
    calls: tuple[str, ...]
    text: str


@dataclass
class Report:
    """What came of it.

    Attributes:
        calls: made; ``batches`` of them.
        statuses: how often each status (of calls that came back) was seen; ``reasons`` why batches ended.
    """

    calls: int = 0
    batches: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    reasons: Counter[StopReason] = field(default_factory=Counter)
    unsupported: Counter[str] = field(default_factory=Counter)
    services: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)


@contextmanager
def no_host() -> Iterator[None]:
    """Nothing opens a file, a directory or a socket of the host meanwhile."""

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise HostAccess(repr(arguments))

    names = ("open", "listdir", "scandir", "mkdir", "remove", "unlink", "rename", "replace", "rmdir", "urandom")
    patches = [mock.patch.object(os, name, refuse) for name in names]
    patches += [mock.patch("builtins.open", refuse), mock.patch.object(socket, "socket", refuse)]
    patches += [mock.patch.object(os, "system", refuse), mock.patch.object(time, "time", refuse)]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


class Fuzzer:
    """Hostile calls on one build from code of one width.

    Args:
        build: the build.
        bits: 32 for the stubs, 64 for bare SYSCALLs.
        seed: of everything.
        services: names to call; all of the build when None.
    """

    def __init__(self, build: str, bits: int, seed: int, services: Sequence[str] | None = None) -> None:
        self.build, self.bits, self.seed = build, bits, seed
        self.report = Report()
        self._only = services
        self._sim = sim = wowsim.Simulation(build, seed=seed, memory=MEMORY, on_unsupported="status")
        self._width: Any = bits
        declared = {name: service.prototype for name, service in implemented().items()}
        names = [name for name in sim.build.numbers if services is None or name in services]
        if not names:
            raise wowsim.UsageError(f"{build} has none of the services {services}")
        self._services = [(name, sim.build.numbers[name], declared.get(name)) for name in names]
        # implemented services are called as often as all others together
        self._weights = [1 if found is not None else 0.1 for _, _, found in self._services]
        self._stubs = self._stub_addresses()
        self._services = [row for row in self._services if bits == 64 or row[0] in self._stubs]
        self._weights = [1 if found is not None else 0.1 for _, _, found in self._services]
        self._handles: list[int] = []
        self._chance = Random(seed)
        self._made: list[str] = []
        self._left = 0
        self._prepare_process()
        sim.on(wowsim.UnsupportedCalled, lambda event: self.report.unsupported.update([event.detail]))
        core = sim._machine.core
        general = ("rbx", "rcx", "rsi", "rdi", "rbp", "rdx", "r8", "r9", "r10", "rax", "rsp", "rflags")
        self._registers = core.batch(*general)
        self._result = core.batch("rax")
        sim.at(self._loop, lambda sim: self._next())
        self._start = sim.snapshot()

    def close(self) -> None:
        """Release the machine."""
        self._sim.close()

    # ------------------------------------------------------------ the process
    def _stub_addresses(self) -> dict[str, int]:
        module = self._sim.build.ntdll
        image = self._sim._built_in.images[module.name]
        return {name: module.base + export.rva for name, export in image.export_by_name.items()}

    def _prepare_process(self) -> None:
        sim = self._sim
        sim.files.add("C:\\Temp\\a", b"abc" * 100)
        if self.bits == 32:
            code = wowsim.assemble32("L: nop; call eax; jmp L")
        else:
            code = wowsim.assemble64("L: nop; syscall; jmp L")
        sim.load_shellcode(code, bits=self.bits)
        self._loop = CODE + sim.memory.read(CODE, 0x100).index(code)
        with sim.at(CODE, lambda sim: sim.stop()):
            sim.run()
        space = sim._machine.space
        for place, size, kind, protection in (
            (DATA, DATA_SIZE, 0x3000, 0x04),
            (READ_ONLY, 0x1000, 0x3000, 0x02),
            (GUARD, 0x1000, 0x3000, 0x104),
            (NO_ACCESS, 0x1000, 0x3000, 0x01),
            (RESERVED, 0x1000, 0x2000, 0x04),
        ):
            space.allocate(place, size, kind, protection)
        self._open_handles()
        with sim.at(self._loop, lambda sim: sim.stop()):
            sim.run()

    def _open_handles(self) -> None:
        """One of each kind, some closed again, threads that never ran, that are suspended, that have ended."""
        module = self._sim.build.ntdll.name

        def made(service: str, *arguments: int) -> int:
            self._sim.memory.write(DATA, bytes(0x40))
            self._sim.call32(f"{module}!{service}", DATA, *arguments)
            handle = int.from_bytes(self._sim.memory.read(DATA, 4), "little")
            self._handles.append(handle)
            return handle

        event = self._object("\\BaseNamedObjects\\event")
        made("NtCreateEvent", 0x1F0003, event, 0, 0)
        made("NtCreateEvent", 0x1F0003, 0, 1, 1)
        made("NtCreateMutant", 0x1F0001, 0, 1)
        made("NtCreateSemaphore", 0x1F0003, 0, 1, 2)
        made("NtCreateTimer", 0x1F0003, 0, 0)
        block, options = DATA + 0x20, (7, 3, 0x60, 0, 0)
        file = made("NtCreateFile", 0xC0110080, self._object("\\??\\C:\\Temp\\a"), block, 0, 0, *options)
        made("NtOpenFile", 0x100001, self._object("\\??\\C:\\Temp"), block, 7, 0x21)
        made("NtOpenFile", 0x120089, self._object("\\??\\NUL"), block, 7, 0x20)
        made("NtOpenDirectoryObject", 3, self._object("\\KnownDlls"))
        made("NtOpenSection", 0xE, self._object("\\KnownDlls\\ntdll.dll"))
        made("NtCreateSection", 0xF001F, 0, 0, 4, 0x8000000, file)
        self._sim.memory.write(DATA + 0x60, (0x3000).to_bytes(8, "little"))
        made("NtCreateSection", 0xF001F, 0, DATA + 0x60, 0x40, 0x8000000, 0)
        closed = made("NtCreateEvent", 0x1F0003, 0, 0, 0)
        self._sim.call32(f"{module}!NtClose", closed)
        if "NtCreateThreadEx" in self._sim.build.numbers:
            for _ in range(2):
                thread = made("NtCreateThreadEx", 0x1FFFFF, 0, -1, CODE, 0, 1, 0, 0, 0, 0)
            self._sim.call32(f"{module}!NtTerminateThread", thread, 1)
        self._handles += [-1, -2, -3, -4, -5, -6, 0, 4, 8, 0xC, 0x10, 0x44440, 0x1004, 0x1000, 0x7FFFFFFC, closed + 1]

    def _object(self, name: str) -> int:
        """Address of 32-bit OBJECT_ATTRIBUTES, for the calls that make the handles."""
        raw = name.encode("utf-16-le")
        write = self._sim.memory.write
        write(TEXT, raw)
        write(OBJECT + 0x40, struct.pack("<HHI", len(raw), len(raw), TEXT))
        write(OBJECT, struct.pack("<6I", 0x18, 0, OBJECT + 0x40, 0x40, 0, 0))
        return OBJECT

    # ------------------------------------------------------------ running
    def run(self, calls: int, first: int = 0) -> Report:
        """Batches from number ``first`` on until so many calls are made."""
        batch = first
        while self.report.calls < calls:
            self.batch(batch, calls - self.report.calls)
            batch += 1
        return self.report

    def batch(self, number: int, most: int = BATCH) -> None:
        """One batch."""
        sim, report = self._sim, self.report
        self._chance = Random(f"{self.seed} {self.build} {self.bits} {number}")
        self._made.clear()
        self._left = min(BATCH, most)
        report.batches += 1
        sim.restore(self._start)
        try:
            with no_host():
                result = sim.run(limit=LIMIT, timeout=TIMEOUT)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            self._fail(number, "".join(traceback.format_exception(error)))
            return
        report.reasons[result.reason] += 1
        if result.reason in (StopReason.TIMEOUT, StopReason.UNSUPPORTED):
            self._fail(number, f"{result.reason}: {result.detail}")

    def _fail(self, number: int, text: str) -> None:
        only = f" --service {self._only[0]}" if self._only else ""
        command = (
            f"python benchmarks/fuzz_services.py --build {self.build} --bits {self.bits} --seed {self.seed}"
            f" --batch {number}{only}"
        )
        self.report.failures.append(Failure(command, tuple(self._made[-3:]), text))

    def _next(self) -> None:
        """The loop has come round: the next call."""
        if self._made:
            self.report.statuses[self._result.read()[0] & 0xFFFFFFFF] += 1
        if self._left == 0:
            self._sim.stop()
            return
        self._left -= 1
        self.report.calls += 1
        chance = self._chance
        name, number, prototype = chance.choices(self._services, self._weights)[0]
        self.report.services[name] += 1
        self._fill()
        slots = self._slots(prototype)
        self._made.append(f"{name}({', '.join(f'{slot:#x}' for slot in slots)})")
        flags = 0x202 | (0x400 if chance.random() < 0.1 else 0) | (0x100 if chance.random() < 0.002 else 0)
        noise = [self._number() for _ in range(5)]
        stack = STACK + 8 * chance.randrange(4)
        write = self._sim.memory.write
        if self.bits == 32:
            if chance.random() < 0.01:  # too few arguments before the end of memory
                stack = DATA + DATA_SIZE - 4 * chance.randrange(1, 5)
            room = (DATA + DATA_SIZE - stack) // 4
            write(stack, b"".join(struct.pack("<I", s & 0xFFFFFFFF) for s in slots[:room]))
            if chance.random() < 0.002:
                stack = self._place()
            self._registers.write(*noise, 0, 0, 0, 0, self._stubs[name], stack & 0xFFFFFFFF, flags)
            return
        slots += [0] * (4 - len(slots))
        write(stack + 0x28, b"".join(struct.pack("<Q", s & (1 << 64) - 1) for s in slots[4:]))
        if chance.random() < 0.002:
            stack = self._place()
        if chance.random() < 0.02:
            number = chance.randrange(0x10000)
        wide = [slot & (1 << 64) - 1 for slot in slots]
        self._registers.write(*noise, wide[1], wide[2], wide[3], wide[0], number, stack, flags)

    # ------------------------------------------------------------ garbage
    def _fill(self) -> None:
        """Scratch memory: numbers and places at random, a name and OBJECT_ATTRIBUTES that mostly make sense."""
        chance, width = self._chance, self._width
        size = width // 8
        code = "Q" if width == 64 else "I"
        words = [self._word() for _ in range(48)]
        page = bytearray(struct.pack(f"<48{code}", *(w & (1 << width) - 1 for w in words)) * 4)
        write = self._sim.memory.write
        write(STRUCTURES, bytes(page[chance.randrange(4) :]))
        name = chance.choice(NAMES).encode("utf-16-le", "surrogatepass")
        length = len(name) if chance.random() < 0.9 else chance.choice((0, 1, len(name) + 1, 0xFFFE, 0xFFFF))
        write(TEXT, name)
        string = layout(UNICODE_STRING, width).struct.pack(length, length, TEXT)
        attributes = [
            layout(OBJECT_ATTRIBUTES, width).size if chance.random() < 0.95 else self._number() & 0xFFFF,
            0 if chance.random() < 0.8 else self._handle(),
            OBJECT + 0x80 if chance.random() < 0.95 else self._place(),
            chance.choice((0, 0x40, 0x42, 0x80, 0xC0, 0x240, 0xFFFFFFFF)),
            0 if chance.random() < 0.9 else self._place(),
            0 if chance.random() < 0.9 else self._place(),
        ]
        mask = (1 << 8 * size) - 1
        write(OBJECT, layout(OBJECT_ATTRIBUTES, width).struct.pack(*(a & mask for a in attributes)))
        write(OBJECT + 0x80, string)

    def _number(self) -> int:
        chance = self._chance
        choice = chance.random()
        if choice < 0.6:
            return chance.choice(NUMBERS)
        if choice < 0.8:
            return chance.randrange(80)
        if choice < 0.9 and self._width == 64:
            return chance.choice(WIDE)
        return chance.getrandbits(self._width) if choice < 0.95 else 1 << chance.randrange(self._width)

    def _place(self) -> int:
        chance = self._chance
        if self._width == 64 and chance.random() < 0.05:
            return chance.choice(WIDE)
        return chance.choice(PLACES)

    def _handle(self) -> int:
        return self._chance.choice(self._handles)

    def _word(self) -> int:
        choice = self._chance.random()
        if choice < 0.4:
            return self._number()
        return self._place() if choice < 0.7 else self._handle() if choice < 0.9 else 0

    def _slots(self, prototype: Prototype | None) -> list[int]:
        """Argument slots: by the types of the parameters, or without looking at them."""
        chance = self._chance
        if prototype is None or chance.random() < 0.15:
            return [self._word() for _ in range(16)]
        slots: list[int] = []
        for parameter in prototype.parameters:
            value = self._argument(parameter)
            slots.append(value)
            if self._width == 32 and parameter.slots32 == 2:
                slots.append(self._number())
        return slots

    def _argument(self, parameter: Parameter) -> int:
        chance = self._chance
        choice = chance.random()
        if choice < 0.04:
            return self._word()
        if parameter.passed is not Pass.VALUE:
            if choice < 0.1:
                return 0
            if parameter.kind is OBJECT_ATTRIBUTES:
                return OBJECT
            if parameter.kind is UNICODE_STRING:
                return OBJECT + 0x80
            if choice < 0.2:
                size = size_of(parameter.kind, self._width)
                return DATA + DATA_SIZE - size + chance.choice((0, 0, 1, -1))
            return STRUCTURES + 8 * chance.randrange(64) if choice < 0.9 else self._place()
        if parameter.kind is HANDLE:
            return self._handle()
        if parameter.kind is BOOLEAN:
            return chance.randrange(2)
        if parameter.kind is ACCESS_MASK:
            return chance.choice((0x2000000, 0x1FFFFF, 0x1F0003, 0x10000000, self._number()))
        if choice < 0.4:
            return STRUCTURES + 8 * chance.randrange(64)
        return self._number() if choice < 0.9 else self._place()


def peak() -> int:
    """Bytes that the process held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(argv: Sequence[str] | None = None) -> int:
    """Run, print, and say whether something failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=10_000, help="for each build and width")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--service", action="append", help="only this one; repeatable")
    parser.add_argument("--build", action="append", help="default: win7sp1 and win10-22h2")
    parser.add_argument("--bits", type=int, choices=(32, 64), action="append", help="default: both")
    parser.add_argument("--batch", type=int, help="repeat one batch")
    options = parser.parse_args(argv)
    failed = False
    for build in options.build or ("win7sp1", "win10-22h2"):
        native = not wowsim.Simulation(build).build.wow64
        for bits in (32,) if native else options.bits or (32, 64):
            failed |= _run(build, bits, options)
    return int(failed)


def _run(build: str, bits: int, options: argparse.Namespace) -> bool:
    fuzzer = Fuzzer(build, bits, options.seed, options.service)
    began, before = time.perf_counter(), peak()
    faulthandler.enable()
    if options.batch is not None:
        fuzzer.batch(options.batch)
    else:
        batch = 0
        while fuzzer.report.calls < options.calls:
            faulthandler.dump_traceback_later(HANG, exit=True)
            fuzzer.batch(batch, options.calls - fuzzer.report.calls)
            batch += 1
        faulthandler.cancel_dump_traceback_later()
    report, seconds = fuzzer.report, time.perf_counter() - began
    print(
        f"{build} from {bits}-bit code: {report.calls} calls of {len(report.services)} services, seed {options.seed},"
        f" {report.batches} batches, {report.calls / seconds:.0f} calls/s, {len(report.failures)} failures,"
        f" memory grew by {(peak() - before) >> 20} MB"
    )
    print("  ended:", ", ".join(f"{r.value} {n}" for r, n in report.reasons.most_common()))
    print("  statuses:", ", ".join(f"{s:08X} {n}" for s, n in report.statuses.most_common(12)))
    seen: set[str] = set()
    for failure in report.failures:
        last = failure.text.strip().splitlines()[-1]
        if last not in seen:
            seen.add(last)
            print(f"  {failure.command}\n    {'; '.join(failure.calls)}\n{failure.text}")
    fuzzer.close()
    return bool(report.failures)


if __name__ == "__main__":
    sys.exit(main())
