r"""Synchronisation: critical sections, interlocked operations, events, mutexes, waiting.

Stands for KERNELBASE's functions. Source of the rules: their documentation (learn.microsoft.com). Names
live in ``\BaseNamedObjects`` (a session's own directory is left out). Who may import it:
``guest32.win32``'s users.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi

FORWARDERS = {
    "InitializeCriticalSection": "NTDLL.RtlInitializeCriticalSection",
    "EnterCriticalSection": "NTDLL.RtlEnterCriticalSection",
    "LeaveCriticalSection": "NTDLL.RtlLeaveCriticalSection",
    "TryEnterCriticalSection": "NTDLL.RtlTryEnterCriticalSection",
    "DeleteCriticalSection": "NTDLL.RtlDeleteCriticalSection",
}
"""Exports of KERNELBASE and kernel32 that are ntdll's."""

SOURCE = (
    r"""
module KERNELBASE

data BaseNamedObjectDirectory 4
text BasepNamedObjects \BaseNamedObjects

proc InitializeCriticalSectionAndSpinCount(lpCriticalSection, dwSpinCount)
    invoke RtlInitializeCriticalSectionAndSpinCount, lpCriticalSection, dwSpinCount
    status

proc InterlockedIncrement(lpAddend)
    naked
    mov ecx, lpAddend
    mov eax, 1
    lock xadd dword ptr [ecx], eax
    inc eax
    return

proc InterlockedDecrement(lpAddend)
    naked
    mov ecx, lpAddend
    or eax, -1
    lock xadd dword ptr [ecx], eax
    dec eax
    return

proc InterlockedExchange(target, value)
    naked
    mov ecx, target
    mov eax, value
    xchg dword ptr [ecx], eax
    return

proc InterlockedExchangeAdd(addend, value)
    naked
    mov ecx, addend
    mov eax, value
    lock xadd dword ptr [ecx], eax
    return

proc InterlockedCompareExchange(target, exchange, comparand)
    naked
    mov ecx, target
    mov edx, exchange
    mov eax, comparand
    lock cmpxchg dword ptr [ecx], edx
    return

routine BaseGetNamedObjectDirectory()
    local name[8], attributes[24]
    mov eax, dword ptr [BaseNamedObjectDirectory]
    test eax, eax
    jnz L_return
    lea ecx, [BasepNamedObjects]
    invoke RtlInitUnicodeString, addr name, ecx
    mov attributes, 24
    and attributes[4], 0
    lea eax, name
    mov attributes[8], eax
    mov attributes[12], 0x40
    and attributes[16], 0
    and attributes[20], 0
    lea ecx, [BaseNamedObjectDirectory]
    invoke NtOpenDirectoryObject, ecx, 0xf, addr attributes
    onerror L_failed
    mov eax, dword ptr [BaseNamedObjectDirectory]
    return
L_failed:
    status

; OBJECT_ATTRIBUTES followed by the UNICODE_STRING; returns their address, NULL where none are needed.
routine BaseFormatObjectAttributes(block, security, name)
    uses esi
    mov esi, block
    mov eax, security
    or eax, name
    jz L_return
    mov dword ptr [esi], 24
    and dword ptr [esi+4], 0
    and dword ptr [esi+8], 0
    mov dword ptr [esi+12], 0x80            ; OBJ_OPENIF
    and dword ptr [esi+16], 0
    and dword ptr [esi+20], 0
    mov ecx, security
    test ecx, ecx
    jz L_name
    mov eax, [ecx+4]
    mov [esi+16], eax
    cmp dword ptr [ecx+8], 0
    je L_name
    or dword ptr [esi+12], 2                ; OBJ_INHERIT
L_name:
    cmp name, 0
    je L_done
    lea eax, [esi+24]
    mov [esi+8], eax
    invoke RtlInitUnicodeString, eax, name
    invoke BaseGetNamedObjectDirectory
    mov [esi+4], eax
L_done:
    mov eax, esi
    return

; The result of a create call: 0 with the last error, or the handle with ERROR_ALREADY_EXISTS or 0.
routine BasepCreated(status, handle)
    mov eax, status
    onerror L_failed
    xor ecx, ecx
    cmp eax, 0x40000000                     ; STATUS_OBJECT_NAME_EXISTS
    jne L_new
    mov ecx, 183
L_new:
    invoke RtlSetLastWin32Error, ecx
    return handle
L_failed:
    status

proc CreateEventW(lpAttributes, bManualReset, bInitialState, lpName)
    local block[32], handle
    invoke BaseFormatObjectAttributes, addr block, lpAttributes, lpName
    mov edx, eax
    cmp bManualReset, 1
    sbb ecx, ecx
    neg ecx                                 ; NotificationEvent 0, SynchronizationEvent 1
    cmp bInitialState, 1
    cmc
    sbb eax, eax
    neg eax
    mov bInitialState, eax
    invoke NtCreateEvent, addr handle, 0x1f0003, edx, ecx, bInitialState
    invoke BasepCreated, eax, handle
    return

proc CreateMutexW(lpAttributes, bInitialOwner, lpName)
    local block[32], handle
    invoke BaseFormatObjectAttributes, addr block, lpAttributes, lpName
    mov edx, eax
    cmp bInitialOwner, 1
    sbb ecx, ecx
    inc ecx
    invoke NtCreateMutant, addr handle, 0x1f0001, edx, ecx
    invoke BasepCreated, eax, handle
    return

proc SetEvent(hEvent)
    invoke NtSetEvent, hEvent, 0
    status

proc ResetEvent(hEvent)
    invoke NtResetEvent, hEvent, 0
    status

proc ReleaseMutex(hMutex)
    invoke NtReleaseMutant, hMutex, 0
    status

proc WaitForSingleObjectEx(hHandle, dwMilliseconds, bAlertable)
    uses esi
    local interval[8]
    invoke BasepStandardHandle, hHandle
    mov hHandle, eax
    lea ecx, interval
    invoke BaseFormatTimeOut, ecx, dwMilliseconds
    mov esi, eax
L_again:
    invoke NtWaitForSingleObject, hHandle, bAlertable, esi
    onerror L_failed
    cmp bAlertable, 0
    je L_return
    cmp eax, 0x101                          ; STATUS_ALERTED
    je L_again
    return
L_failed:
    invoke BaseSetLastNTError, eax
    return -1                               ; WAIT_FAILED

proc WaitForSingleObject(hHandle, dwMilliseconds)
    invoke WaitForSingleObjectEx, hHandle, dwMilliseconds, 0
"""
    + from_ansi("CreateEvent", "lpAttributes, bManualReset, bInitialState, lpName", ["lpName"])
    + from_ansi("CreateMutex", "lpAttributes, bInitialOwner, lpName", ["lpName"])
)
