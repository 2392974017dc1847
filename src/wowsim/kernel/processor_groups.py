"""SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX: cores, NUMA nodes, packages and groups (winnt.h; system class 107).

One processor in one group. Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.nt.abi import UCHAR, ULONG, ULONG_PTR, USHORT, encode, size_of
from wowsim.nt.process_structures import GROUP_AFFINITY
from wowsim.nt.status import STATUS_INVALID_PARAMETER
from wowsim.nt.system_structures import GROUP_RELATIONSHIP, PROCESSOR_RELATIONSHIP

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel

CORE, NUMA_NODE, CACHE, PACKAGE, GROUP, ALL = 0, 1, 2, 3, 4, 0xFFFF
"""LOGICAL_PROCESSOR_RELATIONSHIP."""


def relationships(k: Kernel, wanted: int) -> bytes:
    """The records of one relationship, or of all.

    Raises:
        GuestFault: STATUS_INVALID_PARAMETER for a number that is no relationship.
    """
    if wanted not in (CORE, NUMA_NODE, CACHE, PACKAGE, GROUP, ALL):
        raise GuestFault(STATUS_INVALID_PARAMETER)
    order = (CORE, PACKAGE, NUMA_NODE, GROUP) if wanted == ALL else (wanted,)
    return b"".join(_record(k, each) for each in order if each != CACHE)  # cpuid tells of no caches


def _record(k: Kernel, relationship: int) -> bytes:
    none = USHORT(0)
    if relationship == GROUP:
        kind, size = GROUP_RELATIONSHIP, size_of(GROUP_RELATIONSHIP, k.width)
        group = GROUP_RELATIONSHIP(
            ULONG(relationship), ULONG(size), USHORT(1), USHORT(1), bytes(20), UCHAR(1), UCHAR(1), bytes(38),
            ULONG_PTR(1),
        )  # fmt: skip
        return encode(kind, k.width, group)
    size = size_of(PROCESSOR_RELATIONSHIP, k.width)
    affinity = GROUP_AFFINITY(ULONG_PTR(1), none, none, none, none)
    record = PROCESSOR_RELATIONSHIP(ULONG(relationship), ULONG(size), bytes(22), USHORT(1), affinity)
    return encode(PROCESSOR_RELATIONSHIP, k.width, record)
