"""Standard input from a stream of the host's, asked only when the program reads.

A stream that can seek is a file: a read gets all it asked for. Any other one is read line-wise as it comes, by a
thread of its own, so that waiting for it can be given up; whatever time that takes is none of the guest's, so that
the same input makes the same run. Stands for no Windows component. Who may import it: ``simulation.simulation``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from wowsim.errors import GuestFault, UsageError
from wowsim.kernel.standard_input import StandardInput
from wowsim.nt.status import STATUS_IO_DEVICE_ERROR

if TYPE_CHECKING:
    from wowsim.errors import WowsimError

PIECE = 1 << 16
"""Bytes asked for at once."""
HostWait = Callable[[threading.Event], None]
"""Returns when the event is set; raises HostInterrupted when the run is to end first."""


def standard_input(
    source: bytes | BinaryIO, wait: HostWait, blame: Callable[[WowsimError], None]
) -> StandardInput:
    """What the program will read.

    Args:
        source: bytes, or a binary stream.
        wait: waits for the host.
        blame: told an error of the stream's owner, which leaves ``run()``.
    """
    if isinstance(source, bytes):
        return StandardInput(source)
    stream = _Stream(source, wait, blame)
    if source.seekable():
        return StandardInput(supply=stream.read)
    return StandardInput(supply=stream.await_, lines=True)


class _Stream:
    """One stream of the host's."""

    def __init__(self, source: BinaryIO, wait: HostWait, blame: Callable[[WowsimError], None]) -> None:
        self._read: Callable[[int], bytes] = getattr(source, "read1", source.read)
        self._wait, self._blame = wait, blame
        self._terminal = source.isatty()
        self._arrived: threading.Event | None = None
        self._found: bytes | BaseException = b""

    def read(self) -> bytes:
        """The next bytes of a file."""
        try:
            return self._checked(self._read(PIECE))
        except OSError as error:
            raise GuestFault(STATUS_IO_DEVICE_ERROR) from error

    def await_(self) -> bytes:
        """What comes next, however long that takes; where waiting was given up, it goes on."""
        if self._arrived is None:
            self._arrived = threading.Event()
            threading.Thread(target=self._fetch, args=(self._arrived,), daemon=True).start()
        self._wait(self._arrived)
        self._arrived = None
        if isinstance(self._found, OSError):
            raise GuestFault(STATUS_IO_DEVICE_ERROR) from self._found
        if isinstance(self._found, BaseException):
            raise self._found
        found = self._checked(self._found)
        # a console's line ends so; the host's terminal gives the line feed alone
        return found.replace(b"\n", b"\r\n") if self._terminal else found

    def _fetch(self, arrived: threading.Event) -> None:
        try:
            self._found = self._read(PIECE)
        except BaseException as error:  # raised again where it is waited for
            self._found = error
        arrived.set()

    def _checked(self, found: object) -> bytes:
        if isinstance(found, bytes):
            return found
        error = UsageError(f"stdin gave {type(found).__name__}; expected a stream of bytes")
        self._blame(error)
        raise error
