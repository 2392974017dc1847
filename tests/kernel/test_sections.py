from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from guest import READ, WRITE
from memory_guest import MemoryGuest

from wowsim.errors import Unsupported, UsageError
from wowsim.image.model import Image, Section
from wowsim.kernel import sections as services
from wowsim.kernel.access import FILE_CREATE
from wowsim.kernel.handles import NtClose
from wowsim.kernel.table import services_of
from wowsim.nt import status
from wowsim.nt.memory_structures import SECTION_BASIC_INFORMATION
from wowsim.nt.structures import SECTION_IMAGE_INFORMATION

if TYPE_CHECKING:
    from pathlib import Path

    from wowsim.kernel.image_files import ImageFile
    from wowsim.nt.abi import Width

ALL = 0xF001F
SEC_IMAGE, SEC_RESERVE, SEC_COMMIT = 0x1000000, 0x4000000, 0x8000000
RW = READ | WRITE


@pytest.fixture(params=[32, 64])
def guest(request: pytest.FixtureRequest) -> MemoryGuest:
    width: Width = request.param
    made = MemoryGuest(width)
    made.k.files.add(r"C:\data.bin", bytes(range(256)) * 0x18)
    return made


def create(
    guest: MemoryGuest,
    size: int = 0x2000,
    protection: int = 4,
    attributes: int = SEC_COMMIT,
    file: int = 0,
    *,
    name: int = 0,
    access: int = ALL,
) -> tuple[int, int]:
    out = guest.cell()
    maximum = guest.put(size.to_bytes(8, "little", signed=True)) if size else 0
    slots = (out, access, name, maximum, protection, attributes, file)
    return guest.call(services.NtCreateSection, *slots), guest.get(out)


def view(
    guest: MemoryGuest,
    handle: int,
    base: int = 0,
    size: int = 0,
    protection: int = 4,
    *,
    offset: int | None = None,
    commit: int = 0,
) -> tuple[int, int, int]:
    at, length = guest.cell(base), guest.cell(size)
    where = 0 if offset is None else guest.put(offset.to_bytes(8, "little"))
    slots = (handle, guest.current, at, 0, commit, where, length, 2, 0, protection)
    return guest.call(services.NtMapViewOfSection, *slots), guest.get(at), guest.get(length)


def unmap(guest: MemoryGuest, base: int) -> int:
    return guest.call(services.NtUnmapViewOfSection, guest.current, base)


def read_image(file: ImageFile, path: str) -> Image:
    return make_image(file.read(0, file.size), path)


def make_image(contents: bytes, path: str) -> Image:
    if contents[:2] != b"MZ":
        raise UsageError(f"{path} is no image")
    return Image(
        "lib",
        path.rpartition("\\")[2],
        path,
        32,
        0x500000,
        contents.ljust(0x3000, b"\0"),
        entry=0x1010,
        sections=(Section(".text", 0x1000, 0x1000, executable=True),),
        is_dll=True,
    )


def test_stub_sizes_follow_from_the_prototypes() -> None:
    assert {name: s.prototype.arg_bytes32 for name, s in services_of([services]).items()} == {
        "NtCreateSection": 0x1C,
        "NtOpenSection": 0xC,
        "NtMapViewOfSection": 0x28,
        "NtUnmapViewOfSection": 0x8,
        "NtFlushVirtualMemory": 0x10,
        "NtQuerySection": 0x14,
        "NtExtendSection": 0x8,
    }


# ---------------------------------------------------------------- pagefile
def test_pagefile_memory_is_shared_by_its_views_and_outlives_its_handle(guest: MemoryGuest) -> None:
    found, handle = create(guest)
    assert found == 0
    _, first, size = view(guest, handle)
    _, second, _ = view(guest, handle, protection=2)
    assert size == 0x2000
    assert guest.call(NtClose, handle) == 0
    guest.memory.write(first + 0x1000, b"shared")
    assert guest.memory.read(second + 0x1000, 6) == b"shared"
    vad = guest.space.vads.at(first >> 12)
    assert vad is not None
    assert vad.cause == "NtMapViewOfSection"
    before = guest.space.commitment.charged
    assert unmap(guest, first + 0x1234) == unmap(guest, second) == 0
    assert guest.space.commitment.charged == before - 2
    assert unmap(guest, first) == status.STATUS_NOT_MAPPED_VIEW


def test_reserved_sections_commit_what_the_map_call_asks(guest: MemoryGuest) -> None:
    _, handle = create(guest, 0x40000, attributes=SEC_RESERVE)
    found, base, size = view(guest, handle, commit=0x1001)
    assert (found, size) == (0, 0x40000)
    guest.memory.write(base + 0x1FFF, b"x")
    assert guest.space.query(base + 0x2000).state == 0x2000


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"size": 0}, status.STATUS_INVALID_PARAMETER_4),
        ({"size": -1}, status.STATUS_SECTION_TOO_BIG),
        ({"size": 1 << 60}, status.STATUS_SECTION_TOO_BIG),
        ({"size": 1 << 30 | 1 << 29}, status.STATUS_COMMITMENT_LIMIT),
        ({"protection": 0}, status.STATUS_INVALID_PAGE_PROTECTION),
        ({"protection": 1}, status.STATUS_INVALID_PAGE_PROTECTION),
        ({"protection": 0x104}, status.STATUS_INVALID_PAGE_PROTECTION),
        ({"attributes": 0}, status.STATUS_INVALID_PARAMETER_6),
        ({"attributes": SEC_COMMIT | SEC_RESERVE}, status.STATUS_INVALID_PARAMETER_6),
        ({"attributes": SEC_COMMIT | 1}, status.STATUS_INVALID_PARAMETER_6),
        ({"attributes": SEC_IMAGE}, status.STATUS_INVALID_FILE_FOR_SECTION),
        ({"access": 0}, status.STATUS_ACCESS_DENIED),
        ({"file": 0x444}, status.STATUS_INVALID_HANDLE),
    ],
)
def test_refused_sections(guest: MemoryGuest, arguments: dict[str, int], expected: int) -> None:
    charged = guest.space.commitment.charged
    assert create(guest, **arguments)[0] == expected
    assert len(guest.k.handles) == 0
    assert guest.space.commitment.charged == charged


@pytest.mark.parametrize(
    ("bit", "name"),
    [(0x200000, "SEC_BASED"), (0x80000000, "SEC_LARGE_PAGES"), (0x11000000, "SEC_IMAGE_NO_EXECUTE")],
)
def test_what_is_lacking_is_named(guest: MemoryGuest, bit: int, name: str) -> None:
    with pytest.raises(Unsupported, match=name):
        create(guest, attributes=bit)


def test_views_need_rights_and_sense(guest: MemoryGuest) -> None:
    _, handle = create(guest, access=0x5)
    assert view(guest, handle)[0] == status.STATUS_ACCESS_DENIED
    assert view(guest, handle, protection=2)[0] == 0
    assert view(guest, handle, protection=8)[0] == 0
    _, handle = create(guest)
    assert view(guest, handle, protection=0x40)[0] == status.STATUS_SECTION_PROTECTION
    assert view(guest, handle, 0x11000)[0] == status.STATUS_MAPPED_ALIGNMENT
    assert view(guest, handle, size=0x3000)[0] == status.STATUS_INVALID_VIEW_SIZE
    assert view(guest, 0x999)[0] == status.STATUS_INVALID_HANDLE
    cell = guest.cell()
    slots = (handle, guest.current, cell, 0, 0, 0, cell, 3, 0, 4)
    assert guest.call(services.NtMapViewOfSection, *slots) == status.STATUS_INVALID_PARAMETER_8


# ---------------------------------------------------------------- names
def test_named_sections(guest: MemoryGuest) -> None:
    name = guest.name(r"\BaseNamedObjects\Shared")
    found, handle = create(guest, name=name)
    assert found == 0
    assert create(guest, name=name)[0] == status.STATUS_OBJECT_NAME_COLLISION
    open_if = guest.name(r"\basenamedobjects\SHARED", attributes=0xC0)
    again, second = create(guest, name=open_if)
    assert again == status.STATUS_OBJECT_NAME_EXISTS
    out = guest.cell()
    assert guest.call(services.NtOpenSection, out, ALL, name) == 0
    first, other = view(guest, handle)[1], view(guest, guest.get(out))[1]
    guest.memory.write(first, b"same")
    assert guest.memory.read(other, 4) == b"same"
    for opened in (handle, second, guest.get(out)):
        assert guest.call(NtClose, opened) == 0
    assert guest.call(services.NtOpenSection, out, ALL, name) == status.STATUS_OBJECT_NAME_NOT_FOUND
    assert guest.memory.read(other, 4) == b"same"


def test_names_relative_to_a_directory(guest: MemoryGuest) -> None:
    directory = guest.k.handles.insert(guest.k.namespace.find(r"\BaseNamedObjects"), 0xF)
    assert create(guest, name=guest.name("Near", directory))[0] == 0
    out = guest.cell()
    assert guest.call(services.NtOpenSection, out, ALL, guest.name(r"\BaseNamedObjects\Near")) == 0
    assert guest.call(services.NtOpenSection, out, ALL, guest.name("Near", directory)) == 0


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("relative", status.STATUS_OBJECT_PATH_SYNTAX_BAD),
        (r"\Nowhere\x", status.STATUS_OBJECT_PATH_NOT_FOUND),
        (r"\??\C:\x", status.STATUS_OBJECT_TYPE_MISMATCH),
        ("\\BaseNamedObjects\\", status.STATUS_OBJECT_NAME_INVALID),
    ],
)
def test_bad_names(guest: MemoryGuest, path: str, expected: int) -> None:
    assert create(guest, name=guest.name(path))[0] == expected


def test_opening_what_is_no_section(guest: MemoryGuest) -> None:
    out = guest.cell()
    directory = guest.name(r"\Device\Null")
    assert guest.call(services.NtOpenSection, out, ALL, directory) == status.STATUS_OBJECT_TYPE_MISMATCH
    nameless = guest.call(services.NtOpenSection, out, ALL, guest.name(None))
    assert nameless == status.STATUS_OBJECT_PATH_SYNTAX_BAD


# ---------------------------------------------------------------- files
def test_a_file_is_mapped_changed_and_flushed(guest: MemoryGuest) -> None:
    file = guest.open(r"\??\C:\data.bin", RW)
    found, handle = create(guest, 0, 4, file=file)
    assert found == 0
    guest.call(NtClose, file)
    _, base, size = view(guest, handle)
    assert size == 0x2000
    assert guest.memory.read(base + 0x10, 4) == b"\x10\x11\x12\x13"
    guest.memory.write(base + 0x1010, b"new")
    at, length = guest.cell(base), guest.cell(0)
    assert guest.call(services.NtFlushVirtualMemory, guest.current, at, length, guest.iosb) == 0
    assert guest.k.files.read(r"C:\data.bin")[0x1010:0x1013] == b"new"
    assert len(guest.k.files.read(r"C:\data.bin")) == 0x1800
    guest.memory.write(base, b"again")
    assert unmap(guest, base) == 0
    assert guest.k.files.read(r"C:\data.bin")[:5] == b"again"
    missing = guest.call(services.NtFlushVirtualMemory, guest.current, guest.cell(base), length, guest.iosb)
    assert missing == status.STATUS_NOT_MAPPED_DATA


def test_a_larger_section_makes_the_file_longer(guest: MemoryGuest) -> None:
    file = guest.open(r"\??\C:\data.bin", RW)
    assert create(guest, 0x5000, 2, file=file)[0] == status.STATUS_SECTION_TOO_BIG
    found, handle = create(guest, 0x5000, 4, file=file)
    assert found == 0
    assert len(guest.k.files.read(r"C:\data.bin")) == 0x5000
    size = guest.put((0x6000).to_bytes(8, "little"))
    assert guest.call(services.NtExtendSection, handle, size) == 0
    assert guest.value(size) == 0x6000
    assert view(guest, handle)[2] == 0x6000
    _, pagefile = create(guest)
    assert guest.call(services.NtExtendSection, pagefile, size) == status.STATUS_SECTION_NOT_EXTENDED


def test_files_that_cannot_be_mapped(guest: MemoryGuest) -> None:
    reader = guest.open(r"\??\C:\data.bin", READ)
    assert create(guest, 0, 4, file=reader)[0] == status.STATUS_ACCESS_DENIED
    assert create(guest, 0, 2, file=reader)[0] == 0
    empty = guest.open(r"\??\C:\empty", RW, FILE_CREATE)
    assert create(guest, 0, 4, file=empty)[0] == status.STATUS_MAPPED_FILE_SIZE_ZERO
    null = guest.open(r"\??\NUL", RW)
    assert create(guest, 0, 4, file=null)[0] == status.STATUS_INVALID_FILE_FOR_SECTION


# ---------------------------------------------------------------- images
def test_an_image_from_a_file(guest: MemoryGuest) -> None:
    guest.k.parse_image = read_image
    guest.k.files.add(r"C:\dir\lib.dll", b"MZ" + bytes(0x1FFE))
    file = guest.open(r"\??\C:\dir\lib.dll")
    found, handle = create(guest, 0, 2, SEC_IMAGE, file)
    assert found == 0
    assert view(guest, handle) == (status.STATUS_SUCCESS, 0x500000, 0x3000)
    vad = guest.space.vads.at(0x500)
    assert vad is not None
    assert vad.name == r"\dir\lib.dll"
    elsewhere, base, _ = view(guest, handle)
    assert (elsewhere, base != 0x500000) == (status.STATUS_IMAGE_NOT_AT_BASE, True)
    size = {32: 0x30, 64: 0x40}[guest.width]
    buffer, returned = guest.room(size), guest.cell()
    slots = (handle, 1, buffer, size, returned)
    assert guest.call(services.NtQuerySection, *slots) == 0
    information = guest.load(SECTION_IMAGE_INFORMATION, buffer)
    assert (information.TransferAddress, information.Machine) == (0x501010, 0x14C)
    assert (information.ImageCharacteristics & 0x2000, information.ImageContainsCode) == (0x2000, 1)
    assert guest.get(returned) == size


@pytest.mark.parametrize("protection", [0x02, 0x20, 0x80])
def test_reading_is_enough_for_an_image_where_the_loader_counts_on_it(
    guest: MemoryGuest, protection: int
) -> None:
    guest.k.lenient = True
    guest.k.parse_image = read_image
    guest.k.files.add(r"C:\lib.dll", b"MZ" + bytes(0x1FFE))
    file = guest.open(r"\??\C:\lib.dll", READ)
    found, handle = create(guest, 0, protection, SEC_IMAGE, file)
    assert (found, create(guest, 0, 0x20, file=file)[0]) == (0, status.STATUS_ACCESS_DENIED)
    assert view(guest, handle, protection=0x20)[0] == 0
    blind = guest.open(r"\??\C:\lib.dll", WRITE)
    assert create(guest, 0, protection, SEC_IMAGE, blind)[0] == status.STATUS_ACCESS_DENIED


def test_an_image_is_read_once_while_its_file_stays_as_it_is(guest: MemoryGuest) -> None:
    read: list[tuple[bytes, str]] = []

    def parse(file: ImageFile, path: str) -> Image:
        read.append((file.read(0, file.size), path))
        return read_image(file, path)

    guest.k.parse_image = parse
    guest.k.files.add(r"C:\lib.dll", b"MZ" + bytes(0x1FFE))
    for _ in range(2):
        assert create(guest, 0, 2, SEC_IMAGE, guest.open(r"\??\C:\lib.dll"))[0] == 0
    assert len(read) == 1
    guest.k.files.add(r"C:\lib.dll", b"MZ" + bytes(0x1FFD) + b"x")
    assert create(guest, 0, 2, SEC_IMAGE, guest.open(r"\??\C:\lib.dll"))[0] == 0
    assert [data[-1:] for data, _ in read] == [b"\0", b"x"]


def test_a_mapped_file_is_read_in_one_go(guest: MemoryGuest, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(range(256)) * 0x50)
    guest.k.files.mount(tmp_path, r"C:\m")
    file = guest.open(r"\??\C:\m\f", READ)
    _, handle = create(guest, 0, 2, file=file)
    one, base, _ = view(guest, handle, protection=2, size=0x1000, offset=0)
    assert (one, guest.memory.read(base, 0x1000)) == (0, bytes(range(256)) * 0x10)
    other, base, size = view(guest, handle, protection=2)
    assert (other, size) == (0, 0x5000)
    assert guest.memory.read(base, size) == bytes(range(256)) * 0x50


def test_what_is_no_image_is_refused(guest: MemoryGuest) -> None:
    file = guest.open(r"\??\C:\data.bin")
    with pytest.raises(Unsupported, match="no reader of images"):
        create(guest, 0, 2, SEC_IMAGE, file)
    guest.k.parse_image = read_image
    assert create(guest, 0, 2, SEC_IMAGE, file)[0] == status.STATUS_INVALID_IMAGE_FORMAT


def test_basic_information(guest: MemoryGuest) -> None:
    _, handle = create(guest, 0x2345)
    size = {32: 0x10, 64: 0x18}[guest.width]
    buffer = guest.room(size)
    query = services.NtQuerySection
    assert guest.call(query, handle, 0, buffer, size, 0) == 0
    found = guest.load(SECTION_BASIC_INFORMATION, buffer)
    assert (found.BaseAddress, found.AllocationAttributes, found.MaximumSize) == (0, SEC_COMMIT, 0x2345)
    assert guest.call(query, handle, 0, buffer, size - 1, 0) == status.STATUS_INFO_LENGTH_MISMATCH
    assert guest.call(query, handle, 1, buffer, 0x40, 0) == status.STATUS_SECTION_NOT_IMAGE
    assert guest.call(query, handle, 50, buffer, size, 0) == status.STATUS_INVALID_INFO_CLASS
    with pytest.raises(Unsupported, match=r"NtQuerySection\(SectionRelocationInformation\)"):
        guest.call(query, handle, 2, buffer, size, 0)
