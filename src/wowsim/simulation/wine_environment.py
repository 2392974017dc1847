r"""The environment of a process that Wine starts: what Wine's default prefix gives beyond what every Windows has.

As Wine 8.0 was seen to give it, with names of this machine. Its DLLs count on some: GetUserName is WINEUSERNAME.
Paths are spelt as Wine spells them (``C:\windows``). Who may import it: the simulation.
"""

from __future__ import annotations

from wowsim.kernel.accounts import COMPUTER, USER

SYSTEM_ROOT = r"C:\windows"
_HOME = rf"C:\users\{USER}"
_SYSTEM32 = rf"{SYSTEM_ROOT}\system32"


def wine_environment() -> dict[str, str]:
    """Names and values; they replace those of the same name."""
    return {
        "APPDATA": rf"{_HOME}\AppData\Roaming",
        "CLIENTNAME": "Console",
        "ComSpec": rf"{_SYSTEM32}\cmd.exe",
        "HOMEDRIVE": "C:",
        "HOMEPATH": _HOME.removeprefix("C:"),
        "LOCALAPPDATA": rf"{_HOME}\AppData\Local",
        "LOGONSERVER": rf"\\{COMPUTER}",
        "PATHEXT": ".com;.exe;.bat;.cmd;.vbs;.vbe;.js;.jse;.wsf;.wsh",
        "PROCESSOR_LEVEL": "6",
        "Path": rf"{_SYSTEM32};{SYSTEM_ROOT};{_SYSTEM32}\wbem;{_SYSTEM32}\WindowsPowershell\v1.0",
        "ProgramData": r"C:\ProgramData",
        "PUBLIC": r"C:\users\Public",
        "SESSIONNAME": "Console",
        "SystemRoot": SYSTEM_ROOT,
        "TEMP": r"C:\Temp",
        "TMP": r"C:\Temp",
        "USERDOMAIN": COMPUTER,
        "USERPROFILE": _HOME,
        "WINEUSERNAME": USER,
        "windir": SYSTEM_ROOT,
        "winsysdir": _SYSTEM32,
    }
