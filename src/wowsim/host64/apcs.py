"""User APCs on their way from 64-bit to 32-bit code: ntdll's dispatcher and wow64!Wow64ApcRoutine.

The kernel puts a CONTEXT on the 64-bit stack with the APC in its home cells. A 32-bit routine is queued as
Wow64ApcRoutine with the routine in the upper half of the first argument (wow64-facts section 5, the form of Windows
10; that Windows 7 packs it like this too is unverified). Wow64ApcRoutine pushes what ntdll32!KiUserApcDispatcher
expects on the x86 stack and runs 32-bit code from there, nested in the interrupted service. The dispatcher's
NtContinue ends it: Wow64ApcRoutine returns, the 64-bit dispatcher continues the service, and that returns to 32-bit
code where it was called. How the real one finds its way back is not published; the list in TLS slot 7 is what its
name suggests. Who may import it: host64.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.nt.context64 import CONTEXT64_SIZE, FXSAVE, OFFSETS
from wowsim.nt.wow64_context import (
    CONTEXT32_SIZE,
    CONTEXT_ALL,
    CONTEXT_IN_AREA,
    EXTENDED,
    FLOAT_SAVE,
    RESET_STATE,
    cpu_area,
    float_save,
)
from wowsim.nt.wow64_context import OFFSETS as OFFSETS32

if TYPE_CHECKING:
    from wowsim.nt.abi import Memory
    from wowsim.nt.trap import Routine, Trap

_U32, _U64, _NODE = struct.Struct("<I"), struct.Struct("<Q"), struct.Struct("<QQ")
MOST_NESTED = 1000

NODE = 0x20
"""In Wow64ApcRoutine's frame: the next node of the list in TLS slot 7, and the x86 CONTEXT that ends this APC."""
APC_LIST = 0x1480 + 8 * 7
"""TEB64.TlsSlots[WOW64_TLS_APCLIST] (wow64-facts section 3.2)."""

NTDLL = """
KiUserApcDispatcher: mov rcx, qword ptr [rsp]
    mov rdx, qword ptr [rsp+8]
    mov r8, qword ptr [rsp+0x10]
    mov r9, rsp
    call qword ptr [rsp+0x18]
    mov rcx, rsp
    mov dl, 1
    call NtContinue
    mov ecx, eax
    int3
"""
"""The home space of the called functions is CONTEXT.P1Home to P4Home."""

WOW64 = f"""
Wow64ApcRoutine: sub rsp, {NODE + 0x18:#x}
    trap wow64.Wow64ApcRoutine
L_again: call qword ptr [__imp_SIMULATE]
    jmp L_again
Wow64ApcReturn: add rsp, {NODE + 0x18:#x}
    ret
"""
"""Runs 32-bit code, nested, until its NtContinue unwinds to Wow64ApcReturn."""
EXPORTS = ("Wow64ApcRoutine",)

QUEUE = """whNAME: push rbx
    sub rsp, 0x30
    mov rbx, rcx
    movsxd rcx, dword ptr [rbx]
    mov eax, dword ptr [rbx+4]
    shl rax, 32
    mov r8d, dword ptr [rbx+8]
    or r8, rax
    lea rdx, [Wow64ApcRoutine]
    test rax, rax
    cmove rdx, rax
    mov r9d, dword ptr [rbx+0xc]
    mov eax, dword ptr [rbx+0x10]
    mov qword ptr [rsp+0x20], rax
    call qword ptr [__imp_NAME]
    add rsp, 0x30
    pop rbx
    ret"""
"""NtQueueApcThread. Without a routine there is nothing for Wow64ApcRoutine to call (section 6)."""
QUEUE_EX = """whNAME: push rbx
    sub rsp, 0x30
    mov rbx, rcx
    movsxd rcx, dword ptr [rbx]
    movsxd rdx, dword ptr [rbx+4]
    mov eax, dword ptr [rbx+8]
    shl rax, 32
    mov r9d, dword ptr [rbx+0xc]
    or r9, rax
    lea r8, [Wow64ApcRoutine]
    test rax, rax
    cmove r8, rax
    mov eax, dword ptr [rbx+0x10]
    mov qword ptr [rsp+0x20], rax
    mov eax, dword ptr [rbx+0x14]
    mov qword ptr [rsp+0x28], rax
    call qword ptr [__imp_NAME]
    add rsp, 0x30
    pop rbx
    ret"""
"""NtQueueApcThreadEx, whose second argument is a reserve object."""


def routine(dispatcher32: int, reset_state: int) -> Routine:
    """Wow64ApcRoutine (RCX: routine and first argument, RDX, R8: the others, R9: the CONTEXT).

    Args:
        dispatcher32: address of ntdll32!KiUserApcDispatcher.
        reset_state: offset of the build's RESET_STATE flag in the CPU area.
    """

    def enter(trap: Trap) -> None:
        memory = trap.memory
        packed, second, third = (trap.register(name) for name in ("rcx", "rdx", "r8"))
        area = cpu_area(memory, trap.teb64)
        context = bytearray(memory.read(area + CONTEXT_IN_AREA, CONTEXT32_SIZE))
        _U32.pack_into(context, 0, CONTEXT_ALL)
        (state,) = memory.unpack(_U32, area + reset_state)
        wide = memory.read(trap.register("r9"), CONTEXT64_SIZE)
        # the CPU area has no FP state of code that called a service
        context[EXTENDED:] = wide[FXSAVE : FXSAVE + 0x200]
        context[FLOAT_SAVE : FLOAT_SAVE + 0x70] = float_save(bytes(context[EXTENDED:]))
        if not state & RESET_STATE:
            # the service that the APC interrupted has not stored its status yet
            context[OFFSETS32["Eax"] : OFFSETS32["Eax"] + 4] = wide[OFFSETS["rax"] : OFFSETS["rax"] + 4]
        (esp,) = _U32.unpack_from(context, OFFSETS32["Esp"])
        top = (esp - 0x14 - CONTEXT32_SIZE) & ~3
        if top < 0:
            raise GuestFault(0xC0000005, 0)
        head = (packed >> 32, packed & 0xFFFFFFFF, second & 0xFFFFFFFF, third & 0xFFFFFFFF, 1)
        memory.write(top, struct.pack("<5I", *head) + context)
        memory.write(area + CONTEXT_IN_AREA, bytes(context))
        for name, value in (("Esp", top), ("Eip", dispatcher32)):
            memory.pack(_U32, area + CONTEXT_IN_AREA + OFFSETS32[name], value)
        memory.pack(_U32, area + reset_state, state | RESET_STATE)
        node, first = trap.sp + NODE, trap.teb64 + APC_LIST
        memory.pack(_NODE, node, memory.unpack(_U64, first)[0], top + 0x14)
        memory.pack(_U64, first, node)

    return enter


def ended_by(memory: Memory, teb64: int, context: int) -> int:
    """RSP of the Wow64ApcRoutine whose APC ends by continuing with the x86 CONTEXT at ``context``; else 0.

    APCs inside it that were left another way (``longjmp``) end with it.
    """
    (node,) = memory.unpack(_U64, teb64 + APC_LIST)
    for _ in range(MOST_NESTED):
        if not node:
            break
        following, ends = memory.unpack(_NODE, node)
        if ends == context:
            memory.pack(_U64, teb64 + APC_LIST, following)
            return int(node) - NODE
        node = following
    return 0
