"""Contexts of threads: NtGetContextThread, NtSetContextThread, and the 32-bit one of a WoW64 thread (nt!Ps).

The registers of 32-bit code are in the CPU while the thread is stopped in it, and in the CPU area while it is behind
the gate (wow64-facts section 3.3); ThreadWow64Context answers for both. Leaves out debug registers: they read as
zero and cannot be set. Who may import it: the kernel package, and the simulation through the service table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import State, Thread
from wowsim.nt import context64, wow64_context
from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
    STATUS_THREAD_IS_TERMINATING,
)

if TYPE_CHECKING:
    from wowsim.nt.abi import Memory

THREAD_GET_CONTEXT, THREAD_SET_CONTEXT = 0x8, 0x10
CODE32 = 0x23


# ---------------------------------------------------------------- the native context
@service(Support.PARTIAL, "without debug registers")
def NtGetContextThread(k: Kernel, thread_handle: HANDLE, thread_context: PVOID) -> NTSTATUS:
    """The registers that ContextFlags ask for."""
    thread = k.handles.lookup(thread_handle, Thread, THREAD_GET_CONTEXT)
    if thread.state is State.TERMINATED:
        return STATUS_THREAD_IS_TERMINATING
    if k.width == 32:
        return _read32(k.memory, _stopped32(k, thread), thread_context)
    registers, fxsave = k.host.registers(thread)
    old = k.memory.read(thread_context, context64.CONTEXT64_SIZE)
    k.memory.write(thread_context, context64.asked_for(old, context64.context64(registers, fxsave)))
    return STATUS_SUCCESS


@service(Support.PARTIAL, "without debug registers")
def NtSetContextThread(k: Kernel, thread_handle: HANDLE, thread_context: PVOID) -> NTSTATUS:
    """Let a thread go on with the registers that ContextFlags name."""
    thread = k.handles.lookup(thread_handle, Thread, THREAD_SET_CONTEXT)
    if thread.state is State.TERMINATED:
        return STATUS_THREAD_IS_TERMINATING
    if k.width == 32:
        context = k.memory.read(thread_context, wow64_context.CONTEXT32_SIZE)
        return _set_stopped32(k, thread, context)
    context = k.memory.read(thread_context, context64.CONTEXT64_SIZE)
    flags = int.from_bytes(context[context64.FLAGS : context64.FLAGS + 4], "little")
    floats = flags & context64.CONTEXT_FLOATING_POINT == context64.CONTEXT_FLOATING_POINT
    fxsave = context[context64.FXSAVE : context64.FXSAVE + 0x200] if floats else None
    registers = context64.registers_of(context)
    if registers.get("cs", CODE32) not in (CODE32, 0x33):
        return STATUS_INVALID_PARAMETER  # unverified: what Windows makes of such a selector
    k.host.set_registers(thread, registers, fxsave)
    return STATUS_SUCCESS


# ---------------------------------------------------------------- ThreadWow64Context
def get_wow64_context(k: Kernel, thread: Thread, access: int, address: int, length: int) -> NTSTATUS:
    """The WOW64_CONTEXT of a WoW64 thread, those parts that its ContextFlags ask for."""
    refused = _refused(thread, access & THREAD_GET_CONTEXT, length)
    if refused is not None:
        return refused
    registers, fxsave = k.host.registers(thread)
    if registers["cs"] == CODE32:
        context = wow64_context.context32_of(context64.context64(registers, fxsave))
    else:
        area = wow64_context.cpu_area(k.memory, thread.teb) + wow64_context.CONTEXT_IN_AREA
        context = k.memory.read(area, wow64_context.CONTEXT32_SIZE)
    return _read32(k.memory, context, address)


def set_wow64_context(k: Kernel, thread: Thread, access: int, address: int, length: int) -> NTSTATUS:
    """Let the 32-bit code of a thread go on with a WOW64_CONTEXT."""
    refused = _refused(thread, access & THREAD_SET_CONTEXT, length)
    if refused is not None:
        return refused
    context = k.memory.read(address, wow64_context.CONTEXT32_SIZE)
    registers, _ = k.host.registers(thread)
    if registers["cs"] == CODE32:
        return _set_stopped32(k, thread, context)
    wow64_context.set_context(k.memory, thread.teb, context, k.reset_state)
    return STATUS_SUCCESS


def _refused(thread: Thread, granted: int, length: int) -> NTSTATUS | None:
    if not granted:
        return STATUS_ACCESS_DENIED
    if not thread.teb32:
        return STATUS_INVALID_PARAMETER
    if thread.state is State.TERMINATED:
        return STATUS_THREAD_IS_TERMINATING
    return None if length == wow64_context.CONTEXT32_SIZE else STATUS_INFO_LENGTH_MISMATCH


# ---------------------------------------------------------------- 32-bit code that the CPU stands in
def _stopped32(k: Kernel, thread: Thread) -> bytes:
    registers, fxsave = k.host.registers(thread)
    return wow64_context.context32_of(context64.context64(registers, fxsave))


def _set_stopped32(k: Kernel, thread: Thread, context: bytes) -> NTSTATUS:
    registers, fxsave = k.host.registers(thread)
    merged = wow64_context.merged(wow64_context.context32_of(context64.context64(registers, fxsave)), context)
    wide = context64.registers_of(wow64_context.context64_of(merged), everything=True)
    # R8 to R15 are wow64cpu's own while 32-bit code runs
    narrow = {name: value for name, value in wide.items() if not name[1:].isdigit()}
    k.host.set_registers(thread, {**narrow, "cs": registers["cs"]}, merged[wow64_context.EXTENDED :])
    return STATUS_SUCCESS


def _read32(memory: Memory, context: bytes, address: int) -> NTSTATUS:
    """Write the parts that the caller's ContextFlags ask for, the flags as they were."""
    old = memory.read(address, wow64_context.CONTEXT32_SIZE)
    memory.write(address, wow64_context.asked_for(old, context))
    return STATUS_SUCCESS
