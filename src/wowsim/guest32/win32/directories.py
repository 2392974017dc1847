"""Full paths and the directories a process knows: current, system, Windows, temporary.

Stands for KERNELBASE's (GetTempPath: kernel32's) functions. Source of the rules: their documentation
(learn.microsoft.com). Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi, to_ansi

SOURCE = (
    r"""
module KERNELBASE

text BasepSystem32 \system32

proc GetCurrentDirectoryW(nBufferLength, lpBuffer)
    mov ecx, nBufferLength
    add ecx, ecx
    invoke RtlGetCurrentDirectory_U, ecx, lpBuffer
    shr eax, 1
    return

proc SetCurrentDirectoryW(lpPathName)
    local name[8]
    invoke RtlInitUnicodeString, addr name, lpPathName
    invoke RtlSetCurrentDirectory_U, addr name
    status

proc GetFullPathNameW(lpFileName, nBufferLength, lpBuffer, lpFilePart)
    mov ecx, nBufferLength
    add ecx, ecx
    invoke RtlGetFullPathName_U, lpFileName, ecx, lpBuffer, lpFilePart
    shr eax, 1
    jnz L_return
    fail 123                                ; ERROR_INVALID_NAME

proc GetFullPathNameA(lpFileName, nBufferLength, lpBuffer, lpFilePart)
    uses esi edi
    local wide[8], needed, part
    xor edi, edi
    invoke Basep8BitStringToDynamicUnicodeString, addr wide, lpFileName
    onzero L_done
    invoke GetFullPathNameW, wide[4], 0, 0, 0
    mov needed, eax
    onzero L_free
    lea ecx, [eax+eax]
    invoke BasepAllocate, ecx
    onzero L_free
    mov esi, eax
    mov ecx, needed
    invoke GetFullPathNameW, wide[4], ecx, esi, addr part
    mov ecx, eax
    invoke BasepReturnAnsiAndFree, esi, ecx, lpBuffer, nBufferLength
    mov edi, eax
    mov ecx, lpFilePart
    test ecx, ecx
    jz L_free
    mov eax, part
    test eax, eax
    jz L_part
    sub eax, esi
    shr eax, 1
    add eax, lpBuffer
L_part:
    mov [ecx], eax
L_free:
    invoke RtlFreeUnicodeString, addr wide
L_done:
    mov eax, edi
    return

proc GetWindowsDirectoryW(lpBuffer, uSize)
    mov ecx, 0x7ffe0030                     ; KUSER_SHARED_DATA.NtSystemRoot
    invoke lstrlenW, ecx
    invoke BasepReturnWide, 0x7ffe0030, eax, lpBuffer, uSize
    return

proc GetSystemDirectoryW(lpBuffer, uSize)
    uses esi edi
    local path[544]
    invoke GetWindowsDirectoryW, addr path, 260
    lea edi, path
    lea edi, [edi+eax*2]
    lea esi, [BasepSystem32]
    mov ecx, 9
    rep movsw
    lea ecx, [eax+9]
    lea edx, path
    invoke BasepReturnWide, edx, ecx, lpBuffer, uSize
    return

module kernel32

text BasepTmp TMP
text BasepTemp TEMP
text BasepUserProfile USERPROFILE

routine BasepTempDirectory(buffer)          ; the first that is set, of at most 259 characters
    lea ecx, [BasepTmp]
    invoke BasepShortVariable, ecx, buffer
    jc L_return
    lea ecx, [BasepTemp]
    invoke BasepShortVariable, ecx, buffer
    jc L_return
    lea ecx, [BasepUserProfile]
    invoke BasepShortVariable, ecx, buffer
    jc L_return
    invoke GetWindowsDirectoryW, buffer, 260
    return

routine BasepShortVariable(name, buffer)    ; carry: it is set and fits
    invoke GetEnvironmentVariableW, name, buffer, 260
    dec eax
    cmp eax, 259
    return

proc GetTempPathW(nBufferLength, lpBuffer)
    local named[520], full[524]
    invoke BasepTempDirectory, addr named
    lea ecx, named
    invoke GetFullPathNameW, ecx, 260, addr full, 0
    onzero L_return
    cmp eax, 260
    jae L_long
    lea edx, full
    cmp word ptr [edx+eax*2-2], 0x5c
    je L_copy
    mov dword ptr [edx+eax*2], 0x5c
    inc eax
L_copy:
    invoke BasepReturnWide, edx, eax, lpBuffer, nBufferLength
    return
L_long:
    fail 206                                ; ERROR_FILENAME_EXCED_RANGE

module KERNELBASE
"""
    + from_ansi("SetCurrentDirectory", "lpPathName", ["lpPathName"])
    + to_ansi("GetCurrentDirectory", "nBufferLength, lpBuffer", "lpBuffer", "nBufferLength")
    + to_ansi("GetWindowsDirectory", "lpBuffer, uSize", "lpBuffer", "uSize")
    + to_ansi("GetSystemDirectory", "lpBuffer, uSize", "lpBuffer", "uSize")
    + "module kernel32\n"
    + to_ansi("GetTempPath", "nBufferLength, lpBuffer", "lpBuffer", "nBufferLength")
)
