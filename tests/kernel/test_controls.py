"""Control codes of files and volumes, and the links that reparse points make."""

from __future__ import annotations

import struct
from random import Random
from typing import TYPE_CHECKING

import pytest
from guest import BASE, READ, SIZE, SYNC, WRITE, Guest

from wowsim.errors import Unsupported
from wowsim.kernel.access import (
    FILE_CREATE,
    FILE_DIRECTORY_FILE,
    FILE_OPEN_IF,
    FILE_OPEN_REPARSE_POINT,
    FILE_READ_ATTRIBUTES,
    SYNCHRONIZE,
)
from wowsim.kernel.controls import NtDeviceIoControlFile, NtFsControlFile
from wowsim.kernel.directory import NtQueryDirectoryFile
from wowsim.kernel.disk_controls import DISK_CONTROLS
from wowsim.kernel.file_changes import NtSetInformationFile
from wowsim.kernel.file_information import NtQueryInformationByName, NtQueryInformationFile
from wowsim.kernel.files import NtDeleteFile, NtQueryAttributesFile
from wowsim.kernel.handles import NtClose
from wowsim.kernel.named_pipes import NtCreateNamedPipeFile
from wowsim.kernel.pipe_controls import PIPE_CONTROLS, ROOT_CONTROLS
from wowsim.kernel.reparse import IO_REPARSE_TAG_MOUNT_POINT, IO_REPARSE_TAG_SYMLINK
from wowsim.kernel.reparse_controls import REPARSE_CONTROLS
from wowsim.kernel.volume_controls import FILE_CONTROLS, VOLUME_CONTROLS
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_DIRECTORY_NOT_EMPTY,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_IO_REPARSE_DATA_INVALID,
    STATUS_IO_REPARSE_TAG_INVALID,
    STATUS_IO_REPARSE_TAG_MISMATCH,
    STATUS_IO_REPARSE_TAG_NOT_HANDLED,
    STATUS_NAME_TOO_LONG,
    STATUS_NOT_A_DIRECTORY,
    STATUS_NOT_A_REPARSE_POINT,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECTID_NOT_FOUND,
    STATUS_REPARSE_POINT_NOT_RESOLVED,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from pathlib import Path

A = r"\??\C:\d\a.txt"
ALL = 0x1F01FF
SET, GET, DELETE_REPARSE = 0x900A4, 0x900A8, 0x900AC


@pytest.fixture
def guest() -> Guest:
    made = Guest(capacity=1 << 24)
    made.k.files.add(r"C:\d\a.txt", b"0123456789")
    return made


def control(
    guest: Guest, handle: int, code: int, data: bytes = b"", room: int = 0, *, device: bool = False
) -> tuple[int, bytes]:
    """Status and what came back."""
    service = NtDeviceIoControlFile if device else NtFsControlFile
    at = guest.put(b"\xcc" * (room + 16))
    source = guest.put(data) if data else 0
    status = guest.call(service, handle, 0, 0, 0, guest.iosb, code, source, len(data), at, room)
    assert guest.memory.read(at + room, 16) == b"\xcc" * 16
    succeeded = status < 0xC0000000
    return status, guest.memory.read(at, guest.information) if succeeded else b""


# ---------------------------------------------------------------- links
def mount_point(target: str) -> bytes:
    name = target.encode("utf-16-le")
    data = struct.pack("<4H", 0, len(name), len(name) + 2, 0) + name + bytes(4)
    return struct.pack("<IHxx", IO_REPARSE_TAG_MOUNT_POINT, len(data)) + data


def symlink(target: str, relative: int) -> bytes:
    name = target.encode("utf-16-le")
    data = struct.pack("<4HI", 0, len(name), 0, len(name), relative) + name
    return struct.pack("<IHxx", IO_REPARSE_TAG_SYMLINK, len(data)) + data


def make_link(guest: Guest, path: str, data: bytes, *, directory: bool = False) -> int:
    options = SYNC | FILE_OPEN_REPARSE_POINT | (FILE_DIRECTORY_FILE if directory else 0)
    handle = guest.open(path, ALL, FILE_OPEN_IF, options)
    status = control(guest, handle, SET, data)[0]
    guest.call(NtClose, handle)
    return status


def path_of(guest: Guest, path: str, options: int = SYNC) -> str:
    """Where an open leads."""
    handle, at = guest.open(path, READ, options=options), guest.room(0x100)
    assert guest.call(NtQueryInformationFile, handle, guest.iosb, at, 0x100, 9) == STATUS_SUCCESS
    name = guest.memory.read(at + 4, guest.value(at, 4)).decode("utf-16-le")
    guest.call(NtClose, handle)
    return name


@pytest.mark.parametrize(
    ("target", "relative"),
    [
        (r"\??\C:\d\a.txt", 0),
        (r"\Device\HarddiskVolume1\d\a.txt", 0),
        ("a.txt", 1),
        (r"..\d\.\a.txt", 1),
        (r"..\..\..\d\a.txt", 1),
        (r"\d\a.txt", 1),
    ],
)
def test_a_symbolic_link_is_followed(guest: Guest, target: str, relative: int) -> None:
    assert make_link(guest, r"\??\C:\d\link", symlink(target, relative)) == STATUS_SUCCESS
    assert path_of(guest, r"\??\C:\d\link") == r"\d\a.txt"
    assert path_of(guest, r"\??\C:\d\link", SYNC | FILE_OPEN_REPARSE_POINT) == r"\d\link"


def test_a_mount_point_is_a_directory_elsewhere(guest: Guest) -> None:
    assert make_link(guest, r"\??\C:\m", mount_point("\\??\\C:\\d\\"), directory=True) == STATUS_SUCCESS
    assert path_of(guest, r"\??\C:\m") == r"\d"
    assert path_of(guest, r"\??\C:\m\a.txt") == r"\d\a.txt"
    guest.call(NtClose, guest.open(r"\??\C:\m\new", WRITE, FILE_CREATE))
    assert guest.k.files.list(r"C:\d") == ["a.txt", "new"]
    handle = guest.open(A, ALL)
    name = r"\??\C:\m\renamed".encode("utf-16-le")
    data = guest.put(struct.pack("<QQI", 0, 0, len(name)) + name)
    assert guest.call(NtSetInformationFile, handle, guest.iosb, data, 20 + len(name), 10) == STATUS_SUCCESS
    assert guest.k.files.list(r"C:\d") == ["new", "renamed"]


def test_a_link_reports_itself(guest: Guest) -> None:
    make_link(guest, r"\??\C:\link", symlink(r"\??\C:\nowhere", 0))
    basic = guest.room(40)
    assert guest.call(NtQueryAttributesFile, guest.name(r"\??\C:\link"), basic) == STATUS_SUCCESS
    assert guest.value(basic + 32, 4) == 0x420
    assert guest.create(r"\??\C:\link") == STATUS_OBJECT_NAME_NOT_FOUND
    at = guest.room(0x100)
    name = guest.name(r"\??\C:\link")
    assert guest.call(NtQueryInformationByName, name, guest.iosb, at, 8, 35) == STATUS_SUCCESS
    assert guest.memory.read(at, 8) == struct.pack("<II", 0x420, IO_REPARSE_TAG_SYMLINK)
    assert guest.call(NtQueryInformationByName, name, guest.iosb, at, 40, 4) == STATUS_INVALID_INFO_CLASS
    root = guest.open("\\??\\C:\\", READ, options=SYNC | FILE_DIRECTORY_FILE)
    rest = (0, 0, 0, guest.iosb, at, 0x100, 2, 1, guest.string("link"), 1)
    assert guest.call(NtQueryDirectoryFile, root, *rest) == STATUS_SUCCESS
    assert guest.value(at + 0x40, 4) == IO_REPARSE_TAG_SYMLINK  # EaSize


def test_links_that_lead_nowhere(guest: Guest) -> None:
    make_link(guest, r"\??\C:\loop", symlink("loop", 1))
    assert guest.create(r"\??\C:\loop") == STATUS_REPARSE_POINT_NOT_RESOLVED
    make_link(guest, r"\??\C:\grows", mount_point(r"\??\C:\grows\xxxxxxxx"), directory=True)
    assert guest.create(r"\??\C:\grows\y") in (STATUS_REPARSE_POINT_NOT_RESOLVED, STATUS_NAME_TOO_LONG)
    make_link(guest, r"\??\C:\far", symlink(r"\??\Z:\x", 0))
    assert guest.create(r"\??\C:\far") == STATUS_OBJECT_PATH_NOT_FOUND
    other = struct.pack("<IHxx", 0x80000099, 4) + b"data"
    make_link(guest, r"\??\C:\other", other)
    assert guest.create(r"\??\C:\other") == STATUS_IO_REPARSE_TAG_NOT_HANDLED


def test_sixty_three_links_are_followed(guest: Guest) -> None:
    for at in range(64):
        make_link(guest, rf"\??\C:\l{at}", symlink(f"l{at - 1}" if at else r"d\a.txt", 1))
    assert path_of(guest, r"\??\C:\l62") == r"\d\a.txt"
    assert guest.create(r"\??\C:\l63") == STATUS_REPARSE_POINT_NOT_RESOLVED


def test_setting_getting_deleting(guest: Guest) -> None:
    used = guest.k.volume.used
    handle = guest.open(A, ALL, options=SYNC | FILE_OPEN_REPARSE_POINT)
    assert control(guest, handle, GET, room=100)[0] == STATUS_NOT_A_REPARSE_POINT
    data = symlink("x", 1)
    assert control(guest, handle, SET, data)[0] == STATUS_SUCCESS
    assert control(guest, handle, GET, room=100) == (STATUS_SUCCESS, data)
    assert control(guest, handle, GET, room=10) == (STATUS_BUFFER_OVERFLOW, data[:10])
    assert control(guest, handle, GET, room=7)[0] == STATUS_BUFFER_TOO_SMALL
    assert control(guest, handle, SET, mount_point("x"))[0] == STATUS_NOT_A_DIRECTORY
    assert (
        control(guest, handle, SET, struct.pack("<IHxx", 0x80000099, 0))[0] == STATUS_IO_REPARSE_TAG_MISMATCH
    )
    wrong, right = struct.pack("<IHxx", 0x80000099, 0), struct.pack("<IHxx", IO_REPARSE_TAG_SYMLINK, 0)
    assert control(guest, handle, DELETE_REPARSE, wrong)[0] == STATUS_IO_REPARSE_TAG_MISMATCH
    assert control(guest, handle, DELETE_REPARSE, right)[0] == STATUS_SUCCESS
    assert control(guest, handle, DELETE_REPARSE, right)[0] == STATUS_NOT_A_REPARSE_POINT
    assert path_of(guest, A) == r"\d\a.txt"
    assert guest.k.volume.used == used
    directory = guest.open(r"\??\C:\d", ALL, options=SYNC | FILE_DIRECTORY_FILE)
    assert control(guest, directory, SET, mount_point("x"))[0] == STATUS_DIRECTORY_NOT_EMPTY
    assert control(guest, guest.open(A), SET, data)[0] == STATUS_ACCESS_DENIED


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", STATUS_IO_REPARSE_DATA_INVALID),
        (bytes(8), STATUS_IO_REPARSE_DATA_INVALID),
        (struct.pack("<IHxx", 0x80000001, 0), STATUS_IO_REPARSE_TAG_INVALID),
        (struct.pack("<IHxx", IO_REPARSE_TAG_SYMLINK, 4) + bytes(4), STATUS_IO_REPARSE_DATA_INVALID),
        (symlink("x", 1) + b"x", STATUS_IO_REPARSE_DATA_INVALID),
        (struct.pack("<IHxx4HI", IO_REPARSE_TAG_SYMLINK, 12, 0, 2, 0, 0, 0), STATUS_IO_REPARSE_DATA_INVALID),
        (struct.pack("<IHxx4HI", IO_REPARSE_TAG_SYMLINK, 12, 0, 0, 0, 0, 0), STATUS_IO_REPARSE_DATA_INVALID),
        (b"\x80" * 0x4001, STATUS_IO_REPARSE_DATA_INVALID),
        (b"\x80" * 0x100001, STATUS_INVALID_PARAMETER),
        (struct.pack("<IHxx", 0x99, 2) + bytes(16) + b"ok", STATUS_SUCCESS),
    ],
)
def test_reparse_data_is_checked(data: bytes, status: int) -> None:
    guest = Guest()
    guest.k.files.add(r"C:\a", b"")
    handle = guest.open(r"\??\C:\a", ALL)
    source = guest.put(data[:0x5000])
    slots = (0, 0, 0, guest.iosb, SET, source, len(data), 0, 0)
    assert guest.call(NtFsControlFile, handle, *slots) == status


def test_a_link_is_deleted_itself(guest: Guest) -> None:
    make_link(guest, r"\??\C:\link", symlink(r"d\a.txt", 1))
    assert guest.call(NtDeleteFile, guest.name(r"\??\C:\link")) == STATUS_SUCCESS
    assert guest.k.files.list("C:\\") == ["d"]
    assert guest.k.files.read(r"C:\d\a.txt") == b"0123456789"


def test_a_mount_has_no_links_of_the_guests(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"host")
    guest.k.files.mount(tmp_path, r"C:\m", True)
    handle = guest.open(r"\??\C:\m\f", ALL)
    for code, data in ((SET, symlink("x", 1)), (GET, b""), (0x900C4, b"")):
        assert control(guest, handle, code, data, 64)[0] == STATUS_INVALID_DEVICE_REQUEST
    make_link(guest, r"\??\C:\in", symlink(r"m\f", 1))
    assert path_of(guest, r"\??\C:\in") == r"\m\f"
    make_link(guest, r"\??\C:\out", symlink(r"m\..\..\..\etc\passwd", 1))
    assert guest.create(r"\??\C:\out") == STATUS_OBJECT_PATH_NOT_FOUND


# ---------------------------------------------------------------- sparse files and the rest
def test_sparse_files(guest: Guest) -> None:
    unit = 0x10000
    guest.k.files.add(r"C:\s", b"x" * (3 * unit))
    handle = guest.open(r"\??\C:\s", ALL)
    whole = struct.pack("<qq", 0, 3 * unit)
    assert control(guest, handle, 0x940CF, whole, 64) == (STATUS_SUCCESS, whole)
    assert control(guest, handle, 0x900C4)[0] == STATUS_SUCCESS
    assert control(guest, handle, 0x980C8, struct.pack("<qq", unit, 2 * unit))[0] == STATUS_SUCCESS
    both = struct.pack("<qqqq", 0, unit, 2 * unit, unit)
    assert control(guest, handle, 0x940CF, whole, 64) == (STATUS_SUCCESS, both)
    assert control(guest, handle, 0x940CF, whole, 31) == (STATUS_BUFFER_OVERFLOW, both[:16])
    middle = struct.pack("<qq", 100, unit)
    assert control(guest, handle, 0x940CF, middle, 64) == (
        STATUS_SUCCESS,
        struct.pack("<qq", 100, unit - 100),
    )
    assert control(guest, handle, 0x940CF, struct.pack("<qq", -1, 1), 64)[0] == STATUS_INVALID_PARAMETER
    assert control(guest, handle, 0x980C8, struct.pack("<qq", 2, 1))[0] == STATUS_INVALID_PARAMETER
    assert control(guest, handle, 0x980C8, struct.pack("<qq", 0, 1 << 62))[0] == STATUS_SUCCESS
    assert guest.k.files.read(r"C:\s") == bytes(3 * unit)
    assert control(guest, handle, 0x900C4, b"\0")[0] == STATUS_SUCCESS
    assert control(guest, handle, 0x940CF, whole, 64) == (STATUS_SUCCESS, whole)


def test_compression_is_not_there(guest: Guest) -> None:
    handle = guest.open(A, ALL)
    assert control(guest, handle, 0x9003C, room=2) == (STATUS_SUCCESS, b"\0\0")
    assert control(guest, handle, 0x9003C, room=1)[0] == STATUS_INVALID_PARAMETER
    assert control(guest, handle, 0x9C040, b"\0\0")[0] == STATUS_SUCCESS
    assert control(guest, handle, 0x9C040, b"\1\0")[0] == STATUS_INVALID_DEVICE_REQUEST


def test_object_ids(guest: Guest) -> None:
    handle = guest.open(A, ALL)
    assert control(guest, handle, 0x9009C, room=64)[0] == STATUS_OBJECTID_NOT_FOUND
    status, made = control(guest, handle, 0x900C0, room=64)
    assert (status, len(made), made[:16] != bytes(16)) == (STATUS_SUCCESS, 64, True)
    assert control(guest, handle, 0x9009C, room=64) == (STATUS_SUCCESS, made)
    assert control(guest, handle, 0x900A0)[0] == STATUS_SUCCESS
    assert control(guest, handle, 0x9009C, room=64)[0] == STATUS_OBJECTID_NOT_FOUND


def test_files_of_a_mount_have_object_ids(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "one.dll").write_bytes(b"1")
    (tmp_path / "two.dll").write_bytes(b"2")
    guest.k.files.mount(tmp_path, r"C:\m")
    ids = []
    for name in ("", r"\one.dll", r"\two.dll", r"\ONE.DLL"):
        handle = guest.open(rf"\??\C:\m{name}")
        status, data = control(guest, handle, 0x9009C, room=64)
        assert (status, len(data), data[16:]) == (STATUS_SUCCESS, 64, bytes(48))
        assert control(guest, handle, 0x900C0, room=64) == (STATUS_SUCCESS, data)
        ids.append(data[:16])
    assert len(set(ids)) == 3
    assert ids[1] == ids[3]
    assert control(guest, handle, 0x9009C, room=63)[0] == STATUS_INVALID_PARAMETER
    other = Guest(seed=1)
    other.k.files.mount(tmp_path, r"C:\m")
    handle = other.open(r"\??\C:\m\one.dll")
    assert control(other, handle, 0x9009C, room=64)[1][:16] not in ids


def test_what_the_volume_says(guest: Guest) -> None:
    handle = guest.open(r"\??\C:", FILE_READ_ATTRIBUTES | SYNCHRONIZE)
    assert control(guest, handle, 0x90028)[0] == STATUS_SUCCESS
    status, data = control(guest, handle, 0x90064, room=96)
    found = struct.unpack("<5q4I5q", data)
    assert (status, found[2], found[5:8]) == (STATUS_SUCCESS, (1 << 24) // 4096, (512, 4096, 4096))
    assert control(guest, handle, 0x90064, room=95)[0] == STATUS_BUFFER_TOO_SMALL
    assert control(guest, handle, GET, room=64)[0] == STATUS_INVALID_DEVICE_REQUEST
    for code, name in ((0x90060, "FILESYSTEM_GET_STATISTICS"), (0x9006F, "GET_VOLUME_BITMAP")):
        with pytest.raises(Unsupported, match=f"FSCTL_{name}"):
            control(guest, handle, code)


def test_what_the_disk_says(guest: Guest) -> None:
    handle = guest.open(r"\??\C:", FILE_READ_ATTRIBUTES | SYNCHRONIZE)

    def ask(code: int, room: int) -> tuple[int, bytes]:
        return control(guest, handle, code, room=room, device=True)

    geometry = struct.pack("<qIIII", (1 << 24) // (255 * 63 * 512), 12, 255, 63, 512)
    assert ask(0x70000, 24) == (STATUS_SUCCESS, geometry)
    assert ask(0x70000, 23)[0] == STATUS_BUFFER_TOO_SMALL
    assert ask(0x700A0, 40)[1][24:32] == struct.pack("<q", 1 << 24)
    assert ask(0x7405C, 8)[0] == STATUS_ACCESS_DENIED  # it takes read access, which nobody gets
    assert ask(0x2D1080, 12)[1] == struct.pack("<III", 7, 0, 1)
    name = r"\Device\HarddiskVolume1".encode("utf-16-le")
    assert ask(0x4D0008, 100) == (STATUS_SUCCESS, struct.pack("<H", len(name)) + name)
    assert ask(0x4D0008, 6) == (STATUS_BUFFER_OVERFLOW, struct.pack("<H", len(name)))
    with pytest.raises(Unsupported, match="IOCTL_STORAGE_QUERY_PROPERTY"):
        ask(0x2D1400, 64)
    assert ask(0x700FC, 64)[0] == STATUS_INVALID_DEVICE_REQUEST


# ---------------------------------------------------------------- hostile input
CODES = sorted(
    {*FILE_CONTROLS, *VOLUME_CONTROLS, *REPARSE_CONTROLS, *PIPE_CONTROLS, *ROOT_CONTROLS, *DISK_CONTROLS}
)


@pytest.mark.parametrize("code", CODES)
def test_no_input_gets_past_a_control(code: int) -> None:
    """Whatever a buffer holds and whomever it is for, there is a status or a named refusal."""
    random = Random(code)
    guest = Guest(capacity=1 << 20)
    guest.k.files.add(r"C:\d\a.txt", b"0123456789")
    timeout = guest.put(struct.pack("<q", -1))
    slots = (
        guest.out,
        READ | WRITE,
        guest.name(r"\??\PIPE\p"),
        guest.iosb,
        3,
        2,
        0,
        1,
        1,
        0,
        9,
        64,
        64,
        timeout,
    )
    assert guest.call(NtCreateNamedPipeFile, *slots) == STATUS_SUCCESS
    handles = [
        guest.handle,
        guest.open(r"\??\PIPE\p", READ | WRITE, options=0),
        guest.open(r"\??\PIPE", READ | WRITE, options=0),
        guest.open(A, ALL),
        guest.open(r"\??\C:\d", READ | WRITE, options=SYNC | FILE_DIRECTORY_FILE),
        guest.open(r"\??\C:", FILE_READ_ATTRIBUTES | SYNCHRONIZE),
        guest.open(r"\??\NUL", READ | WRITE),
    ]
    place = guest._next
    for _ in range(300):
        guest._next = place
        size, room = random.choice([0, 1, 7, 8, 12, 16, 24, 64]), random.choice([0, 1, 7, 16, 24, 63, 96])
        data = random.choice([bytes(size), random.randbytes(size), b"\xff" * size])
        where = random.choice([0, 8, guest.put(data), BASE + SIZE - 4])
        into = random.choice([0, 8, guest.room(128), BASE + SIZE - 4])
        service = NtDeviceIoControlFile if random.random() < 0.2 else NtFsControlFile
        handle, context = random.choice(handles), random.choice([0, 1])
        try:
            status = guest.call(service, handle, 0, 0, context, guest.iosb, code, where, size, into, room)
        except Unsupported:
            continue
        assert 0 <= status <= 0xFFFFFFFF
    for handle in handles:
        guest.call(NtClose, handle)
    assert guest.k.requests == []
