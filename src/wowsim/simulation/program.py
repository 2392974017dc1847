"""Programs on their way in: bytes, command line, imports, and the sections the loader will open."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

from wowsim.errors import UsageError
from wowsim.image.pe import parse
from wowsim.kernel.namespace import SymbolicLink
from wowsim.kernel.section_objects import SectionObject
from wowsim.memory.sections import ImageSection
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from wowsim.image.model import Image
    from wowsim.kernel.context import Kernel
    from wowsim.kernel.volume_api import Files
    from wowsim.nt.builds import Build

APPLICATION = "C:\\app"
"""The program's own folder in the guest, whatever the host calls it."""
WOW64_FOLDER = "C:\\Windows\\SysWOW64"
STANDARD_FOLDERS = ("C:\\Windows\\System32", WOW64_FOLDER, "C:\\Temp", "C:\\Users\\user")

Program = str | Path | bytes
"""A path on the host or in the guest, or a file's bytes."""


@dataclass(frozen=True)
class Source:
    """A program before it is loaded.

    Attributes:
        data: its bytes.
        path: Win32 path of its file in the guest.
        folder: of the host, to be shown as its application directory; None where that is in the guest already.
    """

    data: bytes
    path: str
    folder: Path | None = None

    @property
    def file_name(self) -> str:
        """The last part of its path."""
        return PureWindowsPath(self.path).name

    @property
    def application(self) -> str:
        """Its application directory in the guest."""
        return str(PureWindowsPath(self.path).parent)


def find(program: Program, name: str | None, files: Files | None = None) -> Source:
    r"""Where a program comes from.

    A string that begins with a drive, ``C:\`` or ``C:/``, names a file of the guest if there is one, else one of the
    host like every other string.

    Args:
        program: bytes or a path.
        name: of its file in the guest, for bytes and files of the host.
        files: the guest's volume; None where there is none to look at.

    Raises:
        UsageError: the file is not there or cannot be read.
    """
    if isinstance(program, bytes):
        return Source(program, f"{APPLICATION}\\{name or 'program.exe'}")
    rooted = isinstance(program, str) and _has_drive(program)
    if isinstance(program, str) and rooted and files is not None and _holds(files, program):
        if name is not None:
            raise UsageError(f"name={name!r}: {program!r} is a file of the guest and has a name")
        return Source(files.read(program), str(PureWindowsPath(program)))
    path = Path(program)
    try:
        return Source(path.read_bytes(), f"{APPLICATION}\\{name or path.name}", path.resolve().parent)
    except FileNotFoundError:
        where = " in the guest or on the host" if rooted else ""
        raise UsageError(f"there is no file {str(path)!r}{where}") from None
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error.strerror}") from None


def _holds(files: Files, path: str) -> bool:
    try:
        return files.exists(path)
    except UsageError:  # another drive, or nothing the guest could name
        return False


def _has_drive(path: str) -> bool:
    return len(path) > 3 and path[0].isascii() and path[0].isalpha() and path[1] == ":" and path[2] in "\\/"


def standard_folders(build: Build, filled: Collection[str]) -> tuple[str, ...]:
    """Folders that every volume of this Windows has, but for those that are mounted."""
    folders = (folder for folder in STANDARD_FOLDERS if build.wow64 or folder != WOW64_FOLDER)
    return tuple(folder for folder in folders if folder not in filled)


def check_imports(
    image: Image, source: Source, built_in: Mapping[str, Image], files: Files, system: str
) -> None:
    """Refuse a program whose imports nobody exports; ``system`` is the system directory of 32-bit programs.

    Raises:
        UsageError: the message names every missing import.
    """
    # Imported here because a system root needs none of the built-in loader.
    from wowsim.guest32.imports import missing_imports

    available = {i.file_name.lower(): i for i in built_in.values() if i.bits == 32}
    for wanted in {i.module.lower() for i in image.imports} - available.keys():
        found = _own_dll(wanted, source, files, system)
        if found is not None:
            available[wanted] = parse(found, file_name=wanted)
    absent = missing_imports(image, available)
    if absent:
        listed = ", ".join(str(i) for i in absent)
        raise UsageError(f"{image.file_name} needs what the built-in DLLs lack: {listed}")


def _own_dll(name: str, source: Source, files: Files, system: str) -> bytes | None:
    """The bytes of a DLL that is not built in: beside the program, or where the loader will look."""
    if source.folder is not None and (source.folder / name).is_file():
        return (source.folder / name).read_bytes()
    for folder in (source.application.rstrip("\\"), system, "C:\\Windows", "C:"):
        if files.exists(f"{folder}\\{name}"):
            return files.read(f"{folder}\\{name}")
    return None


def add_known_dlls(kernel: Kernel, images: Mapping[str, Image]) -> None:
    r"""One image section per system DLL, as smss.exe makes them: in \KnownDlls, of WoW64's DLLs in \KnownDlls32.

    The link KnownDllPath in each says which folder they are from.
    """
    wow64 = kernel.build.wow64
    folders = {"\\KnownDlls": "C:\\Windows\\System32"}
    if wow64:
        folders["\\KnownDlls32"] = WOW64_FOLDER
        kernel.namespace.insert("\\KnownDlls32", kernel.namespace.directory())
    for folder, path in folders.items():
        kernel.namespace.insert(f"{folder}\\KnownDllPath", SymbolicLink(path, kernel.clock.boot_time))
    for image in images.values():
        own = image.bits == 64 or not wow64
        folder = "\\KnownDlls" if own else "\\KnownDlls32"
        section = ImageSection(kernel.space.pages, kernel.space.commitment, image, image.path[2:])
        kernel.namespace.insert(f"{folder}\\{image.file_name}", SectionObject(section, None))


def command_line(words: Sequence[str]) -> str:
    """One line that CommandLineToArgvW takes apart into ``words`` again."""
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if word and not any(c in word for c in ' \t\n\v"'):
        return word
    result, slashes = '"', 0
    for c in word:
        if c == "\\":
            slashes += 1
            continue
        result += "\\" * (2 * slashes + 1 if c == '"' else slashes) + c
        slashes = 0
    return result + "\\" * (2 * slashes) + '"'
