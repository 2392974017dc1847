from __future__ import annotations

import struct

import pytest
from piping import Pipes

from wowsim.errors import Unsupported
from wowsim.kernel.completion import MAXIMUM_PACKETS, IoCompletion
from wowsim.kernel.handles import NtClose
from wowsim.kernel.io_completion import (
    NtCreateIoCompletion,
    NtOpenIoCompletion,
    NtQueryIoCompletion,
    NtRemoveIoCompletionEx,
    NtSetIoCompletion,
    NtSetIoCompletionEx,
)
from wowsim.kernel.table import BLOCKED
from wowsim.kernel.waits import NtWaitForSingleObject
from wowsim.nt.status import (
    STATUS_ABANDONED,
    STATUS_ACCESS_DENIED,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_SUCCESS,
    STATUS_TIMEOUT,
)


@pytest.fixture(params=[64, 32])
def guest(request: pytest.FixtureRequest) -> Pipes:
    return Pipes(width=request.param)


def post(
    guest: Pipes, port: int, key: int = 1, context: int = 2, status: int = 3, information: int = 4
) -> int:
    return guest.call(NtSetIoCompletion, port, key, context, status, information)


def depth(guest: Pipes, port: int) -> int:
    at = guest.room(4)
    assert guest.call(NtQueryIoCompletion, port, 0, at, 4, 0) == STATUS_SUCCESS
    return guest.value(at, 4)


def test_packets_come_in_order(guest: Pipes) -> None:
    port = guest.port()
    for key in (1, 2):
        assert post(guest, port, key) == STATUS_SUCCESS
    assert depth(guest, port) == 2
    assert guest.remove(port) == (STATUS_SUCCESS, (1, 2, 3, 4))
    assert guest.remove(port) == (STATUS_SUCCESS, (2, 2, 3, 4))
    assert guest.remove(port) == (STATUS_TIMEOUT, None)
    assert guest.remove(port, -1000) == (STATUS_TIMEOUT, None)


def test_who_came_last_is_served_first(guest: Pipes) -> None:
    port = guest.port()
    threads = [guest.in_thread(lambda: guest.remove(port, None)[0])[0] for _ in range(2)]
    assert [thread.wake_status for thread in threads] == [None, None]
    post(guest, port)
    assert [thread.wake_status for thread in threads] == [None, STATUS_SUCCESS]
    post(guest, port)
    assert [thread.wake_status for thread in threads] == [STATUS_SUCCESS, STATUS_SUCCESS]
    assert depth(guest, port) == 0


def test_many_at_once(guest: Pipes) -> None:
    port, at, count = guest.port(), guest.room(4 * 32), guest.room(4)
    for key in range(3):
        post(guest, port, key, status=0xC0000011)
    now = guest.put(bytes(8))
    assert guest.call(NtRemoveIoCompletionEx, port, at, 2, count, now, 0) == STATUS_SUCCESS
    assert guest.value(count, 4) == 2
    shape = struct.Struct("<QQI4xQ" if guest.width == 64 else "<4I")
    found = [shape.unpack(guest.memory.read(at + i * shape.size, shape.size)) for i in range(2)]
    assert found == [(0, 2, 0xC0000011, 4), (1, 2, 0xC0000011, 4)]
    assert guest.call(NtRemoveIoCompletionEx, port, at, 0, count, now, 0) == STATUS_INVALID_PARAMETER
    assert guest.call(NtRemoveIoCompletionEx, port, at, 4, count, now, 0) == STATUS_SUCCESS
    assert guest.call(NtRemoveIoCompletionEx, port, at, 4, count, now, 0) == STATUS_TIMEOUT


def test_the_port_goes_while_somebody_waits(guest: Pipes) -> None:
    port = guest.port()
    thread, status = guest.in_thread(lambda: guest.remove(port, None)[0])
    assert status == BLOCKED
    guest.call(NtClose, port)
    assert thread.wake_status == STATUS_ABANDONED


def test_names_rights_and_classes(guest: Pipes) -> None:
    name = guest.name(r"\BaseNamedObjects\port")
    assert guest.call(NtCreateIoCompletion, guest.out, 0x1F0003, name, 0) == STATUS_SUCCESS
    port = guest.handle
    assert guest.call(NtCreateIoCompletion, guest.out, 0x1F0003, name, 0) == STATUS_OBJECT_NAME_COLLISION
    assert guest.call(NtOpenIoCompletion, guest.out, 1, name) == STATUS_SUCCESS
    reader = guest.handle
    assert post(guest, reader) == STATUS_ACCESS_DENIED
    assert guest.call(NtQueryIoCompletion, port, 0, guest.room(8), 8, 0) == STATUS_INFO_LENGTH_MISMATCH
    assert post(guest, port) == STATUS_SUCCESS
    assert guest.call(NtWaitForSingleObject, port, 0, guest.put(bytes(8))) == STATUS_SUCCESS


def test_a_port_is_bounded(guest: Pipes) -> None:
    port = guest.port()
    packets = guest.k.handles.lookup(port, IoCompletion).packets
    post(guest, port)
    packets.extend([packets[0]] * (MAXIMUM_PACKETS - 1))
    assert post(guest, port) == STATUS_INSUFFICIENT_RESOURCES


def test_reserve_objects_are_refused_by_name(guest: Pipes) -> None:
    port = guest.port()
    assert guest.call(NtSetIoCompletionEx, port, 0, 1, 2, 3, 4) == STATUS_INVALID_HANDLE
    with pytest.raises(Unsupported, match="IoCompletion object"):
        guest.call(NtSetIoCompletionEx, port, port, 1, 2, 3, 4)
