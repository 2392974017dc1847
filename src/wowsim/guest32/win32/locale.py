"""Locales, languages and code pages: the ones in force.

Stands for KERNELBASE's functions (GetCPInfo: kernel32's). Source of the rules: their documentation
(learn.microsoft.com). The code pages are those of an English system: 1252 and 437. Leaves out everything that formats
or compares by locale. Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations


def _identifier(name: str, call: str) -> str:
    return f"""
proc {name}()
    local id
    and id, 0
    invoke {call}
    onerror L_failed
    return id
L_failed:
    status
"""


SOURCE = (
    """
module KERNELBASE

proc GetThreadLocale()
    naked
    mov eax, fs:[0xc4]                      ; TEB.CurrentLocale
    return

proc SetThreadLocale(Locale)
    mov eax, Locale
    mov fs:[0xc4], eax
    return 1

proc GetUserDefaultLangID()
    invoke GetUserDefaultLCID
    movzx eax, ax
    return

proc GetSystemDefaultLangID()
    invoke GetSystemDefaultLCID
    movzx eax, ax
    return

proc GetACP()
    naked
    return 1252

proc GetOEMCP()
    naked
    return 437

bytes BasepCodePages 0xe4 0x04 1 0xb5 0x01 1 0x9f 0x4e 1 0xaf 0x6f 1 0xe9 0xfd 4 0xe8 0xfd 5

proc GetCPInfo(CodePage, lpCPInfo)          ; 1252, 437, 20127, 28591, 65001, 65000 and their most bytes a character
    uses edi
    mov eax, CodePage
    mov edx, 1252
    test eax, eax                           ; CP_ACP
    cmovz eax, edx
    cmp eax, 3                              ; CP_THREAD_ACP
    cmove eax, edx
    mov edx, 437
    cmp eax, 1                              ; CP_OEMCP
    cmove eax, edx
    lea edx, [BasepCodePages]
    mov ecx, 6
L_next:
    cmp ax, word ptr [edx]
    je L_found
    add edx, 3
    dec ecx
    jnz L_next
L_parameter:
    fail 87
L_found:
    cmp eax, 0x10000
    jae L_parameter
    movzx edx, byte ptr [edx+2]
    mov edi, lpCPInfo
    mov [edi], edx
    mov dword ptr [edi+4], 0x3f             ; the default character ?, no lead bytes
    lea edi, [edi+6]
    xor eax, eax
    mov ecx, 12
    rep stosb
    return 1
"""
    + _identifier("GetUserDefaultLCID", "NtQueryDefaultLocale, 1, addr id")
    + _identifier("GetSystemDefaultLCID", "NtQueryDefaultLocale, 0, addr id")
    + _identifier("GetUserDefaultUILanguage", "NtQueryDefaultUILanguage, addr id")
    + _identifier("GetSystemDefaultUILanguage", "NtQueryInstallUILanguage, addr id")
)
