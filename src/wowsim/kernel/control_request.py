"""The arguments of one control request, for its handler.

Who may import it: the kernel package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.nt.records import dataclass
from wowsim.nt.status import STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_PARAMETER, STATUS_SUCCESS

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel
    from wowsim.kernel.device import FileObject
    from wowsim.kernel.requests import Outcome, Request

MAXIMUM_INPUT = 1 << 20


@dataclass
class Control:
    """One NtFsControlFile or NtDeviceIoControlFile.

    Attributes:
        k: the kernel.
        file: whom it asks.
        access: rights of the handle.
        code: what.
        input_address: of the input buffer, of ``input_length`` bytes.
        output_address: of the output buffer, of ``output_length`` bytes.
    """

    k: Kernel
    file: FileObject
    access: int
    code: int
    input_address: int
    input_length: int
    output_address: int
    output_length: int

    def input(self, minimum: int = 0) -> bytes:
        """The whole input; shorter than ``minimum`` or absurdly long is STATUS_INVALID_PARAMETER."""
        if not minimum <= self.input_length <= MAXIMUM_INPUT:
            raise GuestFault(STATUS_INVALID_PARAMETER)
        return self.k.memory.read(self.input_address, self.input_length) if self.input_length else b""

    def answer(self, data: bytes, too_small: int = STATUS_BUFFER_TOO_SMALL) -> Outcome:
        """Give all of ``data``; ``too_small`` where the output buffer does not hold it."""
        if self.output_length < len(data):
            raise GuestFault(too_small)
        return self.give(data)

    def give(self, data: bytes, status: int = STATUS_SUCCESS) -> Outcome:
        """Write what was made to fit."""
        if data:
            self.k.memory.write(self.output_address, data)
        return status, len(data)


Handlers = Mapping[int, Callable[[Control, "Request"], "Outcome | None"]]
"""Code -> what does it; None where the request has to wait."""
