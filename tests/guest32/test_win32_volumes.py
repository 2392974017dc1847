"""Volumes, drives, files by information class and processes on the whole machine."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from test_win32_on_windows import Guest

from sampled import SAMPLED
from wowsim.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

CURRENT = 0xFFFFFFFF
GENERIC_READ, GENERIC_WRITE, DELETE = 0x80000000, 0x40000000, 0x10000


@pytest.fixture(params=SAMPLED)
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    with Simulation(build=request.param) as sim:
        sim.files.add("C:\\data\\a.bin", b"0123456789")
        yield Guest(sim)


# ---------------------------------------------------------------- volumes
def test_volume_information(guest: Guest) -> None:
    name, system = guest.room(64), guest.room(64)
    serial, longest, flags = (guest.put(b"\xcc" * 8) for _ in range(3))
    assert guest.call("GetVolumeInformationW", "C:\\", name, 32, serial, longest, flags, system, 32) == 1
    assert (guest.text(system), guest.dword(longest)) == ("NTFS", 255)
    found = guest.dword(serial), guest.dword(flags), guest.text(name)
    assert guest.call("GetVolumeInformationA", "C:\\", name, 32, serial, longest, flags, system, 32) == 1
    assert guest.text(system, wide=False) == "NTFS"
    assert (guest.dword(serial), guest.dword(flags), guest.text(name, wide=False)) == found
    assert guest.sim.memory.read(serial + 4, 4) == b"\xcc" * 4
    assert guest.call("GetVolumeInformationW", 0, 0, 0, 0, 0, 0, 0, 0) == 1
    for path, error in (("C:", 123), ("", 123), ("Q:\\", 3)):
        assert guest.call("GetVolumeInformationW", path, 0, 0, 0, 0, 0, 0, 0) == 0
        assert guest.error == error
    for function in ("GetVolumeInformationW", "GetVolumeInformationA"):
        assert guest.call(function, "C:\\", 0, 0, 0, 0, 0, system, 4) == 0
        assert guest.error == 234


def test_space(guest: Guest) -> None:
    values = [guest.put(b"\xcc" * 12) for _ in range(4)]
    assert guest.call("GetDiskFreeSpaceW", "C:\\", *values) == 1
    sectors, size, free, total = (guest.dword(at) for at in values)
    assert guest.call("GetDiskFreeSpaceExA", "C:\\data", values[0], values[1], values[2]) == 1
    available, whole, unused = (int.from_bytes(guest.sim.memory.read(at, 8), "little") for at in values[:3])
    assert whole == total * sectors * size
    assert available == unused == free * sectors * size
    assert (
        whole == guest.sim.files.capacity if hasattr(guest.sim.files, "capacity") else whole > available > 0
    )
    assert guest.sim.memory.read(values[0] + 8, 4) == b"\xcc" * 4
    assert guest.call("GetDiskFreeSpaceExW", 0, 0, 0, 0) == 1
    assert guest.call("GetDiskFreeSpaceExW", "Q:\\", values[0], 0, 0) == 0
    assert guest.error == 3


def test_drives(guest: Guest) -> None:
    assert guest.call("GetLogicalDrives") == 1 << 2
    assert guest.call("GetDriveTypeW", "C:\\") == guest.call("GetDriveTypeA", "C:\\") == 3
    assert guest.call("GetDriveTypeW", 0) == 3
    assert guest.call("GetDriveTypeW", "Q:\\") == guest.call("GetDriveTypeA", "Q:\\") == 1
    buffer = guest.put(b"\xcc" * 32)
    assert guest.call("GetLogicalDriveStringsW", 5, buffer) == 4
    assert guest.sim.memory.read(buffer, 12) == "C:\\\0\0".encode("utf-16-le") + b"\xcc\xcc"
    assert guest.call("GetLogicalDriveStringsW", 4, buffer) == 5
    assert guest.call("GetLogicalDriveStringsA", 8, buffer) == 4
    assert guest.sim.memory.read(buffer, 5) == b"C:\\\0\0"


def test_what_a_drive_is(guest: Guest) -> None:
    target, buffer = "\\Device\\HarddiskVolume1", guest.put(b"\xcc" * 64)
    assert guest.call("QueryDosDeviceW", "c:", buffer, 25) == 25
    assert guest.sim.memory.read(buffer, 50) == (target + "\0\0").encode("utf-16-le")
    for size in (24, 23, 10, 0):
        assert guest.call("QueryDosDeviceW", "C:", buffer, size) == 0
        assert guest.error == 122
    assert guest.call("QueryDosDeviceW", "Q:", buffer, 25) == 0
    assert guest.error == 2
    assert guest.call("QueryDosDeviceW", "x" * 300, buffer, 25) == 0
    assert guest.error == 206


# ---------------------------------------------------------------- files by class
def test_files_by_class(guest: Guest) -> None:
    file = guest.open("C:\\data\\a.bin", GENERIC_READ | GENERIC_WRITE | DELETE)
    buffer = guest.room(64)
    assert guest.call("GetFileInformationByHandleEx", file, 1, buffer, 24) == 1
    assert struct.unpack("<qqI", guest.sim.memory.read(buffer, 20))[1:] == (10, 1)
    assert guest.call("GetFileInformationByHandleEx", file, 2, buffer, 64) == 1
    assert guest.sim.memory.read(buffer, 4 + 22) == struct.pack("<I", 22) + "\\data\\a.bin".encode(
        "utf-16-le"
    )
    assert guest.call("SetFileInformationByHandle", file, 6, guest.put(struct.pack("<q", 4)), 8) == 1
    assert guest.sim.files.read("C:\\data\\a.bin") == b"0123"
    assert guest.call("SetFileInformationByHandle", file, 4, guest.put(b"\1"), 1) == 1
    assert guest.call("CloseHandle", file) == 1
    assert not guest.sim.files.exists("C:\\data\\a.bin")
    for function in ("GetFileInformationByHandleEx", "SetFileInformationByHandle"):
        for wrong in (0x17, 0xFFFFFFFF, 0x10):
            assert guest.call(function, file, wrong, buffer, 64) == 0
            assert guest.error == 87
        assert guest.call(function, file, 0, buffer, 40) == 0
        assert guest.error == 6


def test_directories_by_class(guest: Guest) -> None:
    directory = guest.open("C:\\data", 1, flags=0x02000000)
    buffer = guest.room(0x400)
    for _ in range(2):
        assert guest.call("GetFileInformationByHandleEx", directory, 0xB, buffer, 0x400) == 1
    names, at = [], buffer
    while True:
        following, length = guest.dword(at), guest.dword(at + 0x3C)
        names.append(guest.sim.memory.read(at + 0x68, length).decode("utf-16-le"))
        if not following:
            break
        at += following
    assert names == [".", "..", "a.bin"]
    assert guest.call("GetFileInformationByHandleEx", directory, 0xA, buffer, 0x400) == 0
    assert guest.error == 18


# ---------------------------------------------------------------- processes
def test_the_process(guest: Guest) -> None:
    assert guest.call("GetProcessId", CURRENT) == guest.call("GetCurrentProcessId") != 0
    own, system = guest.room(4), guest.room(4)
    assert guest.call("GetProcessAffinityMask", CURRENT, own, system) == 1
    assert (guest.dword(own), guest.dword(system)) == (1, 1)
    assert guest.call("SetPriorityClass", CURRENT, 0x21) == 0
    assert guest.error == 87
    assert guest.call("GetProcessId", 0x1230) == 0
    assert guest.error == 6
