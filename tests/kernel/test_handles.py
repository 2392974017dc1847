from __future__ import annotations

import pytest
from guest import READ, WRITE, Guest

from wowsim.kernel.access import FILE_READ_DATA
from wowsim.kernel.device import FileObject
from wowsim.kernel.handles import NtClose, NtDuplicateObject, NtQueryObject
from wowsim.kernel.thread import Process
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import OBJECT_BASIC_INFORMATION, OBJECT_TYPE_INFORMATION, UNICODE_STRING

SELF = (1 << 64) - 1
A = r"\??\C:\a.txt"


@pytest.fixture
def guest() -> Guest:
    made = Guest()
    made.k.files.add(r"C:\a.txt", b"")
    return made


def duplicate(guest: Guest, source: int, access: int = 0, options: int = 2, attributes: int = 0) -> int:
    return guest.call(NtDuplicateObject, SELF, source, SELF, guest.out, access, attributes, options)


def test_closing(guest: Guest) -> None:
    handle = guest.open(A)
    assert guest.call(NtClose, handle) == STATUS_SUCCESS
    assert guest.call(NtClose, handle) == STATUS_INVALID_HANDLE
    assert guest.call(NtClose, 0) == STATUS_INVALID_HANDLE
    assert guest.call(NtClose, SELF) == STATUS_SUCCESS


def test_duplicates_share_the_object(guest: Guest) -> None:
    handle = guest.open(A)
    assert duplicate(guest, handle) == STATUS_SUCCESS
    second = guest.handle
    table = guest.k.handles
    assert second != handle
    assert table.lookup(second, FileObject) is table.lookup(handle, FileObject)
    guest.call(NtClose, handle)
    assert table.lookup_granted(second, FileObject)[1] == READ


def test_a_duplicate_never_has_more_rights(guest: Guest) -> None:
    handle = guest.open(A)
    assert duplicate(guest, handle, FILE_READ_DATA, 0) == STATUS_SUCCESS
    assert guest.k.handles.lookup_granted(guest.handle, FileObject)[1] == FILE_READ_DATA
    assert duplicate(guest, handle, READ | WRITE, 0) == STATUS_ACCESS_DENIED


def test_close_source_attributes_and_pseudo_handles(guest: Guest) -> None:
    handle = guest.open(A)
    assert duplicate(guest, handle, options=3, attributes=2) == STATUS_SUCCESS
    assert guest.call(NtClose, handle) == STATUS_INVALID_HANDLE
    assert guest.k.handles.attributes(guest.handle) == 2
    assert duplicate(guest, guest.handle, options=6) == STATUS_SUCCESS
    assert guest.k.handles.attributes(guest.handle) == 2
    assert duplicate(guest, SELF) == STATUS_SUCCESS
    assert guest.k.handles.lookup(guest.handle, Process) is guest.k.process
    other = guest.open(A)
    assert guest.call(NtDuplicateObject, SELF, other, 0, 0, 0, 0, 0) == STATUS_INVALID_PARAMETER
    assert guest.call(NtDuplicateObject, SELF, other, 0, 0, 0, 0, 1) == STATUS_SUCCESS
    assert guest.call(NtClose, other) == STATUS_INVALID_HANDLE
    assert duplicate(guest, 0x444) == STATUS_INVALID_HANDLE


def query(guest: Guest, handle: int, information_class: int, length: int) -> tuple[int, int]:
    buffer = guest.put(b"\xcc" * (length + 8))
    status = guest.call(NtQueryObject, handle, information_class, buffer, length, guest.out)
    assert guest.memory.read(buffer + length, 8) == b"\xcc" * 8
    return status, buffer


def test_what_a_handle_is(guest: Guest) -> None:
    handle = guest.open(A)
    status, at = query(guest, handle, 0, 56)
    found = guest.load(OBJECT_BASIC_INFORMATION, at)
    assert (status, found.GrantedAccess, found.HandleCount) == (STATUS_SUCCESS, READ, 1)
    assert query(guest, handle, 0, 55)[0] == STATUS_INFO_LENGTH_MISMATCH
    status, at = query(guest, handle, 1, 0x100)
    name = guest.load(UNICODE_STRING, at)
    text = guest.memory.read(name.Buffer, name.Length).decode("utf-16-le")
    assert (status, text) == (STATUS_SUCCESS, r"\Device\HarddiskVolume1\a.txt")
    status, at = query(guest, handle, 2, 0x100)
    kind = guest.load(OBJECT_TYPE_INFORMATION, at)
    assert guest.memory.read(kind.TypeName.Buffer, kind.TypeName.Length).decode("utf-16-le") == "File"
    assert kind.GenericRead == READ
    assert query(guest, handle, 1, 20)[0] == STATUS_BUFFER_OVERFLOW
    assert guest.value(guest.out, 4) == 16 + 2 * len(text) + 2
    assert query(guest, handle, 1, 8)[0] == STATUS_INFO_LENGTH_MISMATCH
    status, at = query(guest, handle, 4, 2)
    assert (status, guest.memory.read(at, 2)) == (STATUS_SUCCESS, b"\0\0")
    assert query(guest, handle, 9, 2)[0] == STATUS_INVALID_INFO_CLASS
    assert query(guest, 0x444, 0, 56)[0] == STATUS_INVALID_HANDLE
    status, at = query(guest, SELF, 1, 16)
    assert (status, guest.load(UNICODE_STRING, at).Length) == (STATUS_SUCCESS, 0)
