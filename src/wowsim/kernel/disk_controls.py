"""Control codes of the disk below an open volume (winioctl.h, mountmgr.h of the public SDK).

A fixed disk of one partition, of the volume's capacity. Who may import it: the kernel package.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.control_codes import (
    IOCTL_DISK_GET_DRIVE_GEOMETRY,
    IOCTL_DISK_GET_DRIVE_GEOMETRY_EX,
    IOCTL_DISK_IS_WRITABLE,
    IOCTL_MOUNTDEV_QUERY_DEVICE_NAME,
    IOCTL_STORAGE_CHECK_VERIFY2,
    IOCTL_STORAGE_GET_DEVICE_NUMBER,
    IOCTL_STORAGE_GET_HOTPLUG_INFO,
)
from wowsim.kernel.device import FILE_DEVICE_DISK
from wowsim.kernel.names import utf16
from wowsim.kernel.volume_device import VolumeDevice
from wowsim.nt.status import STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER, STATUS_SUCCESS

if TYPE_CHECKING:
    from wowsim.kernel.control_request import Control, Handlers
    from wowsim.kernel.requests import Outcome, Request

SECTOR, SECTORS_PER_TRACK, TRACKS_PER_CYLINDER = 512, 63, 255
FIXED_MEDIA = 12
_GEOMETRY = struct.Struct("<qIIII")
"""Cylinders, MediaType, TracksPerCylinder, SectorsPerTrack, BytesPerSector."""


def _capacity(control: Control) -> int:
    device = control.file.device
    assert isinstance(device, VolumeDevice)
    return device.volume.capacity


def _geometry_of(control: Control) -> bytes:
    cylinders = _capacity(control) // (SECTOR * SECTORS_PER_TRACK * TRACKS_PER_CYLINDER)
    return _GEOMETRY.pack(cylinders, FIXED_MEDIA, TRACKS_PER_CYLINDER, SECTORS_PER_TRACK, SECTOR)


def _geometry(control: Control, request: Request) -> Outcome:
    return control.answer(_geometry_of(control))


def _geometry_ex(control: Control, request: Request) -> Outcome:
    """DISK_GEOMETRY_EX: the geometry, DiskSize, and one byte of what may follow, padded to 28h."""
    return control.answer(_geometry_of(control) + struct.pack("<q8x", _capacity(control)))


def _nothing(control: Control, request: Request) -> Outcome:
    return STATUS_SUCCESS, 0


def _device_number(control: Control, request: Request) -> Outcome:
    """STORAGE_DEVICE_NUMBER: type, disk 0, partition 1."""
    return control.answer(struct.pack("<III", FILE_DEVICE_DISK, 0, 1))


def _hotplug(control: Control, request: Request) -> Outcome:
    """STORAGE_HOTPLUG_INFO: its size; a disk that stays."""
    return control.answer(struct.pack("<I4B", 8, 0, 0, 0, 0))


def _device_name(control: Control, request: Request) -> Outcome:
    """MOUNTDEV_NAME: NameLength and the device's name; only the length where the name does not fit."""
    name = utf16(control.file.device.path)
    if control.output_length < 4:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    head = struct.pack("<H", len(name))
    if control.output_length < 2 + len(name):
        return control.give(head, STATUS_BUFFER_OVERFLOW)
    return control.give(head + name)


DISK_CONTROLS: Handlers = {
    IOCTL_DISK_GET_DRIVE_GEOMETRY: _geometry,
    IOCTL_DISK_GET_DRIVE_GEOMETRY_EX: _geometry_ex,
    IOCTL_DISK_IS_WRITABLE: _nothing,
    IOCTL_STORAGE_CHECK_VERIFY2: _nothing,
    IOCTL_STORAGE_GET_DEVICE_NUMBER: _device_number,
    IOCTL_STORAGE_GET_HOTPLUG_INFO: _hotplug,
    IOCTL_MOUNTDEV_QUERY_DEVICE_NAME: _device_name,
}
"""Of an open volume."""
