"""Control codes of files and volumes ([MS-FSCC] 2.3; [MS-FSA] 2.1.5.10): sparse files, compression, object ids.

Compression is not there, as on an NTFS volume with clusters above 4 KB. A sparse file keeps all its bytes; its units
of 64 KB that hold only zeros count as not allocated. Who may import it: the kernel package.
"""

from __future__ import annotations

import struct
from random import Random
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.access import (
    FILE_ATTRIBUTE_SPARSE_FILE,
    FILE_WRITE_ATTRIBUTES,
    FILE_WRITE_DATA,
)
from wowsim.kernel.control_codes import (
    FSCTL_CREATE_OR_GET_OBJECT_ID,
    FSCTL_DELETE_OBJECT_ID,
    FSCTL_GET_COMPRESSION,
    FSCTL_GET_NTFS_VOLUME_DATA,
    FSCTL_GET_OBJECT_ID,
    FSCTL_IS_PATHNAME_VALID,
    FSCTL_IS_VOLUME_MOUNTED,
    FSCTL_QUERY_ALLOCATED_RANGES,
    FSCTL_SET_COMPRESSION,
    FSCTL_SET_SPARSE,
    FSCTL_SET_ZERO_DATA,
)
from wowsim.kernel.mount import HostDirectory, HostFile
from wowsim.kernel.volume import CLUSTER, RECORD, MemoryDirectory, MemoryFile
from wowsim.kernel.volume_device import VolumeDevice
from wowsim.kernel.volume_file import VolumeFile, touch
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
    STATUS_OBJECTID_NOT_FOUND,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.kernel.control_request import Control, Handlers
    from wowsim.kernel.nodes import Node
    from wowsim.kernel.requests import Outcome, Request

SECTOR = 512
SPARSE_UNIT = 0x10000
_RANGE = struct.Struct("<qq")
_VOLUME_DATA = struct.Struct("<5q4I5q")


def volume_file(control: Control) -> VolumeFile:
    """The file asked."""
    assert isinstance(control.file, VolumeFile)
    return control.file


def own_node(control: Control) -> MemoryFile | MemoryDirectory:
    """The node behind it, if it lies on the volume itself; a host's file system has nothing of these."""
    node = volume_file(control).node
    if not isinstance(node, (MemoryFile, MemoryDirectory)):
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
    return node


def require(control: Control, rights: int) -> None:
    """Raise STATUS_ACCESS_DENIED unless the handle has one of these rights."""
    if not control.access & rights:
        raise GuestFault(STATUS_ACCESS_DENIED)


def _done(control: Control, request: Request) -> Outcome:
    return STATUS_SUCCESS, 0


def _ntfs_volume_data(control: Control, request: Request) -> Outcome:
    device = control.file.device
    assert isinstance(device, VolumeDevice)
    volume = device.volume
    total, free = volume.capacity // CLUSTER, (volume.capacity - volume.used) // CLUSTER
    data = _VOLUME_DATA.pack(
        volume.serial_number, volume.capacity // SECTOR, total, free, 0,
        SECTOR, CLUSTER, RECORD, RECORD // CLUSTER, 0, 0, 0, 0, 0,
    )  # fmt: skip
    return control.answer(data)


# ---------------------------------------------------------------- compression and sparse files
def _get_compression(control: Control, request: Request) -> Outcome:
    return control.answer(bytes(2), STATUS_INVALID_PARAMETER)


def _set_compression(control: Control, request: Request) -> Outcome:
    if control.input(2)[:2] != bytes(2):
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
    return STATUS_SUCCESS, 0


def _set_sparse(control: Control, request: Request) -> Outcome:
    """FILE_SET_SPARSE_BUFFER: one BOOLEAN; without it the file becomes sparse."""
    require(control, FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES)
    node = own_node(control)
    volume_file(control).data()
    data = control.input()
    if not data or data[0]:
        node.attributes |= FILE_ATTRIBUTE_SPARSE_FILE
    else:
        node.attributes &= ~FILE_ATTRIBUTE_SPARSE_FILE
    return STATUS_SUCCESS, 0


def _set_zero_data(control: Control, request: Request) -> Outcome:
    """FILE_ZERO_DATA_INFORMATION: from FileOffset up to BeyondFinalZero; the file does not grow."""
    file = volume_file(control)
    node = file.data()
    start, end = _RANGE.unpack_from(control.input(_RANGE.size))
    if not 0 <= start <= end:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    end = min(end, node.size)
    if file.locks is not None:
        file.locks.check(file, 0, start, max(0, end - start), write=True)
    if start < end:
        node.write(start, bytes(end - start))
        touch(node, file.volume.clock.now)
    return STATUS_SUCCESS, 0


def _allocated(file: VolumeFile, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Ranges with data between two offsets, joined where they meet."""
    node = file.data()
    if not node.attributes & FILE_ATTRIBUTE_SPARSE_FILE:
        if start < end:
            yield start, end
        return
    begin: int | None = None
    for at in range(start - start % SPARSE_UNIT, end, SPARSE_UNIT):
        if node.read(at, SPARSE_UNIT).strip(b"\0"):
            begin = max(start, at) if begin is None else begin
        elif begin is not None:
            yield begin, at
            begin = None
    if begin is not None:
        yield begin, end


def _allocated_ranges(control: Control, request: Request) -> Outcome:
    """FILE_ALLOCATED_RANGE_BUFFERs for the range asked for, as many as fit."""
    file = volume_file(control)
    start, length = _RANGE.unpack_from(control.input(_RANGE.size))
    if start < 0 or length < 0 or start + length >= 1 << 63:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    end = min(start + length, file.data().size)
    data = bytearray()
    for first, behind in _allocated(file, start, end):
        if len(data) + _RANGE.size > control.output_length:
            return control.give(bytes(data), STATUS_BUFFER_OVERFLOW)
        data += _RANGE.pack(first, behind - first)
    return control.give(bytes(data))


# ---------------------------------------------------------------- object ids
def _object_id_node(control: Control) -> Node:
    """What the id is of. Files of a mount have theirs from the beginning, so that they can be told apart.

    System DLLs know a file again by its object id, and a host's files cannot be given one.
    """
    node = volume_file(control).node
    if isinstance(node, (HostFile, HostDirectory)) and not node.object_id:
        source = Random(f"object id {control.k.seed} {node.file_id}")
        node.object_id = source.getrandbits(128).to_bytes(16, "little")
    return node


def _object_id_buffer(node: Node) -> bytes:
    """FILE_OBJECTID_BUFFER: the id, and 48 bytes of where it was born, which this volume does not record."""
    return node.object_id + bytes(48)


def _create_object_id(control: Control, request: Request) -> Outcome:
    node = _object_id_node(control)
    if not node.object_id:
        node.object_id = control.k.random.getrandbits(128).to_bytes(16, "little")
    return control.answer(_object_id_buffer(node), STATUS_INVALID_PARAMETER)


def _get_object_id(control: Control, request: Request) -> Outcome:
    node = _object_id_node(control)
    if not node.object_id:
        raise GuestFault(STATUS_OBJECTID_NOT_FOUND)
    return control.answer(_object_id_buffer(node), STATUS_INVALID_PARAMETER)


def _delete_object_id(control: Control, request: Request) -> Outcome:
    require(control, FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES)
    own_node(control).object_id = b""
    return STATUS_SUCCESS, 0


VOLUME_CONTROLS: Handlers = {
    FSCTL_IS_VOLUME_MOUNTED: _done,
    FSCTL_IS_PATHNAME_VALID: _done,
    FSCTL_GET_NTFS_VOLUME_DATA: _ntfs_volume_data,
}
"""Of a volume, and of anything open on it."""
FILE_CONTROLS: Handlers = {
    FSCTL_GET_COMPRESSION: _get_compression,
    FSCTL_SET_COMPRESSION: _set_compression,
    FSCTL_SET_SPARSE: _set_sparse,
    FSCTL_SET_ZERO_DATA: _set_zero_data,
    FSCTL_QUERY_ALLOCATED_RANGES: _allocated_ranges,
    FSCTL_CREATE_OR_GET_OBJECT_ID: _create_object_id,
    FSCTL_GET_OBJECT_ID: _get_object_id,
    FSCTL_DELETE_OBJECT_ID: _delete_object_id,
}
"""Of a file or directory."""
