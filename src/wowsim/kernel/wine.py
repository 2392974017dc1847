"""System calls that Wine's ntdll has and Windows' has not, for processes that run with Wine's DLLs.

Observed, not documented. In Wine 10 the same are unix calls (``simulation.wine_calls``).
Who may import it: the list of a root's services, and ``simulation.wine_calls``.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.kernel.console import Stream
from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import NTSTATUS, PVOID, ULONG, In, InOut
from wowsim.nt.status import STATUS_INVALID_PARAMETER, STATUS_NO_SUCH_FILE
from wowsim.nt.structures import OBJECT_ATTRIBUTES

LONGEST = 1 << 20
"""Bytes of one message."""


def debug_write(k: Kernel, text: int, length: int) -> int:
    """Write a message of a DLL to where Wine's messages go: standard error.

    Returns:
        How many bytes were written.

    Raises:
        GuestFault: STATUS_INVALID_PARAMETER for an absurd length, STATUS_ACCESS_VIOLATION for bad memory.
    """
    if length > LONGEST:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    if length:
        k.console.write(Stream.ERROR, k.memory.read(text, length))
    return length


@service(Support.FULL)
def __wine_dbg_write(k: Kernel, text: PVOID, length: ULONG) -> NTSTATUS:
    """What Wine's DLLs say to whoever runs them; the answer is the number of bytes."""
    return NTSTATUS(debug_write(k, text, length))


@service(Support.PARTIAL, "no file has a Unix name")
def wine_nt_to_unix_file_name(
    k: Kernel,
    object_attributes: In[OBJECT_ATTRIBUTES],
    name: PVOID,
    size: InOut[ULONG],
    disposition: ULONG,
) -> NTSTATUS:
    """No file has a Unix name here, which is what Wine says of one that is not there."""
    return STATUS_NO_SUCH_FILE


@service(Support.PARTIAL, "no Unix name is that of a file")
def wine_unix_to_nt_file_name(k: Kernel, name: PVOID, buffer: PVOID, size: InOut[ULONG]) -> NTSTATUS:
    """No Unix name is that of a file."""
    return STATUS_NO_SUCH_FILE
