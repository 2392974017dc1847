"""Job objects (nt!Ps).

Limits are kept and answered; of them the number of processes and KILL_ON_JOB_CLOSE act. Leaves out completion ports,
nested jobs, job sets, CPU rates and silos. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

import struct
from dataclasses import replace

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.class_names import JOB_CLASSES, absent
from wowsim.kernel.context import Kernel
from wowsim.kernel.job import ACTIVE_PROCESS, Job
from wowsim.kernel.naming import create_object, open_object
from wowsim.kernel.table import Support, service
from wowsim.kernel.targets import kernel_at, process_at
from wowsim.kernel.thread import Process
from wowsim.kernel.usage import usage
from wowsim.nt.abi import (
    ACCESS_MASK,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PVOID,
    SIZE_T,
    ULONG,
    ULONG_PTR,
    In,
    Out,
    encode,
    load,
    size_of,
)
from wowsim.nt.process_structures import (
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION,
    JOBOBJECT_BASIC_LIMIT_INFORMATION,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
)
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_PARAMETER,
    STATUS_PROCESS_IN_JOB,
    STATUS_PROCESS_IS_TERMINATING,
    STATUS_PROCESS_NOT_IN_JOB,
    STATUS_QUOTA_EXCEEDED,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import OBJECT_ATTRIBUTES

JOB_ASSIGN_PROCESS, JOB_SET_ATTRIBUTES, JOB_QUERY, JOB_TERMINATE = 1, 2, 4, 8
PROCESS_TERMINATE, PROCESS_SET_QUOTA = 0x1, 0x100
PROCESS_QUERY = 0x1400
BASIC_FLAGS, EXTENDED_FLAGS = 0xFF, 0x7FFF
"""JOB_OBJECT_LIMIT flags that the basic and the extended form may have (winnt.h)."""
UI_FLAGS = 0xFF


# ---------------------------------------------------------------- handles
@service(Support.FULL)
def NtCreateJobObject(
    k: Kernel,
    job_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
) -> NTSTATUS:
    """Make a job, or open the one of that name."""
    access = Job.mapping.grant(desired_access)
    return create_object(k, Job, object_attributes, access, job_handle, lambda place: Job(k, place))


@service(Support.FULL)
def NtOpenJobObject(
    k: Kernel,
    job_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS:
    """Open a job by its name."""
    return open_object(k, Job, object_attributes, desired_access, job_handle)


@service(Support.PARTIAL, "jobs do not nest")
def NtAssignProcessToJobObject(k: Kernel, job_handle: HANDLE, process_handle: HANDLE) -> NTSTATUS:
    """Put a process into a job for good; a second job refuses it (before Windows 8: MS docs, Nested Jobs)."""
    job = k.handles.lookup(job_handle, Job, JOB_ASSIGN_PROCESS)
    process = process_at(k, process_handle, PROCESS_TERMINATE | PROCESS_SET_QUOTA)
    if process.ended:
        return STATUS_PROCESS_IS_TERMINATING
    if process.job is job:
        return STATUS_ACCESS_DENIED if not k.build.nested_jobs else STATUS_SUCCESS
    if process.job is not None:
        if k.build.nested_jobs:
            raise Unsupported("NtAssignProcessToJobObject: nested jobs")
        return STATUS_ACCESS_DENIED
    process.job = job
    job.assigned += 1
    basic = job.limits.BasicLimitInformation
    if basic.LimitFlags & ACTIVE_PROCESS and len(job.processes) >= basic.ActiveProcessLimit:
        job.terminated += 1
        kernel_at(k, process_handle, 0).exit_process(STATUS_QUOTA_EXCEEDED)
        return STATUS_QUOTA_EXCEEDED
    job.processes.append(process)
    return STATUS_SUCCESS


@service(Support.FULL)
def NtTerminateJobObject(k: Kernel, job_handle: HANDLE, exit_status: NTSTATUS) -> NTSTATUS:
    """End every process in a job."""
    k.handles.lookup(job_handle, Job, JOB_TERMINATE).terminate(exit_status)
    return STATUS_SUCCESS


@service(Support.FULL)
def NtIsProcessInJob(k: Kernel, process_handle: HANDLE, job_handle: HANDLE) -> NTSTATUS:
    """Whether a process is in a job; handle 0 means any job."""
    process, access = k.handles.lookup_anywhere(process_handle, Process)
    if not access & PROCESS_QUERY:
        return STATUS_ACCESS_DENIED
    job = k.handles.lookup(job_handle, Job, JOB_QUERY) if job_handle else process.job
    inside = job is not None and process.job is job
    return STATUS_PROCESS_IN_JOB if inside else STATUS_PROCESS_NOT_IN_JOB


# ---------------------------------------------------------------- asking
def _accounting(job: Job) -> JOBOBJECT_BASIC_ACCOUNTING_INFORMATION:
    zero, active = LARGE_INTEGER(0), ULONG(sum(not process.ended for process in job.processes))
    return JOBOBJECT_BASIC_ACCOUNTING_INFORMATION(
        zero, zero, zero, zero, ULONG(0), ULONG(job.assigned), active, ULONG(job.terminated)
    )


def _extended(k: Kernel, job: Job) -> JOBOBJECT_EXTENDED_LIMIT_INFORMATION:
    used = SIZE_T(usage(k).private if job.processes else 0)
    return replace(job.limits, PeakProcessMemoryUsed=used, PeakJobMemoryUsed=used)


def _information(k: Kernel, job: Job, information_class: int) -> bytes:
    if information_class in (1, 8):
        kind = JOBOBJECT_BASIC_ACCOUNTING_INFORMATION
        return encode(kind, k.width, _accounting(job)) + (bytes(48) if information_class == 8 else b"")
    if information_class == 2:
        return encode(JOBOBJECT_BASIC_LIMIT_INFORMATION, k.width, job.limits.BasicLimitInformation)
    if information_class == 4:
        return struct.pack("<I", job.ui_restrictions)
    if information_class == 6:
        return struct.pack("<I", job.end_action)
    if information_class == 9:
        return encode(JOBOBJECT_EXTENDED_LIMIT_INFORMATION, k.width, _extended(k, job))
    raise absent("NtQueryInformationJobObject", JOB_CLASSES, information_class)


@service(Support.PARTIAL, "classes 1-4, 6, 8 and 9; times and I/O are not counted")
def NtQueryInformationJobObject(
    k: Kernel,
    job_handle: HANDLE,
    job_object_information_class: ULONG,
    job_object_information: PVOID,
    job_object_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """What a job is; handle 0 means the caller's own."""
    job = k.handles.lookup(job_handle, Job, JOB_QUERY) if job_handle else k.process.job
    if job is None:
        return STATUS_ACCESS_DENIED
    if job_object_information_class == 3:
        return _process_list(k, job, job_object_information, job_object_information_length, return_length)
    data = _information(k, job, job_object_information_class)
    if job_object_information_length != len(data):
        return STATUS_INFO_LENGTH_MISMATCH
    k.memory.write(job_object_information, data)
    if return_length is not None:
        return_length.set(ULONG(len(data)))
    return STATUS_SUCCESS


def _process_list(k: Kernel, job: Job, address: int, length: int, returned: Out[ULONG] | None) -> NTSTATUS:
    """JOBOBJECT_BASIC_PROCESS_ID_LIST: as many ids as there is room for."""
    word = k.width // 8
    if length < 8:
        return STATUS_INFO_LENGTH_MISMATCH
    ids = [process.id for process in job.processes if not process.ended]
    fitting = ids[: (length - 8) // word]
    data = struct.pack("<II", len(ids), len(fitting)) + b"".join(
        encode(ULONG_PTR, k.width, each) for each in fitting
    )
    k.memory.write(address, data)
    if returned is not None:
        returned.set(ULONG(len(data)))
    return STATUS_SUCCESS if len(fitting) == len(ids) else STATUS_BUFFER_OVERFLOW


# ---------------------------------------------------------------- setting
@service(Support.PARTIAL, "classes 2, 4, 6 and 9; ActiveProcessLimit and KILL_ON_JOB_CLOSE act")
def NtSetInformationJobObject(
    k: Kernel,
    job_handle: HANDLE,
    job_object_information_class: ULONG,
    job_object_information: PVOID,
    job_object_information_length: ULONG,
) -> NTSTATUS:
    """Limit what the processes of a job may do."""
    job = k.handles.lookup(job_handle, Job, JOB_SET_ATTRIBUTES)
    asked, length = job_object_information_class, job_object_information_length
    kinds: dict[int, type] = {
        2: JOBOBJECT_BASIC_LIMIT_INFORMATION,
        4: ULONG,
        6: ULONG,
        9: JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    }
    kind = kinds.get(asked)
    if kind is None:
        raise absent("NtSetInformationJobObject", JOB_CLASSES, asked)
    if length != size_of(kind, k.width):
        return STATUS_INFO_LENGTH_MISMATCH
    value = load(k.memory, job_object_information, kind, k.width)
    if asked == 2:
        _check(value, BASIC_FLAGS)
        job.limits = replace(job.limits, BasicLimitInformation=value)
    elif asked == 9:
        _check(value.BasicLimitInformation, EXTENDED_FLAGS)
        job.limits = value
    elif asked == 4:
        if value & ~UI_FLAGS:
            return STATUS_INVALID_PARAMETER
        job.ui_restrictions = value
    else:
        if value > 1:
            return STATUS_INVALID_PARAMETER
        job.end_action = value
    return STATUS_SUCCESS


def _check(limits: JOBOBJECT_BASIC_LIMIT_INFORMATION, flags: int) -> None:
    """Unknown flags, and working sets whose least exceeds their most, are STATUS_INVALID_PARAMETER (MS docs)."""
    bad = limits.LimitFlags & ~flags
    if limits.LimitFlags & 1:
        bad |= not 0 < limits.MinimumWorkingSetSize <= limits.MaximumWorkingSetSize
    if bad:
        raise GuestFault(STATUS_INVALID_PARAMETER)
