r"""The registry's tree: keys and values in memory, their names, order and limits (nt!Cm hives and key control blocks).

One tree holds every hive, so a hive is only a key below ``\REGISTRY\MACHINE`` or ``\REGISTRY\USER``. Limits are those
of "Registry Element Size Limits" (Microsoft Learn), and a bound on the memory of all of it. Leaves out hive files,
security descriptors, transactions and layers. Who may import it: the kernel package.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.names import from_utf16, upcase
from wowsim.nt.status import (
    STATUS_CANNOT_DELETE,
    STATUS_CHILD_MUST_BE_VOLATILE,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_NOT_FOUND,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wowsim.kernel.clock import Clock
    from wowsim.nt.security import SecurityDescriptor

MAXIMUM_KEY_NAME = 255
MAXIMUM_VALUE_NAME = 16383
"""In UTF-16 units."""
MAXIMUM_DEPTH = 512
MAXIMUM_REPARSES = 32
"""Symbolic links followed in one look-up."""
QUOTA = 64 << 20
"""Bytes that all keys and values may cost together; what one costs beside its text and data follows."""
KEY_COST, VALUE_COST = 0x200, 0x100

ROOT, MACHINE, USER = "REGISTRY", "MACHINE", "USER"
LINK_VALUE = "SymbolicLinkValue"


def fold(name: str) -> bytes:
    """What names are compared and ordered by: upcased UTF-16 units."""
    return upcase(name).encode("utf-16-be", "surrogatepass")


class Value:
    """One value: name as it was first given, type (REG_*) and data."""

    __slots__ = ("data", "kind", "name")

    def __init__(self, name: str, kind: int, data: bytes) -> None:
        self.name = name
        self.kind = kind
        self.data = data


class KeyNode:
    """One key.

    Attributes:
        name: as it was given; ``parent`` is None for the root.
        class_name: given when it was made.
        last_write: moment of the last change, in 100 ns units.
        volatile: not kept on disk, were there one.
        link: a symbolic link; its target is its only value.
        deleted: taken out of the tree; handles may still stand for it.
        opens: key objects that stand for it.
        flags: what NtSetInformationKey set: Wow64Flags, ControlFlags, virtualization.
        security: its descriptor once somebody asked for it or set it.
    """

    __slots__ = (
        "_children", "_order", "_value_order", "_values", "class_name", "deleted", "flags", "last_write", "link",
        "name", "opens", "parent", "security", "volatile",
    )  # fmt: skip

    def __init__(
        self, name: str, parent: KeyNode | None, now: int, *, volatile: bool, class_name: str
    ) -> None:
        self.name = name
        self.parent = parent
        self.security: SecurityDescriptor | None = None
        self.class_name = class_name
        self.last_write = now
        self.volatile = volatile
        self.link = self.deleted = False
        self.opens = 0
        self.flags = [0, 0, 0]
        self._children: dict[bytes, KeyNode] = {}
        self._order: list[bytes] = []
        self._values: dict[bytes, Value] = {}
        self._value_order: list[Value] = []

    # ------------------------------------------------------------ subkeys
    @property
    def subkey_count(self) -> int:
        """How many subkeys it has."""
        return len(self._order)

    def child(self, name: str) -> KeyNode | None:
        """The subkey of that name, without case."""
        return self._children.get(fold(name))

    def child_at(self, index: int) -> KeyNode | None:
        """The subkey at a place in the order of names, or None behind the last."""
        return self._children[self._order[index]] if index < len(self._order) else None

    def children(self) -> list[KeyNode]:
        """The subkeys in the order of their names."""
        return [self._children[key] for key in self._order]

    def attach(self, child: KeyNode) -> None:
        """Give a key its place below this one; the name must be free."""
        key = fold(child.name)
        self._children[key] = child
        insort(self._order, key)
        child.parent = self

    def detach(self, child: KeyNode) -> None:
        """Take a subkey out."""
        key = fold(child.name)
        del self._children[key]
        del self._order[bisect_left(self._order, key)]

    # ------------------------------------------------------------ values
    @property
    def values(self) -> list[Value]:
        """The values in the order in which they were made; not to be changed."""
        return self._value_order

    def value(self, name: str) -> Value | None:
        """The value of that name, without case; the empty name is the default value."""
        return self._values.get(fold(name))

    def put_value(self, value: Value) -> None:
        """Add a value; the name must be free."""
        self._values[fold(value.name)] = value
        self._value_order.append(value)

    def take_value(self, value: Value) -> None:
        """Remove a value."""
        del self._values[fold(value.name)]
        self._value_order.remove(value)

    # ------------------------------------------------------------ place
    def ancestors(self) -> Iterator[KeyNode]:
        """The key itself and those above it."""
        node: KeyNode | None = self
        while node is not None:
            yield node
            node = node.parent

    @property
    def depth(self) -> int:
        r"""Levels below ``\REGISTRY``."""
        return sum(1 for _ in self.ancestors()) - 1

    @property
    def path(self) -> str:
        r"""``\REGISTRY\MACHINE\...``; a deleted key keeps the one it had."""
        return "\\" + "\\".join(reversed([node.name for node in self.ancestors()]))

    @property
    def is_master(self) -> bool:
        r"""``\REGISTRY``, ``MACHINE`` and ``USER``: below them are hives only."""
        return self.parent is None or self.parent.parent is None

    @property
    def is_hive(self) -> bool:
        """The root of a hive, or above one: it cannot be deleted or renamed."""
        return self.parent is None or self.parent.is_master

    @property
    def target(self) -> str:
        """Where a symbolic link leads; empty while it has no target."""
        value = self.value(LINK_VALUE)
        return "" if value is None else from_utf16(value.data[: len(value.data) & ~1])


def components(path: str) -> list[str]:
    """The names of a path; several backslashes count as one."""
    return [name for name in path.split("\\") if name]


class Registry:
    """Every hive.

    Args:
        clock: of write times.
        fill: puts the initial keys in when somebody first looks; costs nothing before.
        quota: bytes that it may cost beyond these.
    """

    def __init__(self, clock: Clock, fill: Callable[[Registry], None], quota: int = QUOTA) -> None:
        self._clock = clock
        self._fill = fill
        self._quota = quota
        self._used = 0
        self._root: KeyNode | None = None

    @property
    def root(self) -> KeyNode:
        r"""``\REGISTRY``."""
        if self._root is None:
            boot = self._clock.boot_time
            self._root = KeyNode(ROOT, None, boot, volatile=True, class_name="")
            for name in (MACHINE, USER):
                self._root.attach(KeyNode(name, self._root, boot, volatile=True, class_name=""))
            self._fill(self)
            self._used = 0
        return self._root

    def charge(self, size: int) -> None:
        """Account for memory (negative: give it back); STATUS_INSUFFICIENT_RESOURCES when there is no more."""
        if size > 0 and self._used + size > self._quota:
            raise GuestFault(STATUS_INSUFFICIENT_RESOURCES)
        self._used += size

    def find(self, start: KeyNode, path: str, *, open_link: bool = False) -> KeyNode:
        """The key of a path below ``start``; links are followed, the last one unless ``open_link``.

        Raises:
            GuestFault: STATUS_OBJECT_NAME_NOT_FOUND, for whichever component is missing.
        """
        names, node, links = components(path)[::-1], start, 0
        while True:
            if node.link and (names or not open_link):
                links += 1
                target = components(node.target)
                if links > MAXIMUM_REPARSES or not target or upcase(target[0]) != ROOT:
                    raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
                names += target[:0:-1]
                node = self.root
            elif names:
                found = node.child(names.pop())
                if found is None:
                    raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
                node = found
            else:
                return node

    # ------------------------------------------------------------ changes
    def add_hive(self, name: str, *, machine: bool = False) -> KeyNode:
        """A hive's root below ``MACHINE`` or ``USER``; the one that is there already."""
        above = self.root.child(MACHINE if machine else USER)
        assert above is not None
        found = above.child(name)
        if found is None:
            found = KeyNode(name, above, self._clock.boot_time, volatile=False, class_name="")
            above.attach(found)
        return found

    def add(
        self, parent: KeyNode, name: str, *, volatile: bool = False, class_name: str = "", link: bool = False
    ) -> KeyNode:
        """Make a key; its parent must not have one of that name.

        Raises:
            GuestFault: STATUS_INVALID_PARAMETER for a name that is too long, a tree that is too deep or a place for
                hives only (all three unverified), STATUS_CHILD_MUST_BE_VOLATILE, STATUS_INSUFFICIENT_RESOURCES.
        """
        if parent.is_master or utf16_length(name) > MAXIMUM_KEY_NAME or parent.depth >= MAXIMUM_DEPTH:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        if parent.volatile and not volatile:
            raise GuestFault(STATUS_CHILD_MUST_BE_VOLATILE)
        self.charge(_key_cost(name, class_name))
        now = self._clock.now
        node = KeyNode(name, parent, now, volatile=volatile, class_name=class_name)
        node.link = link
        parent.attach(node)
        parent.last_write = now
        return node

    def delete(self, node: KeyNode) -> None:
        """Take a key without subkeys out of the tree.

        Raises:
            GuestFault: STATUS_CANNOT_DELETE for one with subkeys and for a hive.
        """
        if node.is_hive or node.subkey_count or node.parent is None:
            raise GuestFault(STATUS_CANNOT_DELETE)
        for value in tuple(node.values):
            self.delete_value(node, value)
        self.charge(-_key_cost(node.name, node.class_name))
        node.parent.detach(node)
        node.parent.last_write = self._clock.now
        node.deleted = True

    def rename(self, node: KeyNode, name: str) -> None:
        """Give a key another last component.

        Raises:
            GuestFault: STATUS_OBJECT_NAME_COLLISION when a sibling has it, STATUS_CANNOT_DELETE for a hive,
                STATUS_INVALID_PARAMETER for no name of one component (the first two unverified).
        """
        parent = node.parent
        if node.is_hive or parent is None:
            raise GuestFault(STATUS_CANNOT_DELETE)
        if not name or "\\" in name or utf16_length(name) > MAXIMUM_KEY_NAME:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        if parent.child(name) not in (None, node):
            raise GuestFault(STATUS_OBJECT_NAME_COLLISION)
        self.charge(_key_cost(name, "") - _key_cost(node.name, ""))
        parent.detach(node)
        node.name = name
        parent.attach(node)
        parent.last_write = node.last_write = self._clock.now

    def set_value(self, node: KeyNode, name: str, kind: int, data: bytes) -> None:
        """Set a value; STATUS_INVALID_PARAMETER for a name that is too long."""
        if utf16_length(name) > MAXIMUM_VALUE_NAME:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        found = node.value(name)
        if found is None:
            self.charge(_value_cost(name) + len(data))
            node.put_value(Value(name, kind, data))
        else:
            self.charge(len(data) - len(found.data))
            found.kind, found.data = kind, data
        node.last_write = self._clock.now

    def delete_value(self, node: KeyNode, value: Value) -> None:
        """Remove a value."""
        self.charge(-_value_cost(value.name) - len(value.data))
        node.take_value(value)
        node.last_write = self._clock.now


def utf16_length(text: str) -> int:
    """UTF-16 units of a text."""
    return len(text) + sum(character > "\uffff" for character in text)


def _key_cost(name: str, class_name: str) -> int:
    return KEY_COST + 4 * (len(name) + len(class_name))


def _value_cost(name: str) -> int:
    return VALUE_COST + 4 * len(name)
