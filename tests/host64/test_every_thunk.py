"""Every derived thunk, run as guest code with random arguments: what the kernel gets and what goes back.

The kernel's half is replaced by a recorder, so that services nobody implements are covered, too.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wowsim
from wowsim.host64.conversions import same_in_both_widths
from wowsim.host64.overrides import SPECIAL, overrides
from wowsim.kernel.known_services import services_of_build
from wowsim.kernel.services import implemented
from wowsim.kernel.table import Service, Support
from wowsim.nt import abi
from wowsim.nt.abi import (
    APC_CONTEXT,
    HANDLE,
    PAPC_ROUTINE,
    PPS_ATTRIBUTE_LIST,
    PSECURITY_DESCRIPTOR,
    SCALARS,
    SIZE_T,
    STRUCTURES,
    Out,
    Parameter,
    Pass,
    Unconverted,
    layout,
    size_of,
)
from wowsim.nt.builds import BUILDS, services
from wowsim.nt.structures import IO_STATUS_BLOCK, OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA, STRIDE, GUARD = 0x210000, 0x1000, 0x40
WILD = 0x70000000
ACCESS_VIOLATION, SUCCESS, REFUSED = 0xC0000005, 0, 0xC0000022
BUILD = "win7sp1"
NOT_DERIVED = {
    "NtQuerySystemTime": "its turbo thunk reads KUSER_SHARED_DATA and calls nobody",
    "NtRemoveIoCompletionEx": "its packets are an output array: tests/simulation/test_io.py",
    "NtGetCurrentProcessorNumber": "its turbo thunk reads the limit of a segment and calls nobody",
    "NtQueryMultipleValueKey": "its entries go both ways: tests/kernel/test_registry_values.py",
    "NtWaitForMultipleObjects32": "its turbo thunk hands over a copy of the array",
    "NtGetWriteWatch": "its array is as long as another pointee says",
    "NtQueryDirectoryObject": "its buffer is rebuilt",
    **dict.fromkeys(overrides(BUILDS[BUILD]), "a named override"),
}
SERVICES = sorted(implemented().keys() & BUILDS[BUILD].numbers.keys() - NOT_DERIVED.keys())
VIEWS = {"NtCreateKey", "NtOpenKey", "NtOpenKeyEx"}
TURBO = {row.name for row in services(BUILD) if row.turbo}


@dataclass
class Recorder:
    """Stands for a service: keeps what it is given, writes and returns what it is told."""

    status: int = 0
    random: Random = field(default_factory=Random)
    writes: bool = True
    values: list[Any] = field(default_factory=list)
    captured: list[Any] = field(default_factory=list)
    calls: int = 0

    def __call__(self, kernel: Any, *values: Any) -> int:
        self.calls += 1
        self.values, self.captured = list(values), []
        for value in values:
            if isinstance(value, Out) and self.writes:
                value.set(self.something(value.kind))
        return self.status

    def something(self, kind: Any) -> Any:
        """A random 64-bit value of a type."""
        if kind in STRUCTURES:
            return layout(kind, 64).from_bytes(self.random.randbytes(size_of(kind, 64)))
        return abi.fit(SCALARS[kind], 64, self.random.getrandbits(64))


class Bench:
    """A process with a recorder in the place of every service."""

    def __init__(self) -> None:
        self.sim = sim = wowsim.Simulation(build=BUILD)
        sim.load_shellcode(bytes(0x80000))
        page = sim.call32("kernel32!VirtualAlloc", 0, 0x10000, 0x2000, 4)
        assert sim.call32("kernel32!VirtualAlloc", page, 0x1000, 0x1000, 4) == page
        self.edge = page + 0xFFF
        """The last byte of a committed page: what is longer ends outside."""
        self.recorder = Recorder()
        self._table: Any = sim._machine.table
        of_build = services_of_build(BUILDS[BUILD])
        self._services: dict[str, Any] = {name: of_build[name] for name in implemented() if name in of_build}

    def call(self, name: str, slots: list[int]) -> int:
        """Call a service through its 32-bit stub."""
        service = self._services[name]
        self._table._bind(Service(service.prototype, self.recorder, Support.FULL))
        try:
            return self.sim.call32(f"ntdll32!Zw{name[2:]}", *slots)
        finally:
            self._table._bind(service)

    def load(self, address: int, kind: Any, width: Any) -> Any:
        """What lies in guest memory."""
        return abi.load(self.sim._machine.tables, address, kind, width)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    found = Bench()
    with found.sim:
        yield found


@dataclass
class Arguments:
    """The 32-bit arguments of one call, and where their pointees lie."""

    slots: list[int] = field(default_factory=list)
    pointers: dict[str, int] = field(default_factory=dict)
    at: int = DATA

    def room(self, size: int) -> int:
        """Fresh memory with guards on both sides."""
        address = self.at + GUARD
        self.at += (size + 2 * GUARD + 0xF) & ~0xF
        return address


def arguments_of(bench: Bench, name: str, random: Random) -> Arguments:
    """Random arguments: pointers are good or, where they may be, NULL."""
    parameters = bench._services[name].prototype.parameters
    bench.sim.memory.write(DATA, b"\xcc" * 0x8000)
    counts = {p.pointee.count for p in parameters if isinstance(p.pointee, abi.Array)}
    made = Arguments()
    for parameter in parameters:
        value = slot_of(bench, made, parameter, random)
        if parameter.name in counts:
            value = random.randrange(9)
        elif name == "NtQueryVirtualMemory" and parameter.name == "base_address":
            value &= 0x7FFE0000  # what lies above the highest user address is refused
        elif name in VIEWS and parameter.name == "desired_access":
            value &= ~0x300  # the flags of a registry view go no further: tests/host64/test_registry_view.py
        elif parameter.name.endswith("_class"):
            value |= 0x7FFF0000  # of no known class, whose buffer passes as it is
        made.slots += [value & 0xFFFFFFFF, value >> 32][: parameter.slots32]
    return made


def slot_of(bench: Bench, made: Arguments, parameter: Parameter, random: Random) -> int:
    """One argument."""
    if parameter.passed is not Pass.VALUE:
        return (
            0 if parameter.optional and random.random() < 0.3 else pointer_to(bench, made, parameter, random)
        )
    if isinstance(parameter.pointee, Unconverted) or parameter.kind is PPS_ATTRIBUTE_LIST:
        return 0
    if parameter.kind is PSECURITY_DESCRIPTOR:
        return descriptor(bench, made, random)
    if isinstance(parameter.pointee, abi.Array):
        address = made.room(8 * size_of(parameter.pointee.kind, 32))
        bench.sim.memory.write(address, random.randbytes(8 * size_of(parameter.pointee.kind, 32)))
        return address
    if parameter.name in SPECIAL.get("NtCreateThread", {}):
        return made.room(0x300)
    return random.getrandbits(64) if parameter.slots32 == 2 else random.choice((0, random.getrandbits(32)))


def pointer_to(bench: Bench, made: Arguments, parameter: Parameter, random: Random) -> int:
    address = made.room(size_of(parameter.kind, 32))
    if parameter.passed is not Pass.OUT:
        bench.sim.memory.write(address, pointee(bench, made, parameter.kind, random))
    made.pointers[parameter.name] = address
    return address


def pointee(bench: Bench, made: Arguments, kind: Any, random: Random) -> bytes:
    """Random 32-bit bytes of a type; the structures behind its pointers exist."""
    size = size_of(kind, 32)
    data = bytearray(random.randbytes(size))
    if kind not in STRUCTURES:
        return bytes(data)
    for member in layout(kind, 32).fields.values():
        target = 0
        if member.type is PSECURITY_DESCRIPTOR:
            target = random.choice((0, descriptor(bench, made, random)))
        elif member.pointer_to is not None:
            target = random.choice((0, made.room(size_of(member.pointer_to, 32))))
            if target:
                bench.sim.memory.write(target, pointee(bench, made, member.pointer_to, random))
        else:
            continue
        struct.pack_into("<I", data, member.offset, target)
    if kind is OBJECT_ATTRIBUTES:
        struct.pack_into("<I", data, 0, size)
    if kind is UNICODE_STRING:  # thunks of file services read names
        struct.pack_into("<HHI", data, 0, 8, 10, made.room(10))
    return bytes(data)


def descriptor(bench: Bench, made: Arguments, random: Random) -> int:
    address = made.room(20)
    control = random.choice((4, 0x8004))
    bench.sim.memory.write(
        address, struct.pack("<BBH4I", 1, 0, control, *(random.getrandbits(32) for _ in range(4)))
    )
    return address


# ---------------------------------------------------------------- what is expected
def check_value(bench: Bench, parameter: Parameter, slot: int, value: Any, before: int) -> None:
    """What the service got for one argument."""
    where = f"{parameter.name} given as {slot:#x}"
    if parameter.passed is not Pass.VALUE:
        if slot == 0:
            assert value is None, where
        elif parameter.passed is Pass.IN:
            check_same(bench, parameter.kind, bench.load(slot, parameter.kind, 32), value, where)
    elif isinstance(parameter.pointee, abi.Array):
        kind = parameter.pointee.kind
        for index in range(before):
            narrow = bench.load(slot + index * size_of(kind, 32), kind, 32)
            check_same(bench, kind, narrow, bench.load(value + index * size_of(kind, 64), kind, 64), where)
    elif parameter.kind is PSECURITY_DESCRIPTOR:
        check_descriptor(bench, slot, value)
    elif parameter.kind is PAPC_ROUTINE:
        assert (value != 0) == (slot != 0), where
    elif parameter.kind is APC_CONTEXT:
        assert value == slot | before << 32, where
    elif parameter.name not in SPECIAL.get("NtCreateThread", {}):
        check_same(bench, parameter.kind, slot, value, where)


def check_same(bench: Bench, kind: Any, narrow: Any, wide: Any, where: str) -> None:
    """A 64-bit value is the 32-bit one: handles sign-extended, the rest with zeros, pointers followed."""
    if kind not in STRUCTURES:
        if isinstance(narrow, bytes):
            assert wide == narrow, where
            return
        scalar = SCALARS[kind]
        bits = scalar.size(32) * 8
        narrow &= (1 << bits) - 1
        signed = scalar.sign and narrow >> bits - 1
        expected = narrow - (1 << bits) if signed else narrow
        size = scalar.size(64) * 8
        assert (wide - expected) % (1 << size) == 0, where
        assert -(1 << size - 1) <= wide < 1 << size, where
        return
    for name, member in layout(kind, 32).fields.items():
        one, other = getattr(narrow, name), getattr(wide, name)
        inner = f"{where}.{name}"
        target = member.pointer_to
        if kind is OBJECT_ATTRIBUTES and name == "Length":
            assert (one, other) == (0x18, 0x30)
        elif member.type is PSECURITY_DESCRIPTOR:
            check_descriptor(bench, one, other)
        elif target is not None and one and not same_in_both_widths(target):
            check_same(bench, target, bench.load(one, target, 32), bench.load(other, target, 64), inner)
        else:
            check_same(bench, member.type, one, other, inner)


def check_descriptor(bench: Bench, narrow: int, wide: int) -> None:
    if not narrow:
        assert wide == 0
        return
    read = bench.sim.memory.read
    header = struct.unpack("<BBH4I", read(narrow, 20))
    if header[2] & 0x8000:
        assert wide == narrow
    else:
        assert struct.unpack("<BBH4x4Q", read(wide, 0x28)) == header


def check_results(bench: Bench, name: str, made: Arguments, memory: bytes) -> None:
    """What went back: exactly the results, narrowed; not a byte around them."""
    expected = bytearray(memory)
    for parameter, value in zip(
        bench._services[name].prototype.parameters, bench.recorder.values, strict=True
    ):
        address = made.pointers.get(parameter.name)
        if address is None or not isinstance(value, Out) or value.written is None:
            continue
        written: Any = value.written
        if parameter.kind in STRUCTURES:
            data = layout(parameter.kind, 32).to_bytes(written)
        else:
            size = size_of(parameter.kind, 32)
            if parameter.kind is SIZE_T:
                written = min(written, 0xFFFFFFFF)
            data = (written & (1 << 8 * size) - 1).to_bytes(size, "little")
        expected[address - DATA : address - DATA + len(data)] = data
    assert bench.sim.memory.read(DATA, len(memory)) == bytes(expected)


# ---------------------------------------------------------------- the tests
@pytest.mark.parametrize("name", SERVICES)
@settings(max_examples=6, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 32))
def test_arguments_arrive_widened_and_results_return_narrowed(bench: Bench, name: str, seed: int) -> None:
    random = Random(seed)
    made = arguments_of(bench, name, random)
    memory = bench.sim.memory.read(DATA, 0x8000)
    prototype = bench._services[name].prototype
    joined = prototype.join(made.slots)
    checked: list[Any] = []

    class Checking(Recorder):
        def __call__(self, kernel: Any, *values: Any) -> int:
            by_name = dict(zip((p.name for p in prototype.parameters), joined, strict=True))
            try:
                for index, (parameter, value) in enumerate(zip(prototype.parameters, values, strict=True)):
                    before = joined[index - 1]
                    if isinstance(parameter.pointee, abi.Array):
                        before = by_name[parameter.pointee.count]
                    check_value(bench, parameter, joined[index], value, before)
                checked.append(None)
            except AssertionError as error:  # raised in here it would end the process
                checked.append(str(error))
            return super().__call__(kernel, *values)

    bench.recorder = Checking(status=SUCCESS, random=random)
    status = bench.call(name, made.slots)
    assert (status, checked) == (SUCCESS, [None])
    check_results(bench, name, made, memory)


@pytest.mark.parametrize("name", SERVICES)
def test_a_wild_pointer_is_refused_and_nothing_is_written(bench: Bench, name: str) -> None:
    prototype = bench._services[name].prototype
    slot = 0
    for parameter in prototype.parameters:
        late = parameter.kind is IO_STATUS_BLOCK and name in TURBO  # a turbo thunk finds out when it writes
        late |= name == "NtRemoveIoCompletion"  # that one for all its outputs
        if parameter.passed is not Pass.VALUE and not late:
            made = arguments_of(bench, name, Random(slot))
            for wild in (WILD, bench.edge) if size_of(parameter.kind, 32) > 1 else (WILD,):
                made.slots[slot] = wild
                memory = bench.sim.memory.read(DATA, 0x8000)
                bench.recorder = Recorder(writes=False)
                assert bench.call(name, made.slots) == ACCESS_VIOLATION, parameter.name
                assert bench.recorder.calls == 0
                cleared = bytearray(memory)
                for other in prototype.parameters:
                    if is_cleared(other, parameter) and other.name in made.pointers:
                        at = made.pointers[other.name] - DATA
                        cleared[at : at + 4] = bytes(4)
                now = bench.sim.memory.read(DATA, 0x8000)
                assert now in (memory, bytes(cleared)), parameter.name
        slot += parameter.slots32


def is_cleared(other: Parameter, bad: Parameter) -> bool:
    """Whether the thunk has zeroed an output before the kernel refused a pointer that needs no conversion."""
    return (
        other is not bad
        and other.passed is Pass.OUT
        and other.kind is HANDLE
        and same_in_both_widths(bad.kind)
    )


@pytest.mark.parametrize("name", [n for n in SERVICES if "NtCreateFile" in n or "NtReadFile" in n])
def test_a_block_that_the_kernel_leaves_stays_the_callers(bench: Bench, name: str) -> None:
    made = arguments_of(bench, name, Random(1))
    block = made.pointers["io_status_block"]
    before = bench.sim.memory.read(block, size_of(IO_STATUS_BLOCK, 32))
    bench.recorder = Recorder(status=0x103, writes=False)
    assert bench.call(name, made.slots) == 0x103
    assert bench.sim.memory.read(block, len(before)) == before
