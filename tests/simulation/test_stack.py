"""Frames read off prologues."""

from __future__ import annotations

import pytest

import wowsim
from wowsim.simulation.stack import frame_size


@pytest.mark.parametrize(
    ("prologue", "size"),
    [
        ("ret", 0),
        ("push rbx; ret", 8),
        ("push rbx; push r15; sub rsp, 0x28; mov rax, rcx", 0x38),
        ("push rbp; sub rsp, 0x880; push rbx", 0x888),
        ("mov rax, rcx; push rbx", 0),
    ],
)
def test_frame_size(prologue: str, size: int) -> None:
    assert frame_size(wowsim.assemble64(prologue)) == size


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_cut_prologue_is_read_as_far_as_it_goes(cut: int) -> None:
    assert frame_size(wowsim.assemble64("push rbx; sub rsp, 0x880")[:cut]) in (8, 0x80 + 8, 0x880 + 8)
