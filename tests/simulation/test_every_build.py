"""Cheap programs on the 64-bit Windows that no other test runs."""

from __future__ import annotations

import pytest
from programs import run

from sampled import EVERY_WOW64, WOW64
from wowsim import StopReason

OTHERS = [name for name in EVERY_WOW64 if name not in WOW64]
EXITS = {"createfile.exe": 0, "ntonly.exe": 42, "turbohook.exe": 0, "threads.exe": 0, "vectored.exe": 0}


@pytest.mark.parametrize("build", OTHERS)
def test_programs_run(build: str) -> None:
    sim, result = run("helloworld.exe", build)
    with sim:
        assert result.stdout == b"Hello, World!\r\n"
    for program, status in EXITS.items():
        sim, result = run(program, build)
        with sim:
            assert (result.reason, result.exit_status) == (StopReason.EXITED, status), (
                program,
                result.detail,
            )
