r"""What the namespace holds when the first program starts, beside drives and consoles.

Stands for what nt!Ob, smss.exe, csrss.exe and winlogon.exe make; names as WinObj shows them on Windows 7. The
directories of a session are there, but built-in DLLs name their objects in ``\BaseNamedObjects``. Leaves out
ports, drivers and window stations. Who may import it: ``kernel.context``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.kernel.dispatcher import Event
from wowsim.kernel.namespace import SymbolicLink
from wowsim.kernel.object_types import insert_types
from wowsim.kernel.random_device import RandomDevice

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel

_DIRECTORIES = (
    r"\ArcName", r"\BaseNamedObjects\Restricted", r"\Callback", r"\Driver", r"\FileSystem", r"\Nls", r"\RPC Control",
    r"\Security", r"\Sessions", r"\Sessions\0", r"\Sessions\0\DosDevices", r"\Sessions\1",
    r"\Sessions\1\BaseNamedObjects", r"\Sessions\1\BaseNamedObjects\Restricted", r"\Sessions\1\DosDevices",
    r"\Sessions\1\Windows", r"\Sessions\1\Windows\WindowStations", r"\Sessions\BNOLINKS", r"\UMDFCommunicationPorts",
    r"\Windows", r"\Windows\WindowStations",
)  # fmt: skip
_LINKS = {
    r"\BaseNamedObjects\Global": r"\BaseNamedObjects",
    r"\BaseNamedObjects\Local": r"\BaseNamedObjects",
    r"\BaseNamedObjects\Session": r"\Sessions\BNOLINKS",
    r"\Sessions\1\BaseNamedObjects\Global": r"\BaseNamedObjects",
    r"\Sessions\1\BaseNamedObjects\Local": r"\Sessions\1\BaseNamedObjects",
    r"\Sessions\1\BaseNamedObjects\Session": r"\Sessions\BNOLINKS",
    r"\Sessions\BNOLINKS\0": r"\BaseNamedObjects",
    r"\Sessions\BNOLINKS\1": r"\Sessions\1\BaseNamedObjects",
    r"\??\KsecDD": r"\Device\KsecDD",
}
_CONDITIONS = {
    "HighCommitCondition": False,
    "HighMemoryCondition": True,
    "LowCommitCondition": True,
    "LowMemoryCondition": False,
    "MaximumCommitCondition": False,
}
"""Notification events of the memory manager; there is always memory enough."""


def insert_standard_names(k: Kernel) -> None:
    """Fill the namespace of a kernel."""
    for path in _DIRECTORIES:
        k.namespace.insert(path, k.namespace.directory())
    for path, target in _LINKS.items():
        k.namespace.insert(path, SymbolicLink(target, k.clock.boot_time))
    for name, signalled in _CONDITIONS.items():
        k.namespace.insert(
            f"\\KernelObjects\\{name}", Event(k, None, synchronization=False, signaled=signalled)
        )
    for path in (r"\Device\KsecDD", r"\Device\CNG"):
        k.namespace.insert(path, RandomDevice(path, k.random))
    insert_types(k)
