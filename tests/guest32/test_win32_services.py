from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from win32_machine import HEAP_HANDLE, SHARED, STDIN, STDOUT, TEB, Machine

from wowsim.errors import Unsupported
from wowsim.guest32.codepages import ROUTINES

INVALID = 0xFFFFFFFF
CURRENT = 0xFFFFFFFF


@pytest.fixture
def machine() -> Machine:
    return Machine()


# ---------------------------------------------------------------- memory
def test_virtual_alloc(machine: Machine) -> None:
    def allocate(process: int, address: int, zero: int, size: int, kind: int, protection: int) -> int:
        assert (process, zero, machine.dword(size), kind, protection) == (CURRENT, 0, 0x1234, 0x3000, 4)
        machine.dword(address, 0x30000)
        return 0

    machine.fakes["NtAllocateVirtualMemory"] = allocate
    assert machine.call("VirtualAlloc", 0, 0x1234, 0x3000, 4) == 0x30000
    machine.fakes["NtAllocateVirtualMemory"] = lambda p, a, z, s, k, q: 0xC0000017
    assert machine.call("VirtualAlloc", 0, 0x1234, 0x3000, 4) == 0
    assert machine.last_error == 8


def test_virtual_alloc_below_64k_is_refused(machine: Machine) -> None:
    assert machine.call("VirtualAlloc", 0xFFFF, 1, 0x3000, 4) == 0
    assert (machine.last_error, machine.names()) == (87, [])


@pytest.mark.parametrize(
    ("kind", "size", "result"), [(0x8000, 0, 1), (0x8000, 1, 0), (0x4000, 0, 1), (0x4000, 0x1000, 1)]
)
def test_virtual_free(machine: Machine, kind: int, size: int, result: int) -> None:
    machine.fakes["NtFreeVirtualMemory"] = lambda p, a, s, k: (
        0 if (machine.dword(a), machine.dword(s), k) == (0x30000, size, kind) else 0xC000000D
    )
    assert machine.call("VirtualFree", 0x30000, size, kind) == result
    assert len(machine.names()) == result


def test_virtual_protect(machine: Machine) -> None:
    def protect(process: int, address: int, size: int, new: int, old: int) -> int:
        assert (machine.dword(address), machine.dword(size), new) == (0x30010, 8, 2)
        machine.dword(old, 4)
        return 0

    machine.fakes["NtProtectVirtualMemory"] = protect
    old = machine.room(4)
    assert machine.call("VirtualProtect", 0x30010, 8, 2, old) == 1
    assert machine.dword(old) == 4


def test_virtual_query(machine: Machine) -> None:
    machine.fakes["NtQueryVirtualMemory"] = lambda p, a, kind, b, size, returned: (
        machine.dword(returned, 28) and 0
    )
    assert machine.call("VirtualQuery", 0x30010, machine.room(28), 28) == 28
    machine.fakes["NtQueryVirtualMemory"] = lambda p, a, kind, b, size, returned: 0xC000000D
    assert machine.call("VirtualQuery", 0x80000000, machine.room(28), 28) == 0
    assert machine.last_error == 87


@pytest.mark.parametrize(("status", "result", "error"), [(0, 1, 0), (0x8000000D, 0, 299)])
def test_read_process_memory(machine: Machine, status: int, result: int, error: int) -> None:
    def read(process: int, address: int, buffer: int, size: int, count: int) -> int:
        machine.dword(count, 3)
        return status

    machine.fakes["NtReadVirtualMemory"] = read
    count = machine.room(4)
    assert machine.call("ReadProcessMemory", 0x44, 0x1000, 0x2000, 8, count) == result
    assert (machine.dword(count), machine.last_error) == (3, error)
    assert machine.call("ReadProcessMemory", 0x44, 0x1000, 0x2000, 8, 0) == result


@pytest.mark.parametrize(
    ("old", "result", "written"), [(0x04, 1, 1), (0x20, 1, 1), (0x40, 1, 1), (0x02, 0, 0), (0x01, 0, 0)]
)
def test_write_process_memory(machine: Machine, old: int, result: int, written: int) -> None:
    protection = [old]

    def protect(process: int, address: int, size: int, new: int, previous: int) -> int:
        machine.dword(previous, protection[-1])
        protection.append(new)
        return 0

    machine.fakes["NtProtectVirtualMemory"] = protect
    machine.fakes["NtWriteVirtualMemory"] = lambda p, a, b, size, count: machine.dword(count, size) and 0
    machine.fakes["NtFlushInstructionCache"] = lambda p, a, size: 0
    count = machine.room(4)
    assert machine.call("WriteProcessMemory", CURRENT, 0x30000, machine.room(8), 8, count) == result
    assert protection == [old, 0x40, old]
    assert machine.names().count("NtWriteVirtualMemory") == written
    if not result:
        assert machine.last_error == 998


def test_write_to_nothing(machine: Machine) -> None:
    machine.fakes["NtProtectVirtualMemory"] = lambda p, a, s, n, o: 0xC0000018
    assert machine.call("WriteProcessMemory", CURRENT, 0x30000, machine.room(8), 8, 0) == 0
    assert machine.last_error == 487


@pytest.mark.parametrize("prefix", ["Local", "Global"])
def test_blocks(machine: Machine, prefix: str) -> None:
    block = machine.call(prefix + "Alloc", 0x40, 16)
    assert bytes(machine.uc.mem_read(block, 16)) == bytes(16)
    assert machine.arguments_of("RtlAllocateHeap") == (HEAP_HANDLE, 8, 16)
    machine.call(prefix + "Alloc", 0, 16)
    assert machine.arguments_of("RtlAllocateHeap") == (HEAP_HANDLE, 0, 16)
    assert machine.call(prefix + "Free", block) == 0
    assert machine.call(prefix + "Free", 0) == 0
    machine.fakes["RtlFreeHeap"] = lambda heap, flags, at: 0
    assert machine.call(prefix + "Free", block) == block
    assert machine.last_error == 6


def test_heap_free_is_a_bool(machine: Machine) -> None:
    machine.fakes["RtlFreeHeap"] = lambda heap, flags, at: 0xABCDEF01
    assert machine.call("HeapFree", HEAP_HANDLE, 0, 0x1000) == 1


@pytest.mark.parametrize(("maximum", "flags"), [(0, 2), (0x10000, 0)])
def test_heaps(machine: Machine, maximum: int, flags: int) -> None:
    machine.fakes["RtlCreateHeap"] = lambda flags, base, reserve, commit, lock, parameters: 0x320000
    machine.fakes["RtlDestroyHeap"] = lambda heap: 0 if heap == 0x320000 else heap
    assert machine.call("HeapCreate", 1, 0x1000, maximum) == 0x320000
    assert machine.arguments_of("RtlCreateHeap") == (1 | flags, 0, maximum, 0x1000, 0, 0)
    assert machine.call("HeapDestroy", 0x320000) == 1
    assert machine.call("HeapDestroy", 0x330000) == 0
    assert machine.last_error == 6


# ---------------------------------------------------------------- time
@given(ticks=st.integers(0, 2**63), multiplier=st.integers(1, 2**32 - 1))
@settings(max_examples=40, derandomize=True, deadline=None)
def test_tick_counts(ticks: int, multiplier: int) -> None:
    machine = TIMED
    low, high = ticks & 0xFFFFFFFF, ticks >> 32
    machine.uc.mem_write(SHARED + 0x320, struct.pack("<III", low, high, high))
    machine.dword(SHARED + 4, multiplier)
    expected = (low * multiplier >> 24) + (high * multiplier << 8)
    assert machine.call("GetTickCount") == expected & 0xFFFFFFFF
    assert machine.call("GetTickCount64") == expected & 0xFFFFFFFF
    assert machine.edx == expected >> 32 & 0xFFFFFFFF


TIMED = Machine()


def test_system_time(machine: Machine) -> None:
    now = 0x01CB_17E9_F5A0_1234
    machine.uc.mem_write(SHARED + 0x14, struct.pack("<qI", now, now >> 32))
    block = machine.room(16)
    machine.call("GetSystemTimeAsFileTime", block)
    assert machine.qword(block) == now

    def fields(time: int, target: int) -> None:
        assert machine.qword(time) == now
        machine.uc.mem_write(target, struct.pack("<8H", 2010, 6, 29, 23, 59, 58, 999, 2))

    machine.fakes["RtlTimeToTimeFields"] = fields
    machine.call("GetSystemTime", block)
    assert struct.unpack("<8H", machine.uc.mem_read(block, 16)) == (2010, 6, 2, 29, 23, 59, 58, 999)


def test_local_time_is_system_time_minus_the_bias(machine: Machine) -> None:
    now, bias = 0x01CB_17E9_0000_1234, 0x8_6000_0000
    machine.uc.mem_write(SHARED + 0x14, struct.pack("<qI", now, now >> 32))
    machine.uc.mem_write(SHARED + 0x20, struct.pack("<qI", bias, bias >> 32))
    seen = []

    def fields(time: int, target: int) -> None:
        seen.append(machine.qword(time))
        machine.uc.mem_write(target, struct.pack("<8H", 2010, 6, 29, 13, 59, 58, 999, 2))

    machine.fakes["RtlTimeToTimeFields"] = fields
    block = machine.room(16)
    machine.call("GetLocalTime", block)
    assert seen == [now - bias]
    assert struct.unpack("<8H", machine.uc.mem_read(block, 16)) == (2010, 6, 2, 29, 13, 59, 58, 999)


def test_performance_counter(machine: Machine) -> None:
    def query(counter: int, frequency: int) -> int:
        machine.dword(counter, 11)
        if frequency:
            machine.dword(frequency, 22)
        return 0

    machine.fakes["NtQueryPerformanceCounter"] = query
    block = machine.room(8)
    assert machine.call("QueryPerformanceCounter", block) == 1
    assert machine.dword(block) == 11
    assert machine.call("QueryPerformanceFrequency", block) == 1
    assert machine.dword(block) == 22


@pytest.mark.parametrize(
    ("milliseconds", "interval"), [(0, 0), (1, -10000), (0xFFFFFFFE, -42949672940000), (0xFFFFFFFF, -(2**63))]
)
def test_sleep(machine: Machine, milliseconds: int, interval: int) -> None:
    seen: list[tuple[int, int]] = []

    def delay(alertable: int, at: int) -> int:
        seen.append((alertable, machine.qword(at)))
        return 0

    machine.fakes["NtDelayExecution"] = delay
    machine.call("Sleep", milliseconds)
    assert seen == [(0, interval)]


def test_alertable_sleep(machine: Machine) -> None:
    answers = [0x101, 0xC0]
    machine.fakes["NtDelayExecution"] = lambda alertable, at: answers.pop(0)
    assert machine.call("SleepEx", 5, 1) == 0xC0
    assert answers == []


# ---------------------------------------------------------------- synchronisation
@pytest.mark.parametrize(("milliseconds", "interval"), [(0xFFFFFFFF, None), (5, -50000), (0, 0)])
def test_wait(machine: Machine, milliseconds: int, interval: int | None) -> None:
    def wait(handle: int, alertable: int, timeout: int) -> int:
        assert (handle, alertable) == (0x44, 0)
        assert (machine.qword(timeout) if timeout else None) == interval
        return 0x102

    machine.fakes["NtWaitForSingleObject"] = wait
    assert machine.call("WaitForSingleObject", 0x44, milliseconds) == 0x102


def test_failed_wait(machine: Machine) -> None:
    machine.fakes["NtWaitForSingleObject"] = lambda handle, alertable, timeout: 0xC0000008
    assert machine.call("WaitForSingleObject", 0x44, 0) == INVALID
    assert machine.last_error == 6


@pytest.mark.parametrize("suffix", ["A", "W"])
@pytest.mark.parametrize(("manual", "initial"), [(0, 0), (1, 0), (0, 5), (9, 1)])
def test_unnamed_event(machine: Machine, suffix: str, manual: int, initial: int) -> None:
    machine.fakes["NtCreateEvent"] = lambda handle, access, attributes, kind, state: (
        machine.dword(handle, 0x44) and 0
    )
    machine.last_error = 3
    assert machine.call("CreateEvent" + suffix, 0, manual, initial, 0) == 0x44
    assert machine.arguments_of("NtCreateEvent")[1:] == (0x1F0003, 0, int(not manual), int(initial != 0))
    assert machine.last_error == 0


@pytest.mark.parametrize(
    ("status", "result", "error"), [(0, 0x44, 0), (0x40000000, 0x44, 183), (0xC0000022, 0, 5)]
)
@pytest.mark.parametrize("suffix", ["A", "W"])
def test_named_mutex(machine: Machine, suffix: str, status: int, result: int, error: int) -> None:
    seen: list[tuple[int, str, int]] = []

    def describe(attributes: int) -> tuple[int, str, int]:
        length, root, name, flags = (machine.dword(attributes + 4 * i) for i in range(4))
        assert length == 24
        return root, machine.counted(name), flags

    def directory(handle: int, access: int, attributes: int) -> int:
        assert describe(attributes) == (0, "\\BaseNamedObjects", 0x40)
        machine.dword(handle, 0x20)
        return 0

    def create(handle: int, access: int, attributes: int, owner: int) -> int:
        seen.append(describe(attributes))
        machine.dword(handle, 0x44)
        return status

    machine.fakes |= {"NtOpenDirectoryObject": directory, "NtCreateMutant": create}
    name = machine.ansi("Local\\m") if suffix == "A" else machine.text("Local\\m")
    assert machine.call("CreateMutex" + suffix, 0, 1, name) == result
    assert machine.last_error == error
    machine.call("CreateMutex" + suffix, 0, 0, name)
    assert seen == [(0x20, "Local\\m", 0x80)] * 2
    assert machine.names().count("NtOpenDirectoryObject") == 1
    assert machine.arguments_of("NtCreateMutant")[3] == 0


@pytest.mark.parametrize(
    ("function", "service"),
    [("SetEvent", "NtSetEvent"), ("ResetEvent", "NtResetEvent"), ("ReleaseMutex", "NtReleaseMutant")],
)
def test_signals(machine: Machine, function: str, service: str) -> None:
    machine.fakes[service] = lambda handle, previous: 0 if (handle, previous) == (0x44, 0) else 0xC0000008
    assert machine.call(function, 0x44) == 1
    assert machine.call(function, 0x45) == 0
    assert machine.last_error == 6


def test_interlocked(machine: Machine) -> None:
    cell = machine.room(4)
    machine.dword(cell, 10)
    assert machine.call("InterlockedIncrement", cell) == 11
    assert machine.call("InterlockedDecrement", cell) == 10
    assert machine.call("InterlockedExchange", cell, 20) == 10
    assert machine.call("InterlockedExchangeAdd", cell, 5) == 20
    assert machine.call("InterlockedCompareExchange", cell, 1, 24) == 25
    assert machine.call("InterlockedCompareExchange", cell, 1, 25) == 25
    assert machine.dword(cell) == 1


# ---------------------------------------------------------------- strings
@pytest.mark.parametrize("suffix", ["A", "W"])
def test_lstr(machine: Machine, suffix: str) -> None:
    encode, read = (machine.ansi, machine.ansi_at) if suffix == "A" else (machine.text, machine.wide_at)
    assert machine.call("lstrlen" + suffix, encode("hello")) == 5
    assert machine.call("lstrlen" + suffix, 0) == 0
    buffer = machine.room(40)
    assert machine.call("lstrcpy" + suffix, buffer, encode("ab")) == buffer
    assert machine.call("lstrcat" + suffix, buffer, encode("cd")) == buffer
    assert read(buffer) == "abcd"
    assert machine.call("lstrcpy" + suffix, buffer, 0) == machine.call("lstrcat" + suffix, 0, buffer) == 0


@pytest.mark.parametrize("suffix", ["A", "W"])
@pytest.mark.parametrize(
    ("left", "right", "sign"),
    [
        ("a", "a", 0),
        ("a", "b", -1),
        ("b", "a", 1),
        ("ab", "a", 1),
        ("a", "é", -1),
        (None, "a", -1),
        ("a", None, 1),
        (None, None, 0),
    ],
)
def test_lstrcmp(machine: Machine, suffix: str, left: str | None, right: str | None, sign: int) -> None:
    encode = machine.ansi if suffix == "A" else machine.text
    result = machine.call("lstrcmp" + suffix, *(0 if t is None else encode(t) for t in (left, right)))
    assert result == sign & 0xFFFFFFFF


# ---------------------------------------------------------------- code pages
@pytest.mark.parametrize(
    ("page", "data", "text"),
    [
        (0, b"\xe9\x80\x81", "é€\x81"), (1, b"\x82", "é"), (437, b"\x82", "é"),
        (65001, "é😀".encode(), "é😀"),
        (65001, b"a\xffb", "a�b"), (1251, b"\xe9", "й"), (28591, b"\x80", "\x80"),
        (932, "日".encode("cp932"), "日"),
    ],
)  # fmt: skip
def test_to_wide(machine: Machine, page: int, data: bytes, text: str) -> None:
    source, target, wide = machine.room(20), machine.room(40), text.encode("utf-16-le")
    machine.uc.mem_write(source, data + b"\0")
    assert machine.call("MultiByteToWideChar", page, 0, source, len(data), target, 20) == len(wide) // 2
    assert bytes(machine.uc.mem_read(target, len(wide) + 1)) == wide + b"\xcc"
    assert machine.call("MultiByteToWideChar", page, 0, source, -1, 0, 0) == len(wide) // 2 + 1


@pytest.mark.parametrize(
    ("page", "text", "data", "lost"),
    [
        (0, "é€\x81", b"\xe9\x80\x81", 0), (0, "日a", b"?a", 1), (437, "é", b"\x82", 0),
        (65001, "é😀", "é😀".encode(), None), (65001, "\ud800a", b"\xef\xbf\xbda", None),
    ],
)  # fmt: skip
def test_from_wide(machine: Machine, page: int, text: str, data: bytes, lost: int | None) -> None:
    wide = text.encode("utf-16-le", "surrogatepass")
    source, target, used = machine.room(20), machine.room(20), 0 if lost is None else machine.room(4)
    machine.uc.mem_write(source, wide + b"\0\0")
    count = len(wide) // 2
    assert machine.call("WideCharToMultiByte", page, 0, source, count, target, 20, 0, used) == len(data)
    assert bytes(machine.uc.mem_read(target, len(data) + 1)) == data + b"\xcc"
    if used:
        assert machine.dword(used) == lost
    assert machine.call("WideCharToMultiByte", page, 0, source, -1, 0, 0, 0, 0) == len(data) + 1


def test_default_character(machine: Machine) -> None:
    target = machine.room(4)
    assert (
        machine.call("WideCharToMultiByte", 0, 0, machine.text("日"), 1, target, 4, machine.ansi("_"), 0) == 1
    )
    assert bytes(machine.uc.mem_read(target, 1)) == b"_"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((9999, 0, "x", 1, 4), 87), ((1200, 0, "x", 1, 4), 87), ((0, 0, "x", 0, 4), 87),
        ((0, 0x10, "x", 1, 4), 1004), ((0, 0, "xyz", 3, 2), 122), ((65001, 8, "\xff", 1, 4), 1113),
        ((0, 0, None, 1, 4), 87),
    ],
)  # fmt: skip
def test_refused_conversions(
    machine: Machine, arguments: tuple[int, int, str | None, int, int], error: int
) -> None:
    page, flags, text, count, room = arguments
    source = 0 if text is None else machine.ansi(text)
    assert machine.call("MultiByteToWideChar", page, flags, source, count, machine.room(40), room) == 0
    assert machine.last_error == error


def test_a_bad_pointer_is_an_error(machine: Machine) -> None:
    assert machine.call("MultiByteToWideChar", 0, 0, 0x66660000, 0x10000, 0, 0) == 0
    assert machine.last_error == 998


@given(
    page=st.integers(0, 70000),
    flags=st.integers(0, 16),
    data=st.binary(max_size=8),
    room=st.sampled_from([0, 1, 40]),
)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_any_conversion_ends_in_a_result(page: int, flags: int, data: bytes, room: int) -> None:
    machine = CONVERTING
    source = 0x608000
    machine.uc.mem_write(source, data + b"\0\0")
    result = machine.call("MultiByteToWideChar", page, flags, source, len(data), 0x609000, room)
    assert result <= room or room == 0
    assert machine.call("WideCharToMultiByte", page, flags, source, len(data) // 2, 0x609000, room, 0, 0) >= 0


CONVERTING = Machine()


@pytest.mark.parametrize("name", ["win32.load_as_data", "win32.move_at_reboot"])
def test_what_is_left_out_is_named(machine: Machine, name: str) -> None:
    with pytest.raises(Unsupported):
        ROUTINES[name](machine._trap(0))


def test_loading_as_data_is_refused(machine: Machine) -> None:
    with pytest.raises(Unsupported, match="DATAFILE"):
        machine.call("LoadLibraryExW", machine.text("x.dll"), 0, 2)
    with pytest.raises(Unsupported, match="REBOOT"):
        machine.call("MoveFileExW", machine.text("x"), machine.text("y"), 4)


# ---------------------------------------------------------------- console
class Console(Machine):
    """The three standard handles are a console; 44h is a file."""

    def __init__(self) -> None:
        super().__init__()
        self.output = b""
        self.input = b""

        def volume(handle: int, iosb: int, buffer: int, size: int, kind: int) -> int:
            self.dword(buffer, 7 if handle == 0x44 else 0x50)
            return 0

        def write(
            h: int, e: int, a: int, c: int, iosb: int, buffer: int, size: int, at: int, key: int
        ) -> int:
            self.output += bytes(self.uc.mem_read(buffer, size))
            self.dword(iosb, 0)
            self.dword(iosb + 4, size)
            return 0

        def read(h: int, e: int, a: int, c: int, iosb: int, buffer: int, size: int, at: int, key: int) -> int:
            data, self.input = self.input[:size], self.input[size:]
            self.uc.mem_write(buffer, data)
            self.dword(iosb, 0)
            self.dword(iosb + 4, len(data))
            return 0

        self.fakes |= {"NtQueryVolumeInformationFile": volume, "NtWriteFile": write, "NtReadFile": read}


def test_write_console() -> None:
    machine = Console()
    written = machine.room(4)
    assert machine.call("WriteConsoleA", STDOUT, machine.ansi("abc"), 3, written, 0) == 1
    assert machine.call("WriteConsoleW", STDOUT, machine.text("é!"), 2, written, 0) == 1
    assert (machine.output, machine.dword(written)) == (b"abc\x82!", 2)
    assert machine.call("SetConsoleOutputCP", 65001) == 1
    long = "ж" * 700
    assert machine.call("WriteConsoleW", STDOUT, machine.text(long), 700, 0, 0) == 1
    assert machine.output == b"abc\x82!" + long.encode()


@pytest.mark.parametrize("function", ["WriteConsoleA", "WriteConsoleW", "ReadConsoleA", "ReadConsoleW"])
def test_a_file_is_no_console(function: str) -> None:
    machine = Console()
    assert machine.call(function, 0x44, machine.room(8), 1, machine.room(4), 0) == 0
    assert (machine.last_error, machine.output) == (6, b"")


def test_read_console() -> None:
    machine = Console()
    machine.input = b"ab\x82\r\n"
    buffer, count = machine.room(20), machine.room(4)
    assert machine.call("ReadConsoleA", STDIN, buffer, 2, count, 0) == 1
    assert (machine.dword(count), bytes(machine.uc.mem_read(buffer, 2))) == (2, b"ab")
    assert machine.call("ReadConsoleW", STDIN, buffer, 10, count, 0) == 1
    assert (machine.dword(count), bytes(machine.uc.mem_read(buffer, 6))) == (3, "é\r\n".encode("utf-16-le"))
    assert machine.call("ReadConsoleW", STDIN, buffer, 10, count, 0) == 1
    assert machine.dword(count) == 0


def test_console_modes() -> None:
    machine = Console()
    mode = machine.room(4)
    assert machine.call("GetConsoleMode", STDIN, mode) == 1
    assert machine.dword(mode) == 0x1F7
    assert machine.call("SetConsoleMode", STDOUT, 7) == 1
    assert machine.call("GetConsoleMode", STDOUT, mode) == 1
    assert machine.dword(mode) == 7
    assert machine.call("GetConsoleMode", STDIN, mode) == 1
    assert machine.dword(mode) == 0x1F7
    assert machine.call("GetConsoleMode", 0x44, mode) == 0
    assert machine.last_error == 6


def test_console_code_pages(machine: Machine) -> None:
    assert machine.call("GetConsoleCP") == machine.call("GetConsoleOutputCP") == 437
    machine.call("SetConsoleCP", 1252)
    assert (machine.call("GetConsoleCP"), machine.call("GetConsoleOutputCP")) == (1252, 437)


def test_control_handlers(machine: Machine) -> None:
    for handler in range(1, 33):
        assert machine.call("SetConsoleCtrlHandler", handler, 1) == 1
    assert machine.call("SetConsoleCtrlHandler", 33, 1) == 0
    assert machine.last_error == 8
    for handler in (5, 32, 1):
        assert machine.call("SetConsoleCtrlHandler", handler, 0) == 1
    assert machine.call("SetConsoleCtrlHandler", 5, 0) == 0
    assert machine.last_error == 87
    assert machine.call("SetConsoleCtrlHandler", 33, 1) == 1
    assert machine.call("SetConsoleCtrlHandler", 0, 1) == 1


def test_debug_strings_go_nowhere(machine: Machine) -> None:
    machine.dword(TEB + 0x34, 5)
    machine.call("OutputDebugStringA", machine.ansi("x"))
    machine.call("OutputDebugStringW", machine.text("x"))
    assert (machine.calls, machine.last_error) == ([], 5)
