"""NtQueryInformationFile: the information classes of one open file ([MS-FSCC] 2.4, [MS-FSA] 2.1.5.12).

Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from typing import Any

from wowsim.errors import GuestFault
from wowsim.kernel.access import FILE_OPEN, FILE_OPEN_REPARSE_POINT, FILE_READ_ATTRIBUTES
from wowsim.kernel.class_names import FILE_CLASSES, SET_ONLY_FILE_CLASSES, absent
from wowsim.kernel.context import Kernel
from wowsim.kernel.delivery import deliver, deliver_entries
from wowsim.kernel.device import FileObject, OpenRequest
from wowsim.kernel.file_queries import QUERIES, Entries, Query
from wowsim.kernel.files import opened_for
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID, ULONG, In, Out
from wowsim.nt.status import STATUS_ACCESS_DENIED, STATUS_INVALID_INFO_CLASS
from wowsim.nt.structures import IO_STATUS_BLOCK, OBJECT_ATTRIBUTES

_BY_NAME = (35, 52, 68, 70, 71, 77)
"""Classes of NtQueryInformationByName (Microsoft Learn)."""


def _known(service_name: str, information_class: int) -> Query:
    known = QUERIES.get(information_class)
    if known is None:
        if information_class in SET_ONLY_FILE_CLASSES:
            raise GuestFault(STATUS_INVALID_INFO_CLASS)
        raise absent(service_name, FILE_CLASSES, information_class)
    return known


def _answer(
    k: Kernel,
    query: Query,
    file: FileObject,
    access: int,
    block: Out[IO_STATUS_BLOCK],
    buffer: int,
    length: int,
) -> NTSTATUS:
    value: Any = query.build(k, file, access)
    if isinstance(value, Entries):
        return deliver_entries(k, block, buffer, length, value)
    tail = None
    if isinstance(value, tuple):
        value, tail = value
    return deliver(k, block, buffer, length, value, tail)


@service(Support.PARTIAL, "the classes that programs use; others are refused by name")
def NtQueryInformationFile(
    k: Kernel,
    file_handle: HANDLE,
    io_status_block: Out[IO_STATUS_BLOCK],
    file_information: PVOID,
    length: ULONG,
    file_information_class: ULONG,
) -> NTSTATUS:
    """What an open file is: times, sizes, name, position, mode."""
    known = _known("NtQueryInformationFile", file_information_class)
    file, access = k.handles.lookup_granted(file_handle, FileObject)
    if (
        known.rights
        and not access & known.rights
        and not (k.lenient and known.rights == FILE_READ_ATTRIBUTES)
    ):
        return STATUS_ACCESS_DENIED
    return _answer(k, known, file, access, io_status_block, file_information, length)


@service(Support.PARTIAL, "classes 35, 68 and 71")
def NtQueryInformationByName(
    k: Kernel,
    object_attributes: In[OBJECT_ATTRIBUTES],
    io_status_block: Out[IO_STATUS_BLOCK],
    file_information: PVOID,
    length: ULONG,
    file_information_class: ULONG,
) -> NTSTATUS:
    """The same by name; a link is asked about itself (unverified)."""
    if file_information_class not in _BY_NAME:
        return STATUS_INVALID_INFO_CLASS
    known = _known("NtQueryInformationByName", file_information_class)
    request = OpenRequest("", FILE_READ_ATTRIBUTES, FILE_OPEN, FILE_OPEN_REPARSE_POINT)
    with opened_for(k, object_attributes, request) as file:
        return _answer(k, known, file, request.access, io_status_block, file_information, length)
