"""A job: processes that are managed together (nt!EJOB).

There is one process, so a job has it or is empty; jobs do not nest. Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from wowsim.kernel.access import GenericMapping
from wowsim.kernel.dispatcher import NamedObject
from wowsim.nt.abi import LARGE_INTEGER, SIZE_T, ULONG, ULONG_PTR, ULONGLONG
from wowsim.nt.process_structures import (
    IO_COUNTERS,
    JOBOBJECT_BASIC_LIMIT_INFORMATION,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
)

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel
    from wowsim.kernel.naming import Place
    from wowsim.kernel.thread import Process, Thread

KILL_ON_JOB_CLOSE, ACTIVE_PROCESS = 0x2000, 0x8
"""JOB_OBJECT_LIMIT flags that act here."""


def no_limits() -> JOBOBJECT_EXTENDED_LIMIT_INFORMATION:
    """The limits of a new job."""
    zero, never = ULONG(0), LARGE_INTEGER(0)
    basic = JOBOBJECT_BASIC_LIMIT_INFORMATION(
        never, never, zero, SIZE_T(0), SIZE_T(0), zero, ULONG_PTR(0), zero, zero
    )
    none = ULONGLONG(0)
    io = IO_COUNTERS(none, none, none, none, none, none)
    return JOBOBJECT_EXTENDED_LIMIT_INFORMATION(basic, io, SIZE_T(0), SIZE_T(0), SIZE_T(0), SIZE_T(0))


class Job(NamedObject):
    """A job object; signalled when it has been terminated (MS docs, Job Objects: its end-of-job time limit).

    Attributes:
        processes: what was assigned and has not ended.
        assigned: how many ever were.
        terminated: how many ended by a limit or with the job.
        limits: the extended limits, which hold the basic ones.
        ui_restrictions: JOB_OBJECT_UILIMIT flags.
        end_action: JobObjectEndOfJobTimeInformation.
    """

    type_name: ClassVar[str] = "Job"
    mapping: ClassVar[GenericMapping] = GenericMapping(0x20004, 0x2000B, 0x120000, 0x1F003F)

    def __init__(self, k: Kernel, place: Place | None) -> None:
        super().__init__(k, place)
        self.processes: list[Process] = []
        self.assigned = self.terminated = 0
        self.limits = no_limits()
        self.ui_restrictions = 0
        self.end_action = 0
        self.signaled = False

    def is_signaled(self, thread: Thread) -> bool:
        """Whether it was terminated."""
        return self.signaled

    def last_handle_closed(self) -> None:
        """The name goes; with KILL_ON_JOB_CLOSE the processes go too (MS docs, JOBOBJECT_BASIC_LIMIT_INFORMATION)."""
        super().last_handle_closed()
        if self.limits.BasicLimitInformation.LimitFlags & KILL_ON_JOB_CLOSE:
            self.terminate(0)

    @property
    def full(self) -> bool:
        """Whether its limit of active processes is reached."""
        basic = self.limits.BasicLimitInformation
        active = sum(not each.ended for each in self.processes)
        return bool(basic.LimitFlags & ACTIVE_PROCESS) and active >= basic.ActiveProcessLimit

    def add(self, process: Process) -> None:
        """A child of a process in it, which is in it too."""
        process.job = self
        self.assigned += 1
        self.processes.append(process)

    def terminate(self, status: int) -> None:
        """End every process in it."""
        ending, self.processes = self.processes, []
        self.terminated += len(ending)
        for process in ending:
            if not process.ended and process.kernel is not None:
                process.kernel.exit_process(status)
