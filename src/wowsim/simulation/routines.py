"""The Python behind the traps of the built-in images, by trap name.

Stands for no Windows component. Who may import it: ``simulation.simulation``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wowsim.errors import Unsupported
from wowsim.guest32 import codepages
from wowsim.guest32.ntdll32 import routines as ntdll32_routines
from wowsim.host64 import apcs
from wowsim.host64.exceptions import Exceptions, service_fault
from wowsim.host64.turbo_thunks import fault_places
from wowsim.host64.wow64_startup import setup_initial_call
from wowsim.simulation.refusals import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wowsim.image.model import Image
    from wowsim.kernel.table import ServiceTable
    from wowsim.nt.builds import Build
    from wowsim.nt.trap import Routine, Trap
    from wowsim.trace.symbols import SymbolTable


def routines(build: Build) -> dict[str, Routine]:
    """Those of the 32-bit DLLs."""
    return {**ntdll32_routines(build), **codepages.ROUTINES}


def wow64_routines(
    images: Mapping[str, Image], build: Build, symbols: SymbolTable, table: ServiceTable
) -> dict[str, Routine]:
    """Those of the 64-bit DLLs, but for the thunks'.

    Args:
        images: the build's.
        build: the build.
        symbols: of the process, in which ntdll32 is mapped.
        table: names services.
    """
    ntdll32 = images["ntdll32"]
    thunk = ntdll32.base + ntdll32.export_by_name["LdrInitializeThunk"].rva
    exceptions = Exceptions(
        build,
        symbols.address("ntdll32!KiUserExceptionDispatcher"),
        fault_places(images["wow64cpu"]),
        service_fault(images["wow64"]),
    )
    return {
        **exceptions.routines(),
        "wow64.Wow64SetupInitialCall": setup_initial_call(thunk, build.module("ntdll32").base),
        "wow64.Wow64ApcRoutine": apcs.routine(
            symbols.address("ntdll32!KiUserApcDispatcher"), build.reset_state
        ),
        **{trap: _unknown_service(table, first) for trap, first in UNKNOWN.items()},
    }


def _unknown_service(table: ServiceTable, first: int) -> Routine:
    """What refuses the services without a thunk in the table that begins with that number."""

    def refuse(trap: Trap) -> None:
        number = first | trap.register("rbx") & 0xFFF
        name = table.name_of(number)
        raise Unsupported(f"service {name or 'without a name'} (number {number:X}h) is not implemented")

    return refuse
