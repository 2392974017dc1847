"""What a service's stub loads: the full EAX, whether the turbo indices are published, and how numbers are written.

Who may import it: everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wowsim.nt.builds import Build, ServiceRow

_FIRST_PUBLISHED, _LAST_PUBLISHED = (6, 2), (10, 0, 17134)
"""Windows 8 to Windows 10 1803 (wow64-facts section 4)."""


def full_eax(build: Build, row: ServiceRow) -> int:
    """EAX at the gate: before Windows 8 the turbo index is not in it but in ECX (wow64-facts section 4)."""
    return row.number if build.turbo_in_ecx or not build.wow64 else row.turbo << 16 | row.number


def turbo_is_published(build: Build) -> bool:
    """Whether the build's turbo indices are its own; else they are the nearest published build's, by name."""
    return not build.wow64 or _FIRST_PUBLISHED <= build.version <= _LAST_PUBLISHED


def hexadecimal(number: int) -> str:
    """A number as MASM writes it: ``52h``, ``0C0h``."""
    text = f"{number:X}h"
    return text if text[0].isdigit() else "0" + text
