"""Classes of system information, and services about the machine, its power and its firmware."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from guest import Guest

from wowsim.errors import Unsupported
from wowsim.kernel.licenses import NtQueryLicenseValue
from wowsim.kernel.power import (
    NtInitiatePowerAction,
    NtIsSystemResumeAutomatic,
    NtPowerInformation,
    NtSetSystemPowerState,
    NtSetThreadExecutionState,
    NtShutdownSystem,
)
from wowsim.kernel.privileged import (
    NtDisplayString,
    NtEnumerateSystemEnvironmentValuesEx,
    NtLoadDriver,
    NtQueryDebugFilterState,
    NtQuerySystemEnvironmentValue,
    NtQuerySystemEnvironmentValueEx,
    NtSetDebugFilterState,
    NtSetSystemEnvironmentValue,
    NtSetSystemEnvironmentValueEx,
    NtSetSystemTime,
    NtSystemDebugControl,
    NtUnloadDriver,
)
from wowsim.kernel.privileges import NUMBERS
from wowsim.kernel.processor import (
    NtFlushProcessWriteBuffers,
    NtGetCurrentProcessorNumber,
    NtGetCurrentProcessorNumberEx,
    NtQueryTimerResolution,
    NtSetLdtEntries,
    NtSetTimerResolution,
)
from wowsim.kernel.system_information import (
    NtQuerySystemInformation,
    NtQuerySystemInformationEx,
    NtSetSystemInformation,
)
from wowsim.kernel.thread import State, Thread
from wowsim.kernel.thread_information import NtSetInformationThread
from wowsim.kernel.token import process_token
from wowsim.nt.abi import USHORT, size_of
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_DEBUGGER_INACTIVE,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_CID,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_IMPLEMENTED,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
    STATUS_TIMER_RESOLUTION_NOT_SET,
)
from wowsim.nt.structures import SECTION_IMAGE_INFORMATION, SYSTEM_BASIC_INFORMATION
from wowsim.nt.system_structures import (
    RTL_PROCESS_MODULE_INFORMATION,
    SYSTEM_EXTENDED_THREAD_INFORMATION,
    SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX,
    SYSTEM_PROCESS_ID_INFORMATION,
    SYSTEM_PROCESS_INFORMATION,
    SYSTEM_THREAD_INFORMATION,
)

if TYPE_CHECKING:
    from wowsim.nt.abi import Width


@pytest.fixture(params=[32, 64])
def guest(request: pytest.FixtureRequest) -> Guest:
    made = Guest(request.param)
    made.k.process.image_path = r"\Device\HarddiskVolume1\app\a.exe"
    return made


def ask(guest: Guest, number: int, size: int) -> tuple[int, int]:
    """Status and the buffer's address; the bytes behind it stay."""
    at = guest.put(b"\xcc" * (size + 8))
    status = guest.call(NtQuerySystemInformation, number, at, size, guest.out)
    assert guest.memory.read(at + size, 8) == b"\xcc" * 8
    return status, at


def whole(guest: Guest, number: int) -> tuple[int, int]:
    """Address and size of an answer whose size is asked for first."""
    assert ask(guest, number, 4)[0] == STATUS_INFO_LENGTH_MISMATCH
    size = guest.value(guest.out, 4)
    status, at = ask(guest, number, size)
    assert status == STATUS_SUCCESS
    return at, size


def enable(guest: Guest, privilege: str) -> None:
    process_token(guest.k).privileges[NUMBERS[privilege]] = 2


# ---------------------------------------------------------------- lists
@pytest.mark.parametrize(
    ("number", "kind"), [(5, SYSTEM_THREAD_INFORMATION), (57, SYSTEM_EXTENDED_THREAD_INFORMATION)]
)
def test_the_list_of_processes(guest: Guest, number: int, kind: type) -> None:
    guest.k.threads.append(Thread(id=0x2000, state=State.WAITING, suspended=1))
    at, size = whole(guest, number)
    end, names, threads = at + size, [], []
    while True:
        found = guest.load(SYSTEM_PROCESS_INFORMATION, at)
        text = (
            guest.memory.read(found.ImageName.Buffer, found.ImageName.Length)
            if found.ImageName.Length
            else b""
        )
        names.append((found.UniqueProcessId, text.decode("utf-16-le")))
        first = at + size_of(SYSTEM_PROCESS_INFORMATION, guest.width)
        for index in range(found.NumberOfThreads):
            thread = guest.load(kind, first + index * size_of(kind, guest.width))
            thread = getattr(thread, "ThreadInfo", thread)
            assert thread.ClientId.UniqueProcess == found.UniqueProcessId
            threads.append((thread.ClientId.UniqueThread, thread.ThreadState, thread.WaitReason))
        assert at % 8 == 0
        if not found.NextEntryOffset:
            break
        at += found.NextEntryOffset
    assert at < end
    assert names == [(0, ""), (4, "System"), (0x1000, "a.exe")]
    assert threads == [(0, 2, 0), (8, 5, 0), (0x1004, 2, 0), (0x2000, 5, 5)]


def test_handles_of_one_object_show_one_address(guest: Guest) -> None:
    first, second, other = (
        guest.k.handles.insert(t, 1) for t in (guest.k.process, guest.k.process, guest.k.thread)
    )
    at, _ = whole(guest, 64)
    count, word = guest.value(at, guest.width // 8), guest.width // 8
    kind = SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX
    entries = [guest.load(kind, at + 2 * word + index * size_of(kind, guest.width)) for index in range(count)]
    assert [each.HandleValue for each in entries] == [first, second, other]
    assert entries[0].Object == entries[1].Object != entries[2].Object
    assert [each.ObjectTypeIndex for each in entries] == [7, 7, 8]


def test_drivers_are_shown_until_windows_8_1(guest: Guest) -> None:
    at, _ = whole(guest, 11)
    kind, first = RTL_PROCESS_MODULE_INFORMATION, at + guest.width // 8
    names = []
    for index in range(guest.value(at, 4)):
        found = guest.load(kind, first + index * size_of(kind, guest.width))
        names.append(found.FullPathName[found.OffsetToFileName :].rstrip(b"\0"))
        assert found.ImageBase >> (guest.width - 1) == 1
    assert names == [b"ntoskrnl.exe", b"hal.dll"]
    assert ask(Guest(guest.width, "win8.1"), 11, 0)[0] == STATUS_ACCESS_DENIED


def test_the_path_of_a_process(guest: Guest) -> None:
    kind = SYSTEM_PROCESS_ID_INFORMATION
    size, word = size_of(kind, guest.width), guest.width // 8
    text = guest.room(256)

    def put(process: int, room: int) -> int:
        head = process.to_bytes(word, "little") + struct.pack("<HH", 0, room)
        return guest.put(head + bytes(word - 4) + text.to_bytes(word, "little"))

    at = put(0x1000, 256)
    assert guest.call(NtQuerySystemInformation, 88, at, size, 0) == STATUS_SUCCESS
    found = guest.load(kind, at)
    name = guest.memory.read(text, found.ImageName.Length).decode("utf-16-le")
    assert name == guest.k.process.image_path
    at = put(0x1000, 4)
    assert guest.call(NtQuerySystemInformation, 88, at, size, 0) == STATUS_INFO_LENGTH_MISMATCH
    assert guest.load(kind, at).ImageName.MaximumLength == 2 * len(name) + 2
    assert guest.call(NtQuerySystemInformation, 88, put(0x999, 256), size, 0) == STATUS_INVALID_CID
    assert guest.call(NtQuerySystemInformation, 88, put(4, 256), size, 0) == STATUS_SUCCESS


# ---------------------------------------------------------------- tables
FIXED = {
    7: 24, 8: 48, 9: 4, 23: 24, 28: 12, 33: 16, 35: 2, 36: 48, 44: 172, 58: 4, 59: 4, 90: 20, 102: 432,
}  # fmt: skip


@pytest.mark.parametrize(("number", "size"), FIXED.items())
def test_fixed_sizes(guest: Guest, number: int, size: int) -> None:
    assert ask(guest, number, size)[0] == STATUS_SUCCESS
    assert guest.value(guest.out, 4) == size
    assert ask(guest, number, size - 1)[0] == STATUS_INFO_LENGTH_MISMATCH


def test_no_debugger_no_daylight_saving(guest: Guest) -> None:
    assert guest.memory.read(ask(guest, 35, 2)[1], 2) == b"\0\1"
    at = ask(guest, 44, 172)[1]
    assert guest.value(at, 4) == 0
    assert guest.memory.read(at + 4, 64).decode("utf-16-le").rstrip("\0") == "Coordinated Universal Time"
    new = Guest(guest.width, "win10-22h2")
    assert new.memory.read(ask(new, 149, 3)[1], 3) == bytes(3)
    assert ask(guest, 149, 3)[0] == STATUS_INVALID_INFO_CLASS


def test_idle_time_and_memory(guest: Guest) -> None:
    at = ask(guest, 2, 312)[1]
    assert guest.value(at) == guest.k.clock.interrupt_time
    assert struct.unpack("<3I", guest.memory.read(at + 44, 12)) == (0x40000 - 5, 5, 1 << 20)
    assert ask(guest, 2, 344)[0] == STATUS_SUCCESS
    assert guest.value(ask(guest, 8, 48)[1]) == guest.k.clock.interrupt_time


def test_code_integrity_wants_its_length(guest: Guest) -> None:
    at = guest.put(struct.pack("<II", 8, 0))
    assert guest.call(NtQuerySystemInformation, 103, at, 8, guest.out) == STATUS_SUCCESS
    assert guest.value(at + 4, 4) == 1
    assert ask(guest, 103, 8)[0] == STATUS_INFO_LENGTH_MISMATCH


def test_processors(guest: Guest) -> None:
    at, size = whole(guest, 73)
    word, stride = guest.width // 8, size // 3
    assert [guest.value(at + i * stride + word, 4) for i in range(3)] == [0, 1, 3]
    at = guest.room(0x200)
    relationship = guest.put(struct.pack("<I", 0xFFFF))
    slots = (107, relationship, 4, at, 0x200, guest.out)
    assert guest.call(NtQuerySystemInformationEx, *slots) == STATUS_SUCCESS
    records, offset = [], 0
    while offset < guest.value(guest.out, 4):
        records.append(guest.value(at + offset, 4))
        offset += guest.value(at + offset + 4, 4)
    assert records == [0, 3, 1, 4]
    bad = guest.put(struct.pack("<I", 77))
    assert guest.call(NtQuerySystemInformationEx, 107, bad, 4, at, 0x200, 0) == STATUS_INVALID_PARAMETER
    assert guest.call(NtQuerySystemInformationEx, 107, 0, 0, at, 0x200, 0) == STATUS_INVALID_PARAMETER
    group = guest.put(b"\0\0")
    assert guest.call(NtQuerySystemInformationEx, 8, group, 2, at, 48, 0) == STATUS_SUCCESS
    assert (
        guest.call(NtQuerySystemInformationEx, 8, guest.put(b"\1\0"), 2, at, 48, 0)
        == STATUS_INVALID_PARAMETER
    )
    with pytest.raises(Unsupported, match="SystemCpuSetInformation"):
        guest.call(NtQuerySystemInformationEx, 175, group, 2, at, 48, 0)


def test_unknown_classes(guest: Guest) -> None:
    assert ask(guest, 0x100, 4)[0] == STATUS_INVALID_INFO_CLASS
    with pytest.raises(Unsupported, match="SystemFirmwareTableInformation"):
        ask(guest, 76, 16)


def test_setting_takes_privileges(guest: Guest) -> None:
    assert guest.call(NtSetSystemInformation, 28, 0, 0) == STATUS_PRIVILEGE_NOT_HELD
    assert guest.call(NtSetSystemInformation, 0x100, 0, 0) == STATUS_INVALID_INFO_CLASS
    enable(guest, "SeSystemtimePrivilege")
    with pytest.raises(Unsupported, match="SystemTimeAdjustmentInformation"):
        guest.call(NtSetSystemInformation, 28, 0, 0)


# ---------------------------------------------------------------- privileged services
def test_without_privileges(guest: Guest) -> None:
    string, out = guest.string("x"), guest.put(bytes(16))
    for service, slots in (
        (NtLoadDriver, (string,)),
        (NtUnloadDriver, (string,)),
        (NtSetSystemTime, (out, 0)),
        (NtDisplayString, (string,)),
        (NtQuerySystemEnvironmentValue, (string, out, 8, 0)),
        (NtQuerySystemEnvironmentValueEx, (string, out, 0, out, 0)),
        (NtSetSystemEnvironmentValue, (string, string)),
        (NtSetSystemEnvironmentValueEx, (string, out, 0, 0, 0)),
        (NtEnumerateSystemEnvironmentValuesEx, (1, out, out)),
        (NtShutdownSystem, (0,)),
        (NtInitiatePowerAction, (2, 2, 0, 0)),
        (NtSetSystemPowerState, (2, 2, 0)),
    ):
        assert guest.call(service, *slots) == STATUS_PRIVILEGE_NOT_HELD, service.__name__


def test_with_privileges(guest: Guest) -> None:
    enable(guest, "SeSystemEnvironmentPrivilege")
    status = guest.call(NtSetSystemEnvironmentValue, guest.string("x"), guest.string("y"))
    assert status == STATUS_NOT_IMPLEMENTED
    enable(guest, "SeShutdownPrivilege")
    with pytest.raises(Unsupported, match="NtShutdownSystem"):
        guest.call(NtShutdownSystem, 0)
    enable(guest, "SeLoadDriverPrivilege")
    with pytest.raises(Unsupported, match="NtLoadDriver"):
        guest.call(NtLoadDriver, guest.string("x"))


def test_the_kernel_debugger(guest: Guest) -> None:
    assert guest.call(NtSystemDebugControl, 17, 0, 0, 0, 0, 0) == STATUS_DEBUGGER_INACTIVE
    assert guest.call(NtSystemDebugControl, 37, 0, 0, 0, 0, 0) == STATUS_ACCESS_DENIED
    assert [guest.call(NtQueryDebugFilterState, 0, level) for level in (0, 3, 31, 32)] == [1, 0, 0, 0]
    assert guest.call(NtSetDebugFilterState, 0, 0, 1) == STATUS_ACCESS_DENIED


# ---------------------------------------------------------------- power, processor, clock
def test_power(guest: Guest) -> None:
    at = guest.room(128)
    for level, size in ((4, 76), (5, 32), (11, 24), (14, 8), (15, 8), (16, 4)):
        assert guest.call(NtPowerInformation, level, 0, 0, at, size) == STATUS_SUCCESS
        assert guest.call(NtPowerInformation, level, 0, 0, at, size - 1) == STATUS_BUFFER_TOO_SMALL
    assert guest.call(NtPowerInformation, 0x1000, 0, 0, at, 4) == STATUS_INVALID_PARAMETER
    with pytest.raises(Unsupported, match="SystemPowerPolicyAc"):
        guest.call(NtPowerInformation, 0, 0, 0, at, 4)
    assert guest.call(NtIsSystemResumeAutomatic) == 0


def test_what_a_thread_keeps_awake(guest: Guest) -> None:
    previous = []
    for flags in (0x80000001, 0x2, 0x80000000):
        assert guest.call(NtSetThreadExecutionState, flags, guest.out) == STATUS_SUCCESS
        previous.append(guest.value(guest.out, 4))
    assert previous == [0x80000000, 0x80000001, 0x80000001]
    assert guest.call(NtSetThreadExecutionState, 0x100, guest.out) == STATUS_INVALID_PARAMETER


def test_the_clock_s_resolution(guest: Guest) -> None:
    at = guest.room(16)
    assert guest.call(NtSetTimerResolution, 10000, 0, at) == STATUS_TIMER_RESOLUTION_NOT_SET
    for asked, actual in ((10000, 10000), (1, 5000), (1 << 31, 156250)):
        assert guest.call(NtSetTimerResolution, asked, 1, at) == STATUS_SUCCESS
        assert guest.value(at, 4) == actual
        assert guest.call(NtQueryTimerResolution, at, at + 4, at + 8) == STATUS_SUCCESS
        assert struct.unpack("<3I", guest.memory.read(at, 12)) == (156250, 5000, actual)
    assert guest.call(NtSetTimerResolution, 0, 0, at) == STATUS_SUCCESS


def test_the_processor(guest: Guest) -> None:
    assert guest.call(NtGetCurrentProcessorNumber) == 0
    guest.memory.write(guest.out, b"\xcc" * 4)
    assert guest.call(NtGetCurrentProcessorNumberEx, guest.out) == 0
    assert guest.value(guest.out, 4) == 0
    assert guest.call(NtFlushProcessWriteBuffers) == STATUS_SUCCESS
    if guest.width == 64:
        assert guest.call(NtSetLdtEntries, *[0] * 6) == STATUS_NOT_IMPLEMENTED
    else:
        with pytest.raises(Unsupported, match="NtSetLdtEntries"):
            guest.call(NtSetLdtEntries, *[0] * 6)


def test_there_are_no_license_values(guest: Guest) -> None:
    slots = (guest.string("Kernel-x"), 0, 0, 0, guest.out)
    assert guest.call(NtQueryLicenseValue, *slots) == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.call(NtQueryLicenseValue, guest.string(""), 0, 0, 0, guest.out) == STATUS_INVALID_PARAMETER


AMD64, I386 = 0x8664, 0x14C
KERNEL, USER, NATIVE, PROCESS, WOW64 = (1 << bit for bit in range(16, 21))


@pytest.mark.parametrize("asked", [181, 230])
@pytest.mark.parametrize(
    ("width", "peb32", "entries"),
    [
        (64, 0, [AMD64 | KERNEL | USER | NATIVE | PROCESS, I386 | USER | WOW64, 0]),
        (64, 0x7EFDE000, [AMD64 | KERNEL | USER | NATIVE, I386 | USER | WOW64 | PROCESS, 0]),
        (32, 0, [I386 | KERNEL | USER | NATIVE | PROCESS, 0]),
    ],
)
def test_processor_architectures(asked: int, width: Width, peb32: int, entries: list[int]) -> None:
    guest = Guest(width, "win11-24h2")
    guest.k.process.peb32 = peb32
    out, returned = guest.room(0x20), guest.room(4)
    for handle in (0, (1 << width) - 1):
        asking = guest.put(handle.to_bytes(8, "little"))
        slots = (asked, asking, width // 8, out, 0x20, returned)
        assert guest.call(NtQuerySystemInformationEx, *slots) == 0
        assert guest.value(returned, 4) == 4 * len(entries)
        assert [guest.value(out + 4 * at, 4) for at in range(len(entries))] == entries
    slots = (asked, asking, width // 8, out, 4 * len(entries) - 1, returned)
    assert guest.call(NtQuerySystemInformationEx, *slots) == STATUS_INFO_LENGTH_MISMATCH
    slots = (asked, asking, width // 8 - 1, out, 0x20, returned)
    assert guest.call(NtQuerySystemInformationEx, *slots) == STATUS_INVALID_PARAMETER


def test_classes_newer_than_the_build_come_with_a_root() -> None:
    guest = Guest()
    asking, out = guest.put(bytes(8)), guest.room(0x20)
    assert guest.call(NtQuerySystemInformationEx, 181, asking, 8, out, 0x20, 0) == STATUS_INVALID_INFO_CLASS
    name = guest.string("worker")
    slots = (0xFFFFFFFF_FFFFFFFE, 38, name, 16)
    assert guest.call(NtSetInformationThread, *slots) == STATUS_INVALID_INFO_CLASS
    guest.k.every_class = True
    assert guest.call(NtQuerySystemInformationEx, 181, asking, 8, out, 0x20, 0) == 0
    assert guest.call(NtSetInformationThread, *slots) == 0
    assert guest.k.thread.name == "worker"


@pytest.mark.parametrize(
    ("peb32", "characteristics", "highest"),
    [(1, 0, 0x7FFEFFFF), (1, 0x20, 0xFFFEFFFF), (0, 0x20, 0x7FFEFFFF), (1, None, 0x7FFEFFFF)],
)
def test_a_large_address_aware_program_has_more(
    peb32: int, characteristics: int | None, highest: int
) -> None:
    guest = Guest()
    guest.k.process.peb32 = peb32
    if characteristics is not None:
        image = SECTION_IMAGE_INFORMATION(*[0] * 16)  # type: ignore[arg-type]
        image.ImageCharacteristics = USHORT(characteristics)
        guest.k.process.image = image
    out = guest.room(0x40)
    assert guest.call(NtQuerySystemInformation, 62, out, 0x40, 0) == 0
    assert guest.load(SYSTEM_BASIC_INFORMATION, out).MaximumUserModeAddress == highest
