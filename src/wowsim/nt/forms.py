"""Services whose signature changed between builds: which of its parameters a build passes.

A declaration has every parameter that its service ever had. Counts by build: the Windows syscall table of tinysec
(BSD-3), up to Windows 10 1803; later builds keep the last form, and which parameters the shorter forms have follows
phnt's history (unverified). Who may import it: everybody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wowsim.nt.abi import Prototype

FORMS: dict[str, tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]] = {
    "NtCreateIRTimer": (((0,), (0, 2)), ((10, 0, 15063), (0, 1, 2))),
    "NtCreatePartition": (((0,), (0, 1, 2, 3, 4)), ((10, 0, 10586), (0, 1, 2, 3))),
    "NtInitializeNlsFiles": (((0,), (0, 1, 2)), ((6, 0, 6001), (0, 1, 2, 3)), ((6, 1), (0, 1, 2))),
    "NtLoadKeyEx": (((0,), (0, 1, 2, 3)), ((6, 0), (0, 1, 2, 3, 4, 5, 6, 7))),
    "NtWaitForWorkViaWorkerFactory": (((0,), (0, 1)), ((6, 2), (0, 1, 2, 3)), ((6, 3), (0, 1, 2, 3, 4))),
}
"""Nt name -> (first version, indices of the parameters passed), oldest first."""


def passed(name: str, version: Sequence[int]) -> tuple[int, ...] | None:
    """Indices of the parameters that a build of that version passes; None: all there are."""
    found = None
    for first, indices in FORMS.get(name, ()):
        if tuple(version) >= first:
            found = indices
    return found


def form(prototype: Prototype, version: Sequence[int]) -> Prototype:
    """The prototype as a build of that version has it."""
    indices = passed(prototype.name, version)
    if indices is None or len(indices) == len(prototype.parameters):
        return prototype
    return replace(prototype, parameters=tuple(prototype.parameters[i] for i in indices))
