"""Where the 32-bit process keeps its blocks: TEB32, PEB32, process parameters, counted strings.

Stands for the structure offsets that every part of the 32-bit ntdll is compiled with (wow64-facts section 9).
It holds no state. Who may import it: the other modules of ``guest32``.
"""

from __future__ import annotations

import struct
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from wowsim.errors import GuestFault
from wowsim.nt.status import STATUS_ACCESS_VIOLATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.nt.abi import Memory
    from wowsim.nt.trap import Trap

T = TypeVar("T")

TEB_TLS_VECTOR = 0x2C
TEB_LAST_ERROR = 0x34
TEB_LAST_STATUS = 0xBF4

PEB_IMAGE_BASE = 0x08
PEB_LDR = 0x0C
PEB_PARAMETERS = 0x10
PEB_PROCESS_HEAP = 0x18
PEB_FAST_LOCK = 0x1C
PEB_TLS_BITMAP = 0x40
PEB_TLS_BITMAP_BITS = 0x44
PEB_NUMBER_OF_HEAPS = 0x88
PEB_MAXIMUM_HEAPS = 0x8C
PEB_PROCESS_HEAPS = 0x90
PEB_LOADER_LOCK = 0xA0
PEB_OS_MAJOR = 0xA4
PEB_TLS_EXPANSION_BITMAP = 0x150
PEB_TLS_EXPANSION_BITS = 0x154
PEB_CSD_VERSION = 0x1F0

PARAMETERS_FLAGS = 0x08
PARAMETERS_CURRENT_DIRECTORY = 0x24
PARAMETERS_CURRENT_HANDLE = 0x2C
PARAMETERS_IMAGE_PATH = 0x38
PARAMETERS_ENVIRONMENT = 0x48
PARAMETERS_ENVIRONMENT_SIZE = 0x290
PARAMETERS_STRINGS = (0x24, 0x30, 0x38, 0x40, 0x70, 0x78, 0x80, 0x88)
"""Offsets of the counted strings, which are offsets from the block until it is normalised."""
NORMALIZED = 1

_DWORD = struct.Struct("<I")
_STRING = struct.Struct("<HHI")
_CHUNK = 0x200


def dword(memory: Memory, address: int) -> int:
    """The 32-bit value there."""
    return int(memory.unpack(_DWORD, address)[0])


def put_dword(memory: Memory, address: int, value: int) -> None:
    """Store a 32-bit value."""
    memory.pack(_DWORD, address, value & 0xFFFFFFFF)


def peb(trap: Trap) -> int:
    """PEB32 of the current process, through the TEB as programs find it."""
    return dword(trap.memory, trap.teb32 + 0x30)


def parameters(trap: Trap) -> int:
    """RTL_USER_PROCESS_PARAMETERS of the current process."""
    return dword(trap.memory, peb(trap) + PEB_PARAMETERS)


def counted(memory: Memory, address: int) -> bytes:
    """The text of an ANSI_STRING or UNICODE_STRING, as bytes."""
    length, _, buffer = memory.unpack(_STRING, address)
    return memory.read(buffer, length) if length else b""


def unicode_string(memory: Memory, address: int) -> str:
    """The text of a UNICODE_STRING; lone surrogates survive."""
    return wide(counted(memory, address))


def string_fields(memory: Memory, address: int) -> tuple[int, int, int]:
    """Length, MaximumLength and Buffer of a counted string."""
    length, maximum, buffer = memory.unpack(_STRING, address)
    return length, maximum, buffer


def put_string(memory: Memory, address: int, length: int, maximum: int, buffer: int) -> None:
    """Store a counted string's three fields."""
    memory.pack(_STRING, address, length, maximum, buffer & 0xFFFFFFFF)


def wide(data: bytes) -> str:
    """UTF-16 bytes as text; lone surrogates and an odd last byte do not fail."""
    return data[: len(data) & ~1].decode("utf-16-le", "surrogatepass")


def encoded(text: str) -> bytes:
    """Text as UTF-16, the reverse of :func:`wide`."""
    return text.encode("utf-16-le", "surrogatepass")


def terminated(memory: Memory, address: int, unit: int, limit: int) -> bytes:
    """The bytes before the terminating zero of ``unit`` bytes, without it.

    Raises:
        GuestFault: the text runs into memory that is not there, or over ``limit`` bytes.
    """
    found = bytearray()
    while len(found) < limit:
        at = address + len(found)
        # A chunk ends at a page's end, so that a string at the end of the last mapped page is read.
        size = min(_CHUNK, 0x1000 - at % 0x1000) // unit * unit or unit
        chunk = memory.read(at, size)
        end = chunk.find(b"\0" * unit)
        while end % unit and end >= 0:
            end = chunk.find(b"\0" * unit, end + 1)
        if end >= 0:
            return bytes(found + chunk[:end])
        found += chunk
    raise GuestFault(STATUS_ACCESS_VIOLATION, address)


def wide_terminated(memory: Memory, address: int, limit: int = 0x20000) -> str:
    """Zero-terminated UTF-16 text."""
    return wide(terminated(memory, address, 2, limit))


def set_last_status(trap: Trap, status: int, error: int) -> None:
    """Record a failed status in the TEB, as NT status and as Win32 error."""
    put_dword(trap.memory, trap.teb32 + TEB_LAST_STATUS, status)
    put_dword(trap.memory, trap.teb32 + TEB_LAST_ERROR, error)


def on_fault(value: int, ecx: int | None = None) -> Callable[[T], T]:
    """Decorates a routine (a method): bad guest memory makes EAX ``value``, and ECX ``ecx`` if that is given.

    For routines whose EAX is no status: they answer "nothing" or "failed" where the real code would fault.
    """

    def decorate(routine: Callable[[Any, Trap], int]) -> Callable[[Any, Trap], int]:
        @wraps(routine)
        def guarded(self: Any, trap: Trap) -> int:
            try:
                return routine(self, trap)
            except GuestFault:
                if ecx is not None:
                    trap.set_register("rcx", ecx)
                return value

        return guarded

    return cast("Callable[[T], T]", decorate)


def register32(trap: Trap, name: str) -> int:
    """A general register's lower half, by its 64-bit name."""
    return trap.register(name) & 0xFFFFFFFF


def parameter(trap: Trap, index: int) -> int:
    """The ``index``-th stack argument of a routine that has set up EBP."""
    return dword(trap.memory, register32(trap, "rbp") + 8 + 4 * index)
