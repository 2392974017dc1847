from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import wowsim

pytest_plugins = "pytester"

BIN = Path(__file__).parent.parent.parent / "fixtures" / "bin"


@pytest.fixture(scope="module", autouse=True)
def loaded() -> None:
    """An in-process run forgets the modules it imports, and native libraries cannot be imported twice."""
    with wowsim.Simulation() as sim:
        sim.load(BIN / "createfile.exe")
        sim.run(trace="calls")


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A test suite that has the plugin, whether wowsim is installed or only on the path."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return pytester


def outcomes(suite: pytest.Pytester, source: str) -> pytest.RunResult:
    suite.makepyfile(f"BIN = {str(BIN)!r}\n{source}")
    return suite.runpytest_inprocess("-p", "wowsim.pytest_plugin", "-p", "no:cacheprovider")


def test_simulate_loads_a_program(suite: pytest.Pytester) -> None:
    outcomes(
        suite,
        r"""
import wowsim

def test_run(simulate):
    result = simulate(BIN + "/args.exe", ["one"], env={"WOWSIM_TEST": "here"}).run(limit=10_000_000)
    assert result.reason is wowsim.StopReason.EXITED
    assert result.exit_status == 2
    assert b"[1] one\nWOWSIM_TEST=here\n" in result.stdout

def test_build(simulate):
    result = simulate(BIN + "/createfile.exe", build="win10-22h2").run(trace="calls")
    assert "wow64cpu!KiFastSystemCall" in result.trace.calls("ZwCreateFile")[0].path

def test_files_come_first(simulate):
    path = "C:\\data\\b.txt"
    sim = simulate(BIN + "/createfile.exe", args=[path], files={"C:\\data\\a.txt": b""})
    assert sim.run().exit_status == 0
    assert sim.files.exists(path)
""",
    ).assert_outcomes(passed=3)


def test_simulate_gives_a_simulation_and_closes_it(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[wowsim.Simulation] = []
    close = wowsim.Simulation.close

    def closing(sim: wowsim.Simulation) -> None:
        closed.append(sim)
        close(sim)

    monkeypatch.setattr(wowsim.Simulation, "close", closing)
    outcomes(
        suite,
        r"""
def test_open(simulate):
    sim = simulate(seed=5, files={"C:\\data\\a.txt": b"hello"})
    assert sim.files.read("C:\\data\\a.txt") == b"hello"
    sim.load(BIN + "/createfile.exe")
    assert sim.run().exit_status == 0
    assert sim.files.read("C:\\createfile.txt") == b"hello from wowsim\n"
    assert simulate() is not sim
""",
    ).assert_outcomes(passed=1)
    assert len(closed) == 2


def test_nt_path(suite: pytest.Pytester) -> None:
    outcomes(
        suite,
        r"""
def test_path(nt_path):
    path = nt_path(BIN + "/createfile.exe")
    assert path[0] == "kernel32!CreateFileW"
    assert path[-1] == "ntdll!NtCreateFile"
    assert nt_path(BIN + "/createfile.exe", "ZwWriteFile", seed=3)[0] == "kernel32!WriteFile"
    assert nt_path(BIN + "/directnt.exe")[0] == "ntdll32!ZwCreateFile"
""",
    ).assert_outcomes(passed=1)


def test_nt_path_says_what_was_called_instead(suite: pytest.Pytester) -> None:
    result = outcomes(
        suite,
        r"""
def test_path(nt_path):
    nt_path(BIN + "/exitcode.exe", "NtOpenKey")
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no call of NtOpenKey before the end (exited); seen: *NtTerminateProcess*"])


def test_usage_errors_reach_the_test(suite: pytest.Pytester) -> None:
    outcomes(
        suite,
        r"""
import pytest, wowsim

def test_build(simulate):
    with pytest.raises(wowsim.UsageError, match="win3"):
        simulate(build="win3")

def test_nothing_to_load(simulate):
    with pytest.raises(wowsim.UsageError, match="cwd"):
        simulate(cwd="C:\\\\")

def test_option(simulate):
    with pytest.raises(TypeError, match="lim"):
        simulate(BIN + "/exitcode.exe", lim=3)
""",
    ).assert_outcomes(passed=3)


def test_import_costs_nothing() -> None:
    """pytest imports the plugin in every run: neither the machine nor a native library may come with it."""
    program = (
        "import sys, pytest; before = set(sys.modules); import wowsim.pytest_plugin;"
        "print(*sorted({m.partition('.')[0] for m in set(sys.modules) - before} - sys.stdlib_module_names));"
        "print(*sorted(m for m in sys.modules if m.startswith('wowsim')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["wowsim", "wowsim wowsim.pytest_plugin"]
