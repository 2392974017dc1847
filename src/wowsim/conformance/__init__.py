"""What a CPU under 64-bit Windows does, as small cases with their sources, and a judge that holds wowsim to them.

The cases are data (:mod:`wowsim.conformance.case` has their rules) and expect what the processor manuals and the
documents about Windows say, never what an emulator happens to do. Stands for no Windows component. Who may import
it: the command line and the tests.

Sources are named shortly: "Intel SDM 2, JMP" is the Intel 64 and IA-32 Architectures Software Developer's Manual,
volume 2, page of the instruction (numbers are sections); "AMD APM 3" the AMD64 Architecture Programmer's Manual,
volume 3; "wow64-facts" the sections of the project's collection of facts about WoW64.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wowsim.conformance import (
    entries,
    interrupts,
    invalid,
    memory,
    privileged,
    registers,
    segments,
    stack,
    strings,
    transfers,
)

if TYPE_CHECKING:
    from wowsim.conformance.case import Case

THEMES = (transfers, segments, registers, memory, stack, strings, interrupts, entries, privileged, invalid)


def cases() -> tuple[Case, ...]:
    """All cases, theme by theme."""
    return tuple(
        replace(case, group=theme.__name__.rpartition(".")[2]) for theme in THEMES for case in theme.CASES
    )
