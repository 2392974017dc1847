"""EAX of every stub against the published tables, where these are at hand: WOWSIM_REFERENCE names their folder."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from wowsim.nt.builds import WOW64, services

ROOT = Path(__file__).parents[2]
TABLES = Path(os.environ.get("WOWSIM_REFERENCE", ROOT.parent / "shared" / "reference")) / "syscalls"
COLUMNS = {b.name: b.name.removeprefix("win10-").removeprefix("win") for b in WOW64 if b.turbo_verified}
EAX = TABLES / "wow64-eax-turbo.csv"
pytestmark = pytest.mark.skipif(not EAX.is_file(), reason=f"no reference tables in {TABLES}")


def column(build: str) -> str:
    return "eax_10-" + COLUMNS[build] if build.startswith("win10") else "eax_" + COLUMNS[build]


@pytest.mark.parametrize("build", COLUMNS)
def test_the_whole_of_eax(build: str) -> None:
    with EAX.open(encoding="ascii") as file:
        published = {row["syscall"]: row[column(build)] for row in csv.DictReader(file)}
    ours = {row.name: row.eax for row in services(build)}
    compared = {name: int(value, 16) for name, value in published.items() if value and name in ours}
    assert len(compared) > 400
    assert {name: ours[name] for name in compared} == compared
