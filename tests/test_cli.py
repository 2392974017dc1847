from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import wowsim
from wowsim.cli import main

BIN = Path(__file__).parent.parent / "fixtures" / "bin"
WAY = [
    "kernel32!CreateFileW",
    "KERNELBASE!CreateFileW",
    "ntdll32!ZwCreateFile",
    "wow64cpu!X86SwitchTo64BitMode",
    "wow64cpu!CpupReturnFromSimulatedCode",
    "wow64cpu!ServiceNoTurbo",
    "wow64!Wow64SystemServiceEx",
    "wow64!whNtCreateFile",
    "ntdll!NtCreateFile",
]


def program(name: str) -> str:
    return str(BIN / name)


def run(capfdbinary: pytest.CaptureFixture[bytes], *argv: str) -> tuple[int, bytes, str]:
    """Exit code, stdout, stderr."""
    code = main(argv)
    out, err = capfdbinary.readouterr()
    return code, out, err.decode()


def refused(capfd: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one line on stderr of a command that is refused."""
    try:
        code = main(argv)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else -1
    out, err = capfd.readouterr()
    assert (code, out) == (125, "")
    assert err.endswith("\n")
    lines = [line for line in err.splitlines() if not line.startswith("usage:")]
    assert len(lines) == 1
    assert lines[0].startswith("wowsim: ")
    return lines[0]


# ------------------------------------------------------------ run
def test_run_passes_output_through(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(capfdbinary, "run", program("helloworld.exe")) == (0, b"Hello, World!\r\n", "")


@pytest.mark.parametrize(
    ("words", "status"), [(["0"], 0), (["42"], 42), (["0xC0000409"], 9), (["256"], 0), ([], 7)]
)
def test_exit_code_is_the_guests_low_byte(words: list[str], status: int) -> None:
    assert main(["run", program("exitcode.exe"), *words]) == status


@pytest.mark.parametrize("before", [[], ["--seed", "3"], ["--build=win10-22h2"], ["--"]])
def test_words_behind_the_program_are_the_guests(
    capfdbinary: pytest.CaptureFixture[bytes], before: list[str]
) -> None:
    words = ["--help", "-o", "a b", "--", "--build", "nonsense", ""]
    code, out, err = run(capfdbinary, "run", *before, program("args.exe"), *words)
    lines = out.decode().splitlines()
    assert lines[1 : 1 + len(words)] == [f"[{i}] {word}" for i, word in enumerate(words, 1)]
    assert code == 1 + len(words)
    assert err == ""


def test_environment(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _, out, _ = run(capfdbinary, "run", "--env", "WOWSIM_TEST=a=b", program("args.exe"))
    assert b"WOWSIM_TEST=a=b\n" in out


def test_a_mount_is_the_way_to_the_host(tmp_path: Path) -> None:
    argv = [program("createfile.exe"), "C:\\work\\new.txt"]
    main(["run", *argv])
    main(["run", "--mount", f"{tmp_path}=C:\\work", *argv])
    assert list(tmp_path.iterdir()) == []
    assert main(["run", "--mount", f"{tmp_path}=C:\\work:rw", *argv]) == 0
    assert (tmp_path / "new.txt").read_bytes() == b"hello from wowsim\n"


def test_unhandled_exception(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    code, out, err = run(capfdbinary, "run", program("ud2.exe"))
    assert (code, out) == (0x1D, b"")
    assert err.startswith("wowsim: unhandled exception: C000001D at 401000")
    assert err.count("\n") == 1


def test_limit(capfd: pytest.CaptureFixture[str]) -> None:
    assert "instruction limit" in refused(capfd, "run", "--limit", "1_000", program("helloworld.exe"))


def test_timeout(capfd: pytest.CaptureFixture[str]) -> None:
    assert "timeout" in refused(capfd, "run", "--timeout", "0.2", program("regloop.exe"), "0xfffffff0")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["run"], "PROGRAM"),
        (["run", "--"], "PROGRAM"),
        (["run", "nosuch.exe"], "nosuch.exe"),
        (["run", "--build", "win3", "x"], "win3"),
        (["run", "--seed", "one", "x"], "one"),
        (["run", "--limit", "-1", "x"], "-1"),
        (["run", "--limit", "3x", "x"], "3x"),
        (["run", "--limit", "M", "x"], "'M'"),
        (["run", "--memory", "5", program("helloworld.exe")], "memory=5"),
        (["run", "--memory=-1M", "x"], "-1M"),
        (["run", "--unset", "A=B", "x"], "A=B"),
        (["run", "--unset", "", "x"], "''"),
        (["run", "--timeout", "0", "x"], "0"),
        (["run", "--timeout", "nan", "x"], "nan"),
        (["run", "--env", "A", "x"], "'A'"),
        (["run", "--mount", "here", "x"], "'here'"),
        (["run", "--stdin", "nosuch", program("helloworld.exe")], "nosuch"),
        (["run", "--stdin", str(BIN), program("helloworld.exe")], "bin"),
        (["run", "C:\\nosuch.exe"], "in the guest or on the host"),
        (["run", "--mount", f"{BIN}=work", program("helloworld.exe")], "work"),
        (["run", "--mount", f"{BIN}/nosuch=C:\\work", program("helloworld.exe")], "nosuch"),
        (["run", "--cwd", "C:\\nowhere", program("helloworld.exe")], "nowhere"),
        (["run", "--lim", "3", program("helloworld.exe")], "--lim"),
        (["run", program("missing.exe")], "NoSuchFunctionA"),
        (["run", program("gate.bin")], "gate.bin"),
        (["run", str(BIN)], "bin"),
        (["trace", "--call", "NtNothing", program("helloworld.exe")], "NtNothing"),
        (["trace", "--format", "poem", program("helloworld.exe")], "poem"),
        (["trace", "-o", "/nosuch/file", program("helloworld.exe")], "/nosuch/file"),
        (["gdt", "--build", "win3"], "win3"),
        (["fly"], "fly"),
        ([], "COMMAND"),
    ],
)
def test_refusals_are_one_line(capfd: pytest.CaptureFixture[str], argv: list[str], said: str) -> None:
    assert said in refused(capfd, *argv)


# ------------------------------------------------------------ trace
def test_path_is_one_frame_a_line(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    argv = ["trace", "--call", "NtCreateFile", "--format", "path", program("createfile.exe")]
    code, out, err = run(capfdbinary, *argv)
    lines = out.decode().splitlines()
    assert (code, err) == (0, "")
    assert [line for line in lines if line in WAY] == WAY
    assert set(lines) - set(WAY) == {"wow64cpu!TurboDispatchJumpAddressStart"}


def test_calls_are_separated_by_an_empty_line(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    argv = ["trace", "--call", "ZwWriteFile", "--call", "NtCreateFile", "--format", "path"]
    _, out, _ = run(capfdbinary, *argv, program("createfile.exe"))
    calls = out.decode().split("\n\n")
    assert [call.split("\n")[0] for call in calls] == ["kernel32!CreateFileW", "kernel32!WriteFile"]


def test_text(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    code, out, err = run(capfdbinary, "trace", "--call", "NtCreateFile", program("createfile.exe"))
    lines = out.decode().splitlines()
    assert (code, err) == (0, "")
    assert lines[0] == "0:000:x86>"
    for line in (
        "777f00b0 b852000000      mov     eax,52h",
        "wow64cpu!CpupReturnFromSimulatedCode:",
        "00000000`73852742 448bda          mov     r11d,edx",
    ):
        assert lines.count(line) == 1


def test_3_gb(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    argv = ("run", "--build", "winxp-x86")
    assert run(capfdbinary, *argv, "--3gb", program("laa.exe"))[0] == 1
    assert run(capfdbinary, *argv, program("laa.exe"))[0] == 0
    code, _, err = run(capfdbinary, "run", "--3gb", program("laa.exe"))
    assert code == 125
    assert "3 GB of user memory is a choice of 32-bit Windows; win7sp1 has 64 bits" in err
    assert err.count("\n") == 1


def test_no_turbo(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    argv = ("trace", "--build", "win10-22h2", "--call", "NtClose", "--format", "path")
    _, with_turbo, _ = run(capfdbinary, *argv, program("createfile.exe"))
    _, without, _ = run(capfdbinary, *argv, "--no-turbo", program("createfile.exe"))
    assert b"wow64cpu!Thunk1ArgSp" in with_turbo
    assert b"wow64cpu!Thunk1ArgSp" not in without
    assert b"wow64!whNtClose" in without
    code, _, err = run(capfdbinary, "run", "--no-turbo", "--build", "winxp-x86", program("laa.exe"))
    assert code == 125
    assert "turbo thunks are wow64cpu's; winxp-x86 has 32 bits" in err


def test_text_of_32_bit_windows(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    argv = ("trace", "--build", "win7sp1-x86", "--call", "NtCreateFile", program("createfile.exe"))
    code, out, err = run(capfdbinary, *argv)
    lines = out.decode().splitlines()
    assert (code, err) == (0, "")
    assert [line for line in lines if line.startswith("0:")] == ["0:000>"]
    at = lines.index("ntdll!ZwCreateFile:")
    assert [line[9:] for line in lines[at + 1 : at + 4]] == [
        "b842000000      mov     eax,42h",
        "ba0003fe7f      mov     edx,7FFE0300h",
        "ff12            call    dword ptr [edx] ds:0023:7ffe0300={ntdll!KiFastSystemCall (776f0fe0)}",
    ]
    assert lines[at + 4 : at + 7] == [
        "ntdll!KiFastSystemCall:",
        "776f0fe0 8bd4            mov     edx,esp",
        "776f0fe2 0f34            sysenter",
    ]
    assert lines[at + 7] == "ntdll!KiFastSystemCallRet:"
    assert any("fs:003b:00000018=7ffde000" in line for line in lines)


@pytest.mark.parametrize("format", ["text", "jsonl"])
def test_a_service_asked_for_shows_what_it_changed(
    format: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    argv = ("trace", "--call", "NtMapViewOfSection", "--format", format, program("usedll.exe"))
    _, out, _ = run(capfdbinary, *argv)
    if format == "text":
        mapped = [line.rsplit("\\", 1)[1] for line in out.decode().splitlines() if line.startswith("; Nt")]
    else:
        rows = [row for row in map(json.loads, out.splitlines()) if row["type"] == "memory"]
        assert {row["cause"] for row in rows} == {"NtMapViewOfSection"}
        mapped = [row["name"].rsplit("\\", 1)[1] for row in rows]
    assert mapped[-1] == "lib.dll"
    assert {"wow64.dll", "kernel32.dll", "KERNELBASE.dll"} <= set(mapped)


def test_jsonl_is_the_same_twice(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for file in (first, second):
        argv = ["trace", "--format", "jsonl", "--seed", "7", "-o", str(file), program("createfile.exe")]
        assert run(capfdbinary, *argv) == (0, b"", "")
    assert first.read_bytes() == second.read_bytes()
    header, *rows = map(json.loads, first.read_text().splitlines())
    calls = [row for row in rows if row["type"] == "call"]
    assert header == {
        "type": "header",
        "build": "win7sp1",
        "seed": 7,
        "program": "createfile.exe",
        "wowsim": wowsim.__version__,
    }
    assert [call["index"] for call in calls] == list(range(len(calls)))
    assert [call["path"][0] for call in calls if call["name"] == "NtCreateFile"] == ["kernel32!CreateFileW"]
    assert str(BIN).encode() not in first.read_bytes()


@pytest.mark.parametrize("to_file", [False, True])
def test_the_guests_output_stays_apart(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], to_file: bool
) -> None:
    output = ["-o", str(tmp_path / "trace")] if to_file else []
    argv = ["trace", "--call", "NtWriteFile", "--format", "path", *output, program("helloworld.exe")]
    _, out, err = run(capfdbinary, *argv)
    assert (b"Hello" in out, "Hello" in err) == (to_file, not to_file)
    trace = (tmp_path / "trace").read_bytes() if to_file else out
    assert b"ntdll32!ZwWriteFile\n" in trace


def test_no_such_call_is_said(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    code, out, err = run(capfdbinary, "trace", "--call", "ZwOpenKey", program("exitcode.exe"), "3")
    assert (code, out) == (3, b"")
    assert err == "wowsim: no call of NtOpenKey before the end\n"


def test_trace_of_a_faulting_program(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    argv = ["trace", "--call", "NtClose", "--format", "path", program("ud2.exe")]
    code, out, err = run(capfdbinary, *argv)
    assert code == 0x1D
    assert b"ntdll!NtClose\n" in out
    assert "C000001D" in err


# ------------------------------------------------------------ descriptions
def test_builds(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["builds"]) == 0
    assert [line.split()[0] for line in capfd.readouterr().out.splitlines()] == wowsim.builds()
    assert main(["builds", "--json"]) == 0
    assert [row["name"] for row in json.loads(capfd.readouterr().out)] == wowsim.builds()


def test_gdt(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["gdt"]) == 0
    out = capfd.readouterr().out
    assert "0: kd> dt _KGDTENTRY64 0xfffff800`00b93000+30 /b\n" in out
    assert "0033 00000000`00000000 00000000`00000000 Code RE Ac 3 Nb By P  Lo 000002fb\n" in out
    assert main(["gdt", "--json", "--build", "win10-22h2"]) == 0
    rows = {row["selector"]: row for row in json.loads(capfd.readouterr().out)}
    assert rows["0x23"]["descriptor"] == "0x00cffb000000ffff"
    assert rows["0x53"]["base"] == 0xDC2000
    assert main(["gdt", "--build", "winxp-x86"]) == 0
    out = capfd.readouterr().out
    assert "0: kd> dt nt!_KGDTENTRY 0x8003f000+18 /b\n" in out
    assert "003B 7ffde000 00000fff Data RW Ac 3 Bg By P  Nl 000004f3\n" in out
    assert " Lo " not in out.split("----", 1)[1]
    assert main(["gdt", "--json", "--build", "win7sp1-x86"]) == 0
    rows = {row["selector"]: row for row in json.loads(capfd.readouterr().out)}
    assert set(rows) == {"0x08", "0x10", "0x1b", "0x23", "0x28", "0x30", "0x3b"}
    assert not any(row["long_mode"] for row in rows.values())


# ------------------------------------------------------------ the host's side
@pytest.mark.skipif(os.name == "nt", reason="console signals work otherwise there")
def test_interrupt_stops_a_guest_that_calls_nothing(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored where tests run in the background
    timer.start()
    started = time.monotonic()
    try:
        assert run(capfdbinary, "run", "--timeout", "20", program("regloop.exe"), "0xfffffff0") == (
            130,
            b"",
            "wowsim: interrupted\n",
        )
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - started < 10


def test_module_entry() -> None:
    done = subprocess.run([sys.executable, "-m", "wowsim", "builds"], capture_output=True, check=True)
    assert done.stdout.startswith(wowsim.builds()[0].encode())


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise there")
def test_broken_pipe() -> None:
    argv = [sys.executable, "-m", "wowsim", "trace", "--format", "path", program("createfile.exe")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (141, b"")
