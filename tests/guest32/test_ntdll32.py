from __future__ import annotations

import struct

import pytest
from ntdll_machine import Machine, argument_bytes, ntdll
from unicorn import x86_const as x86

from sampled import SAMPLED
from wowsim.guest32.ntdll32 import build_ntdll32, routines
from wowsim.image.model import Provenance
from wowsim.image.synth import TRAP_BYTES
from wowsim.nt.builds import WIN7SP1, Build

BOTH = pytest.mark.parametrize("build", SAMPLED.values(), ids=lambda b: b.name)


@BOTH
def test_every_trap_has_a_routine_and_every_routine_a_trap(build: Build) -> None:
    assert set(ntdll(build).traps.values()) == set(routines(build))


@BOTH
def test_every_trap_byte_is_marked(build: Build) -> None:
    image = ntdll(build)
    text = next(s for s in image.sections if s.executable)
    code = image.contents[text.rva : text.rva + text.size]
    found = {text.rva + i for i in range(len(code)) if code.startswith(TRAP_BYTES, i)}
    assert found == set(image.traps)
    assert all(image.provenance_at(rva) is Provenance.TRAP for rva in found)


@BOTH
def test_the_image_lies_where_the_build_says(build: Build) -> None:
    image, module = ntdll(build), build.ntdll
    assert (image.base, image.size, image.path) == (module.base, module.size, module.path)
    assert all(any(s.rva <= e.rva < s.rva + s.size for s in image.sections) for e in image.exports)
    assert build_ntdll32(build, argument_bytes(build)).contents == image.contents


@BOTH
@pytest.mark.parametrize(
    "name",
    ["LdrInitializeThunk", "KiUserExceptionDispatcher", "KiUserApcDispatcher", "KiUserCallbackDispatcher",
     "RtlUserThreadStart"],
)  # fmt: skip
def test_what_the_kernel_and_wow64_look_up_is_code(build: Build, name: str) -> None:
    image = ntdll(build)
    assert image.provenance_at(image.export_by_name[name].rva) is Provenance.OURS


@pytest.mark.parametrize(
    "name", ["KiUserExceptionDispatcher", "KiUserApcDispatcher", "KiUserCallbackDispatcher"]
)
def test_dispatchers_hand_over_what_lies_on_the_stack(name: str) -> None:
    machine = Machine().process()
    code = machine.space(16)
    machine.memory.write(code, bytes.fromhex("b855000000 c3"))  # mov eax, 55h; ret
    called: list[tuple[int, ...]] = []
    frame: tuple[int, ...]
    wanted: tuple[int, ...]

    def service(*arguments: int) -> None:
        called.append(arguments)
        machine.uc.emu_stop()

    for nt in ("NtRaiseException", "NtContinue", "NtCallbackReturn"):
        setattr(machine, nt, service)
    if name == "KiUserCallbackDispatcher":
        table = machine.space(8)
        machine.memory.write(code, bytes.fromhex("8b442404 8b00 c20400"))  # the callback's dword; ret 4
        machine.put(table + 4, code)
        machine.put(machine.peb + 0x2C, table)
        data = machine.space(4)
        machine.put(data, 0x77)
        frame, wanted = (0x1234, 1, data, 4), (0, 0, 0x77)
    elif name == "KiUserApcDispatcher":
        frame, wanted = (code, 1, 2, 3, 1), (0, 1)
    else:
        machine.put(machine.teb, 0xFFFFFFFF)  # nobody handles anything: the second chance
        frame, wanted = (0x111, 0x222), (0x111, 0x222, 0)
    stack = machine.build.place.stack32[1] - 0x800
    machine.memory.write(stack, struct.pack(f"<{len(frame)}I", *frame))
    if name == "KiUserApcDispatcher":
        wanted = (stack + 0x14, 1)
    machine.uc.reg_write(x86.UC_X86_REG_ESP, stack)
    machine._run(machine.address(name), 0)
    assert called == [wanted]


WANTED = """
LdrLoadDll LdrUnloadDll LdrGetProcedureAddress LdrGetDllHandle RtlInitUnicodeString
RtlInitAnsiString RtlAnsiStringToUnicodeString RtlUnicodeStringToAnsiString RtlFreeUnicodeString
RtlFreeAnsiString RtlCreateUnicodeStringFromAsciiz RtlCompareUnicodeString RtlEqualUnicodeString
RtlUpcaseUnicodeChar RtlMultiByteToUnicodeN RtlUnicodeToMultiByteN RtlMultiByteToUnicodeSize
RtlUnicodeToMultiByteSize RtlDosPathNameToNtPathName_U RtlDosPathNameToNtPathName_U_WithStatus
RtlGetFullPathName_U RtlGetCurrentDirectory_U RtlSetCurrentDirectory_U RtlQueryEnvironmentVariable_U
RtlSetEnvironmentVariable RtlNtStatusToDosError RtlSetLastWin32Error
RtlSetLastWin32ErrorAndNtStatusFromNtStatus RtlGetLastWin32Error RtlCreateHeap RtlDestroyHeap
RtlAllocateHeap RtlFreeHeap RtlReAllocateHeap RtlSizeHeap RtlValidateHeap RtlExitUserProcess
RtlExitUserThread RtlGetVersion RtlGetNtVersionNumbers RtlZeroMemory RtlFillMemory RtlMoveMemory
RtlCompareMemory memcpy memset memmove strlen wcslen RtlEnterCriticalSection RtlLeaveCriticalSection
RtlInitializeCriticalSection RtlDeleteCriticalSection RtlTryEnterCriticalSection RtlTimeToTimeFields
RtlTimeToSecondsSince1970 RtlImageNtHeader RtlImageDirectoryEntryToData RtlGetCurrentPeb
DbgBreakPoint RtlWow64EnableFsRedirectionEx
"""


def test_exports_that_kernel32_and_programs_need_are_there() -> None:
    assert set(WANTED.split()) <= set(ntdll(WIN7SP1).export_by_name)
