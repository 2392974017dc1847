"""Opening and walking processes, suspending all threads; jobs and debug objects."""

from __future__ import annotations

import struct

import pytest
from guest import Guest

from wowsim.errors import StopReason, Unsupported
from wowsim.kernel.context import Exit
from wowsim.kernel.debug_objects import (
    NtCreateDebugObject,
    NtDebugActiveProcess,
    NtDebugContinue,
    NtQueryPortInformationProcess,
    NtRemoveProcessDebug,
    NtSetInformationDebugObject,
    NtWaitForDebugEvent,
)
from wowsim.kernel.handles import NtClose
from wowsim.kernel.jobs import (
    NtAssignProcessToJobObject,
    NtCreateJobObject,
    NtIsProcessInJob,
    NtOpenJobObject,
    NtQueryInformationJobObject,
    NtSetInformationJobObject,
    NtTerminateJobObject,
)
from wowsim.kernel.process_handles import (
    NtGetNextProcess,
    NtGetNextThread,
    NtOpenProcess,
    NtResumeProcess,
    NtSuspendProcess,
)
from wowsim.nt.abi import encode
from wowsim.nt.process_structures import JOBOBJECT_EXTENDED_LIMIT_INFORMATION
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_CID,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_PARAMETER_MIX,
    STATUS_NO_MORE_ENTRIES,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_PORT_NOT_SET,
    STATUS_PROCESS_IN_JOB,
    STATUS_PROCESS_NOT_IN_JOB,
    STATUS_SUCCESS,
    STATUS_SUSPEND_COUNT_EXCEEDED,
    STATUS_TIMEOUT,
)
from wowsim.nt.structures import CLIENT_ID

KILL_ON_JOB_CLOSE = 0x2000


@pytest.fixture(params=[32, 64])
def guest(request: pytest.FixtureRequest) -> Guest:
    return Guest(request.param)


def self_handle(guest: Guest) -> int:
    return (1 << guest.width) - 1


# ---------------------------------------------------------------- processes and threads
@pytest.mark.parametrize(
    ("process", "thread", "status"),
    [
        (0x1000, 0, STATUS_SUCCESS),
        (0x1003, 0, STATUS_SUCCESS),
        (0x1000, 0x1004, STATUS_SUCCESS),
        (0, 0x1004, STATUS_SUCCESS),
        (0x1000, 0x1008, STATUS_INVALID_CID),
        (4, 0, STATUS_ACCESS_DENIED),
        (0, 0, STATUS_INVALID_CID),
        (0xFFC, 0, STATUS_INVALID_CID),
    ],
)
def test_opening_by_id(guest: Guest, process: int, thread: int, status: int) -> None:
    ids = guest.put(encode(CLIENT_ID, guest.width, CLIENT_ID(process, thread)))  # type: ignore[arg-type]
    assert guest.call(NtOpenProcess, guest.out, 0x1000, guest.name(None), ids) == status
    if status == STATUS_SUCCESS:
        assert guest.k.handles.lookup_granted(guest.handle, type(guest.k.process)) == (
            guest.k.process,
            0x1000,
        )


def test_opening_by_name_is_not_possible(guest: Guest) -> None:
    assert guest.call(NtOpenProcess, guest.out, 0x1000, guest.name(None), 0) == STATUS_INVALID_PARAMETER_MIX
    assert (
        guest.call(NtOpenProcess, guest.out, 0x1000, guest.name("a"), guest.out)
        == STATUS_INVALID_PARAMETER_MIX
    )


def test_walking(guest: Guest) -> None:
    assert guest.call(NtGetNextProcess, 0, 0x1000, 0, 0, guest.out) == STATUS_SUCCESS
    assert guest.call(NtGetNextProcess, guest.handle, 0x1000, 0, 0, guest.out) == STATUS_NO_MORE_ENTRIES
    other = guest.thread()
    found, handle = [], 0
    for _ in range(2):
        assert (
            guest.call(NtGetNextThread, self_handle(guest), handle, 0x40, 0, 0, guest.out) == STATUS_SUCCESS
        )
        handle = guest.handle
        found.append(guest.k.handles.lookup_granted(handle, type(other))[0])
    assert found == [guest.k.thread, other]
    last = guest.call(NtGetNextThread, self_handle(guest), handle, 0x40, 0, 0, guest.out)
    assert last == STATUS_NO_MORE_ENTRIES


def test_suspending_all(guest: Guest) -> None:
    other = guest.thread()
    other.suspended = 0x7F
    assert guest.call(NtSuspendProcess, self_handle(guest)) == STATUS_SUSPEND_COUNT_EXCEEDED
    other.suspended = 1
    first = guest.k.thread
    assert guest.call(NtSuspendProcess, self_handle(guest)) == STATUS_SUCCESS
    assert (first.suspended, other.suspended) == (1, 2)
    assert guest.call(NtResumeProcess, self_handle(guest)) == STATUS_SUCCESS
    assert (first.suspended, other.suspended) == (0, 1)


# ---------------------------------------------------------------- jobs
def job(guest: Guest, name: str | None = None) -> int:
    assert guest.call(NtCreateJobObject, guest.out, 0x1F001F, guest.name(name)) == STATUS_SUCCESS
    return guest.handle


def extended(guest: Guest, flags: int, **more: int) -> bytes:
    size = {32: 112, 64: 144}[guest.width]
    data = bytearray(size)
    struct.pack_into("<I", data, 16, flags)
    if "active" in more:
        struct.pack_into("<I", data, 28 if guest.width == 32 else 40, more["active"])
    return bytes(data)


def test_assigning(guest: Guest) -> None:
    one, other = job(guest, r"\BaseNamedObjects\work"), job(guest)
    me = self_handle(guest)
    assert guest.call(NtIsProcessInJob, me, 0) == STATUS_PROCESS_NOT_IN_JOB
    assert guest.call(NtAssignProcessToJobObject, one, me) == STATUS_SUCCESS
    assert guest.call(NtAssignProcessToJobObject, other, me) == STATUS_ACCESS_DENIED
    assert guest.call(NtIsProcessInJob, me, one) == STATUS_PROCESS_IN_JOB
    assert guest.call(NtIsProcessInJob, me, other) == STATUS_PROCESS_NOT_IN_JOB
    assert guest.call(NtIsProcessInJob, me, 0) == STATUS_PROCESS_IN_JOB
    again = guest.name(r"\BaseNamedObjects\work")
    assert guest.call(NtCreateJobObject, guest.out, 0x1F001F, again) == STATUS_OBJECT_NAME_COLLISION
    assert guest.call(NtOpenJobObject, guest.out, 4, again) == STATUS_SUCCESS
    at = guest.room(64)
    assert guest.call(NtQueryInformationJobObject, one, 1, at, 48, 0) == STATUS_SUCCESS
    assert struct.unpack("<4I", guest.memory.read(at + 32, 16)) == (0, 1, 1, 0)
    size = 8 + guest.width // 8
    assert guest.call(NtQueryInformationJobObject, 0, 3, at, size, 0) == STATUS_SUCCESS
    assert guest.value(at, 4) == guest.value(at + 4, 4) == 1
    assert guest.value(at + 8, guest.width // 8) == 0x1000
    assert guest.call(NtQueryInformationJobObject, one, 3, at, 8, 0) == STATUS_BUFFER_OVERFLOW


def test_nested_jobs_are_refused_by_name() -> None:
    guest = Guest(build="win10-22h2")
    assert guest.call(NtAssignProcessToJobObject, job(guest), self_handle(guest)) == STATUS_SUCCESS
    with pytest.raises(Unsupported, match="nested jobs"):
        guest.call(NtAssignProcessToJobObject, job(guest), self_handle(guest))


def test_limits_are_kept(guest: Guest) -> None:
    handle, at = job(guest), guest.room(256)
    told = guest.put(extended(guest, KILL_ON_JOB_CLOSE))
    size = {32: 112, 64: 144}[guest.width]
    assert guest.call(NtSetInformationJobObject, handle, 9, told, size) == STATUS_SUCCESS
    assert guest.call(NtQueryInformationJobObject, handle, 9, at, size, 0) == STATUS_SUCCESS
    found = guest.load(JOBOBJECT_EXTENDED_LIMIT_INFORMATION, at)
    assert found.BasicLimitInformation.LimitFlags == KILL_ON_JOB_CLOSE
    assert guest.call(NtSetInformationJobObject, handle, 2, told, size) == STATUS_INFO_LENGTH_MISMATCH
    basic = {32: 48, 64: 64}[guest.width]
    assert guest.call(NtSetInformationJobObject, handle, 2, told, basic) == STATUS_INVALID_PARAMETER
    bad = guest.put(struct.pack("<I", 0x100))
    assert guest.call(NtSetInformationJobObject, handle, 4, bad, 4) == STATUS_INVALID_PARAMETER
    assert guest.call(NtSetInformationJobObject, handle, 4, guest.put(b"\x01\0\0\0"), 4) == STATUS_SUCCESS
    assert guest.call(NtQueryInformationJobObject, handle, 4, at, 4, 0) == STATUS_SUCCESS
    assert guest.value(at, 4) == 1
    with pytest.raises(Unsupported, match="JobObjectAssociateCompletionPortInformation"):
        guest.call(NtSetInformationJobObject, handle, 7, told, 8)


def test_the_end_of_a_job_is_the_end_of_its_processes(guest: Guest) -> None:
    handle = job(guest)
    assert guest.call(NtTerminateJobObject, handle, 3) == STATUS_SUCCESS
    assert guest.k.pending is None
    guest.call(NtAssignProcessToJobObject, handle, self_handle(guest))
    assert guest.call(NtTerminateJobObject, handle, 3) == STATUS_SUCCESS
    assert guest.k.pending == Exit(StopReason.EXITED, 3)


def test_closing_the_last_handle_ends_them_where_asked_for(guest: Guest) -> None:
    handle = job(guest)
    told = extended(guest, KILL_ON_JOB_CLOSE)
    guest.call(NtSetInformationJobObject, handle, 9, guest.put(told), len(told))
    guest.call(NtAssignProcessToJobObject, handle, self_handle(guest))
    assert guest.call(NtClose, handle) == STATUS_SUCCESS
    assert guest.k.pending == Exit(StopReason.EXITED, 0)
    assert len(guest.k.handles) == 0


def test_too_many_processes(guest: Guest) -> None:
    handle = job(guest)
    told = extended(guest, 8, active=0)
    assert guest.call(NtSetInformationJobObject, handle, 9, guest.put(told), len(told)) == STATUS_SUCCESS
    guest.call(NtAssignProcessToJobObject, handle, self_handle(guest))
    assert guest.k.pending == Exit(StopReason.EXITED, 0xC0000044)


# ---------------------------------------------------------------- debug objects
def test_nobody_can_be_debugged(guest: Guest) -> None:
    me = self_handle(guest)
    assert guest.call(NtRemoveProcessDebug, me, 0x44) == STATUS_INVALID_HANDLE
    assert guest.call(NtCreateDebugObject, guest.out, 0x1F000F, 0, 2) == STATUS_INVALID_PARAMETER
    assert guest.call(NtCreateDebugObject, guest.out, 0x1F000F, 0, 1) == STATUS_SUCCESS
    handle = guest.handle
    assert guest.call(NtRemoveProcessDebug, me, handle) == STATUS_PORT_NOT_SET
    assert guest.call(NtDebugActiveProcess, me, handle) == STATUS_ACCESS_DENIED
    ids = guest.put(encode(CLIENT_ID, guest.width, CLIENT_ID(0x1000, 0x1004)))  # type: ignore[arg-type]
    assert guest.call(NtDebugContinue, handle, ids, 0x10002) == STATUS_INVALID_PARAMETER
    assert guest.call(NtWaitForDebugEvent, handle, 0, guest.put(bytes(8)), guest.out) == STATUS_TIMEOUT
    flags = guest.put(bytes(4))
    assert guest.call(NtSetInformationDebugObject, handle, 1, flags, 4, 0) == STATUS_SUCCESS
    assert guest.call(NtQueryPortInformationProcess) == 0
