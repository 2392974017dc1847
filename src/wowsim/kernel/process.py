"""Processes and threads as services see them: ending them and asking about them (nt!Ps).

Leaves out creating them; opening is ``kernel.process_handles``', setting ``kernel.process_settings``'. Information
classes: phnt; their lengths are checked as Windows does (exact for fixed ones).
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import Unsupported
from wowsim.kernel.class_names import PROCESS_CLASSES, absent
from wowsim.kernel.context import Kernel
from wowsim.kernel.names import utf16
from wowsim.kernel.objects import CURRENT_PROCESS
from wowsim.kernel.process_queries import QUERIES, SINCE, accepts, extended_basic, mitigation_policy
from wowsim.kernel.table import Support, service
from wowsim.kernel.targets import kernel_at
from wowsim.kernel.thread import Process
from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID, ULONG, USHORT, Out, encode, size_of
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_PORT_NOT_SET,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import UNICODE_STRING

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
    kernel_at(k, process_handle, PROCESS_TERMINATE).exit_process(exit_status)
    return STATUS_SUCCESS


# ---------------------------------------------------------------- asking
def _string(k: Kernel, text: str, address: int) -> bytes:
    """A UNICODE_STRING whose text lies directly behind it."""
    data = utf16(text)
    header = size_of(UNICODE_STRING, k.width)
    string = UNICODE_STRING(USHORT(len(data)), USHORT(len(data) + 2), PVOID(address + header))
    return encode(UNICODE_STRING, k.width, string) + data + b"\0\0"


def _text(k: Kernel, process: Process, information_class: int) -> str | None:
    """ImageFileName, its Win32 form, CommandLineInformation."""
    if information_class == 27:
        return process.image_path
    if information_class == 43:
        return k.win32_path(process.image_path)
    return process.command_line if information_class == 60 else None


def _answer(
    k: Kernel, process: Process, information_class: int, address: int, length: int
) -> tuple[bytes | None, int]:
    """The buffer's contents, None where its length is wrong, and how long they are."""
    text = _text(k, process, information_class)
    if text is not None:
        data = _string(k, text, address)
        return data if length >= len(data) else None, len(data)
    if information_class == 52:
        return mitigation_policy(k, process, address, length), 8
    if information_class == 0:
        found = extended_basic(k, process, address, length)
        if found is not None:
            return found, len(found)
    query = QUERIES.get(information_class)
    if query is None:
        raise absent("NtQueryInformationProcess", PROCESS_CLASSES, information_class)
    if information_class == 30 and length != k.width // 8:
        return None, k.width // 8
    data = query(k, process)
    return accepts(k, information_class, length, data), len(data)


OF_OTHERS = frozenset({0, 4, 7, 24, 26, 27, 29, 31, 37, 43, 60, 61})
"""Classes that say of another process what the object itself knows."""
PROCESS_DEBUG_OBJECT_HANDLE = 30
"""That it writes a null handle and the length beside its status is unverified."""


@service(
    Support.PARTIAL,
    "times, page faults, I/O and quotas are not counted; PROCESS_CLASSES it lacks are refused",
)
def NtQueryInformationProcess(
    k: Kernel,
    process_handle: HANDLE,
    process_information_class: ULONG,
    process_information: PVOID,
    process_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """What the process is; no debugger is ever attached to it."""
    process, access = k.handles.lookup_anywhere(process_handle, Process)
    if not access & PROCESS_QUERY:
        return STATUS_ACCESS_DENIED
    asked = process_information_class
    if process is not k.process and asked not in OF_OTHERS:
        raise Unsupported(f"NtQueryInformationProcess(class {asked}) of another process")
    if not k.has_class(SINCE, asked):
        return STATUS_INVALID_INFO_CLASS
    if asked == 36 and process_handle != CURRENT_PROCESS:
        return STATUS_INVALID_PARAMETER
    data, needed = _answer(k, process, asked, process_information, process_information_length)
    if return_length is not None:
        return_length.set(ULONG(needed if data is None else len(data)))
    if data is None:
        return STATUS_INFO_LENGTH_MISMATCH
    k.memory.write(process_information, data)
    return STATUS_PORT_NOT_SET if asked == PROCESS_DEBUG_OBJECT_HANDLE else STATUS_SUCCESS
