"""The processes of one machine: child processes beside the one that was loaded, and when each of them runs.

A child is a simulation of its own with a CPU, memory and a kernel that shares with its relatives what one Windows has
once (``kernel.relatives``). One of them runs at a time. The first process runs as it does alone until its threads
wait or a turn of theirs is over; then each child that can run has a slice, in the order in which they were made.
When nobody can run the common clock goes on to the next moment at which somebody can. Instructions of children count
in the limit of the run, and their time is simulated time. When the first process has ended, its children run on to
their ends. All of this depends on instructions only, so two runs are alike.

Leaves out: calls of children in traces, events of children, snapshots while a child lives. Who may import it: the
simulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wowsim.errors import StopReason
from wowsim.kernel.scheduler import Idle
from wowsim.simulation.machine import Stop
from wowsim.simulation.parameters import Start

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.context import Kernel, ProcessRequest
    from wowsim.kernel.thread import Process, Thread
    from wowsim.simulation.images import BuiltIn
    from wowsim.simulation.machine import Machine
    from wowsim.simulation.root_system import RootSystem
    from wowsim.simulation.runner import Runner

SLICE = 500_000
"""Instructions of a child's slice."""
ENDS = (StopReason.EXITED, StopReason.FAST_FAIL, StopReason.UNHANDLED_EXCEPTION)
"""How a process ends by itself; with anything else the whole run stops."""
GOES_ON = (StopReason.LIMIT, StopReason.STOPPED, StopReason.TIMEOUT)


@dataclass(eq=False)
class Member:
    """A simulation as its relatives see it.

    Attributes:
        machine: CPU, memory and kernel.
        runner: runs it.
        close: releases it.
    """

    machine: Machine
    runner: Runner
    close: Callable[[], None]

    @property
    def kernel(self) -> Kernel:
        """Its kernel."""
        return self.machine.kernel


@dataclass(frozen=True)
class Relative:
    """What a simulation of a child takes over.

    Attributes:
        system: the DLLs.
        creator: the kernel of the process that makes it.
        children: of the whole machine.
    """

    system: RootSystem | BuiltIn
    creator: Kernel
    children: Children


def start_of(request: ProcessRequest) -> Start:
    """The child's parameters, as its creator wrote them."""
    given = request.parameters
    directory = given.current_directory
    return Start(
        image_path=given.image_path,
        command_line=given.command_line,
        current_directory=directory if directory.endswith("\\") else directory + "\\",
        environment=given.environment,
        handles=given.handles,
        title=given.title,
        desktop=given.desktop,
        shell=given.shell,
        runtime=given.runtime,
        window_flags=given.window_flags,
    )


class _Child:
    """The other processes as a child's scheduler sees them: it leaves the CPU to whoever runs the children."""

    wanted = False

    def while_idle(self, moment: int | None) -> Idle:
        """Somebody else decides who is next, and how time passes."""
        return Idle.LEAVE

    def take_turns(self) -> None:
        """Its slice is what ends its turn."""


class Children:
    """The children of the first process, and theirs.

    Args:
        first: the process that was loaded.
        make: makes the simulation of a child, given its creator's kernel.
    """

    def __init__(self, first: Member, make: Callable[[ProcessRequest, Kernel], Member]) -> None:
        self._first, self._make = first, make
        self._members: list[Member] = []
        self._fatal: Stop | None = None
        self.executed = 0
        """Instructions of children in the present run."""

    @property
    def alive(self) -> bool:
        """Whether there is a child that has not ended."""
        return bool(self._members)

    wanted = alive

    # ------------------------------------------------------------ coming and going
    def creator(self, kernel: Kernel) -> Callable[[ProcessRequest], tuple[Process, Thread]]:
        """What a process makes its children with."""

        def create(request: ProcessRequest) -> tuple[Process, Thread]:
            member = self._make(request, kernel)
            child = member.kernel
            child.scheduler.others = _Child()
            child.handles.inherit(request.handles)
            child.thread.suspended = int(request.suspended)
            self._members.append(member)
            self._first.kernel.scheduler.others = self
            kernel.scheduler.wanted = True
            return child.process, child.thread

        return create

    def _bury(self, member: Member) -> None:
        """A process has ended: nothing of it is left but the object that handles stand for."""
        kernel = member.kernel
        for request in tuple(kernel.requests):
            request.withdraw()
        kernel.requests.clear()
        kernel.process.kernel = None
        kernel.relatives.remove(kernel.process)
        self._members.remove(member)
        member.close()

    def close(self) -> None:
        """Release all that are left."""
        for member in tuple(self._members):
            self._bury(member)

    # ------------------------------------------------------------ running
    def while_idle(self, moment: int | None) -> Idle:
        """No thread of the first process is ready: let children run, else time pass."""
        if not self._members:
            return Idle.PASS_TIME
        ran = self._round()
        if self._over():
            return Idle.LEAVE
        if ran:
            return Idle.LOOK_AGAIN
        return self._pass_time(moment)

    def _pass_time(self, moment: int | None) -> Idle:
        """Nobody can run: on to the next moment of a child's, unless the first process' own is earlier."""
        clock = self._first.machine.clock
        moments = [each for m in self._members if (each := m.kernel.scheduler.next_change) is not None]
        due = min(moments, default=None)
        if due is None or (moment is not None and moment <= due):
            return Idle.PASS_TIME
        clock.advance(max(0, due - clock.now))
        return Idle.LOOK_AGAIN

    def take_turns(self) -> None:
        """A turn of the first process is over: each child has one."""
        self._round()
        self._over()

    def _over(self) -> bool:
        """Whether the run has to stop; the first process' machine knows why."""
        first = self._first
        if self._fatal is not None:
            first.machine.stop(self._fatal)
        elif first.kernel.pending is not None and first.machine.stopped is None:
            pending = first.kernel.pending  # a child has ended it
            first.machine.stop(Stop(pending.reason, pending.status, pending.detail))
        elif first.runner.left == 0:
            first.machine.stop(Stop(StopReason.LIMIT, None, "instruction limit reached"))
        return first.machine.stopped is not None or first.runner.interrupted

    def _round(self) -> bool:
        """A slice for each child that can run; whether one of them did."""
        ran = False
        for member in tuple(self._members):
            kernel = member.kernel
            if kernel.process.ended:
                self._bury(member)
                ran = True
            elif kernel.scheduler.runnable and not self._stopped:
                self._slice(member)
                ran = True
        return ran

    @property
    def _stopped(self) -> bool:
        first = self._first.runner
        return self._fatal is not None or first.left == 0 or first.interrupted

    def _slice(self, member: Member) -> None:
        first = self._first.runner
        left = first.left
        first.inner = member.runner
        member.runner.observers.called = first.observers.called
        try:
            stop, executed = member.runner.run(SLICE if left is None else min(SLICE, left), None, None)
        finally:
            first.inner = None
        first.spend(executed or 0)
        self.executed += executed or 0
        self._tell_progress(member)
        process = member.kernel.process
        if stop.reason in GOES_ON:
            return
        if stop.reason not in ENDS:
            name = process.image_path.rpartition("\\")[2]
            self._fatal = Stop(stop.reason, None, f"child process {process.id:X} ({name}): {stop.detail}")
            return
        if not process.ended:
            member.kernel.exit_process(stop.status or 0)
        self._bury(member)

    def _tell_progress(self, member: Member) -> None:
        first = self._first.runner
        progress = first.observers.progress
        if progress is not None and progress.due:
            own = first.executed
            progress.tell(None if own is None else own + self.executed, member.runner.module)

    # ------------------------------------------------------------ after the first process
    def finish(self, limit: int | None, timeout: float | None) -> Stop | None:
        """The first process has ended: its children go on to their ends, or until they wait for ever.

        Returns:
            Why they could not, or None.
        """
        first = self._first.runner
        first.begin_after(limit)
        with first.watchdog(timeout, counted=True):
            while self._members:
                ran = self._round()
                if self._fatal is not None:
                    return self._fatal
                if first.left == 0:
                    return Stop(StopReason.LIMIT, None, "instruction limit reached")
                if first.interrupted:
                    late = StopReason.TIMEOUT if first.timed_out else StopReason.STOPPED
                    return Stop(late, None, "child processes go on after their parent's end")
                if not ran and self._pass_time(None) is Idle.PASS_TIME:
                    break
        return None
