"""NLS tables are mapped read-only from the files that the kernel was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from memory_guest import MemoryGuest

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.nls import NtGetNlsSectionPtr, NtInitializeNlsFiles
from wowsim.kernel.sections import NtUnmapViewOfSection
from wowsim.nt import status

if TYPE_CHECKING:
    from wowsim.nt.abi import Width

FILES = {
    "locale.nls": b"locales" * 900,
    "l_intl.nls": b"casing" + bytes(0x1700),
    "sortdefault.nls": b"sorting" + bytes(0x5000),
    "c_037.nls": b"ebcdic",
    "c_1252.nls": b"latin",
    "c_20127.nls": b"ascii",
    "normnfc.nls": b"nfc",
    "normnfd.nls": b"nfd",
    "normnfkc.nls": b"nfkc",
    "normnfkd.nls": b"nfkd",
    "normidna.nls": b"idna",
}


@pytest.fixture(params=[64, 32])
def guest(request: pytest.FixtureRequest) -> MemoryGuest:
    width: Width = request.param
    found = MemoryGuest(width)
    found.k.nls = FILES.get
    return found


def section(guest: MemoryGuest, kind: int, number: int) -> tuple[int, int, int]:
    """Status, base and size."""
    base, size = guest.cell(), guest.cell()
    answer = guest.call(NtGetNlsSectionPtr, kind, number, 0, base, size)
    return answer, guest.get(base), guest.get(size)


@pytest.mark.parametrize(
    ("kind", "number", "name"),
    [
        (9, 0, "sortdefault.nls"), (10, 0, "l_intl.nls"), (11, 37, "c_037.nls"), (11, 1252, "c_1252.nls"),
        (11, 20127, "c_20127.nls"), (12, 1, "normnfc.nls"), (12, 2, "normnfd.nls"), (12, 5, "normnfkc.nls"),
        (12, 6, "normnfkd.nls"), (12, 13, "normidna.nls"),
    ],
)  # fmt: skip
def test_a_table_is_its_file(guest: MemoryGuest, kind: int, number: int, name: str) -> None:
    found, base, size = section(guest, kind, number)
    assert (found, size) == (0, -(-len(FILES[name]) // 0x1000) * 0x1000)
    assert guest.memory.read(base, len(FILES[name])) == FILES[name]
    with pytest.raises(GuestFault):
        guest.memory.write(base, b"x")
    vad = guest.space.vads.at(base >> 12)
    assert vad is not None
    assert (vad.name, vad.cause) == (rf"\Windows\System32\{name}", "NtGetNlsSectionPtr")


def test_every_call_maps_a_view_of_the_same_pages(guest: MemoryGuest) -> None:
    _, first, _ = section(guest, 11, 1252)
    _, second, _ = section(guest, 11, 1252)
    assert first != second
    frames = [guest.space.pages.entry(base >> 12) for base in (first, second)]
    assert frames[0] == frames[1] is not None
    for base in (first, second):
        assert guest.call(NtUnmapViewOfSection, guest.current, base) == 0
    assert section(guest, 11, 1252)[0] == 0


@pytest.mark.parametrize(("kind", "number"), [(11, 4711), (11, 0xFFFFFFFF), (12, 3), (9, 1), (10, 1)])
def test_tables_that_are_not_there(guest: MemoryGuest, kind: int, number: int) -> None:
    assert section(guest, kind, number) == (status.STATUS_OBJECT_NAME_NOT_FOUND, 0, 0)


@pytest.mark.parametrize("kind", [0, 8, 13, 0xFFFFFFFF])
def test_kinds_that_are_not_there(guest: MemoryGuest, kind: int) -> None:
    assert section(guest, kind, 0)[0] == status.STATUS_INVALID_PARAMETER_1


def test_the_locales(guest: MemoryGuest) -> None:
    guest.k.languages.system = 0x407
    base, locale, size = guest.cell(), guest.cell(), guest.cell()
    assert guest.call(NtInitializeNlsFiles, base, locale, size, 0) == 0
    assert guest.memory.read(guest.get(base), 7 * 900) == FILES["locale.nls"]
    assert (guest.value(locale, 4), guest.value(size)) == (0x407, len(FILES["l_intl.nls"]))


def test_windows_vista_asks_for_more(guest: MemoryGuest) -> None:
    cell = guest.cell()
    with pytest.raises(Unsupported, match="CurrentNLSVersion"):
        guest.call(NtInitializeNlsFiles, cell, cell, 0, cell)


def test_without_files_it_is_refused_by_name() -> None:
    guest = MemoryGuest()
    with pytest.raises(Unsupported, match=r"NLS section c_1252\.nls: .* system root"):
        section(guest, 11, 1252)


def test_hostile_pointers(guest: MemoryGuest) -> None:
    assert guest.call(NtGetNlsSectionPtr, 11, 1252, 0, 8, 0) == status.STATUS_ACCESS_VIOLATION
    cell = guest.cell()
    assert guest.call(NtInitializeNlsFiles, cell, 8, 0, 0) == status.STATUS_ACCESS_VIOLATION
