"""The process and its machine: identity, start-up information, versions, system information, exits.

Stands for KERNELBASE's functions (kernel32's: BaseThreadInitThunk, ExitProcess, GetStartupInfoA,
GetNativeSystemInfo, IsProcessorFeaturePresent). Source of the rules: their documentation
(learn.microsoft.com); offsets: wow64-facts section 9. GetVersion tells the real version: the compatibility
answers that Windows 8.1 and later give to programs without a manifest are left out. Who may import it:
``guest32.win32``'s users.
"""

from __future__ import annotations

FORWARDERS = {"ExitThread": "NTDLL.RtlExitUserThread"}
"""Exports of KERNELBASE and kernel32 that are ntdll's."""


def _from_teb(name: str, offset: int) -> str:
    return f"proc {name}()\nnaked\nmov eax, fs:[0x18]\nmov eax, [eax+{offset:#x}]\nreturn\n"


SOURCE = (
    """
module kernel32

data BaseStartupInfoA 0x44

proc BaseThreadInitThunk(parameter)         ; ECX: 0 for an ordinary thread, EDX: its start address
    test ecx, ecx
    jnz L_return
    push parameter
    call edx
    push eax
    call RtlExitUserThread

proc ExitProcess(uExitCode)
    invoke RtlExitUserProcess, uExitCode

proc IsProcessorFeaturePresent(feature)
    naked
    mov ecx, feature
    xor eax, eax
    cmp ecx, 64
    jae L_absent
    mov al, byte ptr [ecx+0x7ffe0274]       ; KUSER_SHARED_DATA.ProcessorFeatures
L_absent:
    return

proc GetNativeSystemInfo(lpSystemInfo)
    invoke GetSystemInfo, lpSystemInfo
    mov ecx, lpSystemInfo
    mov word ptr [ecx], 9                   ; PROCESSOR_ARCHITECTURE_AMD64
    mov dword ptr [ecx+24], 8664            ; PROCESSOR_AMD_X8664
    return

routine BasepAnsiCopy(wide)                 ; an allocated copy that stays; NULL for NULL
    uses esi edi
    mov esi, wide
    xor eax, eax
    test esi, esi
    jz L_return
    invoke lstrlenW, esi
    mov edi, eax
    lea ecx, [eax+1]
    invoke BasepAllocate, ecx
    onzero L_return
    mov ecx, eax
    lea edx, [edi+1]
    push eax
    invoke BasepReturnAnsi, esi, edi, ecx, edx
    pop eax
    return

proc GetStartupInfoA(lpStartupInfo)
    uses esi edi
    lea esi, [BaseStartupInfoA]
    cmp dword ptr [esi], 0
    jne L_copy
    invoke GetStartupInfoW, esi
    invoke BasepAnsiCopy, [esi+4]
    mov [esi+4], eax
    invoke BasepAnsiCopy, [esi+8]
    mov [esi+8], eax
    invoke BasepAnsiCopy, [esi+12]
    mov [esi+12], eax
L_copy:
    mov edi, lpStartupInfo
    mov ecx, 0x44
    rep movsb
    return

module KERNELBASE

data BasepPointerCookie 4

proc GetStartupInfoW(lpStartupInfo)
    uses esi edi
    mov edi, lpStartupInfo
    mov edx, fs:[0x30]
    mov edx, [edx+0x10]
    mov dword ptr [edi], 0x44
    mov eax, [edx+0x84]                     ; ShellInfo.Buffer
    mov [edi+4], eax
    mov eax, [edx+0x7c]                     ; DesktopInfo.Buffer
    mov [edi+8], eax
    mov eax, [edx+0x74]                     ; WindowTitle.Buffer
    mov [edi+12], eax
    lea esi, [edx+0x4c]                     ; StartingX .. WindowFlags
    add edi, 16
    mov ecx, 32
    rep movsb
    mov ax, word ptr [edx+0x6c]             ; ShowWindowFlags
    stosw
    mov ax, word ptr [edx+0x88]             ; RuntimeData
    stosw
    mov eax, [edx+0x8c]
    stosd
    lea esi, [edx+0x18]                     ; the standard handles, when the flags say that they are given
    mov ecx, 12
    test dword ptr [edx+0x68], 0x700
    jz L_none
    rep movsb
    return
L_none:
    xor eax, eax
    rep stosb
    return

proc GetCurrentProcess()
    naked
    return -1

proc GetCurrentThread()
    naked
    return 0xfffffffe

proc TerminateProcess(hProcess, uExitCode)
    mov eax, hProcess
    test eax, eax
    jz L_handle
    invoke NtTerminateProcess, eax, uExitCode
    status
L_handle:
    fail 6

proc GetExitCodeProcess(hProcess, lpExitCode)
    local basic[24]
    invoke NtQueryInformationProcess, hProcess, 0, addr basic, 24, 0
    onerror L_failed
    mov ecx, lpExitCode
    mov edx, basic
    mov [ecx], edx
    return 1
L_failed:
    status

proc IsWow64Process(hProcess, Wow64Process)
    local peb32
    invoke NtQueryInformationProcess, hProcess, 26, addr peb32, 4, 0
    onerror L_failed
    cmp peb32, 1
    sbb ecx, ecx
    inc ecx
    mov edx, Wow64Process
    mov [edx], ecx
    return 1
L_failed:
    status

proc GetVersion()
    naked
    mov ecx, fs:[0x30]
    movzx eax, word ptr [ecx+0xac]          ; OSBuildNumber
    shl eax, 16
    mov ah, byte ptr [ecx+0xa8]
    mov al, byte ptr [ecx+0xa4]
    return

proc GetVersionExW(lpVersion)
    mov ecx, lpVersion
    mov eax, [ecx]
    cmp eax, 0x114                          ; OSVERSIONINFOW
    je L_query
    cmp eax, 0x11c                          ; OSVERSIONINFOEXW
    jne L_size
L_query:
    invoke RtlGetVersion, ecx
    status
L_size:
    fail 122                                ; ERROR_INSUFFICIENT_BUFFER

proc GetVersionExA(lpVersion)
    uses esi edi
    local wide[0x11c]
    mov edi, lpVersion
    mov eax, [edi]
    cmp eax, 0x94                           ; OSVERSIONINFOA
    je L_query
    cmp eax, 0x9c                           ; OSVERSIONINFOEXA
    jne L_size
L_query:
    lea esi, wide
    mov dword ptr [esi], 0x11c
    invoke RtlGetVersion, esi
    onerror L_failed
    add esi, 4
    add edi, 4
    mov ecx, 16
    rep movsb
    invoke lstrlenW, esi
    invoke BasepReturnAnsi, esi, eax, edi, 128
    add esi, 256
    add edi, 128
    mov ecx, lpVersion
    cmp dword ptr [ecx], 0x9c
    jne L_done
    mov ecx, 8
    rep movsb
L_done:
    return 1
L_size:
    fail 122
L_failed:
    status

proc GetSystemInfo(lpSystemInfo)
    uses edi
    local basic[0x2c], processor[12]
    invoke NtQuerySystemInformation, 0, addr basic, 0x2c, 0
    onerror L_return
    invoke NtQuerySystemInformation, 1, addr processor, 12, 0
    onerror L_return
    mov edi, lpSystemInfo
    movzx eax, word ptr processor           ; architecture
    mov [edi], eax
    mov eax, basic[8]                       ; page size
    mov [edi+4], eax
    mov eax, basic[0x1c]                    ; lowest and highest address
    mov [edi+8], eax
    mov eax, basic[0x20]
    mov [edi+12], eax
    mov eax, basic[0x24]                    ; processors
    mov [edi+16], eax
    movzx eax, byte ptr basic[0x28]
    mov [edi+20], eax
    mov dword ptr [edi+24], 586             ; PROCESSOR_INTEL_PENTIUM for every x86 since
    mov eax, basic[0x18]                    ; allocation granularity
    mov [edi+28], eax
    mov eax, processor[2]                   ; level and revision
    mov [edi+32], eax
    return

proc IsDebuggerPresent()
    naked
    mov eax, fs:[0x30]
    movzx eax, byte ptr [eax+2]
    return

proc OutputDebugStringA(lpOutputString)     ; nobody listens
    naked
    return

proc OutputDebugStringW(lpOutputString)
    naked
    return

routine BasepCookie()                       ; the kernel's random number for this process
    mov eax, dword ptr [BasepPointerCookie]
    test eax, eax
    jnz L_return
    lea ecx, [BasepPointerCookie]
    invoke NtQueryInformationProcess, -1, 36, ecx, 4, 0
    mov eax, dword ptr [BasepPointerCookie]
    return

proc EncodePointer(pointer)
    invoke BasepCookie
    mov ecx, eax
    xor eax, pointer
    ror eax, cl
    return

proc DecodePointer(pointer)
    invoke BasepCookie
    mov ecx, eax
    mov edx, pointer
    rol edx, cl
    xor eax, edx
    return
"""
    + _from_teb("GetCurrentProcessId", 0x20)
    + _from_teb("GetCurrentThreadId", 0x24)
)
