"""RTL_USER_PROCESS_PARAMETERS as a creator hands them to NtCreateUserProcess, and PS_CREATE_INFO (phnt).

Offsets: wow64-facts section 9 and public ``dt`` listings. Who may import it: everybody.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wowsim.nt.abi import Memory, Width

NORMALIZED = 1
MAXIMUM_ENVIRONMENT = 1 << 20
"""Bytes; a longer one is refused with STATUS_INVALID_PARAMETER (Windows has no such bound since Vista)."""
LONGEST = 0xFFF0
"""Bytes of one string, so that a NUL and a backslash fit behind it."""
_STRING: dict[int, struct.Struct] = {32: struct.Struct("<HHI"), 64: struct.Struct("<HH4xQ")}
_POINTER: dict[int, struct.Struct] = {32: struct.Struct("<I"), 64: struct.Struct("<Q")}
_HEADER = struct.Struct("<4I")
STATUS_INVALID_PARAMETER = 0xC000000D


@dataclass(frozen=True)
class _Offsets:
    console: int
    handles: int
    directory: int
    image: int
    command: int
    environment: int
    window_flags: int
    title: int
    desktop: int
    shell: int
    runtime: int
    environment_size: int


OFFSETS = {
    32: _Offsets(0x10, 0x18, 0x24, 0x38, 0x40, 0x48, 0x68, 0x70, 0x78, 0x80, 0x88, 0x290),
    64: _Offsets(0x10, 0x20, 0x38, 0x60, 0x70, 0x80, 0xA4, 0xB0, 0xC0, 0xD0, 0xE0, 0x3F0),
}


@dataclass(frozen=True)
class ProcessParameters:
    """What a process is started with.

    Attributes:
        image_path: Win32 path of the program.
        command_line: the whole line.
        current_directory: Win32 path.
        environment: variables, in order.
        handles: standard input, output and error.
        window_flags: STARTUPINFO's dwFlags and wShowWindow.
        title, desktop, shell: of STARTUPINFO.
        runtime: what a C run-time hands to its child (STARTUPINFO.lpReserved2).
    """

    image_path: str
    command_line: str
    current_directory: str
    environment: Mapping[str, str]
    handles: tuple[int, int, int]
    window_flags: tuple[int, int] = (0, 0)
    title: str = ""
    desktop: str = ""
    shell: str = ""
    runtime: bytes = b""


def capture(memory: Memory, address: int, width: Width) -> ProcessParameters:
    """Read the parameters of a creator.

    Raises:
        GuestFault: they cannot be read, or make no sense.
    """
    _, _, flags, _ = memory.unpack(_HEADER, address)
    base = 0 if flags & NORMALIZED else address
    at = OFFSETS[width]

    def data(offset: int) -> bytes:
        length, _, buffer = memory.unpack(_STRING[width], address + offset)
        if length > LONGEST:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        return memory.read(base + buffer, length) if length else b""

    def text(offset: int) -> str:
        raw = data(offset)
        return raw[: len(raw) & ~1].decode("utf-16-le", "surrogatepass")

    pointer = _POINTER[width]
    handles = tuple(
        memory.unpack(pointer, address + at.handles + index * pointer.size)[0] for index in range(3)
    )
    environment = memory.unpack(pointer, address + at.environment)[0]
    return ProcessParameters(
        text(at.image),
        text(at.command),
        text(at.directory),
        _environment(memory, base + environment) if environment else {},
        handles,
        memory.unpack(struct.Struct("<II"), address + at.window_flags),
        text(at.title),
        text(at.desktop),
        text(at.shell),
        data(at.runtime),
    )


def _environment(memory: Memory, address: int) -> dict[str, str]:
    """``NAME=value`` strings, ended by an empty one; a name may begin with ``=``."""
    block = b""
    while len(block) < MAXIMUM_ENVIRONMENT:
        at = address + len(block)
        block += memory.read(at, 0x1000 - at % 0x1000 & ~1 or 2)
        end = _end(block)
        if end is not None:
            lines = block[:end].decode("utf-16-le", "surrogatepass").split("\0")
            return {line[:cut]: line[cut + 1 :] for line in lines if (cut := line.find("=", 1)) > 0}
    raise GuestFault(STATUS_INVALID_PARAMETER)


def _end(block: bytes) -> int | None:
    """Where two NUL characters stand on even places, or one at the beginning."""
    if block[:2] == b"\0\0":
        return 0
    at = block.find(b"\0\0\0\0")
    while at >= 0 and at % 2:
        at = block.find(b"\0\0\0\0", at + 1)
    return at if at >= 0 else None
