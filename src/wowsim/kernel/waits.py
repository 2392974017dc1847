"""Waiting: NtWaitForSingleObject and its kin, delays, keyed events, alerts by thread id (nt!Ob, nt!Ke, nt!Ex).

A negative timeout is relative, another one a moment, NULL is never; times are the simulated clock's. Leaves out wait
completion packets. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

import struct
from typing import Annotated

from wowsim.errors import GuestFault
from wowsim.kernel.access import SYNCHRONIZE
from wowsim.kernel.context import Kernel
from wowsim.kernel.device import FileObject
from wowsim.kernel.dispatcher import (
    MAXIMUM_WAIT_OBJECTS,
    DispatcherObject,
    Event,
    KeyedEvent,
    Mutant,
    Semaphore,
    Wait,
)
from wowsim.kernel.naming import create_object, open_object
from wowsim.kernel.objects import KernelObject
from wowsim.kernel.synchronization import EVENT_MODIFY_STATE, SEMAPHORE_MODIFY_STATE
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import ACCESS_MASK, BOOLEAN, HANDLE, LARGE_INTEGER, NTSTATUS, PVOID, ULONG, Array, In, Out
from wowsim.nt.status import (
    STATUS_ACCESS_VIOLATION,
    STATUS_ALERTED,
    STATUS_INVALID_CID,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_PARAMETER_1,
    STATUS_INVALID_PARAMETER_3,
    STATUS_NO_YIELD_PERFORMED,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import OBJECT_ATTRIBUTES

KEYEDEVENT_WAIT, KEYEDEVENT_WAKE = 1, 2
WAIT_ALL, WAIT_ANY = 0, 1


def deadline(k: Kernel, timeout: int | None) -> int | None:
    """The moment that a timeout means; None for never."""
    return None if timeout is None else k.clock.moment(timeout)


def _waitable(k: Kernel, handle: int) -> DispatcherObject:
    """The object to wait for."""
    found = k.handles.lookup(handle, KernelObject, SYNCHRONIZE)
    if isinstance(found, FileObject):
        return found.event
    if not isinstance(found, DispatcherObject):
        raise GuestFault(STATUS_OBJECT_TYPE_MISMATCH)
    return found


# ---------------------------------------------------------------- objects
@service(Support.FULL)
def NtWaitForSingleObject(
    k: Kernel, handle: HANDLE, alertable: BOOLEAN, timeout: In[LARGE_INTEGER] | None
) -> NTSTATUS:
    """Wait until an object is signalled."""
    found = _waitable(k, handle)
    return NTSTATUS(k.scheduler.wait((found,), False, alertable != 0, deadline(k, timeout)))


@service(Support.FULL)
def NtWaitForMultipleObjects(
    k: Kernel,
    count: ULONG,
    handles: Annotated[PVOID, Array(HANDLE, "count")],
    wait_type: ULONG,
    alertable: BOOLEAN,
    timeout: In[LARGE_INTEGER] | None,
) -> NTSTATUS:
    """Wait until all (type 0) or one (type 1) of up to 64 objects are signalled."""
    return _wait_for_multiple(k, k.width, count, handles, wait_type, alertable, timeout)


@service(Support.FULL)
def NtWaitForMultipleObjects32(
    k: Kernel,
    count: ULONG,
    handles: PVOID,
    wait_type: ULONG,
    alertable: BOOLEAN,
    timeout: In[LARGE_INTEGER] | None,
) -> NTSTATUS:
    """The same with an array of 32-bit handles."""
    return _wait_for_multiple(k, 32, count, handles, wait_type, alertable, timeout)


def _wait_for_multiple(
    k: Kernel, width: int, count: int, handles: int, wait_type: int, alertable: int, timeout: int | None
) -> NTSTATUS:
    if not 0 < count <= MAXIMUM_WAIT_OBJECTS:
        return STATUS_INVALID_PARAMETER_1
    if wait_type not in (WAIT_ALL, WAIT_ANY):
        return STATUS_INVALID_PARAMETER_3
    shape = struct.Struct(f"<{count}{'q' if width == 64 else 'i'}")  # signed, as pseudo-handles are
    objects = [_waitable(k, handle) for handle in shape.unpack(k.memory.read(handles, shape.size))]
    every = wait_type == WAIT_ALL
    if every and len(set(map(id, objects))) != len(objects):
        return STATUS_INVALID_PARAMETER  # an object twice (KeWaitForMultipleObjects; unverified in ring 3)
    return NTSTATUS(k.scheduler.wait(objects, every, alertable != 0, deadline(k, timeout)))


@service(Support.FULL)
def NtSignalAndWaitForSingleObject(
    k: Kernel,
    signal_handle: HANDLE,
    wait_handle: HANDLE,
    alertable: BOOLEAN,
    timeout: In[LARGE_INTEGER] | None,
) -> NTSTATUS:
    """Signal an event, mutant or semaphore and wait for another object, with nobody in between."""
    signalled = k.handles.lookup(signal_handle, KernelObject)
    awaited = _waitable(k, wait_handle)
    if isinstance(signalled, Event):
        k.handles.lookup(signal_handle, Event, EVENT_MODIFY_STATE).signaled = True
    elif isinstance(signalled, Mutant):
        signalled.release(k.thread)
    elif isinstance(signalled, Semaphore):
        k.handles.lookup(signal_handle, Semaphore, SEMAPHORE_MODIFY_STATE).release(1)
    else:
        return STATUS_OBJECT_TYPE_MISMATCH
    k.scheduler.signal(signalled)
    return NTSTATUS(k.scheduler.wait((awaited,), False, alertable != 0, deadline(k, timeout)))


# ---------------------------------------------------------------- time
@service(Support.FULL)
def NtDelayExecution(k: Kernel, alertable: BOOLEAN, delay_interval: In[LARGE_INTEGER] | None) -> NTSTATUS:
    """Let time pass: negative intervals are relative, others a moment."""
    if delay_interval is None and not k.lenient:
        raise GuestFault(STATUS_ACCESS_VIOLATION, 0)
    if delay_interval == 0:
        k.scheduler.yield_()
    wait = Wait(k.thread, (), False, alertable != 0, deadline(k, delay_interval), "a delay", STATUS_SUCCESS)
    return NTSTATUS(k.scheduler.block(wait))


@service(Support.FULL)
def NtYieldExecution(k: Kernel) -> NTSTATUS:
    """Let another thread run, if one is ready."""
    return STATUS_SUCCESS if k.scheduler.yield_() else STATUS_NO_YIELD_PERFORMED


# ---------------------------------------------------------------- keyed events
def _meet(
    k: Kernel, handle: int, access: int, key: int, alertable: int, timeout: int | None, release: bool
) -> NTSTATUS:
    """Wake the partner of the same key, or wait for one; the process' own event stands behind handle 0."""
    event = k.handles.lookup(handle, KeyedEvent, access) if handle else k.keyed_event
    if key & 1:
        return STATUS_INVALID_PARAMETER_1  # unverified: phnt says only that keys are even
    mine, others = (event.releasing, event.waiting) if release else (event.waiting, event.releasing)
    if others.get(key):
        k.scheduler.wake(others[key][0].thread, STATUS_SUCCESS)
        return STATUS_SUCCESS
    what = f"{'a wait' if release else 'a release'} at the keyed event's key {key:X}"
    wait = Wait(k.thread, (), False, alertable != 0, deadline(k, timeout), what)
    mine.setdefault(key, []).append(wait)

    def ended() -> None:
        mine[key].remove(wait)
        if not mine[key]:
            del mine[key]

    wait.ended = ended
    try:
        return NTSTATUS(k.scheduler.block(wait))
    finally:
        if k.thread.wait is not wait:
            ended()  # it was over before it began


@service(Support.FULL)
def NtCreateKeyedEvent(
    k: Kernel,
    keyed_event_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    flags: ULONG,
) -> NTSTATUS:
    """Make a keyed event; flags must be 0."""
    if flags:
        return STATUS_INVALID_PARAMETER
    access = KeyedEvent.mapping.grant(desired_access)
    return create_object(
        k, KeyedEvent, object_attributes, access, keyed_event_handle, lambda place: KeyedEvent(k, place)
    )


@service(Support.FULL)
def NtOpenKeyedEvent(
    k: Kernel,
    keyed_event_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS:
    """Open a keyed event by name."""
    return open_object(k, KeyedEvent, object_attributes, desired_access, keyed_event_handle)


@service(Support.FULL)
def NtWaitForKeyedEvent(
    k: Kernel,
    keyed_event_handle: HANDLE,
    key_value: PVOID,
    alertable: BOOLEAN,
    timeout: In[LARGE_INTEGER] | None,
) -> NTSTATUS:
    """Wait for a release of the same key."""
    return _meet(k, keyed_event_handle, KEYEDEVENT_WAIT, key_value, alertable, timeout, False)


@service(Support.FULL)
def NtReleaseKeyedEvent(
    k: Kernel,
    keyed_event_handle: HANDLE,
    key_value: PVOID,
    alertable: BOOLEAN,
    timeout: In[LARGE_INTEGER] | None,
) -> NTSTATUS:
    """Release one wait of the same key, waiting for it if it has not come yet."""
    return _meet(k, keyed_event_handle, KEYEDEVENT_WAKE, key_value, alertable, timeout, True)


# ---------------------------------------------------------------- alerts by thread id
@service(Support.FULL)
def NtWaitForAlertByThreadId(k: Kernel, address: PVOID, timeout: In[LARGE_INTEGER] | None) -> NTSTATUS:
    """Wait for NtAlertThreadByThreadId (WaitOnAddress and SRW locks stand on it)."""
    thread = k.thread
    if thread.id_alerted:
        thread.id_alerted = False
        return STATUS_ALERTED
    wait = Wait(thread, (), False, False, deadline(k, timeout), f"an alert by its id (address {address:X})")
    thread.id_wait = wait
    return NTSTATUS(k.scheduler.block(wait))


@service(Support.FULL)
def NtAlertThreadByThreadId(k: Kernel, thread_id: HANDLE) -> NTSTATUS:
    """End a thread's NtWaitForAlertByThreadId, or the next one."""
    thread = next((each for each in k.threads if each.id == thread_id), None)
    if thread is None:
        return STATUS_INVALID_CID
    if thread.id_wait is not None and thread.wait is thread.id_wait:
        thread.id_wait = None
        k.scheduler.wake(thread, STATUS_ALERTED)
    else:
        thread.id_alerted = True
    return STATUS_SUCCESS
