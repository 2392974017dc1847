"""The ANSI halves of the registry functions: names and text data are converted on their way in and out.

Stands for advapi32's ``A`` functions. Source of the rules: their documentation (learn.microsoft.com). Leaves out
RegEnumValueA and RegQueryInfoKeyA. Who may import it: ``guest32.advapi32``.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi

_OUT_OF_MEMORY = 14

_DATA = """
routine RegpIsText(type)                    ; carry: REG_SZ, REG_EXPAND_SZ or REG_MULTI_SZ
    mov eax, type
    cmp eax, 7
    je L_text
    dec eax
    cmp eax, 2
    return
L_text:
    stc
    return

proc RegSetValueExA(hKey, lpValueName, Reserved, dwType, lpData, cbData)
    uses esi edi
    local name[8], bytes
    mov edi, 14
    xor esi, esi
    invoke Basep8BitStringToDynamicUnicodeString, addr name, lpValueName
    onzero L_done
    mov eax, cbData
    mov bytes, eax
    mov edx, lpData
    invoke RegpIsText, dwType
    mov edx, lpData
    jnc L_set
    mov ecx, cbData
    cmp ecx, 0x3fffffff
    ja L_free
    lea ecx, [ecx+ecx+2]
    invoke RegpAllocate, ecx
    test eax, eax
    jz L_free
    mov esi, eax
    mov edx, cbData
    lea ecx, [edx+edx]
    invoke RtlMultiByteToUnicodeN, esi, ecx, addr bytes, lpData, cbData
    mov edx, esi
L_set:
    invoke RegSetValueExW, hKey, name[4], Reserved, dwType, edx, bytes
    mov edi, eax
    test esi, esi
    jz L_free
    invoke RegpFree, esi
L_free:
    invoke RtlFreeUnicodeString, addr name
L_done:
    return edi

proc RegQueryValueExA(hKey, lpValueName, lpReserved, lpType, lpData, lpcbData)
    uses esi edi ebx
    local name[8], bytes, type, room
    cmp lpData, 0
    je L_sized
    cmp lpcbData, 0
    je L_parameter
L_sized:
    mov edi, 14
    invoke Basep8BitStringToDynamicUnicodeString, addr name, lpValueName
    onzero L_done
    and bytes, 0
    xor esi, esi
    lea edx, bytes
    lea ecx, type
    invoke RegQueryValueExW, hKey, name[4], 0, ecx, 0, edx
    mov edi, eax
    test eax, eax
    jnz L_free
    mov edi, 14
    mov ecx, bytes
    inc ecx
    invoke RegpAllocate, ecx
    test eax, eax
    jz L_free
    mov esi, eax
    lea edx, bytes
    lea ecx, type
    invoke RegQueryValueExW, hKey, name[4], 0, ecx, esi, edx
    mov edi, eax
    test eax, eax
    jnz L_free
    invoke RegpPut, lpType, type
    mov ebx, lpcbData
    test ebx, ebx
    jz L_free
    mov eax, [ebx]
    mov room, eax
    invoke RegpIsText, type
    mov eax, bytes
    jnc L_size
    mov edx, bytes
    invoke RtlUnicodeToMultiByteSize, ebx, esi, edx
    mov eax, [ebx]
L_size:
    mov [ebx], eax
    cmp lpData, 0
    je L_free
    mov edi, 234
    cmp room, eax
    jb L_free
    xor edi, edi
    invoke RegpIsText, type
    jnc L_copy
    mov edx, bytes
    mov ecx, [ebx]
    invoke RtlUnicodeToMultiByteN, lpData, ecx, addr room, esi, edx
    jmp L_free
L_copy:
    mov ecx, bytes
    mov edx, esi
    mov edi, lpData
    rep movsb
    mov esi, edx
    xor edi, edi
L_free:
    test esi, esi
    jz L_name
    invoke RegpFree, esi
L_name:
    invoke RtlFreeUnicodeString, addr name
L_done:
    return edi
L_parameter:
    return 87

proc RegEnumKeyExA(hKey, dwIndex, lpName, lpcchName, lpReserved, lpClass, lpcchClass, lpftLastWriteTime)
    local wide[512], chars, bytes
    cmp lpClass, 0
    jne L_class
    mov chars, 256
    lea edx, chars
    lea ecx, wide
    invoke RegEnumKeyExW, hKey, dwIndex, ecx, edx, 0, 0, 0, lpftLastWriteTime
    test eax, eax
    jnz L_return
    mov edx, chars
    add edx, edx
    lea ecx, wide
    invoke RtlUnicodeToMultiByteSize, addr bytes, ecx, edx
    mov ecx, lpcchName
    mov eax, bytes
    cmp [ecx], eax
    mov eax, 234
    jbe L_return
    mov edx, chars
    add edx, edx
    lea ecx, wide
    invoke RtlUnicodeToMultiByteN, lpName, bytes, addr chars, ecx, edx
    mov ecx, lpcchName
    mov eax, bytes
    mov [ecx], eax
    mov edx, lpName
    mov byte ptr [edx+eax], 0
    return 0
L_class:
    return 50                               ; ERROR_NOT_SUPPORTED: classes are asked for with the W function
"""

SOURCE = (
    "module advapi32\n"
    + from_ansi(
        "RegOpenKeyEx", "hKey, lpSubKey, ulOptions, samDesired, phkResult", ["lpSubKey"], _OUT_OF_MEMORY
    )
    + from_ansi("RegOpenKey", "hKey, lpSubKey, phkResult", ["lpSubKey"], _OUT_OF_MEMORY)
    + from_ansi(
        "RegCreateKeyEx",
        "hKey, lpSubKey, Reserved, lpClass, dwOptions, samDesired, lpSecurity, phkResult, lpdwDisposition",
        ["lpSubKey", "lpClass"],
        _OUT_OF_MEMORY,
    )
    + from_ansi("RegCreateKey", "hKey, lpSubKey, phkResult", ["lpSubKey"], _OUT_OF_MEMORY)
    + from_ansi("RegDeleteKey", "hKey, lpSubKey", ["lpSubKey"], _OUT_OF_MEMORY)
    + from_ansi("RegDeleteKeyEx", "hKey, lpSubKey, samDesired, Reserved", ["lpSubKey"], _OUT_OF_MEMORY)
    + from_ansi("RegDeleteValue", "hKey, lpValueName", ["lpValueName"], _OUT_OF_MEMORY)
    + _DATA
)
