"""Threads: making, ending, suspending; APCs and alerts (nt!Ps, nt!Ke).

Leaves out other processes, impersonation and special user APCs. What a thread is: ``kernel.thread_information``;
contexts: ``kernel.contexts``. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

import struct

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.context import Kernel, ThreadRequest
from wowsim.kernel.objects import OBJ_INHERIT
from wowsim.kernel.table import Support, service
from wowsim.kernel.targets import thread_at
from wowsim.kernel.thread import Apc, InitialTeb, Process, State, Thread
from wowsim.nt.abi import (
    ACCESS_MASK,
    BOOLEAN,
    HANDLE,
    NTSTATUS,
    PPS_ATTRIBUTE_LIST,
    PVOID,
    SIZE_T,
    ULONG,
    ULONG_PTR,
    In,
    Out,
    encode,
)
from wowsim.nt.context64 import CONTEXT64_SIZE
from wowsim.nt.ps_attributes import (
    MOST_ATTRIBUTES,
    PS_ATTRIBUTE,
    PS_ATTRIBUTE_CLIENT_ID,
    PS_ATTRIBUTE_TEB_ADDRESS,
)
from wowsim.nt.status import (
    STATUS_CANT_TERMINATE_SELF,
    STATUS_INVALID_CID,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
    STATUS_SUSPEND_COUNT_EXCEEDED,
    STATUS_THREAD_IS_TERMINATING,
    STATUS_UNSUCCESSFUL,
)
from wowsim.nt.structures import CLIENT_ID, OBJECT_ATTRIBUTES
from wowsim.nt.wow64_context import CONTEXT32_SIZE, context32_of
from wowsim.nt.wow64_context import OFFSETS as CONTEXT

PROCESS_CREATE_THREAD = 0x2
THREAD_TERMINATE, THREAD_SUSPEND_RESUME, THREAD_ALERT = 0x1, 0x2, 0x4
THREAD_SET_CONTEXT = 0x10
CREATE_SUSPENDED, SKIP_THREAD_ATTACH, HIDE_FROM_DEBUGGER = 1, 2, 4
_CREATE_FLAGS = {
    0x10: "HAS_SECURITY_DESCRIPTOR", 0x20: "ACCESS_CHECK_IN_TARGET", 0x40: "BYPASS_PROCESS_FREEZE",
    0x80: "INITIAL_THREAD",
}  # fmt: skip
"""THREAD_CREATE_FLAGS (phnt) that wowsim lacks."""
MAXIMUM_SUSPEND_COUNT = 0x7F
MAXIMUM_THREADS = 4096
"""Of one process: each has two stacks and a TEB."""

_INITIAL_TEB: dict[int, struct.Struct] = {32: struct.Struct("<5I"), 64: struct.Struct("<5Q")}
"""OldStackBase, OldStackLimit, StackBase, StackLimit, StackAllocationBase (phnt)."""


# ---------------------------------------------------------------- making
@service(Support.PARTIAL, "in the own process; attributes ClientId and TebAddress; flags 1, 2 and 4")
def NtCreateThreadEx(
    k: Kernel,
    thread_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    process_handle: HANDLE,
    start_routine: PVOID,
    argument: PVOID,
    create_flags: ULONG,
    zero_bits: ULONG_PTR,
    stack_size: SIZE_T,
    maximum_stack_size: SIZE_T,
    attribute_list: PPS_ATTRIBUTE_LIST,
) -> NTSTATUS:
    """Make a thread of the process: stacks, TEBs, and a start in ntdll!LdrInitializeThunk."""
    access = Thread.mapping.grant(desired_access)
    k.handles.lookup(process_handle, Process, PROCESS_CREATE_THREAD)
    for flag, name in _CREATE_FLAGS.items():
        if create_flags & flag:
            raise Unsupported(f"NtCreateThreadEx: THREAD_CREATE_FLAGS_{name}")
    if create_flags & ~7:
        return STATUS_INVALID_PARAMETER
    wanted = _attributes(k, attribute_list)
    skip = create_flags & SKIP_THREAD_ATTACH != 0
    request = ThreadRequest(start_routine, argument, maximum_stack_size, stack_size, skip)
    inherit = 0 if object_attributes is None else object_attributes.Attributes & OBJ_INHERIT
    thread = make_thread(k, request, thread_handle, access, inherit, create_flags & CREATE_SUSPENDED != 0)
    thread.hidden = create_flags & HIDE_FROM_DEBUGGER != 0
    for attribute, address, size, returned in wanted:
        data = (
            _client_id(k, thread)
            if attribute == PS_ATTRIBUTE_CLIENT_ID
            else encode(PVOID, k.width, thread.teb)
        )
        k.memory.write(address, data[:size])
        if returned:
            k.memory.write(returned, encode(SIZE_T, k.width, min(size, len(data))))
    return STATUS_SUCCESS


@service(Support.PARTIAL, "in the own process; the context is 32-bit code's")
def NtCreateThread(
    k: Kernel,
    thread_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    process_handle: HANDLE,
    client_id: Out[CLIENT_ID] | None,
    thread_context: PVOID,
    initial_teb: PVOID,
    create_suspended: BOOLEAN,
) -> NTSTATUS:
    """Make a thread on a stack and in a context that the caller has prepared, as CreateThread did before Vista."""
    access = Thread.mapping.grant(desired_access)
    k.handles.lookup(process_handle, Process, PROCESS_CREATE_THREAD)
    if k.width == 32:
        context = k.memory.read(thread_context, CONTEXT32_SIZE)
    else:
        context = context32_of(k.memory.read(thread_context, CONTEXT64_SIZE))
    _, _, base, limit, allocation = k.memory.unpack(_INITIAL_TEB[k.width], initial_teb)
    start, argument = (int.from_bytes(context[CONTEXT[n] : CONTEXT[n] + 4], "little") for n in ("Eax", "Ebx"))
    stack = InitialTeb(base & 0xFFFFFFFF, limit & 0xFFFFFFFF, allocation & 0xFFFFFFFF)
    request = ThreadRequest(start, argument, stack=stack, context=context)
    inherit = 0 if object_attributes is None else object_attributes.Attributes & OBJ_INHERIT
    thread = make_thread(k, request, thread_handle, access, inherit, create_suspended != 0)
    if client_id is not None:
        client_id.set(CLIENT_ID(HANDLE(k.process.id), HANDLE(thread.id)))
    return STATUS_SUCCESS


def make_thread(
    k: Kernel, request: ThreadRequest, handle: Out[HANDLE], access: int, inherit: int, suspended: bool
) -> Thread:
    """Make a thread with its handle and let it run, unless it begins suspended."""
    if len(k.threads) >= MAXIMUM_THREADS:
        raise GuestFault(0xC000012D)  # STATUS_COMMITMENT_LIMIT
    thread = k.host.create(request)
    try:
        opened = k.handles.insert(thread, access, inherit)
    except GuestFault:
        k.host.delete(thread)
        raise
    handle.set(HANDLE(opened))
    k.threads.append(thread)
    thread.suspended = int(suspended)
    k.scheduler.make_ready(thread)
    return thread


def _client_id(k: Kernel, thread: Thread) -> bytes:
    return encode(CLIENT_ID, k.width, CLIENT_ID(HANDLE(k.process.id), HANDLE(thread.id)))


def _attributes(k: Kernel, address: int) -> list[tuple[int, int, int, int]]:
    """(attribute, value's address, its size, where the length goes) of what the list asks for."""
    if not address:
        return []
    size = k.width // 8
    shape = PS_ATTRIBUTE[k.width]
    total = int.from_bytes(k.memory.read(address, size), "little")
    count, rest = divmod(total - size, shape.size)
    if rest or not 0 <= count <= MOST_ATTRIBUTES:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    found = []
    for index in range(count):
        attribute, length, value, returned = shape.unpack(
            k.memory.read(address + size + index * shape.size, shape.size)
        )
        if attribute not in (PS_ATTRIBUTE_CLIENT_ID, PS_ATTRIBUTE_TEB_ADDRESS):
            raise Unsupported(f"NtCreateThreadEx: PS_ATTRIBUTE {attribute:X}h")
        k.memory.probe_write(value, length)
        if returned:
            k.memory.probe_write(returned, size)
        found.append((attribute, value, length, returned))
    return found


@service(Support.PARTIAL, "threads of the own process")
def NtOpenThread(
    k: Kernel,
    thread_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    client_id: In[CLIENT_ID],
) -> NTSTATUS:
    """Open a thread by its id."""
    access = Thread.mapping.grant(desired_access)
    if client_id.UniqueProcess not in (0, k.process.id):
        return STATUS_INVALID_CID
    found = next((each for each in k.threads if each.id == client_id.UniqueThread), None)
    if found is None:
        return STATUS_INVALID_CID
    thread_handle.set(HANDLE(k.handles.insert(found, access, object_attributes.Attributes & OBJ_INHERIT)))
    return STATUS_SUCCESS


# ---------------------------------------------------------------- ending, suspending
@service(Support.FULL)
def NtTerminateThread(k: Kernel, thread_handle: HANDLE, exit_status: NTSTATUS) -> NTSTATUS:
    """End a thread; handle 0 is the caller, which must not be the last one (STATUS_CANT_TERMINATE_SELF)."""
    if thread_handle == 0:
        if len(k.threads) == 1:
            return STATUS_CANT_TERMINATE_SELF
        thread = k.thread
    else:
        thread = k.handles.lookup(thread_handle, Thread, THREAD_TERMINATE)
    k.exit_thread(thread, exit_status)
    return STATUS_SUCCESS


@service(Support.FULL)
def NtSuspendThread(k: Kernel, thread_handle: HANDLE, previous_suspend_count: Out[ULONG] | None) -> NTSTATUS:
    """Keep a thread from running until it is resumed as often."""
    thread, scheduler = thread_at(k, thread_handle, THREAD_SUSPEND_RESUME)
    if thread.state is State.TERMINATED:
        return STATUS_THREAD_IS_TERMINATING
    before = thread.suspended
    if before == MAXIMUM_SUSPEND_COUNT:
        return STATUS_SUSPEND_COUNT_EXCEEDED
    scheduler.suspend(thread)
    if previous_suspend_count is not None:
        previous_suspend_count.set(ULONG(before))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtResumeThread(k: Kernel, thread_handle: HANDLE, previous_suspend_count: Out[ULONG] | None) -> NTSTATUS:
    """Undo one suspension."""
    thread, scheduler = thread_at(k, thread_handle, THREAD_SUSPEND_RESUME)
    before = thread.suspended
    if before:
        scheduler.resume(thread)
    if previous_suspend_count is not None:
        previous_suspend_count.set(ULONG(before))
    return STATUS_SUCCESS


# ---------------------------------------------------------------- APCs and alerts
@service(Support.FULL)
def NtQueueApcThread(
    k: Kernel,
    thread_handle: HANDLE,
    apc_routine: PVOID,
    apc_argument1: PVOID,
    apc_argument2: PVOID,
    apc_argument3: PVOID,
) -> NTSTATUS:
    """Queue a user APC: the thread runs it when it waits alertably."""
    thread = k.handles.lookup(thread_handle, Thread, THREAD_SET_CONTEXT)
    if thread.state is State.TERMINATED:
        return STATUS_UNSUCCESSFUL
    k.scheduler.queue_apc(thread, Apc(apc_routine, (apc_argument1, apc_argument2, apc_argument3)))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtTestAlert(k: Kernel) -> NTSTATUS:
    """Run what APCs are queued; say whether the thread was alerted."""
    k.process.started = True
    alerted, k.thread.alerted = k.thread.alerted, False
    k.scheduler.test_alert()
    return NTSTATUS(0x101) if alerted else STATUS_SUCCESS


@service(Support.FULL)
def NtAlertThread(k: Kernel, thread_handle: HANDLE) -> NTSTATUS:
    """End a thread's alertable wait, or the next one."""
    k.scheduler.alert(k.handles.lookup(thread_handle, Thread, THREAD_ALERT))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtAlertResumeThread(
    k: Kernel, thread_handle: HANDLE, previous_suspend_count: Out[ULONG] | None
) -> NTSTATUS:
    """Alert a thread and undo one suspension."""
    k.scheduler.alert(k.handles.lookup(thread_handle, Thread, THREAD_SUSPEND_RESUME))
    return NtResumeThread(k, thread_handle, previous_suspend_count)
