"""Waiting for several objects, semaphores, timers, and opening what has a name.

Stands for KERNELBASE's functions. Source of the rules: their documentation (learn.microsoft.com). Who may import it:
``guest32.win32``'s users.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi


def _open(name: str, service: str) -> str:
    return f"""
proc {name}W(dwDesiredAccess, bInheritHandle, lpName)
    local block[32], handle
    cmp lpName, 0
    je L_parameter
    invoke BaseFormatObjectAttributes, addr block, 0, lpName
    mov edx, eax
    and dword ptr [edx+12], 0
    cmp bInheritHandle, 0
    je L_open
    mov dword ptr [edx+12], 2               ; OBJ_INHERIT
L_open:
    invoke {service}, addr handle, dwDesiredAccess, edx
    onerror L_failed
    return handle
L_failed:
    status
L_parameter:
    fail 87
""" + from_ansi(name, "dwDesiredAccess, bInheritHandle, lpName", ["lpName"])


SOURCE = (
    """
module KERNELBASE

proc WaitForMultipleObjectsEx(nCount, lpHandles, bWaitAll, dwMilliseconds, bAlertable)
    uses esi
    local interval[8], type
    lea ecx, interval
    invoke BaseFormatTimeOut, ecx, dwMilliseconds
    mov esi, eax
    cmp bWaitAll, 1
    sbb eax, eax
    neg eax                                 ; WaitAll 0, WaitAny 1
    mov type, eax
L_again:
    invoke NtWaitForMultipleObjects, nCount, lpHandles, type, bAlertable, esi
    onerror L_failed
    cmp bAlertable, 0
    je L_return
    cmp eax, 0x101                          ; STATUS_ALERTED
    je L_again
    return
L_failed:
    invoke BaseSetLastNTError, eax
    return -1                               ; WAIT_FAILED

proc WaitForMultipleObjects(nCount, lpHandles, bWaitAll, dwMilliseconds)
    invoke WaitForMultipleObjectsEx, nCount, lpHandles, bWaitAll, dwMilliseconds, 0

proc SignalObjectAndWait(hSignal, hWait, dwMilliseconds, bAlertable)
    uses esi
    local interval[8]
    lea ecx, interval
    invoke BaseFormatTimeOut, ecx, dwMilliseconds
    mov esi, eax
    invoke NtSignalAndWaitForSingleObject, hSignal, hWait, bAlertable, esi
    onerror L_failed
    return
L_failed:
    invoke BaseSetLastNTError, eax
    return -1

proc PulseEvent(hEvent)
    invoke NtPulseEvent, hEvent, 0
    status

proc CreateSemaphoreW(lpAttributes, lInitialCount, lMaximumCount, lpName)
    local block[32], handle
    invoke BaseFormatObjectAttributes, addr block, lpAttributes, lpName
    mov edx, eax
    invoke NtCreateSemaphore, addr handle, 0x1f0003, edx, lInitialCount, lMaximumCount
    invoke BasepCreated, eax, handle
    return

proc ReleaseSemaphore(hSemaphore, lReleaseCount, lpPreviousCount)
    invoke NtReleaseSemaphore, hSemaphore, lReleaseCount, lpPreviousCount
    status

proc CreateWaitableTimerW(lpAttributes, bManualReset, lpName)
    local block[32], handle
    invoke BaseFormatObjectAttributes, addr block, lpAttributes, lpName
    mov edx, eax
    cmp bManualReset, 1
    sbb ecx, ecx
    neg ecx                                 ; NotificationTimer 0, SynchronizationTimer 1
    invoke NtCreateTimer, addr handle, 0x1f0003, edx, ecx
    invoke BasepCreated, eax, handle
    return

proc SetWaitableTimer(hTimer, lpDueTime, lPeriod, pfnCompletion, lpArgument, fResume)
    mov ecx, pfnCompletion
    invoke NtSetTimer, hTimer, lpDueTime, ecx, lpArgument, fResume, lPeriod, 0
    status

proc CancelWaitableTimer(hTimer)
    invoke NtCancelTimer, hTimer, 0
    status
"""
    + from_ansi("CreateSemaphore", "lpAttributes, lInitialCount, lMaximumCount, lpName", ["lpName"])
    + from_ansi("CreateWaitableTimer", "lpAttributes, bManualReset, lpName", ["lpName"])
    + _open("OpenEvent", "NtOpenEvent")
    + _open("OpenMutex", "NtOpenMutant")
    + _open("OpenSemaphore", "NtOpenSemaphore")
    + _open("OpenWaitableTimer", "NtOpenTimer")
)
