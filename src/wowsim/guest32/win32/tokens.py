r"""Tokens, privileges, the user's name and SID as text, random bytes.

Stands for advapi32's functions (since Windows 7 partly KERNELBASE's and cryptbase's) and for ntdll's
RtlFormatCurrentUserKeyPath. Source of the rules: their documentation (learn.microsoft.com). Windows asks the LSA for
privileges and names; here the names of all privileges are known on every build, and the user's is the one in the
Volatile Environment of the user's hive. Who may import it: ``guest32.advapi32``.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi
from wowsim.nt.privileges import FIRST, NAMES

_TOKENS = """
module advapi32

proc OpenProcessToken(hProcess, dwDesiredAccess, phToken)
    invoke NtOpenProcessToken, hProcess, dwDesiredAccess, phToken
    status

proc OpenThreadToken(hThread, dwDesiredAccess, bOpenAsSelf, phToken)
    invoke NtOpenThreadToken, hThread, dwDesiredAccess, bOpenAsSelf, phToken
    status

proc GetTokenInformation(hToken, class, lpInformation, dwLength, lpReturned)
    invoke NtQueryInformationToken, hToken, class, lpInformation, dwLength, lpReturned
    status

proc AdjustTokenPrivileges(hToken, bDisableAll, lpNew, dwLength, lpPrevious, lpReturned)
    invoke NtAdjustPrivilegesToken, hToken, bDisableAll, lpNew, dwLength, lpPrevious, lpReturned
    onerror L_failed
    xor ecx, ecx
    cmp eax, 0x106                          ; STATUS_NOT_ALL_ASSIGNED
    jne L_set
    mov ecx, 1300                           ; ERROR_NOT_ALL_ASSIGNED
L_set:
    invoke RtlSetLastWin32Error, ecx
    return 1
L_failed:
    status
"""

_PRIVILEGES = f"""
text BasePrivileges {",".join(NAMES.values())},

proc LookupPrivilegeValueW(lpSystemName, lpName, lpLuid)
    uses esi edi ebx
    mov ecx, lpSystemName
    test ecx, ecx
    jz L_here
    cmp word ptr [ecx], 0
    jne L_elsewhere
L_here:
    lea esi, [BasePrivileges]
    mov ebx, {FIRST}
L_entry:
    mov edi, lpName
L_next:
    movzx eax, word ptr [esi]
    movzx ecx, word ptr [edi]
    add esi, 2
    add edi, 2
    cmp eax, 0x2c                           ; a comma ends an entry
    je L_end
    or eax, 0x20                            ; there are letters only
    or ecx, 0x20
    cmp eax, ecx
    je L_next
L_skip:
    cmp word ptr [esi-2], 0x2c
    je L_other
    add esi, 2
    jmp L_skip
L_end:
    test ecx, ecx
    jz L_found
L_other:
    inc ebx
    cmp word ptr [esi], 0
    jne L_entry
    fail 1313                               ; ERROR_NO_SUCH_PRIVILEGE
L_found:
    mov ecx, lpLuid
    mov [ecx], ebx
    and dword ptr [ecx+4], 0
    return 1
L_elsewhere:
    fail 1722                               ; RPC_S_SERVER_UNAVAILABLE: there is no other computer
{from_ansi("LookupPrivilegeValue", "lpSystemName, lpName, lpLuid", ["lpSystemName", "lpName"])}
"""

_SIDS = r"""
bytes BaseHexDigits 0x30 0x31 0x32 0x33 0x34 0x35 0x36 0x37 0x38 0x39 0x61 0x62 0x63 0x64 0x65 0x66

routine BasepDecimal(value, target)         ; its digits; the address behind them
    uses ebx edi
    mov eax, value
    mov edi, target
    mov ebx, 10
    xor ecx, ecx
L_digit:
    xor edx, edx
    div ebx
    push edx
    inc ecx
    test eax, eax
    jnz L_digit
L_store:
    pop eax
    add eax, 0x30
    stosw
    dec ecx
    jnz L_store
    return edi

routine BasepSidText(sid, target)           ; at most 366 bytes with the NUL; its address, or 0 for what is no SID
    uses esi edi ebx
    mov esi, sid
    mov edi, target
    movzx ebx, byte ptr [esi+1]
    cmp byte ptr [esi], 1
    jne L_none
    cmp ebx, 15
    ja L_none
    mov dword ptr [edi], 0x2d0053           ; S-
    mov dword ptr [edi+4], 0x2d0031         ; 1-
    add edi, 8
    cmp word ptr [esi+2], 0
    jne L_wide
    mov eax, [esi+4]
    bswap eax
    invoke BasepDecimal, eax, edi
    mov edi, eax
    jmp L_subauthorities
L_wide:                                     ; of more than 32 bits: 0x and 12 digits
    mov dword ptr [edi], 0x780030
    add edi, 4
    xor ecx, ecx
L_byte:
    movzx edx, byte ptr [esi+ecx+2]
    mov eax, edx
    shr eax, 4
    movzx eax, byte ptr [BaseHexDigits+eax]
    stosw
    and edx, 15
    movzx eax, byte ptr [BaseHexDigits+edx]
    stosw
    inc ecx
    cmp ecx, 6
    jb L_byte
L_subauthorities:
    add esi, 8
    test ebx, ebx
    jz L_done
L_next:
    mov word ptr [edi], 0x2d
    add edi, 2
    invoke BasepDecimal, [esi], edi
    mov edi, eax
    add esi, 4
    dec ebx
    jnz L_next
L_done:
    mov word ptr [edi], 0
    return edi
L_none:
    return 0

proc ConvertSidToStringSidW(Sid, lpStringSid)
    uses esi edi
    local text[368]
    cmp Sid, 0
    je L_parameter
    cmp lpStringSid, 0
    je L_parameter
    invoke BasepSidText, Sid, addr text
    onzero L_sid
    lea esi, text
    sub eax, esi
    lea edi, [eax+2]
    invoke RegpAllocate, edi
    onzero L_memory
    mov ecx, edi
    mov edi, eax
    rep movsb
    mov ecx, lpStringSid
    mov [ecx], eax
    return 1
L_sid:
    fail 1337                               ; ERROR_INVALID_SID
L_memory:
    fail 8
L_parameter:
    fail 87

text BaseUserHives \REGISTRY\USER\

; The path of the user's hive into a buffer of at least 396 bytes; an NTSTATUS.
routine BasepCurrentUserPath(path)
    uses esi edi
    local user[88], token, length
    invoke NtOpenThreadToken, -2, 8, 1, addr token
    cmp eax, 0xc000007c                     ; STATUS_NO_TOKEN
    jne L_opened
    invoke NtOpenProcessToken, -1, 8, addr token
L_opened:
    onerror L_return
    lea ecx, length
    invoke NtQueryInformationToken, token, 1, addr user, 88, ecx
    mov esi, eax
    invoke NtClose, token
    mov eax, esi
    onerror L_return
    lea esi, [BaseUserHives]
    mov edi, path
    mov ecx, 15
    rep movsw
    mov ecx, user
    invoke BasepSidText, ecx, edi
    onzero L_sid
    return 0
L_sid:
    return 0xc0000078                       ; STATUS_INVALID_SID
"""

_USER = r"""
text BaseVolatile \Volatile Environment
text BaseUserName USERNAME

; KEY_VALUE_PARTIAL_INFORMATION of 526 bytes; the name's characters with the NUL, or 0.
routine BasepUserName(block)
    uses esi edi
    local path[512], name[8], attributes[24], key, length
    invoke BasepCurrentUserPath, addr path
    onerror L_failed
    lea edi, path
    xor eax, eax
    mov ecx, 256
    repne scasw
    sub edi, 2
    lea esi, [BaseVolatile]
    mov ecx, 22
    rep movsw
    lea ecx, path
    invoke RtlInitUnicodeString, addr name, ecx
    lea ecx, name
    invoke RegpAttributes, addr attributes, 0, ecx, 0
    lea ecx, attributes
    invoke NtOpenKey, addr key, 1, ecx
    onerror L_failed
    lea ecx, [BaseUserName]
    invoke RtlInitUnicodeString, addr name, ecx
    lea ecx, name
    lea edx, length
    invoke NtQueryValueKey, key, ecx, 2, block, 526, edx
    mov esi, eax
    invoke NtClose, key
    mov eax, esi
    onerror L_failed
    mov ecx, block
    mov eax, [ecx+8]
    shr eax, 1
    return
L_failed:
    status

routine BasepUserNameSize(chars, size)      ; stores it; whether it fits
    mov ecx, size
    mov eax, chars
    cmp [ecx], eax
    mov [ecx], eax
    jb L_small
    return 1
L_small:
    fail 122                                ; ERROR_INSUFFICIENT_BUFFER

proc GetUserNameW(lpBuffer, pcbBuffer)
    uses esi
    local block[528]
    invoke BasepUserName, addr block
    onzero L_return
    mov esi, eax
    invoke BasepUserNameSize, esi, pcbBuffer
    onzero L_return
    lea edx, block[12]
    lea ecx, [esi-1]
    invoke BasepReturnWide, edx, ecx, lpBuffer, esi
    return 1

proc GetUserNameA(lpBuffer, pcbBuffer)
    uses esi
    local block[528]
    invoke BasepUserName, addr block
    onzero L_return
    mov esi, eax
    invoke BasepUserNameSize, esi, pcbBuffer
    onzero L_return
    lea edx, block[12]
    lea ecx, [esi-1]
    invoke BasepReturnAnsi, edx, ecx, lpBuffer, esi
    return 1
"""

_RANDOM = r"""
data BaseRandomDevice 4                     ; opened once
text BaseKsecDevice \Device\KsecDD

proc SystemFunction036(lpBuffer, dwLength)  ; RtlGenRandom: a BOOLEAN, and no last error
    uses esi
    local iosb[8], attributes[24], name[8], opened
    cmp dwLength, 0
    je L_done
    mov esi, dword ptr [BaseRandomDevice]
    test esi, esi
    jnz L_read
    lea ecx, [BaseKsecDevice]
    invoke RtlInitUnicodeString, addr name, ecx
    lea ecx, name
    invoke RegpAttributes, addr attributes, 0, ecx, 0
    lea ecx, attributes
    lea edx, iosb
    invoke NtOpenFile, addr opened, 0x100001, ecx, edx, 7, 0x20
    onerror L_failed
    mov esi, opened
    xor eax, eax
    lock cmpxchg dword ptr [BaseRandomDevice], esi
    jz L_read
    mov esi, eax                            ; another thread was faster
    invoke NtClose, opened
L_read:
    lea edx, iosb                           ; IOCTL_KSEC_RNG
    invoke NtDeviceIoControlFile, esi, 0, 0, 0, edx, 0x390004, lpBuffer, dwLength, lpBuffer, dwLength
    onerror L_failed
L_done:
    return 1
L_failed:
    return 0
"""

SOURCE = _TOKENS + _PRIVILEGES + _SIDS + _USER + _RANDOM
