from __future__ import annotations

import pytest
from guest import Guest
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.errors import GuestFault
from wowsim.kernel.atom_table import AtomTable
from wowsim.kernel.atoms import NtAddAtom, NtAddAtomEx, NtDeleteAtom, NtFindAtom, NtQueryInformationAtom
from wowsim.nt.status import (
    STATUS_BUFFER_TOO_SMALL,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_NO_MEMORY,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS,
)


@pytest.fixture(params=(32, 64))
def guest(request: pytest.FixtureRequest) -> Guest:
    return Guest(request.param)


def named(guest: Guest, service: object, name: str, *more: int) -> tuple[int, int]:
    data = name.encode("utf-16-le")
    guest.memory.write(guest.out, bytes(4))
    status = guest.call(service, guest.put(data), len(data), guest.out, *more)  # type: ignore[arg-type]
    return status, guest.value(guest.out, 2)


def test_uses_are_counted_and_case_does_not_matter(guest: Guest) -> None:
    status, atom = named(guest, NtAddAtom, "Hello")
    assert (status, atom >= 0xC000) == (STATUS_SUCCESS, True)
    assert named(guest, NtAddAtomEx, "HELLO", 2) == (STATUS_SUCCESS, atom)
    assert named(guest, NtFindAtom, "hello") == (STATUS_SUCCESS, atom)
    other = named(guest, NtAddAtom, "other")[1]
    assert other != atom
    assert guest.call(NtDeleteAtom, atom) == STATUS_SUCCESS
    assert named(guest, NtFindAtom, "hello") == (STATUS_SUCCESS, atom)
    assert guest.call(NtDeleteAtom, atom) == STATUS_SUCCESS
    assert guest.call(NtDeleteAtom, atom) == STATUS_INVALID_HANDLE
    assert named(guest, NtFindAtom, "hello") == (STATUS_OBJECT_NAME_NOT_FOUND, 0)
    assert named(guest, NtAddAtom, "again") == (STATUS_SUCCESS, atom)


@pytest.mark.parametrize(
    ("name", "status", "atom"),
    [
        ("#1", STATUS_SUCCESS, 1),
        ("#49151", STATUS_SUCCESS, 0xBFFF),
        ("#49152", STATUS_INVALID_PARAMETER, 0),
        ("#0", STATUS_INVALID_PARAMETER, 0),
        ("#12x", STATUS_SUCCESS, 0xC000),
        ("#", STATUS_SUCCESS, 0xC000),
        ("a" * 255, STATUS_SUCCESS, 0xC000),
        ("a" * 256, STATUS_INVALID_PARAMETER, 0),
        ("", STATUS_OBJECT_NAME_INVALID, 0),
        ("\0a", STATUS_OBJECT_NAME_INVALID, 0),
        ("a\0b", STATUS_SUCCESS, 0xC000),
    ],
)
def test_names(guest: Guest, name: str, status: int, atom: int) -> None:
    assert named(guest, NtAddAtom, name) == (status, atom)


def test_arguments(guest: Guest) -> None:
    assert guest.call(NtAddAtom, 0, 4, guest.out) == STATUS_OBJECT_NAME_INVALID
    assert guest.call(NtAddAtom, guest.put(b"abc"), 3, 0) == STATUS_INVALID_PARAMETER
    assert guest.call(NtAddAtom, guest.put(b"a\0b\0"), 4, 0) == STATUS_SUCCESS
    assert guest.call(NtAddAtom, 8, 4, guest.out) == 0xC0000005
    assert named(guest, NtAddAtomEx, "x", 1)[0] == STATUS_INVALID_PARAMETER
    assert guest.call(NtDeleteAtom, 0) == STATUS_INVALID_HANDLE
    assert guest.call(NtDeleteAtom, 5) == STATUS_SUCCESS


def query(guest: Guest, atom: int, information_class: int, length: int) -> tuple[int, bytes]:
    buffer = guest.put(b"\xcc" * (length + 4))
    status = guest.call(NtQueryInformationAtom, atom, information_class, buffer, length, guest.out)
    data = guest.memory.read(buffer, length + 4)
    assert data[length:] == b"\xcc" * 4
    return status, data[:length]


def test_asking(guest: Guest) -> None:
    atom = named(guest, NtAddAtom, "Ab")[1]
    named(guest, NtAddAtom, "ab")
    assert query(guest, atom, 0, 12) == (STATUS_SUCCESS, b"\2\0\0\0\4\0A\0b\0\0\0")
    assert query(guest, atom, 0, 11)[0] == STATUS_BUFFER_TOO_SMALL
    assert query(guest, atom, 0, 5)[0] == STATUS_INFO_LENGTH_MISMATCH
    assert query(guest, 7, 0, 12) == (STATUS_SUCCESS, b"\1\0\1\0\4\0#\x007\0\0\0")
    assert query(guest, atom, 1, 6) == (STATUS_SUCCESS, b"\1\0\0\0" + atom.to_bytes(2, "little"))
    assert query(guest, atom, 1, 5)[0] == STATUS_INFO_LENGTH_MISMATCH
    assert guest.value(guest.out, 4) == 6
    assert query(guest, atom, 2, 6)[0] == STATUS_INVALID_INFO_CLASS
    assert query(guest, 0xFFFF, 0, 6)[0] == STATUS_INVALID_HANDLE


def test_a_full_table() -> None:
    table = AtomTable()
    assert [table.add(f"n{i}") for i in range(0x4000)] == list(range(0xC000, 0x10000))
    with pytest.raises(GuestFault) as caught:
        table.add("one more")
    assert caught.value.status == STATUS_NO_MEMORY
    table.delete(0xC123)
    assert table.add("one more") == 0xC123


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["a", "A", "b", "#5", "#x"])), max_size=40))
@settings(max_examples=80, derandomize=True, deadline=None)
def test_the_table_is_a_counter(steps: list[tuple[bool, str]]) -> None:
    table, model = AtomTable(), dict.fromkeys(("a", "b", "#x"), 0)
    for add, name in steps:
        key = name.lower()
        if add:
            table.add(name)
            if key in model:
                model[key] += 1
        elif key not in model or model[key]:
            table.delete(table.find(name))
            if key in model:
                model[key] -= 1
        for each, count in model.items():
            if count:
                assert table.about(table.find(each))[1] == count
            else:
                with pytest.raises(GuestFault):
                    table.find(each)
