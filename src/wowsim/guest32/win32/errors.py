"""Last errors: how a failing NTSTATUS or a refused parameter reaches GetLastError.

Stands for BaseSetLastNTError and its like in KERNELBASE and kernel32. Who may import it:
``guest32.win32``'s users.
"""

from __future__ import annotations

SOURCE = """
module KERNELBASE

proc GetLastError()
    naked
    mov eax, fs:[0x18]
    mov eax, [eax+0x34]
    return

routine BaseSetLastNTError(status)
    uses esi
    invoke RtlNtStatusToDosError, status
    mov esi, eax
    invoke RtlSetLastWin32Error, esi
    mov eax, esi
    return

routine BaseReturnStatus(status)            ; the BOOL of an NTSTATUS
    mov eax, status
    onerror L_failed
    return 1
L_failed:
    invoke BaseSetLastNTError, eax
    return 0

routine BaseFail(error)                     ; FALSE, with that last error
    invoke RtlSetLastWin32Error, error
    return 0
"""
