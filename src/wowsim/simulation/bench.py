"""A processor on a test bench: a few bytes of guest code from a given state to their first exception.

The machine of a Simulation whose process has not started: own pages, own bases of FS and GS, and every exception
shown at its first chance instead of being delivered. Stands for no Windows component. Who may import it: everybody
above the simulation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wowsim.cpu.segments import Descriptor
from wowsim.errors import StopReason, UsageError
from wowsim.nt.records import dataclass
from wowsim.simulation.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wowsim.nt.exceptions import ExceptionRecord

PROTECTIONS = {"none": 0x01, "r": 0x02, "rw": 0x04, "rx": 0x20, "rwx": 0x40, "guard": 0x104}
"""PAGE_* value of each word."""
LIMIT = 10_000
"""Instructions after which code that raises nothing is given up."""
_BLOCK, _PAGE = 0x10000, 0x1000
_RESERVE, _COMMIT, _RELEASE = 0x2000, 0x1000, 0x8000


@dataclass(frozen=True)
class Pages:
    """Guest memory: the contents of whole pages, and one of :data:`PROTECTIONS`.

    Pages with protection none or guard have no contents of their own.
    """

    address: int
    contents: bytes
    protection: str

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.contents)


@dataclass(frozen=True)
class Sighting:
    """The state at the first exception.

    Attributes:
        registers: by 64-bit name, with ``rip`` as the exception's context has it.
        memory: what lies in the pages, None where nothing can.
        record: the exception, before anybody could handle it; None when none came.
        vector: of the exception, as the CPU said; ``error`` its error code.
        detail: why the run ended when no exception did it.
    """

    registers: dict[str, int]
    memory: tuple[bytes | None, ...]
    record: ExceptionRecord | None
    vector: int | None
    error: int
    detail: str


class Bench:
    """One machine for any number of runs; each begins with the whole state it is given.

    Args:
        build: one of :func:`wowsim.builds`.
        cpu_vendor: ``"intel"`` or ``"amd"``.
    """

    def __init__(self, build: str, cpu_vendor: str) -> None:
        self._sim = Simulation(build, cpu_vendor=cpu_vendor)
        if not self._sim.build.wow64:
            self._sim.close()
            raise UsageError(
                f"build {build!r} is a 32-bit Windows; the cases are of the modes under 64-bit Windows"
            )
        self._sim.load_shellcode(b"\xf4")  # a process to stand in; it never starts
        self._machine = self._sim._machine
        self._machine.raised = self._note
        self._descriptors = dict(self._sim.gdt)
        self._seen: tuple[ExceptionRecord, dict[str, int]] | None = None

    def close(self) -> None:
        """Release the machine."""
        self._sim.close()

    def _note(self, record: ExceptionRecord, registers: dict[str, int]) -> bool:
        if self._seen is None:
            self._seen = record, registers
        self._sim.stop()
        return True

    def run(
        self,
        registers: Mapping[str, int],
        pages: Sequence[Pages],
        descriptors: Mapping[int, int],
        chunk: int = LIMIT,
    ) -> Sighting:
        """Run from a state to the first exception.

        Args:
            registers: general registers, ``rip``, ``cs``, ``ss``, ``rflags``, ``fs_base`` and ``gs_base``.
            pages: memory beside the process's own.
            descriptors: GDT entries by selector, in the place of Windows's.
            chunk: instructions at a time; 1 steps.

        Raises:
            UsageError: the pages overlap each other or the process.
        """
        machine = self._machine
        self._seen = machine.fault = machine.stopped = None
        self._describe(registers["fs_base"], descriptors)
        blocks = self._map(pages)
        try:
            machine.core.enter(registers)
            detail = self._execute(chunk)
            record, state = self._seen or (None, machine.core.read_all())
            found = tuple(machine.tables.peek(p.address, p.size) for p in pages)
        finally:
            for block in blocks:
                machine.space.free(block, 0, _RELEASE)
        vector, error = (None, 0) if machine.fault is None else (machine.fault.vector, machine.fault.error)
        return Sighting(state, found, record, vector, error, detail)

    def _execute(self, chunk: int) -> str:
        """Run to the first exception or the limit; says why it ended."""
        for _ in range(0, LIMIT, chunk):
            stop, _ = self._sim._runner.run(chunk, None, None)
            if stop.reason is not StopReason.LIMIT:
                break
        return stop.detail

    def _describe(self, fs_base: int, descriptors: Mapping[int, int]) -> None:
        gdt = self._sim.gdt
        for selector, descriptor in self._descriptors.items():
            gdt[selector] = descriptor
        gdt[0x53] = replace(self._descriptors[0x50], base=fs_base)
        for selector, value in descriptors.items():
            gdt[selector] = Descriptor.decode(value)

    def _map(self, pages: Sequence[Pages]) -> list[int]:
        space, tables = self._machine.space, self._machine.tables
        blocks = sorted({at for p in pages for at in range(p.address & -_BLOCK, p.address + p.size, _BLOCK)})
        for block in blocks:
            if space.vads.at(block >> 12) is not None:
                raise UsageError(f"the pages at {block:#x} are the process's own")
            space.allocate(block, _BLOCK, _RESERVE, PROTECTIONS["rw"])
        for p in pages:
            space.allocate(p.address, p.size, _COMMIT, PROTECTIONS[p.protection])
            if p.protection not in ("none", "guard"):
                for at in range(p.address, p.address + p.size, _PAGE):
                    tables.resolve(at, p.protection in ("rw", "rwx"))
                tables.poke(p.address, p.contents)
        return blocks
