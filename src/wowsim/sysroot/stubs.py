"""Service numbers, read out of the stubs of a root's DLLs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wowsim.image.model import Image

_STUB64 = re.compile(rb"\x4c\x8b\xd1\xb8(....)", re.DOTALL)


def service_numbers(image: Image) -> dict[str, int]:
    """Nt name -> number, of every export that is a stub."""
    found = {}
    for export in image.exports:
        if export.name is None or export.forwarder is not None:
            continue
        match = _STUB64.match(image.contents, export.rva)
        if match is not None:
            name = "Nt" + export.name[2:] if export.name.startswith("Zw") else export.name
            found[name] = int.from_bytes(match[1], "little")
    return found
