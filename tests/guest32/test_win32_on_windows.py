"""The Win32 functions on the whole machine, with ntdll32, the gate, the kernel and its volume under them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from sampled import SAMPLED
from wowsim.kernel.services import implemented
from wowsim.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

GENERIC_READ, GENERIC_WRITE = 0x80000000, 0x40000000
CREATE_NEW, CREATE_ALWAYS, OPEN_EXISTING, OPEN_ALWAYS, TRUNCATE_EXISTING = range(1, 6)
INVALID = 0xFFFFFFFF


class Guest:
    """A process at its entry point whose kernel32 is called from outside."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        sim.load_shellcode(bytes.fromhex("c20400"), env={"WOWSIM": "yes", "TMP": "C:\\temp"})
        sim.at(0x200000, lambda sim: sim.stop())
        sim.run()
        self._free = 0

    def call(self, name: str, *arguments: int | str | bytes) -> int:
        """EAX; text becomes UTF-16 or ANSI as the function's name says."""
        wide = name.endswith("W")
        values = [a if isinstance(a, int) else self.put(self._encoded(a, wide)) for a in arguments]
        return self.sim.call32(self._address(name), *values)

    def _address(self, name: str) -> int:
        return self.sim.modules["kernel32"].base + self._export("kernel32", name)

    def _export(self, module: str, name: str) -> int:
        export = self.sim.modules[module].image.export_by_name[name]
        assert export.forwarder is None
        return export.rva

    @staticmethod
    def _encoded(value: str | bytes, wide: bool) -> bytes:
        if isinstance(value, bytes):
            return value
        return (value + "\0").encode("utf-16-le" if wide else "cp1252")

    def put(self, data: bytes) -> int:
        at = self.room(len(data))
        self.sim.memory.write(at, data)
        return at

    def room(self, size: int) -> int:
        if not self._free:
            self._free = self.call("VirtualAlloc", 0, 0x10000, 0x3000, 4)
        at = self._free
        self._free += (size + 15) & ~15
        return at

    def dword(self, address: int) -> int:
        return int.from_bytes(self.sim.memory.read(address, 4), "little")

    def text(self, address: int, wide: bool = True) -> str:
        data = self.sim.memory.read(address, 0x400)
        if not wide:
            return data.split(b"\0")[0].decode("cp1252")
        return data.decode("utf-16-le", "surrogatepass").split("\0")[0]

    @property
    def error(self) -> int:
        return self.call("GetLastError")

    def open(
        self,
        name: str,
        access: int = GENERIC_READ,
        disposition: int = OPEN_EXISTING,
        share: int = 0,
        flags: int = 0,
    ) -> int:
        return self.call("CreateFileW", name, access, share, 0, disposition, flags, 0)

    def read(self, handle: int, size: int) -> bytes:
        buffer, count = self.room(size), self.room(4)
        assert self.call("ReadFile", handle, buffer, size, count, 0) == 1
        return bytes(self.sim.memory.read(buffer, self.dword(count)))

    def write(self, handle: int, data: bytes) -> int:
        count = self.room(4)
        assert self.call("WriteFile", handle, self.put(data), len(data), count, 0) == 1
        return self.dword(count)


@pytest.fixture(params=SAMPLED)
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    with Simulation(build=request.param) as sim:
        yield Guest(sim)


@pytest.fixture
def win7() -> Iterator[Guest]:
    with Simulation() as sim:
        yield Guest(sim)


def test_a_file_is_made_written_read_and_deleted(guest: Guest) -> None:
    handle = guest.open("C:\\new.txt", GENERIC_READ | GENERIC_WRITE, CREATE_NEW)
    assert handle != INVALID
    assert guest.write(handle, b"hello world") == 11
    assert guest.call("SetFilePointer", handle, 6, 0, 0) == 6
    assert guest.read(handle, 100) == b"world"
    assert guest.read(handle, 100) == b""
    assert guest.call("GetFileSize", handle, 0) == 11
    assert guest.call("SetFilePointer", handle, -6, 0, 2) == 5
    assert guest.call("SetEndOfFile", handle) == 1
    assert guest.call("GetFileType", handle) == 1
    assert guest.call("CloseHandle", handle) == 1
    assert guest.sim.files.read("C:\\new.txt") == b"hello"
    assert guest.call("DeleteFileA", "C:\\new.txt") == 1
    assert not guest.sim.files.exists("C:\\new.txt")


@pytest.mark.parametrize(
    ("disposition", "existing", "missing"),
    [
        (CREATE_NEW, 80, 0),
        (CREATE_ALWAYS, 183, 0),
        (OPEN_EXISTING, 0, 2),
        (OPEN_ALWAYS, 183, 0),
        (TRUNCATE_EXISTING, 0, 2),
    ],
)
def test_dispositions_and_their_last_errors(
    win7: Guest, disposition: int, existing: int, missing: int
) -> None:
    win7.sim.files.add("C:\\there.txt", b"12345")
    for name, error in (("C:\\there.txt", existing), ("C:\\gone.txt", missing)):
        handle = win7.open(name, GENERIC_WRITE, disposition)
        assert win7.error == error
        assert (handle == INVALID) == (error in (2, 80))
    kept = disposition in (CREATE_NEW, OPEN_EXISTING, OPEN_ALWAYS)
    assert win7.sim.files.read("C:\\there.txt") == (b"12345" if kept else b"")


@pytest.mark.parametrize(
    ("name", "error"),
    [("C:\\no\\where.txt", 3), ("C:\\Windows", 5), ("C:\\a|b", 123), ("", 3), ("C:\\bad?name", 123)],
)
def test_names_that_cannot_be_opened(win7: Guest, name: str, error: int) -> None:
    assert win7.open(name) == INVALID
    assert win7.error == error


def test_sharing(win7: Guest) -> None:
    win7.sim.files.add("C:\\s.txt", b"x")
    first = win7.open("C:\\s.txt")
    assert win7.open("C:\\s.txt") == INVALID
    assert win7.error == 32
    win7.call("CloseHandle", first)
    assert win7.open("C:\\s.txt") != INVALID


def test_delete_on_close(win7: Guest) -> None:
    handle = win7.open("C:\\d.txt", GENERIC_WRITE, CREATE_NEW, flags=0x04000000)
    assert win7.sim.files.exists("C:\\d.txt")
    win7.call("CloseHandle", handle)
    assert not win7.sim.files.exists("C:\\d.txt")


def test_directories(guest: Guest) -> None:
    assert guest.call("CreateDirectoryW", "C:\\dir", 0) == 1
    assert guest.call("CreateDirectoryA", "C:\\dir", 0) == 0
    assert guest.error == 183
    assert guest.call("GetFileAttributesW", "C:\\dir") & 0x10
    guest.sim.files.add("C:\\dir\\f", b"")
    assert guest.call("RemoveDirectoryW", "C:\\dir") == 0
    assert guest.error == 145
    assert guest.call("DeleteFileW", "C:\\dir\\f") == 1
    assert guest.call("RemoveDirectoryA", "C:\\dir") == 1
    assert guest.call("GetFileAttributesA", "C:\\dir") == INVALID
    assert guest.error == 2


def test_attributes(win7: Guest) -> None:
    win7.sim.files.add("C:\\a.txt", b"123")
    assert win7.call("SetFileAttributesW", "C:\\a.txt", 1) == 1
    assert win7.call("GetFileAttributesW", "C:\\a.txt") & 1
    assert win7.open("C:\\a.txt", GENERIC_WRITE) == INVALID
    assert win7.error == 5
    data = win7.room(36)
    assert win7.call("GetFileAttributesExW", "C:\\a.txt", 0, data) == 1
    attributes, *_, high, low = struct.unpack("<I3qII", win7.sim.memory.read(data, 36))
    assert (attributes & 1, high, low) == (1, 0, 3)


def test_move(win7: Guest) -> None:
    win7.sim.files.add("C:\\a.txt", b"a")
    win7.sim.files.add("C:\\b.txt", b"b")
    assert win7.call("MoveFileW", "C:\\a.txt", "C:\\b.txt") == 0
    assert win7.error == 183
    assert win7.call("MoveFileExA", "C:\\a.txt", "C:\\b.txt", 1) == 1
    assert win7.sim.files.read("C:\\b.txt") == b"a"
    assert not win7.sim.files.exists("C:\\a.txt")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*", {".", "..", "one.txt", "two.txt", "sub"}),
        ("*.txt", {"one.txt", "two.txt"}),
        ("?ne.*", {"one.txt"}),
    ],
)
@pytest.mark.parametrize("suffix", ["A", "W"])
def test_search(win7: Guest, pattern: str, found: set[str], suffix: str) -> None:
    for name in ("one.txt", "two.txt", "sub\\x"):
        win7.sim.files.add(f"C:\\dir\\{name}", b"123")
    data, names = win7.room(592), set()
    handle = win7.call("FindFirstFile" + suffix, f"C:\\dir\\{pattern}", data)
    assert handle != INVALID
    while True:
        names.add(win7.text(data + 44, suffix == "W"))
        if not win7.call("FindNextFile" + suffix, handle, data):
            break
    assert (names, win7.error) == (found, 18)
    assert win7.call("FindClose", handle) == 1


def test_information_by_handle(win7: Guest) -> None:
    win7.sim.files.add("C:\\a.txt", b"123")
    block = win7.room(52)
    handle = win7.open("C:\\a.txt")
    assert win7.call("GetFileInformationByHandle", handle, block) == 1
    *_, high, low, links, _, _ = struct.unpack("<I3q6I", win7.sim.memory.read(block, 52))
    assert (high, low, links) == (0, 3, 1)


def test_paths(win7: Guest) -> None:
    win7.sim.files.add("C:\\temp\\x", b"")
    buffer, part = win7.room(600), win7.room(4)
    assert win7.call("GetTempPathW", 260, buffer) == 8
    assert win7.text(buffer) == "C:\\temp\\"
    assert win7.call("SetCurrentDirectoryW", "C:\\temp") == 1
    assert win7.call("GetCurrentDirectoryA", 260, buffer) == 7
    assert win7.text(buffer, wide=False) == "C:\\temp"
    assert win7.call("GetFullPathNameW", "..\\a\\.\\b.txt", 260, buffer, part) == 10
    assert (win7.text(buffer), win7.text(win7.dword(part))) == ("C:\\a\\b.txt", "b.txt")
    assert win7.open("x") != INVALID
    assert win7.call("SetCurrentDirectoryW", "C:\\nowhere") == 0
    assert win7.call("GetSystemDirectoryA", buffer, 260) == 19
    assert win7.text(buffer, wide=False) == "C:\\Windows\\system32"


def test_environment(win7: Guest) -> None:
    buffer = win7.room(600)
    assert win7.call("GetEnvironmentVariableW", "wowsim", buffer, 10) == 3
    assert win7.text(buffer) == "yes"
    assert win7.call("SetEnvironmentVariableA", "NEW", "value") == 1
    assert win7.call("GetEnvironmentVariableA", "NEW", buffer, 10) == 5
    assert win7.text(buffer, wide=False) == "value"
    assert win7.call("SetEnvironmentVariableW", "NEW", 0) == 1
    assert win7.call("GetEnvironmentVariableW", "NEW", buffer, 10) == 0
    assert win7.error == 203
    assert win7.text(win7.call("GetCommandLineW")) == win7.text(win7.call("GetCommandLineA"), wide=False)
    assert win7.call("FreeEnvironmentStringsW", win7.call("GetEnvironmentStringsW")) == 1


def test_memory(guest: Guest) -> None:
    block = guest.call("VirtualAlloc", 0, 0x3000, 0x2000, 4)
    assert block & 0xFFFF == 0
    assert guest.call("VirtualAlloc", block, 0x1000, 0x1000, 4) == block
    information, old = guest.room(28), guest.room(4)
    assert guest.call("VirtualQuery", block + 0x10, information, 28) == 28
    assert struct.unpack("<7I", guest.sim.memory.read(information, 28)) == (
        block, block, 4, 0x1000, 0x1000, 4, 0x20000,
    )  # fmt: skip
    assert guest.call("VirtualProtect", block, 0x1000, 2, old) == 1
    assert guest.dword(old) == 4
    count = guest.room(4)
    assert guest.call("WriteProcessMemory", 0xFFFFFFFF, block, guest.put(b"abcd"), 4, count) == 0
    assert guest.error == 998
    assert guest.call("VirtualProtect", block, 0x1000, 0x20, old) == 1
    assert guest.call("WriteProcessMemory", 0xFFFFFFFF, block, guest.put(b"abcd"), 4, count) == 1
    assert guest.sim.memory.read(block, 4) == b"abcd"
    assert guest.call("ReadProcessMemory", 0xFFFFFFFF, block, old, 4, count) == 1
    assert (guest.dword(count), guest.sim.memory.read(old, 4)) == (4, b"abcd")
    assert guest.call("VirtualFree", block, 0, 0x8000) == 1
    assert guest.call("VirtualFree", block, 0, 0x8000) == 0
    assert guest.error == 487


def test_heap_blocks(win7: Guest) -> None:
    block = win7.call("LocalAlloc", 0x40, 100)
    assert win7.sim.memory.read(block, 100) == bytes(100)
    assert win7.call("LocalFree", block) == 0
    heap = win7.call("HeapCreate", 0, 0, 0)
    assert heap not in (0, win7.call("GetProcessHeap"))
    assert win7.call("HeapDestroy", heap) == 1


def test_modules(guest: Guest) -> None:
    kernel32 = guest.call("GetModuleHandleA", "kernel32.dll")
    assert kernel32 == guest.sim.modules["kernel32"].base
    assert guest.call("LoadLibraryW", "KERNEL32") == kernel32
    assert guest.call("LoadLibraryA", "nothere.dll") == 0
    assert guest.error == 126
    assert guest.call("GetProcAddress", kernel32, b"Sleep\0") == kernel32 + guest._export("kernel32", "Sleep")
    forwarded = guest.call("GetProcAddress", kernel32, b"HeapAlloc\0")
    ntdll = guest.sim.build.ntdll.name
    assert forwarded == guest.sim.modules[ntdll].base + guest._export(ntdll, "RtlAllocateHeap")
    assert guest.call("GetProcAddress", kernel32, b"Nothing\0") == 0
    assert guest.error == 127
    buffer = guest.room(600)
    size = guest.call("GetModuleFileNameW", kernel32, buffer, 260)
    assert guest.text(buffer).lower().endswith("\\kernel32.dll")
    assert size == len(guest.text(buffer))
    found = guest.room(4)
    assert guest.call("GetModuleHandleExW", 6, kernel32 + 0x1234, found) == 1
    assert guest.dword(found) == kernel32


def test_console(win7: Guest) -> None:
    output, mode, written = win7.call("GetStdHandle", -11), win7.room(4), win7.room(4)
    assert win7.call("GetConsoleMode", output, mode) == 1
    assert win7.dword(mode) == 3
    assert win7.call("WriteConsoleA", output, b"abc", 3, written, 0) == 1
    assert win7.call("SetConsoleOutputCP", 65001) == 1
    assert win7.call("WriteConsoleW", output, "é!", 2, written, 0) == 1
    assert win7.dword(written) == 2
    assert win7.sim.run(limit=1_000_000).stdout == b"abc" + "é!".encode()


def test_time(win7: Guest) -> None:
    before = win7.call("GetTickCount")
    win7.call("Sleep", 1000)
    assert 1000 <= win7.call("GetTickCount") - before < 1100
    block = win7.room(16)
    win7.call("GetSystemTime", block)
    year, month, _, day, hour, minute, second, _ = struct.unpack("<8H", win7.sim.memory.read(block, 16))
    assert year > 2000
    assert (month <= 12, day <= 31, hour < 24, minute < 60, second < 60) == (True,) * 5
    assert win7.call("QueryPerformanceCounter", block) == 1
    assert win7.call("QueryPerformanceFrequency", block) == 1
    assert win7.dword(block) > 0


def test_machine(guest: Guest) -> None:
    block = guest.room(0x11C)
    guest.sim.memory.write(block, struct.pack("<I", 0x11C))
    assert guest.call("GetVersionExW", block) == 1
    assert struct.unpack("<4I", guest.sim.memory.read(block, 16))[1:] == guest.sim.build.version
    major, minor, number = guest.sim.build.version
    assert guest.call("GetVersion") == number << 16 | minor << 8 | major
    guest.call("GetSystemInfo", block)
    _, page, lowest, *_, granularity, _ = struct.unpack("<9I", guest.sim.memory.read(block, 36))
    assert (page, lowest, granularity) == (0x1000, 0x10000, 0x10000)
    assert guest.call("IsWow64Process", 0xFFFFFFFF, block) == 1
    assert guest.dword(block) == guest.sim.build.wow64
    encoded = guest.call("EncodePointer", 0x1234)
    assert encoded != 0x1234
    assert guest.call("DecodePointer", encoded) == 0x1234


@pytest.mark.skipif("NtCreateEvent" not in implemented(), reason="the kernel has no events yet")
def test_events_and_mutexes(win7: Guest) -> None:
    event = win7.call("CreateEventW", 0, 1, 0, 0)
    assert event
    assert win7.call("WaitForSingleObject", event, 0) == 0x102
    assert win7.call("SetEvent", event) == 1
    assert win7.call("WaitForSingleObject", event, 0) == 0
    assert win7.call("ResetEvent", event) == 1
    mutex = win7.call("CreateMutexA", 0, 1, 0)
    assert win7.call("ReleaseMutex", mutex) == 1
    assert win7.call("ReleaseMutex", mutex) == 0
    assert win7.error == 288


def test_thread_storage(win7: Guest) -> None:
    index = win7.call("TlsAlloc")
    assert win7.call("TlsSetValue", index, 0x1234) == 1
    assert win7.call("TlsGetValue", index) == 0x1234
    assert win7.error == 0


def test_all_1088_thread_storage_indexes(win7: Guest) -> None:
    peb = win7.sim.build.place.peb32
    win7.sim.memory.write(
        peb + 0x44, b"\xff" * 8
    )  # all but the first and the last of the expansion are taken
    win7.sim.memory.write(peb + 0x154, b"\xfe" + b"\xff" * 126 + b"\x7f")
    assert [win7.call("TlsAlloc") for _ in range(3)] == [64, 1087, INVALID]
    assert win7.error == 259
    assert win7.call("TlsGetValue", 1087) == 0
    for index in (63, 64, 1087):
        assert win7.call("TlsSetValue", index, index) == 1
    assert [win7.call("TlsGetValue", index) for index in (63, 64, 1087)] == [63, 64, 1087]
    assert win7.call("TlsFree", 1087) == 1
    assert win7.call("TlsFree", 1087) == 0
    assert win7.call("TlsAlloc") == 1087
    assert win7.call("TlsGetValue", 1087) == 0
    assert win7.call("TlsSetValue", 1088, 1) == 0
    assert win7.error == 87


def test_a_variable_keeps_its_spelling_and_may_be_empty(win7: Guest) -> None:
    assert win7.call("SetEnvironmentVariableW", "zZ1", "1") == 1
    assert win7.call("SetEnvironmentVariableW", "ZZ1", "2") == 1
    block = win7.call("GetEnvironmentStrings")
    assert b"\0zZ1=2\0" in win7.sim.memory.read(block, 0x600)
    assert win7.call("SetEnvironmentVariableW", "zz1", "") == 1
    assert win7.call("GetEnvironmentVariableW", "zz1", 0, 0) == 1


@pytest.mark.parametrize("count", [-1, -2, -0x80000000])
def test_any_negative_length_means_up_to_the_terminator(win7: Guest, count: int) -> None:
    target = win7.room(16)
    assert win7.call("MultiByteToWideChar", 0, 0, win7.put(b"ab\0"), count, target, 8) == 3
    assert win7.text(target) == "ab"
    assert win7.call("WideCharToMultiByte", 0, 0, target, count, win7.room(8), 8, 0, 0) == 3


def test_utf_7_takes_no_flags(win7: Guest) -> None:
    source = win7.put("a".encode("utf-16-le"))
    assert win7.call("WideCharToMultiByte", 65000, 0x400, source, 1, win7.room(8), 8, 0, 0) == 0
    assert win7.error == 1004


def test_writing_from_a_bad_address(win7: Guest) -> None:
    handle, count = win7.open("C:\\w.txt", GENERIC_WRITE, CREATE_NEW), win7.room(4)
    assert win7.call("WriteFile", handle, 1, 1, count, 0) == 0
    assert win7.error == 1784
    assert win7.sim.files.read("C:\\w.txt") == b""


@pytest.mark.parametrize(("access", "error"), [(GENERIC_READ | GENERIC_WRITE, 2), (GENERIC_WRITE, 0)])
def test_con_is_not_opened_both_ways(guest: Guest, access: int, error: int) -> None:
    assert (guest.open("CON", access, share=3) == INVALID) == (error != 0)
    assert guest.error == error


def test_a_path_of_260_characters_is_not_found(win7: Guest) -> None:
    assert win7.open("C:\\" + "x" * 255, GENERIC_WRITE, CREATE_NEW) != INVALID
    assert win7.open("C:\\d\\..\\" + "x" * 257, GENERIC_WRITE, CREATE_NEW) == INVALID
    assert win7.error == 3


def test_memory_ends_at_the_highest_user_address(guest: Guest) -> None:
    block, address = guest.room(28), 0
    while guest.call("VirtualQuery", address, block, 28):
        base, size = guest.dword(block), guest.dword(block + 12)
        assert size
        address = base + size
    assert address == 0x7FFF0000
    assert guest.error == 87


def test_a_block_shrinks_in_place(win7: Guest) -> None:
    heap = win7.call("GetProcessHeap")
    allocate, change = (
        win7.sim.symbols.address(f"ntdll32!Rtl{name}Heap") for name in ("Allocate", "ReAllocate")
    )
    block = win7.sim.call32(allocate, heap, 0, 0x100000)
    assert win7.sim.call32(change, heap, 0x10, block, 0x10) == block
    assert win7.sim.call32(change, heap, 0x10, block, 0x80) == block


def test_modules_by_other_spellings_of_their_path(guest: Guest) -> None:
    kernel32 = guest.call("LoadLibraryW", "C:\\Windows\\System32\\KERNEL32.dll")
    assert kernel32 == guest.sim.modules["kernel32"].base
