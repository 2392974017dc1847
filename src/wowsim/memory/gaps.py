"""Finding free gaps between VADs in O(log n) (what nt!MiFindEmptyAddressRange answers).

Each node knows the widest gap inside its subtree, of any page and of allocation units, so a search climbs
past subtrees that have none and descends into the first that has one.

Who may import it: :mod:`wowsim.memory.vad`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wowsim.memory.vad import Vad

GRANULARITY = 0x10
"""Allocation granularity in pages (64 KB)."""


def room_between(last: int, start: int, alignment: int) -> int:
    """Pages from the first aligned page after ``last`` up to ``start``; zero or less when there is none."""
    return start - (-(-(last + 1) // alignment) * alignment)


def gap_above(node: Vad, count: int, alignment: int) -> int:
    """Start of the lowest sufficient gap above ``node``; above the last VAD space never ends."""
    while True:
        right = node.right
        if right is not None:
            if room_between(node.end, right.first, alignment) >= count:
                return -(-(node.end + 1) // alignment) * alignment
            if _widest(right, alignment) >= count:
                return _lowest_inside(right, count, alignment)
        below, above = node, node.parent
        while above is not None and above.right is below:
            below, above = above, above.parent
        if above is None or room_between(below.last, above.start, alignment) >= count:
            return -(-(below.last + 1) // alignment) * alignment
        node = above


def gap_below(node: Vad, count: int, alignment: int) -> int:
    """Start of the highest sufficient gap below ``node``; below the first VAD it may be negative."""
    while True:
        left = node.left
        if left is not None:
            if room_between(left.last, node.start, alignment) >= count:
                return (node.start - count) // alignment * alignment
            if _widest(left, alignment) >= count:
                return _highest_inside(left, count, alignment)
        above, below = node, node.parent
        while below is not None and below.left is above:
            above, below = below, below.parent
        if below is None or room_between(below.end, above.first, alignment) >= count:
            return (above.first - count) // alignment * alignment
        node = below


def _widest(node: Vad, alignment: int) -> int:
    return node.hole if alignment == 1 else node.slot


def _lowest_inside(node: Vad, count: int, alignment: int) -> int:
    """Start of the lowest sufficient gap between VADs of a subtree that is known to have one."""
    while True:
        left, right = node.left, node.right
        if left is not None:
            if _widest(left, alignment) >= count:
                node = left
                continue
            if room_between(left.last, node.start, alignment) >= count:
                return -(-(left.last + 1) // alignment) * alignment
        assert right is not None, "the gap is in this subtree"
        if room_between(node.end, right.first, alignment) >= count:
            return -(-(node.end + 1) // alignment) * alignment
        node = right


def _highest_inside(node: Vad, count: int, alignment: int) -> int:
    """Start of the highest sufficient gap between VADs of a subtree that is known to have one."""
    while True:
        left, right = node.left, node.right
        if right is not None:
            if _widest(right, alignment) >= count:
                node = right
                continue
            if room_between(node.end, right.first, alignment) >= count:
                return (right.first - count) // alignment * alignment
        assert left is not None, "the gap is in this subtree"
        if room_between(left.last, node.start, alignment) >= count:
            return (node.start - count) // alignment * alignment
        node = left
