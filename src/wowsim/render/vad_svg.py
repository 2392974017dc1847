"""The VAD tree as a picture: one row for each level, and beneath it the addresses to scale.

Text only, no library: SVG with a style sheet that follows the reader's light or dark setting. Who may import it:
the command line; it takes rows and rebuilds the tree's edges from their order and levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from wowsim.render.vad import printable, totals
from wowsim.render.vad_style import KINDS, hatching, style_sheet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wowsim.memory.rows import VadRow

_GB = 1 << 30
_MARGIN, _BOX, _HEIGHT, _GAP, _STEP, _PITCH = 28, 150, 54, 14, 68, 96
_LEAST_WIDTH = 1120
_STRIP, _LANE, _CHARACTER = 30, 17, 6.3


def picture(rows: Sequence[VadRow], *, title: str, highest: int) -> str:
    """The tree and its addresses.

    Args:
        rows: ascending by address.
        title: what is shown.
        highest: last byte of the user half.

    Returns:
        An SVG document.
    """
    nodes = _placed(rows)
    width = max([_LEAST_WIDTH, *(node.x + _BOX + _MARGIN for node in nodes)])
    body: list[str] = []
    top = _heading(body, rows, title)
    body.extend(_edges(nodes, top))
    for node in nodes:
        body.extend(_box(node, top))
    top += (max((row.level for row in rows), default=0) + 1) * _PITCH
    for name, low, high in _strips(rows, highest):
        top = _strip(body, rows, name, (low, high), top, width)
    size = f'width="{width:.0f}" height="{top:.0f}" viewBox="0 0 {width:.0f} {top:.0f}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            f"<title>{_text(title)}</title>",
            f"<style>{style_sheet()}</style>",
            f"<defs>{hatching()}</defs>",
            '<rect class="page" width="100%" height="100%"/>',
            *body,
            "</svg>\n",
        ]
    )


# ---------------------------------------------------------------- the tree
@dataclass
class _Node:
    row: VadRow
    x: float
    parent: int | None

    def y(self, top: float) -> float:
        return top + self.row.level * _PITCH


def _placed(rows: Sequence[VadRow]) -> list[_Node]:
    """In-order from left to right; as close as the neighbours on the same level allow."""
    ends: dict[int, float] = {}
    nodes: list[_Node] = []
    x = float(_MARGIN) - _STEP
    for index, row in enumerate(rows):
        x = max(x + _STEP, ends.get(row.level, _MARGIN))
        ends[row.level] = x + _BOX + _GAP
        nodes.append(_Node(row, x, _parent(rows, index)))
    spare = _LEAST_WIDTH - max((node.x for node in nodes), default=0) - _BOX - _MARGIN
    for node in nodes:
        node.x += max(spare / 2, 0)
    return nodes


def _parent(rows: Sequence[VadRow], index: int) -> int | None:
    """The nearest region one level up on either side, with nothing higher between, is the parent."""
    level = rows[index].level
    for step in (-1, 1):
        at = index + step
        while 0 <= at < len(rows) and rows[at].level >= level:
            at += step
        if 0 <= at < len(rows) and rows[at].level == level - 1:
            return at
    return None


def _edges(nodes: Sequence[_Node], top: float) -> Iterator[str]:
    for node in nodes:
        if node.parent is None:
            continue
        parent = nodes[node.parent]
        side = -0.25 if node.x < parent.x else 0.25
        x1, y1 = parent.x + _BOX * (0.5 + side), parent.y(top) + _HEIGHT
        x2, y2 = node.x + _BOX / 2, node.y(top)
        half = (y1 + y2) / 2
        curve = f"M{x1:.1f} {y1:.1f}C{x1:.1f} {half:.1f} {x2:.1f} {half:.1f} {x2:.1f} {y2:.1f}"
        yield f'<path class="edge" d="{curve}"/>'


def _box(node: _Node, top: float) -> Iterator[str]:
    row, x, y = node.row, node.x, node.y(top)
    kind, middle = _kind(row), node.x + _BOX / 2
    name = _name(row)
    yield f"<g><title>{_text(_sentence(row))}</title>"
    yield f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{_BOX}" height="{_HEIGHT}" rx="6"/>'
    yield f'<text class="range" x="{middle:.1f}" y="{y + 17:.1f}">{row.start_vpn:x}-{row.end_vpn:x}</text>'
    yield f'<text class="small" x="{middle:.1f}" y="{y + 31:.1f}">{row.protection}</text>'
    style = "name" if row.name else "cause"
    yield f'<text class="{style}" x="{middle:.1f}" y="{y + 45:.1f}">{_text(_short(name, 24))}</text></g>'


# ---------------------------------------------------------------- the addresses
def _strips(rows: Sequence[VadRow], highest: int) -> Iterator[tuple[str, int, int]]:
    """Title, first address and end of each strip: 32-bit part, 64-bit part, images in the 64-bit part."""
    large = any(2 * _GB <= row.start < 4 * _GB and (not row.locked or row.start > 3 * _GB) for row in rows)
    low = 4 * _GB if large else 2 * _GB
    yield f"The lower {low // _GB} GB", 0, low
    if highest < 4 * _GB:
        return
    end = (highest | 0xFFFFF) + 1
    yield f"The 64-bit part, {low // _GB} GB to {end >> 40} TB", low, end
    for row in rows:
        if row.kind == "Exe" and row.start >= 4 * _GB:
            around = 12 * row.pages * 0x1000 & ~0xFFFFF
            high = min(row.end + 1 + around, end)
            low = row.start - around
            yield f"Around {_name(row)}: {low:X} to {high - 1:X}", low, high


def _strip(
    body: list[str], rows: Sequence[VadRow], title: str, span: tuple[int, int], top: float, width: float
) -> float:
    """One strip with its title above and names below.

    Returns:
        Where the next thing goes.
    """
    low, high = span
    scale = (width - 2 * _MARGIN) / (high - low)
    inside = [row for row in rows if row.end >= low and row.start < high]
    y = top + 34
    body.append(f'<text class="heading" x="{_MARGIN}" y="{top + 8:.1f}">{_text(title)}</text>')
    body.append(
        f'<rect class="free" x="{_MARGIN}" y="{y:.1f}" width="{width - 2 * _MARGIN:.1f}" height="{_STRIP}"/>'
    )
    for x, address in _ticks(low, high, scale):
        body.append(f'<path class="tick" d="M{x:.1f} {y - 5:.1f}v5"/>')
        body.append(f'<text class="address start" x="{x:.1f}" y="{y - 8:.1f}">{address:X}</text>')
    for row in inside:
        x1, x2 = _bar(row, span, scale)
        body.append(
            f'<rect class="{_kind(row)} bar" x="{x1:.1f}" y="{y:.1f}" width="{x2 - x1:.1f}" '
            f'height="{_STRIP}"><title>{_text(_sentence(row))}</title></rect>'
        )
    named = [(sum(_bar(row, span, scale)) / 2, row) for row in inside if row.name or row.locked]
    lanes: list[list[tuple[float, float]]] = []
    # Words go right of their line in the left half and left of it in the right half, from the middle outwards
    # to the border, so that no line crosses a word.
    for x, row in reversed([(x, row) for x, row in named if x <= width / 2]):
        _label(body, lanes, row, (x, y + _STRIP), toward=1)
    for x, row in ((x, row) for x, row in named if x > width / 2):
        _label(body, lanes, row, (x, y + _STRIP), toward=-1)
    return y + _STRIP + len(lanes) * _LANE + 34


def _bar(row: VadRow, span: tuple[int, int], scale: float) -> tuple[float, float]:
    """Left and right border of a region; what is narrower than a line is drawn as one."""
    low, high = span
    left = _MARGIN + (max(row.start, low) - low) * scale
    right = _MARGIN + (min(row.end + 1, high) - low) * scale
    return left, max(right, left + 1.4)


def _label(
    body: list[str],
    lanes: list[list[tuple[float, float]]],
    row: VadRow,
    at: tuple[float, float],
    toward: int,
) -> None:
    """A name below the strip, in the first lane where there is room, with a line to its region."""
    x, y = at
    words = f"{'locked' if row.locked else _short(_name(row), 28)} {row.start:X}"
    start = x + 4 * toward
    left, right = sorted((start, start + toward * len(words) * _CHARACTER))
    lane = next(
        (i for i, taken in enumerate(lanes) if all(right + 8 < a or b + 8 < left for a, b in taken)),
        len(lanes),
    )
    if lane == len(lanes):
        lanes.append([])
    lanes[lane].append((left, right))
    for crossed in lanes[:lane]:
        crossed.append((x, x))
    baseline = y + (lane + 1) * _LANE
    anchor = "start" if toward > 0 else "end"
    body.append(f'<path class="leader" d="M{x:.1f} {y:.1f}V{baseline:.1f}"/>')
    body.append(
        f'<text class="label {anchor} ink-{_kind(row)}" x="{start:.1f}" y="{baseline:.1f}">{_text(words)}</text>'
    )


def _ticks(low: int, high: int, scale: float) -> Iterator[tuple[float, int]]:
    """Place and value of round addresses, a power of two apart and as many as have room."""
    room = len(f"{high:X}") * _CHARACTER + 12
    step = 1 << max(int(room / scale).bit_length(), 12)
    for address in (low, *range(-(-(low + 1) // step) * step, high, step)):
        x = _MARGIN + (address - low) * scale
        if address == low or _MARGIN + room < x < _MARGIN + (high - low) * scale - room:
            yield x, address


# ---------------------------------------------------------------- words and colours
def _heading(body: list[str], rows: Sequence[VadRow], title: str) -> float:
    sums = totals(rows)
    body.append(f'<text class="title" x="{_MARGIN}" y="38">{_text(title)}</text>')
    words = (
        f"{sums.count} regions, average level {sums.average_level}, maximum depth {sums.maximum_depth}, "
        f"private commit {sums.private_commit} pages. Page numbers are hexadecimal: address = number 000."
    )
    body.append(f'<text class="note" x="{_MARGIN}" y="58">{_text(words)}</text>')
    x = float(_MARGIN)
    for kind, meaning in KINDS.items():
        body.append(f'<rect class="{kind}" x="{x:.1f}" y="72" width="18" height="12" rx="3"/>')
        body.append(f'<text class="note" x="{x + 24:.1f}" y="82">{_text(meaning)}</text>')
        x += 24 + len(meaning) * _CHARACTER + 22
    return 108


def _kind(row: VadRow) -> str:
    if row.locked:
        return "locked"
    return {"Exe": "image", "Mapped": "mapped"}.get(row.kind, "private")


def _name(row: VadRow) -> str:
    """The file's name; the folder tells the two ntdlls apart. Where there is no file, what made the region."""
    if row.name is None:
        return row.cause
    folder, _, file = row.name.rpartition("\\")
    return "\\".join([folder.rpartition("\\")[2], file]) if file == "ntdll.dll" else file


def _sentence(row: VadRow) -> str:
    commit = "nothing can be committed" if row.locked else f"{row.commit} pages committed"
    what = f", {row.name}" if row.name else ""
    return f"{row.start:X}-{row.end:X}: {KINDS[_kind(row)]}{what}; {row.protection}, {commit}; made by {row.cause}"


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _text(text: str) -> str:
    return escape(printable(text))
