"""Exceptions and thread contexts of 32-bit Windows: CONTEXT and EXCEPTION_RECORD in their 32-bit layouts.

Stands for nt!KiDispatchException, KeContextFromKframes and KeContextToKframes of the x86 kernel (frame: wow64-facts
section 5, the 32-bit one; layouts section 3.3). The segment registers that a handler starts with, and what becomes
of selectors that cannot be loaded, are unverified. Leaves out debug registers and the XSAVE area behind CONTEXT.
Who may import it: the simulation, and :mod:`wowsim.kernel.exceptions`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.exceptions import DISPATCH_CLEARS, deliver
from wowsim.nt.context64 import context64
from wowsim.nt.exceptions import RECORD_SIZE
from wowsim.nt.status import STATUS_ACCESS_VIOLATION
from wowsim.nt.wow64_context import (
    CONTEXT32_SIZE,
    CONTEXT_CONTROL,
    CONTEXT_EXTENDED,
    CONTEXT_FLOATING_POINT,
    CONTEXT_INTEGER,
    CONTEXT_SEGMENTS,
    EFLAGS_USER,
    OFFSETS,
    context32_of,
    loaded_float,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wowsim.kernel.thread import Apc
    from wowsim.nt.abi import Memory, Width
    from wowsim.nt.exceptions import ExceptionRecord

CS, DATA, TEB = 0x1B, 0x23, 0x3B
USER_SEGMENTS = {"cs": CS, "ds": DATA, "es": DATA, "fs": TEB, "gs": 0}
"""Segment registers of a thread that starts, and of an exception handler."""
_LOADABLE = frozenset((0, 1, 2, 3, CS, DATA, TEB))
_PARTS = (
    (CONTEXT_CONTROL, ("Ebp", "Eip", "Esp")),
    (CONTEXT_INTEGER, ("Edi", "Esi", "Ebx", "Edx", "Ecx", "Eax")),
)
_POINTERS = 8
_DWORD = struct.Struct("<I")


class NativeUserMode:
    """How the x86 kernel sees the user half of a thread; the x64 kernel's view is ``kernel.exceptions``'."""

    width: Width = 32
    code = CS

    def deliver(
        self,
        memory: Memory,
        registers: Mapping[str, int],
        fxsave: bytes,
        record: ExceptionRecord,
        dispatcher: int,
    ) -> dict[str, int]:
        """Put context and record on the interrupted stack; the registers that user mode goes on with.

        Raises:
            GuestFault: there is no stack to write on.
        """
        return deliver(memory, registers, fxsave, record, dispatcher, _push)

    def deliver_apc(
        self, memory: Memory, registers: Mapping[str, int], fxsave: bytes, apc: Apc, dispatcher: int
    ) -> dict[str, int]:
        """Put an APC on a thread's stack (nt!KiInitializeUserApc); the registers that user mode goes on with.

        The frame is the one that ntdll's 32-bit dispatcher takes on 64-bit Windows too (wow64-facts section 5); on
        32-bit Windows it is unverified. More APCs may run behind this one.

        Raises:
            GuestFault: there is no stack to write on.
        """
        frame = struct.pack("<5I", apc.routine, *(a & 0xFFFFFFFF for a in apc.arguments), 1)
        frame += context_of(registers, fxsave)
        top = (registers["rsp"] & 0xFFFFFFFC) - len(frame)
        if top < 0:
            raise GuestFault(STATUS_ACCESS_VIOLATION, 0)
        memory.write(top, frame)
        rflags = registers["rflags"] & ~DISPATCH_CLEARS
        return {"rip": dispatcher, "rsp": top, "rflags": rflags, **USER_SEGMENTS}

    def returns_to(self, selector: int) -> bool:
        """Whether a context may name this code selector."""
        return selector == CS

    def registers_of(self, context: bytes, everything: bool = False) -> dict[str, int]:
        """The registers that the flags of a CONTEXT name (or all of them), by their 64-bit names."""
        flags = _field(context, "ContextFlags")
        found: dict[str, int] = {}
        for part, names in _PARTS:
            if everything or flags & part == part:
                found |= {"r" + name[1:].lower(): _field(context, name) for name in names}
        if "rip" in found:
            found["cs"] = _field(context, "SegCs") & 0xFFFF | 3
            found["rflags"] = _field(context, "EFlags") & EFLAGS_USER | 0x202
        if everything or flags & CONTEXT_SEGMENTS == CONTEXT_SEGMENTS:
            for name in ("ds", "es", "fs", "gs"):
                selector = _field(context, "Seg" + name.capitalize()) & 0xFFFF
                selector |= 3 if selector > 3 else 0
                found[name] = selector if selector in _LOADABLE else USER_SEGMENTS[name]
        return found

    def floating_point_of(self, context: bytes, before: Callable[[], bytes]) -> bytes | None:
        """The FXSAVE image that a CONTEXT asks for; None when its flags name no such part."""
        flags = _field(context, "ContextFlags")
        if not any(flags & part == part for part in (CONTEXT_FLOATING_POINT, CONTEXT_EXTENDED)):
            return None
        return loaded_float(flags, context, before())


def context_of(registers: Mapping[str, int], fxsave: bytes) -> bytes:
    """The CONTEXT (2CCh bytes) of a thread that stands at these registers."""
    return context32_of(context64({**registers, "rsp": registers["rsp"] & 0xFFFFFFFF}, fxsave))


def _field(context: bytes, name: str) -> int:
    value: int = _DWORD.unpack_from(context, OFFSETS[name])[0]
    return value


def _push(
    memory: Memory, registers: Mapping[str, int], fxsave: bytes, record: ExceptionRecord, dispatcher: int
) -> dict[str, int]:
    stack = registers["rsp"] & 0xFFFFFFFC
    top = stack - CONTEXT32_SIZE - RECORD_SIZE[32] - _POINTERS
    if top < 0:
        raise GuestFault(STATUS_ACCESS_VIOLATION, 0)
    pointers = struct.pack("<II", top + _POINTERS, top + _POINTERS + RECORD_SIZE[32])
    memory.write(top, pointers + record.to_bytes(32) + context_of(registers, fxsave))
    rflags = registers["rflags"] & ~DISPATCH_CLEARS
    return {"rip": dispatcher, "rsp": top, "rflags": rflags, **USER_SEGMENTS}
