"""Worker factories, the kernel's part of thread pools.

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntexapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wowsim.nt.abi import (
    ACCESS_MASK,
    HANDLE,
    LONG,
    NTSTATUS,
    PVOID,
    SIZE_T,
    ULONG,
    In,
    InOut,
    Out,
    Unconverted,
)
from wowsim.nt.structures import OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtCreateWorkerFactory(
    k: Kernel,
    worker_factory_handle_return: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    completion_port_handle: HANDLE,
    worker_process_handle: HANDLE,
    start_routine: PVOID,
    start_parameter: PVOID,
    max_thread_count: ULONG,
    stack_reserve: SIZE_T,
    stack_commit: SIZE_T,
) -> NTSTATUS: ...


def NtQueryInformationWorkerFactory(
    k: Kernel,
    worker_factory_handle: HANDLE,
    worker_factory_information_class: ULONG,
    worker_factory_information: PVOID,
    worker_factory_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtReleaseWorkerFactoryWorker(k: Kernel, worker_factory_handle: HANDLE) -> NTSTATUS: ...


def NtSetInformationWorkerFactory(
    k: Kernel,
    worker_factory_handle: HANDLE,
    worker_factory_information_class: ULONG,
    worker_factory_information: PVOID,
    worker_factory_information_length: ULONG,
) -> NTSTATUS: ...


def NtShutdownWorkerFactory(
    k: Kernel, worker_factory_handle: HANDLE, pending_worker_count: InOut[LONG]
) -> NTSTATUS: ...


def NtWaitForWorkViaWorkerFactory(
    k: Kernel,
    worker_factory_handle: HANDLE,
    mini_packets: Annotated[PVOID, Unconverted("FILE_IO_COMPLETION_INFORMATION")],
    count: ULONG,
    packets_returned: Out[ULONG],
    deferred_work: PVOID,
) -> NTSTATUS:
    """Two arguments before Windows 8, four in Windows 8 (see ``nt.forms``)."""


def NtWorkerFactoryWorkerReady(k: Kernel, worker_factory_handle: HANDLE) -> NTSTATUS: ...
