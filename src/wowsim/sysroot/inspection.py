"""Looks at every file of a root: versions, what is missing or damaged, symbols, service numbers.

Slower than opening (each image is read wholly), and does not stop at the first thing that is wrong. The command line
imports it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import unpack_from
from typing import TYPE_CHECKING, Literal

from wowsim.errors import Unsupported, UsageError
from wowsim.image import pe
from wowsim.image.pe_file import DIRECTORY_COM_DESCRIPTOR
from wowsim.sysroot.headers import Headers, read_at, read_headers
from wowsim.sysroot.requirements import check_machine, required_modules, required_tables
from wowsim.sysroot.root import SystemRoot, find_root, identified
from wowsim.sysroot.stubs import read_stubs
from wowsim.sysroot.version import file_version

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from wowsim.image.model import Image

MODULE_EXTENSIONS = (".dll", ".exe", ".sys", ".drv", ".ocx", ".cpl", ".acm", ".ax")
"""Files that must be modules; others may be."""
_SERVICES = {64: ("ntdll.dll", "win32u.dll"), 32: ("ntdll.dll", "win32u.dll")}
_CODE_PAGE_HEADER = 0xD
"""Length in words of the header of a code page's table, its first word (CPTABLEINFO)."""


@dataclass
class Inspection:
    """What is in a root.

    Attributes:
        root: the root; its name is its path when its ntdll cannot be read.
        versions: of the modules that tell most, by name and machine.
        modules: number of modules by bits.
        with_symbols: how many of them have COFF symbols, by bits.
        tables: number of ``*.nls`` files.
        services: how many service numbers the stubs have, by file and bits.
        unknown: names of services that the caller does not know.
        problems: a line for each thing that is missing or damaged.
        notes: a line for each thing that wowsim cannot use, though it is in order.
    """

    root: SystemRoot
    versions: dict[str, str] = field(default_factory=dict)
    modules: dict[int, int] = field(default_factory=lambda: {64: 0, 32: 0})
    with_symbols: dict[int, int] = field(default_factory=lambda: {64: 0, 32: 0})
    tables: int = 0
    services: dict[str, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def inspect_root(spec: str | Path, is_known: Callable[[str], bool]) -> Inspection:
    """Look at every file of a root.

    Args:
        spec: as :func:`wowsim.sysroot.open_root` takes it.
        is_known: whether the caller knows a service's name.

    Raises:
        UsageError: there is no such root at all.
    """
    found = Inspection(find_root(spec))

    def refuse(reason: UsageError) -> None:
        found.problems.append(str(reason))

    required = list(required_modules(found.root, refuse))
    required_tables(found.root, refuse)
    if required and required[0].bits == 64 and required[0].path.name.lower() == "ntdll.dll":
        found.root = identified(found.root, required[0])
    for bits in (64, 32):
        _modules(found, bits, {headers.path for headers in required})
    _tables(found)
    found.unknown = sorted(name for name in found.unknown if not is_known(name))
    found.problems = list(dict.fromkeys(found.problems))
    return found


def _modules(found: Inspection, bits: Literal[32, 64], required: Collection[Path]) -> None:
    """Every module of one machine."""
    folder = found.root.folder(bits)
    for path in sorted(folder.iterdir()):
        is_module = path.suffix.lower() in MODULE_EXTENSIONS
        if not path.is_file() or not (is_module or read_at(path, 0, 2) == b"MZ"):
            continue
        try:
            headers = read_headers(path)
            if path in required or not headers.directory(DIRECTORY_COM_DESCRIPTOR)[0]:
                check_machine(headers, bits)
            image = pe.parse(path.read_bytes(), file_name=path.name)
        except UsageError as error:
            text = str(error)
            found.problems.append(text if str(path) in text else f"{path}: {text}")
            continue
        except Unsupported as error:
            found.notes.append(f"{path}: {error}")
            continue
        found.modules[bits] += 1
        found.with_symbols[bits] += bool(image.symbols)
        if headers.symbols_cut:
            found.problems.append(f"{path} is truncated: its symbols lie beyond its end of {headers.size:X}h")
        _tell(found, headers, image, bits)


def _tell(found: Inspection, headers: Headers, image: Image, bits: Literal[32, 64]) -> None:
    """Versions and services, of the modules that have them."""
    name = headers.path.name.lower()
    key = f"{name} ({bits}-bit)"
    if name in ("ntdll.dll", "kernel32.dll", "wow64.dll"):
        found.versions[key] = file_version(headers) or "none"
    if name not in _SERVICES[bits]:
        return
    try:
        stubs = read_stubs(image)
    except UsageError as error:
        found.problems.append(f"{headers.path}: {error}")
        return
    found.services[key] = len(stubs)
    found.unknown = sorted({*found.unknown, *(stub for stub in stubs if stub.startswith("Nt"))})


def _tables(found: Inspection) -> None:
    """The tables of code pages and locales."""
    for path in sorted(found.root.nls.iterdir()):
        if path.suffix.lower() != ".nls" or not path.is_file():
            continue
        found.tables += 1
        page = path.stem.lower().removeprefix("c_")
        head = read_at(path, 0, 4)
        if not head:
            found.problems.append(f"{path} is empty; expected a table")
        elif path.stem.lower().startswith("c_") and page.isdecimal():
            _code_page(found, path, int(page), head)


def _code_page(found: Inspection, path: Path, page: int, head: bytes) -> None:
    length, said = unpack_from("<HH", head) if len(head) == 4 else (0, 0)
    if (length, said) != (_CODE_PAGE_HEADER, page):
        found.problems.append(
            f"{path} is damaged: it starts with {head.hex(' ')}; expected the table of code page {page}"
        )
