"""win32k's services: names, numbers and argument counts."""

from __future__ import annotations

import pytest

from wowsim.nt import win32k
from wowsim.nt.builds import BUILDS


@pytest.mark.parametrize(
    ("name", "build", "count"),
    [
        ("NtGdiBitBlt", "win7sp1", 11),
        ("NtUserCreateWindowEx", "win7sp1", 15),
        ("NtUserCreateWindowEx", "win8.1", 16),
        ("NtUserCreateWindowEx", "win10-22h2", 17),
        ("NtUserSwitchDesktop", "winxp-x86", 2),
        ("NtUserSwitchDesktop", "win11-24h2", 3),
        ("NtUserNoSuchThing", "win7sp1", None),
    ],
)
def test_argument_counts(name: str, build: str, count: int | None) -> None:
    assert win32k.arguments(name, BUILDS[build].version) == count


@pytest.mark.parametrize("build", BUILDS)
def test_numbers_begin_at_1000h_and_names_are_unique(build: str) -> None:
    found = win32k.services(build)
    assert min(found) == 0x1000
    assert len(set(found.values())) == len(found)
