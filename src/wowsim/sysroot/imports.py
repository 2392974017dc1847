"""The names of imported modules, out of a file's headers.

Within the package, ``requirements`` imports it. Whole tables are :mod:`wowsim.image.pe`'s.
"""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING

from wowsim.errors import UsageError
from wowsim.image.pe_file import DIRECTORY_IMPORT

if TYPE_CHECKING:
    from wowsim.sysroot.headers import Headers

_MOST_MODULES = 256


def imported_modules(headers: Headers) -> list[str]:
    """File names of what it imports statically, in small letters.

    Raises:
        UsageError: one is no name.
    """
    rva, size = headers.directory(DIRECTORY_IMPORT)
    found: list[str] = []
    while size and len(found) < _MOST_MODULES:
        row = headers.read(rva + 20 * len(found), 20)
        name = unpack_from("<I", row, 12)[0] if len(row) == 20 else 0
        if not name:
            break
        found.append(headers.string(name).lower())
        if not (found[-1] and found[-1].isprintable() and found[-1].isascii()):
            raise UsageError(f"{headers.path} is damaged: it imports a module named {found[-1]!r}")
    return found
