"""How a service of win32k is declared, and how it fails.

Unlike the executive's services they return a value, and what went wrong is the calling thread's last error, which
win32k writes into the TEB (Microsoft Learn, "GetLastError"; for a WoW64 thread wow64.dll copies it to the 32-bit TEB,
wow64-facts section 5). Who may import it: ``kernel.win32k``.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.table import Service, Support
from wowsim.nt.abi import prototype
from wowsim.nt.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_INVALID_HANDLE,
    STATUS_NO_MEMORY,
    STATUS_OBJECT_TYPE_MISMATCH,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

    from wowsim.kernel.context import Kernel

ERROR_ACCESS_DENIED = 5
ERROR_INVALID_HANDLE = 6
ERROR_NOT_ENOUGH_MEMORY = 8
ERROR_INVALID_PARAMETER = 87
ERROR_INSUFFICIENT_BUFFER = 122
ERROR_NOACCESS = 998
ERROR_INVALID_WINDOW_HANDLE = 1400
ERROR_INVALID_CURSOR_HANDLE = 1402
ERROR_CLASS_ALREADY_EXISTS = 1410
ERROR_CLASS_DOES_NOT_EXIST = 1411
"""Win32 errors ([MS-ERREF] section 2.2)."""

_WIN32 = 0xC0070000
"""FACILITY_NTWIN32: the low half of such a status is a Win32 error ([MS-ERREF] section 2.3)."""
_ERRORS: dict[int, int] = {
    STATUS_ACCESS_DENIED: ERROR_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION: ERROR_NOACCESS,
    STATUS_INVALID_HANDLE: ERROR_INVALID_HANDLE,
    STATUS_NO_MEMORY: ERROR_NOT_ENOUGH_MEMORY,
    STATUS_OBJECT_TYPE_MISMATCH: ERROR_INVALID_HANDLE,
}
_LAST_ERROR = {32: 0x34, 64: 0x68}
"""TEB.LastErrorValue (public ``dt`` listings)."""
_DWORD = struct.Struct("<I")


def failure(error: int) -> GuestFault:
    """What a service raises to fail with a Win32 error."""
    return GuestFault(_WIN32 | error)


def set_last_error(k: Kernel, error: int) -> None:
    """Leave an error in the calling thread's TEB."""
    with suppress(GuestFault):  # a program may have freed its TEB
        k.memory.write(k.thread.teb + _LAST_ERROR[k.width], _DWORD.pack(error))


def fail(k: Kernel, fault: GuestFault) -> int:
    """What a service that failed returns: NULL, 0 or FALSE, with the last error set."""
    status = fault.status
    error = status & 0xFFFF if status & 0xFFFF0000 == _WIN32 else _ERRORS.get(status, ERROR_INVALID_PARAMETER)
    set_last_error(k, error)
    return 0


def services_in(modules: Iterable[ModuleType]) -> dict[str, Service]:
    """Every service of win32k declared (``kernel.table.service``) in the modules, by name."""
    found: dict[str, Service] = {}
    for module in modules:
        for name, function in vars(module).items():
            declared: tuple[Support, str] | None = getattr(function, "__service__", None)
            if declared is not None and function.__module__ == module.__name__:
                found[name] = Service(prototype(function), function, *declared, on_fault=_fault_of(function))
    return found


def _fault_of(function: Callable[..., int]) -> Callable[[Kernel, GuestFault], int]:
    """Services whose value is an NTSTATUS (they are annotated so) fail as the executive's do."""
    return status_of if function.__annotations__.get("return") == "NTSTATUS" else fail


def status_of(k: Kernel, fault: GuestFault) -> int:
    """The status itself."""
    return fault.status
