"""Time services: what the clock shows, and waiting for it (nt!Ke, nt!Ex).

There is one processor and waiting moves the simulated clock. Leaves out setting the time and timers.
Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import StopReason
from wowsim.kernel.clock import UNITS_PER_SECOND
from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import BOOLEAN, LARGE_INTEGER, NTSTATUS, In, Out
from wowsim.nt.status import STATUS_NO_YIELD_PERFORMED, STATUS_SUCCESS

FOREVER = -(1 << 63)
"""The relative delay that kernel32!Sleep(INFINITE) asks for."""
END_OF_TIME = (1 << 63) - 1


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


@service(Support.PARTIAL, "nothing alerts a thread; other threads do not run meanwhile")
def NtDelayExecution(k: Kernel, alertable: BOOLEAN, delay_interval: In[LARGE_INTEGER]) -> NTSTATUS:
    """Let time pass: negative intervals are relative, others a moment. Who waits for ever is a deadlock."""
    moment = k.clock.now - delay_interval if delay_interval < 0 else delay_interval
    if delay_interval == FOREVER or moment > END_OF_TIME:
        k.stop(StopReason.DEADLOCK, "NtDelayExecution waits for ever and nothing can end it")
        return STATUS_SUCCESS
    k.clock.advance(max(0, moment - k.clock.now))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtYieldExecution(k: Kernel) -> NTSTATUS:
    """Nobody else is ready to run."""
    return STATUS_NO_YIELD_PERFORMED
