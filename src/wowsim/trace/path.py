"""The way of a service call: frames computed from the blocks that ran, never from a list.

Stands for what a debugger's user writes down while stepping from an API into the kernel. :class:`Paths` follows
calls, returns and jumps through the executed blocks and keeps, per thread, the frames that are still open. A frame
is opened by a call, by a jump or far jump into another module or to the start of another symbol, and by falling
into a symbol's start. It is closed by whatever arrives at its call's return address: ``ret``, ``retf``, ``iretq``
or an indirect jump; a ``ret`` that matches no open call is a jump. Stack pointers are not known here: frames that
an exception or ``longjmp`` abandons stay until an outer frame returns.

Everybody may import it; blocks, symbols and the decoder are injected.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import compress
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from wowsim.trace.frames import LOST, Chain, Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wowsim.trace.flow import Bits, Flow, FlowDecoder
    from wowsim.trace.symbols import Symbols

LIMIT = 500_000
"""Blocks looked at for one call; what a thread ran before them counts as lost."""
SHORT = 512
"""Blocks of a way between two calls that is remembered as a whole: programs call the same functions in loops."""
REMEMBERED = 200_000
"""Steps remembered before all are forgotten."""

_ENTERS, _CONTAINS, _LEAVES = 1, 2, 4


class Block(Protocol):
    """What is read of a recorded block (``cpu.recorder.Block``)."""

    address: int
    code: bytes
    bits: Bits


_Effect = Literal["call", "jump", "return", "resume"]


class _Step(NamedTuple):
    """What going from one block to another does; ``frame`` is what it opens, if anything."""

    effect: _Effect
    frame: Frame | None
    target: int


class Paths:
    """The open frames of all threads.

    Args:
        blocks: the recorder's blocks; grows while it records.
        symbols: names and owners of addresses.
        flow: how a block ends.
        read: guest memory, None where there is none; without it, a hook in an import table that the program calls
            through a register loaded in an earlier block is not told from a function pointer.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        symbols: Symbols,
        flow: FlowDecoder,
        read: Callable[[int, int], bytes | None] = lambda address, size: None,
    ) -> None:
        self._blocks, self._symbols, self._decode, self._read = blocks, symbols, flow, read
        self._threads: dict[int, tuple[Chain, int | None]] = {}
        self._flows: dict[int, Flow] = {}
        self._events: list[int] = []
        self._places: list[int] = []  # whose names the events depend on
        self._size = 0
        self._generation = symbols.generation

    # ------------------------------------------------------------ what others call
    def run(self, ids: Sequence[int], thread: int = 0, *, complete: bool = True) -> None:
        """A thread executed these blocks, oldest first.

        Args:
            ids: indices in ``blocks``.
            thread: whose blocks they are; call this at each switch of threads.
            complete: false when blocks before them are missing.
        """
        if len(ids) > LIMIT:
            ids, complete = ids[-LIMIT:], False
        events = self._known()
        chain, last = self._threads.get(thread, (Chain(), None))
        if not complete:
            chain, last = Chain(lost=True), None
        if ids and last is None:
            chain, last = self._followed(self._begun(ids[0], chain.lost), ids, events), ids[-1]
        elif ids and last is not None:
            way = (last, *ids) if len(ids) <= SHORT else None
            to = chain.moves.get(way)
            if to is None:
                to = chain
                if events[last] & _LEAVES or events[ids[0]] & _ENTERS:
                    to = chain.moves.get(last << 32 | ids[0]) or self._moved(chain, last, ids[0])
                to = self._followed(to, ids, events)
                if way is not None:
                    self._remembered(chain, way, to, len(way))
            chain, last = to, ids[-1]
        self._threads[thread] = chain, last

    def path(self, thread: int = 0) -> tuple[str, ...]:
        """Names of the frames from the thread's first call out of the program to where it is now.

        The functions that start a thread are left out, as is the program's own code before that call. Program code
        that Windows' code has called or jumped to since (hooks, callbacks) is part of the path. Where the program
        came here without Windows, its own frames are shown; before it runs at all, those of the start.
        """
        return self._threads[thread][0].path if thread in self._threads else (LOST,)

    def frames(self, thread: int = 0) -> tuple[Frame, ...]:
        """Every open frame of a thread, outermost first."""
        return tuple(self._threads[thread][0].frames()) if thread in self._threads else ()

    def state(self) -> dict[int, tuple[Chain, int | None]]:
        """The open frames of all threads, for :meth:`set_state`."""
        return dict(self._threads)

    def set_state(self, state: dict[int, tuple[Chain, int | None]]) -> None:
        """Go on from what :meth:`state` returned."""
        self._threads = dict(state)

    def ended(self, thread: int) -> None:
        """A thread is no more."""
        self._threads.pop(thread, None)

    # ------------------------------------------------------------ following
    def _begun(self, id: int, lost: bool) -> Chain:
        """The first block known of a thread, entered by the kernel: at its symbol's start, or nobody saw how."""
        block = self._blocks[id]
        found = self._symbols.at(block.address)
        at_start = found is not None and found[1] == 0
        frame = self._frame(block, None, False)
        named = frame if at_start or found is None else frame._replace(name=found[0])
        return Chain(lost=lost or not at_start).called(named)

    def _followed(self, chain: Chain, ids: Sequence[int], events: list[int]) -> Chain:
        """Look only at the blocks where something can happen; the loop over the others runs in C."""
        end = len(ids) - 1
        arrived = 0
        for index in compress(range(len(ids)), map(events.__getitem__, ids)):
            id = ids[index]
            event = events[id]
            if event & _ENTERS and index > arrived:
                source = ids[index - 1]
                chain = chain.moves.get(source << 32 | id) or self._moved(chain, source, id)
            if event & _CONTAINS:
                chain = chain.moves.get(~id) or self._fallen(chain, id)
            if event & _LEAVES and index < end:
                arrived = index + 1
                target = ids[arrived]
                chain = chain.moves.get(id << 32 | target) or self._moved(chain, id, target)
        return chain

    def _fallen(self, chain: Chain, id: int) -> Chain:
        """Through the starts of other symbols, inside one block."""
        block, to = self._blocks[id], chain
        for start in self._symbols.starts(block.address + 1, block.address + len(block.code)):
            to = to.jumped(self._frame(block, None, False, start))
        return self._remembered(chain, ~id, to)

    def _moved(self, chain: Chain, source: int, target: int) -> Chain:
        """From the end of one block to the start of another."""
        effect, frame, address = self._step(source, target)
        to = None
        if effect == "call" and frame is not None:
            to = chain.called(frame)
        elif effect != "jump":
            to = chain.returned(address)
            if to is None and chain.lost and self._flow(source).kind == "ret" and not chain.has_calls:
                to = self._begun(target, True)  # out of the oldest frame that is known
            elif to is None and effect == "resume":
                to = chain.resumed(address, frame, self._symbols)
        if to is None:
            to = chain if frame is None else chain.jumped(frame)
        return self._remembered(chain, source << 32 | target, to)

    def _remembered(self, chain: Chain, key: int | tuple[int, ...], to: Chain, size: int = 1) -> Chain:
        chain.moves[key] = to
        self._size += size
        return to

    # ------------------------------------------------------------ learning blocks
    def _known(self) -> list[int]:
        """For each block where something can happen; forgets what new modules or sheer number have made stale."""
        symbols = self._symbols
        if symbols.generation != self._generation:
            changed = symbols.changes(self._generation)
            self._generation = symbols.generation
            if changed is None or self._touched(changed):
                self._events.clear()
                self._places.clear()
                self._size = REMEMBERED
        if self._size >= REMEMBERED:
            self._threads = {thread: (chain.copy(), last) for thread, (chain, last) in self._threads.items()}
            self._size = 0
        events = self._events
        for id in range(len(events), len(self._blocks)):
            events.append(self._event(id))
        return events

    def _touched(self, ranges: Sequence[tuple[int, int]]) -> bool:
        """Whether events depend on names in these address ranges."""
        self._places.sort()
        places = self._places
        return any(bisect_left(places, start) < bisect_left(places, end) for start, end in ranges)

    def _event(self, id: int) -> int:
        """Where something can happen to the frames: at the block's start, inside it, at its end."""
        block, symbols, flow = self._blocks[id], self._symbols, self._flow(id)
        starts = symbols.starts(block.address, block.address + len(block.code))
        self._places.append(block.address)
        if flow.target is not None:
            self._places.append(flow.target)
        event = 0
        if starts and starts[0] == block.address:
            event, starts = _ENTERS, starts[1:]
        if starts:
            event |= _CONTAINS
        if flow.kind in ("fall", "interrupt"):
            return event
        if flow.kind in ("jump", "branch") and flow.target is not None:
            here = symbols.module(block.address)
            if symbols.module(flow.target) == here and symbols.module(flow.fallthrough) == here:
                return event
        return event | _LEAVES

    def _flow(self, id: int) -> Flow:
        flow = self._flows.get(id)
        if flow is None:
            block = self._blocks[id]
            flow = self._flows[id] = self._decode(block.code, block.address, block.bits)
        return flow

    def _step(self, source: int, target: int) -> _Step:
        flow, block, symbols = self._flow(source), self._blocks[target], self._symbols
        address = block.address
        behind = address == flow.fallthrough
        if flow.kind == "call" and not behind:  # call $+5 only reads EIP
            frame = self._frame(block, flow.fallthrough, self._is_api(source, address))
            return _Step("call", frame, address)
        jumped = self._entered_by_jump(source, target)
        if flow.kind in ("fall", "branch") or flow.target is not None or flow.slot is not None or behind:
            return _Step("jump", jumped, address)
        down = flow.kind == "far" and self._blocks[source].bits == 64 and block.bits == 32
        effect: _Effect = "resume" if down and symbols.is_system(flow.fallthrough - 1) else "return"
        return _Step(effect, jumped, address)

    def _entered_by_jump(self, source: int, target: int) -> Frame | None:
        """The frame a jump opens: in another module, at another symbol's start, or in the program's other mode."""
        flow, block, symbols = self._flow(source), self._blocks[target], self._symbols
        origin = flow.fallthrough - 1
        here, there = symbols.at(origin), symbols.at(block.address)
        if symbols.module(origin) == symbols.module(block.address):
            crossed = self._blocks[source].bits != block.bits and not symbols.is_system(block.address)
            at_start = there is not None and there[1] == 0 and (here is None or here[0] != there[0])
            if not (crossed or at_start):
                return None
        return self._frame(block, None, self._is_api(source, block.address))

    def _is_api(self, source: int, address: int) -> bool:
        """Whether this is a way out of the program: to Windows, or to what stands in for it in the import table."""
        flow, symbols = self._flow(source), self._symbols
        origin = flow.fallthrough - 1
        if symbols.is_system(origin):
            return False
        if symbols.is_system(address) or (flow.slot is not None and symbols.is_import_slot(flow.slot)):
            return True
        if flow.target is not None or flow.kind not in ("call", "jump"):
            return False
        size = self._blocks[source].bits // 8
        pointer = address.to_bytes(size, "little")
        return any(self._read(slot, size) == pointer for slot in symbols.import_slots(origin))

    def _frame(self, block: Block, returns: int | None, api: bool, address: int | None = None) -> Frame:
        address = block.address if address is None else address
        found = self._symbols.at(address)
        symbol, offset = (f"{address:#x}", 0) if found is None else found
        name = f"{symbol}+{offset:#x}" if offset else symbol
        return Frame(name, address, block.bits, returns, not self._symbols.is_system(address), api)
