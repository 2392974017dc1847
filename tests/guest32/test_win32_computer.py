"""Processes, jobs, links of files, the computer's name and memory through kernel32 on the whole machine."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from test_win32_on_windows import Guest

from sampled import SAMPLED
from wowsim.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

INVALID = CURRENT = 0xFFFFFFFF
QUERY, ALL_OF_XP = 0x400, 0x1F0FFF


@pytest.fixture(params=SAMPLED)
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    with Simulation(build=request.param) as sim:
        sim.files.add("C:\\folder\\a.txt", b"hello")
        yield Guest(sim)


# ---------------------------------------------------------------- processes
def test_a_process_by_its_id(guest: Guest) -> None:
    own = guest.call("GetCurrentProcessId")
    handle = guest.call("OpenProcess", ALL_OF_XP, 1, own)
    assert handle != 0
    flags = guest.room(4)
    assert guest.call("GetHandleInformation", handle, flags) == 1
    assert guest.dword(flags) == 1
    assert guest.call("GetProcessId", handle) == own
    for nobody in (0, 0x123454):
        assert guest.call("OpenProcess", QUERY, 0, nobody) == 0
        assert guest.error == 87
    query = guest.call("OpenProcess", QUERY, 0, own)
    assert guest.call("GetHandleInformation", query, flags) == 1
    assert guest.dword(flags) == 0
    assert guest.call("TerminateProcess", query, 1) == 0
    assert guest.error == 5


def test_times_of_a_process(guest: Guest) -> None:
    times, now = guest.put(b"\xcc" * 32), guest.room(8)
    assert guest.call("GetProcessTimes", CURRENT, times, times + 8, times + 16, times + 24) == 1
    creation, ended, _, user = struct.unpack("<4Q", guest.sim.memory.read(times, 32))
    guest.call("GetSystemTimeAsFileTime", now)
    later = int.from_bytes(guest.sim.memory.read(now, 8), "little")
    assert 0 < creation <= later
    assert (ended, user <= later - creation) == (0, True)
    assert guest.call("GetProcessTimes", 0x4444, times, times, times, times) == 0
    assert guest.error == 6


def test_priority_classes(guest: Guest) -> None:
    assert guest.call("GetPriorityClass", CURRENT) == 0x20
    for wanted in (0x40, 0x80, 0x4000, 0x8000, 0x20):
        assert guest.call("SetPriorityClass", CURRENT, wanted) == 1
        assert guest.call("GetPriorityClass", CURRENT) == wanted
    assert guest.call("SetPriorityClass", CURRENT, 0x60) == 0
    assert guest.error == 87
    assert guest.call("GetPriorityClass", 0x4444) == 0
    assert guest.error == 6


def test_handles_and_processors(guest: Guest) -> None:
    count, masks = guest.room(4), guest.room(8)
    assert guest.call("GetProcessHandleCount", CURRENT, count) == 1
    before = guest.dword(count)
    event = guest.call("CreateEventW", 0, 0, 0, 0)
    guest.call("GetProcessHandleCount", CURRENT, count)
    assert guest.dword(count) == before + 1
    guest.call("CloseHandle", event)
    guest.call("GetProcessHandleCount", CURRENT, count)
    assert guest.dword(count) == before
    assert guest.call("GetProcessAffinityMask", CURRENT, masks, masks + 4) == 1
    process, system = guest.dword(masks), guest.dword(masks + 4)
    assert process == system == (1 << system.bit_length()) - 1 != 0


# ---------------------------------------------------------------- jobs
def test_a_job(guest: Guest) -> None:
    job = guest.call("CreateJobObjectW", 0, "work")
    assert (job != 0, guest.error) == (True, 0)
    again = guest.call("CreateJobObjectA", 0, "work")
    assert (again != 0, guest.error) == (True, 183)
    assert guest.call("OpenJobObjectA", 4, 0, "work") != 0
    assert guest.call("OpenJobObjectW", 4, 0, "other") == 0
    assert guest.error == 2
    inside, returned, data = guest.room(4), guest.room(4), guest.put(b"\xcc" * 0x70)
    assert guest.call("IsProcessInJob", CURRENT, job, inside) == 1
    assert guest.dword(inside) == 0
    assert guest.call("AssignProcessToJobObject", job, CURRENT) == 1
    assert guest.call("IsProcessInJob", CURRENT, job, inside) == 1
    assert guest.dword(inside) == 1
    assert guest.call("QueryInformationJobObject", job, 3, data, 12, returned) == 1
    own = guest.call("GetCurrentProcessId")
    assert struct.unpack("<4I", guest.sim.memory.read(data, 16)) == (1, 1, own, 0xCCCCCCCC)
    assert guest.call("QueryInformationJobObject", job, 9, data, 0x70, returned) == 1
    assert guest.dword(returned) == 0x70
    guest.sim.memory.write(data + 16, struct.pack("<I", 8))
    guest.sim.memory.write(data + 32, struct.pack("<I", 3))
    assert guest.call("SetInformationJobObject", job, 9, data, 0x70) == 1
    assert guest.call("QueryInformationJobObject", 0, 2, data + 8, 0x30, 0) == 1
    assert (guest.dword(data + 8 + 16), guest.dword(data + 8 + 32)) == (8, 3)
    assert guest.call("QueryInformationJobObject", job, 2, data, 4, 0) == 0
    assert guest.error == 24


def test_a_job_ends_its_process() -> None:
    with Simulation() as sim:
        guest = Guest(sim)
        job = guest.call("CreateJobObjectW", 0, 0)
        assert guest.call("TerminateJobObject", job, 5) == 1
        assert guest.call("AssignProcessToJobObject", job, CURRENT) == 1
        assert guest.call("QueryInformationJobObject", job, 1, guest.room(48), 48, 0) == 1


# ---------------------------------------------------------------- the computer
def test_memory_of_the_computer(guest: Guest) -> None:
    extended, short = guest.put(struct.pack("<I", 64) + b"\xcc" * 64), guest.put(b"\xcc" * 36)
    assert guest.call("GlobalMemoryStatusEx", extended) == 1
    data = guest.sim.memory.read(extended, 68)
    size, load, physical, free, limit, commitable, virtual, unused, none, guard = struct.unpack(
        "<II7QI", data
    )
    assert (size, none, guard) == (64, 0, 0xCCCCCCCC)
    assert load == (physical - free) * 100 // physical
    assert 0 < free <= physical
    assert 0 < commitable <= limit
    assert (virtual in (0x7FFE0000, 0xFFFE0000), 0 < unused < virtual) == (True, True)
    guest.call("VirtualAlloc", 0, 0x10000000, 0x2000, 1)
    guest.call("GlobalMemoryStatusEx", extended)
    assert unused - struct.unpack("<Q", guest.sim.memory.read(extended + 48, 8))[0] == 0x10000000
    guest.sim.memory.write(extended, struct.pack("<I", 63))
    assert guest.call("GlobalMemoryStatusEx", extended) == 0
    assert guest.error == 87
    guest.call("GlobalMemoryStatus", short)
    found = struct.unpack("<9I", guest.sim.memory.read(short, 36))
    most = 0x7FFFFFFF if virtual == 0x7FFE0000 else 0xFFFFFFFF
    assert found[:3] == (32, load, min(physical, most))
    assert found[4] == min(limit, most)
    assert (found[6], found[8]) == (virtual, 0xCCCCCCCC)


@pytest.mark.parametrize("letter", ["W", "A"])
def test_name_of_the_computer(letter: str) -> None:
    with Simulation() as sim:
        guest = Guest(sim)
        wide, name = letter == "W", "GetComputerName" + letter
        buffer, size = guest.put(b"\xcc" * 32), guest.put(struct.pack("<I", 16))
        assert guest.call(name, buffer, size) == 1
        assert (guest.text(buffer, wide), guest.dword(size)) == ("WOWSIM", 6)
        guest.sim.memory.write(size, struct.pack("<I", 6))
        assert guest.call(name, buffer, size) == 0
        assert (guest.error, guest.dword(size)) == (111, 7)
        assert guest.call(name, buffer, size) == 1
        sim.registry.set(
            r"HKLM\System\CurrentControlSet\Control\ComputerName\ActiveComputerName", "ComputerName", "OTHER"
        )
        assert guest.call(name, buffer, size) == 1
        assert (guest.text(buffer, wide), guest.dword(size)) == ("OTHER", 5)


# ---------------------------------------------------------------- links
def test_hard_links(guest: Guest) -> None:
    assert guest.call("CreateHardLinkW", "C:\\folder\\b.txt", "C:\\folder\\a.txt", 0) == 1
    assert guest.call("CreateHardLinkA", "C:\\folder\\b.txt", "C:\\folder\\a.txt", 0) == 0
    assert guest.error == 183
    assert guest.call("CreateHardLinkA", "C:\\folder\\c.txt", "C:\\folder\\none.txt", 0) == 0
    assert guest.error == 2
    handle, information = guest.open("C:\\folder\\b.txt"), guest.room(52)
    assert guest.read(handle, 9) == b"hello"
    assert guest.call("GetFileInformationByHandle", handle, information) == 1
    assert guest.dword(information + 40) == 2
    assert guest.call("CloseHandle", handle) == 1
    assert guest.call("DeleteFileW", "C:\\folder\\a.txt") == 1
    assert guest.sim.files.read("C:\\folder\\b.txt") == b"hello"


def absent(guest: Guest, *names: str) -> bool:
    """These came with Vista."""
    exports = guest.sim.modules["kernel32"].image.export_by_name
    present = [name in exports for name in names]
    assert present == [guest.sim.build.name not in ("winxp-x64", "winxp-x86")] * len(names)
    return not present[0]


def test_symbolic_links(guest: Guest) -> None:
    if absent(guest, "CreateSymbolicLinkW", "CreateSymbolicLinkA"):
        return
    links = {
        "C:\\full": "C:\\folder\\a.txt",
        "C:\\relative": "folder\\a.txt",
        "C:\\rooted": "\\folder\\a.txt",
    }
    for link, target in links.items():
        assert guest.call("CreateSymbolicLinkW", link, target, 0) & 0xFF == 1, guest.error
        assert guest.read(guest.open(link, share=1), 9) == b"hello"
        assert guest.call("GetFileAttributesW", link) & 0x400
    assert guest.call("CreateSymbolicLinkA", "C:\\directory", "folder", 1) & 0xFF == 1
    assert guest.read(guest.open("C:\\directory\\a.txt", share=1), 9) == b"hello"
    assert guest.call("CreateSymbolicLinkW", "C:\\full", "C:\\folder", 0) & 0xFF == 0
    assert guest.error == 183
    assert guest.call("CreateSymbolicLinkW", "C:\\new", "C:\\folder", 4) & 0xFF == 0
    assert guest.error == 87
    assert guest.call("CreateSymbolicLinkW", "C:\\new", "x" * 0x2100, 0) & 0xFF == 0
    assert guest.call("GetFileAttributesW", "C:\\new") == INVALID


def test_final_names(guest: Guest) -> None:
    if absent(guest, "GetFinalPathNameByHandleW", "GetFinalPathNameByHandleA", "CreateSymbolicLinkW"):
        return
    guest.call("CreateSymbolicLinkW", "C:\\link", "folder", 1)
    handle, buffer = guest.open("C:\\link\\A.TXT"), guest.room(0x200)
    for flags, name in (
        (0, "\\\\?\\C:\\folder\\a.txt"),
        (4, "\\folder\\a.txt"),
        (8, "\\\\?\\C:\\folder\\a.txt"),
    ):
        for letter in "WA":
            function = "GetFinalPathNameByHandle" + letter
            assert guest.call(function, handle, buffer, 0x80, flags) == len(name), guest.error
            assert guest.text(buffer, letter == "W").lower() == name.lower()
            assert guest.call(function, handle, buffer, len(name), flags) == len(name) + 1
    length = guest.call("GetFinalPathNameByHandleW", handle, buffer, 0x80, 2)
    device, _, rest = guest.text(buffer)[:length].partition("\\folder")
    assert (device[:22], rest.lower()) == ("\\Device\\HarddiskVolume", "\\a.txt")
    for flags in (3, 5, 0x10):
        assert guest.call("GetFinalPathNameByHandleW", handle, buffer, 0x80, flags) == 0
        assert guest.error == 87
    assert guest.call("GetFinalPathNameByHandleW", 0x4444, buffer, 0x80, 0) == 0
    assert guest.error == 6
