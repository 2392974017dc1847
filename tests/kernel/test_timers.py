"""Timer objects: expirations, periods, APCs."""

from __future__ import annotations

import pytest
from waiting import BOTH, MILLISECOND, Waits

from wowsim.kernel.clock import END_OF_TIME
from wowsim.kernel.handles import NtClose
from wowsim.kernel.table import BLOCKED
from wowsim.kernel.thread import State
from wowsim.kernel.threads import NtTestAlert
from wowsim.kernel.timers import NtCancelTimer, NtCreateTimer, NtQueryTimer
from wowsim.nt.status import (
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
    STATUS_TIMEOUT,
    STATUS_USER_APC,
)
from wowsim.nt.structures import TIMER_BASIC_INFORMATION

ROUTINE, CONTEXT = 0x401000, 0x55


@pytest.fixture(params=BOTH)
def guest(request: pytest.FixtureRequest) -> Waits:
    return Waits(request.param)


def pass_time(guest: Waits, units: int) -> None:
    """Time passes while the thread runs; the kernel looks at it at the next service."""
    guest.k.clock.advance(units)
    guest.switch()


def state(guest: Waits, timer: int) -> tuple[int, bool]:
    found = guest.query(NtQueryTimer, TIMER_BASIC_INFORMATION, timer)
    return found.RemainingTime, bool(found.TimerState)


def apcs(guest: Waits) -> list[tuple[int, tuple[int, int, int]]]:
    return [(apc.routine, apc.arguments) for apc in guest.k.thread.apcs]


def test_kinds_and_periods_there_are(guest: Waits) -> None:
    assert guest.call(NtCreateTimer, guest.out, 0x1F0003, 0, 2) == STATUS_INVALID_PARAMETER
    assert guest.set_timer(guest.timer(), -1, period=0xFFFFFFFF) == STATUS_INVALID_PARAMETER


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("synchronization", [0, 1])
def test_one_expiration(guest: Waits, synchronization: int, absolute: bool) -> None:
    timer, start = guest.timer(synchronization), guest.k.clock.now
    assert state(guest, timer) == (0, False)
    guest.set_timer(timer, start + 500 if absolute else -500)
    assert state(guest, timer) == (500, False)
    pass_time(guest, 499)
    assert guest.wait(timer, 0) == STATUS_TIMEOUT
    pass_time(guest, 1)
    assert state(guest, timer) == (0, True)
    assert guest.wait(timer, 0) == STATUS_SUCCESS
    assert guest.wait(timer, 0) == (STATUS_TIMEOUT if synchronization else STATUS_SUCCESS)


@pytest.mark.parametrize(("synchronization", "woken"), [(0, 3), (1, 1)])
def test_who_is_woken(guest: Waits, synchronization: int, woken: int) -> None:
    timer, main = guest.timer(synchronization), guest.k.thread
    threads = [guest.thread() for _ in range(3)]
    for thread in threads:
        guest.run(thread)
        assert guest.wait(timer) == BLOCKED
    guest.run(main)
    guest.set_timer(timer, -10)
    pass_time(guest, 10)
    assert [t.state for t in threads] == [State.READY] * woken + [State.WAITING] * (3 - woken)


def test_idle_time_goes_to_the_expiration(guest: Waits) -> None:
    timer, start = guest.timer(), guest.k.clock.now
    guest.set_timer(timer, -123_456)
    assert guest.wait(timer) == STATUS_SUCCESS
    assert guest.k.clock.now == start + 123_456


def test_a_periodic_timer_keeps_its_phase(guest: Waits) -> None:
    timer, start = guest.timer(1), guest.k.clock.now
    guest.set_timer(timer, -5, period=2)
    moments = []
    for _ in range(3):
        assert guest.wait(timer) == STATUS_SUCCESS
        moments.append(guest.k.clock.now - start)
    assert moments == [5, 5 + 2 * MILLISECOND, 5 + 4 * MILLISECOND]
    pass_time(guest, 7 * MILLISECOND)  # three of them are one, and the next is where it would have been
    assert state(guest, timer) == (MILLISECOND, True)


@pytest.mark.parametrize("due", [0, 1, 1 << 40])
def test_what_is_long_past_expires_at_once_and_once(guest: Waits, due: int) -> None:
    timer = guest.timer()
    guest.set_timer(timer, due, period=1, routine=ROUTINE)
    assert state(guest, timer) == (MILLISECOND, True)
    assert len(guest.k.thread.apcs) == 1


def test_set_again_and_cancelled(guest: Waits) -> None:
    timer, before = guest.timer(), guest.room(1)
    guest.set_timer(timer, -100)
    pass_time(guest, 100)
    assert guest.set_timer(timer, -100, previous=before) == STATUS_SUCCESS
    assert (guest.value(before, 1), state(guest, timer)) == (1, (100, False))
    assert guest.set_timer(timer, -300, previous=before) == STATUS_SUCCESS
    assert guest.value(before, 1) == 0
    pass_time(guest, 100)
    assert state(guest, timer) == (200, False)
    guest.memory.write(before, b"\xcc")
    assert guest.call(NtCancelTimer, timer, before) == STATUS_SUCCESS
    assert (guest.value(before, 1), state(guest, timer)) == (0, (0, False))
    pass_time(guest, 1000)
    assert guest.wait(timer, 0) == STATUS_TIMEOUT


def test_cancelling_leaves_the_signal(guest: Waits) -> None:
    timer, now = guest.timer(), guest.room(1)
    guest.set_timer(timer, 0, period=1)
    assert guest.call(NtCancelTimer, timer, now) == STATUS_SUCCESS
    assert (guest.value(now, 1), state(guest, timer)) == (1, (0, True))
    assert guest.call(NtCancelTimer, timer, 0) == STATUS_SUCCESS


# ---------------------------------------------------------------- APCs
def test_an_apc_is_told_the_moment(guest: Waits) -> None:
    timer, moment = guest.timer(), guest.k.clock.now + 77
    guest.set_timer(timer, -77, routine=ROUTINE, context=CONTEXT)
    assert guest.delay(-1000, alertable=1) == STATUS_USER_APC
    assert guest.k.clock.now == moment
    assert apcs(guest) == [(ROUTINE, (CONTEXT, moment & 0xFFFFFFFF, moment >> 32))]
    assert guest.k.thread.user_apc_pending


def test_a_periodic_apc_is_queued_once_at_a_time(guest: Waits) -> None:
    timer = guest.timer()
    guest.set_timer(timer, -1, period=1, routine=ROUTINE)
    for _ in range(5):
        pass_time(guest, MILLISECOND)
    first = apcs(guest)
    assert len(first) == 1
    guest.k.thread.apcs.popleft()
    pass_time(guest, MILLISECOND)
    assert len(apcs(guest)) == 1
    assert apcs(guest) != first


@pytest.mark.parametrize("how", ["cancel", "set", "close"])
def test_a_queued_apc_goes_with_its_timer(guest: Waits, how: str) -> None:
    timer, other = guest.timer(), guest.timer()
    for each in (timer, other):
        guest.set_timer(each, 0, period=1, routine=ROUTINE, context=each)
    assert [arguments[0] for _, arguments in apcs(guest)] == [timer, other]
    if how == "cancel":
        guest.call(NtCancelTimer, timer, 0)
    elif how == "set":
        guest.set_timer(timer, -1000)
    else:
        guest.call(NtClose, timer)
    assert [arguments[0] for _, arguments in apcs(guest)] == [other]
    pass_time(guest, MILLISECOND)
    assert len(apcs(guest)) == 1


def test_an_apc_may_be_called_off_before_its_thread_runs(guest: Waits) -> None:
    timer, main = guest.timer(), guest.k.thread
    sleeper = guest.thread()
    guest.run(sleeper)
    guest.set_timer(timer, -10, routine=ROUTINE)
    assert guest.delay(-1000, alertable=1) == BLOCKED
    guest.run(main)
    pass_time(guest, 10)
    assert (sleeper.state, sleeper.wake_status, sleeper.user_apc_pending) == (
        State.READY,
        STATUS_USER_APC,
        True,
    )
    guest.call(NtCancelTimer, timer, 0)
    assert (sleeper.user_apc_pending, len(sleeper.apcs)) == (False, 0)


def test_a_timer_with_an_apc_ends_with_its_thread(guest: Waits) -> None:
    with_apc, without, main = guest.timer(), guest.timer(), guest.k.thread
    setter = guest.thread()
    guest.run(setter)
    guest.set_timer(with_apc, -100, routine=ROUTINE)
    guest.set_timer(without, -100)
    guest.run(main)
    guest.k.exit_thread(setter, 0)
    pass_time(guest, 100)
    assert (state(guest, with_apc), state(guest, without)) == ((0, False), (0, True))


def test_an_apc_waits_for_an_alertable_wait(guest: Waits) -> None:
    timer = guest.timer()
    guest.set_timer(timer, 0, routine=ROUTINE)
    assert guest.delay(-10) == STATUS_SUCCESS
    assert not guest.k.thread.user_apc_pending
    assert guest.call(NtTestAlert) == STATUS_SUCCESS
    assert guest.k.thread.user_apc_pending


# ---------------------------------------------------------------- nobody runs
def test_a_long_sleep_among_short_periods(guest: Waits) -> None:
    """A day beside a timer of a millisecond that nobody looks at."""
    start, day = guest.k.clock.now, 24 * 3600 * 1000 * MILLISECOND
    timer = guest.timer()
    guest.set_timer(timer, -1, period=1)
    assert guest.delay(-day) == STATUS_SUCCESS
    assert guest.k.clock.now == start + day
    assert state(guest, timer) == (1, True)


def test_periods_that_change_nothing_are_a_deadlock(guest: Waits) -> None:
    timer, event = guest.timer(), guest.event()
    guest.set_timer(timer, -1, period=1)
    assert guest.wait_many([timer, event], 0) == BLOCKED
    assert not guest.switch()
    expected = "thread 1004 waits for an unnamed timer and an unnamed event"
    assert guest.k.scheduler.describe(guest.k.threads) == expected


def test_a_slow_timer_wakes_beside_a_fast_one(guest: Waits) -> None:
    start, fast, slow = guest.k.clock.now, guest.timer(), guest.timer()
    guest.set_timer(fast, -1, period=1)
    guest.set_timer(slow, -100_000 * MILLISECOND)
    assert guest.wait(slow) == STATUS_SUCCESS
    assert guest.k.clock.now == start + 100_000 * MILLISECOND


def test_a_signalled_timer_with_an_apc_still_ends_an_alertable_wait(guest: Waits) -> None:
    timer = guest.timer()
    guest.set_timer(timer, 0, period=1, routine=ROUTINE)
    for _ in range(3):
        guest.k.thread.apcs.clear()
        assert guest.delay(-(1 << 63), alertable=1) == STATUS_USER_APC


def test_the_end_of_time_never_comes(guest: Waits) -> None:
    timer = guest.timer()
    guest.set_timer(timer, -(1 << 63))
    assert state(guest, timer) == (END_OF_TIME, False)
    assert guest.wait(timer) == BLOCKED
    assert not guest.switch()
    assert guest.k.clock.now < 1 << 60


def test_moments_called_off_are_forgotten(guest: Waits) -> None:
    timer = guest.object(guest.timer())
    for after in range(5000):
        guest.k.scheduler.set_timer(timer, guest.k.clock.now + 1000 + after)
    assert len(guest.k.scheduler._moments) <= 2000
    pass_time(guest, 5998)
    assert not timer.signaled
    pass_time(guest, 1)
    assert timer.signaled
