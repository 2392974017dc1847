from __future__ import annotations

import struct
from typing import Any

import pytest
from guest import READ, SYNC, WRITE
from hypothesis import given, settings
from hypothesis import strategies as st
from piping import BOTH, PIPE, Begun, Pipes

from wowsim.errors import Unsupported
from wowsim.kernel.access import FILE_CREATE, FILE_OPEN
from wowsim.kernel.dispatcher import Event
from wowsim.kernel.file_changes import NtSetInformationFile
from wowsim.kernel.file_information import NtQueryInformationFile
from wowsim.kernel.file_io import NtFlushBuffersFile, NtWriteFile
from wowsim.kernel.handles import NtClose
from wowsim.kernel.io_cancel import NtCancelIoFileEx
from wowsim.kernel.pipe_queues import MAXIMUM_HELD
from wowsim.kernel.pipes import PipeEnd
from wowsim.kernel.table import BLOCKED
from wowsim.kernel.thread import Thread
from wowsim.nt.file_structures import FILE_PIPE_LOCAL_INFORMATION
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_ILLEGAL_FUNCTION,
    STATUS_INSTANCE_NOT_AVAILABLE,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_PIPE_STATE,
    STATUS_IO_TIMEOUT,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_PENDING,
    STATUS_PIPE_BROKEN,
    STATUS_PIPE_BUSY,
    STATUS_PIPE_CLOSING,
    STATUS_PIPE_CONNECTED,
    STATUS_PIPE_DISCONNECTED,
    STATUS_PIPE_EMPTY,
    STATUS_PIPE_LISTENING,
    STATUS_PIPE_NOT_AVAILABLE,
    STATUS_SUCCESS,
)

LISTEN, DISCONNECT, PEEK, TRANSCEIVE, WAIT = 0x110008, 0x110004, 0x11400C, 0x11C017, 0x110018


@pytest.fixture(params=[64, 32])
def guest(request: pytest.FixtureRequest) -> Pipes:
    return Pipes(width=request.param)


def wait_buffer(name: str, timeout: int = 0, specified: int = 1) -> bytes:
    text = name.encode("utf-16-le")
    return struct.pack("<qIBx", timeout, len(text), specified) + text


# ---------------------------------------------------------------- making and opening
def test_a_pipe_goes_with_its_last_instance(guest: Pipes) -> None:
    assert guest.open(r"\??\PIPE", READ)
    assert guest.create(PIPE, BOTH) == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.server(disposition=FILE_OPEN) == STATUS_OBJECT_NAME_NOT_FOUND
    assert (guest.server(), guest.information) == (STATUS_SUCCESS, 2)
    first = guest.handle
    assert guest.server(disposition=FILE_CREATE) == STATUS_ACCESS_DENIED
    assert (guest.server(), guest.information) == (STATUS_SUCCESS, 1)
    second = guest.handle
    guest.open(r"\??\pipe\P", BOTH)  # without case
    guest.open(r"\Device\NamedPipe\p", BOTH)
    assert guest.create(PIPE, BOTH) == STATUS_PIPE_NOT_AVAILABLE
    for handle in (first, second):
        assert guest.call(NtClose, handle) == STATUS_SUCCESS
    assert guest.create(PIPE, BOTH) == STATUS_OBJECT_NAME_NOT_FOUND


def test_instances_are_counted_and_alike(guest: Pipes) -> None:
    assert guest.server(maximum=2) == STATUS_SUCCESS
    assert guest.server(maximum=2, share=1) == STATUS_ACCESS_DENIED
    assert guest.server(maximum=2, messages=1) == STATUS_ACCESS_DENIED
    assert guest.server(maximum=9) == STATUS_SUCCESS
    assert guest.server(maximum=9) == STATUS_INSTANCE_NOT_AVAILABLE


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 0}, {"share": 7}, {"maximum": 0}, {"disposition": 5}, {"messages": 4}, {"read_messages": 1},
        {"nonblocking": 2}, {"timeout": None}, {"timeout": 1}, {"options": 0x30}, {"options": SYNC, "access": 3},
    ],
)  # fmt: skip
def test_parameters_that_no_pipe_has(guest: Pipes, wrong: dict[str, Any]) -> None:
    assert guest.server(**wrong) == STATUS_INVALID_PARAMETER
    assert len(guest.k.handles) == 0


def test_a_pipe_is_made_on_the_pipe_device(guest: Pipes) -> None:
    assert guest.server(r"\??\C:\p") == STATUS_INVALID_DEVICE_REQUEST
    assert guest.server("\\??\\PIPE\\") == STATUS_OBJECT_NAME_INVALID
    assert guest.server(r"\??\PIPE") == STATUS_OBJECT_NAME_INVALID


def test_the_direction_says_what_a_client_may(guest: Pipes) -> None:
    assert guest.server(share=2, access=READ) == STATUS_SUCCESS  # inbound: the client writes
    server = guest.handle
    assert guest.create(PIPE, BOTH) == STATUS_ACCESS_DENIED
    client = guest.open(PIPE, 0x100002 | 0x80, options=0)
    assert guest.write(client, b"up").end == (STATUS_SUCCESS, 2)
    assert guest.read(server).data == b"up"


def test_anonymous_pipes(guest: Pipes) -> None:
    root = guest.open("\\Device\\NamedPipe\\", READ)
    assert guest.server(None, root=root, share=2, options=SYNC) == STATUS_SUCCESS
    server = guest.handle
    client = guest.open(None, WRITE, root=server)
    assert guest.create(None, WRITE, root=server) == STATUS_OBJECT_NAME_INVALID
    assert guest.write(client, b"abc").end == (STATUS_SUCCESS, 3)
    assert guest.read(server).data == b"abc"
    guest.call(NtClose, client)
    assert guest.read(server).status == STATUS_PIPE_BROKEN


# ---------------------------------------------------------------- bytes and messages
def test_bytes_have_no_borders(guest: Pipes) -> None:
    server, client = guest.pair()
    guest.write(client, b"abc")
    guest.write(client, b"defg")
    assert guest.read(server, 5).data == b"abcde"
    assert guest.read(server, 5).data == b"fg"
    guest.write(server, b"down")
    assert guest.read(client).data == b"down"


def test_messages_have(guest: Pipes) -> None:
    server, client = guest.pair(messages=1, read_messages=1)
    guest.write(client, b"abcd")
    guest.write(client, b"")
    guest.write(client, b"e")
    first = guest.read(server, 3)
    assert (first.status, first.end) == (STATUS_BUFFER_OVERFLOW, (STATUS_BUFFER_OVERFLOW, 3))
    assert guest.read(server).data == b"d"
    assert guest.read(server).data == b""
    assert guest.read(server).data == b"e"
    guest.write(server, b"xy")  # the client reads bytes until it asks for messages
    assert guest.read(client, 1).end == (STATUS_SUCCESS, 1)


def test_a_write_waits_for_room(guest: Pipes) -> None:
    server, client = guest.pair(inbound=4)
    assert guest.write(client, b"abc").end == (STATUS_SUCCESS, 3)
    late = guest.write(client, b"de")
    assert (late.status, late.end) == (STATUS_PENDING, None)
    assert guest.read(server, 1).data == b"a"
    assert late.end == (STATUS_SUCCESS, 2)
    assert guest.read(server).data == b"bcde"


def test_without_waiting_what_fits_is_written(guest: Pipes) -> None:
    server, client = guest.pair(outbound=4, nonblocking=1)
    assert guest.write(server, b"abcdef").end == (STATUS_SUCCESS, 4)
    assert guest.write(server, b"x").end == (STATUS_SUCCESS, 0)
    assert guest.read(client).data == b"abcd"
    assert guest.read(server).status == STATUS_PIPE_EMPTY


def test_a_message_is_written_whole_or_not(guest: Pipes) -> None:
    server, _ = guest.pair(messages=1, outbound=4, nonblocking=1)
    assert guest.write(server, b"abcdef").end == (STATUS_SUCCESS, 0)


def test_what_a_pipe_holds_is_bounded(guest: Pipes) -> None:
    big = 0x20000
    _, client = guest.pair(inbound=0xFFFFFFFF)
    buffer = guest.put(bytes(big))
    statuses = set()
    for _ in range(MAXIMUM_HELD // big + 1):
        statuses.add(guest.call(NtWriteFile, client, 0, 0, 0, guest.iosb, buffer, big, 0, 0))
    assert statuses == {STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES}


def test_flushing_waits_for_the_reader(guest: Pipes) -> None:
    server, client = guest.pair()
    assert guest.call(NtFlushBuffersFile, client, guest.iosb) == STATUS_SUCCESS
    guest.write(client, b"abc")
    block = guest.new_block()
    assert guest.call(NtFlushBuffersFile, client, block) == STATUS_PENDING
    guest.read(server, 2)
    assert guest.value(block, 4) == 0xCCCCCCCC
    guest.read(server, 2)
    assert guest.value(block, 4) == STATUS_SUCCESS


# ---------------------------------------------------------------- waiting
def test_a_read_waits_for_a_write(guest: Pipes) -> None:
    server, client = guest.pair()
    event = guest.event(signaled=1)
    early = guest.read(server, 2, event=event)
    assert (early.status, early.end) == (STATUS_PENDING, None)
    assert not guest.k.handles.lookup(event, Event).signaled
    guest.write(client, b"abc")
    assert early.end == (STATUS_SUCCESS, 2)
    assert early.data == b"ab"
    assert guest.read(server).data == b"c"


def test_a_thread_waits_in_a_synchronous_read(guest: Pipes) -> None:
    server, client = guest.pair(options=SYNC)
    begun = []

    def call() -> int:
        begun.append(guest.read(server))
        return begun[0].status

    thread, status = guest.in_thread(call)
    assert status == BLOCKED
    assert thread.wait is not None
    assert thread.wait.text() == r"data in the pipe \p"
    guest.write(client, b"now")
    assert thread.wake_status == STATUS_SUCCESS
    assert begun[0].data == b"now"
    assert guest.k.requests == []


@pytest.mark.parametrize("by_server", [True, False])
def test_the_other_end_goes_away(guest: Pipes, by_server: bool) -> None:
    server, client = guest.pair()
    goes, stays = (server, client) if by_server else (client, server)
    guest.write(goes, b"last")
    assert guest.read(stays, 4).data == b"last"
    waiting = guest.read(stays)
    guest.write(stays, b"unread")
    guest.call(NtClose, goes)
    assert waiting.end == (STATUS_PIPE_BROKEN, 0)
    assert guest.read(stays).status == STATUS_PIPE_BROKEN
    assert guest.write(stays, b"x").status == STATUS_PIPE_CLOSING


def test_what_was_written_outlives_its_writer(guest: Pipes) -> None:
    server, client = guest.pair()
    guest.write(client, b"kept")
    guest.call(NtClose, client)
    assert guest.read(server).data == b"kept"
    assert guest.read(server).status == STATUS_PIPE_BROKEN
    assert guest.control(server, LISTEN).status == STATUS_PIPE_CLOSING
    assert guest.control(server, DISCONNECT).status == STATUS_SUCCESS
    assert guest.control(server, LISTEN).status == STATUS_PENDING
    guest.open(PIPE, BOTH)


# ---------------------------------------------------------------- controls
def test_states(guest: Pipes) -> None:
    guest.server()
    server = guest.handle
    assert guest.read(server).status == STATUS_PIPE_LISTENING
    assert guest.write(server, b"x").status == STATUS_PIPE_LISTENING
    listening = guest.control(server, LISTEN)
    assert listening.status == STATUS_PENDING
    client = guest.open(PIPE, BOTH, options=0)
    assert listening.end == (STATUS_SUCCESS, 0)
    assert guest.control(server, LISTEN).status == STATUS_PIPE_CONNECTED
    assert guest.control(client, LISTEN).status == STATUS_ILLEGAL_FUNCTION
    assert guest.control(client, DISCONNECT).status == STATUS_ILLEGAL_FUNCTION
    guest.write(server, b"lost")
    waiting = guest.read(server)
    assert guest.control(server, DISCONNECT).status == STATUS_SUCCESS
    assert waiting.end == (STATUS_PIPE_DISCONNECTED, 0)
    assert guest.control(server, DISCONNECT).status == STATUS_PIPE_DISCONNECTED
    assert guest.read(client).status == STATUS_PIPE_DISCONNECTED
    assert guest.write(client, b"x").status == STATUS_PIPE_DISCONNECTED
    assert guest.create(PIPE, BOTH) == STATUS_PIPE_NOT_AVAILABLE
    guest.call(NtClose, client)


def test_listening_without_waiting(guest: Pipes) -> None:
    guest.server(nonblocking=1)
    assert guest.control(guest.handle, LISTEN).status == STATUS_PIPE_LISTENING


def test_peeking_takes_nothing(guest: Pipes) -> None:
    server, client = guest.pair(messages=1, read_messages=1)
    assert guest.control(server, PEEK, room=15).status == STATUS_INVALID_PARAMETER
    empty = guest.control(server, PEEK, room=16)
    assert (empty.status, empty.data) == (STATUS_SUCCESS, struct.pack("<4I", 3, 0, 0, 0))
    guest.write(client, b"abc")
    guest.write(client, b"de")
    assert guest.control(server, PEEK, room=64).data == struct.pack("<4I", 3, 5, 2, 3) + b"abc"
    cut = guest.control(server, PEEK, room=18)
    assert (cut.status, cut.data[16:]) == (STATUS_BUFFER_OVERFLOW, b"ab")
    assert guest.read(server).data == b"abc"
    guest.read(server)
    guest.call(NtClose, client)
    assert guest.control(server, PEEK, room=16).status == STATUS_PIPE_BROKEN


def test_transceiving_writes_and_reads(guest: Pipes) -> None:
    server, client = guest.pair(messages=1, read_messages=1)
    asked = guest.control(server, TRANSCEIVE, b"question", 32)
    assert (asked.status, guest.read(client).data) == (STATUS_PENDING, b"question")
    guest.write(client, b"answer")
    assert asked.data == b"answer"
    guest.write(client, b"unread")
    assert guest.control(server, TRANSCEIVE, b"q", 32).status == STATUS_PIPE_BUSY
    assert guest.control(client, TRANSCEIVE, b"q", 32).status == STATUS_INVALID_PIPE_STATE  # it reads bytes


def test_waiting_for_an_instance(guest: Pipes) -> None:
    root = guest.open(r"\??\PIPE", READ, options=0)
    assert guest.control(root, WAIT, wait_buffer("p")).status == STATUS_OBJECT_NAME_NOT_FOUND
    server, client = guest.pair()
    late = guest.control(root, WAIT, wait_buffer("P", -1000))
    default = guest.control(root, WAIT, wait_buffer("p", specified=0))
    assert (late.status, default.status) == (STATUS_PENDING, STATUS_PENDING)
    guest.k.clock.advance(1000)
    guest.k.scheduler.expire()
    assert (late.end, default.end) == ((STATUS_IO_TIMEOUT, 0), None)
    guest.server()
    assert default.end == (STATUS_SUCCESS, 0)
    assert guest.control(root, WAIT, wait_buffer("p")).status == STATUS_SUCCESS
    assert guest.control(root, WAIT, wait_buffer("p")[:-1]).status == STATUS_INVALID_PARAMETER
    assert guest.control(root, WAIT, b"x" * 15).status == STATUS_INVALID_PARAMETER
    assert server != client


def test_other_codes_are_refused_by_name(guest: Pipes) -> None:
    server, _ = guest.pair()
    with pytest.raises(Unsupported, match="FSCTL_PIPE_IMPERSONATE"):
        guest.control(server, 0x11001C)
    assert guest.control(server, 0x1103F0).status == STATUS_INVALID_DEVICE_REQUEST


# ---------------------------------------------------------------- information
def test_what_a_pipe_reports(guest: Pipes) -> None:
    server, client = guest.pair(messages=1, inbound=32, outbound=48, maximum=7)
    guest.write(client, b"abc")
    at = guest.room(64)
    assert guest.call(NtQueryInformationFile, server, guest.iosb, at, 40, 24) == STATUS_SUCCESS
    expected = FILE_PIPE_LOCAL_INFORMATION(1, 2, 7, 1, 32, 3, 48, 48, 3, 1)  # type: ignore[arg-type]
    assert guest.load(FILE_PIPE_LOCAL_INFORMATION, at) == expected
    assert guest.call(NtQueryInformationFile, client, guest.iosb, at, 40, 24) == STATUS_SUCCESS
    found = guest.load(FILE_PIPE_LOCAL_INFORMATION, at)
    assert (found.ReadDataAvailable, found.WriteQuotaAvailable, found.NamedPipeEnd) == (0, 29, 0)
    assert guest.call(NtQueryInformationFile, client, guest.iosb, at, 64, 9) == STATUS_SUCCESS
    assert guest.memory.read(at, 8) == b"\x04\0\0\0\\\0p\0"
    assert guest.call(NtQueryInformationFile, client, guest.iosb, at, 40, 4) == STATUS_INVALID_DEVICE_REQUEST


def test_modes_can_be_changed(guest: Pipes) -> None:
    server, client = guest.pair(messages=1)
    modes = guest.put(struct.pack("<II", 1, 1))
    assert guest.call(NtSetInformationFile, client, guest.iosb, modes, 8, 23) == STATUS_SUCCESS
    assert guest.read(client).status == STATUS_PIPE_EMPTY
    guest.write(server, b"abc")
    assert guest.read(client, 1).status == STATUS_BUFFER_OVERFLOW
    wrong = guest.put(struct.pack("<II", 2, 0))
    assert guest.call(NtSetInformationFile, client, guest.iosb, wrong, 8, 23) == STATUS_INVALID_PARAMETER
    bytes_only = Pipes(width=guest.width)
    _, client = bytes_only.pair()
    modes = bytes_only.put(struct.pack("<II", 1, 0))
    status = bytes_only.call(NtSetInformationFile, client, bytes_only.iosb, modes, 8, 23)
    assert status == STATUS_INVALID_PARAMETER


def test_the_end_of_the_process_ends_everything(guest: Pipes) -> None:
    server, _ = guest.pair()
    guest.read(server)
    thread, _ = guest.in_thread(lambda: guest.read(server).status)
    assert isinstance(thread, Thread)
    guest.k.exit_process(0)
    assert guest.k.requests == []


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 9)),
        st.tuples(st.just("write"), st.integers(0, 9)),
        st.tuples(st.just("cancel"), st.just(0)),
    ),
    max_size=30,
)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(STEPS, st.integers(0, 12))
def test_no_byte_is_lost_or_doubled(steps: list[tuple[str, int]], quota: int) -> None:
    """What is read, in the order of the reads, is what was written, in order; what was cancelled is neither."""
    guest = Pipes()
    server, client = guest.pair(inbound=quota)
    reads: list[Begun] = []
    writes: list[tuple[Begun, bytes]] = []
    for number, (what, size) in enumerate(steps):
        if what == "read":
            reads.append(guest.read(server, size))
        elif what == "write":
            data = bytes([number]) * size
            writes.append((guest.write(client, data), data))
        else:
            guest.call(NtCancelIoFileEx, server, 0, guest.iosb)
    got = b"".join(each.data for each in reads if each.end is not None and each.end[0] == STATUS_SUCCESS)
    queue = guest.k.handles.lookup(server, PipeEnd).incoming
    unread = queue.peek(1 << 20)
    assert got + unread == b"".join(data for _, data in writes)
    assert queue.available == len(unread)
    assert not (queue.entries and any(each.end is None for each in reads))
    guest.call(NtClose, client)
    assert all(each.end is not None for each in (*reads, *(write for write, _ in writes)))
    assert guest.k.requests == []
