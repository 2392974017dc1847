"""The machine: CPU, memory and kernel wired together, and what happens at each crossing between them.

Implements ``cpu.core.Handlers``: SYSCALLs go to the service table, traps to their routines, faults to the memory
manager and, while no dispatcher exists, to the end of the run.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wowsim.cpu.core import Core, Fault
from wowsim.cpu.paging import PageTables, PhysicalMemory
from wowsim.cpu.segments import windows_gdt
from wowsim.errors import GuestFault, StopReason
from wowsim.kernel.context import Kernel
from wowsim.kernel.services import implemented
from wowsim.kernel.table import ServiceTable
from wowsim.memory.layout import layout_of
from wowsim.memory.sections import Commitment
from wowsim.memory.space import AddressSpace
from wowsim.simulation.traps import CpuTrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.kernel.console import Console
    from wowsim.nt.builds import Build
    from wowsim.simulation.traps import TrapTable

KERNEL_ENTRY_UNITS = 10
"""Simulated time of one kernel entry: 1 us, in 100 ns units."""
NUMBER_MASK = 0x3FFF
CALL_RETURN = 0xFFFFFFF0
"""Return address of a host-made 32-bit call: nothing can ever be mapped there."""

EXCEPTION_CODES = {
    0: 0xC0000094, 1: 0x80000004, 3: 0x80000003, 4: 0xC0000095, 5: 0xC000008C, 6: 0xC000001D, 8: 0xC0000005,
    11: 0xC0000005, 12: 0xC0000005, 13: 0xC0000005, 16: 0xC0000090, 17: 0x80000002, 19: 0xC00002B4,
}  # fmt: skip
"""Exception code of each vector (wow64-facts section 5); page faults are the memory manager's."""
STATUS_PRIVILEGED_INSTRUCTION = 0xC0000096
STATUS_STACK_BUFFER_OVERRUN = 0xC0000409
_PRIVILEGED = frozenset(
    (0xF4, 0xFA, 0xFB, 0xE4, 0xE5, 0xE6, 0xE7, 0xEC, 0xED, 0xEE, 0xEF, 0x6C, 0x6D, 0x6E, 0x6F)
)
"""hlt, cli, sti, in, out: #GP at CPL 3 is PRIVILEGED_INSTRUCTION."""


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
    """

    def __init__(self, build: Build, seed: int, memory_size: int, console: Console) -> None:
        self.build = build
        self.ram = PhysicalMemory(memory_size)
        self.tables = PageTables(self.ram)
        self.space = AddressSpace(
            self.tables,
            layout_of(build.name),
            commitment=Commitment(_commit_limit(self.ram.available)),
            seed=seed,
        )
        self.tables.resolve = self._resolve
        self.kernel = Kernel(self.tables, self.space, build, seed=seed, console=console)
        self.clock = self.kernel.clock
        self.core = Core(
            self.tables,
            windows_gdt(),
            self,
            timestamp=self._timestamp,
            random=lambda: self.kernel.random.getrandbits(64),
        )
        self.table = ServiceTable(build.numbers, implemented(), self.kernel, 64)
        self.trap = CpuTrap(self.core, self.tables)
        self.traps: TrapTable | None = None
        self.stopped: Stop | None = None
        self.refresh: Callable[[], None] = lambda: None
        self.before_service: Callable[[], None] | None = None
        """Called at each SYSCALL before its service when somebody looks."""
        self.call_returned: Callable[[], None] | None = None
        self._entry = self.core.batch("rax", "r10", "rdx", "r8", "r9", "rsp", "rip", "rflags", "cs")
        self._exit = self.core.batch("rax", "rcx", "r11")
        self._stack_arguments = [struct.Struct(f"<{n}Q") for n in range(16)]

    # ------------------------------------------------------------ Handlers
    def on_syscall(self) -> None:
        """Ring 3 to ring 0 and back: decode, serve, return as SYSRET does (RCX and R11 are clobbered)."""
        rax, r10, rdx, r8, r9, rsp, rip, rflags, cs = self._entry.read()
        if cs & 0xFFF8 != 0x30 and self.core.mode_of(cs) != 64:
            self.core.uncount(rip)
            self.on_fault(Fault(6, rip))  # an Intel CPU has no SYSCALL outside 64-bit mode
            return
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
                self._exit.write(fault.status, rip + 2, rflags)
                return
        status = self.table.dispatch(number, slots)
        self.refresh()
        self._exit.write(status, rip + 2, rflags)
        pending = self.kernel.pending
        if pending is not None:
            self.stop(Stop(pending.reason, pending.status, pending.detail))

    def on_trap(self, address: int, sp: int) -> None:
        """A trap instruction: one of ours, or the guest's own ``int 0FDh``."""
        if self.traps is None or not self.traps.serve(address, sp):
            self.on_interrupt(0xFD)

    def on_interrupt(self, vector: int) -> None:
        """``int n`` executed by the guest; RIP is behind it."""
        rip = self.core.read("rip")
        at = rip - (1 if vector == 3 and self._byte(rip - 1) == 0xCC else 2)
        if vector == 0x29:
            self._fast_fail(at)
        elif vector in (3, 0x2C, 0x2D):
            code = {3: 0x80000003, 0x2C: 0xC0000420, 0x2D: 0x80000003}[vector]
            self._unhandled(code, at)
        elif vector == 4:
            self._unhandled(0xC0000095, rip)
        else:
            self.core.uncount(at)
            self._unhandled(0xC0000005, at, "read", -1)  # #GP: the vector is not for ring 3

    def on_fault(self, fault: Fault) -> None:
        """A CPU exception; page faults that the memory manager resolves are retried."""
        if self.call_returned is not None and fault.rip == CALL_RETURN and fault.vector == 14:
            self.call_returned()
            return
        if fault.vector == 14:
            result = self.space.resolve_fault(fault.address, fault.is_write, fault.is_fetch)
            if result.retry and not self._futile(fault):
                return
            status = result.status or 0xC0000005
            self._unhandled(status, fault.rip, result.kind.name.lower(), fault.address)
            return
        code = EXCEPTION_CODES.get(fault.vector, 0xC0000005)
        if fault.vector == 13 and self._byte(fault.rip) in _PRIVILEGED:
            code = STATUS_PRIVILEGED_INSTRUCTION
        if code == 0xC0000005:
            self._unhandled(code, fault.rip, "read", -1)
        else:
            self._unhandled(code, fault.rip)

    # ------------------------------------------------------------ stopping
    def stop(self, stop: Stop) -> None:
        """Stop the CPU; the first reason wins."""
        if self.stopped is None:
            self.stopped = stop
        self.core.stop()

    def _unhandled(self, code: int, at: int, kind: str = "", address: int = 0) -> None:
        where = f"{code:08X} at {at:X}"
        if kind:
            width = 8 if self.core.bits == 32 else 16
            where += f", {kind} of {address & (1 << 4 * width) - 1:0{width}X}"
        self.stop(Stop(StopReason.UNHANDLED_EXCEPTION, code, where, at))

    def _fast_fail(self, at: int) -> None:
        """``int 29h``: C0000409 on Windows 8 and later, an access violation before (wow64-facts section 10)."""
        if not self.build.fast_fail:
            self._unhandled(0xC0000005, at, "read", -1)
            return
        code = self.core.read("rcx") & 0xFFFFFFFF
        detail = f"fast fail {code} at {at:X}"
        self.stop(Stop(StopReason.FAST_FAIL, STATUS_STACK_BUFFER_OVERRUN, detail, at))

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

    def _byte(self, address: int) -> int:
        found = self.tables.peek(address, 1)
        return found[0] if found else -1

    def close(self) -> None:
        """Release the engine, then the memory it runs on."""
        self.core.close()
        self.ram.close()
