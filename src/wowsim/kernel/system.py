"""Services about the machine: locale, unique ids (nt!Ex).

English. What the machine is: ``kernel.system_information``.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import BOOLEAN, LONG, NTSTATUS, ULONG, Out
from wowsim.nt.status import STATUS_SUCCESS
from wowsim.nt.structures import LUID

LOCALE_EN_US = 0x409


@service(Support.FULL)
def NtQueryDefaultLocale(k: Kernel, user_profile: BOOLEAN, default_locale_id: Out[ULONG]) -> NTSTATUS:
    """English (United States), for user and system."""
    default_locale_id.set(ULONG(LOCALE_EN_US))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtAllocateLocallyUniqueId(k: Kernel, luid: Out[LUID]) -> NTSTATUS:
    """The next id since boot; those below 1000 are taken by the system (winnt.h)."""
    value = k.next_luid()
    luid.set(LUID(ULONG(value & 0xFFFFFFFF), LONG(value >> 32)))
    return STATUS_SUCCESS
