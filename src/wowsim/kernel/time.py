"""Time services: what the clock shows (nt!Ke, nt!Ex).

Waiting for it is ``kernel.waits``'. Leaves out setting the time.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.kernel.clock import UNITS_PER_SECOND
from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import LARGE_INTEGER, NTSTATUS, Out
from wowsim.nt.status import STATUS_SUCCESS


@service(Support.FULL)
def NtQuerySystemTime(k: Kernel, system_time: Out[LARGE_INTEGER]) -> NTSTATUS:
    """100 ns units since 1601, UTC."""
    system_time.set(LARGE_INTEGER(k.clock.now))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtQueryPerformanceCounter(
    k: Kernel, performance_counter: Out[LARGE_INTEGER], performance_frequency: Out[LARGE_INTEGER] | None
) -> NTSTATUS:
    """The counter and its frequency, 10 MHz."""
    performance_counter.set(LARGE_INTEGER(k.clock.performance_counter))
    if performance_frequency is not None:
        performance_frequency.set(LARGE_INTEGER(UNITS_PER_SECOND))
    return STATUS_SUCCESS
