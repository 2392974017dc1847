"""Exceptions on their way to user mode (nt!KiDispatchException, KiGeneralProtectionFault and their like).

Turns what the CPU raised into an EXCEPTION_RECORD, and puts record and context on the interrupted stack where
ntdll!KiUserExceptionDispatcher expects them (wow64-facts section 5). Leaves out debug registers, debugger ports
and 64-bit user shadow stacks. Who may import it: the simulation, and services through the service table.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

from wowsim.errors import GuestFault
from wowsim.kernel.context import Kernel
from wowsim.kernel.table import Support, service
from wowsim.nt import exceptions as x
from wowsim.nt.abi import BOOLEAN, NTSTATUS, PVOID, Unconverted
from wowsim.nt.context64 import CONTEXT64_SIZE, FLAGS, FXSAVE, context64, registers_of
from wowsim.nt.exceptions import RECORD_SIZE, ExceptionRecord
from wowsim.nt.records import dataclass
from wowsim.nt.status import (
    STATUS_ACCESS_VIOLATION,
    STATUS_GUARD_PAGE_VIOLATION,
    STATUS_INVALID_PARAMETER,
    STATUS_STACK_OVERFLOW,
    STATUS_SUCCESS,
)
from wowsim.nt.wow64_context import CONTEXT32_SIZE

if TYPE_CHECKING:
    from wowsim.kernel.thread import Apc
    from wowsim.nt.abi import Memory, Width

RECORD_AT, MACHINE_FRAME_AT, FRAME_SIZE = 0x4F0, 0x590, 0x5C0
"""Above RSP at KiUserExceptionDispatcher: CONTEXT, 20h bytes CONTEXT_EX, record, machine frame (section 5)."""
CS64, SS = 0x33, 0x2B
CONTEXT_SIZE = {32: CONTEXT32_SIZE, 64: CONTEXT64_SIZE}
TF = 0x100
DISPATCH_CLEARS = 0x4_0500
"""AC, DF and TF: a handler starts without them (section 5 says so of the 32-bit one)."""
_MACHINE_FRAME = struct.Struct("<5Q")
_UNKNOWN_ADDRESS = 0xFFFFFFFF_FFFFFFFF
_REPORTED = frozenset((STATUS_ACCESS_VIOLATION, STATUS_GUARD_PAGE_VIOLATION, STATUS_STACK_OVERFLOW))

_CODES = {
    0: x.STATUS_INTEGER_DIVIDE_BY_ZERO, 1: x.STATUS_SINGLE_STEP, 5: x.STATUS_ARRAY_BOUNDS_EXCEEDED,
    6: x.STATUS_ILLEGAL_INSTRUCTION, 17: x.STATUS_DATATYPE_MISALIGNMENT, 16: 0xC0000090, 19: 0xC00002B4,
}  # fmt: skip
"""Exception code of each vector (section 5); what is missing is a general protection fault."""
_FLOAT_CODES = ((0x01, 0xC0000090), (0x04, 0xC000008E), (0x02, 0xC000008D), (0x08, 0xC0000091),
                (0x10, 0xC0000093), (0x20, 0xC000008F))  # fmt: skip
"""x87 status bits by precedence: invalid, zero divide, denormal, overflow, underflow, inexact (winnt.h's codes)."""
_PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3))
_PRIVILEGED = frozenset(
    (0xF4, 0xFA, 0xFB, 0xE4, 0xE5, 0xE6, 0xE7, 0xEC, 0xED, 0xEE, 0xEF, 0x6C, 0x6D, 0x6E, 0x6F)
)
"""hlt, cli, sti, in, out and their string forms."""
_PRIVILEGED_0F = frozenset((0x06, 0x08, 0x09, 0x20, 0x21, 0x22, 0x23, 0x30, 0x32, 0x33, 0x35))
"""clts, invd, wbinvd, mov to and from control and debug registers, wrmsr, rdmsr, rdpmc, sysexit."""
_PRIVILEGED_GROUPS = {0x00: (2, 3), 0x01: (2, 3, 6, 7)}
"""lldt, ltr; lgdt, lidt, lmsw, invlpg."""


# ---------------------------------------------------------------- what the CPU raised
def is_privileged(code: bytes) -> bool:
    """Whether a general protection fault of this instruction is STATUS_PRIVILEGED_INSTRUCTION."""
    at = 0
    while at < len(code) and (code[at] in _PREFIXES):
        at += 1
    opcode, following = code[at : at + 1], code[at + 1 : at + 2]
    if opcode != b"\x0f":
        return bool(opcode) and opcode[0] in _PRIVILEGED
    if not following or following[0] in _PRIVILEGED_0F:
        return bool(following)
    modrm = code[at + 2 : at + 3]
    return bool(modrm) and modrm[0] >> 3 & 7 in _PRIVILEGED_GROUPS.get(following[0], ())


def cpu_exception(vector: int, rip: int, code: bytes, float_status: int = 0) -> ExceptionRecord:
    """The record of a fault other than a page fault.

    Args:
        vector: the CPU's.
        rip: instruction at fault (behind it for a single step).
        code: bytes at ``rip``, as far as they can be read.
        float_status: x87 status word without the masked exceptions, for vector 16.
    """
    if vector == 16:
        found = next((status for bit, status in _FLOAT_CODES if float_status & bit), _CODES[16])
        return ExceptionRecord(found, rip, (0,))
    if vector in _CODES:
        return ExceptionRecord(_CODES[vector], rip)
    if vector == 13 and is_privileged(code):
        return ExceptionRecord(x.STATUS_PRIVILEGED_INSTRUCTION, rip)
    return general_protection(rip)


def general_protection(rip: int) -> ExceptionRecord:
    """A general protection fault: an access violation that names no address."""
    return ExceptionRecord(x.STATUS_ACCESS_VIOLATION, rip, (0, _UNKNOWN_ADDRESS))


def page_fault(status: int, rip: int, kind: int, address: int) -> ExceptionRecord:
    """The record of a page fault that the memory manager refused.

    Any other status than its own three is an in-page error with that status (Microsoft Learn,
    EXCEPTION_RECORD: three parameters).
    """
    if status in _REPORTED:
        return ExceptionRecord(status, rip, (kind, address))
    return ExceptionRecord(x.STATUS_IN_PAGE_ERROR, rip, (kind, address, status))


@dataclass(frozen=True)
class Interrupt:
    """A software interrupt: its record, and where the context says the program stands."""

    record: ExceptionRecord
    rip: int


def software_interrupt(vector: int, behind: int, eax: int) -> Interrupt:
    """``int n`` that no ring 3 program may execute, or that means an exception (section 5).

    Args:
        vector: n.
        behind: RIP behind the instruction.
        eax: the debug service's number.
    """
    at = behind - 2
    if vector == 3:
        return Interrupt(ExceptionRecord(x.STATUS_BREAKPOINT, behind - 1, (0,)), behind - 1)
    if vector == 4:
        return Interrupt(ExceptionRecord(x.STATUS_INTEGER_OVERFLOW, behind), behind)
    if vector == 0x2C:
        return Interrupt(ExceptionRecord(x.STATUS_ASSERTION_FAILURE, at), at)
    if vector == 0x2D:
        # the debug service skips one byte; ExceptionAddress is unverified
        return Interrupt(ExceptionRecord(x.STATUS_BREAKPOINT, behind, (eax,)), behind + 1)
    return Interrupt(general_protection(at), at)


# ---------------------------------------------------------------- on to user mode
class WideUserMode:
    """How the x64 kernel sees the user half of a thread; the x86 kernel's view is in ``native_exceptions``."""

    width: Width = 64
    code = CS64

    def deliver(
        self,
        memory: Memory,
        registers: Mapping[str, int],
        fxsave: bytes,
        record: ExceptionRecord,
        dispatcher: int,
    ) -> dict[str, int]:
        """See :func:`deliver`."""
        return deliver(memory, registers, fxsave, record, dispatcher, _push)

    def deliver_apc(
        self, memory: Memory, registers: Mapping[str, int], fxsave: bytes, apc: Apc, dispatcher: int
    ) -> dict[str, int]:
        """See :func:`deliver_apc`."""
        return deliver_apc(memory, registers, fxsave, apc, dispatcher)

    def returns_to(self, selector: int) -> bool:
        """Whether a context may name this code selector."""
        return selector in (0x23, CS64)

    def registers_of(self, context: bytes, everything: bool = False) -> dict[str, int]:
        """See :func:`wowsim.nt.context64.registers_of`."""
        return registers_of(context, everything)

    def floating_point_of(self, context: bytes, before: Callable[[], bytes]) -> bytes | None:
        """The FXSAVE image that a CONTEXT asks for; None when its flags name no such part."""
        named = int.from_bytes(context[FLAGS : FLAGS + 4], "little") & 8
        return context[FXSAVE : FXSAVE + 0x200] if named else None


_CONTEXT_EX = struct.pack(
    "<iIiIiI", -CONTEXT64_SIZE, CONTEXT64_SIZE + 0x18, -CONTEXT64_SIZE, CONTEXT64_SIZE, 0x18, 0
)
"""CONTEXT_EX behind the CONTEXT: chunks All, Legacy and XState (none), offsets relative to itself (winnt.h)."""
KCONTINUE_FLAG_TEST_ALERT, KCONTINUE_FLAG_DELIVER_APC = 1, 2
_CALL_OF_FIVE = 0x38
"""Return address, four home cells, the fifth argument, and what keeps the stack aligned as at a function's entry."""
Push = Callable[["Memory", Mapping[str, int], bytes, "ExceptionRecord", int], dict[str, int]]
"""Writes one frame: memory, registers, FP state, record, dispatcher -> the registers to go on with."""


def deliver(
    memory: Memory,
    registers: Mapping[str, int],
    fxsave: bytes,
    record: ExceptionRecord,
    dispatcher: int,
    push: Push,
) -> dict[str, int]:
    """Put context and record on the interrupted stack; the registers that user mode goes on with.

    A stack that overflows meanwhile is reported in the place of the exception, once.

    Args:
        memory: guest memory.
        registers: the interrupted state.
        fxsave: its FP state.
        record: what happened.
        dispatcher: address of ntdll!KiUserExceptionDispatcher.
        push: writes the frame.

    Raises:
        GuestFault: there is no stack to write on.
    """
    try:
        return push(memory, registers, fxsave, record, dispatcher)
    except GuestFault as fault:
        if fault.status != STATUS_STACK_OVERFLOW:
            raise
        again = ExceptionRecord(fault.status, registers["rip"], (1, fault.address or 0))
    return push(memory, registers, fxsave, again, dispatcher)


def _push(
    memory: Memory, registers: Mapping[str, int], fxsave: bytes, record: ExceptionRecord, dispatcher: int
) -> dict[str, int]:
    stack, top = _room(registers, FRAME_SIZE)
    frame = bytearray(FRAME_SIZE)
    frame[:CONTEXT64_SIZE] = context64({**registers, "rsp": stack}, fxsave)
    frame[CONTEXT64_SIZE : CONTEXT64_SIZE + len(_CONTEXT_EX)] = _CONTEXT_EX
    frame[RECORD_AT : RECORD_AT + RECORD_SIZE[64]] = record.to_bytes(64)
    machine = (registers["rip"], registers["cs"], registers["rflags"], stack, registers["ss"])
    _MACHINE_FRAME.pack_into(frame, MACHINE_FRAME_AT, *machine)
    memory.write(top, bytes(frame))
    rflags = registers["rflags"] & ~DISPATCH_CLEARS
    return {"rip": dispatcher, "cs": CS64, "rsp": top, "rflags": rflags}


def _room(registers: Mapping[str, int], size: int) -> tuple[int, int]:
    """The interrupted stack pointer, and ``size`` bytes below it."""
    stack = registers["rsp"] & (0xFFFFFFFF if registers["cs"] != CS64 else _UNKNOWN_ADDRESS)
    top = (stack & ~0xF) - size
    if top < 0:
        raise GuestFault(STATUS_ACCESS_VIOLATION, 0)
    return stack, top


def deliver_apc(
    memory: Memory, registers: Mapping[str, int], fxsave: bytes, apc: Apc, dispatcher: int
) -> dict[str, int]:
    """Put the context on the stack with the APC in its home cells (nt!KiInitializeUserApc).

    ntdll!KiUserApcDispatcher finds the three arguments in P1Home to P3Home and the routine in P4Home (unverified
    beyond the published disassembly of that function).

    Args:
        memory: guest memory.
        registers: where the thread goes on afterwards.
        fxsave: its FP state.
        apc: what runs first.
        dispatcher: address of ntdll!KiUserApcDispatcher.

    Returns:
        The registers that user mode goes on with.

    Raises:
        GuestFault: there is no stack to write on.
    """
    stack, top = _room(registers, CONTEXT64_SIZE)
    frame = bytearray(context64({**registers, "rsp": stack}, fxsave))
    struct.pack_into("<4Q", frame, 0, *apc.arguments, apc.routine)
    memory.write(top, bytes(frame))
    return {"rip": dispatcher, "cs": CS64, "rsp": top, "rflags": registers["rflags"] & ~DISPATCH_CLEARS}


def deliver_apc_in_registers(
    memory: Memory, registers: Mapping[str, int], fxsave: bytes, apc: Apc, dispatcher: int
) -> dict[str, int]:
    """:func:`deliver_apc` for the 64-bit ntdll of Wine 8 (observed: its code, and calls of real runs).

    Its KiUserApcDispatcher stands as if it had been called with the context, the three arguments and, on the stack,
    the routine.
    """
    stack, top = _room(registers, CONTEXT64_SIZE + _CALL_OF_FIVE)
    context = top + _CALL_OF_FIVE
    memory.write(context, context64({**registers, "rsp": stack}, fxsave))
    memory.write(top, struct.pack("<40xQ8x", apc.routine))
    first, second, third = apc.arguments
    state = {"rcx": context, "rdx": first, "r8": second, "r9": third}
    return state | {
        "rip": dispatcher,
        "cs": CS64,
        "rsp": top,
        "rflags": registers["rflags"] & ~DISPATCH_CLEARS,
    }


# ---------------------------------------------------------------- services
@service(Support.FULL)
def NtContinue(k: Kernel, context_record: PVOID, test_alert: BOOLEAN) -> NTSTATUS:
    """Go on with a context; the call does not return when the context can be read."""
    k.resume(k.memory.read(context_record, CONTEXT_SIZE[k.width]))
    if test_alert:
        k.process.started = True
        k.scheduler.test_alert()
    return STATUS_SUCCESS


@service(Support.PARTIAL, "32-bit callers need a root's wow64.dll; reserved flags are refused")
def NtContinueEx(
    k: Kernel, context_record: Annotated[PVOID, Unconverted("CONTEXT")], continue_argument: PVOID
) -> NTSTATUS:
    """NtContinue whose second argument is TestAlert or, above FFh, points to a KCONTINUE_ARGUMENT (phnt)."""
    test_alert = continue_argument
    if continue_argument > 0xFF:
        _, test_alert = struct.unpack("<II", k.memory.read(continue_argument, 8))
        if test_alert & ~(KCONTINUE_FLAG_TEST_ALERT | KCONTINUE_FLAG_DELIVER_APC):
            return STATUS_INVALID_PARAMETER  # unverified
    return NtContinue(k, context_record, BOOLEAN(test_alert != 0))


@service(Support.FULL)
def NtRaiseException(
    k: Kernel, exception_record: PVOID, context_record: PVOID, first_chance: BOOLEAN
) -> NTSTATUS:
    """Raise an exception as if ``context_record`` had; without a first chance nobody handles it."""
    record = ExceptionRecord.from_bytes(k.memory.read(exception_record, RECORD_SIZE[k.width]), k.width)
    context = k.memory.read(context_record, CONTEXT_SIZE[k.width])
    k.raise_exception(record, context, first_chance != 0)
    return STATUS_SUCCESS
