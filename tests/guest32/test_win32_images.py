from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import capstone
import pytest
import win32_prototypes

from sampled import SAMPLED
from wowsim.guest32.codepages import ROUTINES
from wowsim.guest32.kernel32 import build_kernel32
from wowsim.guest32.kernelbase import build_kernelbase
from wowsim.guest32.ntdll32 import build_ntdll32
from wowsim.guest32.win32.link import unit
from wowsim.image.model import Provenance
from wowsim.image.synth import TRAP_BYTES
from wowsim.nt.builds import WIN7SP1, services

if TYPE_CHECKING:
    from wowsim.image.model import Image
    from wowsim.nt.builds import Build

OLD = replace(WIN7SP1, has_kernelbase=False)
"""Stands for the builds before Windows 7."""

# Parameters of each function, counted in its documentation.
PARAMETERS = {
    0: "SwitchToThread "
    "GetLastError GetCommandLineA GetCommandLineW GetEnvironmentStringsA GetEnvironmentStringsW "
    "GetEnvironmentStrings "
    "GetProcessHeap GetTickCount GetTickCount64 GetCurrentProcess GetCurrentProcessId GetCurrentThread "
    "GetCurrentThreadId GetVersion IsDebuggerPresent TlsAlloc GetConsoleCP GetConsoleOutputCP",
    1: "SuspendThread ResumeThread GetThreadId GetProcessIdOfThread GetThreadPriority PulseEvent CancelWaitableTimer "
    "CloseHandle FlushFileBuffers GetFileType SetEndOfFile DeleteFileA DeleteFileW RemoveDirectoryA "
    "RemoveDirectoryW GetFileAttributesA GetFileAttributesW FindClose SetCurrentDirectoryA "
    "SetCurrentDirectoryW HeapDestroy LocalFree GlobalFree FreeLibrary DisableThreadLibraryCalls "
    "LoadLibraryA LoadLibraryW "
    "GetModuleHandleA GetModuleHandleW FreeEnvironmentStringsA FreeEnvironmentStringsW GetStdHandle "
    "TlsFree TlsGetValue FlsAlloc FlsFree FlsGetValue GetSystemTime GetSystemTimeAsFileTime "
    "GetLocalTime QueryPerformanceCounter QueryPerformanceFrequency Sleep ExitProcess GetVersionExA GetVersionExW "
    "GetSystemInfo GetNativeSystemInfo IsProcessorFeaturePresent GetStartupInfoA GetStartupInfoW lstrlenA "
    "lstrlenW OutputDebugStringA OutputDebugStringW InterlockedIncrement InterlockedDecrement "
    "EncodePointer DecodePointer SetEvent ResetEvent ReleaseMutex SetConsoleCP SetConsoleOutputCP "
    "BaseThreadInitThunk SetUnhandledExceptionFilter UnhandledExceptionFilter",
    2: "TerminateThread GetExitCodeThread SetThreadPriority SetThreadPriorityBoost GetThreadContext SetThreadContext "
    "GetFileSize GetFileSizeEx MoveFileA MoveFileW SetFileAttributesA SetFileAttributesW CreateDirectoryA "
    "CreateDirectoryW GetFileInformationByHandle FindFirstFileA FindFirstFileW FindNextFileA "
    "FindNextFileW GetCurrentDirectoryA GetCurrentDirectoryW GetTempPathA GetTempPathW "
    "GetSystemDirectoryA GetSystemDirectoryW GetWindowsDirectoryA GetWindowsDirectoryW SetStdHandle "
    "GetConsoleMode SetConsoleMode SetConsoleCtrlHandler LocalAlloc GlobalAlloc GetProcAddress "
    "SetEnvironmentVariableA SetEnvironmentVariableW TlsSetValue FlsSetValue SleepEx TerminateProcess "
    "GetExitCodeProcess IsWow64Process lstrcpyA lstrcpyW lstrcatA lstrcatW lstrcmpA lstrcmpW "
    "InitializeCriticalSectionAndSpinCount InterlockedExchange InterlockedExchangeAdd WaitForSingleObject",
    3: "QueueUserAPC OpenThread ReleaseSemaphore CreateWaitableTimerW CreateWaitableTimerA OpenEventW "
    "OpenEventA OpenMutexW OpenMutexA OpenSemaphoreW OpenSemaphoreA OpenWaitableTimerW OpenWaitableTimerA "
    "MoveFileExA MoveFileExW GetFileAttributesExA GetFileAttributesExW GetModuleFileNameA "
    "GetModuleFileNameW VirtualFree VirtualQuery FlushInstructionCache HeapCreate HeapFree LoadLibraryExA "
    "LoadLibraryExW GetModuleHandleExA GetModuleHandleExW GetEnvironmentVariableA GetEnvironmentVariableW "
    "InterlockedCompareExchange CreateMutexA CreateMutexW WaitForSingleObjectEx RaiseFailFastException",
    4: "WaitForMultipleObjects SignalObjectAndWait CreateSemaphoreW CreateSemaphoreA "
    "SetFilePointer GetFullPathNameA GetFullPathNameW VirtualAlloc VirtualProtect VirtualFreeEx "
    "VirtualQueryEx CreateEventA CreateEventW RaiseException",
    5: "WaitForMultipleObjectsEx "
    "ReadFile WriteFile SetFilePointerEx WriteConsoleA WriteConsoleW ReadConsoleA ReadConsoleW "
    "VirtualAllocEx VirtualProtectEx ReadProcessMemory WriteProcessMemory",
    6: "CreateThread SetWaitableTimer MultiByteToWideChar",
    7: "CreateRemoteThread CreateFileA CreateFileW",
    8: "WideCharToMultiByte CreateRemoteThreadEx",
}
POPPED = {
    name: 4 * count
    for table in (PARAMETERS, win32_prototypes.MORE)
    for count, names in table.items()
    for name in names.split()
}
FORWARDED = {
    "HeapAlloc": "NTDLL.RtlAllocateHeap",
    "HeapReAlloc": "NTDLL.RtlReAllocateHeap",
    "HeapSize": "NTDLL.RtlSizeHeap",
    "SetLastError": "NTDLL.RtlSetLastWin32Error",
    "ExitThread": "NTDLL.RtlExitUserThread",
    "InitializeCriticalSection": "NTDLL.RtlInitializeCriticalSection",
    "EnterCriticalSection": "NTDLL.RtlEnterCriticalSection",
    "LeaveCriticalSection": "NTDLL.RtlLeaveCriticalSection",
    "TryEnterCriticalSection": "NTDLL.RtlTryEnterCriticalSection",
    "DeleteCriticalSection": "NTDLL.RtlDeleteCriticalSection",
    "AddVectoredExceptionHandler": "NTDLL.RtlAddVectoredExceptionHandler",
    "RemoveVectoredExceptionHandler": "NTDLL.RtlRemoveVectoredExceptionHandler",
    "AddVectoredContinueHandler": "NTDLL.RtlAddVectoredContinueHandler",
    "RemoveVectoredContinueHandler": "NTDLL.RtlRemoveVectoredContinueHandler",
    "RtlUnwind": "NTDLL.RtlUnwind",
    "RtlCaptureContext": "NTDLL.RtlCaptureContext",
}


def of(build: Build) -> list[Image]:
    return [build_kernel32(build)] + ([build_kernelbase(build)] if build.has_kernelbase else [])


BUILT = [
    *(pytest.param(build, id=name) for name, build in SAMPLED.items()),
    pytest.param(OLD, id="no-kernelbase"),
]


class Instruction(NamedTuple):
    """As capstone's disasm_lite gives it, addresses being RVAs."""

    address: int
    size: int
    mnemonic: str
    operands: str


@lru_cache
def disassembled(build: Build) -> list[tuple[Image, dict[int, Instruction]]]:
    """Each module with its instructions by RVA, every range of code taken from its start."""
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32)
    found = []
    for image in of(build):
        code = [
            i for r in image.provenance for i in engine.disasm_lite(image.contents[r.start : r.end], r.start)
        ]
        found.append((image, {i[0]: Instruction(*i) for i in code}))
    return found


def test_win7sp1_create_file_stands_where_the_seed_saw_it() -> None:
    kernel32, kernelbase = of(WIN7SP1)
    assert kernel32.export_by_name["CreateFileW"].rva == 0x1167F
    assert kernel32.contents[0x1167F:0x11685].hex() == "ff25d4098575"
    assert kernel32.symbols[0x109D4] == "_imp__CreateFileW"
    assert kernel32.symbols[0x1167F] == kernelbase.symbols[0x1C299] == "CreateFileW"
    assert ("CreateFileW", 0x109D4, "KERNELBASE.dll") in {
        (i.name, i.slot, i.module) for i in kernel32.imports
    }
    assert kernelbase.export_by_name["CreateFileW"].rva == 0x1C299
    assert kernelbase.contents[0x1C5C9:0x1C5CF].hex() == "8b35ac103377"
    assert kernelbase.symbols[0x10AC] == "_imp__NtCreateFile"
    assert ("NtCreateFile", 0x10AC, "ntdll.dll") in {(i.name, i.slot, i.module) for i in kernelbase.imports}


def test_only_the_seeds_bytes_are_called_the_builds() -> None:
    built = [
        (image.name, r.start, r.end)
        for image in of(WIN7SP1)
        for r in image.provenance
        if r.provenance is Provenance.BUILD
    ]
    assert built == [("kernel32", 0x1167F, 0x11685), ("KERNELBASE", 0x1C5C9, 0x1C5CF)]
    for build in (*SAMPLED.values(), OLD):
        if build is not WIN7SP1:
            assert all(r.provenance is not Provenance.BUILD for image in of(build) for r in image.provenance)


def absent(build: Build) -> set[str]:
    """Before Vista the caller makes a thread's stack, and there are no attribute lists; others need their service."""
    needing = win32_prototypes.WITH.items()
    return set().union(*(names for service, names in needing if service not in build.numbers))


def test_every_build_has_the_services_that_its_functions_call() -> None:
    for build in SAMPLED.values():
        imported = {i.name for image in of(build) for i in image.imports}
        assert {name for name in imported if name is not None and name[:2] == "Nt"} <= build.numbers.keys()


@pytest.mark.parametrize("build", BUILT)
def test_every_function_is_exported_by_kernel32(build: Build) -> None:
    exports = build_kernel32(build).export_by_name
    assert (set(POPPED) | set(FORWARDED)) - absent(build) == set(exports)
    assert {name: e.forwarder for name, e in exports.items() if e.forwarder} == FORWARDED


@pytest.mark.parametrize("build", BUILT)
def test_every_return_pops_what_the_prototype_says(build: Build) -> None:
    checked = set()
    for image, code in disassembled(build):
        owner = ""
        for rva, instruction in sorted(code.items()):
            owner = image.symbols.get(rva, owner)
            if owner in POPPED and instruction.mnemonic == "ret":
                assert int(instruction.operands or "0", 0) == POPPED[owner], (image.name, owner)
                checked.add(owner)
    assert set(POPPED) - absent(build) - checked == set(), "nothing was checked of these"


@pytest.mark.parametrize("build", BUILT)
def test_a_function_is_code_or_one_jump_into_kernelbase(build: Build) -> None:
    kernel32 = build_kernel32(build)
    slots = {i.slot: i for i in kernel32.imports}
    jumps = 0
    for name in POPPED.keys() - absent(build):
        rva = kernel32.export_by_name[name].rva
        if kernel32.contents[rva : rva + 2] == b"\xff\x25":
            slot = slots[int.from_bytes(kernel32.contents[rva + 2 : rva + 6], "little") - kernel32.base]
            assert (slot.module, slot.name) == ("KERNELBASE.dll", name)
            jumps += 1
    assert (jumps > 100) == build.has_kernelbase


@pytest.mark.parametrize("build", BUILT)
def test_calls_end_at_functions_and_slots(build: Build) -> None:
    for image, code in disassembled(build):
        slots = {i.slot + image.base for i in image.imports}
        for _, _, mnemonic, operands in code.values():
            if mnemonic == "call" and operands.startswith("0x"):
                assert int(operands, 0) in image.symbols
            elif mnemonic in ("call", "jmp") and operands.startswith("dword ptr [0x"):
                assert int(operands[11:-1], 0) in slots


@pytest.mark.parametrize("build", BUILT)
def test_every_trap_is_marked_and_served(build: Build) -> None:
    for image, code in disassembled(build):
        marked = {r.start for r in image.provenance if r.provenance is Provenance.TRAP}
        assert set(image.traps) == marked == {i.address for i in code.values() if i.mnemonic == "int"}
        assert set(image.traps.values()) <= set(ROUTINES)
        assert all(image.contents[rva : rva + 2] == TRAP_BYTES for rva in marked)


@pytest.mark.parametrize("build", BUILT)
def test_ntdll_exports_what_is_imported(build: Build) -> None:
    published = services(build.name)
    ntdll32 = build_ntdll32(
        build, {row.name: 4 * row.arguments for row in published if row.arguments is not None}
    )
    wanted = {i.name for image in of(build) for i in image.imports if i.module == "ntdll.dll"}
    wanted |= {target.removeprefix("NTDLL.") for target in FORWARDED.values()}
    assert wanted - set(ntdll32.export_by_name) == set()


def test_services_are_called_with_as_many_arguments_as_are_published() -> None:
    published = {row.name: row.arguments for name in ("win10-22h2", WIN7SP1.name) for row in services(name)}
    called = 0
    for procedure in unit().procedures.values():
        for line in procedure.lines:
            if line.startswith(("invoke Nt", "invoke esi")):
                name, *arguments = line.removeprefix("invoke ").split(", ")
                assert len(arguments) == published[{"esi": "NtCreateFile"}.get(name, name)], line
                called += 1
    assert called > 40


def test_a_build_before_windows_7_has_no_kernelbase() -> None:
    with pytest.raises(ValueError, match="has no KERNELBASE"):
        build_kernelbase(OLD)


def test_thread_start_returns_where_windows_7_does() -> None:
    """Stack walks of Windows 7 programs show kernel32!BaseThreadInitThunk+0xe."""
    kernel32 = build_kernel32(WIN7SP1)
    start = kernel32.export_by_name["BaseThreadInitThunk"].rva
    assert kernel32.contents[start : start + 14].hex()[-4:] == "ffd2"
