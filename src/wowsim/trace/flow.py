"""How a block of code ends: the vocabulary between decoders and those who follow control flow.

Everybody may import this module; ``render.decoder`` makes the values, ``trace.path`` reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

Bits = Literal[32, 64]
Kind = Literal["fall", "jump", "branch", "call", "ret", "far", "syscall", "interrupt"]


class Flow(NamedTuple):
    """The last instruction of a block.

    Attributes:
        kind: ``branch`` is conditional; ``far`` is any transfer that loads CS and pushes nothing (far jump, far
            return, interrupt return); a far call is a ``call`` with a selector; ``interrupt`` is ``int n``.
        fallthrough: address behind the block; what a call pushes.
        target: where it goes when the instruction itself says so, else None.
        selector: the static selector of a far transfer, else None.
        slot: address of the pointer an indirect call or jump goes through, where the code alone tells it.
    """

    kind: Kind
    fallthrough: int
    target: int | None = None
    selector: int | None = None
    slot: int | None = None


FlowDecoder = Callable[[bytes, int, Bits], Flow]
"""(code, address, bits) -> how that block ends."""
