r"""The devices that random numbers come from: ``\Device\KsecDD`` and ``\Device\CNG`` (ksecdd.sys, cng.sys).

Stands for IOCTL_KSEC_RNG and IOCTL_KSEC_RNG_REKEY, which fill the caller's buffer (codes and behaviour: the SDK's
ntddksec.h and public accounts of RtlGenRandom; whether a re-keying request mixes in the input is unverified, here it
does not). The bytes come from the simulation's seed. Leaves out the LSA's controls. Who may import it: the kernel
package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from wowsim.errors import GuestFault
from wowsim.kernel.access import FILE_OPENED
from wowsim.kernel.device import Device, FileObject, OpenRequest
from wowsim.nt.status import STATUS_OBJECT_NAME_NOT_FOUND

if TYPE_CHECKING:
    from random import Random

    from wowsim.kernel.control_request import Control, Handlers
    from wowsim.kernel.requests import Outcome, Request

FILE_DEVICE_KSEC = 0x39
IOCTL_KSEC_RNG, IOCTL_KSEC_RNG_REKEY = 0x390004, 0x390008


class RandomFile(FileObject):
    """An open random device."""

    device: RandomDevice


class RandomDevice(Device):
    """A source of random bytes.

    Args:
        path: its name in the namespace.
        random: where the bytes come from.
    """

    device_type: ClassVar[int] = FILE_DEVICE_KSEC

    def __init__(self, path: str, random: Random) -> None:
        super().__init__(path)
        self.random = random

    def open(self, request: OpenRequest) -> tuple[FileObject, int]:
        """Open it; there is nothing below it."""
        if request.name:
            raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
        return RandomFile(self, request.access, request.options), FILE_OPENED


def _fill(control: Control, request: Request) -> Outcome:
    """As many random bytes as there is room for."""
    assert isinstance(control.file, RandomFile)
    room = control.output_length
    if room:
        control.k.memory.probe_write(control.output_address, room)
    return control.answer(control.file.device.random.randbytes(room))


RANDOM_CONTROLS: Handlers = {IOCTL_KSEC_RNG: _fill, IOCTL_KSEC_RNG_REKEY: _fill}
