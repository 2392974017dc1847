"""Loaded modules: LoadLibrary, GetProcAddress, GetModuleHandle, GetModuleFileName.

Stands for KERNELBASE's functions (LoadLibraryA/W: kernel32's). Source of the rules: their documentation
(learn.microsoft.com). Left out: loading as a data file, which is refused by name. Who may import it:
``guest32.win32``'s users.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi

SOURCE = (
    """
module KERNELBASE

routine BasepFindModule(address)            ; the loader's entry around an address; 0: the program's
    uses esi
    mov edx, fs:[0x30]
    mov ecx, address
    test ecx, ecx
    jnz L_walk
    mov ecx, [edx+8]
L_walk:
    mov edx, [edx+0xc]
    add edx, 0xc                            ; InLoadOrderModuleList
    mov eax, edx
L_next:
    mov eax, [eax]
    cmp eax, edx
    je L_none
    mov esi, ecx
    sub esi, [eax+0x18]
    cmp esi, [eax+0x20]
    jae L_next
    return
L_none:
    return 0

proc GetModuleHandleW(lpModuleName)
    local name[8], handle
    mov eax, lpModuleName
    test eax, eax
    jnz L_named
    mov eax, fs:[0x30]
    mov eax, [eax+8]
    return
L_named:
    mov ecx, eax
    invoke RtlInitUnicodeString, addr name, ecx
    lea edx, name
    invoke LdrGetDllHandle, 0, 0, edx, addr handle
    onerror L_failed
    return handle
L_failed:
    status

proc GetModuleHandleExW(dwFlags, lpModuleName, phModule)
    uses esi
    local handle
    and handle, 0
    mov eax, dwFlags
    test eax, 0xfffffff8
    jnz L_parameter
    mov ecx, phModule
    test ecx, ecx
    jz L_parameter
    and eax, 3
    cmp eax, 3                              ; PIN and UNCHANGED_REFCOUNT exclude each other
    je L_parameter
    test dwFlags, 4                         ; FROM_ADDRESS
    jz L_named
    invoke BasepFindModule, lpModuleName
    mov esi, eax
    onzero L_not_found
    mov eax, [esi+0x18]
    jmp L_found
L_named:
    invoke GetModuleHandleW, lpModuleName
    onzero L_store
    mov esi, eax
    invoke BasepFindModule, esi
    mov esi, eax
    mov eax, [esi+0x18]
L_found:
    mov handle, eax
    test dwFlags, 2
    jnz L_store
    cmp lpModuleName, 0
    je L_store
    lea esi, [esi+0x24]                     ; FullDllName: loading it again counts the reference
    invoke LdrLoadDll, 0, 0, esi, addr handle
    onerror L_failed
L_store:
    mov ecx, phModule
    mov eax, handle
    mov [ecx], eax
    test eax, eax
    jz L_return
    return 1
L_not_found:
    invoke BaseFail, 126                    ; ERROR_MOD_NOT_FOUND
    jmp L_store
L_failed:
    status
L_parameter:
    fail 87

proc GetModuleHandleExA(dwFlags, lpModuleName, phModule)
    uses esi
    local name[8]
    test dwFlags, 4                         ; an address, not a name
    jz L_named
    invoke GetModuleHandleExW, dwFlags, lpModuleName, phModule
    return
L_named:
    invoke Basep8BitStringToDynamicUnicodeString, addr name, lpModuleName
    onzero L_return
    invoke GetModuleHandleExW, dwFlags, name[4], phModule
    mov esi, eax
    invoke RtlFreeUnicodeString, addr name
    mov eax, esi
    return

proc GetModuleFileNameW(hModule, lpFilename, nSize)
    uses esi edi
    invoke BasepFindModule, hModule
    onzero L_not_found
    mov ecx, hModule
    test ecx, ecx
    jz L_found
    cmp ecx, [eax+0x18]
    jne L_not_found
L_found:
    movzx edx, word ptr [eax+0x24]
    shr edx, 1
    mov ecx, nSize
    test ecx, ecx
    jz L_small
    cmp edx, ecx
    jae L_truncate
    mov ecx, edx
    inc ecx
L_truncate:
    dec ecx
    mov esi, [eax+0x28]
    mov edi, lpFilename
    rep movsw
    mov word ptr [edi], 0
    cmp edx, nSize
    jae L_small
    push edx
    invoke RtlSetLastWin32Error, 0
    pop eax
    return
L_small:
    invoke BaseFail, 122                    ; ERROR_INSUFFICIENT_BUFFER
    return nSize
L_not_found:
    fail 126

proc GetModuleFileNameA(hModule, lpFilename, nSize)
    uses esi edi
    local count
    mov ecx, nSize
    cmp ecx, 0x8000
    jbe L_allocate
    mov ecx, 0x8000
L_allocate:
    mov edi, ecx
    lea ecx, [ecx+ecx+2]
    invoke BasepAllocate, ecx
    onzero L_return
    mov esi, eax
    invoke GetModuleFileNameW, hModule, esi, edi
    onzero L_free
    mov edi, eax
    lea ecx, [eax+eax]
    invoke RtlUnicodeToMultiByteN, lpFilename, nSize, addr count, esi, ecx
    mov eax, edi
    mov ecx, lpFilename
    cmp eax, nSize
    jae L_last
    mov byte ptr [ecx+eax], 0
    jmp L_free
L_last:
    mov byte ptr [ecx+eax-1], 0
L_free:
    mov edi, eax
    invoke BasepFree, esi
    mov eax, edi
    return

proc LoadLibraryExW(lpLibFileName, hFile, dwFlags)
    local name[8], handle, characteristics
    mov ecx, lpLibFileName
    test ecx, ecx
    jz L_parameter
    cmp word ptr [ecx], 0
    je L_parameter
    test dwFlags, 0x62                      ; LOAD_LIBRARY_AS_DATAFILE, _IMAGE_RESOURCE, _DATAFILE_EXCLUSIVE
    jnz L_data
    invoke RtlInitUnicodeString, addr name, ecx
    mov eax, dwFlags
    and eax, 1                              ; DONT_RESOLVE_DLL_REFERENCES: IMAGE_FILE_EXECUTABLE_IMAGE
    add eax, eax
    mov characteristics, eax
    lea ecx, name
    lea edx, characteristics
    invoke LdrLoadDll, 0, edx, ecx, addr handle
    onerror L_failed
    return handle
L_failed:
    status
L_data:
    trap win32.load_as_data
    return 0
L_parameter:
    fail 87

proc DisableThreadLibraryCalls(hLibModule)
    invoke LdrDisableThreadCalloutsForDll, hLibModule
    status

proc FreeLibrary(hLibModule)
    invoke LdrUnloadDll, hLibModule
    status

proc GetProcAddress(hModule, lpProcName)
    local name[8], address
    mov ecx, hModule
    test ecx, ecx
    jnz L_module
    mov ecx, fs:[0x30]
    mov ecx, [ecx+8]
L_module:
    mov edx, lpProcName
    cmp edx, 0x10000
    jb L_ordinal
    mov name[4], edx
    push ecx
    invoke lstrlenA, edx
    pop ecx
    mov word ptr name, ax
    inc eax
    mov word ptr name[2], ax
    lea edx, name
    invoke LdrGetProcedureAddress, ecx, edx, 0, addr address
    jmp L_found
L_ordinal:
    invoke LdrGetProcedureAddress, ecx, 0, edx, addr address
L_found:
    onerror L_failed
    return address
L_failed:
    status

module kernel32

proc LoadLibraryW(lpLibFileName)
    invoke LoadLibraryExW, lpLibFileName, 0, 0

proc LoadLibraryA(lpLibFileName)
    invoke LoadLibraryExA, lpLibFileName, 0, 0

module KERNELBASE
"""
    + from_ansi("GetModuleHandle", "lpModuleName", ["lpModuleName"])
    + from_ansi("LoadLibraryEx", "lpLibFileName, hFile, dwFlags", ["lpLibFileName"])
)
