from __future__ import annotations

import pytest
from guest import READ, SYNC, Guest

from wowsim.errors import Unsupported
from wowsim.kernel.access import FILE_DIRECTORY_FILE, FILE_READ_ATTRIBUTES, FILE_READ_DATA, SYNCHRONIZE
from wowsim.kernel.file_information import NtQueryInformationFile
from wowsim.kernel.volume_information import NtQueryVolumeInformationFile
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_INFO_CLASS,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import (
    FILE_ALL_INFORMATION,
    FILE_FS_FULL_SIZE_INFORMATION,
    FILE_FS_SIZE_INFORMATION,
    FILE_FS_VOLUME_INFORMATION,
    FILE_NETWORK_OPEN_INFORMATION,
    FILE_STANDARD_INFORMATION,
)

A = r"\??\C:\data\a.txt"
NAME = r"\data\a.txt".encode("utf-16-le")


@pytest.fixture
def guest() -> Guest:
    made = Guest(capacity=1 << 20)
    made.k.files.add(r"C:\data\a.txt", b"x" * 5000)
    return made


def query(guest: Guest, handle: int, information_class: int, length: int) -> tuple[int, int]:
    """Status, and the address of the answer, which ends in guard bytes."""
    buffer = guest.put(b"\xcc" * (length + 16))
    status = guest.call(NtQueryInformationFile, handle, guest.iosb, buffer, length, information_class)
    assert guest.memory.read(buffer + length, 16) == b"\xcc" * 16
    return status, buffer


SIZES = {4: 40, 5: 24, 6: 8, 7: 4, 8: 4, 14: 8, 16: 4, 17: 4, 34: 56, 35: 8}


@pytest.mark.parametrize(("information_class", "size"), SIZES.items())
def test_fixed_classes_have_the_documented_sizes(guest: Guest, information_class: int, size: int) -> None:
    handle = guest.open(A)
    assert query(guest, handle, information_class, size)[0] == STATUS_SUCCESS
    assert guest.information == size
    assert query(guest, handle, information_class, size + 8)[0] == STATUS_SUCCESS
    assert guest.information == size
    assert query(guest, handle, information_class, size - 1)[0] == STATUS_INFO_LENGTH_MISMATCH


def test_what_a_file_reports(guest: Guest) -> None:
    handle = guest.open(A, options=SYNC | 0x40)
    status, at = query(guest, handle, 18, 0x100)
    assert status == STATUS_SUCCESS
    assert guest.information == 100 + len(NAME)
    found = guest.load(FILE_ALL_INFORMATION, at)
    assert found.BasicInformation.FileAttributes == 0x20
    assert found.StandardInformation == FILE_STANDARD_INFORMATION(8192, 5000, 1, 0, 0)  # type: ignore[arg-type]
    assert found.AccessInformation.Value == READ
    assert found.ModeInformation.Value == SYNC
    assert guest.memory.read(at + 100, len(NAME)) == NAME
    status, at = query(guest, handle, 34, 56)
    wide = guest.load(FILE_NETWORK_OPEN_INFORMATION, at)
    assert (wide.CreationTime, wide.EndOfFile, wide.FileAttributes) == (guest.k.clock.now, 5000, 0x20)


def test_a_name_that_does_not_fit_is_cut(guest: Guest) -> None:
    handle = guest.open(A)
    status, at = query(guest, handle, 9, 4 + len(NAME))
    assert (status, guest.information) == (STATUS_SUCCESS, 4 + len(NAME))
    status, at = query(guest, handle, 9, 10)
    assert (status, guest.information) == (STATUS_BUFFER_OVERFLOW, 10)
    assert guest.memory.read(at, 10) == len(NAME).to_bytes(4, "little") + NAME[:6]
    assert query(guest, handle, 9, 7)[0] == STATUS_INFO_LENGTH_MISMATCH


def test_rights_classes_and_devices(guest: Guest) -> None:
    blind = guest.open(A, FILE_READ_DATA | SYNCHRONIZE)
    assert query(guest, blind, 4, 40)[0] == STATUS_ACCESS_DENIED
    assert query(guest, blind, 5, 24)[0] == STATUS_SUCCESS
    assert query(guest, 0x44, 5, 24)[0] == STATUS_INVALID_HANDLE
    assert query(guest, blind, 0, 24)[0] == STATUS_INVALID_INFO_CLASS
    assert query(guest, blind, 0x1000, 24)[0] == STATUS_INVALID_INFO_CLASS
    with pytest.raises(Unsupported, match="FileTrackingInformation"):
        query(guest, blind, 36, 100)
    assert query(guest, blind, 10, 100)[0] == STATUS_INVALID_INFO_CLASS
    with pytest.raises(Unsupported, match="FileKnownFolderInformation"):
        query(guest, blind, 76, 100)
    null = guest.open(r"\??\NUL")
    assert query(guest, null, 5, 24)[0] == STATUS_INVALID_DEVICE_REQUEST
    assert query(guest, null, 16, 4)[0] == STATUS_SUCCESS


def test_a_directory_reports_itself(guest: Guest) -> None:
    handle = guest.open(
        r"\??\C:\data", FILE_READ_ATTRIBUTES | SYNCHRONIZE, options=SYNC | FILE_DIRECTORY_FILE
    )
    _, at = query(guest, handle, 5, 24)
    assert guest.load(FILE_STANDARD_INFORMATION, at).Directory == 1
    _, at = query(guest, handle, 35, 8)
    assert guest.value(at, 8) == 0x10


def volume_query(guest: Guest, handle: int, information_class: int, length: int = 0x80) -> tuple[int, int]:
    buffer = guest.room(length)
    status = guest.call(NtQueryVolumeInformationFile, handle, guest.iosb, buffer, length, information_class)
    return status, buffer


def test_what_the_volume_reports(guest: Guest) -> None:
    handle = guest.open(A)
    status, at = volume_query(guest, handle, 1)
    found = guest.load(FILE_FS_VOLUME_INFORMATION, at)
    assert status == STATUS_SUCCESS
    assert guest.memory.read(at + 18, found.VolumeLabelLength).decode("utf-16-le") == "wowsim"
    _, at = volume_query(guest, handle, 5)
    assert guest.memory.read(at + 12, 8).decode("utf-16-le") == "NTFS"
    _, at = volume_query(guest, handle, 3)
    size = guest.load(FILE_FS_SIZE_INFORMATION, at)
    _, at = volume_query(guest, handle, 7)
    full = guest.load(FILE_FS_FULL_SIZE_INFORMATION, at)
    assert size.TotalAllocationUnits == full.TotalAllocationUnits == 256
    assert size.AvailableAllocationUnits == ((1 << 20) - 5000) // 4096 - 2
    assert size.SectorsPerAllocationUnit * size.BytesPerSector == 4096


def test_kinds_of_devices(guest: Guest) -> None:
    _, stdout, _ = guest.k.open_standard_handles()
    for handle, kind in ((guest.open(A), 7), (stdout, 0x50), (guest.open(r"\??\NUL"), 0x15)):
        status, at = volume_query(guest, handle, 4, 8)
        assert (status, guest.value(at, 4)) == (STATUS_SUCCESS, kind)
    assert volume_query(guest, stdout, 1)[0] == STATUS_INVALID_DEVICE_REQUEST
    assert volume_query(guest, stdout, 99)[0] == STATUS_INVALID_INFO_CLASS
    with pytest.raises(Unsupported, match="FileFsDriverPathInformation"):
        volume_query(guest, stdout, 9)
