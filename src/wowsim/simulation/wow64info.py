"""WOW64INFO: what the kernel tells wow64.dll and wow64cpu, directly behind PEB32.

Layout: wow64-facts section 3.1. Who may import it: the simulation.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wowsim.nt.abi import Memory

_NATIVE_PAGE_SIZE = 0x1000
_CPU_MSFT64 = 1
"""CpuFlags: the CPU is Microsoft's wow64cpu; 2 would be software, whose gate is ``int 2Eh``."""


def write(memory: Memory, address: int, *, turbo: bool) -> None:
    """NativeSystemPageSize, CpuFlags, Wow64ExecuteFlags, InstrumentationCallback."""
    flags = 0
    if not turbo:
        from wowsim.host64.turbo_control import DISABLE_TURBO_DISPATCH

        flags = DISABLE_TURBO_DISPATCH
    memory.write(address, struct.pack("<IIII", _NATIVE_PAGE_SIZE, _CPU_MSFT64, flags, 0))
