"""Job objects.

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntpsapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wowsim.nt.abi import ACCESS_MASK, HANDLE, NTSTATUS, PVOID, ULONG, Array, In, Out
from wowsim.nt.executive_structures import JOB_SET_ARRAY
from wowsim.nt.structures import OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtAssignProcessToJobObject(k: Kernel, job_handle: HANDLE, process_handle: HANDLE) -> NTSTATUS: ...


def NtCreateJobObject(
    k: Kernel,
    job_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
) -> NTSTATUS: ...


def NtCreateJobSet(
    k: Kernel, num_job: ULONG, user_job_set: Annotated[PVOID, Array(JOB_SET_ARRAY, "num_job")], flags: ULONG
) -> NTSTATUS: ...


def NtIsProcessInJob(k: Kernel, process_handle: HANDLE, job_handle: HANDLE) -> NTSTATUS: ...


def NtOpenJobObject(
    k: Kernel, job_handle: Out[HANDLE], desired_access: ACCESS_MASK, object_attributes: In[OBJECT_ATTRIBUTES]
) -> NTSTATUS: ...


def NtQueryInformationJobObject(
    k: Kernel,
    job_handle: HANDLE,
    job_object_information_class: ULONG,
    job_object_information: PVOID,
    job_object_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtSetInformationJobObject(
    k: Kernel,
    job_handle: HANDLE,
    job_object_information_class: ULONG,
    job_object_information: PVOID,
    job_object_information_length: ULONG,
) -> NTSTATUS: ...


def NtTerminateJobObject(k: Kernel, job_handle: HANDLE, exit_status: NTSTATUS) -> NTSTATUS: ...
