"""NtLockFile and NtUnlockFile: byte-range locks ([MS-FSA] 2.1.5.8, 2.1.5.9).

Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.kernel.access import FILE_READ_DATA, FILE_WRITE_DATA
from wowsim.kernel.byte_ranges import ByteRangeLocks, Lock
from wowsim.kernel.context import Kernel
from wowsim.kernel.delivery import required
from wowsim.kernel.device import FileObject
from wowsim.kernel.requests import Outcome, Request, serve
from wowsim.kernel.table import Support, service
from wowsim.kernel.volume_file import VolumeFile
from wowsim.nt.abi import (
    APC_CONTEXT,
    BOOLEAN,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PAPC_ROUTINE,
    ULONG,
    ULONG_PTR,
    In,
    Out,
)
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
    STATUS_RANGE_NOT_LOCKED,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import IO_STATUS_BLOCK

_UNSIGNED = (1 << 64) - 1


def _file(k: Kernel, handle: int) -> VolumeFile:
    """The file to lock: one with data, open for reading or writing it."""
    file, access = k.handles.lookup_granted(handle, FileObject)
    if not access & (FILE_READ_DATA | FILE_WRITE_DATA):
        raise GuestFault(STATUS_ACCESS_DENIED)
    if not isinstance(file, VolumeFile):
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
    if file.node.is_directory:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return file


@service(Support.FULL)
def NtLockFile(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK] | None,
    byte_offset: In[LARGE_INTEGER],
    length: In[LARGE_INTEGER],
    key: ULONG,
    fail_immediately: BOOLEAN,
    exclusive_lock: BOOLEAN,
) -> NTSTATUS:
    """Lock a range, waiting for it unless told to fail."""
    file = _file(k, file_handle)
    lock = Lock(byte_offset & _UNSIGNED, length & _UNSIGNED, file, key, exclusive_lock != 0)
    locks = file.node.locks
    if locks is None:
        locks = file.node.locks = ByteRangeLocks()

    def operate(request: Request) -> Outcome | None:
        return locks.lock(lock, request, fail_immediately=fail_immediately != 0)

    return serve(k, file, event, apc_routine, apc_context, required(k, io_status_block), operate)


@service(Support.FULL)
def NtUnlockFile(
    k: Kernel,
    file_handle: HANDLE,
    io_status_block: Out[IO_STATUS_BLOCK] | None,
    byte_offset: In[LARGE_INTEGER],
    length: In[LARGE_INTEGER],
    key: ULONG,
) -> NTSTATUS:
    """Release exactly a range that was locked."""
    file = _file(k, file_handle)
    if file.node.locks is None:
        return STATUS_RANGE_NOT_LOCKED
    block = required(k, io_status_block)
    file.node.locks.unlock(file, key, byte_offset & _UNSIGNED, length & _UNSIGNED)
    block.set(IO_STATUS_BLOCK(STATUS_SUCCESS, ULONG_PTR(0)))
    return STATUS_SUCCESS
