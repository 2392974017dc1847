"""The ``!vad`` table as three generations of the Windows debuggers print it, and as JSON.

Column widths are those of the samples in wow64-facts section 8.4; what these do not show (file names in the
oldest style, the total of the 8.1-era one for shared commit) follows the next younger one (unverified). Who may
import it: the command line and the simulation; it takes rows and knows nothing of the tree they come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wowsim.memory.rows import VadRow

Style = Literal["old", "8.1", "10"]
STYLES: tuple[Style, ...] = ("old", "8.1", "10")
_OLD = ("winxp", "vista", "win7")
_MIDDLE = ("win8",)


@dataclass(frozen=True)
class Totals:
    """What stands below the table.

    Attributes:
        count: regions.
        average_level: mean of level + 1, rounded down (reproduces the samples of wow64-facts section 8.4).
        maximum_depth: the deepest level, the root's being 0.
        private_commit: pages charged to the process; regions that print -1 do not count (unverified).
        shared_commit: pages charged to the pagefile sections that it views.
    """

    count: int
    average_level: int
    maximum_depth: int
    private_commit: int
    shared_commit: int


def totals(rows: Sequence[VadRow]) -> Totals:
    """Sum a table up."""
    levels = [row.level for row in rows]
    return Totals(
        count=len(rows),
        average_level=sum(level + 1 for level in levels) // len(rows) if rows else 0,
        maximum_depth=max(levels, default=0),
        private_commit=sum(row.commit for row in rows if not row.locked),
        shared_commit=sum(row.shared_commit or 0 for row in rows),
    )


def style_of(build: str) -> Style:
    """The style of the debuggers that came with a Windows build."""
    if build.startswith(_OLD):
        return "old"
    return "8.1" if build.startswith(_MIDDLE) else "10"


def table(rows: Sequence[VadRow], style: Style) -> str:
    """The whole output of ``!vad``: header, one line for each region, totals.

    Args:
        rows: ascending by address.
        style: one of :data:`STYLES`.
    """
    return "\n".join(_RENDERERS[style](rows)) + "\n"


def as_json(rows: Sequence[VadRow]) -> list[dict[str, Any]]:
    """The rows for ``--json``: addresses and page numbers as integers, the node's kernel address as text."""
    return [
        {
            "vad": f"{row.address:#x}",
            "level": row.level,
            "balance": row.balance,
            "start_vpn": row.start_vpn,
            "end_vpn": row.end_vpn,
            "start": row.start,
            "end": row.end,
            "commit": row.commit,
            "type": row.kind,
            "protection": row.protection,
            "name": row.name,
            "shared_commit": row.shared_commit,
            "cause": row.cause,
        }
        for row in rows
    ]


def printable(text: str) -> str:
    """A guest's name with nothing in it that a terminal or an XML reader would act upon or refuse."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _old(rows: Sequence[VadRow]) -> list[str]:
    digits = _digits(rows)
    lines = [f"{'VAD':<{digits}}level      start      end    commit"]
    for row in rows:
        line = (
            f"{row.address:0{digits}x} ({row.level:2}) {row.start_vpn:10x} {row.end_vpn:8x} {row.commit:9} "
        )
        lines.append(line + (_kind(row) if row.name is None else f"{_kind(row):<31} {printable(row.name)}"))
    sums = totals(rows)
    return [
        *lines,
        "",
        f"Total VADs: {sums.count:5}  average level: {sums.average_level:4}  maximum depth: {sums.maximum_depth}",
    ]


def _middle(rows: Sequence[VadRow]) -> list[str]:
    digits = _digits(rows)
    header = f"{'VAD':<{digits - 2}}Level     Start       End Commit"
    return _modern(rows, header, digits, 9, 6)[:-1]


def _ten(rows: Sequence[VadRow]) -> list[str]:
    digits = _digits(rows)
    header = f"{'VAD':<{digits}}Level         Start             End              Commit"
    return _modern(rows, header, digits, 15, 15)


def _modern(rows: Sequence[VadRow], header: str, digits: int, vpn: int, commit: int) -> list[str]:
    lines = [header]
    for row in rows:
        columns = f"{row.level:2} {row.start_vpn:{vpn}x} {row.end_vpn:{vpn}x} {row.commit:{commit}}"
        lines.append(f"{row.address:0{digits}x} {columns} {_kind(row):<31} {_what(row)}")
    sums = totals(rows)
    return [
        *lines,
        "",
        f"Total VADs: {sums.count}, average level: {sums.average_level}, maximum depth: {sums.maximum_depth}",
        f"Total private commit: {_pages(sums.private_commit)}",
        f"Total shared commit:  {_pages(sums.shared_commit)}",
    ]


_RENDERERS: dict[Style, Callable[[Sequence[VadRow]], list[str]]] = {"old": _old, "8.1": _middle, "10": _ten}


def _digits(rows: Sequence[VadRow]) -> int:
    """Width of a kernel address."""
    return 16 if any(row.address >> 32 for row in rows) else 8


def _kind(row: VadRow) -> str:
    image = row.kind == "Exe"
    return f"{'Mapped' if image else row.kind:<7} {'Exe' if image else '':<4} {row.protection}"


def _what(row: VadRow) -> str:
    if row.shared_commit is not None:
        return f"Pagefile section, shared commit {row.shared_commit:#x}"
    return printable(row.name or "")


def _pages(count: int) -> str:
    return f"{count:#x} pages ({count * 4} KB)"
