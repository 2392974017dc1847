from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from guest import READ
from hypothesis import given, settings
from hypothesis import strategies as st
from piping import BOTH, Begun, Pipes

from wowsim.kernel.access import FILE_DIRECTORY_FILE, FILE_READ_ATTRIBUTES, SYNCHRONIZE
from wowsim.kernel.file_io import NtReadFile, NtWriteFile
from wowsim.kernel.file_locks import NtLockFile, NtUnlockFile
from wowsim.kernel.handles import NtClose
from wowsim.kernel.table import BLOCKED
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_FILE_LOCK_CONFLICT,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_LOCK_RANGE,
    STATUS_INVALID_PARAMETER,
    STATUS_LOCK_NOT_GRANTED,
    STATUS_PENDING,
    STATUS_RANGE_NOT_LOCKED,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from collections.abc import Callable

A = r"\??\C:\a.bin"


@pytest.fixture
def guest() -> Pipes:
    made = Pipes()
    made.k.files.add(r"C:\a.bin", bytes(100))
    return made


def number(guest: Pipes, value: int) -> int:
    return guest.put(struct.pack("<Q", value & (1 << 64) - 1))


def lock(
    guest: Pipes, handle: int, start: int, length: int, *, exclusive: int = 1, fail: int = 1, key: int = 0
) -> Begun:
    block = guest.new_block()
    status = guest.call(
        NtLockFile, handle, 0, 0, 0, block, number(guest, start), number(guest, length), key, fail, exclusive
    )
    return Begun(guest, status, block, 0)


def unlock(guest: Pipes, handle: int, start: int, length: int, key: int = 0) -> int:
    return guest.call(NtUnlockFile, handle, guest.iosb, number(guest, start), number(guest, length), key)


def access(
    guest: Pipes, service: Callable[..., int], handle: int, start: int, length: int, key: int = 0
) -> int:
    where = number(guest, start)
    key_at = guest.put(struct.pack("<I", key)) if key else 0
    return guest.call(
        service,
        handle,
        0,
        0,
        0,
        guest.iosb,
        guest.room(length),
        length,
        where,
        key_at,
    )


@pytest.mark.parametrize(
    ("exclusive", "mine", "others"),
    [
        (1, (STATUS_SUCCESS, STATUS_SUCCESS), (STATUS_FILE_LOCK_CONFLICT, STATUS_FILE_LOCK_CONFLICT)),
        (0, (STATUS_SUCCESS, STATUS_FILE_LOCK_CONFLICT), (STATUS_SUCCESS, STATUS_FILE_LOCK_CONFLICT)),
    ],
)
def test_who_may_do_what(
    guest: Pipes, exclusive: int, mine: tuple[int, int], others: tuple[int, int]
) -> None:
    owner, other = guest.open(A, BOTH), guest.open(A, BOTH)
    assert lock(guest, owner, 10, 10, exclusive=exclusive).end == (STATUS_SUCCESS, 0)
    for handle, expected in ((owner, mine), (other, others)):
        assert tuple(access(guest, s, handle, 19, 4) for s in (NtReadFile, NtWriteFile)) == expected
        for start, length in ((0, 10), (20, 10)):
            assert access(guest, NtWriteFile, handle, start, length) == STATUS_SUCCESS
    assert unlock(guest, owner, 10, 10) == STATUS_SUCCESS
    assert access(guest, NtWriteFile, other, 10, 10) == STATUS_SUCCESS


def test_which_locks_go_together(guest: Pipes) -> None:
    first, second = guest.open(A, BOTH), guest.open(A, BOTH)
    assert lock(guest, first, 0, 10, exclusive=0).status == STATUS_SUCCESS
    assert lock(guest, second, 5, 10, exclusive=0).status == STATUS_SUCCESS
    assert lock(guest, second, 5, 1, exclusive=1).status == STATUS_LOCK_NOT_GRANTED
    assert lock(guest, first, 5, 1, exclusive=1).status == STATUS_LOCK_NOT_GRANTED
    assert lock(guest, second, 15, 1, exclusive=1).status == STATUS_SUCCESS
    assert lock(guest, second, 15, 1, exclusive=1).status == STATUS_LOCK_NOT_GRANTED  # its own one


def test_only_the_very_range_is_unlocked(guest: Pipes) -> None:
    owner, other = guest.open(A, BOTH), guest.open(A, BOTH)
    assert unlock(guest, owner, 0, 1) == STATUS_RANGE_NOT_LOCKED
    lock(guest, owner, 10, 10, key=5)
    for handle, start, length, key in ((owner, 10, 9, 5), (owner, 10, 10, 0), (other, 10, 10, 5)):
        assert unlock(guest, handle, start, length, key) == STATUS_RANGE_NOT_LOCKED
    assert access(guest, NtReadFile, owner, 10, 1) == STATUS_FILE_LOCK_CONFLICT
    assert access(guest, NtReadFile, owner, 10, 1, key=5) == STATUS_SUCCESS
    assert unlock(guest, owner, 10, 10, 5) == STATUS_SUCCESS


def test_a_lock_is_waited_for(guest: Pipes) -> None:
    owner, other = guest.open(A, BOTH), guest.open(A, BOTH, options=0)
    lock(guest, owner, 0, 10)
    late = lock(guest, other, 5, 1, fail=0)
    assert (late.status, late.end) == (STATUS_PENDING, None)
    thread, status = guest.in_thread(lambda: lock(guest, owner, 5, 1, fail=0).status)
    assert status == BLOCKED
    unlock(guest, owner, 0, 10)
    assert (late.end, thread.wake_status) == ((STATUS_SUCCESS, 0), None)
    guest.call(NtClose, other)
    assert thread.wake_status == STATUS_SUCCESS


def test_locks_go_with_their_file_object(guest: Pipes) -> None:
    owner, other = guest.open(A, BOTH), guest.open(A, BOTH)
    lock(guest, owner, 0, 100)
    guest.call(NtClose, owner)
    assert access(guest, NtWriteFile, other, 0, 10) == STATUS_SUCCESS


def test_what_cannot_be_locked(guest: Pipes) -> None:
    handle = guest.open(A, BOTH)
    assert lock(guest, handle, -1, 2).status == STATUS_INVALID_LOCK_RANGE
    assert lock(guest, handle, -1, 1).status == STATUS_SUCCESS
    blind = guest.open(A, FILE_READ_ATTRIBUTES | SYNCHRONIZE)
    assert lock(guest, blind, 0, 1).status == STATUS_ACCESS_DENIED
    directory = guest.open("\\??\\C:\\", READ, options=0x20 | FILE_DIRECTORY_FILE)
    assert lock(guest, directory, 0, 1).status == STATUS_INVALID_PARAMETER
    assert lock(guest, guest.open(r"\??\NUL"), 0, 1).status == STATUS_INVALID_DEVICE_REQUEST


RANGES = st.tuples(st.integers(0, 12), st.integers(1, 6), st.booleans(), st.integers(0, 1))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.lists(RANGES, max_size=8))
def test_locks_agree_with_a_table_of_bytes(locks: list[tuple[int, int, bool, int]]) -> None:
    """Granted locks never share a byte unless both are shared; reads and writes obey them."""
    guest = Pipes()
    guest.k.files.add(r"C:\a.bin", bytes(32))
    owners = [guest.open(A, BOTH), guest.open(A, BOTH)]
    held: dict[int, list[tuple[bool, int]]] = {at: [] for at in range(32)}
    for start, length, exclusive, owner in locks:
        taken = [each for at in range(start, start + length) for each in held[at]]
        status = lock(guest, owners[owner], start, length, exclusive=exclusive).status
        conflict = any(exclusive or other for other, _ in taken)
        assert status == (STATUS_LOCK_NOT_GRANTED if conflict else STATUS_SUCCESS)
        if status == STATUS_SUCCESS:
            for at in range(start, start + length):
                held[at].append((exclusive, owner))
    for at, owner in ((at, owner) for at in range(0, 20, 3) for owner in (0, 1)):
        shut_out = any(exclusive and other != owner for exclusive, other in held[at])
        shared = any(not exclusive for exclusive, _ in held[at])
        reading = access(guest, NtReadFile, owners[owner], at, 1)
        writing = access(guest, NtWriteFile, owners[owner], at, 1)
        assert (reading == STATUS_FILE_LOCK_CONFLICT) == shut_out
        assert (writing == STATUS_FILE_LOCK_CONFLICT) == (shut_out or shared)
