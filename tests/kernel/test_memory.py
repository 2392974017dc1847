from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from memory_guest import MemoryGuest

from wowsim.errors import Unsupported
from wowsim.image.model import Image
from wowsim.kernel import memory as services
from wowsim.kernel.memory_queries import NtQueryVirtualMemory
from wowsim.kernel.table import services_of
from wowsim.memory.sections import ImageSection
from wowsim.nt import status
from wowsim.nt.memory_structures import MEMORY_BASIC_INFORMATION, MEMORY_IMAGE_INFORMATION
from wowsim.nt.structures import UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.nt.abi import Width

COMMIT, RESERVE, DECOMMIT, RELEASE = 0x1000, 0x2000, 0x4000, 0x8000


@pytest.fixture(params=[32, 64])
def guest(request: pytest.FixtureRequest) -> MemoryGuest:
    width: Width = request.param
    return MemoryGuest(width)


def allocate(guest: MemoryGuest, base: int, size: int, kind: int, protection: int) -> tuple[int, int, int]:
    at, length = guest.cell(base), guest.cell(size)
    found = guest.call(services.NtAllocateVirtualMemory, guest.current, at, 0, length, kind, protection)
    return found, guest.get(at), guest.get(length)


def test_stub_sizes_follow_from_the_prototypes() -> None:
    found = services_of([services])
    assert {name: s.prototype.arg_bytes32 for name, s in found.items()} == {
        "NtAllocateVirtualMemory": 0x18,
        "NtFreeVirtualMemory": 0x10,
        "NtProtectVirtualMemory": 0x14,
        "NtReadVirtualMemory": 0x14,
        "NtWriteVirtualMemory": 0x14,
        "NtFlushInstructionCache": 0xC,
    }
    names = [p.nt_name for p in found["NtReadVirtualMemory"].prototype.parameters]
    assert names == ["ProcessHandle", "BaseAddress", "Buffer", "NumberOfBytesToRead", "NumberOfBytesRead"]


def test_allocate_protect_free(guest: MemoryGuest) -> None:
    found, base, size = allocate(guest, 0, 0x1234, COMMIT | RESERVE, 4)
    assert (found, size) == (0, 0x2000)
    vad = guest.space.vads.at(base >> 12)
    assert vad is not None
    assert vad.cause == "NtAllocateVirtualMemory"
    guest.memory.write(base, b"guest")
    at, length, old = guest.cell(base + 5), guest.cell(1), guest.cell()
    assert guest.call(services.NtProtectVirtualMemory, guest.current, at, length, 2, old) == 0
    assert (guest.get(at), guest.get(length), guest.value(old, 4)) == (base, 0x1000, 4)
    at, length = guest.cell(base), guest.cell(0)
    assert guest.call(services.NtFreeVirtualMemory, guest.current, at, length, RELEASE) == 0
    assert (guest.get(at), guest.get(length)) == (base, 0x2000)
    assert guest.space.vads.at(base >> 12) is None


def test_a_refused_call_leaves_the_arguments_alone(guest: MemoryGuest) -> None:
    assert allocate(guest, 0x12345, 0, COMMIT, 4) == (status.STATUS_INVALID_PARAMETER_4, 0x12345, 0)


@pytest.mark.parametrize("handle", [0x44, 0])
def test_handles_are_checked(guest: MemoryGuest, handle: int) -> None:
    cell = guest.cell(0x1000)
    calls = (
        (services.NtAllocateVirtualMemory, (handle, cell, 0, cell, COMMIT, 4)),
        (services.NtFreeVirtualMemory, (handle, cell, cell, RELEASE)),
        (services.NtProtectVirtualMemory, (handle, cell, cell, 4, cell)),
        (NtQueryVirtualMemory, (handle, 0, 0, cell, 48, 0)),
        (services.NtReadVirtualMemory, (handle, cell, cell, 1, 0)),
        (services.NtFlushInstructionCache, (handle, 0, 0)),
    )
    for call, slots in calls:
        assert guest.call(call, *slots) == status.STATUS_INVALID_HANDLE


# ---------------------------------------------------------------- asking
def query(guest: MemoryGuest, address: int, kind: int, buffer: int, length: int) -> tuple[int, int]:
    returned = guest.cell()
    found = guest.call(NtQueryVirtualMemory, guest.current, address, kind, buffer, length, returned)
    return found, guest.get(returned)


def test_basic_information_in_both_widths(guest: MemoryGuest) -> None:
    _, base, _ = allocate(guest, 0, 0x3000, RESERVE, 4)
    allocate(guest, base + 0x1000, 0x1000, COMMIT, 0x104)
    size = {32: 0x1C, 64: 0x30}[guest.width]
    buffer = guest.room(size)
    assert query(guest, base + 0x1800, 0, buffer, size) == (0, size)
    found = guest.load(MEMORY_BASIC_INFORMATION, buffer)
    assert (found.BaseAddress, found.AllocationBase, found.AllocationProtect) == (base + 0x1000, base, 4)
    assert (found.RegionSize, found.State, found.Protect, found.Type) == (0x1000, COMMIT, 0x104, 0x20000)
    assert query(guest, base, 0, buffer, size - 1)[0] == status.STATUS_INFO_LENGTH_MISMATCH
    highest = guest.space.layout.highest_user
    assert query(guest, highest + 1, 0, buffer, size)[0] == status.STATUS_INVALID_PARAMETER
    assert query(guest, highest, 0, 0x10, size)[0] == status.STATUS_ACCESS_VIOLATION


def test_images_tell_their_name_and_extent(guest: MemoryGuest) -> None:
    image = Image("a", "a.dll", r"C:\a.dll", 32, 0x400000, bytes(0x3000), entry=0x1000)
    guest.space.map_image(ImageSection(guest.space.pages, guest.space.commitment, image, r"\dir\a.dll"))
    size = {32: 0xC, 64: 0x18}[guest.width]
    buffer = guest.room(0x100)
    assert query(guest, 0x401000, 6, buffer, size) == (0, size)
    found = guest.load(MEMORY_IMAGE_INFORMATION, buffer)
    assert (found.ImageBase, found.SizeOfImage, found.ImageFlags) == (0x400000, 0x3000, 0)
    name = r"\Device\HarddiskVolume1\dir\a.dll".encode("utf-16-le")
    header = {32: 8, 64: 16}[guest.width]
    needed = header + len(name) + 2
    assert query(guest, 0x402FFF, 2, buffer, needed) == (0, needed)
    string = guest.load(UNICODE_STRING, buffer)
    assert (string.Length, string.MaximumLength, string.Buffer) == (len(name), len(name) + 2, buffer + header)
    assert guest.memory.read(string.Buffer, len(name) + 2) == name + b"\0\0"
    assert query(guest, 0x400000, 2, buffer, needed - 1) == (status.STATUS_BUFFER_OVERFLOW, needed)
    assert query(guest, 0x400000, 2, buffer, header - 1)[0] == status.STATUS_INFO_LENGTH_MISMATCH


@pytest.mark.parametrize("kind", [2, 6])
def test_private_memory_has_neither(guest: MemoryGuest, kind: int) -> None:
    assert query(guest, 0x10000, kind, guest.room(64), 64)[0] == status.STATUS_INVALID_ADDRESS
    assert query(guest, 0x7000000, kind, guest.room(64), 64)[0] == status.STATUS_INVALID_ADDRESS


def test_other_classes(guest: MemoryGuest) -> None:
    with pytest.raises(Unsupported, match=r"NtQueryVirtualMemory\(MemoryEnclaveImageInformation\)"):
        query(guest, 0x10000, 9, guest.room(64), 64)
    assert query(guest, 0x10000, 99, guest.room(64), 64)[0] == status.STATUS_INVALID_INFO_CLASS


# ---------------------------------------------------------------- reading and writing
def test_copies_go_as_far_as_they_can(guest: MemoryGuest) -> None:
    _, base, _ = allocate(guest, 0, 0x3000, RESERVE, 4)
    allocate(guest, base, 0x2000, COMMIT, 4)
    source = guest.put(b"0123456789")
    copied = guest.cell()
    write, read = services.NtWriteVirtualMemory, services.NtReadVirtualMemory
    assert guest.call(write, guest.current, base + 0xFFB, source, 10, copied) == 0
    assert guest.get(copied) == 10
    target = guest.room(0x20)
    assert guest.call(read, guest.current, base + 0xFFB, target, 10, 0) == 0
    assert guest.memory.read(target, 10) == b"0123456789"
    assert guest.call(write, guest.current, base + 0x1FFC, source, 10, copied) == status.STATUS_PARTIAL_COPY
    assert guest.get(copied) == 4
    assert guest.memory.read(base + 0x1FFC, 4) == b"0123"
    assert guest.call(read, guest.current, base + 0x2000, target, 1, copied) == status.STATUS_PARTIAL_COPY
    assert guest.get(copied) == 0
    highest = guest.space.layout.highest_user
    assert guest.call(read, guest.current, highest, target, 2, 0) == status.STATUS_ACCESS_VIOLATION
    guest.space.protect(base, 1, 2)
    assert guest.call(write, guest.current, base, source, 1, copied) == status.STATUS_PARTIAL_COPY


def test_flushing_the_instruction_cache(guest: MemoryGuest) -> None:
    assert guest.call(services.NtFlushInstructionCache, guest.current, 0, 0) == 0
