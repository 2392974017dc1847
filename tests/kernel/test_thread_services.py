"""Making, ending, suspending threads; APCs and alerts; asking and setting."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from waiting import BOTH, Waits

from wowsim.errors import GuestFault, StopReason, Unsupported
from wowsim.kernel.context import Exit, ThreadRequest
from wowsim.kernel.table import BLOCKED
from wowsim.kernel.thread import State, Thread
from wowsim.kernel.thread_information import NtQueryInformationThread, NtSetInformationThread
from wowsim.kernel.threads import (
    MAXIMUM_SUSPEND_COUNT,
    MAXIMUM_THREADS,
    NtAlertResumeThread,
    NtAlertThread,
    NtCreateThreadEx,
    NtOpenThread,
    NtQueueApcThread,
    NtResumeThread,
    NtSuspendThread,
    NtTerminateThread,
    NtTestAlert,
)
from wowsim.nt.abi import encode, size_of
from wowsim.nt.ps_attributes import MOST_ATTRIBUTES
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_ALERTED,
    STATUS_CANT_TERMINATE_SELF,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_CID,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_NO_MEMORY,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_PENDING,
    STATUS_SUCCESS,
    STATUS_SUSPEND_COUNT_EXCEEDED,
    STATUS_THREAD_IS_TERMINATING,
    STATUS_UNSUCCESSFUL,
    STATUS_USER_APC,
)
from wowsim.nt.structures import CLIENT_ID, THREAD_BASIC_INFORMATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.nt.abi import Width

COMMITMENT_LIMIT = 0xC000012D
TEB = 0x7EFD5000


class Host:
    """Makes threads without CPU or memory."""

    def __init__(self, guest: Waits) -> None:
        self._guest = guest
        self.requests: list[ThreadRequest] = []
        self.deleted: list[Thread] = []
        self.memory = True

    def create(self, request: ThreadRequest) -> Thread:
        if not self.memory:
            raise GuestFault(STATUS_NO_MEMORY)
        self.requests.append(request)
        return Thread(id=self._guest.k.next_thread_id(), teb=TEB, start=request.start, state=State.READY)

    def delete(self, thread: Thread) -> None:
        self.deleted.append(thread)

    def registers(self, thread: Thread) -> tuple[dict[str, int], bytes]:
        raise NotImplementedError

    def set_registers(self, thread: Thread, registers: dict[str, int], fxsave: bytes | None) -> None:
        raise NotImplementedError

    def descriptor(self, thread: Thread, selector: int) -> int | None:
        raise NotImplementedError


@pytest.fixture(params=BOTH)
def guest(request: pytest.FixtureRequest) -> Waits:
    return Waits(request.param, "win8.1")


@pytest.fixture
def host(guest: Waits) -> Host:
    guest.k.host = Host(guest)
    return guest.k.host


def process(guest: Waits) -> int:
    return (1 << guest.width) - 1


def own(guest: Waits) -> int:
    return (1 << guest.width) - 2


def create(guest: Waits, access: int = 0x1FFFFF, flags: int = 0, attributes: int = 0, **more: int) -> int:
    slots = (
        more.get("out", guest.out), access, more.get("name", 0), more.get("process", process(guest)),
        0x401000, 0x1234, flags, 0, 0x2000, 0x40000, attributes,
    )  # fmt: skip
    return guest.call(NtCreateThreadEx, *slots)


# ---------------------------------------------------------------- making
def test_a_new_thread(guest: Waits, host: Host) -> None:
    assert create(guest, 0x3, 0, name=guest.name(None, attributes=2)) == STATUS_SUCCESS
    thread = guest.k.threads[-1]
    assert host.requests == [ThreadRequest(0x401000, 0x1234, 0x40000, 0x2000, False)]
    assert guest.k.handles.lookup_granted(guest.handle, Thread) == (thread, 3)
    assert guest.k.handles.attributes(guest.handle) == 2
    assert (thread.state, thread.suspended, thread.hidden) == (State.READY, 0, False)
    assert guest.switch(end_of_turn=True)
    assert guest.k.thread is thread


def test_flags_of_a_new_thread(guest: Waits, host: Host) -> None:
    assert create(guest, flags=7) == STATUS_SUCCESS
    thread = guest.k.threads[-1]
    assert (thread.suspended, thread.hidden, host.requests[0].skip_attach) == (1, True, True)
    guest.switch(end_of_turn=True)
    assert guest.k.thread is not thread
    assert guest.call(NtResumeThread, guest.handle, 0) == STATUS_SUCCESS
    guest.switch(end_of_turn=True)
    assert guest.k.thread is thread


def test_what_a_new_thread_is_refused_for(guest: Waits, host: Host) -> None:
    weak = guest.k.handles.insert(guest.k.process, 0x1)
    assert create(guest, 0) == STATUS_ACCESS_DENIED
    assert create(guest, process=weak) == STATUS_ACCESS_DENIED
    assert create(guest, process=0x444) == STATUS_INVALID_HANDLE
    assert create(guest, process=own(guest)) == STATUS_OBJECT_TYPE_MISMATCH
    assert create(guest, out=8) == create(guest, name=8) == STATUS_ACCESS_VIOLATION
    for flags in (8, 0x100, 0x80000000):
        assert create(guest, flags=flags) == STATUS_INVALID_PARAMETER
    for flags in (0x10, 0x20, 0x40, 0x80):
        with pytest.raises(Unsupported, match="THREAD_CREATE_FLAGS_"):
            create(guest, flags=flags)
    assert (host.requests, len(guest.k.threads)) == ([], 1)


def test_limits_of_threads(guest: Waits, host: Host) -> None:
    host.memory = False
    assert create(guest) == STATUS_NO_MEMORY
    host.memory = True
    guest.k.handles.limit = 0
    assert create(guest) == STATUS_INSUFFICIENT_RESOURCES
    assert [thread.start for thread in host.deleted] == [0x401000]
    assert len(guest.k.threads) == 1
    guest.k.handles.limit = 10
    guest.k.threads += [Thread() for _ in range(MAXIMUM_THREADS - 1)]
    assert create(guest) == COMMITMENT_LIMIT


# ---------------------------------------------------------------- attribute lists
CLIENT, TEB_ADDRESS = 0x10003, 0x10004


def attribute_list(guest: Waits, *rows: tuple[int, int, int, int], total: int | None = None) -> int:
    code = "I" if guest.width == 32 else "Q"
    size = struct.calcsize(code)
    total = size * (1 + 4 * len(rows)) if total is None else total
    return guest.put(struct.pack(f"<{code}", total) + b"".join(struct.pack(f"<4{code}", *r) for r in rows))


def test_attributes_give_back_ids_and_teb(guest: Waits, host: Host) -> None:
    size, ids, teb, returned = guest.width // 8, guest.room(16), guest.room(8), guest.room(16)
    rows = (CLIENT, 2 * size, ids, returned), (TEB_ADDRESS, size, teb, returned + 8)
    assert create(guest, attributes=attribute_list(guest, *rows)) == STATUS_SUCCESS
    assert guest.value(ids, size) == guest.k.process.id
    assert guest.value(ids + size, size) == guest.k.threads[-1].id
    assert guest.value(teb, size) == TEB
    assert (guest.value(returned, size), guest.value(returned + 8, size)) == (2 * size, size)


def test_an_attribute_of_another_size(guest: Waits, host: Host) -> None:
    teb, returned = guest.put(b"\xcc" * 16), guest.room(8)
    assert create(guest, attributes=attribute_list(guest, (TEB_ADDRESS, 2, teb, 0))) == STATUS_SUCCESS
    assert guest.memory.read(teb, 4) == (TEB & 0xFFFF).to_bytes(2, "little") + b"\xcc\xcc"
    long = attribute_list(guest, (TEB_ADDRESS, 16, teb, returned))
    assert create(guest, attributes=long) == STATUS_SUCCESS
    assert guest.value(returned, guest.width // 8) == guest.width // 8
    assert guest.memory.read(teb + guest.width // 8, 1) == b"\xcc"


def test_garbage_in_attribute_lists(guest: Waits, host: Host) -> None:
    size, good = guest.width // 8, guest.room(16)
    for total in (
        0,
        1,
        size - 1,
        size + 1,
        size * 5 - 1,
        size * (1 + 4 * (MOST_ATTRIBUTES + 1)),
        (1 << guest.width) - 1,
    ):
        row = (CLIENT, 2 * size, good, 0)
        assert create(guest, attributes=attribute_list(guest, row, total=total)) == STATUS_INVALID_PARAMETER
    for row in ((CLIENT, 2 * size, 8, 0), (CLIENT, 1 << 31, good, 0), (TEB_ADDRESS, size, good, 8)):
        assert create(guest, attributes=attribute_list(guest, row)) == STATUS_ACCESS_VIOLATION
    assert create(guest, attributes=8) == STATUS_ACCESS_VIOLATION
    with pytest.raises(Unsupported, match="PS_ATTRIBUTE 20006h"):
        create(guest, attributes=attribute_list(guest, (0x20006, 8, good, 0)))
    assert (len(guest.k.threads), host.requests, len(guest.k.handles)) == (1, [], 0)
    assert create(guest, attributes=attribute_list(guest)) == STATUS_SUCCESS


# ---------------------------------------------------------------- opening
def client_id(guest: Waits, process_id: int, thread_id: int) -> int:
    return guest.put(encode(CLIENT_ID, guest.width, CLIENT_ID(process_id, thread_id)))  # type: ignore[arg-type]


def test_opening_by_id(guest: Waits) -> None:
    thread, name = guest.thread(), guest.name(None)

    def open_(process_id: int, thread_id: int, access: int = 0x48) -> int:
        return guest.call(NtOpenThread, guest.out, access, name, client_id(guest, process_id, thread_id))

    assert open_(guest.k.process.id, thread.id) == open_(0, thread.id) == STATUS_SUCCESS
    assert guest.k.handles.lookup_granted(guest.handle, Thread) == (thread, 0x48)
    assert open_(0x444, thread.id) == open_(0, 0x444) == open_(0, 0) == STATUS_INVALID_CID
    assert open_(0, thread.id, 0) == STATUS_ACCESS_DENIED
    guest.k.exit_thread(thread, 0)
    assert open_(0, thread.id) == STATUS_INVALID_CID


# ---------------------------------------------------------------- ending
def test_ending_another_thread(guest: Waits, host: Host) -> None:
    thread = guest.thread()
    handle = guest.handle_of(thread)
    guest.k.clock.advance(99)
    assert guest.call(NtTerminateThread, guest.handle_of(thread, 0x1FFFFE), 5) == STATUS_ACCESS_DENIED
    assert guest.call(NtTerminateThread, guest.event(), 5) == STATUS_OBJECT_TYPE_MISMATCH
    assert guest.call(NtTerminateThread, handle, 0xC0000005) == STATUS_SUCCESS
    assert (thread.exit_status, thread.exited) == (0xC0000005, guest.k.clock.now)
    assert (thread.state, guest.k.threads, host.deleted) == (State.TERMINATED, [guest.k.thread], [thread])
    assert guest.wait(handle) == STATUS_SUCCESS
    assert guest.call(NtTerminateThread, handle, 6) == STATUS_SUCCESS
    assert (thread.exit_status, guest.k.pending) == (0xC0000005, None)


def test_ending_a_waiting_thread_leaves_no_wait(guest: Waits, host: Host) -> None:
    event, main, thread = guest.event(), guest.k.thread, guest.thread()
    guest.run(thread)
    assert guest.wait(event, -100) == BLOCKED
    assert guest.k.thread is main
    guest.call(NtTerminateThread, guest.handle_of(thread), 0)
    assert guest.object(event).waits == []
    assert guest.delay(-200) == STATUS_SUCCESS
    assert thread.state is State.TERMINATED


def test_the_caller_ends(guest: Waits, host: Host) -> None:
    assert guest.call(NtTerminateThread, 0, 1) == STATUS_CANT_TERMINATE_SELF
    main, other = guest.k.thread, guest.thread()
    mutant = guest.mutant(1)
    assert guest.call(NtTerminateThread, 0, 1) == STATUS_SUCCESS
    assert (guest.k.thread, main.state, main.exit_status) == (other, State.TERMINATED, 1)
    assert guest.object(mutant).abandoned
    assert guest.call(NtTerminateThread, own(guest), 7) == STATUS_SUCCESS
    assert guest.k.pending == Exit(StopReason.EXITED, 7)
    assert (guest.k.threads, guest.k.process.exit_status, other.exit_status) == ([], 7, 7)


# ---------------------------------------------------------------- suspending
def test_suspending_counts(guest: Waits) -> None:
    thread, before = guest.thread(), guest.room(4)
    handle = guest.handle_of(thread)
    for service, counts in ((NtSuspendThread, (0, 1, 2)), (NtResumeThread, (3, 2, 1, 0, 0))):
        for count in counts:
            assert guest.call(service, handle, before) == STATUS_SUCCESS
            assert guest.value(before, 4) == count
    assert guest.switch(end_of_turn=True)
    assert guest.k.thread is thread
    thread.suspended = MAXIMUM_SUSPEND_COUNT - 1
    assert guest.call(NtSuspendThread, handle, 0) == STATUS_SUCCESS
    assert guest.call(NtSuspendThread, handle, 0) == STATUS_SUSPEND_COUNT_EXCEEDED
    assert thread.suspended == MAXIMUM_SUSPEND_COUNT


def test_a_thread_may_suspend_itself(guest: Waits) -> None:
    main, other = guest.k.thread, guest.thread()
    assert guest.call(NtSuspendThread, own(guest), 0) == STATUS_SUCCESS
    assert guest.k.thread is other
    guest.call(NtResumeThread, guest.handle_of(main), 0)
    guest.switch(end_of_turn=True)
    assert guest.k.thread is main


@pytest.mark.parametrize(
    ("service", "slots", "right"),
    [
        (NtSuspendThread, (0,), 2),
        (NtResumeThread, (0,), 2),
        (NtAlertResumeThread, (0,), 2),
        (NtAlertThread, (), 4),
        (NtQueueApcThread, (1, 2, 3, 4), 0x10),
        (NtTerminateThread, (0,), 1),
        (NtSetInformationThread, (3, 0, 4), 0x20),
        (NtQueryInformationThread, (0, 0, 0, 0), 0x840),
    ],
)
def test_each_use_needs_its_right(
    guest: Waits, service: Callable[..., int], slots: tuple[int, ...], right: int
) -> None:
    weak = guest.handle_of(guest.thread(), 0x1FFFFF & ~right)
    assert guest.call(service, weak, *slots) == STATUS_ACCESS_DENIED
    assert guest.call(service, guest.event(), *slots) == STATUS_OBJECT_TYPE_MISMATCH
    assert guest.call(service, 0x444, *slots) == STATUS_INVALID_HANDLE


def test_a_thread_that_has_ended(guest: Waits, host: Host) -> None:
    thread = guest.thread()
    handle = guest.handle_of(thread)
    guest.k.exit_thread(thread, 0)
    assert guest.call(NtSuspendThread, handle, 0) == STATUS_THREAD_IS_TERMINATING
    assert guest.call(NtResumeThread, handle, 0) == STATUS_SUCCESS
    assert guest.call(NtQueueApcThread, handle, 1, 2, 3, 4) == STATUS_UNSUCCESSFUL
    assert guest.call(NtAlertThread, handle) == STATUS_SUCCESS
    assert guest.call(NtAlertResumeThread, handle, 0) == STATUS_SUCCESS
    assert thread.state is State.TERMINATED
    guest.switch(end_of_turn=True)
    assert guest.k.thread is not thread


# ---------------------------------------------------------------- APCs and alerts
def test_apcs_of_the_caller_and_others(guest: Waits) -> None:
    assert guest.call(NtTestAlert) == STATUS_SUCCESS
    assert not guest.k.thread.user_apc_pending
    assert guest.call(NtQueueApcThread, own(guest), 0x401000, 1, 2, 3) == STATUS_SUCCESS
    assert not guest.k.thread.user_apc_pending
    assert guest.call(NtTestAlert) == STATUS_SUCCESS
    assert guest.k.thread.user_apc_pending
    (apc,) = guest.k.thread.apcs
    assert (apc.routine, apc.arguments) == (0x401000, (1, 2, 3))


def test_test_alert_says_alerted_once(guest: Waits) -> None:
    guest.call(NtAlertThread, own(guest))
    assert guest.call(NtTestAlert) == STATUS_ALERTED
    assert guest.call(NtTestAlert) == STATUS_SUCCESS


def test_alert_and_resume(guest: Waits) -> None:
    main, thread, before = guest.k.thread, guest.thread(), guest.room(4)
    guest.run(thread)
    assert guest.delay(-(1 << 63), alertable=1) == BLOCKED
    assert guest.k.thread is main
    handle = guest.handle_of(thread)
    guest.call(NtSuspendThread, handle, 0)
    assert guest.call(NtAlertResumeThread, handle, before) == STATUS_SUCCESS
    assert (guest.value(before, 4), thread.suspended, thread.state) == (1, 0, State.READY)
    guest.run(thread)
    assert guest.woken() == STATUS_ALERTED


def test_an_apc_ends_a_wait_of_a_suspended_thread(guest: Waits) -> None:
    main, thread = guest.k.thread, guest.thread()
    guest.run(thread)
    assert guest.wait(guest.event(), alertable=1) == BLOCKED
    guest.run(main)
    handle = guest.handle_of(thread)
    guest.call(NtSuspendThread, handle, 0)
    guest.call(NtQueueApcThread, handle, 0x401000, 1, 2, 3)
    assert (thread.state, thread.wake_status, guest.k.thread) == (State.READY, STATUS_USER_APC, main)


# ---------------------------------------------------------------- asking
def lengths(width: Width) -> dict[int, int]:
    pointer = width // 8
    return {0: size_of(THREAD_BASIC_INFORMATION, width), 1: 32, 9: pointer, 12: 4, 14: 4, 17: 1, 35: 4}


def ask(guest: Waits, information_class: int, handle: int | None = None) -> bytes:
    size, room, returned = lengths(guest.width)[information_class], guest.room(64), guest.room(4)
    slots = (own(guest) if handle is None else handle, information_class, room, size, returned)
    assert guest.call(NtQueryInformationThread, *slots) == STATUS_SUCCESS
    assert guest.value(returned, 4) == size
    return guest.memory.read(room, size)


@pytest.mark.parametrize("information_class", [0, 1, 9, 12, 14, 17, 35])
def test_lengths_of_answers(guest: Waits, information_class: int) -> None:
    size = lengths(guest.width)[information_class]
    for length in (0, size - 1, size + 1):
        slots = (own(guest), information_class, guest.out, length, 0)
        assert guest.call(NtQueryInformationThread, *slots) == STATUS_INFO_LENGTH_MISMATCH
    slots = (own(guest), information_class, 8, size, 0)
    assert guest.call(NtQueryInformationThread, *slots) == STATUS_ACCESS_VIOLATION
    for right in (0x40, 0x800):
        limited = guest.handle_of(guest.k.thread, right)
        slots = (limited, information_class, guest.iosb, size, 0)
        assert guest.call(NtQueryInformationThread, *slots) == STATUS_SUCCESS


def test_classes_there_are(guest: Waits) -> None:
    for service, slots in ((NtQueryInformationThread, (0,)), (NtSetInformationThread, ())):
        for number in (99, 0xFFFFFFFF):
            status = guest.call(service, own(guest), number, guest.out, 4, *slots)
            assert status == STATUS_INVALID_INFO_CLASS
        with pytest.raises(Unsupported, match="ThreadSetTlsArrayAddress"):
            guest.call(service, own(guest), 15, guest.out, 4, *slots)


def test_answers(guest: Waits, host: Host) -> None:
    thread, main = guest.thread(), guest.k.thread
    thread.teb, thread.start, thread.created = TEB, 0x401000, 11
    handle = guest.handle_of(thread)
    guest.memory.write(guest.out, ask(guest, 0, handle))
    basic = guest.load(THREAD_BASIC_INFORMATION, guest.out)
    assert (basic.ExitStatus, basic.TebBaseAddress, basic.AffinityMask) == (STATUS_PENDING, TEB, 1)
    ids = (basic.ClientId.UniqueProcess, basic.ClientId.UniqueThread)
    assert (*ids, basic.Priority) == (guest.k.process.id, thread.id, 8)
    assert ask(guest, 1, handle) == struct.pack("<4Q", 11, 0, 0, 0)
    assert int.from_bytes(ask(guest, 9, handle), "little") == 0x401000
    assert [ask(guest, 12)[0], ask(guest, 14)[0], ask(guest, 17)[0], ask(guest, 35, handle)[0]] == [
        0,
        0,
        0,
        0,
    ]
    guest.call(NtSuspendThread, handle, 0)
    assert ask(guest, 35, handle)[0] == 1
    guest.k.exit_thread(thread, 0x11223344)
    assert ask(guest, 0, handle)[:4] == bytes.fromhex("44332211")
    assert ask(guest, 1, handle) == struct.pack("<4Q", 11, guest.k.clock.now, 0, 0)
    assert ask(guest, 12)[0] == 1
    assert guest.k.thread is main


# ---------------------------------------------------------------- setting
def put(guest: Waits, information_class: int, value: int, size: int, handle: int | None = None) -> int:
    address = guest.put((value & ((1 << 8 * size) - 1)).to_bytes(size, "little")) if size else 0
    slots = (own(guest) if handle is None else handle, information_class, address, size)
    return guest.call(NtSetInformationThread, *slots)


@pytest.mark.parametrize("information_class", [3, 4, 9, 10, 13, 14, 17])
def test_lengths_of_settings(guest: Waits, information_class: int) -> None:
    size = {4: guest.width // 8, 9: guest.width // 8, 17: 0}.get(information_class, 4)
    for length in (0, 1, 4, 8, 16):
        if length != size:
            status = guest.call(NtSetInformationThread, own(guest), information_class, guest.out, length)
            assert status == STATUS_INFO_LENGTH_MISMATCH
    if size:
        status = guest.call(NtSetInformationThread, own(guest), information_class, 8, size)
        assert status == STATUS_ACCESS_VIOLATION


@pytest.mark.parametrize(
    ("increment", "priority"),
    [(0, 8), (1, 9), (2, 10), (-1, 7), (-2, 6), (15, 15), (16, 15), (-15, 1), (-16, 1)],
)
def test_priorities(guest: Waits, increment: int, priority: int) -> None:
    thread = guest.thread()
    assert put(guest, 3, increment, 4, guest.handle_of(thread)) == STATUS_SUCCESS
    assert thread.priority == priority
    saturated = 16 if increment > 2 else -16 if increment < -2 else increment
    size = size_of(THREAD_BASIC_INFORMATION, guest.width)
    status = guest.call(NtQueryInformationThread, guest.handle_of(thread), 0, guest.out, size, 0)
    assert status == STATUS_SUCCESS
    basic = guest.load(THREAD_BASIC_INFORMATION, guest.out)
    assert (basic.Priority, basic.BasePriority) == (priority, saturated)
    assert (guest.k.thread is thread) == (priority > 8)


@pytest.mark.parametrize("increment", [3, -3, 14, 17, -17, 0x7FFFFFFF, -0x80000000])
def test_priorities_there_are_not(guest: Waits, increment: int) -> None:
    assert put(guest, 3, increment, 4) == STATUS_INVALID_PARAMETER


def test_other_settings(guest: Waits) -> None:
    pointer = guest.width // 8
    assert put(guest, 4, 1, pointer) == STATUS_SUCCESS
    for mask in (0, 2, 3, -1):
        assert put(guest, 4, mask, pointer) == STATUS_INVALID_PARAMETER
    assert put(guest, 9, 0x405000, pointer) == STATUS_SUCCESS
    assert int.from_bytes(ask(guest, 9), "little") == 0x405000
    assert put(guest, 14, 2, 4) == STATUS_SUCCESS
    assert ask(guest, 14)[0] == 1
    assert put(guest, 14, 0, 4) == STATUS_SUCCESS
    assert ask(guest, 14)[0] == 0
    assert put(guest, 17, 0, 0) == STATUS_SUCCESS
    assert ask(guest, 17)[0] == 1
    for number, status in ((0, 0), (guest.width, 0), (guest.width + 1, STATUS_INVALID_PARAMETER)):
        assert put(guest, 13, number, 4) == status


def test_tls_slots_of_every_thread(guest: Waits) -> None:
    size = guest.width // 8
    slots, expansion = {32: (0xE10, 0xF94), 64: (0x1480, 0x1780)}[guest.width]
    threads = [guest.k.thread, guest.thread(), guest.thread()]
    tables = [guest.put(b"\xcc" * 1024 * size), guest.put(b"\xcc" * 1024 * size), 0]
    for thread, table in zip(threads, tables, strict=True):
        thread.teb = guest.put(b"\xcc" * 0x2000)
        guest.memory.write(thread.teb + expansion, table.to_bytes(size, "little"))
    for index in (0, 63, 64, 64 + 1023):
        assert put(guest, 10, index, 4) == STATUS_SUCCESS
    for thread, table in zip(threads, tables, strict=True):
        cleared = [guest.value(thread.teb + slots + size * i, size) == 0 for i in range(64)]
        assert cleared == [True] + [False] * 62 + [True]
        if table:
            cleared = [guest.value(table + size * i, size) == 0 for i in range(1024)]
            assert cleared == [True] + [False] * 1022 + [True]
    assert put(guest, 10, 64 + 1024, 4) == STATUS_INVALID_PARAMETER
    assert put(guest, 10, 0, 4, guest.handle_of(threads[1])) == STATUS_INVALID_PARAMETER
    guest.memory.write(threads[1].teb + expansion, (8).to_bytes(size, "little"))
    assert put(guest, 10, 64, 4) == STATUS_ACCESS_VIOLATION


def test_without_a_cpu_threads_are_refused_by_name(guest: Waits) -> None:
    with pytest.raises(Unsupported, match="creating a thread"):
        create(guest)
