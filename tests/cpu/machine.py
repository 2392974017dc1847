"""A bare core with a page of code, a page of data and a stack, and handlers that note what reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wowsim.cpu.core import Core
from wowsim.cpu.paging import EXECUTE, READ, WRITE, PageTables, PhysicalMemory
from wowsim.cpu.segments import windows_gdt
from wowsim.image.synth import assemble

if TYPE_CHECKING:
    from wowsim.cpu.faults import Fault

CODE, DATA, STACK, TEB32, TEB64 = 0x400000, 0x500000, 0x510000, 0x7EFDD000, 0x7EFDB000
TIMESTAMP, RANDOM = 0x123456789A, 0xDEADBEEFCAFEBABE


class Bare:
    """The machine; ``int 2Eh`` ends a run."""

    def __init__(self) -> None:
        self.ram = PhysicalMemory(16 << 20)
        self.tables = PageTables(self.ram)
        self.core = Core(self.tables, windows_gdt(TEB32), self, lambda: TIMESTAMP, lambda: RANDOM)
        for page, access in ((CODE, READ | EXECUTE), (DATA, READ | WRITE), (STACK, READ | WRITE)):
            self.tables.map(page >> 12, self.tables.allocate(1), access)
        for page in (TEB32, TEB64):
            self.tables.map(page >> 12, self.tables.allocate(1), READ | WRITE)
        self.seen: list[tuple[str, int]] = []
        self.faults: list[Fault] = []
        self.syscalls = 0

    def on_syscall(self) -> None:
        self.syscalls += 1

    def on_trap(self, address: int, sp: int) -> None:
        self.seen.append(("trap", address))

    def on_interrupt(self, vector: int) -> None:
        self.seen.append(("int", vector))
        self.core.stop()

    def on_fault(self, fault: Fault) -> None:
        self.faults.append(fault)
        self.core.stop()

    def enter(self, source: str, bits: int = 32, **registers: int) -> None:
        """Put code at CODE and enter it."""
        self.tables.poke(CODE, bytes(0x1000))
        self.tables.poke(CODE, assemble(source, 32 if bits == 32 else 64, CODE))
        state: dict[str, Any] = {"rip": CODE, "ss": 0x2B, "rsp": STACK + 0xF00, "gs_base": TEB64}
        self.core.enter(state | {"cs": 0x23 if bits == 32 else 0x33} | registers)

    def run(self, source: str, bits: int = 32, **registers: int) -> dict[str, int]:
        """Run code to its ``int 2Eh`` or first fault; returns the registers."""
        self.enter(source, bits, **registers)
        self.core.run()
        return self.core.read_all()
