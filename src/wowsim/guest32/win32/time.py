"""Clocks and waiting: tick counts, system time, performance counter, Sleep.

Stands for KERNELBASE's functions. The tick counts and the system time are read from KUSER_SHARED_DATA at
7FFE0000 without entering the kernel (offsets: wow64-facts section 9); a High1 that differs from High2 means
that the kernel is just writing. Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

SOURCE = """
module KERNELBASE

; Milliseconds = TickCount * TickCountMultiplier / 2**24.
proc GetTickCount()
    naked
L_again:
    mov ecx, dword ptr [0x7ffe0324]
    mov eax, dword ptr [0x7ffe0320]
    cmp ecx, dword ptr [0x7ffe0328]
    je L_stable
    pause
    jmp L_again
L_stable:
    mul dword ptr [0x7ffe0004]
    shl ecx, 8
    imul ecx, dword ptr [0x7ffe0004]
    shrd eax, edx, 24
    add eax, ecx
    return

proc GetTickCount64()
    uses ebx
L_again:
    mov ebx, dword ptr [0x7ffe0324]
    mov ecx, dword ptr [0x7ffe0320]
    cmp ebx, dword ptr [0x7ffe0328]
    je L_stable
    pause
    jmp L_again
L_stable:
    mov eax, ecx
    mul dword ptr [0x7ffe0004]
    shrd eax, edx, 24
    shr edx, 24
    mov ecx, eax
    xchg ebx, edx
    mov eax, edx
    mul dword ptr [0x7ffe0004]
    shld edx, eax, 8
    shl eax, 8
    add eax, ecx
    adc edx, ebx
    return

routine BasepReadKsystemTime(pKsystemTime)      ; LowPart, High1Time, High2Time; returns edx:eax
    mov ecx, pKsystemTime
L_again:
    mov edx, [ecx+4]
    mov eax, [ecx]
    cmp edx, [ecx+8]
    je L_stable
    pause
    jmp L_again
L_stable:
    return

proc GetSystemTimeAsFileTime(lpTime)
    invoke BasepReadKsystemTime, 0x7ffe0014     ; KUSER_SHARED_DATA.SystemTime
    mov ecx, lpTime
    mov [ecx], eax
    mov [ecx+4], edx
    return

proc GetSystemTime(lpSystemTime)
    local time[8]
    lea ecx, time
    invoke GetSystemTimeAsFileTime, ecx
    lea ecx, time
    invoke BasepTimeToSystemTime, ecx, lpSystemTime
    return

proc GetLocalTime(lpSystemTime)
    local time[8]
    lea ecx, time
    invoke GetSystemTimeAsFileTime, ecx
    invoke BasepReadKsystemTime, 0x7ffe0020     ; TimeZoneBias: local time is system time minus it
    sub time, eax
    sbb time[4], edx
    lea ecx, time
    invoke BasepTimeToSystemTime, ecx, lpSystemTime
    return

routine BasepTimeToSystemTime(pTime, lpSystemTime)
    uses esi edi
    local fields[16]
    invoke RtlTimeToTimeFields, pTime, addr fields
    mov edi, lpSystemTime
    lea esi, fields                         ; year, month
    movsw
    movsw
    mov ax, word ptr fields[14]             ; the weekday stands before the day here, last in TIME_FIELDS
    stosw
    mov ecx, 10                             ; day .. milliseconds
    rep movsb
    return

proc QueryPerformanceCounter(lpCount)
    invoke NtQueryPerformanceCounter, lpCount, 0
    status

proc QueryPerformanceFrequency(lpFrequency)
    local counter[8]
    lea ecx, counter
    invoke NtQueryPerformanceCounter, ecx, lpFrequency
    status

routine BaseFormatTimeOut(interval, milliseconds)   ; the interval's address, NULL for INFINITE
    mov eax, milliseconds
    cmp eax, -1
    je L_infinite
    mov ecx, 10000
    mul ecx
    neg eax
    adc edx, 0
    neg edx
    mov ecx, interval
    mov [ecx], eax
    mov [ecx+4], edx
    return ecx
L_infinite:
    return 0

proc SleepEx(dwMilliseconds, bAlertable)
    uses esi
    local interval[8]
    lea esi, interval
    and interval, 0
    mov interval[4], 0x80000000             ; for ever
    invoke BaseFormatTimeOut, esi, dwMilliseconds
L_again:
    invoke NtDelayExecution, bAlertable, esi
    cmp bAlertable, 0
    je L_done
    cmp eax, 0x101                          ; STATUS_ALERTED
    je L_again
L_done:
    cmp eax, 0xc0                           ; STATUS_USER_APC: WAIT_IO_COMPLETION
    je L_return
    return 0

proc Sleep(dwMilliseconds)
    invoke SleepEx, dwMilliseconds, 0
"""
