"""Thunks that no prototype can derive: contexts, and buffers whose layout depends on an information class.

Each is a named override with its own guest code and Python conversion (wow64-facts section 6).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.nt.wow64_context import CONTEXT32_SIZE, set_context

if TYPE_CHECKING:
    from wowsim.nt.abi import Memory
    from wowsim.nt.builds import Build
    from wowsim.nt.trap import Routine, Trap

_U32 = struct.Struct("<I")
STATUS_INFO_LENGTH_MISMATCH = 0xC0000004


@dataclass(frozen=True)
class Override:
    """One thunk of its own.

    Attributes:
        assembly: guest code with NAME in the place of the service's name.
        handlers: trap suffix -> Python.
    """

    assembly: str
    handlers: Mapping[str, Routine]

    def source(self, name: str) -> str:
        """The routine for a service."""
        return self.assembly.replace("NAME", name)

    def routines(self, name: str) -> dict[str, Routine]:
        """The Python behind its traps, by trap name."""
        return {f"wh{name}.{suffix}": routine for suffix, routine in self.handlers.items()}


# ---------------------------------------------------------------- NtContinue
def _continue(reset_state: int) -> Routine:
    def routine(trap: Trap) -> int:
        """BTCpuSetContext: the context goes to the CPU area; its EAX is what the service returns (section 3.6)."""
        memory = trap.memory
        try:
            (pointer,) = memory.unpack(_U32, trap.register("rcx"))
            return set_context(memory, trap.teb64, memory.read(pointer, CONTEXT32_SIZE), reset_state)
        except GuestFault as fault:
            return fault.status

    return routine


# ---------------------------------------------------------------- information classes
@dataclass(frozen=True)
class Shape:
    """How one information class differs between the widths.

    Attributes:
        narrow: ``struct`` codes of the 32-bit buffer; ``wide`` of the 64-bit one, field by field.
        adjust: changes the values on their way down (PEB and TEB addresses).
    """

    narrow: struct.Struct
    wide: struct.Struct
    adjust: Callable[[Memory, tuple[int, ...]], tuple[int, ...]] | None = None

    def down(self, memory: Memory, address64: int) -> bytes:
        """The 32-bit bytes of what lies at a 64-bit address."""
        values = memory.unpack(self.wide, address64)
        if self.adjust is not None:
            values = self.adjust(memory, values)
        codes = self.narrow.format.lstrip("<").replace("x", "")
        return self.narrow.pack(*(_cut(value, code) for value, code in zip(values, _fields(codes), strict=True)))


def _fields(codes: str) -> str:
    return "".join(c for c in codes if c.isalpha())


def _cut(value: int, code: str) -> int:
    bits = 8 * struct.calcsize(code)
    value &= (1 << bits) - 1
    return value - (1 << bits) if code.islower() and value >> (bits - 1) else value


def _teb32(memory: Memory, values: tuple[int, ...]) -> tuple[int, ...]:
    """THREAD_BASIC_INFORMATION.TebBaseAddress is the 32-bit TEB for 32-bit callers."""
    return (values[0], values[1] + 0x2000 if values[1] else 0, *values[2:])


@dataclass(frozen=True)
class Query:
    """A query service: where its class, buffer, length and returned length stand among the arguments."""

    class_at: int
    buffer_at: int
    length_at: int
    returned_at: int
    returned_is_size_t: bool
    shapes: Mapping[int, Shape]


SCRATCH = 0x80
"""Bytes of 64-bit buffer in the routine's frame; the largest class here takes 48h."""
_FRAME = 0xF0


def _query(arguments: int, query: Query) -> Override:
    """Guest code for a query: widened slots, and the frame's own buffer for classes that differ."""
    loads = []
    for index in range(arguments):
        sign = index == 0
        load = "movsxd rax, dword ptr" if sign else "mov eax, dword ptr"
        loads.append(f"{load} [rbx+{4 * index:#x}]\nmov qword ptr [rsp+{8 * index:#x}], rax")
    registers = "\n".join(
        f"mov {r}, qword ptr [rsp+{8 * i:#x}]" for i, r in enumerate(("rcx", "rdx", "r8", "r9")[:arguments])
    )
    assembly = f"""whNAME: push rbx
        sub rsp, {_FRAME:#x}
        mov rbx, rcx
        mov qword ptr [rsp+{_FRAME - 8:#x}], rcx
        {chr(10).join(loads)}
        xor eax, eax
        trap whNAME.in
        test eax, eax
        jne L_failed_NAME
        {registers}
        call qword ptr [__imp_NAME]
        mov qword ptr [rsp+{_FRAME - 16:#x}], rax
        trap whNAME.out
        mov eax, dword ptr [rsp+{_FRAME - 16:#x}]
    L_failed_NAME: add rsp, {_FRAME:#x}
        pop rbx
        ret"""
    return Override(assembly, {"in": _QueryIn(query), "out": _QueryOut(query)})


def _arguments(trap: Trap) -> tuple[int, Callable[[int], int]]:
    memory, frame = trap.memory, trap.sp
    (array,) = memory.unpack(_Q, frame + _FRAME - 8)
    return frame, lambda index: int(memory.unpack(_U32, array + 4 * index)[0])


_Q = struct.Struct("<Q")
_BUFFER = 0x40
_RETURNED = 0x38


@dataclass(frozen=True)
class _QueryIn:
    query: Query

    def __call__(self, trap: Trap) -> int | None:
        """Point the call at the frame's buffer when the class has another layout."""
        query, memory = self.query, trap.memory
        frame, argument = _arguments(trap)
        shape = query.shapes.get(argument(query.class_at))
        try:
            if shape is not None:
                if argument(query.length_at) < shape.narrow.size:
                    return STATUS_INFO_LENGTH_MISMATCH
                memory.pack(_Q, frame + 8 * query.buffer_at, frame + _BUFFER)
                memory.pack(_Q, frame + 8 * query.length_at, shape.wide.size)
            if argument(query.returned_at) and (shape is not None or query.returned_is_size_t):
                memory.probe_write(argument(query.returned_at), 4)
                memory.pack(_Q, frame + _RETURNED, 0)
                memory.pack(_Q, frame + 8 * query.returned_at, frame + _RETURNED)
        except GuestFault as fault:
            return fault.status
        return None


@dataclass(frozen=True)
class _QueryOut:
    query: Query

    def __call__(self, trap: Trap) -> None:
        """Write the buffer and the returned length back in the caller's width."""
        query, memory = self.query, trap.memory
        frame, argument = _arguments(trap)
        (status,) = memory.unpack(_U32, frame + _FRAME - 16)
        shape = query.shapes.get(argument(query.class_at))
        try:
            returned = argument(query.returned_at)
            if shape is not None and status < 0x80000000:
                memory.write(argument(query.buffer_at), shape.down(memory, frame + _BUFFER))
                if returned:
                    memory.pack(_U32, returned, shape.narrow.size)
            elif returned and query.returned_is_size_t:
                memory.pack(_U32, returned, memory.unpack(_U32, frame + _RETURNED)[0])
        except GuestFault as fault:
            memory.pack(_U32, frame + _FRAME - 16, fault.status)


MEMORY_BASIC = Shape(struct.Struct("<7I"), struct.Struct("<QQI4xQIII4x"))
THREAD_BASIC = Shape(struct.Struct("<7I"), struct.Struct("<I4xQQQQII"), _teb32)

def overrides(build: Build) -> dict[str, Override]:
    """Nt name -> override for a build; every other thunk is derived."""
    return {
        "NtContinue": Override("whNAME:\ntrap whNAME.set\nret", {"set": _continue(build.reset_state)}),
        "NtQueryVirtualMemory": _query(6, Query(2, 3, 4, 5, True, {0: MEMORY_BASIC})),
        "NtQueryInformationThread": _query(5, Query(1, 2, 3, 4, False, {0: THREAD_BASIC})),
    }
