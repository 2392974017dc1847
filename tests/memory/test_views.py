from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from fake_pages import FakePages
from memory_helpers import refused

from wowsim.errors import UsageError
from wowsim.image import model
from wowsim.memory.allocate import MEM_COMMIT, MEM_IMAGE, MEM_MAPPED, MEM_RESERVE, MEM_TOP_DOWN
from wowsim.memory.layout import layout_of
from wowsim.memory.sections import SEC_COMMIT, SEC_RESERVE, Commitment, FileSection, ImageSection, Section
from wowsim.memory.space import AddressSpace
from wowsim.memory.vad import VadKind
from wowsim.nt import status

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 0x1000
BASE = 0x400000
BOTH = MEM_COMMIT | MEM_RESERVE


class MemoryFile:
    """A file in memory, with a log of what was written."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.writes: list[tuple[int, int]] = []

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self.data[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        self.writes.append((offset, len(data)))
        if offset + len(data) > len(self.data):
            self.data.extend(bytes(offset + len(data) - len(self.data)))
        self.data[offset : offset + len(data)] = data


def make_image(**changes: object) -> model.Image:
    contents = bytearray(6 * PAGE)
    contents[0x1000:0x1004] = (BASE + 0x3000).to_bytes(4, "little")
    contents[0x3000:0x3005] = b"data!"
    image = model.Image(
        "prog",
        "prog.exe",
        r"C:\prog.exe",
        32,
        BASE,
        bytes(contents),
        sections=(
            model.Section(".text", 0x1000, 0x1234, executable=True),
            model.Section(".data", 0x3000, 0x1001, writable=True),
            model.Section(".share", 0x5000, 0x10, writable=True, shared=True),
        ),
        relocations=(0x1000,),
    )
    return replace(image, **changes)  # type: ignore[arg-type]


@pytest.fixture
def space() -> Iterator[AddressSpace]:
    pages = FakePages()
    made = AddressSpace(pages, layout_of("win7sp1"))
    yield made
    assert made.private_commit == sum(vad.commit for vad in made.vads)


def image_section(space: AddressSpace, **changes: object) -> ImageSection:
    return ImageSection(space.pages, space.commitment, make_image(**changes), r"\prog.exe")


def data_section(
    space: AddressSpace, size: int, protection: int = 4, attributes: int = SEC_COMMIT
) -> Section:
    return Section(space.pages, space.commitment, size, protection, attributes)


# ---------------------------------------------------------------- images
def test_an_image_maps_at_its_base_with_its_sections_protections(space: AddressSpace) -> None:
    assert space.map_image(image_section(space)) == (BASE, 6 * PAGE, status.STATUS_SUCCESS)
    (vad,) = space.vads
    assert (vad.kind, vad.name, vad.protection, vad.commit) == (VadKind.EXE, r"\prog.exe", 7, 2)
    protections = [space.query(BASE + i * PAGE).protection for i in range(6)]
    assert protections == [0x02, 0x20, 0x20, 0x08, 0x08, 0x04]
    region = space.query(BASE + PAGE)
    assert (region.allocation_protection, region.type, region.size) == (0x80, MEM_IMAGE, 2 * PAGE)
    assert space.read(BASE + 0x3000, 5) == b"data!"


def test_a_second_view_is_elsewhere_and_does_not_see_private_writes(space: AddressSpace) -> None:
    section = image_section(space)
    space.map_image(section)
    space.write(BASE + 0x3000, b"mine")
    assert space.query(BASE + 0x3000).protection == 0x04
    other, _, answer = space.map_image(section)
    assert (other, answer) == (0x10000, status.STATUS_IMAGE_NOT_AT_BASE)
    assert space.read(other + 0x3000, 5) == b"data!"
    assert space.read(other + 0x1000, 4) == (BASE + 0x3000).to_bytes(4, "little")
    space.write(BASE + 0x5000, b"shared")
    assert space.read(other + 0x5000, 6) == b"shared"


def test_patching_code_copies_the_page(space: AddressSpace) -> None:
    section = image_section(space)
    space.map_image(section)
    with refused(status.STATUS_ACCESS_VIOLATION):
        space.write(BASE + 0x1000, b"\xcc")
    assert space.protect(BASE + 0x1000, 1, 0x40)[2] == 0x20
    assert space.query(BASE + 0x1000).protection == 0x80
    assert space.private_commit == 3
    space.write(BASE + 0x1000, b"\xcc")
    assert space.query(BASE + 0x1000).protection == 0x40
    assert space.protect(BASE + 0x1000, 1, 0x20)[2] == 0x40
    other = space.map_image(section)[0]
    assert space.read(other + 0x1000, 1) == b"\0"
    assert space.read(BASE + 0x1000, 1) == b"\xcc"


def test_kernel_fixups_copy_pages_that_user_code_may_not_write(space: AddressSpace) -> None:
    section = image_section(space)
    space.map_image(section)
    space.overwrite(BASE + 0x1FFE, b"abcd")
    assert space.read(BASE + 0x1FFE, 4) == b"abcd"
    assert space.query(BASE + 0x1000).protection == 0x20
    assert space.private_commit == 4
    assert space.read(space.map_image(section)[0] + 0x1FFE, 4) == bytes(4)
    with refused(status.STATUS_ACCESS_VIOLATION):
        space.overwrite(BASE + 0x5FFF, b"ab")


def test_a_section_can_be_based_elsewhere_before_it_is_mapped(space: AddressSpace) -> None:
    section = image_section(space)
    section.rebase(0x900000)
    assert space.map_image(section)[0::2] == (0x900000, status.STATUS_SUCCESS)
    assert space.read(0x901000, 4) == (0x903000).to_bytes(4, "little")
    with pytest.raises(UsageError, match="is mapped and stays based at 0x900000"):
        section.rebase(0xA00000)
    with pytest.raises(UsageError, match="no relocations: expected base 0x400000, found 0x500000"):
        image_section(space, relocations=None).rebase(0x500000)


def test_a_wanted_base_that_is_taken_is_refused(space: AddressSpace) -> None:
    space.allocate(0x900000, 1, BOTH, 4)
    with refused(status.STATUS_CONFLICTING_ADDRESSES):
        space.map_view(image_section(space), 0x900000)
    with refused(status.STATUS_INVALID_PARAMETER_3):
        space.map_view(image_section(space), 1 << 50)
    assert space.map_view(image_section(space), 0xA00000)[2] == status.STATUS_IMAGE_NOT_AT_BASE


def test_unmapping_gives_everything_back(space: AddressSpace) -> None:
    section = image_section(space)
    space.map_image(section)
    space.write(BASE + 0x3000, b"mine")
    assert space.unmap_view(BASE + 0x2345) == (BASE, 6 * PAGE)
    section.close()
    assert isinstance(space.pages, FakePages)
    assert not space.pages.frames
    assert (space.private_commit, space.commitment.charged) == (0, 0)
    with refused(status.STATUS_NOT_MAPPED_VIEW):
        space.unmap_view(BASE)


def test_the_frames_of_a_closed_section_live_as_long_as_its_views(space: AddressSpace) -> None:
    section = data_section(space, PAGE)
    base = space.map_view(section, protection=4)[0]
    section.close()
    space.write(base, b"alive")
    assert space.read(base, 5) == b"alive"
    space.unmap_view(base)
    assert isinstance(space.pages, FakePages)
    assert not space.pages.frames
    assert space.commitment.charged == 0


def test_images_without_sections_map_as_one_area(space: AddressSpace) -> None:
    space.map_image(image_section(space, sections=()))
    region = space.query(BASE)
    assert (region.protection, region.size) == (0x80, 6 * PAGE)


def test_a_mapping_that_exceeds_the_commit_limit_leaves_nothing() -> None:
    space = AddressSpace(FakePages(), layout_of("win7sp1"), commitment=Commitment(1))
    with refused(status.STATUS_COMMITMENT_LIMIT):
        space.map_image(image_section(space))
    assert (len(space.vads), space.commitment.charged, space.private_commit) == (0, 0, 0)


# ---------------------------------------------------------------- pagefile sections
def test_two_views_share_their_pages(space: AddressSpace) -> None:
    section = data_section(space, 0x20000)
    first = space.map_view(section, protection=4)[0]
    second, size, _ = space.map_view(section, offset=0x10000, protection=2)
    assert size == 0x10000
    space.write(first + 0x10010, b"seen")
    assert space.read(second + 0x10, 4) == b"seen"
    assert space.query(first).type == MEM_MAPPED
    assert (space.private_commit, space.commitment.charged) == (0, 0x20)
    with refused(status.STATUS_ACCESS_VIOLATION):
        space.write(second, b"x")
    with refused(status.STATUS_SECTION_PROTECTION):
        space.protect(second, 1, 4)


def test_copy_on_write_views_are_charged_and_keep_to_themselves(space: AddressSpace) -> None:
    section = data_section(space, 0x3000)
    shared = space.map_view(section, protection=4)[0]
    copy = space.map_view(section, protection=8)[0]
    assert space.private_commit == 3
    space.write(copy, b"mine")
    space.write(shared, b"ours")
    assert (space.read(copy, 4), space.read(shared, 4)) == (b"mine", b"ours")
    assert space.read(copy + PAGE, 1) == b"\0"
    assert (space.query(copy).protection, space.query(copy + PAGE).protection) == (4, 8)


def test_reserved_sections_are_committed_through_any_view(space: AddressSpace) -> None:
    section = data_section(space, 0x10000, attributes=SEC_RESERVE)
    first = space.map_view(section, protection=4, commit_size=0x1001)[0]
    second = space.map_view(section, protection=2)[0]
    assert space.query(first).size == 0x2000
    assert space.query(second + 0x2000).state == MEM_RESERVE
    space.allocate(first + 0x4000, 0x1000, MEM_COMMIT, 4)
    space.write(first + 0x4000, b"new")
    assert space.read(second + 0x4000, 3) == b"new"
    assert section.committed == 3
    with refused(status.STATUS_SECTION_PROTECTION):
        space.allocate(second, 1, MEM_COMMIT, 4)


def test_a_huge_reserved_section_costs_nothing(space: AddressSpace) -> None:
    section = data_section(space, 1 << 41, attributes=SEC_RESERVE)
    base, size, _ = space.map_view(section, protection=1, allocation_type=MEM_TOP_DOWN)
    assert (size, base + size) == (1 << 41, space.layout.highest_user + 1)
    assert isinstance(space.pages, FakePages)
    assert not space.pages.frames


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"base": 0x11000}, status.STATUS_MAPPED_ALIGNMENT),
        ({"offset": 0x1000}, status.STATUS_MAPPED_ALIGNMENT),
        ({"offset": 0x20000}, status.STATUS_INVALID_VIEW_SIZE),
        ({"size": 0x21000}, status.STATUS_INVALID_VIEW_SIZE),
        ({"commit_size": 0x30000}, status.STATUS_INVALID_PARAMETER_5),
        ({"protection": 0x40}, status.STATUS_SECTION_PROTECTION),
        ({"protection": 0}, status.STATUS_INVALID_PAGE_PROTECTION),
        ({"allocation_type": MEM_COMMIT}, status.STATUS_INVALID_PARAMETER_9),
        ({"zero_bits": 25}, status.STATUS_INVALID_PARAMETER_4),
        ({"zero_bits": 17}, status.STATUS_NO_MEMORY),
    ],
)
def test_view_refusals(space: AddressSpace, arguments: dict[str, Any], expected: int) -> None:
    section = data_section(space, 0x20000)
    with refused(expected):
        space.map_view(section, **{"protection": 4, **arguments})
    assert len(space.vads) == 0


def test_private_services_refuse_views(space: AddressSpace) -> None:
    base = space.map_view(data_section(space, 0x1000), protection=4)[0]
    with refused(status.STATUS_ALREADY_COMMITTED):
        space.allocate(base, 1, MEM_COMMIT, 4)
    with refused(status.STATUS_UNABLE_TO_DELETE_SECTION):
        space.free(base, 0, 0x8000)
    with refused(status.STATUS_USER_MAPPED_FILE):
        space.allocate(base, 1, 0x80000, 4)


# ---------------------------------------------------------------- files
def file_view(space: AddressSpace, file: MemoryFile, protection: int, view: int) -> tuple[FileSection, int]:
    section = FileSection(space.pages, space.commitment, file, file.size, protection, name=r"\f")
    return section, space.map_view(section, protection=view)[0]


def test_a_mapped_file_reads_and_its_tail_is_zero(space: AddressSpace) -> None:
    _, base = file_view(space, MemoryFile(b"q" * 0x1800), 2, 2)
    assert space.read(base + 0x17FF, 2) == b"q\0"
    assert space.query(base).size == 0x2000
    assert (space.private_commit, space.commitment.charged) == (0, 0)


def test_only_written_pages_go_back_to_the_file(space: AddressSpace) -> None:
    file = MemoryFile(bytes(0x4800))
    _, base = file_view(space, file, 4, 4)
    assert space.read(base, 1) == b"\0"
    assert space.query(base).protection == 4
    space.write(base + 0x2010, b"changed")
    assert file.writes == []
    space.flush_view(base, 0)
    assert file.writes == [(0x2000, 0x1000)]
    assert file.read(0x2010, 7) == b"changed"
    space.write(base + 0x4000, b"tail")
    space.unmap_view(base)
    assert file.writes[1:] == [(0x4000, 0x800)]
    assert file.size == 0x4800


def test_private_copies_never_reach_the_file(space: AddressSpace) -> None:
    file = MemoryFile(b"original")
    section, base = file_view(space, file, 4, 8)
    space.write(base, b"mine")
    space.unmap_view(base)
    assert file.writes == []
    # A page that was dirty before it became private is written back before it is copied.
    base = space.map_view(section, protection=4)[0]
    space.write(base, b"ours")
    space.protect(base, 1, 8)
    space.write(base, b"mine")
    space.unmap_view(base)
    assert bytes(file.data) == b"oursinal"


def test_flushing_what_is_no_file(space: AddressSpace) -> None:
    base = space.map_view(data_section(space, PAGE), protection=4)[0]
    for address in (base, 0x900000):
        with refused(status.STATUS_NOT_MAPPED_DATA):
            space.flush_view(address, 0)
    _, base = file_view(space, MemoryFile(b"x"), 2, 2)
    with refused(status.STATUS_INVALID_PARAMETER):
        space.flush_view(base, 0x1001)


def test_extending_makes_the_file_longer_for_later_views(space: AddressSpace) -> None:
    file = MemoryFile(b"x" * 0x1000)
    section, base = file_view(space, file, 4, 4)
    section.extend(0x3000)
    assert file.size == 0x3000
    assert space.query(base).size == 0x1000
    assert space.map_view(section, protection=4)[1] == 0x3000
    with refused(status.STATUS_SECTION_NOT_EXTENDED):
        data_section(space, PAGE).extend(0x2000)
