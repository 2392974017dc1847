"""NtQueryVolumeInformationFile and NtSetVolumeInformationFile: the volume behind an open file ([MS-FSCC] 2.5).

Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wowsim.errors import GuestFault
from wowsim.kernel.access import FILE_WRITE_DATA
from wowsim.kernel.class_names import VOLUME_CLASSES, absent
from wowsim.kernel.context import Kernel
from wowsim.kernel.delivery import deliver
from wowsim.kernel.device import FILE_DEVICE_DISK, FILE_DEVICE_DISK_FILE_SYSTEM, FileObject
from wowsim.kernel.names import MAXIMUM_COMPONENT, from_utf16, utf16
from wowsim.kernel.table import Support, service
from wowsim.kernel.volume import CLUSTER
from wowsim.kernel.volume_device import VolumeDevice
from wowsim.nt.abi import BOOLEAN, HANDLE, LARGE_INTEGER, LONG, NTSTATUS, PVOID, ULONG, ULONG_PTR, Out
from wowsim.nt.file_structures import FILE_FS_CONTROL_INFORMATION, FILE_FS_SECTOR_SIZE_INFORMATION
from wowsim.nt.status import (
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_VOLUME_LABEL,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import (
    FILE_FS_ATTRIBUTE_INFORMATION,
    FILE_FS_DEVICE_INFORMATION,
    FILE_FS_FULL_SIZE_INFORMATION,
    FILE_FS_SIZE_INFORMATION,
    FILE_FS_VOLUME_INFORMATION,
    IO_STATUS_BLOCK,
)

if TYPE_CHECKING:
    from wowsim.kernel.volume import Volume

SECTOR = 512
ABILITIES = 0x2 | 0x4 | 0x40 | 0x80 | 0x10000 | 0x40000 | 0x400000
"""FILE_CASE_PRESERVED_NAMES, _UNICODE_ON_DISK, _SUPPORTS_SPARSE_FILES, _SUPPORTS_REPARSE_POINTS, _SUPPORTS_OBJECT_IDS,
_NAMED_STREAMS, _SUPPORTS_HARD_LINKS."""
ALIGNED_DEVICE, PARTITION_ALIGNED_ON_DEVICE = 1, 2
MAXIMUM_LABEL = 32
"""Characters of a label on NTFS (Microsoft Learn, SetVolumeLabel)."""


def _volume(volume: Volume) -> tuple[Any, bytes]:
    label = utf16(volume.label)
    return (
        FILE_FS_VOLUME_INFORMATION(
            LARGE_INTEGER(volume.creation_time),
            ULONG(volume.serial_number),
            ULONG(len(label)),
            BOOLEAN(0),
            BOOLEAN(0),
        ),
        label,
    )


def _units(volume: Volume) -> tuple[LARGE_INTEGER, LARGE_INTEGER]:
    """Clusters in all, and free ones."""
    return LARGE_INTEGER(volume.capacity // CLUSTER), LARGE_INTEGER(
        (volume.capacity - volume.used) // CLUSTER
    )


def _size(volume: Volume) -> tuple[Any, None]:
    return FILE_FS_SIZE_INFORMATION(*_units(volume), ULONG(CLUSTER // SECTOR), ULONG(SECTOR)), None


def _full_size(volume: Volume) -> tuple[Any, None]:
    total, free = _units(volume)
    return FILE_FS_FULL_SIZE_INFORMATION(total, free, free, ULONG(CLUSTER // SECTOR), ULONG(SECTOR)), None


def _attributes(volume: Volume) -> tuple[Any, bytes]:
    """Named NTFS, but with the abilities this volume has: no security, no compression, no journal."""
    name = utf16("NTFS")
    return FILE_FS_ATTRIBUTE_INFORMATION(ULONG(ABILITIES), LONG(MAXIMUM_COMPONENT), ULONG(len(name))), name


def _control(volume: Volume) -> tuple[Any, None]:
    """No quotas, no content index."""
    none = LARGE_INTEGER(-1)
    zero = LARGE_INTEGER(0)
    return FILE_FS_CONTROL_INFORMATION(zero, zero, zero, none, none, ULONG(0)), None


def _object_id(volume: Volume) -> tuple[Any, None]:
    """The volume has no object id; that this is how it says so is unverified."""
    raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)


def _sectors(volume: Volume) -> tuple[Any, None]:
    """Sectors of 512 bytes, aligned and without a seek penalty's hint."""
    size, zero = ULONG(SECTOR), ULONG(0)
    flags = ULONG(ALIGNED_DEVICE | PARTITION_ALIGNED_ON_DEVICE)
    return FILE_FS_SECTOR_SIZE_INFORMATION(size, size, size, size, flags, zero, zero), None


_CLASSES = {1: _volume, 3: _size, 5: _attributes, 6: _control, 7: _full_size, 8: _object_id, 11: _sectors}
_SET_ONLY, _QUERY_ONLY = frozenset({2}), frozenset({1, 3, 4, 5, 7, 11})


@service(Support.PARTIAL, "classes 1, 3-8, 11")
def NtQueryVolumeInformationFile(
    k: Kernel,
    file_handle: HANDLE,
    io_status_block: Out[IO_STATUS_BLOCK],
    fs_information: PVOID,
    length: ULONG,
    fs_information_class: ULONG,
) -> NTSTATUS:
    """What an open file lies on; class 4 (the kind of device) works for every file."""
    device = k.handles.lookup(file_handle, FileObject).device
    tail: bytes | None = None
    value: Any
    if fs_information_class == 4:
        kind = device.device_type
        if k.lenient and kind == FILE_DEVICE_DISK:
            kind = FILE_DEVICE_DISK_FILE_SYSTEM  # what Wine's GetDriveType knows (observed)
        value = FILE_FS_DEVICE_INFORMATION(ULONG(kind), ULONG(device.characteristics))
    else:
        build = _CLASSES.get(fs_information_class)
        if build is None:
            if fs_information_class in _SET_ONLY:
                return STATUS_INVALID_INFO_CLASS
            raise absent("NtQueryVolumeInformationFile", VOLUME_CLASSES, fs_information_class)
        if not isinstance(device, VolumeDevice):
            raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
        value, tail = build(device.volume)
    return deliver(k, io_status_block, fs_information, length, value, tail)


@service(Support.PARTIAL, "class 2 (label)")
def NtSetVolumeInformationFile(
    k: Kernel,
    file_handle: HANDLE,
    io_status_block: Out[IO_STATUS_BLOCK],
    fs_information: PVOID,
    length: ULONG,
    fs_information_class: ULONG,
) -> NTSTATUS:
    """Set the volume's label: length in bytes, and the text."""
    if fs_information_class in _QUERY_ONLY:
        return STATUS_INVALID_INFO_CLASS
    if fs_information_class != 2:
        raise absent("NtSetVolumeInformationFile", VOLUME_CLASSES, fs_information_class)
    device = k.handles.lookup(file_handle, FileObject, FILE_WRITE_DATA).device
    if not isinstance(device, VolumeDevice):
        return STATUS_INVALID_DEVICE_REQUEST
    if length < 8:
        return STATUS_INFO_LENGTH_MISMATCH
    size = int.from_bytes(k.memory.read(fs_information, 4), "little")
    if size & 1 or size > length - 4:
        return STATUS_INVALID_PARAMETER
    if size > 2 * MAXIMUM_LABEL:
        return STATUS_INVALID_VOLUME_LABEL
    device.volume.label = from_utf16(k.memory.read(fs_information + 4, size))
    io_status_block.set(IO_STATUS_BLOCK(STATUS_SUCCESS, ULONG_PTR(0)))
    return STATUS_SUCCESS
