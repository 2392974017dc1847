"""Standard streams of a process that was started without a console: anonymous pipes, whose other ends the host holds.

What a shell or a test leaves a program with: GetFileType says "pipe", console functions fail, the end of the input is
STATUS_PIPE_BROKEN. Bytes go to and come from :class:`~wowsim.kernel.console.Console`. The host reads at once, so that
output never waits. Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.kernel.access import FILE_MAPPING, FILE_READ_ATTRIBUTES, FILE_SYNCHRONOUS_IO_NONALERT
from wowsim.kernel.console import Stream
from wowsim.kernel.pipes import CONNECTED, INBOUND, NamedPipe, PipeEnd
from wowsim.nt.status import STATUS_SUCCESS

if TYPE_CHECKING:
    from wowsim.kernel.console import Console
    from wowsim.kernel.pipe_device import PipeDevice
    from wowsim.kernel.pipes import Instance
    from wowsim.kernel.requests import Outcome, Request

QUOTA = 4096
"""Bytes that the pipe of the input holds (unverified; CreatePipe's default is a page)."""


class InputEnd(PipeEnd):
    """The reading end of standard input; the host writes what fits, and closes its end when all is written."""

    def __init__(self, device: PipeDevice, instance: Instance, console: Console) -> None:
        super().__init__(device, instance, True, FILE_MAPPING.read, FILE_SYNCHRONOUS_IO_NONALERT)
        self._console = console

    def check_readable(self) -> None:
        """The host has written by now."""
        queue = self.incoming
        if not queue.entries and self.instance.state == CONNECTED:
            data = self._console.read(QUOTA)
            if data:
                queue.write(None, data, messages=False, wait=False)
            else:
                self.instance.close_client()
        super().check_readable()


class OutputEnd(PipeEnd):
    """The writing end of standard output or error; the host reads at once."""

    def __init__(self, device: PipeDevice, instance: Instance, console: Console, stream: Stream) -> None:
        access = FILE_MAPPING.write | FILE_READ_ATTRIBUTES
        super().__init__(device, instance, False, access, FILE_SYNCHRONOUS_IO_NONALERT)
        self._console, self._stream = console, stream

    def start_write(self, request: Request, data: bytes) -> Outcome | None:
        """All of it goes through."""
        self._console.write(self._stream, data)
        return STATUS_SUCCESS, len(data)

    def start_flush(self, request: Request) -> Outcome | None:
        """Everything was read already."""
        return STATUS_SUCCESS, 0


def standard_pipes(device: PipeDevice, console: Console) -> tuple[PipeEnd, PipeEnd, PipeEnd]:
    """Ends for standard input, output and error."""

    def instance() -> Instance:
        return device.new_instance(NamedPipe(device, "", False, INBOUND, 1, -1), QUOTA, QUOTA)

    def output(stream: Stream) -> OutputEnd:
        end = OutputEnd(device, instance(), console, stream)
        end.instance.connect(end)
        return end

    stdin = InputEnd(device, instance(), console)
    stdin.instance.connect(PipeEnd(device, stdin.instance, False, FILE_MAPPING.write, 0))
    return stdin, output(Stream.OUTPUT), output(Stream.ERROR)
