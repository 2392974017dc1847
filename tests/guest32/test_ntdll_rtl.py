from __future__ import annotations

import struct
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ntdll_machine import Machine

from sampled import WOW64
from wowsim.guest32.dos_errors import dos_error
from wowsim.guest32.rtl_time import fields, time_of

if TYPE_CHECKING:
    from wowsim.nt.builds import Build

TOO_SMALL, OVERFLOW, NO_VARIABLE, BAD_NAME = 0xC0000023, 0x80000005, 0xC0000100, 0xC0000033


@pytest.fixture(scope="module")
def shared() -> Machine:
    """One process for tests that change nothing but memory of their own."""
    return Machine().process()


@pytest.fixture
def machine() -> Machine:
    return Machine().process()


def fields_of(machine: Machine, address: int) -> tuple[int, ...]:
    return struct.unpack("<HHI", machine.memory.read(address, 8))


# ---------------------------------------------------------------- strings
@pytest.mark.parametrize(("text", "lengths"), [
    ("", (0, 2)), ("abc", (6, 8)), ("x" * 0x7FFE, (0xFFFC, 0xFFFE)), ("x" * 0x9000, (0xFFFC, 0xFFFE)),
])  # fmt: skip
def test_init_unicode_string(machine: Machine, text: str, lengths: tuple[int, int]) -> None:
    buffer = machine.call("RtlAllocateHeap", machine.heap, 8, 2 * len(text) + 2)
    machine.memory.write(buffer, text.encode("utf-16-le"))
    out = machine.space(8)
    machine.call("RtlInitUnicodeString", out, buffer)
    assert fields_of(machine, out) == (*lengths, buffer)
    machine.call("RtlInitUnicodeString", out, 0)
    assert fields_of(machine, out) == (0, 0, 0)


def test_init_ansi_string(shared: Machine) -> None:
    out, buffer = shared.space(8), shared.text(b"hello")
    shared.call("RtlInitAnsiString", out, buffer)
    assert fields_of(shared, out) == (5, 6, buffer)


def test_ansi_and_unicode_become_each_other(machine: Machine) -> None:
    ansi, wide, back = machine.counted(b"caf\xe9 \x80\x81"), machine.space(8), machine.space(8)
    assert machine.call("RtlAnsiStringToUnicodeString", wide, ansi, 1) == 0
    assert machine.string(wide) == "café €\x81"
    assert machine.call("RtlUnicodeStringToAnsiString", back, wide, 1) == 0
    length, maximum, buffer = fields_of(machine, back)
    assert (length, maximum) == (7, 8)
    assert machine.memory.read(buffer, 8) == b"caf\xe9 \x80\x81\0"
    machine.call("RtlFreeUnicodeString", wide)
    machine.call("RtlFreeAnsiString", back)
    assert fields_of(machine, wide) == (0, 0, 0)
    small = machine.counted("", room=4)
    assert machine.call("RtlAnsiStringToUnicodeString", small, ansi, 0) == OVERFLOW
    assert (
        machine.call("RtlUnicodeStringToAnsiString", machine.counted(b"", room=9), machine.counted("日"), 0)
        == 0
    )


def test_created_strings_are_copies(machine: Machine) -> None:
    out = machine.space(8)
    assert machine.call("RtlCreateUnicodeStringFromAsciiz", out, machine.text(b"one")) == 1
    assert machine.string(out) == "one"
    assert machine.call("RtlCreateUnicodeString", out, machine.text("two")) == 1
    assert machine.string(out) == "two"


@pytest.mark.parametrize(("first", "second", "fold", "sign"), [
    ("abc", "abc", 0, 0), ("abc", "ABC", 1, 0), ("abc", "ABC", 0, 1), ("ab", "abc", 1, -1),
    ("b", "aaa", 1, 1), ("É", "é", 1, 0), ("ı", "I", 1, 1), ("ß", "SS", 1, 1),
])  # fmt: skip
def test_comparison(shared: Machine, first: str, second: str, fold: int, sign: int) -> None:
    a, b = shared.counted(first), shared.counted(second)
    result = shared.call("RtlCompareUnicodeString", a, b, fold)
    signed = result - (1 << 32) if result >> 31 else result
    assert (signed > 0) - (signed < 0) == sign
    assert shared.call("RtlEqualUnicodeString", a, b, fold) == int(sign == 0)


def test_prefix_copy_and_append(shared: Machine) -> None:
    assert (
        shared.call("RtlPrefixUnicodeString", shared.counted("c:\\W"), shared.counted("C:\\windows"), 1) == 1
    )
    assert shared.call("RtlPrefixUnicodeString", shared.counted("x"), shared.counted(""), 1) == 0
    target = shared.counted("", room=12)
    shared.call("RtlCopyUnicodeString", target, shared.counted("abc"))
    assert shared.call("RtlAppendUnicodeToString", target, shared.text("de")) == 0
    assert shared.string(target) == "abcde"
    assert shared.call("RtlAppendUnicodeStringToString", target, shared.counted("fg")) == TOO_SMALL
    assert shared.string(target) == "abcde"
    shared.call("RtlCopyUnicodeString", target, shared.counted("0123456789"))
    assert shared.string(target) == "012345"


def test_counted_conversions_cut_to_what_fits(shared: Machine) -> None:
    out, done, source = shared.space(16), shared.space(4), shared.text(b"abcdef")
    assert shared.call("RtlMultiByteToUnicodeN", out, 8, done, source, 6) == 0
    assert shared.dword(done) == 8
    assert shared.memory.read(out, 10) == "abcd".encode("utf-16-le") + b"\0\0"
    wide = shared.text("xyz")
    assert shared.call("RtlUnicodeToMultiByteN", out, 16, done, wide, 6) == 0
    assert shared.memory.read(out, shared.dword(done)) == b"xyz"
    shared.call("RtlMultiByteToUnicodeSize", done, source, 6)
    assert shared.dword(done) == 12
    shared.call("RtlUnicodeToMultiByteSize", done, wide, 6)
    assert shared.dword(done) == 3


# ---------------------------------------------------------------- memory
def test_memory_routines(shared: Machine) -> None:
    a = shared.space(32)
    shared.memory.write(a, bytes(range(32)))
    assert shared.call("memcpy", a + 16, a, 11, popped=False) == a + 16
    assert shared.memory.read(a + 16, 12) == bytes(range(11)) + b"\x1b"
    shared.memory.write(a, bytes(range(32)))
    shared.call("RtlMoveMemory", a + 1, a, 20)
    assert shared.memory.read(a, 22) == b"\0" + bytes(range(20)) + b"\x15"
    shared.call("memmove", a, a + 1, 20, popped=False)
    assert shared.memory.read(a, 20) == bytes(range(20))
    assert shared.call("memset", a, 0x1234, 7, popped=False) == a
    assert shared.memory.read(a, 8) == b"4444444\x07"
    shared.call("RtlFillMemory", a, 5, 0x41)
    shared.call("RtlZeroMemory", a, 2)
    assert shared.memory.read(a, 6) == b"\0\0AAA4"
    one, two = shared.text(b"abcd"), shared.text(b"abxd")
    assert shared.call("RtlCompareMemory", one, two, 4) == 2
    assert shared.call("RtlCompareMemory", one, one, 4) == 4
    assert shared.call("RtlCompareMemory", one, two, 0) == 0
    assert shared.call("memcmp", one, two, 4, popped=False) >> 31 == 1
    assert shared.call("memcmp", two, one, 4, popped=False) == 1
    assert shared.call("memcmp", one, two, 2, popped=False) == 0
    assert shared.call("strlen", one, popped=False) == 4
    assert shared.call("wcslen", shared.text("äbc"), popped=False) == 3


# ---------------------------------------------------------------- errors, versions, locks
def test_last_error_and_status(shared: Machine) -> None:
    assert shared.call("RtlNtStatusToDosError", 0xC0000034) == 2
    assert shared.dword(shared.teb + 0xBF4) == 0xC0000034
    shared.call("RtlSetLastWin32Error", 1234)
    assert shared.call("RtlGetLastWin32Error") == 1234
    shared.call("RtlSetLastWin32ErrorAndNtStatusFromNtStatus", 0xC0000043)
    assert shared.call("RtlGetLastWin32Error") == 32


@pytest.mark.parametrize(("status", "error"), [
    (0, 0), (0xC0000022, 5), (0xC000000D, 87), (0x103, 997), (0xC0000011, 38), (0xC0000135, 126),
    (0xC0000139, 127), (0xC0000035, 183), (0x80000006, 18), (0xC0000005, 998), (0x8007000E, 14),
    (0xC0010005, 5), (0xE0000001, 0xE0000001), (0xC0FFEE00, 317), (0xD0000022, 5), (0x8000000D, 299),
])  # fmt: skip
def test_dos_errors(status: int, error: int) -> None:
    assert dos_error(status) == error


# the machine of these tests has no 64-bit code, which the far jump of 1507's stubs leads to
@pytest.mark.parametrize("build", [b for n, b in WOW64.items() if n != "win10-1507"], ids=lambda b: b.name)
def test_version(build: Build) -> None:
    machine = Machine(build).process()
    out = machine.space(0x120)
    machine.put(out, 0x11C)
    machine.call("RtlGetVersion", out)
    major, minor, number = build.version
    assert struct.unpack("<4I", machine.memory.read(out + 4, 16)) == (major, minor, number, 2)
    assert machine.memory.read(out + 276, 4) == b"\x01\0\0\0"
    a, b, c = (machine.space(4) for _ in range(3))
    machine.call("RtlGetNtVersionNumbers", a, b, c)
    assert (machine.dword(a), machine.dword(b), machine.dword(c)) == (major, minor, 0xF0000000 | number)
    machine.call("RtlGetNtVersionNumbers", 0, 0, 0)


def test_critical_sections_nest_and_know_their_owner(machine: Machine) -> None:
    section = machine.space(24)
    machine.call("RtlInitializeCriticalSectionAndSpinCount", section, 4000)
    free = machine.memory.read(section, 24)
    for _ in range(2):
        machine.call("RtlEnterCriticalSection", section)
    assert machine.call("RtlTryEnterCriticalSection", section) == 1
    assert machine.dword(section + 8) == 3
    assert machine.dword(section + 0xC) == 0x5678
    for _ in range(3):
        machine.call("RtlLeaveCriticalSection", section)
    assert machine.memory.read(section, 24) == free
    assert not machine.calls


def test_a_held_critical_section_waits_on_the_keyed_event(machine: Machine) -> None:
    section = machine.space(24)
    machine.call("RtlInitializeCriticalSection", section)
    machine.call("RtlEnterCriticalSection", section)
    machine.put(section + 0xC, 0x9999)
    assert machine.call("RtlTryEnterCriticalSection", section) == 0
    waited: list[tuple[int, ...]] = []
    machine.NtWaitForKeyedEvent = lambda *a: waited.append(a) or 0  # type: ignore[attr-defined,func-returns-value]
    machine.NtReleaseKeyedEvent = lambda *a: waited.append(a) or 0  # type: ignore[attr-defined,func-returns-value]
    machine.call("RtlEnterCriticalSection", section)
    assert waited == [(0, section, 0, 0)]
    assert machine.dword(section + 0xC) == 0x5678
    machine.call("RtlLeaveCriticalSection", section)
    assert len(waited) == 2


def test_redirection_lives_in_the_64_bit_tebs_slot(machine: Machine) -> None:
    slot, out = machine.teb - 0x2000 + 0x1480 + 8 * 8, machine.space(4)
    assert machine.call("RtlWow64EnableFsRedirectionEx", 1, out) == 0
    assert (machine.dword(out), machine.dword(slot)) == (0, 1)
    machine.call("RtlWow64EnableFsRedirectionEx", 0, out)
    assert (machine.dword(out), machine.dword(slot)) == (1, 0)


def test_bitmaps(shared: Machine) -> None:
    bits, bitmap = shared.space(8), shared.space(8)
    shared.memory.write(bits, b"\xfb\xff\x0f\0")
    shared.memory.write(bitmap, struct.pack("<II", 30, bits))
    assert shared.call("RtlFindClearBitsAndSet", bitmap, 1, 5) == 20
    assert shared.call("RtlFindClearBitsAndSet", bitmap, 1, 29) == 29
    assert shared.call("RtlFindClearBitsAndSet", bitmap, 1, 29) == 2
    assert shared.call("RtlFindClearBitsAndSet", bitmap, 9, 0) == 0xFFFFFFFF
    shared.call("RtlClearBits", bitmap, 4, 4)
    assert shared.call("RtlFindClearBitsAndSet", bitmap, 4, 0) == 4


# ---------------------------------------------------------------- environment and directories
def query(machine: Machine, name: str, room: int = 64) -> tuple[int, str]:
    value = machine.counted("", room=room)
    status = machine.call("RtlQueryEnvironmentVariable_U", 0, machine.counted(name), value)
    return status, machine.string(value) if not status else ""


def test_environment_variables(machine: Machine) -> None:
    assert query(machine, "path") == (0, "C:\\bin;C:\\dlls")
    assert query(machine, "none")[0] == NO_VARIABLE
    assert query(machine, "PATH", room=4)[0] == TOO_SMALL
    machine.call("RtlSetLastWin32Error", 0)
    for value in ("first", "second"):
        assert (
            machine.call("RtlSetEnvironmentVariable", 0, machine.counted("New"), machine.counted(value)) == 0
        )
        assert query(machine, "NEW") == (0, value)
    assert query(machine, "a") == (0, "1")
    assert machine.call("RtlSetEnvironmentVariable", 0, machine.counted("A"), 0) == 0
    assert query(machine, "A")[0] == NO_VARIABLE
    assert machine.call("RtlSetEnvironmentVariable", 0, machine.counted("B=C"), 0) == 0xC000000D
    assert machine.call("RtlGetLastWin32Error") == 0
    assert machine.call("RtlValidateHeap", machine.heap, 0, 0) == 1


def test_the_current_directory(machine: Machine) -> None:
    buffer = machine.space(64)
    assert machine.call("RtlGetCurrentDirectory_U", 64, buffer) == 14
    assert machine.memory.read(buffer, 16) == "C:\\work\0".encode("utf-16-le")
    assert machine.call("RtlGetCurrentDirectory_U", 4, buffer) == 16
    assert machine.call("RtlSetCurrentDirectory_U", machine.counted("..\\data")) == 0
    assert machine.opened[-1] == "\\??\\C:\\data"
    assert machine.string(machine.dword(machine.peb + 0x10) + 0x24) == "C:\\data\\"
    assert machine.call("RtlSetCurrentDirectory_U", machine.counted("nowhere")) == 0xC0000034
    assert machine.call("RtlSetCurrentDirectory_U", machine.counted("nul")) == BAD_NAME
    assert machine.call("RtlSetCurrentDirectory_U", machine.counted("\\")) == 0
    machine.call("RtlGetCurrentDirectory_U", 64, buffer)
    assert machine.memory.read(buffer, 8) == "C:\\\0".encode("utf-16-le")
    assert machine.open_handles == 1


def test_full_and_nt_paths(machine: Machine) -> None:
    buffer, part, name = machine.space(64), machine.space(4), machine.text("sub\\..\\a.txt")
    assert machine.call("RtlGetFullPathName_U", name, 64, buffer, part) == 26
    assert machine.memory.read(buffer, 28) == "C:\\work\\a.txt\0".encode("utf-16-le")
    assert machine.dword(part) == buffer + 16
    assert machine.call("RtlGetFullPathName_U", name, 10, buffer, 0) == 28
    out = machine.space(8)
    assert machine.call("RtlDosPathNameToNtPathName_U", name, out, part, 0) == 1
    assert machine.string(out) == "\\??\\C:\\work\\a.txt"
    assert machine.memory.read(machine.dword(part), 10) == "a.txt".encode("utf-16-le")
    assert machine.call("RtlDosPathNameToNtPathName_U", machine.text(""), out, 0, 0) == 0
    assert machine.call("RtlDosPathNameToNtPathName_U_WithStatus", machine.text(""), out, 0, 0) == BAD_NAME
    assert machine.call("RtlDetermineDosPathNameType_U", name) == 5


# ---------------------------------------------------------------- time
def test_time_fields_and_seconds(shared: Machine) -> None:
    time, parts, seconds = shared.space(8), shared.space(16), shared.space(4)
    shared.call("RtlSecondsSince1970ToTime", 86400 * 365, time)
    shared.call("RtlTimeToTimeFields", time, parts)
    assert struct.unpack("<8h", shared.memory.read(parts, 16)) == (1971, 1, 1, 0, 0, 0, 0, 5)
    assert shared.call("RtlTimeFieldsToTime", parts, time) == 1
    assert shared.call("RtlTimeToSecondsSince1970", time, seconds) == 1
    assert shared.dword(seconds) == 86400 * 365
    assert shared.call("RtlTimeToSecondsSince1980", time, seconds) == 0


@settings(max_examples=100, derandomize=True)
@given(st.datetimes(datetime(1601, 1, 1), datetime(9999, 12, 31)))
def test_fields_and_time_are_inverse(when: datetime) -> None:
    time = (when - datetime(1601, 1, 1)) // timedelta(milliseconds=1) * 10_000
    found = fields(time)
    assert found[:6] == (when.year, when.month, when.day, when.hour, when.minute, when.second)
    assert found[7] == when.isoweekday() % 7
    assert time_of(*found[:7]) == time


@pytest.mark.parametrize("bad", [(2001, 2, 29), (1600, 1, 1), (2000, 13, 1), (2000, 0, 1)])
def test_impossible_dates_have_no_time(bad: tuple[int, int, int]) -> None:
    assert time_of(*bad, 0, 0, 0, 0) is None
    assert time_of(2000, 1, 1, 24, 0, 0, 0) is None


def test_times_outside_the_calendar_give_its_ends() -> None:
    assert fields(-1)[0] == 1601
    assert fields((1 << 63) - 1)[0] == 9999
