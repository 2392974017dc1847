"""File mappings: sections by their Win32 names.

Stands for KERNELBASE's functions (OpenFileMappingA and CreateFileMappingA: kernel32's). Source of the rules: their
documentation (learn.microsoft.com). Names live where those of events do. Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi

_CREATE = "hFile, lpAttributes, flProtect, dwMaximumSizeHigh, dwMaximumSizeLow, lpName"
_OPEN = "dwDesiredAccess, bInheritHandle, lpName"

SOURCE = (
    f"""
module KERNELBASE

proc CreateFileMappingW({_CREATE})
    uses esi edi
    local block[32], size[8], access, handle
    mov eax, flProtect
    mov ecx, eax
    and eax, 0xff000000                     ; SEC_ bits; SEC_COMMIT where neither it nor another kind is there
    and ecx, 0xffffff                       ; PAGE_ bits
    mov edi, ecx
    test eax, 0x0d000000                    ; COMMIT, RESERVE, IMAGE
    jnz L_kind
    or eax, 0x08000000
L_kind:
    mov esi, eax
    mov eax, 0xf0005                        ; SECTION_QUERY, SECTION_MAP_READ
    test cl, 0x44
    jz L_execute
    or al, 2                                ; READWRITE: SECTION_MAP_WRITE
L_execute:
    test cl, 0xf0
    jz L_size
    or al, 8                                ; SECTION_MAP_EXECUTE
L_size:
    mov access, eax
    mov eax, dwMaximumSizeLow
    mov size, eax
    mov ecx, dwMaximumSizeHigh
    mov size[4], ecx
    or eax, ecx
    mov ecx, hFile
    cmp ecx, -1                             ; INVALID_HANDLE_VALUE: the page file
    jne L_file
    test eax, eax
    jz L_parameter
    xor ecx, ecx
L_file:
    mov hFile, ecx
    invoke BaseFormatObjectAttributes, addr block, lpAttributes, lpName
    mov ecx, eax
    mov eax, size
    or eax, size[4]
    lea edx, size
    jnz L_create
    xor edx, edx                            ; no size: the file's
L_create:
    invoke NtCreateSection, addr handle, access, ecx, edx, edi, esi, hFile
    invoke BasepCreated, eax, handle
    return
L_parameter:
    fail 87

proc OpenFileMappingW({_OPEN})
    local block[32], handle
    cmp lpName, 0
    je L_parameter
    invoke BaseFormatObjectAttributes, addr block, 0, lpName
    mov edx, eax
    and dword ptr [edx+12], 0
    cmp bInheritHandle, 0
    je L_access
    mov dword ptr [edx+12], 2               ; OBJ_INHERIT
L_access:
    mov ecx, dwDesiredAccess
    test ecx, 0x20                          ; FILE_MAP_EXECUTE is SECTION_MAP_EXECUTE_EXPLICIT
    jz L_open
    and ecx, 0xffffffdf
    or ecx, 8
L_open:
    invoke NtOpenSection, addr handle, ecx, edx
    onerror L_failed
    return handle
L_failed:
    status
L_parameter:
    fail 87

proc MapViewOfFileEx(hMapping, dwDesiredAccess, dwOffsetHigh, dwOffsetLow, dwBytes, lpBaseAddress)
    local base, size, offset[8]
    mov eax, lpBaseAddress
    mov base, eax
    mov eax, dwBytes
    mov size, eax
    mov eax, dwOffsetLow
    mov offset, eax
    mov eax, dwOffsetHigh
    mov offset[4], eax
    mov eax, dwDesiredAccess
    mov ecx, eax
    shr ecx, 5
    and ecx, 1                              ; EXECUTE
    test al, 2                              ; WRITE, which FILE_MAP_ALL_ACCESS holds, before COPY
    jnz L_write
    test al, 1
    jnz L_copy
    mov edx, 2                              ; PAGE_READONLY
    test al, 4
    jnz L_map
    test ecx, ecx
    jnz L_map
    mov edx, 1                              ; PAGE_NOACCESS
    jmp L_map
L_write:
    mov edx, 4
    jmp L_map
L_copy:
    mov edx, 8
L_map:
    shl ecx, 2
    shl edx, cl                             ; PAGE_x as PAGE_EXECUTE_x
    lea ecx, size
    invoke NtMapViewOfSection, hMapping, -1, addr base, 0, 0, addr offset, ecx, 1, 0, edx
    onerror L_failed
    return base
L_failed:
    status

proc MapViewOfFile(hMapping, dwDesiredAccess, dwOffsetHigh, dwOffsetLow, dwBytes)
    invoke MapViewOfFileEx, hMapping, dwDesiredAccess, dwOffsetHigh, dwOffsetLow, dwBytes, 0

proc UnmapViewOfFile(lpBaseAddress)
    invoke NtUnmapViewOfSection, -1, lpBaseAddress
    status

proc FlushViewOfFile(lpBaseAddress, dwBytes)
    local iosb[8]
    lea ecx, lpBaseAddress
    lea edx, dwBytes
    invoke NtFlushVirtualMemory, -1, ecx, edx, addr iosb
    status

module kernel32
"""
    + from_ansi("CreateFileMapping", _CREATE, ["lpName"])
    + from_ansi("OpenFileMapping", _OPEN, ["lpName"])
)
