"""Memory rules as guest code meets them: locked ranges, large addresses, copy on write, guard pages, stacks."""

from __future__ import annotations

import itertools
import json

import pytest
from programs import BIN, BUILDS, WOW64, run

import wowsim
from wowsim import MemoryChanged, StopReason
from wowsim.nt import status
from wowsim.nt.builds import BUILDS as BUILD_DATA
from wowsim.trace import jsonl

COMMIT, RESERVE, TOP_DOWN, RELEASE = 0x1000, 0x2000, 0x100000, 0x8000
BOTH = COMMIT | RESERVE
READWRITE, GUARD = 4, 0x104
LOCKED = [0x80000000, 0xFFFF0000, 0x1_00000000, 0x7FF_00000000]


def syscall(number: int, *arguments: str) -> str:
    """A 64-bit SYSCALL of one's own; the status is in EAX. Arguments are registers' sources; [rbp] is free room."""
    registers = ["r10", "rdx", "r8", "r9"]
    moves = [
        f"mov rax, {source}\nmov qword ptr [rsp+{0x28 + 8 * i}], rax"
        for i, source in enumerate(arguments[4:])
    ]
    moves += [f"mov {register}, {source}" for register, source in zip(registers, arguments, strict=False)]
    return "\n".join([*moves, f"mov eax, {number:#x}", "syscall"])


def framed(*body: str) -> bytes:
    """64-bit code with a frame: [rbp] base address, [rbp+8] size, [rbp+16] old protection."""
    lines = ["push rbp", "push rbx", "sub rsp, 0x88", "lea rbp, [rsp+0x60]", *body]
    return wowsim.assemble64("\n".join([*lines, "L_end: add rsp, 0x88", "pop rbx", "pop rbp", "ret"]))


def allocate(build: str, base: int, kind: int, protection: int = READWRITE, size: int = 0x10000) -> list[str]:
    """NtAllocateVirtualMemory at ``base``; afterwards [rbp] is where it went."""
    setup = [f"mov rax, {base:#x}", "mov [rbp], rax", f"mov qword ptr [rbp+8], {size:#x}", "lea rbx, [rbp+8]"]
    number = BUILD_DATA[build].numbers["NtAllocateVirtualMemory"]
    return [*setup, syscall(number, "-1", "rbp", "0", "rbx", f"{kind:#x}", f"{protection:#x}")]


def change(build: str, service: str, base: int, *rest: str) -> list[str]:
    """NtFreeVirtualMemory or NtProtectVirtualMemory of one page at ``base``."""
    setup = [f"mov rax, {base:#x}", "mov [rbp], rax", "mov qword ptr [rbp+8], 0x1000", "lea rbx, [rbp+8]"]
    return [
        *setup,
        "lea rcx, [rbp+16]",
        syscall(BUILD_DATA[build].numbers[service], "-1", "rbp", "rbx", *rest),
    ]


def shellcode(
    code: bytes, build: str = "win7sp1", bits: int = 64
) -> tuple[wowsim.Simulation, wowsim.RunResult]:
    sim = wowsim.Simulation(build=build)
    sim.load_shellcode(code, bits=bits)
    return sim, sim.run(limit=1_000_000, trace="calls")


def locks(sim: wowsim.Simulation) -> list[tuple[int, int]]:
    return [(row.start, row.end) for row in sim.vads if row.cause == "MiInitializeUserNoAccess"]


# ---------------------------------------------------------------- the locked ranges
@pytest.mark.parametrize("build", WOW64)
@pytest.mark.parametrize("kind", [BOTH, RESERVE, COMMIT])
@pytest.mark.parametrize("address", LOCKED, ids=hex)
def test_a_64_bit_syscall_gets_nothing_in_the_locked_ranges(build: str, kind: int, address: int) -> None:
    sim, result = shellcode(framed(*allocate(build, address, kind)), build)
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.EXITED, status.STATUS_CONFLICTING_ADDRESSES)
        assert sim.vads[address].cause == "MiInitializeUserNoAccess"
        call = result.trace.calls("NtAllocateVirtualMemory")[-1]  # type: ignore[union-attr]
        assert not any(frame.startswith(("wow64!", "wow64cpu!")) for frame in call.path[-2:])


@pytest.mark.parametrize("build", WOW64)
def test_the_same_syscall_gets_what_is_free(build: str) -> None:
    sim, result = shellcode(framed(*allocate(build, 0x30000000, BOTH)), build)
    with sim:
        assert result.exit_status == 0
        assert sim.vads[0x30000000].cause == "NtAllocateVirtualMemory"


@pytest.mark.parametrize("build", WOW64)
def test_even_the_highest_answer_to_a_64_bit_syscall_lies_below_2_gb(build: str) -> None:
    code = framed(*allocate(build, 0, BOTH | TOP_DOWN), "mov rax, [rbp]", "shr rax, 16")
    sim, result = shellcode(code, build)
    with sim:
        assert result.exit_status is not None
        assert 0 < result.exit_status < 0x7FFE
        assert sim.vads[result.exit_status << 16].kind == "Private"


@pytest.mark.parametrize(
    ("service", "rest", "expected"),
    [
        ("NtFreeVirtualMemory", (f"{RELEASE:#x}",), status.STATUS_INVALID_PAGE_PROTECTION),
        ("NtProtectVirtualMemory", (f"{READWRITE:#x}", "rcx"), status.STATUS_CONFLICTING_ADDRESSES),
    ],
)
def test_the_lock_itself_cannot_be_changed(service: str, rest: tuple[str, ...], expected: int) -> None:
    sim = wowsim.Simulation()
    with sim:
        sim.load_shellcode(framed(*change("win7sp1", service, 0x80000000, *rest)), bits=64)
        before = locks(sim)
        result = sim.run()
        assert (result.exit_status, locks(sim)) == (expected, before)


# ---------------------------------------------------------------- large addresses
@pytest.mark.parametrize("build", WOW64)
@pytest.mark.parametrize(("program", "status", "above"), [("laa.exe", 1, True), ("nolaa.exe", 0, False)])
def test_only_a_large_address_aware_program_gets_memory_above_2_gb(
    build: str, program: str, status: int, above: bool
) -> None:
    sim, result = run(program, build, trace="calls")
    with sim:
        assert result.exit_status == status
        assert result.trace is not None
        made = [
            e for e in result.trace.events if e.kind == "commit" and e.cause == "NtAllocateVirtualMemory"
        ][-1]
        assert (made.start >= 1 << 31) == above
        assert sim.vads[made.start].kind == "Private"
        assert locks(sim)[0][0] == (0xFFFF0000 if above else 0x7FFF0000)


# ---------------------------------------------------------------- pages
def test_writing_to_an_image_copies_the_page() -> None:
    protect = change("win7sp1", "NtProtectVirtualMemory", 0x400000, f"{READWRITE:#x}", "rcx")
    write = ["mov eax, 0x400010", "mov byte ptr [rax], 0x5A", "movzx eax, byte ptr [rax]", "shl eax, 8"]
    sim = wowsim.Simulation()
    with sim:
        sim.load_shellcode(framed(*protect, *write, "add eax, [rbp+16]"), bits=64)
        before, space = sim.vads[0x400000], sim._machine.space
        vad = space.vads.at(0x400)
        assert vad is not None
        assert vad.section is not None
        frame = vad.section.frames[0]
        shared = space.pages.read_frame(frame, 0, 0x1000)
        assert sim.run().exit_status == 0x5A02  # and the old protection was PAGE_READONLY
        entry = space.pages.entry(0x400)
        assert entry is not None
        assert entry[0] != frame
        assert sim.memory.read(0x400010, 1) == b"\x5a"
        assert space.pages.read_frame(frame, 0, 0x1000) == shared
        assert sim.vads[0x400000].commit == before.commit + 1


def test_the_first_touch_of_a_guard_page_reports_and_opens_it() -> None:
    touch = ["mov rbx, [rbp]", "mov byte ptr [rbx], 1", "mov eax, 7"]
    sim, result = shellcode(framed(*allocate("win7sp1", 0x30000000, BOTH, GUARD), *touch))
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.UNHANDLED_EXCEPTION, 0x80000001)
        assert sim._machine.space.query(0x30000000).protection == READWRITE
        assert sim._machine.space.query(0x30001000).protection == GUARD


def touching(pages: int) -> bytes:
    """Touches ``pages`` pages of the stack, one below the other; returns how much is committed."""
    return wowsim.assemble32(
        f"""mov ecx, {pages}
        mov edx, esp
        L_next: sub edx, 0x1000
        mov dword ptr [edx], ecx
        dec ecx
        jnz L_next
        mov eax, fs:[4]
        sub eax, fs:[8]
        ret 4"""
    )


def test_a_stack_grows_page_by_page() -> None:
    sim, result = shellcode(touching(64), bits=32)
    with sim:
        assert result.reason is StopReason.EXITED, result.detail
        assert result.exit_status is not None
        assert 64 * 0x1000 <= result.exit_status <= 67 * 0x1000
        assert result.trace is not None
        grown = [event for event in result.trace.events if event.cause == "MmAccessFault"]
        assert len(grown) > 40
        assert all((event.kind, event.size) == ("commit", 0x1000) for event in grown)
        assert sim.vads[grown[-1].start].commit == result.exit_status // 0x1000 + 1  # the guard page


def test_a_stack_ends() -> None:
    sim, result = shellcode(wowsim.assemble32("L_again: push eax\njmp L_again"), bits=32)
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.UNHANDLED_EXCEPTION, 0xC00000FD)


def test_beyond_the_guard_page_there_is_nothing() -> None:
    sim, result = shellcode(
        wowsim.assemble32("mov eax, fs:[8]\nmov dword ptr [eax-0x2000], 1\nret 4"), bits=32
    )
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.UNHANDLED_EXCEPTION, 0xC0000005)


# ---------------------------------------------------------------- why memory changed
@pytest.mark.parametrize("build", BUILDS)
def test_every_change_names_the_service_that_was_running(build: str) -> None:
    sim, result = run("k32only.exe", build, trace="calls")
    with sim:
        trace = result.trace
        assert trace is not None
        running = {call.instructions: call.name for call in trace.calls()}
        assert {event.kind for event in trace.events} >= {"map", "reserve", "commit", "protect", "release"}
        for event in trace.events:
            if isinstance(event, MemoryChanged) and event.cause != "MmAccessFault":
                assert event.cause == running[event.instructions]


def test_listeners_hear_the_same() -> None:
    with wowsim.Simulation() as sim:
        heard: list[MemoryChanged] = []
        sim.on(MemoryChanged, heard.append)
        sim.load(BIN / "helloworld.exe")
        created = len(heard)
        assert heard[0].cause == "MmInitializeProcessAddressSpace"
        result = sim.run(trace="calls")
        assert result.trace is not None
        assert heard[created:] == [e for e in result.trace.events if isinstance(e, MemoryChanged)]


def test_what_was_given_back_is_explained() -> None:
    free = change("win7sp1", "NtFreeVirtualMemory", 0x30004000, f"{RELEASE:#x}")
    sim, result = shellcode(framed(*allocate("win7sp1", 0x30000000, BOTH), *free))
    with sim:
        assert result.exit_status == 0
        assert (
            sim.vads.explain(0x30004000)
            == "30004000 is free: NtFreeVirtualMemory gave 30004000-30004FFF back."
        )
        assert "NtAllocateVirtualMemory made 30000000-30003FFF" in sim.vads.explain(0x30000000)
        assert sim.vads[0x30005000].start == 0x30005000


def test_json_lines_have_changes_behind_their_calls() -> None:
    sim, result = run("helloworld.exe", trace="calls")
    with sim:
        trace = result.trace
        assert trace is not None
        text = jsonl.lines(trace.calls(), trace.events, build="b", seed=0, program="p", version="v")
        rows = [json.loads(line) for line in text]
    changes = [(before, row) for before, row in itertools.pairwise(rows) if row["type"] == "memory"]
    assert len(changes) == len(trace.events)
    assert all(row["cause"] in (before.get("name"), before.get("cause")) for before, row in changes)
    assert [row["index"] for row in rows if row["type"] == "call"] == list(range(len(trace.calls())))
