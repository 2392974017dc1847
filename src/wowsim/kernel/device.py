"""Devices, file objects and what an open asks for (nt!Io: DEVICE_OBJECT, FILE_OBJECT, IO_STACK_LOCATION).

How a request that cannot end at once waits is in ``requests``; most files end all of theirs at once.
Who may import it: the kernel package.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from wowsim.errors import GuestFault
from wowsim.kernel.access import FILE_MAPPING, FILE_OPENED, FILE_SHARE_ALL, FILE_SYNCHRONOUS_IO
from wowsim.kernel.dispatcher import DispatcherObject
from wowsim.kernel.namespace import ParsingObject
from wowsim.kernel.objects import KernelObject
from wowsim.nt.records import dataclass
from wowsim.nt.status import (
    STATUS_END_OF_FILE,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_OBJECT_NAME_NOT_FOUND,
)

if TYPE_CHECKING:
    from wowsim.kernel.byte_ranges import ByteRangeLocks
    from wowsim.kernel.completion import IoCompletion
    from wowsim.kernel.nodes import Node
    from wowsim.kernel.requests import Outcome, Request
    from wowsim.kernel.thread import Thread

FILE_DEVICE_DISK = 0x7
FILE_DEVICE_DISK_FILE_SYSTEM = 0x8
FILE_DEVICE_NULL = 0x15
FILE_DEVICE_CONSOLE = 0x50
FILE_DEVICE_IS_MOUNTED = 0x20


@dataclass(slots=True)
class OpenRequest:
    """The checked arguments of one NtCreateFile, as a device sees them.

    Attributes:
        name: what is left of the path, with its leading backslash unless ``related`` is given.
        access: specific rights, generic ones already mapped.
        disposition: FILE_OPEN and its like.
        options: create options.
        share: FILE_SHARE bits.
        attributes: for a file that gets created.
        allocation_size: for a file that gets created or overwritten.
        related: the file object of RootDirectory.
    """

    name: str
    access: int
    disposition: int
    options: int = 0
    share: int = FILE_SHARE_ALL
    attributes: int = 0
    allocation_size: int = 0
    related: FileObject | None = None


class FileEvent(DispatcherObject):
    """FILE_OBJECT.Event: set while no request is under way. That it is set before the first one is unverified."""

    type_name: ClassVar[str] = "File"

    def __init__(self, file: FileObject) -> None:
        super().__init__()
        self._file = file
        self.signaled = True

    def is_signaled(self, thread: Thread) -> bool:
        """Whether it is set."""
        return self.signaled

    def nt_name(self) -> str:
        """The file's."""
        return self._file.nt_name()


class FileObject(KernelObject):
    """An open file, directory or device. What a kind of file cannot do is STATUS_INVALID_DEVICE_REQUEST.

    Attributes:
        device: where it was opened.
        access: rights granted by the open (a duplicated handle may have fewer).
        options: create options.
        position: CurrentByteOffset of a synchronous file.
        node: the file or directory of a volume behind it, if there is one.
        port: completion port and key, once it is associated.
        notification: FILE_SKIP_* flags.
        plain: its requests end at once and only the status block tells of their ends.
    """

    type_name: ClassVar[str] = "File"
    mapping = FILE_MAPPING
    seekable: ClassVar[bool] = False
    waits_for_others: ClassVar[bool] = False
    """Whether its requests may have to wait: reads and writes then go to :meth:`start_read` and its like."""
    node: Node | None = None
    port: tuple[IoCompletion, int] | None = None
    notification = 0
    _event: FileEvent | None = None

    def __init__(self, device: Device, access: int, options: int) -> None:
        self.device = device
        self.access = access
        self.options = options
        self.position = 0
        self.plain = options & FILE_SYNCHRONOUS_IO != 0 and not self.waits_for_others

    @property
    def locks(self) -> ByteRangeLocks | None:
        """The byte ranges that are locked in it."""
        return None

    @property
    def event(self) -> FileEvent:
        """What waiting for the file waits for; most files never need one."""
        if self._event is None:
            self._event = FileEvent(self)
        return self._event

    @property
    def synchronous(self) -> bool:
        """Whether the I/O manager keeps a position for it."""
        return self.options & FILE_SYNCHRONOUS_IO != 0

    def nt_name(self) -> str:
        """Device name and path."""
        return self.device.path

    def read(self, offset: int, length: int) -> bytes:
        """At most ``length`` bytes at ``offset``; raises STATUS_END_OF_FILE where there are none."""
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)

    def write(self, offset: int | None, data: bytes) -> int:
        """Write all of ``data`` at ``offset``, None meaning the end; returns the offset behind it."""
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)

    def start_read(self, request: Request, address: int, length: int) -> Outcome | None:
        """Read into the caller's buffer; None: the request waits."""
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)

    def start_write(self, request: Request, data: bytes) -> Outcome | None:
        """Write; None: the request waits."""
        raise GuestFault(STATUS_INVALID_DEVICE_REQUEST)


class Device(ParsingObject, ABC):
    """A device: opens what is left of a path.

    Attributes:
        path: its name in the namespace.
        device_type: FILE_DEVICE value.
        characteristics: FILE_DEVICE_IS_MOUNTED and its like.
    """

    type_name: ClassVar[str] = "Device"
    mapping = FILE_MAPPING
    device_type: ClassVar[int] = 0
    characteristics: ClassVar[int] = 0

    def __init__(self, path: str) -> None:
        self.path = path

    @abstractmethod
    def open(self, request: OpenRequest) -> tuple[FileObject, int]:
        """The new file object and IO_STATUS_BLOCK.Information."""


class NullFile(FileObject):
    """An open ``NUL``."""

    def read(self, offset: int, length: int) -> bytes:
        """Nothing, ever."""
        raise GuestFault(STATUS_END_OF_FILE)

    def write(self, offset: int | None, data: bytes) -> int:
        """Takes everything."""
        return 0


class NullDevice(Device):
    r"""``\Device\Null``, behind ``\??\NUL``."""

    device_type = FILE_DEVICE_NULL

    def open(self, request: OpenRequest) -> tuple[FileObject, int]:
        """Open it; there is nothing below it."""
        if request.name:
            raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
        return NullFile(self, request.access, request.options), FILE_OPENED
