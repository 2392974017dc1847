"""Locked ranges of files.

Stands for KERNELBASE's functions. Source of the rules: their documentation (learn.microsoft.com). Who may import it:
``guest32.win32``'s users.
"""

from __future__ import annotations

SOURCE = """
module KERNELBASE

proc LockFile(hFile, offsetLow, offsetHigh, bytesLow, bytesHigh)
    local iosb[8]
    lea ecx, offsetLow                      ; the halves lie as a LARGE_INTEGER does
    lea edx, bytesLow
    invoke NtLockFile, hFile, 0, 0, 0, addr iosb, ecx, edx, 0, 1, 1
    cmp eax, 0x103                          ; STATUS_PENDING
    jne L_done
    invoke NtWaitForSingleObject, hFile, 0, 0
    onerror L_done
    mov eax, iosb
L_done:
    status

proc LockFileEx(hFile, dwFlags, dwReserved, bytesLow, bytesHigh, lpOverlapped)
    uses esi edi
    cmp dwReserved, 0
    jne L_parameter
    mov esi, lpOverlapped
    mov dword ptr [esi], 0x103
    mov eax, [esi+16]
    mov edx, esi
    test al, 1                              ; an odd event: no completion packet
    jz L_queue
    xor edx, edx
    dec eax
L_queue:
    mov edi, eax
    mov ecx, dwFlags
    mov eax, ecx
    and eax, 1                              ; LOCKFILE_FAIL_IMMEDIATELY
    shr ecx, 1
    and ecx, 1                              ; LOCKFILE_EXCLUSIVE_LOCK
    push ecx
    push eax
    push 0
    lea ecx, bytesLow
    push ecx
    lea ecx, [esi+8]
    push ecx
    push esi
    push edx
    push 0
    push edi
    push hFile
    call NtLockFile
    cmp eax, 0x103
    jne L_done
    invoke BaseSetLastNTError, eax          ; ERROR_IO_PENDING
    return 0
L_done:
    status
L_parameter:
    fail 87

proc UnlockFile(hFile, offsetLow, offsetHigh, bytesLow, bytesHigh)
    local iosb[8]
    lea ecx, offsetLow
    lea edx, bytesLow
    invoke NtUnlockFile, hFile, addr iosb, ecx, edx, 0
    status

proc UnlockFileEx(hFile, dwReserved, bytesLow, bytesHigh, lpOverlapped)
    cmp dwReserved, 0
    jne L_parameter
    mov edx, lpOverlapped
    lea ecx, [edx+8]
    invoke NtUnlockFile, hFile, edx, ecx, addr bytesLow, 0
    status
L_parameter:
    fail 87
"""
