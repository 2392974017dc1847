from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import BIN, BUILDS, run

import wowsim
from wowsim.errors import StopReason, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

OUTPUT = {
    "threads.exe": b"2000 2000 60 8 ok\n",
    "apc.exe": b"apcs ran\n",
    "waits.exe": b"waits ended\n",
    "manythreads.exe": b"",
    "dllthreads.exe": b"",
}


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("program", OUTPUT)
def test_programs_with_threads(program: str, build: str) -> None:
    sim, result = run(program, build)
    with sim:
        assert (result.reason, result.exit_status, result.stdout) == (StopReason.EXITED, 0, OUTPUT[program])
        assert sim.threads == []


def test_an_uncounted_run_takes_turns_too() -> None:
    sim, result = run("threads.exe", limit=None)
    with sim:
        assert (result.stdout, result.instructions) == (OUTPUT["threads.exe"], None)


@pytest.mark.parametrize("build", BUILDS)
def test_a_deadlock_names_who_waits_for_what(build: str) -> None:
    sim, result = run("deadlock.exe", build)
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.DEADLOCK, None)
        assert result.detail == (
            r"thread 1004 waits for mutant \BaseNamedObjects\second that thread 1008 owns; "
            r"thread 1008 waits for mutant \BaseNamedObjects\first that thread 1004 owns"
        )
        assert [thread.id for thread in sim.threads] == [0x1004, 0x1008]
        assert sim.run().reason is StopReason.DEADLOCK


@pytest.mark.parametrize("seed", range(6))
def test_many_seeds_give_the_same_result(seed: int) -> None:
    """Turns of other lengths, from a few blocks to milliseconds."""
    with wowsim.Simulation(seed=seed, quantum=(100, 1_000, 30_000)[seed % 3]) as sim:
        sim.load(BIN / "threads.exe")
        result = sim.run(limit=50_000_000)
        assert (result.exit_status, result.stdout) == (0, OUTPUT["threads.exe"])


def test_two_runs_switch_at_the_same_places() -> None:
    def ways() -> list[tuple[int, str | None, int | None, tuple[str, ...]]]:
        with wowsim.Simulation(seed=3, quantum=500) as sim:
            sim.load(BIN / "threads.exe")
            trace = sim.run(limit=400_000, trace="calls").trace
            assert trace is not None
            return [(call.thread, call.name, call.instructions, call.path) for call in trace.calls()]

    first = ways()
    assert first == ways()
    assert len({thread for thread, *_ in first}) == 5


def test_pieces_of_a_run_switch_where_the_whole_does() -> None:
    def calls(pieces: int) -> Iterator[tuple[int, str | None, int | None]]:
        with wowsim.Simulation(seed=1, quantum=300) as sim:
            sim.load(BIN / "threads.exe")
            for _ in range(300_000 // pieces):
                trace = sim.run(limit=pieces, trace="calls").trace
                assert trace is not None
                yield from ((call.thread, call.name, call.status) for call in trace.calls())

    whole = list(calls(300_000))
    # a piece may end inside a service: its call is then without a status in one piece
    assert [c[:2] for c in calls(60_000)] == [c[:2] for c in whole]
    assert len(whole) > 200


def test_a_waiting_call_has_its_own_status_and_path() -> None:
    sim, result = run("threads.exe", trace="calls")
    with sim:
        assert result.trace is not None
        waits = result.trace.calls("NtWaitForMultipleObjects")
        assert [call.status for call in waits[:2]] == [0x102, waits[1].status]
        assert all(call.path[0] == "kernel32!WaitForMultipleObjects" for call in waits)
        keyed = result.trace.calls("NtWaitForKeyedEvent")
        assert keyed
        assert {call.path[0] for call in keyed} == {"ntdll32!RtlEnterCriticalSection"}
        assert all(call.status == 0 for call in result.trace.calls("NtWaitForKeyedEvent"))


def test_two_hundred_threads_leave_nothing_behind() -> None:
    with wowsim.Simulation() as sim:
        sim.load(BIN / "manythreads.exe", ["200"])
        reached = sim.at("kernel32!CreateEventW", lambda sim: sim.stop())
        sim.run()
        before = [(row.start, row.end) for row in sim.vads.rows()]
        reached.remove()
        at_end = sim.at("kernel32!ExitProcess", lambda sim: sim.stop())
        assert sim.run(limit=50_000_000).reason is StopReason.STOPPED
        at_end.remove()
        assert len(sim.threads) == 1
        assert [(row.start, row.end) for row in sim.vads.rows()] == before
        assert sim.run().exit_status == 0


def test_memory_for_a_thread_may_be_missing() -> None:
    """The program is told, not the caller: step 2 failed."""
    with wowsim.Simulation(memory=24 << 20) as sim:
        sim.load(BIN / "manythreads.exe", ["1000"])
        result = sim.run(limit=50_000_000)
        assert (result.reason, result.exit_status) == (StopReason.EXITED, 2)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=20))
def test_a_switch_at_any_instruction_changes_nothing(gaps: list[int]) -> None:
    """The other threads spin meanwhile; the first one's registers stay what they are."""
    code = wowsim.assemble32(
        "mov eax, 1; mov ecx, 500; L: imul eax, eax, 0x41c64e6d; add eax, 0x3039; loop L; nop; ret"
    )
    alone = _result(code, [])
    assert _result(code, gaps) == alone


def _result(code: bytes, gaps: list[int]) -> dict[str, int]:
    """The registers at the last instruction but one."""
    with wowsim.Simulation(quantum=10**9) as sim:
        sim.load_shellcode(code)
        with sim.at(0x200000, lambda sim: sim.stop()):
            sim.run()
        if gaps:
            spin = sim.call32("kernel32!VirtualAlloc", 0, 0x1000, 0x3000, 0x40)
            sim.memory.write(spin, bytes.fromhex("40 f30f10c8 d9e8 ddd8 4a ebf5"))  # x87 and SSE too
            for _ in range(2):
                assert sim.call32("kernel32!CreateThread", 0, 0, spin, 0, 0, 0)
        machine = sim._machine
        assert machine.threads is not None
        with sim.at(0x200000 + len(code) - 2, lambda sim: sim.stop()):
            for gap in [*gaps, 10**9]:
                result = sim.run(limit=gap)
                if result.reason is StopReason.STOPPED:
                    return {**machine.core.read_all(), "cr2": 0}
                machine.kernel.scheduler.current.slice = 0
                machine.threads.reschedule(end_of_turn=True)
                while gap == gaps[-1] and machine.kernel.thread.id != 0x1004:
                    machine.kernel.scheduler.current.slice = 0
                    machine.threads.reschedule(end_of_turn=True)
    raise AssertionError("the code did not end")


def test_call32_while_others_wait() -> None:
    with wowsim.Simulation() as sim:
        sim.load(BIN / "threads.exe")
        reached = sim.at("kernel32!WaitForMultipleObjects", lambda sim: sim.stop())
        sim.run()
        reached.remove()
        assert len(sim.threads) == 5
        assert sim.call32("kernel32!GetCurrentThreadId") == 0x1004
        event = sim.call32("kernel32!CreateEventW", 0, 0, 0, 0)
        assert sim.call32("kernel32!WaitForSingleObject", event, 50) == 0x102
        with pytest.raises(UsageError, match="waits for an unnamed event"):
            # every other thread waits for the gate by now
            sim.call32("kernel32!WaitForSingleObject", event, 0xFFFFFFFF)
        assert sim.run(limit=50_000_000).stdout == OUTPUT["threads.exe"]


def test_wrong_quantum() -> None:
    with pytest.raises(UsageError, match="quantum=0"):
        wowsim.Simulation(quantum=0)


@pytest.mark.parametrize("build", ["win7sp1", "win10-22h2", "winxp-x86", "win7sp1-x86"])
def test_nt_create_thread_takes_stack_and_context(build: str) -> None:
    """As programs from before Vista and injectors call it: in a context of their own, on a stack of their own."""
    with wowsim.Simulation(build=build) as sim:
        sim.load_shellcode(b"\xc3")
        stack = sim.call32("kernel32!VirtualAlloc", 0, 0x11000, 0x3000, 0x40)
        data, top = stack, stack + 0x10000
        ntdll = "ntdll32" if "ntdll32" in sim.modules else "ntdll"
        code = wowsim.assemble32(
            f"mov eax, fs:[4]; sub eax, esp; lea eax, [eax+ecx+0x100]; push eax;"
            f"mov eax, {sim.symbols.address(f'{ntdll}!RtlExitUserThread'):#x}; call eax",
            top,
        )
        sim.memory.write(top, code)
        context = bytearray(0x2CC)
        for at, value in {0: 0x10003, 0xAC: 7, 0xB8: top, 0xC0: 0x202, 0xC4: top - 0x40}.items():
            context[at : at + 4] = value.to_bytes(4, "little")
        sim.memory.write(data, bytes(context))
        sim.memory.write(data + 0x300, b"".join(v.to_bytes(4, "little") for v in (0, 0, top, stack, stack)))
        arguments = (data + 0x320, 0x1F03FF, 0, -1 & 0xFFFFFFFF, data + 0x328, data, data + 0x300, 0)
        assert sim.call32(f"{ntdll}!ZwCreateThread", *arguments) == 0
        handle, process, thread = (
            int.from_bytes(sim.memory.read(data + at, 4), "little") for at in (0x320, 0x328, 0x32C)
        )
        assert (process, thread) == (0x1000, sim.threads[-1].id)
        assert sim.call32("kernel32!WaitForSingleObject", handle, 1000) == 0
        assert sim.call32("kernel32!GetExitCodeThread", handle, data + 0x340) == 1
        assert int.from_bytes(sim.memory.read(data + 0x340, 4), "little") == 0x40 + 7 + 0x100
        assert sim.call32("kernel32!VirtualFree", stack, 0, 0x8000) == 1  # its maker's to free
