from __future__ import annotations

import struct

import pytest
from guest import READ, SYNC, Guest

from wowsim.errors import Unsupported
from wowsim.kernel.access import FILE_DIRECTORY_FILE, FILE_READ_ATTRIBUTES, SYNCHRONIZE
from wowsim.kernel.directory import NtQueryDirectoryFile
from wowsim.kernel.files import NtDeleteFile
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_BUFFER_OVERFLOW,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_NO_MORE_FILES,
    STATUS_NO_SUCH_FILE,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import IO_STATUS_BLOCK

NAMES = ["alpha.txt", "Beta.TXT", "gamma", "sub", "zeta.txt.bak"]
TAIL = {1: 0x40, 2: 0x44, 3: 0x5E, 12: 0xC, 37: 0x68, 38: 0x50, 60: 0x58, 63: 0x72}
"""Where FileName lies in an entry ([MS-FSCC] 2.4)."""


@pytest.fixture
def guest() -> Guest:
    made = Guest()
    for name in NAMES:
        if name == "sub":
            made.k.files.add_directory(rf"C:\data\{name}")
        else:
            made.k.files.add(rf"C:\data\{name}", name.encode())
    return made


def directory(guest: Guest, path: str = r"\??\C:\data") -> int:
    return guest.open(path, READ, options=SYNC | FILE_DIRECTORY_FILE)


def query(
    guest: Guest,
    handle: int,
    mask: str | None = None,
    information_class: int = 3,
    *,
    length: int = 0x1000,
    single: bool = False,
    restart: bool = False,
) -> tuple[int, list[str]]:
    buffer = guest.put(b"\xcc" * (length + 16))
    name = 0 if mask is None else guest.string(mask)
    rest = (0, 0, 0, guest.iosb, buffer, length, information_class, single, name, restart)
    status = guest.call(NtQueryDirectoryFile, handle, *rest)
    assert guest.memory.read(buffer + length, 16) == b"\xcc" * 16
    guest._next = buffer
    if status != STATUS_SUCCESS:
        return status, []
    data = guest.memory.read(buffer, guest.information)
    return status, entries(data, information_class)


def entries(data: bytes, information_class: int) -> list[str]:
    found, at = [], 0
    while True:
        assert at % 8 == 0
        (size,) = struct.unpack_from("<I", data, at + (8 if information_class == 12 else 0x3C))
        start = at + TAIL[information_class]
        found.append(data[start : start + size].decode("utf-16-le"))
        (following,) = struct.unpack_from("<I", data, at)
        if following == 0:
            assert start + size == len(data)
            return found
        at += following


@pytest.mark.parametrize("information_class", TAIL)
def test_every_class_lists_everything_in_order(guest: Guest, information_class: int) -> None:
    handle = directory(guest)
    assert query(guest, handle, None, information_class) == (STATUS_SUCCESS, [".", "..", *NAMES])
    assert query(guest, handle, None, information_class) == (STATUS_NO_MORE_FILES, [])
    assert query(guest, handle, None, information_class, restart=True)[1] == [".", "..", *NAMES]


@pytest.mark.parametrize("length", [0x78, 0x80, 0x90, 0x100])
def test_small_buffers_lose_nothing(guest: Guest, length: int) -> None:
    handle = directory(guest)
    found: list[str] = []
    while True:
        status, names = query(guest, handle, "*", 3, length=length)
        if status == STATUS_NO_MORE_FILES:
            break
        assert status == STATUS_SUCCESS
        found += names
    assert found == [".", "..", *NAMES]


def test_single_entries_and_masks(guest: Guest) -> None:
    handle = directory(guest)
    assert query(guest, handle, "*.txt", single=True) == (STATUS_SUCCESS, ["alpha.txt"])
    assert query(guest, handle, "ignored", single=True) == (STATUS_SUCCESS, ["Beta.TXT"])
    assert query(guest, handle, single=True) == (STATUS_NO_MORE_FILES, [])
    assert guest.load(IO_STATUS_BLOCK, guest.iosb).Status == STATUS_NO_MORE_FILES
    assert query(guest, directory(guest), "BETA.txt") == (STATUS_SUCCESS, ["Beta.TXT"])
    assert query(guest, directory(guest), "nothing") == (STATUS_NO_SUCH_FILE, [])
    assert query(guest, directory(guest), "<") == (STATUS_SUCCESS, ["gamma", "sub"])


def test_the_root_has_no_dots(guest: Guest) -> None:
    assert query(guest, directory(guest, "\\??\\C:\\")) == (STATUS_SUCCESS, ["data"])


def test_an_entry_that_does_not_fit_is_cut(guest: Guest) -> None:
    handle = directory(guest)
    assert query(guest, handle, "alpha.txt", length=0x5E + 4) == (STATUS_BUFFER_OVERFLOW, [])
    assert guest.information == 0x62
    assert query(guest, handle, None) == (STATUS_NO_MORE_FILES, [])
    assert query(guest, directory(guest), "alpha.txt", length=0x5E)[0] == STATUS_INFO_LENGTH_MISMATCH
    assert query(guest, directory(guest), "alpha.txt", length=0)[0] == STATUS_INFO_LENGTH_MISMATCH


def test_what_is_deleted_meanwhile_is_not_shown(guest: Guest) -> None:
    handle = directory(guest)
    query(guest, handle, "*", single=True)
    assert guest.call(NtDeleteFile, guest.name(r"\??\C:\data\gamma")) == STATUS_SUCCESS
    assert "gamma" not in query(guest, handle)[1]


def test_wrong_questions(guest: Guest) -> None:
    handle = directory(guest)
    assert query(guest, handle, "x" * 256)[0] == STATUS_OBJECT_NAME_INVALID
    assert query(guest, handle, r"sub\*")[0] == STATUS_OBJECT_NAME_INVALID
    assert query(guest, guest.open(r"\??\C:\data\gamma"))[0] == STATUS_INVALID_PARAMETER
    assert query(guest, guest.open(r"\??\NUL"))[0] == STATUS_INVALID_PARAMETER
    blind = guest.open(r"\??\C:\data", FILE_READ_ATTRIBUTES | SYNCHRONIZE)
    assert query(guest, blind)[0] == STATUS_ACCESS_DENIED
    assert query(guest, handle, None, 200)[0] == STATUS_INVALID_INFO_CLASS
    with pytest.raises(Unsupported, match="FileId64ExtdDirectoryInformation"):
        query(guest, handle, None, 78)
    assert query(guest, handle, None, 4)[0] == STATUS_INVALID_INFO_CLASS
    assert (
        guest.call(NtQueryDirectoryFile, handle, 0, 0, 0, guest.iosb, 0, 64, 3, 0, 0, 0)
        == STATUS_ACCESS_VIOLATION
    )
