"""Extended allocation, locking, watching, working sets, advice."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from memory_guest import MemoryGuest

from wowsim.errors import Unsupported
from wowsim.image.model import Image
from wowsim.kernel.memory import NtAllocateVirtualMemory, NtFreeVirtualMemory
from wowsim.kernel.memory_extended import (
    NtAllocateVirtualMemoryEx,
    NtCreateSectionEx,
    NtMapViewOfSectionEx,
    NtUnmapViewOfSectionEx,
)
from wowsim.kernel.memory_hints import (
    NtAllocateUserPhysicalPages,
    NtAreMappedFilesTheSame,
    NtCreatePagingFile,
    NtFreeUserPhysicalPages,
    NtGetWriteWatch,
    NtLockVirtualMemory,
    NtMapUserPhysicalPages,
    NtMapUserPhysicalPagesScatter,
    NtResetWriteWatch,
    NtSetInformationVirtualMemory,
    NtUnlockVirtualMemory,
)
from wowsim.kernel.memory_queries import NtQueryVirtualMemory
from wowsim.kernel.processor import NtFlushProcessWriteBuffers
from wowsim.memory.sections import ImageSection
from wowsim.nt import status
from wowsim.nt.abi import encode, size_of
from wowsim.nt.memory_structures import (
    MEM_ADDRESS_REQUIREMENTS,
    MEM_EXTENDED_PARAMETER,
    MEMORY_RANGE_ENTRY,
    MEMORY_REGION_INFORMATION,
    MEMORY_WORKING_SET_EX_INFORMATION,
)

if TYPE_CHECKING:
    from collections.abc import Callable

COMMIT, RESERVE, RELEASE, WATCH = 0x1000, 0x2000, 0x8000, 0x200000
PAGE = 0x1000


@pytest.fixture(params=[32, 64])
def guest(request: pytest.FixtureRequest) -> MemoryGuest:
    return MemoryGuest(request.param)


def allocate(guest: MemoryGuest, size: int, kind: int = COMMIT | RESERVE, protection: int = 4) -> int:
    at, length = guest.cell(0), guest.cell(size)
    found = guest.call(NtAllocateVirtualMemory, guest.current, at, 0, length, kind, protection)
    assert found == 0, f"{found:08X}"
    return guest.get(at)


def parameters(guest: MemoryGuest, *each: tuple[int, int]) -> tuple[int, int]:
    """An array of MEM_EXTENDED_PARAMETER and its length."""
    data = [encode(MEM_EXTENDED_PARAMETER, guest.width, MEM_EXTENDED_PARAMETER(*one)) for one in each]  # type: ignore[arg-type]
    return guest.put(b"".join(data)), len(each)


def requirements(guest: MemoryGuest, low: int = 0, high: int = 0, alignment: int = 0) -> tuple[int, int]:
    wish = MEM_ADDRESS_REQUIREMENTS(low, high, alignment)  # type: ignore[arg-type]
    return 1, guest.put(encode(MEM_ADDRESS_REQUIREMENTS, guest.width, wish))


def extended(
    guest: MemoryGuest, *each: tuple[int, int], base: int = 0, kind: int = RESERVE
) -> tuple[int, int]:
    at, length = guest.cell(base), guest.cell(0x1234)
    found = guest.call(
        NtAllocateVirtualMemoryEx, guest.current, at, length, kind, 4, *parameters(guest, *each)
    )
    return found, guest.get(at)


# ---------------------------------------------------------------- extended parameters
def test_address_requirements(guest: MemoryGuest) -> None:
    found, base = extended(guest, requirements(guest, 0x1000000, 0x1FFFFFF, 0x400000))
    assert (found, base) == (0, 0x1000000)
    vad = guest.space.vads.at(base >> 12)
    assert vad is not None
    assert (vad.count, vad.cause) == (2, "NtAllocateVirtualMemoryEx")
    found, base = extended(
        guest, requirements(guest, 0x1000000, 0x1FFFFFF, 0x400000), kind=RESERVE | 0x100000
    )
    assert (found, base) == (0, 0x1C00000)
    assert extended(guest)[0] == 0
    assert extended(guest, requirements(guest), base=0x3000000) == (0, 0x3000000)
    found, _ = extended(guest, requirements(guest, 0x1000000), base=0x4000000)
    assert found == status.STATUS_INVALID_PARAMETER


def test_refusals_of_extended_parameters(guest: MemoryGuest) -> None:
    with pytest.raises(Unsupported, match="NtAllocateVirtualMemoryEx: MemExtendedParameterNumaNode"):
        extended(guest, (2, 0))
    with pytest.raises(Unsupported, match="MEM_RESERVE_PLACEHOLDER"):
        extended(guest, kind=RESERVE | 0x40000)
    for wrong in ([(9, 0)], [(0, 0)], [(0x101, 0)], [requirements(guest)] * 2, [requirements(guest)] * 9):
        assert extended(guest, *wrong)[0] == status.STATUS_INVALID_PARAMETER
    assert extended(guest, (1, 8))[0] == status.STATUS_ACCESS_VIOLATION
    at, length = guest.cell(0), guest.cell(1)
    call = (guest.current, at, length, RESERVE, 4)
    assert guest.call(NtAllocateVirtualMemoryEx, *call, 8, 1) == status.STATUS_ACCESS_VIOLATION
    assert guest.call(NtAllocateVirtualMemoryEx, *call, 8, 0xFFFFFFFF) == status.STATUS_INVALID_PARAMETER


def section(guest: MemoryGuest, size: int = 0x3000, *each: tuple[int, int]) -> int:
    handle, long = guest.cell(), guest.cell(size)
    found = guest.call(
        NtCreateSectionEx, handle, 0xF001F, 0, long, 4, 0x8000000, 0, *parameters(guest, *each)
    )
    assert found == 0, f"{found:08X}"
    return guest.get(handle)


def test_sections_and_views(guest: MemoryGuest) -> None:
    handle = section(guest)
    at, size = guest.cell(0), guest.cell(0)
    wish = parameters(guest, requirements(guest, 0x2000000))
    call = (handle, guest.current, at, 0, size, 0, 4)
    assert guest.call(NtMapViewOfSectionEx, *call, *wish) == 0
    assert (guest.get(at), guest.get(size)) == (0x2000000, 0x3000)
    guest.memory.write(0x2000000, b"seen")
    at2 = guest.cell(0)
    offset = guest.cell(0)
    again = (handle, guest.current, at2, offset, guest.cell(0), 0x100000, 4, 0, 0)
    assert guest.call(NtMapViewOfSectionEx, *again) == 0
    assert guest.memory.read(guest.get(at2), 4) == b"seen"
    assert (
        guest.call(NtUnmapViewOfSectionEx, guest.current, 0x2000000, 4) == status.STATUS_INVALID_PARAMETER_3
    )
    assert guest.call(NtUnmapViewOfSectionEx, guest.current, 0x2000000, 1) == 0
    assert guest.call(NtUnmapViewOfSectionEx, guest.current, 0x2000000, 0) == status.STATUS_NOT_MAPPED_VIEW
    with pytest.raises(Unsupported, match="MEM_PRESERVE_PLACEHOLDER"):
        guest.call(NtUnmapViewOfSectionEx, guest.current, 0x2000000, 2)
    with pytest.raises(Unsupported, match="MEM_REPLACE_PLACEHOLDER"):
        guest.call(NtMapViewOfSectionEx, handle, guest.current, at, 0, size, 0x4000, 4, 0, 0)
    with pytest.raises(Unsupported, match="MemSectionExtendedParameterNumaNode"):
        section(guest, 0x1000, (2, 0))


# ---------------------------------------------------------------- locking
def lock(guest: MemoryGuest, service: Callable[..., int], base: int, size: int, kind: int = 1) -> int:
    return guest.call(service, guest.current, guest.cell(base), guest.cell(size), kind)


def test_locking(guest: MemoryGuest) -> None:
    base = allocate(guest, 4 * PAGE)
    at, size = guest.cell(base + 5), guest.cell(PAGE)
    assert guest.call(NtLockVirtualMemory, guest.current, at, size, 1) == 0
    assert (guest.get(at), guest.get(size)) == (base, 2 * PAGE)
    assert lock(guest, NtLockVirtualMemory, base + PAGE, 2 * PAGE) == status.STATUS_WAS_LOCKED
    assert lock(guest, NtUnlockVirtualMemory, base, 4 * PAGE) == status.STATUS_NOT_LOCKED
    assert lock(guest, NtUnlockVirtualMemory, base, 3 * PAGE) == 0
    assert lock(guest, NtUnlockVirtualMemory, base, 1) == status.STATUS_NOT_LOCKED
    for kind, answer in ((0, status.STATUS_INVALID_PARAMETER), (4, status.STATUS_INVALID_PARAMETER),
                         (2, status.STATUS_PRIVILEGE_NOT_HELD)):  # fmt: skip
        assert lock(guest, NtLockVirtualMemory, base, 1, kind) == answer
    reserved = allocate(guest, PAGE, RESERVE)
    assert lock(guest, NtLockVirtualMemory, reserved, 1) == status.STATUS_ACCESS_VIOLATION
    assert lock(guest, NtLockVirtualMemory, base, 0) == status.STATUS_INVALID_PARAMETER_3
    assert lock(guest, NtUnlockVirtualMemory, base, 0x40000000) == status.STATUS_NOT_LOCKED


def test_freed_pages_are_not_locked_any_more(guest: MemoryGuest) -> None:
    base = allocate(guest, PAGE)
    assert lock(guest, NtLockVirtualMemory, base, PAGE) == 0
    assert guest.call(NtFreeVirtualMemory, guest.current, guest.cell(base), guest.cell(0), RELEASE) == 0
    assert allocate(guest, PAGE) == base
    assert lock(guest, NtLockVirtualMemory, base, PAGE) == 0


# ---------------------------------------------------------------- watching
def test_write_watch(guest: MemoryGuest) -> None:
    base = allocate(guest, 8 * PAGE, COMMIT | RESERVE | WATCH)
    unit = guest.width // 8
    array, granularity = guest.put(b"\xcc" * 64), guest.room(4)

    def watch(flags: int, entries: int, size: int = 8 * PAGE) -> tuple[int, list[int]]:
        count = guest.cell(entries)
        found = guest.call(NtGetWriteWatch, guest.current, flags, base, size, array, count, granularity)
        told = guest.get(count) if found == 0 else 0
        return found, [guest.value(array + unit * i, unit) - base for i in range(told)]

    for page in (1, 3, 4):
        guest.memory.write(base + page * PAGE, b"x")
    assert watch(0, 8) == (0, [PAGE, 3 * PAGE, 4 * PAGE])
    assert guest.value(granularity, 4) == PAGE
    assert watch(1, 2) == (0, [PAGE, 3 * PAGE])
    assert watch(0, 1) == (0, [4 * PAGE])
    assert guest.call(NtResetWriteWatch, guest.current, base, 8 * PAGE) == 0
    assert watch(1, 8) == (0, [])
    assert watch(2, 8)[0] == status.STATUS_INVALID_PARAMETER_2
    assert watch(0, 0)[0] == status.STATUS_INVALID_PARAMETER_5
    assert watch(0, 1, 9 * PAGE)[0] == status.STATUS_INVALID_PARAMETER_1


# ---------------------------------------------------------------- asking
def query(guest: MemoryGuest, address: int, kind: int, buffer: int, length: int) -> tuple[int, int]:
    returned = guest.cell()
    found = guest.call(NtQueryVirtualMemory, guest.current, address, kind, buffer, length, returned)
    return found, guest.get(returned)


def test_regions(guest: MemoryGuest) -> None:
    base = allocate(guest, 4 * PAGE, RESERVE | WATCH)
    guest.call(NtAllocateVirtualMemory, guest.current, guest.cell(base), 0, guest.cell(PAGE), COMMIT, 4)
    size = size_of(MEMORY_REGION_INFORMATION, guest.width)
    for kind in (3, 7):
        buffer = guest.room(size)
        assert query(guest, base + 2 * PAGE, kind, buffer, size) == (0, size)
        found = guest.load(MEMORY_REGION_INFORMATION, buffer)
        assert found == MEMORY_REGION_INFORMATION(base, 4, 0x401, 4 * PAGE, PAGE)  # type: ignore[arg-type]
    assert query(guest, base, 3, buffer, size - 1)[0] == status.STATUS_INFO_LENGTH_MISMATCH
    assert query(guest, 0x60000000, 3, buffer, size)[0] == status.STATUS_INVALID_ADDRESS


def test_shared_commit(guest: MemoryGuest) -> None:
    unit = guest.width // 8
    buffer = guest.room(unit)
    assert query(guest, 0, 5, buffer, unit) == (0, unit)
    before = guest.value(buffer, unit)
    handle = section(guest)
    for _ in range(2):
        call = (handle, guest.current, guest.cell(0), 0, guest.cell(0), 0, 4, 0, 0)
        assert guest.call(NtMapViewOfSectionEx, *call) == 0
    assert query(guest, 0, 5, buffer, unit)[0] == 0
    assert guest.value(buffer, unit) == before + 3 * PAGE


def test_the_working_set(guest: MemoryGuest) -> None:
    base = allocate(guest, 3 * PAGE)
    guest.call(
        NtAllocateVirtualMemory, guest.current, guest.cell(base + PAGE), 0, guest.cell(PAGE), COMMIT, 1
    )
    unit = guest.width // 8
    buffer = guest.room(unit * 0x400)
    assert query(guest, 0, 1, buffer, unit)[0] == status.STATUS_INFO_LENGTH_MISMATCH
    total = guest.value(buffer, unit)
    assert query(guest, 0, 1, buffer, unit * 0x400) == (0, unit * (total + 1))
    blocks = [guest.value(buffer + unit * (i + 1), unit) for i in range(total)]
    assert [b & 0xFFF for b in blocks if base <= b & ~0xFFF < base + 3 * PAGE] == [4, 4]
    assert query(guest, 0, 1, buffer, unit - 1)[0] == status.STATUS_INFO_LENGTH_MISMATCH


def test_single_pages(guest: MemoryGuest) -> None:
    base = allocate(guest, 2 * PAGE, RESERVE)
    guest.call(NtAllocateVirtualMemory, guest.current, guest.cell(base), 0, guest.cell(PAGE), COMMIT, 2)
    lock(guest, NtLockVirtualMemory, base, 1)
    shape = struct.Struct("<II" if guest.width == 32 else "<QQ")
    assert shape.size == size_of(MEMORY_WORKING_SET_EX_INFORMATION, guest.width)
    asked = (base + 5, base + PAGE, 8)
    buffer = guest.put(b"".join(shape.pack(address, 0) for address in asked))
    assert query(guest, 0, 4, buffer, 3 * shape.size) == (0, 3 * shape.size)
    flags = [shape.unpack(guest.memory.read(buffer + i * shape.size, shape.size)) for i in range(3)]
    assert [address for address, _ in flags] == list(asked)
    valid, reserved, free = (value for _, value in flags)
    assert (valid & 1, valid >> 4 & 0x7FF, valid >> 15 & 1, valid >> 22 & 1) == (1, 2, 0, 1)
    assert reserved & 1 == free & 1 == 0
    assert query(guest, 0, 4, buffer, shape.size + 1)[0] == status.STATUS_INFO_LENGTH_MISMATCH
    assert query(guest, 0, 4, 8, shape.size)[0] == status.STATUS_ACCESS_VIOLATION


def test_mapped_files(guest: MemoryGuest) -> None:
    bases = []
    for name in ("a", "a", "b"):
        image = Image(name, f"{name}.dll", rf"C:\{name}.dll", 32, 0x10000000, bytes(0x2000), 0)
        made = ImageSection(guest.space.pages, guest.space.commitment, image, rf"\{name}.dll")
        bases.append(guest.space.map_view(made)[0])
    assert guest.call(NtAreMappedFilesTheSame, bases[0], bases[1]) == 0
    assert guest.call(NtAreMappedFilesTheSame, bases[0], bases[2]) == status.STATUS_NOT_SAME_DEVICE
    private = allocate(guest, PAGE)
    assert guest.call(NtAreMappedFilesTheSame, bases[0], private) == status.STATUS_CONFLICTING_ADDRESSES
    assert guest.call(NtAreMappedFilesTheSame, bases[0], 0x60000000) == status.STATUS_INVALID_ADDRESS


# ---------------------------------------------------------------- advice and privileges
def test_prefetching(guest: MemoryGuest) -> None:
    entry = guest.put(encode(MEMORY_RANGE_ENTRY, guest.width, MEMORY_RANGE_ENTRY(0x10000, 1)))  # type: ignore[arg-type]
    flags = guest.put(bytes(4))

    def advise(kind: int, count: int, entries: int, data: int, length: int) -> int:
        return guest.call(NtSetInformationVirtualMemory, guest.current, kind, count, entries, data, length)

    assert advise(0, 1, entry, flags, 4) == 0
    assert advise(0, 0, entry, flags, 4) == status.STATUS_INVALID_PARAMETER_3
    assert advise(0, 1, entry, flags, 5) == status.STATUS_INVALID_PARAMETER_6
    assert advise(0, 1, entry, guest.put(b"\1\0\0\0"), 4) == status.STATUS_INVALID_PARAMETER_5
    assert advise(0, 0xFFFFFFF0, entry, flags, 4) == status.STATUS_ACCESS_VIOLATION
    assert advise(9, 1, entry, flags, 4) == status.STATUS_INVALID_PARAMETER_2
    with pytest.raises(Unsupported, match="VmCfgCallTargetInformation"):
        advise(2, 1, entry, flags, 4)


def test_what_takes_a_privilege(guest: MemoryGuest) -> None:
    count = guest.cell(1)
    assert (
        guest.call(NtAllocateUserPhysicalPages, guest.current, count, 8) == status.STATUS_PRIVILEGE_NOT_HELD
    )
    assert guest.call(NtFreeUserPhysicalPages, guest.current, count, 8) == status.STATUS_INVALID_PARAMETER_1
    assert guest.call(NtMapUserPhysicalPages, 0, 1, 8) == status.STATUS_INVALID_PARAMETER_1
    assert guest.call(NtMapUserPhysicalPagesScatter, 0, 1, 8) == status.STATUS_INVALID_PARAMETER_1
    size, name = guest.cell(0x100000), guest.string(r"\??\C:\pagefile.sys")
    assert guest.call(NtCreatePagingFile, name, size, size, 0) == status.STATUS_PRIVILEGE_NOT_HELD
    assert guest.call(NtFlushProcessWriteBuffers) == 0
