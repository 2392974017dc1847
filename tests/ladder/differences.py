"""Where wowsim and real Wine 8.0 differ, one by one, and why.

Each of these lies in what stands below the DLLs: Wine's own kernel half (Unix libraries, its server, Linux) on one
side, the simulated kernel on the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Difference:
    """What a case leaves under wowsim instead.

    Attributes:
        reason: why that is so.
        exit: the exit code.
        output: parts of the outcome (``stdout``, ``stderr``) that differ, as they are under wowsim.
        files: likewise for files; None stands for one that is not there.
    """

    reason: str
    exit: int
    output: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str | None] = field(default_factory=dict)


_CONSOLE = (
    "a Windows program has a console to set the code page of, though its output is a file; this one has none"
)

DIFFERENCES = {
    "gpgv --version": Difference(_CONSOLE, 0, {"stderr": ""}),
    "gpgv of nothing": Difference(
        _CONSOLE + "; profiles are in C:\\Users as on Windows, Wine writes C:\\users",
        2,
        {
            "stderr": "gpgv: unknown type of key resource 'trustedkeys.kbx'\r\ngpgv: keyblock resource"
            " 'C:\\Users\\user\\AppData\\Roaming\\gnupg\\trustedkeys.kbx': General error\r\ngpgv: can't open"
            " 'nosuch.sig': No such file or directory\r\ngpgv: verify signatures failed: No such file or directory\r\n"
        },
    ),
    "laa": Difference("Wine hands out MEM_TOP_DOWN memory below 2 GB all the same; Windows does not", 1),
    "regdemo": Difference(
        "Wine's server sorts the values of a key, where Windows keeps the order of their creation",
        0,
        {"stdout": "7601\n"},
    ),
    "vectored": Difference("Linux has selector 63h in FS, 64-bit Windows has 53h", 0),
    "singlestep": Difference(
        "steps go on in the 64-bit code behind the gate, where Wine's own handler of the signal passes them over",
        4,
    ),
    "fsutil hardlink create h.txt a.txt": Difference(
        "a mounted folder has no hard links",
        1,
        {"stdout": "Invalid function.\r\n"},
        {"C:\\work\\h.txt": None},
    ),
}
"""By the case's name."""

NOT_YET = dict.fromkeys(
    ("Shortcut makes", "Shortcut asks", "Shortcut of none"),
    "COM makes a window for its apartment: NtUserCreateWindowEx is not implemented",
)
"""Cases that wowsim does not manage, and what is missing."""
