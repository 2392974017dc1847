"""The user address space of one process: everything the memory manager does to it, in one object.

Who may import it: kernel services, the CPU side and the simulation.
"""

from __future__ import annotations

from wowsim.memory.access import GuestMemory
from wowsim.memory.protect import Protecting
from wowsim.memory.views import Views


class AddressSpace(Views, Protecting, GuestMemory):
    """VAD tree, page tables and commit charge of a process; also its ``wowsim.nt.abi.Memory``."""
