from __future__ import annotations

from dataclasses import replace

import pytest

from wowsim import UsageError
from wowsim.sysroot import open_root

from .cases import CASES, Case
from .differences import DIFFERENCES, NOT_YET
from .oracle import expected
from .outcome import Outcome, from_json, program_file
from .packages import PACKAGES
from .simulated import run

EXPECTED = expected()
RUNS = [
    pytest.param(
        case,
        root,
        id=f"{case.name} {root}",
        marks=[pytest.mark.xfail(reason=NOT_YET[case.name], strict=True)] if case.name in NOT_YET else [],
    )
    for case in CASES.values()
    for root in case.roots
]


def wanted(case: Case) -> Outcome:
    """What real Wine left, but for the listed differences."""
    found = from_json(EXPECTED[case.name])
    other = DIFFERENCES.get(case.name)
    if other is None:
        return found
    files = {path: text for path, text in {**found.files, **other.files}.items() if text is not None}
    return replace(found, exit=other.exit, files=files, **other.output)


@pytest.mark.parametrize(("case", "root"), RUNS)
def test_leaves_what_real_wine_leaves(case: Case, root: str) -> None:
    try:
        open_root(root)
    except UsageError as reason:
        pytest.skip(str(reason))
    if "\\" not in case.program and program_file(case) is None:
        pytest.skip(f"{case.program} was not fetched: python -m tests.ladder.fetch")
    assert run(case, root).differences(wanted(case)) == []


def test_every_case_was_recorded() -> None:
    assert set(EXPECTED) == set(CASES)


def test_every_difference_is_of_a_case_and_is_one() -> None:
    for name in DIFFERENCES:
        assert wanted(CASES[name]).differences(from_json(EXPECTED[name])) != []


def test_every_fetched_program_is_run() -> None:
    used = {case.program for case in CASES.values()}
    fetched = {name for package in PACKAGES for name in package.files if name.endswith(".exe")}
    assert fetched <= used
