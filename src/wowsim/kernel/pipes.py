"""Named pipes and their two ends (npfs.sys): instances, states, reading and writing.

Statuses: [MS-FSCC] 2.3 and 2.4, Microsoft Learn ("Named Pipe Operations"; ERROR_PIPE_* are the Win32 faces of the
STATUS_PIPE_* here), [MS-ERREF]. Leaves out impersonation and remote clients. Who may import it: the kernel package.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar

from wowsim.errors import GuestFault
from wowsim.kernel.device import Device, FileObject
from wowsim.kernel.pipe_queues import PipeQueue, Reader
from wowsim.nt.status import (
    STATUS_ILLEGAL_FUNCTION,
    STATUS_INVALID_PIPE_STATE,
    STATUS_PIPE_BROKEN,
    STATUS_PIPE_BUSY,
    STATUS_PIPE_CLOSING,
    STATUS_PIPE_CONNECTED,
    STATUS_PIPE_DISCONNECTED,
    STATUS_PIPE_EMPTY,
    STATUS_PIPE_LISTENING,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from wowsim.kernel.pipe_device import PipeDevice
    from wowsim.kernel.requests import Outcome, Request

DISCONNECTED, LISTENING, CONNECTED, CLOSING = 1, 2, 3, 4
"""FILE_PIPE_*_STATE."""
INBOUND, OUTBOUND, FULL_DUPLEX = 0, 1, 2
"""Configuration: who writes; inbound is client to server."""


class NamedPipe:
    """What all instances of one name share.

    Attributes:
        name: below the device, with its backslash; empty for an anonymous one.
        messages: of messages, or of bytes.
        configuration: INBOUND, OUTBOUND or FULL_DUPLEX.
        maximum: instances it may have.
        timeout: 100 ns units, negative: what FSCTL_PIPE_WAIT waits by default.
        instances: oldest first.
    """

    def __init__(
        self, device: PipeDevice, name: str, messages: bool, configuration: int, maximum: int, timeout: int
    ) -> None:
        self.device = device
        self.name = name
        self.messages, self.configuration = messages, configuration
        self.maximum, self.timeout = maximum, timeout
        self.instances: list[Instance] = []

    def listening(self) -> Instance | None:
        """An instance that a client may take."""
        return next((each for each in self.instances if each.state == LISTENING), None)


class Instance:
    """One pair of ends: state, data of both directions, and who waits for a client."""

    def __init__(self, pipe: NamedPipe, inbound: int, outbound: int) -> None:
        self.pipe = pipe
        self.state = LISTENING
        self.inbound, self.outbound = PipeQueue(inbound), PipeQueue(outbound)
        self.client: PipeEnd | None = None
        self._listeners: deque[Request] = deque()

    def listen(self, request: Request, *, wait: bool) -> Outcome | None:
        """FSCTL_PIPE_LISTEN."""
        if self.state == CONNECTED:
            raise GuestFault(STATUS_PIPE_CONNECTED)
        if self.state == CLOSING:
            raise GuestFault(STATUS_PIPE_CLOSING)
        if self.state == DISCONNECTED:
            self.state = LISTENING
            self.pipe.device.instance_listens(self.pipe)
        if not wait:
            raise GuestFault(STATUS_PIPE_LISTENING)
        self._listeners.append(request)
        request.withdraw = lambda: self._listeners.remove(request)
        request.what = f"a client of the pipe {self.pipe.name}"
        return None

    def connect(self, client: PipeEnd) -> None:
        """A client has come."""
        self.client, self.state = client, CONNECTED
        self._end_listeners(STATUS_SUCCESS)

    def disconnect(self) -> None:
        """FSCTL_PIPE_DISCONNECT: the server throws the client out, unread data with it."""
        if self.state == DISCONNECTED:
            raise GuestFault(STATUS_PIPE_DISCONNECTED)
        self.state = DISCONNECTED
        if self.client is not None:
            self.client.thrown_out = True
            self.client = None
        self._end_listeners(STATUS_PIPE_DISCONNECTED)
        for queue in (self.inbound, self.outbound):
            queue.end(STATUS_PIPE_DISCONNECTED)

    def close_server(self) -> None:
        """The server's end is closed; the client may read what there is."""
        self.pipe.device.remove(self)
        self.state = CLOSING
        self._end_listeners(STATUS_PIPE_BROKEN)
        self.inbound.end()
        self.outbound.end(keep=self.client is not None)

    def close_client(self) -> None:
        """The client's end is closed; the server may read what there is."""
        self.client = None
        self.state = CLOSING
        self.outbound.end()
        self.inbound.end(keep=True)

    def _end_listeners(self, status: int) -> None:
        listeners, self._listeners = self._listeners, deque()
        for request in listeners:
            request.complete(status)


class PipeEnd(FileObject):
    """An open end of a pipe.

    Attributes:
        instance: the pair it belongs to.
        server: which end it is.
        messages: it reads messages.
        wait: its requests wait (FILE_PIPE_QUEUE_OPERATION).
        thrown_out: the server has disconnected this client.
    """

    waits_for_others: ClassVar[bool] = True

    def __init__(
        self, device: Device, instance: Instance, server: bool, access: int, options: int, *,
        messages: bool = False, wait: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(device, access, options)
        self.instance, self.server = instance, server
        self.messages, self.wait = messages, wait
        self.thrown_out = False

    @property
    def state(self) -> int:
        """The state as this end sees it."""
        return DISCONNECTED if self.thrown_out else self.instance.state

    @property
    def incoming(self) -> PipeQueue:
        """What it reads."""
        return self.instance.inbound if self.server else self.instance.outbound

    @property
    def outgoing(self) -> PipeQueue:
        """What it writes."""
        return self.instance.outbound if self.server else self.instance.inbound

    @property
    def reads(self) -> bool:
        """Whether the pipe has data for this end at all."""
        return self.instance.pipe.configuration != (OUTBOUND if self.server else INBOUND)

    @property
    def writes(self) -> bool:
        """Whether this end may write."""
        return self.instance.pipe.configuration != (INBOUND if self.server else OUTBOUND)

    def nt_name(self) -> str:
        r"""``\Device\NamedPipe\name``."""
        return self.device.path + self.instance.pipe.name

    def last_handle_closed(self) -> None:
        """The other end learns of it."""
        if self.thrown_out:
            return
        if self.server:
            self.instance.close_server()
        else:
            self.instance.close_client()

    # ------------------------------------------------------------ requests
    def check_readable(self) -> None:
        """Raise what a read answers in this state, unless there is or may be data."""
        if not self.reads:
            raise GuestFault(STATUS_INVALID_PIPE_STATE)
        state = self.state
        if state == DISCONNECTED:
            raise GuestFault(STATUS_PIPE_DISCONNECTED)
        if state == LISTENING:
            raise GuestFault(STATUS_PIPE_LISTENING)
        if state == CLOSING and not self.incoming.entries:
            raise GuestFault(STATUS_PIPE_BROKEN)

    def start_read(self, request: Request, address: int, length: int) -> Outcome | None:
        """Read what there is, or wait for it."""
        self.check_readable()
        if self.incoming.entries:
            data, status = self.incoming.read(length, messages=self.messages)
            if data:
                request.memory.write(address, data)
            return status, len(data)
        if not self.wait:
            raise GuestFault(STATUS_PIPE_EMPTY)
        request.what = f"data in the pipe {self.instance.pipe.name}"
        self.incoming.wait(Reader(request, address, length, self.messages))
        return None

    def _check_writable(self) -> None:
        if not self.writes:
            raise GuestFault(STATUS_INVALID_PIPE_STATE)
        wrong = {
            DISCONNECTED: STATUS_PIPE_DISCONNECTED,
            LISTENING: STATUS_PIPE_LISTENING,
            CLOSING: STATUS_PIPE_CLOSING,
        }.get(self.state)
        if wrong is not None:
            raise GuestFault(wrong)

    def start_write(self, request: Request, data: bytes) -> Outcome | None:
        """Write, or wait for room."""
        self._check_writable()
        request.what = f"room in the pipe {self.instance.pipe.name}"
        return self.outgoing.write(request, data, messages=self.instance.pipe.messages, wait=self.wait)

    def start_flush(self, request: Request) -> Outcome | None:
        """Wait until the other end has read everything."""
        if self.state != CONNECTED:
            raise GuestFault(STATUS_PIPE_DISCONNECTED if self.state == DISCONNECTED else STATUS_PIPE_CLOSING)
        request.what = f"the other end of the pipe {self.instance.pipe.name} to read"
        return self.outgoing.flush(request)

    def transceive(self, request: Request, data: bytes, address: int, length: int) -> Outcome | None:
        """Write a message and read the answer (FSCTL_PIPE_TRANSCEIVE)."""
        if not (self.reads and self.writes and self.messages):
            raise GuestFault(STATUS_INVALID_PIPE_STATE)
        self._check_writable()
        if self.incoming.entries:
            raise GuestFault(STATUS_PIPE_BUSY)
        self.outgoing.write(None, data, messages=True, wait=False)
        request.what = f"an answer in the pipe {self.instance.pipe.name}"
        self.incoming.wait(Reader(request, address, length, True))
        return None

    def require_server(self) -> Instance:
        """The instance, for what only the server may ask."""
        if not self.server:
            raise GuestFault(STATUS_ILLEGAL_FUNCTION)
        return self.instance
