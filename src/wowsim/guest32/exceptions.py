"""Guest code of exceptions: the 32-bit dispatcher, vectored handlers, the fs:[0] chain, unwinding, raising.

Stands for ntdll's Rtl and Ki routines of those names (structured exception handling as Microsoft Learn and Matt
Pietrek's "A Crash Course on the Depths of Win32 Structured Exception Handling", MSJ January 1997, describe it;
stack layouts: wow64-facts section 5). Leaves out SafeSEH tables and chain validation, encoded vectored handlers,
and debuggers. Who may import it: ``guest32.ntdll32``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wowsim.image.synth import ImageBuilder

DATA = 0x8000
"""Offset of the vectored handlers' lists and lock in .data."""
_LISTS, _LOCK = {"LdrpVectorHandlerList": 0, "LdrpVectorContinueList": 8}, 0x10
_FREE_LOCK = struct.pack("<6I", 0xFFFFFFFF, 0xFFFFFFFF, 0, 0, 0, 0)

NONCONTINUABLE, UNWINDING, EXIT_UNWIND, STACK_INVALID, NESTED_CALL = 1, 2, 4, 8, 0x10
STATUS_UNWIND = 0xC0000027
STATUS_BAD_STACK = 0xC0000028
STATUS_INVALID_UNWIND_TARGET = 0xC0000029
STATUS_NONCONTINUABLE_EXCEPTION = 0xC0000025
STATUS_INVALID_DISPOSITION = 0xC0000026

RECORD_SIZE, CONTEXT_SIZE = 0x50, 0x2CC
_EAX, _EBP, _EIP, _CS, _EFLAGS, _ESP, _SS = 0xB0, 0xB4, 0xB8, 0xBC, 0xC0, 0xC4, 0xC8


def add_data(builder: ImageBuilder, data: int) -> None:
    """The empty lists and their free lock; the image lies at its base, so that list heads can point at themselves."""
    block = bytearray()
    for offset in _LISTS.values():
        head = builder.base + data + DATA + offset
        block += struct.pack("<II", head, head)
    builder.data(data + DATA, bytes(block) + _FREE_LOCK, "LdrpVectorHandlerList")
    builder.constant("LdrpVectorContinueList", data + DATA + _LISTS["LdrpVectorContinueList"])
    builder.constant("LdrpVectorHandlerLock", data + DATA + _LOCK)


_HEAP = """
    mov eax, dword ptr fs:[0x18]
    mov eax, [eax+0x30]
    push dword ptr [eax+0x18]
"""
_ENTER = "push LdrpVectorHandlerLock\ncall RtlEnterCriticalSection"
_LEAVE = "push LdrpVectorHandlerLock\ncall RtlLeaveCriticalSection"


def _raise_status(status: int, chained: str) -> str:
    """Raise a noncontinuable exception of ntdll's own; the record stays in the frame of the caller."""
    return f"""
    sub esp, {RECORD_SIZE:#x}
    mov dword ptr [esp], {status:#x}
    mov dword ptr [esp+4], {NONCONTINUABLE}
    mov [esp+8], {chained}
    and dword ptr [esp+0x10], 0
    push esp
    call RtlRaiseException
    int3
"""


_DISPATCHER = (
    f"""
KiUserExceptionDispatcher:
    cld
    mov ecx, [esp+4]
    mov ebx, [esp]
    push ecx
    push ebx
    call RtlDispatchException
    or al, al
    jz L_unhandled
    pop ebx
    pop ecx
    push 0
    push ecx
    call ZwContinue
    jmp L_failed
L_unhandled:
    pop ebx
    pop ecx
    push 0
    push ecx
    push ebx
    call ZwRaiseException
L_failed:
    sub esp, {RECORD_SIZE:#x}
    mov [esp], eax
    mov dword ptr [esp+4], {NONCONTINUABLE}
    mov [esp+8], ebx
    and dword ptr [esp+0x10], 0
    push esp
    call RtlRaiseException
    int3
""",
    # ebp-4 dispatcher context (RegistrationPointer); edi: the nested exception's frame, ebx: the frame at hand
    f"""
RtlDispatchException:
    push ebp
    mov ebp, esp
    push ecx
    push ebx
    push esi
    push edi
    mov esi, [ebp+8]
    push LdrpVectorHandlerList
    push dword ptr [ebp+0x0c]
    push esi
    call RtlpCallVectoredHandlers
    test al, al
    jnz L_handled
    mov ebx, dword ptr fs:[0]
    xor edi, edi
L_frame:
    cmp ebx, -1
    je L_search_ended
    cmp ebx, dword ptr fs:[8]
    jb L_stack_invalid
    lea eax, [ebx+8]
    cmp eax, dword ptr fs:[4]
    ja L_stack_invalid
    test bl, 3
    jnz L_stack_invalid
    mov eax, [ebx+4]
    cmp eax, dword ptr fs:[8]
    jb L_call
    cmp eax, dword ptr fs:[4]
    jb L_stack_invalid
L_call:
    push eax
    lea eax, [ebp-4]
    push eax
    push dword ptr [ebp+0x0c]
    push ebx
    push esi
    call RtlpExecuteHandlerForException
    cmp edi, ebx
    jne L_disposition
    and dword ptr [esi+4], {~NESTED_CALL & 0xFFFFFFFF:#x}
    xor edi, edi
L_disposition:
    cmp eax, 1
    je L_next
    jb L_continue
    cmp eax, 2
    jne L_invalid
    or dword ptr [esi+4], {NESTED_CALL}
    mov eax, [ebp-4]
    cmp eax, edi
    jbe L_next
    mov edi, eax
L_next:
    mov ebx, [ebx]
    jmp L_frame
L_stack_invalid:
    or dword ptr [esi+4], {STACK_INVALID}
L_search_ended:
    xor eax, eax
    jmp L_return
L_continue:
    test byte ptr [esi+4], {NONCONTINUABLE}
    jz L_handled
{_raise_status(STATUS_NONCONTINUABLE_EXCEPTION, "esi")}
L_invalid:
{_raise_status(STATUS_INVALID_DISPOSITION, "esi")}
L_handled:
    push LdrpVectorContinueList
    push dword ptr [ebp+0x0c]
    push esi
    call RtlpCallVectoredHandlers
    mov eax, 1
L_return:
    pop edi
    pop esi
    pop ebx
    leave
    ret 8
""",
    # what a handler is called through: a frame of its own catches an exception inside the handler
    """
RtlpExecuteHandlerForException:
    mov edx, RtlpNestedExceptionHandler
    jmp RtlpExecuteHandler
RtlpExecuteHandlerForUnwind:
    mov edx, RtlpCollidedUnwindHandler
RtlpExecuteHandler:
    push ebp
    mov ebp, esp
    push ebx
    push esi
    push edi
    xor ebx, ebx
    xor esi, esi
    xor edi, edi
    push dword ptr [ebp+0x0c]
    push edx
    push dword ptr fs:[0]
    mov dword ptr fs:[0], esp
    push dword ptr [ebp+0x14]
    push dword ptr [ebp+0x10]
    push dword ptr [ebp+0x0c]
    push dword ptr [ebp+8]
    mov ecx, [ebp+0x18]
    call ecx
    mov esp, dword ptr fs:[0]
    pop dword ptr fs:[0]
    add esp, 8
    pop edi
    pop esi
    pop ebx
    pop ebp
    ret 0x14
RtlpNestedExceptionHandler:
    mov ecx, [esp+4]
    mov eax, 1
    test byte ptr [ecx+4], 6
    jnz L_back
    mov ecx, [esp+8]
    mov edx, [esp+0x10]
    mov ecx, [ecx+8]
    mov [edx], ecx
    mov eax, 2
L_back:
    ret
RtlpCollidedUnwindHandler:
    mov ecx, [esp+4]
    mov eax, 1
    test byte ptr [ecx+4], 6
    jz L_back
    mov ecx, [esp+8]
    mov edx, [esp+0x10]
    mov ecx, [ecx+8]
    mov [edx], ecx
    mov eax, 3
    ret
""",
)

_VECTORED = (
    # an entry: Flink, Blink, references, handler; it leaves the list when its last reference goes
    f"""
RtlpCallVectoredHandlers:
    push ebp
    mov ebp, esp
    sub esp, 8
    push ebx
    push esi
    push edi
    mov eax, [ebp+8]
    mov [ebp-8], eax
    mov eax, [ebp+0x0c]
    mov [ebp-4], eax
    mov eax, [ebp+0x10]
    cmp [eax], eax
    mov edi, 0
    je L_return
    {_ENTER}
    mov eax, [ebp+0x10]
    mov esi, [eax]
L_entry:
    cmp esi, [ebp+0x10]
    je L_end
    inc dword ptr [esi+8]
    {_LEAVE}
    lea eax, [ebp-8]
    push eax
    call dword ptr [esi+0x0c]
    mov edi, eax
    {_ENTER}
    mov ebx, [esi]
    push esi
    call RtlpReleaseVectoredHandler
    mov esi, ebx
    cmp edi, -1
    jne L_entry
L_end:
    {_LEAVE}
    cmp edi, -1
    sete al
    movzx edi, al
L_return:
    mov eax, edi
    pop edi
    pop esi
    pop ebx
    leave
    ret 0x0c
RtlpReleaseVectoredHandler:
    mov ecx, [esp+4]
    dec dword ptr [ecx+8]
    jnz L_kept
    mov eax, [ecx]
    mov edx, [ecx+4]
    mov [edx], eax
    mov [eax+4], edx
    push ecx
    push 0
{_HEAP}
    call RtlFreeHeap
L_kept:
    ret 4
""",
    f"""
RtlAddVectoredContinueHandler:
    mov edx, LdrpVectorContinueList
    jmp RtlpAddVectoredHandler
RtlAddVectoredExceptionHandler:
    mov edx, LdrpVectorHandlerList
RtlpAddVectoredHandler:
    push ebp
    mov ebp, esp
    push ebx
    push esi
    mov ebx, edx
    push 0x10
    push 8
{_HEAP}
    call RtlAllocateHeap
    mov esi, eax
    test eax, eax
    jz L_return
    mov dword ptr [esi+8], 1
    mov eax, [ebp+0x0c]
    mov [esi+0x0c], eax
    {_ENTER}
    cmp dword ptr [ebp+8], 0
    jne L_first
    mov ebx, [ebx+4]
L_first:
    mov eax, [ebx]
    mov [esi], eax
    mov [esi+4], ebx
    mov [eax+4], esi
    mov [ebx], esi
    {_LEAVE}
L_return:
    mov eax, esi
    pop esi
    pop ebx
    pop ebp
    ret 8
RtlRemoveVectoredContinueHandler:
    mov edx, LdrpVectorContinueList
    jmp RtlpRemoveVectoredHandler
RtlRemoveVectoredExceptionHandler:
    mov edx, LdrpVectorHandlerList
RtlpRemoveVectoredHandler:
    push ebp
    mov ebp, esp
    push ebx
    push esi
    mov ebx, edx
    {_ENTER}
    mov esi, ebx
    xor eax, eax
L_entry:
    mov esi, [esi]
    cmp esi, ebx
    je L_unlock
    cmp esi, [ebp+8]
    jne L_entry
    push esi
    call RtlpReleaseVectoredHandler
    mov eax, 1
L_unlock:
    mov esi, eax
    {_LEAVE}
    mov eax, esi
    pop esi
    pop ebx
    pop ebp
    ret 4
""",
)

_UNWIND = (
    # the context of the caller's caller, found by the caller's EBP
    f"""
RtlCaptureContext:
    push ebx
    mov ebx, [esp+8]
    mov [ebx+{_EAX:#x}], eax
    mov [ebx+0xac], ecx
    mov [ebx+0xa8], edx
    mov eax, [esp]
    mov [ebx+0xa4], eax
    mov [ebx+0xa0], esi
    mov [ebx+0x9c], edi
    jmp RtlpCaptureControl
RtlpCaptureContext:
    push ebx
    mov ebx, [esp+8]
    and dword ptr [ebx+{_EAX:#x}], 0
    and dword ptr [ebx+0xac], 0
    and dword ptr [ebx+0xa8], 0
    mov eax, [esp]
    mov [ebx+0xa4], eax
    mov [ebx+0xa0], esi
    mov [ebx+0x9c], edi
RtlpCaptureControl:
    mov dword ptr [ebx], 0x10007
    mov eax, cs
    mov [ebx+{_CS:#x}], eax
    mov eax, ds
    mov [ebx+0x98], eax
    mov eax, es
    mov [ebx+0x94], eax
    mov eax, fs
    mov [ebx+0x90], eax
    mov eax, gs
    mov [ebx+0x8c], eax
    mov eax, ss
    mov [ebx+{_SS:#x}], eax
    pushfd
    pop dword ptr [ebx+{_EFLAGS:#x}]
    mov eax, [ebp+4]
    mov [ebx+{_EIP:#x}], eax
    mov eax, [ebp]
    mov [ebx+{_EBP:#x}], eax
    lea eax, [ebp+8]
    mov [ebx+{_ESP:#x}], eax
    pop ebx
    ret 4
""",
    # ebp-4 dispatcher context, ebp-54h a record when none is given, ebp-320h the context; TargetIp is not used
    f"""
RtlUnwind:
    push ebp
    mov ebp, esp
    sub esp, {4 + RECORD_SIZE + CONTEXT_SIZE:#x}
    push ebx
    push esi
    push edi
    lea eax, [ebp-{4 + RECORD_SIZE + CONTEXT_SIZE:#x}]
    push eax
    call RtlpCaptureContext
    add dword ptr [ebp-{4 + RECORD_SIZE + CONTEXT_SIZE - _ESP:#x}], 0x10
    mov eax, [ebp+0x14]
    mov [ebp-{4 + RECORD_SIZE + CONTEXT_SIZE - _EAX:#x}], eax
    mov esi, [ebp+0x10]
    test esi, esi
    jnz L_record
    lea esi, [ebp-{4 + RECORD_SIZE:#x}]
    mov dword ptr [esi], {STATUS_UNWIND:#x}
    and dword ptr [esi+4], 0
    and dword ptr [esi+8], 0
    mov eax, [ebp+4]
    mov [esi+0x0c], eax
    and dword ptr [esi+0x10], 0
L_record:
    or dword ptr [esi+4], {UNWINDING}
    cmp dword ptr [ebp+8], 0
    jne L_start
    or dword ptr [esi+4], {EXIT_UNWIND}
L_start:
    mov ebx, dword ptr fs:[0]
L_frame:
    cmp ebx, -1
    je L_end
    cmp ebx, [ebp+8]
    je L_target
    cmp dword ptr [ebp+8], 0
    je L_check
    cmp [ebp+8], ebx
    jb L_missed
L_check:
    cmp ebx, dword ptr fs:[8]
    jb L_bad_stack
    lea eax, [ebx+8]
    cmp eax, dword ptr fs:[4]
    ja L_bad_stack
    test bl, 3
    jnz L_bad_stack
    push dword ptr [ebx+4]
    lea eax, [ebp-4]
    push eax
    lea eax, [ebp-{4 + RECORD_SIZE + CONTEXT_SIZE:#x}]
    push eax
    push ebx
    push esi
    call RtlpExecuteHandlerForUnwind
    cmp eax, 1
    je L_unlink
    cmp eax, 3
    jne L_invalid
    mov ebx, [ebp-4]
L_unlink:
    mov ebx, [ebx]
    mov dword ptr fs:[0], ebx
    jmp L_frame
L_end:
    cmp dword ptr [ebp+8], -1
    je L_target
    push 0
    lea eax, [ebp-{4 + RECORD_SIZE + CONTEXT_SIZE:#x}]
    push eax
    push esi
    call ZwRaiseException
    jmp L_return
L_target:
    push 0
    lea eax, [ebp-{4 + RECORD_SIZE + CONTEXT_SIZE:#x}]
    push eax
    call ZwContinue
L_return:
    pop edi
    pop esi
    pop ebx
    leave
    ret 0x10
L_missed:
{_raise_status(STATUS_INVALID_UNWIND_TARGET, "esi")}
L_bad_stack:
{_raise_status(STATUS_BAD_STACK, "esi")}
L_invalid:
{_raise_status(STATUS_INVALID_DISPOSITION, "esi")}
""",
)

_RAISE = (
    f"""
RtlRaiseException:
    push ebp
    mov ebp, esp
    sub esp, {CONTEXT_SIZE:#x}
    push eax
    lea eax, [ebp-{CONTEXT_SIZE:#x}]
    xchg eax, [esp]
    call RtlCaptureContext
    add dword ptr [ebp-{CONTEXT_SIZE - _ESP:#x}], 4
    mov eax, [ebp+4]
    mov ecx, [ebp+8]
    mov [ecx+0x0c], eax
    push 1
    lea eax, [ebp-{CONTEXT_SIZE:#x}]
    push eax
    push ecx
    call ZwRaiseException
    push eax
    call RtlRaiseStatus
    int3
RtlRaiseStatus:
    push ebp
    mov ebp, esp
    sub esp, {RECORD_SIZE + CONTEXT_SIZE:#x}
    push eax
    lea eax, [ebp-{CONTEXT_SIZE:#x}]
    xchg eax, [esp]
    call RtlCaptureContext
    add dword ptr [ebp-{CONTEXT_SIZE - _ESP:#x}], 4
    lea ecx, [ebp-{RECORD_SIZE + CONTEXT_SIZE:#x}]
    mov eax, [ebp+8]
    mov [ecx], eax
    mov dword ptr [ecx+4], {NONCONTINUABLE}
    and dword ptr [ecx+8], 0
    mov eax, [ebp+4]
    mov [ecx+0x0c], eax
    and dword ptr [ecx+0x10], 0
    push 1
    lea eax, [ebp-{CONTEXT_SIZE:#x}]
    push eax
    push ecx
    call ZwRaiseException
    push eax
    call RtlRaiseStatus
    int3
""",
)

_TOP = (
    # the frame of _RtlUserThreadStart: the filter that kernel32 gave decides
    f"""
_except_handler:
    push ebp
    mov ebp, esp
    push dword ptr [ebp+0x10]
    push dword ptr [ebp+8]
    mov eax, [ebp+8]
    test byte ptr [eax+4], {UNWINDING | EXIT_UNWIND}
    jnz L_search
    mov eax, [RtlpUnhandledExceptionFilter]
    test eax, eax
    jz L_search
    lea ecx, [ebp-8]
    push ecx
    call eax
    cmp eax, -1
    je L_continue
    test eax, eax
    jz L_search
    push 0
    push dword ptr [ebp+8]
    push 0
    push dword ptr [ebp+0x0c]
    call RtlUnwind
    mov eax, [ebp+8]
    push dword ptr [eax]
    push -1
    call ZwTerminateProcess
    ud2
L_continue:
    xor eax, eax
    leave
    ret
L_search:
    mov eax, 1
    leave
    ret
""",
)

CODE = (*_DISPATCHER, *_VECTORED, *_UNWIND, *_RAISE, *_TOP)

EXPORTS = (
    "KiUserExceptionDispatcher",
    "RtlDispatchException",
    "RtlAddVectoredExceptionHandler",
    "RtlRemoveVectoredExceptionHandler",
    "RtlAddVectoredContinueHandler",
    "RtlRemoveVectoredContinueHandler",
    "RtlCaptureContext",
    "RtlUnwind",
    "RtlRaiseException",
    "RtlRaiseStatus",
)
