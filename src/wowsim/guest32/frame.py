"""The loader's working frame on the guest's stack: everything that one load or unload remembers.

ESI points at it in every Ldrp routine, so nothing of a load in progress lies outside guest memory.
Who may import it: ``guest32.loader_code`` and the loader's routines.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.guest32 import blocks

if TYPE_CHECKING:
    from wowsim.nt.trap import Trap

BASE = 0x00
"""View of the module at hand, then the result of a load; ``VIEW_SIZE`` its size in bytes."""
VIEW_SIZE = 0x04
SECTION = 0x08
FILE = 0x0C
OBJECT_ATTRIBUTES = 0x10
NT_NAME = 0x28
IO_STATUS = 0x30
STATUS = 0x38
"""What mapping returned: STATUS_IMAGE_NOT_AT_BASE asks for relocation."""
ENTRY = 0x3C
"""LDR_DATA_TABLE_ENTRY of the module at hand; of the one whose routines are being called."""
INDEX = 0x40
"""Candidate place, protected range, or routine in turn."""
PROTECT_BASE = 0x44
PROTECT_SIZE = 0x48
NEW_PROTECT = 0x4C
OLD_PROTECT = 0x50
MODE = 0x54
"""What protections are being set; while routines are called, 1 for a DllMain and 0 for a TLS callback."""
ROOT = 0x58
"""Entry of the DLL that was asked for; 0 at process start."""
CONTEXT = 0x5C
"""The initial CONTEXT at process start, handed to DllMain as lpReserved; 0 for later loads."""
TLS_BLOCK = 0x60
TLS_VECTOR = 0x64
REASON = 0x68
"""DllMain's reason."""
NAME_LENGTH = 0x6C
"""Bytes of the wanted DLL's name at ``NAME``."""
NAME = 0x70
NAME_ROOM = 0x210
NT_BUFFER = 0x280
NT_ROOM = 0x420
SIZE = 0x6A0

PROCESS_DETACH, PROCESS_ATTACH, THREAD_ATTACH, THREAD_DETACH = range(4)

UNPROTECT_ALL, PROTECT_ALL, UNPROTECT_IAT, PROTECT_IAT = range(4)
"""Values of ``MODE`` for protections."""

OBJ_CASE_INSENSITIVE = 0x40


class Frame:
    """The frame of the load that a trap belongs to."""

    def __init__(self, trap: Trap) -> None:
        self.memory = trap.memory
        self.address = blocks.register32(trap, "rsi")

    def __getitem__(self, field: int) -> int:
        return blocks.dword(self.memory, self.address + field)

    def __setitem__(self, field: int, value: int) -> None:
        blocks.put_dword(self.memory, self.address + field, value)

    def clear(self) -> None:
        """Start afresh: all fields zero but the context, which the guest code sets first."""
        context = self[CONTEXT]
        self.memory.write(self.address, bytes(NAME))
        self[CONTEXT] = context

    @property
    def name(self) -> str:
        """The wanted DLL: a file name, or a full path."""
        return blocks.wide(self.memory.read(self.address + NAME, min(self[NAME_LENGTH], NAME_ROOM)))

    @name.setter
    def name(self, name: str) -> None:
        data = blocks.encoded(name)[:NAME_ROOM]
        self.memory.write(self.address + NAME_LENGTH, struct.pack("<I", len(data)) + data)

    @property
    def nt_name(self) -> str:
        """The NT name that is being opened, or was."""
        return blocks.unicode_string(self.memory, self.address + NT_NAME)

    @nt_name.setter
    def nt_name(self, name: str) -> None:
        data = blocks.encoded(name)[:NT_ROOM]
        name_at = self.address + NT_NAME
        blocks.put_string(self.memory, name_at, len(data), NT_ROOM, self.address + NT_BUFFER)
        self.memory.write(self.address + NT_BUFFER, data)
        attributes = struct.pack("<6I", 24, 0, name_at, OBJ_CASE_INSENSITIVE, 0, 0)
        self.memory.write(self.address + OBJECT_ATTRIBUTES, attributes)
