"""The built-in images of a build, assembled once per Python process and shared by its simulations."""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from wowsim.guest32.advapi32 import NAME as ADVAPI32
from wowsim.guest32.advapi32 import build_advapi32
from wowsim.guest32.kernel32 import build_kernel32
from wowsim.guest32.kernelbase import build_kernelbase
from wowsim.guest32.ntdll32 import build_ntdll32
from wowsim.host64.link import Linker
from wowsim.host64.ntdll import build_ntdll
from wowsim.host64.wow64 import Routines, Wow64
from wowsim.host64.wow64cpu import build_wow64cpu
from wowsim.host64.wow64win import build_wow64win
from wowsim.kernel.known_services import services_of_build
from wowsim.nt.builds import build_named, services
from wowsim.nt.records import dataclass
from wowsim.simulation.routines import routines, wow64_routines
from wowsim.simulation.shared_data import TICK_UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from wowsim.image.model import Image
    from wowsim.kernel.context import Kernel
    from wowsim.kernel.table import ServiceTable
    from wowsim.memory.layout import SpaceLayout
    from wowsim.nt.builds import Build, ServiceRow
    from wowsim.nt.trap import Routine
    from wowsim.simulation.startup import NewProcess
    from wowsim.trace.symbols import SymbolTable


@dataclass(frozen=True)
class BuiltIn:
    """Images by WinDbg module name, the stateless routines behind wow64.dll's traps, and the services' numbers."""

    images: dict[str, Image]
    wow64_routines: Mapping[str, Routine]
    numbers: Mapping[str, int]
    folders: Mapping[str, Path] = field(default_factory=dict)
    tick_units: ClassVar[int] = TICK_UNITS
    environment: Mapping[str, str] = field(default_factory=dict)

    def rows(self, build: Build) -> Sequence[ServiceRow]:
        """The services there are."""
        return services(build.name)

    def module(self, name: str) -> Image | None:
        """The image of a module."""
        return self.images.get(name)

    def layout(self, layout: SpaceLayout) -> SpaceLayout:
        """The build's own address space."""
        return layout

    def prepare(self, kernel: Kernel, new: NewProcess) -> None:
        """Nothing: the built-in loader finds all it needs."""

    def routines(
        self, build: Build, symbols: SymbolTable, kernel: Kernel, table: ServiceTable
    ) -> list[Mapping[str, Routine]]:
        """The Python behind the traps of these images."""
        common = routines(build)
        if not build.wow64:
            return [common]
        return [common, wow64_routines(self.images, build, symbols, table), self.wow64_routines]


@lru_cache(maxsize=4)
def built_in(build_name: str) -> BuiltIn:
    """The images of a build."""
    build = build_named(build_name)
    prototypes = {name: s.prototype for name, s in services_of_build(build).items()}
    argument_bytes = {name: prototype.arg_bytes32 for name, prototype in prototypes.items()}
    ntdll = build_ntdll32(build, argument_bytes)
    images, routines = {ntdll.name: ntdll}, Routines()
    if build.wow64:
        linker = Linker()
        linker.add(ntdll)
        routines = Wow64(build, prototypes, linker).routines
        build_wow64cpu(build, linker)
        build_ntdll(build, linker)
        build_wow64win(build, linker)
        images = linker.linked()
    images["kernel32"] = build_kernel32(build)
    if build.has_kernelbase:
        images["KERNELBASE"] = build_kernelbase(build)
    images[ADVAPI32] = build_advapi32(build)
    return BuiltIn(images, routines, build.numbers)
