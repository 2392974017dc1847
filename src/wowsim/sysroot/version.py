"""Whose modules they are and which version: Wine's own word, or the version resource.

Stands for what version.dll reads (VS_VERSION_INFO). Wine gives its DLLs the version numbers of Windows DLLs; its own
version is in the part of ntdll that is Unix code. Within the package, ``root`` and ``inspection`` import it.

Source: "PE Format", The .rsrc Section, and VS_FIXEDFILEINFO on learn.microsoft.com.
"""

from __future__ import annotations

import re
from struct import unpack_from
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from wowsim.sysroot.headers import Headers

_DIRECTORY_RESOURCE, _TYPE_VERSION = 2, 16
_SIGNATURE = bytes.fromhex("bd04effe")
_SUBDIRECTORY = 0x80000000
_LONGEST = 0x1000
_WINE = re.compile(rb"\0wine-([0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?)[ \0]")


def wine_version(system32: Path) -> str | None:
    """What a Wine installation's own ntdll.so says; its PE modules alone do not say it."""
    library = system32.parent / "x86_64-unix" / "ntdll.so"
    try:
        data = library.read_bytes()
    except OSError:
        return None  # a folder with the PE modules only
    found = _WINE.search(data)
    return found[1].decode() if found else None


def file_version(headers: Headers) -> str | None:
    """The file version of the version resource, as Explorer shows it."""
    root, size = headers.directory(_DIRECTORY_RESOURCE)
    leaf = _entry(headers, root, 0, _TYPE_VERSION) if size else None
    for _ in range(2):  # name, language: the first of each
        leaf = _entry(headers, root, leaf & ~_SUBDIRECTORY, None) if leaf is not None else None
    if leaf is None or leaf & _SUBDIRECTORY:
        return None
    row = headers.read(root + leaf, 8)
    if len(row) < 8:
        return None
    rva, length = unpack_from("<II", row)
    data = headers.read(rva, min(length, _LONGEST))
    at = data.find(_SIGNATURE)
    if at < 0 or len(data) < at + 16:
        return None
    minor, major, revision, build = unpack_from("<4H", data, at + 8)
    return f"{major}.{minor}.{build}.{revision}"


def _entry(headers: Headers, root: int, offset: int, wanted: int | None) -> int | None:
    """What an entry of a resource directory points to: that of a number, or the first."""
    table = headers.read(root + offset, 16)
    if len(table) < 16:
        return None
    names, numbers = unpack_from("<HH", table, 12)
    rows = headers.read(root + offset + 16, 8 * (names + numbers))
    for at in range(0, len(rows) - 7, 8):
        key, target = unpack_from("<II", rows, at)
        if wanted is None or key == wanted:
            return int(target)
    return None
