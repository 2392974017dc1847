"""Runs the CPU: limits, timeouts, simulated time, recording and who watches the services."""

from __future__ import annotations

import threading
from array import array
from contextlib import ExitStack, contextmanager
from time import monotonic, process_time
from typing import TYPE_CHECKING, Any

from wowsim.cpu.recorder import Recorder
from wowsim.errors import StopReason, Unsupported, UsageError
from wowsim.kernel.standard_input import HostInterrupted
from wowsim.nt.records import dataclass
from wowsim.render import decoder
from wowsim.simulation.machine import Stop
from wowsim.simulation.observers import Observers
from wowsim.simulation.tracer import Trace, Tracer
from wowsim.trace.events import Step
from wowsim.trace.path import Paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wowsim.kernel.clock import Clock
    from wowsim.simulation.machine import Machine
    from wowsim.trace.symbols import SymbolTable

QUANTUM = 100_000
"""Instructions between two refreshes of the clock: 1 ms of simulated time at 100 MIPS."""
UNITS_PER_INSTRUCTION = 10
"""Instructions per 100 ns of simulated time."""
WATCHDOG = 0.02
"""Host seconds between two looks at a run."""
LAG = 0.25
"""Seconds of the host's CPU that an uncounted run may compute before its clock, which only kernel entries and waits
move, is put forward by as much. A program that ends sooner is reproducible without being counted."""


class _Lag:
    """How far a simulated clock is behind the CPU time that its program has used since both were last in step."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """They are in step now."""
        self._shown, self._spent = self._clock.now, process_time()

    def catch_up(self) -> bool:
        """Put the clock forward if it is too far behind; whether it was."""
        behind = int((process_time() - self._spent) * 1e7) - (self._clock.now - self._shown)
        if 0 <= behind < LAG * 1e7:
            return False
        if behind > 0:
            self._clock.advance(behind)
        self.restart()
        return behind > 0


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
        self._end: int | None = None
        """What the recorder's count will be at the limit; ``_turn_end`` at the end of the turn."""
        self._turn_end: int | None = None
        self._turn_began = self._counted = 0
        self._running: ExitStack | None = None
        self.in_callback = False
        """The caller's code runs, not the guest: host time that passes is none of the guest's."""
        self._interrupted: StopReason | None = None
        self.inner: Runner | None = None
        """Runs a child process meanwhile; who interrupts this run interrupts it too."""
        self._glance = False
        """The run was let out of translated code only to look where it stands."""

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
        self._interrupted, self._glance = None, False
        self._end = None
        counted = limit is not None or collected is not None
        if not counted:
            self.forget()
        with ExitStack() as stack:
            stack.callback(setattr, self, "_running", None)
            self._running = stack
            if self.observers.progress is not None:
                self.observers.progress.begin()
            if self.observers.called is not None:
                machine.before_service = self.observers.called
                stack.callback(setattr, machine, "before_service", None)
            if counted or not machine.kernel.scheduler.alone:
                stack.enter_context(self.recording(limit, collected))
            stack.enter_context(self.watchdog(timeout, counted))
            if limit == 0:
                machine.stopped = Stop(StopReason.LIMIT, None, "0 instructions")
            else:
                self.execute()
            executed = self.executed if counted else None
        if machine.stopped is not None:
            return machine.stopped, executed
        if self.timed_out and timeout is not None:  # a child's run has none of its own
            return Stop(StopReason.TIMEOUT, None, f"not finished after {timeout:g} s"), executed
        return Stop(StopReason.STOPPED, None, "stopped by the caller"), executed

    def interrupt(self, reason: StopReason) -> None:
        """From a callback or another thread: end the run; it can be continued."""
        self._interrupted = reason
        self._machine.core.stop()
        inner = self.inner
        if inner is not None:
            inner.interrupt(StopReason.STOPPED)

    @property
    def interrupted(self) -> bool:
        """Whether somebody has ended the run."""
        return self._interrupted is not None

    @property
    def timed_out(self) -> bool:
        """Whether it was the timeout that ended the run."""
        return self._interrupted is StopReason.TIMEOUT

    @property
    def left(self) -> int | None:
        """Instructions until the limit; None without one."""
        if self._end is None:
            return None
        return max(0, self._end - (self._base if self.recorder is None else self.recorder.executed))

    def spend(self, count: int) -> None:
        """Others have executed instructions of this run's limit."""
        if self._end is not None:
            self._end -= count

    def begin_after(self, limit: int | None) -> None:
        """Nothing runs here any more, only others: how much they may execute."""
        self._interrupted = None
        self._end = None if limit is None else self._base + limit

    def wait_for_host(self, arrived: threading.Event) -> None:
        """In a service that waits for the host: let it wait, unless the run is to end; no time passes for the guest.

        Raises:
            HostInterrupted: the run is to end.
        """
        self.in_callback = True
        try:
            while not arrived.wait(WATCHDOG):
                if self._interrupted is not None:
                    raise HostInterrupted
        finally:
            self.in_callback = False

    def execute(self) -> None:
        """Let the CPU run: turn after turn, and to the exact instruction at the limit."""
        machine = self._machine
        if machine.waiting:
            machine.waiting = False
            self._unless_unsupported(machine.reschedule)
            if machine.stopped is not None or machine.waiting:
                return
        while True:
            self._unless_unsupported(machine.core.run)
            recorder = self.recorder
            if self._glance:
                self._glance = False
                if machine.stopped is None and self._interrupted is None:
                    self._tell_progress()
                    if recorder is None or not recorder.stopped:
                        continue
            if recorder is None or not recorder.stopped or machine.stopped is not None or machine.waiting:
                return
            turn_over = self._turn_end is not None and recorder.executed >= self._turn_end
            if self._end is not None and not turn_over and recorder.executed < self._end:
                # the limit lies inside a block: its first instructions are stepped
                self._step(recorder, self._end - recorder.executed)
            if machine.stopped is not None or self._interrupted is not None:
                return
            if self._end is not None and recorder.executed >= self._end:
                machine.stopped = Stop(StopReason.LIMIT, None, "instruction limit reached")
                return
            self._end_of_turn(recorder)
            if machine.stopped is not None or machine.waiting:
                return

    def _tell_progress(self) -> None:
        progress = self.observers.progress
        if progress is not None and progress.due:
            progress.tell(self.executed, self.module)

    @property
    def module(self) -> str | None:
        """In which module the CPU is, or was last; within a hook of the recorder it is the recorder who knows."""
        recorder = self.recorder
        if recorder is None:
            return self._symbols.module(self._machine.core.read("rip"))
        last, _ = recorder.since(recorder.position - 1)
        return self._symbols.module(recorder.blocks[last[-1]].address) if last else None

    def _unless_unsupported(self, action: Callable[[], None]) -> None:
        """Do something; what wowsim lacks ends the run with its name."""
        core = self._machine.core
        try:
            action()
        except (Unsupported, UsageError) as error:
            self._machine.stopped = Stop(StopReason.UNSUPPORTED, None, str(error))
        except HostInterrupted:  # the CPU stands at the call, which did not happen
            core.uncount(core.read("rip"))

    def _step(self, recorder: Recorder, count: int) -> None:
        """Run the first instructions of a block."""
        machine = self._machine
        start, bits = machine.core.read("rip"), machine.core.bits
        self._unless_unsupported(lambda: machine.core.step(count))
        recorder.partial(start, machine.core.read("rip"), bits, machine.core.stepped)

    @contextmanager
    def recording(self, limit: int | None, collected: Trace | None) -> Iterator[None]:
        """Count, and record what the trace asks for, while the context lasts."""
        machine = self._machine
        self._interrupted = None
        if self._session is None:
            self._session = self._new_session()
        session, recorder = self._session, self._session.recorder
        recorder.keep = collected is not None and collected.level != "calls"
        self.recorder, self.collected = recorder, collected
        self._base = self._turn_began = recorder.executed
        self._end = None if limit is None else self._base + limit
        before, machine.before_service = machine.before_service, self._count_time
        if before is not None:
            machine.before_service = _both(self._count_time, before)
        machine.core.attach(recorder)
        self.next_turn()
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
            self.charge()
            machine.core.attach(None)
            machine.before_service = before
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

    # ------------------------------------------------------------ turns
    def _end_of_turn(self, recorder: Recorder) -> None:
        """The turn is over, or was cut short while instructions were stepped: somebody else may run."""
        self._count_time()
        self.charge()
        thread, threads = self._machine.kernel.thread, self._machine.threads
        over = thread.slice is not None and thread.slice <= 0
        if threads is not None:
            self._unless_unsupported(lambda: threads.reschedule(end_of_turn=over))

    def charge(self) -> None:
        """Take what was executed of the turn of the thread that ran."""
        if self.recorder is None:
            return
        executed, thread = self.recorder.executed, self._machine.kernel.thread
        if thread.slice is not None:
            thread.slice -= executed - self._turn_began
        self._turn_began = executed

    def next_turn(self) -> None:
        """How long the thread that runs now may go on: alone for ever, else until its turn or somebody's wait ends."""
        self.charge()
        scheduler = self._machine.kernel.scheduler
        if scheduler.alone:
            self._turn_end = None
            scheduler.current.slice = None
        elif self.recorder is None:
            if self._running is not None:
                # an uncounted run: from here on turns need a count
                self._running.enter_context(self.recording(None, None))
            return
        else:
            executed = self.recorder.executed
            # the clock stands where the last whole unit of instructions ended
            due = self._counted + (scheduler.next_due - self._machine.clock.now) * UNITS_PER_INSTRUCTION
            self._turn_end = max(executed + 1, min(executed + scheduler.turn(), due))
        if self.recorder is not None:
            self._tell_progress()
            self.recorder.grant(0)
            self._grant()

    def _grant(self, count: int = 0) -> bool:
        """Give the recorder its next quantum; False when the limit does not hold ``count`` more, or the turn is over.

        A limit is exact. A turn ends with the block in which it is used up: where blocks end does not depend on how
        a run is watched or cut into pieces.
        """
        recorder = self.recorder
        assert recorder is not None
        executed, quantum = recorder.executed, QUANTUM
        if self._turn_end is not None:
            if executed >= self._turn_end:
                return False
            quantum = max(min(quantum, self._turn_end - executed), count)
        if self._end is not None:
            quantum = min(quantum, self._end - executed)
            if quantum < max(count, 1):
                return False
        recorder.grant(max(quantum, count))
        return True

    def _spent(self, count: int) -> bool:
        """The quantum is over: time goes on, the run too unless the limit is reached or the turn is over."""
        assert self.recorder is not None
        self._count_time()
        self._machine.refresh()
        if count:
            self._tell_progress()
        if not self.recorder.stopped and self._grant(count):
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
    def watchdog(self, timeout: float | None, counted: bool) -> Iterator[None]:
        """Ends a run after ``timeout``; lets the clock of an uncounted one keep up with the time that it computes."""
        machine = self._machine
        if timeout is None and counted:
            yield
            return
        done = threading.Event()
        lag, progress = _Lag(machine.clock), self.observers.progress

        def watch() -> None:
            end = None if timeout is None else monotonic() + timeout
            wait = WATCHDOG if timeout is None else min(WATCHDOG, timeout)
            while not done.wait(wait):
                wait = WATCHDOG
                if end is not None and monotonic() >= end:
                    self.interrupt(StopReason.TIMEOUT)  # again and again: an engine about to start forgets it
                elif end is not None:
                    wait = min(WATCHDOG, end - monotonic())
                spins = self.recorder is None and not self.in_callback
                if spins and progress is not None and progress.due:
                    self._glance = True
                    machine.core.stop()
                if not spins:
                    lag.restart()
                elif lag.catch_up():
                    machine.refresh()

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


def _both(first: Callable[[], None], second: Callable[[], None]) -> Callable[[], None]:
    def call() -> None:
        first()
        second()

    return call
