"""GateCrossed events: where the program changes between 32-bit and 64-bit code by a far transfer.

Looks at each instruction while somebody listens, and costs nothing otherwise. A change of mode by the kernel (a system
call's return, an exception's delivery, NtContinue) is no crossing. Who may import it: ``simulation.simulation``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wowsim.render.decoder import decoded, far_pointer
from wowsim.trace.events import GateCrossed

if TYPE_CHECKING:
    from collections.abc import Callable

    from wowsim.simulation.machine import Machine
    from wowsim.trace.flow import Bits
    from wowsim.trace.symbols import Symbols

HOW = {
    "ljmp": "jmp far",
    "lcall": "call far",
    "retf": "retf",
    "retfq": "retf",
    "iret": "iret",
    "iretd": "iretd",
    "iretq": "iretq",
}
"""The disassembler's mnemonic -> what :attr:`GateCrossed.how` says."""


class Gates:
    """Tells listeners of crossings.

    Args:
        machine: the machine.
        symbols: tells Windows' code from the program's.
        executed: instructions so far, None when the run does not count.

    Attributes:
        listeners: who is told.
        previous: the last instruction that was looked at, and its mode; None when nobody listens.
    """

    def __init__(self, machine: Machine, symbols: Symbols, executed: Callable[[], int | None]) -> None:
        self._machine, self._symbols, self._executed = machine, symbols, executed
        self.previous: tuple[int, Bits] | None = None
        self._stop_watching: Callable[[], None] | None = None
        self.listeners: list[Callable[[Any], None]] = []

    def rebind(self) -> None:
        """Begin or end watching after somebody came or went."""
        if self.listeners and self._stop_watching is None:
            self.previous = None
            self._stop_watching = self._machine.core.watch(self._instruction)
        elif not self.listeners and self._stop_watching is not None:
            self._stop_watching()
            self._stop_watching = self.previous = None

    def forget(self) -> None:
        """The next instruction does not follow from the last one."""
        self.previous = None

    def _instruction(self, address: int, size: int) -> None:
        machine = self._machine
        bits = machine.core.bits
        previous, self.previous = self.previous, (address, bits)
        if previous is None or previous[1] == bits or address == machine.exception_dispatcher:
            return
        source, before = previous
        how = self._far_transfer(source, before)
        if how is None:
            return
        event = GateCrossed(
            self._executed(),
            machine.kernel.thread.id,
            source,
            address,
            before,
            bits,
            not self._symbols.is_system(source),
            how,
        )
        for listener in tuple(self.listeners):
            listener(event)

    def _far_transfer(self, address: int, bits: Bits) -> str | None:
        """What kind of far transfer stands at an address; None for other instructions."""
        tables = self._machine.tables
        # an instruction is 15 bytes at most, and may end where its page does
        code = tables.peek(address, 15) or tables.peek(address, 0x1000 - (address & 0xFFF)) or b""
        instruction = next(iter(decoded(code, address, bits)), None)
        if instruction is None:
            return None
        mnemonic, operands = instruction[2].split()[-1], instruction[3]
        if far_pointer(mnemonic, operands):
            mnemonic = "l" + mnemonic.removeprefix("l")
        return HOW.get(mnemonic)
