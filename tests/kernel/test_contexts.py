"""Contexts of threads by their flags, with a host that keeps registers in a dict."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from waiting import Waits

from wowsim.errors import Unsupported
from wowsim.kernel.contexts import NtGetContextThread, NtSetContextThread
from wowsim.kernel.thread import State, Thread
from wowsim.kernel.thread_information import NtQueryInformationThread, NtSetInformationThread
from wowsim.nt import context64, wow64_context
from wowsim.nt.builds import build_named
from wowsim.nt.context64 import CONTEXT64_SIZE
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS,
    STATUS_THREAD_IS_TERMINATING,
)
from wowsim.nt.wow64_context import CONTEXT32_SIZE, CONTEXT_IN_AREA, TLS_CPURESERVED

if TYPE_CHECKING:
    from wowsim.kernel.context import ThreadRequest

WOW64_CONTEXT = 29
CC = 0xCC
FXSAVE = (
    bytes.fromhex("7f020000000000000000000000000000")
    + bytes(8)
    + b"\x80\x1f\0\0\xff\xff\0\0"
    + bytes(i % 251 for i in range(480))
)
PARTS64 = {1: {"rip", "rsp", "rflags", "cs"}, 2: {"rax", "rcx", "rbx", "rbp", "rdi", "r8", "r15"}}
FIELDS64 = {
    0x1: [(0x38, 2), (0x42, 6), (0x98, 8), (0xF8, 8)], 0x2: [(0x78, 32), (0xA0, 88)], 0x4: [(0x3A, 8)],
    0x8: [(0x34, 4), (0x100, 512)],
}  # fmt: skip
FIELDS32 = {
    0x1: [(0xB4, 24)], 0x2: [(0x9C, 24)], 0x4: [(0x8C, 16)], 0x8: [(0x1C, 112)], 0x10: [(0x04, 24)],
    0x20: [(0xCC, 512)],
}  # fmt: skip
"""Where the parts of a context lie (wow64-facts section 3.3 and 9): offset and size."""
SELECTORS = {"cs": 0x23, "ds": 0x2B, "es": 0x2B, "fs": 0x53, "gs": 0x2B, "ss": 0x2B}


def registers(cs: int = 0x23, base: int = 0x1111) -> dict[str, int]:
    found = {name: base * (index + 1) for index, name in enumerate(context64.OFFSETS)}
    return {**found, **SELECTORS, "cs": cs, "rflags": 0x246}


class Host:
    """Keeps where threads stand."""

    def __init__(self) -> None:
        self.stands: dict[Thread, tuple[dict[str, int], bytes]] = {}
        self.given: list[tuple[dict[str, int], bytes | None]] = []

    def create(self, request: ThreadRequest) -> Thread:
        raise NotImplementedError

    def delete(self, thread: Thread) -> None:
        del self.stands[thread]

    def descriptor(self, thread: Thread, selector: int) -> int | None:
        raise NotImplementedError

    def registers(self, thread: Thread) -> tuple[dict[str, int], bytes]:
        return self.stands[thread]

    def set_registers(self, thread: Thread, registers: dict[str, int], fxsave: bytes | None) -> None:
        before, floats = self.stands[thread]
        self.given.append((registers, fxsave))
        self.stands[thread] = {**before, **registers}, floats if fxsave is None else fxsave


class Contexts(Waits):
    """A guest with one further thread, its host, and a CPU area for it."""

    def __init__(self, width: int = 64, cs: int = 0x23) -> None:
        super().__init__(64 if width == 64 else 32)
        self.host = Host()
        self.k.host, self.k.build = self.host, build_named("win7sp1")
        self.other = self.thread()
        self.host.stands[self.other] = registers(cs), FXSAVE
        self.h = self.handle_of(self.other)
        if width == 64:
            self.other.teb, self.other.teb32 = self.room(0x2000), 0x7000
            self.area = self.put(bytes(0x400))
            self.memory.write(self.other.teb + TLS_CPURESERVED, struct.pack("<Q", self.area))

    def context(self, size: int, at: int, flags: int, fill: bytes | None = None) -> int:
        data = bytearray(fill or bytes([CC]) * size)
        struct.pack_into("<I", data, at, flags)
        return self.put(bytes(data))

    def get32(self, flags: int, handle: int | None = None, length: int = CONTEXT32_SIZE) -> tuple[int, bytes]:
        address = self.context(CONTEXT32_SIZE, 0, flags)
        slots = (self.h if handle is None else handle, WOW64_CONTEXT, address, length, 0)
        return self.call(NtQueryInformationThread, *slots), self.memory.read(address, CONTEXT32_SIZE)

    def set32(self, flags: int, fill: bytes, handle: int | None = None, length: int = CONTEXT32_SIZE) -> int:
        address = self.context(CONTEXT32_SIZE, 0, flags, fill)
        slots = (self.h if handle is None else handle, WOW64_CONTEXT, address, length)
        return self.call(NtSetInformationThread, *slots)


def spread(parts: dict[int, list[tuple[int, int]]], flags: int, size: int) -> set[int]:
    """The bytes that flags stand for."""
    return {
        at + i
        for part, ranges in parts.items()
        if flags & part
        for at, length in ranges
        for i in range(length)
    } & set(range(size))


def same(data: bytes, expected: bytes, where: set[int]) -> bool:
    """``expected`` at the places of ``where`` and the filling elsewhere, flags apart."""
    return all(data[i] == (expected[i] if i in where else CC) for i in range(len(data)))


# ---------------------------------------------------------------- x64
@pytest.mark.parametrize("flags", range(16))
def test_getting_parts_of_an_x64_context(flags: int) -> None:
    guest = Contexts(cs=0x33)
    address = guest.context(CONTEXT64_SIZE, 0x30, context64.CONTEXT_AMD64 | flags)
    assert guest.call(NtGetContextThread, guest.h, address) == STATUS_SUCCESS
    data = bytearray(guest.memory.read(address, CONTEXT64_SIZE))
    assert struct.unpack_from("<I", data, 0x30)[0] == context64.CONTEXT_AMD64 | flags
    data[0x30:0x34] = bytes([CC]) * 4
    expected = context64.context64(*guest.host.stands[guest.other])
    assert same(bytes(data), expected, spread(FIELDS64, flags, CONTEXT64_SIZE))


def test_where_x64_registers_lie() -> None:
    guest = Contexts(cs=0x33)
    address = guest.context(CONTEXT64_SIZE, 0x30, context64.CONTEXT_ALL)
    guest.call(NtGetContextThread, guest.h, address)
    stands = guest.host.stands[guest.other][0]
    low = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi")
    order = (*low, *(f"r{i}" for i in range(8, 16)), "rip")
    assert [guest.value(address + 0x78 + 8 * i) for i in range(17)] == [stands[name] for name in order]
    selectors = struct.unpack("<6HI", guest.memory.read(address + 0x38, 16))
    assert selectors == (0x33, 0x2B, 0x2B, 0x53, 0x2B, 0x2B, 0x246)


@pytest.mark.parametrize("flags", range(16))
def test_setting_parts_of_an_x64_context(flags: int) -> None:
    guest = Contexts(cs=0x33)
    before = registers(0x33)
    new = {**registers(0x33, 0x2222), "rflags": 0xFFFFFFFF}
    floats = bytearray(FXSAVE[::-1])
    fill = context64.context64(new, bytes(floats))
    address = guest.context(CONTEXT64_SIZE, 0x30, context64.CONTEXT_AMD64 | flags, fill)
    assert guest.call(NtSetContextThread, guest.h, address) == STATUS_SUCCESS
    stands, fxsave = guest.host.stands[guest.other]
    for part, names in PARTS64.items():
        source = new if flags & part else before
        for name in names - {"rflags"}:
            assert stands[name] == source[name], name
    # not the interrupt flag, IOPL and VM, whatever the program says
    assert stands["rflags"] & 0xFFC23200 == (0x200 if flags & 1 else before["rflags"] & 0xFFC23200)
    assert fxsave == (bytes(floats) if flags & 8 else FXSAVE)


@pytest.mark.parametrize("cs", [0, 0x10, 0x2B, 0x1B, 0xFFFF])
def test_selectors_that_lead_nowhere(cs: int) -> None:
    guest = Contexts(cs=0x33)
    fill = context64.context64(registers(cs), FXSAVE)
    address = guest.context(CONTEXT64_SIZE, 0x30, context64.CONTEXT_CONTROL, fill)
    assert guest.call(NtSetContextThread, guest.h, address) == STATUS_INVALID_PARAMETER
    assert guest.host.given == []


# ---------------------------------------------------------------- 32-bit Windows
@pytest.mark.parametrize("flags", range(64))
def test_getting_parts_of_an_x86_context(flags: int) -> None:
    guest = Contexts(32, cs=0x1B)
    address = guest.context(CONTEXT32_SIZE, 0, wow64_context.CONTEXT_I386 | flags)
    assert guest.call(NtGetContextThread, guest.h, address) == STATUS_SUCCESS
    check_32(guest, guest.memory.read(address, CONTEXT32_SIZE), flags)


def check_32(guest: Contexts, data: bytes, flags: int) -> None:
    expected = wow64_context.context32_of(context64.context64(*guest.host.stands[guest.other]))
    assert struct.unpack_from("<I", data)[0] == wow64_context.CONTEXT_I386 | flags
    assert same(data[4:], expected[4:], {i - 4 for i in spread(FIELDS32, flags, CONTEXT32_SIZE)})


@pytest.mark.parametrize("flags", range(8))
def test_setting_parts_of_an_x86_context(flags: int) -> None:
    guest = Contexts(32, cs=0x1B)
    before, new = registers(0x1B), registers(0x1B, 0x2222)
    fill = wow64_context.context32_of(context64.context64(new, FXSAVE))
    address = guest.context(CONTEXT32_SIZE, 0, wow64_context.CONTEXT_I386 | flags, fill)
    assert guest.call(NtSetContextThread, guest.h, address) == STATUS_SUCCESS
    check_set32(guest, flags, before, new)


def check_set32(guest: Contexts, flags: int, before: dict[str, int], new: dict[str, int]) -> None:
    stands, _ = guest.host.stands[guest.other]
    for part, names in ((1, ("rbp", "rip", "rsp")), (2, ("rdi", "rsi", "rbx", "rdx", "rcx", "rax"))):
        source = new if flags & part else before
        assert [stands[name] for name in names] == [source[name] for name in names]
    untouched = ("cs", *(f"r{i}" for i in range(8, 16)))
    assert [stands[name] for name in untouched] == [before[name] for name in untouched]


def test_floating_point_of_an_x86_context() -> None:
    guest = Contexts(32, cs=0x1B)
    saved = bytearray(CONTEXT32_SIZE)
    struct.pack_into("<3I", saved, 0x1C, 0xFFFF037F, 0xFFFF0000, 0xFFFFFFFF)
    address = guest.context(CONTEXT32_SIZE, 0, wow64_context.CONTEXT_FLOATING_POINT, bytes(saved))
    assert guest.call(NtSetContextThread, guest.h, address) == STATUS_SUCCESS
    fxsave = guest.host.stands[guest.other][1]
    assert fxsave[:2] == b"\x7f\x03"
    assert fxsave[0xA0:0x120] == FXSAVE[0xA0:0x120]  # the XMM registers are another part
    garbage = b"\xff" * CONTEXT32_SIZE
    address = guest.context(CONTEXT32_SIZE, 0, wow64_context.CONTEXT_EXTENDED, garbage)
    assert guest.call(NtSetContextThread, guest.h, address) == STATUS_SUCCESS
    fxsave = guest.host.stands[guest.other][1]
    assert (fxsave[0x1A:0x1C], fxsave[0xA0:0x120]) == (bytes(2), b"\xff" * 0x80)


# ---------------------------------------------------------------- ThreadWow64Context
@pytest.mark.parametrize("flags", range(64))
def test_the_x86_context_of_a_thread_in_32_bit_code(flags: int) -> None:
    guest = Contexts()
    status, data = guest.get32(wow64_context.CONTEXT_I386 | flags)
    assert status == STATUS_SUCCESS
    check_32(guest, data, flags)


@pytest.mark.parametrize("flags", range(8))
def test_setting_it_in_32_bit_code(flags: int) -> None:
    guest = Contexts()
    before, new = registers(), registers(0x33, 0x2222)
    fill = wow64_context.context32_of(context64.context64(new, FXSAVE))
    assert guest.set32(wow64_context.CONTEXT_I386 | flags, fill) == STATUS_SUCCESS
    check_set32(guest, flags, before, new)
    assert guest.memory.read(guest.area, 0x300) == bytes(0x300)


@pytest.mark.parametrize("flags", range(64))
def test_behind_the_gate_it_is_in_the_cpu_area(flags: int) -> None:
    guest = Contexts(cs=0x33)
    kept = bytes((7 * i + 1) % 256 for i in range(CONTEXT32_SIZE))
    guest.memory.write(guest.area + CONTEXT_IN_AREA, kept)
    status, data = guest.get32(wow64_context.CONTEXT_I386 | flags)
    assert status == STATUS_SUCCESS
    assert same(data[4:], kept[4:], {i - 4 for i in spread(FIELDS32, flags, CONTEXT32_SIZE)})


@pytest.mark.parametrize("flags", range(8))
def test_setting_it_behind_the_gate_resets_the_state(flags: int) -> None:
    guest = Contexts(cs=0x33)
    fill = wow64_context.context32(Eip=0x401000, Esp=0x8000, Eax=5, SegDs=0x2B, EFlags=0xFFFFFFFF)
    assert guest.set32(wow64_context.CONTEXT_I386 | flags, fill) == STATUS_SUCCESS
    area, offsets = guest.area + CONTEXT_IN_AREA, wow64_context.OFFSETS
    for name, part, value in (("Eip", 1, 0x401000), ("Esp", 1, 0x8000), ("Eax", 2, 5), ("SegDs", 4, 0x2B)):
        assert guest.value(area + offsets[name], 4) == (value if flags & part else 0), name
    eflags = guest.value(area + offsets["EFlags"], 4)
    assert eflags & 0x200
    assert not eflags & 0x27000
    assert guest.value(guest.area + guest.k.build.reset_state, 4) & 1
    assert guest.host.given == []


@pytest.mark.parametrize("length", [0, CONTEXT32_SIZE - 1, CONTEXT32_SIZE + 1, CONTEXT64_SIZE])
def test_lengths_of_the_x86_context(length: int) -> None:
    guest = Contexts()
    assert guest.get32(0x10001, length=length)[0] == STATUS_INFO_LENGTH_MISMATCH
    assert guest.set32(0x10001, bytes(CONTEXT32_SIZE), length=length) == STATUS_INFO_LENGTH_MISMATCH


# ---------------------------------------------------------------- what is refused
def test_rights_to_contexts() -> None:
    guest = Contexts()
    no_get, no_set = (guest.handle_of(guest.other, 0x1FFFFF & ~right) for right in (8, 0x10))
    address = guest.context(CONTEXT64_SIZE, 0x30, context64.CONTEXT_ALL)
    assert guest.call(NtGetContextThread, no_get, address) == STATUS_ACCESS_DENIED
    assert guest.call(NtSetContextThread, no_set, address) == STATUS_ACCESS_DENIED
    assert guest.get32(0x10001, no_get)[0] == STATUS_ACCESS_DENIED
    assert guest.set32(0x10001, bytes(CONTEXT32_SIZE), no_set) == STATUS_ACCESS_DENIED


@pytest.mark.parametrize("width", [32, 64])
def test_bad_addresses_of_contexts(width: int) -> None:
    guest = Contexts(width)
    for service in (NtGetContextThread, NtSetContextThread):
        assert guest.call(service, guest.h, 8) == STATUS_ACCESS_VIOLATION
    if width == 64:
        slots = (guest.h, WOW64_CONTEXT, 8, CONTEXT32_SIZE)
        assert guest.call(NtQueryInformationThread, *slots, 0) == STATUS_ACCESS_VIOLATION
        assert guest.call(NtSetInformationThread, *slots) == STATUS_ACCESS_VIOLATION


def test_a_thread_that_has_ended_has_no_context() -> None:
    guest = Contexts()
    guest.k.exit_thread(guest.other, 0)
    assert guest.other.state is State.TERMINATED
    for service in (NtGetContextThread, NtSetContextThread):
        assert guest.call(service, guest.h, guest.out) == STATUS_THREAD_IS_TERMINATING
    assert guest.get32(0x10001)[0] == STATUS_THREAD_IS_TERMINATING
    assert guest.set32(0x10001, bytes(CONTEXT32_SIZE)) == STATUS_THREAD_IS_TERMINATING


def test_only_wow64_threads_have_an_x86_context_besides() -> None:
    guest = Contexts(32, cs=0x1B)
    assert guest.get32(0x10001)[0] == STATUS_INVALID_PARAMETER
    assert guest.set32(0x10001, bytes(CONTEXT32_SIZE)) == STATUS_INVALID_PARAMETER


def test_without_a_cpu_contexts_are_refused_by_name() -> None:
    guest = Waits()
    address = guest.put(bytes(CONTEXT64_SIZE))
    for service in (NtGetContextThread, NtSetContextThread):
        with pytest.raises(Unsupported, match="context"):
            guest.call(service, (1 << 64) - 2, address)
