"""A 32-bit stack walk at a service call of 32-bit Windows, as a debugger without symbols of frames shows it.

At SYSENTER two return addresses lie on the stack: into the stub, and the stub's caller's. Further out the chain of
EBP is followed. Who may import it: ``simulation.tracer`` and ``simulation.way``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wowsim.cpu.paging import PageTables
    from wowsim.trace.symbols import SymbolTable

MAX_FRAMES = 64
_PAIR = struct.Struct("<II")


class NativeStackWalker:
    """Walks the stack of one process."""

    def __init__(self, tables: PageTables, symbols: SymbolTable) -> None:
        self._tables, self._symbols = tables, symbols

    def walk(self, eip: int, esp: int, ebp: int) -> tuple[str, ...]:
        """Frames from the SYSENTER at ``eip`` outwards; the walk ends where no known module is returned to."""
        try:
            returns = self._tables.unpack(_PAIR, esp & 0xFFFFFFFF)
        except GuestFault:
            returns = ()
        return self.outwards((eip + 1, *returns), ebp)

    def outwards(self, returns: Iterable[int], ebp: int) -> tuple[str, ...]:
        """Frames of return addresses, innermost first, then along the chain of EBP."""
        frames: list[str] = []
        try:
            for address in returns:
                if not self._add(frames, address, 1):
                    return tuple(frames)
            ebp &= 0xFFFFFFFF
            while len(frames) < MAX_FRAMES:
                outer, address = self._tables.unpack(_PAIR, ebp)
                if not self._add(frames, address, 1) or outer <= ebp:
                    break
                ebp = outer
        except GuestFault:
            pass  # the chain ends where memory does
        return tuple(frames)

    def _add(self, frames: list[str], address: int, back: int) -> bool:
        """Name the frame of a code address; a return address may already belong to the next symbol."""
        found = self._symbols.at(address - back)
        if found is not None:
            frames.append(found[0])
        return found is not None
