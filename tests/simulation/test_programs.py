"""Whole programs on both builds: exit status, output, files."""

from __future__ import annotations

import pytest
from programs import BIN, BUILDS, NATIVE, WOW64, run

import wowsim
from wowsim import StopReason

EXITS = {
    "createfile.exe": 0, "helloworld.exe": 0, "ntonly.exe": 42, "k32only.exe": 0, "args.exe": 1, "exitcode.exe": 7,
    "tls.exe": 0, "noreloc.exe": 0, "reloc.exe": 0, "usedll.exe": 0, "iathook.exe": 0, "inlinehook.exe": 0,
    "directnt.exe": 0, "fshook.exe": 0, "turbohook.exe": 0, "laa.exe": 1, "nolaa.exe": 0, "peb.exe": 33,
    "spin.exe": 0, "gate.bin": 0x11223344, "gatesyscall.bin": 0xC0000008, "peb.bin": 33, "callfar.bin": 0x42,
}  # fmt: skip
GATES = ("fshook.exe", "turbohook.exe", "gate.bin", "gatesyscall.bin", "callfar.bin")
"""What wants a gate; the DLLs of the hooks exit with 77 where there is none."""


@pytest.mark.parametrize("build", NATIVE)
@pytest.mark.parametrize("program", [p for p in EXITS if p not in (*GATES, "laa.exe")])
def test_exit_status_on_32_bit_windows(program: str, build: str) -> None:
    sim, result = run(program, build)
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.EXITED, EXITS[program]), result.detail


@pytest.mark.parametrize("build", WOW64)
@pytest.mark.parametrize("program", EXITS)
def test_exit_status(program: str, build: str) -> None:
    sim, result = run(program, build)
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.EXITED, EXITS[program]), result.detail


@pytest.mark.parametrize(("build", "status"), [("win7sp1", 77), ("win10-22h2", 0), ("win10-22h2-x86", 77)])
def test_wow64transition_exists_from_windows_10(build: str, status: int) -> None:
    sim, result = run("wow64transition.exe", build)
    with sim:
        assert result.exit_status == status


@pytest.mark.parametrize("build", BUILDS)
def test_files_and_output(build: str) -> None:
    sim, _ = run("createfile.exe", build)
    with sim:
        assert sim.files.read(r"C:\createfile.txt") == b"hello from wowsim\n"
    sim, result = run("helloworld.exe", build)
    with sim:
        assert result.stdout == b"Hello, World!\r\n"
    sim, result = run("args.exe", build, "a b", 'c"d', "")
    with sim:
        assert result.exit_status == 4
        assert result.stdout.splitlines()[1:4] == [b"[1] a b", b'[2] c"d', b"[3] "]


def test_environment_directory_and_input() -> None:
    with wowsim.Simulation() as sim:
        sim.load(BIN / "args.exe", env={"WOWSIM_TEST": "x y"}, cwd="C:\\Temp", stdin=b"input")
        assert b"WOWSIM_TEST" in sim.run().stdout


def test_a_program_given_as_bytes() -> None:
    with wowsim.Simulation() as sim:
        sim.load((BIN / "helloworld.exe").read_bytes(), name="hello.exe")
        assert sim.run().stdout == b"Hello, World!\r\n"
        assert sim.files.list("C:\\app") == ["hello.exe"]


def test_the_programs_own_folder_is_read_only() -> None:
    sim, _ = run("createfile.exe", "win7sp1", "C:\\app\\created.txt")
    with sim:
        assert not (BIN / "created.txt").exists()


@pytest.mark.parametrize(
    ("program", "code", "symbol"),
    [
        ("fault_read.exe", 0xC0000005, "read"), ("fault_write.exe", 0xC0000005, "write"),
        ("fault_exec.exe", 0xC0000005, "execute"), ("div0.exe", 0xC0000094, ""), ("ud2.exe", 0xC000001D, ""),
        ("int3.exe", 0x80000003, ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("build", BUILDS)
def test_faults_end_the_run_at_their_exact_address(program: str, code: int, symbol: str, build: str) -> None:
    sim, result = run(program, build)
    with sim:
        assert (result.reason, result.exit_status) == (StopReason.UNHANDLED_EXCEPTION, code)
        at = next(m for m in sim.modules.values() if not m.image.system)
        expected = at.base + at.image.export_by_name["fault_at"].rva
        assert result.address == expected
        assert f"at {expected:X}" in result.detail
        assert symbol in result.detail


@pytest.mark.parametrize(
    ("build", "reason", "status"),
    [
        ("win7sp1", StopReason.EXITED, 29),
        ("win10-22h2", StopReason.FAST_FAIL, 0xC0000409),
        ("win7sp1-x86", StopReason.EXITED, 29),
        ("win8.1-x86", StopReason.FAST_FAIL, 0xC0000409),
    ],
)
def test_fast_fail_is_the_builds(build: str, reason: StopReason, status: int) -> None:
    sim, result = run("fastfail.exe", build)
    with sim:
        assert (result.reason, result.exit_status) == (reason, status)


def test_64_bit_shellcode() -> None:
    # gs:[30h] is the 64-bit TEB, its first pointer the 32-bit one
    code = bytes.fromhex("65488b042530000000 488b00") + wowsim.assemble64(
        "mov ecx, [rax+0x18]; sub eax, ecx; add eax, 5; ret"
    )
    with wowsim.Simulation() as sim:
        sim.load_shellcode(code, bits=64)
        result = sim.run()
        assert result.reason is StopReason.EXITED
        assert result.exit_status == 5


def test_call32() -> None:
    with wowsim.Simulation() as sim:
        sim.load(BIN / "helloworld.exe")
        add = wowsim.assemble32("mov eax, [esp+4]; add eax, [esp+8]; ret")
        address = sim.call32("kernel32!VirtualAlloc", 0, 0x1000, 0x3000, 0x40)
        sim.memory.write(address, add)
        assert sim.call32(address, 40, 2) == 42
        with pytest.raises(wowsim.UsageError, match="NoSuch"):
            sim.call32("kernel32!NoSuch")
        assert sim.run().stdout == b"Hello, World!\r\n"


@pytest.mark.parametrize("build", BUILDS)
def test_missing_imports_are_named_all_at_once(build: str) -> None:
    with wowsim.Simulation(build=build) as sim, pytest.raises(wowsim.UsageError) as error:
        sim.load(BIN / "missing.exe")
    assert all(name in str(error.value) for name in ("NoSuchFunctionA", "NoSuchFunctionB", "nosuch.dll!X"))
    assert "\n" not in str(error.value)
