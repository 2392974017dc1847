from __future__ import annotations

import struct

import pytest
from win32_machine import HEAP, STDIN, STDOUT, Machine

INVALID = 0xFFFFFFFF
PENDING = 0x103


class Files(Machine):
    """One file at handle 44h: reads and writes move bytes, positions and sizes are kept."""

    def __init__(self, contents: bytes = b"", status: int = 0) -> None:
        super().__init__()
        self.contents = bytearray(contents)
        self.position = 0
        self.status = status
        self.information: dict[int, bytes] = {}
        self.set: list[tuple[int, bytes]] = []
        self.device = 7
        self.fakes |= {
            "NtReadFile": self._read,
            "NtWriteFile": self._write,
            "NtQueryInformationFile": self._query,
            "NtSetInformationFile": self._set,
            "NtQueryVolumeInformationFile": self._volume,
            "NtOpenFile": self._open,
            "NtClose": lambda handle: 0 if handle in (0x44, STDIN, STDOUT) else 0xC0000008,
            "NtFlushBuffersFile": lambda handle, iosb: 0,
        }
        self.opened: tuple[str, int, int] = ("", 0, 0)

    def _finish(self, iosb: int, count: int, status: int = 0) -> int:
        self.dword(iosb, status)
        self.dword(iosb + 4, count)
        return status

    def _read(
        self,
        handle: int,
        event: int,
        apc: int,
        context: int,
        iosb: int,
        buffer: int,
        size: int,
        at: int,
        key: int,
    ) -> int:
        if self.status:
            return self._finish(iosb, 0, self.status)
        start = self.qword(at) if at else self.position
        data = bytes(self.contents[start : start + size])
        if not data:
            return self._finish(iosb, 0, 0xC0000011)
        self.uc.mem_write(buffer, data)
        self.position = start + len(data)
        return self._finish(iosb, len(data))

    def _write(
        self,
        handle: int,
        event: int,
        apc: int,
        context: int,
        iosb: int,
        buffer: int,
        size: int,
        at: int,
        key: int,
    ) -> int:
        if self.status:
            return self._finish(iosb, 0, self.status)
        start = self.qword(at) if at else self.position
        self.contents[start : start + size] = bytes(self.uc.mem_read(buffer, size))
        self.position = start + size
        return self._finish(iosb, size)

    def _query(self, handle: int, iosb: int, buffer: int, size: int, kind: int) -> int:
        if self.status:
            return self.status
        answers = {
            14: struct.pack("<q", self.position),
            5: struct.pack("<qqIBBxx", 0, len(self.contents), 1, 0, 0),
        }
        answer = self.information.get(kind) or answers[kind]
        assert size == len(answer)
        self.uc.mem_write(buffer, answer)
        return 0

    def _set(self, handle: int, iosb: int, buffer: int, size: int, kind: int) -> int:
        data = bytes(self.uc.mem_read(buffer, size))
        self.set.append((kind, data))
        if kind == 14:
            (self.position,) = struct.unpack("<q", data)
        return self.status

    def _volume(self, handle: int, iosb: int, buffer: int, size: int, kind: int) -> int:
        if kind == 4 and not self.status:
            self.dword(buffer, self.device)
        return self.status

    def _open(self, handle: int, access: int, attributes: int, iosb: int, share: int, options: int) -> int:
        assert share == 7
        self.opened = (self.counted(self.dword(attributes + 8)), access, options)
        self.dword(handle, 0x44)
        return self.status


# ---------------------------------------------------------------- reading and writing
def test_write_then_read() -> None:
    machine = Files()
    count, buffer = machine.room(4), machine.room(16)
    assert machine.call("WriteFile", 0x44, machine.ansi("hello"), 5, count, 0) == 1
    assert (machine.dword(count), bytes(machine.contents)) == (5, b"hello")
    machine.position = 1
    assert machine.call("ReadFile", 0x44, buffer, 16, count, 0) == 1
    assert (machine.dword(count), machine.ansi_at(buffer)[:4]) == (4, "ello")


def test_read_at_the_end_succeeds_with_nothing() -> None:
    machine = Files()
    count = machine.room(4)
    machine.last_error = 9
    assert machine.call("ReadFile", 0x44, machine.room(4), 4, count, 0) == 1
    assert (machine.dword(count), machine.last_error) == (0, 9)


@pytest.mark.parametrize("function", ["ReadFile", "WriteFile"])
def test_count_may_be_null(function: str) -> None:
    machine = Files(b"abcd")
    assert machine.call(function, 0x44, machine.room(4), 4, 0, 0) == 1
    assert machine.position == 4


@pytest.mark.parametrize("function", ["ReadFile", "WriteFile"])
def test_failure_zeroes_the_count(function: str) -> None:
    machine = Files(b"abcd", status=0xC0000022)
    count = machine.room(4)
    assert machine.call(function, 0x44, machine.room(4), 4, count, 0) == 0
    assert (machine.dword(count), machine.last_error) == (0, 5)


@pytest.mark.parametrize("function", ["ReadFile", "WriteFile"])
def test_standard_device_numbers_are_handles(function: str) -> None:
    machine = Files(b"abcd")
    machine.call(function, -10, machine.room(4), 4, 0, 0)
    assert machine.arguments_of("Nt" + function)[0] == STDIN


def overlapped(machine: Machine, offset: int, event: int) -> int:
    block = machine.room(20)
    for i, value in enumerate((0, 0, offset, 0, event)):
        machine.dword(block + 4 * i, value)
    return block


def test_overlapped_read_takes_its_offset() -> None:
    machine = Files(b"abcdef")
    block, count, buffer = overlapped(machine, 2, 0x50), machine.room(4), machine.room(8)
    assert machine.call("ReadFile", 0x44, buffer, 3, count, block) == 1
    assert (machine.dword(count), bytes(machine.uc.mem_read(buffer, 3))) == (3, b"cde")
    assert machine.arguments_of("NtReadFile")[1:5] == (0x50, 0, block, block)


def test_odd_event_means_no_completion_packet() -> None:
    machine = Files(b"abcdef")
    block = overlapped(machine, 0, 0x51)
    machine.call("ReadFile", 0x44, machine.room(8), 3, 0, block)
    assert machine.arguments_of("NtReadFile")[1:5] == (0x51, 0, 0, block)


@pytest.mark.parametrize(("status", "error"), [(PENDING, 997), (0xC0000011, 38), (0xC0000022, 5)])
def test_overlapped_read_that_does_not_finish(status: int, error: int) -> None:
    machine = Files(b"abcdef", status=status)
    block, count = overlapped(machine, 0, 0), machine.room(4)
    assert machine.call("ReadFile", 0x44, machine.room(8), 3, count, block) == 0
    assert (machine.last_error, machine.dword(count)) == (error, 0)


def test_synchronous_pending_is_waited_for() -> None:
    machine = Files(b"abcd", status=PENDING)
    iosb = 0

    def wait(handle: int, alertable: int, timeout: int) -> int:
        nonlocal iosb
        iosb = machine.arguments_of("NtReadFile")[4]
        machine._finish(iosb, 3)
        return 0

    machine.fakes["NtWaitForSingleObject"] = wait
    count = machine.room(4)
    assert machine.call("ReadFile", 0x44, machine.room(4), 4, count, 0) == 1
    assert machine.dword(count) == 3


# ---------------------------------------------------------------- position and size
@pytest.mark.parametrize(
    ("method", "distance", "position", "result"),
    [(0, 7, 3, 7), (1, -2, 3, 1), (2, 5, 3, 15), (1, 0, 3, 3), (2, -10, 3, 0)],
)
def test_set_file_pointer(method: int, distance: int, position: int, result: int) -> None:
    machine = Files(bytes(10))
    machine.position = position
    assert machine.call("SetFilePointer", 0x44, distance, 0, method) == result == machine.position


@pytest.mark.parametrize(
    ("distance", "method", "error"),
    [(-1, 0, 131), (-11, 2, 131), (0, 3, 87), (0, -1, 87), (0x7FFFFFFF, 1, 87)],
)
def test_refused_positions(distance: int, method: int, error: int) -> None:
    machine = Files(bytes(10))
    machine.position = 0x90000000
    assert machine.call("SetFilePointer", 0x44, distance, 0, method) == INVALID
    assert (machine.last_error, machine.position) == (error, 0x90000000)


def test_high_half_goes_in_and_out() -> None:
    machine = Files()
    high = machine.room(4)
    machine.dword(high, 2)
    assert machine.call("SetFilePointer", 0x44, 5, high, 0) == 5
    assert machine.position == 0x2_00000005
    machine.dword(high, -1)
    assert machine.call("SetFilePointer", 0x44, -5, high, 1) == 0
    assert (machine.position, machine.dword(high)) == (0x2_00000000, 2)


def test_a_position_that_looks_like_an_error_clears_the_error() -> None:
    machine = Files()
    high = machine.room(4)
    machine.dword(high, 0)
    machine.last_error = 5
    assert machine.call("SetFilePointer", 0x44, -1, high, 0) == INVALID
    assert (machine.last_error, machine.position) == (0, 0xFFFFFFFF)


def test_set_file_pointer_ex() -> None:
    machine = Files(bytes(10))
    new = machine.room(8)
    assert machine.call("SetFilePointerEx", 0x44, 1, 1, new, 2) == 1
    assert machine.qword(new) == machine.position == 0x1_0000000B
    assert machine.call("SetFilePointerEx", 0x44, -1, -1, 0, 1) == 1
    assert machine.position == 0x1_0000000A


def test_set_end_of_file() -> None:
    machine = Files()
    machine.position = 0x1_00000002
    assert machine.call("SetEndOfFile", 0x44) == 1
    assert machine.set == [(20, struct.pack("<q", 0x1_00000002)), (19, struct.pack("<q", 0x1_00000002))]


def test_sizes() -> None:
    machine = Files(bytes(1234))
    size, high = machine.room(8), machine.room(4)
    assert machine.call("GetFileSizeEx", 0x44, size) == 1
    assert machine.qword(size) == 1234
    assert machine.call("GetFileSize", 0x44, high) == 1234
    assert machine.dword(high) == 0
    assert machine.call("GetFileSize", 0x44, 0) == 1234


def test_size_of_a_bad_handle() -> None:
    machine = Files(status=0xC0000008)
    assert machine.call("GetFileSize", 0x44, 0) == INVALID
    assert machine.call("GetFileSizeEx", 0x44, machine.room(8)) == 0
    assert machine.last_error == 6


def test_information_by_handle() -> None:
    machine = Files()
    all_information = struct.pack("<qqqqIxxxx", 1, 2, 3, 4, 0x20) + struct.pack(
        "<qqIBBxx", 9, 0x7_00000008, 5, 0, 0
    )
    all_information += struct.pack("<q", 0xB_0000000A) + bytes(0x68 - 0x48)
    machine.information[18] = all_information
    machine.fakes["NtQueryVolumeInformationFile"] = lambda handle, iosb, buffer, size, kind: (
        machine.dword(buffer + 8, 0x55AA) and 0x80000005
    )
    found = machine.room(52)
    assert machine.call("GetFileInformationByHandle", 0x44, found) == 1
    assert struct.unpack("<I3q6I", machine.uc.mem_read(found, 52)) == (
        0x20,
        1,
        2,
        3,
        0x55AA,
        7,
        8,
        5,
        0xB,
        0xA,
    )


@pytest.mark.parametrize(
    ("device", "kind"), [(7, 1), (8, 1), (0x50, 2), (0x15, 2), (0x11, 3), (0x22, 0), (0x51, 0)]
)
def test_types(device: int, kind: int) -> None:
    machine = Files()
    machine.device = device
    machine.last_error = 5
    assert machine.call("GetFileType", 0x44) == kind
    assert machine.last_error == (5 if kind else 0)


@pytest.mark.parametrize(("handle", "result", "error"), [(0x44, 1, 0), (-11, 1, 0), (0x99, 0, 6)])
def test_close(handle: int, result: int, error: int) -> None:
    machine = Files()
    machine.last_error = 0
    assert machine.call("CloseHandle", handle) == result
    assert machine.last_error == error


# ---------------------------------------------------------------- names
@pytest.mark.parametrize("suffix", ["A", "W"])
@pytest.mark.parametrize(
    ("function", "rest", "access", "options", "kind", "data"),
    [
        ("DeleteFile", (), 0x10080, 0x204040, 13, b"\1"),
        ("RemoveDirectory", (), 0x110000, 0x204021, 13, b"\1"),
        ("SetFileAttributes", (0x21,), 0x100100, 0x204020, 4, bytes(32) + struct.pack("<II", 0xA1, 0)),
    ],
)
def test_open_set_close(
    function: str, rest: tuple[int, ...], access: int, options: int, kind: int, data: bytes, suffix: str
) -> None:
    machine = Files()
    name = machine.ansi("C:\\x") if suffix == "A" else machine.text("C:\\x")
    assert machine.call(function + suffix, name, *rest) == 1
    assert machine.opened == ("\\??\\C:\\x", access, options)
    assert machine.set == [(kind, data)]
    assert machine.names() == ["NtOpenFile", "NtSetInformationFile", "NtClose"]


@pytest.mark.parametrize("function", ["DeleteFileW", "RemoveDirectoryW"])
def test_a_name_that_is_not_there(function: str) -> None:
    machine = Files(status=0xC0000034)
    assert machine.call(function, machine.text("C:\\x")) == 0
    assert (machine.last_error, machine.names()) == (2, ["NtOpenFile"])


@pytest.mark.parametrize(("function", "flags", "replace"), [("MoveFile", (), 0), ("MoveFileEx", (1,), 1)])
@pytest.mark.parametrize("suffix", ["A", "W"])
def test_move(function: str, flags: tuple[int, ...], replace: int, suffix: str) -> None:
    machine = Files()
    encode = machine.ansi if suffix == "A" else machine.text
    assert machine.call(function + suffix, encode("C:\\a"), encode("C:\\b"), *flags) == 1
    target = "\\??\\C:\\b".encode("utf-16-le")
    ((kind, data),) = machine.set
    assert (kind, data[: 12 + len(target)]) == (10, struct.pack("<III", replace, 0, len(target)) + target)
    assert machine.opened[1:] == (0x110080, 0x204020)


def test_move_to_a_bad_name_closes_the_source() -> None:
    machine = Files()
    assert machine.call("MoveFileW", machine.text("C:\\a"), machine.text("|")) == 0
    assert (machine.last_error, machine.names()) == (123, ["NtOpenFile", "NtClose"])


def test_create_directory() -> None:
    machine = Files()
    machine.fakes["NtCreateFile"] = lambda h, a, o, i, z, f, s, d, p, e, n: machine.dword(h, 0x44) and 0
    assert machine.call("CreateDirectoryA", machine.ansi("C:\\d"), 0) == 1
    passed = machine.arguments_of("NtCreateFile")
    assert (passed[1], *passed[4:]) == (0x100001, 0, 0x80, 3, 2, 0x4021, 0, 0)
    assert machine.names() == ["NtCreateFile", "NtClose"]


def test_create_directory_that_is_there() -> None:
    machine = Files()
    machine.fakes["NtCreateFile"] = lambda h, a, o, i, z, f, s, d, p, e, n: 0xC0000035
    assert machine.call("CreateDirectoryW", machine.text("C:\\d"), 0) == 0
    assert machine.last_error == 183


def test_attributes() -> None:
    machine = Files()

    def query(attributes: int, buffer: int) -> int:
        machine.dword(buffer + 32, 0x30)
        return 0

    machine.fakes["NtQueryAttributesFile"] = query
    assert machine.call("GetFileAttributesA", machine.ansi("C:\\d")) == 0x30
    machine.fakes["NtQueryAttributesFile"] = lambda attributes, buffer: 0xC000003A
    assert machine.call("GetFileAttributesW", machine.text("C:\\d\\e")) == INVALID
    assert machine.last_error == 3


def test_attributes_ex() -> None:
    machine = Files()
    open_information = struct.pack("<qqqqqqII", 1, 2, 3, 4, 5, 0x7_00000006, 0x20, 0)

    def query(attributes: int, buffer: int) -> int:
        machine.uc.mem_write(buffer, open_information)
        return 0

    machine.fakes["NtQueryFullAttributesFile"] = query
    found = machine.room(36)
    assert machine.call("GetFileAttributesExW", machine.text("C:\\d"), 0, found) == 1
    assert struct.unpack("<I3qII", machine.uc.mem_read(found, 36)) == (0x20, 1, 2, 3, 7, 6)
    assert machine.call("GetFileAttributesExA", machine.ansi("C:\\d"), 1, found) == 0
    assert machine.last_error == 87


# ---------------------------------------------------------------- searches
class Searches(Files):
    """A directory; ``batches`` are answered one a call."""

    def __init__(self, *batches: list[tuple[str, str]], status: int = 0) -> None:
        super().__init__(status=status)
        self.batches = list(batches)
        self.pattern: str | None = None
        self.fakes["NtQueryDirectoryFile"] = self._directory

    def _directory(
        self, handle: int, event: int, apc: int, context: int, iosb: int, buffer: int, size: int, kind: int,
        single: int, name: int, restart: int,
    ) -> int:  # fmt: skip
        assert (handle, kind, single, restart) == (0x44, 3, 0, 0)
        if name:
            self.pattern = self.counted(name)
        if not self.batches:
            return 0x80000006 if not name else 0xC000000F
        data = b""
        batch = self.batches.pop(0)
        for i, (long, short) in enumerate(batch):
            text, alias = long.encode("utf-16-le"), short.encode("utf-16-le")
            fixed = struct.pack(
                "<qqqqqqIIIBx", 11, 12, 13, 14, 0x2_00000001, 16, 0x20, len(text), 0x77, len(alias)
            )
            entry = fixed + alias.ljust(24, b"\0") + text
            following = (len(entry) + 8 + 7) & ~7 if i + 1 < len(batch) else 0
            data += (struct.pack("<II", following, 0) + entry).ljust(following, b"\0")
        assert len(data) <= size
        self.uc.mem_write(buffer, data)
        return 0


def test_search() -> None:
    machine = Searches([("a.txt", ""), ("b long.txt", "BLONG~1.TXT")], [("c", "")])
    data = machine.room(592)
    handle = machine.call("FindFirstFileW", machine.text("C:\\d\\*"), data)
    assert handle >= HEAP
    assert machine.opened == ("\\??\\C:\\d", 0x100001, 0x4021)
    assert machine.pattern == "*"
    assert struct.unpack("<I3q4I", machine.uc.mem_read(data, 44)) == (0x20, 11, 12, 13, 2, 1, 0x77, 0)
    found = [(machine.wide_at(data + 44), machine.wide_at(data + 564))]
    while machine.call("FindNextFileW", handle, data):
        found.append((machine.wide_at(data + 44), machine.wide_at(data + 564)))
    assert found == [("a.txt", ""), ("b long.txt", "BLONG~1.TXT"), ("c", "")]
    assert machine.last_error == 18
    assert machine.call("FindNextFileW", handle, data) == 0
    assert machine.call("FindClose", handle) == 1
    assert machine.names()[-1] == "NtClose"


def test_ansi_search() -> None:
    machine = Searches([("ä.txt", "A.TXT"), ("b", "")])
    data = machine.room(320)
    handle = machine.call("FindFirstFileA", machine.ansi("C:\\d\\*.txt"), data)
    assert (machine.ansi_at(data + 44), machine.ansi_at(data + 304)) == ("ä.txt", "A.TXT")
    assert machine.call("FindNextFileA", handle, data) == 1
    assert (machine.ansi_at(data + 44), machine.ansi_at(data + 304)) == ("b", "")
    assert machine.call("FindNextFileA", handle, data) == 0


@pytest.mark.parametrize(
    ("asked", "directory", "pattern"),
    [
        ("C:\\*.*", "\\??\\C:\\", "*"),
        ("C:\\a\\b?.t*", "\\??\\C:\\a", "b>.t*"),
        ("C:\\a\\x.*", "\\??\\C:\\a", 'x"*'),
        ("C:\\a\\x.?", "\\??\\C:\\a", 'x">'),
        ("C:\\a\\*.", "\\??\\C:\\a", "<"),
        ("C:\\a\\plain", "\\??\\C:\\a", "plain"),
    ],
)
def test_patterns(asked: str, directory: str, pattern: str) -> None:
    machine = Searches([("x", "")])
    machine.call("FindFirstFileW", machine.text(asked), machine.room(592))
    assert (machine.opened[0], machine.pattern) == (directory, pattern)


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("C:\\d\\", 0, 2),
        ("C:\\d\\x", 0, 2),
        ("C:\\d\\x", 0xC0000034, 3),
        ("C:\\d\\x", 0xC0000022, 5),
        ("", 0, 3),
    ],
)
def test_searches_that_find_nothing(name: str, status: int, error: int) -> None:
    machine = Searches(status=status)
    assert machine.call("FindFirstFileW", machine.text(name), machine.room(592)) == INVALID
    assert machine.last_error == error
    assert machine.names().count("NtClose") == (machine.names()[-1:] == ["NtClose"])


@pytest.mark.parametrize("handle", [0, -1])
def test_bad_search_handles(handle: int) -> None:
    machine = Searches()
    assert machine.call("FindNextFileW", handle, machine.room(592)) == 0
    assert machine.call("FindClose", handle) == 0
    assert machine.last_error == 6
