"""One generated program gets the same statuses and data on every 64-bit build, and from 64-bit code."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from service_program import UNTOLD, Call, Result, run
from service_scenarios import END, EXEMPT, FILES, NEVER_SUCCEED, SCENARIOS

from sampled import WOW64
from wowsim import StopReason
from wowsim.kernel.services import implemented
from wowsim.kernel.table import Support
from wowsim.nt.builds import build_named, services

if TYPE_CHECKING:
    from wowsim.nt.abi import Width

REFERENCE = "win10-22h2"
ISSUE = ("win7sp1", "win8.1", "win10-1507", "win10-22h2", "win11-24h2")
BUILDS = [name for name in ISSUE if name in WOW64]
IMPLEMENTED = {name for name, service in implemented().items() if service.support is not Support.DECLARED}
LINES = dict(enumerate(each for scenario in (*SCENARIOS, END) for each in scenario))
"""Every line by its number."""


def lines(build: str) -> dict[int, Call]:
    """Those of services that the build and wowsim have, with what they need from other lines."""
    there = build_named(build).numbers.keys() & IMPLEMENTED
    found, cells = {}, set[str]()
    for number, line in LINES.items():
        if line.service in there and line.needs <= cells:
            found[number] = line
            cells |= line.makes
    return found


@cache
def results(build: str, width: Width) -> dict[int, Result]:
    """What each line got."""
    chosen = lines(build)
    result, found = run(build, width, chosen.values(), FILES)
    assert (result.reason, result.exit_status) == (StopReason.EXITED, 0x5A5A), (
        build, width, result, [each for each in found if each.status != UNTOLD][-1:],
    )  # fmt: skip
    return dict(zip(chosen, found[:-1], strict=False))


def differences(own: dict[int, Result], theirs: dict[int, Result]) -> list[str]:
    """Where lines that both have got something else."""
    return [
        f"{LINES[number].service}{LINES[number].arguments}: {own[number]} instead of {theirs[number]}"
        for number in own.keys() & theirs.keys()
        if not alike(own[number], theirs[number])
    ]


def alike(own: Result, theirs: Result) -> bool:
    """Whether two lines got the same; wow64.dll zeroes outputs that the kernel may leave (wow64-facts section 6)."""
    pairs = zip(own.outputs, theirs.outputs, strict=True)
    return own.status == theirs.status and all(a == b or (a == "untouched" and empty(b)) for a, b in pairs)


def empty(output: object) -> bool:
    """Whether an output is all zeroes."""
    return not any(output.values()) if isinstance(output, dict) else output in (0, False)


@pytest.mark.parametrize("build", [name for name in BUILDS if name != REFERENCE])
def test_every_build_gives_the_same(build: str) -> None:
    assert not differences(results(build, 32), results(REFERENCE, 32))


@pytest.mark.parametrize("build", BUILDS)
def test_64_bit_code_gets_the_same(build: str) -> None:
    assert not differences(results(build, 64), results(REFERENCE, 32))


def test_every_implemented_service_has_a_line() -> None:
    named = {line.service for line in LINES.values()}
    assert named <= {row.name for build in BUILDS for row in services(build)}
    assert named.isdisjoint(EXEMPT)
    assert sorted(IMPLEMENTED - named - EXEMPT.keys()) == []


def test_the_lines_are_not_all_failures() -> None:
    succeeded = {result.service for result in results(REFERENCE, 32).values() if result.status < 0x80000000}
    wanted = (
        {line.service for line in lines(REFERENCE).values()} - {"NtTerminateProcess"} - NEVER_SUCCEED.keys()
    )
    assert sorted(wanted - succeeded) == []


def test_a_difference_would_be_seen() -> None:
    found = results(REFERENCE, 32)
    number, line = next(iter(found.items()))
    changed = {**found, number: Result(line.service, line.status ^ 1, line.outputs)}
    assert len(differences(changed, found)) == 1
