"""Keeps what the README says of the services true: the table of all of them, and how many are implemented.

``python -m wowsim.simulation.readme_table README.md`` rewrites both in place; a test compares. Nothing imports it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from wowsim.kernel.services import implemented, known
from wowsim.nt.builds import BUILDS
from wowsim.nt.forms import form
from wowsim.nt.service_numbers import hexadecimal
from wowsim.simulation.service_rows import markdown_table

BEGIN, END = "<!-- services: begin -->", "<!-- services: end -->"
_SHOWN = ("win7sp1", "win8.1", "win10-22h2", "win11-24h2", "win7sp1-x86", "win10-22h2-x86")
_COUNT = re.compile(r"(?m)^\| services \| \d+ of (?:about )?\d+:")


def table() -> str:
    """Every service of every Windows by name: support, argument bytes of the latest build, numbers of some builds."""
    builds = [BUILDS[name] for name in _SHOWN if name in BUILDS]
    newest = max(build.version for build in builds)
    numbers = [build.numbers for build in builds]
    cells = []
    for name, service in sorted(known().items()):
        size = str(form(service.prototype, newest).arg_bytes32)
        places = [hexadecimal(of[name]) if name in of else "" for of in numbers]
        cells.append((name, service.support.value, size, *places, service.note))
    headings = ("name", "support", "bytes", *(build.name for build in builds), "note")
    return "\n".join(markdown_table(headings, cells))


def rewritten(text: str) -> str:
    """The README's text with the table and the count as they are now.

    Raises:
        ValueError: the text has no place for them.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{BEGIN} and {END} are missing")
    text = f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"
    return _COUNT.sub(f"| services | {len(implemented())} of {len(known())}:", text)


def main(path: str) -> None:
    """Rewrite one file."""
    readme = Path(path)
    readme.write_text(rewritten(readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
