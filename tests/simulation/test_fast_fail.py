"""Fast fail: the event that a debugger would see, its forms in traces, and what it means in ring 0."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from programs import BIN

import wowsim
from wowsim import FastFailed, StopReason
from wowsim.cli import main
from wowsim.nt.abi import HANDLE, NTSTATUS
from wowsim.nt.exceptions import ExceptionRecord

if TYPE_CHECKING:
    from pathlib import Path

INT29 = bytes.fromhex("b903000000 cd29")  # mov ecx, 3; int 29h


def test_one_event_with_the_state_at_the_instruction() -> None:
    seen: list[tuple[FastFailed, int, bytes]] = []
    with wowsim.Simulation(build="win10-22h2") as sim:
        sim.on(FastFailed, lambda e: seen.append((e, sim.registers.rip, sim.memory.read(e.address, 2))))
        sim.load_shellcode(INT29)
        result = sim.run(trace="calls")
        ((event, rip, code),) = seen
        assert (event.address, event.code, event.name) == (0x200005, 3, "FAST_FAIL_CORRUPT_LIST_ENTRY")
        assert (rip, code, event.bits, event.thread) == (0x200005, b"\xcd\x29", 32, 0x1004)
        assert (event.registers["rcx"], event.registers["rip"], event.registers["cs"]) == (3, 0x200005, 0x23)
        assert event.record == ExceptionRecord(0xC0000409, 0x200005, (3,), flags=1)
        assert result.trace is not None
        assert [e for e in result.trace.events if isinstance(e, FastFailed)] == [event]
        assert (result.reason, result.exit_status, result.address) == (
            StopReason.FAST_FAIL, 0xC0000409, 0x200005,
        )  # fmt: skip


def test_before_windows_8_there_is_no_such_event() -> None:
    with wowsim.Simulation(build="win7sp1") as sim:
        sim.on(FastFailed, lambda event: pytest.fail("an access violation is no fast fail"))
        sim.load_shellcode(INT29)
        assert sim.run().reason is StopReason.UNHANDLED_EXCEPTION


def test_in_a_second_thread() -> None:
    with wowsim.Simulation(build="win10-22h2") as sim:
        sim.load_shellcode(b"\xc3")
        seen: list[int] = []
        sim.on(FastFailed, lambda event: seen.append(event.thread))
        place = sim.call32("kernel32!VirtualAlloc", 0, 0x1000, 0x3000, 0x40)
        sim.memory.write(place, INT29)
        thread = sim.call32("kernel32!CreateThread", 0, 0, place, 0, 0, 0)
        with pytest.raises(wowsim.UsageError, match="FAST_FAIL_CORRUPT_LIST_ENTRY"):
            sim.call32("kernel32!WaitForSingleObject", thread, 0xFFFFFFFF)
        assert seen == [0x1008]


def test_the_trace_ends_with_the_debuggers_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = str(BIN / "fastfail.exe")
    assert main(["trace", "--build", "win8.1", "--format", "text", program]) == 9
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("Subcode: 0x2 FAST_FAIL_STACK_COOKIE_CHECK_FAILURE")
    assert lines[at - 1].endswith("- code c0000409 (!!! second chance !!!)")
    assert lines[at + 1].startswith("eax=")
    assert lines[-1].endswith("int     29h")
    out = tmp_path / "trace.jsonl"
    assert main(["trace", "--build", "win8.1", "--format", "jsonl", "-o", str(out), program]) == 9
    last = json.loads(out.read_text(encoding="utf-8").splitlines()[-1])
    assert (last["type"], last["code"], last["bits"]) == ("fast_fail", 2, 32)
    assert last["registers"]["rip"] == last["address"]


def NtClose(k: Any, handle: HANDLE) -> NTSTATUS:
    """A service that finds a list of its own corrupt."""
    k.fast_fail(3)
    return NTSTATUS(0)


@pytest.mark.parametrize(
    ("build", "status", "detail"),
    [
        ("win7sp1", 0x7F, "UNEXPECTED_KERNEL_MODE_TRAP (7Fh): D, 0, 0, 0"),
        ("win7sp1-x86", 0x7F, "UNEXPECTED_KERNEL_MODE_TRAP (7Fh): D, 0, 0, 0"),
        ("win8.1", 0x139, "KERNEL_SECURITY_CHECK_FAILURE (139h): 3, "),
        ("win10-22h2-x86", 0x139, "KERNEL_SECURITY_CHECK_FAILURE (139h): 3, "),
    ],
)
def test_in_ring_0_it_is_a_bug_check(build: str, status: int, detail: str) -> None:
    with wowsim.Simulation(build=build) as sim:
        sim.kernel.replace(NtClose)
        sim.load(BIN / "createfile.exe")
        result = sim.run()
        assert (result.reason, result.exit_status) == (StopReason.BUG_CHECK, status)
        assert result.detail.startswith(detail)
        assert sim.run().reason is StopReason.BUG_CHECK
        if build == "win8.1":
            trap_frame, record = (int(p, 16) for p in result.detail.split(": ")[1].split(", ")[1:3])
            found = ExceptionRecord.from_bytes(sim.memory.read(record, 0x98), 64)
            assert (found.code, found.parameters) == (0xC0000409, (3,))
            caller = int.from_bytes(sim.memory.read(trap_frame + 0x168, 8), "little")
            assert sim.symbols.name(caller).startswith(("ntdll!NtClose", "ntdll!ZwClose"))


def test_a_bug_check_in_a_call_from_outside_is_the_end() -> None:
    with wowsim.Simulation(build="win10-22h2") as sim:
        sim.load_shellcode(b"\xc3")
        assert sim.call32("kernel32!GetTickCount") > 0
        sim.kernel.replace(NtClose)
        with pytest.raises(wowsim.UsageError, match="KERNEL_SECURITY_CHECK_FAILURE"):
            sim.call32("kernel32!CloseHandle", 4)
        assert sim.run().reason is StopReason.BUG_CHECK
