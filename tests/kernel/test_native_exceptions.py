"""Frames and contexts of the x86 kernel, without a CPU."""

from __future__ import annotations

import struct

import pytest
from guest import BASE, SIZE, FlatMemory
from hypothesis import given, settings
from hypothesis import strategies as st

from wowsim.errors import GuestFault
from wowsim.kernel.native_exceptions import CS, DATA, TEB, USER_SEGMENTS, NativeUserMode, context_of
from wowsim.nt.context64 import OFFSETS as WIDE
from wowsim.nt.exceptions import ExceptionRecord
from wowsim.nt.wow64_context import CONTEXT32_SIZE, EFLAGS_USER, OFFSETS

FXSAVE = struct.pack("<HHB", 0x27F, 0, 0).ljust(0x18, b"\0") + struct.pack("<II", 0x1F80, 0xFFFF)
IMAGE = FXSAVE.ljust(0x200, b"\0")
DISPATCHER = 0x77001000
USER = NativeUserMode()


def registers(**given: int) -> dict[str, int]:
    values = dict.fromkeys(WIDE, 0) | USER_SEGMENTS | {"ss": DATA, "rflags": 0x202, "rsp": BASE + SIZE - 0x10}
    return values | given


def field(context: bytes, name: str) -> int:
    return int(struct.unpack_from("<I", context, OFFSETS[name])[0])


def test_pointers_record_and_context_in_this_order() -> None:
    """wow64-facts section 5: [esp] = record, [esp+4] = context, 50h bytes of record at +8, context behind."""
    memory, record = FlatMemory(), ExceptionRecord(0xC0000005, 0x401000, (1, 0x10))
    state = registers(rip=0x401000, rax=0x11, rsp=BASE + 0x1003, rflags=0x40702)
    after = USER.deliver(memory, state, IMAGE, record, DISPATCHER)
    top = BASE + 0x1000 - CONTEXT32_SIZE - 0x58
    assert after == {"rip": DISPATCHER, "rsp": top, "rflags": 0x202, **USER_SEGMENTS}
    assert memory.read(top, 0x58) == struct.pack("<II", top + 8, top + 0x58) + record.to_bytes(32)
    context = memory.read(top + 0x58, CONTEXT32_SIZE)
    assert (field(context, "Eip"), field(context, "Eax"), field(context, "Esp")) == (
        0x401000,
        0x11,
        BASE + 0x1003,
    )
    assert (field(context, "SegCs"), field(context, "SegFs"), field(context, "EFlags")) == (CS, TEB, 0x40702)


@pytest.mark.parametrize("rsp", [0, 4, 0x320, BASE, BASE + 0x100, 0xFFFFFFFF])
def test_a_stack_that_cannot_be_written_is_reported(rsp: int) -> None:
    record = ExceptionRecord(0xC000001D, 0x401000)
    with pytest.raises(GuestFault):
        USER.deliver(FlatMemory(), registers(rsp=rsp), IMAGE, record, DISPATCHER)


_dwords = st.integers(0, 0xFFFFFFFF)


@settings(max_examples=50, derandomize=True, deadline=None)
@given(
    st.fixed_dictionaries(
        dict.fromkeys(("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "rip", "rflags"), _dwords)
    )
)
def test_what_a_thread_stands_at_is_what_it_goes_on_with(values: dict[str, int]) -> None:
    found = USER.registers_of(context_of(registers(**values), IMAGE))
    expected = values | {"rflags": values["rflags"] & EFLAGS_USER | 0x202} | USER_SEGMENTS
    assert found == expected


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.binary(min_size=CONTEXT32_SIZE, max_size=CONTEXT32_SIZE))
def test_any_bytes_are_a_context(data: bytes) -> None:
    found = USER.registers_of(data, everything=True)
    assert all(found[name] in (0, 1, 2, 3, CS, DATA, TEB) for name in ("ds", "es", "fs", "gs"))
    assert found["cs"] & 3 == 3
    assert found["rflags"] & ~EFLAGS_USER == 0x202
    image = USER.floating_point_of(data, lambda: IMAGE)
    assert image is None or len(image) == 0x200


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (0x10001, {"rbp", "rip", "rsp", "cs", "rflags"}),
        (0x10002, {"rax", "rbx", "rcx", "rdx", "rsi", "rdi"}),
        (0x10004, {"ds", "es", "fs", "gs"}),
        (0x10008, set()),
        (0x00007, set()),
    ],
)
def test_flags_name_the_parts(flags: int, names: set[str]) -> None:
    context = struct.pack("<I", flags) + context_of(registers(), IMAGE)[4:]
    assert set(USER.registers_of(context)) == names
    assert (USER.floating_point_of(context, lambda: IMAGE) is not None) == (flags == 0x10008)
