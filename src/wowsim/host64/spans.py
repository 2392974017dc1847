"""Buffers that a 64-bit call has filled: what the conversions of information classes read.

Who may import it: host64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wowsim.errors import GuestFault
from wowsim.nt.abi import encode, layout, size_of
from wowsim.nt.status import STATUS_ACCESS_VIOLATION

if TYPE_CHECKING:
    from wowsim.nt.structures import UNICODE_STRING

Narrow = Callable[[bytes, int, int], bytes]
"""``narrow(data64, address64, buffer32)``: what a 64-bit call left at ``address64`` as it lies at ``buffer32`` for a
32-bit caller. Pointers into the buffer move along, other addresses are cut. Raises GuestFault where the data names
something outside of itself."""


@dataclass(frozen=True)
class Span:
    """Bytes at an address."""

    data: bytes
    address: int

    def read(self, address: int, size: int) -> bytes:
        """A part of them; raises STATUS_ACCESS_VIOLATION where there is none."""
        at = address - self.address
        if at < 0 or at + size > len(self.data):
            raise GuestFault(STATUS_ACCESS_VIOLATION, address)
        return self.data[at : at + size]

    def load(self, kind: type, offset: int) -> Any:
        """A 64-bit structure at an offset."""
        shape = layout(kind, 64)
        return shape.from_bytes(self.read(self.address + offset, shape.size))

    def text(self, string: UNICODE_STRING) -> bytes:
        """The text of a UNICODE_STRING that lies in the span."""
        return self.read(string.Buffer, string.Length) if string.Length else b""


def fixed(*kinds: Any) -> Narrow:
    """One structure or scalar; where there are several forms, the longest one that the data fills."""
    by_size = sorted(((size_of(kind, 64), kind) for kind in kinds), key=lambda pair: -pair[0])

    def narrow(data64: bytes, address64: int, buffer32: int) -> bytes:
        for size, kind in by_size:
            if len(data64) >= size:
                return _one(kind, data64[:size])
        raise GuestFault(STATUS_ACCESS_VIOLATION, address64 + len(data64))

    return narrow


def _one(kind: Any, data: bytes) -> bytes:
    if isinstance(kind, type):
        return encode(kind, 32, layout(kind, 64).from_bytes(data))
    return encode(kind, 32, int.from_bytes(data, "little"))


def array(kind: type, header64: int = 0, header32: int = 0, count: int = 0) -> Narrow:
    """Structures behind a header; the header's first ``count`` bytes say how many, without a header it is the length.

    The header is zero but for the number.
    """
    size = size_of(kind, 64)

    def narrow(data64: bytes, address64: int, buffer32: int) -> bytes:
        span = Span(data64, address64)
        number = int.from_bytes(span.read(address64, count), "little") if count else len(data64) // size
        head = number.to_bytes(count, "little")[:4].ljust(header32, b"\0") if count else b""
        items = span.read(address64 + header64, number * size)
        return head + b"".join(_one(kind, items[at : at + size]) for at in range(0, len(items), size))

    return narrow


def cut(data64: bytes, address64: int, buffer32: int) -> bytes:
    """A pointer-sized number or handle."""
    return Span(data64, address64).read(address64, 8)[:4]
