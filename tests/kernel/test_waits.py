"""Waits for one and many objects, delays, keyed events, alerts by thread id."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest
from waiting import BOTH, MILLISECOND, NEVER, Waits

from wowsim.kernel.access import SYNCHRONIZE
from wowsim.kernel.handles import NtClose
from wowsim.kernel.synchronization import (
    NtPulseEvent,
    NtReleaseMutant,
    NtReleaseSemaphore,
    NtResetEvent,
    NtSetEvent,
)
from wowsim.kernel.table import BLOCKED
from wowsim.kernel.thread import Apc, State, Thread
from wowsim.kernel.threads import NtAlertThread
from wowsim.kernel.waits import (
    NtAlertThreadByThreadId,
    NtDelayExecution,
    NtReleaseKeyedEvent,
    NtSignalAndWaitForSingleObject,
    NtWaitForAlertByThreadId,
    NtWaitForKeyedEvent,
    NtWaitForMultipleObjects,
    NtWaitForMultipleObjects32,
    NtWaitForSingleObject,
    NtYieldExecution,
)
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_ALERTED,
    STATUS_INVALID_CID,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_PARAMETER_1,
    STATUS_INVALID_PARAMETER_3,
    STATUS_MUTANT_NOT_OWNED,
    STATUS_NO_YIELD_PERFORMED,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_SEMAPHORE_LIMIT_EXCEEDED,
    STATUS_SUCCESS,
    STATUS_TIMEOUT,
    STATUS_USER_APC,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ANY, ALL = 1, 0
FOREVER = -(1 << 63)


@pytest.fixture(params=BOTH)
def guest(request: pytest.FixtureRequest) -> Waits:
    return Waits(request.param)


def sleeper(guest: Waits, wait: Callable[[], int]) -> Thread:
    """A further thread that waits; the one that ran runs again."""
    main, thread = guest.k.thread, guest.thread()
    guest.run(thread)
    assert wait() == BLOCKED
    guest.run(main)
    return thread


def ended(thread: Thread) -> int | None:
    """How its wait has ended, None while it has not."""
    assert (thread.wait is None) == (thread.state is State.READY)
    return thread.wake_status


# ---------------------------------------------------------------- timeouts
@pytest.mark.parametrize("absolute", [False, True])
def test_a_timeout_ends_a_wait(guest: Waits, absolute: bool) -> None:
    start, event = guest.k.clock.now, guest.event()
    assert guest.wait(event, start + 250 if absolute else -250) == STATUS_TIMEOUT
    assert guest.k.clock.now == start + 250
    assert guest.object(event).waits == []


@pytest.mark.parametrize("timeout", [0, 1, 1 << 40])
def test_a_past_timeout_only_looks(guest: Waits, timeout: int) -> None:
    other = guest.thread()
    main, start = guest.k.thread, guest.k.clock.now
    assert guest.wait(guest.event(), timeout) == STATUS_TIMEOUT
    assert guest.wait(guest.event(1, 1), timeout) == STATUS_SUCCESS
    assert (guest.k.thread, guest.k.clock.now, other.state) == (main, start, State.READY)


@pytest.mark.parametrize("timeout", [None, FOREVER, FOREVER + 1])
def test_waits_without_an_end(guest: Waits, timeout: int | None) -> None:
    assert guest.wait(guest.event(), timeout) == BLOCKED
    assert not guest.switch()


def test_the_earlier_deadline_wakes_first(guest: Waits) -> None:
    event, start = guest.event(), guest.k.clock.now
    order = []
    threads = {sleeper(guest, lambda t=t: guest.wait(event, -t)): t for t in (300, 100, 200)}  # type: ignore[misc]
    assert guest.wait(event) == BLOCKED
    for _ in range(3):
        order.append((threads[guest.k.thread], guest.k.clock.now - start, guest.woken()))
        assert guest.wait(event) == BLOCKED
    assert order == [(t, t, STATUS_TIMEOUT) for t in (100, 200, 300)]


def test_a_satisfied_wait_does_not_time_out_later(guest: Waits) -> None:
    event = guest.event()
    thread = sleeper(guest, lambda: guest.wait(event, -100))
    guest.call(NtSetEvent, event, 0)
    guest.run(thread)
    assert guest.woken() == STATUS_SUCCESS
    guest.k.clock.advance(1000)
    guest.switch()
    assert thread.wake_status is None


@pytest.mark.parametrize("service", [NtWaitForSingleObject, NtDelayExecution])
def test_bad_timeouts(guest: Waits, service: Callable[..., int]) -> None:
    slots = (guest.event(), 0, 8) if service is NtWaitForSingleObject else (0, 8)
    assert guest.call(service, *slots) == STATUS_ACCESS_VIOLATION


# ---------------------------------------------------------------- one
@pytest.mark.parametrize(
    ("access", "handle", "status"),
    [
        (0x1F0003 & ~SYNCHRONIZE, None, STATUS_ACCESS_DENIED),
        (0x1F0003, 0x444, STATUS_INVALID_HANDLE),
        (0x1F0003, 0, STATUS_INVALID_HANDLE),
    ],
)
def test_handles_of_waits(guest: Waits, access: int, handle: int | None, status: int) -> None:
    event = guest.event(access=access)
    assert guest.wait(event if handle is None else handle) == status
    assert guest.wait_many([guest.event(), event if handle is None else handle]) == status


def test_objects_that_are_not_waited_for(guest: Waits) -> None:
    directory = guest.k.handles.insert(guest.k.namespace.find(r"\BaseNamedObjects"), SYNCHRONIZE)
    assert guest.wait(directory) == STATUS_OBJECT_TYPE_MISMATCH


def test_a_file_is_signalled_between_its_requests(guest: Waits) -> None:
    guest.k.files.add(r"C:\a", b"")
    file = guest.open(r"\??\C:\a")
    event, set_ = guest.event(), guest.event(1, 1)
    assert guest.wait(file) == STATUS_SUCCESS
    assert guest.wait_many([file, file], ALL) == STATUS_INVALID_PARAMETER
    assert guest.wait_many([event, file]) == 1
    assert guest.wait_many([event, file, set_]) == 1
    assert guest.wait_many([event, set_, file]) == 1  # this resets it
    assert guest.wait_many([event, set_, file]) == 2
    assert guest.wait_many([event, file], ALL, timeout=0) == STATUS_TIMEOUT
    guest.call(NtSetEvent, event, 0)
    assert guest.wait_many([event, file], ALL) == STATUS_SUCCESS
    assert guest.call(NtSignalAndWaitForSingleObject, event, file, 0, NEVER) == STATUS_SUCCESS
    assert guest.object(event).signaled


def test_a_thread_ends_waits_for_it(guest: Waits) -> None:
    thread = guest.thread()
    handle = guest.handle_of(thread)
    assert guest.wait(handle, 0) == STATUS_TIMEOUT
    waiters = [sleeper(guest, lambda: guest.wait(handle)) for _ in range(2)]
    guest.k.exit_thread(thread, 3)
    assert [ended(waiter) for waiter in waiters] == [STATUS_SUCCESS] * 2
    assert guest.wait(handle) == STATUS_SUCCESS


def test_pseudo_handles_are_waited_for(guest: Waits) -> None:
    """The process and the thread of the caller: neither has ended. In 32 bits they are sign-extended."""
    mask = (1 << guest.width) - 1
    for handle in (-1 & mask, -2 & mask):
        assert guest.wait(handle, 0) == STATUS_TIMEOUT
        assert guest.wait_many([handle], timeout=0) == STATUS_TIMEOUT
    array = guest.put(struct.pack("<2i", -1, -2))
    slots = (2, array, ANY, 0, guest.time(0))
    assert guest.call(NtWaitForMultipleObjects32, *slots) == STATUS_TIMEOUT


# ---------------------------------------------------------------- many
@pytest.mark.parametrize("service", [NtWaitForMultipleObjects, NtWaitForMultipleObjects32])
def test_arguments_of_waits_for_many(guest: Waits, service: Callable[..., int]) -> None:
    size = 4 if service is NtWaitForMultipleObjects32 else guest.width // 8
    array = guest.put(b"".join(guest.event(0, 1).to_bytes(size, "little") for _ in range(64)))
    for count in (0, 65, 0xFFFFFFFF):
        assert guest.call(service, count, array, ANY, 0, NEVER) == STATUS_INVALID_PARAMETER_1
    for kind in (2, 3, 0xFFFFFFFF):
        assert guest.call(service, 1, array, kind, 0, NEVER) == STATUS_INVALID_PARAMETER_3
    assert guest.call(service, 1, 8, ANY, 0, NEVER) == STATUS_ACCESS_VIOLATION
    assert guest.call(service, 64, array, ALL, 0, NEVER) == STATUS_SUCCESS


def test_wait_any_takes_the_first_that_is_signalled(guest: Waits) -> None:
    events = [guest.event(1, state) for state in (0, 1, 1)]
    assert [guest.wait_many(events, timeout=0) for _ in range(3)] == [1, 2, STATUS_TIMEOUT]


@pytest.mark.parametrize("index", range(4))
def test_wait_any_ends_with_the_index(guest: Waits, index: int) -> None:
    handles = [guest.event(), guest.mutant(1), guest.semaphore(), guest.timer()]
    thread = sleeper(guest, lambda: guest.wait_many(handles))
    signal = [
        lambda: guest.call(NtSetEvent, handles[0], 0),
        lambda: guest.call(NtReleaseMutant, handles[1], 0),
        lambda: guest.call(NtReleaseSemaphore, handles[2], 1, 0),
        lambda: guest.set_timer(handles[3], 0),
    ]
    signal[index]()
    assert ended(thread) == index
    assert all(guest.object(handle).waits == [] for handle in handles)


def test_wait_any_knows_an_object_twice(guest: Waits) -> None:
    event, other = guest.event(), guest.event()
    thread = sleeper(guest, lambda: guest.wait_many([other, event, event]))
    guest.call(NtSetEvent, event, 0)
    assert ended(thread) == 1
    assert guest.object(event).waits == guest.object(other).waits == []
    assert guest.wait_many([event, event], ALL) == STATUS_INVALID_PARAMETER


def test_wait_all_takes_all_or_nothing(guest: Waits) -> None:
    first, second = guest.event(), guest.semaphore()
    thread = sleeper(guest, lambda: guest.wait_many([first, second], ALL))
    later = sleeper(guest, lambda: guest.wait(first))
    guest.call(NtSetEvent, first, 0)
    assert (ended(thread), ended(later)) == (None, STATUS_SUCCESS)
    assert not guest.object(first).signaled
    guest.call(NtReleaseSemaphore, second, 1, 0)
    assert (ended(thread), guest.object(second).count) == (None, 1)
    guest.call(NtSetEvent, first, 0)
    assert (ended(thread), guest.object(second).count, guest.object(first).signaled) == (0, 0, False)


def test_a_pulse_is_not_enough_for_all(guest: Waits) -> None:
    first, second = guest.event(0), guest.event(0)
    thread = sleeper(guest, lambda: guest.wait_many([first, second], ALL))
    guest.call(NtPulseEvent, first, 0)
    guest.call(NtPulseEvent, second, 0)
    assert ended(thread) is None
    guest.call(NtSetEvent, second, 0)
    guest.call(NtPulseEvent, first, 0)
    assert ended(thread) == STATUS_SUCCESS


def test_wait_all_times_out_and_takes_nothing(guest: Waits) -> None:
    handles = [guest.event(1, 1), guest.semaphore(1), guest.mutant(), guest.event()]
    assert guest.wait_many(handles, ALL, -100) == STATUS_TIMEOUT
    assert guest.object(handles[0]).signaled
    assert (guest.object(handles[1]).count, guest.object(handles[2]).owner) == (1, None)
    guest.call(NtResetEvent, handles[0], 0)
    assert all(guest.object(handle).waits == [] for handle in handles)


def test_a_closed_handle_does_not_end_a_wait(guest: Waits) -> None:
    event = guest.event(name=guest.name(r"\BaseNamedObjects\gone"))
    target = guest.object(event)
    thread = sleeper(guest, lambda: guest.wait(event, -100))
    guest.call(NtClose, event)
    assert (ended(thread), len(target.waits)) == (None, 1)
    assert guest.delay(-200) == BLOCKED
    assert (guest.k.thread, guest.woken(), target.waits) == (thread, STATUS_TIMEOUT, [])


# ---------------------------------------------------------------- signal and wait
def test_signal_and_wait(guest: Waits) -> None:
    event, mutant, semaphore, awaited = (
        guest.event(0),
        guest.mutant(1),
        guest.semaphore(0, 1),
        guest.event(0, 1),
    )

    def both(signal: int, wait: int = awaited, timeout: int = NEVER) -> int:
        return guest.call(NtSignalAndWaitForSingleObject, signal, wait, 0, timeout)

    assert [both(each) for each in (event, mutant, semaphore)] == [STATUS_SUCCESS] * 3
    assert guest.object(event).signaled
    assert (guest.object(mutant).owner, guest.object(semaphore).count) == (None, 1)
    assert both(mutant) == STATUS_MUTANT_NOT_OWNED
    assert both(semaphore) == STATUS_SEMAPHORE_LIMIT_EXCEEDED
    assert both(guest.timer()) == STATUS_OBJECT_TYPE_MISMATCH
    assert both(0x444) == both(event, 0x444) == STATUS_INVALID_HANDLE
    assert both(guest.event(access=SYNCHRONIZE)) == STATUS_ACCESS_DENIED
    assert both(guest.semaphore(access=SYNCHRONIZE)) == STATUS_ACCESS_DENIED
    untouched = guest.event()
    assert both(untouched, guest.event(access=2)) == STATUS_ACCESS_DENIED
    assert not guest.object(untouched).signaled
    assert both(untouched, guest.event(), guest.time(0)) == STATUS_TIMEOUT
    assert guest.object(untouched).signaled


def test_signal_and_wait_wakes_the_partner(guest: Waits) -> None:
    there, back = guest.event(), guest.event()
    main, thread = guest.k.thread, sleeper(guest, lambda: guest.wait(there))
    assert guest.call(NtSignalAndWaitForSingleObject, there, back, 0, NEVER) == BLOCKED
    assert (guest.k.thread, guest.woken()) == (thread, STATUS_SUCCESS)
    guest.call(NtSetEvent, back, 0)
    assert ended(main) == STATUS_SUCCESS


# ---------------------------------------------------------------- alertable waits
def waits_of_all_kinds(guest: Waits) -> list[Callable[[int], int]]:
    event, keyed = guest.event(), guest.keyed()
    never, last = NEVER, guest.time(FOREVER)
    array = guest.put(event.to_bytes(guest.width // 8, "little"))
    return [
        lambda alertable: guest.call(NtWaitForSingleObject, event, alertable, never),
        lambda alertable: guest.call(NtWaitForMultipleObjects, 1, array, ALL, alertable, never),
        lambda alertable: guest.call(NtWaitForMultipleObjects, 1, array, ANY, alertable, never),
        lambda alertable: guest.call(
            NtSignalAndWaitForSingleObject, guest.semaphore(), event, alertable, never
        ),
        lambda alertable: guest.call(NtDelayExecution, alertable, last),
        lambda alertable: guest.call(NtWaitForKeyedEvent, keyed, 2, alertable, never),
        lambda alertable: guest.call(NtReleaseKeyedEvent, keyed, 4, alertable, never),
    ]


@pytest.mark.parametrize("kind", range(7))
@pytest.mark.parametrize(
    ("signal", "status"),
    [
        (lambda g, t: g.k.scheduler.queue_apc(t, Apc(1, (0, 0, 0))), STATUS_USER_APC),
        (lambda g, t: g.call(NtAlertThread, g.handle_of(t)), STATUS_ALERTED),
    ],
)
def test_apcs_and_alerts_end_alertable_waits(
    guest: Waits, kind: int, signal: Callable[[Waits, Thread], Any], status: int
) -> None:
    wait = waits_of_all_kinds(guest)[kind]
    deaf, alertable = sleeper(guest, lambda: wait(0)), sleeper(guest, lambda: wait(1))
    for thread in (deaf, alertable):
        signal(guest, thread)
    assert (ended(deaf), ended(alertable)) == (None, status)
    assert alertable.user_apc_pending == (status == STATUS_USER_APC)
    assert (len(deaf.apcs), deaf.alerted) == ((1, False) if status == STATUS_USER_APC else (0, True))
    # what came before an alertable wait ends it at once, once
    guest.run(alertable)
    guest.woken()
    alertable.apcs.clear()
    signal(guest, alertable)
    assert wait(1) == status
    assert not alertable.alerted


def test_a_signal_comes_before_an_apc_and_an_apc_before_a_timeout(guest: Waits) -> None:
    event = guest.event(0, 1)
    guest.k.scheduler.queue_apc(guest.k.thread, Apc(1, (0, 0, 0)))
    assert guest.wait(event, 0, alertable=1) == STATUS_SUCCESS
    guest.call(NtResetEvent, event, 0)
    assert guest.wait(event, 0, alertable=0) == STATUS_TIMEOUT
    assert guest.wait(event, 0, alertable=1) == STATUS_USER_APC
    assert guest.delay(0, alertable=1) == STATUS_USER_APC


def test_apcs_keep_their_order(guest: Waits) -> None:
    thread = sleeper(guest, lambda: guest.delay(FOREVER, 1))
    for routine in (3, 1, 2):
        guest.k.scheduler.queue_apc(thread, Apc(routine, (0, 0, 0)))
    assert [apc.routine for apc in thread.apcs] == [3, 1, 2]


def test_an_interrupted_wait_leaves_its_objects(guest: Waits) -> None:
    event, semaphore = guest.event(), guest.semaphore()
    thread = sleeper(guest, lambda: guest.wait_many([event, semaphore], ANY, alertable=1))
    guest.k.scheduler.alert(thread)
    guest.call(NtSetEvent, event, 0)
    guest.call(NtReleaseSemaphore, semaphore, 1, 0)
    assert (guest.object(event).signaled, guest.object(semaphore).count) == (True, 1)


# ---------------------------------------------------------------- delays and yields
def test_delays(guest: Waits) -> None:
    start = guest.k.clock.now
    assert guest.delay(-3 * MILLISECOND) == STATUS_SUCCESS
    assert guest.delay(start + 5 * MILLISECOND) == STATUS_SUCCESS
    assert guest.k.clock.now == start + 5 * MILLISECOND


def test_a_delay_of_nothing_is_a_yield(guest: Waits) -> None:
    main, other = guest.k.thread, guest.thread()
    assert guest.delay(0) == STATUS_SUCCESS
    assert (guest.k.thread, main.state) == (other, State.READY)
    assert guest.delay(0) == STATUS_SUCCESS
    assert guest.k.thread is main


def test_yielding(guest: Waits) -> None:
    main = guest.k.thread
    assert guest.call(NtYieldExecution) == STATUS_NO_YIELD_PERFORMED
    others = [guest.thread() for _ in range(2)]
    seen = []
    for _ in range(6):
        assert guest.call(NtYieldExecution) == STATUS_SUCCESS
        seen.append(guest.k.thread)
    assert seen == [*others, main] * 2
    for other in others:
        other.priority = 8
        guest.k.scheduler.set_priority(other, 7)
    assert guest.call(NtYieldExecution) == STATUS_NO_YIELD_PERFORMED


# ---------------------------------------------------------------- keyed events
SIDES: dict[Callable[..., int], Callable[..., int]] = {
    NtWaitForKeyedEvent: NtReleaseKeyedEvent,
    NtReleaseKeyedEvent: NtWaitForKeyedEvent,
}


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("first", SIDES)
def test_the_sides_of_a_keyed_event_meet(guest: Waits, first: Callable[..., int], own: bool) -> None:
    """Either side may come first; the process' own event stands behind handle 0."""
    event, second = 0 if own else guest.keyed(), SIDES[first]
    early, late = (sleeper(guest, lambda: guest.call(first, event, 0x10, 0, NEVER)) for _ in range(2))
    other = sleeper(guest, lambda: guest.call(first, event, 0x12, 0, NEVER))
    elsewhere = sleeper(guest, lambda: guest.call(first, guest.keyed(), 0x10, 0, NEVER))
    assert guest.call(second, event, 0x10, 0, NEVER) == STATUS_SUCCESS
    assert [ended(t) for t in (early, late, other, elsewhere)] == [STATUS_SUCCESS, None, None, None]
    assert guest.call(second, event, 0x10, 0, NEVER) == STATUS_SUCCESS
    assert guest.call(second, event, 0x10, 0, guest.time(0)) == STATUS_TIMEOUT
    assert [ended(t) for t in (late, other, elsewhere)] == [STATUS_SUCCESS, None, None]


@pytest.mark.parametrize("first", SIDES)
def test_who_has_given_up_is_not_met(guest: Waits, first: Callable[..., int]) -> None:
    event, second = guest.keyed(), SIDES[first]
    start = guest.k.clock.now
    impatient = sleeper(guest, lambda: guest.call(first, event, 2, 0, guest.time(-50)))
    patient = sleeper(guest, lambda: guest.call(first, event, 2, 0, NEVER))
    guest.k.clock.advance(50)
    guest.switch()
    assert (ended(impatient), guest.k.clock.now) == (STATUS_TIMEOUT, start + 50)
    assert guest.call(second, event, 2, 0, guest.time(0)) == STATUS_SUCCESS
    assert ended(patient) == STATUS_SUCCESS
    assert guest.call(second, event, 2, 0, guest.time(0)) == STATUS_TIMEOUT


@pytest.mark.parametrize("service", SIDES)
def test_keys_are_even(guest: Waits, service: Callable[..., int]) -> None:
    assert guest.call(service, guest.keyed(), 3, 0, guest.time(0)) == STATUS_INVALID_PARAMETER_1


# ---------------------------------------------------------------- alerts by thread id
def test_alerts_by_thread_id(guest: Waits) -> None:
    thread = sleeper(guest, lambda: guest.call(NtWaitForAlertByThreadId, 0x4000, NEVER))
    deaf = sleeper(guest, lambda: guest.delay(FOREVER))
    for each in (thread, deaf):
        assert guest.call(NtAlertThreadByThreadId, each.id) == STATUS_SUCCESS
    assert (ended(thread), ended(deaf)) == (STATUS_ALERTED, None)
    assert (thread.id_alerted, deaf.id_alerted) == (False, True)
    assert guest.call(NtAlertThreadByThreadId, 0x4444) == STATUS_INVALID_CID
    assert guest.call(NtAlertThreadByThreadId, 0) == STATUS_INVALID_CID


def test_an_alert_that_came_first_counts_once(guest: Waits) -> None:
    own, zero = guest.k.thread.id, guest.time(0)
    for _ in range(2):
        guest.call(NtAlertThreadByThreadId, own)
    assert guest.call(NtWaitForAlertByThreadId, 0, NEVER) == STATUS_ALERTED
    assert guest.call(NtWaitForAlertByThreadId, 0, zero) == STATUS_TIMEOUT
    guest.call(NtAlertThreadByThreadId, own)
    assert guest.call(NtWaitForAlertByThreadId, 0, zero) == STATUS_ALERTED


def test_alerts_by_id_and_by_handle_are_two_things(guest: Waits) -> None:
    thread = sleeper(guest, lambda: guest.call(NtWaitForAlertByThreadId, 0, guest.time(-10)))
    guest.call(NtAlertThread, guest.handle_of(thread))
    assert ended(thread) is None
    guest.k.clock.advance(10)
    guest.switch()
    assert ended(thread) == STATUS_TIMEOUT
    assert thread.alerted


# ---------------------------------------------------------------- deadlocks
def test_a_deadlock_names_who_waits_for_what(guest: Waits) -> None:
    named = guest.event(name=guest.name(r"\BaseNamedObjects\go"))
    mutant, semaphore = guest.mutant(1), guest.semaphore()
    own = guest.handle_of(guest.k.thread)
    waits: list[tuple[Callable[[], int], str]] = [
        (lambda: guest.wait(named), r"event \BaseNamedObjects\go"),
        (lambda: guest.wait(mutant), "an unnamed mutant that thread 1004 owns"),
        (lambda: guest.wait_many([semaphore, own]), "an unnamed semaphore or thread 1004"),
        (
            lambda: guest.wait_many([semaphore, named], 0),
            r"an unnamed semaphore and event \BaseNamedObjects\go",
        ),
        (lambda: guest.wait(guest.timer()), "an unnamed timer"),
        (lambda: guest.wait((1 << guest.width) - 1), "an unnamed process"),
        (lambda: guest.delay(FOREVER), "a delay"),
        (lambda: guest.call(NtWaitForKeyedEvent, 0, 0x1C, 0, NEVER), "a release at the keyed event's key 1C"),
        (lambda: guest.call(NtReleaseKeyedEvent, 0, 0x2C, 0, NEVER), "a wait at the keyed event's key 2C"),
        (lambda: guest.call(NtWaitForAlertByThreadId, 0x3C, NEVER), "an alert by its id (address 3C)"),
    ]
    expected = [f"thread {sleeper(guest, wait).id:X} waits for {text}" for wait, text in waits]
    stopped = guest.thread()
    guest.k.scheduler.suspend(stopped)
    assert guest.delay(FOREVER) == BLOCKED
    assert not guest.switch()
    described = guest.k.scheduler.describe(guest.k.threads)
    whole = ["thread 1004 waits for a delay", *expected, f"thread {stopped.id:X} is suspended"]
    assert described == "; ".join(whole)
