r"""The registry functions: RegOpenKeyExW to RegFlushKey over the Nt services.

Stands for advapi32's (since Windows 7 partly kernel32's) functions; they return Win32 errors and leave the last error
alone. Source of the rules: their documentation (learn.microsoft.com). Leaves out the merged view of
HKEY_CLASSES_ROOT, which is the machine's part here, and performance data. Who may import it: ``guest32.advapi32``.
"""

from __future__ import annotations

_ROOTS = r"""
text BaseClassesRoot \Registry\Machine\Software\Classes
text BaseLocalMachine \Registry\Machine
text BaseUsers \Registry\User
text BaseCurrentConfig \Registry\Machine\System\CurrentControlSet\Hardware Profiles\Current
data BaseRoots 24                           ; handles of the predefined keys, opened once

routine RegpOpenRoot(index, handle)         ; a fresh handle of a predefined key
    local attributes[24], name[8], user[512]
    mov ecx, index
    lea edx, [BaseClassesRoot]
    test ecx, ecx
    jz L_named
    lea edx, [BaseLocalMachine]
    cmp ecx, 2
    je L_named
    lea edx, [BaseUsers]
    cmp ecx, 3
    je L_named
    lea edx, [BaseCurrentConfig]
    cmp ecx, 5
    je L_named
    cmp ecx, 1
    mov eax, 0xc0000008                     ; STATUS_INVALID_HANDLE
    jne L_return
    lea ecx, user
    invoke BasepCurrentUserPath, ecx
    onerror L_return
    lea edx, user
L_named:
    invoke RtlInitUnicodeString, addr name, edx
    lea ecx, name
    invoke RegpAttributes, addr attributes, 0, ecx, 0
    lea ecx, attributes
    invoke NtOpenKey, handle, 0x2000000, ecx
    return

routine RegpAttributes(attributes, root, name, flags)
    mov edx, attributes
    mov dword ptr [edx], 24
    mov eax, root
    mov [edx+4], eax
    mov eax, name
    mov [edx+8], eax
    mov eax, flags
    or eax, 0x40                            ; OBJ_CASE_INSENSITIVE
    mov [edx+12], eax
    and dword ptr [edx+16], 0
    and dword ptr [edx+20], 0
    return

routine RegpHandle(hKey, handle)            ; the real handle of a key; a status
    uses esi
    local opened
    mov eax, hKey
    mov esi, eax
    sub esi, 0x80000000
    cmp esi, 5
    ja L_real
    mov eax, dword ptr [BaseRoots+esi*4]
    test eax, eax
    jnz L_real
    invoke RegpOpenRoot, esi, addr opened
    onerror L_return
    mov ecx, opened
    xor eax, eax
    lock cmpxchg dword ptr [BaseRoots+esi*4], ecx
    jz L_opened
    mov esi, eax                            ; another thread was faster
    invoke NtClose, opened
    mov ecx, esi
L_opened:
    mov eax, ecx
L_real:
    mov ecx, handle
    mov [ecx], eax
    return 0

routine RegpError(status)                   ; a buffer that is too small is ERROR_MORE_DATA to these functions
    mov eax, status
    cmp eax, 0xc0000023
    je L_more
    invoke RtlNtStatusToDosError, eax
    return
L_more:
    return 234

routine RegpAllocate(bytes)
    mov ecx, bytes
    mov eax, fs:[0x30]
    invoke RtlAllocateHeap, [eax+0x18], 0, ecx
    return

routine RegpFree(block)
    mov eax, fs:[0x30]
    invoke RtlFreeHeap, [eax+0x18], 0, block
    return

routine RegpReturnName(source, bytes, buffer, size)  ; text with a terminator; *size in characters
    uses esi edi
    mov edx, size
    mov ecx, bytes
    shr ecx, 1
    cmp [edx], ecx
    jbe L_more
    mov [edx], ecx
    mov esi, source
    mov edi, buffer
    rep movsw
    mov word ptr [edi], 0
    return 0
L_more:
    return 234
"""

_KEYS = r"""
proc RegOpenKeyExW(hKey, lpSubKey, ulOptions, samDesired, phkResult)
    local root, name[8], attributes[24]
    mov ecx, phkResult
    test ecx, ecx
    jz L_parameter
    invoke RegpHandle, hKey, addr root
    onerror L_error
    invoke RtlInitUnicodeString, addr name, lpSubKey
    mov edx, ulOptions
    and edx, 8
    shl edx, 5                              ; REG_OPTION_OPEN_LINK -> OBJ_OPENLINK
    lea ecx, name
    invoke RegpAttributes, addr attributes, root, ecx, edx
    lea ecx, attributes
    invoke NtOpenKey, phkResult, samDesired, ecx
L_error:
    invoke RegpError, eax
    return
L_parameter:
    return 87

proc RegOpenKeyW(hKey, lpSubKey, phkResult)
    invoke RegOpenKeyExW, hKey, lpSubKey, 0, 0x2000000, phkResult
    return

proc RegCreateKeyExW(hKey, lpSubKey, Reserved, lpClass, dwOptions, samDesired, lpSecurity, phkResult, lpdwDisposition)
    uses esi edi ebx
    local root, name[8], class[8], attributes[24], above
    cmp lpSubKey, 0
    je L_parameter
    cmp phkResult, 0
    je L_parameter
    invoke RegpHandle, hKey, addr root
    onerror L_error
    invoke RtlInitUnicodeString, addr name, lpSubKey
    invoke RtlInitUnicodeString, addr class, lpClass
    lea ecx, name
    invoke RegpAttributes, addr attributes, root, ecx, 0
    movzx ebx, word ptr name
    xor edi, edi
L_try:
    mov word ptr name, bx
    lea edx, attributes
    lea ecx, class
    invoke NtCreateKey, phkResult, samDesired, edx, 0, ecx, dwOptions, lpdwDisposition
    cmp eax, 0xc0000034                     ; STATUS_OBJECT_NAME_NOT_FOUND: what lies above is missing
    jne L_error
    mov esi, lpSubKey
L_next:
    add edi, 2
    cmp edi, ebx
    jae L_error
    cmp word ptr [esi+edi], 0x5c
    jne L_next
    mov word ptr name, di
    mov edx, dwOptions
    and edx, 1                              ; below a volatile key all are
    lea ecx, attributes
    invoke NtCreateKey, addr above, 0x2000000, ecx, 0, 0, edx, 0
    onerror L_error
    invoke NtClose, above
    jmp L_try
L_error:
    invoke RegpError, eax
    return
L_parameter:
    return 87

proc RegCreateKeyW(hKey, lpSubKey, phkResult)
    invoke RegCreateKeyExW, hKey, lpSubKey, 0, 0, 0, 0x2000000, 0, phkResult, 0
    return

proc RegCloseKey(hKey)
    mov eax, hKey
    lea ecx, [eax-0x80000000]
    xor eax, eax
    cmp ecx, 5
    jbe L_return
    invoke NtClose, hKey
    invoke RegpError, eax
    return

proc RegFlushKey(hKey)
    local key
    invoke RegpHandle, hKey, addr key
    onerror L_error
    invoke NtFlushKey, key
L_error:
    invoke RegpError, eax
    return

proc RegDeleteKeyExW(hKey, lpSubKey, samDesired, Reserved)
    local key
    mov edx, samDesired
    and edx, 0x300
    or edx, 0x10000                         ; DELETE
    lea ecx, key
    cmp lpSubKey, 0
    je L_parameter
    invoke RegOpenKeyExW, hKey, lpSubKey, 0, edx, ecx
    test eax, eax
    jnz L_return
    invoke NtDeleteKey, key
    mov edx, eax
    mov ecx, key
    mov key, edx
    invoke NtClose, ecx
    invoke RegpError, key
    return
L_parameter:
    return 87

proc RegDeleteKeyW(hKey, lpSubKey)
    invoke RegDeleteKeyExW, hKey, lpSubKey, 0, 0
    return

proc RegEnumKeyExW(hKey, dwIndex, lpName, lpcchName, lpReserved, lpClass, lpcchClass, lpftLastWriteTime)
    local key, needed, node[1064]           ; KEY_NODE_INFORMATION with a name and a class of 255 characters
    invoke RegpHandle, hKey, addr key
    onerror L_error
    lea edx, needed
    invoke NtEnumerateKey, key, dwIndex, 1, addr node, 1064, edx
    onerror L_error
    mov eax, lpftLastWriteTime
    test eax, eax
    jz L_name
    mov ecx, node
    mov [eax], ecx
    mov ecx, node[4]
    mov [eax+4], ecx
L_name:
    cmp lpClass, 0
    je L_no_class
    lea edx, node
    add edx, node[12]
    xor eax, eax
    cmp node[16], eax
    jne L_class
    lea edx, node                           ; ClassOffset is no offset then
L_class:
    invoke RegpReturnName, edx, node[16], lpClass, lpcchClass
    test eax, eax
    jnz L_return
L_no_class:
    lea ecx, node[24]
    invoke RegpReturnName, ecx, node[20], lpName, lpcchName
    return
L_error:
    invoke RegpError, eax
    return

proc RegEnumKeyW(hKey, dwIndex, lpName, cchName)
    invoke RegEnumKeyExW, hKey, dwIndex, lpName, addr cchName, 0, 0, 0, 0
    return

routine RegpPut(pointer, value)             ; where the caller wants to know it
    mov eax, pointer
    test eax, eax
    jz L_return
    mov ecx, value
    mov [eax], ecx
    return

"""

INFORMATION_PARAMETERS = (
    "hKey, lpClass, lpcchClass, lpReserved, lpcSubKeys, lpcbMaxSubKeyLen, lpcbMaxClassLen, lpcValues, "
    "lpcbMaxValueNameLen, lpcbMaxValueLen, lpcbSecurityDescriptor, lpftLastWriteTime"
)

_INFORMATION = (
    f"proc RegQueryInfoKeyW({INFORMATION_PARAMETERS})"
    r"""
    local key, needed, full[560]            ; KEY_FULL_INFORMATION with a class of 255 characters
    invoke RegpHandle, hKey, addr key
    onerror L_error
    lea edx, needed
    invoke NtQueryKey, key, 2, addr full, 560, edx
    onerror L_error
    invoke RegpPut, lpcSubKeys, full[20]
    mov edx, full[24]
    shr edx, 1
    invoke RegpPut, lpcbMaxSubKeyLen, edx
    mov edx, full[28]
    shr edx, 1
    invoke RegpPut, lpcbMaxClassLen, edx
    invoke RegpPut, lpcValues, full[32]
    mov edx, full[36]
    shr edx, 1
    invoke RegpPut, lpcbMaxValueNameLen, edx
    invoke RegpPut, lpcbMaxValueLen, full[40]
    mov eax, lpftLastWriteTime
    test eax, eax
    jz L_security
    mov ecx, full
    mov [eax], ecx
    mov ecx, full[4]
    mov [eax+4], ecx
L_security:
    cmp lpcbSecurityDescriptor, 0
    je L_class
    invoke NtQuerySecurityObject, key, 7, 0, 0, lpcbSecurityDescriptor
    cmp eax, 0xc0000023                     ; STATUS_BUFFER_TOO_SMALL: only its size is wanted
    je L_class
    onerror L_error
L_class:
    xor eax, eax
    cmp lpClass, eax
    je L_return
    lea ecx, full[44]
    invoke RegpReturnName, ecx, full[16], lpClass, lpcchClass
    return
L_error:
    invoke RegpError, eax
    return
"""
)

_VALUES = r"""
proc RegSetValueExW(hKey, lpValueName, Reserved, dwType, lpData, cbData)
    local key, name[8]
    invoke RegpHandle, hKey, addr key
    onerror L_error
    invoke RtlInitUnicodeString, addr name, lpValueName
    lea ecx, name
    invoke NtSetValueKey, key, ecx, 0, dwType, lpData, cbData
L_error:
    invoke RegpError, eax
    return

proc RegDeleteValueW(hKey, lpValueName)
    local key, name[8]
    invoke RegpHandle, hKey, addr key
    onerror L_error
    invoke RtlInitUnicodeString, addr name, lpValueName
    lea ecx, name
    invoke NtDeleteValueKey, key, ecx
L_error:
    invoke RegpError, eax
    return

proc RegQueryValueExW(hKey, lpValueName, lpReserved, lpType, lpData, lpcbData)
    uses esi edi ebx
    local key, name[8], needed, head[12]    ; KEY_VALUE_PARTIAL_INFORMATION without its data
    mov edi, lpData
    mov ebx, lpcbData
    test edi, edi
    jz L_sized
    test ebx, ebx
    jz L_parameter
L_sized:
    invoke RegpHandle, hKey, addr key
    onerror L_error
    invoke RtlInitUnicodeString, addr name, lpValueName
    lea edx, needed
    lea ecx, name
    invoke NtQueryValueKey, key, ecx, 2, addr head, 12, edx
    cmp eax, 0x80000005                     ; STATUS_BUFFER_OVERFLOW: there is data
    je L_found
    onerror L_error
L_found:
    invoke RegpPut, lpType, head[4]
    mov ecx, head[8]
    xor eax, eax
    test ebx, ebx
    jz L_return
    mov edx, [ebx]
    mov [ebx], ecx
    test edi, edi
    jz L_return
    cmp edx, ecx
    jb L_more
    test ecx, ecx
    jz L_return
    invoke RegpAllocate, needed
    test eax, eax
    jz L_memory
    mov esi, eax
    lea edx, needed
    lea ecx, name
    invoke NtQueryValueKey, key, ecx, 2, esi, needed, edx
    mov ebx, eax
    onerror L_free
    mov edx, esi
    mov ecx, [esi+8]
    add esi, 12
    rep movsb
    mov esi, edx
L_free:
    invoke RegpFree, esi
    mov eax, ebx
L_error:
    invoke RegpError, eax
    return
L_more:
    return 234
L_memory:
    return 14                               ; ERROR_OUTOFMEMORY
L_parameter:
    return 87

proc RegEnumValueW(hKey, dwIndex, lpValueName, lpcchValueName, lpReserved, lpType, lpData, lpcbData)
    uses esi edi ebx
    local key, needed, head[20]             ; KEY_VALUE_FULL_INFORMATION without name and data
    invoke RegpHandle, hKey, addr key
    onerror L_error
    lea edx, needed
    invoke NtEnumerateValueKey, key, dwIndex, 1, addr head, 20, edx
    cmp eax, 0x80000005
    je L_found
    onerror L_error
L_found:
    mov edi, lpData
    test edi, edi
    jz L_allocate
    mov ebx, lpcbData
    test ebx, ebx
    jz L_parameter
L_allocate:
    invoke RegpAllocate, needed
    test eax, eax
    jz L_memory
    mov esi, eax
    lea edx, needed
    invoke NtEnumerateValueKey, key, dwIndex, 1, esi, needed, edx
    onerror L_failed
    lea ecx, [esi+20]
    invoke RegpReturnName, ecx, [esi+16], lpValueName, lpcchValueName
    mov ebx, eax
    test eax, eax
    jnz L_free
    invoke RegpPut, lpType, [esi+4]
    mov edx, lpcbData
    test edx, edx
    jz L_free
    mov ecx, [esi+12]
    mov eax, [edx]
    mov [edx], ecx
    test edi, edi
    jz L_free
    mov ebx, 234
    cmp eax, ecx
    jb L_free
    xor ebx, ebx
    test ecx, ecx
    jz L_free
    mov edx, esi
    add esi, [esi+8]
    rep movsb
    mov esi, edx
    jmp L_free
L_failed:
    invoke RegpError, eax
    mov ebx, eax
L_free:
    invoke RegpFree, esi
    return ebx
L_error:
    invoke RegpError, eax
    return
L_memory:
    return 14
L_parameter:
    return 87
"""

SOURCE = "module advapi32\n" + _ROOTS + _KEYS + _INFORMATION + _VALUES
