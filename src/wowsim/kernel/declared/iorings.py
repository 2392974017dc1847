"""I/O rings of Windows 11.

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntioapi.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wowsim.nt.abi import HANDLE, LARGE_INTEGER, NTSTATUS, PVOID, SIZE_T, ULONG, In, Out, Unconverted

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtCreateIoRing(
    k: Kernel,
    io_ring_handle: Out[HANDLE],
    create_parameters_length: ULONG,
    create_parameters: PVOID,
    output_parameters_length: ULONG,
    output_parameters: Annotated[PVOID, Unconverted("IORING_CREATE_OUTPUT")],
) -> NTSTATUS: ...


def NtQueryIoRingCapabilities(
    k: Kernel, io_ring_capabilities_length: SIZE_T, io_ring_capabilities: PVOID
) -> NTSTATUS: ...


def NtSetInformationIoRing(
    k: Kernel,
    io_ring_handle: HANDLE,
    io_ring_information_class: ULONG,
    io_ring_information_length: ULONG,
    io_ring_information: PVOID,
) -> NTSTATUS: ...


def NtSubmitIoRing(
    k: Kernel, io_ring_handle: HANDLE, flags: ULONG, wait_operations: ULONG, timeout: In[LARGE_INTEGER] | None
) -> NTSTATUS: ...
