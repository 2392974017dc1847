"""Events, mutants, semaphores and their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from waiting import BOTH, Waits

from wowsim.kernel.dispatcher import MUTANT_LIMIT
from wowsim.kernel.handles import NtClose
from wowsim.kernel.synchronization import (
    NtClearEvent,
    NtCreateEvent,
    NtCreateMutant,
    NtCreateSemaphore,
    NtOpenEvent,
    NtOpenMutant,
    NtOpenSemaphore,
    NtPulseEvent,
    NtQueryEvent,
    NtQueryMutant,
    NtQuerySemaphore,
    NtReleaseMutant,
    NtReleaseSemaphore,
    NtResetEvent,
    NtSetEvent,
)
from wowsim.kernel.table import BLOCKED
from wowsim.kernel.thread import State
from wowsim.kernel.timers import NtCancelTimer, NtCreateTimer, NtOpenTimer, NtQueryTimer, NtSetTimer
from wowsim.kernel.waits import (
    NtCreateKeyedEvent,
    NtOpenKeyedEvent,
    NtReleaseKeyedEvent,
    NtWaitForKeyedEvent,
    NtWaitForSingleObject,
)
from wowsim.nt.status import (
    STATUS_ABANDONED,
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_MUTANT_LIMIT_EXCEEDED,
    STATUS_MUTANT_NOT_OWNED,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_EXISTS,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_SEMAPHORE_LIMIT_EXCEEDED,
    STATUS_SUCCESS,
    STATUS_TIMEOUT,
)
from wowsim.nt.structures import (
    EVENT_BASIC_INFORMATION,
    MUTANT_BASIC_INFORMATION,
    SEMAPHORE_BASIC_INFORMATION,
    TIMER_BASIC_INFORMATION,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Service = Callable[..., int]

SYNCHRONIZE = 0x100000
NAME = r"\BaseNamedObjects\it"
CREATE: dict[str, tuple[Service, tuple[int, ...], int, Service]] = {
    "Event": (NtCreateEvent, (0, 0), 0x1F0003, NtOpenEvent),
    "Mutant": (NtCreateMutant, (0,), 0x1F0001, NtOpenMutant),
    "Semaphore": (NtCreateSemaphore, (1, 2), 0x1F0003, NtOpenSemaphore),
    "Timer": (NtCreateTimer, (0,), 0x1F0003, NtOpenTimer),
    "KeyedEvent": (NtCreateKeyedEvent, (0,), 0xF0003, NtOpenKeyedEvent),
}
KINDS = pytest.mark.parametrize("kind", CREATE)


@pytest.fixture(params=BOTH)
def guest(request: pytest.FixtureRequest) -> Waits:
    return Waits(request.param)


# ---------------------------------------------------------------- events
@pytest.mark.parametrize("synchronization", [0, 1])
def test_an_event_is_set_reset_and_asked(guest: Waits, synchronization: int) -> None:
    event, before = guest.event(synchronization), guest.room(4)

    def state() -> tuple[int, int]:
        found = guest.query(NtQueryEvent, EVENT_BASIC_INFORMATION, event)
        return found.EventType, found.EventState

    assert state() == (synchronization, 0)
    for service, was, becomes in (
        (NtSetEvent, 0, 1), (NtSetEvent, 1, 1), (NtResetEvent, 1, 0), (NtResetEvent, 0, 0),
        (NtSetEvent, 0, 1), (NtPulseEvent, 1, 0), (NtPulseEvent, 0, 0),
    ):  # fmt: skip
        guest.memory.write(before, b"\xcc" * 4)
        assert guest.call(service, event, before) == STATUS_SUCCESS
        assert (guest.value(before, 4), state()[1]) == (was, becomes), service
    guest.call(NtSetEvent, event, 0)
    assert guest.call(NtClearEvent, event) == STATUS_SUCCESS
    assert state()[1] == 0


@pytest.mark.parametrize(("synchronization", "left"), [(0, 1), (1, 0)])
def test_a_wait_resets_only_a_synchronization_event(guest: Waits, synchronization: int, left: int) -> None:
    event = guest.event(synchronization, 1)
    assert guest.wait(event, 0) == STATUS_SUCCESS
    assert guest.query(NtQueryEvent, EVENT_BASIC_INFORMATION, event).EventState == left
    assert guest.wait(event, 0) == (STATUS_SUCCESS if left else STATUS_TIMEOUT)


@pytest.mark.parametrize("service", [NtSetEvent, NtPulseEvent])
@pytest.mark.parametrize(("synchronization", "woken"), [(0, 3), (1, 1)])
def test_who_is_woken_by_an_event(guest: Waits, service: Service, synchronization: int, woken: int) -> None:
    event, main = guest.event(synchronization), guest.k.thread
    threads = [guest.thread() for _ in range(3)]
    for thread in threads:
        guest.run(thread)
        assert guest.wait(event) == BLOCKED
    guest.run(main)
    guest.call(service, event, 0)
    assert [t.state for t in threads] == [State.READY] * woken + [State.WAITING] * (3 - woken)
    left = guest.query(NtQueryEvent, EVENT_BASIC_INFORMATION, event).EventState
    assert left == (service is NtSetEvent and not synchronization)
    for thread in threads[:woken]:
        guest.run(thread)
        assert guest.woken() == STATUS_SUCCESS


def test_event_types_there_are(guest: Waits) -> None:
    assert guest.call(NtCreateEvent, guest.out, 0x1F0003, 0, 2, 0) == STATUS_INVALID_PARAMETER


# ---------------------------------------------------------------- mutants
def mutant_state(guest: Waits, mutant: int) -> tuple[int, bool, bool]:
    found = guest.query(NtQueryMutant, MUTANT_BASIC_INFORMATION, mutant)
    return found.CurrentCount, bool(found.OwnedByCaller), bool(found.AbandonedState)


def test_a_mutant_counts_its_owner(guest: Waits) -> None:
    mutant, before = guest.mutant(1), guest.room(4)
    assert mutant_state(guest, mutant) == (0, True, False)
    assert guest.wait(mutant) == guest.wait(mutant) == STATUS_SUCCESS
    assert mutant_state(guest, mutant) == (-2, True, False)
    for was in (-2, -1, 0):
        assert guest.call(NtReleaseMutant, mutant, before) == STATUS_SUCCESS
        assert guest.value(before, 4) == was & 0xFFFFFFFF
    assert mutant_state(guest, mutant) == (1, False, False)
    assert guest.k.thread.mutants == []
    assert guest.call(NtReleaseMutant, mutant, 0) == STATUS_MUTANT_NOT_OWNED


def test_a_mutant_goes_to_the_oldest_wait_when_it_is_wholly_free(guest: Waits) -> None:
    mutant, main = guest.mutant(1), guest.k.thread
    guest.wait(mutant)
    first, second = guest.thread(), guest.thread()
    for thread in (first, second):
        guest.run(thread)
        assert guest.call(NtReleaseMutant, mutant, 0) == STATUS_MUTANT_NOT_OWNED
        assert guest.wait(mutant, 0) == STATUS_TIMEOUT
        assert guest.wait(mutant) == BLOCKED
    guest.run(main)
    guest.call(NtReleaseMutant, mutant, 0)
    assert first.state is State.WAITING
    guest.call(NtReleaseMutant, mutant, 0)
    assert (first.state, second.state) == (State.READY, State.WAITING)
    assert guest.object(mutant).owner is first
    assert first.mutants == [guest.object(mutant)]


def test_a_mutant_has_a_limit(guest: Waits) -> None:
    mutant = guest.mutant(1)
    guest.object(mutant).count = MUTANT_LIMIT
    assert guest.wait(mutant) == STATUS_MUTANT_LIMIT_EXCEEDED


def test_an_abandoned_mutant_says_so_once(guest: Waits) -> None:
    mutant, main = guest.mutant(), guest.k.thread
    owner = guest.thread()
    guest.run(owner)
    assert guest.wait(mutant) == guest.wait(mutant) == STATUS_SUCCESS
    guest.run(main)
    guest.k.exit_thread(owner, 0)
    assert mutant_state(guest, mutant) == (1, False, True)
    event = guest.event(1, 0)
    assert guest.wait_many([event, mutant]) == STATUS_ABANDONED + 1
    assert mutant_state(guest, mutant) == (0, True, False)
    assert guest.wait(mutant) == STATUS_SUCCESS


def test_a_waiter_is_told_of_an_abandoned_mutant(guest: Waits) -> None:
    mutants, main = [guest.mutant(), guest.mutant()], guest.k.thread
    owner = guest.thread()
    guest.run(owner)
    for mutant in mutants:
        guest.wait(mutant)
    one, all_ = guest.thread(), guest.thread()
    guest.run(one)
    assert guest.wait(mutants[0]) == BLOCKED
    guest.run(all_)
    assert guest.wait_many([guest.event(0, 1), *mutants], 0) == BLOCKED
    guest.run(main)
    guest.k.exit_thread(owner, 0)
    assert (one.state, one.wake_status) == (State.READY, STATUS_ABANDONED)
    assert all_.state is State.WAITING
    guest.run(one)
    guest.call(NtReleaseMutant, mutants[0], 0)
    assert (all_.state, all_.wake_status) == (State.READY, STATUS_ABANDONED)


# ---------------------------------------------------------------- semaphores
@pytest.mark.parametrize("counts", [(0, 0), (-1, 1), (2, 1), (0, -1), (1, 0)])
def test_impossible_semaphores(guest: Waits, counts: tuple[int, int]) -> None:
    slots = [count & 0xFFFFFFFF for count in counts]
    assert guest.call(NtCreateSemaphore, guest.out, 0x1F0003, 0, *slots) == STATUS_INVALID_PARAMETER


def test_a_semaphore_counts(guest: Waits) -> None:
    semaphore, before = guest.semaphore(1, 3), guest.room(4)
    assert guest.wait(semaphore) == STATUS_SUCCESS
    assert guest.wait(semaphore, 0) == STATUS_TIMEOUT
    for count, status, was in (
        (2, STATUS_SUCCESS, 0), (2, STATUS_SEMAPHORE_LIMIT_EXCEEDED, 0), (0, STATUS_INVALID_PARAMETER, 0),
        (0xFFFFFFFF, STATUS_INVALID_PARAMETER, 0), (0x7FFFFFFF, STATUS_SEMAPHORE_LIMIT_EXCEEDED, 0),
        (1, STATUS_SUCCESS, 2),
    ):  # fmt: skip
        assert guest.call(NtReleaseSemaphore, semaphore, count, before) == status
        assert guest.value(before, 4) == was
    found = guest.query(NtQuerySemaphore, SEMAPHORE_BASIC_INFORMATION, semaphore)
    assert (found.CurrentCount, found.MaximumCount) == (3, 3)


def test_a_semaphore_wakes_as_many_as_it_counts(guest: Waits) -> None:
    semaphore, main = guest.semaphore(0, 5), guest.k.thread
    threads = [guest.thread() for _ in range(4)]
    for thread in threads:
        guest.run(thread)
        assert guest.wait(semaphore) == BLOCKED
    guest.run(main)
    guest.call(NtReleaseSemaphore, semaphore, 3, 0)
    assert [t.state for t in threads] == [State.READY] * 3 + [State.WAITING]
    assert guest.object(semaphore).count == 0
    guest.call(NtReleaseSemaphore, semaphore, 3, 0)
    assert (threads[3].state, guest.object(semaphore).count) == (State.READY, 2)


# ---------------------------------------------------------------- names
@KINDS
def test_a_name_lasts_as_long_as_a_handle(guest: Waits, kind: str) -> None:
    create, slots, access, open_ = CREATE[kind]
    name = guest.name(NAME)
    first = guest.made(create, *slots, access=access, name=name)
    assert guest.object(first).nt_name() == NAME
    upper = guest.name(NAME.upper())
    assert guest.call(open_, guest.out, access, upper) == STATUS_SUCCESS
    second = guest.handle
    assert guest.object(second) is guest.object(first)
    guest.call(NtClose, first)
    assert guest.call(create, guest.out, access, name, *slots) == STATUS_OBJECT_NAME_COLLISION
    guest.call(NtClose, second)
    assert guest.call(open_, guest.out, access, name) == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.call(create, guest.out, access, name, *slots) == STATUS_SUCCESS


@KINDS
def test_openif_opens_the_one_that_is_there(guest: Waits, kind: str) -> None:
    create, slots, access, _ = CREATE[kind]
    name = guest.name(NAME, attributes=0x80 | 0x40 | 2)
    assert guest.call(create, guest.out, access, name, *slots) == STATUS_SUCCESS
    first = guest.handle
    assert guest.call(create, guest.out, access & 1, name, *slots) == STATUS_OBJECT_NAME_EXISTS
    second = guest.handle
    assert guest.object(second) is guest.object(first)
    assert guest.k.handles.lookup_granted(second, type(guest.object(first)))[1] == 1
    assert guest.k.handles.attributes(second) == 2


@KINDS
def test_another_type_has_the_name(guest: Waits, kind: str) -> None:
    create, slots, access, open_ = CREATE[kind]
    other = "Event" if kind != "Event" else "Mutant"
    guest.made(CREATE[other][0], *CREATE[other][1], access=CREATE[other][2], name=guest.name(NAME))
    assert guest.call(open_, guest.out, access, guest.name(NAME)) == STATUS_OBJECT_TYPE_MISMATCH
    openif = guest.name(NAME, attributes=0xC0)
    assert guest.call(create, guest.out, access, openif, *slots) == STATUS_OBJECT_TYPE_MISMATCH
    assert guest.call(create, guest.out, access, guest.name(NAME), *slots) == STATUS_OBJECT_NAME_COLLISION


def test_openif_of_a_mutant_does_not_own_it(guest: Waits) -> None:
    name = guest.name(NAME, attributes=0xC0)
    mutant = guest.mutant(0, name=name)
    assert guest.call(NtCreateMutant, guest.out, 0x1F0001, name, 1) == STATUS_OBJECT_NAME_EXISTS
    assert mutant_state(guest, mutant) == (1, False, False)


@pytest.mark.parametrize(
    ("name", "created", "opened"),
    [
        (r"\BaseNamedObjects\no\it", STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND),
        (r"\no\it", STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND),
        ("it", STATUS_OBJECT_PATH_SYNTAX_BAD, STATUS_OBJECT_PATH_SYNTAX_BAD),
        (r"\BaseNamedObjects" + "\\", STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_TYPE_MISMATCH),
        (r"\BaseNamedObjects\\it", STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID),
        (r"\BaseNamedObjects\leaf\it", STATUS_OBJECT_TYPE_MISMATCH, STATUS_OBJECT_TYPE_MISMATCH),
        (r"\??\C:\it", STATUS_OBJECT_TYPE_MISMATCH, STATUS_OBJECT_TYPE_MISMATCH),
        (r"\BaseNamedObjects", STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_TYPE_MISMATCH),
        (b"odd", STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID),
    ],
)
def test_bad_names(guest: Waits, name: str | bytes, created: int, opened: int) -> None:
    leaf = guest.event(name=guest.name(r"\BaseNamedObjects\leaf"))
    assert guest.call(NtCreateEvent, guest.out, 0x1F0003, guest.name(name), 0, 0) == created
    assert guest.call(NtOpenEvent, guest.out, 0x1F0003, guest.name(name)) == opened
    assert guest.object(leaf).handle_count == 1
    assert len(guest.k.handles) == 1


def test_names_below_a_root_directory(guest: Waits) -> None:
    directory = guest.k.namespace.find(r"\BaseNamedObjects")
    root = guest.k.handles.insert(directory, 3)
    event = guest.event(name=guest.name("it", root))
    assert guest.object(event).nt_name() == NAME
    assert guest.call(NtOpenEvent, guest.out, 0x1F0003, guest.name("it", root)) == STATUS_SUCCESS
    syntax = guest.name(r"\other", root)
    assert guest.call(NtCreateEvent, guest.out, 0x1F0003, syntax, 0, 0) == STATUS_OBJECT_PATH_SYNTAX_BAD
    assert guest.call(NtOpenEvent, guest.out, 0x1F0003, syntax) == STATUS_OBJECT_PATH_SYNTAX_BAD
    no_directory = guest.name("x", event)
    assert guest.call(NtCreateEvent, guest.out, 0x1F0003, no_directory, 0, 0) == STATUS_OBJECT_TYPE_MISMATCH
    unknown = guest.name("x", 0x444)
    assert guest.call(NtCreateEvent, guest.out, 0x1F0003, unknown, 0, 0) == STATUS_INVALID_HANDLE


@KINDS
def test_a_full_handle_table_leaves_no_name(guest: Waits, kind: str) -> None:
    create, slots, access, open_ = CREATE[kind]
    guest.k.handles.limit = 0
    name = guest.name(NAME)
    assert guest.call(create, guest.out, access, name, *slots) == STATUS_INSUFFICIENT_RESOURCES
    guest.k.handles.limit = 10
    assert guest.call(open_, guest.out, access, name) == STATUS_OBJECT_NAME_NOT_FOUND


# ---------------------------------------------------------------- rights, classes, pointers
@KINDS
@pytest.mark.parametrize("access", [0, 0x8, 0x200000])
def test_rights_that_there_are(guest: Waits, kind: str, access: int) -> None:
    create, slots, _, open_ = CREATE[kind]
    assert guest.call(create, guest.out, access, guest.name(NAME), *slots) == STATUS_ACCESS_DENIED
    guest.made(create, *slots, access=CREATE[kind][2], name=guest.name(NAME))
    assert guest.call(open_, guest.out, access, guest.name(NAME)) == STATUS_ACCESS_DENIED


USES: list[tuple[str, Service, tuple[int, ...], int]] = [
    ("Event", NtSetEvent, (0,), 2),
    ("Event", NtResetEvent, (0,), 2),
    ("Event", NtPulseEvent, (0,), 2),
    ("Event", NtClearEvent, (), 2),
    ("Event", NtQueryEvent, (0, 0, 0, 0), 1),
    ("Mutant", NtQueryMutant, (0, 0, 0, 0), 1),
    ("Semaphore", NtReleaseSemaphore, (1, 0), 2),
    ("Semaphore", NtQuerySemaphore, (0, 0, 0, 0), 1),
    ("Timer", NtCancelTimer, (0,), 2),
    ("Timer", NtQueryTimer, (0, 0, 0, 0), 1),
    ("KeyedEvent", NtWaitForKeyedEvent, (2, 0, 0), 1),
    ("KeyedEvent", NtReleaseKeyedEvent, (2, 0, 0), 2),
    ("Event", NtWaitForSingleObject, (0, 0), SYNCHRONIZE),
    ("Mutant", NtWaitForSingleObject, (0, 0), SYNCHRONIZE),
    ("Semaphore", NtWaitForSingleObject, (0, 0), SYNCHRONIZE),
    ("Timer", NtWaitForSingleObject, (0, 0), SYNCHRONIZE),
    ("KeyedEvent", NtWaitForSingleObject, (0, 0), SYNCHRONIZE),
]


@pytest.mark.parametrize(("kind", "service", "slots", "right"), USES)
def test_each_use_needs_its_right(
    guest: Waits, kind: str, service: Service, slots: tuple[int, ...], right: int
) -> None:
    create, arguments, everything, _ = CREATE[kind]
    weak = guest.made(create, *arguments, access=everything & ~right)
    assert guest.call(service, weak, *slots) == STATUS_ACCESS_DENIED
    if service is not NtWaitForSingleObject:
        other = guest.made(*_creation("Event" if kind != "Event" else "Mutant"), access=0x1F0001)
        assert guest.call(service, other, *slots) == STATUS_OBJECT_TYPE_MISMATCH
    assert guest.call(service, 0x444, *slots) == STATUS_INVALID_HANDLE


def test_setting_a_timer_needs_its_right(guest: Waits) -> None:
    weak, due = guest.timer(access=0x1F0001), guest.time(-1)
    assert guest.call(NtSetTimer, weak, due, 0, 0, 0, 0, 0) == STATUS_ACCESS_DENIED
    assert guest.call(NtSetTimer, guest.event(), due, 0, 0, 0, 0, 0) == STATUS_OBJECT_TYPE_MISMATCH


def test_releasing_a_mutant_needs_no_right(guest: Waits) -> None:
    mutant = guest.mutant(1, access=0x20000)
    assert guest.call(NtReleaseMutant, mutant, 0) == STATUS_SUCCESS
    assert guest.call(NtReleaseMutant, guest.event(), 0) == STATUS_OBJECT_TYPE_MISMATCH


def _creation(kind: str) -> tuple[Any, ...]:
    create, slots, _, _ = CREATE[kind]
    return (create, *slots)


@pytest.mark.parametrize(
    ("kind", "service", "structure"),
    [
        ("Event", NtQueryEvent, EVENT_BASIC_INFORMATION),
        ("Mutant", NtQueryMutant, MUTANT_BASIC_INFORMATION),
        ("Semaphore", NtQuerySemaphore, SEMAPHORE_BASIC_INFORMATION),
        ("Timer", NtQueryTimer, TIMER_BASIC_INFORMATION),
    ],
)
def test_queries_check_class_length_and_buffer(
    guest: Waits, kind: str, service: Service, structure: type
) -> None:
    handle = guest.made(*_creation(kind), access=CREATE[kind][2])
    size = guest.size(structure)
    assert size == (16 if kind == "Timer" else 8)
    assert guest.call(service, handle, 1, guest.iosb, size, 0) == STATUS_INVALID_INFO_CLASS
    for length in (0, size - 1, size + 1):
        assert guest.call(service, handle, 0, guest.iosb, length, 0) == STATUS_INFO_LENGTH_MISMATCH
    assert guest.call(service, handle, 0, 0x10, size, 0) == STATUS_ACCESS_VIOLATION
    assert guest.call(service, handle, 0, guest.iosb, size, 0) == STATUS_SUCCESS
    assert guest.call(service, handle, 0, guest.iosb, size, 8) == STATUS_ACCESS_VIOLATION


@KINDS
def test_a_bad_pointer_makes_nothing(guest: Waits, kind: str) -> None:
    create, slots, access, open_ = CREATE[kind]
    name = guest.name(NAME)
    assert guest.call(create, 8, access, name, *slots) == STATUS_ACCESS_VIOLATION
    assert guest.call(create, guest.out, access, 8, *slots) == STATUS_ACCESS_VIOLATION
    assert guest.call(open_, guest.out, access, name) == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.call(open_, guest.out, access, 0) == STATUS_ACCESS_VIOLATION
    assert len(guest.k.handles) == 0


def test_flags_of_a_keyed_event(guest: Waits) -> None:
    assert guest.call(NtCreateKeyedEvent, guest.out, 0xF0003, 0, 1) == STATUS_INVALID_PARAMETER
