"""Thunks that no prototype can derive: contexts, and buffers whose layout depends on an information class.

Each is a named override with its own guest code and Python conversion (wow64-facts section 6). A class that is not
listed for a query has the same layout in both widths and passes through.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from wowsim.errors import GuestFault
from wowsim.host64.apcs import QUEUE
from wowsim.host64.exceptions import CONTINUE, RAISE, continue_with
from wowsim.nt.abi import HANDLE, PVOID, SIZE_T, ULONG_PTR, encode, load, size_of
from wowsim.nt.memory_structures import (
    MEMORY_BASIC_INFORMATION,
    MEMORY_IMAGE_INFORMATION,
    SECTION_BASIC_INFORMATION,
)
from wowsim.nt.status import STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_PARAMETER
from wowsim.nt.structures import (
    OBJECT_TYPE_INFORMATION,
    PROCESS_BASIC_INFORMATION,
    SECTION_IMAGE_INFORMATION,
    SYSTEM_BASIC_INFORMATION,
    THREAD_BASIC_INFORMATION,
    UNICODE_STRING,
)
from wowsim.nt.wow64_context import CONTEXT32_SIZE, context64_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wowsim.nt.builds import Build
    from wowsim.nt.trap import Routine, Trap

_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")
_PE_HEADER = struct.Struct("<4s18xH")


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


# ---------------------------------------------------------------- the frame of a converting thunk
SCRATCH = 0x40
BUFFER_SIZE = 0x800
"""Bytes of 64-bit buffer in the routine's frame; a longer name than fits is answered as an overflow."""
_RETURNED = SCRATCH + BUFFER_SIZE
_FRAME = _RETURNED + 0x20
_STATUS, _ARRAY = _FRAME - 0x10, _FRAME - 8


def _converting(arguments: int, handlers: Mapping[str, Routine], handle: int = 0) -> Override:
    """Guest code: slots widened (one is a handle), a trap on either side of the call."""
    loads = "\n".join(
        f"{'movsxd rax,' if index == handle else 'mov eax,'} dword ptr [rbx+{4 * index:#x}]\n"
        f"mov qword ptr [rsp+{8 * index:#x}], rax"
        for index in range(arguments)
    )
    registers = "\n".join(
        f"mov {r}, qword ptr [rsp+{8 * i:#x}]" for i, r in enumerate(("rcx", "rdx", "r8", "r9"))
    )
    assembly = f"""whNAME: push rbx
        sub rsp, {_FRAME:#x}
        mov rbx, rcx
        mov qword ptr [rsp+{_ARRAY:#x}], rcx
        {loads}
        xor eax, eax
        trap whNAME.in
        test eax, eax
        jne L_failed
        {registers}
        call qword ptr [__imp_NAME]
        mov qword ptr [rsp+{_STATUS:#x}], rax
        trap whNAME.out
        mov eax, dword ptr [rsp+{_STATUS:#x}]
    L_failed: add rsp, {_FRAME:#x}
        pop rbx
        ret"""
    return Override(assembly, handlers)


@dataclass(frozen=True)
class _Frame:
    """The frame at a trap: the caller's 32-bit arguments and the 64-bit ones being prepared."""

    trap: Trap

    def argument(self, index: int) -> int:
        """A 32-bit argument."""
        memory = self.trap.memory
        (array,) = memory.unpack(_U64, self.trap.sp + _ARRAY)
        return int(memory.unpack(_U32, array + 4 * index)[0])

    def set(self, index: int, value: int) -> None:
        """A 64-bit argument."""
        self.trap.memory.pack(_U64, self.trap.sp + 8 * index, value)

    @property
    def status(self) -> int:
        """What the 64-bit call returned."""
        return int(self.trap.memory.unpack(_U32, self.trap.sp + _STATUS)[0])

    def fail(self, status: int) -> None:
        """Return another status."""
        self.trap.memory.pack(_U32, self.trap.sp + _STATUS, status)


# ---------------------------------------------------------------- shapes of information classes
@dataclass(frozen=True)
class Fixed:
    """A class of fixed size: one structure or scalar in both widths.

    Attributes:
        kind: what it is.
        adjust: changes the 64-bit value on its way down.
    """

    kind: Any
    adjust: Callable[[Trap, Any], Any] | None = None

    @property
    def growth(self) -> int:
        """How many bytes the 64-bit form is longer."""
        return size_of(self.kind, 64) - size_of(self.kind, 32)

    def down(self, trap: Trap, address64: int, buffer32: int) -> bytes:
        """The 32-bit bytes of what lies at a 64-bit address."""
        value = load(trap.memory, address64, self.kind, 64)
        return encode(self.kind, 32, value if self.adjust is None else self.adjust(trap, value))


@dataclass(frozen=True)
class Counted(Fixed):
    """A structure that begins with a UNICODE_STRING whose text lies behind it."""

    def down(self, trap: Trap, address64: int, buffer32: int) -> bytes:
        """The 32-bit bytes, the string pointing into the caller's buffer."""
        value = load(trap.memory, address64, self.kind, 64)
        string = value if self.kind is UNICODE_STRING else value.TypeName
        text = trap.memory.read(string.Buffer, string.Length) if string.Length else b""
        moved = replace(string, Buffer=buffer32 + size_of(self.kind, 32) if string.Buffer else 0)
        value = moved if self.kind is UNICODE_STRING else replace(value, TypeName=moved)
        return encode(self.kind, 32, value) + (text + b"\0\0" if text else b"")


@dataclass(frozen=True)
class Query:
    """A query service: where its arguments stand and which classes differ.

    Attributes:
        shapes: class -> shape.
        classes: class a 32-bit caller names -> class the 64-bit call gets.
        long_length: the returned length is a SIZE_T.
        address_at: where an address stands that must not lie above the highest user address.
    """

    arguments: int
    class_at: int
    shapes: Mapping[int, Fixed]
    classes: Mapping[int, int] = field(default_factory=dict)
    long_length: bool = False
    address_at: int | None = None

    def override(self) -> Override:
        """The thunk."""
        return _converting(self.arguments, {"in": self._before, "out": self._after})

    def _before(self, trap: Trap) -> int | None:
        frame, at = _Frame(trap), self.class_at
        try:
            asked, length, returned = (frame.argument(i) for i in (at, at + 2, at + 3))
            if self.address_at is not None and frame.argument(self.address_at) > _highest_address(trap):
                return STATUS_INVALID_PARAMETER
            shape = self.shapes.get(asked)
            if shape is not None:
                room = length + shape.growth
                frame.set(at + 1, trap.sp + SCRATCH)
                frame.set(at + 2, min(room, BUFFER_SIZE))
            if asked in self.classes:
                frame.set(at, self.classes[asked])
            if returned and (shape is not None or self.long_length):
                trap.memory.probe_write(returned, 4)
                trap.memory.pack(_U64, trap.sp + _RETURNED, 0)
                frame.set(at + 3, trap.sp + _RETURNED)
        except GuestFault as fault:
            return fault.status
        return None

    def _after(self, trap: Trap) -> None:
        frame, at = _Frame(trap), self.class_at
        try:
            asked, buffer, length, returned = (frame.argument(i) for i in (at, at + 1, at + 2, at + 3))
            shape = self.shapes.get(asked)
            if shape is not None and frame.status < 0x80000000:
                data = shape.down(trap, trap.sp + SCRATCH, buffer)
                if len(data) > length:
                    frame.fail(STATUS_INFO_LENGTH_MISMATCH)
                else:
                    trap.memory.write(buffer, data)
            if returned and (shape is not None or self.long_length):
                (size,) = trap.memory.unpack(_U64, trap.sp + _RETURNED)
                growth = shape.growth if shape is not None and size >= shape.growth else 0
                trap.memory.pack(_U32, returned, size - growth & 0xFFFFFFFF)
        except GuestFault as fault:
            frame.fail(fault.status)


_LARGE_ADDRESS_AWARE = 0x20


def _highest_address(trap: Trap) -> int:
    """The process' highest user address, which LARGEADDRESSAWARE raises (section 6, NtQueryVirtualMemory)."""
    memory = trap.memory
    (peb,) = memory.unpack(_U32, trap.teb32 + 0x30)
    (base,) = memory.unpack(_U32, peb + 8)
    try:
        (header,) = memory.unpack(_U32, base + 0x3C)
        signature, characteristics = memory.unpack(_PE_HEADER, base + header & 0xFFFFFFFF)
    except GuestFault:
        return 0x7FFEFFFF
    aware = signature == b"PE\0\0" and characteristics & _LARGE_ADDRESS_AWARE
    return 0xFFFEFFFF if aware else 0x7FFEFFFF


def _clamped(trap: Trap, value: MEMORY_BASIC_INFORMATION) -> MEMORY_BASIC_INFORMATION:
    """RegionSize ends at the highest user address."""
    room = _highest_address(trap) + 1 - value.BaseAddress
    return replace(value, RegionSize=SIZE_T(min(value.RegionSize, room)))


def _peb32(trap: Trap, value: PROCESS_BASIC_INFORMATION) -> PROCESS_BASIC_INFORMATION:
    """PebBaseAddress is the 32-bit PEB for 32-bit callers."""
    (peb,) = trap.memory.unpack(_U32, trap.teb32 + 0x30)
    return replace(value, PebBaseAddress=PVOID(peb))


def _teb32(trap: Trap, value: THREAD_BASIC_INFORMATION) -> THREAD_BASIC_INFORMATION:
    """TebBaseAddress is the 32-bit TEB, 2000h above the 64-bit one (section 3.1)."""
    teb = value.TebBaseAddress
    return replace(value, TebBaseAddress=PVOID(teb + 0x2000 if teb else 0))


# ---------------------------------------------------------------- rename and link
_RENAME32, _RENAME64 = struct.Struct("<B3xIII"), struct.Struct("<B7xQI")
_RENAMES = (10, 11)
"""FileRenameInformation and FileLinkInformation."""


def _rename_in(trap: Trap) -> int | None:
    """FILE_RENAME_INFORMATION {0, 4, 8, C} becomes {0, 8, 10, 14} (section 6); the status block as everywhere."""
    frame, memory = _Frame(trap), trap.memory
    try:
        block = frame.argument(1)
        memory.probe_write(block, 8)
        memory.pack(struct.Struct("<QQ"), trap.sp + _RETURNED, block, 0)
        frame.set(1, trap.sp + _RETURNED)
        if frame.argument(4) not in _RENAMES:
            return None
        buffer, length = frame.argument(2), frame.argument(3)
        if length < 0x10:
            return STATUS_INFO_LENGTH_MISMATCH
        replaces, root, size, _ = _RENAME32.unpack(memory.read(buffer, 0x10))
        name = memory.read(buffer + 0xC, min(size, length - 0xC))
        data = _RENAME64.pack(replaces, root | (0xFFFFFFFF_00000000 if root & 0x80000000 else 0), size) + name
        if len(data) > BUFFER_SIZE:
            return 0xC0000106  # STATUS_NAME_TOO_LONG
        memory.write(trap.sp + SCRATCH, data)
        frame.set(2, trap.sp + SCRATCH)
        frame.set(3, max(len(data), 0x18))
    except GuestFault as fault:
        return fault.status
    return None


def _rename_out(trap: Trap) -> None:
    frame, memory = _Frame(trap), trap.memory
    block = frame.argument(1)
    status, information = memory.unpack(struct.Struct("<QQ"), trap.sp + _RETURNED)
    try:
        if status != block:
            memory.pack(struct.Struct("<II"), block, status & 0xFFFFFFFF, information & 0xFFFFFFFF)
    except GuestFault as fault:
        frame.fail(fault.status)


# ---------------------------------------------------------------- threads
_THREAD_CONTEXT = """whNAME: sub rsp, 0x38
    mov r8d, dword ptr [rcx+4]
    movsxd rcx, dword ptr [rcx]
    mov edx, 29
    mov r9d, 0x2cc
    and qword ptr [rsp+0x20], 0
    call qword ptr [__imp_{}]
    add rsp, 0x38
    ret"""
"""A thread's 32-bit context is ThreadWow64Context, whose form is the caller's own."""
_MOST_HANDLES = 64
_CONTEXT, _TEB, _HANDLE, _CLIENT, _ATTRIBUTES = (
    SCRATCH,
    SCRATCH + 0x4D0,
    SCRATCH + 0x500,
    SCRATCH + 0x508,
    SCRATCH + 0x520,
)
"""Of NtCreateThread: CONTEXT, INITIAL_TEB, what comes back, OBJECT_ATTRIBUTES."""


def _create_thread_in(trap: Trap) -> int | None:
    """CONTEXT and INITIAL_TEB become 64-bit ones; of the attributes only the flags matter for an unnamed object."""
    frame, memory, sp = _Frame(trap), trap.memory, trap.sp
    try:
        memory.probe_write(frame.argument(0), 4)
        memory.write(sp + _CONTEXT, context64_of(memory.read(frame.argument(5), CONTEXT32_SIZE)))
        memory.pack(struct.Struct("<5Q"), sp + _TEB, *memory.unpack(struct.Struct("<5I"), frame.argument(6)))
        if frame.argument(4):
            memory.probe_write(frame.argument(4), 8)
            frame.set(4, sp + _CLIENT)
        if frame.argument(2):
            flags = memory.unpack(struct.Struct("<6I"), frame.argument(2))[3]
            memory.pack(struct.Struct("<I4xQQI4xQQ"), sp + _ATTRIBUTES, 0x30, 0, 0, flags, 0, 0)
            frame.set(2, sp + _ATTRIBUTES)
    except GuestFault as fault:
        return fault.status
    for index, at in ((0, _HANDLE), (5, _CONTEXT), (6, _TEB)):
        frame.set(index, sp + at)
    return None


def _create_thread_out(trap: Trap) -> None:
    frame, memory = _Frame(trap), trap.memory
    if frame.status & 0x80000000:
        return
    try:
        memory.pack(_U32, frame.argument(0), memory.unpack(_U32, trap.sp + _HANDLE)[0])
        if frame.argument(4):
            process, thread = memory.unpack(struct.Struct("<QQ"), trap.sp + _CLIENT)
            memory.pack(struct.Struct("<II"), frame.argument(4), process & 0xFFFFFFFF, thread & 0xFFFFFFFF)
    except GuestFault as fault:
        frame.fail(fault.status)


def _handles_in(trap: Trap) -> int | None:
    """The array of handles, each sign-extended."""
    frame, memory = _Frame(trap), trap.memory
    count = frame.argument(0)
    if not 0 < count <= _MOST_HANDLES:
        return None  # the kernel refuses it
    try:
        handles = struct.unpack(f"<{count}i", memory.read(frame.argument(1), 4 * count))
    except GuestFault as fault:
        return fault.status
    memory.write(trap.sp + SCRATCH, struct.pack(f"<{count}q", *handles))
    frame.set(1, trap.sp + SCRATCH)
    return None


def overrides(build: Build) -> dict[str, Override]:
    """Nt name -> override for a build; every other thunk is derived."""
    return {
        "NtContinue": Override(CONTINUE, {"set": continue_with(build.reset_state)}),
        "NtRaiseException": Override(RAISE, {}),
        "NtQueueApcThread": Override(QUEUE, {}),
        "NtGetContextThread": Override(_THREAD_CONTEXT.format("NtQueryInformationThread"), {}),
        "NtSetContextThread": Override(_THREAD_CONTEXT.format("NtSetInformationThread"), {}),
        "NtCreateThread": _converting(8, {"in": _create_thread_in, "out": _create_thread_out}, handle=3),
        "NtWaitForMultipleObjects": _converting(5, {"in": _handles_in, "out": lambda trap: None}),
        "NtQueryVirtualMemory": Query(
            6, 2, {
                0: Fixed(MEMORY_BASIC_INFORMATION, _clamped), 2: Counted(UNICODE_STRING),
                6: Fixed(MEMORY_IMAGE_INFORMATION),
            },
            long_length=True, address_at=1,
        ).override(),
        "NtQueryInformationProcess": Query(
            5, 1, {
                0: Fixed(PROCESS_BASIC_INFORMATION, _peb32), 7: Fixed(ULONG_PTR), 26: Fixed(ULONG_PTR),
                27: Counted(UNICODE_STRING), 30: Fixed(HANDLE), 37: Fixed(SECTION_IMAGE_INFORMATION),
                43: Counted(UNICODE_STRING),
            },
        ).override(),
        "NtQueryInformationThread": Query(
            5, 1, {0: Fixed(THREAD_BASIC_INFORMATION, _teb32), 4: Fixed(ULONG_PTR), 9: Fixed(ULONG_PTR)},
        ).override(),
        "NtQuerySystemInformation": Query(
            4, 0, {0: Fixed(SYSTEM_BASIC_INFORMATION)}, classes={0: 62, 1: 63}
        ).override(),
        "NtQuerySection": Query(
            5, 1, {0: Fixed(SECTION_BASIC_INFORMATION), 1: Fixed(SECTION_IMAGE_INFORMATION)}, long_length=True
        ).override(),
        "NtQueryObject": Query(
            5, 1, {1: Counted(UNICODE_STRING), 2: Counted(OBJECT_TYPE_INFORMATION)}
        ).override(),
        "NtSetInformationFile": _converting(5, {"in": _rename_in, "out": _rename_out}),
    }  # fmt: skip
