"""Opening processes, walking through processes and threads, stopping all threads of one (nt!Ps).

There are the System process, which nobody may open, the one that runs and its children; whoever started the first one
has ended. Walking through processes finds the own one only.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.kernel.context import Kernel
from wowsim.kernel.objects import OBJ_INHERIT
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Process, Thread
from wowsim.kernel.threads import MAXIMUM_SUSPEND_COUNT
from wowsim.nt.abi import ACCESS_MASK, HANDLE, NTSTATUS, ULONG, In, Out
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_INVALID_CID,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_PARAMETER_MIX,
    STATUS_NO_MORE_ENTRIES,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_PROCESS_IS_TERMINATING,
    STATUS_SUCCESS,
    STATUS_SUSPEND_COUNT_EXCEEDED,
)
from wowsim.nt.structures import CLIENT_ID, OBJECT_ATTRIBUTES

PROCESS_QUERY_INFORMATION, PROCESS_SUSPEND_RESUME = 0x400, 0x800
SYSTEM_PROCESS_ID = 4


@service(Support.FULL)
def NtOpenProcess(
    k: Kernel,
    process_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    client_id: In[CLIENT_ID] | None,
) -> NTSTATUS:
    """Open a process by its id or by one of its threads' (MS docs, ZwOpenProcess).

    System refuses everybody (MS docs, OpenProcess); processes have no names.
    """
    if object_attributes.ObjectName:
        if client_id is not None:
            return STATUS_INVALID_PARAMETER_MIX
        return STATUS_OBJECT_NAME_NOT_FOUND
    if client_id is None:
        return STATUS_INVALID_PARAMETER_MIX
    process, thread = client_id.UniqueProcess, client_id.UniqueThread
    found = next((each for each in k.relatives if _meant(each, process, thread)), None)
    if found is None:
        return STATUS_ACCESS_DENIED if process == SYSTEM_PROCESS_ID and not thread else STATUS_INVALID_CID
    access = Process.mapping.grant(desired_access)
    inherit = object_attributes.Attributes & OBJ_INHERIT
    process_handle.set(HANDLE(k.handles.insert(found, access, inherit)))
    return STATUS_SUCCESS


def _meant(process: Process, process_id: int, thread_id: int) -> bool:
    if not thread_id:
        return process_id & ~3 == process.id
    threads = [] if process.kernel is None else process.kernel.threads
    return any(each.id == thread_id for each in threads) and process_id in (0, process.id)


@service(Support.FULL)
def NtGetNextProcess(
    k: Kernel,
    process_handle: HANDLE,
    desired_access: ACCESS_MASK,
    handle_attributes: ULONG,
    flags: ULONG,
    new_process_handle: Out[HANDLE],
) -> NTSTATUS:
    """The next process that the caller may open: the one there is, and none behind it."""
    if flags & ~1:
        return STATUS_INVALID_PARAMETER
    if process_handle:
        k.handles.lookup(process_handle, Process)
        return STATUS_NO_MORE_ENTRIES
    access = Process.mapping.grant(desired_access)
    new_process_handle.set(HANDLE(k.handles.insert(k.process, access, handle_attributes & OBJ_INHERIT)))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtGetNextThread(
    k: Kernel,
    process_handle: HANDLE,
    thread_handle: HANDLE,
    desired_access: ACCESS_MASK,
    handle_attributes: ULONG,
    flags: ULONG,
    new_thread_handle: Out[HANDLE],
) -> NTSTATUS:
    """The process' first thread, or the one behind another; they come in the order of their making."""
    if flags:
        return STATUS_INVALID_PARAMETER
    k.handles.lookup(process_handle, Process, PROCESS_QUERY_INFORMATION)
    after = k.handles.lookup(thread_handle, Thread).id if thread_handle else 0
    following = sorted((each for each in k.threads if each.id > after), key=lambda each: each.id)
    if not following:
        return STATUS_NO_MORE_ENTRIES
    access = Thread.mapping.grant(desired_access)
    handle = k.handles.insert(following[0], access, handle_attributes & OBJ_INHERIT)
    new_thread_handle.set(HANDLE(handle))
    return STATUS_SUCCESS


# ---------------------------------------------------------------- all threads at once
@service(Support.FULL)
def NtSuspendProcess(k: Kernel, process_handle: HANDLE) -> NTSTATUS:
    """Suspend every thread of the process once more, the caller last."""
    process = k.handles.lookup(process_handle, Process, PROCESS_SUSPEND_RESUME)
    if process.ended:
        return STATUS_PROCESS_IS_TERMINATING
    if any(thread.suspended >= MAXIMUM_SUSPEND_COUNT for thread in k.threads):
        return STATUS_SUSPEND_COUNT_EXCEEDED
    for thread in sorted(k.threads, key=lambda each: each is k.thread):
        k.scheduler.suspend(thread)
    return STATUS_SUCCESS


@service(Support.FULL)
def NtResumeProcess(k: Kernel, process_handle: HANDLE) -> NTSTATUS:
    """Undo one suspension of every thread."""
    k.handles.lookup(process_handle, Process, PROCESS_SUSPEND_RESUME)
    for thread in k.threads:
        if thread.suspended:
            k.scheduler.resume(thread)
    return STATUS_SUCCESS
