"""Services of win32k: values, last errors, atoms, classes, GDI's table as user mode reads it."""

from __future__ import annotations

import pytest
from guest import Guest

from wowsim.errors import Unsupported
from wowsim.kernel.table import ServiceTable
from wowsim.kernel.win32k.services import implemented, numbers_of
from wowsim.nt import win32k
from wowsim.nt.abi import Width, encode, load
from wowsim.nt.builds import BUILDS
from wowsim.nt.structures import UNICODE_STRING
from wowsim.nt.user_structures import BITMAP, WNDCLASSEXW


class Caller:
    """Calls services of win32k through a table, as a program does."""

    def __init__(self, width: Width, build: str = "win10-22h2") -> None:
        self.guest = Guest(width, build)
        names = {name: 0x1000 + index for index, name in enumerate(implemented())}
        self._table = ServiceTable(names, implemented(), self.guest.k, width)
        self._names, self.width = names, width
        k = self.guest.k
        k.thread.teb, k.process.peb = self.guest.room(0x200), self.guest.room(0x200)
        k.process.peb32 = self.guest.room(0x100) if width == 64 else 0
        k.space.allocate = self._allocate  # type: ignore[method-assign,assignment]
        k.space.cause = ""

    def _allocate(self, base: int, size: int, *more: int) -> tuple[int, int]:
        return self.guest.room(size), size

    def __call__(self, name: str, *slots: int) -> int:
        self.guest.memory.write(self._error_at, bytes(4))
        return self._table.dispatch(self._names[name], slots + (0,) * 8)

    @property
    def _error_at(self) -> int:
        return self.guest.k.thread.teb + (0x68 if self.width == 64 else 0x34)

    @property
    def error(self) -> int:
        return self.guest.value(self._error_at, 4)


@pytest.fixture(params=(32, 64))
def call(request: pytest.FixtureRequest) -> Caller:
    return Caller(request.param)


def window_class(call: Caller, instance: int = 0x400000, style: int = 0, procedure: int = 0x401000) -> int:
    size = 48 if call.width == 32 else 80
    made = WNDCLASSEXW(size, style, procedure, 0, 0, instance, 0, 0, 0, 0, 0, 0)  # type: ignore[arg-type]
    return call.guest.put(encode(WNDCLASSEXW, call.width, made))


def register(call: Caller, name: str, **how: int) -> int:
    return call("NtUserRegisterClassExWOW", window_class(call, **how), call.guest.string(name), 0, 0, 0, 0, 0)


def test_a_message_is_an_atom_that_is_found_again(call: Caller) -> None:
    first = call("NtUserRegisterWindowMessage", call.guest.string("wowsim.message"))
    assert 0xC000 <= first <= 0xFFFF
    assert call("NtUserRegisterWindowMessage", call.guest.string("WOWSIM.MESSAGE")) == first
    assert call("NtUserRegisterWindowMessage", call.guest.string("another")) not in (first, 0)
    buffer = call.guest.room(64)
    name = call.guest.put(encode(UNICODE_STRING, call.width, UNICODE_STRING(0, 64, buffer)))  # type: ignore[arg-type]
    assert call("NtUserGetAtomName", first, name) == 14
    assert call.guest.memory.read(buffer, 30).decode("utf-16-le") == "wowsim.message\0"


def test_an_empty_name_and_a_bad_pointer_set_the_last_error(call: Caller) -> None:
    assert (call("NtUserRegisterWindowMessage", call.guest.string("")), call.error) == (0, 87)
    assert (call("NtUserRegisterWindowMessage", 0x10), call.error) == (0, 998)


def test_a_class_is_registered_once_for_a_module(call: Caller) -> None:
    atom = register(call, "Mine")
    assert atom >= 0xC000
    assert (register(call, "mine"), call.error) == (0, 1410)
    assert register(call, "Mine", instance=0x500000) == atom
    assert register(call, "Mine", instance=0x500000, style=0x4000) == atom
    assert (register(call, "Mine", instance=0x600000, style=0x4000), call.error) == (0, 1410)


def test_a_class_goes_with_its_atom(call: Caller) -> None:
    register(call, "Mine")
    name = call.guest.string("Mine")
    assert call("NtUserUnregisterClass", name, 0x400000, 0) == 1
    assert (call("NtUserUnregisterClass", name, 0x400000, 0), call.error) == (0, 1411)
    assert (call("NtUserGetClassInfoEx", 0x400000, name, 0, 0, 0), call.error) == (0, 1411)


def test_a_class_is_described(call: Caller) -> None:
    atom = register(call, "Mine", style=3, procedure=0x401234)
    size = 48 if call.width == 32 else 80
    room = call.guest.room(size)
    assert call("NtUserGetClassInfoEx", 0x400000, call.guest.string("MINE"), room, 0, 0) == atom
    found = load(call.guest.memory, room, WNDCLASSEXW, call.width)
    assert (found.cbSize, found.style, found.lpfnWndProc, found.hInstance) == (size, 3, 0x401234, 0x400000)


def test_a_class_without_procedure_is_none(call: Caller) -> None:
    assert (register(call, "Mine", procedure=0), call.error) == (0, 87)


def test_window_station_and_desktop_have_one_handle_each(call: Caller) -> None:
    station = call("NtUserGetProcessWindowStation")
    desktop = call("NtUserGetThreadDesktop", call.guest.k.thread.id)
    assert station
    assert desktop
    assert station != desktop
    assert call("NtUserGetProcessWindowStation") == station
    room, needed = call.guest.room(64), call.guest.room(4)
    for handle, name, kind in ((station, "WinSta0", "WindowStation"), (desktop, "Default", "Desktop")):
        for index, text in ((2, name), (3, kind)):
            assert call("NtUserGetObjectInformation", handle, index, room, 64, needed) == 1
            size = call.guest.value(needed, 4)
            assert call.guest.memory.read(room, size).decode("utf-16-le") == text + "\0"
            assert (
                call("NtUserGetObjectInformation", handle, index, room, size - 1, needed),
                call.error,
            ) == (0, 122)
    assert (call("NtUserCloseWindowStation", station), call.error) == (0, 6)
    assert (call("NtUserCloseDesktop", station), call.error) == (0, 6)
    with pytest.raises(Unsupported, match="UOI 4"):
        call("NtUserGetObjectInformation", station, 4, room, 64, needed)
    assert (call("NtUserGetThreadDesktop", 4), call.error) == (0, 87)


@pytest.mark.parametrize(
    "name", ["NtUserQueryWindow", "NtUserMessageCall", "NtUserDestroyWindow", "NtUserCallHwnd"]
)
def test_there_is_no_window(call: Caller, name: str) -> None:
    assert (call(name, 0x10010, 3), call.error) == (0, 1400)
    assert call("NtUserPeekMessage", call.guest.room(64), 0, 0, 0, 1) == 0
    assert call.error == 0


def test_pfn_arrays_connect_the_process_and_answer_a_status(call: Caller) -> None:
    assert call("NtUserInitializeClientPfnArrays", 1, 2, 3, 4) == 0
    assert call.guest.k.win32k.client == (1, 2, 3, 4)
    assert call.guest.k.win32k.gdi is not None


# ---------------------------------------------------------------- GDI
def entry(call: Caller, handle: int) -> bytes:
    """What gdi32 looks at: the entry of a handle's index."""
    k, size = call.guest.k, 24 if call.width == 64 else 16
    at = k.process.peb + (0xF8 if call.width == 64 else 0x94)
    table = int.from_bytes(call.guest.memory.read(at, call.width // 8), "little")
    return call.guest.memory.read(table + size * (handle & 0xFFFF), size)


def unique(call: Caller, handle: int) -> tuple[int, int]:
    at = 12 if call.width == 64 else 8
    found = entry(call, handle)
    return int.from_bytes(found[at : at + 2], "little"), found[at + 2]


def test_a_bitmap_is_in_the_table_until_it_is_deleted(call: Caller) -> None:
    handle = call("NtGdiCreateBitmap", 9, 2, 1, 1, call.guest.put(b"\xaa\x80\x55\x00"))
    assert unique(call, handle) == (handle >> 16, 5)
    assert handle >> 16 & 0x7F == 5
    size = 24 if call.width == 32 else 32
    room = call.guest.room(size)
    assert call("NtGdiExtGetObjectW", handle, 0, 0) == size
    assert call("NtGdiExtGetObjectW", handle, size, room) == size
    found = load(call.guest.memory, room, BITMAP, call.width)
    shape = (found.bmWidth, found.bmHeight, found.bmWidthBytes, found.bmPlanes, found.bmBitsPixel)
    assert shape == (9, 2, 2, 1, 1)
    assert call("NtGdiDeleteObjectApp", handle) == 1
    assert unique(call, handle) == (0, 0)
    assert (call("NtGdiDeleteObjectApp", handle), call.error) == (0, 6)
    again = call("NtGdiCreateBitmap", 1, 1, 1, 1, 0)
    assert again & 0xFFFF == handle & 0xFFFF
    assert again != handle


def test_a_pattern_brush_outlives_its_bitmap(call: Caller) -> None:
    bitmap = call("NtGdiCreateBitmap", 8, 8, 1, 1, 0)
    brush = call("NtGdiCreatePatternBrushInternal", bitmap, 0, 0)
    assert call("NtGdiDeleteObjectApp", bitmap) == 1
    assert unique(call, brush) == (brush >> 16, 0x10)
    assert (call("NtGdiCreatePatternBrushInternal", brush, 0, 0), call.error) == (0, 6)


@pytest.mark.parametrize(("index", "kind"), [(0, 0x10), (7, 0x30), (13, 0x0A), (15, 8)])
def test_stock_objects_stay(call: Caller, index: int, kind: int) -> None:
    handle = call("NtGdiGetStockObject", index)
    assert unique(call, handle) == (handle >> 16, kind)
    assert handle & 0xFFFF == 32 + index
    assert handle >> 16 & 0x80
    assert call("NtGdiDeleteObjectApp", handle) == 1
    assert unique(call, handle) == (handle >> 16, kind)


def test_bitmaps_that_cannot_be(call: Caller) -> None:
    assert (call("NtGdiCreateBitmap", 0xFFFFFFFF, 1, 1, 1, 0), call.error) == (0, 87)
    assert (call("NtGdiCreateBitmap", 0x7FFFFFF, 0x7FFFFFF, 1, 32, 0), call.error) == (0, 8)
    assert (call("NtGdiCreateBitmap", 8, 8, 1, 8, 0x10), call.error) == (0, 998)
    assert (call("NtGdiCreateBitmap", 8, 8, 1, 33, 0), call.error) == (0, 87)
    assert unique(call, call("NtGdiCreateBitmap", 0, 5, 1, 24, 0))[1] == 5


# ---------------------------------------------------------------- settings
def test_functions_behind_numbers_are_those_of_the_wine_that_calls(call: Caller) -> None:
    with pytest.raises(Unsupported, match=r"NtUserCallOneParam\(14\)"):
        call("NtUserCallOneParam", 11, 14)
    call.guest.k.win32k.wine = 8
    assert call("NtUserCallOneParam", 11, 14) == 32
    assert call("NtUserCallOneParam", 5, 11) == 0xFFFFFF
    assert call("NtUserCallOneParam", 1, 21) == 1
    assert call("NtUserCallNoParam", 4) == 1
    call.guest.k.win32k.wine = 9
    with pytest.raises(Unsupported, match=r"NtUserCallNoParam\(5\)"):
        call("NtUserCallNoParam", 5)
    call.guest.k.win32k.wine = 10
    assert call("NtUserCallNoParam", 5) == 1


def test_parameters_of_the_system(call: Caller) -> None:
    room = call.guest.room(16)
    assert call("NtUserSystemParametersInfo", 0x30, 0, room, 0) == 1
    assert [call.guest.value(room + 4 * index, 4) for index in range(4)] == [0, 0, 1024, 768]
    assert (call("NtUserSystemParametersInfo", 0x30, 0, 0x10, 0), call.error) == (0, 998)
    with pytest.raises(Unsupported, match="SPI 29h"):
        call("NtUserSystemParametersInfo", 0x29, 0, room, 0)


@pytest.mark.parametrize("build", ["winxp-x64", "win7sp1", "win10-22h2", "win11-24h2", "win7sp1-x86"])
def test_numbers_are_the_builds_own_and_counts_the_published_ones(build: str) -> None:
    numbers, names = numbers_of(BUILDS[build]), win32k.services(build)
    assert "NtGdiCreateBitmap" in numbers
    for name, number in numbers.items():
        assert names[number] == name
        count = implemented()[name].prototype.arg_bytes32 // 4
        assert count == (win32k.arguments(name, BUILDS[build].version) or 0)
