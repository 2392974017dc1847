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

from itertools import compress
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wowsim.trace.flow import Bits, Flow, FlowDecoder
    from wowsim.trace.symbols import Symbols

LOST = "..."
"""First frame of a path whose beginning is no longer known."""
LIMIT = 200_000
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


class Frame(NamedTuple):
    """One frame of a thread.

    Attributes:
        name: ``module!symbol``, with ``+0x5`` when it was not entered at the symbol's start.
        address: where it was entered.
        bits: the mode it was entered in.
        returns: the return address of the call that opened it; None when a jump did.
        program: whether its code is the program's, not Windows'.
        api: whether it is the first frame out of the program: entered from program code, and either a system
            module's or reached through an import slot.
    """

    name: str
    address: int
    bits: Bits
    returns: int | None
    program: bool
    api: bool


_Effect = Literal["call", "jump", "return", "resume"]


class _Step(NamedTuple):
    """What going from one block to another does; ``frame`` is what it opens, if anything."""

    effect: _Effect
    frame: Frame | None
    target: int


class _Node:
    """One chain of open frames: its innermost frame and the chain around it.

    What a step does depends only on the step and the chain, so each chain remembers where steps, and whole ways from
    one call to the next, have led; and the path of a chain is computed once.

    Attributes:
        frame: None in the empty chain.
        outer: the chain without this frame; None in the empty chain.
        lost: how the thread came to the oldest frame is not known.
    """

    __slots__ = ("frame", "lost", "moves", "outer", "path")

    def __init__(self, frame: Frame | None, outer: _Node | None, lost: bool) -> None:
        self.frame, self.outer, self.lost = frame, outer, lost
        self.moves: dict[int | tuple[int, ...] | None, _Node] = {}
        self.path: tuple[str, ...] | None = None

    def opened(self, frame: Frame) -> _Node:
        return _Node(frame, self, self.lost)

    def inwards(self) -> Iterator[tuple[_Node, Frame]]:
        """Every frame with its chain, innermost first."""
        node: _Node | None = self
        while node is not None and node.frame is not None:
            yield node, node.frame
            node = node.outer

    def copy(self) -> _Node:
        """The same chain, remembering nothing."""
        node = _Node(None, None, self.lost)
        for frame in self.frames():
            node = node.opened(frame)
        return node

    def frames(self) -> list[Frame]:
        """Outermost first."""
        return [frame for _, frame in self.inwards()][::-1]


class Paths:
    """The open frames of all threads.

    Args:
        blocks: the recorder's blocks; grows while it records.
        symbols: names and owners of addresses.
        flow: how a block ends.
    """

    def __init__(self, blocks: Sequence[Block], symbols: Symbols, flow: FlowDecoder) -> None:
        self._blocks, self._symbols, self._decode = blocks, symbols, flow
        self._threads: dict[int, tuple[_Node, int | None]] = {}
        self._flows: dict[int, Flow] = {}
        self._events: list[int] = []
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
        node, last = self._threads.get(thread, (_Node(None, None, False), None))
        if not complete:
            node, last = _Node(None, None, True), None
        if ids and last is None:
            node, last = self._followed(self._begun(ids[0], node.lost), ids, events), ids[-1]
        elif ids and last is not None:
            way = (last, *ids) if len(ids) <= SHORT else None
            to = node.moves.get(way)
            if to is None:
                to = node
                if events[last] & _LEAVES or events[ids[0]] & _ENTERS:
                    to = node.moves.get(last << 32 | ids[0]) or self._moved(node, last, ids[0])
                to = self._followed(to, ids, events)
                if way is not None:
                    self._remembered(node, way, to, len(way))
            node, last = to, ids[-1]
        self._threads[thread] = node, last

    def path(self, thread: int = 0) -> tuple[str, ...]:
        """Names of the frames from the thread's first call out of the program to where it is now.

        The functions that start a thread are left out, as is the program's own code before that call. Program code
        that Windows' code has called or jumped to since (hooks, callbacks) is part of the path. Where the program
        came here without Windows, its own frames are shown; before it runs at all, those of the start.
        """
        if thread not in self._threads:
            return (LOST,)
        node = self._threads[thread][0]
        if node.path is None:
            node.path = _path(node.frames(), node.lost)
        return node.path

    def frames(self, thread: int = 0) -> tuple[Frame, ...]:
        """Every open frame of a thread, outermost first."""
        return tuple(self._threads[thread][0].frames()) if thread in self._threads else ()

    def ended(self, thread: int) -> None:
        """A thread is no more."""
        self._threads.pop(thread, None)

    # ------------------------------------------------------------ following
    def _begun(self, id: int, lost: bool) -> _Node:
        """The first block known of a thread, entered by the kernel: at its symbol's start, or nobody saw how."""
        block = self._blocks[id]
        found = self._symbols.at(block.address)
        at_start = found is not None and found[1] == 0
        frame = self._frame(block, None, False)
        named = frame if at_start or found is None else frame._replace(name=found[0])
        return _Node(None, None, lost or not at_start).opened(named)

    def _followed(self, node: _Node, ids: Sequence[int], events: list[int]) -> _Node:
        """Look only at the blocks where something can happen; the loop over the others runs in C."""
        end = len(ids) - 1
        arrived = 0
        for index in compress(range(len(ids)), map(events.__getitem__, ids)):
            id = ids[index]
            event = events[id]
            if event & _ENTERS and index > arrived:
                source = ids[index - 1]
                node = node.moves.get(source << 32 | id) or self._moved(node, source, id)
            if event & _CONTAINS:
                node = node.moves.get(~id) or self._fallen(node, id)
            if event & _LEAVES and index < end:
                arrived = index + 1
                target = ids[arrived]
                node = node.moves.get(id << 32 | target) or self._moved(node, id, target)
        return node

    def _fallen(self, node: _Node, id: int) -> _Node:
        """Through the starts of other symbols, inside one block."""
        block, to = self._blocks[id], node
        for start in self._symbols.starts(block.address + 1, block.address + len(block.code)):
            to = _jumped(to, self._frame(block, None, False, start))
        return self._remembered(node, ~id, to)

    def _moved(self, node: _Node, source: int, target: int) -> _Node:
        """From the end of one block to the start of another."""
        effect, frame, address = self._step(source, target)
        to = None
        if effect == "call":
            to = node.opened(frame) if frame is not None else node
        elif effect != "jump":
            to = next((n.outer for n, f in node.inwards() if f.returns == address), None)
            if to is None and node.lost and self._flow(source).kind == "ret" and not _calls(node):
                to = self._begun(target, True)  # out of the oldest frame that is known
            elif to is None and effect == "resume":
                to = _resumed(node, address, frame, self._symbols)
        if to is None:
            to = node if frame is None else _jumped(node, frame)
        return self._remembered(node, source << 32 | target, to)

    def _remembered(self, node: _Node, key: int | tuple[int, ...], to: _Node, size: int = 1) -> _Node:
        node.moves[key] = to
        self._size += size
        return to

    # ------------------------------------------------------------ learning blocks
    def _known(self) -> list[int]:
        """For each block where something can happen; forgets what new modules or sheer number have made stale."""
        if self._symbols.generation != self._generation:
            self._generation = self._symbols.generation
            self._events.clear()
            self._size = REMEMBERED
        if self._size >= REMEMBERED:
            self._threads = {thread: (node.copy(), last) for thread, (node, last) in self._threads.items()}
            self._size = 0
        events = self._events
        for id in range(len(events), len(self._blocks)):
            events.append(self._event(id))
        return events

    def _event(self, id: int) -> int:
        """Where something can happen to the frames: at the block's start, inside it, at its end."""
        block, symbols, flow = self._blocks[id], self._symbols, self._flow(id)
        starts = symbols.starts(block.address, block.address + len(block.code))
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
        flow, symbols = self._flow(source), self._symbols
        if symbols.is_system(flow.fallthrough - 1):
            return False
        return symbols.is_system(address) or (flow.slot is not None and symbols.is_import_slot(flow.slot))

    def _frame(self, block: Block, returns: int | None, api: bool, address: int | None = None) -> Frame:
        address = block.address if address is None else address
        found = self._symbols.at(address)
        symbol, offset = (f"{address:#x}", 0) if found is None else found
        name = f"{symbol}+{offset:#x}" if offset else symbol
        return Frame(name, address, block.bits, returns, not self._symbols.is_system(address), api)


def _path(frames: list[Frame], lost: bool) -> tuple[str, ...]:
    names = tuple(frame.name for frame in frames)
    for index, frame in enumerate(frames):
        if frame.api:
            return names[index:]
    if lost:
        return (LOST, *names)
    return names[next((index for index, frame in enumerate(frames) if frame.program), 0) :]


def _calls(node: _Node) -> bool:
    """Whether any open frame was opened by a call."""
    return any(frame.returns is not None for _, frame in node.inwards())


def _jumped(node: _Node, frame: Frame) -> _Node:
    """Open a frame by a jump; one that is already open since the innermost call is a loop, and closes what follows."""
    for open_node, open_frame in node.inwards():
        if open_frame.address == frame.address and open_frame.bits == frame.bits:
            return open_node
        if open_frame.returns is not None:
            break
    return node.opened(frame)


def _resumed(node: _Node, address: int, frame: Frame | None, symbols: Symbols) -> _Node | None:
    """Windows returned to 32-bit code, but to no call's return address: the thread has another context.

    Within a service call that is NtContinue and its like: the service's frames close, then those above the frame
    that runs the symbol arrived in; where there is none the thread stands as it last came to 32-bit code. Outside a
    service call (an exception or callback that is handed to 32-bit code) nothing closes: None.
    """
    service = next((n for n, f in node.inwards() if f.returns is not None), None)
    if (
        service is None
        or service.outer is None
        or service.outer.frame is None
        or service.outer.frame.bits == 64
    ):
        return None
    found = symbols.at(address)
    for open_node, open_frame in service.outer.inwards():
        here = symbols.at(open_frame.address) if open_frame.bits == 32 else None
        if found is not None and here is not None and here[0] == found[0] and found[1]:
            return open_node
    base = next((n for n, f in service.outer.inwards() if f.bits == 64), None)
    if base is None:
        base = _Node(None, None, node.lost)
    return base if frame is None else _jumped(base, frame)
