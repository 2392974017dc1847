r"""Where a DLL is looked for: names, the search order, the paths that entries show.

Stands for LdrpResolveDllName and its path lists. Search order: a section in ``\KnownDlls32`` (on 32-bit
Windows ``\KnownDlls``), the application's directory, the system directory, the Windows directory, the current
directory, PATH ("Dynamic-link library search order", learn.microsoft.com; the 16-bit system directory is left
out). Who may import it: the loader.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from wowsim.guest32 import blocks, frame, paths
from wowsim.guest32.environment import variable
from wowsim.guest32.imports import file_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.nt.trap import Trap

WOW64_DIRECTORY = "\\syswow64"
NT_PREFIX = "\\??\\"
MAX_PLACES = 0x40


def known_dlls(system: str) -> str:
    """The object directory of the sections of the DLLs in a system directory."""
    return "\\KnownDlls32\\" if system.lower().endswith(WOW64_DIRECTORY) else "\\KnownDlls\\"


def wanted(trap: Trap, name: str) -> str:
    """A name as LdrLoadDll takes it, with its extension, and full unless it is relative; "" for none."""
    name = file_name(name.replace("/", "\\").rstrip(" "))
    if not name or "\0" in name:
        return ""
    return name if _is_relative(name) else paths.full_path(name, current_directory(trap))


def place(trap: Trap, name: str, system: str, index: int) -> str | None:
    """The NT name of the ``index``-th place to look for a wanted DLL in; None behind the last.

    Args:
        trap: gives the process.
        name: as :func:`wanted` made it.
        system: the system directory.
        index: from 0.
    """
    return next(islice(places(trap, name, system), index, min(index + 1, MAX_PLACES)), None)


def redirected(name: str, system: str) -> str:
    """A path below System32 as the file system redirector changes it for 32-bit processes (wow64-facts section 11)."""
    native = system.rpartition("\\")[0] + "\\system32\\"
    return f"{system}\\{name[len(native) :]}" if name.lower().startswith(native.lower()) else name


def places(trap: Trap, name: str, system: str) -> Iterator[str]:
    """The NT names of all places to look for a wanted DLL in."""
    directories = [""]
    if _is_relative(name):
        if "\\" not in name:
            yield known_dlls(system) + name
        image = blocks.unicode_string(trap.memory, blocks.parameters(trap) + blocks.PARAMETERS_IMAGE_PATH)
        directories = [image.rpartition("\\")[0], system, system.rpartition("\\")[0], current_directory(trap)]
        directories += (variable(trap, "PATH") or "").split(";")
        directories = [directory.rstrip("\\") + "\\" for directory in directories if directory.strip(" ")]
    for directory in dict.fromkeys(directories):
        found = paths.nt_path(directory + name, current_directory(trap))
        if found is not None and len(blocks.encoded(found)) <= frame.NT_ROOM:
            yield found


def dos_name(nt_name: str, system: str) -> str:
    """The Win32 path of the file, or of the known section, behind an NT name."""
    if nt_name.startswith(known_dlls(system)):
        return f"{system}\\{nt_name[len(known_dlls(system)) :]}"
    if nt_name.startswith(NT_PREFIX + "UNC\\"):
        return "\\\\" + nt_name[len(NT_PREFIX) + 4 :]
    return nt_name[len(NT_PREFIX) :]


def current_directory(trap: Trap) -> str:
    """The process' current directory."""
    path = blocks.unicode_string(trap.memory, blocks.parameters(trap) + blocks.PARAMETERS_CURRENT_DIRECTORY)
    return path or "C:\\"


def _is_relative(name: str) -> bool:
    return paths.path_type(name) is paths.PathType.RELATIVE
