"""Collects a run's trace: calls with paths, blocks, and on request every instruction with its operand.

The path and the stack of a call are taken at the SYSCALL, while the blocks that led there are still in the ring.
"""

from __future__ import annotations

from array import array
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Literal

from wowsim.errors import UsageError
from wowsim.nt.records import dataclass
from wowsim.simulation.arguments import named
from wowsim.simulation.stack import StackWalker
from wowsim.simulation.stack32 import NativeStackWalker
from wowsim.trace.events import Call, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wowsim.cpu.recorder import Block, Recorder
    from wowsim.kernel.table import Service
    from wowsim.simulation.machine import Machine
    from wowsim.trace.path import Paths
    from wowsim.trace.symbols import SymbolTable

Level = Literal["calls", "blocks", "full"]
LEVELS = ("calls", "blocks", "full")


PROGRAM_STEPS = 8
"""How many of the program's own instructions stay before the call they led to."""


def nt_name(name: str) -> str:
    """``ZwCreateFile`` and ``NtCreateFile`` are the same service."""
    return "Nt" + name[2:] if name.startswith("Zw") else name


class Trace:
    """What one or more runs recorded.

    Attributes:
        level: ``calls``, ``blocks`` or ``full``.
        events: rare events in order (gates, memory changes).
    """

    def __init__(self, level: Level) -> None:
        self.level = level
        self.events: list[Any] = []
        self._calls: list[Call] = []
        self._blocks: list[Block] = []
        self._ids: array[int] = array("I")

    def calls(self, name: str | None = None) -> list[Call]:
        """The service calls in order; with ``name`` (Nt or Zw) only those of that service."""
        if name is None:
            return list(self._calls)
        wanted = nt_name(name)
        return [call for call in self._calls if call.name == wanted]

    @property
    def blocks(self) -> Iterator[Block]:
        """Every executed block in order.

        Raises:
            UsageError: the trace level did not keep them.
        """
        if self.level == "calls":
            raise UsageError('trace="calls" keeps no blocks; run with trace="blocks" or trace="full"')
        return (self._blocks[id] for id in self._ids)

    @property
    def steps(self) -> Iterator[Step]:
        """Every instruction of every call's way, with ``trace="full"``."""
        return (step for call in self._calls for step in call.steps)

    def __repr__(self) -> str:
        return f"<Trace {self.level}: {len(self._calls)} calls>"


@dataclass
class _Way:
    """One thread's way into the system and back, for ``full``.

    Attributes:
        steps: its instructions since it last left the program.
        open: index of the call they belong to, until that has them.
        in_system: whether the last one was Windows' own.
        begin: where the open call's way begins; ``returned`` where it came back.
        entry_sp: what the program entered with.
    """

    steps: list[Step] = field(default_factory=list)
    open: int | None = None
    in_system: bool = True
    begin: int = 0
    returned: int = 0
    entry_sp: int | None = None


class Tracer:
    """Feeds a :class:`Trace`, one run's, while the machine runs.

    Args:
        machine: the machine.
        symbols: names of its modules.
        recorder: the attached block recorder.
        trace: what to fill.
        paths: computes paths; it has seen the blocks before ``seen``.
        seen: position of the recorder up to which it has.
        step: makes a Step of an instruction about to run (address, size), for ``full``.
    """

    def __init__(
        self,
        machine: Machine,
        symbols: SymbolTable,
        recorder: Recorder,
        trace: Trace,
        paths: Paths,
        seen: int,
        step: Callable[[int, int], Step] | None,
    ) -> None:
        self._machine, self._symbols, self._recorder = machine, symbols, recorder
        self._trace, self._paths, self._step = trace, paths, step
        self._seen, self._start, self._base = seen, recorder.position, recorder.executed
        self._ways: dict[int, _Way] = {}
        self._unwatch: Callable[[], None] | None = None
        self._where = machine.core.batch("rip", "rsp")
        self._stack = self._walker()

    @property
    def seen(self) -> int:
        """Position of the recorder up to which the paths are computed."""
        return self._seen

    def _walker(self) -> Callable[[int, int], tuple[str, ...]]:
        machine = self._machine
        if machine.build.wow64:
            return StackWalker(machine.tables, self._symbols).walk
        walk, core = NativeStackWalker(machine.tables, self._symbols).walk, machine.core
        return lambda rip, rsp: walk(rip, rsp, core.read("rbp"))

    def start(self) -> None:
        """Begin to listen."""
        if self._step is not None:
            self._unwatch = self._machine.core.watch(self._each)
        if self._machine.threads is not None:
            self._machine.threads.leaving.append(self._follow)

    def stop(self) -> None:
        """Stop listening and take over what the recorder kept."""
        if self._unwatch is not None:
            self._unwatch()
        if self._machine.threads is not None:
            self._machine.threads.leaving.remove(self._follow)
        self._follow()
        for way in self._ways.values():
            self._close_steps(way)
        if self._trace.level != "calls":
            self._trace._blocks = self._recorder.blocks
            self._trace._ids = self._recorder.ids(self._start)

    def _follow(self) -> None:
        """Give the blocks that ran since the last look to the thread that ran them."""
        ids, complete = self._recorder.since(self._seen)
        self._seen = self._recorder.position
        self._paths.run(ids, self._machine.kernel.thread.id, complete=complete)

    def path(self) -> tuple[str, ...]:
        """The frames of the thread that runs, up to the block it is in."""
        self._follow()
        return self._paths.path(self._machine.kernel.thread.id)

    def _way(self) -> _Way:
        thread = self._machine.kernel.thread.id
        way = self._ways.get(thread)
        if way is None:
            way = self._ways[thread] = _Way()
        return way

    def observe(self, service: Service, number: int, values: Sequence[Any]) -> Callable[[int], None]:
        """A service is about to run; what is returned takes its status."""
        machine, trace = self._machine, self._trace
        tables = machine.tables
        rip, rsp = self._where.read()
        before = named(tables, machine.kernel.width, service.prototype, values)
        self._follow()
        thread, way = machine.kernel.thread.id, self._way()
        call = Call(
            name=service.name,
            number=number,
            status=None,
            arguments=before,
            path=self._paths.path(thread),
            stack=self._stack(rip, rsp),
            thread=thread,
            index=len(trace._calls),
            instructions=self._recorder.executed - self._base,
            teb32=machine.trap.teb32,
        )
        index = len(trace._calls)
        trace._calls.append(call)
        self._close_steps(way)
        way.open = index

        def done(status: int) -> None:
            way.returned = len(way.steps)
            after = before | {
                name: value
                for name, value in named(tables, machine.kernel.width, service.prototype, values).items()
                if value is not None
            }
            trace._calls[index] = replace(trace._calls[index], status=status, arguments=after)

        return done

    # ------------------------------------------------------------ full
    def _each(self, address: int, size: int) -> None:
        """One instruction is about to run.

        A call's way begins where the program enters the system's code and ends where it is back with what it
        entered with on the stack; hooks in between belong to the way.
        """
        assert self._step is not None
        way = self._way()
        system = self._symbols.is_system(address)
        if system != way.in_system:
            way.in_system = system
            sp = self._where.read()[1]
            if system and way.entry_sp is None:
                way.entry_sp = sp
            elif not system and self._is_back(way, sp):
                self._close_steps(way)
                way.steps.clear()
                way.begin = way.returned = 0
                way.entry_sp = None
        if way.entry_sp is None and not system and len(way.steps) >= 2 * PROGRAM_STEPS:
            del way.steps[:PROGRAM_STEPS]
        way.steps.append(self._step(address, size))

    def _is_back(self, way: _Way, sp: int) -> bool:
        """Whether program code runs as the caller of the API, not as a hook below it."""
        return self._machine.core.bits == 32 and (way.entry_sp is None or sp > way.entry_sp)

    def _close_steps(self, way: _Way) -> None:
        """Give the open call its steps; a further call of the same API begins where this one returned."""
        if way.open is not None:
            calls = self._trace._calls
            calls[way.open] = replace(calls[way.open], steps=tuple(way.steps[way.begin :]))
            way.begin = way.returned
            way.open = None
