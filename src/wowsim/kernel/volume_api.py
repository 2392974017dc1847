r"""``sim.files``: the volume as the caller of the library sees it, by Win32 paths such as ``C:\data\a.txt``.

Stands for no Windows component. Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wowsim.errors import GuestFault, UsageError
from wowsim.kernel.access import FILE_ATTRIBUTE_ARCHIVE
from wowsim.kernel.host_tree import HostTree
from wowsim.kernel.mount import HostDirectory
from wowsim.kernel.names import is_component, upcase
from wowsim.kernel.nodes import DirectoryNode, FileNode, Node
from wowsim.nt.status import STATUS_OBJECT_PATH_NOT_FOUND, name_of

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from wowsim.kernel.volume import MemoryDirectory, Volume


class Files:
    """Puts files on the volume and looks at what the program did to them.

    Paths are absolute, on the volume's drive, with backslashes or slashes, compared without case.
    """

    def __init__(self, volume: Volume) -> None:
        self._volume = volume

    def add(self, path: str, data: bytes) -> None:
        """Write a file, replacing what was there; missing directories are made.

        Raises:
            UsageError: the path is no absolute Win32 path, names a directory, or does not fit.
        """
        *directories, name = self._parts(path)
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise UsageError(f"{path!r}: data of type {type(data).__name__}; expected bytes")
        with _usage(path):
            parent = self._make(directories, path)
            node = parent.lookup(upcase(name)) or parent.create(name, FILE_ATTRIBUTE_ARCHIVE, directory=False)
            if not isinstance(node, FileNode):
                raise UsageError(f"{path!r} is a directory; expected the path of a file")
            node.resize(0)
            node.write(0, bytes(data))

    def add_directory(self, path: str) -> None:
        """Make a directory and those above it; one that exists is left alone."""
        with _usage(path):
            self._make(self._parts(path, root=True), path)

    def read(self, path: str) -> bytes:
        """All bytes of a file.

        Raises:
            UsageError: there is no such file.
        """
        node = self._find(path)
        if not isinstance(node, FileNode):
            raise UsageError(f"{path!r} is {'missing' if node is None else 'a directory'}; expected a file")
        with _usage(path):
            return node.read(0, node.size)

    def list(self, path: str) -> builtins.list[str]:
        """Names in a directory, sorted without case.

        Raises:
            UsageError: there is no such directory.
        """
        node = self._find(path)
        if not isinstance(node, DirectoryNode):
            raise UsageError(f"{path!r} is {'missing' if node is None else 'a file'}; expected a directory")
        with _usage(path):
            return [link.name for link, _ in node.children()]

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory of that path."""
        return self._find(path) is not None

    def mount(self, host: str | Path, guest: str, writable: bool = False) -> None:
        """Show a host directory at ``guest``, which must be free; the only way to the host.

        Raises:
            UsageError: ``host`` is no directory, or ``guest`` is taken or no Win32 path.
        """
        if not isinstance(host, (str, os.PathLike)) or "\0" in str(host):
            raise UsageError(f"mount: {host!r} is no path of a host directory")
        tree = HostTree(host, writable=writable, limit=self._volume.capacity)
        *directories, name = self._parts(guest)
        with _usage(guest):
            parent = self._make(directories, guest)
        if parent.lookup(upcase(name)) is not None:
            raise UsageError(f"mount: {guest!r} exists already; expected a path where nothing is")
        if isinstance(parent, HostDirectory):
            raise UsageError(f"mount: {guest!r} lies in another mount; expected a place outside of it")
        directory = HostDirectory(self._volume, tree, name, tree.last_write(()))
        directory.pinned = True
        memory: MemoryDirectory = parent  # type: ignore[assignment]  # the only other kind of directory
        memory.attach(directory)

    def _parts(self, path: str, root: bool = False) -> builtins.list[str]:
        if not isinstance(path, str):
            raise UsageError(
                f"path of type {type(path).__name__}; expected one like '{self._volume.drive}\\data\\a.txt'"
            )
        drive, *names = path.replace("/", "\\").split("\\")
        while names and not names[-1]:
            names.pop()
        if upcase(drive) != self._volume.drive or not all(map(is_component, names)) or not (names or root):
            raise UsageError(
                f"{path!r} is no path of a file; expected one like {self._volume.drive}\\data\\a.txt"
            )
        return names

    def _find(self, path: str) -> Node | None:
        names = self._parts(path, root=True)
        if not names:
            return self._volume.root
        try:
            return self._volume.locate(self._volume.root, "\\".join(names)).node
        except GuestFault as fault:
            if fault.status == STATUS_OBJECT_PATH_NOT_FOUND:
                return None
            raise UsageError(f"{path!r}: {name_of(fault.status)}") from fault

    def _make(self, names: Sequence[str], path: str) -> DirectoryNode:
        directory: DirectoryNode = self._volume.root
        for name in names:
            child = directory.lookup(upcase(name)) or directory.create(name, 0, directory=True)
            if not isinstance(child, DirectoryNode):
                raise UsageError(f"{path!r} goes through {child.path!r}, which is a file")
            directory = child
        return directory


@contextmanager
def _usage(path: str) -> Iterator[None]:
    try:
        yield
    except GuestFault as fault:
        raise UsageError(f"{path!r}: {name_of(fault.status)}") from fault
