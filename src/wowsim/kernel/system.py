"""Services about the machine: unique ids, alerts (nt!Ex).

What the machine is: ``kernel.system_information``.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import LONG, NTSTATUS, ULONG, Out
from wowsim.nt.status import STATUS_SUCCESS
from wowsim.nt.structures import LUID


@service(Support.FULL)
def NtAllocateLocallyUniqueId(k: Kernel, luid: Out[LUID]) -> NTSTATUS:
    """The next id since boot; those below 1000 are taken by the system (winnt.h)."""
    value = k.next_luid()
    luid.set(LUID(ULONG(value & 0xFFFFFFFF), LONG(value >> 32)))
    return STATUS_SUCCESS
