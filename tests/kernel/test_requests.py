"""Requests that end at once or later, and everything that tells of their ends."""

from __future__ import annotations

import struct

import pytest
from piping import SYNC, Begun, Pipes

from wowsim.kernel.dispatcher import Event
from wowsim.kernel.file_changes import NtSetInformationFile
from wowsim.kernel.file_io import NtReadFile
from wowsim.kernel.handles import NtClose
from wowsim.kernel.io_cancel import NtCancelIoFile, NtCancelIoFileEx, NtCancelSynchronousIoFile
from wowsim.kernel.requests import MAXIMUM_PENDING
from wowsim.kernel.table import BLOCKED
from wowsim.kernel.waits import NtWaitForSingleObject
from wowsim.nt.status import (
    STATUS_CANCELLED,
    STATUS_END_OF_FILE,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_FOUND,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_PENDING,
    STATUS_PIPE_BROKEN,
    STATUS_SUCCESS,
    STATUS_TIMEOUT,
    STATUS_USER_APC,
)

A = r"\??\C:\a.txt"


@pytest.fixture(params=[64, 32])
def guest(request: pytest.FixtureRequest) -> Pipes:
    made = Pipes(width=request.param)
    made.k.files.add(r"C:\a.txt", b"0123456789")
    return made


def associate(guest: Pipes, file: int, port: int, key: int = 0x77, information_class: int = 30) -> int:
    shape = "<QQ" if guest.width == 64 else "<II"
    at = guest.put(struct.pack(shape, port, key))
    return guest.call(NtSetInformationFile, file, guest.iosb, at, struct.calcsize(shape), information_class)


def signaled(guest: Pipes, handle: int) -> bool:
    return guest.k.handles.lookup(handle, Event).signaled


def read_at(guest: Pipes, handle: int, at: int, *, event: int = 0, apc: int = 0, context: int = 0) -> int:
    where = guest.put(struct.pack("<q", at))
    return guest.call(NtReadFile, handle, event, apc, context, guest.iosb, guest.room(4), 4, where, 0)


# ---------------------------------------------------------------- events
def test_an_event_is_reset_and_set(guest: Pipes) -> None:
    server, client = guest.pair()
    event = guest.event(signaled=1)
    late = guest.read(server, event=event)
    assert (late.status, signaled(guest, event)) == (STATUS_PENDING, False)
    guest.write(client, b"x", event=event)
    assert (late.end, signaled(guest, event)) == ((STATUS_SUCCESS, 1), True)


def test_an_error_at_once_sets_nothing(guest: Pipes) -> None:
    handle, event = guest.open(A, options=0), guest.event(signaled=1)
    guest.memory.write(guest.iosb, b"\xcc" * 8)
    assert read_at(guest, handle, 10, event=event) == STATUS_END_OF_FILE
    assert not signaled(guest, event)
    assert guest.value(guest.iosb, 4) == 0xCCCCCCCC
    assert read_at(guest, handle, 0, event=handle) == STATUS_OBJECT_TYPE_MISMATCH
    assert read_at(guest, handle, 0, event=event) == STATUS_SUCCESS
    assert signaled(guest, event)


def test_waiting_for_the_file_is_waiting_for_its_request(guest: Pipes) -> None:
    server, client = guest.pair()
    now = guest.put(bytes(8))
    assert guest.call(NtWaitForSingleObject, server, 0, now) == STATUS_SUCCESS
    guest.read(server)
    assert guest.call(NtWaitForSingleObject, server, 0, now) == STATUS_TIMEOUT
    guest.write(client, b"x")
    assert guest.call(NtWaitForSingleObject, server, 0, now) == STATUS_SUCCESS


# ---------------------------------------------------------------- APCs
def test_an_apc_is_queued_with_context_and_block(guest: Pipes) -> None:
    server, client = guest.pair()
    late = guest.read(server, apc=0x1234, context=0x5678)
    assert not guest.k.thread.apcs
    guest.write(client, b"x")
    (apc,) = guest.k.thread.apcs
    assert (apc.routine, apc.arguments) == (0x1234, (0x5678, late.block, 0))


def test_an_apc_ends_an_alertable_read_of_a_synchronous_file(guest: Pipes) -> None:
    server, client = guest.pair(options=0x10)
    other = guest.open(A, options=0)
    read_at(guest, other, 0, apc=0x1234)
    begun = guest.read(server)
    assert (begun.status, begun.end) == (STATUS_USER_APC, None)
    assert guest.k.requests == []
    assert guest.write(client, b"x").status == STATUS_SUCCESS


# ---------------------------------------------------------------- completion ports
def test_packets_of_requests(guest: Pipes) -> None:
    server, client = guest.pair()
    port = guest.port()
    assert associate(guest, server, port) == STATUS_SUCCESS
    assert associate(guest, server, port) == STATUS_INVALID_PARAMETER
    assert guest.read(server, apc=0x1000).status == STATUS_INVALID_PARAMETER
    guest.read(server, context=0x11)
    assert guest.remove(port) == (STATUS_TIMEOUT, None)
    guest.write(client, b"abc")
    assert guest.remove(port) == (STATUS_SUCCESS, (0x77, 0x11, STATUS_SUCCESS, 3))
    guest.write(client, b"de")
    guest.read(server, context=0x22)  # ends at once and posts all the same
    assert guest.remove(port) == (STATUS_SUCCESS, (0x77, 0x22, STATUS_SUCCESS, 2))
    guest.write(client, b"f")
    guest.read(server)  # no context, no packet
    assert guest.remove(port) == (STATUS_TIMEOUT, None)


def test_files_post_packets_too(guest: Pipes) -> None:
    handle, port = guest.open(A, options=0), guest.port()
    associate(guest, handle, port)
    assert read_at(guest, handle, 0, context=1) == STATUS_SUCCESS
    assert read_at(guest, handle, 10, context=2) == STATUS_END_OF_FILE
    assert guest.remove(port) == (STATUS_SUCCESS, (0x77, 1, STATUS_SUCCESS, 4))
    assert guest.remove(port) == (STATUS_TIMEOUT, None)
    flags = guest.put(struct.pack("<I", 1))
    assert guest.call(NtSetInformationFile, handle, guest.iosb, flags, 4, 41) == STATUS_SUCCESS
    assert read_at(guest, handle, 0, context=3) == STATUS_SUCCESS
    assert guest.remove(port) == (STATUS_TIMEOUT, None)


def test_ports_belong_to_asynchronous_files(guest: Pipes) -> None:
    port = guest.port()
    assert associate(guest, guest.open(A), port) == STATUS_INVALID_PARAMETER
    file = guest.open(A, options=0)
    assert associate(guest, file, file) == STATUS_OBJECT_TYPE_MISMATCH
    assert associate(guest, file, port) == STATUS_SUCCESS
    assert associate(guest, file, 0, information_class=61) == STATUS_SUCCESS
    assert associate(guest, file, port, 5, information_class=61) == STATUS_SUCCESS
    read_at(guest, file, 0, context=9)
    assert guest.remove(port) == (STATUS_SUCCESS, (5, 9, STATUS_SUCCESS, 4))


# ---------------------------------------------------------------- the block of a WoW64 process
def wow64_read(guest: Pipes, pointer: int, block: int) -> tuple[int, int]:
    """A read by a thunk: its 64-bit block holds the address of the 32-bit one."""
    server, client = guest.pair()
    guest.memory.write(block, struct.pack("<QQ", pointer, 0))
    assert guest.call(NtReadFile, server, 0, 0, 0, block, guest.room(8), 8, 0, 0) == STATUS_PENDING
    assert guest.value(block) == pointer
    return server, client


def test_a_late_end_goes_through_the_pointer() -> None:
    guest = Pipes()
    guest.k.process.peb32 = 0x7FFDE000
    block32, block64 = guest.new_block(), guest.room(16)
    _, client = wow64_read(guest, block32, block64)
    guest.write(client, b"abc")
    assert guest.memory.read(block32, 12) == struct.pack("<III", STATUS_SUCCESS, 3, 0xCCCCCCCC)
    assert guest.value(block64) == block32


@pytest.mark.parametrize(
    ("pointer", "peb32"), [(0x100, 0x7FFDE000), (0, 0x7FFDE000), (1 << 40, 1), (0x10000, 0)]
)
def test_a_block_without_a_pointer_is_written_itself(pointer: int, peb32: int) -> None:
    guest = Pipes()
    guest.k.process.peb32 = peb32
    block64 = guest.room(16)
    _, client = wow64_read(guest, pointer, block64)
    guest.write(client, b"abc")
    assert guest.memory.read(block64, 16) == struct.pack("<QQ", STATUS_SUCCESS, 3)


def test_a_block_that_is_gone_costs_nothing(guest: Pipes) -> None:
    server, client = guest.pair()
    port = guest.port()
    associate(guest, server, port)
    guest.read(server, context=1)
    guest.k.requests[0].address = 8
    guest.write(client, b"abc")
    status, packet = guest.remove(port)
    assert (status, packet is not None and packet[2]) == (STATUS_SUCCESS, 0xC0000005)


# ---------------------------------------------------------------- cancelling
def test_cancelling_what_one_thread_asked(guest: Pipes) -> None:
    server, client = guest.pair()
    event = guest.event()
    mine = guest.read(server, event=event)
    theirs: list[Begun] = []

    def other() -> int:
        theirs.append(guest.read(server))
        return 0

    guest.in_thread(other)
    assert guest.call(NtCancelIoFile, client, guest.iosb) == STATUS_SUCCESS
    assert guest.call(NtCancelIoFile, server, guest.iosb) == STATUS_SUCCESS
    assert (mine.end, signaled(guest, event), theirs[0].end) == ((STATUS_CANCELLED, 0), True, None)
    assert guest.call(NtCancelIoFileEx, server, mine.block, guest.iosb) == STATUS_NOT_FOUND
    assert guest.call(NtCancelIoFileEx, server, theirs[0].block, guest.iosb) == STATUS_SUCCESS
    assert theirs[0].end == (STATUS_CANCELLED, 0)
    assert guest.call(NtCancelIoFileEx, server, 0, guest.iosb) == STATUS_NOT_FOUND
    assert guest.write(client, b"x").status == STATUS_SUCCESS
    assert guest.read(server).data == b"x"


def test_cancelling_what_a_thread_waits_in(guest: Pipes) -> None:
    server, _ = guest.pair(options=SYNC)
    thread, status = guest.in_thread(lambda: guest.read(server).status)
    assert status == BLOCKED
    handle = guest.k.handles.insert(thread, 0x1FFFFF)
    assert guest.call(NtCancelSynchronousIoFile, handle, 0, guest.iosb) == STATUS_SUCCESS
    assert thread.wake_status == STATUS_CANCELLED
    assert guest.call(NtCancelSynchronousIoFile, handle, 0, guest.iosb) == STATUS_NOT_FOUND


def test_requests_end_with_their_thread_unless_a_port_is_told(guest: Pipes) -> None:
    server, client = guest.pair()
    port = guest.port()
    associate(guest, client, port)
    begun: list[Begun] = []

    def other() -> int:
        begun.extend((guest.read(server), guest.read(client)))
        return 0

    thread, _ = guest.in_thread(other)
    guest.k.exit_thread(thread, 0)
    assert [each.end for each in begun] == [(STATUS_CANCELLED, 0), None]


def test_a_closed_file_ends_its_requests(guest: Pipes) -> None:
    server, _ = guest.pair()
    late = guest.read(server)
    guest.call(NtClose, server)
    assert late.end == (STATUS_PIPE_BROKEN, 0)


def test_what_may_wait_is_bounded(guest: Pipes) -> None:
    server, _ = guest.pair()
    assert guest.read(server).status == STATUS_PENDING
    guest.k.requests.extend(guest.k.requests * (MAXIMUM_PENDING - 1))
    assert guest.read(server).status == STATUS_INSUFFICIENT_RESOURCES
