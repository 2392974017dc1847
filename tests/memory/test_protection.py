from __future__ import annotations

import pytest

from wowsim.errors import GuestFault
from wowsim.memory import protection as p
from wowsim.memory.pages import EXECUTE, READ, WRITE
from wowsim.nt.status import STATUS_INVALID_PAGE_PROTECTION

BASIC = [0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80]


@pytest.mark.parametrize("modifier", [0, p.PAGE_GUARD, p.PAGE_NOCACHE, p.PAGE_WRITECOMBINE])
@pytest.mark.parametrize("basic", BASIC)
def test_page_and_mm_codes_convert_both_ways(basic: int, modifier: int) -> None:
    mm = p.mm_from_page(basic | modifier)
    assert 0 < mm < 0x20
    assert p.page_from_mm(mm) == basic | modifier


def test_no_access_has_its_own_code() -> None:
    assert p.mm_from_page(p.PAGE_NOACCESS) == 0x18
    assert p.page_from_mm(0x18) == p.PAGE_NOACCESS
    assert p.name_of(0x18) == "NO_ACCESS"


@pytest.mark.parametrize(
    "bad",
    [
        0,
        0x03,
        0x06,
        0xFF,
        p.PAGE_GUARD,
        p.PAGE_NOACCESS | p.PAGE_GUARD,
        p.PAGE_NOACCESS | p.PAGE_NOCACHE,
        p.PAGE_READWRITE | p.PAGE_GUARD | p.PAGE_NOCACHE,
        p.PAGE_READWRITE | p.PAGE_NOCACHE | p.PAGE_WRITECOMBINE,
        p.PAGE_READWRITE | 0x800,
        0x4 | 1 << 31,
        -1,
    ],
)
def test_invalid_protections(bad: int) -> None:
    with pytest.raises(GuestFault) as caught:
        p.mm_from_page(bad)
    assert caught.value.status == STATUS_INVALID_PAGE_PROTECTION


@pytest.mark.parametrize(
    ("page", "access"),
    [
        (0x01, 0),
        (0x02, READ),
        (0x04, READ | WRITE),
        (0x08, READ),
        (0x10, READ | EXECUTE),
        (0x20, READ | EXECUTE),
        (0x40, READ | WRITE | EXECUTE),
        (0x80, READ | EXECUTE),
        (0x104, 0),
        (0x204, READ | WRITE),
        (0x404, READ | WRITE),
    ],
)
def test_what_the_cpu_allows(page: int, access: int) -> None:
    assert p.cpu_access(p.mm_from_page(page)) == access


def test_copy_on_write_forms() -> None:
    assert [p.to_copy(mm) for mm in range(8)] == [0, 1, 2, 3, 5, 5, 7, 7]
    assert [p.to_own(mm) for mm in range(8)] == [0, 1, 2, 3, 4, 4, 6, 6]
    assert [p.is_copy(mm) for mm in range(8)] == [False] * 5 + [True, False, True]


@pytest.mark.parametrize(
    ("section", "views"),
    [
        (0x02, {0x01, 0x02, 0x08}),
        (0x04, {0x01, 0x02, 0x04, 0x08}),
        (0x08, {0x01, 0x02, 0x08}),
        (0x20, {0x01, 0x02, 0x08, 0x10, 0x20, 0x80}),
        (0x40, {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80}),
        (0x80, {0x01, 0x02, 0x08, 0x10, 0x20, 0x80}),
    ],
)
def test_which_views_a_section_allows(section: int, views: set[int]) -> None:
    assert {view for view in [0x01, *BASIC] if p.allows(section, view)} == views


def test_names_as_the_debugger_prints_them() -> None:
    names = [p.name_of(p.mm_from_page(page)) for page in BASIC]
    assert names == [
        "READONLY",
        "READWRITE",
        "WRITECOPY",
        "EXECUTE",
        "EXECUTE_READ",
        "EXECUTE_READWRITE",
        "EXECUTE_WRITECOPY",
    ]
    assert p.name_of(p.mm_from_page(0x104)) == "READWRITE_GUARD"
