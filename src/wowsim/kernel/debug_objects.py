"""Debug objects (nt!Dbgk): they can be made, but there is no process that one could debug.

The only process is the caller's own, and no process debugs itself. So no debug event ever comes.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from wowsim.kernel.access import GenericMapping
from wowsim.kernel.context import Kernel
from wowsim.kernel.dispatcher import NamedObject
from wowsim.kernel.naming import create_object
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Process, Thread
from wowsim.kernel.waits import deadline
from wowsim.nt.abi import (
    ACCESS_MASK,
    BOOLEAN,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PVOID,
    ULONG,
    In,
    Out,
)
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_PARAMETER,
    STATUS_PORT_NOT_SET,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import CLIENT_ID, OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from wowsim.kernel.naming import Place

DEBUG_READ_EVENT, DEBUG_PROCESS_ASSIGN, DEBUG_SET_INFORMATION = 1, 2, 4
KILL_ON_CLOSE = 1
PROCESS_SUSPEND_RESUME = 0x800


class DebugObject(NamedObject):
    """Signalled while a debug event waits: never.

    Attributes:
        flags: KILL_ON_CLOSE.
    """

    type_name: ClassVar[str] = "DebugObject"
    mapping: ClassVar[GenericMapping] = GenericMapping(0x20001, 0x20002, 0x120000, 0x1F000F)

    def __init__(self, k: Kernel, place: Place | None, flags: int) -> None:
        super().__init__(k, place)
        self.flags = flags

    def is_signaled(self, thread: Thread) -> bool:
        """No."""
        return False


@service(Support.FULL)
def NtCreateDebugObject(
    k: Kernel,
    debug_object_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    flags: ULONG,
) -> NTSTATUS:
    """Make a debug object."""
    if flags & ~KILL_ON_CLOSE:
        return STATUS_INVALID_PARAMETER
    access = DebugObject.mapping.grant(desired_access)
    return create_object(
        k,
        DebugObject,
        object_attributes,
        access,
        debug_object_handle,
        lambda place: DebugObject(k, place, flags),
    )


@service(Support.FULL)
def NtDebugActiveProcess(k: Kernel, process_handle: HANDLE, debug_object_handle: HANDLE) -> NTSTATUS:
    """Debug a process: never the caller's own (STATUS_ACCESS_DENIED; unverified)."""
    k.handles.lookup(process_handle, Process, PROCESS_SUSPEND_RESUME)
    k.handles.lookup(debug_object_handle, DebugObject, DEBUG_PROCESS_ASSIGN)
    return STATUS_ACCESS_DENIED


@service(Support.FULL)
def NtRemoveProcessDebug(k: Kernel, process_handle: HANDLE, debug_object_handle: HANDLE) -> NTSTATUS:
    """Stop debugging a process: nobody debugs it."""
    k.handles.lookup(process_handle, Process, PROCESS_SUSPEND_RESUME)
    k.handles.lookup(debug_object_handle, DebugObject, DEBUG_PROCESS_ASSIGN)
    return STATUS_PORT_NOT_SET


@service(Support.FULL)
def NtDebugContinue(
    k: Kernel, debug_object_handle: HANDLE, client_id: In[CLIENT_ID], continue_status: NTSTATUS
) -> NTSTATUS:
    """Let a thread go on behind a debug event: there is none to go on from."""
    k.handles.lookup(debug_object_handle, DebugObject, DEBUG_READ_EVENT)
    return STATUS_INVALID_PARAMETER


@service(Support.FULL)
def NtWaitForDebugEvent(
    k: Kernel,
    debug_object_handle: HANDLE,
    alertable: BOOLEAN,
    timeout: In[LARGE_INTEGER] | None,
    wait_state_change: PVOID,
) -> NTSTATUS:
    """Wait for a debug event, which does not come: nothing is ever written to the caller's structure."""
    found = k.handles.lookup(debug_object_handle, DebugObject, DEBUG_READ_EVENT)
    return NTSTATUS(k.scheduler.wait((found,), False, alertable != 0, deadline(k, timeout)))


@service(Support.FULL)
def NtSetInformationDebugObject(
    k: Kernel,
    debug_object_handle: HANDLE,
    debug_object_information_class: ULONG,
    debug_information: PVOID,
    debug_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """Class 1: whether debugged processes end with the object."""
    if debug_object_information_class != 1:
        return STATUS_INVALID_PARAMETER
    if return_length is not None:
        return_length.set(ULONG(4))
    if debug_information_length != 4:
        return STATUS_INFO_LENGTH_MISMATCH
    flags = int.from_bytes(k.memory.read(debug_information, 4), "little")
    if flags & ~KILL_ON_CLOSE:
        return STATUS_INVALID_PARAMETER
    k.handles.lookup(debug_object_handle, DebugObject, DEBUG_SET_INFORMATION).flags = flags
    return STATUS_SUCCESS


@service(Support.FULL)
def NtQueryPortInformationProcess(k: Kernel) -> NTSTATUS:
    """Whether the process has a debug or exception port: FALSE in the place of a status."""
    return STATUS_SUCCESS
