"""Hostile service calls by the thousand: nothing but a status, a guest exception or a stop reason may come of them.

Calls come from 32-bit code through the stubs (and wow64.dll's thunks), and from 64-bit code as bare SYSCALLs, in a
process whose handles and threads are in odd states. They run in batches, each from the same snapshot with random
numbers of its own, so that a failure is found again by its batch alone. ``benchmarks/fuzz_services.py`` is the command.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
import time
import traceback
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from unittest import mock

from service_garbage import (
    CODE,
    DATA,
    DATA_SIZE,
    GUARD,
    NO_ACCESS,
    OBJECT,
    READ_ONLY,
    RESERVED,
    STACK,
    TEXT,
    Garbage,
)

import wowsim
from wowsim import StopReason
from wowsim.kernel.services import implemented
from wowsim.kernel.table import Support
from wowsim.render.decoder import lengths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wowsim.nt.abi import Prototype


BATCH = 64
"""Calls from one snapshot at most."""
ENDING = ("NtTerminateProcess", "NtTerminateThread", "NtContinue", "NtRaiseException", "NtQuerySystemTime")
LIMIT, TIMEOUT = 3_000_000, 10
"""Instructions and host seconds of a batch: a thread made on the way may spin, a service must not."""
MEMORY = 64 << 20


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


_AUDITED = ("open", "os.", "socket.", "subprocess.", "shutil.", "glob.", "ctypes.dlopen", "fcntl.", "urllib.")
_OWN = str(Path(wowsim.__file__).parent)
_guarded: list[int] = []
"""The threads that may not reach for the host."""


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _guarded or not event.startswith(_AUDITED) or threading.get_ident() not in _guarded:
        return
    if event == "open" and (
        str(arguments[0]).endswith((".py", ".pyc")) or str(arguments[0]).startswith(_OWN)
    ):
        return  # modules are imported, and wowsim's tables read, when they are first used
    raise HostAccess(event, arguments)


sys.addaudithook(_audit)


@contextmanager
def no_host() -> Iterator[None]:
    """This thread opens no file, directory, socket or process of the host meanwhile, and reads neither its clock
    nor its random numbers.
    """

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise HostAccess(arguments)

    unaudited = ((os, "stat"), (os, "lstat"), (os, "urandom"), (time, "time"), (time, "time_ns"))
    patches = [mock.patch.object(module, name, refuse) for module, name in unaudited]
    _guarded.append(threading.get_ident())
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()
        _guarded.pop()


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
        declared = {
            name: service.prototype
            for name, service in implemented().items()
            if service.support is not Support.DECLARED
        }
        names = [name for name in sim.build.numbers if services is None or name in services]
        if not names:
            raise wowsim.UsageError(f"{build} has none of the services {services}")
        self._services = [(name, sim.build.numbers[name], declared.get(name)) for name in names]
        self._stubs = self._stub_addresses()
        self._services = [row for row in self._services if bits == 64 or row[0] in self._stubs]
        self._weights = [self._weight(name, found) for name, _, found in self._services]
        self._handles: dict[str, list[int]] = {}
        self._garbage = Garbage(bits, self._handles, sim.memory.write)
        self._made: list[str] = []
        self._last: tuple[Prototype, list[int]] | None = None
        self._left = 0
        self._prepare_process()
        sim.on(wowsim.UnsupportedCalled, lambda event: self.report.unsupported.update([event.detail]))
        core = sim._machine.core
        general = ("rbx", "rcx", "rsi", "rdi", "rbp", "rdx", "r8", "r9", "r10", "rax", "rsp", "rflags")
        self._registers = core.batch(*general)
        self._result = core.batch("rax")
        sim.at(self._loop, lambda sim: self._next())
        self._start = sim.snapshot()
        lengths(b"", 0, 32)  # loads capstone's library, which is no doing of the guest's

    def close(self) -> None:
        """Release the machine."""
        self._sim.close()

    @staticmethod
    def _weight(name: str, prototype: Prototype | None) -> float:
        """What is not implemented is refused before anything can happen, and what ends a batch wastes its rest."""
        if prototype is None:
            return 0.1
        return 0.2 if name in ENDING else 1

    # ------------------------------------------------------------ the process
    def _stub_addresses(self) -> dict[str, int]:
        module = self._sim.build.ntdll
        image = self._sim._system.images[module.name]
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

        def made(kind: str, service: str, *arguments: int) -> int:
            self._sim.memory.write(DATA, bytes(0x40))
            self._sim.call32(f"{module}!{service}", DATA, *arguments)
            handle = int.from_bytes(self._sim.memory.read(DATA, 4), "little")
            self._handles.setdefault(kind, []).append(handle)
            return handle

        event = self._object("\\BaseNamedObjects\\event")
        made("event", "NtCreateEvent", 0x1F0003, event, 0, 0)
        made("event", "NtCreateEvent", 0x1F0003, 0, 1, 1)
        made("mutant", "NtCreateMutant", 0x1F0001, 0, 1)
        made("semaphore", "NtCreateSemaphore", 0x1F0003, 0, 1, 2)
        made("timer", "NtCreateTimer", 0x1F0003, 0, 0)
        block, options = DATA + 0x20, (7, 3, 0x60, 0, 0)
        file = made("file", "NtCreateFile", 0xC0110080, self._object(r"\??\C:\Temp\a"), block, 0, 0, *options)
        made("file", "NtOpenFile", 0x100001, self._object(r"\??\C:\Temp"), block, 7, 0x21)
        made("file", "NtOpenFile", 0x120089, self._object(r"\??\NUL"), block, 7, 0x20)
        made("directory", "NtOpenDirectoryObject", 3, self._object(r"\KnownDlls"))
        made("section", "NtOpenSection", 0xE, self._object(r"\KnownDlls\ntdll.dll"))
        made("section", "NtCreateSection", 0xF001F, 0, 0, 4, 0x8000000, file)
        self._sim.memory.write(DATA + 0x60, (0x3000).to_bytes(8, "little"))
        made("section", "NtCreateSection", 0xF001F, 0, DATA + 0x60, 0x40, 0x8000000, 0)
        closed = made("closed", "NtCreateEvent", 0x1F0003, 0, 0, 0)
        self._sim.call32(f"{module}!NtClose", closed)
        if "NtCreateThreadEx" in self._sim.build.numbers:
            for _ in range(2):
                thread = made("thread", "NtCreateThreadEx", 0x1FFFFF, 0, -1, CODE, 0, 1, 0, 0, 0, 0)
            self._sim.call32(f"{module}!NtTerminateThread", thread, 1)
        self._handles.setdefault("thread", []).append(-2)
        self._handles["process"] = [-1]
        self._handles["token"] = [-4, -5, -6]
        self._handles["odd"] = [-3, 0, 4, 8, 0xC, 0x10, 0x44440, 0x1004, 0x1000, 0x7FFFFFFC, closed + 1]

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
        self.report.batches += 1
        try:
            result = self._run(number, most, None)
            if result.reason is StopReason.TIMEOUT:  # in the guest's own code, then a limit ends it
                result = self._run(number, most, LIMIT)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._fail(number, "".join(traceback.format_exception(error)))
            return
        self.report.reasons[result.reason] += 1
        if result.reason in (StopReason.TIMEOUT, StopReason.UNSUPPORTED):
            self._fail(number, f"{result.reason}: {result.detail}")

    def _run(self, number: int, most: int, limit: int | None) -> wowsim.RunResult:
        self._garbage.begin(Random(f"{self.seed} {self.build} {self.bits} {number}"))
        self._made.clear()
        self._left = min(BATCH, most)
        self._sim.restore(self._start)
        with no_host():
            return self._sim.run(limit=limit, timeout=TIMEOUT)

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
            status = self._result.read()[0] & 0xFFFFFFFF
            self.report.statuses[status] += 1
            if status < 0x80000000 and self._last is not None:
                self._garbage.learn(*self._last, self._sim.memory.read)
        if self._left == 0:
            self._sim.stop()
            return
        self._left -= 1
        self.report.calls += 1
        garbage, chance = self._garbage, self._garbage.chance
        name, number, prototype = chance.choices(self._services, self._weights)[0]
        self.report.services[name] += 1
        try:
            garbage.fill()
        except wowsim.UsageError:  # a call has freed the memory that the calls live in
            self._sim.stop()
            return
        slots = garbage.slots(prototype)
        self._last = None if prototype is None else (prototype, list(slots))
        self._made.append(f"{name}({', '.join(f'{slot:#x}' for slot in slots)})")
        flags = 0x202 | (0x400 if chance.random() < 0.1 else 0) | (0x100 if chance.random() < 0.002 else 0)
        noise = [garbage.number() for _ in range(5)]
        stack = STACK + 8 * chance.randrange(4)
        write = self._sim.memory.write
        if self.bits == 32:
            if chance.random() < 0.01:  # too few arguments before the end of memory
                stack = DATA + DATA_SIZE - 4 * chance.randrange(1, 5)
            room = (DATA + DATA_SIZE - stack) // 4
            write(stack, b"".join(struct.pack("<I", s & 0xFFFFFFFF) for s in slots[:room]))
            if chance.random() < 0.002:
                stack = garbage.place()
            self._registers.write(*noise, 0, 0, 0, 0, self._stubs[name], stack & 0xFFFFFFFF, flags)
            return
        slots += [0] * (4 - len(slots))
        write(stack + 0x28, b"".join(struct.pack("<Q", s & (1 << 64) - 1) for s in slots[4:]))
        if chance.random() < 0.002:
            stack = garbage.place()
        if chance.random() < 0.02:
            number = chance.randrange(0x10000)
        wide = [slot & (1 << 64) - 1 for slot in slots]
        self._registers.write(*noise, wide[1], wide[2], wide[3], wide[0], number, stack, flags)
