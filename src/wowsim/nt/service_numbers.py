"""How numbers of services are written. Who may import it: everybody."""

from __future__ import annotations


def hexadecimal(number: int) -> str:
    """A number as MASM writes it: ``52h``, ``0C0h``."""
    text = f"{number:X}h"
    return text if text[0].isdigit() else "0" + text
