"""What the machine is: NtQuerySystemInformation(Ex), NtSetSystemInformation (nt!Ex).

Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.class_names import SYSTEM_CLASSES
from wowsim.kernel.context import Kernel
from wowsim.kernel.names import utf16
from wowsim.kernel.privileged import demand
from wowsim.kernel.processor_groups import ALL, relationships
from wowsim.kernel.system_processes import SYSTEM_PROCESS
from wowsim.kernel.system_queries import PARTIAL, QUERIES, SINCE, architectures, code_integrity, listed
from wowsim.kernel.table import Support, service
from wowsim.kernel.thread import Process
from wowsim.kernel.thread_information import sign_extended
from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID, ULONG, USHORT, Out, encode, load, size_of
from wowsim.nt.status import (
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_CID,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import UNICODE_STRING
from wowsim.nt.system_structures import SYSTEM_PROCESS_ID_INFORMATION

MAXIMUM_CLASS = 0xFF
"""Beyond every SYSTEM_INFORMATION_CLASS of phnt; larger numbers are STATUS_INVALID_INFO_CLASS."""


@service(Support.PARTIAL, "what nobody counts is 0; classes it lacks are refused by name")
def NtQuerySystemInformation(
    k: Kernel,
    system_information_class: ULONG,
    system_information: PVOID,
    system_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """What the machine is. Classes 62 and 63 answer a WoW64 program's 0 and 1 (wow64-facts section 6)."""
    asked, address, length = system_information_class, system_information, system_information_length
    if asked > MAXIMUM_CLASS or not k.has_class(SINCE, asked):
        return STATUS_INVALID_INFO_CLASS
    if asked == 88:
        return _process_name(k, address, length)
    if asked == 103:
        data: bytes | None = code_integrity(k, address, length)
    elif asked == 107:
        data = relationships(k, ALL)
    else:
        query = QUERIES.get(asked)
        data = query(k) if query is not None else listed(k, asked, address)
    if data is None:
        name = SYSTEM_CLASSES.get(asked, f"class {asked}")
        raise Unsupported(f"NtQuerySystemInformation({name}) is not implemented")
    return _answer(k, asked, data, address, length, return_length)


def _answer(
    k: Kernel, asked: int, data: bytes, address: int, length: int, return_length: Out[ULONG] | None
) -> NTSTATUS:
    """The beginning where a class allows it, else all or nothing."""
    least = PARTIAL.get(asked, len(data))
    if return_length is not None:
        return_length.set(ULONG(min(len(data), length) if least <= length else len(data)))
    if length < least or (asked == 3 and length > len(data)):
        return STATUS_INFO_LENGTH_MISMATCH
    k.memory.write(address, data[:length])
    return STATUS_SUCCESS


def _process_name(k: Kernel, address: int, length: int) -> NTSTATUS:
    """Class 88: the path of a process' program goes into the buffer of the caller's string."""
    kind = SYSTEM_PROCESS_ID_INFORMATION
    if length != size_of(kind, k.width):
        return STATUS_INFO_LENGTH_MISMATCH
    value = load(k.memory, address, kind, k.width)
    string = value.ImageName
    if string.Length or string.MaximumLength & 1:
        return STATUS_INVALID_PARAMETER
    if value.ProcessId not in (SYSTEM_PROCESS, k.process.id):
        return STATUS_INVALID_CID
    text = utf16(k.process.image_path) if value.ProcessId == k.process.id else b""
    fits = string.MaximumLength >= len(text) + 2
    if fits:
        k.memory.write(string.Buffer, text + b"\0\0")
    else:
        string.MaximumLength = USHORT(len(text) + 2)
    string.Length = USHORT(len(text) if fits else 0)
    at = address + size_of(HANDLE, k.width)
    k.memory.write(at, encode(UNICODE_STRING, k.width, string))
    return STATUS_SUCCESS if fits else STATUS_INFO_LENGTH_MISMATCH


_ARCHITECTURES = {181, 230}
"""SystemSupportedProcessorArchitectures and its second form, of which phnt tells no difference."""
_PER_GROUP = {8, 23, 42, 61, 73, 83, 100, 108, 141}
"""Classes whose extended form asks about one processor group (phnt)."""


@service(Support.PARTIAL, "processor groups and architectures; other classes are refused by name")
def NtQuerySystemInformationEx(
    k: Kernel,
    system_information_class: ULONG,
    input_buffer: PVOID,
    input_buffer_length: ULONG,
    system_information: PVOID,
    system_information_length: ULONG,
    return_length: Out[ULONG] | None,
) -> NTSTATUS:
    """What a part of the machine is: one processor group, one relationship between processors, one process."""
    asked = system_information_class
    if not input_buffer or not input_buffer_length:
        return STATUS_INVALID_PARAMETER
    if asked == 107:
        if input_buffer_length < 4:
            return STATUS_INVALID_PARAMETER
        wanted = int.from_bytes(k.memory.read(input_buffer, 4), "little")
        data = relationships(k, wanted)
        return _answer(k, asked, data, system_information, system_information_length, return_length)
    if asked > MAXIMUM_CLASS or not k.has_class(SINCE, asked):
        return STATUS_INVALID_INFO_CLASS
    if asked in _ARCHITECTURES:
        if input_buffer_length < k.width // 8:
            return STATUS_INVALID_PARAMETER
        handle = load(k.memory, input_buffer, HANDLE, k.width)
        handle = handle if k.width == 64 else sign_extended(handle)
        data = architectures(k, k.handles.lookup(handle, Process) if handle else k.process)
        return _answer(k, asked, data, system_information, system_information_length, return_length)
    if asked not in _PER_GROUP:
        name = SYSTEM_CLASSES.get(asked, f"class {asked}")
        raise Unsupported(f"NtQuerySystemInformationEx({name}) is not implemented")
    if input_buffer_length < 2 or k.memory.read(input_buffer, 2) != b"\0\0":
        return STATUS_INVALID_PARAMETER  # there is group 0 only
    return NtQuerySystemInformation(
        k, ULONG(asked), system_information, system_information_length, return_length
    )


# ---------------------------------------------------------------- setting
_DEMANDS = {
    21: "SeIncreaseQuota", 24: "SeLoadDriver", 28: "SeSystemtime", 34: "SeDebug", 37: "SeIncreaseQuota",
    38: "SeLoadDriver", 39: "SeTcb", 40: "SeDebug", 41: "SeDebug", 44: "SeTimeZone", 46: "SeSystemtime",
    51: "SeDebug", 80: "SeProfileSingleProcess", 81: "SeIncreaseQuota", 82: "SeIncreaseBasePriority", 87: "SeDebug",
    89: "SeTcb", 93: "SeTimeZone", 94: "SeTcb", 102: "SeTimeZone", 106: "SeIncreaseQuota",
    109: "SeProfileSingleProcess", 111: "SeProfileSingleProcess", 119: "SeIncreaseQuota", 120: "SeIncreaseQuota",
}  # fmt: skip
"""Class -> the privilege that setting it takes (phnt)."""


@service(Support.PARTIAL, "no class can be set: those behind a privilege say so, others are refused by name")
def NtSetSystemInformation(
    k: Kernel, system_information_class: ULONG, system_information: PVOID, system_information_length: ULONG
) -> NTSTATUS:
    """Change the machine, which takes privileges that an ordinary program does not have enabled."""
    asked = system_information_class
    if asked > MAXIMUM_CLASS:
        raise GuestFault(STATUS_INVALID_INFO_CLASS)
    name = SYSTEM_CLASSES.get(asked, f"class {asked}")
    if asked in _DEMANDS:
        demand(k, _DEMANDS[asked] + "Privilege")
    raise Unsupported(f"NtSetSystemInformation({name}) is not implemented")
