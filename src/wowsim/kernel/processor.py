"""The processor and the clock's interrupt: who runs where, how fine time is (nt!Ke, nt!Ps).

There is one processor. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import Unsupported
from wowsim.kernel.context import Kernel
from wowsim.kernel.system_queries import TIME_INCREMENT
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import BOOLEAN, NTSTATUS, ULONG, USHORT, Out
from wowsim.nt.process_structures import PROCESSOR_NUMBER
from wowsim.nt.status import (
    STATUS_NOT_IMPLEMENTED,
    STATUS_SUCCESS,
    STATUS_TIMER_RESOLUTION_NOT_SET,
)

FINEST_RESOLUTION = 5000
"""0.5 ms, in 100 ns units; the coarsest is the clock's own 15.625 ms (MS docs, timeBeginPeriod)."""


@service(Support.FULL)
def NtGetCurrentProcessorNumber(k: Kernel) -> NTSTATUS:
    """The number, in the place of a status."""
    return STATUS_SUCCESS


@service(Support.FULL)
def NtGetCurrentProcessorNumberEx(k: Kernel, processor_number: Out[PROCESSOR_NUMBER] | None) -> NTSTATUS:
    """Group and number; the number in all groups is returned in the place of a status."""
    if processor_number is not None:
        processor_number.set(PROCESSOR_NUMBER(USHORT(0), USHORT(0)))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtFlushProcessWriteBuffers(k: Kernel) -> NTSTATUS:
    """Every processor sees what was written: with one there is nothing to do."""
    return STATUS_SUCCESS


@service(Support.FULL)
def NtSetLdtEntries(
    k: Kernel,
    selector0: ULONG,
    entry0_low: ULONG,
    entry0_hi: ULONG,
    selector1: ULONG,
    entry1_low: ULONG,
    entry1_hi: ULONG,
) -> NTSTATUS:
    """64-bit Windows has no LDT (STATUS_NOT_IMPLEMENTED; unverified); that of 32-bit Windows is missing."""
    if k.width == 32:
        raise Unsupported("NtSetLdtEntries: a local descriptor table")
    return STATUS_NOT_IMPLEMENTED


# ---------------------------------------------------------------- the clock's interrupt
@service(Support.FULL)
def NtQueryTimerResolution(
    k: Kernel, maximum_time: Out[ULONG], minimum_time: Out[ULONG], current_time: Out[ULONG]
) -> NTSTATUS:
    """The coarsest, finest and present time between two interrupts of the clock."""
    maximum_time.set(ULONG(TIME_INCREMENT))
    minimum_time.set(ULONG(FINEST_RESOLUTION))
    current_time.set(ULONG(k.process.timer_resolution or TIME_INCREMENT))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtSetTimerResolution(
    k: Kernel, desired_time: ULONG, set_resolution: BOOLEAN, actual_time: Out[ULONG]
) -> NTSTATUS:
    """Ask for a finer clock, or no longer; simulated time is exact either way."""
    process = k.process
    if set_resolution:
        process.timer_resolution = min(max(desired_time, FINEST_RESOLUTION), TIME_INCREMENT)
        actual_time.set(ULONG(process.timer_resolution))
        return STATUS_SUCCESS
    asked, process.timer_resolution = process.timer_resolution, 0
    actual_time.set(ULONG(TIME_INCREMENT))
    return STATUS_SUCCESS if asked else STATUS_TIMER_RESOLUTION_NOT_SET
