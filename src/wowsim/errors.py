"""The three error families (design: the caller, what wowsim lacks, what the guest did).

Everybody may import this module; it imports nothing. Anything else that escapes is a bug in wowsim.
"""

from __future__ import annotations

from enum import Enum


class WowsimError(Exception):
    """Root of the errors that wowsim raises to its caller."""


class UsageError(WowsimError):
    """The caller of the library did something wrong; the message says what was found and expected."""


class Unsupported(WowsimError):
    """The guest asked for something wowsim lacks; the message names the service, class or feature."""


class GuestFault(Exception):
    """The guest did something wrong: becomes an NTSTATUS or a guest exception, never leaves ``run()``.

    Attributes:
        status: the NTSTATUS, unsigned 32-bit.
        address: the guest address at fault, where there is one.
    """

    def __init__(self, status: int, address: int | None = None) -> None:
        super().__init__(f"{status:08X}" if address is None else f"{status:08X} at {address:X}")
        self.status = status
        self.address = address


class StopReason(Enum):
    """Why ``run()`` returned."""

    EXITED = "exited"
    FAST_FAIL = "fast fail"
    UNHANDLED_EXCEPTION = "unhandled exception"
    BUG_CHECK = "bug check"
    LIMIT = "instruction limit"
    TIMEOUT = "timeout"
    MEMORY = "guest memory exhausted"
    DEADLOCK = "deadlock"
    STOPPED = "stopped"
    UNSUPPORTED = "unsupported"
