"""``wowsim conformance``: its lines, its JSON, its exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from wowsim.cli import main
from wowsim.conformance import cases, judge
from wowsim.conformance.known import KNOWN

if TYPE_CHECKING:
    from pathlib import Path


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == ["cases"]
    assert [row["name"] for row in document["cases"]] == [case.name for case in cases()]
    for row in document["cases"]:
        assert list(row) == ["name", "passed", "reason", "source"]
        assert isinstance(row["passed"], bool)
        assert row["source"]
        assert row["reason"] == "" if row["passed"] else row["reason"].startswith("known: ")
    assert {row["name"] for row in document["cases"] if not row["passed"]} == set(KNOWN)


def test_one_line_a_case_and_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "--build", "win10-22h2", "--cpu-vendor", "amd"]) == 0
    *lines, summary = capsys.readouterr().out.splitlines()
    assert lines[0] == "pass  transfers: jmp ptr16:32 from 23h to 33h"
    assert len(lines) == len(cases())
    assert {line[:6] for line in lines} == {"pass  ", "FAIL  "}
    assert summary == f"{len(lines) - len(KNOWN)} passed, {len(KNOWN)} known failures, 0 failures"


def test_an_unknown_failure_is_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "KNOWN", {})
    assert main(["conformance"]) == 1
    out = capsys.readouterr().out
    assert f"0 known failures, {len(KNOWN)} failures" in out
    assert (
        "FAIL  segments: fs:[1000h] lies beyond the limit: C0000096 at 10000006 instead of C0000005 at 10000000"
        in out
    )


def test_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cases.json"
    assert main(["conformance", "--export", str(file)]) == 0
    assert capsys.readouterr().out == ""
    assert len(json.loads(file.read_text("utf-8"))["cases"]) == len(cases())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--build", "dos"], "there is no build 'dos'"),
        (["--export", "/nowhere/x"], "'/nowhere/x' cannot be written"),
    ],
)
def test_refusals(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", *words]) == 125
    assert said in capsys.readouterr().err
