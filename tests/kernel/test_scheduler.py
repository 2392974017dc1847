"""Whose turn it is: priorities, turns, yields, suspensions; and a model of waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import Waits
from waiting_model import OPERATIONS, Run

from wowsim.kernel.clock import Clock
from wowsim.kernel.scheduler import NEVER, QUANTUM, Scheduler
from wowsim.kernel.synchronization import NtSetEvent
from wowsim.kernel.table import BLOCKED
from wowsim.kernel.thread import State, Thread
from wowsim.nt.status import STATUS_SUCCESS, STATUS_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.fixture
def guest() -> Waits:
    return Waits()


def ready(scheduler: Scheduler, *priorities: int) -> list[Thread]:
    """Further threads that can run."""
    made = []
    for number, priority in enumerate(priorities):
        thread = Thread(id=0x2000 + 4 * number, state=State.READY, priority=priority)
        scheduler.make_ready(thread)
        made.append(thread)
    return made


def turns(scheduler: Scheduler, count: int) -> list[int]:
    """Who runs at the ends of turns."""
    found = []
    for _ in range(count):
        scheduler.turn()
        chosen = scheduler.pick(end_of_turn=True)
        assert chosen is scheduler.current
        found.append(chosen.id)
    return found


# ---------------------------------------------------------------- turns
def test_equals_take_turns() -> None:
    first = Thread()
    scheduler = Scheduler(Clock(), 0, first)
    a, b = ready(scheduler, 8, 8)
    assert turns(scheduler, 6) == [a.id, b.id, first.id] * 2
    assert [t.state for t in (first, a, b)] == [State.RUNNING, State.READY, State.READY]


def test_a_turn_ends_only_at_its_end() -> None:
    first = Thread()
    scheduler = Scheduler(Clock(), 0, first)
    ready(scheduler, 8)
    assert scheduler.wanted
    assert scheduler.pick() is first
    assert not scheduler.wanted


def test_the_highest_priority_runs_alone() -> None:
    first = Thread()
    scheduler = Scheduler(Clock(), 0, first)
    _, high, equal = ready(scheduler, 7, 9, 9)
    assert scheduler.pick() is high
    assert turns(scheduler, 4) == [equal.id, high.id] * 2
    scheduler.ended(high)
    scheduler.ended(equal)
    assert scheduler.pick() is first


def test_who_is_preempted_goes_on_first_with_the_rest_of_its_turn() -> None:
    first = Thread()
    scheduler = Scheduler(Clock(), 0, first)
    equal, high = ready(scheduler, 8, 9)
    first.slice = 77
    assert scheduler.pick() is high
    scheduler.ended(high)
    assert scheduler.pick() is first
    assert scheduler.turn() == 77
    assert scheduler.pick(end_of_turn=True) is equal
    assert first.slice is None


def lengths(seed: int, count: int = 50, quantum: int = QUANTUM) -> list[int]:
    scheduler = Scheduler(Clock(), seed, Thread())
    scheduler.quantum = quantum
    ready(scheduler, 8)
    found = []
    for _ in range(count):
        found.append(scheduler.turn())
        assert scheduler.turn() == found[-1]  # the same turn
        scheduler.pick(end_of_turn=True)
    return found


def test_lengths_of_turns_come_from_the_seed() -> None:
    assert lengths(1) == lengths(1) != lengths(2)
    assert all(QUANTUM // 2 <= length <= 3 * QUANTUM // 2 for length in lengths(3))
    assert len(set(lengths(3))) > 40


@pytest.mark.parametrize("quantum", [1, 2, 3])
def test_short_turns_are_not_empty(quantum: int) -> None:
    assert all(1 <= length <= 2 * quantum for length in lengths(0, quantum=quantum))


# ---------------------------------------------------------------- priorities
def test_changing_priorities() -> None:
    first = Thread()
    scheduler = Scheduler(Clock(), 0, first)
    low, other = ready(scheduler, 5, 5)
    scheduler.set_priority(other, 6)
    scheduler.set_priority(first, 4)
    assert scheduler.wanted
    assert scheduler.pick() is other
    scheduler.set_priority(low, 31)
    assert scheduler.pick() is low
    scheduler.suspend(first)
    scheduler.set_priority(first, 15)
    assert scheduler.pick() is low
    scheduler.ended(low)
    assert scheduler.pick() is other
    scheduler.resume(first)
    assert scheduler.pick() is first


def test_a_wake_up_preempts_by_priority(guest: Waits) -> None:
    event, main, high, low = guest.event(0), guest.k.thread, guest.thread(), guest.thread()
    for thread, priority in ((high, 10), (low, 6)):
        guest.k.scheduler.set_priority(thread, priority)
    for thread in (high, low):
        guest.run(thread)
        assert guest.wait(event) == BLOCKED
    assert guest.k.thread is main
    guest.call(NtSetEvent, event, 0)
    assert guest.k.thread is high
    assert (main.state, low.state) == (State.READY, State.READY)


# ---------------------------------------------------------------- suspensions
def test_a_suspended_thread_does_not_run() -> None:
    first = Thread()
    scheduler = Scheduler(Clock(), 0, first)
    (other,) = ready(scheduler, 8)
    scheduler.suspend(other)
    scheduler.suspend(other)
    assert turns(scheduler, 2) == [first.id] * 2
    scheduler.resume(other)
    assert turns(scheduler, 1) == [first.id]
    scheduler.resume(other)
    assert turns(scheduler, 2) == [other.id, first.id]


def test_the_running_thread_suspends_itself() -> None:
    first = Thread()
    scheduler = Scheduler(Clock(), 0, first)
    (other,) = ready(scheduler, 8)
    scheduler.suspend(first)
    assert scheduler.pick() is other
    assert first.state is State.READY
    scheduler.resume(first)
    assert turns(scheduler, 1) == [first.id]


@pytest.mark.parametrize("timeout", [None, -100])
def test_a_wait_may_end_while_its_thread_is_suspended(guest: Waits, timeout: int | None) -> None:
    event, main, thread = guest.event(), guest.k.thread, guest.thread()
    guest.run(thread)
    assert guest.wait(event, timeout) == BLOCKED
    guest.run(main)
    guest.k.scheduler.suspend(thread)
    if timeout is None:
        guest.call(NtSetEvent, event, 0)
    else:
        assert guest.delay(-200) == STATUS_SUCCESS
    assert turns(guest.k.scheduler, 2) == [main.id] * 2
    assert (thread.state, thread.wait) == (State.READY, None)
    guest.k.scheduler.resume(thread)
    assert turns(guest.k.scheduler, 1) == [thread.id]
    assert thread.wake_status == (STATUS_SUCCESS if timeout is None else STATUS_TIMEOUT)


def test_nobody_is_left(guest: Waits) -> None:
    guest.k.scheduler.suspend(guest.k.thread)
    assert not guest.switch()
    assert guest.k.scheduler.describe(guest.k.threads) == "thread 1004 is suspended"


# ---------------------------------------------------------------- forcing
def test_forcing_a_waiting_thread(guest: Waits) -> None:
    event, main, thread = guest.event(), guest.k.thread, guest.thread()
    guest.run(thread)
    assert guest.wait(event) == BLOCKED
    assert guest.k.thread is main
    guest.k.scheduler.force(thread)
    guest.k.use_thread(thread)
    assert (thread.state, thread.wait, main.state) == (State.RUNNING, None, State.READY)
    assert guest.object(event).waits == []
    assert turns(guest.k.scheduler, 2) == [main.id, thread.id]


# ---------------------------------------------------------------- time
def test_what_is_next() -> None:
    clock = Clock()
    scheduler = Scheduler(clock, 0, Thread())
    assert scheduler.next_due == NEVER
    assert scheduler.alone
    ready(scheduler, 1)
    assert not scheduler.alone


def test_clock_jumps_only_while_nobody_is_ready(guest: Waits) -> None:
    start, main, other = guest.k.clock.now, guest.k.thread, guest.thread()
    assert guest.delay(-500) == BLOCKED
    assert (guest.k.thread, guest.k.clock.now) == (other, start)
    assert guest.k.scheduler.next_due == start + 500
    assert guest.delay(-300) == STATUS_SUCCESS
    assert (guest.k.thread, guest.k.clock.now) == (other, start + 300)
    guest.k.clock.advance(200)
    guest.switch()
    assert (main.state, main.wake_status) == (State.READY, STATUS_SUCCESS)


# ---------------------------------------------------------------- a model
@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.lists(OPERATIONS, max_size=50))
def test_waiting_agrees_with_a_model(operations: Sequence[tuple[str, int, int]]) -> None:
    run = Run()
    for operation in operations:
        run.step(*operation)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.lists(OPERATIONS, max_size=30))
def test_the_same_operations_end_the_same(operations: Sequence[tuple[str, int, int]]) -> None:
    histories = []
    for _ in range(2):
        run = Run()
        for operation in operations:
            run.step(*operation)
        histories.append(run.history)
    assert histories[0] == histories[1]
