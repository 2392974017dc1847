"""Turbo thunks: what carries a turbo index goes to the kernel without wow64.dll, with the same result."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest
from programs import BIN

import wowsim
from sampled import WOW64
from wowsim.host64.turbo_thunks import TURBO_NAMES
from wowsim.kernel.services import implemented
from wowsim.nt.abi import HANDLE, PVOID  # noqa: TC001 - read from the annotations
from wowsim.nt.builds import BUILDS, services
from wowsim.simulation.images import built_in

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDS = ("NtTerminateProcess", "NtTerminateThread")
"""Not called with made-up arguments."""
CLOCK = ("NtQueryPerformanceCounter", "NtQuerySystemTime")
"""What they write depends on how many instructions ran."""
GATE = "wow64cpu!TurboDispatchJumpAddressStart"


class Caller:
    """A loaded program whose ntdll is called from outside, with room for arguments."""

    def __init__(self, sim: wowsim.Simulation) -> None:
        self.sim = sim
        self.at = sim.call32("kernel32!VirtualAlloc", 0, 0x1000, 0x3000, 4)

    def __call__(self, name: str, *arguments: int) -> tuple[str, int, bytes]:
        """Name, status and what lies in the first 40h bytes of the room afterwards."""
        status = self.sim.call32(f"ntdll32!{name}", *arguments)
        if name in CLOCK:
            self.sim.memory.write(self.at, bytes(0x10))
        return name, status, self.sim.memory.read(self.at, 0x40)

    def put(self, offset: int, *dwords: int) -> int:
        self.sim.memory.write(self.at + offset, struct.pack(f"<{len(dwords)}I", *dwords))
        return self.at + offset

    def dword(self, offset: int = 0) -> int:
        return int.from_bytes(self.sim.memory.read(self.at + offset, 4), "little")


def objects(call: Caller) -> Iterator[tuple[str, int, bytes]]:
    """Events, mutants, semaphores, timers, keyed events, and waits for them."""
    out, now = call.at, call.put(0x80, 0, 0)
    handles = []
    for name, extra in (("Event", (0, 0)), ("Mutant", (1,)), ("Semaphore", (1, 9)), ("KeyedEvent", (0,))):
        yield call(f"NtCreate{name}", out, 0x1F0003, 0, *extra)
        handles.append(call.dword())
    event, mutant, semaphore, keyed = handles
    yield call("NtCreateTimer", out, 0x1F0003, 0, 0)
    timer = call.dword()
    for name in ("NtSetEvent", "NtSetEvent", "NtResetEvent", "NtPulseEvent"):
        yield call(name, event, out)
        yield call(name, event, 0)
        yield call(name, event, 3)
    yield call("NtClearEvent", event)
    yield call("NtWaitForSingleObject", event, 0, now)
    yield call("NtWaitForSingleObject", semaphore, 1, now)
    yield call("NtWaitForSingleObject", -1 & 0xFFFFFFFF, 0, now)
    array = call.put(0x100, event, mutant, semaphore)
    for name in ("NtWaitForMultipleObjects", "NtWaitForMultipleObjects32"):
        if name in BUILDS[call.sim.build.name].numbers and name in implemented():
            yield call(name, 3, array, 1, 0, now)
            yield call(name, 3, array, 0, 1, now)
            yield call(name, 65, array, 1, 0, now)
            yield call(name, 0, array, 1, 0, now)
            yield call(name, 3, 3, 1, 0, now)
    yield call("NtReleaseMutant", mutant, out)
    yield call("NtReleaseSemaphore", semaphore, 2, out)
    yield call("NtReleaseSemaphore", semaphore, 100, out)
    yield call("NtSignalAndWaitForSingleObject", event, event, 0, now)
    yield call("NtCancelTimer", timer, out)
    yield call("NtReleaseKeyedEvent", keyed, out, 0, now)
    yield call("NtWaitForKeyedEvent", keyed, out, 0, now)
    for handle in (*handles, timer, event):
        yield call("NtClose", handle)


def files(call: Caller) -> Iterator[tuple[str, int, bytes]]:
    """Reading and writing, with every kind of IO_STATUS_BLOCK."""
    path = call.at + 0x200
    call.sim.memory.write(path, "C:\\turbo.txt\0".encode("utf-16-le"))
    handle = call.sim.call32("kernel32!CreateFileW", path, 0xC0000000, 0, 0, 2, 0, 0)
    offset = call.put(0x40, 0, 0)
    text, buffer = call.put(0x80, 0x64636261, 0x68676665), call.at + 0x10
    for block in (call.at, 0, 3, 0x7FFE0000, 0xFFFFFFFC):
        yield call("NtWriteFile", handle, 0, 0, 0, block, text, 8, offset, 0)
        yield call("NtReadFile", handle, 0, 0, 0, block, buffer, 5, offset, 0)
        yield call("NtFsControlFile", handle, 0, 0, 0, block, 0x90FFF, 0, 0, 0, 0)
        yield call("NtDeviceIoControlFile", handle, 0, 0, 0, block, 0x90FFF, 0, 0, 0, 0)
        yield "file", len(call.sim.files.read("C:\\turbo.txt")), b""
    yield call("NtReadFile", handle, 0, 0, 0, call.at, 3, 5, offset, 0)
    yield call("NtReadFile", handle, 0, 0, 0, call.at, buffer, 5, 3, 0)
    yield call("NtReadFile", 0xBAD0, 0, 0, 0, call.at, buffer, 5, offset, 0)
    yield call("NtClose", handle)


def threads(call: Caller) -> Iterator[tuple[str, int, bytes]]:
    """Another thread, which never begins."""
    start = call.sim.call32("kernel32!GetProcAddress", 0, 0)
    suspended = 4
    handle = call.sim.call32("kernel32!CreateThread", 0, 0, start, 0, suspended, call.at + 0x60)
    other = call.dword(0x60)
    for name in ("NtSuspendThread", "NtResumeThread", "NtAlertResumeThread"):
        yield call("NtSuspendThread", handle, call.at)
        yield call(name, handle, call.at)
        yield call(name, handle, 0)
    yield call("NtSuspendThread", handle, call.at)
    yield call("NtAlertThread", handle)
    if "NtAlertThreadByThreadId" in BUILDS[call.sim.build.name].numbers:
        yield call("NtAlertThreadByThreadId", other)
        yield call("NtWaitForAlertByThreadId", 0, call.put(0x80, 0, 0))
    yield call("NtTerminateThread", handle, 5)
    yield call("NtClose", handle)


def plain(call: Caller) -> Iterator[tuple[str, int, bytes]]:
    """The rest, and every service of the build with a turbo index with made-up arguments."""
    process = 0xFFFFFFFF
    yield call("NtDelayExecution", 0, call.put(0x80, 0, 0))
    yield call("NtYieldExecution")
    yield call("NtTestAlert")
    yield call("NtAllocateLocallyUniqueId", call.at)
    yield call("NtFlushInstructionCache", process, 0, 0)
    yield call("NtQueryDefaultLocale", 0, call.at)
    yield call("NtQueryPerformanceCounter", call.at, call.at + 8)
    yield call("NtQueryPerformanceCounter", call.at, 0)
    yield call("NtQuerySystemTime", call.at)
    for row in services(call.sim.build.name):
        if row.turbo and row.name in implemented() and row.name not in ENDS and row.arguments is not None:
            for value in (3, 0xDEADBEE3):
                yield call(row.name, *[value] * row.arguments)


def results(build: str, turbo: bool) -> list[tuple[str, int, bytes]]:
    """Everything above in one process."""
    with wowsim.Simulation(build=build, turbo=turbo) as sim:
        sim.load(BIN / "helloworld.exe")
        call = Caller(sim)
        return [found for part in (objects, files, threads, plain) for found in part(call)]


@pytest.mark.parametrize("build", WOW64)
def test_the_same_status_and_data_with_and_without(build: str) -> None:
    with_turbo, without = results(build, True), results(build, False)
    assert len(with_turbo) == len(without) > 100
    for one, other in zip(with_turbo, without, strict=True):
        assert one == other
    assert len({status for _, status, _ in with_turbo}) >= 10


@pytest.mark.parametrize("turbo", [True, False])
@pytest.mark.parametrize("build", ["vista", "win8.1", "win11-24h2"])
def test_a_turbo_index_leads_past_wow64_and_the_switch_back_through_it(build: str, turbo: bool) -> None:
    rows = {row.name: row for row in services(build)}
    ways: dict[str, set[str]] = {}
    for program in ("createfile.exe", "threads.exe"):
        with wowsim.Simulation(build=build, turbo=turbo) as sim:
            sim.load(BIN / program)
            result = sim.run(limit=50_000_000, trace="calls")
            assert result.trace is not None
            for call in result.trace.calls():
                if call.name is None or f"ntdll32!Zw{call.name[2:]}" not in call.path:
                    continue  # the 64-bit ntdll's own
                behind = call.path[call.path.index(GATE) + 1 :]
                ways.setdefault(call.name, set()).add(behind[0])
                past = turbo and rows[call.name].turbo != 0
                assert (behind[-1] == "wow64cpu!CpupSyscallStub") == past
                assert (behind[-2:] == (f"wow64!wh{call.name}", f"ntdll!{call.name}")) == (not past)
    for name, frames in ways.items():
        assert frames == {f"wow64cpu!{TURBO_NAMES[rows[name].turbo if turbo else 0]}"}
    assert {"NtWriteFile", "NtWaitForSingleObject", "NtClose", "NtSetEvent", "NtCreateFile"} <= ways.keys()


@pytest.mark.parametrize("build", WOW64)
def test_the_switch_is_read_when_the_process_starts(build: str) -> None:
    image = built_in(build).images["wow64cpu"]
    places = {name: rva for rva, name in image.symbols.items()}
    for turbo in (True, False):
        with wowsim.Simulation(build=build, turbo=turbo) as sim:
            sim.load(BIN / "helloworld.exe")
            assert sim.run().stdout == b"Hello, World!\r\n"
            table = sim.memory.read(image.base + places["TurboThunkDispatch"], 8 * 32)
            found = [image.symbols[at - image.base] for at in struct.unpack("<32Q", table)]
            assert found[:31] == (list(TURBO_NAMES) if turbo else ["ServiceNoTurbo"] * 31)
            assert found[31] == (
                "ThunkNone" if places.get("X86SwitchTo64BitMode") else "CpupReturnFromSimulatedCode"
            )


def test_a_processor_number_without_a_system_call() -> None:
    with wowsim.Simulation(build="win10-22h2") as sim:
        sim.load(BIN / "helloworld.exe")
        assert sim.call32("ntdll32!NtGetCurrentProcessorNumber") == 0


@pytest.mark.parametrize("build", WOW64)
def test_a_turbo_service_without_a_handler_is_refused_by_name(build: str) -> None:
    missing = next(
        row for row in services(build)
        if row.name not in implemented() and row.arguments == 1 and TURBO_NAMES[row.turbo].startswith("Thunk1")
    )  # fmt: skip
    with wowsim.Simulation(build=build) as sim:
        sim.load(BIN / "helloworld.exe")
        with pytest.raises(wowsim.Unsupported, match=missing.name):
            sim.call32(f"ntdll32!{missing.name}", 0)


def test_what_the_switch_may_be() -> None:
    with pytest.raises(wowsim.UsageError, match="turbo='no'; expected True or False"):
        wowsim.Simulation(turbo="no")  # type: ignore[arg-type]  # the caller's mistake
    with pytest.raises(wowsim.UsageError, match="win7sp1-x86 has 32 bits"):
        wowsim.Simulation(build="win7sp1-x86", turbo=False)


def test_a_completion_packet_comes_back_narrowed() -> None:
    seen = []

    def NtRemoveIoCompletion(
        k: Any, handle: HANDLE, key: PVOID, context: PVOID, block: PVOID, timeout: PVOID
    ) -> int:
        seen.append((handle, timeout))
        for address, value in (
            (key, 0x1_22223333),
            (context, 0x4_55556666),
            (block, 0x77),
            (block + 8, 0x8_9),
        ):
            if address & ~15:
                k.memory.write(address, struct.pack("<Q", value))
        return 0x102 if timeout == 7 else 0

    with wowsim.Simulation(build="win10-22h2") as sim:
        sim.load(BIN / "helloworld.exe")
        sim.kernel.replace(NtRemoveIoCompletion)
        at = Caller(sim).at
        sim.memory.write(at, b"\xee" * 32)
        service = "ntdll32!NtRemoveIoCompletion"
        assert sim.call32(service, 0xFFFFFFF0, at, at + 8, at + 16, 7) == 0x102
        assert sim.memory.read(at, 32) == b"\xee" * 32
        assert sim.call32(service, 0x44, at, at + 8, at + 16, 0) == 0
        assert sim.memory.read(at, 32) == struct.pack(
            "<IIIIIIQ", 0x22223333, 0xEEEEEEEE, 0x55556666, 0xEEEEEEEE, 0x77, 0x89, 0xEEEEEEEEEEEEEEEE
        )
        assert sim.call32(service, 0x44, 3, at + 8, at + 16, 0) == 0xC0000005
        assert seen == [(0xFFFFFFFF_FFFFFFF0, 7), (0x44, 0), (0x44, 0)]
