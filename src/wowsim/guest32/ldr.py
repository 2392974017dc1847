"""The loader's lists in guest memory: PEB_LDR_DATA and LDR_DATA_TABLE_ENTRY.

Stands for the structures that programs walk to find their modules (wow64-facts section 9; layout as in
Windows 7, which later builds extend). What is read here may have been changed by the guest: walks are
bounded. ``LoadCount`` holds the references in every build; DdagNode, hash chains and the module index tree of
later builds stay empty. Who may import it: the loader's modules, and the routines that answer
GetModuleFileName and its like.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.guest32 import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.nt.abi import Memory
    from wowsim.nt.trap import Trap

LDR_SIZE = 0x30
LOAD_ORDER, MEMORY_ORDER, INITIALIZATION_ORDER = 0x0C, 0x14, 0x1C
SHUTDOWN = 0x28

ENTRY_SIZE = 0xB8
BASE, ENTRY_POINT, SIZE_OF_IMAGE, FULL_NAME, BASE_NAME = 0x18, 0x1C, 0x20, 0x24, 0x2C
FLAGS, LOAD_COUNT, TLS_INDEX, HASH_LINKS, TIMESTAMP = 0x34, 0x38, 0x3A, 0x3C, 0x44

STATIC_LINK = 0x2
IMAGE_DLL = 0x4
LOAD_IN_PROGRESS = 0x1000
UNLOAD_IN_PROGRESS = 0x2000
SNAPPED = 0x4000
"""LDRP_ENTRY_PROCESSED: imports are resolved."""
NO_THREAD_CALLS = 0x40000
ATTACHED = 0x80000
"""LDRP_PROCESS_ATTACH_CALLED."""
PINNED = 0xFFFF
MAX_MODULES = 0x1000

_LINKS = struct.Struct("<II")
_COUNTS = struct.Struct("<HH")


@dataclass(slots=True)
class Entry:
    """One LDR_DATA_TABLE_ENTRY, read and written where it lies."""

    memory: Memory
    address: int

    @property
    def base(self) -> int:
        """DllBase."""
        return blocks.dword(self.memory, self.address + BASE)

    @property
    def entry_point(self) -> int:
        """Address of the entry point, 0 for none."""
        return blocks.dword(self.memory, self.address + ENTRY_POINT)

    @property
    def size(self) -> int:
        """SizeOfImage."""
        return blocks.dword(self.memory, self.address + SIZE_OF_IMAGE)

    @property
    def full_name(self) -> str:
        """FullDllName."""
        return blocks.unicode_string(self.memory, self.address + FULL_NAME)

    @property
    def base_name(self) -> str:
        """BaseDllName."""
        return blocks.unicode_string(self.memory, self.address + BASE_NAME)

    @property
    def flags(self) -> int:
        """Flags."""
        return blocks.dword(self.memory, self.address + FLAGS)

    def set_flags(self, on: int = 0, off: int = 0) -> None:
        """Set and clear bits of Flags."""
        blocks.put_dword(self.memory, self.address + FLAGS, self.flags & ~off | on)

    @property
    def load_count(self) -> int:
        """LoadCount; :data:`PINNED` never goes down."""
        return int(self.memory.unpack(_COUNTS, self.address + LOAD_COUNT)[0])

    @load_count.setter
    def load_count(self, value: int) -> None:
        self.memory.pack(_COUNTS, self.address + LOAD_COUNT, value, self.tls_slot)

    @property
    def tls_slot(self) -> int:
        """TLS index + 1, or 0 where none is assigned (wowsim's own use of the field TlsIndex)."""
        return int(self.memory.unpack(_COUNTS, self.address + LOAD_COUNT)[1])

    @tls_slot.setter
    def tls_slot(self, value: int) -> None:
        self.memory.pack(_COUNTS, self.address + LOAD_COUNT, self.load_count, value)


class Modules:
    """The lists of one process."""

    def __init__(self, trap: Trap) -> None:
        self.memory = trap.memory
        self.data = blocks.dword(trap.memory, blocks.peb(trap) + blocks.PEB_LDR)

    def create(self, trap: Trap, data: int) -> None:
        """Empty lists at ``data``; the PEB points there from now on."""
        self.data = data
        self.memory.write(data, struct.pack("<IB3xI", LDR_SIZE, 1, 0) + bytes(LDR_SIZE - 12))
        for which in (LOAD_ORDER, MEMORY_ORDER, INITIALIZATION_ORDER):
            self.memory.pack(_LINKS, data + which, data + which, data + which)
        blocks.put_dword(self.memory, blocks.peb(trap) + blocks.PEB_LDR, data)

    def walk(self, which: int = LOAD_ORDER) -> Iterator[Entry]:
        """Entries of one list, at most :data:`MAX_MODULES`."""
        head = self.data + which
        link = blocks.dword(self.memory, head)
        for _ in range(MAX_MODULES):
            if link == head:
                return
            yield Entry(self.memory, link - (which - LOAD_ORDER))
            link = blocks.dword(self.memory, link)

    def named(self, name: str) -> Entry | None:
        """The module with that base name, or full path if there is a separator; case does not matter."""
        wanted = name.casefold()
        whole = "\\" in wanted
        for entry in self.walk():
            if entry.flags & UNLOAD_IN_PROGRESS:
                continue
            if (entry.full_name if whole else entry.base_name).casefold() == wanted:
                return entry
        return None

    def at(self, base: int) -> Entry | None:
        """The module whose image starts there."""
        return next((entry for entry in self.walk() if entry.base == base), None)

    def containing(self, address: int) -> Entry | None:
        """The module that an address lies in."""
        return next((e for e in self.walk() if e.base <= address < e.base + e.size), None)

    def append(self, entry: Entry, which: int) -> None:
        """Link an entry as the last of a list."""
        head, links = self.data + which, entry.address + which - LOAD_ORDER
        last = blocks.dword(self.memory, head + 4)
        self.memory.pack(_LINKS, links, head, last)
        blocks.put_dword(self.memory, last, links)
        blocks.put_dword(self.memory, head + 4, links)

    def unlink(self, entry: Entry) -> None:
        """Take an entry out of every list it is in."""
        for which in (LOAD_ORDER, MEMORY_ORDER, INITIALIZATION_ORDER):
            forward, backward = self.memory.unpack(_LINKS, entry.address + which - LOAD_ORDER)
            if not forward or not backward:
                continue
            try:
                blocks.put_dword(self.memory, backward, forward)
                blocks.put_dword(self.memory, forward + 4, backward)
            except GuestFault:
                # The guest hid the module by tearing its links: there is nothing to take it out of.
                continue

    @property
    def shutting_down(self) -> bool:
        """ShutdownInProgress."""
        return self.memory.read(self.data + SHUTDOWN, 1) != b"\0"

    def shut_down(self, thread: int) -> None:
        """Set ShutdownInProgress and ShutdownThreadId."""
        self.memory.write(self.data + SHUTDOWN, struct.pack("<B3xI", 1, thread))


def write_entry(
    memory: Memory, address: int, values: tuple[int, int, int, int], full_name: str, flags: int
) -> Entry:
    """Fill a new entry and its names, which lie behind it.

    Args:
        memory: the guest's.
        address: of :func:`entry_bytes` bytes.
        values: base, entry point, size and time stamp of the image.
        full_name: the path; its last part is the base name.
        flags: of the new entry.
    """
    text = blocks.encoded(full_name)
    start = 2 * (full_name.rfind("\\") + 1)
    base, entry_point, size, timestamp = values
    body = bytearray(ENTRY_SIZE)
    struct.pack_into("<III", body, BASE, base, entry_point, size)
    struct.pack_into("<HHI", body, FULL_NAME, len(text), len(text) + 2, address + ENTRY_SIZE)
    short = len(text) - start
    struct.pack_into("<HHI", body, BASE_NAME, short, short + 2, address + ENTRY_SIZE + start)
    struct.pack_into("<IHH", body, FLAGS, flags, 0, 0)
    struct.pack_into("<II", body, HASH_LINKS, address + HASH_LINKS, address + HASH_LINKS)
    struct.pack_into("<I", body, TIMESTAMP, timestamp)
    memory.write(address, bytes(body) + text + b"\0\0")
    return Entry(memory, address)


def entry_bytes(full_name: str) -> int:
    """Bytes that an entry takes with its names."""
    return ENTRY_SIZE + len(blocks.encoded(full_name)) + 2
