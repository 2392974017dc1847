"""The Debian mirror that this machine uses, read from apt's own sources.

Both forms: one line an entry, and deb822 stanzas (sources.list(5)). Within the package, ``fetch`` imports it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DEFAULT_MIRROR = "http://deb.debian.org/debian"
"""Debian's own address for the mirror nearest by."""

_SUITES = re.compile(
    r"(oldoldstable|oldstable|stable|testing|unstable|sid"
    r"|buster|bullseye|bookworm|trixie|forky|duke)(-updates|-backports)?"
)
_METHODS = re.compile(r"(https?|ftp|file|copy|tor\+https?|mirror(\+\w+)?)://?")
_ONE_LINE = re.compile(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)")


def debian_mirror(etc: Path) -> str:
    """The address of Debian's main archive in the sources of ``etc`` (``/etc/apt``), else Debian's default.

    Third parties name their suites after Debian's, too: an address that ends in ``/debian`` comes first, then one
    that has the word in it.
    """
    found = [
        uri.rstrip("/")
        for uri, suites, components in _entries(etc)
        if _METHODS.match(uri)
        and "security" not in uri
        and "main" in components
        and any(_SUITES.fullmatch(suite) for suite in suites)
    ]
    found.sort(key=lambda uri: (not uri.endswith("/debian"), "debian" not in uri))
    return found[0] if found else DEFAULT_MIRROR


def _entries(etc: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Address, suites and components of each entry for binary packages."""
    folder = etc / "sources.list.d"
    for path in [etc / "sources.list", *sorted(folder.glob("*.list")), *sorted(folder.glob("*.sources"))]:
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue  # apt itself goes without a file that is not there
        yield from _stanzas(lines) if path.suffix == ".sources" else _lines(lines)


def _lines(lines: Iterable[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    for line in lines:
        entry = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if entry:
            yield entry[1], [entry[2]], entry[3].split()


def _stanzas(lines: Iterable[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    fields: dict[str, str] = {}
    name = ""
    for line in (*lines, ""):
        if line.startswith("#"):
            continue
        if line[:1].isspace() and line.strip() and name:
            fields[name] += " " + line
        elif line.strip():
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value
        else:
            enabled = fields.get("enabled", "yes").strip().lower() not in (
                "no",
                "false",
                "0",
                "off",
                "without",
            )
            if enabled and "deb" in fields.get("types", "").split():
                for uri in fields.get("uris", "").split():
                    yield uri, fields.get("suites", "").split(), fields.get("components", "").split()
            fields, name = {}, ""
