"""Handles of any kind: duplicating them, their flags, comparing what they stand for.

Stands for KERNELBASE's functions. Source of the rules: their documentation (learn.microsoft.com). Who may import it:
``guest32.win32``'s users.
"""

from __future__ import annotations

SOURCE = """
module KERNELBASE

proc DuplicateHandle(hSourceProcess, hSource, hTargetProcess, lpTarget, dwAccess, bInherit, dwOptions)
    invoke BasepStandardHandle, hSource
    mov hSource, eax
    mov ecx, bInherit
    neg ecx
    sbb ecx, ecx
    and ecx, 2                              ; OBJ_INHERIT
    invoke NtDuplicateObject, hSourceProcess, hSource, hTargetProcess, lpTarget, dwAccess, ecx, dwOptions
    status

proc GetHandleInformation(hObject, lpFlags)
    local flags
    invoke BasepStandardHandle, hObject
    mov ecx, eax
    invoke NtQueryObject, ecx, 4, addr flags, 2, 0
    onerror L_failed
    movzx eax, byte ptr flags[1]            ; ProtectFromClose
    add eax, eax
    or al, byte ptr flags                   ; Inherit
    mov ecx, lpFlags
    mov [ecx], eax
    return 1
L_failed:
    status

proc SetHandleInformation(hObject, dwMask, dwFlags)
    local flags
    invoke BasepStandardHandle, hObject
    mov hObject, eax
    invoke NtQueryObject, hObject, 4, addr flags, 2, 0
    onerror L_failed
    test dwMask, 1                          ; HANDLE_FLAG_INHERIT
    jz L_protect
    mov eax, dwFlags
    and al, 1
    mov byte ptr flags, al
L_protect:
    test dwMask, 2                          ; HANDLE_FLAG_PROTECT_FROM_CLOSE
    jz L_set
    mov eax, dwFlags
    shr eax, 1
    and al, 1
    mov byte ptr flags[1], al
L_set:
    invoke NtSetInformationObject, hObject, 4, addr flags, 2
L_failed:
    status
"""

WITH = {
    "NtCompareObjects": """
module KERNELBASE

proc CompareObjectHandles(hFirst, hSecond)
    invoke NtCompareObjects, hFirst, hSecond
    test eax, eax
    jz L_same
    cmp eax, 0xc00001ac                     ; STATUS_NOT_SAME_OBJECT
    jne L_failed
    fail 1656                               ; ERROR_NOT_SAME_OBJECT
L_failed:
    status
L_same:
    return 1
"""
}
"""What a build has whose kernel has the service."""
