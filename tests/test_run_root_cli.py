"""``wowsim run --sysroot``: arguments, environment, folders and standard input through the real DLLs."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pytest

from roots import ROOTS, fetched
from wowsim import Simulation, StopReason
from wowsim.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.simulation.progress import Progress

BIN = Path(__file__).parent.parent / "fixtures" / "bin"
CMD = r"C:\windows\syswow64\cmd.exe"

pytestmark = pytest.mark.parametrize("root", ROOTS)


def command(root: str, *words: str) -> list[str]:
    fetched(root)
    return [sys.executable, "-m", "wowsim", "run", "--sysroot", root, *words]


def run(root: str, *words: str, stdin: bytes = b"") -> tuple[int, list[str], str]:
    """Exit code, lines of stdout, stderr."""
    done = subprocess.run(command(root, *words), input=stdin, capture_output=True, timeout=120, check=False)
    return done.returncode, done.stdout.decode("cp437").splitlines(), done.stderr.decode()


def test_what_a_c_program_finds(root: str) -> None:
    arguments = ["a b", 'say "x"', "", "e\\", "f g\\", '\\"', "*.txt"]
    words = ["--env", "WOWSIM_TEST=v w", "--cwd", r"C:\Temp", str(BIN / "crt.exe"), *arguments]
    code, lines, err = run(root, *words, stdin=b"one\ntwo\r\nthree")
    assert (code, err) == (8, "")
    assert lines == [
        r"[0] C:\app\crt.exe",
        *(f"[{i}] {word}" for i, word in enumerate(arguments, 1)),
        "WOWSIM_TEST=v w",
        r"in C:\Temp",
        "1: one",
        "2: two",
        "3: three",
    ]


def test_cmd_inherits_environment_and_folder(root: str, tmp_path: Path) -> None:
    words = [
        "--env",
        "WOWSIM_TEST=x",
        "--unset",
        "username",
        "--mount",
        f"{tmp_path}=C:\\work",
        "--cwd",
        r"C:\work",
    ]
    code, lines, err = run(root, *words, CMD, "/c", "set & cd")
    assert (code, err) == (0, "")
    assert "WOWSIM_TEST=x" in lines
    assert not any(line.upper().startswith("USERNAME=") for line in lines)
    assert r"systemroot=c:\windows" in [line.lower() for line in lines]
    assert not set(os.environ.values()) & {line.partition("=")[2] for line in lines if len(line) > 24}
    assert lines[-1] == r"C:\work"


def test_cmd_reads_commands(root: str) -> None:
    code, lines, err = run(root, CMD, stdin=b"set X=seen\r\necho %X%\r\nexit 3\r\n")
    assert (code, err) == (3, "")
    assert any(line.endswith("seen") for line in lines)


def test_programs_of_the_root_read_standard_input(root: str) -> None:
    assert run(root, r"C:\windows\syswow64\find.exe", "a", stdin=b"b\r\na\r\nabc\r\n") == (
        0,
        ["a", "abc"],
        "",
    )


def test_output_and_input_pass_while_it_runs(root: str) -> None:
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command(root, str(BIN / "crt.exe")), **streams) as process:  # type: ignore[call-overload]
        for expected in (b"[0]", b"WOWSIM", b"in "):
            assert process.stdout.readline().startswith(expected)
        for number, line in enumerate((b"first\n", b"second\n"), 1):
            process.stdin.write(line)
            process.stdin.flush()
            assert process.stdout.readline().split() == [b"%d:" % number, line.strip()]
        process.stdin.close()
        assert process.wait(60) == 1


def test_a_timeout_ends_waiting_for_input(root: str) -> None:
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    words = command(root, "--timeout", "3", str(BIN / "crt.exe"))
    with subprocess.Popen(words, **streams) as process:  # type: ignore[call-overload]
        assert process.wait(60) == 125
        assert process.stderr.read() == b"wowsim: timeout: not finished after 3 s\n"


def test_mounts(root: str, tmp_path: Path) -> None:
    write = r"echo written> C:\work\file.txt"
    _, _, err = run(root, "--mount", f"{tmp_path}=C:\\work", CMD, "/c", write)
    assert (err.strip(), list(tmp_path.iterdir())) == ("Write protected.", [])
    code, _, err = run(root, "--mount", f"{tmp_path}=C:\\work:rw", CMD, "/c", write)
    assert (code, err) == (0, "")
    assert (tmp_path / "file.txt").read_bytes() == b"written\r\n"
    mount = ("--mount", f"{tmp_path}=C:\\work", "--cwd", r"C:\work")
    assert run(root, *mount, CMD, "/c", "type file.txt") == (0, ["written"], "")


def test_a_program_in_a_mount(root: str) -> None:
    code, lines, err = run(root, "--mount", f"{BIN}=C:\\work", "--cwd", "C:\\work", r"C:\work\crt.exe", "x")
    assert (code, lines[:2], err) == (2, [r"[0] C:\work\crt.exe", "[1] x"], "")


@pytest.mark.parametrize("program", ["usedll.exe", r"C:\work\usedll.exe"])
def test_dlls_lie_beside_the_program(root: str, program: str) -> None:
    words = [str(BIN / program)] if "\\" not in program else ["--mount", f"{BIN}=C:\\work", program]
    assert run(root, *words) == (0, [], "")


def test_a_program_of_64_bits(root: str) -> None:
    assert run(root, r"C:\windows\system32\hostname.exe") == (0, ["WOWSIM"], "")


def test_the_address_space_of_a_program_with_a_root(root: str, capfd: pytest.CaptureFixture[str]) -> None:
    fetched(root)
    assert main(["vad", "--sysroot", root, str(BIN / "crt.exe")]) == 0
    shown = capfd.readouterr().out.lower()
    for image in (r"\app\crt.exe", r"\windows\syswow64\msvcrt.dll", r"\windows\system32\wow64.dll"):
        assert image in shown


CHILD = ("--mount", f"{BIN}=C:\\work", "--cwd", "C:\\work")


@contextmanager
def child(root: str, line: str, stdin: bytes | BinaryIO = b"") -> Iterator[Simulation]:
    """A program that cmd.exe starts."""
    fetched(root)
    with Simulation(sysroot=root) as sim:
        sim.files.mount(BIN, "C:\\work")
        sim.load(CMD, ["/c", line], cwd="C:\\work", stdin=stdin)
        yield sim


def test_a_child_has_the_streams_of_its_parent(root: str) -> None:
    with child(root, "crt.exe x", b"one\ntwo\n") as sim:
        result = sim.run(timeout=300)
    assert (result.reason, result.exit_status, result.stderr) == (StopReason.EXITED, 2, b"")
    lines = result.stdout.splitlines()
    assert (lines[:2], lines[-3:]) == ([b"[0] crt.exe", b"[1] x"], [b"in C:\\work", b"1: one", b"2: two"])


def test_limits_hold_for_children(root: str) -> None:
    told: list[Progress] = []
    with child(root, "greedy.exe spin") as sim:
        sim.on_progress(told.append, after=0, every=0)
        while not told or told[-1].module != "greedy":
            assert sim.run(timeout=2).reason is StopReason.TIMEOUT
        result = sim.run(limit=3_000_000)
        assert (result.reason, result.instructions) == (StopReason.LIMIT, 3_000_000)
        assert (told[-1].module, told[-1].instructions) == ("greedy", 3_000_000)
        assert max(each.calls for each in told) > 0


def test_limits_hold_for_children_that_outlive_their_parent(root: str) -> None:
    with child(root, "start /b greedy.exe spin") as sim:
        while not sim._machine.kernel.process.ended:
            assert sim.run(timeout=2).reason is StopReason.TIMEOUT
        result = sim.run(timeout=0.5)
        assert (result.reason, result.detail[:15]) == (StopReason.TIMEOUT, "child processes")
        result = sim.run(limit=1_000_000)
        assert (result.reason, result.instructions) == (StopReason.LIMIT, 1_000_000)


def test_a_child_that_waits_for_ever_is_a_deadlock(root: str) -> None:
    with child(root, "greedy.exe sleep") as sim:
        assert sim.run(timeout=300).reason is StopReason.DEADLOCK


def test_a_timeout_ends_a_childs_waiting_for_input(root: str) -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as stdin, child(root, "crt.exe", stdin) as sim:
        while not (result := sim.run(timeout=2)).stdout.endswith(b"in C:\\work\r\n"):
            assert result.reason is StopReason.TIMEOUT
        assert sim.run(timeout=0.5).reason is StopReason.TIMEOUT
        os.write(writing, b"line\n")
        os.close(writing)
        result = sim.run(timeout=300)
    assert (result.reason, result.exit_status) == (StopReason.EXITED, 1)
    assert result.stdout.endswith(b"1: line\r\n")


def test_services_to_trace_are_the_roots(root: str, capfd: pytest.CaptureFixture[str]) -> None:
    fetched(root)
    trace = ("trace", "--sysroot", root, "--format", "path")
    assert main([*trace, "--call", "ZwCreateFile", str(BIN / "createfile.exe")]) == 0
    path = capfd.readouterr().out.split()
    assert (path[0], path[-1]) == ("kernel32!CreateFileW", "ntdll!NtCreateFile")
    assert main([*trace, "--call", "NtNope", str(BIN / "createfile.exe")]) == 125
    assert capfd.readouterr().err == f"wowsim: {root} has no service 'NtNope'\n"
    assert main([*trace, "--call", "wine_nt_to_unix_file_name", str(BIN / "createfile.exe")]) == 0
