"""Boot entries, firmware drivers and firmware variables (nt!Ex*, the hardware abstraction layer).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntexapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.nt.abi import NTSTATUS, PVOID, ULONG, USHORT, In, InOut, Out
from wowsim.nt.executive_structures import GUID
from wowsim.nt.structures import UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtAddBootEntry(k: Kernel, boot_entry: PVOID, id: Out[ULONG] | None) -> NTSTATUS: ...


def NtAddDriverEntry(k: Kernel, driver_entry: PVOID, id: Out[ULONG] | None) -> NTSTATUS: ...


def NtDeleteBootEntry(k: Kernel, id: ULONG) -> NTSTATUS: ...


def NtDeleteDriverEntry(k: Kernel, id: ULONG) -> NTSTATUS: ...


def NtEnumerateBootEntries(k: Kernel, buffer: PVOID, buffer_length: InOut[ULONG]) -> NTSTATUS: ...


def NtEnumerateDriverEntries(k: Kernel, buffer: PVOID, buffer_length: InOut[ULONG]) -> NTSTATUS: ...


def NtEnumerateSystemEnvironmentValuesEx(
    k: Kernel, information_class: ULONG, buffer: PVOID, buffer_length: InOut[ULONG]
) -> NTSTATUS: ...


def NtFilterBootOption(
    k: Kernel, filter_operation: ULONG, object_type: ULONG, element_type: ULONG, data: PVOID, data_size: ULONG
) -> NTSTATUS: ...


def NtModifyBootEntry(k: Kernel, boot_entry: PVOID) -> NTSTATUS: ...


def NtModifyDriverEntry(k: Kernel, driver_entry: PVOID) -> NTSTATUS: ...


def NtQueryBootEntryOrder(k: Kernel, ids: PVOID, count: InOut[ULONG]) -> NTSTATUS: ...


def NtQueryBootOptions(k: Kernel, boot_options: PVOID, boot_options_length: InOut[ULONG]) -> NTSTATUS: ...


def NtQueryDriverEntryOrder(k: Kernel, ids: PVOID, count: InOut[ULONG]) -> NTSTATUS: ...


def NtQuerySystemEnvironmentValue(
    k: Kernel,
    variable_name: In[UNICODE_STRING],
    variable_value: PVOID,
    value_length: USHORT,
    return_length: Out[USHORT] | None,
) -> NTSTATUS: ...


def NtQuerySystemEnvironmentValueEx(
    k: Kernel,
    variable_name: In[UNICODE_STRING],
    vendor_guid: In[GUID],
    buffer: PVOID,
    buffer_length: InOut[ULONG],
    attributes: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtSetBootEntryOrder(k: Kernel, ids: PVOID, count: ULONG) -> NTSTATUS: ...


def NtSetBootOptions(k: Kernel, boot_options: PVOID, fields_to_change: ULONG) -> NTSTATUS: ...


def NtSetDriverEntryOrder(k: Kernel, ids: PVOID, count: ULONG) -> NTSTATUS: ...


def NtSetSystemEnvironmentValue(
    k: Kernel, variable_name: In[UNICODE_STRING], variable_value: In[UNICODE_STRING]
) -> NTSTATUS: ...


def NtSetSystemEnvironmentValueEx(
    k: Kernel,
    variable_name: In[UNICODE_STRING],
    vendor_guid: In[GUID],
    buffer: PVOID,
    buffer_length: ULONG,
    attributes: ULONG,
) -> NTSTATUS: ...


def NtTranslateFilePath(
    k: Kernel,
    input_file_path: PVOID,
    output_type: ULONG,
    output_file_path: PVOID,
    output_file_path_length: InOut[ULONG] | None,
) -> NTSTATUS: ...
