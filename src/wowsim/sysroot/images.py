"""The modules of a root that the kernel itself maps or reads, parsed and checked.

Stands for nt!PspLocateSystemDlls, which looks up the entry points of the ntdlls when the system starts. What is wrong
with a file is said with its whole path. ``simulation`` may import it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from wowsim.errors import Unsupported, UsageError
from wowsim.sysroot.stubs import read_stubs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from wowsim.image.model import Image
    from wowsim.sysroot.root import SystemRoot
    from wowsim.sysroot.stubs import Stub

INIT_BLOCK = "LdrSystemDllInitBlock"
ENTRIES = (
    "LdrInitializeThunk",
    "RtlUserThreadStart",
    "KiUserExceptionDispatcher",
    "KiUserApcDispatcher",
    INIT_BLOCK,
)
"""What the kernel must find in either ntdll (wow64-facts section 3.8)."""
_LARGEST_DATUM = 0xE0
"""PS_SYSTEM_DLL_INIT_BLOCK, the largest thing behind an export that the kernel writes (wow64-facts section 3.8)."""
_API_SETS = ".apiset"


Opener = Callable[["Path", str], "Image"]
"""Opens a file of a root as an image: its path on the host, its path in the guest."""


def system_image(root: SystemRoot, file_name: str, bits: Literal[32, 64], opened: Opener, path: str) -> Image:
    """A module of the root.

    Args:
        root: the root.
        file_name: of the module.
        bits: of which machine.
        opened: opens it.
        path: in the guest.

    Raises:
        UsageError: it is missing, damaged or for another machine.
        Unsupported: Windows would load it, wowsim cannot.
    """
    found = root.find(file_name, bits)
    if found is None:
        raise UsageError(f"system root {root.name} has no {file_name} in {root.folder(bits)}")
    with _blaming(found):
        image = opened(found, path)
    if image.bits != bits:
        raise UsageError(f"{found} is a {image.bits}-bit module; expected a {bits}-bit one")
    return image


@contextmanager
def _blaming(path: Path | None) -> Iterator[None]:
    """Errors about a file begin with its path."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    except Unsupported as error:
        raise Unsupported(f"{path}: {error}") from None


def ntdll(
    root: SystemRoot, bits: Literal[32, 64], opened: Opener, path: str, used: Sequence[str] = ()
) -> Image:
    """An ntdll with the entry points that the kernel needs.

    Args:
        root: the root.
        bits: of which machine.
        opened: opens it.
        path: in the guest.
        used: further exports that the kernel writes, where they are there.

    Raises:
        UsageError: it is damaged, or lacks one.
    """
    image = system_image(root, "ntdll.dll", bits, opened, path)
    where = root.find("ntdll.dll", bits)
    with _blaming(where):
        image.checked()
    exports = image.export_by_name
    for entry in (*ENTRIES, *used):
        found = exports.get(entry)
        if found is None and entry in used:
            continue
        if found is None or found.forwarder is not None:
            raise UsageError(f"{where} does not export {entry}; expected an ntdll of 64-bit Windows or Wine")
        if not 0 < found.rva <= image.size - _LARGEST_DATUM:
            raise UsageError(f"{where} exports {entry} at {found.rva:X}h, at the end of its image or outside")
    if image.relocations is None:
        raise UsageError(f"{where} has no relocations; expected a module that can be moved")
    return image


def stubs(root: SystemRoot, image: Image) -> dict[str, Stub]:
    """The stubs of one of the root's modules.

    Raises:
        UsageError: it has none that can be read, or contradictory ones.
    """
    with _blaming(root.find(image.file_name, image.bits)):
        return read_stubs(image)


def api_set_map(root: SystemRoot, schema: Image) -> bytes:
    """The API set schema: section ``.apiset`` of apisetschema.dll.

    Raises:
        UsageError: the module has no such section.
    """
    for section in schema.sections:
        if section.name == _API_SETS and section.size:
            return schema.read(section.rva, section.size)
    raise UsageError(
        f"{root.find('apisetschema.dll', 64)} has no section {_API_SETS}, where the API sets are"
    )
