"""Threads: making, ending, suspending, asking; APCs and alerts (nt!Ps, nt!Ke).

Leaves out other processes, impersonation, affinity beyond the one processor, and special user APCs. Information
classes: phnt; their lengths are checked as Windows does (exact for fixed ones). Contexts: ``kernel.contexts``.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

import struct
from typing import Any

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.class_names import THREAD_CLASSES, absent
from wowsim.kernel.context import Kernel, ThreadRequest
from wowsim.kernel.contexts import get_wow64_context, set_wow64_context
from wowsim.kernel.objects import OBJ_INHERIT
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Apc, InitialTeb, Process, State, Thread
from wowsim.nt.abi import (
    ACCESS_MASK,
    BOOLEAN,
    HANDLE,
    LONG,
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
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_CANT_TERMINATE_SELF,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_CID,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
    STATUS_SUSPEND_COUNT_EXCEEDED,
    STATUS_THREAD_IS_TERMINATING,
    STATUS_UNSUCCESSFUL,
)
from wowsim.nt.structures import CLIENT_ID, OBJECT_ATTRIBUTES, THREAD_BASIC_INFORMATION
from wowsim.nt.wow64_context import CONTEXT32_SIZE, context32_of
from wowsim.nt.wow64_context import OFFSETS as CONTEXT

PROCESS_CREATE_THREAD = 0x2
THREAD_TERMINATE, THREAD_SUSPEND_RESUME, THREAD_ALERT = 0x1, 0x2, 0x4
THREAD_SET_CONTEXT, THREAD_SET_INFORMATION = 0x10, 0x20
THREAD_QUERY = 0x840
"""THREAD_QUERY_INFORMATION or THREAD_QUERY_LIMITED_INFORMATION."""
CREATE_SUSPENDED, SKIP_THREAD_ATTACH, HIDE_FROM_DEBUGGER = 1, 2, 4
_CREATE_FLAGS = {
    0x10: "HAS_SECURITY_DESCRIPTOR", 0x20: "ACCESS_CHECK_IN_TARGET", 0x40: "BYPASS_PROCESS_FREEZE",
    0x80: "INITIAL_THREAD",
}  # fmt: skip
"""THREAD_CREATE_FLAGS (phnt) that wowsim lacks."""
MAXIMUM_SUSPEND_COUNT = 0x7F
MAXIMUM_THREADS = 4096
"""Of one process: each has two stacks and a TEB."""

_PS_CLIENT_ID, _PS_TEB_ADDRESS = 0x10003, 0x10004
"""PS_ATTRIBUTEs of a new thread that give something back (phnt: PsAttributeClientId, PsAttributeTebAddress)."""
_ATTRIBUTES: dict[int, struct.Struct] = {32: struct.Struct("<4I"), 64: struct.Struct("<4Q")}
MAXIMUM_ATTRIBUTES = 16
_INITIAL_TEB: dict[int, struct.Struct] = {32: struct.Struct("<5I"), 64: struct.Struct("<5Q")}
"""OldStackBase, OldStackLimit, StackBase, StackLimit, StackAllocationBase (phnt)."""

_TLS = {32: (0xE10, 0xF94, 4), 64: (0x1480, 0x1780, 8)}
"""TEB offsets of TlsSlots and TlsExpansionSlots, and the size of a slot (wow64-facts section 9)."""
TLS_SLOTS, TLS_EXPANSION_SLOTS = 64, 1024
_ABSOLUTE_PRIORITIES = {15: 15, -15: 1, 16: 15, -16: 1}
"""ThreadBasePriority's saturated values: THREAD_PRIORITY_TIME_CRITICAL and _IDLE as SetThreadPriority passes them."""


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
        data = _client_id(k, thread) if attribute == _PS_CLIENT_ID else encode(PVOID, k.width, thread.teb)
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
    shape = _ATTRIBUTES[k.width]
    total = int.from_bytes(k.memory.read(address, size), "little")
    count, rest = divmod(total - size, shape.size)
    if rest or not 0 <= count <= MAXIMUM_ATTRIBUTES:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    found = []
    for index in range(count):
        attribute, length, value, returned = shape.unpack(
            k.memory.read(address + size + index * shape.size, shape.size)
        )
        if attribute not in (_PS_CLIENT_ID, _PS_TEB_ADDRESS):
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
    thread = k.handles.lookup(thread_handle, Thread, THREAD_SUSPEND_RESUME)
    if thread.state is State.TERMINATED:
        return STATUS_THREAD_IS_TERMINATING
    before = thread.suspended
    if before == MAXIMUM_SUSPEND_COUNT:
        return STATUS_SUSPEND_COUNT_EXCEEDED
    k.scheduler.suspend(thread)
    if previous_suspend_count is not None:
        previous_suspend_count.set(ULONG(before))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtResumeThread(k: Kernel, thread_handle: HANDLE, previous_suspend_count: Out[ULONG] | None) -> NTSTATUS:
    """Undo one suspension."""
    thread = k.handles.lookup(thread_handle, Thread, THREAD_SUSPEND_RESUME)
    before = thread.suspended
    if before:
        k.scheduler.resume(thread)
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


# ---------------------------------------------------------------- asking and setting
@service(Support.PARTIAL, "classes 0, 1, 9, 12, 14, 17, 29, 35; times are the process' age")
def NtQueryInformationThread(
    k: Kernel,
    thread_handle: HANDLE,
    thread_information_class: ULONG,
    thread_information: PVOID,
    thread_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """What a thread is."""
    thread, access = k.handles.lookup_granted(thread_handle, Thread)
    if thread_information_class == 29:
        return get_wow64_context(k, thread, access, thread_information, thread_information_length)
    if not access & THREAD_QUERY:
        return STATUS_ACCESS_DENIED
    answer = _answer(k, thread, thread_information_class)
    if answer is None:
        raise absent("NtQueryInformationThread", THREAD_CLASSES, thread_information_class)
    data = encode(answer[0], k.width, answer[1]) if answer[0] is not bytes else answer[1]
    if thread_information_length != len(data):
        return STATUS_INFO_LENGTH_MISMATCH
    k.memory.write(thread_information, data)
    if return_length is not None:
        return_length.set(ULONG(len(data)))
    return STATUS_SUCCESS


def _answer(k: Kernel, thread: Thread, information_class: int) -> tuple[Any, Any] | None:
    if information_class == 0:
        ids = CLIENT_ID(HANDLE(k.process.id), HANDLE(thread.id))
        priority = LONG(thread.priority)
        value = THREAD_BASIC_INFORMATION(
            NTSTATUS(thread.exit_status), PVOID(thread.teb), ids, ULONG_PTR(1), priority,
            LONG(thread.base_priority),
        )  # fmt: skip
        return THREAD_BASIC_INFORMATION, value
    if information_class == 1:
        return bytes, struct.pack("<4Q", thread.created, thread.exited, 0, 0)
    answers: dict[int, tuple[Any, Any]] = {
        9: (ULONG_PTR, thread.start),
        12: (ULONG, int(len(k.threads) == 1)),
        14: (ULONG, int(thread.boost_disabled)),
        17: (BOOLEAN, int(thread.hidden)),
        35: (ULONG, thread.suspended),
    }
    return answers.get(information_class)


@service(Support.PARTIAL, "classes 3, 4, 9, 10, 13, 14, 17, 29")
def NtSetInformationThread(
    k: Kernel,
    thread_handle: HANDLE,
    thread_information_class: ULONG,
    thread_information: PVOID,
    thread_information_length: ULONG,
) -> NTSTATUS:
    """Priorities, a TLS slot of every thread, hiding from a debugger, the 32-bit context."""
    thread, access = k.handles.lookup_granted(thread_handle, Thread)
    if thread_information_class == 29:
        return set_wow64_context(k, thread, access, thread_information, thread_information_length)
    if not access & THREAD_SET_INFORMATION:
        return STATUS_ACCESS_DENIED
    sizes = {3: 4, 4: k.width // 8, 9: k.width // 8, 10: 4, 13: 4, 14: 4, 17: 0}
    size = sizes.get(thread_information_class)
    if size is None:
        raise absent("NtSetInformationThread", THREAD_CLASSES, thread_information_class)
    if thread_information_class == 10 and thread is not k.thread:
        return STATUS_INVALID_PARAMETER
    if thread_information_length != size:
        return STATUS_INFO_LENGTH_MISMATCH
    value = int.from_bytes(k.memory.read(thread_information, size), "little") if size else 0
    return _set(k, thread, thread_information_class, value)


def _set(k: Kernel, thread: Thread, information_class: int, value: int) -> NTSTATUS:
    if information_class == 3:
        increment = value - (1 << 32) if value >> 31 else value
        if increment not in _ABSOLUTE_PRIORITIES and not -2 <= increment <= 2:
            return STATUS_INVALID_PARAMETER
        thread.base_priority = _ABSOLUTE_PRIORITIES.get(increment, k.process.base_priority + increment)
        k.scheduler.set_priority(thread, thread.base_priority)
    elif information_class == 4:
        if value != 1:  # the one processor there is
            return STATUS_INVALID_PARAMETER
    elif information_class == 9:
        thread.start = value
    elif information_class == 10:
        if value >= TLS_SLOTS + TLS_EXPANSION_SLOTS:
            return STATUS_INVALID_PARAMETER
        for each in k.threads:
            _clear_tls(k, each, value)
    elif information_class == 13:
        if value > k.width:  # MAXIMUM_PROCESSORS itself only asks (Microsoft Learn, SetThreadIdealProcessor)
            return STATUS_INVALID_PARAMETER
    elif information_class == 14:
        thread.boost_disabled = value != 0
    else:
        thread.hidden = True
    return STATUS_SUCCESS


def _clear_tls(k: Kernel, thread: Thread, index: int) -> None:
    """In a WoW64 process it is the 32-bit TEB that is meant (unverified)."""
    wow64 = thread.teb32 != 0
    teb = thread.teb32 if wow64 else thread.teb
    slots, expansion, size = _TLS[32 if wow64 else k.width]
    if index < TLS_SLOTS:
        address = teb + slots + index * size
    else:
        table = int.from_bytes(k.memory.read(teb + expansion, size), "little")
        if table == 0:
            return
        address = table + (index - TLS_SLOTS) * size
    k.memory.write(address, bytes(size))
