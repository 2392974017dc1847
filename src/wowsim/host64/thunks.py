"""The 32->64 thunks of wow64.dll (``whNtXxx``), derived from each service's prototype.

A thunk is a guest routine: it loads each 32-bit slot, sign-extended for handles and zero-extended for the rest,
calls the 64-bit stub and returns its status. Where a pointee differs between the widths the call gets the address of a
scratch area in the routine's own stack frame (:mod:`wowsim.host64.conversions`); what has no fixed size, or depends on
an information class, is a buffer (:mod:`wowsim.host64.buffers`), which lies in the frame or, when it is large, in
temporary memory that Wow64SystemServiceEx frees. A trap before the call converts, a trap after it writes results back.
Rules: wow64-facts section 6.

The frame, from RSP up: the 64-bit arguments, the scratch areas, the 32-bit pointers they stand for, the status; with
buffers also the address of the 32-bit arguments, the temporary memory and its size, and each buffer's place.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from wowsim.errors import GuestFault
from wowsim.host64.buffers import ASK_ROOT, NEED_MEMORY, Array, Buffer, Call, Frame
from wowsim.host64.conversions import Conversion, conversion
from wowsim.host64.lists import Groups
from wowsim.nt import abi
from wowsim.nt.abi import APC_CONTEXT, PAPC_ROUTINE, SCALARS, Parameter, Pass, Prototype
from wowsim.nt.status import STATUS_NO_MEMORY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wowsim.nt.abi import Memory
    from wowsim.nt.trap import Routine, Trap

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class Step(NamedTuple):
    """A conversion in its thunk: which parameter, and the offset of the scratch area in the frame, bytes."""

    parameter: int
    scratch: int
    how: Conversion


@dataclass
class Thunk:
    """The plan of one derived thunk.

    Attributes:
        prototype: the service.
        conversions: parameters that need more than their slot.
        buffers: what has no fixed size.
        asks_root: it may want the name of the root directory's handle first.
        size: bytes the routine takes from the 64-bit stack.
        pointers: offset of the 32-bit pointers in it; ``status`` of the status.
        frame: where buffers have their cells.
    """

    prototype: Prototype
    conversions: list[Step] = field(default_factory=list)
    buffers: Sequence[Buffer] = ()
    asks_root: bool = False
    size: int = 0
    pointers: int = 0
    status: int = 0
    frame: Frame = field(default_factory=Frame)

    @property
    def name(self) -> str:
        """``whNtCreateFile``."""
        return "wh" + self.prototype.name

    @property
    def traps_before(self) -> bool:
        """Whether something is converted before the call."""
        return bool(self.conversions or self.buffers)

    @property
    def traps_after(self) -> bool:
        """Whether something is written back behind it."""
        return any(buffer.has_result for buffer in self.buffers) or any(
            step.how.finish for step in self.conversions
        )

    @property
    def traps(self) -> list[str]:
        """The names of its traps."""
        found = [f"{self.name}.in"] if self.traps_before else []
        return [*found, f"{self.name}.out"] if self.traps_after else found

    def parts(self, failed: str | None = None, again: str | None = None) -> tuple[str, str, str, str]:
        """Assembly in four pieces: up to the trap, register loads, the call, the way back.

        Args:
            failed: label of the early way out, when the pieces do not stay together.
            again: label of the trap before the call, likewise.
        """
        failed = failed or f"L_failed_{self.name}"
        again = again or f"L_again_{self.name}"
        before, more = "", ""
        if self.traps_before:
            before = f"{again}: xor eax, eax\ntrap {self.name}.in\ntest eax, eax\njne {failed}"
        if self.buffers:
            save = f"mov qword ptr [rsp+{self.frame.array:#x}], rbx"
            clear = f"and qword ptr [rsp+{self.frame.memory:#x}], 0"
            before = f"{save}\n{clear}\n{before}"
            more = self._more(again, failed)
        after = f"trap {self.name}.out" if self.traps_after else ""
        head = f"{self.name}: push rbx\nsub rsp, {self.size:#x}\nmov rbx, rcx\n{self.loads()}\n{before}"
        registers = "\n".join(
            f"mov {register}, qword ptr [rsp+{8 * i:#x}]"
            for i, register in enumerate(("rcx", "rdx", "r8", "r9")[: len(self.prototype.parameters)])
        )
        back = ""
        if after:
            at = f"dword ptr [rsp+{self.status:#x}]"
            back = f"mov {at}, eax\n{after}\nmov eax, {at}\n"
        tail = f"{back}{'' if more else failed + ': '}add rsp, {self.size:#x}\npop rbx\nret\n{more}"
        return head, registers, f"call qword ptr [__imp_{self.prototype.name}]", tail

    def _more(self, again: str, failed: str) -> str:
        """What the trap before the call may ask for: temporary memory, or the root directory's name."""
        frame = self.frame
        ask = (
            f"""cmp eax, {ASK_ROOT}
            jne L_over_{self.name}
            mov rcx, qword ptr [rsp+{frame.root:#x}]
            mov rdx, qword ptr [rsp+{frame.memory:#x}]
            call Wow64QueryRootName
            mov qword ptr [rsp+{frame.asked:#x}], rax
            jmp {again}
        L_over_{self.name}:"""
            if self.asks_root
            else ""
        )
        return f"""{failed}: cmp eax, {NEED_MEMORY}
            je L_memory_{self.name}
            {ask}
        L_out_{self.name}: add rsp, {self.size:#x}
            pop rbx
            ret
        L_memory_{self.name}: mov rcx, qword ptr [rsp+{frame.needed:#x}]
            call Wow64AllocateTemp
            mov qword ptr [rsp+{frame.memory:#x}], rax
            test rax, rax
            jne {again}
            mov eax, {STATUS_NO_MEMORY:#x}
            jmp L_out_{self.name}"""

    def loads(self) -> str:
        """Assembly that makes the 64-bit arguments: RBX holds the 32-bit array, RSP the 64-bit one."""
        converted = {step.parameter: (number, step) for number, step in enumerate(self.conversions)}
        lines, slot = [], 0
        for index, parameter in enumerate(self.prototype.parameters):
            lines.append(_load(parameter, slot))
            if index in converted:
                number, step = converted[index]
                lines += [
                    f"mov dword ptr [rsp+{self.pointers + 4 * number:#x}], eax",
                    step.how.prepare.format(f"{step.scratch:#x}"),
                    f"lea rcx, [rsp+{step.scratch:#x}]",
                    "test eax, eax",
                    "cmovne rax, rcx",
                ]
            lines.append(f"mov qword ptr [rsp+{8 * index:#x}], rax")
            slot += 4 * parameter.slots32
        return "\n".join(lines)

    def routines(self) -> dict[str, Routine]:
        """The Python behind the traps, by trap name."""
        found: dict[str, Routine] = {}
        if self.conversions:
            convert = self._before()
            found[f"{self.name}.in"] = self._buffers_before(convert) if self.buffers else convert
        elif self.buffers:
            found[f"{self.name}.in"] = self._buffers_before(lambda trap: None)
        if any(buffer.has_result for buffer in self.buffers):
            found[f"{self.name}.out"] = self._buffers_after()
        elif self.traps_after:
            found[f"{self.name}.out"] = self._after()
        return found

    def _before(self) -> Routine:
        steps = [
            (number, s.how.fill, s.scratch, 8 * s.parameter) for number, s in enumerate(self.conversions)
        ]
        cleared = [number for number, s in enumerate(self.conversions) if s.how.clear]
        if len(cleared) == 1:  # clearing it, the last thing to happen, probes it
            steps = [step for step in steps if step[0] not in cleared]
        at, shape = self.pointers, struct.Struct(f"<{len(self.conversions)}I")

        def before(trap: Trap) -> int | None:
            memory, frame = trap.memory, trap.sp
            pointers = memory.unpack(shape, frame + at)
            try:
                for number, fill, scratch, argument in steps:
                    pointer = pointers[number]
                    if pointer:
                        other = fill(memory, pointer, frame + scratch)
                        if other is not None:
                            memory.pack(_U64, frame + argument, other)
                for number in cleared:
                    if pointers[number]:
                        memory.pack(_U32, pointers[number], 0)
            except GuestFault as fault:
                return fault.status  # wow64.dll's exception filter makes it the call's status
            return None

        return before

    def _after(self) -> Routine:
        steps = [
            (number, s.how.finish, s.scratch)
            for number, s in enumerate(self.conversions)
            if s.how.finish is not None
        ]
        at, status_at = self.pointers, self.status
        shape = struct.Struct(f"<{len(self.conversions) + 1}I")

        def after(trap: Trap) -> None:
            memory, frame = trap.memory, trap.sp
            *pointers, status = memory.unpack(shape, frame + at)
            try:
                for number, finish, scratch in steps:
                    if pointers[number]:
                        finish(memory, pointers[number], frame + scratch, status)
            except GuestFault as fault:
                memory.pack(_U32, frame + status_at, fault.status)

        return after

    def _buffers_before(self, convert: Routine) -> Routine:
        buffers, frame, prototype = self.buffers, self.frame, self.prototype

        def any_concerns(memory: Memory, frame: int) -> bool:
            return any(b.concerns(memory, frame) for b in buffers)

        has_result = any(buffer.has_result for buffer in buffers)
        concerns = buffers[0].concerns if len(buffers) == 1 else any_concerns

        def before(trap: Trap) -> int | None:
            status = convert(trap)
            try:
                if status is not None or not concerns(trap.memory, trap.sp):
                    return status
                call = Call(trap, frame, prototype)
                status = call.place(buffers)
                for number, buffer in enumerate(buffers):
                    if status is None:
                        status = buffer.before(call, *call.places[number])
                if has_result:
                    call.keep()
            except GuestFault as fault:
                return fault.status
            return status

        return before

    def _buffers_after(self) -> Routine:
        finish = self._after() if self.conversions else None

        def after(trap: Trap) -> None:
            if finish is not None:
                finish(trap)
            call = Call(trap, self.frame, self.prototype, kept=True)
            try:
                call.find(self.buffers)
                for buffer, (area, size) in zip(self.buffers, call.places, strict=True):
                    buffer.after(call, area, size)
            except GuestFault as fault:
                call.fail(fault.status)

        return after


def _load(parameter: Parameter, slot: int) -> str:
    if parameter.passed is not Pass.VALUE:
        return f"mov eax, dword ptr [rbx+{slot:#x}]"
    if parameter.kind is PAPC_ROUTINE:
        return (
            f"mov eax, dword ptr [rbx+{slot:#x}]\nlea rcx, [Wow64ApcRoutine]\ntest eax, eax\ncmovne rax, rcx"
        )
    if parameter.kind is APC_CONTEXT:
        # the routine stands before it and goes into the upper half
        return f"mov eax, dword ptr [rbx+{slot:#x}]\nmov ecx, dword ptr [rbx+{slot - 4:#x}]\nshl rcx, 32\nor rax, rcx"
    if parameter.slots32 == 2:
        return f"mov rax, qword ptr [rbx+{slot:#x}]"
    if SCALARS[parameter.kind].sign and SCALARS[parameter.kind].size(64) == 8:
        return f"movsxd rax, dword ptr [rbx+{slot:#x}]"
    return f"mov eax, dword ptr [rbx+{slot:#x}]"


def derive(
    prototype: Prototype,
    buffers: Sequence[Buffer] = (),
    special: Mapping[str, Conversion] | None = None,
    *,
    asks_root: bool = False,
) -> Thunk:
    """The plan of a service's thunk.

    Args:
        prototype: the service.
        buffers: conversions of what depends on other arguments.
        special: parameter name -> a conversion in the place of the derived one.
        asks_root: a buffer may ask for the name of the root directory's handle.
    """
    parameters = prototype.parameters
    buffers = [*_lists(prototype, buffers), *buffers]
    thunk = Thunk(prototype, buffers=buffers, asks_root=asks_root)
    replaced = {buffer.replaces for buffer in buffers}
    scratch = 8 * max(4, len(parameters))
    for index, parameter in enumerate(parameters):
        how = (special or {}).get(parameter.name) or conversion(prototype.name, parameter)
        if how is not None and index not in replaced:
            scratch = (scratch + 15) & ~15
            thunk.conversions.append(Step(index, scratch, how))
            scratch += how.size
    thunk.pointers = (scratch + 3) & ~3
    thunk.status = thunk.pointers + 4 * len(thunk.conversions)
    end = thunk.status + 4
    if buffers:
        thunk.frame, end = Frame.behind((end + 15) & ~15, thunk.status, buffers, prototype.arg_bytes32)
    thunk.size = (end + 15) & ~15
    return thunk


def _lists(prototype: Prototype, others: Sequence[Buffer]) -> list[Buffer]:
    """What the declaration itself says of lists, where nothing else is said."""
    names = [p.name for p in prototype.parameters]
    taken = {buffer.replaces for buffer in others}
    found: list[Buffer] = []
    for index, parameter in enumerate(prototype.parameters):
        pointee = parameter.pointee
        if index in taken:
            continue
        if isinstance(pointee, abi.Array):
            found.append(Array(index, names.index(pointee.count), pointee.kind))
        elif isinstance(pointee, abi.Unconverted) and pointee.name == "TOKEN_GROUPS":
            found.append(Groups(index))
    return found
