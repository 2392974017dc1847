"""EXCEPTION_RECORD in both widths, and the codes and flags that the kernel and ntdll put into it.

Layouts: wow64-facts section 5 (50h and 98h bytes); values: winnt.h. Who may import it: everybody.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.nt.records import dataclass
from wowsim.nt.status import STATUS_INVALID_PARAMETER

if TYPE_CHECKING:
    from wowsim.nt.abi import Width

NONCONTINUABLE = 0x1
MAXIMUM_PARAMETERS = 15

STATUS_ACCESS_VIOLATION = 0xC0000005
STATUS_IN_PAGE_ERROR = 0xC0000006
STATUS_DATATYPE_MISALIGNMENT = 0x80000002
STATUS_BREAKPOINT = 0x80000003
STATUS_SINGLE_STEP = 0x80000004
STATUS_ILLEGAL_INSTRUCTION = 0xC000001D
STATUS_ARRAY_BOUNDS_EXCEEDED = 0xC000008C
STATUS_INTEGER_DIVIDE_BY_ZERO = 0xC0000094
STATUS_INTEGER_OVERFLOW = 0xC0000095
STATUS_PRIVILEGED_INSTRUCTION = 0xC0000096
STATUS_STACK_BUFFER_OVERRUN = 0xC0000409
STATUS_ASSERTION_FAILURE = 0xC0000420

ACCESSES = {0: "read", 1: "write", 8: "execute"}
"""ExceptionInformation[0] of an access violation (Microsoft Learn, EXCEPTION_RECORD)."""

_HEAD: dict[Width, struct.Struct] = {32: struct.Struct("<IIIII"), 64: struct.Struct("<IIQQI4x")}
RECORD_SIZE: dict[Width, int] = {32: 0x50, 64: 0x98}


@dataclass(frozen=True)
class ExceptionRecord:
    """One EXCEPTION_RECORD.

    Attributes:
        code: ExceptionCode.
        address: ExceptionAddress.
        parameters: ExceptionInformation, as many as NumberParameters.
        flags: ExceptionFlags.
        chained: address of the associated record, or 0.
    """

    code: int
    address: int
    parameters: tuple[int, ...] = ()
    flags: int = 0
    chained: int = 0

    def to_bytes(self, width: Width) -> bytes:
        """The record in a layout; addresses and parameters are cut to it."""
        mask = (1 << width) - 1
        head = _HEAD[width].pack(
            self.code, self.flags, self.chained & mask, self.address & mask, len(self.parameters)
        )
        cells = [p & mask for p in self.parameters] + [0] * (MAXIMUM_PARAMETERS - len(self.parameters))
        return head + struct.pack("<15I" if width == 32 else "<15Q", *cells)

    @classmethod
    def from_bytes(cls, data: bytes, width: Width) -> ExceptionRecord:
        """Read a record.

        Raises:
            GuestFault: STATUS_INVALID_PARAMETER, for more than fifteen parameters.
        """
        shape = _HEAD[width]
        code, flags, chained, address, count = shape.unpack_from(data)
        if count > MAXIMUM_PARAMETERS:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        cells = struct.unpack_from("<15I" if width == 32 else "<15Q", data, shape.size)
        return cls(code, address, cells[:count], flags, chained)

    def text(self, width: Width) -> str:
        """``C0000005 at 401000, read of 00000010``."""
        text = f"{self.code:08X} at {self.address:X}"
        if self.code in _WITH_ADDRESS and len(self.parameters) >= 2 and self.parameters[0] in ACCESSES:
            kind, address = self.parameters[:2]
            text += f", {ACCESSES[kind]} of {address & (1 << width) - 1:0{width // 4}X}"
        return text


_WITH_ADDRESS = frozenset((STATUS_ACCESS_VIOLATION, STATUS_IN_PAGE_ERROR, 0x80000001, 0xC00000FD))
"""Codes whose first two parameters are the kind of access and the address."""
