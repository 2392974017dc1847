"""NtReadFileScatter and NtWriteFileGather: bytes in and out of pages that lie apart (nt!Io).

Each FILE_SEGMENT_ELEMENT is 8 bytes in both widths, the address of one page (Microsoft Learn, ReadFileScatter).
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from struct import Struct

from wowsim.errors import GuestFault
from wowsim.kernel.access import FILE_NO_INTERMEDIATE_BUFFERING, FILE_READ_DATA, FILE_WRITE_DATA
from wowsim.kernel.context import Kernel
from wowsim.kernel.device import FileObject
from wowsim.kernel.requests import Outcome, Request, serve
from wowsim.kernel.table import Support, service
from wowsim.kernel.volume_file import VolumeFile
from wowsim.nt.abi import (
    APC_CONTEXT,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PAPC_ROUTINE,
    PVOID,
    ULONG,
    In,
    Out,
)
from wowsim.nt.status import STATUS_INVALID_PARAMETER, STATUS_SUCCESS
from wowsim.nt.structures import IO_STATUS_BLOCK

PAGE, SECTOR = 4096, 512
MAXIMUM_LENGTH = 256 << 20


def _file(k: Kernel, handle: int, access: int, length: int, offset: int | None) -> VolumeFile:
    """The file: opened without buffering; whole sectors at a place that the caller names."""
    file = k.handles.lookup(handle, FileObject, access)
    if (
        not isinstance(file, VolumeFile)
        or not file.options & FILE_NO_INTERMEDIATE_BUFFERING
        or length % SECTOR
        or length > MAXIMUM_LENGTH
        or offset is None
        or offset < 0
        or offset % SECTOR
    ):
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return file


def _pages(k: Kernel, array: int, length: int) -> tuple[int, ...]:
    count = -(-length // PAGE)
    shape = Struct(f"<{count}Q")
    pages: tuple[int, ...] = shape.unpack(k.memory.read(array, shape.size)) if count else ()
    if any(page % PAGE for page in pages):
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return pages


@service(Support.FULL)
def NtReadFileScatter(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    segment_array: PVOID,
    length: ULONG,
    byte_offset: In[LARGE_INTEGER] | None,
    key: PVOID,
) -> NTSTATUS:
    """Read into pages, one after the other."""
    file = _file(k, file_handle, FILE_READ_DATA, length, byte_offset)
    start = int(byte_offset or 0)

    def operate(request: Request) -> Outcome:
        pages = _pages(k, segment_array, length)
        if file.locks is not None:
            file.locks.check(file, 0, start, length, write=False)
        data = file.read(start, length)
        for at, page in zip(range(0, len(data), PAGE), pages, strict=False):
            k.memory.write(page, data[at : at + PAGE])
        return STATUS_SUCCESS, len(data)

    return serve(k, file, event, apc_routine, apc_context, io_status_block, operate)


@service(Support.FULL)
def NtWriteFileGather(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    segment_array: PVOID,
    length: ULONG,
    byte_offset: In[LARGE_INTEGER] | None,
    key: PVOID,
) -> NTSTATUS:
    """Write pages, one after the other."""
    file = _file(k, file_handle, FILE_WRITE_DATA, length, byte_offset)
    start = int(byte_offset or 0)

    def operate(request: Request) -> Outcome:
        if file.locks is not None:
            file.locks.check(file, 0, start, length, write=True)
        data = b"".join(k.memory.read(page, PAGE) for page in _pages(k, segment_array, length))[:length]
        file.write(start, data)
        return STATUS_SUCCESS, length

    return serve(k, file, event, apc_routine, apc_context, io_status_block, operate)
