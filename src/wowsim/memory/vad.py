"""Virtual address descriptors: the AVL tree that EPROCESS.VadRoot roots (nt!_MMVAD, nt!_RTL_AVL_TREE).

Rotations are the textbook's. Which of two children replaces a removed node (here: one from the higher side)
is unverified against Windows. Every node also keeps the extent and the widest free gap of its subtree, so
that gaps are found in O(log n) without a free list.

Who may import it: the memory manager; others read rows of it (:mod:`wowsim.memory.creation`) or iterate.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from wowsim.memory.gaps import GRANULARITY, gap_above, gap_below, room_between

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.memory.faults import Stack
    from wowsim.memory.sections import Section

MAX_COMMIT = 0x7FFFFFFF
"""MM_MAX_COMMIT: the charge of a region in which nothing may ever be committed; ``!vad`` prints -1."""


class VadKind(Enum):
    """What a VAD describes, as ``!vad`` prints it."""

    PRIVATE = "Private"
    MAPPED = "Mapped"
    EXE = "Exe"


class Vad:
    """One region of the address space.

    Attributes:
        start: first virtual page number.
        end: last virtual page number, inclusive.
        kind: private memory, a mapped view, or a mapped image.
        protection: MM protection code it was made with.
        commit: commit charge in pages, or MAX_COMMIT.
        no_change: nobody may change or free it (VadFlags.NoChange).
        mem_commit: it was committed as a whole when it was made (VadFlags.MemCommit).
        name: file path without drive, where a file is behind it.
        section: the section it views.
        offset: page offset of the view in its section.
        stack: the growing stack it holds.
        cause: creation step or service that made it.
        write_watch: first writes to its pages are noted (MEM_WRITE_WATCH).
        address: pool address of the node, as ``!vad`` shows it.
    """

    __slots__ = (
        "address",
        "cause",
        "commit",
        "end",
        "first",
        "height",
        "hole",
        "kind",
        "last",
        "left",
        "mem_commit",
        "name",
        "no_change",
        "offset",
        "parent",
        "protection",
        "right",
        "section",
        "slot",
        "stack",
        "start",
        "write_watch",
    )

    def __init__(self, start: int, end: int, kind: VadKind = VadKind.PRIVATE, protection: int = 4) -> None:
        self.start = start
        self.end = end
        self.kind = kind
        self.protection = protection
        self.commit = 0
        self.no_change = False
        self.mem_commit = False
        self.name: str | None = None
        self.section: Section | None = None
        self.offset = 0
        self.stack: Stack | None = None
        self.cause = ""
        self.write_watch = False
        self.address = 0
        self.parent: Vad | None = None
        self.left: Vad | None = None
        self.right: Vad | None = None
        self.height = 1
        self.first = start
        self.last = end
        self.hole = 0
        self.slot = 0

    def __repr__(self) -> str:
        return f"<Vad {self.start:x}-{self.end:x} {self.kind.value}>"

    @property
    def count(self) -> int:
        """Number of pages."""
        return self.end - self.start + 1

    @property
    def balance(self) -> int:
        """Height of the right subtree minus the left's: -1, 0 or 1."""
        return (self.right.height if self.right else 0) - (self.left.height if self.left else 0)

    @property
    def level(self) -> int:
        """Distance from the root, as ``!vad`` prints it."""
        level, node = 0, self.parent
        while node is not None:
            level, node = level + 1, node.parent
        return level

    @property
    def next(self) -> Vad | None:
        """The neighbour above."""
        if self.right is not None:
            return _leftmost(self.right)
        node, parent = self, self.parent
        while parent is not None and parent.right is node:
            node, parent = parent, parent.parent
        return parent

    @property
    def previous(self) -> Vad | None:
        """The neighbour below."""
        if self.left is not None:
            return _rightmost(self.left)
        node, parent = self, self.parent
        while parent is not None and parent.left is node:
            node, parent = parent, parent.parent
        return parent


def _leftmost(node: Vad) -> Vad:
    while node.left is not None:
        node = node.left
    return node


def _rightmost(node: Vad) -> Vad:
    while node.right is not None:
        node = node.right
    return node


def _refresh(node: Vad) -> bool:
    """Recompute what a node knows of its subtree; whether anything changed."""
    before = (node.height, node.first, node.last, node.hole, node.slot)
    left, right = node.left, node.right
    height = hole = slot = 0
    first, last = node.start, node.end
    if left is not None:
        height, first = left.height, left.first
        hole = max(left.hole, node.start - left.last - 1)
        slot = max(left.slot, room_between(left.last, node.start, GRANULARITY))
    if right is not None:
        height, last = max(height, right.height), right.last
        hole = max(hole, right.hole, right.first - node.end - 1)
        slot = max(slot, right.slot, room_between(node.end, right.first, GRANULARITY))
    node.height, node.first, node.last, node.hole, node.slot = height + 1, first, last, hole, slot
    return before != (height + 1, first, last, hole, slot)


class VadTree:
    """The VADs of one process, ordered by address."""

    def __init__(self) -> None:
        self.root: Vad | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Vad]:
        """Ascending by address."""
        node = _leftmost(self.root) if self.root is not None else None
        while node is not None:
            following = node.next
            yield node
            node = following

    def at(self, vpn: int) -> Vad | None:
        """The VAD that holds a page, or None."""
        node = self.root
        while node is not None:
            if vpn < node.start:
                node = node.left
            elif vpn > node.end:
                node = node.right
            else:
                return node
        return None

    def at_or_above(self, vpn: int) -> Vad | None:
        """The lowest VAD that ends at or above a page."""
        node, found = self.root, None
        while node is not None:
            if node.end >= vpn:
                found, node = node, node.left
            else:
                node = node.right
        return found

    def at_or_below(self, vpn: int) -> Vad | None:
        """The highest VAD that starts at or below a page."""
        node, found = self.root, None
        while node is not None:
            if node.start <= vpn:
                found, node = node, node.right
            else:
                node = node.left
        return found

    def is_free(self, start: int, end: int) -> bool:
        """Whether no VAD touches the inclusive range of pages."""
        vad = self.at_or_above(start)
        return vad is None or vad.start > end

    def insert(self, vad: Vad) -> None:
        """Insert a VAD (nt!RtlAvlInsertNodeEx).

        Raises:
            ValueError: it overlaps one that is there.
        """
        parent, node = None, self.root
        while node is not None:
            parent = node
            if vad.end < node.start:
                node = node.left
            elif vad.start > node.end:
                node = node.right
            else:
                raise ValueError(f"{vad!r} overlaps {node!r}")
        vad.left = vad.right = None
        vad.parent = parent
        _refresh(vad)
        if parent is None:
            self.root = vad
        elif vad.end < parent.start:
            parent.left = vad
        else:
            parent.right = vad
        self._count += 1
        self._retrace(parent)

    def remove(self, vad: Vad) -> None:
        """Remove a VAD that is in the tree (nt!RtlAvlRemoveNode)."""
        if vad.left is None or vad.right is None:
            changed = vad.parent
            self._replace(vad, vad.left or vad.right)
        else:
            heir = _rightmost(vad.left) if vad.left.height > vad.right.height else _leftmost(vad.right)
            changed = heir.parent if heir.parent is not vad else heir
            self._replace(heir, heir.left or heir.right)
            # The heir answers for the removed node's subtree: comparing against those values tells whether
            # anything above must hear of the change.
            heir.height, heir.first, heir.last = vad.height, vad.first, vad.last
            heir.hole, heir.slot = vad.hole, vad.slot
            heir.left, heir.right = vad.left, vad.right
            for child in (heir.left, heir.right):
                if child is not None:
                    child.parent = heir
            self._replace(vad, heir)
        vad.parent = vad.left = vad.right = None
        self._count -= 1
        self._retrace(changed)

    def resize(self, vad: Vad, start: int, end: int) -> None:
        """Move the borders of a VAD without passing a neighbour."""
        vad.start, vad.end = start, end
        self._retrace(vad)

    def split(self, vad: Vad, vpn: int) -> Vad:
        """Cut a VAD before page ``vpn``; the upper part becomes a new VAD, which is returned.

        The new one has its own node address and commit charge to receive.
        """
        upper = Vad(vpn, vad.end, vad.kind, vad.protection)
        upper.no_change, upper.mem_commit = vad.no_change, vad.mem_commit
        upper.name, upper.section, upper.stack, upper.cause = vad.name, vad.section, vad.stack, vad.cause
        upper.write_watch = vad.write_watch
        upper.offset = vad.offset + vpn - vad.start
        self.resize(vad, vad.start, vpn - 1)
        self.insert(upper)
        return upper

    def find_lowest(self, count: int, low: int, high: int, alignment: int = GRANULARITY) -> int | None:
        """First page of the lowest aligned gap of ``count`` pages within pages [low, high], or None.

        Args:
            count: pages wanted.
            low: lowest page allowed.
            high: highest page allowed, inclusive.
            alignment: 1 or GRANULARITY.
        """
        start = -(-low // alignment) * alignment
        vad = self.at_or_above(start)
        if vad is not None and vad.start < start + count:
            start = gap_above(vad, count, alignment)
        return start if start + count - 1 <= high else None

    def find_highest(self, count: int, low: int, high: int, alignment: int = GRANULARITY) -> int | None:
        """First page of the highest aligned gap of ``count`` pages within pages [low, high], or None."""
        start = (high + 1 - count) // alignment * alignment
        vad = self.at_or_below(high)
        if vad is not None and vad.end >= start:
            start = gap_below(vad, count, alignment)
        return start if start >= low else None

    def _replace(self, node: Vad, heir: Vad | None) -> None:
        parent = node.parent
        if heir is not None:
            heir.parent = parent
        if parent is None:
            self.root = heir
        elif parent.left is node:
            parent.left = heir
        else:
            parent.right = heir

    def _retrace(self, node: Vad | None) -> None:
        """Rebalance from a changed node upwards until nothing above can notice."""
        while node is not None:
            changed = _refresh(node)
            balance = node.balance
            if balance > 1:
                if node.right is not None and node.right.balance < 0:
                    self._rotate_right(node.right)
                node = self._rotate_left(node)
            elif balance < -1:
                if node.left is not None and node.left.balance > 0:
                    self._rotate_left(node.left)
                node = self._rotate_right(node)
            elif not changed:
                return
            node = node.parent

    def _rotate_left(self, node: Vad) -> Vad:
        pivot = node.right
        assert pivot is not None, "a right-heavy node has a right child"
        node.right = pivot.left
        if node.right is not None:
            node.right.parent = node
        self._replace(node, pivot)
        pivot.left, node.parent = node, pivot
        _refresh(node)
        _refresh(pivot)
        return pivot

    def _rotate_right(self, node: Vad) -> Vad:
        pivot = node.left
        assert pivot is not None, "a left-heavy node has a left child"
        node.left = pivot.right
        if node.left is not None:
            node.left.parent = node
        self._replace(node, pivot)
        pivot.right, node.parent = node, pivot
        _refresh(node)
        _refresh(pivot)
        return pivot
