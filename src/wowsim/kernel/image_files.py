"""Files as image sections see them: bytes that do not change, and what tells them from others.

Stands for FILE_OBJECT.SectionObjectPointer.ImageSectionObject: a file that was mapped as an image is not read again.
Files of a read-only mount are read piece by piece as pages are touched; of all others the bytes are kept.

Who may import it: the kernel package and the simulation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import GuestFault

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from wowsim.kernel.nodes import FileNode


class ImageFile:
    """A file's bytes as they are now.

    Attributes:
        identity: equal for files of equal bytes, as far as it is known.
        lasting: whether the identity tells the file from all others for good.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.identity: Hashable = data
        self.lasting = False
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """What there is of these bytes."""
        return self._data[offset : offset + length]


class HostImageFile(ImageFile):
    """A file of the host that the guest cannot change; what the host takes away from it later is missing.

    Args:
        read: reads it, see ``HostTree.reader``.
        identity: device, number, size and times of the file.
    """

    def __init__(self, read: Callable[[int, int], bytes], identity: tuple[int, ...], size: int) -> None:
        self._read = read
        self.identity = identity
        self.lasting = True
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """What there is of these bytes."""
        try:
            return self._read(offset, length)
        except GuestFault:
            return b""


def image_file(node: FileNode) -> ImageFile:
    """The file behind a node."""
    return node.image_file() or ImageFile(node.read(0, node.size))
