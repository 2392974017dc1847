"""Extended attributes and quotas: NtQueryEaFile, NtSetEaFile, NtQueryQuotaInformationFile, NtSetQuotaInformationFile.

No file has extended attributes and the volume keeps no quotas; statuses: [MS-FSA] 2.1.5.4 and 2.1.5.21 (unverified
for a volume whose quotas are off). Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.access import FILE_READ_EA, FILE_WRITE_EA
from wowsim.kernel.context import Kernel
from wowsim.kernel.device import FileObject
from wowsim.kernel.table import Support, service
from wowsim.kernel.volume_file import VolumeFile
from wowsim.nt.abi import BOOLEAN, HANDLE, NTSTATUS, PVOID, ULONG, Out
from wowsim.nt.status import (
    STATUS_EAS_NOT_SUPPORTED,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_NO_EAS_ON_FILE,
)
from wowsim.nt.structures import IO_STATUS_BLOCK


def _file(k: Kernel, handle: int, access: int) -> VolumeFile:
    file = k.handles.lookup(handle, FileObject, access)
    if not isinstance(file, VolumeFile):
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
    if file.node.streams is None and file.stream is None:
        raise GuestFault(STATUS_EAS_NOT_SUPPORTED)  # a host's file system
    return file


@service(Support.FULL)
def NtQueryEaFile(
    k: Kernel,
    file_handle: HANDLE,
    io_status_block: Out[IO_STATUS_BLOCK],
    buffer: PVOID,
    length: ULONG,
    return_single_entry: BOOLEAN,
    ea_list: PVOID,
    ea_list_length: ULONG,
    ea_index: PVOID,
    restart_scan: BOOLEAN,
) -> NTSTATUS:
    """No file has any."""
    _file(k, file_handle, FILE_READ_EA)
    return STATUS_NO_EAS_ON_FILE


@service(Support.PARTIAL, "refused by name")
def NtSetEaFile(
    k: Kernel, file_handle: HANDLE, io_status_block: Out[IO_STATUS_BLOCK], buffer: PVOID, length: ULONG
) -> NTSTATUS:
    """Refused by name where Windows would do it."""
    _file(k, file_handle, FILE_WRITE_EA)
    raise Unsupported("NtSetEaFile: extended attributes are not implemented")


@service(Support.FULL)
def NtQueryQuotaInformationFile(
    k: Kernel,
    file_handle: HANDLE,
    io_status_block: Out[IO_STATUS_BLOCK],
    buffer: PVOID,
    length: ULONG,
    return_single_entry: BOOLEAN,
    sid_list: PVOID,
    sid_list_length: ULONG,
    start_sid: PVOID,
    restart_scan: BOOLEAN,
) -> NTSTATUS:
    """The volume keeps no quotas."""
    k.handles.lookup(file_handle, FileObject)
    return STATUS_INVALID_DEVICE_REQUEST


@service(Support.FULL)
def NtSetQuotaInformationFile(
    k: Kernel, file_handle: HANDLE, io_status_block: Out[IO_STATUS_BLOCK], buffer: PVOID, length: ULONG
) -> NTSTATUS:
    """The volume keeps no quotas."""
    k.handles.lookup(file_handle, FileObject)
    return STATUS_INVALID_DEVICE_REQUEST
