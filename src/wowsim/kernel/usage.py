"""How much memory and time the process uses (nt!Mi and nt!Ps accounting).

Sizes are read from the address space as it is: peaks are the present values and every committed page counts as
resident. Simulated time passes in waits only, so threads have used none. Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.nt.abi import SIZE_T, ULONG
from wowsim.nt.process_structures import VM_COUNTERS_EX
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel

PAGE = 0x1000


@dataclass(frozen=True)
class Usage:
    """Bytes of address space that regions take, and bytes that are charged to the process."""

    virtual: int
    private: int


def usage(k: Kernel) -> Usage:
    """Of the process at this moment."""
    pages = sum(vad.end - vad.start + 1 for vad in k.space.vads)
    return Usage(pages * PAGE, k.space.private_commit * PAGE)


def vm_counters(k: Kernel) -> VM_COUNTERS_EX:
    """What ProcessVmCounters answers; page faults and quotas are not counted."""
    now, zero = usage(k), SIZE_T(0)
    virtual, private = SIZE_T(now.virtual), SIZE_T(now.private)
    return VM_COUNTERS_EX(
        virtual, virtual, ULONG(0), private, private, zero, zero, zero, zero, private, private, private
    )
