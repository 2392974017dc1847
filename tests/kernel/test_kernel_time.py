from __future__ import annotations

import struct
from datetime import datetime, timezone

import pytest
from guest import Guest

from wowsim.kernel.clock import Clock, file_time
from wowsim.kernel.table import BLOCKED
from wowsim.kernel.time import NtQueryPerformanceCounter, NtQuerySystemTime
from wowsim.kernel.waits import NtDelayExecution, NtYieldExecution
from wowsim.nt.status import STATUS_NO_YIELD_PERFORMED, STATUS_SUCCESS


def test_file_times() -> None:
    assert file_time(datetime(1970, 1, 1, tzinfo=timezone.utc)) == 116444736000000000
    assert file_time(datetime(1601, 1, 1, 0, 0, 0, 1)) == 10


def test_the_clock_moves_only_when_told() -> None:
    clock = Clock(uptime=60)
    assert (clock.tick_count, clock.performance_counter) == (60_000, 600_000_000)
    clock.advance(15_000)
    assert (clock.tick_count, clock.interrupt_time) == (60_001, 600_015_000)
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-1)


def test_asking_the_time() -> None:
    guest = Guest()
    now = guest.k.clock.now
    assert now == file_time(datetime(2015, 5, 1))
    assert guest.call(NtQuerySystemTime, guest.out) == STATUS_SUCCESS
    assert guest.value(guest.out) == now
    frequency = guest.room(8)
    assert guest.call(NtQueryPerformanceCounter, guest.out, frequency) == STATUS_SUCCESS
    assert (guest.value(guest.out), guest.value(frequency)) == (guest.k.clock.performance_counter, 10_000_000)
    assert guest.call(NtQueryPerformanceCounter, guest.out, 0) == STATUS_SUCCESS
    assert guest.call(NtYieldExecution) == STATUS_NO_YIELD_PERFORMED


def delay(guest: Guest, interval: int) -> int:
    return guest.call(NtDelayExecution, 0, guest.put(struct.pack("<q", interval)))


def test_waiting_moves_the_clock() -> None:
    guest = Guest()
    start = guest.k.clock.now
    assert delay(guest, -10_000) == STATUS_SUCCESS
    assert guest.k.clock.now == start + 10_000
    assert delay(guest, 0) == STATUS_SUCCESS
    assert delay(guest, start) == STATUS_SUCCESS
    assert guest.k.clock.now == start + 10_000
    assert delay(guest, start + 20_000) == STATUS_SUCCESS
    assert guest.k.clock.now == start + 20_000
    assert guest.k.pending is None


@pytest.mark.parametrize("interval", [-(1 << 63), -(1 << 63) + 1])
def test_waiting_for_ever_is_a_deadlock(interval: int) -> None:
    guest = Guest()
    now = guest.k.clock.now
    assert delay(guest, interval) == BLOCKED
    assert guest.k.scheduler.pick() is None
    assert guest.k.scheduler.describe(guest.k.threads) == "thread 1004 waits for a delay"
    assert guest.k.clock.now == now
