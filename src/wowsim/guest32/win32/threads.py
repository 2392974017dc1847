"""Threads: CreateThread and what is done with a thread: suspend, end, ask, priorities, contexts, APCs.

Stands for KERNELBASE's functions. Source of the rules: their documentation (learn.microsoft.com). Leaves out
attribute lists (ERROR_NOT_SUPPORTED) and activation contexts. Who may import it: ``guest32.win32``'s users.
"""

from __future__ import annotations


def _previous_count(name: str, service: str) -> str:
    """SuspendThread and ResumeThread: the count before, -1 on failure."""
    return f"""
proc {name}(hThread)
    local previous
    invoke {service}, hThread, addr previous
    onerror L_failed
    return previous
L_failed:
    invoke BaseSetLastNTError, eax
    return -1
"""


SINCE_VISTA = """
module KERNELBASE

proc CreateRemoteThreadEx(hProcess, lpAttributes, dwStackSize, lpStart, lpParameter, dwFlags, lpList, lpThreadId)
    uses esi edi
    local block[32], list[20], client[8], handle
    cmp lpList, 0
    jne L_list
    mov list, 20                            ; one PS_ATTRIBUTE: the client id comes back
    mov list[4], 0x10003
    mov list[8], 8
    lea eax, client
    mov list[12], eax
    and list[16], 0
    mov esi, dwStackSize                    ; commit, or reserve with STACK_SIZE_PARAM_IS_A_RESERVATION
    xor edi, edi
    test dwFlags, 0x10000
    jz L_create
    xchg esi, edi
L_create:
    invoke BaseFormatObjectAttributes, addr block, lpAttributes, 0
    mov edx, eax
    mov ecx, dwFlags
    shr ecx, 2                              ; CREATE_SUSPENDED is 4, THREAD_CREATE_FLAGS_CREATE_SUSPENDED 1
    and ecx, 1
    invoke NtCreateThreadEx, addr handle, 0x1fffff, edx, hProcess, lpStart, lpParameter, ecx, 0, esi, edi, addr list
    onerror L_failed
    mov ecx, lpThreadId
    test ecx, ecx
    jz L_done
    mov eax, client[4]
    mov [ecx], eax
L_done:
    return handle
L_failed:
    status
L_list:
    fail 50                                 ; ERROR_NOT_SUPPORTED

proc CreateRemoteThread(hProcess, lpAttributes, dwStackSize, lpStart, lpParameter, dwFlags, lpThreadId)
    invoke CreateRemoteThreadEx, hProcess, lpAttributes, dwStackSize, lpStart, lpParameter, dwFlags, 0, lpThreadId
    return

proc CreateThread(lpAttributes, dwStackSize, lpStart, lpParameter, dwFlags, lpThreadId)
    invoke CreateRemoteThreadEx, -1, lpAttributes, dwStackSize, lpStart, lpParameter, dwFlags, 0, lpThreadId
    return
"""
"""The kernel makes the stacks."""

BEFORE_VISTA = """
module kernel32

; Reserve and commit a stack with a guard page; fills the INITIAL_TEB and returns a status.
routine BaseCreateStack(hProcess, commit, reserve, teb)
    uses esi edi
    local base, size, page, old
    mov ecx, fs:[0x30]
    mov ecx, [ecx+8]                        ; the program's header has the sizes
    add ecx, [ecx+0x3c]
    cmp reserve, 0
    jne L_commit
    mov eax, [ecx+0x60]
    mov reserve, eax
L_commit:
    cmp commit, 0
    jne L_sizes
    mov eax, [ecx+0x64]
    mov commit, eax
L_sizes:
    mov eax, commit
    cmp eax, reserve
    jb L_round
    add eax, 0xfffff
    and eax, 0xfff00000
    mov reserve, eax
L_round:
    add commit, 0xfff
    and commit, 0xfffff000
    add reserve, 0xffff
    and reserve, 0xffff0000
    and base, 0
    mov esi, teb
    invoke NtAllocateVirtualMemory, hProcess, addr base, 0, addr reserve, 0x2000, 4
    onerror L_return
    and dword ptr [esi], 0
    and dword ptr [esi+4], 0
    mov eax, base
    mov [esi+16], eax                       ; StackAllocationBase
    add eax, reserve
    mov [esi+8], eax                        ; StackBase
    mov edi, commit
    sub eax, edi
    mov ecx, base
    add ecx, 0x1000
    cmp eax, ecx
    jbe L_whole
    sub eax, 0x1000                         ; room for a guard page
    add edi, 0x1000
    mov page, 0x1000
    jmp L_grow
L_whole:
    and page, 0
L_grow:
    mov base, eax
    mov [esi+12], eax                       ; StackLimit
    mov size, edi
    invoke NtAllocateVirtualMemory, hProcess, addr base, 0, addr size, 0x1000, 4
    onerror L_return
    cmp page, 0
    je L_return
    add dword ptr [esi+12], 0x1000
    invoke NtProtectVirtualMemory, hProcess, addr base, addr page, 0x104, addr old
    return

proc CreateRemoteThread(hProcess, lpAttributes, dwStackSize, lpStart, lpParameter, dwFlags, lpThreadId)
    uses esi edi
    local block[32], teb[20], client[8], context[0x2cc], handle
    mov esi, dwStackSize
    xor edi, edi
    test dwFlags, 0x10000
    jz L_stack
    xchg esi, edi
L_stack:
    invoke BaseCreateStack, hProcess, esi, edi, addr teb
    onerror L_failed
    lea edi, context
    mov ecx, 179
    xor eax, eax
    rep stosd
    lea edi, context
    mov dword ptr [edi], 0x10003            ; CONTEXT_CONTROL and CONTEXT_INTEGER
    mov eax, lpStart
    mov [edi+0xb0], eax
    mov eax, lpParameter
    mov [edi+0xa4], eax
    mov eax, dword ptr [__imp_RtlUserThreadStart]
    mov [edi+0xb8], eax
    mov eax, teb[8]
    sub eax, 16
    mov [edi+0xc4], eax
    mov dword ptr [edi+0xc0], 0x202
    invoke BaseFormatObjectAttributes, addr block, lpAttributes, 0
    mov edx, eax
    lea ecx, client
    lea esi, teb
    invoke NtCreateThread, addr handle, 0x1f03ff, edx, hProcess, ecx, edi, esi, 1
    onerror L_failed
    mov ecx, lpThreadId
    test ecx, ecx
    jz L_begin
    mov eax, client[4]
    mov [ecx], eax
L_begin:
    test dwFlags, 4                         ; CREATE_SUSPENDED
    jnz L_done
    invoke NtResumeThread, handle, 0
L_done:
    return handle
L_failed:
    status

proc CreateThread(lpAttributes, dwStackSize, lpStart, lpParameter, dwFlags, lpThreadId)
    invoke CreateRemoteThread, -1, lpAttributes, dwStackSize, lpStart, lpParameter, dwFlags, lpThreadId
    return
"""
"""CreateRemoteThread makes stack and context, as Windows XP's does."""

SOURCE = (
    """
module KERNELBASE

proc TerminateThread(hThread, dwExitCode)
    mov eax, hThread
    test eax, eax
    jz L_handle
    invoke NtTerminateThread, eax, dwExitCode
    status
L_handle:
    fail 6

proc OpenThread(dwDesiredAccess, bInheritHandle, dwThreadId)
    local attributes[24], client[8], handle
    mov attributes, 24
    and attributes[4], 0
    and attributes[8], 0
    mov eax, bInheritHandle
    cmp eax, 1
    sbb eax, eax
    inc eax
    shl eax, 1                              ; OBJ_INHERIT
    mov attributes[12], eax
    and attributes[16], 0
    and attributes[20], 0
    and client, 0
    mov eax, dwThreadId
    mov client[4], eax
    invoke NtOpenThread, addr handle, dwDesiredAccess, addr attributes, addr client
    onerror L_failed
    return handle
L_failed:
    status

routine BasepThreadBasic(hThread, basic)    ; 0, or the failing status has become the last error and eax is 1
    invoke NtQueryInformationThread, hThread, 0, basic, 28, 0
    onerror L_failed
    return 0
L_failed:
    invoke BaseSetLastNTError, eax
    return 1

proc GetExitCodeThread(hThread, lpExitCode)
    local basic[28]
    invoke BasepThreadBasic, hThread, addr basic
    test eax, eax
    jnz L_failed
    mov ecx, lpExitCode
    mov eax, basic
    mov [ecx], eax
    return 1
L_failed:
    return 0

proc GetThreadId(hThread)
    local basic[28]
    invoke BasepThreadBasic, hThread, addr basic
    test eax, eax
    jnz L_failed
    return basic[12]
L_failed:
    return 0

proc GetProcessIdOfThread(hThread)
    local basic[28]
    invoke BasepThreadBasic, hThread, addr basic
    test eax, eax
    jnz L_failed
    return basic[8]
L_failed:
    return 0

proc GetThreadPriority(hThread)
    local basic[28]
    invoke BasepThreadBasic, hThread, addr basic
    test eax, eax
    jnz L_failed
    mov eax, basic[24]                      ; relative to the class; the saturated values stand one beyond
    cmp eax, 16
    jne L_low
    dec eax
L_low:
    cmp eax, -16
    jne L_return
    inc eax
    return
L_failed:
    mov eax, 0x7fffffff                     ; THREAD_PRIORITY_ERROR_RETURN
    return

proc SetThreadPriority(hThread, nPriority)
    local increment
    mov eax, nPriority
    cmp eax, 15                             ; the saturated values stand one beyond
    jne L_low
    inc eax
L_low:
    cmp eax, -15
    jne L_set
    dec eax
L_set:
    mov increment, eax
    invoke NtSetInformationThread, hThread, 3, addr increment, 4
    status

proc SetThreadPriorityBoost(hThread, bDisable)
    invoke NtSetInformationThread, hThread, 14, addr bDisable, 4
    status

proc GetThreadContext(hThread, lpContext)
    invoke NtGetContextThread, hThread, lpContext
    status

proc SetThreadContext(hThread, lpContext)
    invoke NtSetContextThread, hThread, lpContext
    status

proc QueueUserAPC(pfnAPC, hThread, dwData)
    mov ecx, dword ptr [__imp_RtlDispatchAPC]
    invoke NtQueueApcThread, hThread, ecx, pfnAPC, dwData, -1
    status

proc SwitchToThread()
    invoke NtYieldExecution
    cmp eax, 0x40000024                     ; STATUS_NO_YIELD_PERFORMED
    je L_alone
    return 1
L_alone:
    return 0
"""
    + _previous_count("SuspendThread", "NtSuspendThread")
    + _previous_count("ResumeThread", "NtResumeThread")
)
