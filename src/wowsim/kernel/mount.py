"""Host directories as part of the volume: nodes whose bytes and names come from a :class:`HostTree`.

All four times of a file are that of its last change on the host, until the guest changes it: then they are simulated
ones, and what the guest sets goes to the host too. Attributes that the guest sets last as long as the simulation. Who
may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault
from wowsim.kernel.access import FILE_ATTRIBUTE_ARCHIVE
from wowsim.kernel.image_files import HostImageFile
from wowsim.kernel.nodes import DirectoryNode, FileNode, Link, Node
from wowsim.nt.status import STATUS_NOT_SAME_DEVICE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wowsim.kernel.host_tree import HostTree, Parts
    from wowsim.kernel.image_files import ImageFile
    from wowsim.kernel.volume import Volume


class HostFile(FileNode):
    """A file of the host."""

    def __init__(self, directory: HostDirectory, host_name: str, now: int, attributes: int) -> None:
        super().__init__(host_name, directory.volume.next_file_id(), now, attributes)
        self.directory = directory
        self.parent = directory
        self.host_name = host_name

    @property
    def parts(self) -> Parts:
        """Where it lies in the tree."""
        return (*self.directory.parts, self.host_name)

    @property
    def read_only_medium(self) -> bool:
        """Whether the mount is read-only."""
        return not self.directory.tree.writable

    @property
    def size(self) -> int:
        """Its length at this moment."""
        return self.directory.tree.size(self.parts)

    def read(self, offset: int, length: int) -> bytes:
        """Read from the host."""
        return self.directory.tree.read(self.parts, offset, length)

    def write(self, offset: int, data: bytes) -> None:
        """Write to the host."""
        self.directory.tree.write(self.parts, offset, data)

    def resize(self, size: int) -> None:
        """Cut or grow on the host."""
        self.directory.tree.resize(self.parts, size)

    def image_file(self) -> ImageFile | None:
        """The file for an image section, where nobody changes it."""
        tree, parts = self.directory.tree, self.parts
        found = tree.identity(parts)
        return None if found is None else HostImageFile(tree.reader(parts, found), found, found[2])

    def set_times(self, times: tuple[int, int, int, int]) -> None:
        """Set them on the host too."""
        self.directory.tree.set_times(self.parts, times[1], times[2])
        super().set_times(times)


class HostDirectory(DirectoryNode):
    """A directory of the host; the mount point itself has no ``host_name``."""

    def __init__(
        self,
        volume: Volume,
        tree: HostTree,
        name: str,
        now: int,
        parent: HostDirectory | None = None,
        attributes: int = 0,
    ) -> None:
        super().__init__(name, volume.next_file_id(), now, attributes)
        self.volume = volume
        self.tree = tree
        self.host_name = name
        self._host_parent = parent
        self.parent = parent
        self._seen: dict[str, HostFile | HostDirectory] = {}

    @property
    def parts(self) -> Parts:
        """Where it lies in the tree."""
        return () if self._host_parent is None else (*self._host_parent.parts, self.host_name)

    @property
    def read_only_medium(self) -> bool:
        """Whether the mount is read-only."""
        return not self.tree.writable

    def set_times(self, times: tuple[int, int, int, int]) -> None:
        """Set them on the host too."""
        self.tree.set_times(self.parts, times[1], times[2])
        super().set_times(times)

    def lookup(self, key: str) -> Node | None:
        """Look the name up in a fresh listing."""
        name = self.tree.names(self.parts).get(key)
        return None if name is None else self._node(key, name)

    def children(self, after: str = "") -> Iterator[tuple[Link, Node]]:
        """What a fresh listing shows; whether a name may be seen is asked when its turn comes."""
        for key, name in sorted(self.tree.names(self.parts).items()):
            node = self._node(key, name) if key > after else None
            if node is not None:
                yield node.links[0], node

    def create(self, name: str, attributes: int, *, directory: bool) -> Node:
        """Create on the host."""
        self.tree.create((*self.parts, name), directory=directory)
        self._touch()
        return self._adopt(name, self.volume.clock.now, attributes, directory=directory)

    def remove(self, child: Node, link: Link) -> None:
        """Delete on the host."""
        assert isinstance(child, (HostFile, HostDirectory))
        self.tree.remove(child.parts, directory=child.is_directory)
        self._seen.pop(child.key, None)
        self._touch()

    def move(self, child: Node, link: Link, name: str) -> None:
        """Rename on the host, within one mount."""
        if not isinstance(child, (HostFile, HostDirectory)) or child.parent is None:
            raise GuestFault(STATUS_NOT_SAME_DEVICE)
        source = child.parent
        if not isinstance(source, HostDirectory) or source.tree is not self.tree:
            raise GuestFault(STATUS_NOT_SAME_DEVICE)
        self.tree.move(child.parts, (*self.parts, name))
        source._seen.pop(child.key, None)
        link.rename(name)
        child.host_name = name
        child.parent = self
        if isinstance(child, HostDirectory):
            child._host_parent = self
        else:
            child.directory = self
        self._seen[child.key] = child
        source._touch()
        self._touch()

    def _touch(self) -> None:
        self.last_write_time = self.change_time = self.volume.clock.now

    def _node(self, key: str, name: str) -> Node | None:
        """The node of a listed name: the known one while it is still the same kind of thing."""
        directory = self.tree.is_directory((*self.parts, name))
        if directory is None:
            return None
        known = self._seen.get(key)
        if known is not None and known.host_name == name and known.is_directory == directory:
            return known
        written = self.tree.last_write((*self.parts, name))
        return self._adopt(name, written, 0 if directory else FILE_ATTRIBUTE_ARCHIVE, directory=directory)

    def _adopt(self, name: str, now: int, attributes: int, *, directory: bool) -> Node:
        node: HostFile | HostDirectory
        if directory:
            node = HostDirectory(self.volume, self.tree, name, now, self, attributes)
        else:
            node = HostFile(self, name, now, attributes)
        self._seen[node.key] = node
        return node
