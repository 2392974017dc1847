"""A 64-bit stack walk over wowsim's own modules, as a debugger shows it.

Their functions begin with pushes and one ``sub rsp, n`` and move RSP nowhere else, so the size of a frame is read
off the code itself. ServiceNoTurbo runs on the frame of the routine that entered 32-bit code.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from wowsim.errors import GuestFault, UsageError

if TYPE_CHECKING:
    from wowsim.cpu.paging import PageTables
    from wowsim.trace.symbols import SymbolTable

MAX_FRAMES = 64
_QWORD = struct.Struct("<Q")
_HOSTS = ("wow64cpu!CpuSimulate", "wow64cpu!RunSimulatedCode")
INSIDE = frozenset(
    f"wow64cpu!{label}"
    for label in (
        "ServiceNoTurbo",
        "CpupReturnFromSimulatedCode",
        "TurboDispatchJumpAddressStart",
        "Thunk0Arg",
        "TagReturn",
    )
)
"""Labels of wow64cpu that execute on the simulation routine's frame."""


def frame_size(code: bytes) -> int:
    """Bytes a prologue takes from the stack: pushes and ``sub rsp, n``."""
    at = size = 0
    while at < len(code):
        if code[at] & 0xF8 == 0x50:
            size, at = size + 8, at + 1
        elif code[at] == 0x41 and at + 1 < len(code) and code[at + 1] & 0xF8 == 0x50:
            size, at = size + 8, at + 2
        elif code[at : at + 3] == b"\x48\x83\xec":
            return size + int.from_bytes(code[at + 3 : at + 4], "little")
        elif code[at : at + 3] == b"\x48\x81\xec":
            return size + int.from_bytes(code[at + 3 : at + 7], "little")
        else:
            break
    return size


class _Place(NamedTuple):
    """What is known of a code address: the frames it stands for, and the bytes they take."""

    names: tuple[str, ...]
    size: int


class StackWalker:
    """Walks the stack of one process; what it learns of code addresses is kept while the modules stay."""

    def __init__(self, tables: PageTables, symbols: SymbolTable) -> None:
        self._tables, self._symbols = tables, symbols
        self._places: dict[tuple[int, int], _Place | None] = {}
        self._generation = symbols.generation

    def walk(self, rip: int, rsp: int) -> tuple[str, ...]:
        """Frames from ``rip`` outwards; the walk ends where no known module is returned to."""
        if self._generation != self._symbols.generation:
            self._generation = self._symbols.generation
            self._places.clear()
        frames: list[str] = []
        unpack, places = self._tables.unpack, self._places
        inner = 0
        while len(frames) < MAX_FRAMES:
            key = (rip, inner)
            if key not in places:
                places[key] = self._place(rip, inner)
            place = places[key]
            if place is None:
                break
            frames.extend(place.names)
            try:
                (rip,) = unpack(_QWORD, rsp + place.size)
            except GuestFault:
                break
            rsp += place.size + 8
            inner = 1
        return tuple(frames)

    def _place(self, rip: int, back: int) -> _Place | None:
        """The frame at an address; a return address (``back`` 1) may already belong to the next symbol."""
        found = self._symbols.at(rip - back)
        if found is None:
            return None
        name, offset = found
        start = rip - back - offset
        names: tuple[str, ...] = (name,)
        if name in INSIDE:
            host = self._host()
            if host is None:
                return None
            start, names = self._symbols.address(host), (name, host)
        return _Place(names, frame_size(self._tables.peek(start, 0x20) or b""))

    def _host(self) -> str | None:
        """The routine of this build that runs 32-bit code."""
        for name in _HOSTS:
            try:
                self._symbols.address(name)
            except UsageError:
                continue
            return name
        return None
