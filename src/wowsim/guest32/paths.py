"""DOS paths: their types, full paths, and the NT names that services take.

Stands for the path arithmetic in ntdll (RtlDetermineDosPathNameType_U, RtlGetFullPathName_U,
RtlDosPathNameToNtPathName_U). Source of the rules: "File path formats on Windows systems" and "Naming Files,
Paths, and Namespaces" (learn.microsoft.com). Leaves out: the current directories of drives other than the
current one (``D:name`` is taken from the root of D:). Who may import it: the other modules of ``guest32``.
"""

from __future__ import annotations

from enum import Enum

SEPARATORS = "\\/"
_PORTS = {f"{name}{digit}" for name in ("COM", "LPT") for digit in "123456789"}
DEVICES = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"} | _PORTS
MAXIMUM = 0x7FFF
"""Longest path in characters, the limit of a UNICODE_STRING."""
MAX_PATH = 260
"""The limit of a path that is not written with ``\\\\?\\`` or ``\\\\.\\``, with the terminator ("Maximum Path Length
Limitation", learn.microsoft.com)."""


class PathType(Enum):
    """RTL_PATH_TYPE, by its public numbers."""

    UNC_ABSOLUTE = 1
    DRIVE_ABSOLUTE = 2
    DRIVE_RELATIVE = 3
    ROOTED = 4
    RELATIVE = 5
    LOCAL_DEVICE = 6
    ROOT_LOCAL_DEVICE = 7


def path_type(path: str) -> PathType:
    r"""``\\server``, ``C:\x``, ``C:x``, ``\x``, ``x``, ``\\.\x`` or ``\\.``."""
    p = path.replace("/", "\\")
    if p.startswith("\\\\"):
        if p[2:3] in (".", "?"):
            if p[3:4] == "\\":
                return PathType.LOCAL_DEVICE
            if len(p) == 3:
                return PathType.ROOT_LOCAL_DEVICE
        return PathType.UNC_ABSOLUTE
    if p.startswith("\\"):
        return PathType.ROOTED
    if p[1:2] == ":":
        return PathType.DRIVE_ABSOLUTE if p[2:3] == "\\" else PathType.DRIVE_RELATIVE
    return PathType.RELATIVE


def device_name(path: str) -> str | None:
    r"""``nul`` for ``nul``, ``C:\x\nul.txt``, ``nul:``; None where the last part names no device."""
    if path_type(path) in (PathType.UNC_ABSOLUTE, PathType.LOCAL_DEVICE, PathType.ROOT_LOCAL_DEVICE):
        return None
    last = path.replace("/", "\\").rsplit("\\", 1)[-1]
    if last[1:2] == ":":
        last = last[2:]
    stem = last.split(".", 1)[0].split(":", 1)[0].rstrip(" ")
    return stem if stem.upper() in DEVICES else None


def full_path(path: str, current: str) -> str:
    r"""The absolute path, or ``\\.\nul`` for a device name as it is spelt; "" for an empty path.

    Args:
        path: what the caller wrote.
        current: the current directory, absolute.
    """
    if not path.strip(" "):
        return ""
    device = device_name(path)
    if device is not None:
        return "\\\\.\\" + device
    kind = path_type(path)
    path = path.replace("/", "\\")
    if kind is PathType.ROOT_LOCAL_DEVICE:
        return "\\\\.\\"
    if kind is PathType.LOCAL_DEVICE:
        return path[:4] + "\\".join(_collapsed(path[4:], 0))
    if kind is PathType.UNC_ABSOLUTE:
        return "\\\\" + "\\".join(_collapsed(path[2:], 2))
    root, below = _root_and_rest(kind, path, current)
    return root + "\\".join(_collapsed(below, 0 if not root.startswith("\\\\") else 2))


def _root_and_rest(kind: PathType, path: str, current: str) -> tuple[str, str]:
    share = current.startswith("\\\\")
    root = "\\\\" if share else current[:2] + "\\"
    place = current[2:] if share else current[3:]
    if kind is PathType.DRIVE_ABSOLUTE:
        return path[:3], path[3:]
    if kind is PathType.DRIVE_RELATIVE:
        same = not share and path[:1].upper() == current[:1].upper()
        return path[:2] + "\\", "\\".join(filter(None, (place.rstrip("\\") if same else "", path[2:])))
    if kind is PathType.ROOTED:
        server = "\\".join(place.split("\\")[:2]) + "\\" if share else ""
        return root, server + path[1:]
    return root, place + "\\" + path


def _collapsed(path: str, keep: int) -> list[str]:
    """Components without ``.``, ``..`` and doubled separators; ``..`` never removes the first ``keep``."""
    parts: list[str] = []
    components = path.split("\\")
    for at, component in enumerate(components):
        last = at == len(components) - 1
        if component in ("", "."):
            continue
        if component == "..":
            if len(parts) > keep:
                parts.pop()
            continue
        # The final name loses trailing dots and spaces, all of it if it has nothing else; a directory's name
        # loses a single trailing dot.
        if last:
            component = component.rstrip(". ")
        elif component.endswith(".") and not component.endswith(".."):
            component = component[:-1]
        if component:
            parts.append(component)
    if parts and not components[-1].rstrip(". ") and components[-1] not in (".", ".."):
        parts.append("")
    return parts


def nt_path(path: str, current: str) -> str | None:
    r"""``\??\C:\x`` for ``x``, ``\??\UNC\server\share`` for a share; None for an empty or too long path."""
    plain = path.replace("/", "\\")
    if path.startswith("\\\\?\\"):
        return "\\??\\" + path[4:]
    full = full_path(path, current)
    if not full or len(full) + 8 > MAXIMUM:
        return None
    local = path_type(plain) is PathType.LOCAL_DEVICE
    if not local and len(full) >= MAX_PATH:
        return None
    if local or full.startswith("\\\\.\\"):
        return "\\??\\" + full[4:]
    if full.startswith("\\\\"):
        return "\\??\\UNC\\" + full[2:]
    return "\\??\\" + full


def file_part(full: str) -> int | None:
    """Index of the last component of a full path; None when the path ends in a separator or is a device."""
    if full.startswith("\\\\.\\") or not full:
        return None
    at = full.rfind("\\") + 1
    return at if 0 < at < len(full) else None
