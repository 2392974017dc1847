"""Opening a process; what it is like: its id, times, priority class, handles, processors, error mode.

Stands for KERNELBASE's functions (GetProcessTimes on Windows 7: kernel32's). Source of the rules: their documentation
(learn.microsoft.com); numbers of the priority classes: phnt. Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

SOURCE = """
module KERNELBASE

proc OpenProcess(dwDesiredAccess, bInheritHandle, dwProcessId)
    uses edi
    local attributes[24], client[8], handle
    lea edi, client                         ; the attributes lie behind it
    xor eax, eax
    mov ecx, 8
    rep stosd
    mov attributes, 24
    cmp bInheritHandle, 0
    je L_open
    mov attributes[12], 2                   ; OBJ_INHERIT
L_open:
    mov eax, dwProcessId
    mov client, eax
    lea ecx, attributes
    lea edx, client
    invoke NtOpenProcess, addr handle, dwDesiredAccess, ecx, edx
    onerror L_failed
    return handle
L_failed:
    status

proc GetProcessId(hProcess)
    local basic[24]
    invoke NtQueryInformationProcess, hProcess, 0, addr basic, 24, 0
    onerror L_failed
    return basic[16]
L_failed:
    status

proc GetProcessTimes(hProcess, lpCreation, lpExit, lpKernel, lpUser)
    uses esi edi
    local times[32]
    invoke NtQueryInformationProcess, hProcess, 4, addr times, 32, 0
    onerror L_failed
    lea esi, times
    mov edi, lpCreation
    mov ecx, 8
    rep movsb
    mov edi, lpExit
    mov ecx, 8
    rep movsb
    mov edi, lpKernel
    mov ecx, 8
    rep movsb
    mov edi, lpUser
    mov ecx, 8
    rep movsb
    return 1
L_failed:
    status

; PROCESS_PRIORITY_CLASS 1.. as IDLE, NORMAL, HIGH, REALTIME, BELOW_NORMAL, ABOVE_NORMAL
dwords BasepPriorityClasses 0x40 0x20 0x80 0x100 0x4000 0x8000

proc GetPriorityClass(hProcess)
    local class
    and class, 0
    invoke NtQueryInformationProcess, hProcess, 18, addr class, 2, 0
    onerror L_failed
    movzx ecx, byte ptr class[1]
    dec ecx
    cmp ecx, 6
    jae L_none
    mov eax, dword ptr [BasepPriorityClasses+ecx*4]
    return
L_none:
    return 0
L_failed:
    status

proc SetPriorityClass(hProcess, dwPriorityClass)
    local class
    mov eax, dwPriorityClass
    xor ecx, ecx
L_next:
    cmp eax, dword ptr [BasepPriorityClasses+ecx*4]
    je L_found
    inc ecx
    cmp ecx, 6
    jb L_next
    fail 87
L_found:
    inc ecx
    shl ecx, 8
    mov class, ecx
    invoke NtSetInformationProcess, hProcess, 18, addr class, 2
    status

proc GetProcessHandleCount(hProcess, pdwHandleCount)
    invoke NtQueryInformationProcess, hProcess, 20, pdwHandleCount, 4, 0
    status

proc GetProcessAffinityMask(hProcess, lpProcessMask, lpSystemMask)
    local basic[0x2c]
    invoke NtQueryInformationProcess, hProcess, 0, addr basic, 24, 0
    onerror L_failed
    mov ecx, lpProcessMask
    mov edx, basic[8]
    mov [ecx], edx
    invoke NtQuerySystemInformation, 0, addr basic, 0x2c, 0
    onerror L_failed
    mov ecx, lpSystemMask
    mov edx, basic[0x24]
    mov [ecx], edx
    return 1
L_failed:
    status
"""
