"""Bytes in and out of open files: NtReadFile, NtWriteFile, NtFlushBuffersFile and the control services.

Leaves out asynchronous completion: events and APCs are refused by name, everything ends at once.
Sources: WDK documentation of ZwReadFile and ZwWriteFile. Who may import it: the simulation, through the
service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.access import FILE_APPEND_DATA, FILE_READ_DATA, FILE_WRITE_DATA
from wowsim.kernel.console import ConsoleFile
from wowsim.kernel.context import Kernel
from wowsim.kernel.device import FileObject
from wowsim.kernel.objects import KernelObject
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import HANDLE, LARGE_INTEGER, NTSTATUS, PVOID, ULONG, ULONG_PTR, In, Out
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_END_OF_FILE,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_USER_BUFFER,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import IO_STATUS_BLOCK

FILE_WRITE_TO_END_OF_FILE = -1
FILE_USE_FILE_POINTER_POSITION = -2
MAXIMUM_OFFSET = (1 << 63) - 1

FSCTL_NAMES = {
    0x90000: "FSCTL_REQUEST_OPLOCK_LEVEL_1",
    0x90018: "FSCTL_LOCK_VOLUME",
    0x9001C: "FSCTL_UNLOCK_VOLUME",
    0x90028: "FSCTL_IS_VOLUME_MOUNTED",
    0x9003C: "FSCTL_GET_COMPRESSION",
    0x9C040: "FSCTL_SET_COMPRESSION",
    0x90064: "FSCTL_GET_NTFS_VOLUME_DATA",
    0x900A4: "FSCTL_SET_REPARSE_POINT",
    0x900A8: "FSCTL_GET_REPARSE_POINT",
    0x900AC: "FSCTL_DELETE_REPARSE_POINT",
    0x900C0: "FSCTL_CREATE_OR_GET_OBJECT_ID",
    0x900C4: "FSCTL_SET_SPARSE",
    0x980C8: "FSCTL_SET_ZERO_DATA",
    0x940CF: "FSCTL_QUERY_ALLOCATED_RANGES",
    0x110018: "FSCTL_PIPE_WAIT",
    0x11400C: "FSCTL_PIPE_PEEK",
    0x11C017: "FSCTL_PIPE_TRANSCEIVE",
}
"""File-system controls that exist on Windows and are absent here; [MS-FSCC] 2.3."""


def refuse_asynchronous(k: Kernel, event: int, apc_routine: int) -> None:
    """Refuse the two ways of being told later."""
    if event:
        k.handles.lookup(event, KernelObject)
        raise Unsupported("a file request with an event is not implemented")
    if apc_routine:
        raise Unsupported("a file request with an APC routine is not implemented")


def _offset(file: FileObject, byte_offset: int | None) -> int:
    """Where a request begins. A file without a position needs ByteOffset (STATUS_INVALID_PARAMETER)."""
    if byte_offset is None or byte_offset == FILE_USE_FILE_POINTER_POSITION:
        if not file.synchronous and file.seekable:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        return file.position
    if byte_offset < 0:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return byte_offset


@service(Support.PARTIAL, "events, APCs and byte-range locks are absent")
def NtReadFile(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PVOID,
    apc_context: PVOID,
    io_status_block: Out[IO_STATUS_BLOCK],
    buffer: PVOID,
    length: ULONG,
    byte_offset: In[LARGE_INTEGER] | None,
    key: PVOID,
) -> NTSTATUS:
    """Read at ByteOffset or at the file's position."""
    file = k.handles.lookup(file_handle, FileObject, FILE_READ_DATA)
    if event or apc_routine:
        refuse_asynchronous(k, event, apc_routine)
    start = _offset(file, byte_offset)
    if length:
        k.memory.probe_write(buffer, length)
    try:
        data = file.read(start, length)
    except GuestFault as fault:
        if fault.status == STATUS_END_OF_FILE:
            io_status_block.set(IO_STATUS_BLOCK(STATUS_END_OF_FILE, ULONG_PTR(0)))
        raise
    if data:
        k.memory.write(buffer, data)
    if file.synchronous:
        file.position = start + len(data)
    io_status_block.set(IO_STATUS_BLOCK(STATUS_SUCCESS, ULONG_PTR(len(data))))
    return STATUS_SUCCESS


def _written(k: Kernel, file: FileObject, buffer: int, length: int) -> bytes:
    """What the caller writes. A file system that cannot read it says STATUS_INVALID_USER_BUFFER (unverified)."""
    try:
        return k.memory.read(buffer, length)
    except GuestFault:
        if file.seekable:
            raise GuestFault(STATUS_INVALID_USER_BUFFER) from None
        raise


@service(Support.PARTIAL, "events, APCs and byte-range locks are absent")
def NtWriteFile(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PVOID,
    apc_context: PVOID,
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
    if event or apc_routine:
        refuse_asynchronous(k, event, apc_routine)
    start: int | None
    if not access & FILE_WRITE_DATA or byte_offset == FILE_WRITE_TO_END_OF_FILE:
        start = None
    else:
        start = _offset(file, byte_offset)
        if start + length > MAXIMUM_OFFSET:
            return STATUS_INVALID_PARAMETER
    end = file.write(start, _written(k, file, buffer, length) if length else b"")
    if file.synchronous:
        file.position = end
    io_status_block.set(IO_STATUS_BLOCK(STATUS_SUCCESS, ULONG_PTR(length)))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtFlushBuffersFile(k: Kernel, file_handle: HANDLE, io_status_block: Out[IO_STATUS_BLOCK]) -> NTSTATUS:
    """There is no cache between a write and the volume; only the right to write is checked."""
    _, access = k.handles.lookup_granted(file_handle, FileObject)
    if not access & (FILE_WRITE_DATA | FILE_APPEND_DATA):
        return STATUS_ACCESS_DENIED
    io_status_block.set(IO_STATUS_BLOCK(STATUS_SUCCESS, ULONG_PTR(0)))
    return STATUS_SUCCESS


@service(
    Support.PARTIAL, "of all devices the random ones have control codes; the console's are refused by name"
)
def NtDeviceIoControlFile(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PVOID,
    apc_context: PVOID,
    io_status_block: Out[IO_STATUS_BLOCK],
    io_control_code: ULONG,
    input_buffer: PVOID,
    input_buffer_length: ULONG,
    output_buffer: PVOID,
    output_buffer_length: ULONG,
) -> NTSTATUS:
    """A request of the device's own; STATUS_INVALID_DEVICE_REQUEST for a code that it does not know."""
    file = k.handles.lookup(file_handle, FileObject)
    if isinstance(file, ConsoleFile):
        raise Unsupported(f"console control code {io_control_code:08X}h is not implemented")
    refuse_asynchronous(k, event, apc_routine)
    if output_buffer_length:
        k.memory.probe_write(output_buffer, output_buffer_length)
    data = k.memory.read(input_buffer, input_buffer_length) if input_buffer_length else b""
    answer = file.control(io_control_code, data, output_buffer_length)
    if answer:
        k.memory.write(output_buffer, answer)
    io_status_block.set(IO_STATUS_BLOCK(STATUS_SUCCESS, ULONG_PTR(len(answer))))
    return STATUS_SUCCESS


@service(Support.PARTIAL, "the documented controls are refused by name")
def NtFsControlFile(
    k: Kernel,
    file_handle: HANDLE,
    event: HANDLE,
    apc_routine: PVOID,
    apc_context: PVOID,
    io_status_block: Out[IO_STATUS_BLOCK],
    fs_control_code: ULONG,
    input_buffer: PVOID,
    input_buffer_length: ULONG,
    output_buffer: PVOID,
    output_buffer_length: ULONG,
) -> NTSTATUS:
    """STATUS_INVALID_DEVICE_REQUEST for what no file system knows."""
    k.handles.lookup(file_handle, FileObject)
    name = FSCTL_NAMES.get(fs_control_code)
    if name is not None:
        raise Unsupported(f"NtFsControlFile({name}) is not implemented")
    return STATUS_INVALID_DEVICE_REQUEST
