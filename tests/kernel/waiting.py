"""What the tests of objects and waits share: making objects and threads, waiting, and whose turn it is."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from guest import Guest

from wowsim.kernel.objects import KernelObject
from wowsim.kernel.synchronization import NtCreateEvent, NtCreateMutant, NtCreateSemaphore
from wowsim.kernel.thread import State, Thread
from wowsim.kernel.timers import NtCreateTimer, NtSetTimer
from wowsim.kernel.waits import (
    NtCreateKeyedEvent,
    NtDelayExecution,
    NtWaitForMultipleObjects,
    NtWaitForSingleObject,
)
from wowsim.nt.abi import Width, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NEVER = 0
ALL = 0x1F0003
BOTH: tuple[Width, ...] = (32, 64)
MILLISECOND = 10_000


class Waits(Guest):
    """A guest with short words for waiting."""

    def made(self, service: Callable[..., int], *slots: int, access: int = ALL, name: int = 0) -> int:
        """The handle that a creating service gives; it must succeed."""
        status = self.call(service, self.out, access, name, *slots)
        assert status >> 30 in (0, 1), f"{status:08X}"
        return self.handle

    def event(self, synchronization: int = 1, signaled: int = 0, **more: int) -> int:
        return self.made(NtCreateEvent, synchronization, signaled, **more)

    def mutant(self, owned: int = 0, **more: int) -> int:
        return self.made(NtCreateMutant, owned, **{"access": 0x1F0001, **more})

    def semaphore(self, count: int = 0, limit: int = 10, **more: int) -> int:
        return self.made(NtCreateSemaphore, count, limit, **more)

    def timer(self, synchronization: int = 0, **more: int) -> int:
        return self.made(NtCreateTimer, synchronization, **more)

    def keyed(self, **more: int) -> int:
        return self.made(NtCreateKeyedEvent, 0, **{"access": 0xF0003, **more})

    def set_timer(
        self, timer: int, due: int, period: int = 0, routine: int = 0, context: int = 0, previous: int = 0
    ) -> int:
        return self.call(NtSetTimer, timer, self.time(due), routine, context, 0, period, previous)

    def time(self, units: int) -> int:
        """A LARGE_INTEGER."""
        return self.put(struct.pack("<q", units))

    def wait(self, handle: int, timeout: int | None = None, alertable: int = 0) -> int:
        return self.call(NtWaitForSingleObject, handle, alertable, self._timeout(timeout))

    def wait_many(
        self, handles: Iterable[int], kind: int = 1, timeout: int | None = None, alertable: int = 0
    ) -> int:
        handles = list(handles)
        array = self.put(struct.pack(f"<{len(handles)}{'Q' if self.width == 64 else 'I'}", *handles))
        service = NtWaitForMultipleObjects
        return self.call(service, len(handles), array, kind, alertable, self._timeout(timeout))

    def delay(self, units: int, alertable: int = 0) -> int:
        return self.call(NtDelayExecution, alertable, self.time(units))

    def _timeout(self, timeout: int | None) -> int:
        return NEVER if timeout is None else self.time(timeout)

    def object(self, handle: int) -> Any:
        return self.k.handles.lookup(handle, KernelObject)

    def handle_of(self, thread: Thread, access: int = 0x1FFFFF) -> int:
        return self.k.handles.insert(thread, access)

    def run(self, thread: Thread) -> None:
        """Let a ready thread run now, whoever runs."""
        assert thread.state in (State.READY, State.RUNNING), thread.state
        if thread is self.k.thread:
            return
        status = thread.wake_status
        self.k.scheduler.force(thread)
        thread.wake_status = status
        self.k.use_thread(thread)

    def size(self, kind: type) -> int:
        return size_of(kind, self.width)

    def query(self, service: Callable[..., int], kind: type, handle: int) -> Any:
        """What a query with class 0 answers."""
        size = self.size(kind)
        room, returned = self.room(64), self.room(4)
        assert self.call(service, handle, 0, room, size, returned) == 0
        assert self.value(returned, 4) == size
        return self.load(kind, room)
