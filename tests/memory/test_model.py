"""Random operations on the address space against a plain array of pages.

WOWSIM_OPERATIONS sets how many (the quick suite does a few thousand).
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from fake_pages import FakePages
from model import FIRST, PAGE, Model, Shared
from test_vad import check

from wowsim.cpu.paging import PageTables, PhysicalMemory
from wowsim.errors import GuestFault
from wowsim.image import model as image_model
from wowsim.memory.layout import layout_of
from wowsim.memory.pages import EXECUTE, READ, WRITE
from wowsim.memory.sections import SEC_COMMIT, SEC_RESERVE, Commitment, ImageSection, Section
from wowsim.memory.space import AddressSpace
from wowsim.nt import status as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.memory.pages import Pages

OPERATIONS = int(os.environ.get("WOWSIM_OPERATIONS", "2000"))
COUNT = 0x10 + 480
LIMIT = 95
RIGHTS = {"": 0, "r": READ, "rw": READ | WRITE, "rx": READ | EXECUTE, "rwx": READ | WRITE | EXECUTE}
PROTECTIONS = [1, 2, 4, 4, 4, 4, 0x20, 0x40, 0x40, 0x104, 0x102, 0x204] * 3 + [8, 8, 0x10, 0x80, 0, 0x101, 6]
IMAGE_BASE = 0x60000


def make_image() -> image_model.Image:
    section = image_model.Section
    contents = b"".join(bytes([i + 1]) * PAGE for i in range(9))
    return image_model.Image(
        "image",
        "image.dll",
        r"C:\image.dll",
        32,
        IMAGE_BASE,
        contents,
        sections=(
            section(".text", 0x1000, 0x1800, executable=True),
            section(".data", 0x3000, 0x2000, writable=True),
            section(".both", 0x5000, 0x1000, writable=True, executable=True),
            section(".share", 0x6000, 0x1000, writable=True, shared=True),
            # 7000 is covered by no section
            section(".rsrc", 0x8000, 0x10),
        ),
    )


IMAGE_PROTECTIONS = [2, 0x20, 0x20, 8, 8, 0x80, 4, 1, 2]


class Pair:
    """The address space and the model, driven together."""

    def __init__(self, pages: Pages, seed: int) -> None:
        self.random = Random(seed)
        layout = replace(layout_of("win7sp1"), highest_user=COUNT * PAGE - 1)
        self.space = AddressSpace(pages, layout, commitment=Commitment(LIMIT))
        self.model = Model(COUNT, LIMIT)
        self.sections: list[tuple[Section, Shared]] = []
        for protection, attributes in ((4, SEC_COMMIT), (0x40, SEC_RESERVE), (2, SEC_COMMIT)):
            section = Section(pages, self.space.commitment, 0x13 * PAGE - 5, protection, attributes)
            data = [bytearray(PAGE) if attributes == SEC_COMMIT else None for _ in range(0x13)]
            self.sections.append((section, Shared(protection, attributes == SEC_RESERVE, data)))
        image = make_image()
        data = [bytearray(image.contents[i * PAGE :][:PAGE]) for i in range(9)]
        shared = Shared(0x80, False, data, IMAGE_PROTECTIONS, frozenset({6}))
        self.sections.append((ImageSection(pages, self.space.commitment, image, r"\image.dll"), shared))
        self.model.sections = [shared for _, shared in self.sections]
        self.seen: Counter[tuple[str, int]] = Counter()

    # ------------------------------------------------------------ choosing
    def address(self) -> int:
        random = self.random
        kind = random.random()
        if kind < 0.75 and len(self.space.vads):
            vad = random.choice(list(self.space.vads))
            return random.choice([vad.start, vad.start, random.randint(vad.start, vad.end)]) * PAGE
        if kind < 0.9:
            return random.randrange(COUNT // 16 + 1) * 0x10000
        return random.randrange((COUNT + 4) * PAGE)

    def size(self) -> int:
        random = self.random
        return random.choice([1, PAGE, PAGE, random.randrange(5 * PAGE), random.randrange(1, 40 * PAGE)])

    def protection(self) -> int:
        return self.random.choice(PROTECTIONS)

    # ------------------------------------------------------------ operations
    def op_allocate(self) -> tuple[Callable[[], Any], Callable[[], Any]]:
        kinds = [0x1000, 0x1000, 0x2000, 0x3000, 0x103000, 0x102000] * 3
        kind = self.random.choice([*kinds, 0, 0x10])
        base = self.random.choice([0, self.address()])
        args = (base, self.size(), kind, self.protection())
        return lambda: self.space.allocate(*args), lambda: self.model.allocate(*args)

    def op_free(self) -> tuple[Callable[[], Any], Callable[[], Any]]:
        kind = self.random.choice([0x4000, 0x8000] * 4 + [0xC000])
        args = (self.address(), self.random.choice([0, self.size()]), kind)
        return lambda: self.space.free(*args), lambda: self.model.free(*args)

    def op_protect(self) -> tuple[Callable[[], Any], Callable[[], Any]]:
        args = (self.address(), self.size(), self.protection())
        return lambda: self.space.protect(*args), lambda: self.model.protect(*args)

    def op_write(self) -> tuple[Callable[[], Any], Callable[[], Any]]:
        data = bytes(self.random.randrange(256) for _ in range(3)) * self.random.choice([1, 5, 1400])
        address = self.address() + self.random.choice([0, PAGE - 2])
        return lambda: self.space.write(address, data), lambda: self.model.write(address, data)

    def op_read(self) -> tuple[Callable[[], Any], Callable[[], Any]]:
        args = (self.address() + self.random.choice([0, PAGE - 2]), self.random.choice([1, 8, 4200]))
        return lambda: self.space.read(*args), lambda: self.model.read(*args)

    def op_fault(self) -> tuple[Callable[[], Any], Callable[[], Any]]:
        address, write = self.address(), self.random.random() < 0.5
        return (
            lambda: self.space.resolve_fault(address, write=write).status,
            lambda: self.model.touch(address // PAGE, write),
        )

    def op_query(self) -> tuple[Callable[[], Any], Callable[[], Any]]:
        address = self.random.randrange(COUNT * PAGE)

        def ask() -> tuple[int, ...]:
            r = self.space.query(address)
            return r.base, r.allocation_base, r.allocation_protection, r.size, r.state, r.protection, r.type

        return ask, lambda: self.model.query(address // PAGE)

    def op_map(self) -> tuple[Callable[[], Any], Callable[[], Any]]:
        section, shared = self.random.choice(self.sections)
        base = self.random.choice([0, 0, self.address()])
        if isinstance(section, ImageSection):
            base &= ~0xFFFF
            return (
                lambda: self.space.map_view(section, base)[:2],
                lambda: self.model.map_image(shared, base, IMAGE_BASE),
            )
        offset = self.random.choice([0, 0, 0, 0x10000, 0x20000, 0x1000])
        args = (base, offset, self.size(), self.protection())
        return lambda: self.space.map_view(section, *args)[:2], lambda: self.model.map_view(shared, *args)

    def op_unmap(self) -> tuple[Callable[[], Any], Callable[[], Any]]:
        address = self.address()
        return lambda: self.space.unmap_view(address), lambda: self.model.unmap(address)

    # ------------------------------------------------------------ comparing
    def step(self) -> None:
        names = (
            ["allocate"] * 4
            + ["free"] * 4
            + ["protect"] * 4
            + ["write"] * 3
            + ["map", "map", "unmap", "unmap"]
        )
        name = self.random.choice([*names, "read", "read", "fault", "query", "query"])
        real, modelled = getattr(self, f"op_{name}")()
        found, expected = outcome(real), outcome(modelled)
        assert found == expected, name
        self.seen[name, found[0]] += 1
        check(self.space.vads)
        assert self.space.private_commit == self.model.private
        assert self.space.commitment.charged == self.model.charged
        assert sum(vad.commit for vad in self.space.vads) == self.model.private

    def compare_everything(self) -> None:
        pages = self.space.pages
        for vpn in range(FIRST, COUNT):
            page, entry = self.model.pages[vpn], pages.entry(vpn)
            assert (entry is not None) == (page is not None and page.committed)
            if entry is not None and page is not None and page.data is not None:
                assert entry[1] == RIGHTS[self.model.access(vpn)], hex(vpn)
                assert pages.read_frame(entry[0], 0, PAGE) == bytes(page.data), hex(vpn)


def outcome(call: Callable[[], Any]) -> tuple[int, Any]:
    try:
        return st.STATUS_SUCCESS, call()
    except GuestFault as fault:
        return fault.status, fault.address


@pytest.mark.parametrize("backend", ["dictionaries", "page tables"])
def test_random_operations_agree_with_the_array(backend: str) -> None:
    ram = PhysicalMemory(16 << 20)
    pages = FakePages() if backend == "dictionaries" else PageTables(ram)
    pair = Pair(pages, seed=20)
    for number in range(OPERATIONS):
        pair.step()
        if number % 40 == 0:
            pair.compare_everything()
    pair.compare_everything()
    if OPERATIONS >= 2000:
        every = {name for name, _ in pair.seen}
        assert {name for name, status in pair.seen if status == st.STATUS_SUCCESS} == every
        statuses = {status for _, status in pair.seen}
        assert st.STATUS_COMMITMENT_LIMIT in statuses
        assert st.STATUS_GUARD_PAGE_VIOLATION in statuses
        assert len(statuses) >= 15


def test_everything_given_back_leaves_nothing() -> None:
    pages = FakePages()
    pair = Pair(pages, seed=5)
    for _ in range(300):
        pair.step()
    for vad in list(pair.space.vads):
        if vad.section is None:
            pair.space.free(vad.start * PAGE, 0, 0x8000)
        else:
            pair.space.unmap_view(vad.start * PAGE)
    for section, _ in pair.sections:
        section.close()
    assert len(pair.space.vads) == 0
    assert pages.entries == {}
    assert pages.frames == {}
    assert pair.space.private_commit == pair.space.commitment.charged == 0
