"""Memory partitions and CPU partitions.

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntmmapi.h, ntmisc.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.nt.abi import ACCESS_MASK, HANDLE, NTSTATUS, PVOID, ULONG, In, Out
from wowsim.nt.structures import OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtCreateCpuPartition(
    k: Kernel,
    cpu_partition_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
) -> NTSTATUS: ...


def NtCreatePartition(
    k: Kernel,
    parent_partition_handle: HANDLE,
    partition_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    preferred_node: ULONG,
) -> NTSTATUS:
    """``preferred_node`` only in Windows 10 1507 (see ``nt.forms``)."""


def NtManagePartition(
    k: Kernel,
    target_handle: HANDLE,
    source_handle: HANDLE,
    partition_information_class: ULONG,
    partition_information: PVOID,
    partition_information_length: ULONG,
) -> NTSTATUS: ...


def NtOpenCpuPartition(
    k: Kernel,
    cpu_partition_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
) -> NTSTATUS: ...


def NtOpenPartition(
    k: Kernel,
    partition_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
) -> NTSTATUS: ...


def NtQueryInformationCpuPartition(
    k: Kernel,
    cpu_partition_handle: HANDLE,
    cpu_partition_information_class: ULONG,
    cpu_partition_information: PVOID,
    cpu_partition_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtSetInformationCpuPartition(
    k: Kernel,
    cpu_partition_handle: HANDLE,
    cpu_partition_information_class: ULONG,
    cpu_partition_information: PVOID,
    cpu_partition_information_length: ULONG,
    reserved1: PVOID,
    reserved2: ULONG,
    reserved3: ULONG,
) -> NTSTATUS: ...
