"""Finds where a saved context of the engine keeps what no interface gives: the exception in flight, and the mode.

Unicorn never delivers an exception itself, so QEMU's record of the one in flight stays set and the next fault would
count as a double fault (vector 8); and the engine switches its mode only by an executed far transfer. Resetting the
one and setting the other in a saved context is the only way in. The places are found by letting both happen, not by
trusting the layout of a structure. Who may import it: ``cpu.core``.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from wowsim.cpu.engine import HOOK_INTERRUPT, INTERRUPT_CALLBACK
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.cpu.engine import Engine

_INT32 = Struct("<i")
_HF_CS64 = 1 << 15
"""QEMU's hidden flag for 64-bit code; the CPL stands in bits 0 and 1 of the same dword."""
_NOT_MAPPED = 0x7FFF_0000_0000


@dataclass(frozen=True)
class Calibration:
    """Offsets in a saved context.

    Attributes:
        in_flight: the exception in flight; -1 for none.
        error_code: its error code; the dword behind it says whether it was a software interrupt.
        modes: user code selector -> the (offset, dword) pairs that make its mode.
    """

    in_flight: int
    error_code: int
    modes: dict[int, list[tuple[int, int]]]


def calibrate(
    engine: Engine,
    ring0: Any,
    pop: int,
    leave: int,
    stand_before: Callable[[int], None],
    selectors: tuple[int, int],
) -> Calibration:
    """Find the places; the engine is in the state ``ring0`` afterwards.

    Args:
        engine: with paging on.
        ring0: a context in ring 0.
        pop: address of a ``pop`` in supervisor code.
        leave: address of an ``iretq`` there.
        stand_before: prepares stack and frame for an ``iretq`` to a selector, to an address that is not mapped.
        selectors: of 32-bit and of 64-bit user code.

    Raises:
        RuntimeError: this Unicorn keeps them elsewhere.
    """
    engine.save()
    before = engine.saved_bytes()
    engine.set("RSP", _NOT_MAPPED)
    ((vector, after),) = _faults(engine, ring0, pop) or [(-1, before)]
    if vector != 14:
        raise RuntimeError(f"calibration expected one page fault, saw vector {vector}")
    changed = [i for i in range(0, len(before) - 3, 4) if before[i : i + 4] != after[i : i + 4]]
    in_flight = [i for i in changed if _value(before, i) == -1 and _value(after, i) == 14]
    if len(in_flight) != 1:
        raise RuntimeError(f"this Unicorn keeps the exception in flight at none or many of {in_flight}")
    found = {}
    for selector in selectors:
        stand_before(selector)
        seen = _faults(engine, ring0, leave)
        if len(seen) != 1:
            raise RuntimeError(
                f"calibration expected one fault behind iretq to {selector:x}, saw {len(seen)}"
            )
        found[selector] = seen[0][1]
    # error_code, exception_is_int, exception_next_eip (8), dr0-7 (64), four pointers (32) stand before it
    return Calibration(in_flight[0], in_flight[0] - 0x70, _modes(found))


def _faults(engine: Engine, ring0: Any, start: int) -> list[tuple[int, bytes]]:
    """Vector and context of the faults from ``start`` on; the first one ends it."""
    seen: list[tuple[int, bytes]] = []

    def note(handle: int, vector: int, data: int) -> None:
        engine.save()
        seen.append((vector, engine.saved_bytes()))
        engine.stop()

    callback = INTERRUPT_CALLBACK(note)
    hook = engine.hook(HOOK_INTERRUPT, callback)
    engine.start(start)
    engine.unhook(hook)
    engine.load(ring0)
    return seen


def _modes(found: dict[int, bytes]) -> dict[int, list[tuple[int, int]]]:
    """Two contexts at the same unmapped address differ in the hidden flags and the hidden part of CS."""
    narrow, wide = found.values()
    places = [i for i in range(0, len(wide) - 3, 4) if narrow[i : i + 4] != wide[i : i + 4]]
    flags = [
        i for i in places if (_value(narrow, i) ^ _value(wide, i)) == _HF_CS64 and _value(wide, i) & 3 == 3
    ]
    if len(flags) != 1 or len(places) > 8:
        raise RuntimeError(f"this Unicorn keeps the mode at {flags} among {places}")
    return {cs: [(i, _value(context, i)) for i in places] for cs, context in found.items()}


def _value(data: bytes, at: int) -> int:
    value: int = _INT32.unpack_from(data, at)[0]
    return value
