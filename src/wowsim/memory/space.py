"""The user address space of one process: everything the memory manager does to it, in one object.

Who may import it: kernel services, the CPU side and the simulation.
"""

from __future__ import annotations

from wowsim.memory.access import GuestMemory
from wowsim.memory.locking import Locking
from wowsim.memory.protect import Protecting
from wowsim.memory.views import Views
from wowsim.memory.write_watch import WriteWatch


class AddressSpace(Views, Protecting, WriteWatch, Locking, GuestMemory):
    """VAD tree, page tables and commit charge of a process; also its ``wowsim.nt.abi.Memory``."""
