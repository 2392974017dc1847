r"""Where the shell's folders are, as ``Explorer\Shell Folders`` and ``User Shell Folders`` name them.

Names and places: Microsoft Learn, KNOWNFOLDERID (those of Windows 7). Who may import it: the kernel package.
"""

from __future__ import annotations

_ROAMING = r"AppData\Roaming\Microsoft\Windows"
_LOCAL = r"AppData\Local\Microsoft\Windows"
_START = rf"{_ROAMING}\Start Menu"

USER: dict[str, str] = {
    "Administrative Tools": rf"{_START}\Programs\Administrative Tools",
    "AppData": r"AppData\Roaming",
    "Cache": rf"{_LOCAL}\Temporary Internet Files",
    "Cookies": rf"{_ROAMING}\Cookies",
    "Desktop": "Desktop",
    "Favorites": "Favorites",
    "History": rf"{_LOCAL}\History",
    "Local AppData": r"AppData\Local",
    "My Music": "Music",
    "My Pictures": "Pictures",
    "My Video": "Videos",
    "NetHood": rf"{_ROAMING}\Network Shortcuts",
    "Personal": "Documents",
    "PrintHood": rf"{_ROAMING}\Printer Shortcuts",
    "Programs": rf"{_START}\Programs",
    "Recent": rf"{_ROAMING}\Recent",
    "SendTo": rf"{_ROAMING}\SendTo",
    "Start Menu": _START,
    "Startup": rf"{_START}\Programs\Startup",
    "Templates": rf"{_ROAMING}\Templates",
}
"""Below the user's profile."""

_COMMON_START = r"C:\ProgramData\Microsoft\Windows\Start Menu"
COMMON: dict[str, str] = {
    "Common Administrative Tools": rf"{_COMMON_START}\Programs\Administrative Tools",
    "Common AppData": r"C:\ProgramData",
    "Common Desktop": r"C:\Users\Public\Desktop",
    "Common Documents": r"C:\Users\Public\Documents",
    "Common Programs": rf"{_COMMON_START}\Programs",
    "Common Start Menu": _COMMON_START,
    "Common Startup": rf"{_COMMON_START}\Programs\Startup",
    "Common Templates": r"C:\ProgramData\Microsoft\Windows\Templates",
    "CommonMusic": r"C:\Users\Public\Music",
    "CommonPictures": r"C:\Users\Public\Pictures",
    "CommonVideo": r"C:\Users\Public\Videos",
}
"""Of all users."""
