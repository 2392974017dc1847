"""Exceptions on their way from 64-bit to 32-bit code: ntdll's dispatcher and wow64.dll's part, as guest code.

Follows wow64-facts section 5 (64->32, steps 2 to 4). Where Windows unwinds with function tables from a faked RIP
to the ``__except`` of RunCpuSimulation, wow64cpu's own epilogue is executed on the frame of CpuSimulate: both end
in the loop that enters 32-bit code again, there by the IRETQ of a full reload. Leaves out 64-bit handlers: the
built-in 64-bit images have none, so an exception of 64-bit code is unhandled. Who may import it: host64.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.host64.apcs import ended_by
from wowsim.nt.builds import Gate, Stub32
from wowsim.nt.context64 import CONTEXT64_SIZE, EFLAGS, OFFSETS, SELECTORS
from wowsim.nt.exceptions import RECORD_SIZE, STATUS_SINGLE_STEP, ExceptionRecord
from wowsim.nt.wow64_context import (
    CONTEXT32_SIZE,
    CONTEXT_ALL,
    CONTEXT_IN_AREA,
    RESET_STATE,
    context32_of,
    context64_of,
    cpu_area,
    set_context,
)
from wowsim.nt.wow64_context import OFFSETS as OFFSETS32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wowsim.image.model import Image
    from wowsim.nt.abi import Memory
    from wowsim.nt.builds import Build
    from wowsim.nt.trap import Routine, Trap

_U32, _U64, _U16 = struct.Struct("<I"), struct.Struct("<Q"), struct.Struct("<H")
RECORD_AT = 0x4F0
"""From CONTEXT64 to the record at KiUserExceptionDispatcher."""
_FRAME = RECORD_AT + RECORD_SIZE[64]
_STACK_POINTER, _SERVICE_FRAME = 0x1480, 0x1480 + 12 * 8
"""TEB64.TlsSlots[0]: the 64-bit RSP while 32-bit code runs; Windows 10 keeps it in R14 (section 3)."""
_HANDLER_CLEARS = 0x4_0500
"""AC, DF, TF: what Pass64bitExceptionTo32Bit takes from EFlags (section 5)."""
TF = 0x100
_RETURN_FROM_CODE = {Gate.SWITCH_TO_64: 0x271E, Gate.KI_FAST_SYSTEM_CALL: 0x1742}
"""RVA of wow64cpu!CpupReturnFromSimulatedCode."""

NTDLL = f"""
KiUserExceptionDispatcher: cld
    mov rax, qword ptr [__imp_Wow64PrepareForException]
    test rax, rax
    je L_dispatch
    lea rcx, [rsp+{RECORD_AT:#x}]
    mov rdx, rsp
    call rax
L_dispatch: lea rcx, [rsp+{RECORD_AT:#x}]
    mov rdx, rsp
    call RtlDispatchException
    test al, al
    je L_unhandled
    mov rcx, rsp
    xor edx, edx
    call NtContinue
    int3
L_unhandled: lea rcx, [rsp+{RECORD_AT:#x}]
    mov rdx, rsp
    xor r8d, r8d
    call NtRaiseException
    int3
RtlDispatchException: sub rsp, 0x28
    call qword ptr [__imp_Wow64PassExceptionToGuest]
    add rsp, 0x28
    ret
"""
"""The home space of the called functions is CONTEXT.P1Home to P6Home."""

WOW64 = """
Wow64PrepareForException: sub rsp, 0x28
    trap wow64.Wow64PrepareForException
    add rsp, 0x28
    test rax, rax
    je L_native
    mov rsp, rax
L_native: ret
Wow64PassExceptionToGuest: sub rsp, 0x28
    trap wow64.Wow64PassExceptionToGuest
    add rsp, 0x28
    cmp eax, 2
    je L_unwind
    ret
L_unwind: jmp qword ptr [__imp_CpupLeaveSimulation]
"""
"""Wow64PassExceptionToGuest: 0 is unhandled, 1 goes on where it happened, 2 leaves for the 32-bit dispatcher."""

EXPORTS = ("Wow64PrepareForException", "Wow64PassExceptionToGuest")

RAISE = f"""whNAME: push rbx
    sub rsp, {_FRAME + 0x28:#x}
    mov rbx, rcx
    xor r9d, r9d
    trap whNAME.in
    test r9, r9
    je L_done
    call qword ptr [__imp_NAME]
L_done: add rsp, {_FRAME + 0x28:#x}
    pop rbx
    ret"""
"""NtRaiseException: a first chance goes straight to the 32-bit dispatcher, the second one to the kernel."""

CONTINUE = """whNAME: push rbx
    push rsi
    sub rsp, 0x28
    mov esi, dword ptr [rcx+4]
    xor edx, edx
    xor r8d, r8d
    trap whNAME.set
    mov ebx, eax
    test rdx, rdx
    je L_loaded
    fxrstor [rdx]
L_loaded: test r8, r8
    jne L_apc
    test esi, esi
    je L_done
    call qword ptr [__imp_NtTestAlert]
L_done: mov eax, ebx
    add rsp, 0x28
    pop rsi
    pop rbx
    ret
L_apc: mov rsp, r8
    jmp Wow64ApcReturn"""
"""NtContinue: with TestAlert, APCs that are queued run before the 32-bit code goes on."""


class Exceptions:
    """The Python behind the traps of :data:`WOW64`, :data:`RAISE` and :data:`CONTINUE`.

    Args:
        build: the Windows build.
        dispatcher32: address of ntdll32!KiUserExceptionDispatcher.
        cpu_faults: RVAs in wow64cpu: where a thunk begins and where an access violation in it goes on.
        service_fault: address of wow64!Wow64ServiceFault.
    """

    def __init__(
        self, build: Build, dispatcher32: int, cpu_faults: Sequence[tuple[int, int]], service_fault: int
    ) -> None:
        self._build = build
        self._service_fault = service_fault
        wow64 = build.module("wow64")
        self._wow64 = range(wow64.base, wow64.base + wow64.size)
        self._dispatcher32 = dispatcher32
        # the far jump of 1507 and 1511 leads to 64-bit code in the 32-bit ntdll
        gates = (build.ntdll,) if build.stub32 is Stub32.SYSTEM_SERVICE_CALL else ()
        own = (*(m for m in build.modules if m.bits == 64), *gates)
        self._own = [(m.base, m.base + m.size) for m in own]
        base = build.module("wow64cpu").base
        self._cpu_faults = [(base + start, base + resume) for start, resume in cpu_faults]
        self._resume_at = build.module("wow64cpu").base + _RETURN_FROM_CODE[build.gate]

    def routines(self) -> dict[str, Routine]:
        """By trap name."""
        return {
            "wow64.Wow64PrepareForException": self._prepare,
            "wow64.Wow64PassExceptionToGuest": self._pass,
            "whNtRaiseException.in": self._raise,
        }

    # ------------------------------------------------------------ Wow64PrepareForException
    def _prepare(self, trap: Trap) -> None:
        """BTCpuResetToConsistentState, and the move to the 64-bit stack; RAX = RSP to return from, or 0."""
        trap.set_register("rax", 0)
        memory, at = trap.memory, trap.register("rdx")
        frame = bytearray(memory.read(at, _FRAME))
        if _U16.unpack_from(frame, SELECTORS)[0] != 0x23:
            return
        try:
            stack = self._leave_code(memory, trap.teb64, frame)
            area = cpu_area(memory, trap.teb64)
            memory.write(area + CONTEXT_IN_AREA, context32_of(bytes(frame[:CONTEXT64_SIZE])))
            self._reset(memory, area)
            copy = (stack - _FRAME - 0x28) & ~0xF
            _U64.pack_into(frame, OFFSETS["rip"], self._resume_at)
            _U64.pack_into(frame, OFFSETS["rsp"], stack)
            back = memory.read(trap.sp + 0x28, 8)
            memory.write(copy - 8, back + bytes(frame))
        except GuestFault:
            return  # without its 64-bit stack the thread has nowhere to handle anything
        trap.set_register("rax", copy - 8)

    def _leave_code(self, memory: Memory, teb64: int, frame: bytearray) -> int:
        """The 64-bit RSP under the 32-bit code; slot 0 is 0 while 64-bit code runs."""
        if self._build.gate is not Gate.SWITCH_TO_64:
            return int(_U64.unpack_from(frame, OFFSETS["r14"])[0])
        (stack,) = memory.unpack(_U64, teb64 + _STACK_POINTER)
        memory.pack(_U64, teb64 + _STACK_POINTER, 0)
        return int(stack)

    def _reset(self, memory: Memory, area: int) -> None:
        (state,) = memory.unpack(_U32, area + self._build.reset_state)
        memory.pack(_U32, area + self._build.reset_state, state | RESET_STATE)

    # ------------------------------------------------------------ Wow64PassExceptionToGuest
    def _pass(self, trap: Trap) -> int:
        memory, at = trap.memory, trap.register("rdx")
        context = memory.read(at, CONTEXT64_SIZE)
        record = ExceptionRecord.from_bytes(memory.read(trap.register("rcx"), RECORD_SIZE[64]), 64)
        if _U16.unpack_from(context, SELECTORS)[0] == 0x23:
            area = cpu_area(memory, trap.teb64)
            try:
                self._dispatch(memory, area, record)
            except GuestFault:
                return 0
            trap.set_register("rcx", _U64.unpack_from(context, OFFSETS["rsp"])[0])
            return 2
        (rip,) = _U64.unpack_from(context, OFFSETS["rip"])
        if record.code == STATUS_SINGLE_STEP and any(start <= rip < end for start, end in self._own):
            # a 32-bit program that steps over the gate: the trap comes when its own code goes on (unverified)
            (flags,) = _U32.unpack_from(context, EFLAGS)
            memory.pack(_U32, at + EFLAGS, flags | TF)
            return 1
        for start, resume in self._cpu_faults:
            if start <= rip < resume:
                # like wow64.dll's handler around a thunk: the service ends with the exception's code
                memory.pack(_U64, at + OFFSETS["rip"], resume)
                memory.pack(_U64, at + OFFSETS["rax"], record.code)
                return 1
        return self._end_service(trap, at, rip, record.code)

    def _end_service(self, trap: Trap, at: int, rip: int, code: int) -> int:
        """The handler around a thunk: the service ends with the exception's code (section 5)."""
        (frame,) = trap.memory.unpack(_U64, trap.teb64 + _SERVICE_FRAME)
        if rip not in self._wow64 or not frame:
            return 0
        for register, value in (
            ("rip", self._service_fault),
            ("rsp", frame),
            ("rbp", trap.teb64),
            ("rax", code),
        ):
            trap.memory.pack(_U64, at + OFFSETS[register], value)
        return 1

    def _dispatch(self, memory: Memory, area: int, record: ExceptionRecord) -> None:
        """Wow64SetupExceptionDispatch: pointers, record and context on the x86 stack, Eip and Esp in the area."""
        context = bytearray(memory.read(area + CONTEXT_IN_AREA, CONTEXT32_SIZE))
        _U32.pack_into(context, 0, CONTEXT_ALL)
        (esp,) = _U32.unpack_from(context, OFFSETS32["Esp"])
        top = (esp - 8 - RECORD_SIZE[32] - CONTEXT32_SIZE) & ~3
        if top < 0:
            raise GuestFault(0xC0000005, 0)
        data = struct.pack("<II", top + 8, top + 8 + RECORD_SIZE[32]) + record.to_bytes(32) + context
        memory.write(top, data)
        (eflags,) = _U32.unpack_from(context, OFFSETS32["EFlags"])
        for name, value in (
            ("Esp", top), ("Eip", self._dispatcher32), ("EFlags", eflags & ~_HANDLER_CLEARS),
        ):  # fmt: skip
            memory.pack(_U32, area + CONTEXT_IN_AREA + OFFSETS32[name], value)

    # ------------------------------------------------------------ NtRaiseException
    def _raise(self, trap: Trap) -> int | None:
        memory = trap.memory
        try:
            record_at, context_at, first = memory.unpack(struct.Struct("<III"), trap.register("rbx"))
            record = ExceptionRecord.from_bytes(memory.read(record_at, RECORD_SIZE[32]), 32)
            context = memory.read(context_at, CONTEXT32_SIZE)
            if first & 0xFF:
                area = cpu_area(memory, trap.teb64)
                eax = set_context(memory, trap.teb64, context, self._build.reset_state)
                self._dispatch(memory, area, record)
                return eax
            wide = trap.sp + 0x20
            memory.write(wide, context64_of(context))
            memory.write(wide + RECORD_AT, record.to_bytes(64))
        except GuestFault as fault:
            return fault.status
        for register, value in (("rcx", wide + RECORD_AT), ("rdx", wide), ("r8", 0), ("r9", 1)):
            trap.set_register(register, value)
        return None


def service_fault(wow64: Image) -> int:
    """Where a faulting thunk goes on: wow64!Wow64ServiceFault, which is no export."""
    return wow64.base + next(rva for rva, name in wow64.symbols.items() if name == "Wow64ServiceFault")


def continue_with(reset_state: int) -> Routine:
    """BTCpuSetContext: the context goes to the CPU area; its EAX is what the service returns (section 3.6).

    RDX is the address of the FP state to load, R8 the RSP to unwind to when this ends an APC; both stay 0 otherwise.
    """

    def routine(trap: Trap) -> int:
        memory = trap.memory
        try:
            (pointer,) = memory.unpack(_U32, trap.register("rcx"))
            context = memory.read(pointer, CONTEXT32_SIZE)
            eax = set_context(memory, trap.teb64, context, reset_state)
            trap.set_register("r8", ended_by(memory, trap.teb64, pointer))
        except GuestFault as fault:
            return fault.status
        if int.from_bytes(context[:4], "little") & 0x28:
            trap.set_register("rdx", cpu_area(memory, trap.teb64) + CONTEXT_IN_AREA + 0xCC)
        return eax

    return routine
