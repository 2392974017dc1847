"""Exceptions: raising, filters of last resort, vectored handlers.

Stands for KERNELBASE's RaiseException and kernel32's filter of the first frame. Source of the rules: their
documentation (learn.microsoft.com). Leaves out error reporting: what no filter takes goes to the second chance.
Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations

FORWARDERS = {
    "AddVectoredExceptionHandler": "NTDLL.RtlAddVectoredExceptionHandler",
    "RemoveVectoredExceptionHandler": "NTDLL.RtlRemoveVectoredExceptionHandler",
    "AddVectoredContinueHandler": "NTDLL.RtlAddVectoredContinueHandler",
    "RemoveVectoredContinueHandler": "NTDLL.RtlRemoveVectoredContinueHandler",
    "RtlUnwind": "NTDLL.RtlUnwind",
    "RtlCaptureContext": "NTDLL.RtlCaptureContext",
}
"""Exports of KERNELBASE and kernel32 that are ntdll's."""

SOURCE = """
module kernel32

data BasepTopLevelFilter 4

proc SetUnhandledExceptionFilter(lpTopLevelExceptionFilter)
    mov eax, lpTopLevelExceptionFilter
    xchg eax, dword ptr [BasepTopLevelFilter]
    return

proc UnhandledExceptionFilter(ExceptionInfo)
    mov eax, dword ptr [BasepTopLevelFilter]
    test eax, eax
    jz L_return
    invoke eax, ExceptionInfo
    return

module KERNELBASE

proc RaiseException(dwExceptionCode, dwExceptionFlags, nNumberOfArguments, lpArguments)
    uses esi edi
    local record[0x50]
    mov eax, dwExceptionCode
    mov record, eax
    mov eax, dwExceptionFlags
    and eax, 1                              ; NONCONTINUABLE
    mov record[4], eax
    and record[8], 0
    and record[0x10], 0
    mov esi, lpArguments
    test esi, esi
    jz L_raise
    mov ecx, nNumberOfArguments
    cmp ecx, 15
    jbe L_count
    mov ecx, 15
L_count:
    mov record[0x10], ecx
    lea edi, record[0x14]
    shl ecx, 2
    rep movsb
L_raise:
    invoke RtlRaiseException, addr record
    return

proc RaiseFailFastException(pExceptionRecord, pContextRecord, dwFlags)
    uses esi edi
    local record[0x50], context[0x2cc]
    mov esi, pExceptionRecord
    test esi, esi
    jnz L_record
    lea esi, record
    mov dword ptr [esi], 0xc0000602         ; STATUS_FAIL_FAST_EXCEPTION
    mov dword ptr [esi+4], 1
    and dword ptr [esi+8], 0
    and dword ptr [esi+0x10], 0
    mov eax, [ebp+4]
    mov [esi+12], eax
L_record:
    test dwFlags, 1                         ; FAIL_FAST_GENERATE_EXCEPTION_ADDRESS
    jz L_context
    mov eax, [ebp+4]
    mov [esi+12], eax
L_context:
    mov edi, pContextRecord
    test edi, edi
    jnz L_raise
    lea edi, context
    invoke RtlCaptureContext, edi
L_raise:
    invoke NtRaiseException, esi, edi, 0
    invoke NtTerminateProcess, -1, [esi]
    return
"""
