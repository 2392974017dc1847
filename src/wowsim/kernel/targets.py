"""Services that reach into another process: whose kernel is meant (nt!KeStackAttachProcess).

Each process of a machine has a kernel object of its own, with its address space and handles. Who may import it: the
kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.thread import Process, Thread
from wowsim.nt.status import STATUS_ACCESS_DENIED, STATUS_PROCESS_IS_TERMINATING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel
    from wowsim.kernel.scheduler import Scheduler


def process_at(k: Kernel, handle: int, access: int) -> Process:
    """The process behind a handle, the own one or another."""
    found, granted = k.handles.lookup_anywhere(handle, Process)
    if access & ~granted:
        raise GuestFault(STATUS_ACCESS_DENIED)
    return found


def kernel_at(k: Kernel, handle: int, access: int) -> Kernel:
    """What serves the process behind a handle.

    Raises:
        GuestFault: STATUS_PROCESS_IS_TERMINATING where it has ended, besides what a look-up raises.
    """
    found = process_at(k, handle, access)
    if found is k.process:
        return k
    if found.kernel is None or found.ended:
        raise GuestFault(STATUS_PROCESS_IS_TERMINATING)
    return found.kernel


def thread_at(k: Kernel, handle: int, access: int) -> tuple[Thread, Scheduler]:
    """The thread behind a handle, of the own process or another, and who decides when it runs."""
    found, granted = k.handles.lookup_anywhere(handle, Thread)
    if access & ~granted:
        raise GuestFault(STATUS_ACCESS_DENIED)
    return found, found.scheduler or k.scheduler
