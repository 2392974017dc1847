"""Control codes of reparse points: set, get, delete ([MS-FSA] 2.1.5.10: FSCTL_*_REPARSE_POINT).

Leaves out the privilege that a symbolic link takes. Who may import it: the kernel package.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.access import FILE_ATTRIBUTE_REPARSE_POINT, FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA
from wowsim.kernel.control_codes import (
    FSCTL_DELETE_REPARSE_POINT,
    FSCTL_GET_REPARSE_POINT,
    FSCTL_SET_REPARSE_POINT,
)
from wowsim.kernel.reparse import IO_REPARSE_TAG_MOUNT_POINT, parse_reparse_point
from wowsim.kernel.volume_controls import own_node, require
from wowsim.kernel.volume_file import occupied
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_DIRECTORY_NOT_EMPTY,
    STATUS_IO_REPARSE_DATA_INVALID,
    STATUS_IO_REPARSE_TAG_MISMATCH,
    STATUS_NOT_A_DIRECTORY,
    STATUS_NOT_A_REPARSE_POINT,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from wowsim.kernel.control_request import Control, Handlers
    from wowsim.kernel.requests import Outcome, Request

_WRITING = FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES


def _set(control: Control, request: Request) -> Outcome:
    require(control, _WRITING)
    node = own_node(control)
    point = parse_reparse_point(control.input())
    if node.pinned:
        raise GuestFault(STATUS_ACCESS_DENIED)
    if point.tag == IO_REPARSE_TAG_MOUNT_POINT and not node.is_directory:
        raise GuestFault(STATUS_NOT_A_DIRECTORY)
    if node.reparse is not None and node.reparse.tag != point.tag:
        raise GuestFault(STATUS_IO_REPARSE_TAG_MISMATCH)
    if occupied(node):
        raise GuestFault(STATUS_DIRECTORY_NOT_EMPTY)
    node.volume.charge(len(point.data) - (len(node.reparse.data) if node.reparse else 0))
    node.reparse = point
    node.attributes |= FILE_ATTRIBUTE_REPARSE_POINT
    return STATUS_SUCCESS, 0


def _get(control: Control, request: Request) -> Outcome:
    point = own_node(control).reparse
    if point is None:
        raise GuestFault(STATUS_NOT_A_REPARSE_POINT)
    data = point.buffer()
    if control.output_length < point.header:
        raise GuestFault(STATUS_BUFFER_TOO_SMALL)
    room = control.output_length
    return control.give(data[:room], STATUS_BUFFER_OVERFLOW if room < len(data) else STATUS_SUCCESS)


def _delete(control: Control, request: Request) -> Outcome:
    """The input is a header with the tag and no data."""
    require(control, _WRITING)
    node = own_node(control)
    data = control.input()
    if len(data) < 8:
        raise GuestFault(STATUS_IO_REPARSE_DATA_INVALID)
    tag, length = struct.unpack_from("<IH", data)
    if length:
        raise GuestFault(STATUS_IO_REPARSE_DATA_INVALID)
    if node.reparse is None:
        raise GuestFault(STATUS_NOT_A_REPARSE_POINT)
    if node.reparse.tag != tag:
        raise GuestFault(STATUS_IO_REPARSE_TAG_MISMATCH)
    node.volume.charge(-len(node.reparse.data))
    node.reparse = None
    node.attributes &= ~FILE_ATTRIBUTE_REPARSE_POINT
    return STATUS_SUCCESS, 0


REPARSE_CONTROLS: Handlers = {
    FSCTL_SET_REPARSE_POINT: _set,
    FSCTL_GET_REPARSE_POINT: _get,
    FSCTL_DELETE_REPARSE_POINT: _delete,
}
