"""One generated program gets the same statuses and data on every 64-bit build, and from 64-bit code."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from service_program import Result, run
from service_scenarios import END, EXEMPT, FILES, NEVER_SUCCEED, SCENARIOS

from sampled import WOW64
from wowsim import StopReason
from wowsim.kernel.services import implemented
from wowsim.kernel.table import Support
from wowsim.nt.builds import build_named

if TYPE_CHECKING:
    from wowsim.nt.abi import Width

REFERENCE = "win10-22h2"
ISSUE = ("win7sp1", "win8.1", "win10-1507", "win10-22h2", "win11-24h2")
BUILDS = [name for name in ISSUE if name in WOW64]
IMPLEMENTED = {name for name, service in implemented().items() if service.support is not Support.DECLARED}
CALLS = [each for scenario in (*SCENARIOS, END) for each in scenario]


@cache
def results(build: str, width: Width) -> tuple[Result, ...]:
    """What the calls that the build has got."""
    numbers = build_named(build).numbers
    result, found = run(build, width, [each for each in CALLS if each.service in numbers], FILES)
    assert (result.reason, result.exit_status) == (StopReason.EXITED, 0x5A5A), (build, width, result)
    return tuple(found[:-1])


def differences(ours: tuple[Result, ...], build: str) -> list[str]:
    """Where the calls that both builds have differ from the reference."""
    numbers = build_named(build).numbers, build_named(REFERENCE).numbers
    theirs = [r for r in results(REFERENCE, 32) if r.service in numbers[0]]
    own = [r for r in ours if r.service in numbers[1]]
    assert len(own) == len(theirs)
    return [
        f"call {index}: {a.service}: {a.status:08X} {a.outputs} instead of {b.status:08X} {b.outputs}"
        for index, (a, b) in enumerate(zip(own, theirs, strict=True))
        if not alike(a, b)
    ]


def alike(own: Result, theirs: Result) -> bool:
    """Whether two calls got the same; wow64.dll zeroes outputs of calls that fail (wow64-facts section 6)."""
    if own.status < 0x80000000 or own.status != theirs.status:
        return own == theirs
    pairs = zip(own.outputs, theirs.outputs, strict=True)
    return all(a == b or (a == "untouched" and b in (0, False)) for a, b in pairs)


@pytest.mark.parametrize("build", [name for name in BUILDS if name != REFERENCE])
def test_every_build_gives_the_same(build: str) -> None:
    assert not differences(results(build, 32), build)


@pytest.mark.parametrize("build", BUILDS)
def test_64_bit_code_gets_the_same(build: str) -> None:
    assert not differences(results(build, 64), build)


def test_every_implemented_service_has_a_line() -> None:
    named = {each.service for each in CALLS}
    assert named <= IMPLEMENTED
    assert named.isdisjoint(EXEMPT)
    assert sorted(IMPLEMENTED - named - EXEMPT.keys()) == []
    assert EXEMPT.keys() <= IMPLEMENTED, "an exemption for what is not there"


def test_the_lines_are_not_all_failures() -> None:
    succeeded = {r.service for r in results(REFERENCE, 32) if r.status < 0x80000000}
    wanted = {each.service for each in CALLS} - {"NtTerminateProcess"} - NEVER_SUCCEED.keys()
    assert sorted(wanted - succeeded) == []


def test_a_difference_would_be_seen() -> None:
    changed = list(results(REFERENCE, 32))
    changed[0] = Result(changed[0].service, 1, changed[0].outputs)
    assert differences(tuple(changed), REFERENCE)[0].startswith("call 0: NtCreateEvent: 00000001")
