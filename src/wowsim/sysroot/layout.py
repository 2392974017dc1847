"""Where the parts of a root are: Windows' own folders, or those of a Wine installation.

Names are compared without regard to case, as Windows does. Within the package, ``root`` imports it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from wowsim.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_EXPECTED = (
    "expected System32 and SysWOW64 (a Windows folder),"
    " or x86_64-windows and i386-windows (a Wine installation)"
)
_LIBRARIES = ("lib", "lib64", "lib32", "lib/x86_64-linux-gnu", "lib/i386-linux-gnu")
_WINE_FOLDERS = ("", *(f"{prefix}{folder}/wine" for prefix in ("", "usr/") for folder in _LIBRARIES))
"""Where Wine's module folders lie below an installation's prefix: upstream's places and Debian's."""
_UP = 6
"""How far above its modules a Wine installation's ``share`` may lie."""


class Layout(NamedTuple):
    """The three folders of a root; ``sorting`` is where Windows keeps sortdefault.nls, if it is there."""

    system32: Path
    syswow64: Path
    nls: Path
    sorting: Path | None


def find_layout(folder: Path) -> Layout:
    """The parts of a root.

    Raises:
        UsageError: the folder is missing or is no root; names what was found.
    """
    if not os.path.isdir(folder):  # unlike Path's, it raises for no name
        what = "is no folder" if os.path.exists(folder) else "is not there"
        raise UsageError(f"system root {folder} {what}; {_EXPECTED}")
    children = _folders(folder)
    for base in (children, _folders(children["windows"]) if "windows" in children else {}):
        if "system32" in base and "syswow64" in base:
            return _windows(base)
    wine = [_wine_folder(folder, name) for name in ("x86_64-windows", "i386-windows")]
    if wine[0] is not None and wine[1] is not None:
        return Layout(wine[0], wine[1], _wine_nls(wine[0]), None)
    raise UsageError(f"system root {folder} {_found(children, wine)}; {_EXPECTED}")


def _folders(folder: Path) -> dict[str, Path]:
    """Its folders by lower-case name; of two that differ in case only, the first in order of names."""
    try:
        found = sorted(folder.iterdir(), reverse=True)
    except OSError as error:
        raise UsageError(f"system root {folder} cannot be read: {error.strerror}") from None
    return {child.name.lower(): child for child in found if child.is_dir()}


def _windows(base: dict[str, Path]) -> Layout:
    globalization = _folders(base["globalization"]) if "globalization" in base else {}
    return Layout(base["system32"], base["syswow64"], base["system32"], globalization.get("sorting"))


def _wine_folder(prefix: Path, name: str) -> Path | None:
    """One of Wine's two module folders; distributions leave empty ones beside the one that is filled."""
    found = [prefix / place / name for place in _WINE_FOLDERS if (prefix / place / name).is_dir()]
    return next((folder for folder in found if (folder / "ntdll.dll").exists()), found[0] if found else None)


def _wine_nls(modules: Path) -> Path:
    """Beside the modules, or in the installation's share/wine/nls."""
    if (modules / "locale.nls").exists():
        return modules
    for above in list(modules.absolute().parents)[:_UP]:
        if (above / "share" / "wine" / "nls").is_dir():
            return above / "share" / "wine" / "nls"
    return modules


def _found(children: dict[str, Path], wine: list[Path | None]) -> str:
    """What there is of a root, for the message."""
    here = [name for name in ("system32", "syswow64") if name in children]
    if here:
        other = {"system32": "SysWOW64", "syswow64": "System32"}[here[0]]
        return f"has {children[here[0]].name} but no {other}"
    if wine[0] or wine[1]:
        has, other = ("x86_64", "i386") if wine[0] else ("i386", "x86_64")
        return f"has {has}-windows but no {other}-windows"
    return "has neither System32 nor SysWOW64"
