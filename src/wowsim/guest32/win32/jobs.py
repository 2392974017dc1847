"""Job objects.

Stands for kernel32's functions. Source of the rules: their documentation (learn.microsoft.com). Names live where those
of events do. Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

from wowsim.guest32.win32.ansi import from_ansi

SOURCE = (
    """
module kernel32

proc CreateJobObjectW(lpJobAttributes, lpName)
    local block[32], handle
    invoke BaseFormatObjectAttributes, addr block, lpJobAttributes, lpName
    mov edx, eax
    invoke NtCreateJobObject, addr handle, 0x1f001f, edx
    invoke BasepCreated, eax, handle
    return

proc OpenJobObjectW(dwDesiredAccess, bInheritHandle, lpName)
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
    invoke NtOpenJobObject, addr handle, dwDesiredAccess, edx
    onerror L_failed
    return handle
L_failed:
    status
L_parameter:
    fail 87

proc AssignProcessToJobObject(hJob, hProcess)
    invoke NtAssignProcessToJobObject, hJob, hProcess
    status

proc TerminateJobObject(hJob, uExitCode)
    invoke NtTerminateJobObject, hJob, uExitCode
    status

proc QueryInformationJobObject(hJob, class, lpInformation, dwLength, lpReturned)
    invoke NtQueryInformationJobObject, hJob, class, lpInformation, dwLength, lpReturned
    status

proc SetInformationJobObject(hJob, class, lpInformation, dwLength)
    invoke NtSetInformationJobObject, hJob, class, lpInformation, dwLength
    status

proc IsProcessInJob(hProcess, hJob, lpResult)
    invoke NtIsProcessInJob, hProcess, hJob
    onerror L_failed
    cmp eax, 0x124                          ; STATUS_PROCESS_IN_JOB
    sete al
    movzx eax, al
    mov ecx, lpResult
    mov [ecx], eax
    return 1
L_failed:
    status
"""
    + from_ansi("CreateJobObject", "lpJobAttributes, lpName", ["lpName"])
    + from_ansi("OpenJobObject", "dwDesiredAccess, bInheritHandle, lpName", ["lpName"])
)
