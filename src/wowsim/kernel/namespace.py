r"""The object namespace (nt!Ob directories, symbolic links, devices): ``\??\C:\a`` -> volume and ``\a``.

Leaves out sessions (``\??`` is ``\GLOBAL??`` itself) and security. Names compare without case, as Windows
does unless its ObCaseInsensitive policy is off. Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from wowsim.errors import GuestFault
from wowsim.kernel.access import GenericMapping
from wowsim.kernel.names import upcase
from wowsim.kernel.objects import KernelObject
from wowsim.nt.status import (
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_OBJECT_PATH_NOT_FOUND,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
)

MAXIMUM_REPARSES = 32
"""Symbolic links followed in one look-up before the object manager gives up."""

MAXIMUM_REMEMBERED = 64


class Directory(KernelObject):
    """A directory object: names to objects. Only its :class:`Namespace` changes it."""

    type_name = "Directory"
    mapping = GenericMapping(0x20003, 0x2000C, 0x20003, 0xF000F)

    def __init__(self) -> None:
        self.entries: dict[str, tuple[str, KernelObject]] = {}

    def lookup(self, name: str) -> KernelObject | None:
        """The object of that name, without case."""
        found = self.entries.get(upcase(name))
        return None if found is None else found[1]

    def names(self) -> list[str]:
        """The names here as they were given, sorted without case."""
        return [name for _, (name, _) in sorted(self.entries.items())]


class SymbolicLink(KernelObject):
    """A symbolic link object: the rest of the path is looked up under ``target``."""

    type_name = "SymbolicLink"

    def __init__(self, target: str) -> None:
        self.target = target


class ParsingObject(KernelObject):
    """An object with a parse procedure: it takes the rest of a path itself (devices; later keys)."""


class Namespace:
    r"""The tree below ``\``."""

    def __init__(self) -> None:
        self.root = Directory()
        self._devices: dict[str, ParsingObject] = {}
        for path in (
            r"\Device",
            r"\GLOBAL??",
            r"\BaseNamedObjects",
            r"\KernelObjects",
            r"\KnownDlls",
            r"\KnownDlls32",
            r"\ObjectTypes",
        ):
            self.insert(path, Directory())
        self.add(self.root, "??", self.find(r"\GLOBAL??"))
        self.insert(r"\DosDevices", SymbolicLink(r"\??"))
        self.insert(r"\GLOBAL??\GLOBALROOT", SymbolicLink(""))

    def insert(self, path: str, item: KernelObject) -> None:
        """Give ``item`` the absolute name ``path``; its directory must exist."""
        parent, _, name = path.rpartition("\\")
        directory = self.find(parent) if parent else self.root
        if not isinstance(directory, Directory):
            raise GuestFault(STATUS_OBJECT_TYPE_MISMATCH)
        self.add(directory, name, item)

    def add(self, directory: Directory, name: str, item: KernelObject) -> None:
        """Give ``item`` a name in a directory."""
        key = upcase(name)
        if key in directory.entries:
            raise GuestFault(STATUS_OBJECT_NAME_COLLISION)
        directory.entries[key] = (name, item)
        self._devices.clear()

    def remove(self, directory: Directory, name: str) -> None:
        """Take a name away; the object lives on while it has handles."""
        if directory.entries.pop(upcase(name), None) is None:
            raise GuestFault(STATUS_OBJECT_NAME_NOT_FOUND)
        self._devices.clear()

    def name_of(self, directory: Directory, name: str) -> str:
        """The absolute name of an entry; the directory's first name where it has several."""
        stack: list[tuple[str, Directory]] = [("", self.root)]
        while stack:
            path, at = stack.pop()
            if at is directory:
                return f"{path}\\{name}"
            stack += [(f"{path}\\{n}", e) for n, e in at.entries.values() if isinstance(e, Directory)]
        return name

    def find(self, path: str) -> KernelObject:
        """The object of that exact name; something left over is an error."""
        found, remaining = self.resolve(path)
        if remaining:
            raise GuestFault(STATUS_OBJECT_TYPE_MISMATCH)
        return found

    def resolve(self, path: str, root: KernelObject | None = None) -> tuple[KernelObject, str]:
        r"""Walk ``path`` from ``root``, or from ``\`` when there is none.

        Returns:
            The object, and what a parsing object has to take itself (with its leading backslash).

        Raises:
            GuestFault: STATUS_OBJECT_PATH_SYNTAX_BAD for a path that begins wrongly,
                STATUS_OBJECT_NAME_INVALID for an empty component, STATUS_OBJECT_PATH_NOT_FOUND and
                STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_TYPE_MISMATCH for a path through a leaf.
        """
        if root is None:
            return self._resolve_absolute(path)
        if isinstance(root, ParsingObject):
            return root, path
        if path.startswith("\\"):
            raise GuestFault(STATUS_OBJECT_PATH_SYNTAX_BAD)
        return self._walk(root, path)

    def _resolve_absolute(self, path: str) -> tuple[KernelObject, str]:
        r"""The first two components (``\??\C:``) decide nearly always; where they led is remembered."""
        end = path.find("\\", path.find("\\", 1) + 1)
        prefix, remaining = (path[:end], path[end:]) if end > 0 else (path, "")
        device = self._devices.get(prefix)
        if device is not None:
            return device, remaining
        if not path.startswith("\\"):
            raise GuestFault(STATUS_OBJECT_PATH_SYNTAX_BAD)
        found, rest = self._walk(self.root, path[1:])
        if isinstance(found, ParsingObject) and rest == remaining and len(self._devices) < MAXIMUM_REMEMBERED:
            self._devices[prefix] = found
        return found, rest

    def _walk(self, start: KernelObject, path: str) -> tuple[KernelObject, str]:
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
            if isinstance(child, SymbolicLink):
                links += 1
                if links > MAXIMUM_REPARSES:
                    raise GuestFault(STATUS_OBJECT_NAME_INVALID)
                found, remaining = self.root, (child.target + separator + remaining)[1:]
            else:
                found = child
        return found, ""
