"""Threads between kernel and CPU: makes and frees their blocks, and switches the CPU from one to the next.

Implements ``kernel.context.ThreadHost``. A thread that does not run is a saved CPU state; a switch puts another one
back and, as nt!SwapContext does, patches the base of the FS descriptor in the GDT (wow64-facts section 1). Who may
import it: the simulation.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, StopReason
from wowsim.kernel.thread import State, Thread, ThreadStacks
from wowsim.memory.allocate import MEM_RELEASE
from wowsim.memory.blocks import TEB32_OFFSET, StackRange, allocate_stack
from wowsim.simulation.startup import write_stack_limit
from wowsim.simulation.thread_start import ThreadBlocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.context import ThreadRequest
    from wowsim.simulation.machine import Machine
    from wowsim.simulation.startup import NewProcess

STACK64 = 0x40000
"""A WoW64 thread's 64-bit stack (wow64-facts section 3.1)."""
DEFAULT_RESERVE = 0x100000
SYSCALL_SIZE = 2


class Threads:
    """The threads of one process.

    Args:
        machine: CPU, memory and kernel.
        process: what was built for its first thread.
        stack_sizes: bytes to reserve and to commit that the program's header asks for.

    Attributes:
        leaving: called before another thread gets the CPU.
        turn_changed: called when it is clear whose turn it is, and for how long may have changed.
    """

    def __init__(self, machine: Machine, process: NewProcess, stack_sizes: tuple[int, int]) -> None:
        self._machine, self._process = machine, process
        self._reserve, self._commit = stack_sizes
        self._fresh = b""
        self.leaving: list[Callable[[], None]] = []
        self.turn_changed: Callable[[], None] = lambda: None

    def begin(self) -> None:
        """The CPU stands where the first thread starts: what every further one starts from."""
        self._fresh = self._machine.core.save()

    # ------------------------------------------------------------ ThreadHost
    def create(self, request: ThreadRequest) -> Thread:
        """Stacks, TEBs and the first state of a thread."""
        machine, kernel = self._machine, self._machine.kernel
        space, memory = machine.space, machine.tables
        cause, space.cause = space.cause, "NtCreateThreadEx"
        reserve, commit = self._stack_size(request)
        pages = space.layout.teb_pages
        allocated: list[int] = []
        teb = 0
        wow64 = self._process.peb32 != 0
        wide = space.layout.wow64 and not wow64
        try:
            teb = self._process.blocks.allocate(pages)
            teb32 = teb + TEB32_OFFSET if wow64 else teb
            own = request.stack
            if own is None:
                stack32 = allocate_stack(
                    space, reserve, commit,
                    on_growth=lambda limit: write_stack_limit(memory, wide, teb32, limit),
                )  # fmt: skip
                allocated.append(stack32.base)
            else:
                stack32 = StackRange(own.allocation, own.limit, own.base)
                vad = space.vads.at(own.allocation >> 12)
                if vad is not None and vad.start == own.allocation >> 12:
                    space.register_stack(
                        own.allocation, on_growth=lambda limit: write_stack_limit(memory, wide, teb32, limit)
                    )
            stack64 = allocate_stack(space, STACK64, STACK64) if wow64 else None
            allocated += [stack64.base] if stack64 is not None else []
            thread = Thread(
                id=kernel.next_thread_id(), teb=teb, teb32=teb32 if wow64 else 0, start=request.start
            )
            thread.created = machine.clock.now
            thread.state = State.READY
            thread.stacks = ThreadStacks(
                stack32.base if own is None else 0, stack64.base if stack64 is not None else 0
            )
            blocks = ThreadBlocks(teb, teb32, stack32, stack64)
            thread.cpu = self._process.starter.start(
                blocks,
                thread.id,
                request.start,
                request.argument,
                skip_attach=request.skip_attach,
                context=request.context,
            )
        except GuestFault:
            for base in allocated:
                space.free(base, 0, MEM_RELEASE)
            if teb:
                self._process.blocks.free(teb, pages)
            raise
        finally:
            space.cause = cause
        return thread

    def _stack_size(self, request: ThreadRequest) -> tuple[int, int]:
        """Microsoft Learn, "Thread Stack Size": a commit size beyond the reserve rounds that up to megabytes."""
        reserve = request.reserve or self._reserve or DEFAULT_RESERVE
        commit = request.commit or self._commit
        if commit >= reserve:
            reserve = -(-commit // 0x100000) * 0x100000
        return reserve, max(commit, 0x2000)

    def delete(self, thread: Thread) -> None:
        """Free a thread's TEBs and, as Windows does since Vista, its stacks (Microsoft Learn, TerminateThread)."""
        space = self._machine.space
        cause, space.cause = space.cause, "PspExitThread"
        # the program's stack is its maker's before Vista, whose kernel makes it
        own = thread.stacks.stack if "NtCreateThreadEx" in self._machine.build.numbers else 0
        for base in (own, thread.stacks.stack64):
            if base:
                with suppress(GuestFault):  # the program may have freed it, or put something else there
                    space.free(base, 0, MEM_RELEASE)
        with suppress(GuestFault):
            self._process.blocks.free(thread.teb, space.layout.teb_pages)
        space.cause = cause

    def registers(self, thread: Thread) -> tuple[dict[str, int], bytes]:
        """Where a thread stands: behind the SYSCALL for the one that runs."""
        core = self._machine.core
        if thread is self._machine.kernel.thread:
            registers = core.read_all()
            native = self._machine.native_calls
            behind = registers["rip"] + SYSCALL_SIZE if native is None else native.behind
            return registers | {"rip": behind}, core.floating_point()
        return core.saved_registers(self._state(thread))

    def set_registers(self, thread: Thread, registers: dict[str, int], fxsave: bytes | None) -> None:
        """Let a thread go on elsewhere."""
        core = self._machine.core
        if thread is not self._machine.kernel.thread:
            thread.cpu = core.changed_state(self._state(thread), registers, fxsave)
            return

        def load() -> None:
            core.resume_at({"cs": self._machine.user.code, **registers})
            if fxsave is not None:
                core.set_floating_point(fxsave)
            if self._machine.kernel.scheduler.wanted:
                core.later(self._machine.reschedule)

        core.later(load)

    def descriptor(self, thread: Thread, selector: int) -> int | None:
        """What stands in the GDT while the thread runs: only FS' base is its own."""
        core = self._machine.core
        if selector & 4 or not 0 <= selector & ~7 <= core.segments.limit - 7:  # there is no LDT
            return None
        found = core.descriptor(selector)
        if selector & ~7 == core.segments.teb & ~7:
            found = found.with_base(thread.teb32 or thread.teb)
        return found.encode()

    def _state(self, thread: Thread) -> bytes:
        """The saved state; of a thread that never ran, made from the first thread's start."""
        if isinstance(thread.cpu, dict):
            registers = thread.cpu | {"fs_base": thread.teb32 or thread.teb}
            names = ("rax", "rbx", "rsi", "rdi", "rbp", *(f"r{i}" for i in range(8, 16)))
            thread.cpu = self._machine.core.changed_state(
                self._fresh, dict.fromkeys(names, 0) | registers, None
            )
        return thread.cpu

    # ------------------------------------------------------------ switching
    def reschedule(self, end_of_turn: bool = False) -> None:
        """Give the CPU to whoever should have it now; only between two runs of translated code."""
        machine, scheduler = self._machine, self._machine.kernel.scheduler
        current = machine.kernel.thread
        if end_of_turn and scheduler.others is not None:
            scheduler.others.take_turns()
            if machine.stopped is not None:
                machine.waiting = True
                return
        chosen = scheduler.pick(end_of_turn)
        if chosen is None and scheduler.left:
            machine.waiting = True
            machine.core.stop()
            return
        if chosen is None:
            waiting = scheduler.describe(machine.kernel.threads)
            machine.stop_for(StopReason.DEADLOCK, waiting)
            return
        machine.refresh()
        if chosen is not current:
            self._switch(current, chosen)
        self._woken(chosen)
        self.turn_changed()

    def _switch(self, current: Thread, chosen: Thread) -> None:
        core = self._machine.core
        for notify in tuple(self.leaving):
            notify()
        if current.state is not State.TERMINATED:
            current.cpu = core.save()
        core.restore(self._state(chosen))
        self._enter(chosen)

    def _enter(self, thread: Thread) -> None:
        machine = self._machine
        core, selector = machine.core, machine.core.segments.teb
        teb32 = thread.teb32 or thread.teb
        core.set_descriptor(selector, core.descriptor(selector).with_base(teb32))
        machine.trap.teb64, machine.trap.teb32 = thread.teb, teb32
        machine.kernel.use_thread(thread)

    def _woken(self, thread: Thread) -> None:
        """What a thread finds when its wait has ended: the service's status, and APCs that were queued."""
        machine = self._machine
        status, thread.wake_status = thread.wake_status, None
        if status is not None:
            completed, thread.completed = thread.completed, None
            machine.core.write("rax", status if completed is None else completed(status))
        if thread.user_apc_pending:
            thread.user_apc_pending = False
            machine.deliver_apc(thread.apcs.popleft())

    def return_to(self, thread: Thread, state: bytes) -> None:
        """Let a thread run in a state it had before, whatever became of it since (a call from outside was given up)."""
        machine, scheduler = self._machine, self._machine.kernel.scheduler
        if thread.state is State.TERMINATED:
            return
        current = machine.kernel.thread
        if current is not thread and current.state is not State.TERMINATED:
            current.cpu = machine.core.save()
        scheduler.force(thread)
        machine.core.restore(state)
        self._enter(thread)
