"""A guest for service tests: a bytearray for memory, a real kernel, calls by argument slots."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from wowsim.errors import GuestFault
from wowsim.kernel.access import FILE_OPEN, FILE_SHARE_ALL
from wowsim.kernel.context import Kernel
from wowsim.kernel.dispatcher import Blocked
from wowsim.kernel.files import NtCreateFile
from wowsim.kernel.table import BLOCKED
from wowsim.kernel.thread import State, Thread
from wowsim.nt.abi import Width, encode, load, prototype, size_of
from wowsim.nt.builds import BUILDS
from wowsim.nt.status import STATUS_ACCESS_VIOLATION
from wowsim.nt.structures import IO_STATUS_BLOCK, OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    import struct
    from collections.abc import Callable

BASE = 0x10000
SIZE = 0x80000

READ = 0x120089
WRITE = 0x120116
SYNC = 0x20
"""FILE_SYNCHRONOUS_IO_NONALERT."""


class FlatMemory:
    """One readable and writable range; everything else is an access violation."""

    def __init__(self) -> None:
        self.data = bytearray(SIZE)

    def _at(self, address: int, size: int) -> int:
        if address < BASE or address + size > BASE + SIZE:
            raise GuestFault(STATUS_ACCESS_VIOLATION, address)
        return address - BASE

    def read(self, address: int, size: int) -> bytes:
        at = self._at(address, size)
        return bytes(self.data[at : at + size])

    def write(self, address: int, data: bytes) -> None:
        at = self._at(address, len(data))
        self.data[at : at + len(data)] = data

    def unpack(self, layout: struct.Struct, address: int) -> tuple[Any, ...]:
        return layout.unpack_from(self.data, self._at(address, layout.size))

    def pack(self, layout: struct.Struct, address: int, *values: Any) -> None:
        layout.pack_into(self.data, self._at(address, layout.size), *values)

    def probe_write(self, address: int, size: int) -> None:
        self._at(address, size)


class Guest:
    """A kernel and the means to call its services as a program does."""

    def __init__(self, width: Width = 64, build: str = "win7sp1", **options: Any) -> None:
        self.memory = FlatMemory()
        self.width: Width = width
        highest = 0x7FFFFFEFFFF if width == 64 else 0x7FFEFFFF
        layout = SimpleNamespace(highest_user=highest)
        commitment = SimpleNamespace(charged=5, limit=1 << 20)
        vads = [SimpleNamespace(start=0x10, end=0x8F)]
        space = SimpleNamespace(layout=layout, vads=vads, private_commit=3, commitment=commitment)
        self.k = Kernel(self.memory, cast("Any", space), BUILDS[build], width=width, **options)
        self._next = BASE
        self.iosb = self.room(16)
        self.out = self.room(16)
        self._decoders: dict[str, Any] = {}

    def room(self, size: int) -> int:
        """A fresh, 16-aligned piece of memory."""
        address = self._next
        self._next += -(-size // 16) * 16
        return address

    def put(self, data: bytes) -> int:
        """Fresh memory with bytes in it."""
        address = self.room(len(data) or 1)
        self.memory.write(address, data)
        return address

    def string(self, text: str | bytes) -> int:
        """A UNICODE_STRING."""
        data = text if isinstance(text, bytes) else text.encode("utf-16-le", "surrogatepass")
        value = UNICODE_STRING(len(data), len(data), self.put(data))  # type: ignore[arg-type]
        return self.put(encode(UNICODE_STRING, self.width, value))

    def name(self, path: str | bytes | None, root: int = 0, attributes: int = 0x40) -> int:
        """OBJECT_ATTRIBUTES."""
        string = 0 if path is None else self.string(path)
        size = size_of(OBJECT_ATTRIBUTES, self.width)
        value = OBJECT_ATTRIBUTES(size, root, string, attributes, 0, 0)  # type: ignore[arg-type]
        return self.put(encode(OBJECT_ATTRIBUTES, self.width, value))

    def call(self, service: Callable[..., int], *slots: int) -> int:
        """The status of a service called with argument slots; BLOCKED where another thread goes on or nobody."""
        decode = self._decoders.get(service.__name__)
        if decode is None:
            decode = self._decoders[service.__name__] = prototype(service).decoder(self.width)
        caller = self.k.thread
        try:
            status = service(self.k, *decode(self.memory, slots))
        except GuestFault as fault:
            status = fault.status
        except Blocked:
            status = BLOCKED
        if self.k.scheduler.wanted and self.k.threads:
            self.switch()
        if status == BLOCKED and self.k.thread is caller:
            return self.woken() if caller.wake_status is not None else BLOCKED
        return status

    def switch(self, *, end_of_turn: bool = False) -> bool:
        """Let the thread run that the scheduler chooses; whether there is one."""
        chosen = self.k.scheduler.pick(end_of_turn)
        if chosen is not None:
            self.k.use_thread(chosen)
        return chosen is not None

    def woken(self) -> int:
        """How the wait of the thread that runs ended."""
        status, self.k.thread.wake_status = self.k.thread.wake_status, None
        assert status is not None
        return status

    def thread(self) -> Thread:
        """A further thread, ready to run."""
        made = Thread(id=self.k.next_thread_id(), state=State.READY)
        self.k.threads.append(made)
        self.k.scheduler.make_ready(made)
        return made

    def value(self, address: int, size: int = 8) -> int:
        """A little-endian number in memory."""
        return int.from_bytes(self.memory.read(address, size), "little")

    def load(self, kind: type, address: int) -> Any:
        """A structure in memory."""
        return load(self.memory, address, kind, self.width)

    @property
    def information(self) -> int:
        """IO_STATUS_BLOCK.Information of the last request."""
        return int(self.load(IO_STATUS_BLOCK, self.iosb).Information)

    def create(
        self,
        path: str | bytes | None,
        access: int = READ,
        disposition: int = FILE_OPEN,
        options: int = SYNC,
        *,
        share: int = FILE_SHARE_ALL,
        attributes: int = 0,
        root: int = 0,
    ) -> int:
        """NtCreateFile; the handle is in :attr:`handle`."""
        oa = self.name(path, root)
        slots = (self.out, access, oa, self.iosb, 0, attributes, share, disposition, options, 0, 0)
        return self.call(NtCreateFile, *slots)

    @property
    def handle(self) -> int:
        """The handle that the last create gave."""
        return self.value(self.out, self.width // 8)

    def open(
        self,
        path: str | None,
        access: int = READ,
        disposition: int = FILE_OPEN,
        options: int = SYNC,
        **more: Any,
    ) -> int:
        """A handle; the open must succeed."""
        status = self.create(path, access, disposition, options, **more)
        assert status == 0, f"{status:08X}"
        return self.handle
