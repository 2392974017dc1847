"""Objects that can be waited for, and what a wait is (nt!Ke dispatcher objects).

Events, mutants, semaphores, timers, threads and processes have a signal state; a wait for one or more of them ends
when it is satisfied, by its timeout, or by an APC or alert. Rules of each object: Microsoft Learn, "Synchronization
Objects" and KeWaitForMultipleObjects. Leaves out queues, gates and priority boosts at the end of a wait.

Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from wowsim.errors import GuestFault
from wowsim.kernel.access import GenericMapping
from wowsim.kernel.objects import KernelObject
from wowsim.nt.records import dataclass
from wowsim.nt.status import (
    STATUS_ABANDONED,
    STATUS_MUTANT_LIMIT_EXCEEDED,
    STATUS_MUTANT_NOT_OWNED,
    STATUS_SEMAPHORE_LIMIT_EXCEEDED,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.context import Kernel
    from wowsim.kernel.naming import Place
    from wowsim.kernel.thread import Apc, Thread

MAXIMUM_WAIT_OBJECTS = 64
MUTANT_LIMIT = 0x7FFFFFFF
"""How often one thread may own a mutant: its count is a LONG."""


class Blocked(Exception):
    """The calling thread waits; its service has no status yet."""


def _nothing() -> None:
    """Nobody else keeps the wait."""


@dataclass(eq=False)
class Wait:
    """What a thread waits for.

    Attributes:
        thread: who.
        objects: what for; empty for a delay, a keyed event or a suspension.
        all: whether all of them are needed.
        alertable: whether an APC ends it.
        deadline: moment at which it times out, in 100 ns units of the clock; None for never.
        what: for people, where there are no objects: ``"a delay"``.
        timeout_status: how it ends at the deadline.
        ended: called when it is over.
    """

    thread: Thread
    objects: tuple[DispatcherObject, ...]
    all: bool
    alertable: bool
    deadline: int | None
    what: str = ""
    timeout_status: int = 0x102
    ended: Callable[[], object] = _nothing

    @property
    def due(self) -> int | None:
        """The deadline, under the name that everything has which happens at a moment."""
        return self.deadline

    def satisfied(self) -> int | None:
        """Take what the wait takes and return its status, or None while it cannot end."""
        thread = self.thread
        if self.all:
            if not all(each.is_signaled(thread) for each in self.objects):
                return None
            taken = [each.take(thread) for each in self.objects]
            return next((abandoned for abandoned in taken if abandoned), 0)
        for index, each in enumerate(self.objects):
            if each.is_signaled(thread):
                return each.take(thread) + index
        return None

    def text(self) -> str:
        r"""``event \BaseNamedObjects\go``; several are joined."""
        if not self.objects:
            return self.what
        return (" and " if self.all else " or ").join(each.description() for each in self.objects)


class DispatcherObject(KernelObject, ABC):
    """A kernel object with a signal state.

    Attributes:
        waits: who waits for it, oldest first.
    """

    waits: list[Wait]

    def __init__(self) -> None:
        self.waits = []

    @abstractmethod
    def is_signaled(self, thread: Thread) -> bool:
        """Whether a wait of ``thread`` would end now."""

    def take(self, thread: Thread) -> int:
        """What the end of a wait changes; STATUS_ABANDONED (80h) for an abandoned mutant, else 0."""
        return 0

    def description(self) -> str:
        """For people: what it is and how it is called."""
        name = self.nt_name()
        return f"{self.type_name.lower()} {name}" if name else f"an unnamed {self.type_name.lower()}"


class NamedObject(DispatcherObject):
    """An object that may have a name; without one, too, who waits for it goes on waiting."""

    def __init__(self, k: Kernel, place: Place | None) -> None:
        super().__init__()
        self._k, self.place = k, place


class Event(NamedObject):
    """An event: stays set until reset (notification), or lets one wait end (synchronization)."""

    type_name: ClassVar[str] = "Event"
    mapping: ClassVar[GenericMapping] = GenericMapping(0x20001, 0x20002, 0x120000, 0x1F0003)

    def __init__(self, k: Kernel, place: Place | None, synchronization: bool, signaled: bool) -> None:
        super().__init__(k, place)
        self.synchronization = synchronization
        self.signaled = signaled

    def is_signaled(self, thread: Thread) -> bool:
        """Whether it is set."""
        return self.signaled

    def take(self, thread: Thread) -> int:
        """A synchronization event is reset by the wait it ends."""
        if self.synchronization:
            self.signaled = False
        return 0


class Mutant(NamedObject):
    """A mutant (mutex): owned by a thread, as often as it waited for it.

    Attributes:
        owner: who, or None.
        count: how often.
        abandoned: the last owner ended without releasing it.
    """

    type_name: ClassVar[str] = "Mutant"
    mapping: ClassVar[GenericMapping] = GenericMapping(0x20001, 0x20000, 0x120000, 0x1F0001)

    def __init__(self, k: Kernel, place: Place | None, owner: Thread | None) -> None:
        super().__init__(k, place)
        self.owner: Thread | None = None
        self.count = 0
        self.abandoned = False
        if owner is not None:
            self.take(owner)

    def is_signaled(self, thread: Thread) -> bool:
        """Whether ``thread`` may have it."""
        return self.owner is None or self.owner is thread

    def take(self, thread: Thread) -> int:
        """The thread owns it once more."""
        if self.count == MUTANT_LIMIT:
            raise GuestFault(STATUS_MUTANT_LIMIT_EXCEEDED)
        if self.owner is None:
            self.owner = thread
            thread.mutants.append(self)
        self.count += 1
        abandoned, self.abandoned = self.abandoned, False
        return STATUS_ABANDONED if abandoned else 0

    def release(self, thread: Thread) -> int:
        """One ownership less; returns the count before, as NtReleaseMutant does: 1 minus the ownerships."""
        if self.owner is not thread:
            raise GuestFault(STATUS_MUTANT_NOT_OWNED)
        before = 1 - self.count
        self.count -= 1
        if self.count == 0:
            thread.mutants.remove(self)
            self.owner = None
        return before

    def abandon(self) -> None:
        """Its owner has ended."""
        self.owner, self.count, self.abandoned = None, 0, True

    def description(self) -> str:
        """With its owner, whom a deadlock's reader looks for."""
        text = super().description()
        return text if self.owner is None else f"{text} that thread {self.owner.id:X} owns"


class Semaphore(NamedObject):
    """A semaphore: as many waits end as its count says."""

    type_name: ClassVar[str] = "Semaphore"
    mapping: ClassVar[GenericMapping] = GenericMapping(0x20001, 0x20002, 0x120000, 0x1F0003)

    def __init__(self, k: Kernel, place: Place | None, count: int, limit: int) -> None:
        super().__init__(k, place)
        self.count, self.limit = count, limit

    def is_signaled(self, thread: Thread) -> bool:
        """Whether anything is left."""
        return self.count > 0

    def take(self, thread: Thread) -> int:
        """One less."""
        self.count -= 1
        return 0

    def release(self, count: int) -> int:
        """Add ``count`` and return what there was before."""
        if count <= 0 or self.count + count > self.limit:
            raise GuestFault(STATUS_SEMAPHORE_LIMIT_EXCEEDED)
        before = self.count
        self.count += count
        return before


class Timer(NamedObject):
    """A timer: signalled at a moment, perhaps again and again.

    Attributes:
        due: when it expires next; None while it is not set.
        period: 100 ns units between two expirations, 0 for one only.
        apc: thread that set it, routine and context of what is queued to it at each expiration.
        queued: what was queued last; an expiration queues nothing while that has not run.
    """

    type_name: ClassVar[str] = "Timer"
    mapping: ClassVar[GenericMapping] = GenericMapping(0x20001, 0x20002, 0x120000, 0x1F0003)

    def __init__(self, k: Kernel, place: Place | None, synchronization: bool) -> None:
        super().__init__(k, place)
        self.synchronization = synchronization
        self.signaled = False
        self.due: int | None = None
        self.period = 0
        self.apc: tuple[Thread, int, int] | None = None
        self.queued: Apc | None = None

    def is_signaled(self, thread: Thread) -> bool:
        """Whether it has expired."""
        return self.signaled

    def take(self, thread: Thread) -> int:
        """A synchronization timer is reset by the wait it ends."""
        if self.synchronization:
            self.signaled = False
        return 0

    def start_apc(self, thread: Thread, routine: int, context: int) -> None:
        """Let the next expirations queue an APC; the end of the thread stops the timer."""
        self.apc = thread, routine, context
        thread.timers.append(self)

    def stop(self) -> None:
        """Call it off with its APC, also one that is queued (Microsoft Learn, CancelWaitableTimer)."""
        self.due = None
        if self.apc is None:
            return
        thread = self.apc[0]
        thread.timers.remove(self)
        if self.queued is not None and self.queued in thread.apcs:
            thread.apcs.remove(self.queued)
            thread.user_apc_pending &= bool(thread.apcs)
        self.apc = self.queued = None

    def last_handle_closed(self) -> None:
        """It ends with its last handle (Microsoft Learn, CreateWaitableTimer), unless a thread still waits for it."""
        super().last_handle_closed()
        if not self.waits:
            self.stop()


class KeyedEvent(NamedObject):
    """A keyed event: waits and releases meet by a key; who comes first waits for the other.

    Attributes:
        waiting: key -> waits of NtWaitForKeyedEvent; ``releasing`` those of NtReleaseKeyedEvent.
    """

    type_name: ClassVar[str] = "KeyedEvent"
    mapping: ClassVar[GenericMapping] = GenericMapping(0x20001, 0x20002, 0x20000, 0xF0003)

    def __init__(self, k: Kernel, place: Place | None) -> None:
        super().__init__(k, place)
        self.waiting: dict[int, list[Wait]] = {}
        self.releasing: dict[int, list[Wait]] = {}

    def is_signaled(self, thread: Thread) -> bool:
        """It has no signal state: waiting for it as an object never ends."""
        return False
