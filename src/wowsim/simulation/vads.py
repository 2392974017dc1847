"""``sim.vads``: the VAD tree of the process as rows, now and after each step of its creation.

Stands for what ``!vad`` answers in a kernel debugger, and for the reasons nobody answers. Reads only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import UsageError
from wowsim.memory.creation import STEPS, step_named
from wowsim.memory.rows import explain, row_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.memory.creation import ProcessSpace
    from wowsim.memory.rows import VadRow
    from wowsim.memory.space import AddressSpace

RUNNING = STEPS[-1]


class Vads:
    """The regions of one process, ascending by address.

    ``for row in vads`` and ``len(vads)`` are about the tree as it is now; ``vads[address]`` is the region that
    holds an address, ``address in vads`` whether there is one.

    Args:
        space: the address space.
        process: how it was built; None before a program is loaded.
    """

    def __init__(self, space: AddressSpace, process: ProcessSpace | None) -> None:
        self._space = space
        self._process = process

    def __iter__(self) -> Iterator[VadRow]:
        return iter(self.rows())

    def __len__(self) -> int:
        return len(self._space.vads)

    def __contains__(self, address: object) -> bool:
        return isinstance(address, int) and self.at(address) is not None

    def __getitem__(self, address: int) -> VadRow:
        found = self.at(address)
        if found is None:
            raise KeyError(self.explain(address))
        return found

    def __repr__(self) -> str:
        return f"<Vads of {self._space.layout.name}: {len(self)} regions>"

    def at(self, address: int) -> VadRow | None:
        """The region that holds an address, or None."""
        vad = self._space.vads.at(address >> 12)
        return None if vad is None else row_of(vad)

    def rows(self) -> tuple[VadRow, ...]:
        """Every region as it is now."""
        return rows_of(self._space)

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps of process creation that were passed, in order; the last one is ``running``."""
        return () if self._process is None else tuple(self._process.snapshots)

    def step(self, name: str) -> tuple[VadRow, ...]:
        """Every region as it was at the end of a step; of ``running``, as it is now.

        Args:
            name: one of :attr:`steps`, in any spelling in use (``PsMapSystemDlls``, ``MmInitializeUserNoAccess``).

        Raises:
            UsageError: no such step, or this process has not passed it.
        """
        if self._process is None:
            raise UsageError("nothing is loaded; call load() or load_shellcode() first")
        if step_named(name) == RUNNING:
            return self.rows()
        return self._process.snapshot(name)

    def explain(self, address: int) -> str:
        """One sentence: why an address is free, taken or forbidden, and the step or service that made it so."""
        return explain(self._space, address)
