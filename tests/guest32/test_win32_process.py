from __future__ import annotations

import struct

import pytest
from win32_machine import (
    COMMAND_LINE,
    ENVIRONMENT,
    HEAP_HANDLE,
    IMAGE_BASE,
    IMAGE_PATH,
    PARAMETERS,
    PEB,
    SHARED,
    STDERR,
    STDIN,
    STDOUT,
    TEB,
    Machine,
)

INVALID = 0xFFFFFFFF
CURRENT = 0xFFFFFFFF


@pytest.fixture
def machine() -> Machine:
    return Machine()


# ---------------------------------------------------------------- identity and exits
def test_identity(machine: Machine) -> None:
    assert machine.call("GetCurrentProcess") == 0xFFFFFFFF
    assert machine.call("GetCurrentThread") == 0xFFFFFFFE
    assert machine.call("GetCurrentProcessId") == 0x1234
    assert machine.call("GetCurrentThreadId") == 0x5678
    assert machine.call("GetProcessHeap") == HEAP_HANDLE


def test_last_error(machine: Machine) -> None:
    machine.last_error = 1234
    assert machine.call("GetLastError") == 1234


def test_exit_process_passes_the_code(machine: Machine) -> None:
    machine.fakes["RtlExitUserProcess"] = lambda code: 0
    machine.call("ExitProcess", 42)
    assert machine.arguments_of("RtlExitUserProcess") == (42,)


def test_thread_start_calls_the_routine_and_exits_with_its_result(machine: Machine) -> None:
    code = machine.room(16)
    machine.uc.mem_write(code, bytes.fromhex("8b44240440c20400"))  # mov eax, [esp+4]; inc eax; ret 4
    machine.fakes["RtlExitUserThread"] = lambda status: 0
    machine.call_at(machine.address("BaseThreadInitThunk"), 41, ecx=0, edx=code)
    assert machine.arguments_of("RtlExitUserThread") == (42,)


def test_terminate_process(machine: Machine) -> None:
    machine.fakes["NtTerminateProcess"] = lambda handle, status: 0
    assert machine.call("TerminateProcess", CURRENT, 3) == 1
    assert machine.arguments_of("NtTerminateProcess") == (CURRENT, 3)
    assert machine.call("TerminateProcess", 0, 3) == 0
    assert machine.last_error == 6


@pytest.mark.parametrize(("peb", "result"), [(PEB, 1), (0, 0)])
def test_is_wow64(machine: Machine, peb: int, result: int) -> None:
    machine.fakes["NtQueryInformationProcess"] = lambda h, kind, buffer, size, r: (
        machine.dword(buffer, peb) and 0
    )
    answer = machine.room(4)
    assert machine.call("IsWow64Process", CURRENT, answer) == 1
    assert machine.dword(answer) == result
    assert machine.arguments_of("NtQueryInformationProcess")[1] == 26


def test_exit_code(machine: Machine) -> None:
    machine.fakes["NtQueryInformationProcess"] = lambda h, kind, buffer, size, r: (
        machine.dword(buffer, 259) and 0
    )
    answer = machine.room(4)
    assert machine.call("GetExitCodeProcess", 0x44, answer) == 1
    assert machine.dword(answer) == 259


def test_debugger_present(machine: Machine) -> None:
    assert machine.call("IsDebuggerPresent") == 0
    machine.uc.mem_write(PEB + 2, b"\1")
    assert machine.call("IsDebuggerPresent") == 1


@pytest.mark.parametrize(("feature", "result"), [(23, 1), (22, 0), (63, 0), (64, 0), (0xFFFFFFFF, 0)])
def test_processor_features(machine: Machine, feature: int, result: int) -> None:
    machine.uc.mem_write(SHARED + 0x274 + 23, b"\1")
    machine.uc.mem_write(SHARED + 0x274 + 64, b"\1")
    assert machine.call("IsProcessorFeaturePresent", feature) == result


def test_encoded_pointers_come_back(machine: Machine) -> None:
    machine.fakes["NtQueryInformationProcess"] = lambda h, k, buffer, size, r: (
        machine.dword(buffer, 0x1357_9BDF) and 0
    )
    encoded = machine.call("EncodePointer", 0x401000)
    assert encoded not in (0, 0x401000)
    assert machine.call("DecodePointer", encoded) == 0x401000
    assert machine.names() == ["NtQueryInformationProcess"], "the cookie is asked for once"


# ---------------------------------------------------------------- versions and the machine
def test_get_version(machine: Machine) -> None:
    machine.dword(PEB + 0xA4, 6)
    machine.dword(PEB + 0xA8, 1)
    machine.dword(PEB + 0xAC, 7601)
    assert machine.call("GetVersion") == 7601 << 16 | 0x0106


def give_version(machine: Machine) -> None:
    def version(block: int) -> int:
        size = machine.dword(block)
        data = struct.pack("<5I", size, 6, 1, 7601, 2) + "Service Pack 1".encode("utf-16-le").ljust(
            256, b"\0"
        )
        if size == 0x11C:
            data += struct.pack("<HHHBB", 1, 0, 0x100, 1, 0)
        machine.uc.mem_write(block, data)
        return 0

    machine.fakes["RtlGetVersion"] = version


@pytest.mark.parametrize("size", [0x94, 0x9C])
def test_get_version_ex_ansi(machine: Machine, size: int) -> None:
    give_version(machine)
    block = machine.room(0x9C)
    machine.dword(block, size)
    assert machine.call("GetVersionExA", block) == 1
    data = bytes(machine.uc.mem_read(block, 0x9C))
    assert struct.unpack("<5I", data[:20]) == (size, 6, 1, 7601, 2)
    assert data[20:].split(b"\0")[0] == b"Service Pack 1"
    assert data[0x94:] == (struct.pack("<HHHBB", 1, 0, 0x100, 1, 0) if size == 0x9C else b"\xcc" * 8)


@pytest.mark.parametrize(
    ("function", "size"), [("GetVersionExA", 0x114), ("GetVersionExW", 0x94), ("GetVersionExW", 0)]
)
def test_get_version_ex_of_another_size(machine: Machine, function: str, size: int) -> None:
    block = machine.room(0x11C)
    machine.dword(block, size)
    assert machine.call(function, block) == 0
    assert machine.last_error == 122


@pytest.mark.parametrize(
    ("function", "architecture", "kind"), [("GetSystemInfo", 0, 586), ("GetNativeSystemInfo", 9, 8664)]
)
def test_system_info(machine: Machine, function: str, architecture: int, kind: int) -> None:
    def query(kind: int, buffer: int, size: int, returned: int) -> int:
        basic = struct.pack("<10IB3x", 0, 156250, 4096, 1, 2, 3, 0x10000, 0x10000, 0x7FFEFFFF, 3, 2)
        data = basic if kind == 0 else struct.pack("<4HI", 0, 6, 0x1234, 2, 0)
        assert len(data) == size
        machine.uc.mem_write(buffer, data)
        return 0

    machine.fakes["NtQuerySystemInformation"] = query
    block = machine.room(36)
    machine.call(function, block)
    assert struct.unpack("<HH7IHH", machine.uc.mem_read(block, 36)) == (
        architecture, 0, 4096, 0x10000, 0x7FFEFFFF, 3, 2, kind, 0x10000, 6, 0x1234,
    )  # fmt: skip


def test_startup_info(machine: Machine) -> None:
    machine.dword(PARAMETERS + 0x68, 0x101)
    machine.dword(PARAMETERS + 0x6C, 5)
    title = machine.text("title é")
    machine.dword(PARAMETERS + 0x74, title)
    wide, narrow = machine.room(0x44), machine.room(0x44)
    machine.call("GetStartupInfoW", wide)
    found = struct.unpack("<12IHH4I", machine.uc.mem_read(wide, 0x44))
    assert found == (0x44, 0, 0, title, *(0,) * 7, 0x101, 5, 0, 0, STDIN, STDOUT, STDERR)
    machine.call("GetStartupInfoA", narrow)
    assert machine.ansi_at(machine.dword(narrow + 12)) == "title é"
    machine.call("GetStartupInfoA", narrow)
    assert machine.dword(narrow + 0x38) == STDIN


def test_startup_info_without_handles(machine: Machine) -> None:
    block = machine.room(0x44)
    machine.call("GetStartupInfoW", block)
    assert bytes(machine.uc.mem_read(block + 0x38, 12)) == bytes(12)


# ---------------------------------------------------------------- environment
def test_command_line(machine: Machine) -> None:
    assert machine.wide_at(machine.call("GetCommandLineW")) == COMMAND_LINE
    first = machine.call("GetCommandLineA")
    assert machine.ansi_at(first) == COMMAND_LINE
    assert machine.call("GetCommandLineA") == first


def test_environment_blocks(machine: Machine) -> None:
    wide, narrow = machine.call("GetEnvironmentStringsW"), machine.call("GetEnvironmentStringsA")
    size = len(ENVIRONMENT)
    assert [n for n, _ in machine.calls].count("RtlAllocateHeap") == 2
    assert machine.arguments_of("RtlAllocateHeap")[2] == 2 * size
    assert bytes(machine.uc.mem_read(wide, 2 * size)).decode("utf-16-le") == ENVIRONMENT
    assert bytes(machine.uc.mem_read(narrow, size)).decode() == ENVIRONMENT
    assert machine.call("FreeEnvironmentStringsW", wide) == 1
    assert machine.arguments_of("RtlFreeHeap") == (HEAP_HANDLE, 0, wide)


def give_variable(machine: Machine, values: dict[str, str]) -> None:
    def query(environment: int, name: int, value: int) -> int:
        found = values.get(machine.counted(name))
        if found is None:
            return 0xC0000100
        data = found.encode("utf-16-le")
        _, room, buffer = struct.unpack("<HHI", machine.uc.mem_read(value, 8))
        machine.uc.mem_write(value, struct.pack("<H", len(data)))
        if len(data) > room:
            return 0xC0000023
        machine.uc.mem_write(buffer, data)
        return 0

    machine.fakes["RtlQueryEnvironmentVariable_U"] = query


@pytest.mark.parametrize("suffix", ["A", "W"])
@pytest.mark.parametrize(("size", "result"), [(6, 5), (100, 5), (5, 6), (1, 6), (0, 6)])
def test_variable(machine: Machine, suffix: str, size: int, result: int) -> None:
    give_variable(machine, {"Path": "C:\\xy"})
    buffer = machine.room(200)
    encode, read = (machine.ansi, machine.ansi_at) if suffix == "A" else (machine.text, machine.wide_at)
    assert (
        machine.call("GetEnvironmentVariable" + suffix, encode("Path"), buffer if size else 0, size) == result
    )
    if result == 5:
        assert read(buffer) == "C:\\xy"
    else:
        assert bytes(machine.uc.mem_read(buffer, 12)) == b"\xcc" * 12


def test_empty_variable_and_none(machine: Machine) -> None:
    give_variable(machine, {"E": ""})
    buffer = machine.room(8)
    assert machine.call("GetEnvironmentVariableW", machine.text("E"), buffer, 4) == 0
    assert machine.wide_at(buffer) == ""
    assert machine.call("GetEnvironmentVariableW", machine.text("F"), buffer, 4) == 0
    assert machine.last_error == 203


@pytest.mark.parametrize("value", ["v", None])
@pytest.mark.parametrize("suffix", ["A", "W"])
def test_set_variable(machine: Machine, value: str | None, suffix: str) -> None:
    seen: list[tuple[str, str | None]] = []

    def change(environment: int, name: int, text: int) -> int:
        seen.append((machine.counted(name), machine.counted(text) if text else None))
        return 0

    machine.fakes["RtlSetEnvironmentVariable"] = change
    encode = machine.ansi if suffix == "A" else machine.text
    assert (
        machine.call("SetEnvironmentVariable" + suffix, encode("n"), 0 if value is None else encode(value))
        == 1
    )
    assert seen == [("n", value)]


@pytest.mark.parametrize(
    ("number", "handle", "error"),
    [(-10, STDIN, 0), (-11, STDOUT, 0), (-12, STDERR, 0), (-13, INVALID, 6), (0, INVALID, 6)],
)
def test_standard_handles(machine: Machine, number: int, handle: int, error: int) -> None:
    assert machine.call("GetStdHandle", number) == handle
    assert machine.last_error == error


def test_set_standard_handle(machine: Machine) -> None:
    assert machine.call("SetStdHandle", -11, 0x99) == 1
    assert machine.call("GetStdHandle", -11) == 0x99
    assert machine.call("SetStdHandle", -9, 0x99) == 0
    assert machine.last_error == 6


# ---------------------------------------------------------------- directories
def give_paths(machine: Machine, current: str = "C:\\work") -> None:
    def fill(text: str, size: int, buffer: int) -> int:
        if 2 * len(text) + 2 > size:
            return 2 * len(text) + 2
        machine.uc.mem_write(buffer, (text + "\0").encode("utf-16-le"))
        return 2 * len(text)

    def full(name: int, size: int, buffer: int, part: int) -> int:
        text = machine.wide_at(name)
        text = text if text[1:2] == ":" else f"{current}\\{text}"
        if part:
            machine.dword(part, buffer + 2 * (text.rindex("\\") + 1))
        return fill(text, size, buffer)

    machine.fakes["RtlGetCurrentDirectory_U"] = lambda size, buffer: fill(current, size, buffer)
    machine.fakes["RtlGetFullPathName_U"] = full


@pytest.mark.parametrize("suffix", ["A", "W"])
@pytest.mark.parametrize(
    ("function", "text"),
    [
        ("GetCurrentDirectory", "C:\\work"),
        ("GetWindowsDirectory", "C:\\Windows"),
        ("GetSystemDirectory", "C:\\Windows\\system32"),
        ("GetTempPath", "C:\\tmp\\"),
    ],
)
@pytest.mark.parametrize("spare", [1, 50, 0])
def test_directories(machine: Machine, function: str, suffix: str, text: str, spare: int) -> None:
    give_paths(machine)
    give_variable(machine, {"TEMP": "C:\\tmp"})
    buffer, size = machine.room(600), len(text) + spare
    size_first = function in ("GetCurrentDirectory", "GetTempPath")
    result = machine.call(function + suffix, *((size, buffer) if size_first else (buffer, size)))
    read = machine.ansi_at if suffix == "A" else machine.wide_at
    if spare:
        assert (result, read(buffer)) == (len(text), text)
    else:
        assert (result, bytes(machine.uc.mem_read(buffer, 2))) == (len(text) + 1, b"\xcc\xcc")


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"TMP": "C:\\1", "TEMP": "C:\\2"}, "C:\\1\\"),
        ({"USERPROFILE": "C:\\3\\"}, "C:\\3\\"),
        ({}, "C:\\Windows\\"),
        ({"TMP": "x" * 300, "TEMP": "C:\\2"}, "C:\\2\\"),
        ({"TMP": "rel"}, "C:\\work\\rel\\"),
    ],
)
def test_temporary_path(machine: Machine, values: dict[str, str], path: str) -> None:
    give_paths(machine)
    give_variable(machine, values)
    buffer = machine.room(600)
    assert machine.call("GetTempPathW", 261, buffer) == len(path)
    assert machine.wide_at(buffer) == path


@pytest.mark.parametrize("suffix", ["A", "W"])
def test_full_path(machine: Machine, suffix: str) -> None:
    give_paths(machine)
    encode, read = (machine.ansi, machine.ansi_at) if suffix == "A" else (machine.text, machine.wide_at)
    buffer, part = machine.room(100), machine.room(4)
    assert machine.call("GetFullPathName" + suffix, encode("a.txt"), 50, buffer, part) == 13
    assert (read(buffer), read(machine.dword(part))) == ("C:\\work\\a.txt", "a.txt")
    assert machine.call("GetFullPathName" + suffix, encode("a.txt"), 13, buffer, part) == 14


def test_set_current_directory(machine: Machine) -> None:
    seen: list[str] = []

    def change(name: int) -> int:
        seen.append(machine.counted(name))
        return 0

    machine.fakes["RtlSetCurrentDirectory_U"] = change
    assert machine.call("SetCurrentDirectoryA", machine.ansi("C:\\x")) == 1
    machine.fakes["RtlSetCurrentDirectory_U"] = lambda name: 0xC000003A
    assert machine.call("SetCurrentDirectoryW", machine.text("C:\\y")) == 0
    assert (seen, machine.last_error) == (["C:\\x"], 3)


# ---------------------------------------------------------------- modules
def give_modules(machine: Machine, base: int = 0x10000000) -> None:
    def load(path: int, characteristics: int, name: int, handle: int) -> int:
        if machine.counted(name) not in ("x.dll", IMAGE_PATH):
            return 0xC0000135
        machine.dword(handle, base if machine.counted(name) == "x.dll" else IMAGE_BASE)
        return 0

    def address(module: int, name: int, ordinal: int, found: int) -> int:
        text = ""
        if name:
            size, _, buffer = struct.unpack("<HHI", machine.uc.mem_read(name, 8))
            text = bytes(machine.uc.mem_read(buffer, size)).decode()
        if text != "Good" and ordinal != 7:
            return 0xC0000139
        machine.dword(found, module + 0x500 + ordinal)
        return 0

    machine.fakes |= {"LdrLoadDll": load, "LdrGetDllHandle": load, "LdrGetProcedureAddress": address}
    machine.fakes["LdrUnloadDll"] = lambda handle: 0


@pytest.mark.parametrize("suffix", ["A", "W"])
@pytest.mark.parametrize("function", ["LoadLibrary", "GetModuleHandle"])
def test_libraries(machine: Machine, function: str, suffix: str) -> None:
    give_modules(machine)
    encode = machine.ansi if suffix == "A" else machine.text
    assert machine.call(function + suffix, encode("x.dll")) == 0x10000000
    assert machine.call(function + suffix, encode("y.dll")) == 0
    assert machine.last_error == 126


def test_the_programs_own_module(machine: Machine) -> None:
    assert machine.call("GetModuleHandleA", 0) == machine.call("GetModuleHandleW", 0) == IMAGE_BASE


@pytest.mark.parametrize("name", ["", None])
def test_load_library_needs_a_name(machine: Machine, name: str | None) -> None:
    assert machine.call("LoadLibraryW", 0 if name is None else machine.text(name)) == 0
    assert machine.last_error == 87


@pytest.mark.parametrize(("flags", "characteristics"), [(0, 0), (1, 2), (8, 0)])
def test_load_library_flags(machine: Machine, flags: int, characteristics: int) -> None:
    give_modules(machine)
    load, seen = machine.fakes["LdrLoadDll"], []

    def look(path: int, value: int, name: int, handle: int) -> int | None:
        seen.append(machine.dword(value))
        return load(path, value, name, handle)

    machine.fakes["LdrLoadDll"] = look
    assert machine.call("LoadLibraryExA", machine.ansi("x.dll"), 0, flags) == 0x10000000
    assert seen == [characteristics]


def test_free_library(machine: Machine) -> None:
    give_modules(machine)
    assert machine.call("FreeLibrary", 0x10000000) == 1


def test_procedures(machine: Machine) -> None:
    give_modules(machine)
    assert machine.call("GetProcAddress", 0x10000000, machine.ansi("Good")) == 0x10000500
    assert machine.call("GetProcAddress", 0x10000000, 7) == 0x10000507
    assert machine.call("GetProcAddress", 0, 7) == IMAGE_BASE + 0x507
    assert machine.call("GetProcAddress", 0x10000000, machine.ansi("Bad")) == 0
    assert machine.last_error == 127


@pytest.mark.parametrize("suffix", ["A", "W"])
@pytest.mark.parametrize("size", [11, 200, 10, 4, 0])
def test_module_file_name(machine: Machine, suffix: str, size: int) -> None:
    buffer = machine.room(500)
    machine.last_error = 99
    assert machine.call("GetModuleFileName" + suffix, 0, buffer, size) == min(size, len(IMAGE_PATH))
    read = machine.ansi_at if suffix == "A" else machine.wide_at
    if size:
        assert read(buffer) == IMAGE_PATH[: size - 1]
    assert machine.last_error == (0 if size > len(IMAGE_PATH) else 122)


def test_file_name_of_no_module(machine: Machine) -> None:
    assert machine.call("GetModuleFileNameW", IMAGE_BASE + 0x1000, machine.room(20), 10) == 0
    assert machine.last_error == 126


@pytest.mark.parametrize(
    ("flags", "by_address", "loads"), [(0, False, 1), (2, False, 0), (4, True, 1), (6, True, 0)]
)
def test_module_handle_ex(machine: Machine, flags: int, by_address: bool, loads: int) -> None:
    give_modules(machine)
    found = machine.room(4)
    name = IMAGE_BASE + 0x5FFF if by_address else machine.text(IMAGE_PATH)
    assert machine.call("GetModuleHandleExW", flags, name, found) == 1
    assert machine.dword(found) == IMAGE_BASE
    assert [n for n, _ in machine.calls].count("LdrLoadDll") == loads


@pytest.mark.parametrize(("flags", "name", "error"), [(3, 0, 87), (8, 0, 87), (4, IMAGE_BASE + 0x6000, 126)])
def test_module_handle_ex_refused(machine: Machine, flags: int, name: int, error: int) -> None:
    assert machine.call("GetModuleHandleExW", flags, name, machine.room(4)) == 0
    assert machine.last_error == error


# ---------------------------------------------------------------- thread and fiber storage
def test_tls(machine: Machine) -> None:
    machine.fakes["NtSetInformationThread"] = lambda handle, kind, buffer, size: 0
    machine.dword(PEB + 0x44, 1)
    first, second = machine.call("TlsAlloc"), machine.call("TlsAlloc")
    assert (first, second) == (1, 2)
    assert machine.call("TlsGetValue", first) == 0
    assert machine.call("TlsSetValue", first, 0xABCD) == 1
    machine.last_error = 5
    assert machine.call("TlsGetValue", first) == 0xABCD
    assert (machine.last_error, machine.dword(TEB + 0xE14)) == (0, 0xABCD)
    assert machine.call("TlsFree", first) == 1
    assert machine.arguments_of("NtSetInformationThread")[:2] == (0xFFFFFFFE, 10)
    assert machine.call("TlsFree", first) == 0
    assert machine.last_error == 87
    assert machine.call("TlsAlloc") == first
    assert machine.call("TlsGetValue", first) == 0


def test_tls_runs_out(machine: Machine) -> None:
    assert [machine.call("TlsAlloc") for _ in range(1088)] == list(range(1088))
    assert machine.call("TlsAlloc") == INVALID
    assert machine.last_error == 259


@pytest.mark.parametrize("index", [1088, 0xFFFFFFFF])
def test_tls_bad_index(machine: Machine, index: int) -> None:
    for function, rest in (("TlsGetValue", ()), ("TlsSetValue", (1,)), ("TlsFree", ())):
        machine.last_error = 0
        assert machine.call(function, index, *rest) == 0
        assert machine.last_error == 87


def test_fls(machine: Machine) -> None:
    code, seen = machine.room(16), machine.room(4)
    # mov eax, [esp+4]; mov [seen], eax; ret 4
    machine.uc.mem_write(
        code, bytes.fromhex("8b442404a3") + struct.pack("<I", seen) + bytes.fromhex("c20400")
    )
    index = machine.call("FlsAlloc", code)
    assert index == 1
    assert machine.call("FlsGetValue", index) == 0
    assert machine.call("FlsSetValue", index, 0x77) == 1
    assert machine.call("FlsGetValue", index) == 0x77
    assert machine.call("FlsFree", index) == 1
    assert machine.dword(seen) == 0x77
    assert machine.call("FlsFree", index) == 0
    assert machine.call("FlsAlloc", 0) == index
    assert machine.call("FlsGetValue", index) == 0


@pytest.mark.parametrize("index", [0, 128, 0xFFFFFFFF])
def test_fls_bad_index(machine: Machine, index: int) -> None:
    for function, rest in (("FlsGetValue", ()), ("FlsSetValue", (1,)), ("FlsFree", ())):
        machine.last_error = 0
        assert machine.call(function, index, *rest) == 0
        assert machine.last_error == 87


def test_fls_runs_out(machine: Machine) -> None:
    assert [machine.call("FlsAlloc", 0) for _ in range(127)] == list(range(1, 128))
    assert machine.call("FlsAlloc", 0) == INVALID
    assert machine.last_error == 8
