"""Open frames of a thread, and how calls, jumps and returns change them.

Stands for a debugger's idea of a call stack, kept forwards instead of read from the stack. For ``trace.path``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.trace.flow import Bits
    from wowsim.trace.symbols import Symbols

LOST = "..."
"""First frame of a path whose beginning is no longer known."""


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


class Chain:
    """A chain of open frames: the innermost frame and the chain around it. It never changes.

    What a step does depends only on the step and the chain, so each chain remembers where steps, and whole ways from
    one call to the next, have led; and the path of a chain is computed once.

    Attributes:
        frame: None in the empty chain.
        outer: the chain without this frame; None in the empty chain.
        lost: how the thread came to the oldest frame is not known.
        moves: what ``trace.path`` remembers here.
    """

    __slots__ = ("_path", "frame", "lost", "moves", "outer")

    def __init__(self, frame: Frame | None = None, outer: Chain | None = None, *, lost: bool = False) -> None:
        self.frame, self.outer, self.lost = frame, outer, lost
        self.moves: dict[int | tuple[int, ...] | None, Chain] = {}
        self._path: tuple[str, ...] | None = None

    def inwards(self) -> Iterator[tuple[Chain, Frame]]:
        """Every frame with its chain, innermost first."""
        chain: Chain | None = self
        while chain is not None and chain.frame is not None:
            yield chain, chain.frame
            chain = chain.outer

    def frames(self) -> list[Frame]:
        """Outermost first."""
        return [frame for _, frame in self.inwards()][::-1]

    def copy(self) -> Chain:
        """The same chain, remembering nothing."""
        chain = Chain(lost=self.lost)
        for frame in self.frames():
            chain = chain.called(frame)
        return chain

    @property
    def has_calls(self) -> bool:
        """Whether any open frame was opened by a call."""
        return any(frame.returns is not None for _, frame in self.inwards())

    @property
    def path(self) -> tuple[str, ...]:
        """The names that make a call's path, see ``trace.path``."""
        if self._path is None:
            self._path = _path(self.frames(), self.lost)
        return self._path

    # ------------------------------------------------------------ steps
    def called(self, frame: Frame) -> Chain:
        """Open a frame."""
        return Chain(frame, self, lost=self.lost)

    def returned(self, address: int) -> Chain | None:
        """Close the innermost frame whose call returns to ``address``, and what is inside; None without one."""
        return next((c.outer for c, f in self.inwards() if f.returns == address), None)

    def jumped(self, frame: Frame) -> Chain:
        """Open a frame by a jump; one that is open since the innermost call is a loop, and closes what follows it."""
        for chain, open_frame in self.inwards():
            if open_frame.address == frame.address and open_frame.bits == frame.bits:
                return chain
            if open_frame.returns is not None:
                break
        return self.called(frame)

    def resumed(self, address: int, frame: Frame | None, symbols: Symbols) -> Chain | None:
        """Windows went back to 32-bit code, but to no call's return address: the thread has another context.

        Within a service call that is NtContinue and its like: the service's frames close, then those above the frame
        that runs the symbol arrived in; where there is none the thread stands as it last came to 32-bit code, and
        ``frame`` opens. Outside a service call (an exception or callback that is handed to 32-bit code) nothing
        closes: None.
        """
        service = next((c for c, f in self.inwards() if f.returns is not None), None)
        caller = service.outer if service is not None else None
        if caller is None or caller.frame is None or caller.frame.bits == 64:
            return None
        found = symbols.at(address)
        for chain, open_frame in caller.inwards():
            here = symbols.at(open_frame.address) if open_frame.bits == 32 else None
            if found is not None and here is not None and here[0] == found[0] and found[1]:
                return chain
        base = next((c for c, f in caller.inwards() if f.bits == 64), Chain(lost=self.lost))
        return base if frame is None else base.jumped(frame)


def _path(frames: list[Frame], lost: bool) -> tuple[str, ...]:
    names = tuple(frame.name for frame in frames)
    for index, frame in enumerate(frames):
        if frame.api:
            return names[index:]
    if lost:
        return (LOST, *names)
    return names[next((index for index, frame in enumerate(frames) if frame.program), 0) :]
