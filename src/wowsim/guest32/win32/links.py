r"""Further names of files: hard links, symbolic links, and the final name behind a handle.

Stands for KERNELBASE's functions (CreateHardLink and CreateSymbolicLink: kernel32's). Source of the rules: their
documentation, and that of FILE_LINK_INFORMATION and REPARSE_DATA_BUFFER (learn.microsoft.com). Windows asks the mount
manager for a volume's letter; here each letter's symbolic link is tried. Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi, to_ansi

_HARD = "lpFileName, lpExistingFileName, lpSecurityAttributes"
_SYMBOLIC = "lpSymlinkFileName, lpTargetFileName, dwFlags"

SOURCE = f"""
module kernel32

proc CreateHardLinkW({_HARD})
    local handle
    invoke BasepOpenFile, lpExistingFileName, 0x100100, 0x204020, addr handle
    onzero L_return
    invoke BasepNameAndClose, handle, 11, lpFileName, 0
    return
""" + from_ansi("CreateHardLink", _HARD, ["lpFileName", "lpExistingFileName"])

_SINCE_VISTA = rf"""
module kernel32

routine BasepIsAbsolute(path)               ; C:.. or \\..; else relative to the link, or to its volume's root
    naked
    mov ecx, path
    mov eax, [ecx]
    cmp eax, 0x5c005c
    je L_yes
    test ax, ax
    jz L_no
    shr eax, 16
    cmp eax, 0x3a
    je L_yes
L_no:
    return 0
L_yes:
    return 1

; Sets a symbolic link and closes it: REPARSE_DATA_BUFFER with the target as substitute and as print name.
routine BasepSetLink(handle, substitute, substituteBytes, print, relative)
    uses esi edi ebx
    local iosb[8], printBytes, size
    invoke lstrlenW, print
    add eax, eax
    mov printBytes, eax
    add eax, substituteBytes
    add eax, 20
    mov size, eax
    invoke BasepAllocate, eax
    onzero L_memory
    mov ebx, eax
    mov dword ptr [ebx], 0xa000000c         ; IO_REPARSE_TAG_SYMLINK
    mov eax, size
    sub eax, 8
    mov [ebx+4], eax
    mov eax, substituteBytes
    mov word ptr [ebx+8], 0
    mov [ebx+10], ax
    mov [ebx+12], ax
    mov eax, printBytes
    mov [ebx+14], ax
    mov eax, relative                       ; SYMLINK_FLAG_RELATIVE
    mov [ebx+16], eax
    lea edi, [ebx+20]
    mov esi, substitute
    mov ecx, substituteBytes
    rep movsb
    mov esi, print
    mov ecx, printBytes
    rep movsb
    lea ecx, iosb
    invoke NtFsControlFile, handle, 0, 0, 0, ecx, 0x900a4, ebx, size, 0, 0
    mov esi, eax
    test esi, esi
    jns L_free
    mov byte ptr [ebx], 1                   ; no link, so no file either
    lea ecx, iosb
    invoke NtSetInformationFile, handle, ecx, ebx, 1, 13
L_free:
    invoke BasepFree, ebx
    invoke NtClose, handle
    mov eax, esi
    status
L_memory:
    invoke NtClose, handle
    return 0

proc CreateSymbolicLinkW({_SYMBOLIC})
    uses esi edi
    local block[32], target[32], iosb[8], handle
    test dwFlags, 0xfffffffc                ; DIRECTORY, ALLOW_UNPRIVILEGED_CREATE
    jnz L_parameter
    invoke BasepNtName, lpSymlinkFileName, addr block
    onzero L_return
    invoke BasepIsAbsolute, lpTargetFileName
    mov edi, eax
    test eax, eax
    jz L_create
    invoke BasepNtName, lpTargetFileName, addr target
    onzero L_free
L_create:
    mov ecx, 0x204040                       ; OPEN_REPARSE_POINT, FOR_BACKUP_INTENT, NON_DIRECTORY_FILE
    test dwFlags, 1
    jz L_kind
    mov ecx, 0x204001
L_kind:
    or ecx, 0x20
    lea edx, iosb
    invoke NtCreateFile, addr handle, 0x110100, addr block, edx, 0, 0x80, 7, 2, ecx, 0, 0
    mov esi, eax
    test esi, esi
    js L_failed
    test edi, edi
    jz L_relative
    movzx ecx, word ptr target[24]
    invoke BasepSetLink, handle, target[28], ecx, lpTargetFileName, 0
    jmp L_set
L_relative:
    invoke lstrlenW, lpTargetFileName
    add eax, eax
    invoke BasepSetLink, handle, lpTargetFileName, eax, lpTargetFileName, 1
L_set:
    mov esi, eax
    jmp L_names
L_failed:
    invoke BaseSetLastNTError, esi
    xor esi, esi
L_names:
    test edi, edi
    jz L_name
    invoke RtlFreeUnicodeString, addr target[24]
L_name:
    invoke RtlFreeUnicodeString, addr block[24]
    return esi
L_free:
    invoke RtlFreeUnicodeString, addr block[24]
    return 0
L_parameter:
    fail 87
{from_ansi("CreateSymbolicLink", _SYMBOLIC, ["lpSymlinkFileName", "lpTargetFileName"])}

module KERNELBASE

; The letter whose link is \Device\X, its name of that many bytes; the letter, or 0.
routine BasepLetterOf(device, bytes)
    uses esi edi
    local name[8], handle, string[8], link[520]
    mov name, 0x3a0040                      ; "@:" and, before it is asked for, "A:"
    and name[4], 0
L_next:
    inc name
    cmp name, 0x3a005a
    ja L_none
    invoke BasepOpenDosDevice, addr name, addr handle
    onerror L_next
    mov string, 0x2080000
    lea eax, link
    mov string[4], eax
    lea ecx, string
    invoke NtQuerySymbolicLinkObject, handle, ecx, 0
    mov esi, eax
    invoke NtClose, handle
    test esi, esi
    js L_next
    movzx ecx, word ptr string
    cmp ecx, bytes
    jne L_next
    mov esi, device
    lea edi, link
    repe cmpsb
    jne L_next
    movzx eax, word ptr name
    return
L_none:
    return 0

proc GetFinalPathNameByHandleW(hFile, lpszFilePath, cchFilePath, dwFlags)
    uses esi edi ebx
    local iosb[8], block, length, inside
    mov eax, dwFlags
    test eax, 0xfffffff0
    jnz L_parameter
    and eax, 7
    cmp eax, 1
    je L_volume
    cmp eax, 4
    ja L_parameter
    cmp eax, 3
    je L_parameter
    invoke BasepAllocate, 0x10010
    onzero L_return
    mov block, eax
    lea edx, length
    invoke NtQueryObject, hFile, 1, block, 0x10010, edx
    onerror L_failed
    invoke BasepAllocate, 0x10010
    onzero L_free
    mov ebx, eax
    lea edx, iosb
    invoke NtQueryInformationFile, hFile, edx, ebx, 0x10010, 9
    mov esi, eax
    mov eax, [ebx]                          ; the name on its volume
    mov inside, eax
    invoke BasepFree, ebx
    mov eax, esi
    onerror L_failed
    mov ecx, block
    movzx ebx, word ptr [ecx]               ; bytes of the whole name
    mov esi, [ecx+4]
    mov eax, dwFlags
    and eax, 7
    cmp eax, 2                              ; VOLUME_NAME_NT
    je L_return_name
    sub ebx, inside                         ; those of the device
    mov edi, esi
    add esi, ebx
    cmp eax, 4                              ; VOLUME_NAME_NONE
    je L_inside
    invoke BasepLetterOf, edi, ebx
    onzero L_no_letter
    sub esi, 12                             ; over the device's name, which is longer
    mov dword ptr [esi], 0x5c005c
    mov dword ptr [esi+4], 0x5c003f
    mov [esi+8], ax
    mov word ptr [esi+10], 0x3a
    mov ebx, inside
    add ebx, 12
    jmp L_return_name
L_inside:
    mov ebx, inside
L_return_name:
    shr ebx, 1
    invoke BasepReturnWide, esi, ebx, lpszFilePath, cchFilePath
    mov esi, eax
    invoke BasepFree, block
    return esi
L_failed:
    invoke BaseSetLastNTError, eax
L_free:
    invoke BasepFree, block
    return 0
L_no_letter:
    invoke BaseFail, 3                      ; ERROR_PATH_NOT_FOUND
    jmp L_free
L_volume:
    trap win32.volume_guid_name
    return 0
L_parameter:
    fail 87
{to_ansi("GetFinalPathNameByHandle", "hFile, lpszFilePath, cchFilePath, dwFlags", "lpszFilePath", "cchFilePath")}
"""

WITH = {"NtCreateThreadEx": _SINCE_VISTA}
"""What a build has whose kernel has the service: these came with it, in Vista."""
