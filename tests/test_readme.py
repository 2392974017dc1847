"""Every code block of the README does what it says."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from roots import fetched
from wowsim.simulation.readme_table import rewritten

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```(?:\n```\n(.*?)```)?", TEXT, re.DOTALL)
PYTHON = [(code, output) for kind, code, output in BLOCKS if kind == "python" and "def test_" not in code]
TESTS = [code for kind, code, _ in BLOCKS if kind == "python" and "def test_" in code]
SHELL = [(code.strip(), output) for kind, code, output in BLOCKS if kind == "sh"]


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_the_blocks_are_found() -> None:
    assert (len(PYTHON), len(TESTS), len(SHELL)) == (11, 1, 7)


@pytest.mark.parametrize(("code", "output"), PYTHON)
def test_python(code: str, output: str) -> None:
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    assert written.getvalue() == output


@pytest.mark.parametrize("code", TESTS)
def test_pytest_example(code: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(code.replace("fixtures/bin", (ROOT / "fixtures" / "bin").as_posix()))
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


@pytest.mark.parametrize(("code", "output"), SHELL, ids=[code.split("&&")[-1][:60] for code, _ in SHELL])
def test_shell(code: str, output: str) -> None:
    """The command behind the set-up part; the set-up itself and the test run are CI's."""
    words = shlex.split(code.split("&&")[-1])
    if words[1:3] == ["-m", "pytest"]:
        assert shlex.join(words) in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
        return
    assert Path(words[0]).name == "wowsim"
    if "--sysroot" in words:
        fetched(words[words.index("--sysroot") + 1])
    done = subprocess.run(
        [sys.executable, "-m", "wowsim", *words[1:]], capture_output=True, text=True, check=True
    )
    expected = output.split("...\n") if "..." in output else [output]
    at = 0
    for part in expected:
        assert part in done.stdout[at:]
        at = done.stdout.index(part, at) + len(part)
    if len(expected) == 1:
        assert done.stdout == output


def test_what_it_says_of_the_services_is_true() -> None:
    """``python -m wowsim.simulation.readme_table README.md`` makes it so."""
    assert rewritten(TEXT) == TEXT
