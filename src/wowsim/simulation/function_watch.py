"""Watching the calls of one guest function whose inside is not known: its entry, and where each call returns to.

A return is told from other arrivals at the same address by thread and stack pointer. Stands for a debugger's ``gu``.
Who may import it: ``simulation.interception``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.simulation.breakpoints import Breakpoints
    from wowsim.simulation.machine import Machine

_QWORD = struct.Struct("<Q")


class FunctionWatch:
    """The calls of one 64-bit function.

    Args:
        machine: the machine.
        breakpoints: watches code.
        symbol: ``module!name``; the module need not be mapped yet.
        entered: called at the entry with RCX and RDX; an answer becomes EAX, and the function does not run.
        returned: called behind each call with RCX and RDX of its entry and with EAX; an answer replaces EAX.
    """

    def __init__(
        self,
        machine: Machine,
        breakpoints: Breakpoints,
        symbol: str,
        entered: Callable[[int, int], int | None] | None,
        returned: Callable[[int, int, int], int | None] | None,
    ) -> None:
        self._machine, self._core, self._breakpoints = machine, machine.core, breakpoints
        self._entered, self._returned = entered, returned
        self._calls: dict[tuple[int, int], tuple[int, int]] = {}
        """RCX and RDX by thread and the stack pointer that the call has behind it."""
        self._watched: dict[int, Callable[[], None]] = {}
        self._registers = self._core.batch("rsp", "rcx", "rdx")
        self._behind = self._core.batch("rsp", "rax")
        self._remove = breakpoints.at_symbol(symbol, self._at_entry)

    def remove(self) -> None:
        """Watch no longer."""
        self._remove()
        for remove in self._watched.values():
            remove()
        self._watched.clear()

    def _at_entry(self) -> None:
        rsp, rcx, rdx = self._registers.read()
        (back,) = self._machine.tables.unpack(_QWORD, rsp)
        if self._entered is not None:
            answer = self._entered(rcx, rdx)
            if answer is not None:
                status, core = answer, self._core
                core.later(lambda: core.batch("rax", "rsp", "rip").write(status, rsp + 8, back))
                return
        if self._returned is not None:
            self._calls[self._machine.kernel.thread.id, rsp + 8] = rcx, rdx
            if back not in self._watched:
                self._watched[back] = self._breakpoints.at(back, self._at_return)

    def _at_return(self) -> None:
        rsp, rax = self._behind.read()
        call = self._calls.pop((self._machine.kernel.thread.id, rsp), None)
        if call is None or self._returned is None:
            return
        answer = self._returned(*call, rax & 0xFFFFFFFF)
        if answer is not None:
            self._core.write("rax", answer)
