"""Pipes, asynchronous requests and completion ports as tests use them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guest import READ, SYNC, WRITE, Guest

from wowsim.kernel.controls import NtFsControlFile
from wowsim.kernel.file_io import NtReadFile, NtWriteFile
from wowsim.kernel.io_completion import NtCreateIoCompletion, NtRemoveIoCompletion
from wowsim.kernel.named_pipes import NtCreateNamedPipeFile
from wowsim.kernel.synchronization import NtCreateEvent
from wowsim.nt.structures import IO_STATUS_BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.thread import Thread

BOTH = READ | WRITE
PIPE = r"\??\PIPE\p"
UNWRITTEN = 0xCCCCCCCC


@dataclass
class Begun:
    """A request: what the service answered, where its block and its buffer are."""

    guest: Guest
    status: int
    block: int
    buffer: int

    @property
    def end(self) -> tuple[int, int] | None:
        """Status and Information of its block; None while it is unwritten."""
        block = self.guest.load(IO_STATUS_BLOCK, self.block)
        return None if block.Status == UNWRITTEN else (block.Status, block.Information)

    @property
    def data(self) -> bytes:
        """What it read."""
        assert self.end is not None
        return self.guest.memory.read(self.buffer, self.end[1])


class Pipes(Guest):
    """A guest that pipes."""

    def server(
        self, path: str | None = PIPE, *,
        messages: int = 0, read_messages: int = 0, nonblocking: int = 0, maximum: int = 4,
        inbound: int = 64, outbound: int = 64, share: int = 3, disposition: int = 3, options: int = 0,
        access: int = BOTH, timeout: int | None = -10_000_000, root: int = 0,
    ) -> int:  # fmt: skip
        """NtCreateNamedPipeFile's status; the handle is in :attr:`handle`."""
        when = 0 if timeout is None else self.put(struct.pack("<q", timeout))
        oa = self.name(path, root)
        return self.call(
            NtCreateNamedPipeFile, self.out, access, oa, self.iosb, share, disposition, options,
            messages, read_messages, nonblocking, maximum, inbound, outbound, when,
        )  # fmt: skip

    def pair(self, *, client_options: int = 0, **more: Any) -> tuple[int, int]:
        """Handles of a server and its client."""
        assert self.server(**more) == 0
        server = self.handle
        return server, self.open(PIPE, BOTH, options=client_options)

    def new_block(self) -> int:
        """A status block that nobody has written."""
        return self.put(b"\xcc" * 16)

    def read(self, handle: int, length: int = 16, *, event: int = 0, apc: int = 0, context: int = 0) -> Begun:
        """NtReadFile."""
        block, buffer = self.new_block(), self.put(b"\xcc" * max(1, length))
        status = self.call(NtReadFile, handle, event, apc, context, block, buffer, length, 0, 0)
        return Begun(self, status, block, buffer)

    def write(self, handle: int, data: bytes, *, event: int = 0, apc: int = 0, context: int = 0) -> Begun:
        """NtWriteFile."""
        block, buffer = self.new_block(), self.put(data)
        status = self.call(NtWriteFile, handle, event, apc, context, block, buffer, len(data), 0, 0)
        return Begun(self, status, block, buffer)

    def control(
        self, handle: int, code: int, data: bytes = b"", room: int = 0, *, event: int = 0, context: int = 0
    ) -> Begun:
        """NtFsControlFile."""
        block, into = self.new_block(), self.put(b"\xcc" * (room + 16))
        source = self.put(data) if data else 0
        status = self.call(
            NtFsControlFile, handle, event, 0, context, block, code, source, len(data), into, room
        )
        assert self.memory.read(into + room, 16) == b"\xcc" * 16
        return Begun(self, status, block, into)

    def event(self, kind: int = 0, signaled: int = 0) -> int:
        """A new event."""
        assert self.call(NtCreateEvent, self.out, 0x1F0003, 0, kind, signaled) == 0
        return self.handle

    def port(self) -> int:
        """A new completion port."""
        assert self.call(NtCreateIoCompletion, self.out, 0x1F0003, 0, 0) == 0
        return self.handle

    def remove(self, port: int, timeout: int | None = 0) -> tuple[int, tuple[int, int, int, int] | None]:
        """NtRemoveIoCompletion: status, and (key, context, status, information)."""
        size = self.width // 8
        key, context, block = self.room(size), self.room(size), self.new_block()
        when = 0 if timeout is None else self.put(struct.pack("<q", timeout))
        status = self.call(NtRemoveIoCompletion, port, key, context, block, when)
        if status != 0:
            return status, None
        found = self.load(IO_STATUS_BLOCK, block)
        return 0, (self.value(key, size), self.value(context, size), found.Status, found.Information)

    def in_thread(self, call: Callable[[], int]) -> tuple[Thread, int]:
        """Make a call in a further thread, which is expected to wait in it; then the first one runs again."""
        first, thread = self.k.thread, self.thread()
        self.k.scheduler.force(thread)
        self.k.use_thread(thread)
        status = call()
        self.k.scheduler.force(first)
        self.k.use_thread(first)
        return thread, status


__all__ = ["BOTH", "PIPE", "SYNC", "Begun", "Pipes"]
