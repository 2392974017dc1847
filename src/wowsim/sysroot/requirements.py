"""What must be in a root before anything runs: the modules of a process' start and the tables of its locale.

Stands for the checks of smss.exe and of the kernel's PsLocateSystemDlls, which stop a system that lacks them.
Within the package, ``root`` and ``inspection`` import it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wowsim.errors import UsageError
from wowsim.sysroot.headers import MACHINES, Headers, read_headers
from wowsim.sysroot.imports import imported_modules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wowsim.sysroot.root import SystemRoot

MODULES: dict[Literal[32, 64], tuple[str, ...]] = {
    64: ("ntdll.dll", "wow64.dll", "wow64cpu.dll", "wow64win.dll", "apisetschema.dll"),
    32: ("ntdll.dll", "kernel32.dll", "kernelbase.dll"),
}
"""What loads in every 32-bit process (wow64-facts section 3.8); what these import statically is needed with
them. The API set map is a section of apisetschema.dll."""

CODE_PAGES = (1252, 437, 20127)
"""ANSI and OEM code page of the default locale, and ASCII, which Wine asks for at its start (real-programs 1)."""
NLS = (
    "locale.nls",
    "l_intl.nls",
    *(f"c_{page}.nls" for page in CODE_PAGES),
    "sortdefault.nls",
    "normnfc.nls",
)
"""NtInitializeNlsFiles and NtGetNlsSectionPtr ask for these (real-programs 1); normnfc.nls is section (C, 1)."""
_API_SETS = ("api-", "ext-")


def required_modules(root: SystemRoot, refuse: Callable[[UsageError], None]) -> Iterator[Headers]:
    """The headers of every module that a process cannot start without; those that are not right are refused.

    Args:
        root: the root.
        refuse: takes the reason of each that is missing, damaged or for another machine; may raise it.
    """
    for bits, names in MODULES.items():
        waiting = [(name, "") for name in reversed(names)]
        seen = set()
        while waiting:
            name, importer = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            try:
                headers = _required(root, name, bits, importer)
                imports = imported_modules(headers)
            except UsageError as error:
                refuse(error)
                continue
            yield headers
            waiting += [(module, name) for module in imports if not module.startswith(_API_SETS)]


def _required(root: SystemRoot, name: str, bits: Literal[32, 64], importer: str) -> Headers:
    """The headers of one module."""
    path = root.find(name, bits)
    if path is None:
        asks = f", which {importer} imports" if importer else ""
        raise UsageError(f"system root {root.name} has no {name}{asks}; expected {root.folder(bits) / name}")
    if Path(os.path.realpath(path)).parent != Path(os.path.realpath(path.parent)):
        raise UsageError(
            f"{path} is a link that leads out of its folder, where no program sees it; expected a file"
        )
    headers = read_headers(path)
    check_machine(headers, bits)
    return headers


def check_machine(headers: Headers, bits: Literal[32, 64]) -> None:
    """Refuse a module that lies in the folder of the other machine.

    Raises:
        UsageError: it does.
    """
    if headers.bits != bits:
        known = MACHINES.get(headers.machine, "an unknown machine")
        expected = "x86-64 (8664h)" if bits == 64 else "i386 (14Ch)"
        raise UsageError(
            f"{headers.path} is a module for {known} (machine {headers.machine:X}h); expected {expected}"
        )


def required_tables(root: SystemRoot, refuse: Callable[[UsageError], None]) -> None:
    """Refuse each table of the default locale that is missing."""
    for name in NLS:
        if root.find_nls(name) is None:
            refuse(UsageError(f"system root {root.name} has no {name}; expected {root.nls / name}"))
