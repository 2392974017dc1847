"""Processes and threads as objects (nt!EPROCESS, nt!ETHREAD): who they are, and where a thread stands.

Leaves out quotas. Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from collections import deque
from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from wowsim.kernel.access import GenericMapping
from wowsim.kernel.dispatcher import DispatcherObject
from wowsim.nt.records import dataclass
from wowsim.nt.status import STATUS_PENDING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.context import Kernel
    from wowsim.kernel.dispatcher import Mutant, Timer, Wait
    from wowsim.kernel.job import Job
    from wowsim.kernel.scheduler import Scheduler
    from wowsim.kernel.token import Token
    from wowsim.nt.structures import SECTION_IMAGE_INFORMATION

NORMAL_PRIORITY = 8
"""Of a thread in a process of the normal class (Microsoft Learn, "Scheduling Priorities")."""


@dataclass(eq=False)
class Process(DispatcherObject):
    r"""The process, as services report it; signalled when it has ended.

    Attributes:
        id: a multiple of 4.
        image_path: NT path (``\Device\HarddiskVolume1\...``) of the program.
        command_line: as ProcessParameters hold it.
        peb: address of the 64-bit PEB (of the only one on 32-bit Windows).
        peb32: address of the WoW64 process' 32-bit PEB, else 0.
        exit_status: STATUS_PENDING (259) while it runs.
        parent_id: who started it.
        cookie: what ProcessCookie answers (pointers are encoded with it).
        image: what ProcessImageInformation answers; set by whoever maps the program.
        base_priority: of its threads.
        started: its first thread has come through the loader.
        token: its primary token; ``kernel.token.process_token`` makes it when it is first asked for.
        job: the job it was assigned to.
        created: when it was made, in 100 ns units.
        settings: what NtSetInformationProcess was told, by information class.
        timer_resolution: what NtSetTimerResolution asked for, in 100 ns units; 0 for nothing.
        kernel: what serves it; None when it has ended and nothing is left of it.
    """

    id: int = 0x1000
    image_path: str = ""
    command_line: str = ""
    peb: int = 0
    peb32: int = 0
    exit_status: int = STATUS_PENDING
    parent_id: int = 0xFFC
    cookie: int = 0
    image: SECTION_IMAGE_INFORMATION | None = None
    base_priority: int = NORMAL_PRIORITY
    started: bool = False
    ended: bool = False
    token: Token | None = None
    job: Job | None = None
    created: int = 0
    settings: dict[int, int] = field(default_factory=dict)
    timer_resolution: int = 0
    waits: list[Wait] = field(default_factory=list)
    kernel: Kernel | None = None

    type_name: ClassVar[str] = "Process"
    home_matters: ClassVar[bool] = True
    mapping: ClassVar[GenericMapping] = GenericMapping(0x20410, 0x20BEB, 0x121001, 0x1FFFFF)

    def is_signaled(self, thread: Thread) -> bool:
        """Whether it has ended."""
        return self.ended


class State(Enum):
    """Where a thread stands."""

    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"
    TERMINATED = "terminated"


@dataclass(frozen=True, eq=False)
class Apc:
    """A user APC: a routine and what it is called with; two alike are still two."""

    routine: int
    arguments: tuple[int, int, int]


@dataclass(frozen=True)
class ThreadStacks:
    """Lowest addresses of a thread's stacks that go with it; 0 for one that its maker frees, or that is not there."""

    stack: int = 0
    stack64: int = 0


@dataclass(frozen=True)
class InitialTeb:
    """The stack that a thread's maker has for it (INITIAL_TEB: StackBase, StackLimit, StackAllocationBase)."""

    base: int
    limit: int
    allocation: int


@dataclass(eq=False)
class Thread(DispatcherObject):
    """A thread; signalled when it has ended.

    Attributes:
        id: a multiple of 4.
        teb: address of the 64-bit TEB (of the only one on 32-bit Windows).
        teb32: address of the 32-bit TEB of a WoW64 thread, else 0.
        start: the function it was made for.
        exit_status: STATUS_PENDING while it runs.
        hidden: ThreadHideFromDebugger was set.
        state: where it stands.
        suspended: how often it was suspended.
        priority: 1 to 31, higher runs first; ``increment`` what was asked for, from the process' own or saturated.
        boost_disabled: what SetThreadPriorityBoost said.
        created: when it was made, and ``exited`` when it ended; 100 ns units, 0 for not yet.
        wait: what it waits for, while it does.
        wake_status: how its wait ended, until it runs again.
        completed: told the status of the service that waited; returns the one its caller gets.
        apcs: user APCs that are queued to it.
        user_apc_pending: the first of them runs before the thread's own code goes on.
        alerted: NtAlertThread was called and nobody has noticed.
        id_alerted: NtAlertThreadByThreadId likewise; ``id_wait`` is the wait for it.
        mutants: what it owns.
        timers: those whose APC it would run.
        slice: instructions left of its turn, or None before it begins one.
        cpu: its registers while it does not run: what the core saved, or by name before it runs first.
        stacks: freed when it ends.
        token: whom it impersonates, or None.
        name: what ThreadNameInformation was set to.
        settings: what NtSetInformationThread was told, by information class.
        scheduler: who decides when it runs; None for the one that is asked.
        execution_state: ES_* flags of NtSetThreadExecutionState.
    """

    id: int = 0x1004
    teb: int = 0
    teb32: int = 0
    start: int = 0
    exit_status: int = STATUS_PENDING
    hidden: bool = False
    state: State = State.RUNNING
    suspended: int = 0
    priority: int = NORMAL_PRIORITY
    increment: int = 0
    boost_disabled: bool = False
    created: int = 0
    exited: int = 0
    wait: Wait | None = None
    wake_status: int | None = None
    completed: Callable[[int], int] | None = None
    apcs: deque[Apc] = field(default_factory=deque)
    user_apc_pending: bool = False
    alerted: bool = False
    id_alerted: bool = False
    id_wait: Wait | None = None
    mutants: list[Mutant] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    slice: int | None = None
    cpu: bytes | dict[str, int] = b""
    stacks: ThreadStacks = ThreadStacks()
    token: Token | None = None
    name: str = ""
    settings: dict[int, int] = field(default_factory=dict)
    execution_state: int = 0x80000000
    waits: list[Wait] = field(default_factory=list)
    scheduler: Scheduler | None = None

    type_name: ClassVar[str] = "Thread"
    home_matters: ClassVar[bool] = True
    mapping: ClassVar[GenericMapping] = GenericMapping(0x20048, 0x20437, 0x121800, 0x1FFFFF)

    def is_signaled(self, thread: Thread) -> bool:
        """Whether it has ended."""
        return self.state is State.TERMINATED

    def description(self) -> str:
        """For people."""
        return f"thread {self.id:X}"
