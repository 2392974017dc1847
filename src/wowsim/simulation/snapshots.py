"""Snapshots: the state of a whole simulation, and going back to it.

Stands for a virtual machine's snapshot. Three parts: guest memory by the pages that were written
(``cpu.history``), the CPU's registers, and the kernel's Python objects (``simulation.memento``), which are found by
walking, so that a part of the kernel need not know that there are snapshots. What watches the simulation (events'
listeners, breakpoints, replaced services, traces) is the caller's and stays as it is; so do files of the host. Who may
import it: ``simulation.simulation``.
"""

from __future__ import annotations

from mmap import mmap
from typing import TYPE_CHECKING

from wowsim.cpu.core import Core
from wowsim.cpu.engine import Batch
from wowsim.cpu.history import MemoryHistory
from wowsim.cpu.paging import PhysicalMemory
from wowsim.cpu.recorder import Recorder
from wowsim.image.model import Image
from wowsim.kernel.standard_input import Piece
from wowsim.kernel.table import ServiceTable
from wowsim.nt.builds import Build
from wowsim.simulation.breakpoints import Breakpoints
from wowsim.simulation.gates import Gates
from wowsim.simulation.interception import Interception
from wowsim.simulation.memento import Memento
from wowsim.simulation.observers import Observers
from wowsim.simulation.refusals import Refusals
from wowsim.simulation.tracer import Trace, Tracer
from wowsim.simulation.way import Way
from wowsim.trace.path import Paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wowsim.cpu.core import CoreState
    from wowsim.cpu.history import MemoryState
    from wowsim.simulation.machine import Machine
    from wowsim.simulation.runner import Position, Runner
    from wowsim.trace.flow import Bits

OPAQUE = (
    *(Core, Batch, PhysicalMemory, mmap),  # their states are taken by their own means
    *(Recorder, Paths),  # the runner's position tells what matters of them
    *(Image, Build),  # never change
    Piece,  # knows what was read, also by who came later
    *(Breakpoints, Gates, Observers, ServiceTable, Trace, Tracer),  # the caller's
    *(Interception, Refusals, Way),  # likewise
)
"""Classes whose instances the walk leaves alone."""


class Snapshot:
    """A state of a simulation, made by ``Simulation.snapshot()``. It can be gone back to any number of times.

    Attributes:
        address: of the instruction that runs next.
        pages: of guest memory that are not zero.
    """

    def __init__(
        self,
        owner: Snapshots,
        memory: MemoryState,
        cpu: CoreState,
        objects: Memento,
        position: Position,
        gate: tuple[int, Bits] | None,
        attributes: Mapping[str, object],
        address: int,
    ) -> None:
        self.owner, self.memory, self.cpu, self.objects = owner, memory, cpu, objects
        self.position, self.gate, self.attributes, self.address = position, gate, attributes, address
        self.pages = memory.used

    def __repr__(self) -> str:
        """``<Snapshot at 73852320: 1131 pages>``."""
        return f"<Snapshot at {self.address:x}: {self.pages} pages>"


class Snapshots:
    """Takes a simulation's snapshots and goes back to them.

    Args:
        machine: the machine, before any of its memory is used.
        runner: runs it.
        gates: the watch on changes of mode.
        follow: sees to it that breakpoints follow the modules, once these are as they were.
        leave: further objects that are the caller's.
    """

    def __init__(
        self,
        machine: Machine,
        runner: Runner,
        gates: Gates,
        follow: Callable[[], None],
        *,
        leave: Iterable[object],
    ) -> None:
        self._machine, self._runner, self._gates, self._follow = machine, runner, gates, follow
        self._history = MemoryHistory(machine.tables)
        self._leave = (*leave, self, runner.recorders, machine.tables.code_frames)

    def take(self, attributes: Mapping[str, object]) -> Snapshot:
        """The state of everything reachable from the simulation's attributes; the CPU must stand."""
        memory = self._history.take()  # first: from here on the page tables note what is written
        core = self._machine.core
        objects = Memento(attributes.values(), opaque=OPAQUE, leave=self._leave)
        position, gate = self._runner.position(), self._gates.previous
        return Snapshot(self, memory, core.state(), objects, position, gate, attributes, core.read("rip"))

    def put_back(self, snapshot: Snapshot) -> None:
        """Make everything what it was, objects in place."""
        self._history.put_back(snapshot.memory)
        snapshot.objects.restore()
        self._follow()  # before the CPU's state, which says what breakpoint it stands at
        self._machine.core.set_state(snapshot.cpu)
        self._runner.set_position(snapshot.position)
        self._gates.previous = snapshot.gate
