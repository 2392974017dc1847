"""A system root: a folder with real system DLLs for both machines, opened and checked.

Stands for the volume's Windows folder as the kernel finds it when it starts. Only headers are read here; contents are
read when a process maps them. ``simulation`` and the command line may import it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

from wowsim.errors import UsageError
from wowsim.sysroot.headers import check_size
from wowsim.sysroot.layout import find_layout
from wowsim.sysroot.names import ALIASES, NAMED, alias_of, known_names, mark_of, named, prepared
from wowsim.sysroot.requirements import required_modules, required_tables
from wowsim.sysroot.version import file_version, wine_version

if TYPE_CHECKING:
    from wowsim.sysroot.headers import Headers

Bits = Literal[32, 64]
UNKNOWN = "unknown"
"""The version of Wine's modules where nothing beside them says it."""


@dataclass(frozen=True)
class SystemRoot:
    """A folder of real system DLLs.

    Attributes:
        name: ``wine-8.0``, ``windows-10.0.19041.1``.
        kind: whose DLLs they are.
        version: Wine's version, or the file version of Windows' ntdll; ``unknown`` where nothing says it.
        path: the folder that was named.
        system32: the x86-64 modules.
        syswow64: the i386 modules.
        nls: the tables of code pages and locales.
    """

    name: str
    kind: Literal["wine", "windows"]
    version: str
    path: Path
    system32: Path
    syswow64: Path
    nls: Path
    sorting: Path | None = field(default=None, repr=False)

    def folder(self, bits: Bits) -> Path:
        """Where the modules of a machine are."""
        return self.system32 if bits == 64 else self.syswow64

    def find(self, file_name: str, bits: Bits) -> Path | None:
        """The path of a file, whatever the case of its name; None when there is no such regular file."""
        return self._find(self.folder(bits), file_name)

    def find_nls(self, file_name: str) -> Path | None:
        """The path of a table; Windows has sortdefault.nls in a folder of its own."""
        found = self._find(self.nls, file_name)
        return self._find(self.sorting, file_name) if found is None and self.sorting is not None else found

    def read(self, file_name: str, bits: Bits) -> bytes:
        """The contents of a module.

        Raises:
            UsageError: there is none, or it cannot be read.
        """
        return self._contents(self.find(file_name, bits), self.folder(bits) / file_name)

    def read_nls(self, file_name: str) -> bytes:
        """The contents of a table.

        Raises:
            UsageError: there is none, or it cannot be read.
        """
        return self._contents(self.find_nls(file_name), self.nls / file_name)

    def _contents(self, found: Path | None, expected: Path) -> bytes:
        if found is None:
            raise UsageError(f"system root {self.name} has no {expected.name}; expected {expected}")
        try:
            check_size(found, found.stat().st_size)
            return found.read_bytes()
        except OSError as error:
            raise UsageError(f"{found} cannot be read: {error.strerror}") from None

    def _find(self, folder: Path, file_name: str) -> Path | None:
        if not _is_name(file_name):
            return None
        path = folder / file_name
        if not os.path.isfile(path):  # in another case, then: most are written as they are asked for
            if folder not in self._listings:
                self._listings[folder] = _listing(folder)
            path = folder / self._listings[folder].get(file_name.lower(), file_name)
        return path if os.path.isfile(path) else None

    @cached_property
    def _listings(self) -> dict[Path, dict[str, str]]:
        return {}


def open_root(spec: str | Path) -> SystemRoot:
    """Open a folder, or a root that was fetched by its name, and check what a process needs to start.

    Args:
        spec: ``wine``, ``wine-8.0``, ``wine-10.0``, or the path of a folder: Windows' own, one that contains it, Wine's
            with ``x86_64-windows`` and ``i386-windows``, or a Wine installation's prefix.

    Raises:
        UsageError: there is none, or it is broken; one line names the file, what was found and what was expected.
    """
    root = find_root(spec)
    modules = list(required_modules(root, _refuse))
    required_tables(root, _refuse)
    return identified(root, modules[0])


def find_root(spec: str | Path) -> SystemRoot:
    """A root of which only the folders are known to be there; its path is its name.

    Raises:
        UsageError: there is none.
    """
    path = _located(spec)
    return SystemRoot(str(path), "windows", UNKNOWN, path, *find_layout(path))


def identified(root: SystemRoot, ntdll: Headers) -> SystemRoot:
    """The root with its kind, version and name, which its mark or its 64-bit ntdll tell."""
    if not ntdll.from_wine:
        version = file_version(ntdll) or UNKNOWN
        return replace(root, kind="windows", version=version, name=f"windows-{version}")
    said = mark_of(root.path)
    version = said.get("version") or wine_version(root.system32) or UNKNOWN
    return replace(root, kind="wine", version=version, name=said.get("name") or f"wine-{version}")


def _refuse(reason: UsageError) -> NoReturn:
    raise reason


def _located(spec: str | Path) -> Path:
    """The folder that is meant."""
    text = str(spec)
    if not text or "\0" in text:
        raise UsageError(f"system root {text!r} is neither a folder nor one of: {known_names()}")
    if text in NAMED or text in ALIASES:
        root = named(text)
        folder = prepared(root.name)
        if folder is None:
            raise UsageError(
                f"system root {root.name} is not fetched; type: wowsim sysroot fetch {alias_of(root.name)}"
            )
        return folder
    path = Path(spec).absolute()
    if "/" not in text and not os.path.exists(path):
        raise UsageError(f"system root {text!r} is neither a folder nor one of: {known_names()}")
    return path


def _listing(folder: Path) -> dict[str, str]:
    """File names by lower-case name; of two that differ in case only, the first in order."""
    try:
        return {name.lower(): name for name in sorted(os.listdir(folder), reverse=True)}
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}") from None


def _is_name(text: str) -> bool:
    """Whether it names something in a folder, and cannot lead out of it."""
    return text not in ("", ".", "..") and not any(mark in text for mark in "/\\\0")
