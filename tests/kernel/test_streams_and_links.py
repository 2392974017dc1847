"""Named streams and hard links of the volume."""

from __future__ import annotations

import struct

import pytest
from guest import READ, SYNC, WRITE, Guest

from wowsim.kernel.access import (
    DELETE,
    FILE_CREATE,
    FILE_DELETE_ON_CLOSE,
    FILE_DIRECTORY_FILE,
    FILE_OPEN_IF,
    FILE_OVERWRITE,
    SYNCHRONIZE,
)
from wowsim.kernel.file_changes import NtSetInformationFile
from wowsim.kernel.file_information import NtQueryInformationFile
from wowsim.kernel.file_io import NtReadFile, NtWriteFile
from wowsim.kernel.files import NtDeleteFile
from wowsim.kernel.handles import NtClose
from wowsim.kernel.volume import ENTRY, MAXIMUM_LINKS, RECORD
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_DELETE_PENDING,
    STATUS_FILE_IS_A_DIRECTORY,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_A_DIRECTORY,
    STATUS_NOT_SAME_DEVICE,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SHARING_VIOLATION,
    STATUS_SUCCESS,
    STATUS_TOO_MANY_LINKS,
)
from wowsim.nt.structures import FILE_STANDARD_INFORMATION

A, B = r"\??\C:\d\a.txt", r"\??\C:\d\b.txt"
ALL = 0x1F01FF


@pytest.fixture(params=[64, 32])
def guest(request: pytest.FixtureRequest) -> Guest:
    made = Guest(width=request.param, capacity=1 << 20)
    made.k.files.add(r"C:\d\a.txt", b"hello")
    return made


def write(guest: Guest, handle: int, data: bytes) -> int:
    where = guest.put(bytes(8))
    return guest.call(NtWriteFile, handle, 0, 0, 0, guest.iosb, guest.put(data), len(data), where, 0)


def read(guest: Guest, handle: int) -> bytes:
    at, where = guest.room(64), guest.put(bytes(8))
    if guest.call(NtReadFile, handle, 0, 0, 0, guest.iosb, at, 64, where, 0) != STATUS_SUCCESS:
        return b""
    return guest.memory.read(at, guest.information)


def query(guest: Guest, handle: int, information_class: int, length: int = 0x200) -> tuple[int, bytes]:
    at = guest.put(b"\xcc" * (length + 16))
    status = guest.call(NtQueryInformationFile, handle, guest.iosb, at, length, information_class)
    assert guest.memory.read(at + length, 16) == b"\xcc" * 16
    return status, guest.memory.read(at, guest.information)


def change(guest: Guest, handle: int, information_class: int, data: bytes) -> int:
    return guest.call(NtSetInformationFile, handle, guest.iosb, guest.put(data), len(data), information_class)


def new_name(guest: Guest, path: str, flags: int = 0, root: int = 0) -> bytes:
    """FILE_RENAME_INFORMATION and its like."""
    text = path.encode("utf-16-le")
    shape = "<I4xQI" if guest.width == 64 else "<III"
    return (struct.pack(shape, flags, root, len(text)) + text).ljust(24, b"\0")


def streams(guest: Guest, handle: int) -> list[tuple[str, int]]:
    data, found, at = query(guest, handle, 22)[1], [], 0
    while data:
        following, length, size, _ = struct.unpack_from("<IIqq", data, at)
        found.append((data[at + 24 : at + 24 + length].decode("utf-16-le"), size))
        at += following
        if not following:
            break
    return found


# ---------------------------------------------------------------- streams
def test_a_stream_has_bytes_of_its_own(guest: Guest) -> None:
    used = guest.k.volume.used
    assert guest.create(A + ":x", WRITE) == STATUS_OBJECT_NAME_NOT_FOUND
    stream = guest.open(A + ":x", READ | WRITE, FILE_CREATE)
    assert guest.information == 2
    assert write(guest, stream, b"stream") == STATUS_SUCCESS
    assert guest.k.files.read(r"C:\d\a.txt") == b"hello"
    assert guest.create(A + ":X:$data", READ, FILE_CREATE) == STATUS_OBJECT_NAME_COLLISION
    assert read(guest, guest.open(A + ":X:$DATA")) == b"stream"
    main = guest.open(A)
    assert streams(guest, main) == [("::$DATA", 5), (":x:$DATA", 6)]
    assert streams(guest, stream) == streams(guest, main)
    assert guest.k.volume.used == used + RECORD + 6
    name = query(guest, stream, 9)[1]
    assert name[4:].decode("utf-16-le") == r"\d\a.txt:x"
    status, data = query(guest, main, 22, 60)
    assert (status, len(data)) == (STATUS_BUFFER_OVERFLOW, 38)


def test_a_stream_comes_with_its_file_and_goes_with_it(guest: Guest) -> None:
    used = guest.k.volume.used
    handle = guest.open(r"\??\C:\d\new:s", WRITE, FILE_OPEN_IF)
    write(guest, handle, b"123")
    assert guest.k.files.read(r"C:\d\new") == b""
    guest.call(NtClose, handle)
    assert guest.call(NtDeleteFile, guest.name(r"\??\C:\d\new")) == STATUS_SUCCESS
    assert guest.k.volume.used == used


def test_deleting_a_stream_leaves_the_file(guest: Guest) -> None:
    used = guest.k.volume.used
    guest.call(NtClose, guest.open(A + ":x", WRITE, FILE_CREATE))
    handle = guest.open(A + ":x", DELETE | SYNCHRONIZE, options=SYNC | FILE_DELETE_ON_CLOSE)
    guest.call(NtClose, handle)
    assert guest.create(A + ":x") == STATUS_OBJECT_NAME_NOT_FOUND
    assert (guest.k.files.read(r"C:\d\a.txt"), guest.k.volume.used) == (b"hello", used)


def test_a_file_waits_for_its_streams(guest: Guest) -> None:
    stream = guest.open(A + ":x", READ | WRITE, FILE_CREATE)
    assert guest.call(NtDeleteFile, guest.name(A)) == STATUS_SUCCESS
    assert guest.create(A) == guest.create(A + ":x") == STATUS_DELETE_PENDING
    assert write(guest, stream, b"still") == STATUS_SUCCESS
    guest.call(NtClose, stream)
    assert guest.create(A) == STATUS_OBJECT_NAME_NOT_FOUND


def test_share_modes_are_a_streams_own(guest: Guest) -> None:
    guest.open(A, READ | WRITE, share=0)
    guest.open(A + ":x", READ | WRITE, FILE_CREATE, share=0)
    assert guest.create(A + ":x", READ) == STATUS_SHARING_VIOLATION


def test_times_and_attributes_are_the_files(guest: Guest) -> None:
    stream = guest.open(A + ":x", ALL, FILE_CREATE)
    assert change(guest, stream, 4, struct.pack("<4qIxxxx", 9, 8, 7, 6, 2)) == STATUS_SUCCESS
    assert query(guest, guest.open(A), 4)[1][:36] == struct.pack("<4qI", 9, 8, 7, 6, 2)


def test_overwriting_a_file_deletes_its_streams(guest: Guest) -> None:
    guest.call(NtClose, guest.open(A + ":x", WRITE, FILE_CREATE))
    guest.call(NtClose, guest.open(A, WRITE, FILE_OVERWRITE))
    assert guest.create(A + ":x") == STATUS_OBJECT_NAME_NOT_FOUND
    other = guest.open(A + ":y", READ | WRITE, FILE_CREATE)
    write(guest, other, b"abc")
    assert guest.create(A + ":y", READ, FILE_OVERWRITE) == STATUS_SUCCESS
    assert read(guest, other) == b""


def test_directories_have_streams_and_an_index(guest: Guest) -> None:
    stream = guest.open(r"\??\C:\d:note", READ | WRITE, FILE_CREATE)
    write(guest, stream, b"dir")
    directory = guest.open(r"\??\C:\d", READ, options=SYNC | FILE_DIRECTORY_FILE)
    assert streams(guest, directory) == [(":note:$DATA", 3)]
    for name in ("::$INDEX_ALLOCATION", ":$I30:$INDEX_ALLOCATION"):
        guest.open(r"\??\C:\d" + name, READ, options=SYNC | FILE_DIRECTORY_FILE)
    assert guest.create(r"\??\C:\d:note", READ, options=SYNC | FILE_DIRECTORY_FILE) == STATUS_NOT_A_DIRECTORY
    assert guest.create(r"\??\C:\d::$DATA") == STATUS_OBJECT_NAME_INVALID


@pytest.mark.parametrize(
    ("name", "status"),
    [
        (":", STATUS_OBJECT_NAME_INVALID),
        ("::", STATUS_OBJECT_NAME_INVALID),
        (":x:", STATUS_OBJECT_NAME_INVALID),
        (":x:$BITMAP", STATUS_OBJECT_NAME_INVALID),
        (":x:$DATA:", STATUS_OBJECT_NAME_INVALID),
        (":x/y", STATUS_OBJECT_NAME_INVALID),
        (":x\0", STATUS_OBJECT_NAME_INVALID),
        (r":x\y", STATUS_OBJECT_NAME_INVALID),
        (":" + "x" * 256, STATUS_OBJECT_NAME_INVALID),
        (":" + "x" * 255, STATUS_SUCCESS),
        (":*?<>|\x01", STATUS_SUCCESS),
        (": ..", STATUS_SUCCESS),
    ],
)
def test_names_of_streams(guest: Guest, name: str, status: int) -> None:
    assert guest.create(A + name, WRITE, FILE_OPEN_IF) == status


def test_a_stream_relative_to_its_file(guest: Guest) -> None:
    file = guest.open(A)
    write(guest, guest.open(":x", READ | WRITE, FILE_CREATE, root=file), b"rel")
    assert read(guest, guest.open(A + ":x")) == b"rel"
    assert guest.create(":x:$DATA", READ, root=file) == STATUS_SUCCESS
    for name in (":", "::$DATA", ":x:$INDEX_ALLOCATION", ":a\\b"):
        assert guest.create(name, READ, root=file) == STATUS_OBJECT_NAME_INVALID


def test_a_stream_can_be_renamed(guest: Guest) -> None:
    stream = guest.open(A + ":x", ALL, FILE_CREATE)
    guest.call(NtClose, guest.open(A + ":z", WRITE, FILE_CREATE))
    assert change(guest, stream, 10, new_name(guest, ":y:$DATA")) == STATUS_SUCCESS
    assert change(guest, stream, 10, new_name(guest, ":z")) == STATUS_OBJECT_NAME_COLLISION
    assert change(guest, stream, 10, new_name(guest, ":z", 1)) == STATUS_SUCCESS
    assert [name for name, _ in streams(guest, stream)] == ["::$DATA", ":z:$DATA"]
    assert change(guest, guest.open(A, ALL), 10, new_name(guest, ":z")) == STATUS_INVALID_PARAMETER


# ---------------------------------------------------------------- links
def linked(guest: Guest) -> int:
    handle = guest.open(A, ALL)
    assert change(guest, handle, 11, new_name(guest, "b.txt")) == STATUS_SUCCESS
    return handle


def test_a_link_is_the_same_file(guest: Guest) -> None:
    handle = linked(guest)
    write(guest, guest.open(B, READ | WRITE), b"J")
    assert guest.k.files.read(r"C:\d\a.txt") == b"Jello"
    assert guest.k.files.list(r"C:\d") == ["a.txt", "b.txt"]
    assert query(guest, handle, 6) == query(guest, guest.open(B), 6)
    standard = guest.room(24)
    guest.call(NtQueryInformationFile, handle, guest.iosb, standard, 24, 5)
    assert guest.load(FILE_STANDARD_INFORMATION, standard).NumberOfLinks == 2
    assert query(guest, guest.open(B), 9)[1][4:].decode("utf-16-le") == r"\d\b.txt"
    assert query(guest, handle, 54)[1][:10] == struct.pack("<IIBB", 2, 2, 0, 0)


def test_every_name_is_listed(guest: Guest) -> None:
    handle = linked(guest)
    data = query(guest, handle, 46)[1]
    needed, count = struct.unpack_from("<II", data)
    assert (needed, count) == (len(data), 2)
    at, names = 8, []
    parent = int.from_bytes(query(guest, guest.open(r"\??\C:\d", READ), 6)[1], "little")
    for _ in range(count):
        following, directory, length = struct.unpack_from("<I4xqI", data, at)
        assert directory == parent
        names.append(data[at + 20 : at + 20 + 2 * length].decode("utf-16-le"))
        at += following
    assert names == ["a.txt", "b.txt"]


def test_a_file_lives_until_its_last_name_goes(guest: Guest) -> None:
    used = guest.k.volume.used
    guest.call(NtClose, linked(guest))
    assert guest.k.volume.used == used + ENTRY
    open_by_other = guest.open(B)
    assert guest.call(NtDeleteFile, guest.name(A)) == STATUS_SUCCESS
    assert guest.create(A) == STATUS_OBJECT_NAME_NOT_FOUND
    assert read(guest, open_by_other) == b"hello"
    assert guest.call(NtDeleteFile, guest.name(B)) == STATUS_SUCCESS
    assert guest.create(B) == STATUS_DELETE_PENDING
    guest.call(NtClose, open_by_other)
    assert guest.create(B) == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.k.volume.used == used - RECORD - 5


def test_renaming_one_of_two_names(guest: Guest) -> None:
    linked(guest)
    second = guest.open(B, ALL)
    assert change(guest, second, 10, new_name(guest, r"\??\C:\c.txt")) == STATUS_SUCCESS
    assert guest.k.files.list("C:\\") == ["c.txt", "d"]
    assert guest.k.files.list(r"C:\d") == ["a.txt"]
    assert query(guest, second, 9)[1][4:].decode("utf-16-le") == r"\c.txt"
    assert change(guest, second, 10, new_name(guest, r"\??\C:\d\a.txt")) == STATUS_OBJECT_NAME_COLLISION


def test_what_cannot_be_linked(guest: Guest) -> None:
    handle = linked(guest)
    directory = guest.open(r"\??\C:\d", ALL, options=SYNC | FILE_DIRECTORY_FILE)
    for target, path, status in (
        (handle, "b.txt", STATUS_OBJECT_NAME_COLLISION),
        (handle, "a*", STATUS_OBJECT_NAME_INVALID),
        (handle, "x:y", STATUS_OBJECT_NAME_INVALID),
        (handle, r"\??\NUL", STATUS_NOT_SAME_DEVICE),
        (directory, "e", STATUS_FILE_IS_A_DIRECTORY),
        (guest.open(A + ":x", ALL, FILE_OPEN_IF), "e", STATUS_INVALID_PARAMETER),
    ):
        assert change(guest, target, 11, new_name(guest, path)) == status
    guest.k.files.add(r"C:\d\c.txt", b"old")
    assert change(guest, handle, 11, new_name(guest, "c.txt")) == STATUS_OBJECT_NAME_COLLISION
    assert change(guest, handle, 11, new_name(guest, "c.txt", 1)) == STATUS_SUCCESS
    assert guest.k.files.read(r"C:\d\c.txt") == b"hello"


def test_links_are_counted(guest: Guest) -> None:
    handle = guest.open(A, ALL)
    place = guest._next
    for at in range(MAXIMUM_LINKS - 1):
        guest._next = place
        assert change(guest, handle, 11, new_name(guest, f"l{at}")) == STATUS_SUCCESS
    assert change(guest, handle, 11, new_name(guest, "one more")) == STATUS_TOO_MANY_LINKS


# ---------------------------------------------------------------- the Ex classes
def test_posix_deletion_takes_the_name_at_once(guest: Guest) -> None:
    used = guest.k.volume.used
    other, doomed = guest.open(A, READ | WRITE), guest.open(A, ALL)
    assert change(guest, doomed, 64, struct.pack("<I", 3)) == STATUS_SUCCESS
    guest.call(NtClose, doomed)
    assert guest.create(A) == STATUS_OBJECT_NAME_NOT_FOUND
    assert read(guest, other) == b"hello"
    write(guest, other, bytes(100))
    guest.call(NtClose, other)
    assert guest.k.volume.used == used - RECORD - 5


def test_deleting_a_read_only_file_takes_a_flag(guest: Guest) -> None:
    handle = guest.open(A, ALL)
    change(guest, handle, 4, struct.pack("<4qIxxxx", 0, 0, 0, 0, 1))
    assert change(guest, handle, 64, struct.pack("<I", 1)) != STATUS_SUCCESS
    assert change(guest, handle, 64, struct.pack("<I", 0x20)) == STATUS_INVALID_PARAMETER
    assert change(guest, handle, 64, struct.pack("<I", 0x11)) == STATUS_SUCCESS


def test_renaming_with_flags(guest: Guest) -> None:
    guest.k.files.add(r"C:\d\b.txt", b"old")
    in_use = guest.open(B)
    handle = guest.open(A, ALL)
    assert change(guest, handle, 65, new_name(guest, "b.txt")) == STATUS_OBJECT_NAME_COLLISION
    assert change(guest, handle, 65, new_name(guest, "b.txt", 1)) == STATUS_ACCESS_DENIED
    assert change(guest, handle, 65, new_name(guest, "b.txt", 3)) == STATUS_SUCCESS
    assert read(guest, in_use) == b"old"
    assert guest.k.files.read(r"C:\d\b.txt") == b"hello"
    assert change(guest, handle, 72, new_name(guest, "again", 0)) == STATUS_SUCCESS
    assert guest.k.files.list(r"C:\d") == ["again", "b.txt"]
