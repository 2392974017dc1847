r"""The file-system redirector of wow64.dll (RedirectPath): which path a 32-bit program gets for the one it names.

``%windir%\System32`` is SysWOW64 for a 32-bit program, but for some folders that both share; ``Sysnative`` is the real
System32 (since Vista). Rules: wow64-facts section 11. Who may import it: host64, the simulation.
"""

from __future__ import annotations

from typing import NamedTuple

ROOTS = ("\\??\\C:\\WINDOWS\\", "\\SYSTEMROOT\\")
"""How the Windows directory is spelled in a name of the caller's, upcased."""
DEVICE_ROOT = "\\DEVICE\\HARDDISKVOLUME1\\WINDOWS\\"
"""How it is spelled where the name of a directory's handle comes first."""
_SHARED = ("CATROOT", "CATROOT2", "DRIVERS\\ETC", "LOGFILES", "SPOOL")
_DRIVER_STORE = "DRIVERSTORE"


class Rules(NamedTuple):
    r"""What depends on the build.

    Attributes:
        sysnative: ``Sysnative`` exists (Vista and later).
        driver_store_shared: ``System32\\driverstore`` is not redirected (Windows 7 and later).
    """

    sysnative: bool
    driver_store_shared: bool


def redirected(path: str, rules: Rules, *, disabled: bool = False) -> str | None:
    r"""The path the 64-bit call gets instead.

    Args:
        path: an absolute NT path.
        rules: of the build.
        disabled: the thread has switched redirection off (TLS slot 8); ``Sysnative`` works all the same.

    Returns:
        The other path, or None where the path stays.
    """
    upper = path.upper()
    root = next((r for r in (*ROOTS, DEVICE_ROOT) if upper.startswith(r)), None)
    if root is None or len(upper) != len(path):
        return None
    at = len(root)
    first, _, rest = upper[at:].partition("\\")
    if first == "SYSNATIVE" and rules.sysnative:
        return path[:at] + "System32" + path[at + len(first) :]
    if disabled:
        return None
    if first == "SYSTEM32":
        return None if _is_shared(rest, rules) else path[:at] + "SysWOW64" + path[at + len(first) :]
    if first == "LASTGOOD" and _begins(rest, "SYSTEM32"):
        at += len("LASTGOOD\\")
        return path[:at] + "SysWOW64" + path[at + len("SYSTEM32") :]
    if first == "REGEDIT.EXE" and not rest:
        return path[:at] + "SysWOW64\\" + path[at:]
    return None


def may_matter(name: str) -> bool:
    """Whether a name below a directory's handle can be redirected at all: it must name one of these somewhere."""
    upper = name.upper()
    return any(word in upper for word in ("SYSTEM32", "SYSNATIVE", "REGEDIT.EXE"))


def _begins(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "\\")


def _is_shared(rest: str, rules: Rules) -> bool:
    return any(_begins(rest, folder) for folder in _SHARED) or (
        rules.driver_store_shared and _begins(rest, _DRIVER_STORE)
    )
