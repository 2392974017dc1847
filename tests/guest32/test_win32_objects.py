"""Mappings, handles, atoms, locales, redirection switch and memory on the whole machine."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from test_win32_on_windows import Guest

from sampled import SAMPLED, WOW64
from wowsim.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

INVALID = CURRENT = 0xFFFFFFFF
GENERIC_READ, GENERIC_WRITE = 0x80000000, 0x40000000
OPEN_EXISTING = 3
READONLY, READWRITE, WRITECOPY, EXECUTE_READ = 2, 4, 8, 0x20
FILE_MAP_COPY, FILE_MAP_WRITE, FILE_MAP_READ, FILE_MAP_EXECUTE = 1, 2, 4, 0x20


@pytest.fixture(params=SAMPLED)
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    with Simulation(build=request.param) as sim:
        sim.files.add("C:\\a.bin", bytes(range(256)) * 32)
        yield Guest(sim)


def protection(guest: Guest, address: int) -> int:
    information = guest.room(28)
    assert guest.call("VirtualQuery", address, information, 28) == 28
    return guest.dword(information + 20)


# ---------------------------------------------------------------- mappings
def test_shared_memory_by_name(guest: Guest) -> None:
    first = guest.call("CreateFileMappingW", INVALID, 0, READWRITE, 0, 0x3000, "shared")
    assert (first != 0, guest.error) == (True, 0)
    again = guest.call("CreateFileMappingA", INVALID, 0, READWRITE, 0, 0x1000, "SHARED")
    assert (again != 0, guest.error) == (True, 183)
    opened = guest.call("OpenFileMappingA", FILE_MAP_READ, 0, "shared")
    assert opened != 0
    views = [guest.call("MapViewOfFile", handle, FILE_MAP_WRITE, 0, 0, 0) for handle in (first, again)]
    read_only = guest.call("MapViewOfFile", opened, FILE_MAP_READ, 0, 0, 0x1000)
    assert 0 not in (*views, read_only)
    guest.sim.memory.write(views[0] + 0x10, b"both")
    assert guest.sim.memory.read(views[1] + 0x10, 4) == guest.sim.memory.read(read_only + 0x10, 4) == b"both"
    assert (protection(guest, views[0]), protection(guest, read_only)) == (READWRITE, READONLY)
    assert guest.call("MapViewOfFile", opened, FILE_MAP_WRITE, 0, 0, 0) == 0
    assert guest.error == 5
    for view in (*views, read_only):
        assert guest.call("UnmapViewOfFile", view) == 1
    assert guest.call("UnmapViewOfFile", views[0]) == 0
    assert guest.error == 487
    for handle in (first, again, opened):
        assert guest.call("CloseHandle", handle) == 1
    assert guest.call("OpenFileMappingW", FILE_MAP_READ, 0, "shared") == 0
    assert guest.error == 2


def test_a_mapped_file_is_written_when_flushed(guest: Guest) -> None:
    file = guest.open("C:\\a.bin", GENERIC_READ | GENERIC_WRITE)
    mapping = guest.call("CreateFileMappingW", file, 0, READWRITE, 0, 0, 0)
    view = guest.call("MapViewOfFile", mapping, 0xF001F, 0, 0, 0)
    assert guest.sim.memory.read(view + 0x105, 3) == b"\5\6\7"
    guest.call("lstrcpyA", view, "new")
    assert guest.call("FlushViewOfFile", view, 0) == 1
    assert guest.sim.files.read("C:\\a.bin")[:5] == b"new\0\4"
    copy = guest.call("MapViewOfFileEx", mapping, FILE_MAP_COPY, 0, 0, 0x10, 0x30000000)
    assert (copy, protection(guest, copy)) == (0x30000000, WRITECOPY)
    guest.call("lstrcpyA", copy, "own")
    assert guest.sim.memory.read(view, 3) == b"new"
    assert guest.call("MapViewOfFile", mapping, FILE_MAP_READ, 0, 0x800, 0) == 0
    assert guest.error == 1132


def test_rights_of_mappings(guest: Guest) -> None:
    file = guest.open("C:\\a.bin", GENERIC_READ)
    assert guest.call("CreateFileMappingW", file, 0, READWRITE, 0, 0, 0) == 0
    assert guest.error == 5
    mapping = guest.call("CreateFileMappingW", file, 0, READONLY, 0, 0, 0)
    assert guest.call("MapViewOfFile", mapping, FILE_MAP_WRITE, 0, 0, 0) == 0
    assert guest.error == 5
    assert guest.call("MapViewOfFile", mapping, FILE_MAP_READ, 0, 0, 0) != 0
    executable = guest.call("CreateFileMappingW", INVALID, 0, 0x40, 0, 0x1000, 0)
    view = guest.call("MapViewOfFile", executable, FILE_MAP_READ | FILE_MAP_EXECUTE, 0, 0, 0)
    assert protection(guest, view) == EXECUTE_READ
    assert guest.call("CreateFileMappingW", INVALID, 0, READWRITE, 0, 0, 0) == 0
    assert guest.error == 87
    assert guest.call("CreateFileMappingW", 0x1230, 0, READONLY, 0, 0, 0) == 0
    assert guest.error == 6
    assert guest.call("OpenFileMappingW", FILE_MAP_READ, 0, 0) == 0
    assert guest.error == 87


# ---------------------------------------------------------------- handles
def test_duplicates_and_flags(guest: Guest) -> None:
    file, copy, flags = guest.open("C:\\a.bin"), guest.room(4), guest.room(4)
    assert guest.call("DuplicateHandle", CURRENT, file, CURRENT, copy, 0, 1, 2) == 1
    second = guest.dword(copy)
    assert guest.call("GetHandleInformation", second, flags) == 1
    assert guest.dword(flags) == 1
    assert guest.call("SetHandleInformation", second, 2, 3) == 1
    assert guest.call("GetHandleInformation", second, flags) == 1
    assert guest.dword(flags) == 3
    assert guest.call("SetHandleInformation", second, 3, 0) == 1
    assert guest.call("GetHandleInformation", second, flags) == 1
    assert guest.dword(flags) == 0
    assert guest.call("DuplicateHandle", CURRENT, file, CURRENT, copy, 0, 0, 3) == 1
    assert guest.call("GetHandleInformation", file, flags) == 0
    assert guest.error == 6
    assert guest.read(guest.dword(copy), 2) == b"\0\1"
    exports = guest.sim.modules["kernel32"].image.export_by_name
    assert ("CompareObjectHandles" in exports) == ("NtCompareObjects" in guest.sim.build.numbers)
    if "CompareObjectHandles" in exports:
        assert guest.call("CompareObjectHandles", second, guest.dword(copy)) == 1
        assert guest.call("CompareObjectHandles", second, guest.open("C:\\a.bin")) == 0
        assert guest.error == 1656


# ---------------------------------------------------------------- atoms
def test_atoms(guest: Guest) -> None:
    atom = guest.call("GlobalAddAtomW", "Atom")
    assert atom >= 0xC000
    assert guest.call("GlobalAddAtomA", "ATOM") == atom
    assert guest.call("GlobalFindAtomA", "atom") == guest.call("GlobalFindAtomW", "atom") == atom
    buffer = guest.room(64)
    assert guest.call("GlobalGetAtomNameW", atom, buffer, 5) == 4
    assert guest.text(buffer) == "Atom"
    assert guest.call("GlobalGetAtomNameA", atom, buffer, 5) == 4
    assert guest.text(buffer, wide=False) == "Atom"
    for function in ("GlobalGetAtomNameW", "GlobalGetAtomNameA"):
        assert guest.call(function, atom, buffer, 4) == 0
        assert guest.error == 234
    assert guest.call("GlobalDeleteAtom", atom) == guest.call("GlobalDeleteAtom", atom) == 0
    assert guest.call("GlobalDeleteAtom", atom) == atom
    assert guest.error == 6
    assert guest.call("GlobalFindAtomW", "atom") == 0
    assert guest.error == 2
    assert guest.call("GlobalAddAtomW", 0x123) == guest.call("GlobalAddAtomA", "#291") == 0x123
    assert guest.call("GlobalGetAtomNameW", 0x123, buffer, 9) == 4
    assert guest.text(buffer) == "#291"
    assert guest.call("GlobalAddAtomA", 0xC000) == 0
    assert guest.error == 87


# ---------------------------------------------------------------- locales
def test_locales(guest: Guest) -> None:
    for name in ("GetUserDefaultLCID", "GetSystemDefaultLCID", "GetUserDefaultLangID", "GetSystemDefaultLangID",
                 "GetUserDefaultUILanguage", "GetSystemDefaultUILanguage", "GetThreadLocale"):  # fmt: skip
        assert guest.call(name) == 0x409, name
    assert guest.call("SetThreadLocale", 0x407) == 1
    assert guest.call("GetThreadLocale") == 0x407
    ansi, oem = guest.call("GetACP"), guest.call("GetOEMCP")
    assert (ansi, oem) == (1252, 437)
    information = guest.put(b"\xcc" * 24)
    for page, size in ((0, 1), (1, 1), (ansi, 1), (65001, 4), (20127, 1)):
        assert guest.call("GetCPInfo", page, information) == 1
        assert (
            guest.sim.memory.read(information, 24) == bytes([size, 0, 0, 0, 0x3F]) + bytes(13) + b"\xcc" * 6
        )
    for page in (5, 0x104E4):
        assert guest.call("GetCPInfo", page, information) == 0
        assert guest.error == 87


# ---------------------------------------------------------------- WoW64
def test_the_switch_of_redirection(guest: Guest) -> None:
    old, buffer = guest.room(4), guest.room(64)
    if not guest.sim.build.wow64:
        for name, arguments in (
            ("Wow64DisableWow64FsRedirection", (old,)),
            ("Wow64RevertWow64FsRedirection", (0,)),
        ):
            assert guest.call(name, *arguments) == 0
            assert guest.error == 1
        assert guest.call("Wow64EnableWow64FsRedirection", 1) == 0
        assert guest.call("GetSystemWow64DirectoryW", buffer, 32) == 0
        assert guest.error == 120
        return
    sim = guest.sim
    sim.files.add("C:\\Windows\\System32\\native.txt", b"64")
    sim.files.add("C:\\Windows\\SysWOW64\\narrow.txt", b"32")

    def seen() -> tuple[bool, bool]:
        paths = ("C:\\Windows\\System32\\native.txt", "C:\\Windows\\System32\\narrow.txt")
        native, narrow = (guest.call("GetFileAttributesW", path) != INVALID for path in paths)
        return native, narrow

    redirected, direct = (False, True), (True, False)
    assert seen() == redirected
    assert guest.call("Wow64DisableWow64FsRedirection", old) == 1
    assert seen() == direct
    assert guest.call("Wow64RevertWow64FsRedirection", guest.dword(old)) == 1
    assert seen() == redirected
    assert guest.call("Wow64EnableWow64FsRedirection", 0) == 1
    assert seen() == direct
    assert guest.call("Wow64EnableWow64FsRedirection", 1) == 1
    assert seen() == redirected
    assert guest.call("Wow64DisableWow64FsRedirection", 0) == 0
    assert guest.error == 87
    assert guest.call("GetSystemWow64DirectoryW", buffer, 32) == 19
    assert guest.text(buffer) == "C:\\Windows\\SysWOW64"
    assert guest.call("GetSystemWow64DirectoryA", buffer, 3) == 20


def test_machines(guest: Guest) -> None:
    exports = guest.sim.modules["kernel32"].image.export_by_name
    assert ("IsWow64Process2" in exports) == (guest.sim.build.version >= (10, 0, 10586))
    if "IsWow64Process2" not in exports:
        return
    process, native = guest.put(b"\xcc" * 4), guest.put(b"\xcc" * 4)
    assert guest.call("IsWow64Process2", CURRENT, process, native) == 1
    expected = (0xCCCC014C, 0xCCCC8664) if guest.sim.build.wow64 else (0xCCCC0000, 0xCCCC014C)
    assert (guest.dword(process), guest.dword(native)) == expected


# ---------------------------------------------------------------- memory
def test_locked_memory(guest: Guest) -> None:
    base = guest.call("VirtualAlloc", 0, 0x2000, 0x3000, READWRITE)
    assert guest.call("VirtualLock", base, 0x2000) == guest.call("VirtualLock", base, 1) == 1
    assert guest.call("VirtualUnlock", base, 0x1000) == 1
    assert guest.call("VirtualUnlock", base, 0x2000) == 0
    assert guest.error == 158
    assert guest.call("VirtualLock", 0x60000000, 1) == 0
    assert guest.error == 998


def test_blocks(guest: Guest) -> None:
    for prefix in ("Local", "Global"):
        block = guest.call(f"{prefix}Alloc", 0x42, 100)
        assert guest.call(f"{prefix}Lock", block) == guest.call(f"{prefix}Handle", block) == block
        assert guest.call(f"{prefix}Size", block) == 100
        guest.sim.memory.write(block, b"kept")
        block = guest.call(f"{prefix}ReAlloc", block, 5000, 0x42)
        assert guest.sim.memory.read(block, 4) == b"kept"
        assert guest.sim.memory.read(block + 100, 4900) == bytes(4900)
        assert guest.call(f"{prefix}ReAlloc", block, 0, 0x80) == block
        assert guest.call(f"{prefix}Unlock", block) == guest.error == guest.call(f"{prefix}Flags", block) == 0
        assert guest.call(f"{prefix}Free", block) == 0


def test_memory_with_conditions(guest: Guest) -> None:
    exports = guest.sim.modules["kernel32"].image.export_by_name
    present = "NtAllocateVirtualMemoryEx" in guest.sim.build.numbers
    assert ("VirtualAlloc2" in exports) == ("MapViewOfFile3" in exports) == present
    if not present:
        return
    wish = guest.put(b"".join(v.to_bytes(4, "little") for v in (0x20000000, 0x2FFFFFFF, 0x1000000)))
    parameter = guest.put((1).to_bytes(8, "little") + wish.to_bytes(8, "little"))
    found = guest.call("VirtualAlloc2", 0, 0, 0x1000, 0x3000, READWRITE, parameter, 1)
    assert found == 0x20000000, guest.error
    assert guest.call("VirtualAlloc2", CURRENT, 0, 0x1000, 0x103000, READWRITE, parameter, 1) == 0x2F000000
    mapping = guest.call("CreateFileMappingW", INVALID, 0, READWRITE, 0, 0x30000, 0)
    view = guest.call("MapViewOfFile3", mapping, 0, 0, 0x10000, 0, 0, 0, READWRITE, parameter, 1)
    assert view == 0x21000000
    guest.sim.memory.write(view + 0x1FFFF, b"x")
    assert guest.call("UnmapViewOfFileEx", view, 0) == 1


# ---------------------------------------------------------------- services through the thunks
@pytest.fixture(params=WOW64)
def narrow(request: pytest.FixtureRequest) -> Iterator[Guest]:
    with Simulation(build=request.param) as sim:
        yield Guest(sim)


def test_random_numbers_by_a_device(guest: Guest) -> None:
    device = guest.open("\\\\.\\KsecDD", GENERIC_READ)
    buffer, count = guest.room(16), guest.room(4)
    assert guest.call("DeviceIoControl", device, 0x390008, 0, 0, buffer, 16, count, 0) == 1
    assert guest.dword(count) == 16
    first = guest.sim.memory.read(buffer, 16)
    assert guest.call("DeviceIoControl", device, 0x390008, 0, 0, buffer, 16, count, 0) == 1
    assert guest.sim.memory.read(buffer, 16) != first
    assert guest.call("DeviceIoControl", device, 0x390400, 0, 0, buffer, 16, count, 0) == 0
    assert guest.error == 1


def test_types_in_32_bits(narrow: Guest) -> None:
    ntdll = narrow.sim.modules["ntdll32"]
    query = ntdll.base + ntdll.image.export_by_name["NtQueryObject"].rva
    length, buffer = narrow.room(4), narrow.room(0x2000)
    assert narrow.sim.call32(query, 0, 3, buffer, 0x2000, length) == 0
    size = narrow.dword(length)
    assert narrow.sim.call32(query, 0, 3, buffer, size, length) == 0
    assert narrow.sim.call32(query, 0, 3, buffer, size - 1, length) == 0xC0000004
    assert narrow.dword(buffer + 8) == buffer + 4 + 0x60
    assert narrow.text(buffer + 4 + 0x60) == "Type"


def test_written_pages(guest: Guest) -> None:
    base = guest.call("VirtualAlloc", 0, 0x8000, 0x203000, READWRITE)
    array, count, granularity = guest.put(b"\xcc" * 16), guest.room(4), guest.room(4)

    def written(flags: int, most: int) -> list[int]:
        guest.sim.memory.write(count, most.to_bytes(4, "little"))
        assert guest.call("GetWriteWatch", flags, base, 0x8000, array, count, granularity) == 0
        return [guest.dword(array + 4 * i) - base for i in range(guest.dword(count))]

    for page in (2, 5):
        guest.call("lstrcpyA", base + page * 0x1000, "x")
    assert written(0, 4) == [0x2000, 0x5000]
    assert guest.dword(granularity) == 0x1000
    assert guest.sim.memory.read(array + 8, 8) == b"\xcc" * 8
    assert written(1, 1) == [0x2000]
    assert written(0, 4) == [0x5000]
    assert guest.call("ResetWriteWatch", base, 0x8000) == 0
    assert written(0, 4) == []
    assert guest.call("GetWriteWatch", 0, base, 0x9000, array, count, granularity) == 0xFFFFFFFF
    assert guest.error == 87


def service(guest: Guest, name: str, *arguments: int) -> int:
    ntdll = guest.sim.modules[guest.sim.build.ntdll.name]
    return guest.sim.call32(ntdll.base + ntdll.image.export_by_name[name].rva, *arguments)


def test_pages_asked_about(guest: Guest) -> None:
    base = guest.call("VirtualAlloc", 0, 0x1000, 0x3000, READWRITE)
    guest.call("VirtualLock", base, 1)
    pages = guest.put(struct.pack("<IIII", base, 0, 8, 0) + b"\xcc" * 8)
    returned = guest.room(4)
    assert service(guest, "NtQueryVirtualMemory", CURRENT, 0, 4, pages, 16, returned) == 0
    first, flags, second, none = struct.unpack("<IIII", guest.sim.memory.read(pages, 16))
    assert (first, second, guest.dword(returned), flags & 1, none & 1) == (base, 8, 16, 1, 0)
    assert (flags >> 4 & 0x7FF, flags >> 22 & 1) == (READWRITE, 1)
    assert guest.sim.memory.read(pages + 16, 8) == b"\xcc" * 8
    assert service(guest, "NtQueryVirtualMemory", CURRENT, 0, 4, pages, 15, 0) == 0xC0000004


def test_the_working_set(guest: Guest) -> None:
    base = guest.call("VirtualAlloc", 0, 0x2000, 0x3000, READWRITE)
    buffer = guest.call("VirtualAlloc", 0, 0x10000, 0x3000, READWRITE)
    assert service(guest, "NtQueryVirtualMemory", CURRENT, 0, 1, buffer, 0x10000, 0) == 0
    count = guest.dword(buffer)
    blocks = struct.unpack(f"<{count}I", guest.sim.memory.read(buffer + 4, 4 * count))
    found = {block & ~0xFFF: block & 0xFFF for block in blocks}
    assert found[base] == found[base + 0x1000] == READWRITE
    assert found[0x7FFE0000] & 0x1F == 1


def test_regions(guest: Guest) -> None:
    base = guest.call("VirtualAlloc", 0, 0x2000, 0x2000, READWRITE)
    buffer, returned = guest.put(b"\xcc" * 24), guest.room(4)
    for kind in (3, 7):
        assert service(guest, "NtQueryVirtualMemory", CURRENT, base, kind, buffer, 20, returned) == 0
        assert struct.unpack("<5I", guest.sim.memory.read(buffer, 20)) == (base, 4, 1, 0x2000, 0)
        assert (guest.dword(returned), guest.sim.memory.read(buffer + 20, 4)) == (20, b"\xcc" * 4)


def test_listing_a_directory_object(guest: Guest) -> None:
    name = "\\KernelObjects".encode("utf-16-le")
    string = guest.put(struct.pack("<HHI", len(name), len(name), guest.put(name)))
    attributes = guest.put(struct.pack("<6I", 24, 0, string, 0x40, 0, 0))
    handle, context, returned = guest.room(4), guest.put(bytes(4)), guest.room(4)
    assert service(guest, "NtOpenDirectoryObject", handle, 1, attributes) == 0
    directory = guest.dword(handle)
    found, sizes = [], set()
    for length in (0x80, 0x80, 0x200, 0x200, 0x200):
        buffer = guest.put(b"\xcc" * (length + 8))
        arguments = (directory, buffer, length, 0, 0, context, returned)
        status = service(guest, "NtQueryDirectoryObject", *arguments)
        assert guest.sim.memory.read(buffer + length, 8) == b"\xcc" * 8
        sizes.add(guest.dword(returned))
        if status == 0x8000001A:
            break
        at = buffer
        while guest.dword(at + 4):
            found.append((guest.text(guest.dword(at + 4)), guest.text(guest.dword(at + 12))))
            at += 16
    assert status == 0x8000001A
    assert guest.dword(returned) == 16
    kinds = dict(found)
    assert len(kinds) == len(found) == 6
    assert kinds["LowMemoryCondition"] == "Event"
    assert kinds["CritSecOutOfMemoryEvent"] == "KeyedEvent"
    small = guest.put(b"\xcc" * 0x20)
    assert (
        service(guest, "NtQueryDirectoryObject", directory, small, 0x20, 1, 1, context, returned)
        == 0xC0000023
    )
    needed = guest.dword(returned)
    exact = guest.put(b"\xcc" * (needed + 4))
    assert service(guest, "NtQueryDirectoryObject", directory, exact, needed, 1, 1, context, returned) == 0
    assert guest.sim.memory.read(exact + needed, 4) == b"\xcc" * 4
    assert guest.dword(returned) == needed
    assert service(guest, "NtQueryDirectoryObject", directory, 8, 0x80, 1, 1, context, returned) == 0xC0000005


def test_directories_of_known_dlls(guest: Guest) -> None:
    """Only WoW64 has a second one."""

    def opened(name: str) -> int:
        text = name.encode("utf-16-le")
        string = guest.put(struct.pack("<HHI", len(text), len(text), guest.put(text)))
        attributes = guest.put(struct.pack("<6I", 24, 0, string, 0x40, 0, 0))
        return service(guest, "NtOpenDirectoryObject", guest.room(4), 3, attributes)

    assert opened("\\KnownDlls") == 0
    assert opened("\\KnownDlls32") == (0 if guest.sim.build.wow64 else 0xC0000034)
