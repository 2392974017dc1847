"""NtQueryInformationFile: the information classes of one open file ([MS-FSCC] 2.4, [MS-FSA] 2.1.5.12).

Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wowsim.errors import GuestFault
from wowsim.kernel.access import (
    FILE_DELETE_ON_CLOSE,
    FILE_NO_INTERMEDIATE_BUFFERING,
    FILE_READ_ATTRIBUTES,
    FILE_READ_DATA,
    FILE_READ_EA,
    FILE_SEQUENTIAL_ONLY,
    FILE_SYNCHRONOUS_IO,
    FILE_WRITE_DATA,
    FILE_WRITE_THROUGH,
)
from wowsim.kernel.class_names import FILE_CLASSES, absent
from wowsim.kernel.context import Kernel
from wowsim.kernel.delivery import deliver
from wowsim.kernel.device import FileObject
from wowsim.kernel.names import utf16
from wowsim.kernel.node_information import (
    basic_information,
    internal_information,
    network_open_information,
    standard_information,
)
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import HANDLE, LARGE_INTEGER, NTSTATUS, PVOID, ULONG, Out
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_INVALID_DEVICE_REQUEST,
)
from wowsim.nt.structures import (
    FILE_ALL_INFORMATION,
    FILE_ATTRIBUTE_TAG_INFORMATION,
    FILE_NAME_INFORMATION,
    FILE_POSITION_INFORMATION,
    FILE_ULONG_INFORMATION,
    IO_STATUS_BLOCK,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.nodes import Node

MODE_OPTIONS = (
    FILE_WRITE_THROUGH
    | FILE_SEQUENTIAL_ONLY
    | FILE_NO_INTERMEDIATE_BUFFERING
    | FILE_SYNCHRONOUS_IO
    | FILE_DELETE_ON_CLOSE
)
"""Create options that FileModeInformation reports ([MS-FSCC] 2.4.26)."""


def node_of(file: FileObject) -> Node:
    """The node behind an open file; devices have none (STATUS_INVALID_DEVICE_REQUEST)."""
    if file.node is None:
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)
    return file.node


def _name(node: Node) -> tuple[FILE_NAME_INFORMATION, bytes]:
    text = utf16(node.path)
    return FILE_NAME_INFORMATION(ULONG(len(text))), text


def _mode(file: FileObject) -> FILE_ULONG_INFORMATION:
    return FILE_ULONG_INFORMATION(ULONG(file.options & MODE_OPTIONS))


def _position(file: FileObject) -> FILE_POSITION_INFORMATION:
    return FILE_POSITION_INFORMATION(LARGE_INTEGER(file.position))


def _zero(file: FileObject, access: int) -> FILE_ULONG_INFORMATION:
    """No extended attributes; byte alignment."""
    return FILE_ULONG_INFORMATION(ULONG(0))


def _tag(file: FileObject, access: int) -> FILE_ATTRIBUTE_TAG_INFORMATION:
    return FILE_ATTRIBUTE_TAG_INFORMATION(ULONG(node_of(file).reported_attributes), ULONG(0))


def _all(file: FileObject, access: int) -> tuple[FILE_ALL_INFORMATION, bytes]:
    node = node_of(file)
    name, text = _name(node)
    zero = _zero(file, access)
    return (
        FILE_ALL_INFORMATION(
            basic_information(node),
            standard_information(node),
            internal_information(node),
            zero,
            FILE_ULONG_INFORMATION(ULONG(access)),
            _position(file),
            _mode(file),
            zero,
            name,
        ),
        text,
    )


@dataclass(frozen=True)
class _Class:
    """One class that can be queried: rights of which one is needed (0: none), and how it is built."""

    rights: int
    build: Callable[[FileObject, int], Any]


_CLASSES = {
    4: _Class(FILE_READ_ATTRIBUTES, lambda file, access: basic_information(node_of(file))),
    5: _Class(0, lambda file, access: standard_information(node_of(file))),
    6: _Class(0, lambda file, access: internal_information(node_of(file))),
    7: _Class(FILE_READ_EA, _zero),
    8: _Class(0, lambda file, access: FILE_ULONG_INFORMATION(ULONG(access))),
    9: _Class(0, lambda file, access: _name(node_of(file))),
    14: _Class(FILE_READ_DATA | FILE_WRITE_DATA, lambda file, access: _position(file)),
    16: _Class(0, lambda file, access: _mode(file)),
    17: _Class(0, _zero),
    18: _Class(FILE_READ_ATTRIBUTES, _all),
    34: _Class(FILE_READ_ATTRIBUTES, lambda file, access: network_open_information(node_of(file))),
    35: _Class(FILE_READ_ATTRIBUTES, _tag),
}


@service(Support.PARTIAL, "classes 4-9, 14, 16-18, 34, 35")
def NtQueryInformationFile(
    k: Kernel,
    file_handle: HANDLE,
    io_status_block: Out[IO_STATUS_BLOCK],
    file_information: PVOID,
    length: ULONG,
    file_information_class: ULONG,
) -> NTSTATUS:
    """What an open file is: times, sizes, name, position, mode."""
    known = _CLASSES.get(file_information_class)
    if known is None:
        raise absent("NtQueryInformationFile", FILE_CLASSES, file_information_class)
    file, access = k.handles.lookup_granted(file_handle, FileObject)
    if known.rights and not access & known.rights:
        return STATUS_ACCESS_DENIED
    value = known.build(file, access)
    tail = None
    if isinstance(value, tuple):
        value, tail = value
    return deliver(k, io_status_block, file_information, length, value, tail)
