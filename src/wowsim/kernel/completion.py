"""I/O completion ports: packets in, packets out (nt!Io on nt!KQUEUE).

Threads that wait for a packet get it last come, first served (Microsoft Learn, "I/O Completion Ports"). The limit of
threads that run at once limits nothing here: there is one processor. Who may import it: the kernel package.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from wowsim.errors import GuestFault
from wowsim.kernel.access import GenericMapping
from wowsim.kernel.dispatcher import NamedObject, Wait
from wowsim.nt.status import STATUS_ABANDONED, STATUS_INSUFFICIENT_RESOURCES

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.context import Kernel
    from wowsim.kernel.naming import Place
    from wowsim.kernel.thread import Thread

IO_COMPLETION_QUERY_STATE, IO_COMPLETION_MODIFY_STATE = 1, 2
MAXIMUM_PACKETS = 0x10000
"""What a port keeps; one more is STATUS_INSUFFICIENT_RESOURCES, as where nonpaged pool ends."""


class Packet(NamedTuple):
    """One completion: the file's key, the request's context, how it ended."""

    key: int
    context: int
    status: int
    information: int


class IoCompletion(NamedObject):
    """A completion port; signalled while it has packets (unverified: waiting for the port itself is not usual)."""

    type_name: ClassVar[str] = "IoCompletion"
    mapping: ClassVar[GenericMapping] = GenericMapping(0x20001, 0x20002, 0x120000, 0x1F0003)

    def __init__(self, k: Kernel, place: Place | None) -> None:
        super().__init__(k, place)
        self.packets: deque[Packet] = deque()
        self._takers: list[tuple[Wait, Callable[[list[Packet]], int]]] = []

    def is_signaled(self, thread: Thread) -> bool:
        """Whether there is a packet."""
        return bool(self.packets)

    def post(self, packet: Packet) -> None:
        """Give a packet to the thread that came last, or keep it."""
        if self._takers:
            wait, deliver = self._takers[-1]
            try:
                status = deliver([packet])
            except GuestFault as fault:  # the packet is lost with the caller's buffer
                status = fault.status
            self._k.scheduler.wake(wait.thread, status)
            return
        if len(self.packets) >= MAXIMUM_PACKETS:
            raise GuestFault(STATUS_INSUFFICIENT_RESOURCES)
        self.packets.append(packet)
        self._k.scheduler.signal(self)

    def take_packets(
        self, most: int, deliver: Callable[[list[Packet]], int], alertable: bool, deadline: int | None
    ) -> int:
        """Take up to ``most`` packets, waiting for the first one.

        Args:
            most: at least 1.
            deliver: writes them to the caller and returns the service's status.
            alertable: whether APCs end the wait.
            deadline: moment on the clock, None for never.

        Raises:
            Blocked: the thread waits.
        """
        if self.packets:
            taken = [self.packets.popleft() for _ in range(min(most, len(self.packets)))]
            return deliver(taken)
        k = self._k
        wait = Wait(k.thread, (), False, alertable, deadline, f"a packet of {self.description()}")
        taker = (wait, deliver)
        self._takers.append(taker)
        wait.ended = lambda: self._takers.remove(taker)
        try:
            return k.scheduler.block(wait)
        finally:
            if k.thread.wait is not wait:
                self._takers.remove(taker)

    def last_handle_closed(self) -> None:
        """Who still waits for a packet gets none (ERROR_ABANDONED_WAIT_0 of GetQueuedCompletionStatus)."""
        super().last_handle_closed()
        for wait, _ in tuple(self._takers):
            self._k.scheduler.wake(wait.thread, STATUS_ABANDONED)
