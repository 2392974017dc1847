r"""The object namespace (nt!Ob directories, symbolic links, devices): ``\??\C:\a`` -> volume and ``\a``.

Leaves out a session's own devices (``\??`` is ``\GLOBAL??`` itself) and security. Names compare without case, as
Windows does unless its ObCaseInsensitive policy is off. Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.access import GenericMapping
from wowsim.kernel.names import upcase
from wowsim.kernel.objects import KernelObject
from wowsim.nt.status import (
    STATUS_NAME_TOO_LONG,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAXIMUM_REPARSES = 32
"""Symbolic links followed in one look-up before the object manager gives up."""

MAXIMUM_REMEMBERED = 64
MAXIMUM_NAME = 0x7FFF
"""Characters that a UNICODE_STRING holds: a path that links make longer is refused (unverified)."""


class Directory(KernelObject):
    """A directory object: names to objects.

    Args:
        changed: called when a name comes or goes.
    """

    type_name = "Directory"
    mapping = GenericMapping(0x20003, 0x2000C, 0x20003, 0xF000F)

    def __init__(self, changed: Callable[[], None]) -> None:
        self.entries: dict[str, tuple[str, KernelObject]] = {}
        self._changed = changed

    def lookup(self, name: str) -> KernelObject | None:
        """The object of that name, without case."""
        found = self.entries.get(upcase(name))
        return None if found is None else found[1]

    def names(self) -> list[str]:
        """The names here as they were given, sorted without case."""
        return [name for _, (name, _) in sorted(self.entries.items())]

    def add(self, name: str, item: KernelObject) -> None:
        """Give ``item`` a name here; its first one is what it reports."""
        key = upcase(name)
        if key in self.entries:
            raise GuestFault(STATUS_OBJECT_NAME_COLLISION)
        self.entries[key] = (name, item)
        if item.place is None:
            item.place = (self, name)
        self._changed()

    def remove(self, name: str) -> None:
        """Take a name away; the object lives on while it has handles."""
        if self.entries.pop(upcase(name), None) is None:
            raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
        self._changed()

    def path_of(self, name: str) -> str:
        """The absolute name of an entry."""
        return f"{self.nt_name()}\\{name}"


class _Root(Directory):
    r"""``\``."""

    def nt_name(self) -> str:
        """It is in no directory."""
        return "\\"

    def path_of(self, name: str) -> str:
        """A backslash stands before it, not two."""
        return f"\\{name}"


class SymbolicLink(KernelObject):
    """A symbolic link object: the rest of the path is looked up under ``target``."""

    type_name = "SymbolicLink"
    mapping = GenericMapping(0x20001, 0x20000, 0x20001, 0xF0001)

    def __init__(self, target: str, created: int = 0) -> None:
        self.target = target
        self.created = created


class ParsingObject(KernelObject):
    """An object with a parse procedure: it takes the rest of a path itself (devices; later keys)."""


class Namespace:
    r"""The tree below ``\``."""

    def __init__(self) -> None:
        self._devices: dict[str, ParsingObject] = {}
        self.root: Directory = _Root(self._devices.clear)
        self.root.permanent = True
        for path in (
            r"\Device",
            r"\GLOBAL??",
            r"\BaseNamedObjects",
            r"\KernelObjects",
            r"\KnownDlls",
            r"\ObjectTypes",
        ):
            self.insert(path, self.directory())
        self.root.add("??", self.find(r"\GLOBAL??"))
        self.insert(r"\DosDevices", SymbolicLink(r"\??"))
        self.insert(r"\GLOBAL??\GLOBALROOT", SymbolicLink(""))

    def directory(self) -> Directory:
        """A new directory without a name."""
        return Directory(self._devices.clear)

    def with_own(self, directories: Iterable[str]) -> Namespace:
        """A namespace with the same objects but for the directories of these paths, which are empty or not there."""
        made = Namespace()
        own = {upcase(path[1:]) for path in directories}
        kept = {key: entry for key, entry in made.root.entries.items() if key in own}
        made.root.entries = {k: entry for k, entry in self.root.entries.items() if k not in own} | kept
        return made

    def insert(self, path: str, item: KernelObject) -> None:
        """Give ``item`` for good the absolute name ``path``; its directory must exist."""
        parent, _, name = path.rpartition("\\")
        directory = self.find(parent) if parent else self.root
        if not isinstance(directory, Directory):
            raise GuestFault(STATUS_OBJECT_TYPE_MISMATCH)
        directory.add(name, item)
        item.permanent = True

    def find(self, path: str) -> KernelObject:
        """The object of that exact name; something left over is an error."""
        found, remaining = self.resolve(path)
        if remaining:
            raise GuestFault(STATUS_OBJECT_TYPE_MISMATCH)
        return found

    def resolve(
        self, path: str, root: KernelObject | None = None, *, open_link: bool = False
    ) -> tuple[KernelObject, str]:
        r"""Walk ``path`` from ``root``, or from ``\`` when there is none.

        Args:
            path: names separated by backslashes.
            root: where to begin.
            open_link: a symbolic link at the very end is what is looked for.

        Returns:
            The object, and what a parsing object has to take itself (with its leading backslash).

        Raises:
            GuestFault: STATUS_OBJECT_PATH_SYNTAX_BAD for a path that begins wrongly,
                STATUS_OBJECT_NAME_INVALID for an empty component, STATUS_OBJECT_PATH_NOT_FOUND and
                STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_TYPE_MISMATCH for a path through a leaf.
        """
        if root is None:
            return self._resolve_absolute(path, open_link)
        if isinstance(root, ParsingObject):
            return root, path
        if path.startswith("\\"):
            raise GuestFault(STATUS_OBJECT_PATH_SYNTAX_BAD)
        return self._walk(root, path, open_link)

    def _resolve_absolute(self, path: str, open_link: bool) -> tuple[KernelObject, str]:
        r"""The first two components (``\??\C:``) decide nearly always; where they led is remembered."""
        end = path.find("\\", path.find("\\", 1) + 1)
        prefix, remaining = (path[:end], path[end:]) if end > 0 else (path, "")
        device = self._devices.get(prefix)
        if device is not None and (remaining or not open_link):
            return device, remaining
        if not path.startswith("\\"):
            raise GuestFault(STATUS_OBJECT_PATH_SYNTAX_BAD)
        found, rest = self._walk(self.root, path[1:], open_link)
        if isinstance(found, ParsingObject) and rest == remaining and len(self._devices) < MAXIMUM_REMEMBERED:
            self._devices[prefix] = found
        return found, rest

    def _walk(self, start: KernelObject, path: str, open_link: bool) -> tuple[KernelObject, str]:
        found, remaining, links = start, path, 0
        while remaining:
            if not isinstance(found, Directory):
                raise GuestFault(STATUS_OBJECT_TYPE_MISMATCH)
            name, separator, remaining = remaining.partition("\\")
            if not name:
                raise GuestFault(STATUS_OBJECT_NAME_INVALID)
            child = found.lookup(name)
            if child is None:
                raise GuestFault(STATUS_OBJECT_PATH_NOT_FOUND if separator else STATUS_OBJECT_NAME_NOT_FOUND)
            if isinstance(child, ParsingObject):
                return child, separator + remaining
            if isinstance(child, SymbolicLink) and (separator or not open_link):
                links += 1
                if links > MAXIMUM_REPARSES:
                    raise GuestFault(STATUS_OBJECT_NAME_INVALID)
                found, remaining = self.root, _behind(child.target, separator + remaining)
            else:
                found = child
        return found, ""


def _behind(target: str, rest: str) -> str:
    r"""What is left to walk below ``\`` after a link; a target that is no absolute path leads nowhere (unverified)."""
    path = target + rest
    if len(path) > MAXIMUM_NAME:
        raise GuestFault(STATUS_NAME_TOO_LONG)
    if path and not path.startswith("\\"):
        raise GuestFault(STATUS_OBJECT_PATH_SYNTAX_BAD)
    return path[1:]
