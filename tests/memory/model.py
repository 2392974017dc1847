"""A process's memory as a plain array of pages: what the address space must agree with.

Written without looking anything up: every question is answered by walking the array.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wowsim.errors import GuestFault
from wowsim.nt import status as st

PAGE = 0x1000
FIRST = 0x10
NAMES = {0x02: "r", 0x04: "rw", 0x08: "rc", 0x10: "rx", 0x20: "rx", 0x40: "rwx", 0x80: "rcx"}
COPY = {0x04: 0x08, 0x40: 0x80}
OWN = {0x08: 0x04, 0x80: 0x40}


def fail(status: int) -> GuestFault:
    return GuestFault(status)


@dataclass(eq=False)
class Shared:
    """A section: its pages' bytes (None: not committed)."""

    protection: int
    reserve: bool
    data: list[bytearray | None]
    image: list[int] | None = None
    shared_pages: frozenset[int] = frozenset()

    @property
    def committed(self) -> int:
        return 0 if self.image else sum(d is not None for d in self.data)


@dataclass(eq=False)
class Area:
    """A region; pages know theirs."""

    protection: int
    shared: Shared | None = None
    offset: int = 0
    start: int = 0


@dataclass
class Page:
    area: Area
    protection: int = 0
    data: bytearray | None = None
    own: bool = False

    @property
    def committed(self) -> bool:
        return self.data is not None

    @property
    def charged(self) -> bool:
        return self.committed and (self.own or self.protection & 0xFF in OWN)


@dataclass
class Model:
    """The whole process; ``limit`` is the commit limit in pages."""

    count: int
    limit: int
    pages: list[Page | None] = field(default_factory=list)
    sections: list[Shared] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pages = [None] * self.count
        self.end = self.count * PAGE

    # ------------------------------------------------------------ asking
    @property
    def private(self) -> int:
        return sum(p is not None and p.charged for p in self.pages)

    @property
    def charged(self) -> int:
        return self.private + sum(s.committed for s in self.sections)

    def span(self, vpn: int) -> tuple[int, int]:
        """First and last page of the region at a page."""
        page = self.pages[vpn]
        assert page is not None
        members = [i for i, p in enumerate(self.pages) if p is not None and p.area is page.area]
        return members[0], members[-1]

    def room(self, count: int) -> None:
        if self.charged + count > self.limit:
            raise fail(st.STATUS_COMMITMENT_LIMIT)

    def gap(self, count: int, top_down: bool) -> int:
        starts = list(range(FIRST, self.count - count + 1, 0x10))
        for start in reversed(starts) if top_down else starts:
            if all(p is None for p in self.pages[start : start + count]):
                return start
        raise fail(st.STATUS_NO_MEMORY)

    def access(self, vpn: int) -> str:
        page = self.pages[vpn]
        if page is None or not page.committed or page.protection & 0x100:
            return ""
        return NAMES.get(page.protection & 0xFF, "").replace("c", "")

    def query(self, vpn: int) -> tuple[int, ...]:
        page = self.pages[vpn]

        def view(p: Page | None) -> object:
            return None if p is None else (p.area, p.committed, p.protection if p.committed else 0)

        end = vpn
        while end < self.count and view(self.pages[end]) == view(page):
            end += 1
        size = (end - vpn) * PAGE
        if page is None:
            return vpn * PAGE, 0, 0, size, 0x10000, 1, 0
        start, _ = self.span(vpn)
        shared = page.area.shared
        kind = 0x20000 if shared is None else 0x1000000 if shared.image else 0x40000
        state, protection = (0x1000, page.protection) if page.committed else (0x2000, 0)
        return vpn * PAGE, start * PAGE, page.area.protection, size, state, protection, kind

    # ------------------------------------------------------------ private memory
    def check(self, base: int, size: int, too_long: int) -> None:
        if base >= self.end:
            raise fail(st.STATUS_INVALID_PARAMETER_2)
        if size == 0 or base + size > self.end:
            raise fail(too_long)

    def valid(self, protection: int) -> None:
        basic, more = protection & 0xFF, protection & ~0xFF
        fine = protection == 1 or (basic in NAMES and more in (0, 0x100, 0x200, 0x400))
        if not fine:
            raise fail(st.STATUS_INVALID_PAGE_PROTECTION)

    def allocate(self, base: int, size: int, kind: int, protection: int) -> tuple[int, int]:
        if kind & ~0x103000 or not kind & 0x3000:
            raise fail(st.STATUS_INVALID_PARAMETER_5)
        self.valid(protection)
        self.check(base, size, st.STATUS_INVALID_PARAMETER_4)
        if base == 0 or kind & 0x2000:
            if protection & 0xFF in OWN:
                raise fail(st.STATUS_INVALID_PAGE_PROTECTION)
            start, count = self._place(base, size, bool(kind & 0x100000))
            if kind & 0x1000:
                self.room(count)
            area = Area(protection)
            for vpn in range(start, start + count):
                self.pages[vpn] = Page(area)
                if kind & 0x1000:
                    self._fresh(vpn, protection)
        else:
            start, count = base // PAGE, (base + size - 1) // PAGE - base // PAGE + 1
            self._commit(start, count, protection)
        return start * PAGE, count * PAGE

    def _place(self, base: int, size: int, top_down: bool) -> tuple[int, int]:
        if base == 0:
            count = -(-size // PAGE)
            return self.gap(count, top_down), count
        start = base // 0x10000 * 0x10
        count = (base + size - 1) // PAGE - start + 1
        if start < FIRST:
            raise fail(st.STATUS_INVALID_PARAMETER_2)
        if any(p is not None for p in self.pages[start : start + count]):
            raise fail(st.STATUS_CONFLICTING_ADDRESSES)
        return start, count

    def _fresh(self, vpn: int, protection: int) -> None:
        page = self.pages[vpn]
        assert page is not None
        page.data, page.own, page.protection = bytearray(PAGE), True, protection

    def _commit(self, start: int, count: int, protection: int) -> None:
        members = self.pages[start : start + count]
        first = members[0]
        if first is None or any(p is None or p.area is not first.area for p in members):
            raise fail(st.STATUS_CONFLICTING_ADDRESSES)
        shared = first.area.shared
        if shared is None:
            if protection & 0xFF in OWN:
                raise fail(st.STATUS_INVALID_PAGE_PROTECTION)
            self.room(sum(p is not None and not p.committed for p in members))
            for vpn, page in enumerate(members, start):
                assert page is not None
                if page.committed:
                    page.protection = protection
                else:
                    self._fresh(vpn, protection)
            return
        if not shared.reserve:
            raise fail(st.STATUS_ALREADY_COMMITTED)
        if not self.compatible(first.area.protection, protection):
            raise fail(st.STATUS_SECTION_PROTECTION)
        self._commit_shared(first.area, shared, start, count, protection)

    def _commit_shared(self, area: Area, shared: Shared, start: int, count: int, protection: int) -> None:
        own_span = self.span(start)
        first = area.offset + start - own_span[0]
        fresh = [i for i in range(first, first + count) if shared.data[i] is None]
        shown = []
        for vpn, page in enumerate(self.pages):
            if page is not None and page.area.shared is shared:
                index = page.area.offset + vpn - self.span(vpn)[0]
                if index in fresh:
                    shown.append((page, index, protection if page.area is area else page.area.protection))
        self.room(len(fresh) + sum(code & 0xFF in OWN for _, _, code in shown))
        for index in fresh:
            shared.data[index] = bytearray(PAGE)
        for page, index, code in shown:
            page.data, page.protection = shared.data[index], code

    def free(self, base: int, size: int, kind: int) -> tuple[int, int]:
        if kind not in (0x4000, 0x8000):
            raise fail(st.STATUS_INVALID_PARAMETER_4)
        self.check(base, size or 1, st.STATUS_INVALID_PARAMETER_3)
        start = base // PAGE
        page = self.pages[start]
        if page is None:
            raise fail(st.STATUS_MEMORY_NOT_ALLOCATED)
        low, high = self.span(start)
        end = (base + (size or 1) - 1) // PAGE
        if size == 0:
            if start != low:
                raise fail(st.STATUS_FREE_VM_NOT_AT_BASE)
            end = high
        if end > high:
            raise fail(st.STATUS_UNABLE_TO_FREE_VM)
        if page.area.shared is not None:
            raise fail(st.STATUS_UNABLE_TO_DELETE_SECTION)
        rest = Area(page.area.protection)
        for vpn in range(start, end + 1):
            self.pages[vpn] = Page(page.area) if kind == 0x4000 else None
        if kind == 0x8000:
            for vpn in range(end + 1, high + 1):
                upper = self.pages[vpn]
                assert upper is not None
                upper.area = rest
        return start * PAGE, (end - start + 1) * PAGE

    # ------------------------------------------------------------ protection
    def compatible(self, given: int, wanted: int) -> bool:
        have = NAMES.get(given & 0xFF, "").replace("c", "")
        need = NAMES.get(wanted & 0xFF, "").replace("c", "")
        return set(need) <= set(have)

    def protect(self, base: int, size: int, protection: int) -> tuple[int, int, int]:
        self.valid(protection)
        self.check(base, size, st.STATUS_INVALID_PARAMETER_3)
        start, end = base // PAGE, (base + size - 1) // PAGE
        members = self.pages[start : end + 1]
        first = members[0]
        if first is None or any(p is None or p.area is not first.area for p in members):
            raise fail(st.STATUS_CONFLICTING_ADDRESSES)
        area = first.area
        copying = area.protection & 0xFF in OWN
        basic = protection & 0xFF
        as_copy = COPY.get(basic, basic) | protection & ~0xFF
        if area.shared is None:
            if basic in OWN:
                raise fail(st.STATUS_INVALID_PAGE_PROTECTION)
        elif not self.compatible(area.protection, as_copy if copying else protection):
            raise fail(st.STATUS_SECTION_PROTECTION)
        low = self.span(start)[0]
        changes = []
        for vpn, page in enumerate(members, start):
            assert page is not None
            if not page.committed:
                raise fail(st.STATUS_NOT_COMMITTED)
            new = protection
            if area.shared is not None:
                in_place = vpn - low in area.shared.shared_pages
                if page.own:
                    new = OWN.get(basic, basic) | protection & ~0xFF
                elif copying and not in_place:
                    new = as_copy
            changes.append((page, new))
        more = sum((p.own or new & 0xFF in OWN) - p.charged for p, new in changes)
        self.room(more)
        old = first.protection
        for page, new in changes:
            page.protection = new
        return start * PAGE, (end - start + 1) * PAGE, old

    # ------------------------------------------------------------ touching
    def touch(self, vpn: int, write: bool) -> int:
        page = self.pages[vpn] if 0 <= vpn < self.count else None
        if page is None or page.data is None:
            return st.STATUS_ACCESS_VIOLATION
        if page.protection & 0x100:
            page.protection &= ~0x100
            return st.STATUS_GUARD_PAGE_VIOLATION
        rights = NAMES.get(page.protection & 0xFF, "")
        if not write:
            return st.STATUS_SUCCESS if rights else st.STATUS_ACCESS_VIOLATION
        if "c" in rights:
            page.data, page.own = bytearray(page.data), True
            page.protection = OWN[page.protection & 0xFF] | page.protection & ~0xFF
            return st.STATUS_SUCCESS
        return st.STATUS_SUCCESS if "w" in rights else st.STATUS_ACCESS_VIOLATION

    def reach(self, address: int, size: int, write: bool) -> None:
        if address + size > self.end:
            raise GuestFault(st.STATUS_ACCESS_VIOLATION, address)
        for vpn in range(address // PAGE, (address + size - 1) // PAGE + 1):
            found = self.touch(vpn, write)
            if found != st.STATUS_SUCCESS:
                raise GuestFault(found, max(address, vpn * PAGE))

    def write(self, address: int, data: bytes) -> None:
        self.reach(address, len(data), True)
        for at, byte in enumerate(data, address):
            page = self.pages[at // PAGE]
            assert page is not None
            assert page.data is not None
            page.data[at % PAGE] = byte

    def read(self, address: int, size: int) -> bytes:
        self.reach(address, size, False)
        out = bytearray()
        for at in range(address, address + size):
            page = self.pages[at // PAGE]
            assert page is not None
            assert page.data is not None
            out.append(page.data[at % PAGE])
        return bytes(out)

    # ------------------------------------------------------------ sections
    def map_view(self, shared: Shared, base: int, offset: int, size: int, protection: int) -> tuple[int, int]:
        self.valid(protection)
        if (base | offset) & 0xFFFF:
            raise fail(st.STATUS_MAPPED_ALIGNMENT)
        whole = len(shared.data) * PAGE
        if not self.compatible(shared.protection, protection):
            raise fail(st.STATUS_SECTION_PROTECTION)
        size = size or whole - offset
        if offset >= whole or size > whole - offset:
            raise fail(st.STATUS_INVALID_VIEW_SIZE)
        count = -(-size // PAGE)
        start = self._view_place(base, count)
        first = offset // PAGE
        there = [i for i in range(first, first + count) if shared.data[i] is not None]
        if protection & 0xFF in OWN:
            self.room(len(there))
        area = Area(protection, shared, first)
        for i in range(count):
            self.pages[start + i] = page = Page(area, protection)
            page.data = shared.data[first + i]
        return start * PAGE, count * PAGE

    def _view_place(self, base: int, count: int) -> int:
        if base == 0:
            return self.gap(count, False)
        start = base // PAGE
        if start < FIRST or start + count > self.count:
            raise fail(st.STATUS_INVALID_PARAMETER_3)
        if any(p is not None for p in self.pages[start : start + count]):
            raise fail(st.STATUS_CONFLICTING_ADDRESSES)
        return start

    def map_image(self, shared: Shared, base: int, preferred: int) -> tuple[int, int]:
        assert shared.image is not None
        count = len(shared.image)
        start = base // PAGE
        if base:
            start = self._view_place(base, count)
        else:
            start = preferred // PAGE
            if any(p is not None for p in self.pages[start : start + count]):
                start = self.gap(count, False)
        self.room(sum(p in OWN for p in shared.image))
        area = Area(0x80, shared)
        for i, protection in enumerate(shared.image):
            self.pages[start + i] = Page(area, protection, shared.data[i])
        return start * PAGE, count * PAGE

    def unmap(self, address: int) -> tuple[int, int]:
        vpn = address // PAGE
        page = self.pages[vpn] if vpn < self.count else None
        if page is None or page.area.shared is None:
            raise fail(st.STATUS_NOT_MAPPED_VIEW)
        low, high = self.span(vpn)
        self.pages[low : high + 1] = [None] * (high - low + 1)
        return low * PAGE, (high - low + 1) * PAGE
