"""Events, mutants and semaphores: NtCreateEvent to NtQuerySemaphore (nt!Ex).

Access rights and statuses: winnt.h and Microsoft Learn, "Synchronization Objects"; the query structures: phnt.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from typing import Any

from wowsim.errors import GuestFault
from wowsim.kernel.context import Kernel
from wowsim.kernel.dispatcher import Event, Mutant, Semaphore
from wowsim.kernel.naming import create_object, open_object
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import ACCESS_MASK, BOOLEAN, HANDLE, LONG, NTSTATUS, PVOID, ULONG, In, Out, encode, size_of
from wowsim.nt.status import (
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import (
    EVENT_BASIC_INFORMATION,
    MUTANT_BASIC_INFORMATION,
    OBJECT_ATTRIBUTES,
    SEMAPHORE_BASIC_INFORMATION,
)

EVENT_QUERY_STATE, EVENT_MODIFY_STATE = 1, 2
MUTANT_QUERY_STATE = 1
SEMAPHORE_QUERY_STATE, SEMAPHORE_MODIFY_STATE = 1, 2
NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT = 0, 1


def query_answer(
    k: Kernel, information_class: int, value: Any, address: int, length: int, returned: Out[ULONG] | None
) -> NTSTATUS:
    """What a query with one class, 0, answers."""
    kind = type(value)
    size = size_of(kind, k.width)
    if information_class != 0:
        return STATUS_INVALID_INFO_CLASS
    if length != size:
        return STATUS_INFO_LENGTH_MISMATCH
    k.memory.write(address, encode(kind, k.width, value))
    if returned is not None:
        returned.set(ULONG(size))
    return STATUS_SUCCESS


# ---------------------------------------------------------------- events
@service(Support.FULL)
def NtCreateEvent(
    k: Kernel,
    event_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    event_type: ULONG,
    initial_state: BOOLEAN,
) -> NTSTATUS:
    """Make an event: type 0 stays set for all who wait, type 1 for one."""
    if event_type not in (NOTIFICATION_EVENT, SYNCHRONIZATION_EVENT):
        return STATUS_INVALID_PARAMETER
    access = Event.mapping.grant(desired_access)
    synchronization, signaled = event_type == SYNCHRONIZATION_EVENT, initial_state != 0
    return create_object(
        k, Event, object_attributes, access, event_handle,
        lambda place: Event(k, place, synchronization, signaled),
    )  # fmt: skip


@service(Support.FULL)
def NtOpenEvent(
    k: Kernel,
    event_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS:
    """Open an event by name."""
    return open_object(k, Event, object_attributes, desired_access, event_handle)


def _change(k: Kernel, handle: int, signaled: bool, previous_state: Out[LONG] | None) -> NTSTATUS:
    event = k.handles.lookup(handle, Event, EVENT_MODIFY_STATE)
    before, event.signaled = event.signaled, signaled
    if signaled:
        k.scheduler.signal(event)
    if previous_state is not None:
        previous_state.set(LONG(before))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtSetEvent(k: Kernel, event_handle: HANDLE, previous_state: Out[LONG] | None) -> NTSTATUS:
    """Set an event and end the waits that it ends."""
    return _change(k, event_handle, True, previous_state)


@service(Support.FULL)
def NtResetEvent(k: Kernel, event_handle: HANDLE, previous_state: Out[LONG] | None) -> NTSTATUS:
    """Reset an event and say how it was."""
    return _change(k, event_handle, False, previous_state)


@service(Support.FULL)
def NtClearEvent(k: Kernel, event_handle: HANDLE) -> NTSTATUS:
    """Reset an event."""
    return _change(k, event_handle, False, None)


@service(Support.FULL)
def NtPulseEvent(k: Kernel, event_handle: HANDLE, previous_state: Out[LONG] | None) -> NTSTATUS:
    """Set an event for those who wait at this moment, and reset it."""
    status = _change(k, event_handle, True, previous_state)
    k.handles.lookup(event_handle, Event).signaled = False
    return status


@service(Support.FULL)
def NtQueryEvent(
    k: Kernel,
    event_handle: HANDLE,
    event_information_class: ULONG,
    event_information: PVOID,
    event_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """Type and state."""
    event = k.handles.lookup(event_handle, Event, EVENT_QUERY_STATE)
    value = EVENT_BASIC_INFORMATION(LONG(event.synchronization), LONG(event.signaled))
    return query_answer(
        k, event_information_class, value, event_information, event_information_length, return_length
    )


# ---------------------------------------------------------------- mutants
@service(Support.FULL)
def NtCreateMutant(
    k: Kernel,
    mutant_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    initial_owner: BOOLEAN,
) -> NTSTATUS:
    """Make a mutant, owned by the caller or by nobody."""
    access = Mutant.mapping.grant(desired_access)
    owner = k.thread if initial_owner else None
    return create_object(
        k, Mutant, object_attributes, access, mutant_handle, lambda place: Mutant(k, place, owner)
    )


@service(Support.FULL)
def NtOpenMutant(
    k: Kernel,
    mutant_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS:
    """Open a mutant by name."""
    return open_object(k, Mutant, object_attributes, desired_access, mutant_handle)


@service(Support.FULL)
def NtReleaseMutant(k: Kernel, mutant_handle: HANDLE, previous_count: Out[LONG] | None) -> NTSTATUS:
    """Give up one ownership; only the owner may."""
    mutant = k.handles.lookup(mutant_handle, Mutant)
    before = mutant.release(k.thread)
    k.scheduler.signal(mutant)
    if previous_count is not None:
        previous_count.set(LONG(before))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtQueryMutant(
    k: Kernel,
    mutant_handle: HANDLE,
    mutant_information_class: ULONG,
    mutant_information: PVOID,
    mutant_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """Count (1 is free), whether the caller owns it, whether it was abandoned."""
    mutant = k.handles.lookup(mutant_handle, Mutant, MUTANT_QUERY_STATE)
    value = MUTANT_BASIC_INFORMATION(
        LONG(1 - mutant.count), BOOLEAN(mutant.owner is k.thread), BOOLEAN(mutant.abandoned)
    )
    return query_answer(
        k, mutant_information_class, value, mutant_information, mutant_information_length, return_length
    )


# ---------------------------------------------------------------- semaphores
@service(Support.FULL)
def NtCreateSemaphore(
    k: Kernel,
    semaphore_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    initial_count: LONG,
    maximum_count: LONG,
) -> NTSTATUS:
    """Make a semaphore."""
    if maximum_count <= 0 or not 0 <= initial_count <= maximum_count:
        return STATUS_INVALID_PARAMETER
    access = Semaphore.mapping.grant(desired_access)
    return create_object(
        k, Semaphore, object_attributes, access, semaphore_handle,
        lambda place: Semaphore(k, place, initial_count, maximum_count),
    )  # fmt: skip


@service(Support.FULL)
def NtOpenSemaphore(
    k: Kernel,
    semaphore_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS:
    """Open a semaphore by name."""
    return open_object(k, Semaphore, object_attributes, desired_access, semaphore_handle)


@service(Support.FULL)
def NtReleaseSemaphore(
    k: Kernel, semaphore_handle: HANDLE, release_count: LONG, previous_count: Out[LONG] | None
) -> NTSTATUS:
    """Let that many more waits end."""
    semaphore = k.handles.lookup(semaphore_handle, Semaphore, SEMAPHORE_MODIFY_STATE)
    if release_count <= 0:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    before = semaphore.release(release_count)
    k.scheduler.signal(semaphore)
    if previous_count is not None:
        previous_count.set(LONG(before))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtQuerySemaphore(
    k: Kernel,
    semaphore_handle: HANDLE,
    semaphore_information_class: ULONG,
    semaphore_information: PVOID,
    semaphore_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """Count and limit."""
    semaphore = k.handles.lookup(semaphore_handle, Semaphore, SEMAPHORE_QUERY_STATE)
    value = SEMAPHORE_BASIC_INFORMATION(ULONG(semaphore.count), ULONG(semaphore.limit))
    return query_answer(
        k,
        semaphore_information_class,
        value,
        semaphore_information,
        semaphore_information_length,
        return_length,
    )
