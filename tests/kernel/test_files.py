from __future__ import annotations

import pytest
from guest import READ, SYNC, WRITE, Guest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.errors import Unsupported
from wowsim.kernel.access import (
    DELETE,
    FILE_CREATE,
    FILE_DELETE_ON_CLOSE,
    FILE_DIRECTORY_FILE,
    FILE_NON_DIRECTORY_FILE,
    FILE_OPEN,
    FILE_OPEN_IF,
    FILE_OVERWRITE,
    FILE_OVERWRITE_IF,
    FILE_READ_ATTRIBUTES,
    FILE_SUPERSEDE,
    GENERIC_ALL,
    GENERIC_READ,
    MAXIMUM_ALLOWED,
    SYNCHRONIZE,
)
from wowsim.kernel.files import (
    NtCreateFile,
    NtDeleteFile,
    NtOpenFile,
    NtQueryAttributesFile,
    NtQueryFullAttributesFile,
)
from wowsim.kernel.handles import NtClose
from wowsim.kernel.volume import RECORD
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_CANNOT_DELETE,
    STATUS_DELETE_PENDING,
    STATUS_FILE_IS_A_DIRECTORY,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_A_DIRECTORY,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SHARING_VIOLATION,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import FILE_BASIC_INFORMATION, FILE_NETWORK_OPEN_INFORMATION

A = r"\??\C:\data\a.txt"
NEW = r"\??\C:\data\new.txt"
DATA = r"\??\C:\data"
SUPERSEDED, OPENED, CREATED, OVERWRITTEN = range(4)


@pytest.fixture
def guest() -> Guest:
    made = Guest()
    made.k.files.add(r"C:\data\a.txt", b"hello")
    return made


@pytest.mark.parametrize(
    ("disposition", "existing", "missing"),
    [
        (FILE_SUPERSEDE, (STATUS_SUCCESS, SUPERSEDED), (STATUS_SUCCESS, CREATED)),
        (FILE_OPEN, (STATUS_SUCCESS, OPENED), (STATUS_OBJECT_NAME_NOT_FOUND, None)),
        (FILE_CREATE, (STATUS_OBJECT_NAME_COLLISION, None), (STATUS_SUCCESS, CREATED)),
        (FILE_OPEN_IF, (STATUS_SUCCESS, OPENED), (STATUS_SUCCESS, CREATED)),
        (FILE_OVERWRITE, (STATUS_SUCCESS, OVERWRITTEN), (STATUS_OBJECT_NAME_NOT_FOUND, None)),
        (FILE_OVERWRITE_IF, (STATUS_SUCCESS, OVERWRITTEN), (STATUS_SUCCESS, CREATED)),
    ],
)
def test_dispositions(
    guest: Guest, disposition: int, existing: tuple[int, int | None], missing: tuple[int, int | None]
) -> None:
    for path, (status, information) in ((A, existing), (NEW, missing)):
        guest.memory.write(guest.iosb, b"\xcc" * 16)
        assert guest.create(path, READ | WRITE, disposition) == status
        if information is not None:
            assert guest.information == information
            guest.call(NtClose, guest.handle)
    emptied = disposition in (FILE_SUPERSEDE, FILE_OVERWRITE, FILE_OVERWRITE_IF)
    assert guest.k.files.read(r"C:\data\a.txt") == (b"" if emptied else b"hello")
    assert guest.k.files.exists(r"C:\data\new.txt") == (missing[0] == STATUS_SUCCESS)


def test_the_first_handle_is_4_and_the_name_keeps_its_case(guest: Guest) -> None:
    assert guest.open(r"\??\C:\DATA\MixedCase.TXT", READ | WRITE, FILE_CREATE) == 4
    assert guest.k.files.list(r"c:\data") == ["a.txt", "MixedCase.TXT"]
    assert guest.open(r"\??\c:\data\mixedcase.txt") == 8


@pytest.mark.parametrize(
    ("access", "status"),
    [
        (0, STATUS_ACCESS_DENIED),
        (0x1000000 | READ, STATUS_PRIVILEGE_NOT_HELD),
        (0x8000000 | READ, STATUS_ACCESS_DENIED),
        (GENERIC_READ, STATUS_INVALID_PARAMETER),
        (GENERIC_READ | SYNCHRONIZE, STATUS_SUCCESS),
        (GENERIC_ALL | SYNCHRONIZE, STATUS_SUCCESS),
        (MAXIMUM_ALLOWED | SYNCHRONIZE, STATUS_SUCCESS),
        (FILE_READ_ATTRIBUTES, STATUS_INVALID_PARAMETER),
        (FILE_READ_ATTRIBUTES | SYNCHRONIZE, STATUS_SUCCESS),
    ],
)
def test_desired_access(guest: Guest, access: int, status: int) -> None:
    assert guest.create(A, access) == status


@pytest.mark.parametrize(
    ("access", "attributes", "share", "disposition", "options"),
    [
        (READ, 0x10000, 7, FILE_OPEN, SYNC),
        (READ, 0, 8, FILE_OPEN, SYNC),
        (READ, 0, 7, 6, SYNC),
        (READ, 0, 7, 0xFFFFFFFF, SYNC),
        (READ, 0, 7, FILE_OPEN, 0x1000000),
        (READ, 0, 7, FILE_OPEN, 0x30),
        (READ & ~SYNCHRONIZE, 0, 7, FILE_OPEN, SYNC),
        (READ, 0, 7, FILE_OPEN, SYNC | FILE_DELETE_ON_CLOSE),
        (READ, 0, 7, FILE_OPEN, SYNC | FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE),
        (READ, 0, 7, FILE_OVERWRITE_IF, SYNC | FILE_DIRECTORY_FILE),
        (READ | WRITE, 0, 7, FILE_OPEN, SYNC | 8),
    ],
)
def test_arguments_that_contradict_each_other(
    guest: Guest, access: int, attributes: int, share: int, disposition: int, options: int
) -> None:
    status = guest.create(A, access, disposition, options, share=share, attributes=attributes)
    assert status == STATUS_INVALID_PARAMETER


def test_object_attributes_are_checked(guest: Guest) -> None:
    wrong_length = guest.put(b"\x18" + bytes(47))
    for oa, status in (
        (wrong_length, STATUS_INVALID_PARAMETER),
        (guest.name(A, attributes=1), STATUS_INVALID_PARAMETER),
        (guest.name(A, root=0x44), STATUS_INVALID_HANDLE),
        (0, STATUS_ACCESS_VIOLATION),
        (0x10, STATUS_ACCESS_VIOLATION),
    ):
        assert guest.call(NtOpenFile, guest.out, READ, oa, guest.iosb, 7, SYNC) == status


def test_files_and_directories_are_told_apart(guest: Guest) -> None:
    assert guest.create(DATA, options=SYNC | FILE_NON_DIRECTORY_FILE) == STATUS_FILE_IS_A_DIRECTORY
    assert guest.create(A, options=SYNC | FILE_DIRECTORY_FILE) == STATUS_NOT_A_DIRECTORY
    assert guest.create(DATA + "\\", options=SYNC | FILE_NON_DIRECTORY_FILE) == STATUS_OBJECT_NAME_INVALID
    assert guest.create(DATA + "\\", options=SYNC | FILE_DIRECTORY_FILE) == STATUS_SUCCESS
    assert guest.create(DATA, READ, FILE_CREATE, SYNC | FILE_DIRECTORY_FILE) == STATUS_OBJECT_NAME_COLLISION
    assert guest.create(DATA, READ, FILE_OVERWRITE) == STATUS_OBJECT_NAME_COLLISION
    assert guest.create(NEW, READ, FILE_CREATE, SYNC | FILE_DIRECTORY_FILE) == STATUS_SUCCESS
    assert guest.information == CREATED
    assert guest.k.files.list(r"C:\data\new.txt") == []


def test_the_volume_itself_opens_for_queries_only(guest: Guest) -> None:
    assert guest.create(r"\??\C:", FILE_READ_ATTRIBUTES | SYNCHRONIZE) == STATUS_SUCCESS
    assert guest.create(r"\??\C:", READ) == STATUS_ACCESS_DENIED
    assert guest.create("\\??\\C:\\", READ, options=SYNC | FILE_DIRECTORY_FILE) == STATUS_SUCCESS
    assert guest.create("\\??\\C:\\", READ, FILE_CREATE) == STATUS_OBJECT_NAME_COLLISION


def test_relative_names(guest: Guest) -> None:
    data = guest.open(DATA, options=SYNC | FILE_DIRECTORY_FILE)
    file = guest.open("a.txt", root=data)
    guest.open("", root=file)
    assert guest.create(r"..\data\a.txt", root=data) == STATUS_OBJECT_NAME_INVALID
    assert guest.create(r"\a.txt", root=data) == STATUS_OBJECT_NAME_INVALID
    assert guest.create("x", root=file) == STATUS_OBJECT_PATH_NOT_FOUND
    null = guest.open(r"\??\NUL")
    assert guest.create("x", root=null) == STATUS_OBJECT_NAME_NOT_FOUND


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ((READ, 1), (READ, 1), STATUS_SUCCESS),
        ((READ, 0), (READ, 1), STATUS_SHARING_VIOLATION),
        ((READ, 1), (WRITE, 3), STATUS_SHARING_VIOLATION),
        ((READ, 3), (WRITE, 1), STATUS_SUCCESS),
        ((READ, 3), (WRITE, 0), STATUS_SHARING_VIOLATION),
        ((WRITE, 3), (READ, 1), STATUS_SHARING_VIOLATION),
        ((WRITE, 3), (READ, 3), STATUS_SUCCESS),
        ((DELETE | SYNCHRONIZE, 7), (READ, 3), STATUS_SHARING_VIOLATION),
        ((DELETE | SYNCHRONIZE, 7), (READ, 4), STATUS_SUCCESS),
        ((READ, 3), (DELETE | SYNCHRONIZE, 7), STATUS_SHARING_VIOLATION),
        ((READ, 0), (FILE_READ_ATTRIBUTES | SYNCHRONIZE, 0), STATUS_SUCCESS),
        ((FILE_READ_ATTRIBUTES | SYNCHRONIZE, 0), (READ | WRITE, 0), STATUS_SUCCESS),
    ],
)
def test_share_modes(guest: Guest, first: tuple[int, int], second: tuple[int, int], status: int) -> None:
    handle = guest.open(A, first[0], share=first[1])
    assert guest.create(A, second[0], share=second[1]) == status
    if status == STATUS_SUCCESS:
        guest.call(NtClose, guest.handle)
    guest.call(NtClose, handle)
    assert guest.create(A, READ | WRITE | DELETE, share=0) == STATUS_SUCCESS


def test_overwriting_counts_as_writing(guest: Guest) -> None:
    guest.open(A, READ, share=1)
    for disposition in (FILE_OVERWRITE, FILE_OVERWRITE_IF, FILE_SUPERSEDE):
        assert guest.create(A, FILE_READ_ATTRIBUTES | SYNCHRONIZE, disposition) == STATUS_SHARING_VIOLATION
    assert guest.k.files.read(r"C:\data\a.txt") == b"hello"


def test_read_only_and_hidden_files(guest: Guest) -> None:
    guest.call(NtClose, guest.open(NEW, WRITE, FILE_CREATE, attributes=0x1))
    assert guest.create(NEW, WRITE) == STATUS_ACCESS_DENIED
    assert guest.create(NEW, READ, FILE_OVERWRITE) == STATUS_ACCESS_DENIED
    assert (
        guest.create(NEW, DELETE | SYNCHRONIZE, options=SYNC | FILE_DELETE_ON_CLOSE) == STATUS_CANNOT_DELETE
    )
    assert guest.create(NEW, READ) == STATUS_SUCCESS
    hidden = r"\??\C:\data\hidden"
    guest.call(NtClose, guest.open(hidden, WRITE, FILE_CREATE, attributes=0x2))
    assert guest.create(hidden, WRITE, FILE_OVERWRITE) == STATUS_ACCESS_DENIED
    assert guest.create(hidden, WRITE, FILE_OVERWRITE, attributes=0x2) == STATUS_SUCCESS


def test_delete_on_close_waits_for_the_last_handle(guest: Guest) -> None:
    first = guest.open(A, READ | DELETE, options=SYNC | FILE_DELETE_ON_CLOSE)
    second = guest.open(A, READ)
    guest.call(NtClose, first)
    assert guest.create(A) == STATUS_DELETE_PENDING
    assert guest.create(A, READ, FILE_OVERWRITE_IF) == STATUS_DELETE_PENDING
    used = guest.k.volume.used
    guest.call(NtClose, second)
    assert not guest.k.files.exists(r"C:\data\a.txt")
    assert guest.k.volume.used == used - RECORD - 5


def test_a_full_directory_survives_delete_on_close(guest: Guest) -> None:
    options = SYNC | FILE_DIRECTORY_FILE | FILE_DELETE_ON_CLOSE
    guest.call(NtClose, guest.open(DATA, DELETE | SYNCHRONIZE, options=options))
    assert guest.k.files.read(r"C:\data\a.txt") == b"hello"


def test_delete_by_name(guest: Guest) -> None:
    assert guest.call(NtDeleteFile, guest.name(A)) == STATUS_SUCCESS
    assert guest.call(NtDeleteFile, guest.name(A)) == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.call(NtDeleteFile, guest.name("\\??\\C:\\")) == STATUS_CANNOT_DELETE
    assert guest.call(NtDeleteFile, guest.name(r"\??\NUL")) == STATUS_INVALID_DEVICE_REQUEST


def test_attributes_by_name(guest: Guest) -> None:
    now = guest.k.clock.now
    guest.k.clock.advance(1000)
    basic, full = guest.room(40), guest.room(56)
    assert guest.call(NtQueryAttributesFile, guest.name(A), basic) == STATUS_SUCCESS
    found = guest.load(FILE_BASIC_INFORMATION, basic)
    assert (found.CreationTime, found.LastWriteTime, found.FileAttributes) == (now, now, 0x20)
    assert guest.call(NtQueryFullAttributesFile, guest.name(A), full) == STATUS_SUCCESS
    wide = guest.load(FILE_NETWORK_OPEN_INFORMATION, full)
    assert (wide.EndOfFile, wide.AllocationSize) == (5, 4096)
    assert guest.call(NtQueryAttributesFile, guest.name(DATA), basic) == STATUS_SUCCESS
    assert guest.load(FILE_BASIC_INFORMATION, basic).FileAttributes == 0x10
    assert guest.call(NtQueryAttributesFile, guest.name(NEW), basic) == STATUS_OBJECT_NAME_NOT_FOUND


def test_a_full_handle_table_gives_the_open_back(guest: Guest) -> None:
    guest.k.handles.limit = 0
    assert guest.create(A, READ, share=0) == STATUS_INSUFFICIENT_RESOURCES
    guest.k.handles.limit = 1
    assert guest.create(A, READ, share=0) == STATUS_SUCCESS


def test_what_is_absent_is_refused_by_name(guest: Guest) -> None:
    with pytest.raises(Unsupported, match="extended attributes"):
        guest.call(NtCreateFile, guest.out, READ, guest.name(A), guest.iosb, 0, 0, 7, 1, SYNC, guest.iosb, 8)
    with pytest.raises(Unsupported, match="oplock"):
        guest.create(A, options=SYNC | 0x100)
    with pytest.raises(Unsupported, match="BY_FILE_ID"):
        guest.create(A, options=SYNC | 0x2000)


def test_native_32_bit_callers_have_their_own_layouts() -> None:
    guest = Guest(width=32)
    guest.k.files.add(r"C:\data\a.txt", b"hello")
    guest.memory.write(guest.iosb, b"\xcc" * 16)
    guest.open(A)
    assert guest.memory.read(guest.iosb, 16) == bytes(4) + b"\x01\0\0\0" + b"\xcc" * 8


PIECES = [
    "\\",
    "??",
    "C:",
    "data",
    "a.txt",
    "..",
    ".",
    ":",
    "\0",
    "\ud800",
    " ",
    "NUL",
    "Device",
    "x" * 300,
    "*",
    "GLOBALROOT",
]


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.integers(0, 7),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
)
def test_no_name_or_flag_gets_past_the_kernel(path: str, disposition: int, access: int, options: int) -> None:
    guest = Guest()
    guest.k.files.add(r"C:\data\a.txt", b"hello")
    try:
        status = guest.create("\\" + path, access, disposition, options)
    except Unsupported:
        return
    assert status == STATUS_SUCCESS or status >> 30 == 3
    assert len(guest.k.handles) == (status == STATUS_SUCCESS)
