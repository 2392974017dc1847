"""Random 64-bit values such as the kernel has for a 32-bit process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wowsim.nt.abi import SCALARS, STRUCTURES, encode, fit, layout

if TYPE_CHECKING:
    from random import Random


def random_value(kind: Any, chance: Random) -> bytes:
    """The 64-bit bytes of a scalar or structure."""
    if kind in STRUCTURES:
        data = bytearray(layout(kind, 64).size)
        for member in layout(kind, 64).fields.values():
            value = (
                chance.randbytes(member.size) if member.type is bytes else random_value(member.type, chance)
            )
            data[member.offset : member.offset + member.size] = value
        return bytes(data)
    return encode(kind, 64, _number(kind, chance))


def _number(kind: Any, chance: Random) -> int:
    """A handle is small, a pointer below 4 GB; a size may be longer."""
    name, scalar = kind.__name__, SCALARS[kind]
    if name == "HANDLE":
        return fit(scalar, 64, chance.choice((4 * chance.randrange(0x1000), 4 * chance.randrange(0x40), -4)))
    if name == "SIZE_T" and chance.random() < 0.15:
        return chance.getrandbits(40)
    if scalar.size(64) == 8 and scalar.size(32) == 4:
        return chance.getrandbits(32)
    return fit(scalar, 64, chance.getrandbits(64))
