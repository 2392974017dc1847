from __future__ import annotations

import itertools
import math
from random import Random
from typing import Any, ClassVar

import pytest

from wowsim.memory.gaps import GRANULARITY
from wowsim.memory.vad import Vad, VadTree


def height_and_check(node: Vad | None, parent: Vad | None) -> int:
    """Height of a subtree whose every promise holds."""
    if node is None:
        return 0
    assert node.parent is parent
    left, right = height_and_check(node.left, node), height_and_check(node.right, node)
    assert abs(right - left) <= 1
    assert node.balance == right - left
    assert node.height == max(left, right) + 1
    return node.height


def brute_room(vads: list[Vad], alignment: int) -> int:
    rooms = [b.start - -(-(a.end + 1) // alignment) * alignment for a, b in itertools.pairwise(vads)]
    return max([0, *rooms])


def check(tree: VadTree) -> None:
    height_and_check(tree.root, None)
    vads = list(tree)
    assert len(vads) == len(tree)
    assert all(a.end < b.start for a, b in itertools.pairwise(vads))
    if tree.root is not None:
        assert (tree.root.first, tree.root.last) == (vads[0].start, vads[-1].end)
        assert tree.root.hole == brute_room(vads, 1)
        assert tree.root.slot == brute_room(vads, GRANULARITY)


def filled(count: int, seed: int = 1) -> VadTree:
    """A tree of ``count`` regions with small gaps between them, inserted in random order."""
    random = Random(seed)
    starts = [0x10 + i * 0x20 for i in range(count)]
    random.shuffle(starts)
    tree = VadTree()
    for start in starts:
        tree.insert(Vad(start, start + random.randrange(0x11, 0x20)))
    return tree


def test_levels_and_balances_of_the_textbook_tree() -> None:
    tree = VadTree()
    for start in (1, 2, 3, 4, 5, 6, 7, 8):
        tree.insert(Vad(start, start))
    assert [(v.start, v.level, v.balance) for v in tree] == [
        (1, 2, 0),
        (2, 1, 0),
        (3, 2, 0),
        (4, 0, 1),
        (5, 2, 0),
        (6, 1, 1),
        (7, 2, 1),
        (8, 3, 0),
    ]


@pytest.mark.parametrize("order", [(3, 2, 1), (3, 1, 2), (1, 3, 2), (1, 2, 3)])
def test_each_rotation(order: tuple[int, ...]) -> None:
    tree = VadTree()
    for start in order:
        tree.insert(Vad(start, start))
    assert tree.root is not None
    assert tree.root.start == 2
    check(tree)


def test_overlap_is_refused_and_changes_nothing() -> None:
    tree = VadTree()
    tree.insert(Vad(10, 20))
    with pytest.raises(ValueError, match=r"<Vad 14-1e Private> overlaps <Vad a-14 Private>"):
        tree.insert(Vad(20, 30))
    assert len(tree) == 1


def test_random_insertions_removals_and_resizes_keep_every_promise() -> None:
    random = Random(7)
    tree, there = VadTree(), list[Vad]()
    for _ in range(1500):
        if there and random.random() < 0.45:
            vad = there.pop(random.randrange(len(there)))
            tree.remove(vad)
            assert vad.parent is vad.left is vad.right is None
        elif there and random.random() < 0.2:
            vad = random.choice(there)
            tree.resize(vad, vad.start, random.randint(vad.start, vad.end))
        else:
            start = random.randrange(0x2000)
            vad = Vad(start, start + random.randrange(0x40))
            if tree.is_free(vad.start, vad.end):
                tree.insert(vad)
                there.append(vad)
        check(tree)
        assert list(tree) == sorted(there, key=lambda v: v.start)


def test_lookup_and_neighbours() -> None:
    tree = filled(200)
    vads = list(tree)
    for below, above in itertools.pairwise(vads):
        assert below.next is above
        assert above.previous is below
        assert tree.at(below.start) is tree.at(below.end) is below
        gap = below.end + 1
        if gap < above.start:
            assert tree.at(gap) is None
            assert tree.at_or_above(gap) is above
            assert tree.at_or_below(gap) is below
    assert vads[0].previous is vads[-1].next is None
    assert tree.at_or_below(0) is tree.at_or_above(1 << 40) is None


def test_split_keeps_what_the_region_was() -> None:
    tree = VadTree()
    whole = Vad(0x10, 0x2F, protection=6)
    whole.name, whole.offset, whole.cause = r"\a", 4, "me"
    tree.insert(whole)
    upper = tree.split(whole, 0x18)
    assert (whole.start, whole.end, upper.start, upper.end) == (0x10, 0x17, 0x18, 0x2F)
    assert (upper.protection, upper.name, upper.offset, upper.cause) == (6, r"\a", 12, "me")
    check(tree)


def brute_gap(
    vads: list[Vad], count: int, low: int, high: int, alignment: int, *, lowest: bool
) -> int | None:
    starts = range(-(-low // alignment) * alignment, high - count + 2, alignment)
    free = (s for s in starts if all(v.end < s or v.start > s + count - 1 for v in vads))
    found = list(free)
    return (found[0] if lowest else found[-1]) if found else None


@pytest.mark.parametrize("alignment", [1, GRANULARITY])
def test_gap_search_finds_what_exhaustive_search_finds(alignment: int) -> None:
    random = Random(alignment)
    for _ in range(60):
        tree = VadTree()
        for _ in range(random.randrange(14)):
            start = random.randrange(0x400)
            vad = Vad(start, start + random.randrange(0x30))
            if tree.is_free(vad.start, vad.end):
                tree.insert(vad)
        vads = list(tree)
        for _ in range(12):
            count, low = random.randrange(1, 0x60), random.randrange(0x200)
            high = low + random.randrange(0x400)
            lowest = brute_gap(vads, count, low, high, alignment, lowest=True)
            highest = brute_gap(vads, count, low, high, alignment, lowest=False)
            assert tree.find_lowest(count, low, high, alignment) == lowest
            assert tree.find_highest(count, low, high, alignment) == highest


class WatchedVad(Vad):
    """Counts the nodes that a search looks at."""

    __slots__ = ()
    visited: ClassVar[set[int]] = set()

    def __getattribute__(self, name: str) -> Any:
        if name in ("left", "right", "parent", "slot", "hole", "first", "last", "start", "end"):
            WatchedVad.visited.add(id(self))
        return super().__getattribute__(name)


def watch(tree: VadTree) -> None:
    for vad in tree:
        vad.__class__ = WatchedVad
    WatchedVad.visited.clear()


@pytest.mark.parametrize("count", [1_000, 4_000])
@pytest.mark.parametrize("where", ["lowest", "highest"])
def test_gap_search_visits_a_logarithmic_number_of_nodes(count: int, where: str) -> None:
    # Every gap but one is too small, and that one lies in the middle: a walk would meet half of all nodes.
    tree, middle = VadTree(), count // 2
    for i in range(count):
        start = i * 0x20 + (0x1000 if i > middle else 0)
        tree.insert(Vad(start, start + 0x1A))
    watch(tree)
    high = 0x1000 + count * 0x20 - 1
    if where == "lowest":
        found = tree.find_lowest(0x800, 0, high)
        assert found == (middle + 1) * 0x20
    else:
        found = tree.find_highest(0x800, 0, high)
        assert found == (middle + 1) * 0x20 + 0x1000 - 0x800
    assert len(WatchedVad.visited) <= 4 * 1.45 * math.log2(count + 2)


@pytest.mark.parametrize("count", [1_000, 4_000])
def test_height_and_change_are_logarithmic(count: int) -> None:
    tree = VadTree()
    for i in range(count):
        tree.insert(Vad(i * 0x20, i * 0x20 + 0xF))
    assert tree.root is not None
    bound = 1.45 * math.log2(count + 2)
    assert tree.root.height <= bound
    victim = tree.at(count // 3 * 0x20)
    assert victim is not None
    watch(tree)
    tree.remove(victim)
    tree.insert(victim)
    assert len(WatchedVad.visited) <= 6 * bound
