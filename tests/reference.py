"""Published system call tables to compare with: beside the repository, or where WOWSIM_REFERENCE says."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parent.parent.parent / "shared" / "reference"
SYSCALLS = Path(os.environ.get("WOWSIM_REFERENCE", _BESIDE)) / "syscalls"


def reference(name: str) -> list[dict[str, str]]:
    """The rows of a table; the test is skipped where it is absent."""
    path = SYSCALLS / name
    if not path.is_file():
        pytest.skip(
            f"the published table {name} is not beside the repository; WOWSIM_REFERENCE says where else"
        )
    with path.open(encoding="ascii") as file:
        return list(csv.DictReader(file))
