"""Names and numbers of win32k's services (1000h and up), which wowsim does not implement, to refuse them by name.

The tables hold bare facts from j00ru's lists: per build what changed since the build before (a place, how many names
go, which come), made by tests/nt/make_win32k.py, and argument counts from tinysec's. Who may import it: everybody.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

FIRST = 0x1000
"""Bits 12-13 of EAX choose win32k's table (wow64-facts section 4)."""
_NONE = "-"
"""A number that nothing stands behind."""


@lru_cache(maxsize=2)
def _tables(file: str) -> dict[str, tuple[str, ...]]:
    text = resources.files("wowsim.nt").joinpath(file).read_text(encoding="ascii")
    found: dict[str, tuple[str, ...]] = {}
    names: list[str] = []
    for part in text.split("[")[1:]:
        build, *changes = part.splitlines()
        for line in reversed(changes):  # from the end, so that places stay what they are
            at, gone, *come = line.split(" ")
            names[int(at) : int(at) + int(gone)] = come
        found[build.removesuffix("]")] = tuple(names)
    return found


def services(build: str) -> dict[int, str]:
    """Number -> name for a build; empty for one of which no table is known."""
    names = _tables("win32k_x86.txt" if build.endswith("-x86") else "win32k.txt").get(build, ())
    return {number: name for number, name in enumerate(names, FIRST) if name != _NONE}


@lru_cache(maxsize=1)
def _histories() -> dict[str, list[tuple[int, int]]]:
    text = resources.files("wowsim.nt").joinpath("win32k_arguments.txt").read_text(encoding="ascii")
    found: dict[str, list[tuple[int, int]]] = {}
    for line in text.splitlines():
        history, _, names = line.partition(": ")
        first, *later = history.split(" ")
        changes = [
            (0, int(first)),
            *((int(b), int(n)) for n, _, b in (part.partition("@") for part in later)),
        ]
        found.update(dict.fromkeys(names.split(" "), changes))
    return found


def arguments(name: str, version: tuple[int, int, int]) -> int | None:
    """Arguments of a service on a build; None where no count is published.

    Source: tinysec's tables of the WoW64 stubs, XP to 10 1803; later builds as the last of these (unverified).
    """
    counts = [count for build, count in _histories().get(name, ()) if build <= version[2]]
    return counts[-1] if counts else None


def name_of(build: str, number: int) -> str | None:
    """The name behind a number, if that build has it."""
    return services(build).get(number)
