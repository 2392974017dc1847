r"""``\Device\NamedPipe``, behind ``\??\PIPE``: making pipes, taking a client's end, waiting for a free instance.

Leaves out listing the pipes and security. Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.access import (
    FILE_CREATE,
    FILE_CREATED,
    FILE_OPEN,
    FILE_OPENED,
    FILE_READ_DATA,
    FILE_WRITE_DATA,
)
from wowsim.kernel.device import Device, FileObject, OpenRequest
from wowsim.kernel.names import upcase
from wowsim.kernel.pipes import INBOUND, OUTBOUND, Instance, NamedPipe, PipeEnd
from wowsim.nt.records import dataclass
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_INSTANCE_NOT_AVAILABLE,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_PIPE_NOT_AVAILABLE,
    STATUS_SUCCESS,
)

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel
    from wowsim.kernel.requests import Outcome, Request

FILE_DEVICE_NAMED_PIPE = 0x11
MAXIMUM_INSTANCES = 0x4000
"""Instances of all pipes together."""


@dataclass(frozen=True)
class PipeParameters:
    """NAMED_PIPE_CREATE_PARAMETERS, checked: what a new instance shall be."""

    messages: bool
    read_messages: bool
    wait: bool
    configuration: int
    maximum: int
    inbound: int
    outbound: int
    timeout: int | None


class PipeRoot(FileObject):
    """The device itself, open: it waits for pipes by name, and names are relative to it."""


class PipeDevice(Device):
    """The device and its pipes."""

    device_type = FILE_DEVICE_NAMED_PIPE

    def __init__(self, path: str, k: Kernel) -> None:
        super().__init__(path)
        self._k = k
        self._pipes: dict[str, NamedPipe] = {}
        self._waiting: list[tuple[str, Request]] = []
        self._count = 0

    # ------------------------------------------------------------ opening
    def open(self, request: OpenRequest) -> tuple[FileObject, int]:
        """Open the device, or take a free instance of a pipe as its client."""
        related = request.related
        if isinstance(related, PipeEnd):
            if request.name or not related.server or related.instance.client is not None:
                raise GuestFault(STATUS_OBJECT_NAME_INVALID)
            return self._client(related.instance, request), FILE_OPENED
        name = self._name(request)
        if name in ("", "\\"):
            return PipeRoot(self, request.access, request.options), FILE_OPENED
        pipe = self._pipes.get(upcase(name))
        if pipe is None:
            raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
        instance = pipe.listening()
        if instance is None:
            self._check_access(pipe, request.access)
            raise GuestFault(STATUS_PIPE_NOT_AVAILABLE)
        return self._client(instance, request), FILE_OPENED

    @staticmethod
    def _name(request: OpenRequest) -> str:
        if request.related is None:
            return request.name
        if request.name.startswith("\\"):
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
        return "\\" + request.name if request.name else ""

    def _client(self, instance: Instance, request: OpenRequest) -> PipeEnd:
        self._check_access(instance.pipe, request.access)
        client = PipeEnd(self, instance, False, request.access, request.options)
        instance.connect(client)
        return client

    @staticmethod
    def _check_access(pipe: NamedPipe, access: int) -> None:
        forbidden = {INBOUND: FILE_READ_DATA, OUTBOUND: FILE_WRITE_DATA}.get(pipe.configuration, 0)
        if access & forbidden:
            raise GuestFault(STATUS_ACCESS_DENIED)

    # ------------------------------------------------------------ making
    def create(self, request: OpenRequest, given: PipeParameters) -> tuple[FileObject, int]:
        """A new instance: of the pipe of that name, which may be new, or an anonymous one below the device."""
        if request.related is not None and not isinstance(request.related, PipeRoot):
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
        if self._count >= MAXIMUM_INSTANCES:
            raise GuestFault(STATUS_INSUFFICIENT_RESOURCES)
        name = self._name(request)
        if name == "\\" or (not name and request.related is None):
            raise GuestFault(STATUS_OBJECT_NAME_INVALID)
        pipe = self._pipes.get(upcase(name)) if name else None
        outcome = FILE_OPENED
        if pipe is None:
            pipe, outcome = self._new_pipe(name, request, given), FILE_CREATED
        else:
            if request.disposition == FILE_CREATE:
                raise GuestFault(STATUS_ACCESS_DENIED)
            if len(pipe.instances) >= pipe.maximum:
                raise GuestFault(STATUS_INSTANCE_NOT_AVAILABLE)
            if (pipe.messages, pipe.configuration) != (given.messages, given.configuration):
                raise GuestFault(STATUS_ACCESS_DENIED)
        instance = self.new_instance(pipe, given.inbound, given.outbound)
        server = PipeEnd(
            self,
            instance,
            True,
            request.access,
            request.options,
            messages=given.read_messages,
            wait=given.wait,
        )
        self.instance_listens(pipe)
        return server, outcome

    def new_instance(self, pipe: NamedPipe, inbound: int, outbound: int) -> Instance:
        """One more instance of a pipe, with these quotas; nobody has an end of it yet."""
        instance = Instance(pipe, inbound, outbound)
        pipe.instances.append(instance)
        self._count += 1
        return instance

    def _new_pipe(self, name: str, request: OpenRequest, given: PipeParameters) -> NamedPipe:
        if request.disposition == FILE_OPEN:
            raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
        if given.timeout is None or given.timeout >= 0:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        pipe = NamedPipe(self, name, given.messages, given.configuration, given.maximum, given.timeout)
        if name:
            self._pipes[upcase(name)] = pipe
        return pipe

    def remove(self, instance: Instance) -> None:
        """A server's end is closed; the name goes with the last instance."""
        pipe = instance.pipe
        pipe.instances.remove(instance)
        self._count -= 1
        if not pipe.instances and pipe.name:
            del self._pipes[upcase(pipe.name)]

    # ------------------------------------------------------------ waiting for an instance
    def wait(self, request: Request, name: str, timeout: int | None) -> Outcome | None:
        """FSCTL_PIPE_WAIT: until an instance listens.

        Args:
            request: who waits.
            name: of the pipe, without a backslash.
            timeout: as a service takes it; None for the pipe's own.
        """
        pipe = self._pipes.get(upcase("\\" + name))
        if pipe is None:
            raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
        if pipe.listening() is not None:
            return STATUS_SUCCESS, 0
        waiting = (upcase(pipe.name), request)
        self._waiting.append(waiting)
        request.withdraw = lambda: self._waiting.remove(waiting)
        request.what = f"an instance of the pipe {pipe.name}"
        request.deadline = self._k.clock.moment(pipe.timeout if timeout is None else timeout)
        return None

    def instance_listens(self, pipe: NamedPipe) -> None:
        """Who waits for an instance of it goes on."""
        key = upcase(pipe.name)
        found = [each for each in self._waiting if each[0] == key]
        for waiting in found:
            self._waiting.remove(waiting)
            waiting[1].complete(STATUS_SUCCESS)
