from __future__ import annotations

from dataclasses import fields

import pytest

from wowsim.errors import UsageError
from wowsim.memory.layout import LAYOUTS, SpaceLayout, layout_of, with_3_gb
from wowsim.nt.builds import BUILDS


def test_every_build_that_runs_has_a_layout() -> None:
    assert set(BUILDS) <= set(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_values_fit_together(layout: SpaceLayout) -> None:
    assert layout.source
    assert set(layout.unverified) <= {field.name for field in fields(layout)}
    assert layout.wow64 == (layout.ntdll32 is not None)
    assert layout.highest_user & 0xFFF == 0xFFF
    bases = [layout.ntdll, layout.ntdll32 or layout.ntdll, layout.peb, *(base for base, _ in layout.cfg)]
    assert all(0x10000 <= base < layout.highest_user for base in bases)
    assert (layout.ntdll32 or 0) < layout.limit
    assert all(base & 0xFFFF == 0 for base in (layout.ntdll, layout.ntdll32 or 0))


@pytest.mark.parametrize(
    ("build", "highest"),
    [
        ("winxp-x64", 0x7FFFFFEFFFF),
        ("win7sp1", 0x7FFFFFEFFFF),
        ("win8", 0x7FFFFFEFFFF),
        ("win8.1", 0x7FFFFFFEFFFF),
        ("win11-24h2", 0x7FFFFFFEFFFF),
        ("win7sp1-x86", 0x7FFEFFFF),
    ],
)
def test_where_user_memory_ends(build: str, highest: int) -> None:
    assert layout_of(build).highest_user == highest


def test_known_addresses() -> None:
    seven, eight = layout_of("win7sp1"), layout_of("win8.1")
    assert (seven.ntdll, seven.ntdll32) == (0x775F0000, 0x777D0000)
    assert eight.ntdll == 0x7FFFFED40000
    assert eight.cfg == ()
    assert layout_of("win10-1507").hypervisor_page is None
    assert layout_of("win10-1803").hypervisor_page is not None


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_sizes_and_kernel_addresses(layout: SpaceLayout) -> None:
    assert layout.ntdll_size > 0
    assert (layout.ntdll_size | layout.ntdll32_size) & 0xFFF == 0
    assert bool(layout.ntdll32_size) == layout.wow64
    assert layout.wow64 == (layout.pool > 1 << 32)
    assert layout.pool >= 1 << 31


def test_an_unknown_build_names_the_known() -> None:
    with pytest.raises(UsageError, match=r"'win9'; known: winxp-x64, vista"):
        layout_of("win9")


def test_3_gb_of_32_bit_windows() -> None:
    layout = with_3_gb(layout_of("winxp-x86"))
    assert (layout.highest_user, layout.limit, layout.limit_large) == (0xBFFEFFFF, 0x7FFF0000, 0xBFFF0000)
    with pytest.raises(UsageError, match="win7sp1 has 64 bits"):
        with_3_gb(layout_of("win7sp1"))
