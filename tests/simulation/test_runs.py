"""Limits, time, determinism, isolation, the descriptor, interventions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from programs import BIN, BUILDS, run

import wowsim
from wowsim import StopReason
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import ACCESS_MASK, HANDLE, LARGE_INTEGER, NTSTATUS, PVOID, ULONG
from wowsim.nt.structures import IO_STATUS_BLOCK, OBJECT_ATTRIBUTES

FAR_JUMP = 0x73852320


@pytest.mark.parametrize("change", [{"long_mode": 0}, {"dpl": 0}], ids=["L cleared", "DPL 0"])
def test_the_gate_faults_with_a_wrong_descriptor(change: dict[str, int]) -> None:
    with wowsim.Simulation() as sim:
        sim.load(BIN / "createfile.exe")
        reached = sim.at(0x7585167F, lambda s: s.stop())
        assert sim.run().reason is StopReason.STOPPED
        reached.remove()
        sim.gdt[0x33] = replace(sim.gdt[0x33], **change)
        result = sim.run()
        assert (result.reason, result.exit_status) == (StopReason.UNHANDLED_EXCEPTION, 0xC0000005)
        assert sim.registers.eip == FAR_JUMP
        assert f"at {FAR_JUMP:X}" in result.detail
        assert not sim.files.exists(r"C:\createfile.txt")


def test_the_seeds_stores_into_the_cpu_area() -> None:
    with wowsim.Simulation() as sim:
        sim.load(BIN / "createfile.exe")
        seen = []

        def at_call(s: wowsim.Simulation) -> None:
            if s.registers.rax == 0x52:
                seen.append((s.memory.read(0x1BFDDC, 4), s.memory.read(0x1BFDE8, 4), s.registers.r13))

        sim.at(0x73852770, at_call)
        sim.run()
        ((eip, esp, r13),) = seen
        assert (eip, r13) == ((0x777F00C2).to_bytes(4, "little"), 0x1BFD20)
        assert 0x50000 < int.from_bytes(esp, "little") < 0x150000


@pytest.mark.parametrize("build", BUILDS)
def test_a_limit_is_exact_and_a_run_continues(build: str) -> None:
    sim, whole = run("helloworld.exe", build)
    sim.close()
    total = whole.instructions
    assert total is not None
    with wowsim.Simulation(build=build) as sim:
        sim.load(BIN / "helloworld.exe")
        executed = 0
        for limit in (0, 1, 2, 3, 200, total // 3):
            result = sim.run(limit=limit)
            assert (result.reason, result.instructions) == (StopReason.LIMIT, limit)
            executed += limit
        result = sim.run(limit=total)
        assert result.reason is StopReason.EXITED
        assert result.instructions == total - executed
        assert result.stdout == b"Hello, World!\r\n"


def test_a_timeout_ends_an_endless_loop_and_the_run_continues() -> None:
    with wowsim.Simulation() as sim:
        sim.load_shellcode(
            wowsim.assemble32("l: inc ecx; cmp dword ptr [0x200100], 0; je l; mov eax, 9; ret")
        )
        assert sim.run(timeout=0.05).reason is StopReason.TIMEOUT
        assert sim.run(limit=1000).reason is StopReason.LIMIT
        sim.memory.write(0x200100, b"\1")
        assert sim.run().exit_status == 9


def test_a_spin_on_the_tick_count_ends_untraced_too() -> None:
    sim, result = run("spin.exe", limit=None)
    with sim:
        assert (result.reason, result.instructions) == (StopReason.EXITED, None)


@pytest.mark.parametrize("program", ["createfile.exe", "k32only.exe", "spin.exe", "gatesyscall.bin"])
@pytest.mark.parametrize("build", BUILDS)
def test_two_runs_are_the_same(program: str, build: str) -> None:
    traces = []
    for _ in range(2):
        sim, result = run(program, build, trace="blocks")
        with sim:
            assert result.trace is not None
            blocks = [(b.address, b.code) for b in result.trace.blocks]
            traces.append((result.trace.calls(), blocks, result.instructions, result.stdout))
    assert traces[0] == traces[1]


def test_two_simulations_do_not_see_each_other() -> None:
    with wowsim.Simulation() as first, wowsim.Simulation(build="win10-22h2") as second:
        first.load(BIN / "createfile.exe")
        second.load(BIN / "helloworld.exe")
        assert first.run(limit=2000).reason is StopReason.LIMIT
        assert second.run(limit=1500).reason is StopReason.LIMIT
        assert first.run(trace="calls").exit_status == 0
        assert second.run().stdout == b"Hello, World!\r\n"
        assert first.files.exists(r"C:\createfile.txt")
        assert not second.files.exists(r"C:\createfile.txt")


@service(Support.FULL)
def NtCreateFile(
    k: object,
    file_handle: wowsim.Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: wowsim.In[OBJECT_ATTRIBUTES],
    io_status_block: wowsim.Out[IO_STATUS_BLOCK],
    allocation_size: wowsim.In[LARGE_INTEGER] | None,
    file_attributes: ULONG,
    share_access: ULONG,
    create_disposition: ULONG,
    create_options: ULONG,
    ea_buffer: PVOID,
    ea_length: ULONG,
) -> NTSTATUS:
    return NTSTATUS(0xC0000022)


def test_a_service_can_be_replaced_in_one_simulation() -> None:
    with wowsim.Simulation() as sim:
        sim.kernel.replace(NtCreateFile)
        sim.load(BIN / "createfile.exe")
        assert sim.run().exit_status == 1
    sim, result = run("createfile.exe")
    with sim:
        assert result.exit_status == 0


def test_a_replacement_that_fits_no_service_is_refused() -> None:
    def NtNoSuchService(k: object) -> NTSTATUS:
        return NTSTATUS(0)

    def NtClose(k: object, handle: NoSuchType) -> NTSTATUS:  # type: ignore[name-defined]  # noqa: F821
        return NTSTATUS(0)

    with wowsim.Simulation() as sim:
        with pytest.raises(wowsim.UsageError, match="NtNoSuchService"):
            sim.kernel.replace(NtNoSuchService)
        with pytest.raises(wowsim.UsageError, match="NoSuchType"):
            sim.kernel.replace(NtClose)


def test_a_fault_of_the_hosts_callback_surfaces() -> None:
    with wowsim.Simulation() as sim:
        sim.load(BIN / "helloworld.exe")
        sim.at(0x73852320, lambda s: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            sim.run()


def test_misuse_is_told_in_one_line() -> None:
    with pytest.raises(wowsim.UsageError, match="win7sp1"):
        wowsim.Simulation(build="win95")
    with wowsim.Simulation() as sim:
        with pytest.raises(wowsim.UsageError, match="nothing is loaded"):
            sim.run()
        with pytest.raises(wowsim.UsageError, match="there is no file"):
            sim.load("no/such/file.exe")
        sim.load(BIN / "helloworld.exe")
        with pytest.raises(wowsim.UsageError, match="loaded already"):
            sim.load(BIN / "helloworld.exe")
        with pytest.raises(wowsim.UsageError, match="trace="):
            sim.run(trace="everything")  # type: ignore[arg-type]


def test_importing_wowsim_loads_no_native_library() -> None:
    import subprocess
    import sys

    code = "import sys, wowsim; sys.exit(any(n in sys.modules for n in ('unicorn', 'capstone', 'keystone', 'pefile')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_stop_inside_a_block_counts_what_ran() -> None:
    with wowsim.Simulation() as sim:
        sim.load_shellcode(
            wowsim.assemble32("mov eax, 1; mov ecx, 2; mov edx, 3; add eax, ecx; add eax, edx; ret")
        )
        sim.at(0x20000A, lambda s: s.stop())
        start = sim.run(limit=10**6)
        assert start.reason is StopReason.STOPPED
        assert (sim.registers.eip, sim.registers.eax, sim.registers.ecx) == (0x20000A, 1, 2)
        stopped = start.instructions
    with wowsim.Simulation() as sim:
        sim.load_shellcode(
            wowsim.assemble32("mov eax, 1; mov ecx, 2; mov edx, 3; add eax, ecx; add eax, edx; ret")
        )
        assert sim.run(limit=stopped).reason is StopReason.LIMIT
        assert sim.registers.eip == 0x20000A


def test_events_of_services_and_memory() -> None:
    seen: list[object] = []
    with wowsim.Simulation() as sim:
        sim.load(BIN / "createfile.exe")
        subscriptions = [sim.on(e, seen.append) for e in (wowsim.SyscallEntered, wowsim.SyscallReturned)]
        changes: list[wowsim.MemoryChanged] = []
        sim.on(wowsim.MemoryChanged, changes.append)
        reached = sim.at(0x7585167F, lambda s: s.stop())
        sim.run()
        before = len(seen)
        assert before > 10
        reached.remove()
        for subscription in subscriptions:
            subscription.remove()
            subscription.remove()
        sim.run()
        assert len(seen) == before
    names = [(type(e).__name__, e.name) for e in seen[:4]]  # type: ignore[attr-defined]
    assert names == [
        ("SyscallEntered", "NtOpenSection"), ("SyscallReturned", "NtOpenSection"),
        ("SyscallEntered", "NtMapViewOfSection"), ("SyscallReturned", "NtMapViewOfSection"),
    ]  # fmt: skip
    assert {"map", "commit"} <= {c.kind for c in changes}
    assert all(c.cause for c in changes)


def test_modules_in_the_seeds_order_and_the_reserved_ranges() -> None:
    with wowsim.Simulation() as sim:
        sim.load(BIN / "createfile.exe")
        sim.run()
        assert [(m.name, m.base, m.end) for m in sim.modules.values()] == [
            ("createfile", 0x200000, 0x206000), ("ntdll", 0x775F0000, 0x77798000), ("ntdll32", 0x777D0000, 0x77950000),
            ("wow64", 0x738C0000, 0x738FF000), ("wow64win", 0x73860000, 0x738BC000),
            ("wow64cpu", 0x73850000, 0x73858000),
            ("kernel32", 0x75840000, 0x75950000), ("KERNELBASE", 0x77330000, 0x77377000),
        ]  # fmt: skip
        kept = {(row.start_vpn, row.end_vpn) for row in sim.vads.rows()}
        assert {(0x773D0, 0x774EE), (0x774F0, 0x775E9)} <= kept


def test_thread_blocks_lie_where_the_seed_has_them() -> None:
    with wowsim.Simulation() as sim:
        sim.load(BIN / "createfile.exe")
        (thread,) = sim.threads
        assert (thread.teb64, thread.teb32) == (0x7EFDB000, 0x7EFDD000)
        assert sim.memory.read(0x7EFDD030, 4) == (0x7EFDE000).to_bytes(4, "little")
        assert sim.memory.read(0x7EFDB060, 8) == (0x7EFDF000).to_bytes(8, "little")
        assert sim.memory.read(0x7EFDC488, 8) == (0x1BFD20).to_bytes(8, "little")


def test_mutated_programs_end_in_a_clear_error_or_a_stop() -> None:
    """Whole-process fuzzing; ``tests/image/test_pe.py`` mutates thousands against the parser alone."""
    import random

    data = (BIN / "helloworld.exe").read_bytes()
    rng = random.Random(20150501)
    refused = ran = 0
    messages: list[str] = []
    for _ in range(120):
        mutated = bytearray(data)
        for _ in range(rng.choice((1, 2, 8))):
            at = rng.randrange(0x80, 0x400) if rng.random() < 0.6 else rng.randrange(len(mutated))
            mutated[at] = rng.randrange(256)
        with wowsim.Simulation(memory=256 << 20) as sim:
            try:
                sim.load(bytes(mutated))
            except (wowsim.UsageError, wowsim.Unsupported) as error:
                refused += 1
                messages.append(str(error))
                continue
            assert sim.run(limit=20_000).reason in StopReason
            ran += 1
    assert refused > 20
    assert not any("\n" in message for message in messages)
    assert ran > 20


@pytest.mark.parametrize("limit", [2500, 2700, 2800, 2950])
def test_a_continued_trace_knows_the_open_frames(limit: int) -> None:
    sim, whole = run("createfile.exe", trace="calls")
    sim.close()
    assert whole.trace is not None
    expected = [(c.name, c.path, c.status) for c in whole.trace.calls()]
    with wowsim.Simulation() as sim:
        sim.load(BIN / "createfile.exe")
        first, second = sim.run(limit=limit, trace="calls"), sim.run(trace="calls")
        assert first.trace is not None
        assert second.trace is not None
        assert [(c.name, c.path, c.status) for c in (*first.trace.calls(), *second.trace.calls())] == expected
        assert first.instructions == limit
        assert second.instructions == (whole.instructions or 0) - limit
