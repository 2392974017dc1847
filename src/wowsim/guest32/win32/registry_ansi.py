"""The ANSI halves of the registry functions: names and text data are converted on their way in and out.

Stands for advapi32's ``A`` functions. Source of the rules: their documentation (learn.microsoft.com). The largest
size of data that RegQueryInfoKeyA tells is that of the UTF-16 data. Who may import it: ``guest32.advapi32``.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi
from wowsim.guest32.win32.registry import INFORMATION_PARAMETERS

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

routine RegpReturnData(type, source, bytes, buffer, size)  ; *size as a query of a value gives it
    uses esi edi
    local room, written
    mov edx, size
    mov eax, [edx]
    mov room, eax
    invoke RegpIsText, type
    mov eax, bytes
    jnc L_sized
    invoke RtlUnicodeToMultiByteSize, size, source, bytes
    mov edx, size
    mov eax, [edx]
L_sized:
    mov edx, size
    mov [edx], eax
    cmp buffer, 0
    je L_done
    cmp room, eax
    jb L_more
    mov esi, source
    mov edi, buffer
    mov room, eax
    invoke RegpIsText, type
    mov ecx, bytes
    jc L_text
    rep movsb
L_done:
    return 0
L_text:
    mov edx, room
    invoke RtlUnicodeToMultiByteN, edi, edx, addr written, esi, ecx
    return 0
L_more:
    return 234

routine RegpReturnAnsi(source, chars, buffer, size)  ; text with a terminator; *size in characters
    local bytes, written
    mov edx, chars
    add edx, edx
    invoke RtlUnicodeToMultiByteSize, addr bytes, source, edx
    mov ecx, size
    mov eax, bytes
    cmp [ecx], eax
    mov eax, 234
    jbe L_return
    mov edx, chars
    add edx, edx
    invoke RtlUnicodeToMultiByteN, buffer, bytes, addr written, source, edx
    mov ecx, size
    mov eax, bytes
    mov [ecx], eax
    mov edx, buffer
    mov byte ptr [edx+eax], 0
    return 0

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
    uses esi edi
    local name[8], bytes, type
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
    cmp lpcbData, 0
    je L_free
    invoke RegpReturnData, type, esi, bytes, lpData, lpcbData
    mov edi, eax
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

routine RegpEnumKey(name, chars, class, class_chars, hKey, dwIndex, lpftLastWriteTime)
    invoke RegEnumKeyExW, hKey, dwIndex, name, chars, 0, class, class_chars, lpftLastWriteTime
    return

proc RegEnumKeyExA(hKey, dwIndex, lpName, lpcchName, lpReserved, lpClass, lpcchClass, lpftLastWriteTime)
    local wide[512], class[512], chars, class_chars
    mov chars, 256
    mov class_chars, 256
    lea edx, wide
    lea ecx, class
    invoke RegpEnumKey, edx, addr chars, ecx, addr class_chars, hKey, dwIndex, lpftLastWriteTime
    test eax, eax
    jnz L_return
    cmp lpClass, 0
    je L_name
    lea ecx, class
    invoke RegpReturnAnsi, ecx, class_chars, lpClass, lpcchClass
    test eax, eax
    jnz L_return
L_name:
    lea ecx, wide
    invoke RegpReturnAnsi, ecx, chars, lpName, lpcchName
    return

proc RegEnumKeyA(hKey, dwIndex, lpName, cchName)
    invoke RegEnumKeyExA, hKey, dwIndex, lpName, addr cchName, 0, 0, 0, 0
    return

proc RegEnumValueA(hKey, dwIndex, lpValueName, lpcchValueName, lpReserved, lpType, lpData, lpcbData)
    uses esi edi ebx
    local chars, bytes, type
    mov edi, 87
    cmp lpData, 0
    je L_sized
    cmp lpcbData, 0
    je L_done
L_sized:
    lea edx, chars
    lea ecx, bytes
    invoke RegQueryInfoKeyW, hKey, 0, 0, 0, 0, 0, 0, 0, edx, ecx, 0, 0
    mov edi, eax
    test eax, eax
    jnz L_done
    inc chars
    mov ecx, chars
    add ecx, ecx
    mov ebx, ecx
    add ecx, bytes
    mov edi, 14
    invoke RegpAllocate, ecx
    test eax, eax
    jz L_done
    mov esi, eax
    add ebx, eax                            ; the data lie behind the name
    lea edx, chars
    lea ecx, bytes
    invoke RegEnumValueW, hKey, dwIndex, esi, edx, 0, addr type, ebx, ecx
    mov edi, eax
    test eax, eax
    jnz L_free
    invoke RegpReturnAnsi, esi, chars, lpValueName, lpcchValueName
    mov edi, eax
    test eax, eax
    jnz L_free
    invoke RegpPut, lpType, type
    cmp lpcbData, 0
    je L_free
    invoke RegpReturnData, type, ebx, bytes, lpData, lpcbData
    mov edi, eax
L_free:
    invoke RegpFree, esi
L_done:
    return edi
"""

_INFORMATION = """
proc RegQueryInfoKeyA(PARAMETERS)
    local class[512], chars
    mov chars, 256
    lea edx, class
    lea ecx, chars
    invoke RegQueryInfoKeyW, WIDE
    test eax, eax
    jnz L_return
    cmp lpClass, 0
    je L_return
    lea ecx, class
    invoke RegpReturnAnsi, ecx, chars, lpClass, lpcchClass
    return
""".replace("PARAMETERS", INFORMATION_PARAMETERS).replace(
    "WIDE", INFORMATION_PARAMETERS.replace("lpClass, lpcchClass", "edx, ecx")
)

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
    + _INFORMATION
)
