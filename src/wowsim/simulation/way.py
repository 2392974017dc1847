"""The frames from the program to where the CPU stands, read off the stacks: for runs that record no path.

The 64-bit stack ends in wow64cpu; the CPU area has the 32-bit registers from there on (wow64-facts sections 3.2 and
3.3). A 32-bit function without EBP frame is not seen. Who may import it: ``simulation.simulation``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.nt.builds import Gate
from wowsim.simulation.stack import INSIDE, StackWalker
from wowsim.simulation.stack32 import NativeStackWalker

if TYPE_CHECKING:
    from wowsim.simulation.machine import Machine
    from wowsim.trace.symbols import SymbolTable

TRAP_SIZE = 2
_AREA_SLOT = 0x1488
"""TEB64.TlsSlots[1]: the CPU area."""
_EBP = 4 + 0xB4
"""WOW64_CONTEXT.Ebp in it, with Eip, SegCs, EFlags and Esp behind."""
_REGISTERS = struct.Struct("<II8xI")
_QWORD, _DWORD = struct.Struct("<Q"), struct.Struct("<I")


class Way:
    """Walks both stacks of one machine.

    Args:
        machine: the machine.
        symbols: of what is mapped.
    """

    def __init__(self, machine: Machine, symbols: SymbolTable) -> None:
        self._machine = machine
        self._wide = StackWalker(machine.tables, symbols)
        self._narrow = NativeStackWalker(machine.tables, symbols)
        self._where = machine.core.batch("rip", "rsp", "rbp")

    def frames(self) -> tuple[str, ...]:
        """From the program, or as far out as the stacks are understood, to the instruction that runs."""
        rip, rsp, rbp = self._where.read()
        machine = self._machine
        if machine.core.bits == 32:
            at_call = machine.native_calls is not None and not self._in_trap(rip)
            walk = self._narrow.walk(rip, rsp, rbp) if at_call else self._narrow.outwards((rip + 1,), rbp)
            return walk[::-1]
        frames = self._wide.walk(rip, rsp)
        gate = next((index for index, frame in enumerate(frames) if frame in INSIDE), None)
        if gate is None:
            return frames[::-1]
        try:
            outer = self._behind_the_gate(frames[:gate], rbp)
        except GuestFault:
            outer = ()
        return (*outer[::-1], *frames[gate::-1])

    def _in_trap(self, eip: int) -> bool:
        """Whether the CPU stands behind a trap of ours, not in a call of the kernel."""
        traps = self._machine.traps
        return traps is not None and traps.name_at(eip - TRAP_SIZE) is not None

    def _behind_the_gate(self, inner: tuple[str, ...], rbp: int) -> tuple[str, ...]:
        """The 32-bit frames, innermost first: the stub, its caller, and along the chain of EBP."""
        machine = self._machine
        unpack = machine.tables.unpack
        (area,) = unpack(_QWORD, machine.trap.teb64 + _AREA_SLOT)
        ebp, eip, esp = unpack(_REGISTERS, area + _EBP)
        build = machine.build
        if build.gate is Gate.SWITCH_TO_64 and not any(frame.startswith("wow64!") for frame in inner):
            ebp = rbp & 0xFFFFFFFF  # only the way to wow64.dll saves it
        (caller,) = unpack(_DWORD, esp if build.gate_pops else esp + 4)
        return self._narrow.outwards((eip, caller), ebp)
