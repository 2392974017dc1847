"""Makes nt/win32k.txt and nt/win32k_x86.txt from j00ru's tables (github.com/j00ru/windows-syscalls, */csv/win32k.csv).

    python tests/nt/make_win32k.py x64/csv/win32k.csv x86/csv/win32k.csv

Only names and numbers are taken, of the builds that services.csv names.
"""

from __future__ import annotations

import csv
import sys
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PACKAGE = Path(__file__).parent.parent.parent / "src" / "wowsim" / "nt"
FIRST = 0x1000
NONE = "-"


def column(build: str) -> str:
    """The heading in j00ru's tables of a build of services.csv."""
    name = build.removesuffix("-x86")
    fixed = {
        "winxp": "Windows XP (SP3)",
        "winxp-x64": "Windows XP (SP2)",
        "vista": "Windows Vista (SP2)",
        "win7sp1": "Windows 7 (SP1)",
        "win8": "Windows 8 (8.0)",
        "win8.1": "Windows 8 (8.1)",
    }
    if name in fixed:
        return fixed[name]
    windows, _, release = name.partition("-")
    release = release.upper()
    return f"Windows 10 ({release})" if windows == "win10" else f"Windows 11 and Server (11 {release})"


def builds(services: str) -> list[str]:
    """The builds of a services.csv, oldest first."""
    heading = (PACKAGE / services).read_text(encoding="ascii").splitlines()[0].split(",")
    return [name for name in heading[2:] if not name.startswith("turbo")]


def changes(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """What makes one list of names the next: place, how many go, what comes."""
    for kind, start, end, first, last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            yield " ".join([str(start), str(end - start), *after[first:last]])


def table(source: Path, services: str) -> Iterator[str]:
    """The lines of one file."""
    with source.open(encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    before: list[str] = []
    for build in builds(services):
        numbers = {int(row[column(build)] or "0", 16): row["System call"] for row in rows}
        after = [numbers.get(number, NONE) for number in range(FIRST, max(numbers) + 1)]
        yield f"[{build}]"
        yield from changes(before, after)
        before = after


def main(x64: str, x86: str) -> None:
    """Write both files."""
    for source, services, target in (
        (x64, "services.csv", "win32k.txt"),
        (x86, "services_x86.csv", "win32k_x86.txt"),
    ):
        text = "\n".join(table(Path(source), services)) + "\n"
        (PACKAGE / target).write_text(text, encoding="ascii")


if __name__ == "__main__":
    main(*sys.argv[1:])
