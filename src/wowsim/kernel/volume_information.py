"""NtQueryVolumeInformationFile: the volume or device behind an open file ([MS-FSCC] 2.5).

Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wowsim.errors import GuestFault
from wowsim.kernel.class_names import VOLUME_CLASSES, absent
from wowsim.kernel.context import Kernel
from wowsim.kernel.delivery import deliver
from wowsim.kernel.device import FileObject
from wowsim.kernel.names import MAXIMUM_COMPONENT, utf16
from wowsim.kernel.table import Support, service
from wowsim.kernel.volume import CLUSTER
from wowsim.kernel.volume_device import VolumeDevice
from wowsim.nt.abi import BOOLEAN, HANDLE, LARGE_INTEGER, LONG, NTSTATUS, PVOID, ULONG, Out
from wowsim.nt.status import STATUS_INVALID_DEVICE_REQUEST
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
CASE_PRESERVED_NAMES, UNICODE_ON_DISK = 0x2, 0x4


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
    """Named NTFS, but with the abilities this volume has: no streams, no compression, no links."""
    name = utf16("NTFS")
    flags = CASE_PRESERVED_NAMES | UNICODE_ON_DISK
    return FILE_FS_ATTRIBUTE_INFORMATION(ULONG(flags), LONG(MAXIMUM_COMPONENT), ULONG(len(name))), name


_CLASSES = {1: _volume, 3: _size, 5: _attributes, 7: _full_size}


@service(Support.PARTIAL, "classes 1, 3, 4, 5, 7")
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
        value = FILE_FS_DEVICE_INFORMATION(ULONG(device.device_type), ULONG(device.characteristics))
    else:
        build = _CLASSES.get(fs_information_class)
        if build is None:
            raise absent("NtQueryVolumeInformationFile", VOLUME_CLASSES, fs_information_class)
        if not isinstance(device, VolumeDevice):
            raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
        value, tail = build(device.volume)
    return deliver(k, io_status_block, fs_information, length, value, tail)
