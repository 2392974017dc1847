"""Event tracing (nt!Etw*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntwmi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.nt.abi import HANDLE, NTSTATUS, PVOID, ULONG, Out

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtTraceControl(
    k: Kernel,
    function_code: ULONG,
    input_buffer: PVOID,
    input_buffer_length: ULONG,
    output_buffer: PVOID,
    output_buffer_length: ULONG,
    return_length: Out[ULONG],
) -> NTSTATUS: ...


def NtTraceEvent(
    k: Kernel, trace_handle: HANDLE, flags: ULONG, field_size: ULONG, fields: PVOID
) -> NTSTATUS: ...
