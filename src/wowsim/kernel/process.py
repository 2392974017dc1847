"""Processes and threads as services see them: ending them and asking about them (nt!Ps).

Leaves out creating either and opening others by id. Information classes: phnt; their lengths are checked as
Windows does (exact for fixed ones). Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from typing import Any

from wowsim.errors import Unsupported
from wowsim.kernel.class_names import PROCESS_CLASSES, absent
from wowsim.kernel.context import Kernel
from wowsim.kernel.names import utf16
from wowsim.kernel.objects import CURRENT_PROCESS
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Process
from wowsim.nt.abi import (
    HANDLE,
    LONG,
    NTSTATUS,
    PVOID,
    ULONG,
    ULONG_PTR,
    USHORT,
    Out,
    encode,
    size_of,
)
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_PARAMETER,
    STATUS_PORT_NOT_SET,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import (
    PROCESS_BASIC_INFORMATION,
    UNICODE_STRING,
)

PROCESS_TERMINATE = 0x1
PROCESS_QUERY = 0x1400
"""PROCESS_QUERY_INFORMATION or PROCESS_QUERY_LIMITED_INFORMATION."""


# ---------------------------------------------------------------- ending
@service(Support.FULL)
def NtTerminateProcess(k: Kernel, process_handle: HANDLE, exit_status: NTSTATUS) -> NTSTATUS:
    """End the process; handle 0 ends all its threads but the caller (wow64-facts section 6)."""
    if process_handle == 0:
        for thread in [t for t in k.threads if t is not k.thread]:
            k.exit_thread(thread, exit_status)
        return STATUS_SUCCESS
    k.handles.lookup(process_handle, Process, PROCESS_TERMINATE)
    k.exit_process(exit_status)
    return STATUS_SUCCESS


# ---------------------------------------------------------------- asking
def _answer(
    k: Kernel, kind: Any, value: Any, address: int, length: int, return_length: Out[ULONG] | None
) -> NTSTATUS:
    size = size_of(kind, k.width)
    if length != size:
        return STATUS_INFO_LENGTH_MISMATCH
    k.memory.write(address, encode(kind, k.width, value))
    if return_length is not None:
        return_length.set(ULONG(size))
    return STATUS_SUCCESS


def _process_basic(process: Process) -> PROCESS_BASIC_INFORMATION:
    return PROCESS_BASIC_INFORMATION(
        NTSTATUS(process.exit_status),
        PVOID(process.peb),
        ULONG_PTR(1),
        LONG(8),
        ULONG_PTR(process.id),
        ULONG_PTR(process.parent_id),
    )


def _counted_string(
    k: Kernel, text: str, address: int, length: int, return_length: Out[ULONG] | None
) -> NTSTATUS:
    """A UNICODE_STRING whose text lies directly behind it."""
    data = utf16(text)
    header = size_of(UNICODE_STRING, k.width)
    needed = header + len(data) + 2
    if return_length is not None:
        return_length.set(ULONG(needed))
    if length < needed:
        return STATUS_INFO_LENGTH_MISMATCH
    string = UNICODE_STRING(USHORT(len(data)), USHORT(len(data) + 2), PVOID(address + header))
    k.memory.write(address, encode(UNICODE_STRING, k.width, string) + data + b"\0\0")
    return STATUS_SUCCESS


@service(Support.PARTIAL, "classes 0, 7, 26, 27, 30, 31, 36, 37, 43")
def NtQueryInformationProcess(
    k: Kernel,
    process_handle: HANDLE,
    process_information_class: ULONG,
    process_information: PVOID,
    process_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """What the process is; no debugger is ever attached to it."""
    process, access = k.handles.lookup_granted(process_handle, Process)
    if not access & PROCESS_QUERY:
        return STATUS_ACCESS_DENIED
    if process_information_class in (27, 43):
        text = process.image_path if process_information_class == 27 else k.win32_path(process.image_path)
        return _counted_string(k, text, process_information, process_information_length, return_length)
    if process_information_class == 30:
        return (
            STATUS_PORT_NOT_SET if process_information_length == k.width // 8 else STATUS_INFO_LENGTH_MISMATCH
        )
    if process_information_class == 36 and process_handle != CURRENT_PROCESS:
        return STATUS_INVALID_PARAMETER
    if process_information_class == 37 and process.image is None:
        raise Unsupported("NtQueryInformationProcess(ProcessImageInformation) without a program image")
    answers: dict[int, tuple[Any, Any]] = {
        0: (PROCESS_BASIC_INFORMATION, _process_basic(process)),
        7: (ULONG_PTR, 0),
        26: (ULONG_PTR, process.peb32),
        31: (ULONG, 1),
        36: (ULONG, process.cookie),
        37: (type(process.image), process.image),
    }
    answer = answers.get(process_information_class)
    if answer is None:
        raise absent("NtQueryInformationProcess", PROCESS_CLASSES, process_information_class)
    return _answer(k, *answer, process_information, process_information_length, return_length)
