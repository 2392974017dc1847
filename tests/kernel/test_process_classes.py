"""Information classes of processes and threads, asked for and set."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from guest import Guest

from wowsim.errors import Unsupported
from wowsim.kernel.process import NtQueryInformationProcess
from wowsim.kernel.process_settings import NtSetInformationProcess
from wowsim.kernel.thread_information import NtQueryInformationThread, NtSetInformationThread
from wowsim.kernel.threads import NtTerminateThread
from wowsim.nt.process_structures import PROCESS_HANDLE_TABLE_ENTRY_INFO, QUOTA_LIMITS, VM_COUNTERS
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import UNICODE_STRING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.thread import Thread

NEW = "win10-22h2"


@pytest.fixture(params=[32, 64])
def guest(request: pytest.FixtureRequest) -> Guest:
    return Guest(request.param, NEW)


def ask(
    guest: Guest, service: Callable[..., int], number: int, size: int, data: bytes = b""
) -> tuple[int, bytes]:
    """Status and buffer; the bytes behind it stay."""
    handle = (1 << guest.width) - (1 if service is NtQueryInformationProcess else 2)
    at = guest.put(data.ljust(size, b"\xcc") + b"\xcc" * 8)
    status = guest.call(service, handle, number, at, size, guest.out)
    assert guest.memory.read(at + size, 8) == b"\xcc" * 8
    return status, guest.memory.read(at, size)


def tell(guest: Guest, service: Callable[..., int], number: int, data: bytes) -> int:
    handle = (1 << guest.width) - (1 if service is NtSetInformationProcess else 2)
    return guest.call(service, handle, number, guest.put(data), len(data))


def word(guest: Guest, value: int) -> bytes:
    return value.to_bytes(guest.width // 8, "little")


# ---------------------------------------------------------------- processes
NUMBERS = {12: 1, 20: 0, 22: 0, 24: 1, 28: 1, 29: 0, 31: 1, 33: 2, 34: 0x0D, 39: 5, 75: 0}


@pytest.mark.parametrize(("number", "value"), NUMBERS.items())
def test_numbers(guest: Guest, number: int, value: int) -> None:
    assert ask(guest, NtQueryInformationProcess, number, 4) == (STATUS_SUCCESS, struct.pack("<I", value))
    assert ask(guest, NtQueryInformationProcess, number, 5)[0] == STATUS_INFO_LENGTH_MISMATCH


@pytest.mark.parametrize(
    ("number", "data"),
    [(2, bytes(48)), (18, b"\0\2"), (38, bytes(16)), (47, bytes(2)), (61, b"\0"), (73, bytes(3))],
)
def test_other_fixed_classes(guest: Guest, number: int, data: bytes) -> None:
    assert ask(guest, NtQueryInformationProcess, number, len(data)) == (STATUS_SUCCESS, data)


def test_a_debugger_is_not_seen(guest: Guest) -> None:
    size = guest.width // 8
    assert ask(guest, NtQueryInformationProcess, 7, size) == (STATUS_SUCCESS, bytes(size))
    assert ask(guest, NtQueryInformationProcess, 30, size)[0] == 0xC0000353
    assert ask(guest, NtQueryInformationProcess, 30, size - 1)[0] == STATUS_INFO_LENGTH_MISMATCH
    assert ask(guest, NtQueryInformationProcess, 31, 4)[1] == b"\1\0\0\0"


def test_memory_and_limits(guest: Guest) -> None:
    sizes = {32: (44, 48), 64: (88, 96)}[guest.width]
    for size in sizes:
        status, data = ask(guest, NtQueryInformationProcess, 3, size)
        found = guest.load(VM_COUNTERS, guest.put(data))
        assert (status, found.VirtualSize, found.PagefileUsage) == (STATUS_SUCCESS, 0x80000, 0x3000)
    assert ask(guest, NtQueryInformationProcess, 3, sizes[0] + 1)[0] == STATUS_INFO_LENGTH_MISMATCH
    _, data = ask(guest, NtQueryInformationProcess, 1, {32: 32, 64: 48}[guest.width])
    assert guest.load(QUOTA_LIMITS, guest.put(data)).PagedPoolLimit == (1 << guest.width) - 1


def test_times_and_the_device_map(guest: Guest) -> None:
    _, data = ask(guest, NtQueryInformationProcess, 4, 32)
    assert struct.unpack("<4q", data) == (guest.k.clock.now, 0, 0, 0)
    status, data = ask(guest, NtQueryInformationProcess, 23, 36)
    assert (status, data[:4], data[4 + 2], sum(data[4:])) == (STATUS_SUCCESS, b"\4\0\0\0", 3, 3)


def test_the_command_line_since_windows_8_1(guest: Guest) -> None:
    guest.k.process.command_line = 'a.exe "b c"'
    needed = guest.width // 4 + 2 * 11 + 2
    status, data = ask(guest, NtQueryInformationProcess, 60, needed)
    assert (status, data[-24:-2].decode("utf-16-le")) == (STATUS_SUCCESS, 'a.exe "b c"')
    old = Guest(guest.width)
    assert ask(old, NtQueryInformationProcess, 60, needed)[0] == STATUS_INVALID_INFO_CLASS


def test_handles(guest: Guest) -> None:
    guest.k.handles.insert(guest.k.thread, 0x40, 2)
    size = {32: 8 + 28, 64: 16 + 40}[guest.width]
    assert ask(guest, NtQueryInformationProcess, 51, size - 1)[0] == STATUS_INFO_LENGTH_MISMATCH
    assert guest.value(guest.out, 4) == size
    status, data = ask(guest, NtQueryInformationProcess, 51, size)
    found = guest.load(PROCESS_HANDLE_TABLE_ENTRY_INFO, guest.put(data[guest.width // 4 :]))
    assert (status, found.HandleValue, found.GrantedAccess, found.HandleAttributes) == (
        STATUS_SUCCESS,
        4,
        0x40,
        2,
    )
    assert found.ObjectTypeIndex == 8


def test_mitigation_policies(guest: Guest) -> None:
    for policy in (3, 4, 6, 19):
        data = struct.pack("<II", policy, 0xCCCCCCCC)
        assert ask(guest, NtQueryInformationProcess, 52, 8, data) == (
            STATUS_SUCCESS,
            struct.pack("<II", policy, 0),
        )
    assert (
        ask(guest, NtQueryInformationProcess, 52, 8, struct.pack("<II", 20, 0))[0] == STATUS_INVALID_PARAMETER
    )
    assert ask(guest, NtQueryInformationProcess, 52, 7)[0] == STATUS_INFO_LENGTH_MISMATCH
    assert tell(guest, NtSetInformationProcess, 52, struct.pack("<II", 3, 0)) == STATUS_SUCCESS
    with pytest.raises(Unsupported, match="ProcessMitigationPolicy"):
        tell(guest, NtSetInformationProcess, 52, struct.pack("<II", 3, 1))


@pytest.mark.parametrize(
    ("priority_class", "granted", "base"), [(1, 1, 4), (3, 3, 13), (4, 3, 13), (6, 6, 10)]
)
def test_the_priority_class_moves_the_threads(
    guest: Guest, priority_class: int, granted: int, base: int
) -> None:
    first, other = guest.k.thread, guest.thread()
    other.increment, other.priority = 2, 10
    assert tell(guest, NtSetInformationProcess, 18, bytes((0, priority_class))) == STATUS_SUCCESS
    assert ask(guest, NtQueryInformationProcess, 18, 2)[1] == bytes((0, granted))
    assert (guest.k.process.base_priority, first.priority, other.priority) == (base, base, base + 2)


def test_settings_are_kept_and_checked(guest: Guest) -> None:
    for number, value, bad in ((12, 3, None), (22, 1, None), (31, 0, None), (39, 1, 6), (33, 1, 5)):
        assert tell(guest, NtSetInformationProcess, number, struct.pack("<I", value)) == STATUS_SUCCESS
        assert ask(guest, NtQueryInformationProcess, number, 4)[1] == struct.pack("<I", value)
        if bad is not None:
            status = tell(guest, NtSetInformationProcess, number, struct.pack("<I", bad))
            assert status == STATUS_INVALID_PARAMETER
    assert tell(guest, NtSetInformationProcess, 21, word(guest, 1)) == STATUS_SUCCESS
    assert tell(guest, NtSetInformationProcess, 21, word(guest, 3)) == STATUS_INVALID_PARAMETER
    assert tell(guest, NtSetInformationProcess, 34, struct.pack("<I", 2)) == STATUS_ACCESS_DENIED
    assert tell(guest, NtSetInformationProcess, 29, struct.pack("<I", 1)) == STATUS_PRIVILEGE_NOT_HELD
    assert tell(guest, NtSetInformationProcess, 5, struct.pack("<I", 4)) == STATUS_SUCCESS
    assert guest.k.thread.priority == 4
    assert tell(guest, NtSetInformationProcess, 5, struct.pack("<I", 9)) == STATUS_PRIVILEGE_NOT_HELD
    assert tell(guest, NtSetInformationProcess, 12, bytes(5)) == STATUS_INFO_LENGTH_MISMATCH
    weak = guest.k.handles.insert(guest.k.process, 0x400)
    assert guest.call(NtSetInformationProcess, weak, 12, guest.put(bytes(4)), 4) == STATUS_ACCESS_DENIED
    with pytest.raises(Unsupported, match="ProcessTlsInformation"):
        tell(guest, NtSetInformationProcess, 35, bytes(16))
    assert tell(guest, NtSetInformationProcess, 0x1000, bytes(16)) == STATUS_INVALID_INFO_CLASS


def test_working_sets(guest: Guest) -> None:
    limits = struct.pack("<5Q" if guest.width == 64 else "<5I4x", 0, 0, 0x10000, 0x20000, 0) + bytes(8)
    assert tell(guest, NtSetInformationProcess, 1, limits) == STATUS_SUCCESS
    swapped = struct.pack("<5Q" if guest.width == 64 else "<5I4x", 0, 0, 0x20000, 0x10000, 0) + bytes(8)
    assert tell(guest, NtSetInformationProcess, 1, swapped) == STATUS_INVALID_PARAMETER
    assert tell(guest, NtSetInformationProcess, 1, limits[:-1]) == STATUS_INFO_LENGTH_MISMATCH


# ---------------------------------------------------------------- threads
@pytest.mark.parametrize(
    ("number", "data"),
    [
        (11, bytes(8)), (12, b"\1\0\0\0"), (14, bytes(4)), (16, bytes(4)), (17, b"\0"), (18, bytes(4)),
        (20, bytes(4)), (22, b"\2\0\0\0"), (23, bytes(16)), (24, b"\5\0\0\0"), (33, bytes(4)), (35, bytes(4)),
        (42, bytes(4)), (45, bytes(4)),
    ],
)  # fmt: skip
def test_threads_answer(guest: Guest, number: int, data: bytes) -> None:
    assert ask(guest, NtQueryInformationThread, number, len(data)) == (STATUS_SUCCESS, data)
    assert ask(guest, NtQueryInformationThread, number, len(data) + 1)[0] == STATUS_INFO_LENGTH_MISMATCH


def test_a_thread_that_has_ended(guest: Guest) -> None:
    other = guest.thread()
    handle = guest.k.handles.insert(other, 0x1FFFFF)
    assert guest.call(NtTerminateThread, handle, 5) == STATUS_SUCCESS
    assert guest.call(NtQueryInformationThread, handle, 20, guest.out, 4, 0) == STATUS_SUCCESS
    assert guest.value(guest.out, 4) == 1


def test_a_thread_has_a_name(guest: Guest) -> None:
    string = guest.memory.read(guest.string("worker"), guest.width // 4)
    assert tell(guest, NtSetInformationThread, 38, string) == STATUS_SUCCESS
    assert guest.k.thread.name == "worker"
    needed = guest.width // 4 + 12
    assert ask(guest, NtQueryInformationThread, 38, needed - 1)[0] == STATUS_BUFFER_TOO_SMALL
    assert guest.value(guest.out, 4) == needed
    status, data = ask(guest, NtQueryInformationThread, 38, needed)
    found = guest.load(UNICODE_STRING, guest.put(data))
    assert (status, found.Length, data[-12:].decode("utf-16-le")) == (STATUS_SUCCESS, 12, "worker")
    assert ask(Guest(guest.width), NtQueryInformationThread, 38, needed)[0] == STATUS_INVALID_INFO_CLASS


def test_what_a_thread_takes(guest: Guest) -> None:
    assert tell(guest, NtSetInformationThread, 24, struct.pack("<I", 1)) == STATUS_SUCCESS
    assert ask(guest, NtQueryInformationThread, 24, 4)[1] == b"\1\0\0\0"
    assert tell(guest, NtSetInformationThread, 24, struct.pack("<I", 6)) == STATUS_INVALID_PARAMETER
    assert tell(guest, NtSetInformationThread, 22, struct.pack("<I", 3)) == STATUS_INVALID_PARAMETER
    assert tell(guest, NtSetInformationThread, 30, word(guest, 1) + bytes(8)) == STATUS_SUCCESS
    assert (
        tell(guest, NtSetInformationThread, 30, word(guest, 1) + b"\1" + bytes(7)) == STATUS_INVALID_PARAMETER
    )
    assert tell(guest, NtSetInformationThread, 33, b"\1\0\0\0") == STATUS_INVALID_PARAMETER
    assert tell(guest, NtSetInformationThread, 18, bytes(4)) == STATUS_PRIVILEGE_NOT_HELD
    assert tell(guest, NtSetInformationThread, 2, bytes(4)) == STATUS_PRIVILEGE_NOT_HELD


def test_descriptors_of_segments(guest: Guest) -> None:
    class Host:
        def descriptor(self, thread: Thread, selector: int) -> int | None:
            return 0x00CFFB00_0000FFFF if selector == 0x23 else None

    guest.k.host = Host()  # type: ignore[assignment]  # only this is asked for
    status, data = ask(guest, NtQueryInformationThread, 6, 12, b"\x23\0\0\0")
    assert (status, data[4:]) == (STATUS_SUCCESS, (0x00CFFB00_0000FFFF).to_bytes(8, "little"))
    assert ask(guest, NtQueryInformationThread, 6, 12, b"\x27\0\0\0")[0] == STATUS_ACCESS_VIOLATION
    assert ask(guest, NtQueryInformationThread, 6, 11)[0] == STATUS_INFO_LENGTH_MISMATCH
