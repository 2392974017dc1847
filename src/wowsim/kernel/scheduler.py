"""Which thread runs, and what wakes the others (nt!Ke dispatcher, one processor).

The ready thread of the highest priority runs; among equals each has its turn, whose length in instructions comes
from the seed. A turn ends early at a wait, at a yield, or when a thread of higher priority becomes ready. Time is
the simulated clock's: when nobody is ready it jumps to the next moment at which something is due, and when nothing
is, the process is deadlocked. Real Windows' turns are counted in clock ticks, with boosts at the ends of waits, which
are left out. Knows neither the CPU nor memory: the simulation switches to what :meth:`Scheduler.pick` returns.

Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

import heapq
from collections import deque
from enum import Enum
from random import Random
from typing import TYPE_CHECKING, Protocol

from wowsim.kernel.clock import END_OF_TIME
from wowsim.kernel.dispatcher import Blocked, DispatcherObject, Timer, Wait
from wowsim.kernel.thread import Apc, State, Thread
from wowsim.nt.status import STATUS_ALERTED, STATUS_USER_APC

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wowsim.kernel.clock import Clock

QUANTUM = 200_000
"""Mean instructions of a turn: 2 ms of simulated time. Windows' own turns are 31 ms or more; a shorter one shows more
of what threads can do to each other."""
NEVER = 1 << 63
MOMENTS = 1000
"""So many moments are kept before those that were called off are thrown away."""


class Idle(Enum):
    """What is to be done when no thread of a process is ready."""

    LOOK_AGAIN = "look again"
    """Another process has run, or time has passed: a thread may be ready now."""
    PASS_TIME = "pass time"
    """Nobody else can run before the moment."""
    LEAVE = "leave"
    """Somebody else shall run; this process is asked again later."""


class Others(Protocol):
    """The other processes of the machine, as a scheduler sees them."""

    @property
    def wanted(self) -> bool:
        """Whether turns have to end for them."""

    def while_idle(self, moment: int | None) -> Idle:
        """No thread is ready before ``moment`` (None: ever)."""

    def take_turns(self) -> None:
        """A turn is over."""


class Expiring(Protocol):
    """What is told that its moment has come."""

    @property
    def due(self) -> int | None:
        """The moment; None once it is off."""

    def expired(self) -> None:
        """It is that moment."""


Due = Timer | Wait | Expiring
"""What happens at a moment: a timer's expiration, a wait's deadline, anything else."""


def _changes(item: Due) -> bool:
    """Whether anything is different after a moment: not where a timer that is signalled expires again."""
    if not isinstance(item, Timer) or not item.signaled:
        return True
    wait = None if item.apc is None else item.apc[0].wait
    return wait is not None and wait.alertable


class Scheduler:
    """The threads of one machine.

    Args:
        clock: simulated time.
        seed: of the lengths of turns.
        first: the thread that runs.

    Attributes:
        current: who runs.
        quantum: mean length of a turn in instructions.
        wanted: another thread may have to run, or the current one has something to be told: look at the end of
            the service.
        next_due: the earliest moment at which something is due.
        others: the other processes of the machine; None while there are none.
        left: the last look for a thread ended because somebody else shall run.
    """

    def __init__(self, clock: Clock, seed: int, first: Thread) -> None:
        self._clock = clock
        self._random = Random(f"turns {seed}")
        self.current = first
        self.quantum = QUANTUM
        self.wanted = False
        self.next_due = NEVER
        self.others: Others | None = None
        self.left = False
        self._ready: dict[int, deque[Thread]] = {}
        self._moments: list[tuple[int, int, Due]] = []
        self._most_moments = MOMENTS
        self._sequence = 0

    # ------------------------------------------------------------ waiting
    def wait(
        self, objects: Sequence[DispatcherObject], all_: bool, alertable: bool, deadline: int | None
    ) -> int:
        """Let the current thread wait.

        Args:
            objects: what for.
            all_: whether all are needed.
            alertable: whether APCs end it.
            deadline: moment on the clock, None for never; a moment that is past only looks.

        Returns:
            The status, if the wait ends at once.

        Raises:
            Blocked: it does not.
        """
        wait = Wait(self.current, tuple(objects), all_, alertable, deadline)
        status = wait.satisfied()
        if status is not None:
            return status
        return self.block(wait)

    def block(self, wait: Wait) -> int:
        """The current thread waits; the same result as :meth:`wait` for one that nothing satisfies yet."""
        thread = self.current
        if wait.alertable and (status := self._interrupted(thread)) is not None:
            return status
        if wait.deadline is not None and wait.deadline <= self._clock.now:
            return wait.timeout_status
        thread.wait, thread.state = wait, State.WAITING
        for each in wait.objects:
            each.waits.append(wait)
        if wait.deadline is not None:
            self._at(wait.deadline, wait)
        self.wanted = True
        raise Blocked

    def _interrupted(self, thread: Thread) -> int | None:
        if thread.alerted:
            thread.alerted = False
            return STATUS_ALERTED
        if self.test_alert():
            return STATUS_USER_APC
        return None

    def signal(self, source: DispatcherObject) -> None:
        """The object's state has changed: end the waits that can end now, oldest first."""
        for wait in tuple(source.waits):
            if wait.thread.wait is not wait:
                continue  # a wait for the same object twice
            status = wait.satisfied()
            if status is not None:
                (wait.thread.scheduler or self).wake(wait.thread, status)

    def wake(self, thread: Thread, status: int) -> None:
        """End a thread's wait."""
        self._forget(thread)
        thread.wake_status = status
        self.make_ready(thread)

    # ------------------------------------------------------------ APCs and alerts
    def queue_apc(self, thread: Thread, apc: Apc) -> None:
        """Queue a user APC; an alertable wait ends."""
        thread.apcs.append(apc)
        if thread.wait is not None and thread.wait.alertable:
            thread.user_apc_pending = True
            self.wake(thread, STATUS_USER_APC)

    def test_alert(self) -> bool:
        """Whether the current thread has user APCs; the first one then runs before it goes on."""
        thread = self.current
        if thread.apcs:
            thread.user_apc_pending = self.wanted = True
        return bool(thread.apcs)

    def alert(self, thread: Thread) -> None:
        """End an alertable wait, or the next one."""
        if thread.wait is not None and thread.wait.alertable:
            self.wake(thread, STATUS_ALERTED)
        else:
            thread.alerted = True

    # ------------------------------------------------------------ readiness
    def make_ready(self, thread: Thread) -> None:
        """A thread can run, unless it is suspended."""
        thread.state = State.READY
        if thread.suspended:
            return
        self._queue(thread.priority).append(thread)
        self.wanted = True

    def _queue(self, priority: int) -> deque[Thread]:
        queue = self._ready.get(priority)
        if queue is None:
            queue = self._ready[priority] = deque()
        return queue

    def _unqueue(self, thread: Thread) -> None:
        queue = self._queue(thread.priority)
        if thread in queue:
            queue.remove(thread)

    def force(self, thread: Thread) -> None:
        """Let a thread run now, whatever it waits for; the one that ran is ready."""
        if self.current.state is State.RUNNING and self.current is not thread:
            self.current.state = State.READY
            self._queue(self.current.priority).appendleft(self.current)
        self._unqueue(thread)
        self._forget(thread)
        thread.wake_status = None
        thread.state, self.current = State.RUNNING, thread

    def _forget(self, thread: Thread) -> None:
        """Call a thread's wait off."""
        wait, thread.wait = thread.wait, None
        if wait is not None:
            wait.deadline = None
            wait.ended()
            for each in wait.objects:
                if wait in each.waits:
                    each.waits.remove(wait)

    def suspend(self, thread: Thread) -> None:
        """Keep a thread from running."""
        thread.suspended += 1
        if thread is self.current:
            self.wanted = True
        else:
            self._unqueue(thread)

    def resume(self, thread: Thread) -> None:
        """Undo one suspension."""
        thread.suspended -= 1
        if thread.suspended == 0 and thread.state is State.READY:
            self.make_ready(thread)

    def set_priority(self, thread: Thread, priority: int) -> None:
        """Change who runs first."""
        queued = thread in self._queue(thread.priority)
        if queued:
            self._unqueue(thread)
        thread.priority = priority
        if queued:
            self.make_ready(thread)
        elif thread is self.current and self._best() > priority:
            self.wanted = True

    def yield_(self) -> bool:
        """The current thread gives its turn to one of the same priority; whether there is one."""
        if not self._queue(self.current.priority) and self._best() < self.current.priority:
            return False
        self.current.slice = None
        self._queue(self.current.priority).append(self.current)
        self.current.state = State.READY
        self.wanted = True
        return True

    def ended(self, thread: Thread) -> None:
        """A thread is no more."""
        self._unqueue(thread)
        self._forget(thread)
        thread.state = State.TERMINATED
        if thread is self.current:
            self.wanted = True

    # ------------------------------------------------------------ time
    def _at(self, moment: int, item: Due) -> None:
        if moment > END_OF_TIME:
            return
        moments = self._moments
        if len(moments) >= self._most_moments:
            moments[:] = [each for each in moments if each[2].due == each[0]]
            heapq.heapify(moments)
            self._most_moments = max(MOMENTS, 2 * len(moments))
        self._sequence += 1
        heapq.heappush(moments, (moment, self._sequence, item))
        self.next_due = moments[0][0]

    def set_timer(self, timer: Timer, moment: int) -> None:
        """Let a timer expire at a moment (at once when it is past)."""
        timer.due = max(moment, self._clock.now)
        self._at(timer.due, timer)
        self.wanted = True

    def let_expire(self, moment: int, item: Expiring) -> None:
        """Tell ``item`` when a moment comes, unless it is off by then (at once when it is past)."""
        self._at(moment, item)
        self.wanted = True

    def expire(self) -> None:
        """Let happen what is due by now."""
        now, moments = self._clock.now, self._moments
        while moments and moments[0][0] <= now:
            moment, _, item = heapq.heappop(moments)
            if item.due != moment:
                continue  # it was called off
            if isinstance(item, Timer):
                self._expired(item, moment)
            elif isinstance(item, Wait):
                self.wake(item.thread, item.timeout_status)
            else:
                item.expired()
        self.next_due = moments[0][0] if moments else NEVER

    def _expired(self, timer: Timer, moment: int) -> None:
        timer.due = None
        timer.signaled = True
        if timer.period:
            missed = (self._clock.now - moment) // timer.period
            timer.due = moment + (missed + 1) * timer.period
            self._at(timer.due, timer)
        self.signal(timer)
        if timer.apc is not None:
            thread, routine, context = timer.apc
            if timer.queued not in thread.apcs:
                timer.queued = Apc(routine, (context, moment & 0xFFFFFFFF, moment >> 32))
                (thread.scheduler or self).queue_apc(thread, timer.queued)

    # ------------------------------------------------------------ whose turn it is
    @property
    def alone(self) -> bool:
        """Whether the current thread is the only one that can run or is waited for by time."""
        if self.others is not None and self.others.wanted:
            return False
        return not any(self._ready.values()) and not any(item.due == at for at, _, item in self._moments)

    @property
    def runnable(self) -> bool:
        """Whether a thread could run now."""
        self.expire()
        current = self.current
        running = current.state is State.RUNNING and not current.suspended
        return running or self._best() >= 0

    @property
    def next_change(self) -> int | None:
        """The next moment at which somebody may go on; None for never."""
        return self._next_change()

    def _best(self) -> int:
        return max((priority for priority, queue in self._ready.items() if queue), default=-1)

    def pick(self, end_of_turn: bool = False) -> Thread | None:
        """Who runs now; the clock goes on while nobody is ready. None: nobody ever will be.

        Args:
            end_of_turn: the current thread has used its turn up.
        """
        self.wanted = self.left = False
        self.expire()
        current = self.current
        if current.state is State.RUNNING and current.suspended:
            current.state = State.READY
        if current.state is State.RUNNING:
            best = self._best()
            if best < current.priority or (best == current.priority and not end_of_turn):
                if end_of_turn:
                    current.slice = None
                return current
            current.state = State.READY
            if end_of_turn:
                current.slice = None
                self._queue(current.priority).append(current)
            else:
                self._queue(current.priority).appendleft(current)
        return self._next()

    def _next(self) -> Thread | None:
        while (best := self._best()) < 0:
            moment = self._next_change()
            if self.others is not None:
                answer = self.others.while_idle(moment)
                if answer is Idle.LOOK_AGAIN:
                    self.expire()
                    continue
                if answer is Idle.LEAVE:
                    self.left = True
                    return None
            if moment is None:
                return None
            self._clock.advance(max(0, moment - self._clock.now))
            self.expire()
        thread = self._ready[best].popleft()
        thread.state = State.RUNNING
        self.current = thread
        return thread

    def _next_change(self) -> int | None:
        """The next moment that may wake somebody while nobody runs; None: there is none."""
        moments = self._moments
        while moments and moments[0][2].due != moments[0][0]:
            heapq.heappop(moments)  # it was called off
        if moments and _changes(moments[0][2]):
            return moments[0][0]
        return min((at for at, _, item in moments if item.due == at and _changes(item)), default=None)

    def turn(self) -> int:
        """Instructions left of the current thread's turn; a new one begins when there is none."""
        thread = self.current
        if thread.slice is None:
            half = self.quantum // 2
            thread.slice = max(1, self.quantum - half + self._random.randrange(2 * half + 1))
        return thread.slice

    def describe(self, threads: Sequence[Thread]) -> str:
        """Who waits for what, one thread after the other."""
        parts = []
        for thread in threads:
            if thread.wait is not None:
                parts.append(f"thread {thread.id:X} waits for {thread.wait.text()}")
            elif thread.suspended:
                parts.append(f"thread {thread.id:X} is suspended")
        return "; ".join(parts)
