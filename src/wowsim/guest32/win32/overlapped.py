"""Requests that go on after their call has returned: completion ports, results, cancelling.

Stands for KERNELBASE's functions (CancelIo on Windows 7: kernel32's). Source of the rules: their documentation
(learn.microsoft.com). Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

SOURCE = """
module KERNELBASE

proc CreateIoCompletionPort(hFile, hExisting, key, nThreads)
    uses esi
    local iosb[8], binding[8], port
    mov eax, hExisting
    mov port, eax
    test eax, eax
    jnz L_given
    invoke NtCreateIoCompletion, addr port, 0x1f0003, 0, nThreads
    onerror L_failed
    cmp hFile, -1                           ; INVALID_HANDLE_VALUE: only the port
    jne L_bind
    return port
L_given:
    cmp hFile, -1
    je L_parameter
L_bind:
    mov eax, port
    mov binding, eax
    mov eax, key
    mov binding[4], eax
    invoke NtSetInformationFile, hFile, addr iosb, addr binding, 8, 30
    onerror L_not_bound
    return port
L_not_bound:
    mov esi, eax
    cmp hExisting, 0
    jne L_kept
    invoke NtClose, port
L_kept:
    mov eax, esi
L_failed:
    status
L_parameter:
    fail 87

proc PostQueuedCompletionStatus(hPort, dwBytes, key, lpOverlapped)
    invoke NtSetIoCompletion, hPort, key, lpOverlapped, 0, dwBytes
    status

proc GetQueuedCompletionStatus(hPort, lpBytes, lpKey, lpOverlapped, dwMilliseconds)
    local iosb[8], interval[8], context
    lea ecx, interval
    invoke BaseFormatTimeOut, ecx, dwMilliseconds
    mov edx, eax
    lea ecx, iosb
    invoke NtRemoveIoCompletion, hPort, lpKey, addr context, ecx, edx
    mov edx, lpOverlapped
    onerror L_none
    cmp eax, 0x102                          ; STATUS_TIMEOUT
    je L_timeout
    mov ecx, context
    mov [edx], ecx
    mov ecx, lpBytes
    mov eax, iosb[4]
    mov [ecx], eax
    mov eax, iosb                           ; that of the request
    status
L_timeout:
    and dword ptr [edx], 0
    fail 258                                ; WAIT_TIMEOUT
L_none:
    and dword ptr [edx], 0
    status

proc GetOverlappedResult(hFile, lpOverlapped, lpBytes, bWait)
    uses esi
    mov esi, lpOverlapped
    cmp dword ptr [esi], 0x103
    jne L_ended
    cmp bWait, 0
    je L_incomplete
    mov eax, [esi+16]
    and eax, 0xfffffffe                     ; an odd event is that event
    jnz L_wait
    mov eax, hFile
L_wait:
    invoke NtWaitForSingleObject, eax, 0, 0
    onerror L_failed
L_ended:
    mov ecx, lpBytes
    mov eax, [esi+4]
    mov [ecx], eax
    mov eax, [esi]
L_failed:
    status
L_incomplete:
    fail 996                                ; ERROR_IO_INCOMPLETE

module kernel32

proc CancelIo(hFile)
    local iosb[8]
    invoke NtCancelIoFile, hFile, addr iosb
    status
"""

WITH = {
    "NtRemoveIoCompletionEx": """
module KERNELBASE

proc GetQueuedCompletionStatusEx(hPort, lpEntries, nEntries, lpRemoved, dwMilliseconds, bAlertable)
    uses esi
    local interval[8]
    lea ecx, interval
    invoke BaseFormatTimeOut, ecx, dwMilliseconds
    mov esi, eax
L_again:
    invoke NtRemoveIoCompletionEx, hPort, lpEntries, nEntries, lpRemoved, esi, bAlertable
    onerror L_failed
    cmp eax, 0x102                          ; STATUS_TIMEOUT is WAIT_TIMEOUT
    je L_timeout
    cmp eax, 0xc0                           ; STATUS_USER_APC is WAIT_IO_COMPLETION
    je L_called
    cmp eax, 0x101                          ; STATUS_ALERTED
    je L_again
    return 1
L_timeout:
    fail 258
L_called:
    fail 0xc0
L_failed:
    status
""",
    "NtCancelIoFileEx": """
module KERNELBASE

proc CancelIoEx(hFile, lpOverlapped)
    local iosb[8]
    invoke NtCancelIoFileEx, hFile, lpOverlapped, addr iosb
    status
""",
}
"""What a build has whose kernel has the service."""
