"""What a program can ask and tell about WoW64: file-system redirection, the 32-bit system directory.

Stands for kernel32's functions. Source of the rules: their documentation (learn.microsoft.com); 32-bit Windows answers
ERROR_INVALID_FUNCTION and ERROR_CALL_NOT_IMPLEMENTED. What switches redirection: wow64-facts section 11. Who may
import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import to_ansi

SOURCE = r"""
module kernel32

text BasepSysWow64 \SysWOW64

proc Wow64DisableWow64FsRedirection(OldValue)
    mov ecx, OldValue
    test ecx, ecx
    jz L_pointer
    invoke RtlWow64EnableFsRedirectionEx, 1, ecx
    status
L_pointer:
    fail 87

proc Wow64RevertWow64FsRedirection(OldValue)
    local value
    lea ecx, value
    invoke RtlWow64EnableFsRedirectionEx, OldValue, ecx
    status

proc Wow64EnableWow64FsRedirection(Wow64FsEnableRedirection)
    invoke RtlWow64EnableFsRedirection, Wow64FsEnableRedirection
    cmp eax, 0x80000000                     ; a BOOLEAN, not a BOOL
    sbb eax, eax
    neg eax
    return

proc GetSystemWow64DirectoryW(lpBuffer, uSize)
    uses esi edi
    local path[544]
    mov eax, fs:[0xc0]                      ; WOW32Reserved: nothing on 32-bit Windows
    test eax, eax
    jz L_none
    invoke GetWindowsDirectoryW, addr path, 260
    lea edi, path
    lea edi, [edi+eax*2]
    lea esi, [BasepSysWow64]
    mov ecx, 9
    rep movsw
    lea ecx, [eax+9]
    lea edx, path
    invoke BasepReturnWide, edx, ecx, lpBuffer, uSize
    return
L_none:
    fail 120                                ; ERROR_CALL_NOT_IMPLEMENTED

""" + to_ansi("GetSystemWow64Directory", "lpBuffer, uSize", "lpBuffer", "uSize")

WITH = {
    "NtCreateEnclave": """
module KERNELBASE

proc IsWow64Process2(hProcess, pProcessMachine, pNativeMachine)
    local peb32
    invoke NtQueryInformationProcess, hProcess, 26, addr peb32, 4, 0
    onerror L_failed
    xor ecx, ecx                            ; IMAGE_FILE_MACHINE_UNKNOWN: no WoW64 process
    cmp peb32, 0
    je L_process
    mov ecx, 0x14c
L_process:
    mov edx, pProcessMachine
    mov [edx], cx
    mov edx, pNativeMachine
    test edx, edx
    jz L_done
    mov ecx, 0x14c
    cmp dword ptr fs:[0xc0], 0              ; WOW32Reserved: nothing on 32-bit Windows
    je L_native
    mov ecx, 0x8664
L_native:
    mov [edx], cx
L_done:
    return 1
L_failed:
    status
"""
}
"""What a build has whose kernel has the service, which came with the function (Windows 10 1511)."""
