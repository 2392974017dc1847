"""Directory searches: FindFirstFile, FindNextFile, FindClose.

Stands for KERNELBASE's functions; the handle of a search is a block of the process heap (as on Windows,
where its layout is not public): the directory's handle, the next entry (0: ask the kernel) and the entries
read. Source of the pattern translation: FileSystemName.TranslateWin32Expression of .NET (MIT licence,
documented there), of the structures: the documentation of FILE_BOTH_DIR_INFORMATION and WIN32_FIND_DATA
(learn.microsoft.com). Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

SOURCE = """
module KERNELBASE

; Win32 wildcards as the file system's: ? is >, a . before a wildcard is ", a closing *. is *<, *.* is *.
routine BasepTranslatePattern(pattern)      ; UNICODE_STRING, changed in place
    uses esi edi
    mov edx, pattern
    mov esi, [edx+4]
    movzx ecx, word ptr [edx]
    cmp ecx, 6
    jne L_walk
    cmp dword ptr [esi], 0x2e002a           ; *.
    jne L_walk
    cmp word ptr [esi+4], 0x2a
    jne L_walk
    mov word ptr [edx], 2
    return 0
L_walk:
    lea edi, [esi+ecx]                      ; the end
    mov edx, esi
L_next:
    cmp edx, edi
    jae L_return
    movzx eax, word ptr [edx]
    add edx, 2
    cmp eax, 0x3f
    je L_question
    cmp eax, 0x2e
    jne L_next
    cmp edx, edi
    jae L_last_dot
    movzx eax, word ptr [edx]
    cmp eax, 0x3f
    je L_dot
    cmp eax, 0x2a
    jne L_next
L_dot:
    mov word ptr [edx-2], 0x22
    jmp L_next
L_question:
    mov word ptr [edx-2], 0x3e
    jmp L_next
L_last_dot:
    lea eax, [esi+2]
    cmp edx, eax
    je L_return
    cmp word ptr [edx-4], 0x2a
    jne L_return
    mov word ptr [edx-4], 0x3c
    mov ecx, pattern
    sub word ptr [ecx], 2
    return 0

routine BasepReadDirectory(search, pattern)
    uses esi
    local iosb[8]
    mov esi, search
    lea ecx, [esi+8]
    invoke NtQueryDirectoryFile, [esi], 0, 0, 0, addr iosb, ecx, 0xff8, 3, 0, pattern, 0
    lea ecx, [esi+8]
    mov [esi+4], ecx
    return

; Splits the NT name into the directory and the pattern behind its last separator.
routine BasepSplitPattern(name, part, pattern)
    mov ecx, name
    mov edx, pattern
    mov eax, part
    mov [edx+4], eax
    sub eax, [ecx+4]                        ; bytes before the pattern
    push eax
    sub ax, [ecx]
    neg ax
    mov [edx], ax
    mov [edx+2], ax
    pop eax
    mov [ecx], ax
    mov edx, [ecx+4]
    cmp word ptr [edx+eax-4], 0x3a          ; only a drive's root keeps its separator
    je L_return
    sub word ptr [ecx], 2
    return

proc FindFirstFileW(lpFileName, lpFindFileData)
    uses esi edi
    local block[32], iosb[8], pattern[8], handle
    invoke BasepNtName, lpFileName, addr block
    onzero L_invalid
    mov edi, block[28]
    movzx ecx, word ptr block[24]
    lea edx, [edi+ecx]                      ; the end of the name
L_back:
    cmp word ptr [edx-2], 0x5c
    je L_part
    sub edx, 2
    cmp edx, edi
    ja L_back
L_part:
    lea eax, [edi+ecx]
    cmp edx, eax                            ; nothing behind the last separator
    je L_nothing
    invoke BasepSplitPattern, addr block[24], edx, addr pattern
    invoke BasepTranslatePattern, addr pattern
    invoke NtOpenFile, addr handle, 0x100001, addr block, addr iosb, 7, 0x4021
    onerror L_no_directory
    invoke BasepAllocate, 0x1000
    onzero L_close
    mov esi, eax
    mov eax, handle
    mov [esi], eax
    invoke BasepReadDirectory, esi, addr pattern
    onerror L_no_entry
    invoke RtlFreeUnicodeString, addr block[24]
    invoke FindNextFileW, esi, lpFindFileData
    return esi
L_no_entry:
    mov edi, eax
    invoke BasepFree, esi
    invoke BaseSetLastNTError, edi
L_close:
    invoke NtClose, handle
    jmp L_free
L_no_directory:
    cmp eax, 0xc0000034                     ; STATUS_OBJECT_NAME_NOT_FOUND, here of the directory
    jne L_status
    mov eax, 0xc000003a                     ; STATUS_OBJECT_PATH_NOT_FOUND
L_status:
    invoke BaseSetLastNTError, eax
    jmp L_free
L_nothing:
    invoke BaseFail, 2                      ; ERROR_FILE_NOT_FOUND
L_free:
    invoke RtlFreeUnicodeString, addr block[24]
L_invalid:
    return -1

proc FindNextFileW(hFindFile, lpFindFileData)
    uses esi edi ebx
    mov ebx, hFindFile
    lea eax, [ebx+1]
    cmp eax, 1                              ; NULL and INVALID_HANDLE_VALUE
    jbe L_handle
    cmp dword ptr [ebx+4], 0
    jne L_entry
    invoke BasepReadDirectory, ebx, 0
    onerror L_failed
L_entry:
    mov esi, [ebx+4]
    mov edi, lpFindFileData
    mov eax, [esi+0x38]                     ; FileAttributes
    stosd
    push esi
    add esi, 8                              ; creation, access and write times
    mov ecx, 24
    rep movsb
    pop esi
    mov eax, [esi+0x2c]                     ; EndOfFile, high half first
    stosd
    mov eax, [esi+0x28]
    stosd
    mov eax, [esi+0x40]                     ; EaSize: the reparse tag of a reparse point
    stosd
    xor eax, eax
    stosd
    mov ecx, [esi+0x3c]
    cmp ecx, 518
    jbe L_name
    mov ecx, 518
L_name:
    push esi
    add esi, 0x5e
    rep movsb
    pop esi
    mov word ptr [edi], 0
    mov edi, lpFindFileData
    add edi, 0x234
    movzx ecx, byte ptr [esi+0x44]
    push esi
    add esi, 0x46
    rep movsb
    pop esi
    mov word ptr [edi], 0
    mov eax, [esi]
    test eax, eax
    jz L_next
    add eax, esi
L_next:
    mov [ebx+4], eax
    return 1
L_handle:
    fail 6                                  ; ERROR_INVALID_HANDLE
L_failed:
    and dword ptr [ebx+4], 0
    status

proc FindClose(hFindFile)
    uses esi edi
    mov esi, hFindFile
    lea eax, [esi+1]
    cmp eax, 1
    jbe L_handle
    invoke NtClose, [esi]
    mov edi, eax
    invoke BasepFree, esi
    mov eax, edi
    status
L_handle:
    fail 6

routine BasepFindDataToAnsi(wide, ansi)
    uses esi edi
    mov esi, wide
    mov edi, ansi
    mov ecx, 44
    rep movsb
    invoke lstrlenW, esi
    invoke BasepReturnAnsi, esi, eax, edi, 260
    add esi, 520
    add edi, 260
    invoke lstrlenW, esi
    invoke BasepReturnAnsi, esi, eax, edi, 14
    return

proc FindFirstFileA(lpFileName, lpFindFileData)
    uses esi
    local name[8], data[592]
    or esi, -1
    invoke Basep8BitStringToDynamicUnicodeString, addr name, lpFileName
    onzero L_done
    invoke FindFirstFileW, name[4], addr data
    mov esi, eax
    invoke RtlFreeUnicodeString, addr name
    cmp esi, -1
    je L_done
    lea ecx, data
    invoke BasepFindDataToAnsi, ecx, lpFindFileData
L_done:
    mov eax, esi
    return

proc FindNextFileA(hFindFile, lpFindFileData)
    local data[592]
    invoke FindNextFileW, hFindFile, addr data
    onzero L_return
    lea ecx, data
    invoke BasepFindDataToAnsi, ecx, lpFindFileData
    return 1
"""
