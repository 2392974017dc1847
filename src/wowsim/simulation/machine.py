"""The machine: CPU, memory and kernel wired together, and what happens at each crossing between them.

Implements ``cpu.core.Handlers``: SYSCALLs go to the service table, traps to their routines, faults to the memory
manager, exceptions to ntdll!KiUserExceptionDispatcher or, where they cannot be delivered, to the end of the run.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from wowsim.cpu import operands
from wowsim.cpu.core import KERNEL_STACK, Core
from wowsim.cpu.cpuid import AMD
from wowsim.cpu.faults import Fault
from wowsim.cpu.instructions import prefix_length
from wowsim.cpu.paging import PageTables, PhysicalMemory
from wowsim.cpu.segments import NATIVE_SEGMENTS, WOW64_SEGMENTS, native_gdt, windows_gdt
from wowsim.errors import GuestFault, StopReason
from wowsim.kernel import exceptions
from wowsim.kernel.bug_checks import BugCheck
from wowsim.kernel.context import Kernel
from wowsim.kernel.exceptions import WideUserMode
from wowsim.kernel.known_services import services_of_build, services_of_root
from wowsim.kernel.native_exceptions import NativeUserMode
from wowsim.kernel.relatives import join
from wowsim.kernel.table import ServiceTable
from wowsim.kernel.win32k import services as win32k_services
from wowsim.memory.layout import layout_of
from wowsim.memory.sections import Commitment
from wowsim.memory.space import AddressSpace
from wowsim.nt import fast_fail, win32k
from wowsim.nt.exceptions import (
    STATUS_ACCESS_VIOLATION,
    STATUS_INTEGER_OVERFLOW,
    STATUS_SINGLE_STEP,
    ExceptionRecord,
)
from wowsim.nt.records import dataclass
from wowsim.simulation.native_calls import NativeCalls
from wowsim.simulation.traps import CpuTrap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wowsim.kernel.console import Console
    from wowsim.kernel.thread import Apc
    from wowsim.memory.layout import SpaceLayout
    from wowsim.nt.builds import Build
    from wowsim.simulation.threads import Threads
    from wowsim.simulation.traps import TrapTable

KERNEL_ENTRY_UNITS = 10
"""Simulated time of one kernel entry: 1 us, in 100 ns units."""
NUMBER_MASK = 0x3FFF
TRAP_FRAME, EXCEPTION_RECORD = KERNEL_STACK + 0x400, KERNEL_STACK + 0x800
"""Where the kernel's stack has what a bug check's parameters point to."""
TRAP_FRAME_RIP = 0x168
"""KTRAP_FRAME.Rip, followed by SegCs, EFlags, Rsp and SegSs (public ``dt`` listings)."""
_OPCODE = struct.Struct("B")
CALL_RETURN = 0xFFFFFFF0
"""Return address of a host-made 32-bit call: nothing can ever be mapped there."""


@dataclass(frozen=True)
class Stop:
    """Why the CPU was stopped.

    Attributes:
        reason: what ``run()`` reports.
        status: exit status or exception code.
        detail: one line for people.
        address: of the instruction at fault, for exceptions.
    """

    reason: StopReason
    status: int | None
    detail: str
    address: int | None = None


def _gdt_above(space: AddressSpace) -> int:
    """The GDT of 32-bit Windows, at the same distance from the beginning of the kernel's half with /3GB."""
    return space.layout.highest_user - 0x7FFEFFFF + NATIVE_SEGMENTS.address


def _commit_limit(frames: int) -> int:
    """Frames the guest may commit; the rest is for page tables, of which a scattered process needs many."""
    return frames - min(0x1000, frames // 4)


class Machine:
    """One machine with one process.

    Args:
        build: the Windows.
        seed: of every choice.
        memory_size: bytes of guest RAM.
        console: the standard streams.
        cpu_vendor: ``"intel"`` or ``"amd"``.
        layout: the user address space, where it is not the build's usual one.
        numbers: of the services, where they are not the build's.
        creator: the kernel of the process that makes this one, whose machine it shares.
    """

    def __init__(
        self,
        build: Build,
        seed: int,
        memory_size: int,
        console: Console,
        cpu_vendor: str = "intel",
        layout: SpaceLayout | None = None,
        numbers: Mapping[str, int] | None = None,
        creator: Kernel | None = None,
    ) -> None:
        self.build = build
        self.ram = PhysicalMemory(memory_size)
        self.tables = PageTables(self.ram)
        self.space = AddressSpace(
            self.tables,
            layout or layout_of(build.name),
            commitment=Commitment(_commit_limit(self.ram.available)),
            seed=seed,
        )
        self.tables.resolve = self._resolve
        wow64 = build.wow64
        self.user: WideUserMode | NativeUserMode = WideUserMode() if wow64 else NativeUserMode()
        self.native_calls = None if wow64 else NativeCalls(self, KERNEL_ENTRY_UNITS)
        """SYSENTER and ``int 2Eh`` of 32-bit Windows."""
        self.kernel = Kernel(
            self.tables,
            self.space,
            build,
            width=self.user.width,
            seed=seed,
            console=console,
            clock=None if creator is None else creator.clock,
        )
        self.kernel.cpu_vendor = cpu_vendor
        if creator is not None:
            join(self.kernel, creator)
        self.clock = self.kernel.clock
        self.core = Core(
            self.tables,
            windows_gdt() if wow64 else native_gdt(),
            self,
            timestamp=self._timestamp,
            random=lambda: self.kernel.random.getrandbits(64),
            vendor=cpu_vendor,
            segments=WOW64_SEGMENTS if wow64 else replace(NATIVE_SEGMENTS, address=_gdt_above(self.space)),
            sysenter=None if self.native_calls is None else self.native_calls.sysenter,
        )
        self.table = ServiceTable(
            build.numbers | win32k_services.numbers_of(build) if numbers is None else numbers,
            (services_of_build(build) if numbers is None else services_of_root())
            | win32k_services.implemented(),
            self.kernel,
            self.user.width,
            partial(win32k.name_of, build.name),
        )
        self.trap = CpuTrap(self.core, self.tables)
        self.traps: TrapTable | None = None
        self.stopped: Stop | None = None
        self.kernel.resume, self.kernel.raise_exception = self._resume, self._raise_from
        self.exception_dispatcher = self.apc_dispatcher = 0
        """ntdll!KiUserExceptionDispatcher and ntdll!KiUserApcDispatcher; 0 while there is no process."""
        self.fast_failed: Callable[[ExceptionRecord, dict[str, int]], None] = lambda record, registers: None
        """Called while the CPU stands at an ``int 29h`` that ends the process."""
        if wow64:
            self.kernel.failure_frames = TRAP_FRAME, EXCEPTION_RECORD
        self.threads: Threads | None = None
        self.waiting = False
        """The CPU stands in a thread that waits: before it goes on, somebody has to be chosen."""
        self._scheduler = self.kernel.scheduler
        self.refresh: Callable[[], None] = lambda: None
        self.before_service: Callable[[], None] | None = None
        """Called at each SYSCALL before its service when somebody looks."""
        self.call_returned: Callable[[], None] | None = None
        self.raised: Callable[[ExceptionRecord, dict[str, int]], bool] | None = None
        """Shown each exception at its first chance (a fast fail at its only one); True: it goes no further."""
        self.fault: Fault | None = None
        """The last fault or software interrupt: what the CPU said about the exception that came of it."""
        self._entry = self.core.batch("rax", "r10", "rdx", "r8", "r9", "rsp", "rip", "rflags", "cs")
        self._exit = self.core.batch("rax", "rcx", "r11")
        self._stack_arguments = [struct.Struct(f"<{n}Q") for n in range(16)]

    # ------------------------------------------------------------ Handlers
    def on_syscall(self) -> None:
        """Ring 3 to ring 0 and back: decode, serve, return as SYSRET does (RCX and R11 are clobbered)."""
        rax, r10, rdx, r8, r9, rsp, rip, rflags, cs = self._entry.read()
        if cs & 0xFFF8 != 0x30 and self.core.mode_of(cs) != 64:
            self._syscall32(rip, rflags)
            return
        behind = rip + self._syscall_length(rip)
        self.clock.advance(KERNEL_ENTRY_UNITS)
        if self.before_service is not None:
            self.before_service()
        number = rax & NUMBER_MASK
        slots: Any = (r10, rdx, r8, r9)
        extra = self.table.argument_counts.get(number, 4) - 4
        if extra > 0:
            try:
                slots += self.tables.unpack(self._stack_arguments[extra], rsp + 0x28)
            except GuestFault as fault:
                self._exit.write(fault.status, behind, rflags)
                return
        try:
            status = self.table.dispatch(number, slots)
        except BugCheck as found:
            self.bug_check(found)
            return
        self.refresh()
        # a thread that waits gets its status when it goes on
        self._exit.write(max(status, 0), behind, rflags)
        self.leave_kernel()

    def leave_kernel(self) -> None:
        """Behind a service: another thread may have to run, or the service has ended the program."""
        if (self._scheduler.wanted or self.clock.now >= self._scheduler.next_due) and not self.core.deferring:
            self.core.later(self.reschedule)
        pending = self.kernel.pending
        if pending is not None:
            self.stop(Stop(pending.reason, pending.status, pending.detail))

    def reschedule(self) -> None:
        """Another thread may have to run; instructions that are being stepped one by one end before it does."""
        if self.core.stepping:
            self._scheduler.wanted = True
            self.core.end_step()
        elif self.stopped is None and self.threads is not None:
            self.threads.reschedule()

    def deliver_apc(self, apc: Apc) -> None:
        """Let the thread that runs next begin with a user APC."""
        core = self.core
        registers = core.read_all()
        try:
            deliver = (
                exceptions.deliver_apc_in_registers if self.kernel.apc_in_registers else self.user.deliver_apc
            )
            state = deliver(self.tables, registers, core.floating_point(), apc, self.apc_dispatcher)
        except GuestFault as fault:
            self._raise(
                exceptions.page_fault(fault.status, registers["rip"], 1, fault.address or 0), registers["rip"]
            )
        else:
            self._enter_user(state)

    def _syscall_length(self, rip: int) -> int:
        """Bytes of the SYSCALL at ``rip``: two, unless it has prefixes."""
        if self.tables.unpack(_OPCODE, rip)[0] == 0x0F:
            return 2
        return prefix_length(self.core.code_at(rip)) + 2

    def _syscall32(self, rip: int, rflags: int) -> None:
        """SYSCALL in compatibility mode: nothing that an Intel CPU has; on an AMD CPU it arrives at IA32_CSTAR.

        That nt!KiSystemCall32 makes an illegal instruction of it, reported behind the SYSCALL, is unverified.
        """
        if self.core.vendor == AMD:
            behind = rip + self._syscall_length(rip)
            self.core.batch("rcx", "r11").write(behind, rflags)
            self.fault = Fault(6, behind)
            self._raise(exceptions.cpu_exception(6, behind, b""), behind)
            return
        self.core.uncount(rip)
        self.on_fault(Fault(6, rip))

    def on_trap(self, address: int, sp: int) -> None:
        """A trap instruction: one of ours, or the guest's own ``int 0FDh``."""
        if self.traps is None or not self.traps.serve(address, sp):
            self.on_interrupt(0xFD)

    def on_interrupt(self, vector: int) -> None:
        """``int n`` executed by the guest; RIP is behind it."""
        rip, rax = self.core.batch("rip", "rax").read()
        self.fault = Fault(vector, rip, software=True)
        if vector == 0x2E and self.native_calls is not None:
            self.native_calls.interrupt()
            return
        if vector == 0x29 and self.build.fast_fail:
            self._fast_fail(rip - 2)
            return
        found = exceptions.software_interrupt(vector, rip, rax & 0xFFFFFFFF)
        if found.record.code == STATUS_ACCESS_VIOLATION:
            self.core.uncount(found.rip)  # a fault, not a trap: the gate's DPL is 0
            self.fault = Fault(13, found.rip, vector << 3 | 2)
        self._raise(found.record, found.rip)

    def on_fault(self, fault: Fault) -> None:
        """A CPU exception; page faults that the memory manager resolves are retried."""
        if self.call_returned is not None and fault.rip == CALL_RETURN and fault.vector == 14:
            self.call_returned()
            return
        self.fault = fault
        if fault.vector == 14:
            result = self.space.resolve_fault(fault.address, fault.is_write, fault.is_fetch)
            if result.retry and not self._futile(fault):
                return
            status = result.status or 0xC0000005
            self._raise(exceptions.page_fault(status, fault.rip, int(result.kind), fault.address), fault.rip)
            return
        if fault.vector == 1 and self.native_calls is not None and self.native_calls.hides_step(fault.rip):
            return
        code = self.core.code_at(fault.rip)
        raised = self.core.float_exceptions() if fault.vector == 16 else 0
        if fault.vector == 0 and self._divides_by_nonzero(code):
            self._raise(ExceptionRecord(STATUS_INTEGER_OVERFLOW, fault.rip), fault.rip)
            return
        self._raise(exceptions.cpu_exception(fault.vector, fault.rip, code, raised), fault.rip)

    def _divides_by_nonzero(self, code: bytes) -> bool:
        """A #DE because the quotient does not fit: Windows calls it an integer overflow (unverified)."""
        return bool(operands.divisor(code, self.core.bits, self.core.read_all(), self.tables.peek))

    # ------------------------------------------------------------ exceptions
    def _raise(self, record: ExceptionRecord, rip: int) -> None:
        """Deliver an exception between two instructions; the context will say that the program stands at ``rip``."""
        self.core.later(lambda: self._deliver(record, {**self.core.read_all(), "rip": rip}))

    def _deliver(self, record: ExceptionRecord, registers: dict[str, int]) -> None:
        core = self.core
        if record.code == STATUS_SINGLE_STEP:
            registers["rflags"] &= ~exceptions.TF
        core.write("rip", registers["rip"])
        if self.raised is not None and self.raised(record, registers):
            return
        if self.exception_dispatcher and core.usable(self.user.code):
            try:
                state = self.user.deliver(
                    self.tables, registers, core.floating_point(), record, self.exception_dispatcher
                )
            except GuestFault:
                self._unhandled(record, registers["cs"])
            else:
                self._enter_user(state)
            return
        self._unhandled(record, registers["cs"])

    def _enter_user(self, state: dict[str, int]) -> None:
        """Go on in a dispatcher of ntdll's."""
        if self.build.wow64:
            # may be lost to a `mov gs` in 32-bit code; that the kernel restores it here is unverified
            state["gs_base"] = self.trap.teb64
        self.core.resume_at(state)

    def _resume(self, context: bytes) -> None:
        """NtContinue: the registers that the context names, behind the SYSCALL."""
        self.core.later(lambda: self._load(context))

    def _load(self, context: bytes) -> None:
        core = self.core
        registers = self.user.registers_of(context)
        if self._scheduler.wanted:
            core.later(self.reschedule)
        selector = registers.setdefault("cs", self.user.code)
        if not (self.user.returns_to(selector) and core.usable(selector)):
            # the kernel's own return to such a selector faults; what it reports then is unverified
            self._unhandled(
                exceptions.general_protection(registers.get("rip", core.read("rip"))), self.user.code
            )
            return
        core.resume_at(registers)
        fxsave = self.user.floating_point_of(context, core.floating_point)
        if fxsave is not None:
            core.set_floating_point(fxsave)

    def _raise_from(self, record: ExceptionRecord, context: bytes, first_chance: bool) -> None:
        """NtRaiseException; without a first chance the process ends, and the CPU shows the context at fault."""
        registers = self.user.registers_of(context, everything=True)

        def end() -> None:
            if self.user.returns_to(registers["cs"]):
                self.core.resume_at(registers)
            self._unhandled(record, registers["cs"])

        def deliver() -> None:
            self._deliver(record, {**self.core.read_all(), **registers})

        self.core.later(deliver if first_chance else end)

    # ------------------------------------------------------------ stopping
    def stop_for(self, reason: StopReason, detail: str) -> None:
        """Stop for a reason that is not the program's own end."""
        self.stop(Stop(reason, None, detail))

    def stop(self, stop: Stop) -> None:
        """Stop the CPU; the first reason wins."""
        if self.stopped is None:
            self.stopped = stop
        self.core.stop()

    def _unhandled(self, record: ExceptionRecord, cs: int) -> None:
        text = record.text(32 if self.core.mode_of(cs) == 32 else 64)
        self.stop(Stop(StopReason.UNHANDLED_EXCEPTION, record.code, text, record.address))

    def _fast_fail(self, at: int) -> None:
        """``int 29h`` on Windows 8 and later: second chance only, no handler runs (wow64-facts section 10)."""
        self.core.write("rip", at)
        registers = self.core.read_all()
        code = registers["rcx"] & 0xFFFFFFFF
        record = fast_fail.record(code, at)
        if self.raised is not None and self.raised(record, registers):
            return
        detail = f"fast fail {code} ({fast_fail.name_of(code)}) at {at:X}"
        self.stop(Stop(StopReason.FAST_FAIL, record.code, detail, at))
        self.fast_failed(record, registers)

    def bug_check(self, found: BugCheck) -> None:
        """The kernel itself failed: leave what a crash dump names on its stack, and stop for good."""
        rip, rsp, rflags, cs = self.core.batch("rip", "rsp", "rflags", "cs").read()
        trap_frame, record = self.kernel.failure_frames
        code = found.parameters[0]
        if record:  # the stack of a 32-bit kernel is not there to look at
            self.tables.poke(record, fast_fail.record(code, rip).to_bytes(64))
            self.tables.poke(trap_frame + TRAP_FRAME_RIP, struct.pack("<5Q", rip, cs, rflags, rsp, 0x2B))
        self.stop(Stop(StopReason.BUG_CHECK, found.code, found.text))

    def _futile(self, fault: Fault) -> bool:
        """A fault the page tables do not explain (kernel half, reserved address) must not be retried for ever."""
        entry = self.tables.entry(fault.address >> 12)
        return entry is None or bool(entry[1] & 8)

    # ------------------------------------------------------------ small parts
    def _resolve(self, address: int, write: bool) -> None:
        """The kernel touched a page that is not ready."""
        result = self.space.resolve_fault(address, write)
        if not result.retry:
            raise GuestFault(result.status, address)

    def _timestamp(self) -> int:
        """RDTSC: 3 GHz of simulated time, never twice the same."""
        self.clock.advance(1)
        return self.clock.interrupt_time * 300

    def close(self) -> None:
        """Release the engine, then the memory it runs on."""
        self.core.close()
        self.ram.close()
