"""What win32k keeps of a process and its session: atoms, window station and desktop, classes, GDI objects.

Who may import it: ``kernel.win32k`` and ``kernel.context``.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, ClassVar

from wowsim.kernel.atom_table import AtomTable
from wowsim.kernel.object_types import OBJECT_TYPES
from wowsim.kernel.objects import KernelObject
from wowsim.nt.records import dataclass

if TYPE_CHECKING:
    from wowsim.kernel.win32k.gdi_table import GdiTable
    from wowsim.nt.user_structures import WNDCLASSEXW


class WindowStation(KernelObject):
    """A window station; that of a session nobody looks at is not visible."""

    type_name: ClassVar[str] = "WindowStation"
    mapping = OBJECT_TYPES["WindowStation"]

    def __init__(self, name: str) -> None:
        self.name = name


class Desktop(KernelObject):
    """A desktop of a window station."""

    type_name: ClassVar[str] = "Desktop"
    mapping = OBJECT_TYPES["Desktop"]

    def __init__(self, name: str) -> None:
        self.name = name


@dataclass(eq=False)
class WindowClass:
    """A registered class.

    Attributes:
        atom: its name's.
        instance: the module that registered it.
        definition: what it was registered with.
        menu: the three pointers of its CLSMENUNAME, which user32 keeps for itself.
    """

    atom: int
    instance: int
    definition: WNDCLASSEXW
    menu: bytes


@dataclass(eq=False)
class Win32kState:
    """What the services of win32k work on.

    Attributes:
        wine: the major version of the Wine whose user32 calls, or None for Windows' own; the two number the
            functions behind NtUserCallNoParam and its kin differently.
        atoms: names of classes, messages and clipboard formats, apart from the global atoms.
        station, desktop: the process' own.
        station_handle, desktop_handle: what it was given for them; 0 until it asks.
        classes: in the order of their registration.
        client: what NtUserInitializeClientPfnArrays was called with.
        dpi_awareness: what NtUserSetProcessDpiAwarenessContext set; 0 for nothing yet.
        layout: default direction of windows (SetProcessDefaultLayout).
        gdi: GDI's handles, once the process is connected.
    """

    wine: int | None = None
    atoms: AtomTable = field(default_factory=AtomTable)
    station: WindowStation = field(default_factory=lambda: WindowStation("WinSta0"))
    desktop: Desktop = field(default_factory=lambda: Desktop("Default"))
    station_handle: int = 0
    desktop_handle: int = 0
    classes: list[WindowClass] = field(default_factory=list)
    client: tuple[int, int, int, int] | None = None
    dpi_awareness: int = 0
    layout: int = 0
    gdi: GdiTable | None = None
