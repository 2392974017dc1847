"""Who is logged on: names and the SID that every part of the kernel reports.

The machine's part of the SID comes of the seed alone. Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from random import Random

COMPUTER, USER = "WOWSIM", "user"
FIRST_USER = 1001
"""Relative id of the first account that a setup makes (Windows 10; earlier ones begin at 1000)."""


def machine_sid(seed: int) -> str:
    """The SID that a setup made for the machine, as text: what its accounts' SIDs begin with."""
    source = Random(f"account {seed}")
    return "-".join(("S-1-5-21", *(str(source.getrandbits(32)) for _ in range(3))))


def user_sid(seed: int) -> str:
    """The user's SID as text."""
    return f"{machine_sid(seed)}-{FIRST_USER}"
