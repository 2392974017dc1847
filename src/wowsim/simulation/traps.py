"""Serves trap instructions: address -> routine, and the registers a routine asks for."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wowsim.cpu.core import Core
    from wowsim.image.model import Image
    from wowsim.nt.abi import Memory
    from wowsim.nt.trap import Routine

_DWORD = struct.Struct("<I")


class CpuTrap:
    """The one :class:`wowsim.nt.trap.Trap`, reused for every trap of a simulation."""

    def __init__(self, core: Core, memory: Memory) -> None:
        self.memory = memory
        self.address = self.sp = self.teb32 = self.teb64 = 0
        self._core = core
        self.on_redirection: Callable[[str, str, str], None] | None = None
        """Called with kind, name and target of each redirection while somebody listens."""

    def redirected(self, kind: str, name: str, target: str) -> None:
        """wow64.dll passes on another name."""
        if self.on_redirection is not None:
            self.on_redirection(kind, name, target)

    def register(self, name: str) -> int:
        """A general register by its 64-bit name."""
        return self._core.read(name)

    def set_register(self, name: str, value: int) -> None:
        """Change a general register."""
        self._core.write(name, value)

    def argument(self, index: int) -> int:
        """[esp+4+4*index]: a stack argument of a 32-bit routine at its first instruction."""
        value: int = self.memory.unpack(_DWORD, self.sp + 4 + 4 * index)[0]
        return value


class TrapTable:
    """Trap addresses of the mapped images, bound to routines.

    Args:
        core: the CPU.
        trap: what routines get.
        routines: by trap name, each asked for when its trap is reached for the first time.
        unsupported: decides what a routine (its trap's name) that came upon something missing returns; may raise.
    """

    def __init__(
        self,
        core: Core,
        trap: CpuTrap,
        routines: Sequence[Mapping[str, Routine]],
        unsupported: Callable[[str, Unsupported], int],
    ) -> None:
        self._core, self._trap, self._routines, self._unsupported = core, trap, routines, unsupported
        self._names: dict[int, str] = {}
        self._bound: dict[int, tuple[str, Routine]] = {}
        """Traps that were reached."""
        self._rax = core.batch("rax")

    def add(self, image: Image, base: int) -> None:
        """Know the traps of an image mapped at ``base``."""
        for rva, name in image.traps.items():
            self._names[base + rva] = name
            self._bound.pop(base + rva, None)

    def name_at(self, address: int) -> str | None:
        """The routine's name behind a trap address."""
        return self._names.get(address)

    def serve(self, address: int, sp: int) -> bool:
        """Run the routine of the trap at ``address``, reached with that ESP or RSP; False when none lies there."""
        found = self._bound.get(address)
        if found is None:
            if address not in self._names:
                return False
            found = self._bind(address)
        trap = self._trap
        trap.address = address
        trap.sp = sp
        try:
            result = found[1](trap)
        except GuestFault as fault:
            # a routine without a status of its own: the guest sees what a faulting routine would leave
            result = fault.status
        except Unsupported as error:
            result = self._unsupported(found[0], error)
        if result is not None:
            self._rax.write(result & 0xFFFFFFFF)
        return True

    def _bind(self, address: int) -> tuple[str, Routine]:
        name = self._names[address]
        routine = next((each[name] for each in self._routines if name in each), None)
        found = self._bound[address] = name, _missing(name) if routine is None else routine
        return found


def _missing(name: str) -> Routine:
    def refuse(trap: object) -> int | None:
        raise Unsupported(f"the routine behind trap {name} is not implemented")

    return refuse
