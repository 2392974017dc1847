"""Going back: what runs after a restore equals what ran the first time, whatever happened in between."""

from __future__ import annotations

import gc
import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import BIN, BUILDS

import wowsim
from wowsim import StopReason, UsageError
from wowsim.trace.jsonl import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAGE = 0x1000


@pytest.fixture
def sim() -> Iterator[wowsim.Simulation]:
    with wowsim.Simulation() as sim:
        yield sim


def started(program: str, build: str = "win7sp1", *args: str) -> wowsim.Simulation:
    sim = wowsim.Simulation(build=build)
    if program.endswith(".bin"):
        sim.load_shellcode((BIN / program).read_bytes())
    else:
        sim.load(BIN / program, args)
    return sim


def ram(sim: wowsim.Simulation) -> str:
    """RAM without the CPU's own bits in the page tables."""
    tables = sim._machine.tables
    end = tables.ram.allocation[0] * PAGE
    data = bytearray(tables.ram.bytes[:end])
    for table in (tables.root, *tables._tables.values(), *tables._leaves.values()):
        data[table : table + PAGE : 8] = bytes(low & ~0x60 for low in data[table : table + PAGE : 8])
    return hashlib.sha256(data).hexdigest()


def everything(sim: wowsim.Simulation) -> dict[str, Any]:
    """What can be seen of a simulation that stands, beside a trace."""
    machine, kernel = sim._machine, sim._machine.kernel
    volume: dict[str, Any] = {}
    waiting = ["C:\\"]
    while waiting:
        folder = waiting.pop()
        for name in sim.files.list(folder):
            path = folder.rstrip("\\") + "\\" + name
            try:
                volume[path] = sim.files.read(path)
            except UsageError:
                waiting.append(path)
    return {
        "registers": machine.core.read_all(),
        "float": machine.core.floating_point(),
        "ram": ram(sim),
        "allocation": machine.ram.allocation,
        "vads": str(sim.vads),
        "commit": (machine.space.private_commit, machine.space.commitment.__dict__),
        "modules": sim.modules,
        "threads": sim.threads,
        "time": machine.clock.now,
        "random": (kernel.random.getstate(), machine.space._random.getstate()),
        "output": (bytes(kernel.console.stdout), bytes(kernel.console.stderr)),
        "handles": [
            (handle, target.type_name, access, attributes)
            for handle, (target, access, attributes) in kernel.handles._entries.items()
        ],
        "files": volume,
        "symbol": sim.symbols.name(machine.core.read("rip")),
        "ended": sim._ended,
    }


def rest(sim: wowsim.Simulation, **given: Any) -> tuple[Any, ...]:
    """Run on, with all of the trace; what came out, and the state it leaves."""
    options: dict[str, Any] = {"limit": 2_000_000, "trace": "blocks"} | given
    result = sim.run(**options)
    seen: list[Any] = [result.reason, result.exit_status, result.stdout, result.detail, result.instructions]
    if result.trace is not None:
        events = result.trace.events
        seen.append(list(lines(result.trace.calls(), events, build="b", seed=0, program="p", version="v")))
        if result.trace.level != "calls":
            seen.append([(block.address, block.code, block.bits) for block in result.trace.blocks])
        seen.append([call.steps for call in result.trace.calls()])
    return (*seen, everything(sim))


PROGRAMS = (
    *("createfile.exe", "helloworld.exe", "usedll.exe", "tls.exe", "reloc.exe", "vectored.exe", "frames.exe"),
    *("guard.exe", "div0.exe", "fastfail.exe", "singlestep.exe", "inlinehook.exe", "wow64transition.exe"),
    *("gate.bin", "gatesyscall.bin", "callfar.bin", "directnt.exe", "k32only.exe"),
)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("at", [0, 3_001])
def test_a_run_after_a_restore_is_the_first_run(program: str, at: int) -> None:
    with started(program) as sim:
        sim.run(limit=at)
        before = everything(sim)
        start = sim.snapshot()
        assert everything(sim) == before
        first = rest(sim)
        sim.restore(start)
        assert everything(sim) == before
        assert rest(sim) == first
        sim.restore(start)
        assert rest(sim) == first


@pytest.mark.parametrize("program", ["threads.exe", "waits.exe", "apc.exe", "deadlock.exe"])
def test_threads_go_on_as_they_did(program: str) -> None:
    """From points all over the run, in reverse order: who runs, who waits for what, and whose turn ends when."""
    with started(program) as sim:
        kept: list[Any] = []
        while len(kept) < 6:
            before = everything(sim)
            start = sim.snapshot()
            kept.append((start, before, rest(sim, limit=4_001, trace="calls")))
        for start, before, after in reversed(kept):
            sim.restore(start)
            assert everything(sim) == before
            assert rest(sim, limit=4_001, trace="calls") == after


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("trace", ["calls", "full", None])
def test_every_kind_of_run(build: str, trace: str | None) -> None:
    with started("createfile.exe", build) as sim:
        sim.run(limit=1_000, trace="calls")
        start = sim.snapshot()
        first = rest(sim, trace=trace, limit=None)
        sim.restore(start)
        assert rest(sim, trace=trace, limit=None) == first


def test_taking_a_snapshot_changes_nothing() -> None:
    def pieces(snapshots: bool) -> list[Any]:
        seen = []
        with started("createfile.exe") as sim:
            for limit in (1, 999, 2_345, 777):
                seen.append(rest(sim, limit=limit))
                if snapshots:
                    sim.snapshot()
            return [*seen, rest(sim)]

    assert pieces(True) == pieces(False)


def test_the_volume_and_the_output_are_back(sim: wowsim.Simulation) -> None:
    sim.files.add(r"C:\kept.txt", b"before")
    sim.load(BIN / "createfile.exe")
    start = sim.snapshot()
    sim.run()
    sim.files.add(r"C:\more.txt", b"x")
    sim.files.add(r"C:\kept.txt", b"after")
    assert sim.files.exists(r"C:\createfile.txt")
    sim.restore(start)
    assert not sim.files.exists(r"C:\createfile.txt")
    assert not sim.files.exists(r"C:\more.txt")
    assert sim.files.read(r"C:\kept.txt") == b"before"
    result = sim.run()
    assert result.reason is StopReason.EXITED
    assert sim.files.read(r"C:\createfile.txt") == b"hello from wowsim\n"


def test_output_is_not_doubled(sim: wowsim.Simulation) -> None:
    sim.load(BIN / "helloworld.exe")
    start = sim.snapshot()
    once = sim.run().stdout
    assert once
    sim.restore(start)
    assert sim.run().stdout == once


def test_each_input_from_the_same_point(sim: wowsim.Simulation) -> None:
    code = wowsim.assemble32("mov eax, [0x200100]; imul eax, eax; mov [0x200100], eax; ret")
    sim.load_shellcode(code.ljust(0x104, b"\0"))
    start = sim.snapshot()
    for value in (3, 5, 7):
        sim.restore(start)
        assert sim.memory.read(0x200100, 4) == bytes(4)
        sim.memory.write(0x200100, value.to_bytes(4, "little"))
        assert sim.run().exit_status == value * value


def test_code_that_changes_itself(sim: wowsim.Simulation) -> None:
    """The store changes an instruction that has run already, and one further on."""
    code = wowsim.assemble32(
        "xor ebx, ebx; again: mov eax, 1; add ebx, eax; inc byte ptr [again+1]; cmp ebx, 6; jb again;"
        "mov eax, ebx; ret",
        0x200000,
    )
    sim.load_shellcode(code)
    start = sim.snapshot()
    first = rest(sim)
    assert first[1] == 6
    for _ in range(2):
        sim.restore(start)
        assert sim.memory.read(0x200000, len(code)) == code
        assert rest(sim) == first
        sim.restore(start)
        assert sim.run().exit_status == 6


def test_memory_that_is_mapped_protected_and_given_back(sim: wowsim.Simulation) -> None:
    sim.load_shellcode(b"\x31\xc0\xc3")
    block = sim.call32("kernel32!VirtualAlloc", 0, 0x3000, 0x3000, 4)
    sim.memory.write(block, b"kept" * 0xC00)
    start, before = sim.snapshot(), everything(sim)
    other = sim.call32("kernel32!VirtualAlloc", 0, 0x10000, 0x3000, 0x40)
    sim.memory.write(other, b"\xc3" * 0x100)
    sim.call32(other)
    assert sim.call32("kernel32!VirtualProtect", block, 0x1000, 2, block + 0x2000)
    assert sim.call32("kernel32!VirtualFree", block + 0x1000, 0x1000, 0x4000)
    assert everything(sim) != before
    sim.restore(start)
    assert everything(sim) == before
    assert sim.call32("kernel32!VirtualAlloc", 0, 0x10000, 0x3000, 0x40) == other
    assert sim.memory.read(other, 0x10000) == bytes(0x10000)


def test_a_module_comes_and_goes(sim: wowsim.Simulation) -> None:
    sim.load(BIN / "usedll.exe")
    start = sim.snapshot()
    loaded = []
    sim.at("kernel32!GetModuleHandleW", lambda s: None)
    sim.on(wowsim.MemoryChanged, lambda event: loaded.append(event.name) if event.kind == "map" else None)
    first = rest(sim)
    maps = loaded[:]
    assert maps
    loaded.clear()
    sim.restore(start)
    assert rest(sim) == first
    assert loaded == maps  # listeners are the caller's and stay


def test_breakpoints_stay_and_are_passed_as_before(sim: wowsim.Simulation) -> None:
    """The stop that led to the snapshot is behind it; a breakpoint at a module not mapped then waits again."""
    sim.load(BIN / "createfile.exe")
    fresh = sim.snapshot()
    sim.at("kernel32!CreateFileW", lambda s: s.stop())
    for _ in range(2):
        assert sim.run().reason is StopReason.STOPPED
        assert sim.symbols.name(sim.registers.rip) == "kernel32!CreateFileW"
        there = sim.snapshot()
        for _ in range(2):
            assert sim.run().reason is StopReason.EXITED
            sim.restore(there)
        sim.restore(fresh)
    hits: list[int] = []
    later = sim.at("KERNELBASE!CreateFileW", lambda s: hits.append(s.registers.eip))
    sim.restore(there)
    assert sim.run().reason is StopReason.EXITED
    assert len(hits) == 1
    later.remove()
    sim.restore(there)
    sim.run()
    assert len(hits) == 1


def test_a_breakpoint_set_before_its_module_can_still_be_removed(sim: wowsim.Simulation) -> None:
    sim.load(BIN / "createfile.exe")
    hits: list[int] = []
    fresh = sim.snapshot()
    watched = sim.at("kernel32!CreateFileW", lambda s: hits.append(1))
    sim.run()
    sim.restore(fresh)
    watched.remove()
    sim.run()
    assert hits == [1]


def test_gates_crossed_are_the_same(sim: wowsim.Simulation) -> None:
    """A crossing is told when the instruction behind it runs, also where a snapshot lies between the two."""
    sim.load_shellcode((BIN / "gate.bin").read_bytes())
    entry = sim.at(0x200000, lambda s: s.stop())
    sim.run()
    entry.remove()
    seen: list[Any] = []
    sim.on(wowsim.GateCrossed, seen.append)
    steps = []
    for _ in range(40):
        start = sim.snapshot()
        seen.clear()
        sim.run(limit=1)
        steps.append((start, seen[:]))
    assert sum(len(events) for _, events in steps) >= 2
    for start, events in reversed(steps):
        seen.clear()
        sim.restore(start)
        sim.run(limit=1)
        assert seen == events


def test_calls_from_the_host_between(sim: wowsim.Simulation) -> None:
    sim.load(BIN / "createfile.exe")
    reached = sim.at("kernel32!CreateFileW", lambda s: s.stop())
    sim.run(trace="calls")
    reached.remove()
    start = sim.snapshot()
    first = rest(sim)
    sim.restore(start)
    ticks = sim.call32("kernel32!GetTickCount")
    sim.call32("kernel32!Sleep", 5_000)
    assert sim.call32("kernel32!GetTickCount") >= ticks + 5_000
    sim.restore(start)
    assert sim.call32("kernel32!GetTickCount") == ticks
    sim.restore(start)
    assert rest(sim) == first


def test_time_shown_in_shared_memory_goes_back_too(sim: wowsim.Simulation) -> None:
    """What the page shows is written only when the tick changes; the last one written is part of the state."""
    sim.load(BIN / "createfile.exe")
    sim.call32("kernel32!GetTickCount")
    start = sim.snapshot()
    sim.call32("kernel32!Sleep", 100)
    later = sim.memory.read(0x7FFE0320, 8)
    sim.restore(start)
    assert sim.memory.read(0x7FFE0320, 8) != later
    sim.call32("kernel32!Sleep", 100)
    assert sim.memory.read(0x7FFE0320, 8) == later


def test_random_numbers_repeat(sim: wowsim.Simulation) -> None:
    sim.load_shellcode(wowsim.assemble32("rdrand eax; rdtsc; rdrand ecx; xor eax, ecx; ret"))
    start = sim.snapshot()
    values = set()
    for _ in range(3):
        values.add(sim.run().exit_status)
        sim.restore(start)
    assert len(values) == 1
    sim.call32("kernel32!GetTickCount")


def test_an_ended_process_runs_again(sim: wowsim.Simulation) -> None:
    sim.load(BIN / "exitcode.exe")
    start = sim.snapshot()
    status = sim.run().exit_status
    end = sim.snapshot()
    sim.restore(start)
    assert sim.run(limit=10).reason is StopReason.LIMIT
    sim.restore(end)
    result = sim.run()
    assert (result.reason, result.exit_status) == (StopReason.EXITED, status)
    sim.restore(start)
    assert sim.run().exit_status == status


def test_before_anything_is_loaded() -> None:
    """The same simulation runs one program after the other, each as in a simulation of its own."""
    with wowsim.Simulation() as sim:
        empty = sim.snapshot()
        for program in ("createfile.exe", "gate.bin", "createfile.exe", "usedll.exe"):
            sim.restore(empty)
            assert not sim.modules
            if program.endswith(".bin"):
                sim.load_shellcode((BIN / program).read_bytes())
            else:
                sim.load(BIN / program)
            again = rest(sim)
            with started(program) as other:
                assert rest(other) == again


def test_crossing_snapshots() -> None:
    with started("createfile.exe") as sim:
        kept = []
        for limit in (0, 100, 1_500, 3, 800, 4_000):
            sim.run(limit=limit, trace="calls")
            kept.append((sim.snapshot(), everything(sim)))
        ends = []
        for index in (3, 0, 5, 1, 1, 4, 0, 2, 5, 3):
            snapshot, state = kept[index]
            sim.restore(snapshot)
            assert everything(sim) == state
            ends.append((index, rest(sim)))
        for index, end in ends:
            assert all(other == end for at, other in ends if at == index)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.integers(0, 1_500)),
        st.tuples(st.just("traced"), st.integers(0, 1_500)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("back"), st.integers(0, 9)),
        st.tuples(st.just("call"), st.integers(0, 40)),
    ),
    max_size=14,
)


@settings(max_examples=25, derandomize=True, deadline=None)
@given(ACTIONS)
def test_any_sequence_of_runs_snapshots_and_restores(actions: list[tuple[str, int]]) -> None:
    """A run's outcome depends only on the state it starts from, and a state is what it was."""
    with started("createfile.exe") as sim:
        kept = [(sim.snapshot(), everything(sim))]
        way: tuple[Any, ...] = (0,)
        outcomes: dict[tuple[Any, ...], Any] = {}
        ways = [way]
        for action, value in actions:
            if action == "take":
                kept.append((sim.snapshot(), everything(sim)))
                ways.append(way)
                continue
            if action == "back":
                at = value % len(kept)
                sim.restore(kept[at][0])
                assert everything(sim) == kept[at][1]
                way = ways[at]
                continue
            way = (*way, action, value)
            if action == "call":
                try:
                    outcome: Any = sim.call32("kernel32!Sleep", value), everything(sim)
                except UsageError as error:
                    outcome = str(error), everything(sim)
            else:
                outcome = rest(sim, limit=value, trace="calls" if action == "traced" else None)
            assert outcomes.setdefault(way, outcome) == outcome


def test_many_restores_leak_nothing(sim: wowsim.Simulation) -> None:
    """A page a time would be 40 MB, a kilobyte 10 MB."""
    code = wowsim.assemble32("mov dword ptr [0x200200], 1; push 5; pop eax; rdrand ecx; ret")
    sim.load_shellcode(code.ljust(0x300))
    sim.call32("kernel32!GetTickCount")
    start = sim.snapshot()

    def rounds(count: int) -> tuple[int, int]:
        for index in range(count):
            if index % 10 == 0:
                sim.run()
            elif index % 1_000 == 1:
                sim.run(limit=1_000, trace="blocks")
            else:
                sim.memory.write(0x200280, index.to_bytes(4, "little"))
            sim.restore(start)
        gc.collect()
        return len(gc.get_objects()), resident()

    objects, size = rounds(1_000)
    objects_after, size_after = rounds(10_000)
    assert objects_after - objects < 500
    assert size_after - size < 4 << 20


def resident() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE
    except OSError:
        pytest.skip("this host does not say how much memory a process has")


def test_snapshots_that_are_dropped_leave_nothing(sim: wowsim.Simulation) -> None:
    sim.load(BIN / "createfile.exe")

    def rounds(count: int) -> tuple[int, int]:
        for _ in range(count):
            sim.restore(sim.snapshot())
        gc.collect()
        return len(gc.get_objects()), resident()

    objects, size = rounds(20)
    objects_after, size_after = rounds(200)
    assert objects_after - objects < 100
    assert size_after - size < 4 << 20


def test_the_walk_meets_nothing_it_does_not_know() -> None:
    for program in PROGRAMS[:6]:
        with started(program) as sim:
            sim.run(limit=6_000, trace="calls")
            assert sim.snapshot().objects.foreign == set()


def test_mounts_keep_what_was_written(sim: wowsim.Simulation, tmp_path: Path) -> None:
    sim.files.mount(str(tmp_path), r"C:\work", writable=True)
    sim.load(BIN / "createfile.exe", args=[r"C:\work\new.txt"])
    start = sim.snapshot()
    for _ in range(2):
        assert sim.run().exit_status == 0
        assert (tmp_path / "new.txt").read_bytes() == b"hello from wowsim\n"
        (tmp_path / "new.txt").unlink()
        sim.restore(start)


def test_what_the_caller_added_stays(sim: wowsim.Simulation) -> None:
    sim.load_shellcode(wowsim.assemble32("mov eax, 9; ret"))
    start = sim.snapshot()
    label: Any = sim
    label.note = "mine"
    sim.restore(start)
    assert label.note == "mine"


@pytest.mark.parametrize("what", ["snapshot", "restore"])
def test_not_from_a_callback(sim: wowsim.Simulation, what: str) -> None:
    sim.load(BIN / "createfile.exe")
    start = sim.snapshot()
    use: Callable[[wowsim.Simulation], Any] = {
        "snapshot": lambda s: s.snapshot(),
        "restore": lambda s: s.restore(start),
    }[what]
    watched = sim.at("kernel32!CreateFileW", use)
    with pytest.raises(UsageError, match=r"sim\.stop\(\)"):
        sim.run()
    watched.remove()
    sim.restore(start)
    assert sim.run().reason is StopReason.EXITED


@pytest.mark.parametrize("wrong", [None, 5, "snapshot", object()])
def test_only_snapshots_can_be_restored(sim: wowsim.Simulation, wrong: Any) -> None:
    with pytest.raises(UsageError, match="expected what snapshot"):
        sim.restore(wrong)


def test_a_snapshot_belongs_to_its_simulation(sim: wowsim.Simulation) -> None:
    with wowsim.Simulation() as other:
        foreign = other.snapshot()
    with pytest.raises(UsageError, match="of this Simulation"):
        sim.restore(foreign)
    own = sim.snapshot()
    sim.close()
    with pytest.raises(UsageError, match="closed"):
        sim.restore(own)
    with pytest.raises(UsageError, match="closed"):
        sim.snapshot()
