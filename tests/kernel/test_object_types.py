from __future__ import annotations

import pytest
from guest import Guest

from wowsim.host64.directory_classes import narrow_types
from wowsim.kernel.handles import (
    NtClose,
    NtCompareObjects,
    NtDuplicateObject,
    NtQueryObject,
    NtSetInformationObject,
)
from wowsim.kernel.object_types import OBJECT_TYPES, ObjectType
from wowsim.kernel.objects import KernelObject
from wowsim.kernel.services import implemented
from wowsim.nt.abi import Width, size_of
from wowsim.nt.status import (
    STATUS_HANDLE_NOT_CLOSABLE,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_INFO_CLASS,
    STATUS_NOT_SAME_OBJECT,
    STATUS_PRIVILEGE_NOT_HELD,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import OBJECT_TYPE_INFORMATION

SELF = {32: 0xFFFFFFFF, 64: 0xFFFFFFFF_FFFFFFFF}


@pytest.fixture(params=(32, 64))
def guest(request: pytest.FixtureRequest) -> Guest:
    made = Guest(request.param)
    made.k.files.add(r"C:\a.txt", b"")
    return made


def kinds(base: type[KernelObject]) -> list[type[KernelObject]]:
    return [base, *(found for each in base.__subclasses__() for found in kinds(each))]


def test_every_type_of_object_is_listed_with_its_rights() -> None:
    assert implemented(), "every module with objects is imported"
    for kind in kinds(KernelObject):
        if kind.mapping is not KernelObject.mapping and kind.__module__.startswith("wowsim."):
            assert OBJECT_TYPES[kind.type_name] == kind.mapping, kind
    names = Guest().k.namespace.find(r"\ObjectTypes").names()  # type: ignore[attr-defined]
    assert sorted(OBJECT_TYPES) == sorted(names)
    assert isinstance(Guest().k.namespace.find(r"\ObjectTypes\event"), ObjectType)


def types(guest: Guest, length: int) -> tuple[int, int]:
    buffer = guest.put(b"\xcc" * (length + 8))
    status = guest.call(NtQueryObject, 0, 3, buffer, length, guest.out)
    assert guest.memory.read(buffer + length, 8) == b"\xcc" * 8
    return status, buffer


def read_types(guest: Guest, buffer: int) -> list[tuple[str, OBJECT_TYPE_INFORMATION]]:
    found, unit = [], guest.width // 8
    at = buffer + unit
    for _ in range(guest.value(buffer, 4)):
        one = guest.load(OBJECT_TYPE_INFORMATION, at)
        text = guest.memory.read(one.TypeName.Buffer, one.TypeName.Length).decode("utf-16-le")
        found.append((text, one))
        at += size_of(OBJECT_TYPE_INFORMATION, guest.width) + -(-one.TypeName.MaximumLength // unit) * unit
    return found


def test_all_types_in_one_list(guest: Guest) -> None:
    first, second = guest.open(r"\??\C:\a.txt"), guest.open(r"\??\C:\a.txt")
    assert (
        guest.call(NtDuplicateObject, SELF[guest.width], second, SELF[guest.width], guest.out, 0, 0, 2) == 0
    )
    assert first != second
    assert types(guest, 0)[0] == STATUS_INFO_LENGTH_MISMATCH
    needed = guest.value(guest.out, 4)
    assert types(guest, needed - 1)[0] == STATUS_INFO_LENGTH_MISMATCH
    status, buffer = types(guest, needed)
    assert status == STATUS_SUCCESS
    found = dict(read_types(guest, buffer))
    assert list(found) == list(OBJECT_TYPES)
    assert (found["File"].TotalNumberOfObjects, found["File"].TotalNumberOfHandles) == (2, 3)
    assert found["Event"].ValidAccessMask == 0x1F0003


def test_the_narrowed_types_are_what_a_32_bit_kernel_writes() -> None:
    data, buffers = {}, {}
    widths: tuple[Width, Width] = (32, 64)
    for width in widths:
        guest = Guest(width)
        needed = 0x2000
        status, buffers[width] = types(guest, needed)
        assert status == STATUS_SUCCESS
        data[width] = guest.memory.read(buffers[width], guest.value(guest.out, 4))
    assert narrow_types(data[64], buffers[64], buffers[32]) == data[32]


def set_flags(guest: Guest, handle: int, flags: bytes, information_class: int = 4) -> int:
    return guest.call(NtSetInformationObject, handle, information_class, guest.put(flags), len(flags))


def test_handle_flags(guest: Guest) -> None:
    handle = guest.open(r"\??\C:\a.txt")
    buffer = guest.room(8)
    for flags in (b"\1\0", b"\0\1", b"\1\1"):
        assert set_flags(guest, handle, flags) == STATUS_SUCCESS
        assert guest.call(NtQueryObject, handle, 4, buffer, 2, 0) == STATUS_SUCCESS
        assert guest.memory.read(buffer, 2) == flags
    assert guest.call(NtClose, handle) == STATUS_HANDLE_NOT_CLOSABLE
    assert set_flags(guest, handle, b"\0\0") == STATUS_SUCCESS
    assert guest.call(NtClose, handle) == STATUS_SUCCESS
    assert set_flags(guest, handle, b"\0\0") == STATUS_INVALID_HANDLE
    assert set_flags(guest, SELF[guest.width], b"\0\0") == STATUS_INVALID_HANDLE
    assert set_flags(guest, handle, b"\0\0\0") == STATUS_INFO_LENGTH_MISMATCH
    assert set_flags(guest, handle, b"\0\0", 5) == STATUS_PRIVILEGE_NOT_HELD
    assert set_flags(guest, handle, b"\0\0", 0) == STATUS_INVALID_INFO_CLASS


def test_comparing(guest: Guest) -> None:
    first, second = guest.open(r"\??\C:\a.txt"), guest.open(r"\??\C:\a.txt")
    own = SELF[guest.width]
    assert guest.call(NtDuplicateObject, own, first, own, guest.out, 0, 0, 2) == STATUS_SUCCESS
    assert guest.call(NtCompareObjects, first, guest.handle) == STATUS_SUCCESS
    assert guest.call(NtCompareObjects, first, second) == STATUS_NOT_SAME_OBJECT
    assert guest.call(NtCompareObjects, first, 0x444) == STATUS_INVALID_HANDLE
