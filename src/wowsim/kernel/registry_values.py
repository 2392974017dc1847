"""Services on values: NtSetValueKey, NtQueryValueKey, NtEnumerateValueKey and their like (nt!Cm).

Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.context import Kernel
from wowsim.kernel.names import from_utf16, upcase
from wowsim.kernel.registry_information import answer, probe, value_record
from wowsim.kernel.registry_keys import key_of
from wowsim.kernel.registry_tree import LINK_VALUE, MAXIMUM_VALUE_NAME, QUOTA
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID, ULONG, In, InOut, Out, encode, load, size_of
from wowsim.nt.registry_structures import KEY_QUERY_VALUE, KEY_SET_VALUE, KEY_VALUE_ENTRY, REG_LINK
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_BUFFER_OVERFLOW,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER,
    STATUS_NO_MORE_ENTRIES,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.kernel.registry_tree import KeyNode, Value

MAXIMUM_ENTRIES = 0x10000
"""Values that NtQueryMultipleValueKey looks up at once."""


def _name_of(k: Kernel, string: UNICODE_STRING) -> str:
    """A value's name; STATUS_INVALID_PARAMETER for half a character or one that is too long."""
    if string.Length & 1 or string.Length > 2 * MAXIMUM_VALUE_NAME:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    if string.Length and not string.Buffer:
        raise GuestFault(STATUS_ACCESS_VIOLATION, 0)
    return from_utf16(k.memory.read(string.Buffer, string.Length)) if string.Length else ""


def _value(node: KeyNode, name: str) -> Value:
    found = node.value(name)
    if found is None:
        raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
    return found


@service(Support.FULL)
def NtSetValueKey(
    k: Kernel,
    key_handle: HANDLE,
    value_name: In[UNICODE_STRING],
    title_index: ULONG,
    type_: ULONG,
    data: PVOID,
    data_size: ULONG,
) -> NTSTATUS:
    """Set a value; a symbolic link takes no other than its target (WDK, ZwCreateKey: REG_OPTION_CREATE_LINK)."""
    node = key_of(k, key_handle, KEY_SET_VALUE)
    name = _name_of(k, value_name)
    if node.link and (type_ != REG_LINK or upcase(name) != upcase(LINK_VALUE)):
        return STATUS_ACCESS_DENIED
    if data_size > QUOTA:
        return STATUS_INSUFFICIENT_RESOURCES
    k.registry.set_value(node, name, type_, k.memory.read(data, data_size) if data_size else b"")
    return STATUS_SUCCESS


@service(Support.FULL)
def NtDeleteValueKey(k: Kernel, key_handle: HANDLE, value_name: In[UNICODE_STRING]) -> NTSTATUS:
    """Remove a value."""
    node = key_of(k, key_handle, KEY_SET_VALUE)
    k.registry.delete_value(node, _value(node, _name_of(k, value_name)))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtQueryValueKey(
    k: Kernel,
    key_handle: HANDLE,
    value_name: In[UNICODE_STRING],
    key_value_information_class: ULONG,
    key_value_information: PVOID,
    length: ULONG,
    result_length: Out[ULONG],
) -> NTSTATUS:
    """A value by name."""
    probe(k, key_value_information, length)
    value = _value(key_of(k, key_handle, KEY_QUERY_VALUE), _name_of(k, value_name))
    record = value_record(value, key_value_information_class, key_value_information)
    return answer(k, record, key_value_information, length, result_length)


@service(Support.FULL)
def NtEnumerateValueKey(
    k: Kernel,
    key_handle: HANDLE,
    index: ULONG,
    key_value_information_class: ULONG,
    key_value_information: PVOID,
    length: ULONG,
    result_length: Out[ULONG],
) -> NTSTATUS:
    """A value by its place in the order in which they were made."""
    probe(k, key_value_information, length)
    values = key_of(k, key_handle, KEY_QUERY_VALUE).values
    if index >= len(values):
        return STATUS_NO_MORE_ENTRIES
    record = value_record(values[index], key_value_information_class, key_value_information)
    return answer(k, record, key_value_information, length, result_length)


@service(Support.FULL)
def NtQueryMultipleValueKey(
    k: Kernel,
    key_handle: HANDLE,
    value_entries: PVOID,
    entry_count: ULONG,
    value_buffer: PVOID,
    buffer_length: InOut[ULONG],
    required_buffer_length: Out[ULONG] | None,
) -> NTSTATUS:
    """Several values at once, their data one behind the other at multiples of 4 (RegQueryMultipleValues).

    What does not fit is left out with its entry, and the rest is still measured (unverified).
    """
    if entry_count > MAXIMUM_ENTRIES:
        return STATUS_INSUFFICIENT_RESOURCES
    room = buffer_length.value
    probe(k, value_buffer, room)
    size = size_of(KEY_VALUE_ENTRY, k.width)
    k.memory.probe_write(value_entries, size * entry_count)
    node = key_of(k, key_handle, KEY_QUERY_VALUE)
    at, used, status = 0, 0, STATUS_SUCCESS
    for address in range(value_entries, value_entries + size * entry_count, size):
        entry = load(k.memory, address, KEY_VALUE_ENTRY, k.width)
        found = _value(node, _name_of(k, load(k.memory, entry.ValueName, UNICODE_STRING, k.width)))
        at = -(-at // 4) * 4
        if at + len(found.data) > room:
            status = STATUS_BUFFER_OVERFLOW
        elif status == STATUS_SUCCESS:
            if found.data:
                k.memory.write(value_buffer + at, found.data)
            entry.DataLength, entry.DataOffset, entry.Type = (
                ULONG(len(found.data)),
                ULONG(at),
                ULONG(found.kind),
            )
            k.memory.write(address, encode(KEY_VALUE_ENTRY, k.width, entry))
            used = at + len(found.data)
        at += len(found.data)
    buffer_length.set(ULONG(used))
    if required_buffer_length is not None:
        required_buffer_length.set(ULONG(at))
    return status
