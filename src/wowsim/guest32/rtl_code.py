"""Guest code of the run-time library: strings, errors, memory, critical sections, paths that open something.

Stands for ntdll's Rtl routines that are short, or that call the kernel; conversions of data are traps
(``guest32.rtl``). Critical sections follow the algorithm published for Windows before Vista (LockCount -1 is
free, one waiter released per leave) and wait on the process' keyed event. Who may import it:
``guest32.ntdll32``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wowsim.nt.builds import Build

STATUS_NO_MEMORY = 0xC0000017

_HEAP = """
    mov eax, dword ptr fs:[0x18]
    mov eax, [eax+0x30]
    push dword ptr [eax+0x18]
"""
_ALLOCATE = f"""
    push ecx
    push ecx
    push 0
{_HEAP}
    call RtlAllocateHeap
    pop ecx
    test eax, eax
"""


def _counted(name: str, scan: str, shift: str, unit: int) -> str:
    """RtlInitAnsiString or RtlInitUnicodeString: lengths from the text, at most what a USHORT holds."""
    return f"""
{name}:
    push edi
    mov edi, [esp+0x0c]
    mov edx, [esp+8]
    and dword ptr [edx], 0
    mov [edx+4], edi
    test edi, edi
    jz L_done
    or ecx, -1
    xor eax, eax
    repne {scan}
    not ecx
    {shift}
    cmp ecx, {0x10000 - unit:#x}
    jbe L_fits
    mov ecx, {0x10000 - unit:#x}
L_fits:
    mov [edx+2], cx
    sub ecx, {unit}
    mov [edx], cx
L_done:
    pop edi
    ret 8
"""


def _converted(name: str, size: str) -> str:
    """A conversion (destination, source, allocate) that may allocate what the trap ``size`` says."""
    return f"""
{name}:
    cmp byte ptr [esp+0x0c], 0
    je L_convert
    trap rtl.{size}
    test eax, eax
    js L_done
{_ALLOCATE}
    jz L_no_memory
    mov edx, [esp+4]
    mov [edx+2], cx
    mov [edx+4], eax
L_convert:
    trap rtl.{name}
L_done:
    ret 0x0c
L_no_memory:
    mov eax, {STATUS_NO_MEMORY:#x}
    ret 0x0c
"""


_STRINGS = (
    _counted("RtlInitUnicodeString", "scasw", "add ecx, ecx", 2),
    _counted("RtlInitAnsiString", "scasb", "nop", 1),
    _converted("RtlAnsiStringToUnicodeString", "AnsiToUnicodeSize"),
    _converted("RtlUnicodeStringToAnsiString", "UnicodeToAnsiSize"),
    f"""
RtlFreeUnicodeString:
    mov eax, [esp+4]
    mov ecx, [eax+4]
    test ecx, ecx
    jz L_done
    push ecx
    push 0
{_HEAP}
    call RtlFreeHeap
    mov eax, [esp+4]
    and dword ptr [eax], 0
    and dword ptr [eax+4], 0
L_done:
    ret 4
RtlCreateUnicodeStringFromAsciiz:
    sub esp, 8
    mov eax, esp
    push dword ptr [esp+0x10]
    push eax
    call RtlInitAnsiString
    mov eax, esp
    push 1
    push eax
    push dword ptr [esp+0x14]
    call RtlAnsiStringToUnicodeString
    test eax, eax
    setns al
    movzx eax, al
    add esp, 8
    ret 8
RtlCreateUnicodeString:
    push esi
    mov esi, [esp+8]
    push dword ptr [esp+0x0c]
    push esi
    call RtlInitUnicodeString
    movzx ecx, word ptr [esi+2]
{_ALLOCATE}
    jz L_create_done
    push ecx
    push dword ptr [esi+4]
    push eax
    mov [esi+4], eax
    call memcpy
    add esp, 0x0c
    mov eax, 1
L_create_done:
    pop esi
    ret 8
""",
)

_ERRORS = (
    """
RtlGetLastWin32Error:
    mov eax, dword ptr fs:[0x18]
    mov eax, [eax+0x34]
    ret
RtlSetLastWin32Error:
    mov eax, dword ptr fs:[0x18]
    mov ecx, [esp+4]
    mov [eax+0x34], ecx
    ret 4
RtlSetLastWin32ErrorAndNtStatusFromNtStatus:
    push dword ptr [esp+4]
    call RtlNtStatusToDosError
    mov ecx, dword ptr fs:[0x18]
    mov [ecx+0x34], eax
    ret 4
RtlGetCurrentPeb:
    mov eax, dword ptr fs:[0x18]
    mov eax, [eax+0x30]
    ret
RtlWow64EnableFsRedirectionEx:
    mov ecx, dword ptr fs:[0x18]
    mov ecx, [ecx+0xf70]
    jecxz L_native_ex
    mov edx, [ecx+0x14c0]
    mov eax, [esp+8]
    mov [eax], edx
    mov edx, [esp+4]
    mov [ecx+0x14c0], edx
    mov dword ptr [ecx+0x14c4], 0
    xor eax, eax
    ret 8
L_native_ex:
    mov eax, 0xc0000002
    ret 8
RtlWow64EnableFsRedirection:
    mov ecx, dword ptr fs:[0x18]
    mov ecx, [ecx+0xf70]
    jecxz L_native
    xor eax, eax
    cmp byte ptr [esp+4], 0
    sete al
    mov [ecx+0x14c0], eax
    mov dword ptr [ecx+0x14c4], 0
    xor eax, eax
    ret 4
L_native:
    mov eax, 0xc0000002
    ret 4
DbgBreakPoint:
    int3
    ret
RtlImageNtHeader:
    mov ecx, [esp+4]
    lea edx, [ecx-1]
    xor eax, eax
    cmp edx, 0xfffffffd
    ja L_no_image
    cmp word ptr [ecx], 0x5a4d
    jne L_no_image
    mov edx, [ecx+0x3c]
    cmp edx, 0x10000000
    jae L_no_image
    add edx, ecx
    cmp dword ptr [edx], 0x4550
    jne L_no_image
    mov eax, edx
L_no_image:
    ret 4
""",
)

_MEMORY = (
    """
memmove:
memcpy:
    push esi
    push edi
    mov edi, [esp+0x0c]
    mov esi, [esp+0x10]
    mov ecx, [esp+0x14]
    mov eax, edi
    sub eax, esi
    cmp eax, ecx
    jb L_backward
    mov edx, ecx
    shr ecx, 2
    .byte 0xf3, 0xa5
    mov ecx, edx
    and ecx, 3
    rep movsb
    jmp L_moved
L_backward:
    lea esi, [esi+ecx-1]
    lea edi, [edi+ecx-1]
    std
    rep movsb
    cld
L_moved:
    mov eax, [esp+0x0c]
    pop edi
    pop esi
    ret
memset:
    push edi
    mov edi, [esp+8]
    movzx eax, byte ptr [esp+0x0c]
    imul eax, eax, 0x1010101
    mov edx, [esp+0x10]
    mov ecx, edx
    shr ecx, 2
    rep stosd
    mov ecx, edx
    and ecx, 3
    rep stosb
    mov eax, [esp+8]
    pop edi
    ret
memcmp:
    push esi
    push edi
    mov esi, [esp+0x0c]
    mov edi, [esp+0x10]
    mov ecx, [esp+0x14]
    xor eax, eax
    repe cmpsb
    je L_equal
    sbb eax, eax
    or eax, 1
L_equal:
    pop edi
    pop esi
    ret
strlen:
    push edi
    mov edi, [esp+8]
    or ecx, -1
    xor eax, eax
    repne scasb
    not ecx
    lea eax, [ecx-1]
    pop edi
    ret
wcslen:
    push edi
    mov edi, [esp+8]
    or ecx, -1
    xor eax, eax
    repne scasw
    not ecx
    lea eax, [ecx-1]
    pop edi
    ret
RtlMoveMemory:
    push dword ptr [esp+0x0c]
    push dword ptr [esp+0x0c]
    push dword ptr [esp+0x0c]
    call memmove
    add esp, 0x0c
    ret 0x0c
RtlFillMemory:
    push dword ptr [esp+8]
    push dword ptr [esp+0x10]
    push dword ptr [esp+0x0c]
    call memset
    add esp, 0x0c
    ret 0x0c
RtlZeroMemory:
    push dword ptr [esp+8]
    push 0
    push dword ptr [esp+0x0c]
    call memset
    add esp, 0x0c
    ret 8
RtlCompareMemory:
    push esi
    push edi
    mov esi, [esp+0x0c]
    mov edi, [esp+0x10]
    mov ecx, [esp+0x14]
    mov eax, ecx
    test ecx, ecx
    jz L_compared
    repe cmpsb
    je L_compared
    inc ecx
    sub eax, ecx
L_compared:
    pop edi
    pop esi
    ret 0x0c
_alloca_probe:
    push ecx
    lea ecx, [esp+8]
L_page:
    cmp eax, 0x1000
    jb L_last
    sub ecx, 0x1000
    test [ecx], ecx
    sub eax, 0x1000
    jmp L_page
L_last:
    sub ecx, eax
    test [ecx], ecx
    mov eax, esp
    mov esp, ecx
    mov ecx, [eax]
    push dword ptr [eax+4]
    ret
""",
)

_LOCKS = (
    """
RtlEnterCriticalSection:
    mov ecx, dword ptr fs:[0x18]
    mov edx, [esp+4]
    mov eax, [ecx+0x24]
    lock inc dword ptr [edx+4]
    jz L_acquired
    cmp [edx+0x0c], eax
    jne L_contended
    inc dword ptr [edx+8]
    xor eax, eax
    ret 4
L_contended:
    push 0
    push 0
    push edx
    push 0
    call ZwWaitForKeyedEvent
    mov ecx, dword ptr fs:[0x18]
    mov edx, [esp+4]
    mov eax, [ecx+0x24]
L_acquired:
    mov [edx+0x0c], eax
    mov dword ptr [edx+8], 1
    xor eax, eax
    ret 4
RtlLeaveCriticalSection:
    mov edx, [esp+4]
    xor eax, eax
    dec dword ptr [edx+8]
    jz L_release
    lock dec dword ptr [edx+4]
    ret 4
L_release:
    mov [edx+0x0c], eax
    lock dec dword ptr [edx+4]
    jl L_left
    push 0
    push 0
    push edx
    push 0
    call ZwReleaseKeyedEvent
    xor eax, eax
L_left:
    ret 4
RtlTryEnterCriticalSection:
    mov ecx, [esp+4]
    or eax, -1
    xor edx, edx
    lock cmpxchg [ecx+4], edx
    mov edx, dword ptr fs:[0x18]
    mov edx, [edx+0x24]
    jne L_held
    mov [ecx+0x0c], edx
    mov dword ptr [ecx+8], 1
    mov eax, 1
    ret 4
L_held:
    xor eax, eax
    cmp [ecx+0x0c], edx
    jne L_tried
    lock inc dword ptr [ecx+4]
    inc dword ptr [ecx+8]
    inc eax
L_tried:
    ret 4
RtlInitializeCriticalSection:
    push 0
    push dword ptr [esp+8]
    call RtlInitializeCriticalSectionAndSpinCount
    ret 4
RtlInitializeCriticalSectionEx:
    push dword ptr [esp+8]
    push dword ptr [esp+8]
    call RtlInitializeCriticalSectionAndSpinCount
    ret 0x0c
RtlInitializeCriticalSectionAndSpinCount:
    mov edx, [esp+4]
    or eax, -1
    mov [edx], eax
    mov [edx+4], eax
    inc eax
    mov [edx+8], eax
    mov [edx+0x0c], eax
    mov [edx+0x10], eax
    mov ecx, [esp+8]
    and ecx, 0xffffff
    mov [edx+0x14], ecx
    ret 8
RtlDeleteCriticalSection:
    mov edx, [esp+4]
    xor eax, eax
    mov [edx], eax
    mov [edx+4], eax
    mov [edx+8], eax
    mov [edx+0x0c], eax
    mov [edx+0x10], eax
    mov [edx+0x14], eax
    ret 4
RtlAcquirePebLock:
    push FastPebLock
    call RtlEnterCriticalSection
    ret
RtlReleasePebLock:
    push FastPebLock
    call RtlLeaveCriticalSection
    ret
""",
)

_PATHS = (
    f"""
RtlDosPathNameToNtPathName_U:
    push dword ptr [esp+0x10]
    push dword ptr [esp+0x10]
    push dword ptr [esp+0x10]
    push dword ptr [esp+0x10]
    call RtlDosPathNameToNtPathName_U_WithStatus
    test eax, eax
    setns al
    movzx eax, al
    ret 0x10
RtlDosPathNameToNtPathName_U_WithStatus:
    trap rtl.NtPathSize
    test eax, eax
    js L_done
{_ALLOCATE}
    jz L_no_memory
    mov edx, [esp+8]
    mov [edx+2], cx
    mov [edx+4], eax
    trap rtl.NtPath
L_done:
    ret 0x10
L_no_memory:
    mov eax, {STATUS_NO_MEMORY:#x}
    ret 0x10
""",
    f"""
RtlSetCurrentDirectory_U:
    push ebp
    mov ebp, esp
    sub esp, 0x2c
    push edi
    trap rtl.DirectorySize
    test eax, eax
    js L_done
{_ALLOCATE}
    jz L_no_memory
    mov edi, eax
    mov [ebp-0x0a], cx
    mov [ebp-8], eax
    trap rtl.Directory
    push 0x21
    push 3
    lea eax, [ebp-0x14]
    push eax
    lea eax, [ebp-0x2c]
    push eax
    push 0x100020
    lea eax, [ebp-4]
    push eax
    call ZwOpenFile
    test eax, eax
    js L_free
    trap rtl.DirectoryOpened
    test eax, eax
    jz L_free
    push eax
    call ZwClose
    xor eax, eax
L_free:
    push eax
    push edi
    push 0
{_HEAP}
    call RtlFreeHeap
    pop eax
    jmp L_done
L_no_memory:
    mov eax, {STATUS_NO_MEMORY:#x}
L_done:
    pop edi
    leave
    ret 4
""",
    f"""
RtlSetEnvironmentVariable:
    trap environment.size
    test ecx, ecx
    jz L_done
{_ALLOCATE}
    jz L_no_memory
    mov edx, eax
    trap environment.set
    push eax
    push eax
    push 0
{_HEAP}
    call RtlSizeHeap
    inc eax
    pop eax
    jz L_set
    push eax
    push 0
{_HEAP}
    call RtlFreeHeap
L_set:
    xor eax, eax
L_done:
    ret 0x0c
L_no_memory:
    mov eax, {STATUS_NO_MEMORY:#x}
    ret 0x0c
""",
)


def version_numbers(build: Build) -> str:
    """RtlGetNtVersionNumbers: the build's numbers, the free-build mark in the top bits of the third."""
    major, minor, number = build.version
    stores = "".join(
        f"mov eax, [esp+{at:#x}]\ntest eax, eax\njz L_{at}\nmov dword ptr [eax], {value:#x}\nL_{at}:\n"
        for at, value in ((4, major), (8, minor), (0xC, 0xF0000000 | number))
    )
    return f"RtlGetNtVersionNumbers:\n{stores}ret 0x0c\n"


CODE = (*_STRINGS, *_ERRORS, *_MEMORY, *_LOCKS, *_PATHS)

ALIASES = {
    "RtlFreeAnsiString": "RtlFreeUnicodeString",
    "RtlRestoreLastWin32Error": "RtlSetLastWin32Error",
    "DbgUserBreakPoint": "DbgBreakPoint",
    "_chkstk": "_alloca_probe",
}
"""Exports that are other names of a routine."""

EXPORTS = (
    "RtlInitUnicodeString",
    "RtlInitAnsiString",
    "RtlAnsiStringToUnicodeString",
    "RtlUnicodeStringToAnsiString",
    "RtlFreeUnicodeString",
    "RtlCreateUnicodeStringFromAsciiz",
    "RtlCreateUnicodeString",
    "RtlGetLastWin32Error",
    "RtlSetLastWin32Error",
    "RtlSetLastWin32ErrorAndNtStatusFromNtStatus",
    "RtlGetCurrentPeb",
    "RtlWow64EnableFsRedirectionEx",
    "RtlWow64EnableFsRedirection",
    "DbgBreakPoint",
    "RtlImageNtHeader",
    "memmove",
    "memcpy",
    "memset",
    "memcmp",
    "strlen",
    "wcslen",
    "RtlMoveMemory",
    "RtlFillMemory",
    "RtlZeroMemory",
    "RtlCompareMemory",
    "_alloca_probe",
    "RtlEnterCriticalSection",
    "RtlLeaveCriticalSection",
    "RtlTryEnterCriticalSection",
    "RtlInitializeCriticalSection",
    "RtlInitializeCriticalSectionEx",
    "RtlInitializeCriticalSectionAndSpinCount",
    "RtlDeleteCriticalSection",
    "RtlAcquirePebLock",
    "RtlReleasePebLock",
    "RtlDosPathNameToNtPathName_U",
    "RtlDosPathNameToNtPathName_U_WithStatus",
    "RtlSetCurrentDirectory_U",
    "RtlSetEnvironmentVariable",
    "RtlGetNtVersionNumbers",
)
