"""Cancelling requests that wait: NtCancelIoFile, NtCancelIoFileEx, NtCancelSynchronousIoFile (nt!Io).

Statuses: Microsoft Learn, CancelIo, CancelIoEx, CancelSynchronousIo (ERROR_NOT_FOUND is STATUS_NOT_FOUND).
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.kernel.context import Kernel
from wowsim.kernel.device import FileObject
from wowsim.kernel.requests import cancel_all
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Thread
from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID, ULONG_PTR, Out
from wowsim.nt.status import STATUS_NOT_FOUND, STATUS_SUCCESS
from wowsim.nt.structures import IO_STATUS_BLOCK

THREAD_TERMINATE = 0x1


def _answer(block: Out[IO_STATUS_BLOCK], status: NTSTATUS) -> NTSTATUS:
    block.set(IO_STATUS_BLOCK(status, ULONG_PTR(0)))
    return status


@service(Support.FULL)
def NtCancelIoFile(k: Kernel, file_handle: HANDLE, io_status_block: Out[IO_STATUS_BLOCK]) -> NTSTATUS:
    """Cancel what the calling thread has asked of a file."""
    file = k.handles.lookup(file_handle, FileObject)
    cancel_all(k, lambda each: each.file is file and each.thread is k.thread)
    return _answer(io_status_block, STATUS_SUCCESS)


@service(Support.FULL)
def NtCancelIoFileEx(
    k: Kernel, file_handle: HANDLE, io_request_to_cancel: PVOID, io_status_block: Out[IO_STATUS_BLOCK]
) -> NTSTATUS:
    """Cancel what any thread has asked of a file: everything, or the request with that status block."""
    file = k.handles.lookup(file_handle, FileObject)
    block = io_request_to_cancel
    found = cancel_all(k, lambda each: each.file is file and (not block or each.address == block))
    return _answer(io_status_block, STATUS_SUCCESS if found else STATUS_NOT_FOUND)


@service(Support.FULL)
def NtCancelSynchronousIoFile(
    k: Kernel, thread_handle: HANDLE, io_request_to_cancel: PVOID, io_status_block: Out[IO_STATUS_BLOCK]
) -> NTSTATUS:
    """Cancel the request that a thread waits in."""
    thread = k.handles.lookup(thread_handle, Thread, THREAD_TERMINATE)
    block = io_request_to_cancel
    found = cancel_all(
        k, lambda each: each.thread is thread and each.waits and (not block or each.address == block)
    )
    return _answer(io_status_block, STATUS_SUCCESS if found else STATUS_NOT_FOUND)
