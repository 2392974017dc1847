r"""What the processes of one machine share (everything in ring 0 that is not the process' own).

Each process has a kernel object of its own for its address space, handles, threads and window station; the clock and
the console are the same from the beginning, the volume, the registry, the object namespace, atoms and ids are taken
over here. ``\KnownDlls`` and ``\KnownDlls32`` stay a process' own, as the images behind them are in its memory. Who
may import it: the simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.kernel.token import process_token

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel

OWN_DIRECTORIES = (r"\KnownDlls", r"\KnownDlls32")


def join(child: Kernel, parent: Kernel) -> None:
    """Make ``child``, of which nothing has run, the kernel of a child process of ``parent``'s."""
    child.volume, child.files = parent.volume, parent.files
    child.registry = parent.registry
    child.namespace = parent.namespace.with_own(OWN_DIRECTORIES)
    child.atoms, child.win32k.atoms = parent.atoms, parent.win32k.atoms
    child.languages, child.uuids, child.ids = parent.languages, parent.uuids, parent.ids
    child.keyed_event, child.cpu_vendor = parent.keyed_event, parent.cpu_vendor
    process = child.process
    process.id, process.parent_id = parent.next_thread_id(), parent.process.id
    child.thread.id = parent.next_thread_id()
    process.token = process_token(parent).copy(parent)
    process.created = parent.clock.now
    child.relatives = parent.relatives
    child.relatives.append(process)
