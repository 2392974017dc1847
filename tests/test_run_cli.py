"""``wowsim run`` as a process: its streams, signals, mounts, environment and the line that tells of a long run."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from wowsim.cli import main
from wowsim.cli_progress import ERASE, ProgressLine
from wowsim.simulation.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(__file__).parent.parent / "fixtures" / "bin"
posix = pytest.mark.skipif(os.name == "nt", reason="the test uses POSIX's signals or terminals")


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "wowsim", "run", *words]


def program(name: str) -> str:
    return str(BIN / name)


def run(*words: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    """Exit code, stdout, stderr of a process of its own."""
    done = subprocess.run(command(*words), input=stdin, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


# ------------------------------------------------------------ standard input
def test_a_pipe_is_read_line_by_line() -> None:
    assert run(program("cat.exe"), stdin=b"one\ntwo\nthree") == (0, b"one\ntwo\nthree", b"...")
    assert run(program("cat.exe"), "2", stdin=b"one\n") == (0, b"one\n", b"..")
    assert run(program("cat.exe")) == (0, b"", b"")


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"one\ntwo\n" * 600)
    assert run("--stdin", str(tmp_path / "in"), program("cat.exe")) == (0, b"one\ntwo\n" * 600, b"..")
    with (tmp_path / "in").open("rb") as file:
        done = subprocess.run(command(program("cat.exe")), stdin=file, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"one\ntwo\n" * 600, b"..")


def test_minus_is_the_hosts_own() -> None:
    assert run("--stdin", "-", program("cat.exe"), stdin=b"x") == (0, b"x", b".")


@pytest.fixture
def talk() -> Iterator[Any]:
    """Starts a program whose standard input stays open."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str, **options: Any) -> subprocess.Popen[bytes]:
        streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | options
        # where the tests run in the background SIGINT is ignored, which a child would inherit
        options = (
            {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)} if os.name == "posix" else {}
        )
        process: subprocess.Popen[bytes] = subprocess.Popen(command(*words), **streams, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def test_output_and_input_pass_while_it_runs(talk: Any) -> None:
    process = talk(program("cat.exe"))
    for line in (b"first\n", b"second\n"):
        process.stdin.write(line)
        process.stdin.flush()
        assert process.stdout.readline() == line
    process.stdin.close()
    assert process.wait(60) == 0


def test_what_the_program_does_not_read_stays(talk: Any) -> None:
    assert talk(program("exitcode.exe"), "3").wait(60) == 3
    out = subprocess.run(
        ["sh", "-c", f"{' '.join(command(program('exitcode.exe'), '0'))}; cat"],
        input=b"left\n", capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert out == b"left\n"


def test_a_timeout_ends_waiting_for_input(talk: Any) -> None:
    process = talk("--timeout", "1", program("cat.exe"))
    assert process.wait(60) == 125
    assert process.stderr.read() == b"wowsim: timeout: not finished after 1 s\n"


@posix
def test_an_interrupt_ends_waiting_for_input(talk: Any) -> None:
    process = talk(program("cat.exe"))
    process.stdin.write(b"here\n")
    process.stdin.flush()
    assert (process.stdout.readline(), process.stderr.read(1)) == (b"here\n", b".")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert process.stderr.read() == b"wowsim: interrupted\n"


@posix
def test_a_terminal_gives_lines_that_end_as_a_consoles(talk: Any) -> None:
    ours, theirs = os.openpty()
    process = talk(program("cat.exe"), stdin=theirs)
    os.close(theirs)
    os.write(ours, b"typed\n")
    assert process.stdout.readline() == b"typed\r\n"
    os.write(ours, b"\x04")
    assert process.wait(60) == 0
    os.close(ours)


# ------------------------------------------------------------ how it ends
@posix
def test_nobody_reads_on() -> None:
    words = " ".join(command(program("cat.exe"), "1"))
    done = subprocess.run(
        ["bash", "-c", f"yes | {words} 2>/dev/null | head -n 1; echo ${{PIPESTATUS[1]}}"],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (b"y\n141\n", b"")


def test_a_deadlock_is_told() -> None:
    code, out, err = run(program("deadlock.exe"))
    assert (code, out) == (125, b"")
    assert re.fullmatch(rb"wowsim: deadlock: thread \w+ waits for mutant .*\n", err)


def test_limits_have_suffixes() -> None:
    assert run("--limit", "1k", program("helloworld.exe"))[0] == 125
    assert run("--limit", "1M", program("helloworld.exe"))[:2] == (0, b"Hello, World!\r\n")
    assert run("--memory", "64M", program("helloworld.exe"))[:2] == (0, b"Hello, World!\r\n")


# ------------------------------------------------------------ what the program finds
def test_environment() -> None:
    for words, expected in (
        (["--env", "WOWSIM_TEST=a=b"], b"WOWSIM_TEST=a=b"),
        (["--env", "wowsim_test=x", "--env", "WOWSIM_TEST=y"], b"WOWSIM_TEST=y"),
        (["--env", "WOWSIM_TEST=x", "--unset", "Wowsim_Test"], b"WOWSIM_TEST is not set"),
        (["--unset", "WOWSIM_TEST", "--env", "WOWSIM_TEST=z"], b"WOWSIM_TEST=z"),
    ):
        code, out, _ = run(*words, program("args.exe"))
        assert (code, out.splitlines()[-1]) == (1, expected)


def test_the_host_folder_is_the_current_directory(tmp_path: Path) -> None:
    done = subprocess.run(
        command("--mount", ".=C:\\work:rw", "--cwd", "C:\\work", program("createfile.exe"), "new.txt"),
        cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert (tmp_path / "new.txt").read_bytes() == b"hello from wowsim\n"


@pytest.mark.parametrize("suffix", ["", ":ro"])
def test_a_mount_is_read_only(tmp_path: Path, suffix: str) -> None:
    words = ("--mount", f"{tmp_path}=C:\\work{suffix}", program("createfile.exe"), "C:\\work\\new.txt")
    assert run(*words)[0] != 0
    assert list(tmp_path.iterdir()) == []


def test_a_program_of_the_guest() -> None:
    mount = ("--mount", f"{BIN}=C:\\work")
    code, out, _ = run(*mount, "C:\\WORK\\args.exe", "x")
    assert (code, out.splitlines()[:2]) == (2, [b"[0] C:\\WORK\\args.exe", b"[1] x"])
    assert run(*mount, "C:/work/usedll.exe")[0] == 0  # its DLL lies beside it
    assert main(["vad", *mount, "--step", "running", "C:\\work\\args.exe"]) == 0


# ------------------------------------------------------------ the line that tells of a long run
def terminal_output(*words: str) -> bytes:
    """What a terminal behind standard error gets."""
    ours, theirs = os.openpty()
    with subprocess.Popen(command(*words), stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        found = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # EIO: the other end is closed
                break
            found += piece
        process.wait()
    os.close(ours)
    return found


@posix
def test_a_terminal_shows_how_a_long_run_goes() -> None:
    written = terminal_output("--timeout", "3", program("regloop.exe"), "0xfffffff0")
    lines = written.decode().split(ERASE)
    assert len(lines) >= 3
    assert lines[0] == ""
    assert all(re.fullmatch(r"wowsim: \d\.\d s, \d+ calls, in regloop", line) for line in lines[1:-1])
    assert lines[-1] == "wowsim: timeout: not finished after 3 s\r\n"


@posix
def test_it_can_be_turned_off() -> None:
    written = terminal_output("--no-progress", "--timeout", "2.5", program("regloop.exe"), "0xfffffff0")
    assert written == b"wowsim: timeout: not finished after 2.5 s\r\n"


def test_it_is_off_where_no_terminal_is() -> None:
    words = ("--timeout", "2.5", program("regloop.exe"), "0xfffffff0")
    assert run(*words)[2] == b"wowsim: timeout: not finished after 2.5 s\n"
    assert ERASE.encode() in run("--progress", "--limit", "100G", *words)[2]


def test_the_line_gives_way_to_the_guests_output() -> None:
    stream = io.StringIO()
    line = ProgressLine(stream)
    line.show(Progress(1_234_567, 12_345_678_901, "7za"))
    line.erase()
    line.erase()
    line.free = False
    line.show(Progress(None, 1, None))
    assert re.fullmatch(
        r"\r\x1b\[Kwowsim: 0\.\d s, 1\.23 M instructions, 12\.35 G calls, in 7za\r\x1b\[K", stream.getvalue()
    )
