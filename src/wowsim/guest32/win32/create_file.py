"""CreateFileW: its flags as NT options, the call of NtCreateFile, its results.

Stands for KERNELBASE!CreateFileW. Source of the rules: the documentation of CreateFileW and NtCreateFile
(learn.microsoft.com). The template's extended attributes are not copied: our volumes have none. Who may
import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi

PARAMETERS = (
    "lpFileName, dwDesiredAccess, dwShareMode, lpSecurityAttributes,"
    " dwCreationDisposition, dwFlagsAndAttributes, hTemplateFile"
)

NT_CREATE_OFFSET = 0x330
"""Where Windows 7 SP1 loads NtCreateFile's address (seed document 2)."""

SOURCE = f"""
module KERNELBASE

; CREATE_NEW .. as FILE_CREATE, OVERWRITE_IF, OPEN, OPEN_IF, OVERWRITE
bytes BasepDispositions 2 5 1 3 4

dwords BasepFileFlags 0x80000000 0x000002   ; WRITE_THROUGH
dwords BasepFileFlags 0x20000000 0x000008   ; NO_BUFFERING: FILE_NO_INTERMEDIATE_BUFFERING
dwords BasepFileFlags 0x10000000 0x000800   ; RANDOM_ACCESS
dwords BasepFileFlags 0x08000000 0x000004   ; SEQUENTIAL_SCAN: FILE_SEQUENTIAL_ONLY
dwords BasepFileFlags 0x04000000 0x001000   ; DELETE_ON_CLOSE
dwords BasepFileFlags 0x02000000 0x004000   ; BACKUP_SEMANTICS: FILE_OPEN_FOR_BACKUP_INTENT
dwords BasepFileFlags 0x00200000 0x200000   ; OPEN_REPARSE_POINT
dwords BasepFileFlags 0x00100000 0x400000   ; OPEN_NO_RECALL
dwords BasepFileFlags 0

routine BasepCreateOptions(flags)           ; FILE_FLAG_x as FILE_y
    uses esi
    mov edx, flags
    lea ecx, [BasepFileFlags]
    xor eax, eax
L_next:
    mov esi, [ecx]
    test esi, esi
    jz L_implied
    add ecx, 8
    test edx, esi
    jz L_next
    or eax, [ecx-4]
    jmp L_next
L_implied:
    test edx, 0x40000000                    ; not OVERLAPPED: FILE_SYNCHRONOUS_IO_NONALERT
    jnz L_directory
    or eax, 0x20
L_directory:
    test edx, 0x02000000                    ; only BACKUP_SEMANTICS opens directories
    jnz L_return
    or eax, 0x40                            ; FILE_NON_DIRECTORY_FILE
    return

; OBJECT_ATTRIBUTES followed by the UNICODE_STRING it names; the string is to be freed.
routine BasepNtName(path, block)
    mov ecx, path
    test ecx, ecx
    jz L_none
    cmp word ptr [ecx], 0
    je L_none
    mov edx, block
    lea eax, [edx+24]
    mov dword ptr [edx], 24
    and dword ptr [edx+4], 0
    mov [edx+8], eax
    mov dword ptr [edx+12], 0x40            ; OBJ_CASE_INSENSITIVE
    and dword ptr [edx+16], 0
    and dword ptr [edx+20], 0
    invoke RtlDosPathNameToNtPathName_U_WithStatus, ecx, eax, 0, 0
    status
L_none:
    fail 3                                  ; ERROR_PATH_NOT_FOUND

proc CreateFileW({PARAMETERS})
    uses esi edi
    local block[32], iosb[8], quality[12], disposition, handle
    mov eax, dwCreationDisposition
    dec eax
    cmp eax, 5
    jae L_parameter
    movzx ecx, byte ptr [BasepDispositions+eax]
    mov disposition, ecx
    cmp eax, 4                              ; TRUNCATE_EXISTING needs GENERIC_WRITE
    jne L_name
    test dwDesiredAccess, 0x40000000
    jz L_parameter
L_name:
    invoke BasepNtName, lpFileName, addr block
    onzero L_invalid
    mov edx, dwFlagsAndAttributes
    test edx, 0x01000000                    ; POSIX_SEMANTICS
    jz L_delete
    and block[12], 0xffffffbf
L_delete:
    test edx, 0x04000000                    ; DELETE_ON_CLOSE
    jz L_security
    or dwDesiredAccess, 0x10000
L_security:
    mov ecx, lpSecurityAttributes
    test ecx, ecx
    jz L_quality
    mov eax, [ecx+4]
    mov block[16], eax
    cmp dword ptr [ecx+8], 0                ; bInheritHandle: OBJ_INHERIT
    je L_quality
    or block[12], 2
L_quality:
    test edx, 0x00100000                    ; SECURITY_SQOS_PRESENT
    jz L_options
    mov quality, 12
    mov eax, edx
    shr eax, 16
    and eax, 3
    mov quality[4], eax
    mov eax, edx
    shr eax, 18
    and eax, 1
    mov byte ptr quality[8], al
    shr edx, 19
    and edx, 1
    mov byte ptr quality[9], dl
    lea eax, quality
    mov block[20], eax
L_options:
    invoke BasepCreateOptions, dwFlagsAndAttributes
    mov edx, eax
    mov ecx, dwFlagsAndAttributes
    and ecx, 0x7fa7                         ; the attributes that a file may have
    mov edi, dwDesiredAccess
    or edi, 0x100080                        ; SYNCHRONIZE | FILE_READ_ATTRIBUTES
    at {NT_CREATE_OFFSET:#x}
    mov esi, dword ptr [__imp_NtCreateFile]
    invoke esi, addr handle, edi, addr block, addr iosb, 0, ecx, dwShareMode, disposition, edx, 0, 0
    mov esi, eax
    invoke RtlFreeUnicodeString, addr block[24]
    test esi, esi
    js L_failed
    xor eax, eax
    mov ecx, iosb[4]
    cmp dwCreationDisposition, 2            ; CREATE_ALWAYS and FILE_OVERWRITTEN
    jne L_open_always
    cmp ecx, 3
    jmp L_existed
L_open_always:
    cmp dwCreationDisposition, 4            ; OPEN_ALWAYS and FILE_OPENED
    jne L_opened
    cmp ecx, 1
L_existed:
    jne L_opened
    mov eax, 183                            ; ERROR_ALREADY_EXISTS
L_opened:
    invoke RtlSetLastWin32Error, eax
    return handle
L_failed:
    cmp esi, 0xc0000035                     ; STATUS_OBJECT_NAME_COLLISION
    jne L_directory
    cmp dwCreationDisposition, 1
    jne L_status
    invoke BaseFail, 80                     ; ERROR_FILE_EXISTS
    jmp L_invalid
L_directory:
    cmp esi, 0xc00000ba                     ; STATUS_FILE_IS_A_DIRECTORY, named with a separator at its end
    jne L_status
    mov edi, lpFileName
    xor eax, eax
    or ecx, -1
    repne scasw
    cmp word ptr [edi-4], 0x5c
    jne L_status
    invoke BaseFail, 3                      ; ERROR_PATH_NOT_FOUND
    jmp L_invalid
L_status:
    invoke BaseSetLastNTError, esi
    jmp L_invalid
L_parameter:
    invoke BaseFail, 87                     ; ERROR_INVALID_PARAMETER
L_invalid:
    return -1
""" + from_ansi("CreateFile", PARAMETERS, ["lpFileName"], failure=-1)
