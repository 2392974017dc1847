r"""The console: three standard streams of bytes (\Device\ConDrv as far as reading and writing go).

Before Windows 8 the console is no device but a port to csrss; there this one stands in for it. Leaves out
screen buffers, modes and input records. Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.access import FILE_OPENED, FILE_READ_DATA, FILE_WRITE_DATA
from wowsim.kernel.device import FILE_DEVICE_CONSOLE, Device, FileObject, OpenRequest
from wowsim.kernel.names import upcase
from wowsim.kernel.standard_input import StandardInput
from wowsim.nt.status import (
    STATUS_DISK_FULL,
    STATUS_END_OF_FILE,
    STATUS_INVALID_HANDLE,
    STATUS_OBJECT_NAME_NOT_FOUND,
)

if TYPE_CHECKING:
    from collections.abc import Callable


KEPT = 64 << 20


class Stream(Enum):
    """The three standard streams."""

    INPUT = "stdin"
    OUTPUT = "stdout"
    ERROR = "stderr"


class Console:
    """What the program reads and what it has written.

    Args:
        stdin: all its input; behind it STATUS_END_OF_FILE.
        on_output: called with stream and bytes at each write.
        limit: bytes kept of both outputs together; more is STATUS_DISK_FULL, as for a redirected stream. None:
            nothing is kept, and there is no end.

    Attributes:
        redirected: the program was started without a console: its standard streams are pipes (``standard_pipes``), and
            there is no console to open.
    """

    def __init__(
        self,
        stdin: bytes = b"",
        on_output: Callable[[Stream, bytes], None] | None = None,
        limit: int | None = KEPT,
    ) -> None:
        self.stdin = StandardInput(stdin)
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.on_output = on_output
        self.limit = limit
        self.redirected = False

    def read(self, length: int) -> bytes:
        """The next bytes of the input, at most ``length``."""
        return self.stdin.read(length)

    def write(self, stream: Stream, data: bytes) -> None:
        """Append to an output."""
        if self.limit is not None:
            if len(self.stdout) + len(self.stderr) + len(data) > self.limit:
                raise GuestFault(STATUS_DISK_FULL)
            (self.stderr if stream is Stream.ERROR else self.stdout).extend(data)
        if self.on_output is not None:
            self.on_output(stream, data)


class ConsoleFile(FileObject):
    """An open standard stream."""

    def __init__(self, device: ConsoleDevice, stream: Stream, access: int, options: int) -> None:
        super().__init__(device, access, options)
        self.console = device.console
        self.stream = stream

    def read(self, offset: int, length: int) -> bytes:
        """Input; the offset means nothing here."""
        found = self.console.read(length)
        if not found and length:
            raise GuestFault(STATUS_END_OF_FILE)
        return found

    def write(self, offset: int | None, data: bytes) -> int:
        """Output; the offset means nothing here."""
        self.console.write(Stream.OUTPUT if self.stream is Stream.INPUT else self.stream, data)
        return 0


_NAMES = {
    r"\INPUT": Stream.INPUT,
    r"\CURRENTIN": Stream.INPUT,
    r"\OUTPUT": Stream.OUTPUT,
    r"\CURRENTOUT": Stream.OUTPUT,
    r"\CONSOLE": Stream.OUTPUT,
}
"""Names below the device; a program that opens ``Console`` for reading gets the input all the same."""
_BOTH_WAYS = FILE_READ_DATA | FILE_WRITE_DATA


class ConsoleDevice(Device):
    r"""``\Device\ConDrv``, behind ``\??\CON``, ``\??\CONIN$`` and ``\??\CONOUT$``."""

    device_type = FILE_DEVICE_CONSOLE

    def __init__(self, path: str, console: Console) -> None:
        super().__init__(path)
        self.console = console

    def standard(self, stream: Stream, access: int, options: int) -> ConsoleFile:
        """A file object for a handle that the process inherits."""
        return ConsoleFile(self, stream, access, options)

    def open(self, request: OpenRequest) -> tuple[FileObject, int]:
        """Open a stream by name; CON not both ways at once ("CreateFile", Consoles, learn.microsoft.com)."""
        if self.console.redirected:
            raise GuestFault(STATUS_INVALID_HANDLE)  # ERROR_INVALID_HANDLE without a console (unverified)
        name = upcase(request.name)
        stream = _NAMES.get(name)
        both = name == r"\CONSOLE" and request.access & _BOTH_WAYS == _BOTH_WAYS
        if stream is None or both or request.related is not None:
            raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
        return ConsoleFile(self, stream, request.access, request.options), FILE_OPENED
