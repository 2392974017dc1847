from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from wowsim.nt.records import dataclass

OPTIONS = [
    {"frozen": frozen, "eq": eq, "slots": slots}
    for frozen in (False, True)
    for eq in (False, True)
    for slots in (False, True)
]


def classes(**options: bool) -> tuple[type[Any], type[Any]]:
    """One declaration, made by the standard library and here."""

    def declared() -> type:
        class Record:
            x: int
            y: str = "y"
            z: list[int] = dataclasses.field(default_factory=list, repr=False)
            hidden: int = dataclasses.field(default=3, compare=False)
            late: int = dataclasses.field(default=7, init=False)
            named: int = dataclasses.field(default=1, kw_only=True)

        return Record

    return dataclasses.dataclass(**options)(declared()), dataclass(**options)(declared())


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_record_behaves_like_a_dataclass(options: dict[str, bool]) -> None:
    for cls in classes(**options):
        one, same, other = cls(1, "b", [2]), cls(x=1, y="b", z=[2], hidden=9), cls(1, named=2)
        assert (one.x, one.y, one.z, one.hidden, one.late, one.named) == (1, "b", [2], 3, 7, 1)
        assert other.y == "y"
        assert other.z == []
        assert other.z is not cls(1).z
        assert (one == same, one == other, one != same) == (options["eq"], False, not options["eq"])
        assert repr(one).endswith("Record(x=1, y='b', hidden=3, late=7, named=1)")
        assert dataclasses.replace(one, x=5).x == 5
        assert dataclasses.asdict(one)["z"] == [2]
        assert [f.name for f in dataclasses.fields(cls)] == ["x", "y", "z", "hidden", "late", "named"]
        assert hasattr(one, "__dict__") != options["slots"]
        with pytest.raises(TypeError):
            cls()
        with pytest.raises(TypeError):
            cls(1, nothing=2)


def hashable(frozen: bool) -> type[Any]:
    @dataclass(**{"frozen": frozen})
    class Record:
        x: int
        y: int = dataclasses.field(default=0, compare=False)

    return Record


def test_frozen_records_have_a_hash_and_stay_as_they_are() -> None:
    cls = hashable(True)
    assert len({cls(1), cls(1, 5), cls(2)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        cls(1).x = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del cls(1).x
    with pytest.raises(TypeError, match="unhashable"):
        hash(hashable(False)(1))


def test_classes_of_both_kinds_inherit_from_one_another() -> None:
    base = hashable(True)

    @dataclasses.dataclass(frozen=True)
    class Standard(base):  # type: ignore[misc, valid-type]
        z: int = 4

    @dataclass(frozen=True)
    class Own(base):  # type: ignore[misc, valid-type]
        z: int = 4

    class Plain(base):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__(8)

    assert (Standard(1).z, Own(1, 2, 3).z, Plain().x) == (4, 3, 8)
    assert Own(1) == Own(1)
    assert Plain() != base(8)


def test_what_a_class_defines_itself_stays() -> None:
    @dataclass
    class Record:
        x: int

        def __post_init__(self) -> None:
            self.x += 1

        def __repr__(self) -> str:
            return "mine"

        def __eq__(self, other: object) -> bool:
            return True

    assert (Record(1).x, repr(Record(1)), Record(1) == 5) == (2, "mine", True)
