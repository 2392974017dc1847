"""Section objects behind handles, and where their contents come from (nt!MmCreateSection).

Leaves out sharing one data segment between two sections of the same file. Which rights a protection takes:
Microsoft Learn, CreateFileMapping and MapViewOfFile. A file that is cut while it is mapped grows again when its pages
are flushed. Who may import it: the kernel package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from wowsim.errors import GuestFault, UsageError
from wowsim.kernel.access import FILE_EXECUTE, FILE_READ_DATA, FILE_WRITE_DATA, GenericMapping
from wowsim.kernel.device import FileObject
from wowsim.kernel.image_files import image_file
from wowsim.kernel.nodes import FileNode
from wowsim.kernel.objects import KernelObject
from wowsim.memory.pages import EXECUTE, READ, WRITE
from wowsim.memory.protection import PAGE_READONLY, cpu_access, mm_from_page
from wowsim.memory.sections import (
    SEC_COMMIT,
    SEC_FILE,
    SEC_IMAGE,
    SEC_RESERVE,
    FileSection,
    ImageSection,
    Section,
)
from wowsim.nt.status import (
    STATUS_INVALID_FILE_FOR_SECTION,
    STATUS_INVALID_IMAGE_FORMAT,
    STATUS_INVALID_PARAMETER_4,
    STATUS_MAPPED_FILE_SIZE_ZERO,
    STATUS_SECTION_TOO_BIG,
)

if TYPE_CHECKING:
    from wowsim.image.model import Image
    from wowsim.kernel.context import Kernel
    from wowsim.kernel.namespace import Directory

SECTION_QUERY, SECTION_MAP_WRITE, SECTION_MAP_READ, SECTION_MAP_EXECUTE, SECTION_EXTEND_SIZE = 1, 2, 4, 8, 16
_RIGHTS = {
    READ: (SECTION_MAP_READ, FILE_READ_DATA),
    WRITE: (SECTION_MAP_WRITE, FILE_WRITE_DATA),
    EXECUTE: (SECTION_MAP_EXECUTE, FILE_EXECUTE),
}


class SectionObject(KernelObject):
    """A section behind handles and perhaps a name."""

    type_name: ClassVar[str] = "Section"
    mapping: ClassVar[GenericMapping] = GenericMapping(0x20005, 0x20002, 0x20008, 0xF001F)

    def __init__(self, section: Section, place: tuple[Directory, str] | None) -> None:
        self.section = section
        self.place = place

    def last_handle_closed(self) -> None:
        """The name goes with the last handle, the contents with the last view."""
        super().last_handle_closed()
        self.section.close()


class _MappedFile:
    """A file as its section sees it."""

    def __init__(self, file: FileObject, node: FileNode) -> None:
        self._file = file
        self._node = node

    @property
    def size(self) -> int:
        return self._node.size

    def read(self, offset: int, length: int) -> bytes:
        return self._node.read(offset, length)

    def write(self, offset: int, data: bytes) -> object:
        return self._file.write(offset, data)


def map_rights(protection: int) -> int:
    """Section rights that a view of this PAGE_* protection takes."""
    return _rights(protection, 0)


def _rights(protection: int, which: int) -> int:
    access = cpu_access(mm_from_page(protection) & 7) or READ
    return sum(rights[which] for bit, rights in _RIGHTS.items() if access & bit)


def make_section(k: Kernel, size: int | None, protection: int, attributes: int, file_handle: int) -> Section:
    """The section that NtCreateSection's arguments describe.

    Args:
        k: the kernel.
        size: MaximumSize.
        protection: PAGE_* value.
        attributes: SEC_* bits, one of COMMIT, RESERVE and IMAGE.
        file_handle: the file, or 0 for the page file.

    Raises:
        GuestFault: with the service's status.
    """
    space = k.space
    if size is not None and size < 0:
        raise GuestFault(STATUS_SECTION_TOO_BIG)
    if file_handle == 0:
        if attributes & SEC_IMAGE:
            raise GuestFault(STATUS_INVALID_FILE_FOR_SECTION)
        if not size:
            raise GuestFault(STATUS_INVALID_PARAMETER_4)
        if size > space.layout.highest_user:
            raise GuestFault(STATUS_SECTION_TOO_BIG)
        return Section(space.pages, space.commitment, size, protection, attributes)
    access = PAGE_READONLY if attributes & SEC_IMAGE and k.lenient else protection
    file = k.handles.lookup(file_handle, FileObject, _rights(access, 1))
    if not isinstance(file.node, FileNode):
        raise GuestFault(STATUS_INVALID_FILE_FOR_SECTION)
    if attributes & SEC_IMAGE:
        return ImageSection(space.pages, space.commitment, image_of(k, file.node), file.node.path)
    return _file_section(k, file, file.node, size or 0, protection, attributes)


def image_of(k: Kernel, node: FileNode) -> Image:
    """An image is read once as long as its file keeps its bytes and its name (FILE_OBJECT.SectionObjectPointer)."""
    file, path = image_file(node), k.volume.drive + node.path
    image = None if node.image is None or node.image[:2] != (file.identity, path) else node.image[2]
    if image is None:
        try:
            image = k.parse_image(file, path)
        except UsageError as error:
            raise GuestFault(STATUS_INVALID_IMAGE_FORMAT) from error
        node.image = file.identity, path, image
    return image


def _file_section(
    k: Kernel, file: FileObject, node: FileNode, size: int, protection: int, attributes: int
) -> Section:
    if size == 0 and node.size == 0:
        raise GuestFault(STATUS_MAPPED_FILE_SIZE_ZERO)
    if size > node.size and not map_rights(protection) & SECTION_MAP_WRITE:
        raise GuestFault(STATUS_SECTION_TOO_BIG)
    mapped = _MappedFile(file, node)
    if size > node.size:
        mapped.write(size - 1, b"\0")
    attributes = attributes & ~SEC_RESERVE | SEC_COMMIT | SEC_FILE
    return FileSection(
        k.space.pages, k.space.commitment, mapped, size or node.size, protection, attributes, node.path
    )
