"""Command line, environment and standard handles.

Stands for KERNELBASE's functions. Source of the rules: their documentation (learn.microsoft.com); offsets:
wow64-facts section 9. Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi

SOURCE = """
module KERNELBASE

data BaseCommandLineA 4

proc GetCommandLineW()
    naked
    mov eax, fs:[0x30]
    mov eax, [eax+0x10]
    mov eax, [eax+0x44]
    return

proc GetCommandLineA()                      ; converted once: programs keep the pointer
    local ansi[8]
    mov eax, dword ptr [BaseCommandLineA]
    test eax, eax
    jnz L_return
    mov edx, fs:[0x30]
    mov edx, [edx+0x10]
    add edx, 0x40
    invoke RtlUnicodeStringToAnsiString, addr ansi, edx, 1
    onerror L_failed
    mov eax, ansi[4]
    mov dword ptr [BaseCommandLineA], eax
    return
L_failed:
    return 0

routine BasepEnvironmentSize(environment)   ; in bytes, with the empty string that ends it
    uses edi
    mov edi, environment
    mov edx, edi
    xor eax, eax
L_string:
    or ecx, -1
    repne scasw
    cmp word ptr [edi], 0
    jne L_string
    lea eax, [edi+2]
    sub eax, edx
    return

proc GetEnvironmentStringsW()
    uses esi edi ebx
    mov esi, fs:[0x30]
    mov esi, [esi+0x10]
    mov esi, [esi+0x48]
    invoke BasepEnvironmentSize, esi
    mov ebx, eax
    invoke BasepAllocate, ebx
    onzero L_return
    mov edi, eax
    mov ecx, ebx
    rep movsb
    return

proc GetEnvironmentStringsA()
    uses esi edi ebx
    local count
    mov esi, fs:[0x30]
    mov esi, [esi+0x10]
    mov esi, [esi+0x48]
    invoke BasepEnvironmentSize, esi
    mov ebx, eax
    invoke BasepAllocate, ebx
    onzero L_return
    mov edi, eax
    invoke RtlUnicodeToMultiByteN, edi, ebx, addr count, esi, ebx
    mov eax, edi
    return

proc GetEnvironmentStrings()                ; without a suffix, and ANSI
    invoke GetEnvironmentStringsA
    return

proc FreeEnvironmentStringsW(penv)
    invoke BasepFree, penv
    movzx eax, al
    return

proc FreeEnvironmentStringsA(penv)
    invoke BasepFree, penv
    movzx eax, al
    return

proc GetEnvironmentVariableW(lpName, lpBuffer, nSize)
    local name[8], found[8]
    invoke RtlInitUnicodeString, addr name, lpName
    mov ecx, nSize
    cmp ecx, 0x7fff
    jbe L_size
    mov ecx, 0x7fff
L_size:
    mov eax, lpBuffer
    mov found[4], eax
    xor eax, eax
    test ecx, ecx
    jz L_query
    lea eax, [ecx+ecx-2]                    ; the terminator is ours
L_query:
    mov found, 0
    mov word ptr found[2], ax
    lea edx, name
    invoke RtlQueryEnvironmentVariable_U, 0, edx, addr found
    movzx ecx, word ptr found
    shr ecx, 1
    cmp eax, 0xc0000023                     ; STATUS_BUFFER_TOO_SMALL
    je L_small
    onerror L_failed
    cmp nSize, 0
    je L_small
    mov edx, lpBuffer
    mov word ptr [edx+ecx*2], 0
    mov eax, ecx
    return
L_small:
    lea eax, [ecx+1]
    return
L_failed:
    status

proc GetEnvironmentVariableA(lpName, lpBuffer, nSize)
    uses esi edi
    local name[8]
    xor edi, edi
    invoke Basep8BitStringToDynamicUnicodeString, addr name, lpName
    onzero L_done
    invoke GetEnvironmentVariableW, name[4], 0, 0
    mov edi, eax
    onzero L_free
    lea ecx, [eax+eax]
    invoke BasepAllocate, ecx
    mov esi, eax
    onzero L_failed
    invoke GetEnvironmentVariableW, name[4], esi, edi
    invoke BasepReturnAnsiAndFree, esi, eax, lpBuffer, nSize
    mov edi, eax
L_free:
    invoke RtlFreeUnicodeString, addr name
L_done:
    mov eax, edi
    return
L_failed:
    xor edi, edi
    jmp L_free

proc SetEnvironmentVariableW(lpName, lpValue)
    local name[8], value[8]
    invoke RtlInitUnicodeString, addr name, lpName
    mov eax, lpValue
    test eax, eax
    jz L_set
    mov ecx, eax
    invoke RtlInitUnicodeString, addr value, ecx
    lea eax, value
L_set:
    lea ecx, name
    invoke RtlSetEnvironmentVariable, 0, ecx, eax
    status

proc GetStdHandle(nStdHandle)
    invoke BasepStandardHandle, nStdHandle
    cmp eax, nStdHandle
    jne L_return
    invoke BaseFail, 6
    return -1

proc SetStdHandle(nStdHandle, hHandle)
    mov ecx, nStdHandle
    add ecx, 12
    cmp ecx, 2
    ja L_handle
    neg ecx
    mov edx, fs:[0x30]
    mov edx, [edx+0x10]
    mov eax, hHandle
    mov [edx+ecx*4+0x20], eax
    return 1
L_handle:
    fail 6
""" + from_ansi("SetEnvironmentVariable", "lpName, lpValue", ["lpName", "lpValue"])
