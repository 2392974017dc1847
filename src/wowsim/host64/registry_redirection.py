r"""What wow64.dll does to a 32-bit program's registry calls: the view of a key, and ``%ProgramFiles%`` in values.

Pure functions for the thunks of NtCreateKey, NtOpenKey and NtSetValueKey. Source: wow64-facts section 11; "Registry
Redirector" and "Accessing an Alternate Registry View" (Microsoft Learn). Leaves out the replacement of ``system32`` by
``syswow64`` in the keys that were reflected before Windows 7. Who may import it: ``host64`` and the simulation.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.nt.registry_structures import KEY_WOW64_64KEY, KEY_WOW64_VIEWS, REG_EXPAND_SZ, REG_SZ
from wowsim.nt.registry_views import in_32_bit_view
from wowsim.nt.status import STATUS_INVALID_PARAMETER

_VARIABLES = (
    ("%ProgramFiles%".encode("utf-16-le"), "%ProgramFiles(x86)%".encode("utf-16-le")),
    ("%commonprogramfiles%".encode("utf-16-le"), "%commonprogramfiles(x86)%".encode("utf-16-le")),
)
"""Compared with case, as documented."""
LONGEST = 2 * (2 * 260 + 15)
"""Bytes of MAX_PATH*2+15 characters: longer strings stay."""


def redirect(path: str, access: int, since_win7: bool) -> str | None:
    r"""The key that a 32-bit program's call is to reach.

    Args:
        path: what it named, absolute (``\REGISTRY\MACHINE\SOFTWARE\...``).
        access: its access mask; KEY_WOW64_64KEY asks for the 64-bit view.
        since_win7: Windows 7 and later.

    Returns:
        The path in its view, or None where it stays as it is.

    Raises:
        GuestFault: STATUS_INVALID_PARAMETER when the mask asks for both views.
    """
    if access & KEY_WOW64_VIEWS == KEY_WOW64_VIEWS:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    return None if access & KEY_WOW64_64KEY else in_32_bit_view(path, since_win7)


def rewrite_program_files(kind: int, data: bytes) -> bytes | None:
    """The data that is written in the place of a 32-bit program's, or None where it stays.

    Args:
        kind: type of the value; only REG_SZ and REG_EXPAND_SZ are rewritten.
        data: UTF-16, with or without a terminator. Since Windows 7, not for a key opened with KEY_WOW64_64KEY:
            that is the caller's to know.
    """
    if kind not in (REG_SZ, REG_EXPAND_SZ) or len(data) > LONGEST:
        return None
    for found, replacement in _VARIABLES:
        if data.startswith(found):
            return replacement + data[len(found) :]
    return None
