"""String functions: lstrlen and its family, and the code page conversions' entry points.

Stands for KERNELBASE's (lstrcpy, lstrcat: kernel32's) functions. lstrcmp compares by code unit where
Windows sorts by locale; none of them catches a bad pointer. The conversions themselves are in
``guest32.codepages``. Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations


def _length(suffix: str, scan: str) -> str:
    return f"""
proc lstrlen{suffix}(lpString)
    uses edi
    xor eax, eax
    mov edi, lpString
    test edi, edi
    jz L_return
    or ecx, -1
    repne {scan}
    not ecx
    lea eax, [ecx-1]
    return
"""


def _compare(suffix: str, load: str, step: int) -> str:
    return f"""
proc lstrcmp{suffix}(lpString1, lpString2)
    uses esi
    mov ecx, lpString1
    mov edx, lpString2
    test ecx, ecx                           ; NULL sorts first
    jz L_null
    test edx, edx
    jz L_null
L_next:
    movzx eax, {load} ptr [ecx]
    movzx esi, {load} ptr [edx]
    cmp eax, esi
    jne L_different
    add ecx, {step}
    add edx, {step}
    test eax, eax
    jnz L_next
    return 0
L_null:
    cmp ecx, edx
    je L_equal
L_different:
    sbb eax, eax
    or eax, 1
    return
L_equal:
    return 0
"""


def _copy(suffix: str, load: str, step: int, accumulator: str) -> str:
    return f"""
proc lstrcpy{suffix}(lpString1, lpString2)
    mov ecx, lpString1
    mov edx, lpString2
    test ecx, ecx
    jz L_null
    test edx, edx
    jz L_null
L_next:
    movzx eax, {load} ptr [edx]
    mov {load} ptr [ecx], {accumulator}
    add ecx, {step}
    add edx, {step}
    test eax, eax
    jnz L_next
    return lpString1
L_null:
    return 0

proc lstrcat{suffix}(lpString1, lpString2)
    mov ecx, lpString1
    test ecx, ecx
    jz L_null
    invoke lstrlen{suffix}, ecx
    mov ecx, lpString1
    lea ecx, [ecx+eax*{step}]
    invoke lstrcpy{suffix}, ecx, lpString2
    onzero L_null
    return lpString1
L_null:
    return 0
"""


SOURCE = (
    "module KERNELBASE\n"
    + _length("A", "scasb")
    + _length("W", "scasw")
    + _compare("A", "byte", 1)
    + _compare("W", "word", 2)
    + """
proc MultiByteToWideChar(CodePage, dwFlags, lpMultiByteStr, cbMultiByte, lpWideCharStr, cchWideChar)
    naked
    trap codepages.to_wide
    return

proc WideCharToMultiByte(CodePage, dwFlags, lpWide, cchWide, lpMulti, cbMulti, lpDefaultChar, lpUsed)
    naked
    trap codepages.from_wide
    return

module kernel32
"""
    + _copy("A", "byte", 1, "al")
    + _copy("W", "word", 2, "ax")
)
