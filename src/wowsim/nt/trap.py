"""What a Python routine behind a trap instruction gets: registers, memory and the thread's blocks.

A trap stands where the build's own routine converts data without calling the kernel (path conversion, import
resolution, a 32->64 thunk's copies). Control flow stays guest code: a trap returns to the next instruction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wowsim.nt.abi import Memory


class Trap(Protocol):
    """One trap being served. Register values are unsigned; writes take effect when the routine returns."""

    memory: Memory
    address: int
    """Address of the trap instruction."""
    sp: int
    """ESP or RSP at the trap."""
    teb32: int
    """The current thread's 32-bit TEB; ``teb64`` the 64-bit one."""
    teb64: int

    def register(self, name: str) -> int:
        """Any general register by its 64-bit name, lower case (``rcx``)."""

    def set_register(self, name: str, value: int) -> None:
        """Change a general register (64-bit name; in 32-bit code the value is cut to 32 bits)."""

    def argument(self, index: int) -> int:
        """The ``index``-th stack argument of a 32-bit routine whose trap is its first instruction: [esp+4+4*index]."""

    def redirected(self, kind: str, name: str, target: str) -> None:
        """Tell who listens that wow64.dll passes on another name: ``kind`` is ``"file"`` or ``"registry"``."""


Routine = Callable[[Trap], "int | None"]
"""A routine behind a trap: an int becomes EAX/RAX (cut to the mode's width), None leaves it."""
