"""Which privileges the built-in accounts hold.

Who may import it: the kernel package.
"""

from __future__ import annotations

from wowsim.nt.privileges import NAMES as NAMES
from wowsim.nt.privileges import NUMBERS as NUMBERS

ENABLED_BY_DEFAULT, ENABLED, REMOVED, USED_FOR_ACCESS = 1, 2, 4, 0x80000000
"""SE_PRIVILEGE_* attributes."""


def _held(names: str, enabled: str) -> dict[int, int]:
    on = enabled.split()
    return {
        NUMBERS[f"Se{name}Privilege"]: ENABLED | ENABLED_BY_DEFAULT if name in on else 0
        for name in names.split()
    }


LIMITED = _held("Shutdown ChangeNotify Undock IncreaseWorkingSet TimeZone", "ChangeNotify")
"""What a member of Users holds, and an administrator's filtered token (MS docs, User Rights Assignment: defaults)."""
FULL = _held(
    """
    IncreaseQuota Security TakeOwnership LoadDriver SystemProfile Systemtime ProfileSingleProcess
    IncreaseBasePriority CreatePagefile Backup Restore Shutdown Debug SystemEnvironment ChangeNotify
    RemoteShutdown Undock ManageVolume Impersonate CreateGlobal IncreaseWorkingSet TimeZone CreateSymbolicLink
    """,
    "ChangeNotify Impersonate CreateGlobal",
)
"""What an administrator's full token holds (the same)."""
