"""``dataclass`` whose methods are made when they are first called.

The standard library writes and compiles Python source for each method of each class; for the two hundred classes that
a process start needs this took a third of the time of all imports. Here a class has the same fields, parameters and
behaviour; ``__init__`` is compiled with its first instance, the other methods are shared by all classes. Who may import
it: everybody. Classes that inherit fields are left to the standard library.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def _made(cls: type[T], frozen: bool, eq: bool, slots: bool) -> type[T]:
    inherits = any(dataclasses.is_dataclass(base) for base in cls.__mro__[1:])
    if inherits or "__init__" in vars(cls):
        return dataclasses.dataclass(frozen=frozen, eq=eq, slots=slots)(cls)
    own = vars(cls).keys()
    made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
    parameters = vars(made)["__dataclass_params__"]
    parameters.init = parameters.repr = True
    parameters.eq, parameters.frozen = eq, frozen
    methods: dict[str, Any] = {"__repr__": _repr}
    if eq:
        methods.update(__eq__=_eq, __hash__=_hash if frozen else None)
    methods = {name: method for name, method in methods.items() if name not in own}
    if frozen:
        methods.update(__setattr__=_set, __delattr__=_delete)
        if slots:
            methods.update(__getstate__=_state, __setstate__=_set_state)
    for name, method in {**methods, "__init__": _first_init(made, frozen)}.items():
        setattr(made, name, method)
    return made


def _first_init(cls: type, frozen: bool) -> Callable[..., None]:
    """Makes way for the real one."""

    def __init__(self: Any, /, *args: Any, **named: Any) -> None:
        made = _init(cls, frozen)
        cls.__init__ = made  # type: ignore[misc]  # the class gives way on purpose
        made(self, *args, **named)

    return __init__


def _init(cls: type, frozen: bool) -> Callable[..., None]:
    """``__init__`` as the standard library makes it."""
    names: dict[str, Any] = {"_set_": object.__setattr__, "_none_": dataclasses.MISSING}
    parameters: list[str] = []
    keywords: list[str] = []
    body: list[str] = []
    for field in dataclasses.fields(cls):
        name, value = field.name, field.name
        if field.default_factory is not dataclasses.MISSING:
            names[f"_make_{name}"] = field.default_factory
            value = f"_make_{name}() if {name} is _none_ else {name}" if field.init else f"_make_{name}()"
        elif field.default is not dataclasses.MISSING:
            names[f"_default_{name}"] = field.default
            value = name if field.init else f"_default_{name}"
        elif not field.init:
            continue
        if field.init:
            default = (
                "" if name not in _optional(cls) else "=_none_" if value != name else f"=_default_{name}"
            )
            (keywords if field.kw_only else parameters).append(name + default)
        body.append(f"_set_(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    listed = ", ".join(["self", *parameters, *(["*", *keywords] if keywords else [])])
    exec(f"def __init__({listed}):\n " + "\n ".join(body or ["pass"]), names)
    init: Callable[..., None] = names["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _optional(cls: type) -> set[str]:
    none = dataclasses.MISSING
    fields = dataclasses.fields(cls)
    return {f.name for f in fields if f.default is not none or f.default_factory is not none}


# ---------------------------------------------------------------- what all classes share
def _compared(record: Any) -> Any:
    cls = type(record)
    getter = _GETTERS.get(cls)
    if getter is None:
        names = [f.name for f in dataclasses.fields(cls) if f.compare]
        getter = _GETTERS[cls] = attrgetter(*names) if names else lambda record: None
    return getter(record)


_GETTERS: dict[type, Callable[[Any], Any]] = {}


def _eq(self: Any, other: object) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return _compared(self) == _compared(other)


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr)
    return f"{type(self).__qualname__}({shown})"


def _set(self: Any, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(self: Any, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, f.name) for f in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


def _dataclass(
    cls: type | None = None, /, *, frozen: bool = False, eq: bool = True, slots: bool = False
) -> Any:
    """See ``dataclasses.dataclass``, of whose options these are used here."""
    if cls is None:
        return lambda cls: _made(cls, frozen, eq, slots)
    return _made(cls, frozen, eq, slots)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    dataclass = _dataclass
