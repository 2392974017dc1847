"""I/O requests: how a file service ends, at once or later (nt!Io: IRP, IopSynchronousServiceTail, IopCompleteRequest).

A request that its file cannot end waits: on a synchronous file its thread waits with it, on another one the service
answers STATUS_PENDING and the status block, an event, an APC or a completion packet tell the end. The late status
block of a WoW64 process is the 32-bit one that the first field of the 64-bit block pointed to (wow64-facts section 6);
that a 64-bit caller whose block holds no such pointer gets its own block written is what makes both work.

An error at once tells nobody but the caller (Microsoft Learn, "NtReadFile": neither event nor port). Leaves out the
lock that lets one request at a time use a synchronous file. Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.completion import Packet
from wowsim.kernel.dispatcher import Event, Wait
from wowsim.kernel.thread import Apc, State
from wowsim.nt.abi import NTSTATUS, ULONG_PTR, Out, load
from wowsim.nt.status import (
    STATUS_CANCELLED,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER,
    STATUS_IO_TIMEOUT,
    STATUS_PENDING,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import IO_STATUS_BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.context import Kernel
    from wowsim.kernel.device import FileObject
    from wowsim.nt.abi import Memory, Width

EVENT_MODIFY_STATE = 2
FILE_SYNCHRONOUS_IO_ALERT = 0x10
FILE_SKIP_COMPLETION_PORT_ON_SUCCESS, FILE_SKIP_SET_EVENT_ON_HANDLE = 1, 2
"""FILE_IO_COMPLETION_NOTIFICATION_INFORMATION.Flags (Microsoft Learn, SetFileCompletionNotificationModes)."""
MAXIMUM_PENDING = 0x4000
"""Requests of the process that may wait at once; one more is STATUS_INSUFFICIENT_RESOURCES, as where pool ends."""

Outcome = tuple[int, int]
"""Status and Information."""


class Request:
    """One request to a file.

    Args:
        k: the kernel.
        file: to which.
        block: the caller's status block.
        event: handle of an event, or 0.
        apc_routine: its APC, or 0.
        apc_context: for the APC, or for the packet of a completion port.

    Attributes:
        thread: who asked.
        what: for people, while it waits.
        deadline: moment at which it ends with STATUS_IO_TIMEOUT; None for never.
        withdraw: takes it out of wherever it waits; set by whoever lets it wait.
    """

    def __init__(
        self,
        k: Kernel,
        file: FileObject,
        block: Out[IO_STATUS_BLOCK],
        event: int = 0,
        apc_routine: int = 0,
        apc_context: int = 0,
    ) -> None:
        self._k, self.file, self.thread = k, file, k.thread
        self._event = k.handles.lookup(event, Event, EVENT_MODIFY_STATE) if event else None
        if apc_routine and file.port is not None:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        self._apc_routine, self._apc_context = apc_routine, apc_context
        self.address, self._width = _late_block(k, block)
        self._block = block
        self._wait: Wait | None = None
        self.what = "a request"
        self.deadline: int | None = None
        self.withdraw: Callable[[], object] = lambda: None
        if self._event is not None:
            self._event.signaled = False
        file.event.signaled = False

    @property
    def waits(self) -> bool:
        """Whether its thread waits for its end."""
        return self._wait is not None

    @property
    def memory(self) -> Memory:
        """Where the caller's buffers are."""
        return self._k.memory

    @property
    def due(self) -> int | None:
        """The deadline, for the scheduler."""
        return self.deadline

    def expired(self) -> None:
        """The deadline has come."""
        self.withdraw()
        self.complete(STATUS_IO_TIMEOUT)

    def finish(self, status: int, information: int) -> NTSTATUS:
        """It ends within its service, without an error."""
        self._block.set(IO_STATUS_BLOCK(NTSTATUS(status), ULONG_PTR(information)))
        skip = self.file.notification & FILE_SKIP_COMPLETION_PORT_ON_SUCCESS
        self._tell(status, information, packet=not (skip and status == STATUS_SUCCESS))
        return NTSTATUS(status)

    def refuse(self) -> None:
        """It ends within its service with an error."""
        self.file.event.signaled = True

    def pend(self) -> NTSTATUS:
        """It waits: STATUS_PENDING, or on a synchronous file the thread waits too."""
        k, file = self._k, self.file
        if len(k.requests) >= MAXIMUM_PENDING:
            self.withdraw()
            self.refuse()
            raise GuestFault(STATUS_INSUFFICIENT_RESOURCES)
        k.requests.append(self)
        if self.deadline is not None:
            k.scheduler.let_expire(self.deadline, self)
        if not file.synchronous:
            return STATUS_PENDING
        wait = Wait(self.thread, (), False, file.options & FILE_SYNCHRONOUS_IO_ALERT != 0, None, self.what)
        wait.ended = self._given_up
        self._wait = wait
        try:
            return NTSTATUS(k.scheduler.block(wait))
        finally:
            if self.thread.wait is not wait:
                self._given_up()  # an APC was there already

    def _given_up(self) -> None:
        """The thread waits no longer: an alert, an APC or its end came first."""
        if self in self._k.requests:
            self._k.requests.remove(self)
            self.deadline = None
            self.withdraw()

    def complete(self, status: int, information: int = 0) -> None:
        """It ends after it has waited; whoever calls has taken it out of where it waited."""
        k = self._k
        k.requests.remove(self)
        self.deadline = None
        block = IO_STATUS_BLOCK(NTSTATUS(status), ULONG_PTR(information))
        try:
            if self._wait is not None:
                self._block.set(block)
            elif self.address:
                Out[IO_STATUS_BLOCK](k.memory, self.address, IO_STATUS_BLOCK, self._width).set(block)
        except GuestFault as fault:  # the caller has freed its block
            status = fault.status
        self._tell(status, information, packet=True)
        if self._wait is not None and self.thread.wait is self._wait:
            k.scheduler.wake(self.thread, status)

    def deliver(self, address: int, data: bytes, status: int) -> None:
        """End with ``data`` for the caller's buffer."""
        try:
            if data:
                self._k.memory.write(address, data)
        except GuestFault as fault:
            self.complete(fault.status)
        else:
            self.complete(status, len(data))

    def cancel(self) -> None:
        """End with STATUS_CANCELLED."""
        self.withdraw()
        self.complete(STATUS_CANCELLED)

    def _tell(self, status: int, information: int, *, packet: bool) -> None:
        """Event, file, APC, port."""
        k, file = self._k, self.file
        if self._event is not None:
            self._event.signaled = True
            k.scheduler.signal(self._event)
        if (
            self._event is None or file.synchronous
        ) and not file.notification & FILE_SKIP_SET_EVENT_ON_HANDLE:
            file.event.signaled = True
            k.scheduler.signal(file.event)
        if self._apc_routine:
            if self.thread.state is not State.TERMINATED:
                apc = Apc(self._apc_routine, (self._apc_context, self.address, 0))
                k.scheduler.queue_apc(self.thread, apc)
        elif packet and file.port is not None and self._apc_context:
            port, key = file.port
            port.post(Packet(key, self._apc_context, status, information))


def _late_block(k: Kernel, block: Out[IO_STATUS_BLOCK]) -> tuple[int, Width]:
    """Where a status goes that comes late: through the pointer that a WoW64 process' 64-bit block holds."""
    if block.width == 64 and k.process.peb32 and block.address:
        pointer = load(k.memory, block.address, ULONG_PTR, 64)
        if 0 < pointer < 1 << 32:
            try:
                k.memory.probe_write(pointer, 8)
            except GuestFault:
                return block.address, 64
            return pointer, 32
    return block.address, block.width


def serve(
    k: Kernel,
    file: FileObject,
    event: int,
    apc_routine: int,
    apc_context: int,
    block: Out[IO_STATUS_BLOCK],
    operate: Callable[[Request], Outcome | None],
) -> NTSTATUS:
    """One request from its beginning to what its service answers.

    Args:
        k: the kernel.
        file: to which.
        event: handle or 0.
        apc_routine: or 0.
        apc_context: or 0.
        block: the caller's status block.
        operate: does it; None where the request has to wait (and ``withdraw`` is set).
    """
    request = Request(k, file, block, event, apc_routine, apc_context)
    try:
        outcome = operate(request)
    except GuestFault:
        request.refuse()
        raise
    return request.pend() if outcome is None else request.finish(*outcome)


def cancel_all(k: Kernel, chosen: Callable[[Request], bool]) -> int:
    """Cancel the requests that are chosen; how many there were."""
    found = [each for each in k.requests if chosen(each)]
    for request in found:
        if request in k.requests:
            request.cancel()
    return len(found)
