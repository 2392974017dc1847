"""The published argument counts of the Nt services, to hold declarations to.

Source: column ``arguments`` of services.csv and services_x86.csv (the counts are the same for 64-bit, WoW64 and
32-bit callers). Who may import it: everybody.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wowsim.nt.abi import Prototype

FILES = ("services.csv", "services_x86.csv")


@lru_cache(maxsize=1)
def published() -> dict[str, frozenset[int]]:
    """Nt name -> every count some build has; nothing for a service whose count is not published."""
    found: dict[str, frozenset[int]] = {}
    for file in FILES:
        text = resources.files("wowsim.nt").joinpath(file).read_text(encoding="ascii")
        for line in text.splitlines()[1:]:
            name, counts, _ = line.split(",", 2)
            numbers = frozenset(map(int, counts.split("/"))) if counts else frozenset[int]()
            found[name] = found.get(name, frozenset()) | numbers
    return found


def check(prototype: Prototype) -> None:
    """Hold a declaration to the published count.

    Raises:
        TypeError: no build has a service of that name, or none with that count.
    """
    counts = published().get(prototype.name)
    if counts is None:
        raise TypeError(f"{prototype.name}: services.csv has no such service")
    if counts and prototype.arg_bytes32 // 4 not in counts:
        expected = " or ".join(str(4 * count) for count in sorted(counts))
        raise TypeError(
            f"{prototype.name}: signature takes {prototype.arg_bytes32} argument bytes, services.csv says {expected}"
        )
