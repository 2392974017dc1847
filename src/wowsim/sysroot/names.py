"""The roots that have a name: which packages they are made of, and where the user's cache holds them.

The cache is a pure function of the environment: ``WOWSIM_CACHE``, else ``XDG_CACHE_HOME/wowsim``, else
``~/.cache/wowsim`` (XDG Base Directory Specification). Nothing of it is visible to the guest. Within the package,
``root``, ``fetch`` and ``inspection`` import it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wowsim.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = "wowsim-root.json"
"""The file that makes a folder of the cache a prepared root."""


@dataclass(frozen=True)
class NamedRoot:
    """One root that can be fetched.

    Attributes:
        name: what ``--sysroot`` takes.
        version: Wine's own version; Debian's revision may be any.
        suite: the Debian release that has it.
    """

    name: str
    version: str
    suite: str


NAMED = {
    root.name: root
    for root in (NamedRoot("wine-8.0", "8.0", "bookworm"), NamedRoot("wine-10.0", "10.0", "trixie"))
}
ALIASES = {"wine": "wine-8.0"}


def named(name: str) -> NamedRoot:
    """The root of a name or alias.

    Raises:
        UsageError: there is none.
    """
    found = NAMED.get(ALIASES.get(name, name))
    if found is None:
        raise UsageError(f"there is no system root named {name!r}; known: {known_names()}")
    return found


def known_names() -> str:
    """The names for a message."""
    return ", ".join((*ALIASES, *NAMED))


def alias_of(name: str) -> str:
    """The shortest name of a root, which the user is told to type."""
    return next((alias for alias, target in ALIASES.items() if target == name), name)


def cache_folder(environment: Mapping[str, str] | None = None) -> Path:
    """Where wowsim keeps what it fetched.

    Raises:
        UsageError: the environment names no place.
    """
    environment = os.environ if environment is None else environment
    if own := environment.get("WOWSIM_CACHE"):
        return Path(own).absolute()
    shared = Path(environment.get("XDG_CACHE_HOME", ""))
    if shared.is_absolute():  # the specification: relative paths are to be ignored
        return shared / "wowsim"
    if home := environment.get("HOME"):
        return Path(home).absolute() / ".cache" / "wowsim"
    raise UsageError("no folder for a cache: neither WOWSIM_CACHE, XDG_CACHE_HOME nor HOME is set")


def roots_folder() -> Path:
    """Where prepared roots are, one folder each."""
    return cache_folder() / "roots"


def prepared(name: str) -> Path | None:
    """The folder of a named root, if it was fetched."""
    folder = roots_folder() / named(name).name
    return folder if (folder / MARK).is_file() else None


def mark_of(folder: Path) -> dict[str, str]:
    """The texts that the mark of a prepared root holds (name, version ...); empty for any other folder.

    Raises:
        UsageError: there is a mark, and it cannot be read.
    """
    try:
        said = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder / MARK} cannot be read: {error}") from None
    if not isinstance(said, dict):
        raise UsageError(f"{folder / MARK} holds {type(said).__name__}; expected an object")
    return {key: value for key, value in said.items() if isinstance(value, str)}
