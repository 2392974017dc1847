"""Global atoms: numbers for strings, shared by all processes.

Stands for kernel32's functions. Source of the rules: their documentation and "About Atom Tables"
(learn.microsoft.com). Leaves out a process' own atoms (AddAtom and its like). Who may import it:
``guest32.win32``'s users.
"""

from __future__ import annotations


def _of_name(name: str, service: str) -> str:
    """GlobalAddAtom or GlobalFindAtom: a pointer below 64 KB is an integer atom itself."""
    return f"""
proc {name}W(lpString)
    uses esi
    local atom
    mov esi, lpString
    cmp esi, 0x10000
    jae L_text
    mov eax, esi
    test eax, eax
    jz L_parameter
    cmp eax, 0xc000
    jb L_return
L_parameter:
    fail 87
L_text:
    invoke lstrlenW, esi
    lea ecx, [eax+eax]
    invoke {service}, esi, ecx, addr atom
    onerror L_failed
    movzx eax, word ptr atom
    return
L_failed:
    status

proc {name}A(lpString)
    uses esi
    local wide[8]
    mov ecx, lpString
    cmp ecx, 0x10000
    jae L_text
    invoke {name}W, ecx
    return
L_text:
    invoke Basep8BitStringToDynamicUnicodeString, addr wide, ecx
    onzero L_return
    invoke {name}W, wide[4]
    mov esi, eax
    invoke RtlFreeUnicodeString, addr wide
    mov eax, esi
    return
"""


SOURCE = (
    """
module kernel32

proc GlobalDeleteAtom(nAtom)                ; 0 where it worked, else the atom
    movzx ecx, word ptr nAtom
    invoke NtDeleteAtom, ecx
    onerror L_failed
    return 0
L_failed:
    invoke BaseSetLastNTError, eax
    movzx eax, word ptr nAtom
    return

routine BasepAtomName(atom, block)          ; 520 bytes: three USHORTs and the name; returns its characters
    movzx ecx, word ptr atom
    invoke NtQueryInformationAtom, ecx, 0, block, 520, 0
    onerror L_failed
    mov ecx, block
    movzx eax, word ptr [ecx+4]
    shr eax, 1
    return
L_failed:
    status

proc GlobalGetAtomNameW(nAtom, lpBuffer, nSize)
    uses esi edi
    local block[520]
    invoke BasepAtomName, nAtom, addr block
    onzero L_return
    lea esi, block[6]
    mov edi, lpBuffer
    cmp eax, nSize
    jae L_more
    mov ecx, eax
    rep movsw
    mov word ptr [edi], 0
    return
L_more:
    fail 234                                ; ERROR_MORE_DATA

proc GlobalGetAtomNameA(nAtom, lpBuffer, nSize)
    local block[520]
    invoke BasepAtomName, nAtom, addr block
    onzero L_return
    cmp eax, nSize
    jae L_more
    lea edx, block[6]
    invoke BasepReturnAnsi, edx, eax, lpBuffer, nSize
    return
L_more:
    fail 234
"""
    + _of_name("GlobalAddAtom", "NtAddAtom")
    + _of_name("GlobalFindAtom", "NtFindAtom")
)
