"""Our thunks and a root's real wow64.dll do the same, but for what the table of reasons says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from differential_kernel import Seen
from differential_reasons import EXEMPT, REASONS
from differential_run import Differential, Report, cases_of, compare
from differential_side import Outcome

from roots import ROOTS
from wowsim.sysroot import prepared

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS, SEED = 20, 7
PARTS = 2


@pytest.fixture(scope="module")
def differential() -> Iterator[Differential]:
    names = [name for name in ROOTS if prepared(name) is not None]
    if not names:
        pytest.skip("run: wowsim sysroot fetch wine")
    found = Differential(names)
    yield found
    found.close()


@pytest.mark.parametrize("part", range(PARTS))
def test_thunks_do_what_real_ones_do(differential: Differential, part: int) -> None:
    report = Report()
    services = differential.services()
    assert len(services) > 220
    assert not EXEMPT.keys() & set(services)
    for service in services[part::PARTS]:
        differential.run(service, CALLS, SEED, report)
    assert not report.left, f"{len(report.left)} differences without a reason, such as {report.left[0]}"
    assert report.calls == CALLS * len(services[part::PARTS])
    assert sum(report.agreed.values()) > report.compared // 2, "the reasons explain nearly everything away"


def test_cases_are_the_same_every_time() -> None:
    one, other = (cases_of("NtCreateFile", 0, 20, SEED) for _ in range(2))
    assert one == other
    assert len({case.slots for case in one}) == 20
    assert one != cases_of("NtCreateFile", 0, 20, SEED + 1)


ASPECTS = {
    "status": {"status": 0xC0000022},
    "memory": {"memory": b"\1" * 0x2000},
    "calls": {"seen": []},
    "argument handle": {"seen": [Seen({"handle": 5}, 0)]},
    "returns": {"failed": "the function did not return"},
}


@pytest.mark.parametrize("aspect", ASPECTS)
def test_a_wrong_thunk_is_seen(aspect: str) -> None:
    (case,) = cases_of("NtClose", 0, 1, SEED)
    right = Outcome(0, bytes(0x2000), [Seen({"handle": 4}, 0)])
    assert compare("wine-8.0", case, right, right) is None
    difference = compare("wine-8.0", case, right, replace(right, **ASPECTS[aspect]))  # type: ignore[arg-type]
    assert difference is not None
    assert set(difference.aspects) == {aspect}
    report = Report()
    report.add(difference)
    assert report.left == [difference], "no entry of the table may cover a service that has nothing special"


def test_a_reason_says_one_thing() -> None:
    texts = [(reason.text, reason.services) for reason in REASONS]
    assert len(set(texts)) == len(texts)
    assert all(reason.text and reason.roots for reason in REASONS)
