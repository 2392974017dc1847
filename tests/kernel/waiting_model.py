"""Events, mutants, semaphores and who waits for them, said once more in the simplest words, beside the kernel."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st
from waiting import Waits

from wowsim.kernel.synchronization import (
    NtPulseEvent,
    NtReleaseMutant,
    NtReleaseSemaphore,
    NtResetEvent,
    NtSetEvent,
)
from wowsim.kernel.table import BLOCKED
from wowsim.kernel.thread import State, Thread
from wowsim.kernel.threads import NtResumeThread, NtSuspendThread
from wowsim.nt.status import (
    STATUS_MUTANT_NOT_OWNED,
    STATUS_SEMAPHORE_LIMIT_EXCEEDED,
    STATUS_SUCCESS,
    STATUS_TIMEOUT,
)

THREADS, LIMIT = 4, 2
KINDS = ("auto", "manual", "semaphore", "mutant", "mutant")
ABANDONED = 0x80
NAMES = ("set", "reset", "pulse", "release", "wait", "poll", "any", "all", "exit", "suspend", "resume")
OPERATIONS = st.tuples(
    st.sampled_from(NAMES), st.integers(0, THREADS - 1), st.integers(0, 2 ** len(KINDS) - 1)
)
"""What, which thread does it, and with what: an object's number, or a bit for each object."""


@dataclass
class Thing:
    """An object of the model; ``owner`` and ``count`` are a mutant's."""

    kind: str
    count: int = 0
    owner: int | None = None
    abandoned: bool = False

    def free_for(self, who: int) -> bool:
        return self.owner in (None, who) if self.kind == "mutant" else self.count > 0

    def taken_by(self, who: int) -> int:
        if self.kind == "manual":
            return 0
        if self.kind != "mutant":
            self.count -= 1
            return 0
        self.owner, self.count = who, self.count + 1
        was, self.abandoned = self.abandoned, False
        return ABANDONED if was else 0


@dataclass
class Model:
    """Threads by number: who has ended, who waits for which things (all or any), oldest first, and how waits ended."""

    things: list[Thing] = field(default_factory=lambda: [Thing(kind) for kind in KINDS])
    waits: dict[int, tuple[list[int], bool]] = field(default_factory=dict)
    results: dict[int, int] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    suspended: list[int] = field(default_factory=lambda: [0] * THREADS)
    acquired: list[int] = field(default_factory=list)

    def can_act(self, who: int) -> bool:
        return who not in self.waits and who not in self.ended and not self.suspended[who]

    def attempt(self, who: int, numbers: list[int], every: bool) -> int | None:
        free = [self.things[number].free_for(who) for number in numbers]
        if every:
            return max(self._take(who, number) for number in numbers) if all(free) else None
        index = free.index(True) if True in free else None
        return None if index is None else self._take(who, numbers[index]) + index

    def _take(self, who: int, number: int) -> int:
        if self.things[number].owner is None and self.things[number].kind == "mutant":
            self.acquired.append(number)
        return self.things[number].taken_by(who)

    def changed(self) -> None:
        for who, (numbers, every) in list(self.waits.items()):
            status = self.attempt(who, numbers, every)
            if status is not None:
                del self.waits[who]
                self.results[who] = status

    def wait(self, who: int, numbers: list[int], every: bool, poll: bool = False) -> int:
        status = self.attempt(who, numbers, every)
        if status is not None:
            return status
        if poll:
            return STATUS_TIMEOUT
        self.waits[who] = (numbers, every)
        return BLOCKED

    def signal(self, number: int, name: str) -> int:
        """Set, reset or pulse an event."""
        thing = self.things[number]
        thing.count = int(name != "reset")
        self.changed()
        if name == "pulse":
            thing.count = 0
        return STATUS_SUCCESS

    def release(self, who: int, number: int) -> int:
        thing = self.things[number]
        if thing.kind == "mutant":
            if thing.owner != who:
                return STATUS_MUTANT_NOT_OWNED
            thing.count -= 1
            if thing.count == 0:
                thing.owner = None
                self.acquired.remove(number)
        elif thing.count == LIMIT:
            return STATUS_SEMAPHORE_LIMIT_EXCEEDED
        else:
            thing.count += 1
        self.changed()
        return STATUS_SUCCESS

    def exit(self, who: int) -> None:
        self.ended.add(who)
        self.waits.pop(who, None)
        for number in [n for n in self.acquired if self.things[n].owner == who]:
            self.acquired.remove(number)
            thing = self.things[number]
            thing.owner, thing.count, thing.abandoned = None, 0, True
            self.changed()


class Run:
    """The kernel and the model through the same operations; thread 0 only wakes the others."""

    def __init__(self) -> None:
        guest = self.guest = Waits()
        self.model = Model()
        self.handles = [
            guest.event(1), guest.event(0), guest.semaphore(0, LIMIT), guest.mutant(), guest.mutant()
        ]  # fmt: skip
        self.threads = [guest.k.thread, *(guest.thread() for _ in range(THREADS - 1))]
        self.thread_handles = [guest.handle_of(thread) for thread in self.threads]
        self.history: list[tuple[int, ...]] = []

    def step(self, name: str, who: int, what: int) -> None:
        """One operation, if the thread can do it now."""
        if name in ("suspend", "resume", "exit"):
            self._administer(name, who)
        elif self.model.can_act(who):
            self._enter(who)
            if name in ("wait", "poll", "any", "all"):
                if who:
                    self._wait(name, who, what)
            else:
                self._change(name, who, what)
        self.check()

    def _enter(self, who: int) -> None:
        self.guest.run(self.threads[who])
        expected = self.model.results.pop(who, None)
        assert self.threads[who].wake_status == expected
        if expected is not None:
            self.guest.woken()

    def _administer(self, name: str, who: int) -> None:
        """Thread 0 does this to another one."""
        if who == 0:
            return
        self._enter(0)
        model, handle = self.model, self.thread_handles[who]
        if name == "exit":
            self.guest.k.exit_thread(self.threads[who], who)
            if who not in model.ended:
                model.exit(who)
            model.results.pop(who, None)
        elif who not in model.ended:
            before = self.guest.room(4)
            service = NtSuspendThread if name == "suspend" else NtResumeThread
            assert self.guest.call(service, handle, before) == STATUS_SUCCESS
            assert self.guest.value(before, 4) == model.suspended[who]
            model.suspended[who] = max(0, model.suspended[who] + (1 if name == "suspend" else -1))

    def _wait(self, name: str, who: int, what: int) -> None:
        if name in ("any", "all"):
            numbers = [number for number in range(len(KINDS)) if what >> number & 1] or [0]
            if name == "any" and what & 1:
                numbers.reverse()
            got = self.guest.wait_many([self.handles[n] for n in numbers], int(name == "any"))
        else:
            numbers = [what % len(KINDS)]
            got = self.guest.wait(self.handles[numbers[0]], 0 if name == "poll" else None)
        assert got == self.model.wait(who, numbers, name == "all", name == "poll")
        self.history.append((who, got))

    def _change(self, name: str, who: int, what: int) -> None:
        if name == "release":
            number = 2 + what % 3
            if KINDS[number] == "mutant":
                got = self.guest.call(NtReleaseMutant, self.handles[number], 0)
            else:
                got = self.guest.call(NtReleaseSemaphore, self.handles[number], 1, 0)
            assert got == self.model.release(who, number)
        else:
            service = {"set": NtSetEvent, "reset": NtResetEvent, "pulse": NtPulseEvent}[name]
            got = self.guest.call(service, self.handles[what % 2], 0)
            assert got == self.model.signal(what % 2, name)
        self.history.append((who, got))

    # ------------------------------------------------------------ what holds after each step
    def check(self) -> None:
        """The kernel stands where the model does."""
        for number, thread in enumerate(self.threads):
            waits, over = number in self.model.waits, number in self.model.ended
            assert (thread.state is State.WAITING) == waits == (thread.wait is not None), number
            assert (thread.state is State.TERMINATED) == over, number
            if not over:
                assert thread.wake_status == self.model.results.get(number), number
            self._check_queue(thread)
            self._check_wait(thread)
            assert thread.mutants == [
                self.guest.object(self.handles[n])
                for n in self.model.acquired
                if self.model.things[n].owner == number
            ]
        for handle, thing in zip(self.handles, self.model.things, strict=True):
            found = self.guest.object(handle)
            count = found.count if thing.kind in ("mutant", "semaphore") else int(found.signaled)
            assert count == thing.count
            assert all(wait.thread.wait is wait for wait in found.waits)
        self.history.append(tuple(list(State).index(thread.state) for thread in self.threads))

    def _check_queue(self, thread: Thread) -> None:
        """Once in the queue of its priority if it is ready and may run, and nowhere else."""
        queues = self.guest.k.scheduler._ready
        places = [priority for priority, queue in queues.items() for each in queue if each is thread]
        can_run = thread.state is State.READY and not thread.suspended
        assert places == ([thread.priority] if can_run else [])
        assert (thread is self.guest.k.scheduler.current) or thread.state is not State.RUNNING

    def _check_wait(self, thread: Thread) -> None:
        """Registered with each of its objects, which do not satisfy it."""
        wait = thread.wait
        if wait is None:
            return
        assert all(wait in each.waits for each in wait.objects)
        free = [each.is_signaled(thread) for each in wait.objects]
        assert not (all(free) if wait.all else any(free))
