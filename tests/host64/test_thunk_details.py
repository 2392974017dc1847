"""What thunks do beyond their prototypes, as the comparison with real thunks has shown it matters."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

import wowsim
from wowsim import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wowsim import ServiceEvent, Simulation

DATA = 0x210000
SUCCESS, REFUSED, MISMATCH, INVALID_PARAMETER = 0, 0xC0000022, 0xC0000004, 0xC000000D
SELF = 0xFFFFFFFF


@pytest.fixture(scope="module")
def process() -> Iterator[Simulation]:
    with wowsim.Simulation("win10-22h2") as sim:
        sim.load_shellcode(bytes(0x80000))
        sim.call32("ntdll32!NtClose", 0)
        yield sim


def call(
    sim: Simulation, name: str, *slots: int, kernel: Callable[[ServiceEvent], Answer]
) -> tuple[int, tuple[int, ...]]:
    """A service's status and its 64-bit arguments, with something in the kernel's place."""
    seen: list[tuple[int, ...]] = []

    def answer(event: ServiceEvent) -> Answer:
        seen.append(event.args)
        return kernel(event)

    with sim.on_service(name, answer):
        status = sim.call32(f"ntdll32!{name}", *slots)
    return status, seen[0]


def put(sim: Simulation, at: int, form: str, *values: Any) -> int:
    sim.memory.write(at, struct.pack("<" + form, *values))
    return at


def get(sim: Simulation, at: int, form: str) -> tuple[Any, ...]:
    return struct.unpack("<" + form, sim.memory.read(at, struct.calcsize("<" + form)))


@pytest.mark.parametrize(("size", "told"), [(0x1234, 0x1234), (0x1_00000010, 0xFFFFFFFF)])
def test_a_size_that_does_not_fit_is_the_greatest(process: Simulation, size: int, told: int) -> None:
    base, region = put(process, DATA, "I", 0x10000), put(process, DATA + 8, "I", 1)
    status, _ = call(
        process, "NtAllocateVirtualMemory", SELF, base, 0, region, 0x1000, 4,
        kernel=lambda event: Answer(SUCCESS, BaseAddress=0x20000, RegionSize=size),
    )  # fmt: skip
    assert (status, get(process, base, "I"), get(process, region, "I")) == (SUCCESS, (0x20000,), (told,))


def test_what_the_kernel_does_not_write_stays(process: Simulation) -> None:
    count = put(process, DATA, "I", 0xA5A5A5A5)
    status, _ = call(
        process, "NtReadVirtualMemory", SELF, 0, DATA + 0x10, 4, count, kernel=lambda event: Answer(REFUSED)
    )
    assert (status, get(process, count, "I")) == (REFUSED, (0xA5A5A5A5,))


def test_an_output_handle_is_zero_after_a_failure(process: Simulation) -> None:
    handle = put(process, DATA, "I", 0xA5A5A5A5)
    call(process, "NtCreateEvent", handle, 0, 0, 0, 0, kernel=lambda event: Answer(REFUSED))
    assert get(process, handle, "I") == (0,)


def test_a_returned_length_of_a_failure_stays(process: Simulation) -> None:
    length = put(process, DATA, "I", 0xA5A5A5A5)
    call(process, "NtQuerySection", 4, 1, DATA + 0x10, 0x30, length, kernel=lambda event: Answer(REFUSED))
    assert get(process, length, "I") == (0xA5A5A5A5,)


def test_no_data_are_no_data(process: Simulation) -> None:
    buffer, length = put(process, DATA + 0x10, "8s", b"untouched"[:8]), put(process, DATA, "I", 9)

    def empty(event: ServiceEvent) -> Answer:
        process.memory.write(event.args[3], bytes(4))
        return Answer(SUCCESS)

    status, _ = call(process, "NtQuerySystemInformation", 73, buffer, 0x40, length, kernel=empty)
    assert (status, get(process, length, "I"), get(process, buffer, "8s")) == (0, (0,), (b"untouche",))


def test_each_object_of_an_array_has_its_name(process: Simulation) -> None:
    objects, names = DATA + 0x40, DATA + 0x100
    for index in range(2):
        put(process, names + 8 * index, "HHI", 4, 6, 0x12340000 + index)
        put(process, objects + 0x18 * index, "6I", 0x18, 0x80000001, names + 8 * index, 0x40, 0, 0)
    found: list[tuple[Any, ...]] = []

    def look(event: ServiceEvent) -> Answer:
        for index in range(2):
            length, root, name, attributes = get(process, event.args[2] + 0x30 * index, "I4xQQI")
            found.append((length, root, attributes, get(process, name, "HH4xQ")))
        return Answer(SUCCESS)

    call(process, "NtNotifyChangeMultipleKeys", 4, 2, objects, 0, 0, 0, DATA, 1, 0, 0, 0, 1, kernel=look)
    root = 0xFFFFFFFF_80000001
    assert found == [(0x30, root, 0x40, (4, 6, 0x12340000)), (0x30, root, 0x40, (4, 6, 0x12340001))]


@pytest.mark.parametrize("name", ["NtQueueApcThread", "NtQueueApcThreadEx"])
def test_an_apc_is_packed(process: Simulation, name: str) -> None:
    reserve = (0x80000010,) if name.endswith("Ex") else ()
    wide = (0xFFFFFFFF_80000010,) if reserve else ()
    routine = process.symbols.address("wow64!Wow64ApcRoutine")
    _, slots = call(process, name, 4, *reserve, 0x401000, 1, 2, 3, kernel=lambda event: Answer(SUCCESS))
    assert slots == (4, *wide, routine, 0x401000_00000001, 2, 3)
    _, slots = call(process, name, 4, *reserve, 0, 1, 2, 3, kernel=lambda event: Answer(SUCCESS))
    assert slots == (4, *wide, 0, 1, 2, 3), "there is nothing to call"


@pytest.mark.parametrize(
    ("kind", "given", "passed"),
    [
        (2, 0xDDDDDDDD_00000001, 1),
        (3, 0xDDDDDDDD_FFFFFFFE, 0xFFFFFFFF_FFFFFFFE),
        (5, 0x1_00000040, 0x1_00000040),
        (6, 0xDDDDDDDD_00008664, 0x8664),
    ],
)
def test_of_an_extended_parameter_the_callers_part_counts(
    process: Simulation, kind: int, given: int, passed: int
) -> None:
    base, region = put(process, DATA, "I", 0), put(process, DATA + 8, "I", 0x1000)
    parameter = put(process, DATA + 0x10, "QQ", kind, given)
    found: list[tuple[Any, ...]] = []

    def look(event: ServiceEvent) -> Answer:
        found.append(get(process, event.args[5], "QQ"))
        return Answer(SUCCESS)

    call(process, "NtAllocateVirtualMemoryEx", SELF, base, region, 0x1000, 4, parameter, 1, kernel=look)
    assert found == [(kind, passed)]


def test_the_size_in_extended_basic_information(process: Simulation) -> None:
    buffer = put(process, DATA, "I28x", 0x20)
    assert process.call32("ntdll32!NtQueryInformationProcess", SELF, 0, buffer, 0x20, 0) == SUCCESS
    size, _, peb = get(process, buffer, "III")
    assert (size, peb) == (0x20, get(process, process.threads[0].teb32 + 0x30, "I")[0])
    put(process, buffer, "I", 0x18)
    assert process.call32("ntdll32!NtQueryInformationProcess", SELF, 0, buffer, 0x20, 0) == INVALID_PARAMETER


def test_the_peb_of_another_process_is_not_the_callers(process: Simulation) -> None:
    buffer = put(process, DATA, "24x")
    (own32,), (own64,) = (
        get(process, process.threads[0].teb32 + 0x30, "I"),
        get(process, process.threads[0].teb64 + 0x60, "Q"),
    )

    def other(event: ServiceEvent) -> Answer:
        put(process, event.args[2], "I4xQQI4xQQ", 0x103, own64 + 0x100000, 1, 8, 0x44, 0)
        return Answer(SUCCESS)

    call(process, "NtQueryInformationProcess", 0x44, 0, buffer, 0x18, 0, kernel=other)
    assert get(process, buffer, "6I") == (0x103, own32 + 0x100000, 1, 8, 0x44, 0)


def test_the_architectures_of_a_process_are_asked_with_a_narrow_handle(process: Simulation) -> None:
    handle, buffer = put(process, DATA, "I", SELF), DATA + 0x10
    status = process.call32("ntdll32!NtQuerySystemInformationEx", 181, handle, 4, buffer, 0x40, 0)
    assert status == SUCCESS
    machines = {get(process, buffer + at, "H")[0] for at in range(0, 0x40, 4)}
    assert {0x14C, 0x8664} <= machines


def test_attributes_that_nothing_came_for_are_zero(process: Simulation) -> None:
    handle, client = put(process, DATA, "I", 0), put(process, DATA + 0x80, "II", 1, 2)
    attributes = put(process, DATA + 0x40, "5I", 0x14, 0x10003, 8, client, 0)
    call(
        process, "NtCreateThreadEx", handle, 0, 0, SELF, 0, 0, 0, 0, 0, 0, attributes,
        kernel=lambda event: Answer(SUCCESS),
    )  # fmt: skip
    assert get(process, client, "II") == (0, 0), "nothing of the 64-bit stack"
