"""Information classes, volumes, attributes and segments that few programs ask for."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from guest import READ, SYNC, WRITE, Guest

from wowsim.errors import Unsupported
from wowsim.kernel.access import FILE_DIRECTORY_FILE, FILE_NO_INTERMEDIATE_BUFFERING
from wowsim.kernel.directory import NtQueryDirectoryFileEx
from wowsim.kernel.extended_attributes import (
    NtQueryEaFile,
    NtQueryQuotaInformationFile,
    NtSetEaFile,
    NtSetQuotaInformationFile,
)
from wowsim.kernel.file_changes import NtSetInformationFile
from wowsim.kernel.file_information import NtQueryInformationFile
from wowsim.kernel.file_io import NtFlushBuffersFileEx
from wowsim.kernel.file_segments import NtReadFileScatter, NtWriteFileGather
from wowsim.kernel.volume_information import NtQueryVolumeInformationFile, NtSetVolumeInformationFile
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_EAS_NOT_SUPPORTED,
    STATUS_END_OF_FILE,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_VOLUME_LABEL,
    STATUS_NO_EAS_ON_FILE,
    STATUS_NO_MORE_FILES,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from pathlib import Path

A = r"\??\C:\d\a.txt"
ALL = 0x1F01FF


@pytest.fixture(params=[64, 32])
def guest(request: pytest.FixtureRequest) -> Guest:
    made = Guest(width=request.param, capacity=1 << 20)
    made.k.files.add(r"C:\d\a.txt", b"x" * 5000)
    return made


def query(guest: Guest, handle: int, information_class: int, length: int = 0x100) -> tuple[int, bytes]:
    at = guest.room(length)
    status = guest.call(NtQueryInformationFile, handle, guest.iosb, at, length, information_class)
    return status, guest.memory.read(at, guest.information) if status < 0xC0000000 else b""


def change(guest: Guest, handle: int, information_class: int, data: bytes) -> int:
    return guest.call(NtSetInformationFile, handle, guest.iosb, guest.put(data), len(data), information_class)


# ---------------------------------------------------------------- files
def test_classes_of_one_value(guest: Guest) -> None:
    handle = guest.open(A)
    file_id = query(guest, handle, 6)[1]
    assert query(guest, handle, 59) == (
        STATUS_SUCCESS, struct.pack("<Q", guest.k.volume.serial_number) + file_id + bytes(8)
    )  # fmt: skip
    assert query(guest, handle, 28) == (STATUS_SUCCESS, struct.pack("<q8x", 8192))
    assert query(guest, handle, 51) == (STATUS_SUCCESS, b"\0")
    assert query(guest, handle, 21)[0] == STATUS_OBJECT_NAME_NOT_FOUND
    assert query(guest, handle, 55)[0] == STATUS_INVALID_PARAMETER
    assert query(guest, handle, 23)[0] == STATUS_INVALID_PARAMETER
    volume = query(guest, handle, 58)[1]
    assert volume[4:].decode("utf-16-le") == r"\Device\HarddiskVolume1"
    assert query(guest, handle, 48) == query(guest, handle, 9)
    assert query(guest, handle, 71) == query(guest, handle, 41) == (STATUS_SUCCESS, bytes(4))
    assert query(guest, handle, 43) == (STATUS_SUCCESS, b"\2\0\0\0")
    stat = struct.unpack("<7q4I", query(guest, handle, 68)[1])
    assert stat[5:] == (8192, 5000, 0x20, 0, 1, READ)
    assert struct.pack("<q", stat[0]) == file_id


def test_modes_hints_and_privileges(guest: Guest) -> None:
    handle = guest.open(A, ALL)
    assert change(guest, handle, 16, struct.pack("<I", SYNC | 2)) == STATUS_SUCCESS
    assert query(guest, handle, 16)[1] == struct.pack("<I", SYNC | 2)
    for wrong in (0, 0x30, SYNC | 8):
        assert change(guest, handle, 16, struct.pack("<I", wrong)) == STATUS_INVALID_PARAMETER
    assert change(guest, handle, 43, struct.pack("<I", 1)) == STATUS_SUCCESS
    assert change(guest, handle, 43, struct.pack("<I", 3)) == STATUS_INVALID_PARAMETER
    assert change(guest, handle, 41, struct.pack("<I", 8)) == STATUS_INVALID_PARAMETER
    for information_class in (39, 40):
        assert change(guest, handle, information_class, bytes(16)) == STATUS_PRIVILEGE_NOT_HELD


def test_flushing_with_flags(guest: Guest) -> None:
    handle = guest.open(A, WRITE)
    assert guest.call(NtFlushBuffersFileEx, handle, 1, 0, 0, guest.iosb) == STATUS_SUCCESS
    assert guest.call(NtFlushBuffersFileEx, handle, 0x10, 0, 0, guest.iosb) == STATUS_INVALID_PARAMETER
    assert guest.call(NtFlushBuffersFileEx, guest.open(A), 0, 0, 0, guest.iosb) == STATUS_ACCESS_DENIED


def test_directories_with_flags(guest: Guest) -> None:
    handle = guest.open(r"\??\C:\d", READ, options=SYNC | FILE_DIRECTORY_FILE)
    at = guest.room(0x200)

    def step(flags: int) -> int:
        return guest.call(NtQueryDirectoryFileEx, handle, 0, 0, 0, guest.iosb, at, 0x200, 12, flags, 0)

    assert [step(2) for _ in range(4)] == [STATUS_SUCCESS] * 3 + [STATUS_NO_MORE_FILES]
    assert step(1 | 8) == STATUS_SUCCESS
    assert guest.information > 3 * 14
    assert step(0x20) == STATUS_INVALID_PARAMETER
    with pytest.raises(Unsupported, match="SL_INDEX_SPECIFIED"):
        step(4)


def test_extended_attributes_and_quotas(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")
    guest.k.files.mount(tmp_path, r"C:\m", True)
    file, null, mounted = guest.open(A, ALL), guest.open(r"\??\NUL"), guest.open(r"\??\C:\m\f", ALL)
    at = guest.room(64)

    def ask(handle: int) -> int:
        return guest.call(NtQueryEaFile, handle, guest.iosb, at, 64, 0, 0, 0, 0, 0)

    assert [ask(file), ask(null), ask(mounted)] == [
        STATUS_NO_EAS_ON_FILE, STATUS_INVALID_DEVICE_REQUEST, STATUS_EAS_NOT_SUPPORTED,
    ]  # fmt: skip
    with pytest.raises(Unsupported, match="NtSetEaFile"):
        guest.call(NtSetEaFile, file, guest.iosb, at, 64)
    assert guest.call(NtSetEaFile, mounted, guest.iosb, at, 64) == STATUS_EAS_NOT_SUPPORTED
    slots = (file, guest.iosb, at, 64, 0, 0, 0, 0, 0)
    assert guest.call(NtQueryQuotaInformationFile, *slots) == STATUS_INVALID_DEVICE_REQUEST
    assert guest.call(NtSetQuotaInformationFile, file, guest.iosb, at, 64) == STATUS_INVALID_DEVICE_REQUEST


# ---------------------------------------------------------------- volumes
def volume(guest: Guest, handle: int, information_class: int) -> tuple[int, bytes]:
    at = guest.room(0x80)
    status = guest.call(NtQueryVolumeInformationFile, handle, guest.iosb, at, 0x80, information_class)
    return status, guest.memory.read(at, guest.information) if status == STATUS_SUCCESS else b""


def test_further_classes_of_volumes(guest: Guest) -> None:
    handle = guest.open(A)
    assert struct.unpack("<3q2qI4x", volume(guest, handle, 6)[1]) == (0, 0, 0, -1, -1, 0)
    assert struct.unpack("<7I", volume(guest, handle, 11)[1]) == (512, 512, 512, 512, 3, 0, 0)
    assert volume(guest, handle, 8)[0] == STATUS_OBJECT_NAME_NOT_FOUND
    assert volume(guest, handle, 2)[0] == STATUS_INVALID_INFO_CLASS
    flags, longest = struct.unpack_from("<Ii", volume(guest, handle, 5)[1])
    assert (flags, longest) == (0x4500C6, 255)


def test_the_label_can_be_set(guest: Guest) -> None:
    root = guest.open("\\??\\C:\\", READ | WRITE, options=SYNC | FILE_DIRECTORY_FILE)

    def name(data: bytes, length: int | None = None, information_class: int = 2) -> int:
        at, size = guest.put(data), len(data) if length is None else length
        return guest.call(NtSetVolumeInformationFile, root, guest.iosb, at, size, information_class)

    text = "disk".encode("utf-16-le")
    assert name(struct.pack("<I", len(text)) + text) == STATUS_SUCCESS
    assert volume(guest, root, 1)[1].endswith(text)
    assert name(bytes(8), 7) == STATUS_INFO_LENGTH_MISMATCH
    assert name(struct.pack("<I", 6) + text) == STATUS_SUCCESS
    assert name(struct.pack("<I", 10) + text) == STATUS_INVALID_PARAMETER
    assert name(struct.pack("<I", 66) + bytes(66)) == STATUS_INVALID_VOLUME_LABEL
    assert name(bytes(8), information_class=1) == STATUS_INVALID_INFO_CLASS
    with pytest.raises(Unsupported, match="FileFsControlInformation"):
        name(bytes(48), information_class=6)


# ---------------------------------------------------------------- segments
def test_pages_that_lie_apart(guest: Guest) -> None:
    guest.k.files.add(r"C:\big", bytes(range(256)) * 40)
    handle = guest.open(r"\??\C:\big", 0x120003, options=SYNC | FILE_NO_INTERMEDIATE_BUFFERING)
    first = guest.room(0x4000) + 0xFFF & ~0xFFF
    pages = guest.put(struct.pack("<QQQ", first + 0x1000, first, 0))
    start = guest.put(struct.pack("<q", 512))

    def ask(service: object, length: int, where: int = start, array: int = pages) -> int:
        return guest.call(service, handle, 0, 0, 0, guest.iosb, array, length, where, 0)  # type: ignore[arg-type]

    data = (bytes(range(256)) * 40)[512 : 512 + 0x1800]
    assert ask(NtReadFileScatter, 0x1800) == STATUS_SUCCESS
    assert guest.memory.read(first + 0x1000, 0x1000) == data[:0x1000]
    assert guest.memory.read(first, 0x800) == data[0x1000:]
    guest.memory.write(first, b"!" * 0x1000)
    assert ask(NtWriteFileGather, 0x1200) == STATUS_SUCCESS
    assert guest.k.files.read(r"C:\big")[512 : 512 + 0x1200] == data[:0x1000] + b"!" * 0x200
    for length, where in ((100, start), (512, 0), (512, guest.put(struct.pack("<q", 5)))):
        assert ask(NtReadFileScatter, length, where) == STATUS_INVALID_PARAMETER
    assert (
        ask(NtReadFileScatter, 512, array=guest.put(struct.pack("<Q", first + 8))) == STATUS_INVALID_PARAMETER
    )
    assert ask(NtReadFileScatter, 512, guest.put(struct.pack("<q", 1 << 20))) == STATUS_END_OF_FILE
    buffered = guest.open(r"\??\C:\big")
    slots = (0, 0, 0, guest.iosb, pages, 512, start, 0)
    assert guest.call(NtReadFileScatter, buffered, *slots) == STATUS_INVALID_PARAMETER
