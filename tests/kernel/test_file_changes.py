from __future__ import annotations

import struct

import pytest
from guest import READ, SYNC, WRITE, Guest

from wowsim.errors import Unsupported
from wowsim.kernel.access import DELETE, FILE_CREATE, FILE_DIRECTORY_FILE, SYNCHRONIZE
from wowsim.kernel.file_changes import NtSetInformationFile
from wowsim.kernel.handles import NtClose
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_CANNOT_DELETE,
    STATUS_DELETE_PENDING,
    STATUS_DIRECTORY_NOT_EMPTY,
    STATUS_DISK_FULL,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_SAME_DEVICE,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_SUCCESS,
)

A = r"\??\C:\data\a.txt"
ALL = 0x1F01FF


@pytest.fixture(params=[64, 32])
def guest(request: pytest.FixtureRequest) -> Guest:
    made = Guest(width=request.param, capacity=1 << 20)
    made.k.files.add(r"C:\data\a.txt", b"0123456789")
    made.k.files.add(r"C:\data\b.txt", b"b")
    return made


def change(guest: Guest, handle: int, information_class: int, data: bytes) -> int:
    return guest.call(NtSetInformationFile, handle, guest.iosb, guest.put(data), len(data), information_class)


def rename(guest: Guest, handle: int, target: str, replace: bool = False, root: int = 0) -> int:
    text = target.encode("utf-16-le", "surrogatepass")
    head = struct.pack("<B7xQI" if guest.width == 64 else "<B3xII", replace, root, len(text))
    return change(guest, handle, 10, (head + text).ljust(24, b"\0"))


def names(guest: Guest) -> list[str]:
    return guest.k.files.list(r"C:\data")


@pytest.mark.parametrize(
    ("target", "listing"),
    [
        ("c.txt", ["b.txt", "c.txt"]),
        (r"\??\C:\data\c.txt", ["b.txt", "c.txt"]),
        ("A.TXT", ["A.TXT", "b.txt"]),
        (r"\??\C:\other", ["b.txt"]),
    ],
)
def test_renaming(guest: Guest, target: str, listing: list[str]) -> None:
    handle = guest.open(A, ALL)
    assert rename(guest, handle, target) == STATUS_SUCCESS
    assert names(guest) == listing
    place = target.removeprefix("\\??\\") if target.startswith("\\") else rf"C:\data\{target}"
    assert guest.k.files.read(place) == b"0123456789"


@pytest.mark.parametrize(
    ("target", "replace", "status"),
    [
        ("b.txt", False, STATUS_OBJECT_NAME_COLLISION),
        (r"\??\C:\data", True, STATUS_ACCESS_DENIED),
        (r"\??\C:\none\x", False, STATUS_OBJECT_PATH_NOT_FOUND),
        (r"\??\NUL", False, STATUS_NOT_SAME_DEVICE),
        (r"sub\x", False, STATUS_OBJECT_NAME_INVALID),
        ("..", False, STATUS_OBJECT_NAME_INVALID),
        ("x:y", False, STATUS_OBJECT_NAME_INVALID),
        ("x::$DATA", False, STATUS_OBJECT_NAME_INVALID),
        ("x\\", False, STATUS_OBJECT_NAME_INVALID),
        ("", False, STATUS_INVALID_PARAMETER),
    ],
)
def test_renames_that_fail(guest: Guest, target: str, replace: bool, status: int) -> None:
    handle = guest.open(A, ALL)
    assert rename(guest, handle, target, replace) == status
    assert names(guest) == ["a.txt", "b.txt"]
    assert guest.k.files.read(r"C:\data\b.txt") == b"b"


def test_replacing_a_closed_file_only(guest: Guest) -> None:
    handle = guest.open(A, ALL)
    other = guest.open(r"\??\C:\data\b.txt")
    assert rename(guest, handle, "b.txt", replace=True) == STATUS_ACCESS_DENIED
    guest.call(NtClose, other)
    assert rename(guest, handle, "b.txt", replace=True) == STATUS_SUCCESS
    assert names(guest) == ["b.txt"]
    assert guest.k.files.read(r"C:\data\b.txt") == b"0123456789"


def test_a_directory_does_not_go_into_itself(guest: Guest) -> None:
    handle = guest.open(r"\??\C:\data", ALL, options=SYNC | FILE_DIRECTORY_FILE)
    assert rename(guest, handle, r"\??\C:\data\sub") == STATUS_INVALID_PARAMETER
    assert rename(guest, handle, r"\??\C:\moved") == STATUS_SUCCESS
    assert guest.k.files.read(r"C:\moved\a.txt") == b"0123456789"
    root = guest.open("\\??\\C:\\", ALL, options=SYNC | FILE_DIRECTORY_FILE)
    assert rename(guest, root, r"\??\C:\moved\x") == STATUS_ACCESS_DENIED


def test_rename_relative_to_a_directory(guest: Guest) -> None:
    handle = guest.open(A, ALL)
    root = guest.open("\\??\\C:\\", READ, options=SYNC | FILE_DIRECTORY_FILE)
    assert rename(guest, handle, "top.txt", root=root) == STATUS_SUCCESS
    assert guest.k.files.exists(r"C:\top.txt")


def test_lying_rename_lengths(guest: Guest) -> None:
    handle = guest.open(A, ALL)
    head = "<B7xQI" if guest.width == 64 else "<B3xII"
    for size in (1, 6, 0x1000, 0xFFFFFFFE):
        assert (
            change(guest, handle, 10, struct.pack(head, 0, 0, size) + b"x\0y\0") == STATUS_INVALID_PARAMETER
        )
    assert change(guest, handle, 10, b"\0" * 8) == STATUS_INFO_LENGTH_MISMATCH


def test_deletion_at_the_last_close(guest: Guest) -> None:
    handle = guest.open(A, READ | DELETE)
    assert change(guest, handle, 13, b"\1") == STATUS_SUCCESS
    assert guest.create(A) == STATUS_DELETE_PENDING
    assert change(guest, handle, 13, b"\0") == STATUS_SUCCESS
    assert guest.create(A) == STATUS_SUCCESS
    guest.call(NtClose, guest.handle)
    assert change(guest, handle, 13, b"\1") == STATUS_SUCCESS
    guest.call(NtClose, handle)
    assert names(guest) == ["b.txt"]


def test_what_cannot_be_deleted(guest: Guest) -> None:
    directory = guest.open(r"\??\C:\data", DELETE | SYNCHRONIZE, options=SYNC | FILE_DIRECTORY_FILE)
    assert change(guest, directory, 13, b"\1") == STATUS_DIRECTORY_NOT_EMPTY
    read_only = guest.open(r"\??\C:\ro", ALL, FILE_CREATE, attributes=1)
    assert change(guest, read_only, 13, b"\1") == STATUS_CANNOT_DELETE
    reader = guest.open(A, READ)
    assert change(guest, reader, 13, b"\1") == STATUS_ACCESS_DENIED


def test_times_and_attributes(guest: Guest) -> None:
    handle = guest.open(A, ALL)
    node = guest.k.volume.locate(guest.k.volume.root, r"data\a.txt")[2]
    assert node is not None
    before = node.times
    assert change(guest, handle, 4, struct.pack("<4qI4x", 0, -1, 77, -2, 0)) == STATUS_SUCCESS
    assert node.times == (before[0], before[1], 77, before[3])
    assert node.attributes == 0x20
    assert change(guest, handle, 4, struct.pack("<4qI4x", 0, 0, 0, 0, 0x80)) == STATUS_SUCCESS
    assert (node.attributes, node.reported_attributes) == (0, 0x80)
    assert change(guest, handle, 4, struct.pack("<4qI4x", 0, 0, 0, 0, 0x10)) == STATUS_INVALID_PARAMETER
    assert change(guest, handle, 4, struct.pack("<4qI4x", -3, 0, 0, 0, 0)) == STATUS_INVALID_PARAMETER
    assert change(guest, guest.open(A), 4, bytes(40)) == STATUS_ACCESS_DENIED


def test_position_and_sizes(guest: Guest) -> None:
    handle = guest.open(A, READ | WRITE)
    read = r"C:\data\a.txt"
    assert change(guest, handle, 14, struct.pack("<q", 1 << 40)) == STATUS_SUCCESS
    assert change(guest, handle, 14, struct.pack("<q", -1)) == STATUS_INVALID_PARAMETER
    assert change(guest, handle, 20, struct.pack("<q", 12)) == STATUS_SUCCESS
    assert guest.k.files.read(read) == b"0123456789\0\0"
    assert change(guest, handle, 19, struct.pack("<q", 4096)) == STATUS_SUCCESS
    assert change(guest, handle, 19, struct.pack("<q", 3)) == STATUS_SUCCESS
    assert guest.k.files.read(read) == b"012"
    assert change(guest, handle, 20, struct.pack("<q", 1 << 50)) == STATUS_DISK_FULL
    assert change(guest, handle, 20, struct.pack("<q", 0)[:7]) == STATUS_INFO_LENGTH_MISMATCH


def test_absent_classes(guest: Guest) -> None:
    with pytest.raises(Unsupported, match=r"NtSetInformationFile\(FileMoveClusterInformation\)"):
        change(guest, guest.open(A, ALL), 31, b"\0\0\0\0")
    assert change(guest, guest.open(A, ALL), 5, bytes(24)) == STATUS_INVALID_INFO_CLASS


def test_space_that_the_volume_does_not_have(guest: Guest) -> None:
    handle = guest.open(A, ALL)
    for size, status in ((1 << 62, STATUS_DISK_FULL), (1 << 19, STATUS_SUCCESS), (4, STATUS_SUCCESS)):
        assert change(guest, handle, 19, struct.pack("<q", size)) == status
    assert guest.k.files.read(r"C:\data\a.txt") == b"0123"
