"""The table of a system root's services: the numbers are those of its own stubs.

Who may import it: the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.kernel.known_services import services_of_root
from wowsim.kernel.table import Support
from wowsim.kernel.win32k import services as win32k
from wowsim.simulation.root_system import SYSWOW64, open_module, root_system
from wowsim.simulation.service_rows import Row
from wowsim.sysroot.images import stubs, system_image

if TYPE_CHECKING:
    from wowsim.sysroot.root import SystemRoot
    from wowsim.sysroot.stubs import Stub

_WIN32U = "win32u.dll"


def root_rows(root: SystemRoot) -> list[Row]:
    """Every service that the root's 64-bit DLLs have a stub for, by number.

    Argument bytes and turbo indices are what the 32-bit stubs say, where there is one.

    Raises:
        UsageError: a DLL is damaged, or has no stubs that can be read.
    """
    system = root_system(root)
    services, narrow = (
        {**services_of_root(), **win32k.implemented()},
        dict(stubs(root, system.images["ntdll32"])),
    )
    if root.find(_WIN32U, 32) is not None:
        narrow |= stubs(root, system_image(root, _WIN32U, 32, open_module, f"{SYSWOW64}\\{_WIN32U}"))
    found = []
    for number, name in sorted((number, name) for name, number in system.numbers.items()):
        service, stub = services.get(name), narrow.get(name)
        if service is None:
            kind = "win32k" if name.startswith(("NtUser", "NtGdi")) else "no service of Windows"
            support, note, size = Support.DECLARED, kind, None
        else:
            support, note, size = service.support, service.note, service.prototype.arg_bytes32
        found.append(Row(name, number, _turbo(stub), _size(stub, size), support.value, note))
    return found


def _turbo(stub: Stub | None) -> int:
    return 0 if stub is None else stub.turbo


def _size(stub: Stub | None, declared: int | None) -> int | None:
    return declared if stub is None else stub.argument_bytes
