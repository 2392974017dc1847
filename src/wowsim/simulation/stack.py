"""A 64-bit stack walk over wowsim's own modules, as a debugger shows it.

Their functions begin with pushes and one ``sub rsp, n`` and move RSP nowhere else, so the size of a frame is read
off the code itself. ServiceNoTurbo runs on the frame of the routine that entered 32-bit code.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wowsim.cpu.paging import PageTables
    from wowsim.trace.symbols import SymbolTable

MAX_FRAMES = 64
_QWORD = struct.Struct("<Q")
_INSIDE = frozenset(
    (
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
            return size + code[at + 3]
        elif code[at : at + 3] == b"\x48\x81\xec":
            return size + int.from_bytes(code[at + 3 : at + 7], "little")
        else:
            break
    return size


def _host(symbols: SymbolTable) -> str:
    """The routine of this build that runs 32-bit code."""
    for name in ("wow64cpu!CpuSimulate", "wow64cpu!RunSimulatedCode"):
        try:
            symbols.address(name)
        except KeyError:
            continue
        return name
    raise LookupError("wow64cpu has no simulation routine")


def walk(tables: PageTables, symbols: SymbolTable, rip: int, rsp: int) -> tuple[str, ...]:
    """Frames from ``rip`` outwards, ``module!symbol``; the walk ends where no known module is returned to."""
    frames: list[str] = []
    while len(frames) < MAX_FRAMES:
        # a return address may already belong to the next symbol: look up the call before it
        back_one = 1 if frames else 0
        found = symbols.at(rip - back_one)
        if found is None:
            break
        name, offset = found[0], found[1] + back_one
        frames.append(name)
        start = rip - offset
        if name.startswith("wow64cpu!") and name.partition("!")[2] in _INSIDE:
            host = _host(symbols)
            frames.append(host)
            start = symbols.address(host)
        size = frame_size(tables.peek(start, 0x20) or b"")
        back = tables.peek(rsp + size, 8)
        if back is None:
            break
        rip, rsp = _QWORD.unpack(back)[0], rsp + size + 8
    return tuple(frames)
