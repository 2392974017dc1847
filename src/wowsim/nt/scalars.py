"""The scalar types of services and structures: how each lies in memory and how WoW64 widens it.

Widening is a property of the type: a HANDLE is sign-extended, a pointer or count zero-extended (wow64-facts
section 6). Who may import it: everybody, through :mod:`wowsim.nt.abi`.
"""

from __future__ import annotations

import struct as _struct
from typing import Any, Literal, NewType

from wowsim.nt.records import dataclass

Width = Literal[32, 64]

BOOLEAN = NewType("BOOLEAN", int)
UCHAR = NewType("UCHAR", int)
USHORT = NewType("USHORT", int)
ULONG = NewType("ULONG", int)
LONG = NewType("LONG", int)
ULONGLONG = NewType("ULONGLONG", int)
LARGE_INTEGER = NewType("LARGE_INTEGER", int)
ACCESS_MASK = NewType("ACCESS_MASK", int)
NTSTATUS = NewType("NTSTATUS", int)
HANDLE = NewType("HANDLE", int)
PVOID = NewType("PVOID", int)
SIZE_T = NewType("SIZE_T", int)
ULONG_PTR = NewType("ULONG_PTR", int)
PAPC_ROUTINE = NewType("PAPC_ROUTINE", int)
"""An APC routine or NULL; in a WoW64 process the 64-bit one is wow64!Wow64ApcRoutine."""
APC_CONTEXT = NewType("APC_CONTEXT", int)
"""What an APC routine is called with; directly behind the routine in a service's arguments."""
PPS_ATTRIBUTE_LIST = NewType("PPS_ATTRIBUTE_LIST", int)
"""A pointer to a PS_ATTRIBUTE_LIST or NULL: a list of variable length, which a thunk converts as a whole."""
PSECURITY_DESCRIPTOR = NewType("PSECURITY_DESCRIPTOR", int)
"""A pointer to an input SECURITY_DESCRIPTOR or NULL; its absolute form differs between the widths."""


@dataclass(frozen=True)
class Scalar:
    """How one scalar type lies in memory.

    Attributes:
        code32: ``struct`` code in the 32-bit layout.
        code64: ``struct`` code in the 64-bit layout.
        sign: whether 32->64 widening copies the sign bit (handles) or fills with zeros.
    """

    code32: str
    code64: str
    sign: bool = False

    def code(self, width: Width) -> str:
        """The ``struct`` code of that layout."""
        return self.code32 if width == 32 else self.code64

    def size(self, width: Width) -> int:
        """Size in bytes."""
        return _SIZES[self.code32 if width == 32 else self.code64]


_SIZES = {code: _struct.calcsize(code) for code in "BbHhIiQq"}


SCALARS: dict[Any, Scalar] = {
    BOOLEAN: Scalar("B", "B"),
    UCHAR: Scalar("B", "B"),
    USHORT: Scalar("H", "H"),
    ULONG: Scalar("I", "I"),
    LONG: Scalar("i", "i", sign=True),
    ULONGLONG: Scalar("Q", "Q"),
    LARGE_INTEGER: Scalar("q", "q", sign=True),
    ACCESS_MASK: Scalar("I", "I"),
    NTSTATUS: Scalar("I", "I"),
    HANDLE: Scalar("I", "Q", sign=True),
    PVOID: Scalar("I", "Q"),
    SIZE_T: Scalar("I", "Q"),
    ULONG_PTR: Scalar("I", "Q"),
    PAPC_ROUTINE: Scalar("I", "Q"),
    APC_CONTEXT: Scalar("I", "Q"),
    PPS_ATTRIBUTE_LIST: Scalar("I", "Q"),
    PSECURITY_DESCRIPTOR: Scalar("I", "Q"),
}
"""Every scalar a prototype or structure may use."""


def fit(scalar: Scalar, width: Width, value: int) -> int:
    """``value`` cut or re-signed so that it packs into that scalar in that layout."""
    code = scalar.code(width)
    bits = _struct.calcsize(code) * 8
    value &= (1 << bits) - 1
    if code.islower() and value >> (bits - 1):
        value -= 1 << bits
    return value


def widen(kind: Any, value: int) -> int:
    """A 32-bit slot as the 64-bit slot that WoW64 makes of it (handles sign-extended)."""
    scalar = SCALARS[kind]
    value &= 0xFFFFFFFF
    if scalar.sign and scalar.code32.lower() == "i" and value & 0x80000000:
        return value | 0xFFFFFFFF_00000000
    return value


def scalar_of(kind: Any, where: str) -> Scalar:
    """The scalar behind a type hint; an error that names the place and the choices otherwise."""
    found = SCALARS.get(kind)
    if found is None:
        known = ", ".join(sorted(k.__name__ for k in SCALARS))
        raise TypeError(f"{where}: {kind!r} is no guest type; use one of {known}, or a declared structure")
    return found
