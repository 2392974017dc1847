"""Runs the CPU: limits, timeouts, simulated time, recording and who watches the services."""

from __future__ import annotations

import threading
from array import array
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from wowsim.cpu.recorder import Recorder
from wowsim.errors import StopReason, Unsupported, UsageError
from wowsim.render import decoder
from wowsim.simulation.machine import Stop
from wowsim.simulation.observers import Observers
from wowsim.simulation.tracer import Trace, Tracer
from wowsim.trace.events import Step
from wowsim.trace.path import Paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wowsim.simulation.machine import Machine
    from wowsim.trace.symbols import SymbolTable

QUANTUM = 100_000
"""Instructions between two refreshes of the clock: 1 ms of simulated time at 100 MIPS."""
UNITS_PER_INSTRUCTION = 10
"""Instructions per 100 ns of simulated time."""
WATCHDOG = 0.02
"""Host seconds after which an uncounted run that does not enter the kernel gets a clock tick."""


@dataclass
class _Session:
    """What consecutive recorded runs share, so that a continued run knows the frames that are open.

    Attributes:
        seen: position of the recorder up to which the paths are computed.
    """

    recorder: Recorder
    paths: Paths
    seen: int = 0


@dataclass(frozen=True, eq=False)
class Position:
    """Where a runner stands, beside its attributes.

    Attributes:
        uncounted: instructions that have not moved the clock yet.
        blocks: the last blocks, or None without a session.
        unseen: how many of them the paths have not followed; more than there are when some are lost.
        frames: of the threads.
    """

    uncounted: int
    blocks: array[int] | None = None
    unseen: int = 0
    frames: Any = None


class Runner:
    """Runs one machine.

    Args:
        machine: the machine.
        symbols: names of its modules.

    Attributes:
        recorder: attached while a counted run goes on.
        collected: the trace being filled.
        observers: who is told about services.
    """

    def __init__(self, machine: Machine, symbols: SymbolTable) -> None:
        self._machine, self._symbols = machine, symbols
        self.observers = Observers(machine, lambda: self.executed)
        self.recorder: Recorder | None = None
        self.collected: Trace | None = None
        self._session: _Session | None = None
        self.recorders: list[Recorder] = []
        """The one recorder, once there is one."""
        self._base = 0
        self._remaining: int | None = None
        self._counted = 0
        self._interrupted: StopReason | None = None

    @property
    def executed(self) -> int | None:
        """Instructions of the present run; None when it does not count."""
        return None if self.recorder is None else self.recorder.executed - self._base

    def run(
        self, limit: int | None, timeout: float | None, collected: Trace | None
    ) -> tuple[Stop, int | None]:
        """Run until something stops the machine; the reason, and how many instructions were executed."""
        machine = self._machine
        machine.stopped = None
        self._interrupted = None
        counted = limit is not None or collected is not None
        if not counted:
            self.forget()
        with self.recording(limit, collected) if counted else nullcontext(), self._watchdog(timeout, counted):
            if limit == 0:
                machine.stopped = Stop(StopReason.LIMIT, None, "0 instructions")
            else:
                self.execute()
            executed = self.executed
        if machine.stopped is not None:
            return machine.stopped, executed
        if self._interrupted is StopReason.TIMEOUT:
            return Stop(StopReason.TIMEOUT, None, f"not finished after {timeout:g} s"), executed
        return Stop(StopReason.STOPPED, None, "stopped by the caller"), executed

    def interrupt(self, reason: StopReason) -> None:
        """From a callback or another thread: end the run; it can be continued."""
        self._interrupted = reason
        self._machine.core.stop()

    def execute(self) -> None:
        """Let the CPU run, and end at the exact instruction when the limit falls into a block."""
        machine = self._machine
        try:
            machine.core.run()
        except (Unsupported, UsageError) as error:
            machine.stopped = Stop(StopReason.UNSUPPORTED, None, str(error))
        recorder = self.recorder
        if recorder is not None and recorder.stopped and machine.stopped is None:
            # the budget ended inside a block: its first instructions are stepped
            if recorder.left:
                self._step(recorder, recorder.left)
            if machine.stopped is None and self._interrupted is None:
                machine.stopped = Stop(StopReason.LIMIT, None, "instruction limit reached")

    def _step(self, recorder: Recorder, count: int) -> None:
        """Run the first instructions of a block."""
        machine = self._machine
        start, bits = machine.core.read("rip"), machine.core.bits
        try:
            machine.core.step(count)
        except (Unsupported, UsageError) as error:
            machine.stopped = Stop(StopReason.UNSUPPORTED, None, str(error))
        recorder.partial(start, machine.core.read("rip"), bits, machine.core.stepped)

    @contextmanager
    def recording(self, limit: int | None, collected: Trace | None) -> Iterator[None]:
        """Count, and record what the trace asks for, while the context lasts."""
        machine = self._machine
        self._remaining, self._interrupted = limit, None
        if self._session is None:
            self._session = self._new_session()
        session, recorder = self._session, self._session.recorder
        recorder.keep = collected is not None and collected.level != "calls"
        self.recorder, self.collected = recorder, collected
        self._base = recorder.executed
        machine.before_service = self._count_time
        machine.core.attach(recorder)
        recorder.grant(0)
        self._grant()
        tracer = None
        if collected is not None:
            step = self._step_maker() if collected.level == "full" else None
            tracer = Tracer(machine, self._symbols, recorder, collected, session.paths, session.seen, step)
            tracer.start()
            self.observers.tracer = tracer
        try:
            yield
        finally:
            if tracer is not None:
                self.observers.tracer = None
                tracer.stop()
                session.seen = tracer.seen
            machine.core.attach(None)
            machine.before_service = None
            self.recorder = self.collected = None

    def _new_session(self) -> _Session:
        machine = self._machine
        if not self.recorders:
            self.recorders.append(
                Recorder(
                    machine.tables.peek, lambda: machine.core.bits, decoder.lengths, self._spent, keep=False
                )
            )
        recorder = self.recorders[0]
        recorder.resume(array("I"))
        self._counted = recorder.executed
        paths = Paths(recorder.blocks, self._symbols, decoder.flow, machine.tables.peek)
        return _Session(recorder, paths, recorder.position)

    def position(self) -> Position:
        """Where consecutive runs stand, for :meth:`set_position`."""
        session = self._session
        if session is None:
            return Position(0)
        recorder = session.recorder
        unseen = recorder.position - session.seen
        blocks = array("I", recorder.since(recorder.position - max(unseen, 1))[0])
        uncounted = recorder.executed - self._counted
        return Position(uncounted, blocks, min(unseen, len(blocks) + 1), session.paths.state())

    def set_position(self, position: Position) -> None:
        """Go on from a position; the attributes are those of that moment already."""
        session = self._session
        if session is None or position.blocks is None:
            return
        recorder = session.recorder
        recorder.resume(position.blocks)
        session.seen = recorder.position - position.unseen
        session.paths.set_state(position.frames)
        self._counted = recorder.executed - position.uncounted

    def forget(self) -> None:
        """Something ran that was not recorded: later paths cannot build on what was seen before."""
        self._session = None

    def _grant(self) -> bool:
        """Give the recorder its next quantum; False when the limit is used up."""
        assert self.recorder is not None
        quantum = QUANTUM if self._remaining is None else min(QUANTUM, self._remaining)
        if quantum == 0:
            return False
        if self._remaining is not None:
            self._remaining -= quantum
        self.recorder.grant(quantum + self.recorder.left)
        return True

    def _spent(self) -> bool:
        """The quantum is over: time goes on, the run too unless the limit is reached."""
        self._count_time()
        self._machine.refresh()
        if self._grant():
            return True
        self._machine.core.stop()
        return False

    def _count_time(self) -> None:
        """Simulated time advances with instructions."""
        assert self.recorder is not None
        units = (self.recorder.executed - self._counted) // UNITS_PER_INSTRUCTION
        if units > 0:
            self._machine.clock.advance(units)
            self._counted += units * UNITS_PER_INSTRUCTION

    @contextmanager
    def _watchdog(self, timeout: float | None, counted: bool) -> Iterator[None]:
        """Ends a run after ``timeout``; ticks the clock of an uncounted one that never enters the kernel."""
        machine = self._machine
        if timeout is None and counted:
            yield
            return
        done = threading.Event()
        seen = machine.clock.now

        def watch() -> None:
            nonlocal seen
            end = None if timeout is None else monotonic() + timeout
            wait = WATCHDOG if timeout is None else min(WATCHDOG, timeout)
            while not done.wait(wait):
                wait = WATCHDOG
                if end is not None and monotonic() >= end:
                    self.interrupt(StopReason.TIMEOUT)  # again and again: an engine about to start forgets it
                elif end is not None:
                    wait = min(WATCHDOG, end - monotonic())
                if not counted and machine.clock.now == seen:
                    machine.clock.advance(156_250)
                    machine.refresh()
                seen = machine.clock.now

        thread = threading.Thread(target=watch, name="wowsim-watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _step_maker(self) -> Callable[[int, int], Step]:
        """Make a Step of the instruction about to run: its bytes, and its memory operand's old value."""
        core, tables = self._machine.core, self._machine.tables

        def step(address: int, size: int) -> Step:
            bits = core.bits
            code = tables.peek(address, size) or b""
            operand = decoder.memory_operand(code, address, bits)
            if operand is None:
                return Step(address, code, bits)
            registers = core.read_all()
            place = operand.address(registers, registers["fs_base"], registers["gs_base"])
            raw = tables.peek(place, operand.size)
            return Step(address, code, bits, place, None if raw is None else int.from_bytes(raw, "little"))

        return step
