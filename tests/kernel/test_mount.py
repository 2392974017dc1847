from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import pytest
from guest import READ, SYNC, WRITE, Guest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wowsim.errors import Unsupported, UsageError
from wowsim.kernel.access import DELETE, FILE_CREATE, FILE_DIRECTORY_FILE, FILE_OVERWRITE_IF
from wowsim.kernel.file_changes import NtSetInformationFile
from wowsim.kernel.file_io import NtReadFile, NtWriteFile
from wowsim.kernel.files import NtDeleteFile, NtQueryAttributesFile
from wowsim.kernel.handles import NtClose
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_CANNOT_DELETE,
    STATUS_DISK_FULL,
    STATUS_INVALID_PARAMETER,
    STATUS_MEDIA_WRITE_PROTECTED,
    STATUS_NOT_SAME_DEVICE,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from pathlib import Path

ALL = 0x1F01FF
M = "\\??\\C:\\m\\"
SECRET = b"the host's own"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """``inside`` is mounted; ``secret.txt`` and ``inside2`` beside it must never be seen."""
    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    (inside / "a.txt").write_bytes(b"0123456789")
    (inside / "sub" / "b.txt").write_bytes(b"b")
    (tmp_path / "secret.txt").write_bytes(SECRET)
    (tmp_path / "inside2").mkdir()
    (tmp_path / "inside2" / "secret.txt").write_bytes(SECRET)
    return inside


def mounted(host: Path, writable: bool = False) -> Guest:
    guest = Guest(capacity=1 << 16)
    guest.k.files.mount(host, r"C:\m", writable)
    return guest


def write(guest: Guest, handle: int, data: bytes, at: int = 0) -> int:
    where = guest.put(struct.pack("<q", at))
    return guest.call(NtWriteFile, handle, 0, 0, 0, guest.iosb, guest.put(data), len(data), where, 0)


def rename(guest: Guest, handle: int, target: str) -> int:
    text = target.encode("utf-16-le")
    data = struct.pack("<B7xQI", 0, 0, len(text)) + text.ljust(4, b"\0")
    return guest.call(NtSetInformationFile, handle, guest.iosb, guest.put(data), len(data), 10)


def test_reading_through(host: Path) -> None:
    guest = mounted(host)
    assert guest.k.files.list(r"C:\m") == ["a.txt", "sub"]
    assert guest.k.files.read(r"c:\M\A.TXT") == b"0123456789"
    handle = guest.open(M + r"SUB\B.txt")
    buffer = guest.room(16)
    assert guest.call(NtReadFile, handle, 0, 0, 0, guest.iosb, buffer, 16, 0, 0) == STATUS_SUCCESS
    assert guest.memory.read(buffer, guest.information) == b"b"


def test_host_changes_show_at_once(host: Path) -> None:
    guest = mounted(host)
    (host / "late.txt").write_bytes(b"late")
    assert guest.k.files.read(r"C:\m\late.txt") == b"late"
    handle = guest.open(M + "late.txt")
    (host / "late.txt").unlink()
    buffer = guest.room(16)
    status = guest.call(NtReadFile, handle, 0, 0, 0, guest.iosb, buffer, 16, 0, 0)
    assert status == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.create(M + "late.txt") == STATUS_OBJECT_NAME_NOT_FOUND


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (M + r"..\secret.txt", STATUS_OBJECT_NAME_INVALID),
        (M + r"sub\..\..\secret.txt", STATUS_OBJECT_NAME_INVALID),
        (M + "../secret.txt", STATUS_OBJECT_NAME_INVALID),
        (M + "a.txt:secret", STATUS_OBJECT_NAME_INVALID),
        (M + "a.txt\0", STATUS_OBJECT_NAME_INVALID),
        (M + "a.txt.", STATUS_OBJECT_NAME_NOT_FOUND),
        (M + "a.txt ", STATUS_OBJECT_NAME_NOT_FOUND),
        (M + "out.txt", STATUS_OBJECT_NAME_NOT_FOUND),
        (M + r"outdir\secret.txt", STATUS_OBJECT_PATH_NOT_FOUND),
        (M + r"neighbour\secret.txt", STATUS_OBJECT_PATH_NOT_FOUND),
        (M + "dangling", STATUS_OBJECT_NAME_NOT_FOUND),
        (M + "loop", STATUS_OBJECT_NAME_NOT_FOUND),
        (M + "fifo", STATUS_OBJECT_NAME_NOT_FOUND),
        (M + "NUL", STATUS_OBJECT_NAME_NOT_FOUND),
        (M + "in.txt", STATUS_SUCCESS),
        (M + r"indir\b.txt", STATUS_SUCCESS),
    ],
)
def test_nothing_leads_out(host: Path, path: str, status: int) -> None:
    links = {
        "out.txt": host.parent / "secret.txt",
        "outdir": host.parent,
        "neighbour": host.parent / "inside2",
        "dangling": host / "nowhere",
        "loop": host / "loop",
        "in.txt": host / "a.txt",
        "indir": host / "sub",
    }
    for name, target in links.items():
        (host / name).symlink_to(target)
    os.mkfifo(host / "fifo")
    guest = mounted(host, writable=True)
    assert guest.create(path, READ) == status
    assert guest.k.files.list(r"C:\m") == ["a.txt", "in.txt", "indir", "sub"]


def test_a_link_that_turns_outwards_after_the_open(host: Path) -> None:
    (host / "link").symlink_to(host / "a.txt")
    guest = mounted(host, writable=True)
    handle = guest.open(M + "link", READ | WRITE)
    (host / "link").unlink()
    (host / "link").symlink_to(host.parent / "secret.txt")
    buffer = guest.room(16)
    assert guest.call(NtReadFile, handle, 0, 0, 0, guest.iosb, buffer, 16, 0, 0) == STATUS_ACCESS_DENIED
    assert write(guest, handle, b"x") == STATUS_ACCESS_DENIED
    assert (host.parent / "secret.txt").read_bytes() == SECRET


def test_a_read_only_mount_stays_as_it_is(host: Path) -> None:
    guest = mounted(host)
    before = sorted((p.name, p.read_bytes() if p.is_file() else b"") for p in host.rglob("*"))
    assert guest.create(M + "a.txt", WRITE) == STATUS_MEDIA_WRITE_PROTECTED
    assert guest.create(M + "a.txt", READ, FILE_OVERWRITE_IF) == STATUS_MEDIA_WRITE_PROTECTED
    assert guest.create(M + "new", WRITE, FILE_CREATE) == STATUS_MEDIA_WRITE_PROTECTED
    assert (
        guest.create(M + "new", READ, FILE_CREATE, SYNC | FILE_DIRECTORY_FILE) == STATUS_MEDIA_WRITE_PROTECTED
    )
    assert guest.create(M + "a.txt", READ | DELETE) == STATUS_MEDIA_WRITE_PROTECTED
    assert guest.call(NtDeleteFile, guest.name(M + "a.txt")) == STATUS_CANNOT_DELETE
    guest.k.files.add(r"C:\mine", b"m")
    assert rename(guest, guest.open(r"\??\C:\mine", ALL), M + "mine") == STATUS_MEDIA_WRITE_PROTECTED
    with pytest.raises(UsageError, match="MEDIA_WRITE_PROTECTED"):
        guest.k.files.add(r"C:\m\new", b"")
    assert sorted((p.name, p.read_bytes() if p.is_file() else b"") for p in host.rglob("*")) == before


def test_a_writable_mount_changes_the_host(host: Path) -> None:
    guest = mounted(host, writable=True)
    handle = guest.open(M + r"sub\new.txt", READ | WRITE | DELETE, FILE_CREATE)
    assert write(guest, handle, b"data", at=2) == STATUS_SUCCESS
    assert (host / "sub" / "new.txt").read_bytes() == b"\0\0data"
    assert rename(guest, handle, M + "moved.txt") == STATUS_SUCCESS
    assert (host / "moved.txt").read_bytes() == b"\0\0data"
    assert write(guest, handle, b"x", at=1 << 20) == STATUS_DISK_FULL
    guest.call(NtClose, handle)
    assert guest.call(NtDeleteFile, guest.name(M + "moved.txt")) == STATUS_SUCCESS
    assert not (host / "moved.txt").exists()
    guest.open(M + "dir", READ, FILE_CREATE, SYNC | FILE_DIRECTORY_FILE)
    assert (host / "dir").is_dir()


def test_the_mount_point_and_the_border_stay(host: Path) -> None:
    guest = mounted(host, writable=True)
    directory = guest.open(M, ALL, options=SYNC | FILE_DIRECTORY_FILE)
    assert rename(guest, directory, r"\??\C:\elsewhere") == STATUS_ACCESS_DENIED
    assert guest.call(NtDeleteFile, guest.name(M)) == STATUS_CANNOT_DELETE
    guest.k.files.add(r"C:\mine", b"m")
    assert rename(guest, guest.open(r"\??\C:\mine", ALL), M + "mine") == STATUS_NOT_SAME_DEVICE
    assert rename(guest, guest.open(M + "a.txt", ALL), r"\??\C:\a.txt") == STATUS_NOT_SAME_DEVICE
    assert (host / "a.txt").read_bytes() == b"0123456789"


@pytest.mark.parametrize("name", ["NUL", "com1.txt", "CON .x", "a.", "a ", "\ud800"])
def test_names_that_a_host_could_take_for_something_else(host: Path, name: str) -> None:
    guest = mounted(host, writable=True)
    assert guest.create(M + name, WRITE, FILE_CREATE) == STATUS_OBJECT_NAME_INVALID
    assert sorted(os.listdir(host)) == ["a.txt", "sub"]


def test_hidden_links_are_not_overwritten(host: Path) -> None:
    (host / "out").symlink_to(host.parent / "fresh.txt")
    guest = mounted(host, writable=True)
    assert guest.create(M + "out", WRITE, FILE_CREATE) == STATUS_OBJECT_NAME_COLLISION
    assert rename(guest, guest.open(M + "a.txt", ALL), "out") == STATUS_OBJECT_NAME_COLLISION
    assert not (host.parent / "fresh.txt").exists()


def test_names_that_differ_in_case_show_once(host: Path) -> None:
    (host / "A.TXT").write_bytes(b"upper")
    if len(os.listdir(host)) == 2:
        pytest.skip("the host itself ignores case")
    guest = mounted(host)
    assert guest.k.files.list(r"C:\m") == ["A.TXT", "sub"]
    assert guest.k.files.read(r"C:\m\a.txt") == b"upper"


def test_host_names_that_windows_has_not_are_hidden(host: Path) -> None:
    for name in ("a:b", "what?", "tab\t", "back\\slash", "x" * 255):
        (host / name).write_bytes(SECRET)
    assert mounted(host).k.files.list(r"C:\m") == ["a.txt", "sub", "x" * 255]


PIECES = [
    "\\",
    "/",
    "..",
    ".",
    "a.txt",
    "sub",
    "secret.txt",
    "outdir",
    ":",
    "\0",
    "~",
    "\udc2e",
    "%2e",
    "m",
    " ",
]


@settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
def test_no_combination_reads_the_secret(host: Path, path: str) -> None:
    if not (host / "outdir").is_symlink():
        (host / "outdir").symlink_to(host.parent)
    guest = mounted(host)
    try:
        status = guest.create(M + path, READ)
    except Unsupported:
        return
    if status == STATUS_SUCCESS:
        buffer = guest.room(64)
        guest.call(NtReadFile, guest.handle, 0, 0, 0, guest.iosb, buffer, 64, 0, 0)
        assert SECRET not in guest.memory.read(buffer, 64)


# ---------------------------------------------------------------- times
SEEN = 130_000_001_234_567_890
"""A moment of 2012, in 100 ns units."""
UNIX = 116444736_000000000


def dated(path: Path, moment: int) -> None:
    os.utime(path, ns=((moment - UNIX) * 100, (moment - UNIX) * 100))


def times(guest: Guest, path: str) -> list[int]:
    out = guest.room(40)
    assert guest.call(NtQueryAttributesFile, guest.name(path), out) == STATUS_SUCCESS
    return [guest.value(out + at) for at in (0, 8, 16, 24)]


def set_times(guest: Guest, path: str, created: int, accessed: int, written: int, changed: int) -> int:
    handle = guest.open(path, 0x100100)  # FILE_WRITE_ATTRIBUTES | SYNCHRONIZE
    data = guest.put(struct.pack("<4qI4x", created, accessed, written, changed, 0))
    return guest.call(NtSetInformationFile, handle, guest.iosb, data, 40, 4)


def test_a_file_of_the_host_shows_when_it_was_changed(host: Path) -> None:
    dated(host / "a.txt", SEEN)
    dated(host / "sub", SEEN + 5)
    guest = mounted(host)
    assert times(guest, M + "a.txt") == [SEEN] * 4
    assert times(guest, M + "sub") == [SEEN + 5] * 4
    assert set_times(guest, M + "a.txt", 0, 0, SEEN + 1, 0) == STATUS_MEDIA_WRITE_PROTECTED
    assert times(guest, M + "a.txt") == [SEEN] * 4


@pytest.mark.parametrize("name", ["a.txt", "sub"])
def test_times_go_to_the_host(host: Path, name: str) -> None:
    dated(host / name, SEEN)
    guest = mounted(host, writable=True)
    assert set_times(guest, M + name, SEEN + 1, SEEN + 2, SEEN + 3, -1) == STATUS_SUCCESS
    assert times(guest, M + name) == [SEEN + 1, SEEN + 2, SEEN + 3, SEEN]
    assert os.stat(host / name).st_mtime_ns == (SEEN + 3 - UNIX) * 100
    assert os.stat(host / name).st_atime_ns == (SEEN + 2 - UNIX) * 100
    assert times(mounted(host), M + name) == [SEEN + 3] * 4
    assert set_times(guest, M + name, -3, 0, 0, 0) == STATUS_INVALID_PARAMETER
    assert set_times(guest, M + name, 0, 0, 1, 0) in (STATUS_SUCCESS, STATUS_INVALID_PARAMETER)
    assert set_times(guest, M + name, 0, 0, (1 << 63) - 1, 0) in (STATUS_SUCCESS, STATUS_INVALID_PARAMETER)


def test_what_the_guest_writes_has_simulated_times(host: Path) -> None:
    dated(host / "a.txt", SEEN)
    dated(host / "sub", SEEN)
    guest = mounted(host, writable=True)
    now = guest.k.clock.now
    assert write(guest, guest.open(M + "a.txt", WRITE), b"x") == STATUS_SUCCESS
    assert times(guest, M + "a.txt") == [SEEN, SEEN, now, now]
    guest.open(M + r"sub\new.txt", WRITE, FILE_CREATE)
    assert times(guest, M + r"sub\new.txt") == [now] * 4
    assert times(guest, M + "sub") == [SEEN, SEEN, now, now]


def test_a_listing_that_is_remembered_is_made_anew_when_the_directory_changes(host: Path) -> None:
    for folder in (host, host / "sub"):
        dated(folder, SEEN)
    guest = mounted(host, writable=True)
    assert guest.k.files.list(r"C:\m\sub") == ["b.txt"]
    (host / "sub" / "c.txt").write_bytes(b"c")
    assert guest.k.files.list(r"C:\m\sub") == ["b.txt", "c.txt"]
    assert guest.k.files.read(r"C:\m\sub\c.txt") == b"c"
    (host / "sub" / "b.txt").unlink()
    assert guest.create(M + r"sub\b.txt") == STATUS_OBJECT_NAME_NOT_FOUND
    guest.open(M + r"sub\d.txt", WRITE, FILE_CREATE)
    assert guest.k.files.list(r"C:\m\sub") == ["c.txt", "d.txt"]
