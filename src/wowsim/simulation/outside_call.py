"""A 32-bit function of the guest, called from outside: a frame on the thread's stack, then its state put back.

Stands for WinDbg's ``.call``. Who may import it: ``simulation.simulation``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, StopReason, UsageError
from wowsim.simulation.machine import CALL_RETURN, Machine, Stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wowsim.simulation.gates import Gates
    from wowsim.simulation.runner import Runner

TLS_SLOTS, TLS_SIZE = 0x1480, 0x200
"""TEB64.TlsSlots (wow64-facts section 9)."""
_DISTANCE = 0x100
"""Bytes of the stack that are left alone below where the thread stands."""


def call32(
    machine: Machine, runner: Runner, gates: Gates, address: int, arguments: Sequence[int], limit: int
) -> int | Stop:
    """Let the thread that runs call a function from 32-bit code, where it stands.

    Args:
        machine: the machine.
        runner: executes.
        gates: forgets where the thread stood.
        address: of the function.
        arguments: for its stack.
        limit: instructions it may take.

    Returns:
        Its EAX, or why it did not return; the thread stands where it stood.

    Raises:
        UsageError: there is no stack for the frame.
    """
    core, tables = machine.core, machine.tables
    saved, thread = core.save(), machine.kernel.thread
    # wow64cpu keeps its 64-bit stack pointer there (wow64-facts section 3.2): lost if a call ends behind the gate
    slots = thread.teb + TLS_SLOTS
    kept = tables.peek(slots, TLS_SIZE) if machine.build.wow64 else None
    words = (CALL_RETURN, *(argument & 0xFFFFFFFF for argument in arguments))
    esp = ((core.read("rsp") & 0xFFFFFFFF) - _DISTANCE & ~0xF) - 4 * len(words)
    try:
        tables.write(esp, b"".join(word.to_bytes(4, "little") for word in words))
    except GuestFault as fault:
        raise UsageError(f"call32 needs a stack; there is none at {esp:#x}") from fault
    core.write("rsp", esp)
    core.write("rip", address)
    gates.forget()
    returned: list[int] = []

    def back() -> None:
        returned.append(core.read("rax") & 0xFFFFFFFF)
        core.stop()

    machine.call_returned, machine.stopped = back, None
    try:
        with runner.recording(limit, None):
            runner.execute()
    finally:
        machine.call_returned = None
        if machine.threads is not None:
            machine.threads.return_to(thread, saved)
        runner.forget()
        gates.forget()
    stop, machine.stopped = machine.stopped, None
    if returned:
        return returned[0]
    if kept is not None and tables.peek(slots, TLS_SIZE) is not None:
        tables.poke(slots, kept)
    return stop or Stop(StopReason.STOPPED, None, "stopped")
