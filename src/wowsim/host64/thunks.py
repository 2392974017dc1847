"""The 32->64 thunks of wow64.dll (``whNtXxx``), derived from each service's prototype.

A thunk is a guest routine: it loads each 32-bit slot, sign-extended for handles and zero-extended for the rest,
calls the 64-bit stub and returns its status. Where a pointee differs between the widths (structures, handles,
pointers and sizes behind pointers) the call gets the address of a scratch area in the routine's own stack frame:
a trap before the call fills it with the 64-bit form and a trap after it writes the results back. Rules:
wow64-facts section 6.

The frame, from RSP up: the 64-bit arguments, the scratch areas, the 32-bit pointers they stand for, the status.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wowsim.errors import GuestFault
from wowsim.host64.thread_attributes import ATTRIBUTES_SIZE, narrow_attributes, widen_attributes
from wowsim.nt.abi import (
    APC_CONTEXT,
    PAPC_ROUTINE,
    PPS_ATTRIBUTE_LIST,
    SCALARS,
    STRUCTURES,
    Memory,
    Parameter,
    Pass,
    Prototype,
    layout,
    size_of,
)
from wowsim.nt.structures import IO_STATUS_BLOCK, OBJECT_ATTRIBUTES

if TYPE_CHECKING:
    from wowsim.nt.trap import Routine, Trap

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")

Fill = Callable[[Memory, int, int], None]
"""(memory, 32-bit pointer, scratch address): write the 64-bit form of what the pointer, not NULL, points to."""
Finish = Callable[[Memory, int, int, int], None]
"""(memory, 32-bit pointer, scratch address, status): write results back."""


@dataclass
class Conversion:
    """What happens to one parameter that points to something else in 64 bits.

    Attributes:
        index: position in the 64-bit argument list.
        slot: offset of its 32-bit slot in the argument array, bytes.
        scratch: offset of its scratch area in the frame, bytes.
        prepare: assembly that needs no guest pointer: RAX is the pointer, ``{0}`` the scratch area's offset.
        fill: fills the scratch area through the pointer, if that is needed.
        finish: writes the result back, if it has one.
    """

    index: int
    slot: int
    scratch: int
    prepare: str
    fill: Fill | None
    finish: Finish | None


@dataclass
class Thunk:
    """The plan of one derived thunk.

    Attributes:
        frame: bytes the routine takes from the 64-bit stack.
        pointers: offset of the 32-bit pointers in it; ``status`` of the status.
        conversions: parameters that need more than their slot.
    """

    prototype: Prototype
    frame: int = 0
    pointers: int = 0
    status: int = 0
    conversions: list[Conversion] = field(default_factory=list)

    @property
    def name(self) -> str:
        """``whNtCreateFile``."""
        return "wh" + self.prototype.name

    def parts(self, failed: str | None = None) -> tuple[str, str, str, str]:
        """Assembly in four pieces: up to the trap, register loads, the call, the way back.

        Args:
            failed: label of the early way out, when the pieces do not stay together.
        """
        failed = failed or f"L_failed_{self.name}"
        traps = self.routines()
        before = f"xor eax, eax\ntrap {self.name}.in\ntest eax, eax\njne {failed}"
        before = before if f"{self.name}.in" in traps else ""
        after = f"trap {self.name}.out" if f"{self.name}.out" in traps else ""
        head = f"""{self.name}: push rbx
            sub rsp, {self.frame:#x}
            mov rbx, rcx
            {self.loads()}
            {before}"""
        registers = "\n".join(
            f"mov {register}, qword ptr [rsp+{8 * i:#x}]"
            for i, register in enumerate(("rcx", "rdx", "r8", "r9")[: len(self.prototype.parameters)])
        )
        tail = f"""mov dword ptr [rsp+{self.status:#x}], eax
            {after}
            mov eax, dword ptr [rsp+{self.status:#x}]
        {failed}: add rsp, {self.frame:#x}
            pop rbx
            ret"""
        return head, registers, f"call qword ptr [__imp_{self.prototype.name}]", tail

    def loads(self) -> str:
        """Assembly that makes the 64-bit arguments: RBX holds the 32-bit array, RSP the 64-bit one."""
        converted = {c.index: (number, c) for number, c in enumerate(self.conversions)}
        lines, slot = [], 0
        for index, parameter in enumerate(self.prototype.parameters):
            lines.append(_load(parameter, slot))
            if index in converted:
                number, conversion = converted[index]
                lines += [
                    f"mov dword ptr [rsp+{self.pointers + 4 * number:#x}], eax",
                    conversion.prepare.format(f"{conversion.scratch:#x}"),
                    f"lea rcx, [rsp+{conversion.scratch:#x}]",
                    "test eax, eax",
                    "cmovne rax, rcx",
                ]
            lines.append(f"mov qword ptr [rsp+{8 * index:#x}], rax")
            slot += 4 * parameter.slots32
        return "\n".join(lines)

    def routines(self) -> dict[str, Routine]:
        """The Python behind the traps, by trap name."""
        found: dict[str, Routine] = {}
        if any(c.fill for c in self.conversions):
            found[f"{self.name}.in"] = self._before()
        if any(c.finish for c in self.conversions):
            found[f"{self.name}.out"] = self._after()
        return found

    def _before(self) -> Routine:
        steps = [
            (number, c.fill, c.scratch) for number, c in enumerate(self.conversions) if c.fill is not None
        ]
        at, shape = self.pointers, struct.Struct(f"<{len(self.conversions)}I")

        def before(trap: Trap) -> int | None:
            memory, frame = trap.memory, trap.sp
            pointers = memory.unpack(shape, frame + at)
            try:
                for number, fill, scratch in steps:
                    if pointers[number]:
                        fill(memory, pointers[number], frame + scratch)
            except GuestFault as fault:
                return fault.status  # wow64.dll's exception filter makes it the call's status
            return None

        return before

    def _after(self) -> Routine:
        steps = [
            (number, c.finish, c.scratch) for number, c in enumerate(self.conversions) if c.finish is not None
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


def same_in_both_widths(kind: Any) -> bool:
    """Whether a pointee's 32-bit and 64-bit layouts are byte for byte the same."""
    if kind in STRUCTURES:
        narrow, wide = layout(kind, 32), layout(kind, 64)
        return narrow.size == wide.size and all(
            narrow.fields[name].offset == field.offset and same_in_both_widths(field.type)
            for name, field in wide.fields.items()
            if field.type is not bytes
        )
    scalar = SCALARS[kind]
    return scalar.code32 == scalar.code64


def derive(prototype: Prototype, redirect: Redirect | None = None) -> Thunk:
    """The plan of a service's thunk.

    Args:
        prototype: the service.
        redirect: changes the object name of OBJECT_ATTRIBUTES on its way (file-system redirection).
    """
    thunk = Thunk(prototype)
    scratch = 8 * max(4, len(prototype.parameters))
    slot = 0
    for index, parameter in enumerate(prototype.parameters):
        conversion = _conversion(parameter, redirect)
        if conversion is not None:
            size, prepare, fill, finish = conversion
            scratch = (scratch + 15) & ~15
            thunk.conversions.append(Conversion(index, slot, scratch, prepare, fill, finish))
            scratch += size
        slot += 4 * parameter.slots32
    thunk.pointers = (scratch + 3) & ~3
    thunk.status = thunk.pointers + 4 * len(thunk.conversions)
    thunk.frame = (thunk.status + 4 + 15) & ~15
    return thunk


Redirect = Callable[[str], "str | None"]
"""An object name -> the name the 64-bit call shall see, or None to leave it."""


def _conversion(
    parameter: Parameter, redirect: Redirect | None
) -> tuple[int, str, Fill | None, Finish | None] | None:
    """(scratch bytes, prepare, fill, finish), or None where the slot alone is enough."""
    kind, passed = parameter.kind, parameter.passed
    if kind is PPS_ATTRIBUTE_LIST:
        return ATTRIBUTES_SIZE, "", widen_attributes, narrow_attributes
    if passed is Pass.VALUE or same_in_both_widths(kind):
        return None
    if kind is OBJECT_ATTRIBUTES:
        return 0x40, "", _object_attributes(redirect), None
    if kind is IO_STATUS_BLOCK:
        return 0x10, _STATUS_BLOCK, None, _status_block_back
    if passed is Pass.IN:
        size, copy = _deep_copier(kind)
        return size, "", copy, None
    size = size_of(kind, 64)
    if kind in STRUCTURES:
        return size, "", _cell(size), _structure_back(kind)
    if passed is Pass.OUT:
        return size, "and qword ptr [rsp+{0}], 0", _clear, _scalar_back
    return size, "", _scalar_in(SCALARS[kind].sign), _scalar_back


# ---------------------------------------------------------------- scalars behind pointers
def _clear(memory: Memory, pointer: int, scratch: int) -> None:
    """The caller's dword is zeroed first (section 6), the 64-bit call writes the scratch."""
    memory.pack(_U32, pointer, 0)


def _scalar_in(sign: bool) -> Fill:
    def fill(memory: Memory, pointer: int, scratch: int) -> None:
        (value,) = memory.unpack(_U32, pointer)
        if sign and value & 0x80000000:
            value |= 0xFFFFFFFF_00000000
        memory.pack(_U64, scratch, value)

    return fill


def _scalar_back(memory: Memory, pointer: int, scratch: int, status: int) -> None:
    memory.pack(_U32, pointer, memory.unpack(_U32, scratch)[0])


# ---------------------------------------------------------------- structures
def _cell(size: int) -> Fill:
    zero = bytes(size)

    def fill(memory: Memory, pointer: int, scratch: int) -> None:
        memory.write(scratch, zero)

    return fill


def _structure_back(kind: type) -> Finish:
    narrow, wide = layout(kind, 32), layout(kind, 64)

    def finish(memory: Memory, pointer: int, scratch: int, status: int) -> None:
        if status < 0x80000000:
            value = wide.unpack(memory.unpack(wide.struct, scratch))
            memory.write(pointer, narrow.to_bytes(value))

    return finish


def _deep_copier(kind: Any) -> tuple[int, Fill]:
    """Scratch size and copier of a captured input structure, with the structures it points to behind it."""
    if kind not in STRUCTURES:
        return 8, _scalar_in(SCALARS[kind].sign)
    narrow, wide = layout(kind, 32), layout(kind, 64)
    inner: dict[str, tuple[int, Fill]] = {}
    size = wide.size
    for name, member in narrow.fields.items():
        if member.pointer_to is not None and not same_in_both_widths(member.pointer_to):
            need, copier = _deep_copier(member.pointer_to)
            size = (size + 7) & ~7
            inner[name] = (size, copier)
            size += need
    signs = [
        SCALARS[f.type].sign and SCALARS[f.type].size(64) == 8 if f.type in SCALARS else False
        for f in narrow.fields.values()
    ]

    def copy(memory: Memory, pointer: int, scratch: int) -> None:
        values = list(memory.unpack(narrow.struct, pointer))
        for at, (name, sign) in enumerate(zip(narrow.fields, signs, strict=True)):
            if sign and values[at] & 0x80000000:
                values[at] |= 0xFFFFFFFF_00000000
            if name in inner and values[at]:
                offset, copier = inner[name]
                copier(memory, values[at], scratch + offset)
                values[at] = scratch + offset
        memory.pack(wide.struct, scratch, *values)

    return size, copy


# ---------------------------------------------------------------- the two structures with rules of their own
_OA32, _OA64 = layout(OBJECT_ATTRIBUTES, 32), layout(OBJECT_ATTRIBUTES, 64)
_US32 = struct.Struct("<HHI")
_IOSB32, _IOSB64 = struct.Struct("<II"), struct.Struct("<QQ")


def _object_attributes(redirect: Redirect | None) -> Fill:
    """OBJECT_ATTRIBUTES with its name; a wrong Length leaves a zeroed structure, which the kernel refuses."""
    narrow, wide = _OA32.struct, _OA64.struct
    named = struct.Struct(wide.format + "HH4xQ")

    def fill(memory: Memory, pointer: int, scratch: int) -> None:
        length, root, name, attributes, security, quality = memory.unpack(narrow, pointer)
        if length != _OA32.size:
            memory.write(scratch, bytes(_OA64.size))
            return
        if root & 0x80000000:
            root |= 0xFFFFFFFF_00000000
        if name:
            string = memory.unpack(_US32, name)
            name = scratch + _OA64.size
            memory.pack(named, scratch, _OA64.size, root, name, attributes, security, quality, *string)
        else:
            memory.pack(wide, scratch, _OA64.size, root, name, attributes, security, quality)

    return fill


_STATUS_BLOCK = "mov qword ptr [rsp+{0}], rax\nand qword ptr [rsp+{0}+8], 0"
"""The 64-bit block's first field points at the 32-bit block, so that a late completion finds it."""


def _status_block_back(memory: Memory, pointer: int, scratch: int, status: int) -> None:
    first, information = memory.unpack(_IOSB64, scratch)
    if first != pointer:  # the kernel wrote it: the operation is complete
        memory.pack(_IOSB32, pointer, first & 0xFFFFFFFF, information & 0xFFFFFFFF)
