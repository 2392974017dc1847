"""Contents come back in place, whatever kind of object holds them."""

from __future__ import annotations

from array import array
from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.image.model import Image
from wowsim.simulation.images import built_in
from wowsim.simulation.memento import Memento
from wowsim.trace.symbols import SymbolTable

if TYPE_CHECKING:
    from collections.abc import Callable


class Plain:
    record: Any
    items: Any
    a: Any
    b: Any

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


class Slotted:
    __slots__ = ("__hidden", "late", "value")

    def __init__(self, value: Any) -> None:
        self.value, self.__hidden = value, value

    @property
    def hidden(self) -> Any:
        return self.__hidden

    @hidden.setter
    def hidden(self, value: Any) -> None:
        self.__hidden = value


class Narrower(Slotted):
    __slots__ = ("more",)


class Both(Slotted):
    """Slots and a ``__dict__``."""


@dataclass
class Record:
    number: int = 0
    items: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Frozen:
    inside: list[int]


class Pair(NamedTuple):
    one: list[int]
    two: int


class Colour(Enum):
    RED = 1


def memento(*roots: object, **options: Any) -> Memento:
    return Memento(roots, own=lambda module: module is not None and module == __name__, **options)


def counter() -> tuple[Callable[[], int], Callable[[], int]]:
    count = 0

    def up() -> int:
        nonlocal count
        count += 1
        return count

    return up, lambda: count


def change_list(x: list[Any]) -> None:
    x.append(5)
    x[0] = "other"


def change_dict(x: dict[Any, Any]) -> None:
    first = next(iter(x))
    x[first] = x.pop(first)  # now last
    x["new"] = 1


def change_set(x: set[Any]) -> None:
    x.clear()
    x.add("new")


def change_plain(x: Any) -> None:
    x.value = "other"
    x.added = 1


def change_bytes(x: Any) -> None:
    x[0] = 9
    x.extend(b"more")


CONTAINERS = (
    ([1, 2, 3], change_list, list),
    ({"a": 1, "b": 2}, change_dict, lambda x: list(x.items())),
    (OrderedDict(a=1, b=2), change_dict, lambda x: list(x.items())),
    (defaultdict(int, a=1, b=2), change_dict, lambda x: list(x.items())),
    ({1, 2}, change_set, sorted),
    (deque([1, 2, 3], maxlen=3), lambda x: x.extend([4, 5]), lambda x: (list(x), x.maxlen)),
    (bytearray(b"abc"), change_bytes, bytes),
    (array("Q", [1, 2, 3]), lambda x: x.pop(), list),
    (Random(3), lambda x: x.random(), lambda x: x.getstate()),
    (Plain(value=1), change_plain, lambda x: dict(vars(x))),
    (Slotted(1), lambda x: setattr(x, "value", 2), lambda x: x.value),
    (Slotted(1), lambda x: setattr(x, "hidden", 2), lambda x: x.hidden),
    (Slotted(1), lambda x: setattr(x, "late", 2), lambda x: hasattr(x, "late")),
    (Record(1, [1]), lambda x: x.items.append(2), lambda x: (x.number, x.items[:])),
    (Frozen([1]), lambda x: x.inside.append(2), lambda x: x.inside[:]),
    (Pair([1], 2), lambda x: x.one.append(2), lambda x: x.one[:]),
)


@pytest.mark.parametrize(("thing", "change", "look"), CONTAINERS, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("within", ["bare", "attribute", "tuple", "cell", "method", "partial", "key"])
def test_contents_come_back(
    thing: Any, change: Callable[[Any], object], look: Callable[[Any], Any], within: str
) -> None:
    def holder() -> Any:
        return thing

    if within == "key" and not isinstance(thing, (Plain, Slotted)):
        pytest.skip("cannot be a key")
    if within == "method" and not isinstance(thing, (Plain, list)):
        pytest.skip("its methods are not bound ones")
    roots: dict[str, Callable[[], Any]] = {
        "bare": lambda: thing,
        "attribute": lambda: Plain(deeper=Plain(thing=thing)),
        "tuple": lambda: ((1, (thing,)),),
        "cell": lambda: holder,
        "method": lambda: thing.append if isinstance(thing, list) else thing.__init__,
        "partial": lambda: partial(print, thing, x=thing),
        "key": lambda: {thing: 1},
    }
    root = roots[within]()
    before = look(thing)
    kept = memento(root)
    for _ in range(2):
        change(thing)
        assert look(thing) != before
        kept.restore()
        assert look(thing) == before


def test_identities_stay() -> None:
    inner = [1]
    root = Plain(a=inner, b={"x": inner})
    kept = memento(root)
    root.a, root.b = [2], None
    inner.append(3)
    kept.restore()
    assert root.a is inner is root.b["x"]
    assert inner == [1]


def test_equal_is_not_the_same() -> None:
    """A record that was replaced by an equal one is put back all the same."""
    record = Record(1)
    root = Plain(record=record)
    kept = memento(root)
    root.record = Record(1)
    kept.restore()
    assert root.record is record


def test_cells_that_nonlocal_changes() -> None:
    up, value = counter()
    up()
    kept = memento(up)
    up()
    up()
    assert value() == 3
    kept.restore()
    assert value() == 1
    assert up() == 2


def unset() -> tuple[Callable[[], None], Callable[[], bool]]:
    late = 1
    del late

    def put() -> None:
        nonlocal late
        late = 1

    def there() -> bool:
        try:
            return bool(late)  # type: ignore[misc]
        except NameError:
            return False

    return put, there


def test_a_variable_without_a_value() -> None:
    put, there = unset()
    kept = memento(put)
    kept.restore()
    assert not there()
    put()
    assert there()
    kept.restore()
    assert not there()


def test_slots_of_base_classes_and_beside_a_dict() -> None:
    narrow, both = Narrower(1), Both(1)
    narrow.more, both.extra = 1, 1  # type: ignore[attr-defined]
    kept = memento(narrow, both)
    narrow.more = narrow.value = both.value = both.extra = narrow.hidden = 2  # type: ignore[attr-defined]
    kept.restore()
    assert (narrow.more, narrow.value, narrow.hidden, both.value, both.extra) == (1,) * 5  # type: ignore[attr-defined]


def test_what_is_left_alone() -> None:
    class Foreign:
        __module__ = "elsewhere"

        def __init__(self) -> None:
            self.value = 1

    foreign, opaque, left = Foreign(), Record(1), [1]
    kept = memento([foreign, opaque, left, Colour.RED, Record, iter([1])], opaque=(Record,), leave=[left])
    foreign.value = opaque.number = 2
    left.append(2)
    kept.restore()
    assert (foreign.value, opaque.number, left) == (2, 2, [1, 2])
    assert kept.foreign == {Foreign, type(iter([]))}


def test_cycles_and_depth() -> None:
    ring: list[Any] = []
    ring.append(ring)
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    assert len(memento(ring, deep)) == 5_002
    kept = memento(ring)
    ring.clear()
    kept.restore()
    assert ring[0] is ring


def test_mementos_in_any_order() -> None:
    root = Plain(items=[0])
    kept = [memento(root)]
    for number in (1, 2):
        root.items = [*root.items, number]
        root.items.append(number)
        kept.append(memento(root))
    seen = [[0], [0, 1, 1], [0, 1, 1, 2, 2]]
    for index in (0, 2, 1, 1, 2, 0, 1):
        root.items.append("noise")
        kept[index].restore()
        assert root.items == seen[index]


OPERATIONS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 9)), max_size=30)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(OPERATIONS, OPERATIONS)
def test_any_graph_comes_back(first: list[tuple[int, int, int]], second: list[tuple[int, int, int]]) -> None:
    nodes: list[Any] = [[], {}, Plain(), set(), deque(), Slotted(None)]
    nodes = nodes[:3] + nodes[4:]

    def apply(operations: list[tuple[int, int, int]]) -> None:
        for to, source, key in operations:
            node, value = nodes[to % len(nodes)], nodes[source % len(nodes)]
            if isinstance(node, (list, deque)):
                node.append(value) if key < 7 or not node else node.pop()
            elif isinstance(node, dict):
                node[key] = value if key < 7 else node.pop(0, None)
            elif isinstance(node, Plain):
                setattr(node, f"a{key}", value)
            else:
                node.value = (value, key)

    def picture() -> Any:
        def of(node: Any) -> Any:
            if isinstance(node, (list, deque)):
                return [id(x) for x in node]
            if isinstance(node, dict):
                return [(k, id(v)) for k, v in node.items()]
            if isinstance(node, Plain):
                return {k: id(v) for k, v in vars(node).items()}
            return None if node.value is None else (id(node.value[0]), node.value[1])

        return [of(node) for node in nodes]

    apply(first)
    before, kept = picture(), memento(nodes)
    apply(second)
    kept.restore()
    assert picture() == before


def test_a_symbol_table_that_went_back_never_repeats_a_number() -> None:
    """Whoever keeps what symbols said knows by ``generation`` that they are others, also after a restore."""
    image = built_in("win7sp1").images["kernel32"]
    symbols = SymbolTable()
    symbols.add(image, 0x10000000)
    first, kept = symbols.generation, Memento([symbols], opaque=(Image,))
    symbols.add(image, 0x20000000)
    second = symbols.generation
    kept.restore()
    assert symbols.generation == first
    assert symbols.name(0x20000000) == "0x20000000"
    symbols.add(image, 0x30000000)
    assert symbols.generation not in (first, second)
