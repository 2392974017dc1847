"""Annotations read quickly: each distinct text is compiled once and evaluated once for the objects it names.

Stands in for ``typing.get_type_hints``, which takes milliseconds for the few hundred signatures of the service
table. Who may import it: the rest of ``wowsim.nt``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType

T = TypeVar("T")

_CODES: dict[str, tuple[CodeType, tuple[str, ...]]] = {}
_ABSENT = object()


class Annotations(Generic[T]):
    """Annotations as what ``make`` makes of their values, kept for as long as the process lives.

    Args:
        make: called once for each distinct annotation.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._known: dict[tuple[Any, ...], tuple[list[Any], T]] = {}

    def read(self, annotation: Any, namespace: Mapping[str, Any]) -> T:
        """What ``annotation``, a text or already an object, means in the ``namespace`` of its module.

        Raises:
            Exception: whatever evaluating the text or ``make`` raises.
        """
        if not isinstance(annotation, str):
            return self._make(annotation)
        found = _CODES.get(annotation)
        if found is None:
            code = compile(annotation, "<annotation>", "eval")
            found = _CODES[annotation] = code, code.co_names
        code, names = found
        objects = [namespace.get(name, _ABSENT) for name in names]
        key = (annotation, *map(id, objects))
        known = self._known.get(key)
        if known is None:
            # the objects stay alive with the entry, so that their ids stay theirs
            known = self._known[key] = objects, self._make(eval(code, dict(namespace)))
        return known[1]
