"""A slice of the fuzzer of services, and that it would see what must not happen."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from service_fuzzer import Fuzzer

from wowsim import StopReason

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 20
CALLS = 640


@pytest.mark.parametrize(
    ("build", "bits"),
    [("win7sp1", 32), ("win7sp1", 64), ("win10-22h2", 32), ("win10-22h2", 64), ("winxp-x86", 32)],
)
def test_hostile_calls(build: str, bits: int) -> None:
    fuzzer = Fuzzer(build, bits, SEED)
    try:
        report = fuzzer.run(CALLS)
        again = Fuzzer(build, bits, SEED)
        same = again.run(CALLS)
        again.close()
    finally:
        fuzzer.close()
    assert not report.failures, report.failures[0]
    assert report.calls == CALLS
    assert len(report.statuses) > 15
    assert report.statuses[0] > CALLS // 20, "garbage alone reaches nothing"
    assert (same.statuses, same.reasons) == (report.statuses, report.reasons)


def fails(broken: Callable[..., int]) -> str:
    """What the fuzzer says when a service is replaced by a function that does what none may."""

    def NtSetEvent(k: Any) -> int:
        return broken()

    fuzzer = Fuzzer("win7sp1", 64, SEED, ["NtSetEvent"])
    try:
        fuzzer._sim.kernel.replace(NtSetEvent)
        report = fuzzer.run(10)
        assert "--batch 0 --service NtSetEvent" in report.failures[0].command
        assert "NtSetEvent(" in report.failures[0].calls[-1]
        return report.failures[0].text
    finally:
        fuzzer.close()


def test_it_sees_an_error() -> None:
    assert "ZeroDivisionError" in fails(lambda: 1 // 0)


@pytest.mark.parametrize(
    "reach",
    [
        Path("x").read_bytes,
        Path("x").stat,
        lambda: os.listdir("."),
        lambda: socket.socket(),
        lambda: os.urandom(1),
    ],
)
def test_it_sees_the_host_reached_for(reach: Callable[[], Any]) -> None:
    assert "HostAccess" in fails(reach)


def test_a_batch_can_be_repeated() -> None:
    fuzzer = Fuzzer("win7sp1", 32, SEED)
    try:
        seen = []
        for number in (3, 0, 3):
            fuzzer.batch(number)
            seen.append(list(fuzzer._made))
        assert seen[0] == seen[2] != seen[1]
        assert StopReason.TIMEOUT not in fuzzer.report.reasons
    finally:
        fuzzer.close()
