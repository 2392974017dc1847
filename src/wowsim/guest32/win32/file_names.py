"""Files and directories by name: attributes, deleting, renaming, creating directories.

Stands for KERNELBASE's (MoveFile: kernel32's) functions. Source of the rules: their documentation and that
of FILE_RENAME_INFORMATION (learn.microsoft.com). A move to another volume fails with ERROR_NOT_SAME_DEVICE
where Windows would copy. Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi

SOURCE = (
    """
module KERNELBASE

routine BasepOpenFile(path, access, options, handle)
    uses esi
    local block[32], iosb[8]
    invoke BasepNtName, path, addr block
    onzero L_return
    invoke NtOpenFile, handle, access, addr block, addr iosb, 7, options
    mov esi, eax
    invoke RtlFreeUnicodeString, addr block[24]
    mov eax, esi
    status

routine BasepSetAndClose(handle, class, buffer, length)
    uses esi
    local iosb[8]
    invoke NtSetInformationFile, handle, addr iosb, buffer, length, class
    mov esi, eax
    invoke NtClose, handle
    mov eax, esi
    status

proc DeleteFileW(lpFileName)                ; not a directory; a link itself, not its target
    local handle, delete
    invoke BasepOpenFile, lpFileName, 0x10080, 0x204040, addr handle
    onzero L_return
    mov delete, 1
    invoke BasepSetAndClose, handle, 13, addr delete, 1

proc RemoveDirectoryW(lpPathName)
    local handle, delete
    invoke BasepOpenFile, lpPathName, 0x110000, 0x204021, addr handle
    onzero L_return
    mov delete, 1
    invoke BasepSetAndClose, handle, 13, addr delete, 1

proc CreateDirectoryW(lpPathName, lpSecurityAttributes)
    uses esi
    local block[32], iosb[8], handle
    invoke BasepNtName, lpPathName, addr block
    onzero L_return
    mov ecx, lpSecurityAttributes
    test ecx, ecx
    jz L_create
    mov eax, [ecx+4]
    mov block[16], eax
L_create:
    invoke NtCreateFile, addr handle, 0x100001, addr block, addr iosb, 0, 0x80, 3, 2, 0x4021, 0, 0
    mov esi, eax
    invoke RtlFreeUnicodeString, addr block[24]
    mov eax, esi
    onerror L_failed
    invoke NtClose, handle
    return 1
L_failed:
    status

proc GetFileAttributesW(lpFileName)
    uses esi
    local block[32], basic[40]
    invoke BasepNtName, lpFileName, addr block
    onzero L_invalid
    invoke NtQueryAttributesFile, addr block, addr basic
    mov esi, eax
    invoke RtlFreeUnicodeString, addr block[24]
    mov eax, esi
    onerror L_failed
    return basic[32]
L_failed:
    invoke BaseSetLastNTError, eax
L_invalid:
    return -1

proc GetFileAttributesExW(lpFileName, level, lpInformation)
    uses esi edi
    local block[32], open[56]
    cmp level, 0                            ; GetFileExInfoStandard is the only one
    jne L_level
    invoke BasepNtName, lpFileName, addr block
    onzero L_return
    invoke NtQueryFullAttributesFile, addr block, addr open
    mov esi, eax
    invoke RtlFreeUnicodeString, addr block[24]
    mov eax, esi
    onerror L_failed
    mov edi, lpInformation
    mov eax, open[48]
    stosd
    lea esi, open
    mov ecx, 24                             ; creation, access and write times
    rep movsb
    mov eax, open[44]                       ; EndOfFile, high half first
    stosd
    mov eax, open[40]
    stosd
    return 1
L_failed:
    status
L_level:
    fail 87

proc SetFileAttributesW(lpFileName, dwFileAttributes)
    uses edi
    local handle, basic[40]
    invoke BasepOpenFile, lpFileName, 0x100100, 0x204020, addr handle
    onzero L_return
    lea edi, basic                          ; times of 0 are left as they are
    xor eax, eax
    mov ecx, 10
    rep stosd
    mov eax, dwFileAttributes
    and eax, 0x7fb7
    or al, 0x80                             ; never 0, which would mean "leave it"
    mov basic[32], eax
    invoke BasepSetAndClose, handle, 4, addr basic, 40

routine BasepNameAndClose(handle, class, path, replace)  ; FILE_RENAME_INFORMATION or FILE_LINK_INFORMATION
    uses esi edi ebx
    local block[32]
    invoke BasepNtName, path, addr block
    onzero L_close
    movzx ebx, word ptr block[24]
    lea ecx, [ebx+14]
    invoke BasepAllocate, ecx
    onzero L_free_name
    mov edi, eax
    mov edx, eax
    mov ecx, replace
    mov [edi], ecx
    and dword ptr [edi+4], 0
    mov [edi+8], ebx
    add edi, 12
    mov esi, block[28]
    mov ecx, ebx
    rep movsb
    mov esi, edx
    lea ecx, [ebx+14]
    invoke BasepSetAndClose, handle, class, esi, ecx
    mov ebx, eax
    invoke BasepFree, esi
    invoke RtlFreeUnicodeString, addr block[24]
    return ebx
L_free_name:
    invoke RtlFreeUnicodeString, addr block[24]
L_close:
    invoke NtClose, handle
    return 0

module kernel32

proc MoveFileW(lpExistingFileName, lpNewFileName)
    invoke MoveFileExW, lpExistingFileName, lpNewFileName, 2

proc MoveFileExW(lpExistingFileName, lpNewFileName, dwFlags)
    local handle
    test dwFlags, 4                         ; DELAY_UNTIL_REBOOT
    jnz L_delay
    invoke BasepOpenFile, lpExistingFileName, 0x110080, 0x204020, addr handle
    onzero L_return
    mov ecx, dwFlags
    and ecx, 1                              ; REPLACE_EXISTING
    invoke BasepNameAndClose, handle, 10, lpNewFileName, ecx
    return
L_delay:
    trap win32.move_at_reboot
    return 0

module KERNELBASE
"""
    + from_ansi("DeleteFile", "lpFileName", ["lpFileName"])
    + from_ansi("RemoveDirectory", "lpPathName", ["lpPathName"])
    + from_ansi("CreateDirectory", "lpPathName, lpSecurityAttributes", ["lpPathName"])
    + from_ansi("GetFileAttributes", "lpFileName", ["lpFileName"], failure=-1)
    + from_ansi("GetFileAttributesEx", "lpFileName, level, lpInformation", ["lpFileName"])
    + from_ansi("SetFileAttributes", "lpFileName, dwFileAttributes", ["lpFileName"])
    + "module kernel32\n"
    + from_ansi("MoveFile", "lpExistingFileName, lpNewFileName", ["lpExistingFileName", "lpNewFileName"])
    + from_ansi(
        "MoveFileEx", "lpExistingFileName, lpNewFileName, dwFlags", ["lpExistingFileName", "lpNewFileName"]
    )
)
