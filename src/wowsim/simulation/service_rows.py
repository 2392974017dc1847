"""The table of a build's services for people: numbers, turbo indices, argument bytes, and how much of each is there.

Who may import it: the command line and the README's table.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wowsim.kernel.known_services import known, services_of_build
from wowsim.kernel.table import Support
from wowsim.kernel.win32k import services as win32k_services
from wowsim.nt import win32k
from wowsim.nt.builds import BUILDS, services
from wowsim.nt.records import dataclass
from wowsim.nt.service_numbers import hexadecimal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wowsim.nt.builds import Build

COLUMNS = ("name", "number", "turbo", "bytes", "support", "note")
UNVERIFIED = "turbo index unverified"


@dataclass(frozen=True)
class Row:
    """One service of a build; of some of win32k's the argument bytes are not known."""

    name: str
    number: int
    turbo: int
    argument_bytes: int | None
    support: str
    note: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The row in words."""
        size = "" if self.argument_bytes is None else str(self.argument_bytes)
        return self.name, hexadecimal(self.number), str(self.turbo), size, self.support, self.note


def rows(build: Build) -> list[Row]:
    """Every service of a build by number: those of ntoskrnl, then those of win32k."""
    known = services_of_build(build)
    found = []
    for row in services(build.name):
        service = known[row.name]
        note = "; ".join(
            filter(None, (service.note, "" if build.turbo_verified or not row.turbo else UNVERIFIED))
        )
        found.append(
            Row(row.name, row.number, row.turbo, service.prototype.arg_bytes32, service.support.value, note)
        )
    found_there, served = win32k_services.implemented(), win32k_services.numbers_of(build)
    for number, name in win32k.services(build.name).items():
        count = win32k.arguments(name, build.version)
        note = "win32k" if count is not None else "win32k; argument count not published"
        size = None if count is None else 4 * count
        there = found_there.get(name) if name in served else None
        support = Support.DECLARED if there is None else there.support
        if there is not None and there.note:
            note += f"; {there.note}"
        found.append(Row(name, number, 0, size, support.value, note))
    return found


def known_names() -> frozenset[str]:
    """Names of services that wowsim knows, of whatever build: implemented, declared, or in win32k's tables."""
    return frozenset(known()).union(*(win32k.services(build).values() for build in BUILDS))


def as_json(table: Sequence[Row]) -> list[dict[str, Any]]:
    """For ``--json``."""
    return [asdict(row) for row in table]


def text(table: Sequence[Row]) -> Iterator[str]:
    """Lines in columns."""
    cells = [COLUMNS, *(row.cells for row in table)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(COLUMNS))]
    for name, number, turbo, size, support, note in cells:
        line = (
            f"{name:<{widths[0]}}  {number:>{widths[1]}}  {turbo:>{widths[2]}}  {size:>{widths[3]}}"
            f"  {support:<{widths[4]}}  {note}"
        )
        yield line.rstrip()


def markdown(table: Sequence[Row]) -> Iterator[str]:
    """The same as a Markdown table."""
    yield from markdown_table(COLUMNS, (row.cells for row in table))


def markdown_table(headings: Sequence[str], cells: Any) -> Iterator[str]:
    """A Markdown table."""
    yield f"| {' | '.join(headings)} |"
    yield "|---" * len(headings) + "|"
    for row in cells:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
