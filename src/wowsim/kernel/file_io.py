"""Bytes in and out of open files: NtReadFile, NtWriteFile, NtFlushBuffersFile and their variants.

Sources: WDK documentation of ZwReadFile and ZwWriteFile. Who may import it: the simulation, through the
service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.kernel.access import FILE_APPEND_DATA, FILE_READ_DATA, FILE_WRITE_DATA
from wowsim.kernel.context import Kernel
from wowsim.kernel.device import FileObject
from wowsim.kernel.pipes import PipeEnd
from wowsim.kernel.requests import Outcome, Request, serve
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import (
    APC_CONTEXT,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PAPC_ROUTINE,
    PVOID,
    ULONG,
    ULONG_PTR,
    In,
    Out,
    load,
)
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_END_OF_FILE,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_USER_BUFFER,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import IO_STATUS_BLOCK

FILE_WRITE_TO_END_OF_FILE = -1
FILE_USE_FILE_POINTER_POSITION = -2
MAXIMUM_OFFSET = (1 << 63) - 1
FLUSH_FLAGS = 0xF
"""FLUSH_FLAGS_FILE_DATA_ONLY, _NO_SYNC, _FILE_DATA_SYNC_ONLY, _FLUSH_AND_PURGE."""


def _offset(file: FileObject, byte_offset: int | None) -> int:
    """Where a request begins. A file without a position needs ByteOffset (STATUS_INVALID_PARAMETER)."""
    if byte_offset is None or byte_offset == FILE_USE_FILE_POINTER_POSITION:
        if not file.synchronous and file.seekable:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        return file.position
    if byte_offset < 0:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return byte_offset


def _key(k: Kernel, key: int) -> int:
    """The key of a byte-range lock, behind its pointer."""
    return int(load(k.memory, key, ULONG, k.width)) if key else 0


def _read(
    k: Kernel, file: FileObject, buffer: int, length: int, byte_offset: int | None, key: int
) -> Outcome:
    start = _offset(file, byte_offset)
    if length:
        k.memory.probe_write(buffer, length)
    if file.locks is not None:
        file.locks.check(file, _key(k, key), start, length, write=False)
    data = file.read(start, length)
    if data:
        k.memory.write(buffer, data)
    if file.synchronous:
        file.position = start + len(data)
    return STATUS_SUCCESS, len(data)


@service(Support.FULL)
def NtReadFile(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    buffer: PVOID,
    length: ULONG,
    byte_offset: In[LARGE_INTEGER] | None,
    key: PVOID,
) -> NTSTATUS:
    """Read at ByteOffset or at the file's position."""
    file = k.handles.lookup(file_handle, FileObject, FILE_READ_DATA)
    if file.plain and not event and not apc_routine:
        try:
            status, information = _read(k, file, buffer, length, byte_offset, key)
        except GuestFault as fault:
            if fault.status == STATUS_END_OF_FILE:
                io_status_block.set(IO_STATUS_BLOCK(STATUS_END_OF_FILE, ULONG_PTR(0)))
            raise
        io_status_block.set(IO_STATUS_BLOCK(NTSTATUS(status), ULONG_PTR(information)))
        return STATUS_SUCCESS

    def operate(request: Request) -> Outcome | None:
        if not file.waits_for_others:
            return _read(k, file, buffer, length, byte_offset, key)
        if length:
            k.memory.probe_write(buffer, length)
        return file.start_read(request, buffer, length)

    return serve(k, file, event, apc_routine, apc_context, io_status_block, operate)


def _written(k: Kernel, file: FileObject, buffer: int, length: int) -> bytes:
    """What the caller writes. A file system that cannot read it says STATUS_INVALID_USER_BUFFER (unverified)."""
    try:
        return k.memory.read(buffer, length)
    except GuestFault:
        if file.seekable:
            raise GuestFault(STATUS_INVALID_USER_BUFFER) from None
        raise


def _write(
    k: Kernel, file: FileObject, buffer: int, length: int, byte_offset: int | None, key: int, to_end: bool
) -> Outcome:
    start: int | None
    if to_end or byte_offset == FILE_WRITE_TO_END_OF_FILE:
        start = None
    else:
        start = _offset(file, byte_offset)
        if start + length > MAXIMUM_OFFSET:
            raise GuestFault(STATUS_INVALID_PARAMETER)
    if file.locks is not None:
        at = file.node.size if start is None and file.node is not None else start or 0
        file.locks.check(file, _key(k, key), at, length, write=True)
    end = file.write(start, _written(k, file, buffer, length) if length else b"")
    if file.synchronous:
        file.position = end
    return STATUS_SUCCESS, length


@service(Support.FULL)
def NtWriteFile(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PAPC_ROUTINE,
    apc_context: APC_CONTEXT,
    io_status_block: Out[IO_STATUS_BLOCK],
    buffer: PVOID,
    length: ULONG,
    byte_offset: In[LARGE_INTEGER] | None,
    key: PVOID,
) -> NTSTATUS:
    """Write at ByteOffset, at the file's position or at its end; append-only access always means the end."""
    file, access = k.handles.lookup_granted(file_handle, FileObject)
    if not access & (FILE_WRITE_DATA | FILE_APPEND_DATA):
        return STATUS_ACCESS_DENIED
    to_end = not access & FILE_WRITE_DATA
    if file.plain and not event and not apc_routine:
        status, information = _write(k, file, buffer, length, byte_offset, key, to_end)
        io_status_block.set(IO_STATUS_BLOCK(NTSTATUS(status), ULONG_PTR(information)))
        return STATUS_SUCCESS

    def operate(request: Request) -> Outcome | None:
        if not file.waits_for_others:
            return _write(k, file, buffer, length, byte_offset, key, to_end)
        return file.start_write(request, k.memory.read(buffer, length) if length else b"")

    return serve(k, file, event, apc_routine, apc_context, io_status_block, operate)


@service(Support.FULL)
def NtFlushBuffersFile(k: Kernel, file_handle: HANDLE, io_status_block: Out[IO_STATUS_BLOCK]) -> NTSTATUS:
    """There is no cache between a write and the volume; a pipe is flushed when the other end has read everything."""
    file, access = k.handles.lookup_granted(file_handle, FileObject)
    if not access & (FILE_WRITE_DATA | FILE_APPEND_DATA):
        return STATUS_ACCESS_DENIED
    if isinstance(file, PipeEnd):
        return serve(k, file, 0, 0, 0, io_status_block, file.start_flush)
    io_status_block.set(IO_STATUS_BLOCK(STATUS_SUCCESS, ULONG_PTR(0)))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtFlushBuffersFileEx(
    k: Kernel,
    file_handle: HANDLE,
    flags: ULONG,
    parameters: PVOID,
    parameters_size: ULONG,
    io_status_block: Out[IO_STATUS_BLOCK],
) -> NTSTATUS:
    """NtFlushBuffersFile with a choice of what to flush; no flag takes parameters (phnt: FLUSH_FLAGS_*)."""
    if flags & ~FLUSH_FLAGS or parameters or parameters_size:
        return STATUS_INVALID_PARAMETER
    return NtFlushBuffersFile(k, file_handle, io_status_block)
