"""Values: setting, querying, enumerating, several at once; and the whole registry against a model."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registry_guest import SOFTWARE, RegistryGuest

from wowsim.kernel.registry_keys import NtDeleteKey
from wowsim.kernel.registry_values import (
    NtEnumerateValueKey,
    NtQueryMultipleValueKey,
    NtQueryValueKey,
    NtSetValueKey,
)
from wowsim.nt.abi import Width, encode, load
from wowsim.nt.registry_structures import KEY_VALUE_ENTRY
from wowsim.nt.status import (
    STATUS_ACCESS_VIOLATION,
    STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_CANNOT_DELETE,
    STATUS_DATATYPE_MISALIGNMENT,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER,
    STATUS_NO_MORE_ENTRIES,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS,
)

BASIC, FULL, PARTIAL, FULL64, PARTIAL64 = range(5)


@pytest.fixture(params=[32, 64])
def guest(request: pytest.FixtureRequest) -> RegistryGuest:
    width: Width = request.param
    return RegistryGuest(width, "win7sp1" if width == 64 else "win7sp1-x86")


@pytest.fixture
def key(guest: RegistryGuest) -> int:
    return guest.key(rf"{SOFTWARE}\It")


def test_a_value_is_set_changed_and_removed(guest: RegistryGuest, key: int) -> None:
    assert guest.get(key, "Name") == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.set(key, "Name", 4, b"1234") == STATUS_SUCCESS
    assert guest.set(key, "", 1, b"a\0") == STATUS_SUCCESS
    assert guest.data(key, "nAME") == (4, b"1234")
    assert guest.set(key, "NAME", 0x1234, b"") == STATUS_SUCCESS
    assert guest.data(key, "name") == (0x1234, b"")
    assert guest.data(key, "") == (1, b"a\0")
    assert guest.value_names(key) == ["Name", ""]
    assert guest.remove(key, "name") == STATUS_SUCCESS
    assert guest.remove(key, "name") == STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.value_names(key) == [""]


def test_the_records(guest: RegistryGuest, key: int) -> None:
    assert guest.set(key, "odd", 3, b"12345") == STATUS_SUCCESS
    name = "odd".encode("utf-16-le")
    expected = {
        BASIC: struct.pack("<III", 0, 3, 6) + name,
        FULL: struct.pack("<IIIII", 0, 3, 28, 5, 6) + name + b"\0\0" + b"12345",
        PARTIAL: struct.pack("<III", 0, 3, 5) + b"12345",
        FULL64: struct.pack("<IIIII", 0, 3, 32, 5, 6) + name + bytes(6) + b"12345",
        PARTIAL64: struct.pack("<II", 3, 5) + b"12345",
    }
    for kind, record in expected.items():
        assert guest.get(key, "odd", kind) == STATUS_SUCCESS
        assert guest.answer == record
    assert guest.get(key, "odd", 5) == STATUS_INVALID_PARAMETER
    for kind in (FULL64, PARTIAL64):
        assert guest.call(NtEnumerateValueKey, key, 0, kind, guest.buffer + 4, 100, guest.size) == (
            STATUS_DATATYPE_MISALIGNMENT
        )
    assert guest.set(key, "none", 0, b"") == STATUS_SUCCESS
    assert guest.get(key, "none", FULL) == STATUS_SUCCESS
    assert struct.unpack_from("<II", guest.answer, 8) == (0xFFFFFFFF, 0)


@pytest.mark.parametrize(
    ("kind", "fixed"), [(BASIC, 12), (FULL, 20), (PARTIAL, 12), (FULL64, 20), (PARTIAL64, 8)]
)
def test_how_much_fits(guest: RegistryGuest, key: int, kind: int, fixed: int) -> None:
    assert guest.set(key, "name", 1, b"some data") == STATUS_SUCCESS
    assert guest.get(key, "name", kind) == STATUS_SUCCESS
    whole = guest.answer
    for length in range(len(whole) + 2):
        guest.memory.write(guest.buffer, b"\xcc" * (len(whole) + 8))
        expected = STATUS_BUFFER_TOO_SMALL if length < fixed else STATUS_BUFFER_OVERFLOW
        written = 0 if length < fixed else min(length, len(whole))
        assert guest.get(key, "name", kind, length) == (STATUS_SUCCESS if length >= len(whole) else expected)
        assert guest.value(guest.size, 4) == len(whole)
        assert guest.memory.read(guest.buffer, len(whole) + 8) == whole[:written].ljust(
            len(whole) + 8, b"\xcc"
        )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"x", STATUS_INVALID_PARAMETER),
        (b"abc", STATUS_INVALID_PARAMETER),
        ("n" * 16383, STATUS_SUCCESS),
        ("n" * 16384, STATUS_INVALID_PARAMETER),
        ("a\0b", STATUS_SUCCESS),
        ("\\", STATUS_SUCCESS),
        ("\udfff", STATUS_SUCCESS),
    ],
)
def test_names(guest: RegistryGuest, key: int, name: str | bytes, expected: int) -> None:
    assert guest.set(key, name, 1, b"") == expected
    assert guest.get(key, name) == expected


@pytest.mark.parametrize("wild", [0, 1, 0x1000, 0x7FFF0000, 0xFFFFFFFF])
def test_wild_pointers_and_sizes(guest: RegistryGuest, key: int, wild: int) -> None:
    name = guest.string("a")
    assert guest.call(NtSetValueKey, key, wild, 0, 1, guest.buffer, 1) == STATUS_ACCESS_VIOLATION
    assert guest.call(NtSetValueKey, key, name, 0, 1, wild, 1) == STATUS_ACCESS_VIOLATION
    assert guest.call(NtSetValueKey, key, name, 0, 1, wild, 0xFFFFFFFF) == STATUS_INSUFFICIENT_RESOURCES
    assert guest.call(NtSetValueKey, key, name, 0, 1, guest.buffer, 0x3000000) == STATUS_ACCESS_VIOLATION
    assert guest.value_names(key) == []
    assert guest.call(NtSetValueKey, key, name, 0, 1, wild, 0) == STATUS_SUCCESS
    assert guest.call(NtQueryValueKey, key, name, 2, wild, 0xFFFFFFFF, guest.size) == STATUS_ACCESS_VIOLATION
    assert guest.call(NtQueryValueKey, key, name, 2, wild, 0, guest.size) == STATUS_BUFFER_TOO_SMALL
    assert guest.call(NtQueryValueKey, key, name, 2, guest.buffer, 12, wild) == STATUS_ACCESS_VIOLATION
    assert guest.call(NtEnumerateValueKey, key, 0, 2, wild, 12, guest.size) == STATUS_ACCESS_VIOLATION
    assert guest.call(NtEnumerateValueKey, key, 1, 2, wild, 0, guest.size) == STATUS_NO_MORE_ENTRIES


# ---------------------------------------------------------------- several at once
def several(guest: RegistryGuest, key: int, names: list[str], room: int) -> tuple[int, list[KEY_VALUE_ENTRY]]:
    guest.reuse()
    entries = guest.put(
        b"".join(
            encode(KEY_VALUE_ENTRY, guest.width, KEY_VALUE_ENTRY(guest.string(n), 0, 0, 0))  # type: ignore[arg-type]
            for n in names
        )
    )
    size = len(encode(KEY_VALUE_ENTRY, guest.width, KEY_VALUE_ENTRY(0, 0, 0, 0)))  # type: ignore[arg-type]
    guest.memory.write(guest.size, room.to_bytes(4, "little"))
    status = guest.call(
        NtQueryMultipleValueKey, key, entries, len(names), guest.buffer, guest.size, guest.disposition
    )
    return status, [
        load(guest.memory, entries + i * size, KEY_VALUE_ENTRY, guest.width) for i in range(len(names))
    ]


def test_several_values_at_once(guest: RegistryGuest, key: int) -> None:
    guest.set(key, "a", 3, b"12345")
    guest.set(key, "b", 1, b"")
    guest.set(key, "c", 4, b"6789")
    status, found = several(guest, key, ["c", "A", "b", "c"], 100)
    assert status == STATUS_SUCCESS
    assert [(e.DataOffset, e.DataLength, e.Type) for e in found] == [
        (0, 4, 4),
        (4, 5, 3),
        (12, 0, 1),
        (12, 4, 4),
    ]
    assert guest.memory.read(guest.buffer, 9) == b"678912345"
    assert (guest.value(guest.size, 4), guest.value(guest.disposition, 4)) == (16, 16)
    status, found = several(guest, key, ["c", "a", "c"], 8)
    assert status == STATUS_BUFFER_OVERFLOW
    assert [e.DataLength for e in found] == [4, 0, 0]
    assert (guest.value(guest.size, 4), guest.value(guest.disposition, 4)) == (4, 16)
    assert several(guest, key, ["c", "no"], 8)[0] == STATUS_OBJECT_NAME_NOT_FOUND
    slots = (guest.buffer, guest.size, 0)
    assert guest.call(NtQueryMultipleValueKey, key, 0, 1, *slots) == STATUS_ACCESS_VIOLATION
    assert guest.call(NtQueryMultipleValueKey, key, 0, 0xFFFFFFFF, *slots) == STATUS_INSUFFICIENT_RESOURCES


# ---------------------------------------------------------------- against a model
NAMES = st.sampled_from(["a", "A", "b", "Beta", "beta", "_", "\xe9", "\xc9", "z z", "\u03b1", "0"])
PATHS = st.lists(NAMES, min_size=1, max_size=3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("make"), PATHS),
        st.tuples(st.just("delete"), PATHS),
        st.tuples(st.just("set"), PATHS, NAMES, st.integers(0, 11), st.binary(max_size=9)),
        st.tuples(st.just("unset"), PATHS, NAMES),
    ),
    max_size=25,
)


class Model:
    """Keys by folded path; each has its own spelling and its values by folded name."""

    def __init__(self) -> None:
        self.keys: dict[tuple[str, ...], tuple[str, dict[str, tuple[str, int, bytes]]]] = {(): ("", {})}

    @staticmethod
    def fold(path: list[str]) -> tuple[str, ...]:
        return tuple(name.upper() for name in path)

    def below(self, path: tuple[str, ...]) -> list[str]:
        found = sorted(p for p in self.keys if p[:-1] == path and p)
        return [self.keys[p][0] for p in found]

    def make(self, path: list[str]) -> int:
        place = self.fold(path)
        if place[:-1] not in self.keys:
            return STATUS_OBJECT_NAME_NOT_FOUND
        self.keys.setdefault(place, (path[-1], {}))
        return STATUS_SUCCESS

    def delete(self, path: list[str]) -> int:
        place = self.fold(path)
        if place not in self.keys:
            return STATUS_OBJECT_NAME_NOT_FOUND
        if self.below(place):
            return STATUS_CANNOT_DELETE
        del self.keys[place]
        return STATUS_SUCCESS

    def set(self, path: list[str], name: str, kind: int, data: bytes) -> int:
        place = self.fold(path)
        if place not in self.keys:
            return STATUS_OBJECT_NAME_NOT_FOUND
        values = self.keys[place][1]
        spelling = values.get(name.upper(), (name,))[0]
        values[name.upper()] = (spelling, kind, data)
        return STATUS_SUCCESS

    def unset(self, path: list[str], name: str) -> int:
        found = self.keys.get(self.fold(path), ("", {}))[1].pop(name.upper(), None)
        return STATUS_OBJECT_NAME_NOT_FOUND if found is None else STATUS_SUCCESS


class Real:
    """The same through services."""

    def __init__(self) -> None:
        self.guest = RegistryGuest()
        self.top = self.guest.key(rf"{SOFTWARE}\Model")

    def open(self, path: list[str]) -> int:
        return self.guest.open_key("\\".join(path), self.top)

    def make(self, path: list[str]) -> int:
        return self.guest.make("\\".join(path), self.top)

    def delete(self, path: list[str]) -> int:
        return self.open(path) or self.guest.call(NtDeleteKey, self.guest.handle)

    def set(self, path: list[str], name: str, kind: int, data: bytes) -> int:
        return self.open(path) or self.guest.set(self.guest.handle, name, kind, data)

    def unset(self, path: list[str], name: str) -> int:
        return self.open(path) or self.guest.remove(self.guest.handle, name)


@given(STEPS)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_the_registry_equals_a_model(steps: list[tuple[str, ...]]) -> None:
    model, real = Model(), Real()
    for name, *arguments in steps:
        assert getattr(real, name)(*arguments) == getattr(model, name)(*arguments)
    for place, (_, values) in model.keys.items():
        assert real.open(list(place)) == STATUS_SUCCESS
        handle = real.guest.handle
        assert real.guest.subkeys(handle) == model.below(place)
        assert real.guest.value_names(handle) == [value[0] for value in values.values()]
        for value, kind, data in values.values():
            assert real.guest.data(handle, value) == (kind, data)
