"""What a process may be told: NtSetInformationProcess (nt!Ps; numbers and structures: phnt).

Priorities act on the threads; the remaining settings are kept and answered, as nothing that wowsim has depends on
them (errors that pop up, I/O and page priority). Leaves out processor sets, working-set watches and jobs' limits.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.class_names import PROCESS_CLASSES, absent
from wowsim.kernel.context import Kernel
from wowsim.kernel.process_queries import LAST_POLICY
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Process
from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID, ULONG, size_of
from wowsim.nt.process_structures import QUOTA_LIMITS
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_PARAMETER,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
)

PROCESS_SET_INFORMATION = 0x200
BASE_PRIORITIES = {1: 4, 2: 8, 3: 13, 4: 24, 5: 6, 6: 10}
"""PriorityClass (idle, normal, high, realtime, below and above normal) -> base priority (MS docs, Scheduling
Priorities)."""
HIGH, REALTIME = 3, 4
HIGHEST_ORDINARY = 15

_PRIVILEGED = {8, 13, 16, 29, 57, 64, 74}
"""Classes that take SeTcbPrivilege or SeDebugPrivilege (phnt), which the token does not have enabled."""
_KEPT = {12: 4, 17: 1, 22: 4, 25: 1, 31: 4, 48: 4, 54: 4, 71: 4}
"""Classes whose value is only kept, and its size."""


@service(
    Support.PARTIAL, "priorities, affinity, error mode, execute flags, boosts; classes it lacks are refused"
)
def NtSetInformationProcess(
    k: Kernel,
    process_handle: HANDLE,
    process_information_class: ULONG,
    process_information: PVOID,
    process_information_length: ULONG,
) -> NTSTATUS:
    """Change what the process is."""
    asked, length = process_information_class, process_information_length
    process, access = k.handles.lookup_granted(process_handle, Process)
    if not access & PROCESS_SET_INFORMATION:
        return STATUS_ACCESS_DENIED
    if asked in _PRIVILEGED:
        return STATUS_PRIVILEGE_NOT_HELD
    if asked == 1:
        return _quota(k, process_information, length)
    sizes = _KEPT | {5: 4, 6: 4, 18: 2, 21: k.width // 8, 33: 4, 34: 4, 39: 4, 49: k.width // 8, 52: 8}
    size = sizes.get(asked)
    if size is None:
        raise absent("NtSetInformationProcess", PROCESS_CLASSES, asked)
    if length != size:
        return STATUS_INFO_LENGTH_MISMATCH
    return _set(k, process, asked, k.memory.read(process_information, size))


def _set(k: Kernel, process: Process, asked: int, data: bytes) -> NTSTATUS:
    value = int.from_bytes(data, "little")
    if asked == 5:
        return _base_priority(k, process, value & 0x7FFFFFFF)
    if asked == 6:
        raise Unsupported("NtSetInformationProcess(ProcessRaisePriority) is not implemented")
    if asked == 18:
        return _priority_class(k, process, data[1])
    if asked == 21:
        return STATUS_SUCCESS if value == 1 else STATUS_INVALID_PARAMETER  # the one processor there is
    if (asked == 33 and value > 4) or (asked == 39 and not 1 <= value <= 5):
        return STATUS_INVALID_PARAMETER
    if asked == 33 and value > 2:
        return STATUS_PRIVILEGE_NOT_HELD  # SeIncreaseBasePriorityPrivilege (phnt)
    if asked == 34:
        return STATUS_ACCESS_DENIED  # ProcessExecuteFlags are permanent here (MS docs, SetProcessDEPPolicy)
    if asked == 52:
        return _policy(value)
    process.settings[asked] = value
    return STATUS_SUCCESS


def _quota(k: Kernel, address: int, length: int) -> NTSTATUS:
    """QUOTA_LIMITS: working-set sizes, which mean nothing to memory that is never paged out."""
    exact = size_of(QUOTA_LIMITS, k.width)
    if length not in (exact, exact + 4 * (k.width // 8) + 8):  # or QUOTA_LIMITS_EX
        return STATUS_INFO_LENGTH_MISMATCH
    data = k.memory.read(address, length)
    size = k.width // 8
    least, most = (int.from_bytes(data[i * size : (i + 1) * size], "little") for i in (2, 3))
    empty = (1 << k.width) - 1
    if (least == empty) != (most == empty) or least > most:
        return STATUS_INVALID_PARAMETER
    return STATUS_SUCCESS


# ---------------------------------------------------------------- priorities
def _base_priority(k: Kernel, process: Process, priority: int) -> NTSTATUS:
    """A higher one takes SeIncreaseBasePriorityPrivilege."""
    if not 1 <= priority <= 31:
        return STATUS_INVALID_PARAMETER
    if priority > process.base_priority:
        return STATUS_PRIVILEGE_NOT_HELD
    _move_threads(k, process, priority)
    return STATUS_SUCCESS


def _priority_class(k: Kernel, process: Process, priority_class: int) -> NTSTATUS:
    """Realtime without the privilege becomes high (MS docs, SetPriorityClass)."""
    if priority_class not in BASE_PRIORITIES:
        return STATUS_INVALID_PARAMETER
    granted = HIGH if priority_class == REALTIME else priority_class
    process.settings[18] = granted
    _move_threads(k, process, BASE_PRIORITIES[granted])
    return STATUS_SUCCESS


def _move_threads(k: Kernel, process: Process, priority: int) -> None:
    """Every thread keeps its distance; saturated ones stay at the ends."""
    process.base_priority = priority
    for thread in k.threads:
        if abs(thread.increment) < HIGHEST_ORDINARY:
            moved = priority + thread.increment
            k.scheduler.set_priority(thread, min(max(moved, 1), HIGHEST_ORDINARY))


# ---------------------------------------------------------------- mitigations
def _policy(value: int) -> NTSTATUS:
    """Policies act on what may be done later; none of them is enforced, so turning one on is refused by name."""
    policy, flags = value & 0xFFFFFFFF, value >> 32
    if policy > LAST_POLICY:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    if flags:
        raise Unsupported(f"NtSetInformationProcess(ProcessMitigationPolicy): policy {policy}")
    return STATUS_SUCCESS
