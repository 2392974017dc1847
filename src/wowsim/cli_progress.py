"""One line on a terminal that says how a long run goes; part of the command line, nothing else may import it."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from wowsim.simulation.progress import Progress

ERASE = "\r\x1b[K"


class ProgressLine:
    """The line, which comes and goes.

    Args:
        stream: where it is written.

    Attributes:
        free: whether the cursor stands at the beginning of a line; the line is not written into the guest's.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._began = monotonic()
        self._shown = False
        self.free = True

    def show(self, progress: Progress) -> None:
        """Write the line anew."""
        if not self.free:
            return
        text = f"wowsim: {described(progress, monotonic() - self._began)}"
        self._stream.write(ERASE + text[: self._width() - 1])
        self._stream.flush()
        self._shown = True

    def erase(self) -> None:
        """Take it away."""
        if self._shown:
            self._shown = False
            self._stream.write(ERASE)
            self._stream.flush()

    def _width(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except OSError:  # no terminal: --progress asked for the line all the same
            return 80


def described(progress: Progress, seconds: float) -> str:
    """``12.5 s, 1.25 G instructions, 4711 calls, in 7za``; instructions only where they are counted."""
    parts = [f"{seconds:.1f} s"]
    if progress.instructions is not None:
        parts.append(f"{_short(progress.instructions)} instructions")
    parts.append(f"{_short(progress.calls)} calls")
    if progress.module is not None:
        parts.append(f"in {progress.module}")
    return ", ".join(parts)


def _short(count: int) -> str:
    for power, letter in ((9, "G"), (6, "M")):
        if count >= 10**power:
            return f"{count / 10**power:.2f} {letter}"
    return str(count)
