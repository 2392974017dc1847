"""Control codes of pipes ([MS-FSCC] 2.3: FSCTL_PIPE_*; FILE_PIPE_PEEK_BUFFER and its like from phnt's ntioapi.h).

Who may import it: the kernel package.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.control_codes import (
    FSCTL_PIPE_DISCONNECT,
    FSCTL_PIPE_LISTEN,
    FSCTL_PIPE_PEEK,
    FSCTL_PIPE_TRANSCEIVE,
    FSCTL_PIPE_WAIT,
)
from wowsim.kernel.names import from_utf16
from wowsim.kernel.pipe_device import PipeDevice
from wowsim.kernel.pipes import PipeEnd
from wowsim.nt.status import STATUS_BUFFER_OVERFLOW, STATUS_INVALID_PARAMETER, STATUS_SUCCESS

if TYPE_CHECKING:
    from wowsim.kernel.control_request import Control, Handlers
    from wowsim.kernel.requests import Outcome, Request

_PEEK = struct.Struct("<4I")
"""NamedPipeState, ReadDataAvailable, NumberOfMessages, MessageLength; the data follow."""
_WAIT = struct.Struct("<qIB")
"""Timeout, NameLength, TimeoutSpecified; the name follows at offset 14."""
_WAIT_NAME = 14


def _end(control: Control) -> PipeEnd:
    assert isinstance(control.file, PipeEnd)
    return control.file


def _listen(control: Control, request: Request) -> Outcome | None:
    end = _end(control)
    return end.require_server().listen(request, wait=end.wait)


def _disconnect(control: Control, request: Request) -> Outcome:
    _end(control).require_server().disconnect()
    return STATUS_SUCCESS, 0


def _peek(control: Control, request: Request) -> Outcome:
    end = _end(control)
    if control.output_length < _PEEK.size:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    end.check_readable()
    queue = end.incoming
    messages = end.instance.pipe.messages
    first = queue.entries[0].left if queue.entries and messages else 0
    available = queue.available
    head = _PEEK.pack(end.state, available, len(queue.entries) if messages else 0, first)
    wanted = first if end.messages else available
    room = control.output_length - _PEEK.size
    data = queue.peek(min(room, wanted))
    cut = end.messages and room < wanted
    return control.give(head + data, STATUS_BUFFER_OVERFLOW if cut else STATUS_SUCCESS)


def _transceive(control: Control, request: Request) -> Outcome | None:
    if control.output_length:
        control.k.memory.probe_write(control.output_address, control.output_length)
    return _end(control).transceive(request, control.input(), control.output_address, control.output_length)


def _wait(control: Control, request: Request) -> Outcome | None:
    data = control.input(_WAIT_NAME + 2)
    timeout, size, specified = _WAIT.unpack_from(data)
    if size & 1 or not 0 < size <= len(data) - _WAIT_NAME:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    name = from_utf16(data[_WAIT_NAME : _WAIT_NAME + size])
    device = control.file.device
    assert isinstance(device, PipeDevice)
    return device.wait(request, name, timeout if specified else None)


PIPE_CONTROLS: Handlers = {
    FSCTL_PIPE_LISTEN: _listen,
    FSCTL_PIPE_DISCONNECT: _disconnect,
    FSCTL_PIPE_PEEK: _peek,
    FSCTL_PIPE_TRANSCEIVE: _transceive,
}
"""Of an end."""
ROOT_CONTROLS: Handlers = {FSCTL_PIPE_WAIT: _wait}
"""Of the device."""
