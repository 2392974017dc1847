"""Timer objects: NtCreateTimer to NtQueryTimer (nt!Ex timers).

Leaves out waking a sleeping machine (ResumeTimer is accepted, as Windows does without the privilege) and
coalescing. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.kernel.clock import END_OF_TIME, UNITS_PER_MILLISECOND
from wowsim.kernel.context import Kernel
from wowsim.kernel.dispatcher import Timer
from wowsim.kernel.naming import create_object, open_object
from wowsim.kernel.synchronization import query_answer
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import (
    ACCESS_MASK,
    APC_CONTEXT,
    BOOLEAN,
    HANDLE,
    LARGE_INTEGER,
    LONG,
    NTSTATUS,
    PAPC_ROUTINE,
    PVOID,
    ULONG,
    In,
    Out,
)
from wowsim.nt.status import STATUS_INVALID_PARAMETER, STATUS_SUCCESS
from wowsim.nt.structures import OBJECT_ATTRIBUTES, TIMER_BASIC_INFORMATION

TIMER_QUERY_STATE, TIMER_MODIFY_STATE = 1, 2
NOTIFICATION_TIMER, SYNCHRONIZATION_TIMER = 0, 1


@service(Support.FULL)
def NtCreateTimer(
    k: Kernel,
    timer_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    timer_type: ULONG,
) -> NTSTATUS:
    """Make a timer: type 0 stays signalled for all who wait, type 1 for one."""
    if timer_type not in (NOTIFICATION_TIMER, SYNCHRONIZATION_TIMER):
        return STATUS_INVALID_PARAMETER
    access = Timer.mapping.grant(desired_access)
    synchronization = timer_type == SYNCHRONIZATION_TIMER
    return create_object(
        k, Timer, object_attributes, access, timer_handle, lambda place: Timer(k, place, synchronization)
    )


@service(Support.FULL)
def NtOpenTimer(
    k: Kernel,
    timer_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS:
    """Open a timer by name."""
    return open_object(k, Timer, object_attributes, desired_access, timer_handle)


@service(Support.FULL)
def NtSetTimer(
    k: Kernel,
    timer_handle: HANDLE,
    due_time: In[LARGE_INTEGER],
    timer_apc_routine: PAPC_ROUTINE,
    timer_context: APC_CONTEXT,
    resume_timer: BOOLEAN,
    period: LONG,
    previous_state: Out[BOOLEAN] | None,
) -> NTSTATUS:
    """Let a timer expire at a moment, or (negative) after a while; then every ``period`` milliseconds."""
    timer = k.handles.lookup(timer_handle, Timer, TIMER_MODIFY_STATE)
    if period < 0:
        return STATUS_INVALID_PARAMETER
    timer.stop()
    before, timer.signaled = timer.signaled, False
    timer.period = period * UNITS_PER_MILLISECOND
    if timer_apc_routine:
        timer.start_apc(k.thread, timer_apc_routine, timer_context)
    k.scheduler.set_timer(timer, k.clock.moment(due_time))
    if previous_state is not None:
        previous_state.set(BOOLEAN(before))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtCancelTimer(k: Kernel, timer_handle: HANDLE, current_state: Out[BOOLEAN] | None) -> NTSTATUS:
    """Call a timer off; its state stays as it is."""
    timer = k.handles.lookup(timer_handle, Timer, TIMER_MODIFY_STATE)
    timer.stop()
    if current_state is not None:
        current_state.set(BOOLEAN(timer.signaled))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtQueryTimer(
    k: Kernel,
    timer_handle: HANDLE,
    timer_information_class: ULONG,
    timer_information: PVOID,
    timer_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """Time to the next expiration (negative once it is past; unverified) and state."""
    timer = k.handles.lookup(timer_handle, Timer, TIMER_QUERY_STATE)
    left = min(timer.due - k.clock.now, END_OF_TIME) if timer.due is not None else 0
    value = TIMER_BASIC_INFORMATION(LARGE_INTEGER(left), BOOLEAN(timer.signaled))
    return query_answer(
        k, timer_information_class, value, timer_information, timer_information_length, return_length
    )
