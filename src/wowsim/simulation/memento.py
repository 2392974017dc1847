"""Remembers a graph of mutable Python objects and puts their contents back in place.

Stands for the part of a virtual machine's snapshot that is not RAM: the kernel's own objects. These are Python
objects that closures and bound methods refer to, so going back keeps every identity: each object gets the contents
again that it had, and what came later is no longer referred to. The graph is walked generically, so no class has to
register or to know about it:

- instances of the project's own classes, with ``__dict__`` or ``__slots__`` (frozen dataclasses are only walked
  through), lists, dicts, sets, deques, bytearrays, arrays and ``random.Random``;
- through tuples, frozen sets, bound methods, and the cells of the project's own functions, which ``nonlocal``
  changes.

It stops at instances of the classes and at the objects that the caller names, at classes, modules and at whatever is
neither the project's nor one of the types above; :attr:`Memento.foreign` names these types. State that lives in
a generator or an iterator cannot be reached. Who may import it: ``simulation``.
"""

from __future__ import annotations

from array import array
from collections import deque
from enum import Enum
from functools import partial
from operator import attrgetter
from random import Random
from struct import Struct
from types import (
    BuiltinFunctionType,
    CellType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any, NewType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_VALUES = (int, bool, float, complex, str, bytes, type(None), range)
_PLAIN = frozenset({*_VALUES, type, ModuleType, Struct, attrgetter, NewType})
"""Types of values that never change."""
_EMPTY = object()


def _own(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] == "wowsim"


class Memento:
    """The contents of every mutable object reachable from some roots.

    Args:
        roots: where to begin.
        opaque: classes whose instances are left alone.
        leave: objects that are left alone.
        own: whether a class or function of a module is to be walked into.

    Attributes:
        foreign: types of objects that were met and left alone because nothing is known of them.
    """

    def __init__(
        self,
        roots: Iterable[object],
        *,
        opaque: tuple[type, ...] = (),
        leave: Iterable[object] = (),
        own: Callable[[str | None], bool] = _own,
    ) -> None:
        self.foreign: set[type] = set()
        self._dicts: list[tuple[dict[Any, Any], dict[Any, Any]]] = []
        self._attributes: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._slots: list[tuple[object, tuple[Callable[[Any, Any], None], ...], tuple[Any, ...]]] = []
        self._unset: list[tuple[object, list[str]]] = []
        self._sequences: list[tuple[Any, Any]] = []
        self._collections: list[tuple[Any, Any]] = []
        self._randoms: list[tuple[Random, Any]] = []
        self._cells: list[tuple[CellType, object]] = []
        self._opaque, self._own = opaque, own
        self._shapes: dict[type, _Shape] = {}
        self._walk(list(roots), list(leave))

    def __len__(self) -> int:
        """Number of objects remembered."""
        first = len(self._dicts) + len(self._attributes) + len(self._slots) + len(self._sequences)
        return first + len(self._collections) + len(self._randoms) + len(self._cells)

    # ------------------------------------------------------------ taking
    def _walk(self, waiting: list[Any], leave: list[Any]) -> None:
        # what is walked stays alive meanwhile, so that no id is given out twice
        seen = {id(thing): thing for thing in leave}
        while waiting:
            thing = waiting.pop()
            kind = type(thing)
            if kind in _PLAIN or id(thing) in seen:
                continue
            seen[id(thing)] = thing
            waiting.extend(self._remember(thing, kind))

    def _remember(self, thing: Any, kind: type) -> Iterable[Any]:
        """Keep the contents of one object; what it refers to."""
        if isinstance(thing, dict):
            self._dicts.append((thing, dict(thing)))
            return (*thing.keys(), *thing.values(), *self._instance(thing, kind))
        if isinstance(thing, (tuple, frozenset)):
            return thing
        if isinstance(thing, (list, array)):
            self._sequences.append((thing, thing[:]))
            return thing if isinstance(thing, list) else ()
        if isinstance(thing, bytearray):
            self._sequences.append((thing, bytes(thing)))
            return ()
        if isinstance(thing, (set, deque)):
            kept = tuple(thing)
            self._collections.append((thing, kept))
            return kept
        return self._other(thing, kind)

    def _other(self, thing: Any, kind: type) -> Iterable[Any]:
        if isinstance(thing, Random):
            self._randoms.append((thing, thing.getstate()))
            return ()
        if kind is FunctionType:
            return (*(thing.__closure__ or ()), thing.__defaults__) if self._own(thing.__module__) else ()
        if kind is MethodType or kind is BuiltinFunctionType:
            return (thing.__self__,)
        if kind is CellType:
            return self._cell(thing)
        if kind is partial:
            return (thing.func, thing.args, thing.keywords)
        if kind is MappingProxyType:
            return (*thing.keys(), *thing.values())
        if isinstance(thing, (type, Enum, *self._opaque)):
            return ()
        if not self._own(kind.__module__):
            self.foreign.add(kind)
            return ()
        return self._instance(thing, kind)

    def _cell(self, cell: CellType) -> Iterable[Any]:
        try:
            content = cell.cell_contents
        except ValueError:  # a variable that has no value yet
            content = _EMPTY
        self._cells.append((cell, content))
        return (content,) if content is not _EMPTY else ()

    def _instance(self, thing: Any, kind: type) -> Iterator[Any]:
        """An instance's attributes, wherever they are kept."""
        shape = self._shapes.get(kind)
        if shape is None:
            shape = self._shapes[kind] = _Shape(kind)
        if shape.names:
            values = shape.values(thing)
            if not shape.frozen:
                self._slots.append((thing, shape.setters, values))
                unset = [name for name, value in zip(shape.names, values, strict=True) if value is _EMPTY]
                if unset:
                    self._unset.append((thing, unset))
            yield from values
        attributes = getattr(thing, "__dict__", None)
        if attributes is not None:
            if not shape.frozen:
                self._attributes.append((attributes, attributes.copy()))
            yield from attributes.values()

    # ------------------------------------------------------------ putting back
    def restore(self) -> None:
        """Give every object its contents back."""
        for attributes, values in self._attributes:
            attributes.update(values)
            if len(attributes) != len(values):
                for name in [name for name in attributes if name not in values]:
                    del attributes[name]
        for thing, setters, kept in self._slots:
            for put, value in zip(setters, kept, strict=True):
                put(thing, value)
        for thing, names in self._unset:
            for name in names:
                delattr(thing, name)
        for mapping, contents in self._dicts:
            mapping.clear()  # the order counts as well
            mapping.update(contents)
        for sequence, contents in self._sequences:
            sequence[:] = contents
        for collection, contents in self._collections:
            collection.clear()
            (collection.extend if isinstance(collection, deque) else collection.update)(contents)
        for random, state in self._randoms:
            random.setstate(state)
        for cell, content in self._cells:
            if content is not _EMPTY:
                cell.cell_contents = content
            else:
                _clear(cell)


def _clear(cell: CellType) -> None:
    try:
        del cell.cell_contents
    except ValueError:  # still empty
        return


class _Shape:
    """The slots of a class."""

    def __init__(self, kind: type) -> None:
        found: dict[str, Any] = {}
        for base in kind.__mro__:
            for name, member in vars(base).items():
                if isinstance(member, MemberDescriptorType):
                    found.setdefault(name, member)
        self.names = tuple(found)
        self.setters = tuple(member.__set__ for member in found.values())
        self._members = tuple(found.values())
        parameters = getattr(kind, "__dataclass_params__", None)
        self.frozen = parameters is not None and parameters.frozen

    def values(self, thing: Any) -> tuple[Any, ...]:
        """What the slots hold, with a mark where there is no value."""
        return tuple(_slot(member, thing) for member in self._members)


def _slot(member: Any, thing: Any) -> Any:
    try:
        return member.__get__(thing)
    except AttributeError:
        return _EMPTY
